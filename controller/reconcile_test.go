package controller_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

func TestAHealthyRolloutGoesThroughItsStepsAndIsVerified(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	if len(w.log) != 0 {
		t.Fatalf("starting shifted: %v", w.log)
	}
	status := w.drive(t, c, rec.ID, 5*time.Minute)
	wantPhase(t, status, rollout.Succeeded)
	w.wantRouting(t, rollout.Routing{Stable: "8"})
	if want := []string{"10% 8", "100% 8"}; !slices.Equal(w.log, want) {
		t.Errorf("shifts %v, want %v", w.log, want)
	}
	ledger, err := s.Ledger(t.Context(), arnOf("orders", "prod"))
	if err != nil || len(ledger) != 2 || ledger[0].Version != "8" || ledger[0].State != rollout.Verified || ledger[1].Version != "7" || ledger[1].State != rollout.Served {
		t.Errorf("ledger %+v, error %v; want 8 verified, and 7 served before", ledger, err)
	}
	if _, ok, _ := s.Lease(t.Context(), arnOf("orders", "prod")); ok {
		t.Error("the alias is still held")
	}
}

func TestAnAlarmTakesTheTrafficBackAndQuarantines(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	w.drive(t, c, rec.ID, 20*time.Second)
	w.wantRouting(t, rollout.Routing{Stable: "7", Canary: "8", Weight: 1000})
	w.set(func() {
		w.counts["8"] = analysis.Counts{Started: 5, Running: 3, Failed: 2}
		w.alarms["orders-failed"] = analysis.AlarmState{State: "ALARM", Since: w.clock.Now()}
	})
	status := w.drive(t, c, rec.ID, time.Minute)
	wantPhase(t, status, rollout.RolledBack)
	w.wantRouting(t, rollout.Routing{Stable: "7"})
	list := events(t, s, rec.ID)
	if i := slices.IndexFunc(list, func(e controller.NumberedEvent) bool { return e.Kind == "running" }); i < 0 || list[i].Text !=
		"orders:prod: 8 has no traffic any more, but 3 executions that it started run on: taking traffic back stops nothing" {
		t.Errorf("people were not told that executions run on: %+v", list)
	}
	ledger, _ := s.Ledger(t.Context(), arnOf("orders", "prod"))
	if len(ledger) == 0 || ledger[0].Version != "8" || ledger[0].State != rollout.Quarantined {
		t.Errorf("ledger %+v, want 8 quarantined", ledger)
	}
}

func TestASaveThatFailsIsNotActedOn(t *testing.T) {
	w := newWorld()
	s := &faultyStore{Store: memstore.New(), fail: map[string]error{}}
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	full := errors.New("the disk is full")
	s.fail["Save"] = full
	for range 3 {
		d, err := c.Reconcile(t.Context(), rec.ID)
		wantErr(t, "look", err, full)
		if d.Status.Phase != rollout.Progressing {
			t.Errorf("the decision that could not be saved is not returned: %+v", d.Status)
		}
	}
	if n := w.called("Shift"); n != 0 {
		t.Errorf("%d shifts without a save", n)
	}
	delete(s.fail, "Save")
	wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Succeeded)
}

func TestTakingTrafficBackWaitsForNothingElse(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	w.drive(t, c, rec.ID, 10*time.Second)
	w.set(func() {
		w.alarms["orders-failed"] = analysis.AlarmState{State: "ALARM", Since: w.clock.Now()}
		w.fail["Shift"] = controller.ErrThrottled
	})
	w.drive(t, c, rec.ID, 10*time.Second)
	alarms, counts := w.called("Alarms"), w.called("Counts")
	w.drive(t, c, rec.ID, time.Minute)
	if w.called("Alarms") != alarms || w.called("Counts") != counts {
		t.Error("alarms or executions were read while traffic is taken back")
	}
}

