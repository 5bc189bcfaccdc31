package analysis_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
	"github.com/crossfade-dev/crossfade/plan"
)

// TestAnAdaptivePlanThatSaysNothingMoreIsTheRuleThatIsMeasured ties the defaults of
// plans to those of the rule: the benchmark is of the latter.
func TestAnAdaptivePlanThatSaysNothingMoreIsTheRuleThatIsMeasured(t *testing.T) {
	source := analysis.Source{Width: time.Second, Delay: 5 * time.Second}
	for _, tt := range []struct {
		target   plan.Target
		smallest float64
	}{
		{plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}, 0.01},
		{plan.Target{Kind: plan.Lambda, Name: "checkout", Alias: "live"}, 0.001},
	} {
		p, err := plan.New(plan.Spec{Targets: []plan.Target{tt.target}, Adaptive: plan.DefaultBudget})
		if err != nil {
			t.Fatal(err)
		}
		settle := p.Settle.Seconds()
		want := ramp.Default(tt.smallest, source.Delay.Seconds(), settle)
		want.Delay -= settle / 2 // of the settle window half is to be expected
		if diff := cmp.Diff(want, analysis.Policy(p, p.Targets[0], 1, source)); diff != "" {
			t.Errorf("%s: the plan's policy is not the rule (-rule +plan):\n%s", tt.target, diff)
		}
	}
}

func TestAComparisonByTheMinuteKeepsToWholeMinutesWhenTheClockIsSet(t *testing.T) {
	noon := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	source := analysis.Source{Width: time.Minute, Delay: 2 * time.Minute}
	r := ramp.Default(0.01, 180, 2)
	r.Width = 60
	c := analysis.BeginComparison(r, analysis.History{Source: source, Seconds: 3600}, noon.Add(40*time.Second))
	c.Look(r, noon.Add(5*time.Minute))
	before := c.State.LookedAt
	c.KeepTime(noon.Add(5*time.Minute-700*time.Millisecond), time.Minute)
	if !c.Epoch.Equal(noon.Add(-time.Minute)) || c.State.LookedAt < before {
		t.Errorf("the epoch is %s, and it was looked at after %v s; want a whole minute, one earlier, and %v s at least", c.Epoch, c.State.LookedAt, before)
	}
}
