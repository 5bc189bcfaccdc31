package suite

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestDrawsHaveTheirMeansAndSpreads(t *testing.T) {
	r := newStream(1)
	const n = 20000
	for _, mean := range []float64{0.1, 3, 9.9, 10, 57, 1000} {
		check(t, mean, mean, func() int { return r.poisson(mean) }, n)
	}
	for _, c := range []struct {
		n int
		p float64
	}{{1, 0.3}, {20, 0.01}, {50, 0.5}, {100, 0.95}, {1000, 0.2}, {1000, 0.99}, {100000, 0.001}} {
		check(t, float64(c.n)*c.p, float64(c.n)*c.p*(1-c.p), func() int { return r.binomial(c.n, c.p) }, n)
	}
}

// check draws n times and compares mean and variance, at five standard errors.
func check(t *testing.T, mean, variance float64, draw func() int, n int) {
	t.Helper()
	sum, squares := 0.0, 0.0
	for range n {
		d := float64(draw()) - mean
		sum += d
		squares += d * d
	}
	if off := math.Abs(sum / float64(n)); off > 5*math.Sqrt(variance/float64(n)) {
		t.Errorf("mean %v, variance %v: the mean is off by %v", mean, variance, off)
	}
	got := squares / float64(n)
	if math.Abs(got-variance) > variance*5*math.Sqrt((2+1/variance)/float64(n)) {
		t.Errorf("mean %v, variance %v: the variance is %v", mean, variance, got)
	}
}

