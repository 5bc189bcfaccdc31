package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/plan"
)

var (
	machine  = plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}
	function = plan.Target{Kind: plan.Lambda, Name: "checkout", Alias: "live"}
)

func mustNew(t *testing.T, s plan.Spec) plan.Plan {
	t.Helper()
	p, err := plan.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// schedule writes steps as 10% 5m0s | 100% 0s.
func schedule(p plan.Plan) string {
	parts := make([]string, len(p.Steps))
	for i, s := range p.Steps {
		parts[i] = s.Weight.String() + " " + plan.FormatDuration(s.For)
		if s.Approval {
			parts[i] += " approve"
		}
	}
	return strings.Join(parts, " | ")
}

func TestFlagsMakeTheStepsTheySay(t *testing.T) {
	sm, fn := []plan.Target{machine}, []plan.Target{function}
	tests := []struct {
		name string
		spec plan.Spec
		want string
	}{
		{"canary", plan.Spec{Targets: sm, Canary: "10%/5m"}, "10% 5m | 100% 0s"},
		{"linear", plan.Spec{Targets: sm, Linear: "20%/10m"}, "20% 10m | 40% 10m | 60% 10m | 80% 10m | 100% 0s"},
		{"linear that does not divide", plan.Spec{Targets: sm, Linear: "30%/1m"}, "30% 1m | 60% 1m | 90% 1m | 100% 0s"},
		{"equal steps of a state machine", plan.Spec{Targets: sm, Linear: "3x/1m"}, "34% 1m | 67% 1m | 100% 0s"},
		{"equal steps of a function", plan.Spec{Targets: fn, Linear: "3x/1m"}, "33.34% 1m | 66.67% 1m | 100% 0s"},
		{"equal steps of both", plan.Spec{Targets: []plan.Target{machine, function}, Linear: "3x/1m"}, "34% 1m | 67% 1m | 100% 0s"},
		{"exponential", plan.Spec{Targets: sm, Exponential: "1%x2/2m"}, "1% 2m | 2% 2m | 4% 2m | 8% 2m | 16% 2m | 32% 2m | 64% 2m | 100% 0s"},
		{"slow exponential", plan.Spec{Targets: sm, Exponential: "1%x1.5/2m"}, "1% 2m | 2% 2m | 3% 2m | 5% 2m | 8% 2m | 11% 2m | 17% 2m | 26% 2m | 38% 2m | 58% 2m | 86% 2m | 100% 0s"},
		{"exponential of a function", plan.Spec{Targets: fn, Exponential: "0.5%x10/2m"}, "0.5% 2m | 5% 2m | 50% 2m | 100% 0s"},
		{"all at once", plan.Spec{Targets: sm, AllAtOnce: true}, "100% 0s"},
		{"steps", plan.Spec{Targets: sm, Steps: "1%/2m,25%/approve,50%/10m/approve"}, "1% 2m | 25% 0s approve | 50% 10m approve | 100% 0s"},
		{"basis points", plan.Spec{Targets: fn, Canary: "1250bp/90s"}, "12.5% 1m30s | 100% 0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := schedule(mustNew(t, tt.spec)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestFlagsThatAreWrongAreAllReported(t *testing.T) {
	_, err := plan.New(plan.Spec{Canary: "10/5m", Soak: "long", OnDrift: "adapt", KeepVersions: new(1), Name: "No Spaces"})
	want := []string{
		"--soak: duration \"long\"",
		"--on-drift: \"adapt\" is not one of hold, adopt, overwrite (did you mean \"adopt\"?)",
		"--canary: weight 10 has no unit",
		"target: at least one alias is needed",
		"--name: \"No Spaces\"",
		"--keep-versions: keeping one version",
	}
	if !errors.Is(err, plan.ErrInvalid) {
		t.Fatalf("error %v, want an ErrInvalid", err)
	}
	lines := strings.Split(err.Error(), "\n")
	for _, w := range want {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, w) }) {
			t.Errorf("no line begins with %q in\n%v", w, err)
		}
	}
	if len(lines) != len(want) {
		t.Errorf("got %d problems, want %d:\n%v", len(lines), len(want), err)
	}
	if _, err := plan.New(plan.Spec{Targets: []plan.Target{machine}, Canary: "10%/5m", AllAtOnce: true}); err == nil ||
		!strings.Contains(err.Error(), "only one of --canary, --all-at-once") {
		t.Errorf("two strategies: error %v, want one that names both", err)
	}
}

