package rollout

import (
	"time"

	"github.com/crossfade-dev/crossfade/plan"
)

// Begin returns the status of a rollout that has just been accepted. targets
// has, for each of the plan's targets and in its order, the alias's ARN, the
// version to introduce, and whether the alias was created for it; Decide finds
// out the rest at its first look.
func Begin(p plan.Plan, targets []TargetStatus, now time.Time) Status {
	s := Status{
		Phase:   Pending,
		Since:   now,
		Started: now,
		Step:    -1,
		Targets: make([]TargetStatus, len(targets)),
		Why:     "proving everything before the first shift",
	}
	for i, t := range targets {
		s.Targets[i] = TargetStatus{Alias: t.Alias, Canary: t.Canary, Created: t.Created}
	}
	return s
}
