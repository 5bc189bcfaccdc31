package evidence

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func share(t *rapid.T, name string) float64 { return rapid.Float64Range(0, 1).Draw(t, name) }

// tolerated draws rates that the tolerance allows, on its boundary half of the time.
func tolerated(t *rapid.T, tol Tolerance) (canary, stable float64) {
	stable = share(t, "stable") * rapid.SampledFrom([]float64{1, 1, 0.1, 0.001}).Draw(t, "scale")
	limit := min(1, tol.Ratio*stable+tol.Excess)
	canary = limit
	if rapid.Bool().Draw(t, "below the boundary") {
		canary *= share(t, "canary")
	}
	return canary, stable
}

func one(canary, failed bool) (b Block) {
	o := Outcomes{Requests: 1}
	if failed {
		o.Failed = 1
	}
	if canary {
		b.Canary = o
	} else {
		b.Stable = o
	}
	return b
}

func TestALabelIsExpectedToGainNothingOnAToleratedVersion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Label{Tolerance: Tolerance{1 + 2*share(t, "ratio"), 0.2 * share(t, "excess")}, Dispersion: 1 + 9*share(t, "dispersion")}
		bet := 1 + math.Exp(rapid.Float64Range(-5, 8).Draw(t, "bet"))
		low, high := share(t, "w1"), 0.999*share(t, "w2")
		low, high = min(low, high), max(low, high)
		w := low + (high-low)*share(t, "w")
		p, q := tolerated(t, l.Tolerance)
		mean := 0.0
		for _, c := range []struct {
			chance         float64
			canary, failed bool
		}{{w * p, true, true}, {w * (1 - p), true, false}, {(1 - w) * q, false, true}, {(1 - w) * (1 - q), false, false}} {
			b := one(c.canary, c.failed)
			b.Low, b.High = low, high
			mean += c.chance * math.Exp(l.log(bet, b)/l.Dispersion)
		}
		if mean > 1+1e-12 {
			t.Fatalf("expectation %.17g at share %v in [%v, %v], bet %v, %+v, rates %v and %v; want at most 1", mean, w, low, high, bet, l.Tolerance, p, q)
		}
	})
}

func TestALadderIsExpectedToGainNothingOnAToleratedVersion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		thresholds := rapid.IntRange(1, 4).Draw(t, "thresholds")
		l := Ladder{Tolerated: make([]float64, thresholds)}
		stable, canary := make([]float64, thresholds), make([]float64, thresholds)
		ratios := make([]float64, thresholds+1)
		above, aboveCanary, ratio := 1.0, 1.0, math.Exp(rapid.Float64Range(-4, 1).Draw(t, "lowest"))
		ratios[0] = ratio
		for j := range thresholds {
			l.Tolerated[j] = 0.1 * share(t, "tolerated")
			above *= share(t, "stable")
			stable[j] = above
			aboveCanary = min(aboveCanary, above+l.Tolerated[j])
			if rapid.Bool().Draw(t, "faster") {
				aboveCanary *= share(t, "canary")
			}
			canary[j] = aboveCanary
			ratio *= math.Exp(rapid.Float64Range(0, 3).Draw(t, "step"))
			ratios[j+1] = ratio
		}
		low, high := share(t, "w1"), 0.999*share(t, "w2")
		low, high = min(low, high), max(low, high)
		w := low + (high-low)*share(t, "w")
		l.Bets = []Shape{{Ratios: ratios, Prior: 1}}
		bet := l.odds(low, high).bets[0]
		mean := 0.0
		for k := range thresholds + 1 {
			slower := make([]int, thresholds)
			for j := range k {
				slower[j] = 1
			}
			one := Outcomes{Requests: 1, Timed: 1, Slower: slower}.classes(nil, thresholds+1)
			none := Outcomes{}.classes(nil, thresholds+1)
			mean += w * class(canary, k) * math.Exp(bet.log(one, none, 1))
			mean += (1 - w) * class(stable, k) * math.Exp(bet.log(none, one, 1))
		}
		if mean > 1+1e-12 {
			t.Fatalf("expectation %.17g at share %v in [%v, %v], ratios %v, tolerated %v, slower %v and %v; want at most 1",
				mean, w, low, high, ratios, l.Tolerated, canary, stable)
		}
	})
}

