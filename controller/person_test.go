package controller_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

func TestOrdersAreFollowedAndTold(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	w.drive(t, c, rec.ID, 10*time.Second)
	other := w.controller(s, "eve") // another process that shares the store
	if err := other.Order(t.Context(), rec.ID, rollout.Pause, "eve", "lunch"); err != nil {
		t.Fatal(err)
	}
	wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Paused)
	if err := other.Order(t.Context(), rec.ID, rollout.Abort, "eve", "enough"); err != nil {
		t.Fatal(err)
	}
	wantPhase(t, w.drive(t, c, rec.ID, time.Minute), rollout.Aborted)
	w.wantRouting(t, rollout.Routing{Stable: "7"})
	i := slices.IndexFunc(events(t, s, rec.ID), func(e controller.NumberedEvent) bool { return e.By == "eve" && e.Reason == "lunch" })
	if i < 0 {
		t.Error("no event names eve and her reason")
	}
	wantErr(t, "order after the end", other.Order(t.Context(), rec.ID, rollout.Resume, "eve", ""), controller.ErrEnded)
}

// live runs f in a bubble of synthetic time with a world whose clock is the
// bubble's.
func live(t *testing.T, f func(t *testing.T, w *world, c *controller.Controller, s controller.Store)) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), memstore.New()
		w.alarms["orders-failed"] = okSince(clock.System{}.Now())
		c := w.with(s, "ann", func(cfg *controller.Config) { cfg.Clock = clock.System{} })
		f(t, w, c, s)
	})
}

func TestRevertTakesEverythingBackBeforeItReturns(t *testing.T) {
	live(t, func(t *testing.T, w *world, c *controller.Controller, _ controller.Store) {
		rec := start(t, c, canary(t, "8"))
		if _, err := c.Reconcile(t.Context(), rec.ID); err != nil {
			t.Fatal(err)
		}
		w.fail["Shift"] = controller.ErrThrottled
		go func() {
			<-time.After(20 * time.Second)
			w.set(func() { delete(w.fail, "Shift") })
		}()
		status, err := c.Revert(t.Context(), rec.ID, "ann", "interrupted")
		if err != nil {
			t.Fatal(err)
		}
		wantPhase(t, status, rollout.Aborted)
		w.wantRouting(t, rollout.Routing{Stable: "7"})
	})
}

func TestPauseLeavesTheAliasToWhoeverResumes(t *testing.T) {
	live(t, func(t *testing.T, w *world, c *controller.Controller, s controller.Store) {
		rec := start(t, c, canary(t, "8"))
		if _, err := c.Reconcile(t.Context(), rec.ID); err != nil {
			t.Fatal(err)
		}
		status, err := c.Pause(t.Context(), rec.ID, "ann", "going home")
		if err != nil {
			t.Fatal(err)
		}
		wantPhase(t, status, rollout.Paused)
		bob := w.with(s, "bob", func(cfg *controller.Config) { cfg.Clock = clock.System{} })
		ids, err := bob.Unattended(t.Context())
		if err != nil || !slices.Equal(ids, []string{rec.ID}) {
			t.Errorf("unattended %v, error %v; want %s", ids, err, rec.ID)
		}
		if _, err := bob.Revert(t.Context(), rec.ID, "bob", "found it"); err != nil {
			t.Errorf("bob reverts at once: %v", err)
		}
		w.wantRouting(t, rollout.Routing{Stable: "7"})
	})
}

func TestADeadOwnersRolloutIsTakenOverWithoutWaiting(t *testing.T) {
	w, s := newWorld(), memstore.New()
	ann, bob := w.controller(s, "ann"), w.controller(s, "bob")
	rec := start(t, ann, canary(t, "8"))
	w.drive(t, ann, rec.ID, 10*time.Second)
	wantErr(t, "take over from the wrong one", bob.TakeOver(t.Context(), rec.ID, "carl"), controller.ErrLeased)
	if err := bob.TakeOver(t.Context(), rec.ID, "ann"); err != nil {
		t.Fatal(err)
	}
	// Were ann alive after all, she would find out before she acts.
	w.clock.Set(w.clock.Now().Add(time.Second))
	if _, err := ann.Reconcile(t.Context(), rec.ID); err == nil {
		w.clock.Set(w.clock.Now().Add(20 * time.Second))
		_, err = ann.Reconcile(t.Context(), rec.ID)
		wantErr(t, "ann looks", err, controller.ErrLeased)
	}
	wantPhase(t, w.drive(t, bob, rec.ID, 5*time.Minute), rollout.Succeeded)
	if n := countKind(events(t, s, rec.ID), "takenOver"); n != 1 {
		t.Errorf("people were told %d times that bob took over, want once", n)
	}
}

