package controller_test

import (
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/plan"
)

// BenchmarkProcess looks at 10,000 open rollouts once per iteration, on one
// core; looks/s is what the promise of one look a second at 10,000 rollouts
// needs 10,000 of.
func BenchmarkProcess(b *testing.B) {
	const n = 10_000
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	p := controller.NewProcess(c, controller.ProcessConfig{})
	for _, plan := range w.fleet(b, n) {
		plan.Steps[0].For = 10_000 * time.Hour
		plan.Deadline = 20_000 * time.Hour
		p.Add(start(b, c, plan).ID)
	}
	now := t0
	run := func() {
		now = now.Add(time.Second)
		w.clock.Set(now)
		if err := p.Run(b.Context(), now); err != nil {
			b.Fatal(err)
		}
	}
	for range 3 { // the first looks shift
		run()
	}
	alarms, routings := w.called("Alarms"), w.called("Routing")
	looks := 0
	for b.Loop() {
		run()
		looks++
	}
	if got := w.called("Routing") - routings; got != looks*n || w.called("Alarms")-alarms != looks {
		b.Fatalf("%d aliases read in %d looks at %d rollouts", got, looks, n)
	}
	b.ReportMetric(float64(looks)*n/b.Elapsed().Seconds(), "looks/s")
}

// BenchmarkReconcile looks at one rollout by itself.
func BenchmarkReconcile(b *testing.B) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(b, c, canary(b, "8", func(s *plan.Spec) { s.Canary, s.Deadline = "10%/1000h", "3000h" }))
	now := t0
	for b.Loop() {
		now = now.Add(time.Second)
		w.clock.Set(now)
		if _, err := c.Reconcile(b.Context(), rec.ID); err != nil {
			b.Fatal(err)
		}
	}
}
