package rollout

import (
	"time"

	"github.com/crossfade-dev/crossfade/plan"
)

// GiveUp ends a rollout at once and leaves its aliases as they are. by and
// reason say who decided that, and why.
func GiveUp(p plan.Plan, s Status, by, reason string, now time.Time) Decision {
	if s.Phase.Ended() {
		return Decision{Status: s}
	}
	d := &decider{p: p, s: s, now: now}
	if !d.began() {
		d.s.Refused = true
	}
	d.giveUp(reason)
	d.s.LookedAt = now
	last := &d.events[len(d.events)-1]
	last.By, last.Reason = by, reason
	return Decision{Status: d.s, Events: d.events, Notes: d.notes}
}
