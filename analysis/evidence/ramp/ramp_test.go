package ramp

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
)

// A service serves rate requests a second; what each version does is asked for
// every second. Counts are visible three seconds later.
type service struct {
	rate   int
	fails  func(side evidence.Side, second int) float64
	slower func(side evidence.Side) [3]float64
}

func steady(canary, stable float64) func(evidence.Side, int) float64 {
	return func(side evidence.Side, _ int) float64 {
		if side == evidence.Canary {
			return canary
		}
		return stable
	}
}

// second draws what happens in one second at a share of the traffic.
func (v service) second(rng *rand.Rand, t int, share float64) (counts [2]evidence.Outcomes) {
	for side := range counts {
		counts[side].Slower = make([]int, 3)
	}
	for range v.rate {
		side := evidence.Stable
		if rng.Float64() < share {
			side = evidence.Canary
		}
		c := &counts[side]
		c.Requests++
		c.Timed++
		if rng.Float64() < v.fails(side, t) {
			c.Failed++
		}
		draw := rng.Float64()
		slower := [3]float64{0.5, 0.1, 0.01}
		if v.slower != nil {
			slower = v.slower(side)
		}
		for j, s := range slower {
			if draw < s {
				c.Slower[j]++
			}
		}
	}
	return counts
}

// run lets a policy carry out a rollout and returns the decisions, one a second.
// between sees the state between two looks and returns the one to go on with.
func run(p Policy, v service, seconds int, between func(State) State) (decisions []Decision, s State) {
	rng := rand.New(rand.NewPCG(1, uint64(v.rate)))
	s = p.Begin(History{Seconds: 3600, Outcomes: evidence.Outcomes{Requests: 3600 * v.rate, Failed: int(3600 * float64(v.rate) * v.fails(evidence.Stable, 0))}})
	var counts [][2]evidence.Outcomes
	shares := []float64{0, 0}
	for t := range seconds {
		counts = append(counts, v.second(rng, t, shares[t]))
		if old := t - 3; old >= 0 {
			for side, c := range counts[old] {
				s.Report(evidence.Side(side), old, c, true)
			}
		}
		if between != nil {
			s = between(s)
		}
		d := p.Look(&s, float64(t+1))
		decisions = append(decisions, d)
		if d.Verdict != Go {
			break
		}
		shares = append(shares, d.Share)
	}
	return decisions, s
}

func last(ds []Decision) Decision { return ds[len(ds)-1] }

func TestAGoodReleaseIsThereInThreeMinutesAndFinishesAfterTheWatch(t *testing.T) {
	p := Default(0.01, 5, 2)
	ds, _ := run(p, service{rate: 100, fails: steady(0.001, 0.001)}, 1200, nil)
	if d := ds[179]; d.Share != p.Top {
		t.Errorf("after three minutes: %+v; want a share of %v", d, p.Top)
	}
	if d := last(ds); d.Verdict != Finish || d.Share != 1 || len(ds) != 900 {
		t.Errorf("ended after %d s with %+v; want Finish after 900", len(ds), d)
	}
}

func TestABadReleaseIsTakenBackAfterAHandfulOfRequests(t *testing.T) {
	ds, s := run(Default(0.01, 5, 2), service{rate: 100, fails: steady(1, 0.001)}, 1200, nil)
	if d := last(ds); d.Verdict != RollBack || d.Reason != ByEvidence || d.Share != 0 || s.Known > 6 {
		t.Errorf("ended after %d s with %d outcomes and %+v; want RollBack by evidence after 6 at most", len(ds), s.Known, d)
	}
}

func TestASlowReleaseIsTakenBack(t *testing.T) {
	v := service{rate: 100, fails: steady(0.001, 0.001), slower: func(side evidence.Side) [3]float64 {
		if side == evidence.Canary {
			return [3]float64{0.8, 0.32, 0.06}
		}
		return [3]float64{0.5, 0.1, 0.01}
	}}
	ds, s := run(Default(0.01, 5, 2), v, 1200, nil)
	if d := last(ds); d.Verdict != RollBack || d.Times < d.Errors {
		t.Errorf("ended after %d s with %d outcomes and %+v; want RollBack because of the durations", len(ds), s.Known, d)
	}
}

