package analysis

import (
	"time"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
)

// weighings is in how many parts what is over is weighed, so that there is a course
// of it to show.
const weighings = 2 * curveLength

// Weigh compares two versions by what they did in stretches of time that are over,
// the first of which began at epoch. share is the new version's part of the traffic
// in (0, 1). With 0 it is not known, and each stretch is compared given how many
// requests each version had in it, which takes that neither rate nor share changed
// within the stretch.
func Weigh(r ramp.Policy, h History, epoch time.Time, f Feed, share float64, errors, durations bool) Comparison {
	r.Settle = 0
	if h.Outcomes.Requests == 0 {
		h.Outcomes.Requests = 1000 // which bets are worth it: as if nothing much had failed
	}
	c := BeginComparison(r, h, epoch)
	c.Epoch = epoch
	n := min(len(f.Canary), len(f.Stable))
	c.State.Intake.Memory = n + 1
	step := max(1, (n+weighings-1)/weighings)
	for from := 0; from < n; from += step {
		to := min(n, from+step)
		for i := from; i < to; i++ {
			part := share
			if all := f.Canary[i].Requests + f.Stable[i].Requests; share == 0 && all > 0 {
				part = float64(f.Canary[i].Requests) / float64(all)
			}
			c.State.Ask(r, float64(f.From+i)*r.Width, part)
		}
		c.Take(&Feed{From: f.From + from, Canary: f.Canary[from:to], Stable: f.Stable[from:to]}, errors, durations)
		c.Look(r, epoch.Add(time.Duration(float64(f.From+to)*r.Width*float64(time.Second))))
	}
	if n == 0 {
		c.Look(r, epoch)
	}
	return c
}

// Served is how many requests a feed has of the new and of the old version.
func (f Feed) Served() (canary, stable int) {
	sum := func(list []evidence.Outcomes) (n int) {
		for _, o := range list {
			n += o.Requests
		}
		return n
	}
	return sum(f.Canary), sum(f.Stable)
}
