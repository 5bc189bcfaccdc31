package controller

import (
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/rollout"
)

// takenOver says that an owner goes on with somebody else's rollout.
func takenOver(rec Record, owner string, now time.Time) rollout.Event {
	return rollout.Event{
		At: now, Kind: "takenOver", Phase: rec.Status.Phase, By: owner,
		Text: fmt.Sprintf("%s: taken over by %s while %s, last looked at %s",
			rec.Plan.Name, owner, rec.Status.Phase, rec.Status.LookedAt.UTC().Format(time.TimeOnly)),
	}
}

// runOn says, when traffic has been taken back, that what the new version
// started before goes on: an execution stays on its version.
func (h *held) runOn(d rollout.Decision, now time.Time) []rollout.Event {
	if d.Status.Phase != rollout.RolledBack && d.Status.Phase != rollout.Aborted {
		return nil
	}
	var events []rollout.Event
	for i, n := range h.running {
		if n == 0 {
			continue
		}
		what := "executions that it started run on"
		if n == 1 {
			what = "execution that it started runs on"
		}
		events = append(events, rollout.Event{
			At: now, Kind: "running", Phase: d.Status.Phase,
			Text: fmt.Sprintf("%s: %s has no traffic any more, but %d %s: taking traffic back stops nothing",
				h.rec.Plan.Targets[i], h.rec.Status.Targets[i].Canary, n, what),
		})
	}
	return events
}