func TestALateFaultShrinksTheShareBeforeItIsProven(t *testing.T) {
	v := service{rate: 100, fails: func(side evidence.Side, second int) float64 {
		if side == evidence.Canary && second >= 400 {
			return 0.05
		}
		return 0.001
	}}
	ds, _ := run(Default(0.01, 5, 2), v, 1200, nil)
	suspected := 0
	for i, d := range ds {
		if i > 400 && d.Reason == BySuspicion {
			suspected = i
			if d.Share > 0.1 {
				t.Errorf("second %d: share %v under suspicion, want 0.1 at most", i, d.Share)
			}
		}
	}
	if d := last(ds); suspected == 0 || d.Verdict != RollBack || len(ds) > 490 {
		t.Errorf("suspected at %d, ended after %d s with %+v; want a suspicion, then RollBack within 90 s", suspected, len(ds), d)
	}
}

func TestWhatASuspicionHasSeenIsNotBetOnAgain(t *testing.T) {
	p := Default(0.01, 5, 2)
	s := p.Begin(History{Seconds: 3600, Outcomes: evidence.Outcomes{Requests: 360000, Failed: 360}})
	p.Look(&s, 0)
	tail := s.Errors.Tail
	failing := evidence.Outcomes{Requests: 10, Failed: 5}
	s.Report(evidence.Canary, 0, failing, true)
	s.Report(evidence.Canary, 1, failing, true)
	if d := p.Look(&s, 2); d.Reason != BySuspicion && d.Reason != ByPulse || s.Diagnosing == 0 {
		t.Fatalf("%+v is no suspicion", d)
	}
	unreleased := func(when string) {
		t.Helper()
		if s.Errors.Tail < 0.9*tail {
			t.Errorf("%s: the tail is %v of %v, want nearly all", when, s.Errors.Tail, tail)
		}
	}
	s.Report(evidence.Stable, 0, evidence.Outcomes{Requests: 90}, true)
	p.Look(&s, 3)
	unreleased("a stretch from before the suspicion is complete")
	s.Report(evidence.Canary, 2, failing, true)
	s.Report(evidence.Stable, 2, evidence.Outcomes{Requests: 90}, true)
	p.Look(&s, 4)
	unreleased("one from after it, while one from before is not")
	s.Report(evidence.Stable, 1, evidence.Outcomes{Requests: 90}, true)
	p.Look(&s, 5)
	unreleased("all from before it")
	s.Report(evidence.Canary, 3, evidence.Outcomes{}, true)
	s.Report(evidence.Stable, 3, evidence.Outcomes{Requests: 90}, true)
	p.Look(&s, 6)
	if s.Errors.Tail > (1-p.Release)*tail+1e-9 {
		t.Errorf("after the first stretch from after it: the tail is %v, want %v at most", s.Errors.Tail, (1-p.Release)*tail)
	}
}

// tried is a state in which the bets have come to a value, all that are on ratios of
// at least least to the same one and the others to nothing.
func tried(p Policy, value, least float64) State {
	s := p.Begin(History{Seconds: 3600, Outcomes: evidence.Outcomes{Requests: 360000, Failed: 360}})
	b := evidence.Block{
		Seconds: 1, Low: 0.1, High: 0.1,
		Canary: evidence.Outcomes{Requests: 20000, Failed: 20}, Stable: evidence.Outcomes{Requests: 180000, Failed: 180},
	}
	s.Health.Add(b)
	s.Slow.Add(b)
	s.Known, s.AtShare, s.Rate, s.Share = 1000, 100, 100, 0.25
	s.Schedule.Ask(0, s.Share)
	stake := 0.0
	for i, b := range s.Bets {
		s.Errors.Placed[i] = 0
		if b.Ratio >= least {
			s.Errors.Placed[i] = 1
			stake += b.Prior
		}
	}
	for i := range s.Errors.Placed {
		s.Errors.Placed[i] *= value / stake
	}
	s.Errors.Tail, s.Times.Tail = 0, 0
	for i := range s.Times.Placed {
		s.Times.Placed[i] = 0
	}
	return s
}

