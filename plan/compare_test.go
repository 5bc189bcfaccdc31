package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/plan"
)

func TestAnAdaptivePlanComparesAndHasTheDefaultsThatAreMeasured(t *testing.T) {
	p := mustNew(t, plan.Spec{Targets: []plan.Target{function}, Adaptive: plan.DefaultBudget})
	want := plan.Adaptive{
		Budget: 2, Smallest: 10, Top: 9500, Pace: 165 * time.Second,
		Patience: 10 * time.Minute, Watch: 15 * time.Minute, AtTop: 5 * time.Minute,
	}
	if diff := cmp.Diff(&want, p.Strategy.Adaptive); diff != "" {
		t.Errorf("the strategy is different (-want +got):\n%s", diff)
	}
	if got := schedule(p); got != "95% 15m | 100% 0s" {
		t.Errorf("steps: got %s", got)
	}
	checks := []plan.Check{
		{Name: "errors", Compare: &plan.Comparison{Of: plan.Errors, Weight: 0.9}},
		{Name: "durations", Compare: &plan.Comparison{Of: plan.Duration, Tolerance: 0.02, Weight: 0.1}},
	}
	if diff := cmp.Diff(checks, p.Checks); diff != "" {
		t.Errorf("the checks are different (-want +got):\n%s", diff)
	}
	if p.Look != time.Second || p.Deadline != plan.AdaptiveDeadline+30*time.Minute || p.Soak != 0 {
		t.Errorf("look %s, deadline %s, soak %s", p.Look, p.Deadline, p.Soak)
	}
	both := mustNew(t, plan.Spec{Targets: []plan.Target{function, machine}, Adaptive: "0.5"})
	if a := both.Strategy.Adaptive; a.Smallest != 100 || a.Budget != 0.5 {
		t.Errorf("with a state machine and a budget: %+v, want a smallest weight of 1%% and 0.5", a)
	}
}

func TestTheTableOfAnAdaptivePlanSaysTheEarliestTimes(t *testing.T) {
	p := mustNew(t, plan.Spec{Targets: []plan.Target{machine}, Adaptive: "3"})
	var got []string
	for _, r := range plan.Table(p, time.Time{}) {
		got = append(got, plan.FormatDuration(r.After)+" "+r.Weight.String()+": "+r.What)
	}
	want := []string{
		"0s 95%: from 1% to 95% as the evidence allows, with at most 3 additional bad requests on their way that are not ruled out; 2m45s at the earliest",
		"2m45s 95%: 95% for 12m15s at least; the rest stays with the old version to compare with",
		"15m 100%: everything to the new version",
		"15m5s 100%: verified, finished",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table is different (-want +got):\n%s", diff)
	}
}

func TestWhereVersionsAreComparedTheOldOneKeepsAShareUntilTheSoakIsOver(t *testing.T) {
	spec := plan.Spec{Targets: []plan.Target{machine}, Canary: "10%/5m", Compare: []string{"errors/0.1%", "duration"}}
	p := mustNew(t, spec)
	if got := schedule(p); got != "10% 5m | 95% 0s | 100% 0s" || p.HoldBack != 500 {
		t.Errorf("got %s, holding back %s", got, p.HoldBack)
	}
	if p.Hold(1) != plan.DefaultSoak || p.Hold(2) != p.Settle {
		t.Errorf("the steps are held for %s and %s, want the soak at the one before the last", p.Hold(1), p.Hold(2))
	}
	if c := p.Checks[0].Compare; c.Tolerance != 0.001 || p.Checks[1].Compare.Tolerance != plan.DefaultSlowTolerance {
		t.Errorf("tolerances: %v and %v", c.Tolerance, p.Checks[1].Compare.Tolerance)
	}
	for _, tt := range []struct {
		name string
		edit func(*plan.Spec)
	}{
		{"none", func(s *plan.Spec) { s.HoldBack = "0%" }},
		{"no soak", func(s *plan.Spec) { s.Soak = "0" }},
		{"nothing is compared", func(s *plan.Spec) { s.Compare = nil }},
		{"a preset", func(s *plan.Spec) { s.Canary, s.Preset, s.Soak = "", "Canary10Percent5Minutes", "5m" }},
		{"a step above", func(s *plan.Spec) { s.Canary = "97%/5m" }},
	} {
		other := spec
		tt.edit(&other)
		if got := mustNew(t, other); got.HoldBack != 0 || len(got.Steps) != 2 {
			t.Errorf("%s: holds back %s: %s", tt.name, got.HoldBack, schedule(got))
		}
	}
}