// TestPresetsKeepTheTimingOfTheOriginal compares shifts with CodeDeploy's table.
func TestPresetsKeepTheTimingOfTheOriginal(t *testing.T) {
	canary := func(minutes int) string { return fmt.Sprintf("10%% %dm | 100%% 0s", minutes) }
	linear := func(minutes int) string {
		var parts []string
		for w := 10; w < 100; w += 10 {
			parts = append(parts, fmt.Sprintf("%d%% %dm", w, minutes))
		}
		return strings.Join(append(parts, "100% 0s"), " | ")
	}
	want := map[string]string{
		"AllAtOnce":                     "100% 0s",
		"Canary10Percent5Minutes":       canary(5),
		"Canary10Percent10Minutes":      canary(10),
		"Canary10Percent15Minutes":      canary(15),
		"Canary10Percent30Minutes":      canary(30),
		"Linear10PercentEvery1Minute":   linear(1),
		"Linear10PercentEvery2Minutes":  linear(2),
		"Linear10PercentEvery3Minutes":  linear(3),
		"Linear10PercentEvery10Minutes": linear(10),
		"Canary25Percent7Minutes":       "25% 7m | 100% 0s",
		"Linear40PercentEvery2Minutes":  "40% 2m | 80% 2m | 100% 0s",
	}
	for _, name := range plan.Presets() {
		if want[name] == "" {
			t.Errorf("preset %s is not compared", name)
		}
	}
	for name, steps := range want {
		for _, spelled := range []string{name, "CodeDeployDefault.Lambda" + name} {
			p := mustNew(t, plan.Spec{Targets: []plan.Target{function}, Preset: spelled})
			if got := schedule(p); got != steps {
				t.Errorf("%s: got %s, want %s", spelled, got, steps)
			}
			if p.Soak != 0 {
				t.Errorf("%s: soak %s, want none, like the original", spelled, p.Soak)
			}
		}
	}
	for _, bad := range []string{"", "Canary10Percent5", "Canary0Percent5Minutes", "Linear10PercentEvery0Minutes", "Linear1PercentEvery60Minutes", "ECSAllAtOnce"} {
		if s, err := plan.Preset(bad); err == nil {
			t.Errorf("preset %q: got %v, want an error", bad, s)
		}
	}
}

func TestPreferencesFollowCloudFormationsRules(t *testing.T) {
	tests := []struct {
		kind                string
		percentage, minutes int
		want                string // of the error; empty: none
	}{
		{"ALL_AT_ONCE", 0, 0, ""},
		{"CANARY", 1, 2100, ""},
		{"CANARY", 99, 1, ""},
		{"CANARY", 0, 1, "percentage 0"},
		{"CANARY", 100, 1, "percentage 100"},
		{"CANARY", 10, 2101, "interval 2101"},
		{"LINEAR", 10, 210, ""},
		{"LINEAR", 10, 211, "takes 2110 minutes"},
		{"LINEAR", 34, 700, ""},
		{"LINEAR", 33, 700, "takes 2800 minutes"},
		{"linear", 10, 1, `did you mean "LINEAR"?`},
	}
	for _, tt := range tests {
		_, err := plan.Preference(tt.kind, tt.percentage, tt.minutes)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %d %d: error %v, want %q", tt.kind, tt.percentage, tt.minutes, err, tt.want)
		}
	}
}

func TestTheTableSaysEverythingBeforeAnythingStarts(t *testing.T) {
	p := mustNew(t, plan.Spec{Targets: []plan.Target{machine}, Steps: "5%/1m,25%/10m/approve,50%", Soak: "30m"})
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	var got []string
	for _, r := range plan.Table(p, start) {
		got = append(got, fmt.Sprintf("%s %d %s: %s", r.At.Format(time.TimeOnly), r.Step, r.Weight, r.What))
	}
	want := []string{
		"03:00:00 0 5%: 5% for 1m",
		"03:01:00 1 25%: 25% for 10m, then until approved",
		"03:11:00 2 50%: 50% for 5s",
		"03:11:05 3 100%: everything to the new version, watched for 30m",
		"03:41:05 -1 100%: verified, finished",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table is different (-want +got):\n%s", diff)
	}
	if want := 41*time.Minute + 5*time.Second; p.Duration() != want {
		t.Errorf("duration %s, want %s", p.Duration(), want)
	}
}

func hook(name string) *plan.Hook {
	h, err := plan.ParseHook(name)
	if err != nil {
		panic(err)
	}
	return &h
}

