package plan_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/plan"
)

func parseFile(t *testing.T, name string) plan.Plan {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Parse(name, text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

func TestAFullPlanFileIsReadAsItIsWritten(t *testing.T) {
	got := parseFile(t, "full.yaml")
	want := plan.Plan{
		Name: "checkout",
		Targets: []plan.Target{
			{Kind: plan.Lambda, Name: "checkout", Alias: "live", Version: "42"},
			{Kind: plan.StateMachine, Name: "arn:aws:states:eu-west-1:111122223333:stateMachine:orders", Alias: "prod", Definition: "orders.asl.json"},
		},
		Strategy: plan.Strategy{Name: "steps"},
		Steps: []plan.Step{
			{Weight: 100, For: 2 * time.Minute},
			{Weight: 2500, For: time.Hour, Approval: true},
			{Weight: 5000, For: 90 * time.Second},
			{Weight: plan.Full},
		},
		Soak: 30 * time.Minute, Deadline: 48 * time.Hour, Look: 2 * time.Second, Settle: 8 * time.Second,
		Checks: []plan.Check{
			{Name: "orders-failed", Alarm: "orders-failed"},
			{Name: "alarm name with a space", Alarm: "alarm name with a space"},
			{Name: "failures", Rate: &plan.RateLimit{Outcomes: []string{"failed", "timedOut"}, Max: 0.005, MinSamples: 200}},
			{Name: "slow", Metric: &plan.MetricLimit{
				Namespace: "AWS/States", Metric: "ExecutionTime", Dimensions: map[string]string{"StateMachineArn": "arn:x"},
				Stat: "p99", Period: time.Minute, Op: "<", Limit: 2000, MinSamples: 10,
			}},
			{Name: "https://example.com/health", HTTP: &plan.HTTPProbe{URL: "https://example.com/health", Expect: 200}},
		},
		OnUnhealthy: plan.HoldAtZero, OnUnknown: plan.RollBack, UnknownFor: 20 * time.Minute, OnDrift: plan.AdoptDrift,
		AcceptAlarms: []string{"orders-failed"},
		Alpha:        plan.DefaultAlpha, MinRequests: plan.DefaultMinRequests, OnSharedIncident: plan.Hold,
		Keep: plan.Keep{Verified: 5, Versions: 10},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the plan is different (-want +got):\n%s", diff)
	}
}

func TestABareAliasGetsSoundDefaults(t *testing.T) {
	got := parseFile(t, "short.yaml")
	want := plan.Plan{
		Name:     "orders-v2",
		Targets:  []plan.Target{{Kind: plan.StateMachine, Name: "Orders_v2", Alias: "prod"}},
		Strategy: plan.Strategy{Name: "canary", Weight: 1000, Every: 5 * time.Minute},
		Steps:    []plan.Step{{Weight: 1000, For: 5 * time.Minute}, {Weight: plan.Full}},
		Soak:     plan.DefaultSoak,
		Deadline: time.Hour + 10*time.Minute,
		Look:     plan.DefaultLook,
		Settle:   plan.DefaultSettle,
		Checks: []plan.Check{
			{Name: "failures", Rate: &plan.RateLimit{Outcomes: []string{"failed", "timedOut", "aborted"}, Max: 0.05, MinSamples: 20, UnlessShared: true}},
			{Name: "errors", Compare: &plan.Comparison{Of: plan.Errors, Weight: 0.9, OnlyCondemns: true}},
			{Name: "durations", Compare: &plan.Comparison{Of: plan.Duration, Tolerance: 0.1, Weight: 0.1, OnlyCondemns: true}},
		},
		OnUnhealthy: plan.RollBack, OnUnknown: plan.Hold, UnknownFor: plan.DefaultUnknownFor, OnDrift: plan.HoldOnDrift,
		Keep:  plan.DefaultKeep,
		Alpha: plan.DefaultAlpha, MinRequests: plan.DefaultMinRequests, OnSharedIncident: plan.Hold,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the plan is different (-want +got):\n%s", diff)
	}
}

func TestAMistakeIsReportedWithItsPlaceAndTheWayOut(t *testing.T) {
	const head = "version: 1\ntargets:\n  - stateMachine: {name: orders, alias: prod}\n"
	const canary = "strategy:\n  canary: {weight: 10%, for: 5m}\n"
	tests := []struct {
		name, text string
		want       []string // each a line of the error, or a part of one
	}{
		{"empty", "", []string{"p.yaml: the file is empty"}},
		{"not YAML", "version: [1", []string{"p.yaml:1: not YAML"}},
		{"a list", "- 1\n", []string{`p.yaml:1: want a mapping`}},
		{"unknown key", head + canary + "chekcs: []\n", []string{`p.yaml:6: there is no "chekcs" here (did you mean "checks"?)`}},
		{"wrong place", head + canary + "soak: 5m\n", []string{`p.yaml:6: "soak" belongs under strategy`}},
		{"twice", head + canary + "name: a\nname: b\n", []string{`p.yaml:7: "name" stands here twice`}},
		{"missing version", "targets: []\nstrategy: {allAtOnce: {}}\n", []string{`p.yaml:1: "version" is missing`, `p.yaml:1: targets: the list is empty`}},
		{"newer version", "version: 2\n" + head[len("version: 1\n"):] + canary, []string{`p.yaml:1: version: "2" is not 1, the only one there is`}},
		{"weight without unit", head + "strategy:\n  canary: {weight: 10, for: 5m}\n", []string{"p.yaml:5: strategy.canary.weight: weight 10 has no unit: write 10% or, in basis points, 10bp"}},
		{"weight too large", head + "strategy:\n  steps:\n    - {weight: 10%}\n    - {weight: 120%}\n", []string{"p.yaml:7: strategy.steps[1].weight: weight 120% is not between 0 and 100%"}},
		{"weights fall", head + "strategy:\n  steps:\n    - {weight: 10%}\n    - {weight: 5%}\n", []string{"p.yaml:7: strategy.steps[1]: weight 5% does not rise above the 10% before it"}},
		{"not a whole percent", head + "strategy:\n  canary: {weight: 12.5%, for: 5m}\n", []string{"p.yaml:4: strategy: weight 12.5% is not a whole percent"}},
		{"duration without unit", head + "strategy:\n  canary: {weight: 10%, for: 5}\n", []string{"p.yaml:5: strategy.canary.for: duration 5 has no unit: write 5s, 5m or 5h"}},
		{"two strategies", head + "strategy:\n  allAtOnce: {}\n  canary: {weight: 10%, for: 5m}\n", []string{"p.yaml:5: strategy: only one of canary, allAtOnce is possible"}},
		{"no strategy", head + "strategy: {soak: 5m}\n", []string{"p.yaml:4: strategy: one of canary, linear, exponential, allAtOnce, steps, named, preference, adaptive is needed"}},
		{"adaptive", head + "strategy:\n  adaptive: {budget: 0, top: 100%, smallest: 0.5%}\nholdBack: 5%\n", []string{
			`p.yaml:5: strategy.adaptive.budget: "0" is not a number above 0`}},
		{"adaptive top", head + "strategy:\n  adaptive: {top: 100%}\n", []string{"p.yaml:5: strategy.adaptive.top: 100% leaves nothing with the old version to compare with"}},
		{"adaptive smallest", head + "strategy:\n  adaptive: {smallest: 0.5%}\nholdBack: 5%\n", []string{
			"p.yaml:5: strategy.adaptive.smallest: 0.5% is not a whole percent", "p.yaml:6: holdBack: an adaptive strategy has top instead"}},
		{"compared twice", head + canary + "checks:\n  - compare: errors\n  - compare: errors\n    tolerance: 1%\n", []string{"p.yaml:6: checks: errors are compared twice"}},
		{"tolerance alone", head + canary + "checks:\n  - alarm: a\n    tolerance: 1%\n", []string{"p.yaml:7: checks[0]: tolerance, weight and onlyCondemns go with compare"}},
		{"tolerates everything", head + canary + "checks:\n  - compare: duration\n    tolerance: 40%\n", []string{"p.yaml:6: checks: a tolerance of 40% would let nearly everything pass"}},
		{"held back too much", head + canary + "holdBack: 60%\n", []string{"p.yaml:6: holdBack: 60% is not below 50%"}},
		{"held back without a soak", head + "strategy:\n  canary: {weight: 10%, for: 5m}\n  soak: 0s\nholdBack: 5%\n", []string{"p.yaml:7: holdBack: the old version is held back during the soak, and there is none"}},
		{"logs of a machine", "version: 1\ntargets:\n  - stateMachine: {name: orders, alias: prod, logs: /a}\n" + canary, []string{`there is no "logs" here`}},
		{"hooks", head + canary + "hooks:\n  afterTrafic: x\n  onRollback: {lambda: a, webhook: b, async: maybe}\n", []string{
			`p.yaml:7: hooks: there is no "afterTrafic" here (did you mean "afterTraffic"?)`,
			`p.yaml:8: hooks.onRollback.async: "maybe" is neither true nor false`,
			`p.yaml:8: hooks.onRollback.webhook: "b" is not an http or https address`,
			"p.yaml:8: hooks.onRollback: only one of lambda, webhook is possible"}},
		{"hook's name", head + canary + "hooks: {eachStep: a function}\n", []string{`p.yaml:6: hooks.eachStep: "a function" is not a function's name or ARN, nor an http or https address`}},
		{"hook without time", head + canary + "hooks:\n  beforeTraffic: {lambda: a, timeout: 0s}\n", []string{"p.yaml:7: hooks.beforeTraffic: the timeout has to be longer than 0s"}},
		{"unknown preset", head + "strategy: {named: Linear10PercentEvery1Minutess}\n", []string{`p.yaml:4: strategy.named: no preset is called "Linear10PercentEvery1Minutess" (did you mean "Linear10PercentEvery1Minute"?)`}},
		{"reaction", head + canary + "onUnhealthy: rolback\n", []string{`p.yaml:6: onUnhealthy: "rolback" is not one of rollback, hold, hold-at-0 (did you mean "rollback"?)`}},
		{"accepted alarm", head + canary + "checks: [{alarm: orders-failed}]\nacceptAlarms: [order-failed]\n", []string{`p.yaml:7: acceptAlarms: no check has an alarm called "order-failed" (did you mean "orders-failed"?)`}},
		{"lenient about nothing", head + canary + "checks: [{http: {url: \"https://example.com\"}, fine: missing}]\n", []string{`has no alarm that could be missing`}},
		{"unknown lenience", head + canary + "checks: [{alarm: orders-failed, fine: firing}]\n", []string{`p.yaml:6: checks[0].fine: "firing" is not one of missing, unreadable`}},
		{"target twice", "version: 1\ntargets:\n  - stateMachine: {name: orders, alias: prod}\n  - stateMachine: {name: orders, alias: prod}\n" + canary, []string{"p.yaml:4: targets[1]: orders:prod is a target twice"}},
		{"version as alias", "version: 1\ntargets:\n  - stateMachine: {name: orders, alias: 12}\n" + canary, []string{`p.yaml:3: targets[0]: alias "12" has to be letters`}},
		{"version and definition", "version: 1\ntargets:\n  - stateMachine: {name: orders, alias: prod, version: 3, definition: a.json}\n" + canary, []string{"p.yaml:3: targets[0]: name either a version or what to publish"}},
		{"keep one", head + canary + "keep: {versions: 1}\n", []string{"p.yaml:6: keep.versions: keeping one version leaves nothing to roll back to"}},
		{"canary of everything", head + "strategy: {canary: {weight: 100%, for: 5m}}\n", []string{"for everything at once use allAtOnce"}},
		{"alias bomb", "a: &a [1]\nb: [*a, *a]\n", []string{"p.yaml:2: YAML aliases (*name) are not allowed"}},
		{"two documents", head + canary + "---\nversion: 1\n", []string{"p.yaml:6: a second document begins here"}},
		{"all at once", "version: 1\ntargets:\n  - stateMachine: {nam: orders, alias: prod}\nstrategy:\n  canary: {weight: 10%, for: soon}\nonDrift: ignore\n", []string{
			`p.yaml:3: targets[0].stateMachine: there is no "nam" here (did you mean "name"?)`,
			`p.yaml:3: targets[0].stateMachine: "name" is missing`,
			`p.yaml:5: strategy.canary.for: duration "soon" is not like 90s, 5m, 1h30m or 1d`,
			`p.yaml:6: onDrift: "ignore" is not one of hold, adopt, overwrite`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := plan.Parse("p.yaml", []byte(tt.text))
			if !errors.Is(err, plan.ErrInvalid) {
				t.Fatalf("error %v, want an ErrInvalid", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Errorf("got %d problems, want %d:\n%v", len(lines), len(tt.want), err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got\n%v\nwant a line with\n%s", err, want)
				}
			}
		})
	}
}

func TestNestedAliasesDoNotExplode(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 x\n")
	for i := 1; i < 30; i++ {
		b.WriteString(strings.ReplaceAll("aN: &aN [*aM, *aM, *aM, *aM, *aM, *aM, *aM, *aM, *aM]\n", "N", string(rune('0'+i))))
	}
	text := strings.ReplaceAll(b.String(), "*aM", "*a0")
	if _, err := plan.Parse("p.yaml", []byte(text)); !errors.Is(err, plan.ErrInvalid) {
		t.Errorf("error %v, want an ErrInvalid", err)
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.*")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := plan.Parse("p.yaml", text)
		if err != nil {
			if !errors.Is(err, plan.ErrInvalid) {
				t.Fatalf("error %v, want an ErrInvalid", err)
			}
			return
		}
		again, err := plan.Parse("p.yaml", plan.Marshal(p))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, plan.Marshal(p))
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatalf("what was written is read differently (-first +again):\n%s\n%s", diff, plan.Marshal(p))
		}
	})
}

func TestHooksAreReadInTheirShortAndLongForm(t *testing.T) {
	got := parseFile(t, "hooks.yaml").Hooks
	want := plan.Hooks{
		BeforeTraffic: &plan.Hook{Kind: plan.LambdaHook, Name: "check-orders:live", Timeout: plan.DefaultHookTimeout},
		EachStep: &plan.Hook{
			Kind: plan.LambdaHook, Name: "arn:aws:lambda:eu-west-1:123456789012:function:load-test", Timeout: 20 * time.Minute,
			Payload: `{"users":50,"share":0.25,"big":12345678901234567890,"routes":["/","/cart",null,true,"yes"],"since":"2026-03-14","10":"10"}`,
		},
		AfterTraffic: &plan.Hook{Kind: plan.Webhook, Name: "https://ci.example.com/hooks?run=1", Async: true, Timeout: time.Hour},
		OnRollback:   &plan.Hook{Kind: plan.Webhook, Name: "https://chat.example.com/hook", Timeout: plan.DefaultHookTimeout},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the hooks are different (-want +got):\n%s", diff)
	}
}