func TestEvidenceOfHarmIsTriedAtASmallShareUntilItHasFaded(t *testing.T) {
	p := Default(0.001, 5, 2)
	value := func(evidence float64) float64 { return evidence / (1 - p.TimesWeight) }
	for _, tt := range []struct {
		name     string
		evidence float64
		least    float64 // ratio that is still bet on
		from     float64 // share at least
		to       float64 // and at most
	}{
		{"no evidence", 0.25, 1, 0.9, p.Top},
		{"a doubt", 1, 1, p.Compare.Most, p.Compare.Most},
		{"much more often", 2, 50, p.Smallest, 0.006},
		{"twice as often", 2, 1, 0.01, 0.08},
		{"nearly proof", 450, 50, p.Smallest, 0.006},
	} {
		s := tried(p, value(tt.evidence), tt.least)
		d := p.Consider(&s, 400)
		if d.Verdict != Go || d.Share < tt.from || d.Share > tt.to {
			t.Errorf("%s: %+v; want a share of %v to %v", tt.name, d, tt.from, tt.to)
		}
		if tried := s.TrialFrom > 0; tried != (tt.evidence >= p.Worry) {
			t.Errorf("%s: a trial is on: %v", tt.name, tried)
		}
	}
	// What is not decided within the patience gets more requests, and no more than
	// where there is a doubt.
	s := tried(p, value(2), 50)
	before := p.Consider(&s, 400).Share
	if d := p.Consider(&s, 400+p.Patience); d.Share > before {
		t.Errorf("at the end of the patience: %+v; want %v at most", d, before)
	}
	s.Share = 0.25
	if d := p.Consider(&s, 400+2*p.Patience); d.Share < 5*before || d.Share > p.Compare.Most {
		t.Errorf("long after it: %+v; want more than %v", d, 5*before)
	}
	// And it is over with the evidence.
	s.Errors = tried(p, value(0.25), 1).Errors
	if d := p.Consider(&s, 1700); d.Share < 0.9 || s.TrialFrom != 0 {
		t.Errorf("after it has faded: %+v, trial from %v; want nearly all", d, s.TrialFrom)
	}
}

func TestADoubtThatDoesNotFadeIsOverAfterAWhile(t *testing.T) {
	p := Default(0.01, 5, 2)
	s := tried(p, 0.5/(1-p.TimesWeight), 1)
	for _, tt := range []struct{ after, from, to float64 }{
		{0, p.Compare.Most, p.Compare.Most},
		{p.Patience, p.Compare.Most, p.Compare.Most},
		{p.Patience + 60, 2.5 * p.Compare.Most, 2.8 * p.Compare.Most},
		{p.Patience + 120, p.Top, p.Top},
	} {
		s.Share = 0.25
		if d := p.Consider(&s, 400+tt.after); d.Share < tt.from || d.Share > tt.to {
			t.Errorf("%v s after the doubt began: %+v; want a share of %v to %v", tt.after, d, tt.from, tt.to)
		}
	}
	s.Errors = tried(p, 0.1, 1).Errors
	if p.Consider(&s, 1200); s.DoubtFrom != 0 {
		t.Errorf("when it has faded there is a doubt since %v", s.DoubtFrom)
	}
}

func TestProofTakesMoreOnceBothVersionsDidWorse(t *testing.T) {
	p := Default(0.001, 5, 2)
	s := p.Begin(History{Seconds: 3600, Outcomes: evidence.Outcomes{Requests: 360000, Failed: 360}})
	if d := p.Look(&s, 0); d.Proof != p.Margin/p.Alpha {
		t.Errorf("before: %+v; want a proof of %v", d, p.Margin/p.Alpha)
	}
	for second := range 200 {
		failed := 0
		if second < 10 {
			failed = 20
		}
		s.Report(evidence.Canary, second, evidence.Outcomes{}, true)
		s.Report(evidence.Stable, second, evidence.Outcomes{Requests: 100, Failed: failed}, true)
		p.Look(&s, float64(second+1))
	}
	if d := p.Look(&s, 201); d.Proof != p.SharedMargin/p.Alpha {
		t.Errorf("three minutes after ten seconds in which the old version failed, too: %+v; want a proof of %v", d, p.SharedMargin/p.Alpha)
	}
	// Evidence between the two condemns only where nothing was shared.
	for _, shared := range []bool{false, true} {
		s := tried(p, 1.5*p.Margin/p.Alpha/(1-p.TimesWeight), 50)
		s.Shared = shared
		if d := p.Consider(&s, 400); (d.Verdict == RollBack) == shared {
			t.Errorf("shared %v: %+v", shared, d)
		}
	}
}