func TestALadderGivenTheNumbersIsExpectedToGainNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Two classes, a few requests of each version: the expectation over all
		// outcomes given how many requests there were.
		n, m := rapid.IntRange(0, 5).Draw(t, "canary"), rapid.IntRange(1, 5).Draw(t, "stable")
		l := Ladder{Tolerated: []float64{0.1 * share(t, "tolerated")}, Onset: Onset{AtStart: 1}}
		low := math.Exp(rapid.Float64Range(-3, 0).Draw(t, "low"))
		l.Bets = []Shape{{Ratios: []float64{low, low * math.Exp(rapid.Float64Range(0, 4).Draw(t, "step"))}, Prior: 1}}
		q := share(t, "stable slow")
		p := min(1, q+l.Tolerated[0])
		mean := 0.0
		for x := range n + 1 {
			for y := range m + 1 {
				w := l.Begin()
				l.Add(&w, Block{Seconds: 1, Low: 0, High: 0.9,
					Canary: Outcomes{Timed: n, Slower: []int{x}}, Stable: Outcomes{Timed: m, Slower: []int{y}}})
				mean += binomial(n, x, p) * binomial(m, y, q) * l.Value(w)
			}
		}
		if mean > 1+1e-12 {
			t.Fatalf("expectation %.17g with %d and %d requests, %+v, rates %v and %v; want at most 1", mean, n, m, l, p, q)
		}
	})
}

func binomial(n, k int, p float64) float64 {
	chance := 1.0
	for i := range k {
		chance *= float64(n-i) / float64(i+1) * p
	}
	return chance * math.Pow(1-p, float64(n-k))
}

// class is the share in class k when slower has those beyond each threshold.
func class(slower []float64, k int) float64 {
	above, next := 1.0, 0.0
	if k > 0 {
		above = slower[k-1]
	}
	if k < len(slower) {
		next = slower[k]
	}
	return above - next
}

func TestHealthIsExpectedToGainNothingOnAVersionThatIsAsBadAsItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := 0.999 * share(t, "w")
		low := w * share(t, "low")
		d := share(t, "excess")
		q := (1 - d) * share(t, "stable")
		p := q + d + (1-q-d)*share(t, "more")
		mean := func(log func(Health) float64) (sum float64) {
			for _, c := range []struct {
				chance         float64
				canary, failed bool
			}{{w * p, true, true}, {w * (1 - p), true, false}, {(1 - w) * q, false, true}, {(1 - w) * (1 - q), false, false}} {
				b := one(c.canary, c.failed)
				b.Low, b.High = low, w
				var h Health
				h.Add(b)
				sum += c.chance * math.Exp(log(h))
			}
			return sum
		}
		got := mean(func(h Health) float64 { value, _ := h.lines().log(d); return value })
		if got > 1+1e-12 {
			t.Fatalf("expectation %.17g at share %v (low %v), excess %v, rates %v and %v; want at most 1", got, w, low, d, p, q)
		}
	})
}

func TestBetsThatStopAtEnoughAreExpectedToGainNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// All numbers of failures of the new version among those of a block,
		// with wealth that has a past.
		l := Label{Tolerance: Tolerance{Ratio: 1 + share(t, "ratio")}, Onset: Onset{AtStart: share(t, "start"), PerSecond: 0.1}, Dispersion: 1}
		l.Bets = DefaultBets()
		l.Reference = rapid.SampledFrom([]float64{0, 0.001, 0.1}).Draw(t, "reference")
		w := l.Begin()
		for i := range w.Placed {
			w.Placed[i] *= math.Exp(rapid.Float64Range(-9, 3).Draw(t, "past"))
		}
		w.Level = Level{Requests: 1000, Failed: 300 * share(t, "level")}
		enough := l.Value(w) * math.Exp(rapid.Float64Range(0.001, 6).Draw(t, "enough"))
		high := 0.001 + 0.99*share(t, "w")
		m := rapid.IntRange(1, mostFailures).Draw(t, "failures")
		worst := l.Tolerance.Ratio * high / (l.Tolerance.Ratio*high + 1 - high)
		if rapid.Bool().Draw(t, "better") {
			worst *= share(t, "canary")
		}
		mean := 0.0
		for x := range m + 1 {
			after := Wealth{Placed: append([]float64(nil), w.Placed...), Tail: w.Tail, Level: w.Level}
			l.AddUpTo(&after, Block{Seconds: 0, Low: high, High: high,
				Canary: Outcomes{Requests: 500, Failed: x}, Stable: Outcomes{Requests: 500, Failed: m - x}}, enough)
			value := l.Value(after)
			if value > enough*(1+1e-9) {
				t.Fatalf("%d of %d failures are worth %v, want %v at most", x, m, value, enough)
			}
			mean += binomial(m, x, worst) * value
		}
		if before := l.Value(w); mean > before*(1+1e-12) {
			t.Fatalf("expectation %.17g of %.17g with %d failures at share %v, enough at %v; want at most the latter", mean, before, m, high, enough)
		}
	})
}

