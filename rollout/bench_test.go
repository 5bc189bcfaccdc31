package rollout_test

import (
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
)

// BenchmarkDecideByEvidence measures one look of an adaptive rollout that compares
// errors and durations of both versions second by second, each with one second more
// to take in.
func BenchmarkDecideByEvidence(b *testing.B) {
	p, err := plan.New(plan.Spec{Targets: []plan.Target{{Kind: plan.Lambda, Name: "checkout", Alias: "live"}}, Adaptive: plan.DefaultBudget})
	if err != nil {
		b.Fatal(err)
	}
	p.Strategy.Adaptive.Watch = 1000 * time.Hour
	m, _ := checkout(p, 100, 0.01, 0.01)
	for range 300 {
		m.look(m.world())
		m.pass(time.Second)
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		m.pass(time.Second)
		w := m.world()
		b.StartTimer()
		m.look(w)
		if m.status.Phase.Ended() {
			b.Fatal(m.status.Why)
		}
	}
}
