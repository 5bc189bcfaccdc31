package view

import (
	"time"

	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Point is a weight from a time on.
type Point struct {
	At     time.Time
	Weight plan.Weight
}

// A Course is a rollout's weight over time: what it was, and what it will be if
// nothing goes wrong.
type Course struct {
	From, Now, To time.Time
	// Past and Future are in order of time. Future is empty when nobody can
	// tell: while a rollout waits for a person or a verdict, and after its end.
	Past, Future []Point
	// Next is when the weight changes next and Full when it reaches all of the
	// traffic; zero when that is not known.
	Next, Full time.Time
	// NextWeight is the weight at Next.
	NextWeight plan.Weight
}

// Plot works out the course of a rollout from its events so far and its plan.
func Plot(p plan.Plan, st rollout.Status, events []rollout.Event, now time.Time) Course {
	c := Course{From: st.Started, Now: now}
	if c.From.IsZero() {
		c.From = now
	}
	c.Past = []Point{{At: c.From}}
	for _, e := range events {
		if last := c.Past[len(c.Past)-1]; e.Weight != last.Weight && !e.At.Before(last.At) {
			c.Past = append(c.Past, Point{At: e.At, Weight: e.Weight})
		}
	}
	if st.Phase.Ended() {
		c.Now, c.To = st.Ended, st.Ended
		return c
	}
	end := c.forecast(p, st)
	c.To = later(end, now)
	return c
}

// forecast fills Future and what follows from it, and returns when the rollout
// would be over.
func (c *Course) forecast(p plan.Plan, st rollout.Status) (end time.Time) {
	at, step := c.Now, st.Step
	switch st.Phase {
	case rollout.Pending, rollout.Progressing:
	default:
		// The rest keeps its scale, so that the picture does not jump when
		// the rollout goes on.
		return c.Now.Add(remaining(p, step))
	}
	if step >= 0 && step < len(p.Steps) {
		if st.StepSince.IsZero() {
			at = at.Add(p.Hold(step))
		} else {
			at = later(st.StepSince.Add(p.Hold(step)), c.Now)
		}
	}
	for i := step + 1; i < len(p.Steps); i++ {
		c.Future = append(c.Future, Point{At: at, Weight: p.Steps[i].Weight})
		if c.Next.IsZero() {
			c.Next, c.NextWeight = at, p.Steps[i].Weight
		}
		if p.Steps[i].Weight == plan.Full {
			c.Full = at
		}
		at = at.Add(p.Hold(i))
	}
	return at
}

// remaining is how long the plan still takes from the beginning of a step.
func remaining(p plan.Plan, step int) time.Duration {
	var d time.Duration
	for i := max(step, 0); i < len(p.Steps); i++ {
		d += p.Hold(i)
	}
	return d
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// weightAt returns the weight in force at t and whether that is the past.
func (c Course) weightAt(t time.Time) (w plan.Weight, past, known bool) {
	past = !t.After(c.Now)
	for _, p := range c.Past {
		if !p.At.After(t) {
			w = p.Weight
		}
	}
	if past {
		return w, true, true
	}
	for _, p := range c.Future {
		if !p.At.After(t) {
			w = p.Weight
		}
	}
	return w, false, len(c.Future) > 0 || w == plan.Full
}
