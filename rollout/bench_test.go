package rollout_test

import (
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
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
	r := rollout.Routing{Stable: "41"}
	a := &modelAlias{name: "checkout:live", stable: "41", canary: "42", routing: r, shown: r, perSecond: 100, badOld: 0.01, badNew: 0.01}
	m := &model{now: epoch, plan: p, alarms: map[string]analysis.AlarmState{}, aliases: []*modelAlias{a}}
	m.status = m.begin()
	look := func(w rollout.World) {
		d := rollout.Decide(p, m.status, w, m.clock())
		for _, x := range d.Actions {
			m.act(x.(rollout.Shift))
		}
		m.status = d.Status
	}
	for range 300 {
		look(m.world())
		m.pass(time.Second)
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		m.pass(time.Second)
		w := m.world()
		b.StartTimer()
		look(w)
		if m.status.Phase.Ended() {
			b.Fatal(m.status.Why)
		}
	}
}