func TestTheSharesOfCountsThatAreStillToComeAreRemembered(t *testing.T) {
	p := Default(0.001, 180, 2)
	p.Width = 60
	s := p.Begin(History{Seconds: 3600, Outcomes: evidence.Outcomes{Requests: 360000, Failed: 360}})
	s.Intake.Memory = 2
	s.Ask(p, 0, 0.5)
	s.Ask(p, 125, 0.1)
	for now := 126.0; now < 360; now++ { // the counts of minutes are three minutes late
		p.Consider(&s, now)
	}
	if low, high := s.Schedule.Range(120, 180); low != 0.1 || high != 0.5 {
		t.Errorf("three minutes later the shares of the minute in which the share fell from 0.5 to 0.1 are %v to %v", low, high)
	}
	for minute := range 4 {
		for _, side := range []evidence.Side{evidence.Canary, evidence.Stable} {
			s.Report(side, minute, evidence.Outcomes{Requests: 100}, true)
		}
	}
	if p.Consider(&s, 361); len(s.Schedule.Orders) != 1 {
		t.Errorf("when they have come, %v is remembered, want the last order", s.Schedule.Orders)
	}
}

func TestWhatIsNormalChangesOnlyIfItSurelyHas(t *testing.T) {
	for _, tt := range []struct{ bad, all, least, most float64 }{
		{0, 0, 0.9, 1}, {0, 1000, 0, 0.001}, // one is added for what was not seen
		{20, 2000, 0.008, 0.0085}, {2000, 10000, 0.195, 0.2},
	} {
		if got := atLeast(tt.bad, tt.all); got < tt.least || got > tt.most {
			t.Errorf("%v of %v: got %v, want %v to %v", tt.bad, tt.all, got, tt.least, tt.most)
		}
	}
}

func TestAFailureOfWhichTheOtherSideIsNotKnownStopsWhatHasJustBegun(t *testing.T) {
	p := Default(0.01, 5, 2)
	begin := func() State {
		s := p.Begin(History{Seconds: 3600, Outcomes: evidence.Outcomes{Requests: 360000, Failed: 360}})
		p.Look(&s, 0)
		return s
	}
	s := begin()
	s.Report(evidence.Canary, 0, evidence.Outcomes{Requests: 1, Failed: 1}, true)
	if d := p.Consider(&s, 4); d.Share != 0 || d.Reason != ByPulse {
		t.Errorf("with one failure: %+v; want nothing until it is known what the old version did", d)
	}
	s.Report(evidence.Stable, 0, evidence.Outcomes{Requests: 99, Failed: 20}, true)
	if d := p.Consider(&s, 4); p.failing(&s, d) {
		t.Errorf("when it is known, and twenty of the old version failed, it is still waited for")
	}
	s = begin()
	s.Health.Add(evidence.Block{Seconds: 1, Low: 0.1, High: 0.1, Canary: evidence.Outcomes{Requests: 1000}})
	s.Report(evidence.Canary, 0, evidence.Outcomes{Requests: 10, Failed: 1}, true)
	if d := p.Consider(&s, 4); d.Share == 0 {
		t.Errorf("with one failure after a thousand good ones: %+v; want a share", d)
	}
}

func TestFailuresThatAreUsualStopNothing(t *testing.T) {
	p := Default(0.01, 5, 2)
	s := p.Begin(History{Seconds: 3600, Outcomes: evidence.Outcomes{Requests: 36000, Failed: 7200}})
	p.Look(&s, 0)
	s.Report(evidence.Canary, 0, evidence.Outcomes{Requests: 10, Failed: 4}, true)
	if d := p.Consider(&s, 4); p.failing(&s, d) {
		t.Errorf("four of ten failed where one of five does: it is waited for")
	}
	s.Report(evidence.Canary, 1, evidence.Outcomes{Requests: 10, Failed: 10}, true)
	if d := p.Consider(&s, 4); !p.failing(&s, d) {
		t.Errorf("fourteen of twenty failed where one of five does: nothing is waited for")
	}
}