func TestABetThatStopsAtEnoughLosesLessWhenItLoses(t *testing.T) {
	l := NewLabel(Tolerance{Ratio: 1})
	plain, bounded := l.Begin(), l.Begin()
	hit := Block{Seconds: 1, Low: 0.01, High: 0.01, Canary: Outcomes{Requests: 1, Failed: 1}, Stable: Outcomes{Requests: 99}}
	miss := Block{Seconds: 1, Low: 0.01, High: 0.01, Stable: Outcomes{Requests: 100, Failed: 1}}
	for _, b := range []Block{hit, miss, miss, miss} {
		l.Add(&plain, b)
		l.AddUpTo(&bounded, b, 100)
	}
	if p, b := l.Value(plain), l.Value(bounded); b < 1.3*p {
		t.Errorf("bounded %v, plain %v; want a third more at least", b, p)
	}
	l.AddUpTo(&bounded, hit, 100)
	if value := l.Value(bounded); math.Abs(value-100) > 1e-9 {
		t.Errorf("after two failures of 1 %% the value is %v, want 100", value)
	}
}

func TestAnIncidentDoesNotRuinABetOnAFault(t *testing.T) {
	incident := Block{Seconds: 1, Low: 0.01, High: 0.01, Canary: Outcomes{Requests: 1}, Stable: Outcomes{Requests: 99, Failed: 20}}
	left := func(reference float64) float64 {
		l := NewLabel(Tolerance{Ratio: 1})
		l.Bets, l.Reference = []Bet{{Ratio: 50, Prior: 1}}, reference
		w := l.Begin()
		for range 10 {
			l.Add(&w, incident)
		}
		return w.Placed[0]
	}
	if with, without := left(0.001), left(0); with < 0.05 || without > 1e-6 {
		t.Errorf("after ten seconds of an incident %v is left with a reference and %v without; want most and nothing", with, without)
	}
}

func blocks(t *rapid.T, n int) []Block {
	bs := make([]Block, n)
	for i := range bs {
		low, high := share(t, "low"), share(t, "high")
		bs[i] = Block{Seconds: 1 + 60*share(t, "seconds"), Low: min(low, high), High: max(low, high)}
		if rapid.Bool().Draw(t, "steady") {
			bs[i].Low = bs[i].High
		}
		for _, o := range []*Outcomes{&bs[i].Canary, &bs[i].Stable} {
			o.Requests = rapid.IntRange(0, 20).Draw(t, "requests")
			o.Failed = rapid.IntRange(0, min(3, o.Requests)).Draw(t, "failed")
			o.Timed = o.Requests
			left := o.Timed
			for range 3 {
				left = rapid.IntRange(0, left).Draw(t, "slower")
				o.Slower = append(o.Slower, left)
			}
		}
	}
	return bs
}

func TestTheRecursionIsTheSumOverAllOnsets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := NewLabel(Tolerance{Ratio: 1, Excess: 0.01 * share(t, "excess")})
		l.Onset = Onset{AtStart: share(t, "start"), PerSecond: 0.05 * share(t, "rate")}
		bs := blocks(t, rapid.IntRange(1, 8).Draw(t, "blocks"))
		w := l.Begin()
		for _, b := range bs {
			l.Add(&w, b)
		}
		// By hand: for each onset and each bet the product of all that follows.
		want, tail := 0.0, 1-l.Onset.AtStart
		for onset := -1; onset < len(bs); onset++ {
			prior, from := l.Onset.AtStart, 0
			if onset >= 0 {
				prior, from = min(tail, l.Onset.PerSecond*bs[onset].Seconds), onset
				tail -= prior
			}
			for _, bet := range l.Bets {
				log := 0.0
				for _, b := range bs[from:] {
					if b.Low < 1 && b.High > 0 && b.High < 1 {
						log += l.log(bet.Ratio, b)
					}
				}
				want += prior * bet.Prior * math.Exp(log)
			}
		}
		want += tail
		if got := l.Value(w); math.Abs(got-want) > 1e-9*want {
			t.Fatalf("recursion %v, sum over onsets %v", got, want)
		}
	})
}

func TestTheOrderOfBlocksDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bs := blocks(t, 6)
		value := func(order []int) (label, ladder, excluded float64) {
			l, d := NewLabel(Tolerance{Ratio: 1.1, Excess: 0.001}), DefaultLadder()
			l.Onset, d.Onset = Onset{AtStart: 1}, Onset{AtStart: 1}
			lw, dw := l.Begin(), d.Begin()
			var h Health
			for _, i := range order {
				l.Add(&lw, bs[i])
				d.Add(&dw, bs[i])
				h.Add(bs[i])
			}
			return l.Value(lw), d.Value(dw), h.Excluded(0.05)
		}
		a1, b1, c1 := value([]int{0, 1, 2, 3, 4, 5})
		a2, b2, c2 := value(rapid.Permutation([]int{0, 1, 2, 3, 4, 5}).Draw(t, "order"))
		for _, p := range [][2]float64{{a1, a2}, {b1, b2}, {c1, c2}} {
			if math.Abs(p[0]-p[1]) > 1e-9*max(p[0], p[1]) {
				t.Fatalf("%v in one order, %v in another", p[0], p[1])
			}
		}
	})
}

func TestABlockWithoutComparisonIsNeutral(t *testing.T) {
	for _, w := range [][2]float64{{0, 0}, {1, 1}, {0.5, 1}} {
		b := Block{Seconds: 60, Low: w[0], High: w[1]}
		b.Canary = Outcomes{Requests: 50, Failed: 40, Timed: 50, Slower: []int{50, 50, 50}}
		b.Stable = Outcomes{Requests: 50, Failed: 3, Timed: 50, Slower: []int{5, 1, 0}}
		l, d := NewLabel(Tolerance{Ratio: 1}), DefaultLadder()
		lw, dw := l.Begin(), d.Begin()
		l.Add(&lw, b)
		d.Add(&dw, b)
		if got := l.Value(lw); math.Abs(got-1) > 1e-12 {
			t.Errorf("shares %v: failures are worth %v, want 1", w, got)
		}
		if got := d.Value(dw); math.Abs(got-1) > 1e-12 {
			t.Errorf("shares %v: durations are worth %v, want 1", w, got)
		}
	}
}

func TestTwoFailuresOfOnePercentAreProofWhereNothingFailedBefore(t *testing.T) {
	l := NewLabel(Tolerance{Ratio: 1})
	w := l.Begin()
	for i, enough := range []bool{false, true} {
		l.Add(&w, Block{Seconds: 1, Low: 0.01, High: 0.01, Canary: Outcomes{Requests: 1, Failed: 1}, Stable: Outcomes{Requests: 99}})
		if got := l.Value(w) >= 100; got != enough {
			t.Errorf("after %d failures E = %v, condemned %v, want %v", i+1, l.Value(w), got, enough)
		}
	}
}

func TestBothGettingWorseIsNotTheNewVersionsFault(t *testing.T) {
	l := NewLabel(Tolerance{Ratio: 1})
	w := l.Begin()
	for range 1000 {
		l.Add(&w, Block{Seconds: 1, Low: 0.25, High: 0.25, Canary: Outcomes{Requests: 25, Failed: 5}, Stable: Outcomes{Requests: 75, Failed: 15}})
	}
	if got := l.Value(w); got > 1 {
		t.Errorf("20%% of both failing for 1000 seconds is worth %v, want at most 1", got)
	}
	s := SuspectFailures(Outcomes{Requests: 100000, Failed: 100})
	s.Add(1, 25, 5)
	if !s.Loud() {
		t.Errorf("suspicion is at %v after 5 failures of 25 at 0.1%% before, want loud", s.Value())
	}
}

