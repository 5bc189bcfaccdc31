package ramp

import (
	"math"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
)

// A Verdict is what a look at the evidence comes to.
type Verdict string

// The verdicts.
const (
	Go       Verdict = "Go"       // bring the alias to the share and look again
	Finish   Verdict = "Finish"   // give the new version everything: it has been watched for long enough
	RollBack Verdict = "RollBack" // take all traffic back: the new version is worse
)

// A Reason is what keeps the share from being larger, or why it all ends.
type Reason string

// The reasons.
const (
	ByEvidence  Reason = "evidence"  // the new version is proven worse
	BySuspicion Reason = "suspicion" // it does worse than history says; a diagnosis is on
	ByIncident  Reason = "incident"  // both versions do worse than history says
	ByBudget    Reason = "budget"    // too little is ruled out for more requests on their way
	ByCap       Reason = "cap"       // a large excess of failures is not ruled out yet
	ByPace      Reason = "pace"      // the plan allows no more at this time
	ByYellow    Reason = "yellow"    // there is some evidence of harm
	ByRequests  Reason = "requests"  // too few outcomes of the new version
	ByWatch     Reason = "watch"     // the share is at its top; the watch goes on
	ByPulse     Reason = "pulse"     // a few requests were sent; their outcome comes first
	Done        Reason = "done"      // nothing: the watch is over
)

// A Decision is what a look comes to, with its numbers.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	Reason  Reason  `json:"reason"`
	Share   float64 `json:"share"` // of the traffic, for the new version
	// Evidence that the new version is worse, as a multiple of the stake, of
	// everything and of its parts; Proof is the evidence that condemns it.
	Evidence float64 `json:"evidence"`
	Errors   float64 `json:"errors"`
	Times    float64 `json:"times"`
	Proof    float64 `json:"proof"`
	// Excluded is the smallest excess of failures that is ruled out.
	Excluded float64 `json:"excluded"`
	// Suspicion is loud at 20.
	Suspicion float64 `json:"suspicion"`
}

// Look decides at a time, in seconds since the start. What is asked for is taken
// as asked; to say the same thing twice changes nothing.
func (p Policy) Look(s *State, now float64) Decision {
	d := p.Consider(s, now)
	s.Ask(p, now, d.Share)
	return d
}

// Consider decides like [Policy.Look], for who may not be able to ask for the
// share: what is asked for is told with [State.Ask].
func (p Policy) Consider(s *State, now float64) Decision {
	if s.AtTop {
		s.TopFor += now - s.LookedAt
	}
	s.LookedAt = now
	p.enter(s, now)
	p.learn(s)
	s.Shared = s.Shared || p.sick(s)
	d := Decision{
		Verdict:   Go,
		Proof:     p.proof(s),
		Errors:    p.errors(s).Value(s.Errors),
		Times:     p.Times.Value(s.Times),
		Excluded:  s.excess.ruledOut(s.Health, p.Beta),
		Suspicion: max(s.Failing.Value(), s.Slowing.Value()),
	}
	d.Evidence = evidence.Average(evidence.Part{Value: d.Errors, Weight: 1 - p.TimesWeight}, evidence.Part{Value: d.Times, Weight: p.TimesWeight})
	if d.Evidence >= d.Proof {
		d.Verdict, d.Reason = RollBack, ByEvidence
		return d
	}
	d.Share, d.Reason = p.share(s, d, now)
	if d.Reason == ByIncident && p.RollBackBoth {
		d.Verdict, d.Share = RollBack, 0
	}
	if s.AtTop && d.Share >= p.Top && now >= p.Watch && s.TopFor >= p.AtTop && d.Evidence < p.Yellow && s.Known >= p.MinRequests {
		d.Verdict, d.Reason, d.Share = Finish, Done, 1
	}
	return d
}

// proof is the evidence that condemns.
func (p *Policy) proof(s *State) float64 {
	if s.Shared {
		return p.SharedMargin / p.Alpha
	}
	return p.Margin / p.Alpha
}

// leastReference is the rate of failures at which the bets have their ratios where
// nothing failed before.
const leastReference = 0.001

// ErrorsOf is the test of failures, fitted to a rollout's history.
func (p Policy) ErrorsOf(s State) evidence.Label { return p.errors(&s) }

func (p *Policy) errors(s *State) evidence.Label {
	l := p.Errors
	l.Bets = s.Bets
	l.Reference = max(s.Normal, leastReference)
	l.Dispersion = max(l.Dispersion, s.Dispersion)
	return l
}

