package analysis

import (
	"math"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
)

// shared says whether a limit leaves it to the comparison of errors whose fault the
// bad ones of all outcomes are: while both versions serve and it can tell,
// it is the comparison that condemns. wait is what has to be waited for, and flip
// what ends that; empty when the new version does about as badly as the old one and
// the old one is well again.
//
// Once the old version serves no more there is only what it did before the rollout.
func (c rateCriterion) shared(e Evidence, bad, all int) (shared bool, wait, flip string) {
	x := e.Compared
	if !c.limit.UnlessShared || x == nil || x.Comparison == nil || x.Policy.RollBackBoth {
		return false, "", ""
	}
	normal := x.Comparison.normal()
	switch {
	case x.Full || x.Comparison.State.Share >= 1:
		few := float64(all)
		chance := 3 * math.Sqrt(few*normal*(1-normal)) // no more than it explains
		return float64(bad) <= (c.limit.Max+normal)*few+chance+epsilon, "", ""
	case !x.Comparison.tells(x.Comparison.Seconds(e.Now)):
		return false, "", ""
	}
	s := x.Comparison.State
	limit, well := c.limit.Max, c.limit.Max
	broken := float64(bad) > limit*float64(all)
	if broken {
		well /= 2 // it may come and go
	}
	if old := s.Recent; old.Failed > well*old.Requests && old.Failed > 1.5*normal*old.Requests+2 {
		return true, "both do badly, which is waited for", "the end of the incident"
	}
	canary, stable := s.Compared[evidence.Canary], s.Compared[evidence.Stable]
	excess := failing(canary) - failing(stable)
	if broken && (canary.Requests == 0 || excess > limit+epsilon) && x.Comparison.Decision.Excluded > limit {
		return true, "the comparison with " + x.Stable + " does not tell yet whose fault that is", "more requests"
	}
	return true, "", ""
}

// failing is the part of some requests that failed, in [0, 1].
func failing(o evidence.Outcomes) float64 {
	if o.Requests == 0 {
		return 0
	}
	return float64(o.Failed) / float64(o.Requests)
}

// normal is how many of the old version's requests failed in the hour before, in
// [0, 1]; 0 where they were too few to tell.
func (c *Comparison) normal() float64 {
	if c.History.Outcomes.Requests < LeastTimed {
		return 0
	}
	return failing(c.History.Outcomes)
}

// tells says whether the comparison knows, at so many seconds, what both versions did
// until lately while both had a share of the traffic that is known.
func (c *Comparison) tells(now float64) bool {
	const patience = 60
	late := patience + 3*(c.Source.Width+c.Source.Delay).Seconds()
	return c.Problem == "" && c.State.Share > 0 && c.State.Share < 1 && now-c.State.KnownUntil <= late
}