func TestALookThatWasInterruptedDecidesNothing(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	ctx, cancel := context.WithCancel(t.Context())
	w.before = func(string) error {
		cancel()
		return context.Canceled
	}
	_, err := c.Reconcile(ctx, rec.ID)
	wantErr(t, "look", err, context.Canceled)
	got, _ := s.Load(t.Context(), rec.ID)
	if got.Revision != 1 {
		t.Errorf("revision is %d after an interrupted look, want 1", got.Revision)
	}
}

func TestWhatCannotBeReadHoldsAndIsNeverFine(t *testing.T) {
	for _, call := range []string{"Routing", "Alarms"} {
		w, s := newWorld(), memstore.New()
		c := w.controller(s, "ann")
		rec := start(t, c, canary(t, "8"))
		w.drive(t, c, rec.ID, 30*time.Second)
		w.set(func() { w.fail[call] = errors.New("no network") })
		status := w.drive(t, c, rec.ID, 90*time.Second)
		if status.Phase != rollout.Holding || !strings.Contains(status.Why, "no network") {
			t.Errorf("%s unreadable: phase %s because %q, want Holding because of no network", call, status.Phase, status.Why)
		}
		w.set(func() { delete(w.fail, call) })
		wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Succeeded)
	}
}

func TestAShiftThatFailsIsToldOnceAndTriedAgainMoreAndMoreSlowly(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	w.fail["Shift"] = controller.ErrThrottled
	w.drive(t, c, rec.ID, 45*time.Second)
	if n := w.called("Shift"); n < 4 || n > 12 {
		t.Errorf("%d tries in 45 s, want a few", n)
	}
	if n := countKind(events(t, s, rec.ID), "problem"); n != 1 {
		t.Errorf("people were told %d times, want once", n)
	}
	w.set(func() { delete(w.fail, "Shift") })
	wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Succeeded)
}

func TestARollbackIsTriedAgainSoonUntilItWorks(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	w.drive(t, c, rec.ID, 20*time.Second)
	w.set(func() {
		w.fail["Shift"] = controller.ErrThrottled
		w.alarms["orders-failed"] = analysis.AlarmState{State: "ALARM", Since: w.clock.Now()}
	})
	before := w.called("Shift")
	wantPhase(t, w.drive(t, c, rec.ID, time.Minute), rollout.RollingBack)
	if n := w.called("Shift") - before; n < 20 {
		t.Errorf("%d tries to take the traffic back in a minute, want at least one every 3 s", n)
	}
	w.set(func() { delete(w.fail, "Shift") })
	wantPhase(t, w.drive(t, c, rec.ID, time.Minute), rollout.RolledBack)
	w.wantRouting(t, rollout.Routing{Stable: "7"})
}

func TestQuietLooksAreNotStoredEachTime(t *testing.T) {
	w := newWorld()
	s := &faultyStore{Store: memstore.New(), calls: map[string]int{}}
	c := w.with(s, "ann", func(cfg *controller.Config) { cfg.SaveEvery = 30 * time.Second })
	rec := start(t, c, canary(t, "8", func(s *plan.Spec) { s.Canary, s.Look, s.Deadline = "10%/10m", "1s", "1h" }))
	w.drive(t, c, rec.ID, 30*time.Second)
	before := s.calls["Save"]
	w.drive(t, c, rec.ID, 2*time.Minute)
	if n := s.calls["Save"] - before; n > 6 {
		t.Errorf("%d saves in 2 quiet minutes, want about 4", n)
	}
	got, _ := s.Load(t.Context(), rec.ID)
	if age := w.clock.Now().Sub(got.Status.LookedAt); age > 31*time.Second {
		t.Errorf("the stored record is %s old, want at most 30 s", age)
	}
}

func TestALeaseThatEndedDuringALookIsNotActedOn(t *testing.T) {
	w := newWorld()
	s := &faultyStore{Store: memstore.New()}
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	s.after = func(call string) {
		if call == "Save" { // the process slept, or the disk was slow
			w.clock.Set(w.clock.Now().Add(time.Minute))
		}
	}
	if _, err := c.Reconcile(t.Context(), rec.ID); err != nil {
		t.Fatal(err)
	}
	if n := w.called("Shift"); n != 0 {
		t.Errorf("%d shifts after the lease ended, want none", n)
	}
	s.after = nil
	wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Succeeded)
}