func TestHalfOfTheTrafficIsNotTheMostForEver(t *testing.T) {
	p := Default(0.01, 5, 2)
	var s State
	for _, tt := range []struct{ now, excluded, want float64 }{
		{0, 1, 0.1}, {100, 0.3, 0.25}, {200, 0.1, 0.5}, {300, 0.04, 1}, {400, 0.06, 0.5},
		{200 + 2*p.Patience, 0.06, 0.5}, {260 + 2*p.Patience, 0.06, 0.5 * math.E}, // since 200
		{2000, 0.3, 0.25}, {2100, 0.1, 0.5}, // anew
	} {
		if got := p.capped(&s, Decision{Excluded: tt.excluded}, tt.now); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("after %v s an excess of %v is not ruled out: got %v, want %v", tt.now, tt.excluded, got, tt.want)
		}
	}
}

func TestMostLateFaultsOfTwiceTheFailuresAreFound(t *testing.T) {
	found := 0
	for rate := 90; rate < 110; rate++ { // which is the seed, too
		ds, _ := run(Default(0.01, 5, 2), service{rate: rate, fails: func(side evidence.Side, second int) float64 {
			if side == evidence.Canary && second >= 250 { // at nearly all of the traffic
				return 0.02
			}
			return 0.01
		}}, 1500, nil)
		if last(ds).Verdict == RollBack {
			found++
		}
	}
	// A diagnosis that ends after a hundred outcomes, or no suspicion of twice
	// as many failures, finds nine.
	if found < 14 {
		t.Errorf("%d of 20 were taken back, want 14", found)
	}
}

func TestAnIncidentExplainsASuspicion(t *testing.T) {
	ds, _ := run(Default(0.01, 5, 2), service{rate: 100, fails: func(_ evidence.Side, second int) float64 {
		if second >= 250 && second < 400 {
			return 0.2
		}
		return 0.001
	}}, 600, nil)
	for i, d := range ds[480:] {
		if d.Reason == BySuspicion {
			t.Fatalf("second %d, 80 s after the incident: %+v; want no suspicion", 480+i, d)
		}
	}
}

func TestASharedIncidentIsWaitedFor(t *testing.T) {
	v := service{rate: 100, fails: func(_ evidence.Side, second int) float64 {
		if second >= 250 && second < 400 {
			return 0.2
		}
		return 0.001
	}}
	p := Default(0.01, 5, 2)
	ds, _ := run(p, v, 2000, nil)
	if d := ds[300]; d.Share != 0 || d.Reason != ByIncident {
		t.Errorf("in the incident: %+v; want a share of 0", d)
	}
	if d := last(ds); d.Verdict != Finish {
		t.Errorf("ended after %d s with %+v; want Finish", len(ds), d)
	}
	p.RollBackBoth = true
	ds, _ = run(p, v, 2000, nil)
	if d := last(ds); d.Verdict != RollBack || d.Reason != ByIncident {
		t.Errorf("with the other policy it ended after %d s with %+v; want RollBack", len(ds), d)
	}
}

func TestWithoutTrafficNothingIsFinished(t *testing.T) {
	ds, _ := run(Default(0.01, 5, 2), service{rate: 0, fails: steady(0, 0)}, 3600, nil)
	for i, d := range ds {
		if d.Verdict != Go || d.Share > 0.1 {
			t.Fatalf("second %d: %+v; want to wait at 0.1 at most", i, d)
		}
	}
}

func TestTheShareStaysWithinThePlan(t *testing.T) {
	p := Default(0.01, 5, 2)
	for _, rate := range []int{1, 10, 300} {
		ds, _ := run(p, service{rate: rate, fails: steady(0.01, 0.01)}, 900, nil)
		before := 0.0
		for i, d := range ds {
			if d.Verdict != Go {
				continue
			}
			allowed := 0.05
			for _, s := range p.Pace {
				if float64(i+1) >= s.From {
					allowed = max(allowed, s.Share)
				}
			}
			if d.Share > allowed+1e-9 || before > 0 && d.Share > 4*before+1e-9 {
				t.Fatalf("rate %d, second %d: share %v after %v; want %v at most, and four times as much at most", rate, i, d.Share, before, allowed)
			}
			before = d.Share
		}
	}
}

