package suite

import (
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
)

// sourceDelay is how late, in seconds, the near-real-time source is at most.
const sourceDelay = 5

// correction is after how many seconds counts are corrected that were incomplete.
const correction = 30

// adaptive plays Crossfade's own policy with counts that come within seconds.
type adaptive struct {
	policy ramp.Policy
	state  ramp.State
	shown  [2]int    // seconds before which everything has been reported, by side
	done   [2]uint64 // which seconds from there on have been, a bit each
}

// Adaptive returns players of a ramp policy.
func Adaptive(p ramp.Policy) func(*View) Player {
	return func(v *View) Player {
		policy := p // each player has its own: many play at once
		policy.Delay += float64(v.Settle) - policy.Settle
		policy.Settle = float64(v.Settle)
		h := ramp.History{Seconds: v.HistorySeconds, Outcomes: v.History, Dispersion: evidence.Dispersion(v.Failures)}
		return &adaptive{policy: policy, state: policy.Begin(h)}
	}
}

// Step implements [Player].
func (a *adaptive) Step(v *View) Move {
	for side := range a.done {
		for t := a.shown[side]; t < v.Now; t++ {
			s, bit := &v.seconds[side][t], uint64(1)<<(t-a.shown[side])
			if s.visible <= v.Now && a.done[side]&bit == 0 {
				a.state.Report(evidence.Side(side), t, s.early(), true)
				a.done[side] |= bit
			}
		}
		if late := v.Now - correction; late >= 0 && v.seconds[side][late].correct {
			a.state.Report(evidence.Side(side), late, v.seconds[side][late].outcomes(), true)
		}
		for ; a.done[side]&1 != 0; a.done[side] >>= 1 {
			a.shown[side]++
		}
	}
	d := a.policy.Look(&a.state, float64(v.Now))
	switch d.Verdict {
	case ramp.RollBack:
		return Move{End: RolledBack}
	case ramp.Finish:
		return Move{Share: 1, End: Finished}
	case ramp.Go:
		return Move{Share: d.Share}
	default:
		panic("suite: verdict " + string(d.Verdict))
	}
}
