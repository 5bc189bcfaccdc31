// Package sim is a model world, with traffic, versions, people and faults, for the
// real controller in virtual time. [Run] makes a world from a seed, lets one or
// more controllers carry a rollout out in it, and says which of the promises of
// the house were broken. The same seed is the same world, call for call.
//
// Nothing in it waits and nothing runs at the same time as something else. A
// call of an adapter takes virtual time, in which other things happen: alarms,
// people, the other controllers. That is how calls interleave.
package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/rollout"
)

// Options say how to run a world.
type Options struct {
	Seed uint64
	// Story keeps what happened in Result.Story.
	Story bool
}

// A Result is what became of a world.
type Result struct {
	Seed uint64
	// Broken are the promises that did not hold, each with its name and what
	// happened. None is the only good answer.
	Broken []string
	// Phases are how the rollouts ended, in the order of their starts.
	Phases []rollout.Phase
	// Refused is why the rollout was not started, if it was not.
	Refused string
	Looks   int // looks of all controllers
	Crashes int // of controllers
	// Compared are the rollouts that compared versions, in the order of their
	// starts.
	Compared []Compared
	Took     time.Duration // virtual time from the start to the last end
	Story    string
}

// Compared is what became of a comparison.
type Compared struct {
	// Alpha is the chance, at most, that the plan allows to proofs of harm where
	// there is none.
	Alpha float64
	// NoWorse is true when no new version was worse than the old one.
	NoWorse bool
	// Alone is true when nothing else could end the rollout early: no alarm, no
	// hook, no probe, no limit, no order.
	Alone bool
	// Proven is true when harm was proven.
	Proven bool
}

// Run runs one world.
func Run(o Options) Result {
	w := newWorld(o)
	w.run()
	phases := make([]rollout.Phase, len(w.rollouts))
	for i, id := range w.rollouts {
		if rec, err := w.store.inner.Load(w.ctx, id); err == nil {
			phases[i] = rec.Status.Phase
		}
	}
	return Result{
		Seed: o.Seed, Broken: w.broken, Phases: phases, Refused: w.refused,
		Looks: w.looks, Crashes: w.crashes, Took: w.now.Sub(epoch), Story: w.story.String(), Compared: w.compared,
	}
}

// epoch is when every world begins.
var epoch = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// tell adds a line to the story.
func (w *world) tell(format string, args ...any) {
	if !w.keepStory {
		return
	}
	fmt.Fprintf(&w.story, "%-10s %s%s\n", w.now.Sub(epoch), strings.Repeat("  ", len(w.running)), fmt.Sprintf(format, args...))
}

// breaks notes that a promise was broken.
func (w *world) breaks(promise, format string, args ...any) {
	text := fmt.Sprintf("%s at %s: %s", promise, w.now.Sub(epoch), fmt.Sprintf(format, args...))
	w.tell("BROKEN %s", text)
	if len(w.broken) < 10 {
		w.broken = append(w.broken, text)
	}
}

// chance says yes with a probability.
func (w *world) chance(p float64) bool { return p > 0 && w.rand.Float64() < p }

// between returns a duration in [a, b].
func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.rand.Int64N(int64(b-a)+1))
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// profile is how unkind a world is. Most worlds are unkind in a few ways only,
// so that each way is also seen alone.
type profile struct {
	lag         time.Duration // how old a read of an alias may be
	slow        time.Duration // how long a call may take
	callFails   float64       // a call of an adapter fails without effect
	answerLost  float64       // a call has its effect and fails all the same
	doubled     float64       // a write has its effect a second time later
	storeFails  float64       // a call of the store fails, with or without effect
	crash       float64       // a controller dies before or after a call
	edits       int           // how often a person edits an alias
	orders      int           // how often a person orders something
	alarms      int           // how often the alarm changes
	clockJumps  int
	controllers int     // how many run at once
	outages     int     // how often an adapter fails for a while
	partial     float64 // an answer about stretches leaves some away
}

func drawProfile(r *rand.Rand) profile {
	some := func(p float64) bool { return r.Float64() < p }
	f := profile{controllers: 1, slow: 20 * time.Millisecond}
	if some(0.5) {
		f.lag = pick(r, 500*time.Millisecond, 2*time.Second)
	}
	if some(0.3) {
		f.slow = pick(r, 300*time.Millisecond, 5*time.Second)
	}
	if some(0.4) {
		f.callFails = pick(r, 0.02, 0.3)
	}
	if some(0.4) {
		f.answerLost = pick(r, 0.05, 0.3)
	}
	if some(0.3) {
		f.doubled = pick(r, 0.1, 0.5)
	}
	if some(0.3) {
		f.storeFails = pick(r, 0.01, 0.1)
	}
	if some(0.5) {
		f.crash = pick(r, 0.001, 0.01, 0.05)
	}
	if some(0.3) {
		f.edits = 1 + r.IntN(3)
	}
	if some(0.4) {
		f.orders = 1 + r.IntN(4)
	}
	if some(0.5) {
		f.alarms = 1 + r.IntN(4)
	}
	if some(0.15) {
		f.clockJumps = 1 + r.IntN(2)
	}
	if some(0.4) {
		f.controllers = 2 + r.IntN(2)
	}
	if some(0.2) {
		f.outages = 1 + r.IntN(2)
	}
	if some(0.3) {
		f.partial = pick(r, 0.1, 0.6)
	}
	return f
}

// unique appends v unless it is there.
func unique(list []string, v string) []string {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}
