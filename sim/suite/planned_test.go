package suite

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/plan"
)

func parsed(t *testing.T, strategy, checks string) plan.Plan {
	t.Helper()
	p, err := plan.Parse("p.yaml", []byte("version: 1\ntargets:\n  - stateMachine: {name: orders, alias: prod}\nstrategy: "+strategy+"\n"+checks))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPlanIsPlayedByTheDeciderOfRollouts(t *testing.T) {
	p := parsed(t, "{canary: {weight: 10%, for: 5m}, soak: 5m}", "")
	policy, unseen := Planned("plan", p, DefaultHow(p))
	if len(unseen) > 0 {
		t.Errorf("left away: %v, want nothing", unseen)
	}
	rows := measure(t, Options{Scenarios: pick(t, "H1", "H7 good, 0.1%", "no traffic"), Policies: []Policy{policy}, Reps: 20, Seed: 1, Workers: 2})
	for _, r := range rows {
		switch {
		case r.Scenario.Fault == 1 && (r.RolledBack != 1 || r.Harm < 50 || r.Harm > 200):
			t.Errorf("%s: %.2f taken back, %.1f bad requests; want all, and what some seconds at a tenth are: about a hundred", r.Scenario.Name, r.RolledBack, r.Harm)
		case r.Scenario.Rate > 0 && r.Scenario.Good() && (r.Finished != 1 || r.Done != 603):
			t.Errorf("%s: %.2f finished after %v s, want all after ten minutes", r.Scenario.Name, r.Finished, r.Done)
		case r.Scenario.Rate == 0 && r.Held != 1:
			t.Errorf("%s: %.2f held, want all", r.Scenario.Name, r.Held)
		}
	}
}

func TestCountsByTheMinuteCostAPlanDearly(t *testing.T) {
	p := parsed(t, "{canary: {weight: 10%, for: 5m}}", "")
	fresh, minutes := DefaultHow(p), DefaultHow(p)
	minutes.Minutes = true
	a, _ := Planned("fresh", p, fresh)
	b, _ := Planned("minutes", p, minutes)
	rows := measure(t, Options{Scenarios: pick(t, "H1"), Policies: []Policy{a, b}, Reps: 20, Seed: 1, Workers: 2})
	if rows[1].Harm < 3*rows[0].Harm {
		t.Errorf("%.0f bad requests with fresh counts, %.0f by the minute; want three times as many at least", rows[0].Harm, rows[1].Harm)
	}
}

// Where counts come minutes late, the shares that they are to be held against have
// changed since, mostly more than once.
func TestGoodReleasesStayByTheMinuteToo(t *testing.T) {
	p := parsed(t, "{adaptive: {}}", "")
	minutes := DefaultHow(p)
	minutes.Minutes = true
	policy, _ := Planned("minutes", p, minutes)
	often := []Scenario{{Name: "good, 20%, 100/s", Rate: 100, Base: 0.2}}
	for _, r := range measure(t, Options{Scenarios: often, Policies: []Policy{policy}, Reps: 40, Seed: 10, Workers: 2}) {
		if r.RolledBack > 0.03 { // one by chance
			t.Errorf("%s: %.3f taken back, want none but by chance", r.Scenario.Name, r.RolledBack)
		}
	}
}

// The incident has begun two minutes before all traffic moves, and is known of later.
func TestAnIncidentThatIsKnownOfTooLateTakesNothingBack(t *testing.T) {
	p := parsed(t, "{canary: {weight: 10%, for: 5m}}", "")
	minutes := DefaultHow(p)
	minutes.Minutes = true
	policy, _ := Planned("minutes", p, minutes)
	for _, r := range measure(t, Options{Scenarios: pick(t, "H8", "H2"), Policies: []Policy{policy}, Reps: 30, Seed: 1, Workers: 2}) {
		switch {
		case r.Scenario.Good() && (r.RolledBack > 0.04 || r.Finished < 0.9): // one by chance
			t.Errorf("%s: %.2f taken back and %.2f finished, want none and all", r.Scenario.Name, r.RolledBack, r.Finished)
		case !r.Scenario.Good() && r.RolledBack != 1:
			t.Errorf("%s: %.2f taken back, want all", r.Scenario.Name, r.RolledBack)
		}
	}
}

func TestAnAlarmWithoutDataHoldsAPlan(t *testing.T) {
	p := parsed(t, "{canary: {weight: 10%, for: 5m}}", "checks:\n  - alarms: [failed]\n")
	policy, _ := Planned("plan", p, DefaultHow(p))
	rows := measure(t, Options{Scenarios: pick(t, "no traffic", "H1"), Policies: []Policy{policy}, Reps: 5, Seed: 1, Workers: 2})
	if rows[0].Finished != 0 || rows[1].RolledBack != 1 {
		t.Errorf("without traffic %.2f finished, and %.2f of the total failures were taken back; want none and all", rows[0].Finished, rows[1].RolledBack)
	}
}

func TestWhatTheWorldHasNothingForIsSaid(t *testing.T) {
	p := parsed(t, "{canary: {weight: 10%, for: 5m}}", "checks:\n  - http: {url: \"https://example.com\", expect: 200}\n")
	if _, unseen := Planned("plan", p, DefaultHow(p)); len(unseen) != 1 {
		t.Errorf("left away: %v, want the address", unseen)
	}
}

func TestAlarmsAreReadAsTyped(t *testing.T) {
	for text, want := range map[string]Alarm{
		"errors>0 2/2": {Metric: "errors", Breaching: 2, Periods: 2, Every: 60},
		"rate>5% 1/3":  {Metric: "rate", Above: 0.05, Breaching: 1, Periods: 3, Every: 60},
	} {
		if got, err := ParseAlarm(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "errors>0", "errors>5% 1/1", "mood>1 1/1", "errors>0 3/2", "rate>x 1/1"} {
		if _, err := ParseAlarm(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestATraceIsReplayedSecondBySecond(t *testing.T) {
	trace, err := ReadTrace("t.csv", strings.NewReader("time,requests,failed\n0,120,12\n60,60,0\n"))
	if err != nil {
		t.Fatal(err)
	}
	if trace.Rate != 1.5 || math.Abs(trace.Base-12.0/180) > 1e-12 {
		t.Errorf("rate %v, base %v; want 1.5 and 1/15", trace.Rate, trace.Base)
	}
	for second, want := range map[int]traced{0: {2, 0.1}, 59: {2, 0.1}, 60: {1, 0}, 119: {1, 0}, 120: {2, 0.1}} {
		if got := trace.at(second); got != want {
			t.Errorf("second %d: %+v, want %+v", second, got, want)
		}
	}
	some := Replay(trace)
	seen := 0
	new(world).play(some[0], Crossfade()[0].New, 1, 0, func(second int, _, _ float64) { seen = second })
	if seen == 0 || !some[0].Good() {
		t.Errorf("%+v was played for %d seconds; want a good release, for some", some[0], seen)
	}
}

func TestAPageNeedsNothingButItself(t *testing.T) {
	policies := append(Crossfade(), Anchors()[:2]...)
	o := Options{Scenarios: pick(t, "H2", "H7 good, 1%"), Policies: policies, Reps: 5, Seed: 1, Workers: 2}
	r := NewReport("headline", "", o, measure(t, o))
	var page strings.Builder
	if err := r.WritePage(&page, policies); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"default-src 'none'", "<polyline", "<circle", "H7 good, 1%", "sfn-canary-script, any error", r.Result} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("there is no %q in the page", want)
		}
	}
	for _, bad := range []string{"http", "<script", "NaN", "ZgotmplZ", "%!"} {
		if bad == "http" && strings.Count(page.String(), "http") == strings.Count(page.String(), "http-equiv") {
			continue
		}
		if strings.Contains(page.String(), bad) {
			t.Errorf("there is %q in the page", bad)
		}
	}
}

func TestReportsSayHowToMeasureAgain(t *testing.T) {
	o := Options{Scenarios: pick(t, "H4", "no traffic"), Policies: Crossfade(), Reps: 3, Seed: 7, Workers: 1}
	r := NewReport("headline", "this program", o, measure(t, o))
	var csv, json, markdown strings.Builder
	if err := WriteCSV(&csv, r.Rows); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(&json); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteMarkdown(&markdown); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(csv.String(), "\n"); n != 5 {
		t.Errorf("%d lines of CSV, want 5", n)
	}
	for _, text := range []string{json.String(), markdown.String()} {
		for _, want := range []string{"H4 +50%", "Crossfade, 0.1% steps", r.Result, "this program"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing in\n%s", want, text)
			}
		}
	}
	if again := NewReport("headline", "", o, measure(t, o)); again.Result != r.Result {
		t.Errorf("result %s, then %s; want the same", r.Result, again.Result)
	}
}

func TestAnInterruptedMeasurementKeepsTheScenariosThatWerePlayed(t *testing.T) {
	o := Options{Scenarios: pick(t, "H1", "H4", "H7"), Policies: Crossfade(), Reps: 20, Seed: 1, Workers: 2}
	whole := measure(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	o.Progress = func(p Progress) {
		if p.Scenarios == 2 {
			cancel()
		}
	}
	rows, err := Measure(ctx, o)
	if err == nil || len(rows) < 4 || len(rows) == len(whole) || !reflect.DeepEqual(rows, whole[:len(rows)]) {
		t.Fatalf("got %d rows and %v, want those of two scenarios or three, as they are without an interrupt", len(rows), err)
	}
	if got, want := NewReport("headline", "", o, rows).Signature(), "incomplete, 2 of 4 scenarios: "; len(rows) == 4 && !strings.HasPrefix(got, want) {
		t.Errorf("%q does not begin with %q", got, want)
	}
	cancel()
	if rows, err := Measure(ctx, o); err == nil || len(rows) > 0 {
		t.Errorf("got %d rows and %v after the end, want an error", len(rows), err)
	}
}

func TestAnAdaptivePlanDoesAsThePolicyThatItIsMadeOf(t *testing.T) {
	rows := measure(t, Options{Scenarios: pick(t, "H1", "H2", "H5", "H7 good, 0.1%", "no traffic"), Policies: []Policy{Product(), Crossfade()[0]}, Reps: 30, Seed: 2, Workers: 2})
	for i := 0; i < len(rows); i += 2 {
		plan, ramp := rows[i], rows[i+1]
		name := plan.Scenario.Name
		if off := math.Abs(plan.Harm - ramp.Harm); off > 4*math.Hypot(plan.Error, ramp.Error)+0.5 {
			t.Errorf("%s: %.2f bad requests by the plan, %.2f by its policy; want the same within the error", name, plan.Harm, ramp.Harm)
		}
		if plan.RolledBack < ramp.RolledBack-0.1 || plan.Finished < ramp.Finished-0.1 || math.Abs(plan.Top-ramp.Top) > 30 {
			t.Errorf("%s: %+v by the plan, %+v by its policy", name, plan, ramp)
		}
	}
}

func TestAnAdaptivePlanAsItIsByDefaultIsNearlyAsGoodAsItsRule(t *testing.T) {
	p := parsed(t, "{adaptive: {}}", "")
	policy, _ := Planned("plan", p, DefaultHow(p))
	rows := measure(t, Options{Scenarios: pick(t, "H2", "H6", "H7 good, 0.1%"), Policies: []Policy{policy}, Reps: 60, Seed: 3, Workers: 2})
	for i, most := range []float64{4, 44, 0} {
		if r := rows[i]; r.Harm > most+3*r.Error {
			t.Errorf("%s: %.2f ± %.2f bad requests, want %v", r.Scenario.Name, r.Harm, r.Error, most)
		}
	}
	if good := rows[2]; good.RolledBack > 0 || good.Top > 190 {
		t.Errorf("%s: %.2f taken back, 95 %% after %v s; want none, and 190 at most", good.Scenario.Name, good.RolledBack, good.Top)
	}
}

func TestCountsOfAFunctionAreFreshWhereItsPlanNamesTheLogs(t *testing.T) {
	function := plan.Target{Kind: plan.Lambda, Name: "orders", Alias: "prod"}
	logged := function
	logged.Logs = "/aws/lambda/orders"
	if how := DefaultHow(plan.Plan{Targets: []plan.Target{function}}); !how.Minutes {
		t.Error("without logs: got fresh counts, want those of whole minutes")
	}
	if how := DefaultHow(plan.Plan{Targets: []plan.Target{logged}}); how.Minutes {
		t.Error("with logs: got counts of whole minutes, want fresh ones")
	}
}
