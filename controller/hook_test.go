package controller_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

func withHook(m plan.Moment, timeout time.Duration) func(*plan.Spec) {
	return func(s *plan.Spec) {
		s.Hooks.Set(m, &plan.Hook{Kind: plan.LambdaHook, Name: "check", Payload: `{"a":1}`, Timeout: timeout})
	}
}

func TestAHookLearnsWhatItNeedsForItsAnswer(t *testing.T) {
	w := newWorld()
	c := w.controller(memstore.New(), "ann")
	rec := start(t, c, canary(t, "8", withHook(plan.EachStep, time.Minute)))
	w.drive(t, c, rec.ID, 10*time.Second)
	want := controller.HookCall{
		Hook: plan.Hook{Kind: plan.LambdaHook, Name: "check", Payload: `{"a":1}`, Timeout: time.Minute},
		Key:  "r-ann-1/eachStep-1", Rollout: "r-ann-1", Name: "orders", Moment: plan.EachStep, Step: 0, Weight: 1000,
		Targets:  []controller.HookTarget{{Kind: plan.StateMachine, Name: "orders:prod", Alias: arnOf("orders", "prod"), OldVersion: "7", NewVersion: "8"}},
		AskedAt:  t0.Add(time.Second),
		Deadline: t0.Add(time.Second + time.Minute),
	}
	if diff := cmp.Diff([]controller.HookCall{want}, w.asked); diff != "" {
		t.Errorf("the hook was asked differently (-want +got):\n%s", diff)
	}
}

func TestAHookBeforeTrafficThatFailsMovesNothing(t *testing.T) {
	w := newWorld()
	store := memstore.New()
	c := w.controller(store, "ann")
	rec := start(t, c, canary(t, "8", withHook(plan.BeforeTraffic, time.Minute)))
	w.drive(t, c, rec.ID, 10*time.Second)
	w.answer("failed no table")
	status := w.drive(t, c, rec.ID, time.Minute)
	wantPhase(t, status, rollout.Failed)
	if !status.Refused || !strings.Contains(status.Why, "no table") || len(w.log) > 0 {
		t.Errorf("refused %t, because %q, after the shifts %q; want it refused for no table, without a shift", status.Refused, status.Why, w.log)
	}
}

func TestAnAliasIsWatchedWhileAHookIsOut(t *testing.T) {
	w := newWorld()
	c := w.controller(memstore.New(), "ann")
	rec := start(t, c, canary(t, "8", withHook(plan.EachStep, time.Hour), withHook(plan.OnRollback, time.Minute)))
	w.drive(t, c, rec.ID, 2*time.Minute)
	before := w.called("Alarms")
	status := w.drive(t, c, rec.ID, time.Minute)
	if looks := w.called("Alarms") - before; looks < 10 || status.Hold != rollout.HoldHook {
		t.Errorf("the alarms were looked at %d times in a minute, holding for %q; want at least 10, holding for the hook", looks, status.Hold)
	}
}

func TestAHookThatCannotBeAskedIsAskedLessAndLessOften(t *testing.T) {
	w := newWorld()
	c := w.controller(memstore.New(), "ann")
	rec := start(t, c, canary(t, "8", withHook(plan.EachStep, 10*time.Minute)))
	w.set(func() { w.fail["Ask"] = errors.New("throttled") })
	status := w.drive(t, c, rec.ID, 5*time.Minute)
	if n := w.called("Ask"); n < 10 || n > 60 {
		t.Errorf("it was asked %d times in five minutes, want 10 to 60", n)
	}
	if !strings.Contains(status.Why, "throttled") {
		t.Errorf("the reason is %q, want one with throttled", status.Why)
	}
	w.set(func() { delete(w.fail, "Ask") })
	w.drive(t, c, rec.ID, 30*time.Second)
	w.answer("succeeded")
	wantPhase(t, w.drive(t, c, rec.ID, 2*time.Minute), rollout.Succeeded)
	if i := slices.IndexFunc(w.asked, func(a controller.HookCall) bool { return a.Key != w.asked[0].Key }); i >= 0 {
		t.Errorf("the question was asked with the keys %s and %s, want the same one", w.asked[0].Key, w.asked[i].Key)
	}
}

func TestWhoIsToldOfARollbackDoesNotDelayIt(t *testing.T) {
	w := newWorld()
	c := w.controller(memstore.New(), "ann")
	rec := start(t, c, canary(t, "8", withHook(plan.OnRollback, time.Minute)))
	w.drive(t, c, rec.ID, 10*time.Second)
	if err := c.Order(t.Context(), rec.ID, rollout.Abort, "eve", "no"); err != nil {
		t.Fatal(err)
	}
	w.set(func() {
		w.before = func(call string) error {
			if call == "Ask" && w.routing(arnOf("orders", "prod")).Canary != "" {
				t.Error("the hook was told before the traffic was back")
			}
			return nil
		}
	})
	status := w.drive(t, c, rec.ID, 10*time.Second)
	wantPhase(t, status, rollout.RollingBack)
	w.wantRouting(t, rollout.Routing{Stable: "7"})
	wantPhase(t, w.drive(t, c, rec.ID, 2*time.Minute), rollout.Aborted)
}

func TestAHookThatMayNotBeAskedIsToldBeforeTheStart(t *testing.T) {
	w := newWorld()
	c := w.controller(memstore.New(), "ann")
	w.fail["ProveHook"] = controller.ErrDenied
	pre, err := c.Preflight(t.Context(), canary(t, "8", withHook(plan.AfterTraffic, time.Minute)), nil)
	if err != nil || len(pre.Problems) != 1 || !errors.Is(pre.Problems[0].Err, controller.ErrDenied) || !strings.Contains(pre.Problems[0].Text, "hook afterTraffic (check): access denied") {
		t.Errorf("problems %+v, error %v; want that the hook cannot be asked", pre.Problems, err)
	}
	pre, err = c.Preflight(t.Context(), canary(t, "8", func(s *plan.Spec) {
		s.Hooks.EachStep = &plan.Hook{Kind: plan.Webhook, Name: "https://example.com", Timeout: time.Minute}
	}), nil)
	if err != nil || len(pre.Problems) != 1 || !strings.Contains(pre.Problems[0].Text, "nothing here can ask hooks of the kind webhook") {
		t.Errorf("problems %+v, error %v; want that nothing asks webhooks", pre.Problems, err)
	}
}
