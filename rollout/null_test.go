package rollout_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// outcomes carries out rollouts in worlds of chance and counts how they end.
func outcomes(t *testing.T, s plan.Spec, rollouts int, perSecond, badOld, badNew float64) map[rollout.Phase]int {
	t.Helper()
	s.Targets = []plan.Target{{Kind: plan.Lambda, Name: "checkout", Alias: "live"}}
	p, err := plan.New(s)
	if err != nil {
		t.Fatal(err)
	}
	if s.Adaptive != "" { // the same in less time
		p.Strategy.Adaptive.Watch, p.Strategy.Adaptive.AtTop, p.Steps[0].For = 5*time.Minute, time.Minute, 5*time.Minute
	}
	ends := map[rollout.Phase]int{}
	for seed := range rollouts {
		m, a := checkout(p, perSecond, badOld, badNew)
		a.seconds.chance = rand.New(rand.NewPCG(uint64(seed), uint64(len(s.Adaptive))))
		for !m.status.Phase.Ended() {
			m.wait(m.look(m.world()))
		}
		ends[m.status.Phase]++
	}
	return ends
}

// likely is the chance that of n rollouts, each with a chance p, k or more are taken
// back.
func likely(n, k int, p float64) float64 {
	below := 0.0
	for i := range k {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		below += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return 1 - below
}

// TestAReleaseThatIsNoWorseIsTakenBackWithAChanceOfAlphaAtMost is S9: more would be
// taken back than chance explains.
func TestAReleaseThatIsNoWorseIsTakenBackWithAChanceOfAlphaAtMost(t *testing.T) {
	const rollouts = 60
	for _, tt := range []struct {
		name string
		spec plan.Spec
		base float64
	}{
		{"adaptive", plan.Spec{Adaptive: plan.DefaultBudget}, 0.05},
		{"adaptive, nothing fails", plan.Spec{Adaptive: plan.DefaultBudget}, 0},
		{"canary", plan.Spec{Canary: "10%/3m", Compare: []string{"errors", "duration"}, Soak: "1m"}, 0.05},
		{"default checks", plan.Spec{Canary: "10%/3m", Soak: "1m"}, 0.002}, // with which the limit condemns hardly ever
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ends := outcomes(t, tt.spec, rollouts, 20, tt.base, tt.base)
			back := ends[rollout.RolledBack]
			if p := likely(rollouts, back, plan.DefaultAlpha); p < 1e-4 {
				t.Errorf("%d of %d good releases were taken back, which has a chance of %.2g at an alpha of %v", back, rollouts, p, plan.DefaultAlpha)
			}
			if ends[rollout.Succeeded]+back != rollouts {
				t.Errorf("they ended %v, want nearly all Succeeded", ends)
			}
		})
	}
}

func TestABadReleaseIsTakenBack(t *testing.T) {
	const rollouts = 20
	for _, s := range []plan.Spec{
		{Adaptive: plan.DefaultBudget},
		{Canary: "10%/3m", Compare: []string{"errors", "duration"}, Soak: "1m"},
	} {
		if ends := outcomes(t, s, rollouts, 20, 0.001, 0.2); ends[rollout.RolledBack] < rollouts-1 {
			t.Errorf("%s: of %d bad releases %v", fmt.Sprint(s.Adaptive, s.Canary), rollouts, ends)
		}
	}
}