// overshoot is how many times what condemns, whatever the durations say, the bets on
// failures go for at most. At 1 as many good releases would be taken back as may be,
// and a measurement could not tell whether they are more.
const overshoot = 3

// widest is the largest change of the share within a block from which something is
// ruled out: the old version's failures count at the smallest share only, so that a
// second of an incident in which the share fell from nearly all to nothing would
// look like the new version's fault for the rest of the rollout.
const widest = 0.2

// someEvidence is more than the rounding of what says nothing.
const someEvidence = 1.05

// learn takes in the blocks that became final.
func (p *Policy) learn(s *State) {
	errors := p.errors(s)
	enough := overshoot * p.proof(s) / (1 - p.TimesWeight)
	var room [4]evidence.Block // mostly there is one
	for _, b := range s.Intake.Take(room[:0], s.Schedule) {
		if s.ReleaseFrom > 0 && b.At >= s.ReleaseFrom && !s.Intake.Waiting(s.ReleaseFrom) {
			s.Errors.Release(p.Release)
			s.Times.Release(p.Release)
			s.ReleaseFrom = 0
		}
		errors.AddUpTo(&s.Errors, b, enough)
		p.Times.Add(&s.Times, b)
		steady := b.High-b.Low <= widest
		if steady {
			s.Health.Add(b)
		}
		if steady && (len(b.Canary.Slower) > 0 || len(b.Stable.Slower) > 0) {
			slowBlock := b
			slowBlock.Canary = evidence.Outcomes{Requests: b.Canary.Timed, Failed: slow(b.Canary)}
			slowBlock.Stable = evidence.Outcomes{Requests: b.Stable.Timed, Failed: slow(b.Stable)}
			s.Slow.Add(slowBlock)
		}
		s.Known += b.Canary.Requests
		s.Diagnosed += b.Canary.Requests
		if b.High >= s.Share && s.Share > 0 {
			s.AtShare += b.Canary.Requests
		}
		s.KnownUntil = max(s.KnownUntil, b.At+b.Seconds)
		if b.Canary.Requests > 0 {
			s.ServedUntil = s.KnownUntil
		}
		if b.High > 0 && b.Low < 1 {
			s.Compared[evidence.Canary].Add(b.Canary)
			s.Compared[evidence.Stable].Add(b.Stable)
		}
		forget := math.Exp(-b.Seconds / 20)
		if b.Low < 1 {
			s.Recent = Recent{
				Requests: s.Recent.Requests*forget + float64(b.Stable.Requests),
				Failed:   s.Recent.Failed*forget + float64(b.Stable.Failed),
				Timed:    s.Recent.Timed*forget + float64(b.Stable.Timed),
				Slow:     s.Recent.Slow*forget + float64(slow(b.Stable)),
			}
		}
		keep := math.Exp(-b.Seconds / 30)
		s.Rate = s.Rate*keep + (1-keep)*float64(b.Canary.Requests+b.Stable.Requests)/b.Seconds
	}
	s.Schedule.Forget(float64(s.Intake.Oldest) * s.Intake.Width)
}

// share returns the share for now and what keeps it from being larger.
func (p *Policy) share(s *State, d Decision, now float64) (float64, Reason) {
	suspected, suspicion := p.diagnose(s, d, now)
	if suspicion == ByIncident {
		// Nothing is learned cheaply while both versions fail.
		return 0, suspicion
	}
	allowed := min(p.Opening, p.Budget) + p.Budget*(1/d.Excluded-1) + (p.Growth+s.Normal/2)*float64(s.Known)/d.Excluded
	rate := max(s.Rate, 1e-9)
	budget := allowed / (rate * p.Delay)
	slowAllowed := p.SlowBudget + p.SlowGrowth*float64(s.Known) // whatever is ruled out
	if (s.Slow.Requests > 0 || len(p.Times.Bets) > 0 && p.TimesWeight > 0) && slowAllowed < min(budget, 1)*rate*p.Delay {
		slowAllowed /= max(s.slowExcess.ruledOut(s.Slow, p.Beta)-p.slowTolerated(), 1e-4)
		budget = min(budget, max(p.Smallest, slowAllowed/(rate*p.Delay)))
	}
	want, reason := budget, ByBudget
	patient := p.patient(now)
	if s.AtShare < p.StepRequests {
		patient = min(patient, s.Share)
	}
	if patient > want && patient > p.Smallest {
		want, reason = patient, ByRequests
	}
	limit := func(share float64, by Reason) {
		if share < want {
			want, reason = share, by
		}
	}
	limit(p.capped(s, d, now), ByCap)
	if leak := max(p.Leak/rate, p.LeakShare, s.Normal/3); d.Excluded > leak && !(s.Share > p.Compare.Most && d.Excluded < 1.3*leak) {
		limit(p.Compare.share(rate), ByCap)
	}
	limit(p.pace(s, now), ByPace)
	if s.Known < p.MinRequests {
		limit(0.5, ByRequests)
	}
	limit(p.Top, ByWatch)
	limit(suspected, suspicion)
	limit(p.doubt(s, d, now), ByYellow)
	if try := p.trial(s, d, now); try < want {
		want, reason = try, ByYellow
		allowed = min(allowed, max(p.Opening, try*rate*p.Delay))
	}
	switch {
	case p.failing(s, d):
		return 0, ByPulse
	case want < p.Smallest:
		return p.pulse(s, now, allowed)
	}
	return p.bounded(s, now, want, reason)
}