func TestAReportNamesTheCommandThatReverts(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	w.drive(t, c, rec.ID, 10*time.Second)
	r, err := c.Report(t.Context(), rec.ID)
	want := []string{"crossfade abort " + rec.ID + " --reason TEXT", "aws shift " + arnOf("orders", "prod") + " 7"}
	if err != nil || !r.Split || !slices.Equal(r.Revert, want) || !strings.Contains(r.Text, "orders:prod serves 10 % on 8, the rest on 7") {
		t.Errorf("got %+v, error %v; want the commands %q", r, err, want)
	}
	if last, ok := c.LastReport(rec.ID); !ok || !slices.Equal(last.Revert, want) {
		t.Errorf("from memory: %+v, %t", last, ok)
	}
	w.drive(t, c, rec.ID, 5*time.Minute)
	if r, err = c.Report(t.Context(), rec.ID); err != nil || r.Split || len(r.Revert) != 0 {
		t.Errorf("after the end: %+v, error %v; want nothing to revert", r, err)
	}
}

func TestWatchYieldsEveryEventUntilTheEnd(t *testing.T) {
	live(t, func(t *testing.T, w *world, c *controller.Controller, s controller.Store) {
		rec := start(t, c, canary(t, "8"))
		var got []int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for e, err := range c.Watch(t.Context(), rec.ID, 0) {
				if err != nil {
					t.Errorf("watch: %v", err)
				}
				got = append(got, e.Number)
			}
		}()
		for {
			d, err := c.Reconcile(t.Context(), rec.ID)
			if err != nil {
				t.Fatal(err)
			}
			if d.Status.Phase.Ended() {
				break
			}
			<-clock.System{}.After(d.Look.Sub(clock.System{}.Now()))
		}
		<-done
		if all := events(t, s, rec.ID); len(got) != len(all) || !slices.IsSorted(got) {
			t.Errorf("got events %v, want all %d in order", got, len(all))
		}
	})
}

func TestWatchEndsWithItsContextAndForAnUnknownRollout(t *testing.T) {
	live(t, func(t *testing.T, _ *world, c *controller.Controller, _ controller.Store) {
		rec := start(t, c, canary(t, "8"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var last error
		for _, err := range c.Watch(ctx, rec.ID, 0) {
			last = err
		}
		wantErr(t, "watch", last, context.DeadlineExceeded)
		for _, err := range c.Watch(t.Context(), "r-0", 0) {
			last = err
		}
		wantErr(t, "watch of nothing", last, controller.ErrNotFound)
	})
}

// TestCloneSharesNothing fills a status with something in every slice and map
// and looks for those that a clone shares, so that a new field cannot be
// forgotten.
func TestCloneSharesNothing(t *testing.T) {
	var rec controller.Record
	fill(reflect.ValueOf(&rec.Status).Elem())
	shared(t, "Status", reflect.ValueOf(rec.Status), reflect.ValueOf(rec.Clone().Status))
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.Zero(v.Type().Key()), reflect.Zero(v.Type().Elem()))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}

func shared(t *testing.T, path string, a, b reflect.Value) {
	switch a.Kind() {
	case reflect.Slice:
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", path)
		}
		shared(t, path+"[0]", a.Index(0), b.Index(0))
	case reflect.Map:
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", path)
		}
	case reflect.Struct:
		if a.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range a.NumField() {
			shared(t, path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	}
}

func TestRollbackGoesToTheLastVerifiedVersion(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	for _, version := range []string{"8", ""} { // both verified
		w.alarms["orders-failed"] = okSince(t0)
		rec := start(t, c, canary(t, version))
		wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Succeeded)
	}
	w.wantRouting(t, rollout.Routing{Stable: "9"})
	target := plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}
	rec, err := c.Rollback(t.Context(), target, "", "eve", "it is slow")
	if err != nil {
		t.Fatal(err)
	}
	if text := events(t, s, rec.ID)[0].Text; text != "orders:prod 9 → 8: to the last verified version, by eve: it is slow" {
		t.Errorf("the first event says %q", text)
	}
	wantPhase(t, w.drive(t, c, rec.ID, time.Minute), rollout.RolledBack)
	w.wantRouting(t, rollout.Routing{Stable: "8"})
	// Nine is quarantined now, so the next one goes to what served before.
	rec, err = c.Rollback(t.Context(), target, "", "eve", "still slow")
	if err != nil {
		t.Fatal(err)
	}
	w.drive(t, c, rec.ID, time.Minute)
	w.wantRouting(t, rollout.Routing{Stable: "7"})
	_, err = c.Rollback(t.Context(), target, "", "eve", "nowhere to go")
	wantErr(t, "third rollback", err, controller.ErrRefused)
	_, err = c.Rollback(t.Context(), target, "7", "eve", "there already")
	wantErr(t, "rollback to the same", err, controller.ErrUnchanged)
	rec, err = c.Rollback(t.Context(), target, "9", "eve", "so be it")
	if err != nil {
		t.Fatal(err)
	}
	w.drive(t, c, rec.ID, time.Minute)
	w.wantRouting(t, rollout.Routing{Stable: "9"})
}

