package controller_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

func okSince(at time.Time) analysis.AlarmState {
	return analysis.AlarmState{State: "OK", Since: at.Add(-time.Hour)}
}

// fleet adds n state machines and returns plans that release version 2 of each.
func (w *world) fleet(t testing.TB, n int) []plan.Plan {
	plans := make([]plan.Plan, n)
	for i := range plans {
		name := fmt.Sprintf("m-%05d", i)
		w.machine(name, "1", "2")
		w.aliases[arnOf(name, "prod")] = rollout.Routing{Stable: "1"}
		alarm := fmt.Sprintf("alarm-%d", i%7)
		w.alarms[alarm] = okSince(t0)
		plans[i] = canary(t, "2", func(s *plan.Spec) {
			s.Targets[0].Name = name
			s.Alarms = []string{alarm, "orders-failed"}
			s.Look = "1s"
		})
	}
	return plans
}

func TestAProcessDrivesAllItsRolloutsToTheirEndAndReadsEachAlarmOnceALook(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	ended := map[string]rollout.Phase{}
	p := controller.NewProcess(c, controller.ProcessConfig{Ended: func(id string, s rollout.Status, err error) {
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
		ended[id] = s.Phase
	}})
	for _, plan := range w.fleet(t, 20) {
		p.Add(start(t, c, plan).ID)
	}
	before := w.called("Alarms")
	if err := p.Run(t.Context(), w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if n := w.called("Alarms") - before; n != 1 || len(w.names) != 8 || !slices.IsSorted(w.names) {
		t.Errorf("%d readings of alarms %v for a look at 20 rollouts, want one with 8 names", n, w.names)
	}
	if err := w.clock.Drive(t.Context(), t0.Add(10*time.Minute), 0, p); err != nil {
		t.Fatal(err)
	}
	if p.Drives() != 0 || len(ended) != 20 {
		t.Errorf("%d are still driven and %d ended, want 0 and 20", p.Drives(), len(ended))
	}
	for id, phase := range ended {
		if phase != rollout.Succeeded {
			t.Errorf("%s ended %s, want Succeeded", id, phase)
		}
	}
}

func TestAProcessFollowsAnOrderOfAnotherProcessWithinASecond(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	p := controller.NewProcess(c, controller.ProcessConfig{})
	rec := start(t, c, canary(t, "8", func(s *plan.Spec) { s.Look = "1m"; s.Canary = "10%/30m"; s.Deadline = "2h" }))
	p.Add(rec.ID)
	if err := w.clock.Drive(t.Context(), t0.Add(5*time.Minute+30*time.Second), 0, p); err != nil {
		t.Fatal(err)
	}
	if err := w.controller(s, "eve").Order(t.Context(), rec.ID, rollout.Abort, "eve", "stop"); err != nil {
		t.Fatal(err)
	}
	if err := w.clock.Drive(t.Context(), w.clock.Now().Add(time.Second), 0, p); err != nil {
		t.Fatal(err)
	}
	w.wantRouting(t, rollout.Routing{Stable: "7"})
}

func TestAProcessThatSweepsTakesOverWhatNobodyRuns(t *testing.T) {
	w, s := newWorld(), memstore.New()
	dead := w.controller(s, "ann")
	rec := start(t, dead, canary(t, "8"))
	w.drive(t, dead, rec.ID, 10*time.Second)
	p := controller.NewProcess(w.controller(s, "bob"), controller.ProcessConfig{Sweep: 5 * time.Second})
	if err := w.clock.Drive(t.Context(), t0.Add(10*time.Minute), 0, p); err != nil {
		t.Fatal(err)
	}
	got, _ := s.Load(t.Context(), rec.ID)
	wantPhase(t, got.Status, rollout.Succeeded)
}

func TestAProcessLetsGoOfARolloutThatAnotherOwnerTook(t *testing.T) {
	w, s := newWorld(), memstore.New()
	ann, bob := w.controller(s, "ann"), w.controller(s, "bob")
	var lost error
	p := controller.NewProcess(ann, controller.ProcessConfig{Ended: func(_ string, _ rollout.Status, err error) { lost = err }})
	rec := start(t, ann, canary(t, "8"))
	p.Add(rec.ID)
	if err := w.clock.Drive(t.Context(), t0.Add(10*time.Second), 0, p); err != nil {
		t.Fatal(err)
	}
	w.clock.Set(t0.Add(time.Minute))
	if _, err := bob.Reconcile(t.Context(), rec.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.clock.Drive(t.Context(), t0.Add(70*time.Second), 0, p); err != nil {
		t.Fatal(err)
	}
	if p.Drives() != 0 || !errors.Is(lost, controller.ErrLeased) {
		t.Errorf("drives %d, told %v; want 0 and ErrLeased", p.Drives(), lost)
	}
}

func TestATargetThatHangsDoesNotKeepTheOthersWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), memstore.New()
		c := w.with(s, "ann", func(cfg *controller.Config) {
			cfg.Clock = clock.System{}
			cfg.Targets = map[plan.Kind]controller.Target{plan.StateMachine: hanging{world: w, alias: arnOf("m-00000", "prod")}}
		})
		now := clock.System{}.Now()
		plans := w.fleet(t, 3)
		for name := range w.alarms {
			w.alarms[name] = okSince(now)
		}
		var mu sync.Mutex
		var ended []string
		p := controller.NewProcess(c, controller.ProcessConfig{Parallel: 4, Ended: func(id string, _ rollout.Status, _ error) {
			mu.Lock()
			defer mu.Unlock()
			ended = append(ended, id)
		}})
		ctx, cancel := context.WithCancel(t.Context())
		go clock.Run(ctx, clock.System{}, p, p.Wake(), func(err error) { t.Errorf("run: %v", err) })
		for _, plan := range plans {
			p.Add(start(t, c, plan).ID)
		}
		<-clock.System{}.After(110 * time.Second)
		synctest.Wait()
		mu.Lock()
		n := len(ended)
		mu.Unlock()
		if n != 2 {
			t.Errorf("%d rollouts ended in 110 s, want the two whose target does not hang", n)
		}
		cancel()
		p.Wait()
	})
}

// hanging is a target that does not answer for one alias.
type hanging struct {
	*world
	alias string
}

func (h hanging) Routing(ctx context.Context, alias string) (rollout.Routing, error) {
	if alias == h.alias {
		<-ctx.Done()
		return rollout.Routing{}, ctx.Err()
	}
	return h.world.Routing(ctx, alias)
}

func TestAStoreThatFailsIsReportedAndAskedAgain(t *testing.T) {
	w := newWorld()
	full := errors.New("the disk is full")
	s := &faultyStore{Store: memstore.New(), fail: map[string]error{}}
	c := w.controller(s, "ann")
	p := controller.NewProcess(c, controller.ProcessConfig{})
	p.Add(start(t, c, canary(t, "8")).ID)
	s.fail["Save"] = full
	wantErr(t, "run", p.Run(t.Context(), w.clock.Now()), full)
	if at, ok := p.Next(); !ok || !at.After(w.clock.Now()) {
		t.Errorf("next at %s, %t; want later", at, ok)
	}
	delete(s.fail, "Save")
	if err := w.clock.Drive(t.Context(), t0.Add(5*time.Minute), 0, p); err != nil {
		t.Fatal(err)
	}
	w.wantRouting(t, rollout.Routing{Stable: "8"})
}