func TestTwoControllersNeverActOnOneAlias(t *testing.T) {
	w, s := newWorld(), memstore.New()
	ann, bob := w.controller(s, "ann"), w.controller(s, "bob")
	rec := start(t, ann, canary(t, "8"))
	w.drive(t, ann, rec.ID, 10*time.Second)
	_, err := bob.Reconcile(t.Context(), rec.ID)
	wantErr(t, "bob looks", err, controller.ErrLeased)
	if _, err := bob.Start(t.Context(), canary(t, "8"), nil); !errors.Is(err, controller.ErrRefused) || !strings.Contains(err.Error(), "ann") {
		t.Errorf("bob starts: got %v, want a refusal that names ann", err)
	}
	// Ann hangs. Her lease ends, bob goes on, and she must find out.
	w.clock.Set(w.clock.Now().Add(31 * time.Second))
	if _, err := bob.Reconcile(t.Context(), rec.ID); err != nil {
		t.Fatalf("bob takes over: %v", err)
	}
	before := w.called("Shift")
	_, err = ann.Reconcile(t.Context(), rec.ID)
	wantErr(t, "ann comes back", err, controller.ErrLeased)
	if n := w.called("Shift") - before; n != 0 {
		t.Errorf("ann shifted %d times after bob took over", n)
	}
	wantPhase(t, w.drive(t, bob, rec.ID, 5*time.Minute), rollout.Succeeded)
	if n := countKind(events(t, s, rec.ID), "takenOver"); n != 1 {
		t.Errorf("people were told %d times that bob took over, want once", n)
	}
}

func TestAnOwnerWhoseLeaseEndedUnnoticedConflictsWhenItSaves(t *testing.T) {
	w, s := newWorld(), memstore.New()
	ann, bob := w.controller(s, "ann"), w.controller(s, "bob")
	rec := start(t, ann, canary(t, "8"))
	w.drive(t, ann, rec.ID, 10*time.Second)
	// Bob takes over while ann reads the alias.
	w.before = func(call string) error {
		if call == "Routing" {
			w.before = nil
			w.clock.Set(w.clock.Now().Add(time.Minute))
			if _, err := bob.Reconcile(context.WithoutCancel(t.Context()), rec.ID); err != nil {
				t.Errorf("bob: %v", err)
			}
		}
		return nil
	}
	before := w.called("Shift")
	w.set(func() { w.alarms["orders-failed"] = analysis.AlarmState{State: "ALARM", Since: w.clock.Now()} })
	_, err := ann.Reconcile(t.Context(), rec.ID)
	wantErr(t, "ann", err, controller.ErrConflict)
	if n := w.called("Shift") - before; n != 1 {
		t.Errorf("%d shifts, want bob's one", n)
	}
}

func TestALeaseThatEndedDoesNotLookGoodAgainWhenTheClockIsSetBack(t *testing.T) {
	w, s := newWorld(), memstore.New()
	ann, bob := w.controller(s, "ann"), w.controller(s, "bob")
	w.machine("billing", "1", "2")
	w.aliases[arnOf("billing", "prod")] = rollout.Routing{Stable: "1"}
	rec := start(t, ann, canary(t, "8", func(s *plan.Spec) {
		s.Targets = append(s.Targets, plan.Target{Kind: plan.StateMachine, Name: "billing", Alias: "prod", Version: "2"})
	}))
	// While Ann shifts the first alias, which takes long, her lease ends, Bob
	// takes over, and somebody sets the clock.
	shifts := 0
	w.lost = func(string) error {
		w.lost = nil
		w.clock.Set(w.clock.Now().Add(time.Minute))
		if _, err := bob.Reconcile(t.Context(), rec.ID); err != nil {
			t.Errorf("bob: %v", err)
		}
		w.clock.Set(t0.Add(-time.Hour))
		shifts = w.called("Shift")
		return nil
	}
	if _, err := ann.Reconcile(t.Context(), rec.ID); err != nil {
		t.Fatal(err)
	}
	if n := w.called("Shift") - shifts; n != 0 {
		t.Errorf("ann shifted %d times after bob took over", n)
	}
}