func TestLintSaysWhatIsProbablyNotMeant(t *testing.T) {
	tests := []struct {
		name string
		spec plan.Spec
		want []string // codes
	}{
		{"a good one", plan.Spec{Targets: []plan.Target{function}, Canary: "10%/5m"}, nil},
		{"a state machine", plan.Spec{Targets: []plan.Target{machine}, Canary: "10%/5m"}, []string{"unqualified-starts"}},
		{"no checks", plan.Spec{Targets: []plan.Target{function}, Canary: "10%/5m", NoDefaultChecks: true}, []string{"no-checks"}},
		{"alarms only", plan.Spec{Targets: []plan.Target{function}, Canary: "10%/5m", NoDefaultChecks: true, Alarms: []string{"a"}}, []string{"no-samples"}},
		{"deadline", plan.Spec{Targets: []plan.Target{function}, Linear: "10%/1h", Deadline: "2h"}, []string{"deadline-too-short"}},
		{"look", plan.Spec{Targets: []plan.Target{function}, Canary: "10%/1m", Look: "5m"}, []string{"look-longer-than-step"}},
		{"settle", plan.Spec{Targets: []plan.Target{function}, Canary: "10%/1s"}, []string{"settle-longer-than-step"}},
		{"no time", plan.Spec{Targets: []plan.Target{function}, Steps: "10%"}, []string{"no-time"}},
		{"no soak", plan.Spec{Targets: []plan.Target{function}, Canary: "10%/5m", Soak: "0"}, []string{"no-soak"}},
		{"few samples", plan.Spec{Targets: []plan.Target{function}, Canary: "10%/5m", MaxFailures: "5%/2"}, []string{"few-samples"}},
		{"large first step", plan.Spec{Targets: []plan.Target{function}, Canary: "60%/5m"}, []string{"large-first-step"}},
		{"hook in the clear", plan.Spec{Targets: []plan.Target{function}, Canary: "10%/5m", Hooks: plan.Hooks{OnRollback: hook("http://example.com/x"), BeforeTraffic: hook("http://127.0.0.1:80/x")}}, []string{"hook-in-the-clear"}},
		{"hook that is never asked", plan.Spec{Targets: []plan.Target{function}, AllAtOnce: true, Hooks: plan.Hooks{EachStep: hook("check")}}, []string{"hook-never-asked"}},
		{"hook and deadline", plan.Spec{Targets: []plan.Target{function}, Canary: "10%/1m", Deadline: "5m", Hooks: plan.Hooks{AfterTraffic: hook("check")}}, []string{"hook-longer-than-deadline"}},
		{"impatient", plan.Spec{Targets: []plan.Target{function}, Canary: "10%/5m", UnknownFor: "5s", OnUnknown: "rollback"}, []string{"impatient"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range plan.Lint(mustNew(t, tt.spec)) {
				got = append(got, p.Code)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	p := mustNew(t, plan.Spec{Targets: []plan.Target{function}, Canary: "12.5%/5m"})
	p.Targets[0] = machine
	if got := plan.Lint(p)[0]; got.Code != "whole-percent" || got.Severity != plan.Error {
		t.Errorf("a weight of 12.5%% for a state machine: got %v, want the error whole-percent", got)
	}
}

func TestTargetsAreNamedAsPeopleNameThem(t *testing.T) {
	tests := []struct {
		kind       plan.Kind
		text, want string // the target, or a part of the error
	}{
		{plan.StateMachine, "orders:prod", "orders:prod"},
		{plan.StateMachine, "arn:aws-cn:states:cn-north-1:111122223333:stateMachine:orders:prod", "orders:prod"},
		{plan.Lambda, "arn:aws:lambda:eu-west-1:111122223333:function:checkout:live", "checkout:live"},
		{plan.Lambda, "checkout", "does not name an alias"},
		{plan.Lambda, "checkout:", "does not name an alias"},
		{plan.Lambda, "checkout:42", "names a version"},
		{plan.Lambda, "arn:aws:states:eu-west-1:111122223333:stateMachine:orders:prod", "is of service states, not lambda"},
		{plan.Lambda, "arn:aws:lambda", "is not an ARN"},
	}
	for _, tt := range tests {
		got, err := plan.ParseTarget(tt.kind, tt.text)
		text := got.String()
		if err != nil {
			text = err.Error()
		}
		if !strings.Contains(text, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.text, text, tt.want)
		}
	}
}

func TestPartsAreAsEqualAsTheyCanBeAndAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]plan.Weight{1, 100}).Draw(t, "unit")
		n := rapid.IntRange(1, int(plan.Full/unit)).Draw(t, "n")
		totals := plan.Apportion(n, unit)
		smallest, largest, before := plan.Full, plan.Weight(0), plan.Weight(0)
		for _, total := range totals {
			smallest, largest, before = min(smallest, total-before), max(largest, total-before), total
		}
		if before != plan.Full || largest-smallest > unit || smallest < unit || len(totals) != n {
			t.Fatalf("%d parts of unit %d: parts between %d and %d, total %d", n, unit, smallest, largest, before)
		}
	})
}

func TestWeightsAndDurationsAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := plan.Weight(rapid.IntRange(0, int(plan.Full)).Draw(t, "weight"))
		if got, err := plan.ParseWeight(w.String()); err != nil || got != w {
			t.Fatalf("weight %d is written %s and read %d, %v", w, w, got, err)
		}
		d := time.Duration(rapid.Int64Range(0, 366*24*3600*1000).Draw(t, "ms")) * time.Millisecond
		if got, err := plan.ParseDuration(plan.FormatDuration(d)); err != nil || got != d {
			t.Fatalf("duration %d is written %s and read %d, %v", d, plan.FormatDuration(d), got, err)
		}
	})
	for _, bad := range []string{"", "5", "-5m", "5mm", "m", "1e3s", "0x5s", "400d", "1.2.3s", "5 m", "5m!"} {
		if d, err := plan.ParseDuration(bad); err == nil {
			t.Errorf("duration %q: got %s, want an error", bad, d)
		}
	}
	for _, bad := range []string{"", "%", "10", "-1%", "1e1%", "0.001%", "0.5bp", "101%", "10001bp", "0x1%", "NaN%", "1/2%"} {
		if w, err := plan.ParseWeight(bad); err == nil {
			t.Errorf("weight %q: got %s, want an error", bad, w)
		}
	}
}

func TestAPlanIsReadAsItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		file := plan.Marshal(p)
		got, err := plan.Parse("p.yaml", file)
		if err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
		if diff := cmp.Diff(p, got, cmpopts.EquateApprox(0, 1e-12), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the plan is read differently (-want +got):\n%s\n%s", diff, file)
		}
	})
}

// drawPlan draws a plan of everything that a plan may have.
func drawPlan(t *rapid.T) plan.Plan {
	s := plan.Spec{
		Targets:     []plan.Target{rapid.SampledFrom([]plan.Target{machine, function}).Draw(t, "target")},
		OnUnhealthy: rapid.SampledFrom([]string{"", "rollback", "hold", "hold-at-0"}).Draw(t, "onUnhealthy"),
		OnUnknown:   rapid.SampledFrom([]string{"", "rollback", "hold", "hold-at-0"}).Draw(t, "onUnknown"),
		OnDrift:     rapid.SampledFrom([]string{"", "hold", "adopt", "overwrite"}).Draw(t, "onDrift"),
		Soak:        rapid.SampledFrom([]string{"", "0", "90s", "1d"}).Draw(t, "soak"),
		Look:        rapid.SampledFrom([]string{"", "500ms", "10s"}).Draw(t, "look"),
		Settle:      rapid.SampledFrom([]string{"", "0", "10s"}).Draw(t, "settle"),
		Deadline:    rapid.SampledFrom([]string{"", "2h"}).Draw(t, "deadline"),
		MaxFailures: rapid.SampledFrom([]string{"", "0.01%/7", "33.33%/1"}).Draw(t, "maxFailures"),
		Alarms:      rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "12", "yes", "it's: #1", "ü ö"}), rapid.ID[string]).Draw(t, "alarms"),
		AlarmsFine:  rapid.SampledFrom([]plan.Lenience{"", plan.FineMissing, plan.FineUnreadable}).Draw(t, "fine"),
	}
	switch rapid.IntRange(0, 5).Draw(t, "strategy") {
	case 0:
		s.Canary = "10%/5m"
	case 1:
		s.Linear = rapid.SampledFrom([]string{"7%/90s", "7x/1h"}).Draw(t, "linear")
	case 2:
		s.Exponential = "1%x1.5/2m"
	case 3:
		s.AllAtOnce = true
	case 4:
		s.Steps = "1%/2m,25%/approve,50%/10m/approve"
	default:
		s.Preset = rapid.SampledFrom(plan.Presets()).Draw(t, "preset")
	}
	if rapid.Bool().Draw(t, "versions") {
		s.KeepVersions = new(rapid.IntRange(2, 9).Draw(t, "keep"))
	}
	p, err := plan.New(s)
	if err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "metric") {
		p.Checks = append(p.Checks, plan.Check{Name: "m", Metric: &plan.MetricLimit{
			Namespace: "N", Metric: "M", Dimensions: map[string]string{"A": "1", "B": "x: y"}, Stat: "p99.9",
			Period: time.Minute, Op: ">=", Limit: 99.95, MinSamples: rapid.IntRange(0, 2).Draw(t, "samples"),
		}})
	}
	return p
}
