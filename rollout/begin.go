package rollout

import (
	"time"

	"github.com/crossfade-dev/crossfade/plan"
)

// Begin returns the status of a rollout that has just been accepted. targets
// has, for each of the plan's targets and in its order, the alias's ARN, the
// version to introduce with what is known of its content, and whether the alias was
// created for it; Decide finds out the rest at its first look.
func Begin(p plan.Plan, targets []TargetStatus, now time.Time) Status {
	if len(targets) != len(p.Targets) {
		panic("rollout: a status needs an entry for each of the plan's targets")
	}
	s := Status{
		Phase:   Pending,
		Since:   now,
		Started: now,
		Step:    -1,
		Targets: make([]TargetStatus, len(targets)),
		Why:     "proving everything before the first shift",
	}
	for i, t := range targets {
		s.Targets[i] = TargetStatus{Alias: t.Alias, Canary: t.Canary, Content: t.Content, Created: t.Created}
	}
	return s
}

// BeginBack returns the status of a rollout that only takes everything to
// Stable: a rollback to an earlier version, or the adoption of a split. targets
// has, for each of the plan's targets, the alias's ARN, in Stable the version
// that gets everything and in Canary the one that loses it. why is the reason as
// a clause for people.
func BeginBack(p plan.Plan, targets []TargetStatus, why string, now time.Time) Status {
	s := Begin(p, targets, now)
	s.Phase, s.Back, s.Why = RollingBack, BackTask, why
	for i, t := range targets {
		s.Targets[i].Stable = t.Stable
	}
	return s
}
