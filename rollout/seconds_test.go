package rollout_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// seconds are what an alias's versions did in each second, by the decider's clock:
// the canary first. Requests are known three seconds later.
type seconds struct {
	counts map[int64]*[2]evidence.Outcomes
	// rest is what of whole requests has not happened yet, by side: what a model
	// without chance does comes evenly.
	rest [2]struct {
		n, failed float64
		slower    [3]float64
	}
	// chance draws outcomes instead.
	chance *rand.Rand
	// byMinute tells of whole minutes, two minutes later, as metrics do.
	byMinute bool
}

// source is how they become known.
func (s *seconds) source() analysis.Source {
	if s.byMinute {
		return analysis.Source{Width: time.Minute, Delay: 2 * time.Minute, Name: "the model's minutes"}
	}
	return analysis.Source{Width: time.Second, Delay: secondsLate, Name: "the model"}
}

const secondsLate = 3 * time.Second

// serve lets an alias serve for a time that lies within one second.
func (a *modelAlias) serve(at time.Time, d time.Duration) {
	if a.perSecond == 0 || d == 0 {
		return
	}
	if a.seconds.counts == nil {
		a.seconds.counts = map[int64]*[2]evidence.Outcomes{}
	}
	s := a.seconds.counts[at.Unix()]
	if s == nil {
		s = &[2]evidence.Outcomes{}
		a.seconds.counts[at.Unix()] = s
	}
	w := float64(a.shown.Share(a.canary)) / float64(plan.Full)
	for side, part := range [2]float64{w, 1 - w} {
		bad := [2]float64{a.badNew, a.badOld}[side]
		s[side].Add(a.seconds.draw(side, a.perSecond*part*d.Seconds(), bad))
	}
}

// draw makes whole requests of what is expected.
func (s *seconds) draw(side int, expected, bad float64) evidence.Outcomes {
	r := &s.rest[side]
	whole := func(rest *float64, more float64, most int) int {
		*rest += more
		n := min(most, int(*rest+1e-9))
		*rest -= float64(n)
		return n
	}
	var o evidence.Outcomes
	if s.chance == nil {
		o.Requests = whole(&r.n, expected, math.MaxInt)
		o.Failed = whole(&r.failed, float64(o.Requests)*bad, o.Requests)
		above := o.Requests
		for j, share := range [3]float64{0.5, 0.1, 0.01} {
			above = whole(&r.slower[j], float64(o.Requests)*share, above)
			o.Slower = append(o.Slower, above)
		}
		o.Timed = o.Requests
		return o
	}
	for limit := math.Exp(-expected); ; o.Requests++ { // Knuth's way to draw from Poisson's distribution
		if limit *= 1 / (s.chance.Float64() + 1e-300); limit >= 1 {
			break
		}
	}
	o.Timed, o.Slower = o.Requests, make([]int, 3)
	for range o.Requests {
		if s.chance.Float64() < bad {
			o.Failed++
		}
		slow := s.chance.Float64()
		for j, share := range [3]float64{0.5, 0.1, 0.01} {
			if slow < share {
				o.Slower[j]++
			}
		}
	}
	return o
}

// observe adds what is known second by second to what a look brings.
func (m *model) observe(seen *rollout.SeenTarget, a *modelAlias, t rollout.TargetStatus) {
	if a.notCounted {
		return
	}
	now := m.clock()
	c := t.Comparison
	if c == nil || c.NeedsHistory(now) {
		seen.History = &analysis.History{
			Source: a.seconds.source(), Seconds: 3600,
			Outcomes: evidence.Outcomes{Requests: int(a.perSecond * 3600), Failed: int(a.perSecond * 3600 * a.badOld)},
			Problem:  a.countsProblem,
		}
		if seen.History.Outcomes.Requests >= analysis.LeastTimed {
			seen.History.Thresholds = []float64{0.1, 0.4, 1}
		}
	}
	if c == nil {
		return
	}
	f := &analysis.Feed{From: c.Wanted(), Problem: cmp.Or(a.countsProblem, a.feedProblem)}
	seen.Feed = f
	if f.Problem != "" {
		return
	}
	source := a.seconds.source()
	for number := f.From; number < f.From+5000; number++ {
		at := c.Epoch.Add(time.Duration(number) * source.Width)
		end := at.Add(source.Width)
		if end.Add(source.Delay).After(now) {
			break
		}
		var counts [2]evidence.Outcomes
		for ; at.Before(end); at = at.Add(time.Second) {
			if s := a.seconds.counts[at.Unix()]; s != nil {
				counts[0].Add(s[0])
				counts[1].Add(s[1])
			}
		}
		f.Canary, f.Stable = append(f.Canary, counts[0]), append(f.Stable, counts[1])
	}
}