// slowTolerated is the excess of slow requests that is nobody's harm.
func (p *Policy) slowTolerated() float64 {
	if len(p.Times.Tolerated) > slowThreshold {
		return p.Times.Tolerated[slowThreshold]
	}
	return 0
}

// longStretch is from which width on, in seconds, it matters when in a stretch the
// share changes.
const longStretch = 2

// enter notes the first look of a long stretch.
func (p *Policy) enter(s *State, now float64) {
	if p.Width > longStretch && math.Floor(s.EnteredAt/p.Width) != math.Floor(now/p.Width) {
		s.EnteredAt = now
	}
}

// inside tells whether a rise has to wait for the next stretch. What is counted as a
// whole says little when the share changed in it, so there is one rise in a stretch
// at most, and it comes early: with the first look, however rarely there is one, or
// soon after it, for outcomes may take some seconds to be known.
func (p *Policy) inside(s *State, now float64) bool {
	if p.Width <= longStretch {
		return false
	}
	orders := s.Schedule.Orders
	risen := s.Share > 0 && math.Floor(orders[len(orders)-1].At/p.Width) == math.Floor(now/p.Width)
	return risen || now >= s.EnteredAt+p.Width/6
}

// bounded keeps a wish from growing in small steps, by more than fourfold, within
// a stretch that is counted as a whole, or before the last one has come true.
func (p *Policy) bounded(s *State, now, want float64, reason Reason) (float64, Reason) {
	want = p.expressible(want)
	if want <= s.Share {
		if reason == ByBudget && want > 0.75*s.Share {
			return s.Share, reason
		}
		return want, reason
	}
	if s.Share > 0 {
		want = min(want, p.expressible(4*s.Share))
	}
	small := want < 1.4*s.Share && want < p.Top-p.Smallest
	orders := s.Schedule.Orders
	unsettled := s.Share > 0 && now < orders[len(orders)-1].At+p.Settle
	if small || unsettled || p.inside(s, now) {
		return s.Share, reason
	}
	return want, reason
}

// expressible rounds a share down to what the target can express.
func (p *Policy) expressible(share float64) float64 {
	units := math.Floor(share/p.Smallest + 1e-9)
	return math.Round(units*p.Smallest*1e9) / 1e9
}

// capped is the largest share while an excess is not ruled out. The last bound is for
// an excess that is not large, and it is over when it has lasted: where one of five
// requests fails anyway it takes hours to rule out that it is one of four.
func (p *Policy) capped(s *State, d Decision, now float64) float64 {
	switch {
	case d.Excluded > 0.5:
		s.CappedFrom = 0
		return 0.1
	case d.Excluded > 0.2:
		s.CappedFrom = 0
		return 0.25
	case d.Excluded > 0.05:
		if s.CappedFrom == 0 {
			s.CappedFrom = now
		}
		return p.grown(0.5, s.CappedFrom+p.Patience, now)
	default:
		return 1
	}
}

// pace is the largest share that the plan allows at a time.
func (p *Policy) pace(s *State, now float64) float64 {
	pace := 1.0
	for i, step := range p.Pace {
		if i == 0 || now >= step.From {
			pace = step.Share
		}
	}
	return max(pace, p.Smallest, p.First.share(s.Rate))
}