func TestAClockThatIsSetBackKeepsTheLease(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	w.drive(t, c, rec.ID, 10*time.Second)
	w.clock.Set(t0.Add(-time.Hour))
	wantPhase(t, w.drive(t, c, rec.ID, 10*time.Minute), rollout.Succeeded)
}

func TestAnAliasThatDoesNotExistIsCreatedWithEverythingOnTheNewVersion(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	p := canary(t, "", func(s *plan.Spec) { s.Targets[0].Alias = "beta" })
	rec := start(t, c, p)
	if first := events(t, s, rec.ID)[0].Text; !strings.Contains(first, "does not exist") || !strings.Contains(first, "created") {
		t.Errorf("the first event says %q, want that the alias is created", first)
	}
	w.fail["CreateAlias"] = controller.ErrThrottled
	w.drive(t, c, rec.ID, 10*time.Second)
	w.set(func() { delete(w.fail, "CreateAlias") })
	wantPhase(t, w.drive(t, c, rec.ID, time.Minute), rollout.Succeeded)
	if got := w.routing(arnOf("orders", "beta")); got != (rollout.Routing{Stable: "9"}) {
		t.Errorf("the alias does %+v, want everything on 9", got)
	}
}

func TestAnAlarmThatFiresAndRecoversBetweenTwoLooksTakesTheTrafficBack(t *testing.T) {
	w := newWorld()
	c := w.controller(memstore.New(), "ann")
	rec := start(t, c, canary(t, "8"))
	w.drive(t, c, rec.ID, 20*time.Second)
	w.set(func() {
		w.fired["orders-failed"] = t0.Add(21 * time.Second)
		w.alarms["orders-failed"] = analysis.AlarmState{State: "OK", Since: t0.Add(23 * time.Second)}
	})
	status := w.drive(t, c, rec.ID, time.Minute)
	wantPhase(t, status, rollout.RolledBack)
	if want := `alarm "orders-failed" went to ALARM at 05:06:28, and has left it since`; status.Why != want {
		t.Errorf("because %q, want %q", status.Why, want)
	}
}

func TestAnAlarmThatOnlyLackedDataBetweenTwoLooksIsFine(t *testing.T) {
	w := newWorld()
	c := w.controller(memstore.New(), "ann")
	rec := start(t, c, canary(t, "8"))
	w.drive(t, c, rec.ID, 20*time.Second)
	w.set(func() { w.alarms["orders-failed"] = analysis.AlarmState{State: "OK", Since: t0.Add(23 * time.Second)} })
	before := w.called("Fired")
	wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Succeeded)
	if n := w.called("Fired") - before; n != 1 {
		t.Errorf("its history was read %d times, want once", n)
	}
}

func TestAnAlarmWhoseHistoryCannotBeReadHolds(t *testing.T) {
	w := newWorld()
	c := w.controller(memstore.New(), "ann")
	rec := start(t, c, canary(t, "8"))
	w.drive(t, c, rec.ID, 20*time.Second)
	w.set(func() {
		w.fail["Fired"] = errors.New("throttled")
		w.alarms["orders-failed"] = analysis.AlarmState{State: "OK", Since: t0.Add(23 * time.Second)}
	})
	status := w.drive(t, c, rec.ID, time.Minute)
	if status.Hold != rollout.HoldUnknown || !strings.Contains(status.Why, "its history cannot be read: throttled") {
		t.Errorf("it is %s for %q, because %q; want it to hold for the history", status.Phase, status.Hold, status.Why)
	}
	w.set(func() { delete(w.fail, "Fired") })
	wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Succeeded)
	w.fail["Fired"] = controller.ErrDenied
	_, err := c.Start(t.Context(), canary(t, "9"), nil)
	wantErr(t, "a start without the right to read histories", err, controller.ErrRefused)
}