// skipSoak carries a rollout out and skips its soak as soon as it has all of the
// traffic.
func (w *world) skipSoak(t *testing.T, c *controller.Controller, s controller.Store, version string) {
	t.Helper()
	w.alarms["orders-failed"] = okSince(t0)
	rec := start(t, c, canary(t, version, func(s *plan.Spec) { s.Soak = "1h" }))
	wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Progressing)
	if _, err := s.Order(t.Context(), rec.ID, rollout.Order{Kind: rollout.Skip, By: "ann", Reason: "urgent"}); err != nil {
		t.Fatal(err)
	}
	wantPhase(t, w.drive(t, c, rec.ID, time.Minute), rollout.Succeeded)
	w.wantRouting(t, rollout.Routing{Stable: version})
}

func TestRollbackPassesOverAVersionWhoseSoakWasSkipped(t *testing.T) {
	w, s := newWorld(), memstore.New()
	w.machine("orders", "7", "8", "9", "10")
	c := w.controller(s, "ann")
	target := plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}
	rec := start(t, c, canary(t, "8"))
	wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Succeeded)
	w.skipSoak(t, c, s, "9")
	w.skipSoak(t, c, s, "10")
	rec, err := c.Rollback(t.Context(), target, "", "eve", "it is slow")
	if err != nil {
		t.Fatal(err)
	}
	wantPhase(t, w.drive(t, c, rec.ID, time.Minute), rollout.RolledBack)
	w.wantRouting(t, rollout.Routing{Stable: "8"})
}

func TestARollbackHasATargetWhereEverySoakWasSkipped(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	w.skipSoak(t, c, s, "8")
	if _, err := c.Prune(t.Context(), plan.StateMachine, arnOf("orders", "prod"), plan.Keep{Versions: 1}, false); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(w.deleted, "7") {
		t.Errorf("deleted %v: a rollback has nowhere to go", w.deleted)
	}
	rec, err := c.Rollback(t.Context(), plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}, "", "eve", "it is slow")
	if err != nil {
		t.Fatal(err)
	}
	wantPhase(t, w.drive(t, c, rec.ID, time.Minute), rollout.RolledBack)
	w.wantRouting(t, rollout.Routing{Stable: "7"})
}

func TestAVerifiedVersionStaysVerifiedWhenALaterSoakIsSkipped(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	for _, version := range []string{"8", "9"} {
		w.alarms["orders-failed"] = okSince(t0)
		rec := start(t, c, canary(t, version))
		wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Succeeded)
	}
	w.skipSoak(t, c, s, "8")
	ledger, err := s.Ledger(t.Context(), arnOf("orders", "prod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ledger {
		if e.Version == "8" && e.State != rollout.Verified {
			t.Errorf("8 is %s in the ledger, want verified only: %+v", e.State, ledger)
		}
	}
}

func TestRollbackOfAnAliasWithAnOpenRolloutNamesIt(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	_, err := c.Rollback(t.Context(), plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}, "7", "eve", "")
	var leased *controller.LeasedError
	if !errors.As(err, &leased) || leased.Lease.Rollout != rec.ID {
		t.Errorf("got %v, want a LeasedError that names %s", err, rec.ID)
	}
}

func TestAdoptFinishesOrRevertsASplit(t *testing.T) {
	for way, want := range map[controller.Way]string{controller.Finish: "8", controller.Revert: "7"} {
		w, s := newWorld(), memstore.New()
		c := w.controller(s, "ann")
		target := plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}
		_, err := c.Adopt(t.Context(), target, way, "eve", "")
		wantErr(t, "adopt what is not split", err, controller.ErrUnchanged)
		w.aliases[arnOf("orders", "prod")] = rollout.Routing{Stable: "7", Canary: "8", Weight: 3000}
		rec, err := c.Adopt(t.Context(), target, way, "eve", "a script died")
		if err != nil {
			t.Fatal(err)
		}
		status := w.drive(t, c, rec.ID, time.Minute)
		if !status.Phase.Ended() {
			t.Errorf("%s: phase %s, want an end", way, status.Phase)
		}
		w.wantRouting(t, rollout.Routing{Stable: want})
		if ledger, _ := s.Ledger(t.Context(), arnOf("orders", "prod")); len(ledger) != 0 {
			t.Errorf("%s: the ledger says %+v of versions that nobody judged", way, ledger)
		}
	}
}

func TestARollbackThatDiesIsGoneOnWith(t *testing.T) {
	w, s := newWorld(), memstore.New()
	w.aliases[arnOf("orders", "prod")] = rollout.Routing{Stable: "8"}
	rec, err := w.controller(s, "ann").Rollback(t.Context(), plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}, "7", "eve", "bad")
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Set(w.clock.Now().Add(time.Minute))
	bob := w.controller(s, "bob")
	w.drive(t, bob, rec.ID, time.Minute)
	w.wantRouting(t, rollout.Routing{Stable: "7"})
}
