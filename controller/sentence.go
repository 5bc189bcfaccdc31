package controller

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// label is how sentences call a target: orders:prod.
func label(t plan.Target) string {
	name := t.Name
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	return name + ":" + t.Alias
}

// describe is how sentences call a routing: "8 at 10 %", "7".
func describe(r rollout.Routing) string {
	switch {
	case r.Canary == "" || r.Weight == 0:
		return r.Stable
	case r.Weight == plan.Full:
		return r.Canary
	default:
		return r.Canary + " at " + percent(r.Weight)
	}
}

// percent writes a weight: "10 %", "12.5 %".
func percent(w plan.Weight) string {
	return strconv.FormatFloat(float64(w)/100, 'f', -1, 64) + " %"
}

// takenOver says that an owner goes on with somebody else's rollout.
func takenOver(rec Record, owner string, now time.Time) rollout.Event {
	return rollout.Event{
		At: now, Kind: "takenOver", Phase: rec.Status.Phase, By: owner,
		Text: fmt.Sprintf("%s: taken over by %s while %s, last looked at %s",
			rec.Plan.Name, owner, rec.Status.Phase, rec.Status.LookedAt.UTC().Format(time.TimeOnly)),
	}
}
