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
func (c rateCriterion) shared(e Evidence, bad, all int) (shared bool, wait, flip string) {
	x := e.Compared
	if !c.limit.UnlessShared || x == nil || x.Comparison == nil || x.Policy.RollBackBoth {
		return false, "", ""
	}
	switch {
	case x.Full || x.Comparison.State.Share >= 1:
		return c.alone(e, bad, all)
	case !x.Comparison.tells(x.Comparison.Seconds(e.Now)):
		return false, "", ""
	}
	s := x.Comparison.State
	limit, well := c.limit.Max, c.limit.Max
	broken := float64(bad) > limit*float64(all)
	if broken {
		well /= 2 // it may come and go
	}
	if x.Comparison.sick(well) {
		return true, "both do badly, which is waited for", "the end of the incident"
	}
	canary, stable := s.Compared[evidence.Canary], s.Compared[evidence.Stable]
	excess := failing(canary) - failing(stable)
	if broken && (canary.Requests == 0 || excess > limit+epsilon) && x.Comparison.Decision.Excluded > limit {
		return true, "the comparison with " + x.Stable + " does not tell yet whose fault that is", "more requests"
	}
	return true, "", ""
}

// alone is shared once the old version serves no more. Then there is only what it did
// before the rollout, and how it did when it served last, which may be known later
// than what the new version did in the same time: to take everything back to a
// version that failed as often would help nobody.
func (c rateCriterion) alone(e Evidence, bad, all int) (shared bool, wait, flip string) {
	x := e.Compared.Comparison
	explains := func(rate float64) bool {
		few := float64(all)
		chance := 3 * math.Sqrt(few*rate*(1-rate)) // no more than it explains
		return float64(bad) <= (c.limit.Max+rate)*few+chance+epsilon
	}
	switch last := x.State.Recent; {
	case explains(x.normal()):
		return true, "", ""
	case x.owes(e):
		return true, "what " + e.Compared.Stable + " did in that time is not known yet", "its counts"
	case x.sick(c.limit.Max) && explains(last.Failed/last.Requests):
		return true, e.Compared.Stable + " did as badly when it served last, which is waited for", "the end of the incident"
	}
	return false, "", ""
}

// sick says whether the old version did badly when it was last seen to serve: worse
// than a limit, and than it did before.
func (c *Comparison) sick(limit float64) bool {
	last := c.State.Recent
	return last.Failed > limit*last.Requests && last.Failed > 1.5*c.normal()*last.Requests+2
}

// owes says whether it is still to come, though it is not overdue, what both versions
// did in a time that the new version's counts cover already.
func (c *Comparison) owes(e Evidence) bool {
	moved, now := c.State.Schedule.LastAt(), c.Seconds(e.Now)
	return c.Problem == "" && now-moved <= c.late() && c.State.KnownUntil < min(moved, c.Seconds(e.Canary.AsOf))
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
	return c.Problem == "" && c.State.Share > 0 && c.State.Share < 1 && now-c.State.KnownUntil <= c.late()
}

// late is how many seconds counts may take until they are overdue.
func (c *Comparison) late() float64 {
	const patience = 60
	return patience + 3*(c.Source.Width+c.Source.Delay).Seconds()
}
