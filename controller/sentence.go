package controller

import (
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// describe is how sentences call a routing: "8 at 10 %", "7".
func describe(r rollout.Routing) string {
	switch {
	case r.Canary == "" || r.Weight == 0:
		return r.Stable
	case r.Weight == plan.Full:
		return r.Canary
	default:
		return r.Canary + " at " + r.Weight.String()
	}
}

// takenOver says that an owner goes on with somebody else's rollout.
func takenOver(rec Record, owner string, now time.Time) rollout.Event {
	return rollout.Event{
		At: now, Kind: "takenOver", Phase: rec.Status.Phase, By: owner,
		Text: fmt.Sprintf("%s: taken over by %s while %s, last looked at %s",
			rec.Plan.Name, owner, rec.Status.Phase, rec.Status.LookedAt.UTC().Format(time.TimeOnly)),
	}
}