func TestComparisonsThatCannotWorkAreRefused(t *testing.T) {
	p := mustNew(t, plan.Spec{Targets: []plan.Target{machine}, AllAtOnce: true, Compare: []string{"errors"}})
	if got := plan.Lint(p)[0]; got.Code != "nothing-to-compare" || got.Severity != plan.Error {
		t.Errorf("all at once: got %v, want the error nothing-to-compare", got)
	}
	_, err := plan.New(plan.Spec{Targets: []plan.Target{machine}, Adaptive: "much", Compare: []string{"latency", "errors/1"}, HoldBack: "5"})
	for _, want := range []string{
		`--adaptive: "much" is not a budget`, `--compare: "latency" is not one of errors, duration`, "--compare: weight 1 has no unit", "--hold-back: weight 5 has no unit",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %s", err, want)
		}
	}
}

func TestPlansThatCompareAreWrittenAsTheyAreRead(t *testing.T) {
	for _, s := range []plan.Spec{
		{Targets: []plan.Target{function}, Adaptive: plan.DefaultBudget},
		{Targets: []plan.Target{machine}, Adaptive: "1.5", Soak: "1m"},
		{Targets: []plan.Target{machine}, Canary: "10%/5m", Compare: []string{"duration/4%"}},
		{Targets: []plan.Target{machine}, Linear: "20%/5m", Compare: []string{"errors"}, HoldBack: "0%"},
		{Targets: []plan.Target{machine}, Steps: "5%/1m,50%/1m", Compare: []string{"errors"}, HoldBack: "10%"},
	} {
		p := mustNew(t, s)
		p.Alpha, p.MinRequests, p.OnSharedIncident = 0.05, 100, plan.RollBack
		text := plan.Marshal(p)
		back, err := plan.Parse("p.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(p, back); diff != "" {
			t.Errorf("written and read (-want +got):\n%s\n%s", diff, text)
		}
	}
}

func TestAPlanThatListsNoChecksComparesWhereBothVersionsServe(t *testing.T) {
	compared := func(p plan.Plan) (list []string) {
		for _, c := range p.Checks {
			if c.Compare != nil && c.Compare.OnlyCondemns {
				list = append(list, string(c.Compare.Of))
			}
		}
		return list
	}
	both := []string{"errors", "duration"}
	for _, tt := range []struct {
		name string
		spec plan.Spec
		want []string
	}{
		{"canary", plan.Spec{Canary: "10%/5m"}, both},
		{"linear", plan.Spec{Linear: "20%/5m"}, both},
		{"exponential", plan.Spec{Exponential: "1%x2/2m"}, both},
		{"steps", plan.Spec{Steps: "5%/1m,50%/1m"}, both},
		{"beside an alarm", plan.Spec{Canary: "10%/5m", Alarms: []string{"errors"}}, both},
		{"all at once, with a share held back", plan.Spec{AllAtOnce: true, HoldBack: "5%"}, both},
		{"all at once", plan.Spec{AllAtOnce: true}, nil},
		{"a preset", plan.Spec{Preset: "Canary10Percent5Minutes"}, nil},
		{"a limit of its own", plan.Spec{Canary: "10%/5m", MaxFailures: "1%"}, nil},
		{"a comparison of its own", plan.Spec{Canary: "10%/5m", Compare: []string{"errors"}}, nil},
		{"no default checks", plan.Spec{Canary: "10%/5m", NoDefaultChecks: true}, nil},
		{"adaptive", plan.Spec{Adaptive: plan.DefaultBudget}, nil},
	} {
		tt.spec.Targets = []plan.Target{machine}
		if diff := cmp.Diff(tt.want, compared(mustNew(t, tt.spec))); diff != "" {
			t.Errorf("%s: comparisons that only condemn (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestTheDefaultComparisonsLeaveStepsAndTimesAsTheyAre(t *testing.T) {
	p := mustNew(t, plan.Spec{Targets: []plan.Target{machine}, Canary: "10%/5m"})
	if got := schedule(p); got != "10% 5m | 100% 0s" || p.HoldBack != 0 || p.Duration() != 10*time.Minute {
		t.Errorf("got %s in %s, holding back %s", got, p.Duration(), p.HoldBack)
	}
	for _, found := range plan.Lint(p) {
		if found.Code != "unqualified-starts" {
			t.Errorf("lint says %v, want nothing about comparisons that nobody asked for", found)
		}
	}
	back, err := plan.Parse("p.yaml", plan.Marshal(p))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, back); diff != "" {
		t.Errorf("written and read (-want +got):\n%s", diff)
	}
}

func TestOnlyCondemnsGoesWithAComparisonThatIsNotTheStrategysOwn(t *testing.T) {
	const head = "version: 1\ntargets:\n  - stateMachine: {name: orders, alias: prod}\nstrategy:\n"
	for _, tt := range []struct{ rest, want string }{
		{"  canary: {weight: 10%, for: 5m}\nchecks:\n  - alarm: a\n    onlyCondemns: true\n", "go with compare"},
		{"  adaptive: {}\nchecks:\n  - compare: errors\n    onlyCondemns: true\n", "leave onlyCondemns away"},
	} {
		if _, err := plan.Parse("p.yaml", []byte(head+tt.rest)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want one with %q", err, tt.want)
		}
	}
}