func TestReleasingTheTailMakesALateFaultCheaper(t *testing.T) {
	fault := Block{Seconds: 1, Low: 0.1, High: 0.1, Canary: Outcomes{Requests: 10, Failed: 1}, Stable: Outcomes{Requests: 90}}
	after := func(release float64) (failures int) {
		l := NewLabel(Tolerance{Ratio: 1})
		w := l.Begin()
		for range 600 {
			l.Add(&w, Block{Seconds: 1, Low: 0.5, High: 0.5, Canary: Outcomes{Requests: 50, Failed: 1}, Stable: Outcomes{Requests: 50, Failed: 1}})
		}
		w.Release(release)
		for l.Value(w) < 100 {
			l.Add(&w, fault)
			failures++
		}
		return failures
	}
	without, with := after(0), after(0.3)
	if with >= without {
		t.Errorf("%d failures with a release, %d without; want fewer", with, without)
	}
}

func TestExcludedIsAboutThreeAndAHalfOverNWithoutFailures(t *testing.T) {
	for _, n := range []int{10, 100, 1000, 100000} {
		h := Health{Requests: n}
		got := h.Excluded(0.05) * float64(n)
		if got < 3 || got > 4 {
			t.Errorf("after %d requests without failures %v/n is excluded, want 3 to 4", n, got)
		}
	}
	if got := (Health{}).Excluded(0.05); got != 1 {
		t.Errorf("without requests %v is excluded, want 1", got)
	}
	if got := (Health{Requests: 10, Failed: 10}).Excluded(0.05); got != 1 {
		t.Errorf("after failures only %v is excluded, want 1", got)
	}
}

func TestExcludedSolvesItsEquation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Health
		for _, b := range blocks(t, 5) {
			h.Add(b)
		}
		d := h.Excluded(0.05)
		if d == 1 || d == 0 {
			return
		}
		if value, _ := h.lines().log(d); math.Abs(value-math.Log(20)) > 1e-6 {
			t.Fatalf("at %v the logarithm is %v, want ln 20 = %v: %+v", d, value, math.Log(20), h)
		}
	})
}

func TestAverageIsNeverLaterThanBonferroni(t *testing.T) {
	if got := Average(Part{100 / 0.6, 0.6}, Part{0, 0.4}); got < 100-1e-9 {
		t.Errorf("average %v, want 100", got)
	}
	if got := Average(); got != 1 {
		t.Errorf("average of nothing is %v, want 1", got)
	}
}

func TestDispersionFindsTriplesAndForgivesDrift(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var alone, triples, drift []int
	poisson := func(mean float64) (n int) {
		for p := rng.Float64(); p > math.Exp(-mean); p *= rng.Float64() {
			n++
		}
		return n
	}
	for i := range 2000 {
		alone = append(alone, poisson(1))
		triples = append(triples, 3*poisson(0.3))
		drift = append(drift, poisson(1+float64(i)/500))
	}
	if got := Dispersion(alone); got != 1 {
		t.Errorf("independent failures: %v, want 1", got)
	}
	if got := Dispersion(drift); got != 1 {
		t.Errorf("drifting independent failures: %v, want 1", got)
	}
	if got := Dispersion(triples); got < 2.5 || got > 3.5 {
		t.Errorf("triples: %v, want about 3", got)
	}
	if got := Dispersion([]int{0, 0, 9, 0, 0}); got != 1 {
		t.Errorf("nine failures: %v, want 1: too few to tell", got)
	}
}

func TestARequestThatHangsCountsAsSlowBeforeItEnds(t *testing.T) {
	o, final := Time([]float64{1, 2, 5}, []float64{0.5, 1.5, 9}, []float64{6, 3})
	want := Outcomes{Timed: 4, Slower: []int{3, 2, 2}}
	if !reflect.DeepEqual(o, want) || final {
		t.Errorf("got %+v, final %v; want %+v, not final for the one that runs for 3", o, final, want)
	}
	if _, final := Time([]float64{1}, nil, []float64{2}); !final {
		t.Error("a request that outlived every threshold is not final, want final")
	}
}