func measure(t testing.TB, o Options) []Row {
	t.Helper()
	rows, err := Measure(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func pick(t *testing.T, names ...string) (some []Scenario) {
	t.Helper()
	for _, name := range names {
		for _, s := range Headline() {
			if strings.HasPrefix(s.Name, name) {
				some = append(some, s)
			}
		}
	}
	return some
}

func TestTheSameSeedIsTheSameTableWhateverElseIsMeasured(t *testing.T) {
	rowsOf := func(workers int, policies []Policy, names ...string) map[string]Row {
		rows := measure(t, Options{Scenarios: pick(t, names...), Policies: policies, Reps: 6, Seed: 3, Workers: workers})
		by := map[string]Row{}
		for _, r := range rows {
			by[r.Scenario.Name+r.Policy] = r
		}
		return by
	}
	all := rowsOf(2, Policies(), "H1", "H4")
	alone := rowsOf(1, Crossfade()[:1], "H4")
	if len(alone) != 1 {
		t.Fatalf("%d rows, want 1", len(alone))
	}
	for key, want := range alone {
		if got := all[key]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v among others, %+v alone", key, got, want)
		}
	}
}

func TestTheHeadlineGoalsAreMet(t *testing.T) {
	goals := DefaultGoals()
	for name := range goals.Harm {
		if len(pick(t, name)) != 1 {
			t.Errorf("there is a goal for %q, which is no scenario", name)
		}
	}
	rows := measure(t, Options{Scenarios: Headline(), Policies: Crossfade(), Reps: 40, Seed: 11, Workers: 2})
	for _, missed := range goals.Check(rows, false) {
		t.Error(missed)
	}
}

func TestMissedGoalsAreSaid(t *testing.T) {
	g := Goals{Policies: []string{"p"}, Alpha: 0.01, TopSeconds: 180, Harm: map[string]float64{"bad": 2}}
	bad, good := Scenario{Name: "bad", Rate: 10, Fault: 1}, Scenario{Name: "good", Rate: 10}
	rows := []Row{
		{Scenario: bad, Policy: "p", Reps: 100, Harm: 3, Error: 0.3},
		{Scenario: bad, Policy: "other", Reps: 100, Harm: 300},
		{Scenario: good, Policy: "p", Reps: 100, RolledBack: 0.1, Upper: upper(0.1, 100), Top: 300},
		{Scenario: Scenario{Name: "nobody"}, Policy: "p", Reps: 100, Finished: 1, Upper: upper(0, 100)},
	}
	want := []string{
		"bad, p: 3.00 ± 0.30 bad requests, goal 2",
		"good, p: 10.0 % of good releases taken back, at least 5.5 %, goal 1.0 %",
		"nobody, p: 100 % finished without traffic",
		"p: 95 % of the traffic after 5m, goal 3m",
	}
	if got := g.Check(rows, false); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := g.Check(rows, true); len(got) != 5 {
		t.Errorf("strictly %q is missed, want also that none of a hundred is not enough", got)
	}
	if _, err := ReadGoals([]byte(`{"alpha": 0.01}`)); err == nil {
		t.Error("goals without policies are accepted")
	}
}

func TestGoodReleasesStayAndNoTrafficIsNotHealthy(t *testing.T) {
	rows := measure(t, Options{Scenarios: pick(t, "H7", "H8 good", "no traffic"), Policies: Crossfade(), Reps: 40, Seed: 5, Workers: 2})
	for _, r := range rows {
		switch {
		case r.RolledBack > 0.05:
			t.Errorf("%s, %s: %.3f taken back", r.Scenario.Name, r.Policy, r.RolledBack)
		case r.Scenario.Rate == 0 && r.Held != 1:
			t.Errorf("%s, %s: %.3f held, want all", r.Scenario.Name, r.Policy, r.Held)
		case strings.HasPrefix(r.Scenario.Name, "H7") && (r.Top == 0 || r.Top > 190):
			t.Errorf("%s, %s: 95 %% of the traffic after %v s, want 190 at most", r.Scenario.Name, r.Policy, r.Top)
		}
	}
}

func TestAnchorsDoWhatTheyAreKnownFor(t *testing.T) {
	rows := measure(t, Options{Scenarios: pick(t, "H7 good, 1%", "no traffic"), Policies: Anchors(), Reps: 60, Seed: 5, Workers: 2})
	for _, r := range rows {
		switch {
		case r.Scenario.Rate > 0 && r.Policy == "CodeDeploy canary, any error" && r.RolledBack < 0.8:
			t.Errorf("%s takes back %.2f of good releases that fail once in a hundred, want nearly all", r.Policy, r.RolledBack)
		case r.Scenario.Rate > 0 && r.Policy == "CodeDeploy canary, above 5%" && (r.RolledBack > 0.1 || r.Done != 300):
			t.Errorf("%s takes back %.2f and is done after %v s, want few, and 300", r.Policy, r.RolledBack, r.Done)
		case r.Scenario.Rate == 0 && strings.HasPrefix(r.Policy, "CodeDeploy") && r.Finished != 1:
			t.Errorf("%s finishes %.2f without traffic, want all", r.Policy, r.Finished)
		case r.Scenario.Rate == 0 && (strings.HasPrefix(r.Policy, "Flagger") || strings.HasPrefix(r.Policy, "Argo")) && r.RolledBack != 1:
			t.Errorf("%s takes back %.2f without traffic, want all", r.Policy, r.RolledBack)
		}
	}
}

func TestAnchorsAreChecked(t *testing.T) {
	for _, text := range []string{
		`[{name: a, source: cloudwatch}]`,
		`[{name: a, source: rumour, steps: [{from: 0, share: 0.1}], ends: 10}]`,
		`[{name: a, source: cloudwatch, steps: [{from: 20, share: 0.1}], ends: 10}]`,
		`[{name: a, source: cloudwatch, steps: [{from: 0, share: 0.1}], ends: 10, alarm: {metric: mood}}]`,
		`[{name: a, sauce: cloudwatch}]`,
	} {
		if _, err := ReadAnchors([]byte(text)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestLimitsAreThoseOfTheLiterature(t *testing.T) {
	want := map[string]float64{"H1": 0.99, "H2": 1.48, "H3": 11.5, "H4": 0.99, "H5": 3, "H6": 25.2}
	for name, limit := range want {
		got, feasible := pick(t, name)[0].Limit()
		if math.Abs(got-limit) > 0.02*limit || !feasible {
			t.Errorf("%s: limit %v, feasible %v; want %v", name, got, feasible, limit)
		}
	}
}

func TestNamesAreUniqueBecauseDrawsHangOnThem(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Full() {
		if seen[s.Name] {
			t.Errorf("%q is there twice", s.Name)
		}
		seen[s.Name] = true
	}
	if _, err := Scenarios("full", "no such thing"); err == nil {
		t.Error("a pattern that fits nothing is accepted")
	}
}

func BenchmarkHeadline(b *testing.B) {
	for b.Loop() {
		measure(b, Options{Scenarios: Headline(), Policies: Crossfade(), Reps: 1, Seed: 1, Workers: 2})
	}
}

// TestAFewOfEveryScenarioKeepTheGate is a small sample of what the suites full and
// null measure: enough to see when something broke, in seconds.
func TestAFewOfEveryScenarioKeepTheGate(t *testing.T) {
	const reps, seed = 5, 4
	rows := measure(t, Options{Scenarios: Full(), Policies: Crossfade(), Reps: reps, Seed: seed, Workers: 2})
	for _, total := range Totals(rows) {
		if total.HarmRatio > 3.3 || total.Bad < 60 {
			t.Errorf("seed %d, %s: %.2f times the limit over %d scenarios, want 3.3 at most over 60 at least", seed, total.Policy, total.HarmRatio, total.Bad)
		}
	}
	good, back := 0, 0.0
	for _, r := range rows {
		if r.Scenario.Good() {
			good += r.Reps
			back += r.RolledBack * float64(r.Reps)
		}
		if r.Scenario.Rate == 0 && r.Finished > 0 {
			t.Errorf("seed %d, %s: %.2f finished without traffic", seed, r.Policy, r.Finished)
		}
	}
	// A share of alpha is 5 of 510; more than twice that has a chance of 1 %.
	if most := 2 * DefaultGoals().Alpha * float64(good); back > most {
		t.Errorf("seed %d: %.0f of %d good releases were taken back, want %.0f at most", seed, back, good, most)
	}
}

// BenchmarkNull plays each good release of the suite null once with whole percents:
// what a gate of thousands of replications costs. It reports the time of a rollout.
func BenchmarkNull(b *testing.B) {
	null := Null()
	b.ReportAllocs()
	seed := uint64(0)
	for b.Loop() {
		seed++
		measure(b, Options{Scenarios: null, Policies: Crossfade(), Reps: 1, Seed: seed, Workers: 1})
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(null)*len(Crossfade())), "µs/rollout")
}

func TestHalfAsManyFailuresMoreAreFoundWhereManyFailAnyway(t *testing.T) {
	often := []Scenario{{Name: "bad, 20% to 30%, 10/s", Rate: 10, Base: 0.2, Fault: 0.3}, {Name: "good, 20%, 1/s", Rate: 1, Base: 0.2}}
	for _, r := range measure(t, Options{Scenarios: often, Policies: Crossfade(), Reps: 40, Seed: 1, Workers: 2}) {
		switch {
		case !r.Scenario.Good() && r.Missed > 0.05: // two of three, if every failure stops the new version for a moment
			t.Errorf("%s, %s: %.2f missed, want one at most", r.Scenario.Name, r.Policy, r.Missed)
		case r.Scenario.Good() && (r.RolledBack > 0.03 || r.Held > 0.1): // five of six, if half of the traffic stays the most
			t.Errorf("%s, %s: %.2f taken back and %.2f not finished in an hour, want none", r.Scenario.Name, r.Policy, r.RolledBack, r.Held)
		}
	}
}