func TestARolloutThatIsSavedAndLoadedGoesOnTheSame(t *testing.T) {
	p := Default(0.001, 5, 2)
	v := service{rate: 50, fails: steady(0.02, 0.01)}
	want, _ := run(p, v, 600, nil)
	got, _ := run(p, v, 600, func(s State) State {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 64<<10 {
			t.Fatalf("the state has %d bytes", len(text))
		}
		var back State
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		return back
	})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("with saving %+v after %d s, without %+v after %d s", last(got), len(got), last(want), len(want))
	}
}

func TestLookingTwiceChangesNothing(t *testing.T) {
	p := Default(0.01, 5, 2)
	v := service{rate: 100, fails: steady(0.01, 0.01)}
	once, _ := run(p, v, 200, nil)
	at := 0.0
	twice, _ := run(p, v, 200, func(s State) State {
		if at > 0 {
			// With the counts that came since: what is left for the look
			// that follows is to say it again.
			p.Look(&s, at+1)
		}
		at++
		return s
	})
	for i := range once {
		if !reflect.DeepEqual(once[i], twice[i]) {
			t.Fatalf("second %d: looking twice gave %+v, want %+v", i, twice[i], once[i])
		}
	}
}

func TestCountsByTheMinuteLetAReleaseRiseHoweverRarelyItIsLookedAt(t *testing.T) {
	for _, look := range []int{1, 5, 7, 11, 45} {
		p := Default(0.01, float64(180+look), 2)
		p.Width = 60
		v := service{rate: 20, fails: steady(0, 0)}
		rng := rand.New(rand.NewPCG(2, uint64(look)))
		s := p.Begin(History{Seconds: 3600, Outcomes: evidence.Outcomes{Requests: 72000}})
		var minutes [][2]evidence.Outcomes
		d, top, rose, now := Decision{}, 0, -1, 23
		for second := range 2 * 3600 {
			if second%60 == 0 {
				minutes = append(minutes, [2]evidence.Outcomes{})
			}
			for side, c := range v.second(rng, second, d.Share) {
				minutes[second/60][side].Add(c)
			}
			if second < now {
				continue
			}
			if known := second/60 - 3; known >= 0 { // two minutes late
				for side, c := range minutes[known] {
					s.Report(evidence.Side(side), known, c, true)
				}
			}
			before := s.Share
			if d = p.Look(&s, float64(second)); d.Verdict != Go {
				break
			}
			if before > 0 && d.Share > before {
				if rose == second/60 {
					t.Errorf("looked at every %d s, it rose twice in minute %d", look, rose)
				}
				rose = second / 60
			}
			if d.Share == p.Top && top == 0 {
				top = second
			}
			now = second + look
		}
		if d.Verdict != Finish || top == 0 || top > 3600 {
			t.Errorf("looked at every %d s, it is at the top after %d s and ends with %+v; want the top within an hour, and Finish", look, top, d)
		}
	}
}

func TestPoliciesAreChecked(t *testing.T) {
	if err := Default(0.01, 5, 2).Check(); err != nil {
		t.Error(err)
	}
	for _, spoil := range []func(*Policy){
		func(p *Policy) { p.Alpha = 0 },
		func(p *Policy) { p.Budget = -1 },
		func(p *Policy) { p.Top = 2 },
		func(p *Policy) { p.Pace = []Pace{{0, .5}, {10, .1}} },
		func(p *Policy) { p.Errors.Bets = nil },
		func(p *Policy) { p.Times.Bets = p.Times.Bets[1:] },
	} {
		p := Default(0.01, 5, 2)
		spoil(&p)
		if err := p.Check(); err == nil {
			t.Errorf("%+v is accepted", p)
		}
	}
}

func BenchmarkLook(b *testing.B) {
	p := Default(0.01, 5, 2)
	s := p.Begin(History{Seconds: 3600, Outcomes: evidence.Outcomes{Requests: 360000, Failed: 360}})
	canary := evidence.Outcomes{Requests: 10, Failed: 0, Timed: 10, Slower: []int{5, 1, 0}}
	stable := evidence.Outcomes{Requests: 90, Failed: 1, Timed: 90, Slower: []int{45, 9, 1}}
	t := 0
	b.ReportAllocs()
	for b.Loop() {
		s.Report(evidence.Canary, t, canary, true)
		s.Report(evidence.Stable, t, stable, true)
		t++
		p.Look(&s, float64(t))
	}
}