func TestThresholdsAreTheOldVersionsQuantiles(t *testing.T) {
	var durations []float64
	for i := range 1000 {
		durations = append(durations, float64((i*7919)%1000+1))
	}
	got, ok := Thresholds(durations, Quantiles[:]...)
	if want := []float64{500, 900, 990}; !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, ok, want)
	}
	if _, ok := Thresholds(durations[:99], 0.99); ok {
		t.Error("99 samples are enough for the slowest of a hundred; want not")
	}
}

func TestAScheduleKnowsWhatMayHaveBeenInForce(t *testing.T) {
	s := Schedule{Settle: 3}
	s.Ask(10, 0.1)
	s.Ask(20, 0.5)
	s.Ask(21, 0.2)
	for _, c := range []struct{ from, to, low, high float64 }{
		{0, 10, 0, 0}, {10, 11, 0, 0.1}, {12, 13, 0, 0.1}, {13, 14, 0.1, 0.1},
		{19, 20, 0.1, 0.1}, {19, 21, 0.1, 0.5}, {22, 23, 0.1, 0.5}, {23, 24, 0.2, 0.5}, {24, 25, 0.2, 0.2},
	} {
		if low, high := s.Range(c.from, c.to); low != c.low || high != c.high {
			t.Errorf("[%v, %v): %v to %v, want %v to %v", c.from, c.to, low, high, c.low, c.high)
		}
	}
	before := fmt.Sprint(s.Range(30, 31))
	s.Forget(30)
	if after := fmt.Sprint(s.Range(30, 31)); after != before || len(s.Orders) != 1 {
		t.Errorf("after forgetting: %s with %d orders, want %s with 1", after, len(s.Orders), before)
	}
}

func TestStateSurvivesJSON(t *testing.T) {
	l := NewLabel(Tolerance{Ratio: 1})
	w := l.Begin()
	b := Block{Seconds: 1, Low: 0.01, High: 0.01, Canary: Outcomes{Requests: 3, Failed: 1}, Stable: Outcomes{Requests: 99, Failed: 1}}
	l.Add(&w, b)
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	var back Wealth
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	l.Add(&w, b)
	l.Add(&back, b)
	if !reflect.DeepEqual(w, back) {
		t.Errorf("got %v after JSON, want %v", back, w)
	}
}

func TestDefaultRulesAreSound(t *testing.T) {
	if err := NewLabel(Tolerance{Ratio: 1}).Check(); err != nil {
		t.Error(err)
	}
	if err := DefaultLadder().Check(); err != nil {
		t.Error(err)
	}
	bad := NewLabel(Tolerance{Ratio: 1})
	bad.Bets = bad.Bets[1:]
	if err := bad.Check(); err == nil {
		t.Error("priors that do not sum to 1 are accepted")
	}
	if err := NewLabel(Tolerance{Ratio: 0.5}).Check(); err == nil {
		t.Error("a tolerated ratio below 1 is accepted")
	}
}

func TestTheLimitIsThatOfWald(t *testing.T) {
	for _, c := range []struct{ p, q, want float64 }{{0.051, 0.001, 29.6}, {0.02, 0.01, 1155}} {
		if got, err := Limit(c.p, c.q, 0.01, 0.01); err != nil || math.Abs(got-c.want) > 0.02*c.want {
			t.Errorf("%v against %v takes %v requests (%v), want about %v", c.p, c.q, got, err, c.want)
		}
	}
}

func BenchmarkOneLook(b *testing.B) {
	l, d := NewLabel(Tolerance{Ratio: 1}), DefaultLadder()
	lw, dw := l.Begin(), d.Begin()
	var h Health
	s := SuspectFailures(Outcomes{Requests: 1e6, Failed: 1000})
	block := Block{Seconds: 1, Low: 0.1, High: 0.1,
		Canary: Outcomes{Requests: 10, Failed: 1, Timed: 10, Slower: []int{5, 1, 0}},
		Stable: Outcomes{Requests: 90, Failed: 1, Timed: 90, Slower: []int{45, 9, 1}}}
	for b.Loop() {
		l.Add(&lw, block)
		d.Add(&dw, block)
		h.Add(block)
		s.Add(1, 10, 1)
		if Average(Part{l.Value(lw), 0.6}, Part{d.Value(dw), 0.4}) >= 100 || s.Loud() || h.Excluded(0.05) < 0 {
			lw, dw, h = l.Begin(), d.Begin(), Health{}
			s.Reset(s.Reference)
		}
	}
}