// patient is the share to which a rollout grows though the budget does not.
func (p *Policy) patient(now float64) float64 {
	return p.Smallest * math.Pow(p.Top/p.Smallest, now/p.Patience)
}

// pulse sends requests for one second when there is room for them or none are on
// their way, and nothing otherwise: the smallest share that the target can express
// would be more than the budget allows if it stayed.
func (p *Policy) pulse(s *State, now, allowed float64) (float64, Reason) {
	if s.Share > p.Smallest {
		return p.Smallest, ByBudget
	}
	if orders := s.Schedule.Orders; len(orders) > 0 && now < orders[len(orders)-1].At+1 {
		return s.Share, ByPulse
	}
	if onTheWay := p.onTheWay(s, now); s.Share == 0 && (onTheWay == 0 || onTheWay+s.Rate*p.Smallest <= allowed) {
		return p.Smallest, ByPulse
	}
	return 0, ByPulse
}

// onTheWay is how many requests of the new version have an outcome that is not
// known yet, as far as can be told.
func (p *Policy) onTheWay(s *State, now float64) float64 {
	sum := 0.0
	for i, o := range s.Schedule.Orders {
		from, to := o.At+p.Settle, now+p.Settle
		if i+1 < len(s.Schedule.Orders) {
			to = s.Schedule.Orders[i+1].At + p.Settle
		}
		if from = max(from, s.KnownUntil); to > from {
			sum += (to - from) * o.Share * s.Rate
		}
	}
	return sum
}

// What ends a diagnosis: outcomes, or so many times its shortest length.
const (
	diagnosisRequests = 100
	diagnosisPatience = 10
)

// diagnose says which share is the largest while the new version is suspected, and
// why; the reason is empty when it is not.
func (p *Policy) diagnose(s *State, d Decision, now float64) (float64, Reason) {
	length := max(30, 3*p.Delay)
	if s.Diagnosing == 0 {
		if !s.Failing.Loud() && !s.Slowing.Loud() {
			return 1, ""
		}
		s.Diagnosing, s.Diagnosed = now+length, 0
		s.ReleaseFrom = now
	}
	switch {
	case p.sick(s):
		// What was suspicious is explained.
		s.Failing.Reset(s.Failing.Reference)
		s.Slowing.Reset(s.Slowing.Reference)
		return 0, ByIncident
	case now < s.Diagnosing, undiagnosed(s, d) && now < s.Diagnosing+diagnosisPatience*length:
		return p.Diagnosis.share(s.Rate), BySuspicion
	}
	// The old version is well, and the comparison did not condemn the new one:
	// what is normal has changed a little, or it was chance.
	s.Diagnosing = 0
	s.Failing.Reset(max(s.Normal, 1.2*atLeast(s.Recent.Failed, s.Recent.Requests)))
	s.Slowing.Reset(max(s.NormalSlow, 1.3*atLeast(s.Recent.Slow, s.Recent.Timed)))
	return 1, ""
}

// atLeast is a rate that bad ones of all requests have by now, less its standard
// error: what is normal is to change only if it has.
func atLeast(bad, all float64) float64 { return max(0, bad+1-math.Sqrt(bad)) / (all + 1) }

// undiagnosed tells whether a diagnosis has too few outcomes, or whether failures
// are suspicious still and it is not ruled out that there are twice as many as is
// normal. Beyond the share of a diagnosis a fault of that size would hardly show.
func undiagnosed(s *State, d Decision) bool {
	return s.Diagnosed < diagnosisRequests || s.Failing.Loud() && d.Excluded > s.Normal
}

// sick tells whether the old version does much worse than its history, too.
func (p *Policy) sick(s *State) bool {
	worse := func(bad, all, normal float64) bool {
		return all > 0 && bad > 3*normal*all && bad > normal*all+2
	}
	return worse(s.Recent.Failed, s.Recent.Requests, s.Normal) || worse(s.Recent.Slow, s.Recent.Timed, s.NormalSlow)
}

// Ask notes which share is asked for at a time. To ask for the same one again
// changes nothing.
func (s *State) Ask(p Policy, now, share float64) {
	if share == s.Share && len(s.Schedule.Orders) > 0 {
		return
	}
	s.Schedule.Ask(now, share)
	s.Share, s.AtShare = share, 0
	s.AtTop = share >= p.Top-1e-9
}
