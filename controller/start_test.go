package controller_test

import (
	"errors"
	"fmt"
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

func TestAStartIsRefusedBeforeAnythingIsPublished(t *testing.T) {
	prod := arnOf("orders", "prod")
	for _, test := range []struct {
		name  string
		spec  func(*plan.Spec)
		world func(*testing.T, *world, controller.Store)
		want  string
	}{
		{name: "an alarm does not exist", want: `alarm "typing eror" does not exist`,
			spec: func(s *plan.Spec) { s.Alarms = []string{"typing eror"} }},
		{name: "an alarm fires", want: `alarm "orders-failed" is in ALARM already, since 2026-03-04T04:06:07Z; --accept-alarm`,
			world: func(_ *testing.T, w *world, _ controller.Store) {
				w.alarms["orders-failed"] = analysis.AlarmState{State: "ALARM", Since: t0.Add(-time.Hour)}
			}},
		{name: "alarms cannot be read", want: `alarm "orders-failed" is not readable: access denied`,
			world: func(_ *testing.T, w *world, _ controller.Store) { w.fail["Alarms"] = controller.ErrDenied }},
		{name: "an alarm has a problem", want: `alarm "orders-failed" is not readable: throttled`,
			world: func(_ *testing.T, w *world, _ controller.Store) {
				w.alarms["orders-failed"] = analysis.AlarmState{Problem: "throttled"}
			}},
		{name: "the alias is split", want: "orders:prod: the alias is split already (10 % on 8, the rest on 7)",
			world: func(_ *testing.T, w *world, _ controller.Store) {
				w.aliases[prod] = rollout.Routing{Stable: "7", Canary: "8", Weight: 1000}
			}},
		{name: "the resource cannot be read", want: "orders:prod: access denied",
			world: func(_ *testing.T, w *world, _ controller.Store) { w.fail["Resolve"] = controller.ErrDenied }},
		{name: "executions cannot be counted", want: "orders:prod: executions of version 7 cannot be counted: access denied",
			world: func(_ *testing.T, w *world, _ controller.Store) { w.fail["Counts"] = controller.ErrDenied }},
		{name: "the alias may not be shifted", want: "orders:prod: cannot be shifted: access denied",
			world: func(_ *testing.T, w *world, _ controller.Store) { w.fail["Prove"] = controller.ErrDenied }},
		{name: "another rollout is open", want: "held for rollout r-bob-1 by bob since 2026-03-04T05:06:07Z",
			world: func(t *testing.T, w *world, s controller.Store) { start(t, w.controller(s, "bob"), canary(t, "8")) }},
		{name: "an address does not answer", want: "https://orders.test/ok does not answer: nothing here can ask addresses",
			spec: func(s *plan.Spec) {}, world: nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, s := newWorld(), memstore.New()
			if test.world != nil {
				test.world(t, w, s)
			}
			published := w.called("Publish")
			p := canary(t, "")
			if test.spec != nil {
				p = canary(t, "", test.spec)
			}
			if strings.HasPrefix(test.want, "https://") {
				p.Checks = append(p.Checks, plan.Check{Name: "ok", HTTP: &plan.HTTPProbe{URL: "https://orders.test/ok", Expect: 200}})
			}
			_, err := w.controller(s, "ann").Start(t.Context(), p, nil)
			var refused *controller.RefusedError
			if !errors.As(err, &refused) || !errors.Is(err, controller.ErrRefused) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want a refusal with %q", err, test.want)
			}
			if denied := slices.ContainsFunc(refused.Problems, func(p controller.Problem) bool { return errors.Is(p.Err, controller.ErrDenied) }); denied != strings.HasSuffix(test.want, "access denied") {
				t.Errorf("the reasons are %+v, which say by their errors that access is denied: %v", refused.Problems, denied)
			}
			if n := w.called("Publish") - published; n != 0 {
				t.Errorf("something was published all the same")
			}
			if recs, _ := s.List(t.Context(), controller.Filter{}); len(recs) > 1 || len(recs) == 1 && recs[0].Owner != "bob" {
				t.Errorf("rollouts %v are stored", recs)
			}
		})
	}
}

func TestARefusalListsEveryReason(t *testing.T) {
	w := newWorld()
	w.aliases[arnOf("orders", "prod")] = rollout.Routing{Stable: "7", Canary: "8", Weight: 1000}
	pre, err := w.controller(memstore.New(), "ann").Preflight(t.Context(), canary(t, "8", func(s *plan.Spec) { s.Alarms = []string{"x", "y"} }), nil)
	if err != nil || len(pre.Problems) != 3 || pre.Problems[0].Target != 0 || pre.Problems[2].Check != "y" {
		t.Errorf("got %+v, error %v; want the split and both alarms", pre.Problems, err)
	}
}

func TestComparisonsThatNobodyAskedForAreDoneWithoutWhereNothingTells(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann") // which has nothing that compares
	p := canary(t, "8", func(s *plan.Spec) { s.NoDefaultChecks = false })
	p.Checks = slices.DeleteFunc(p.Checks, func(c plan.Check) bool { return c.Rate != nil }) // which wants traffic
	pre, err := c.Preflight(t.Context(), p, nil)
	const want = "orders:prod: its versions are not compared: nothing here reads what versions of the kind stateMachine did; the other checks judge"
	if err != nil || len(pre.Problems) != 0 || len(pre.Without) != 1 || pre.Without[0].Text != want {
		t.Errorf("preflight: got %+v, error %v; want no problem, and to be told %q", pre, err, want)
	}
	rec := start(t, c, p)
	if list := events(t, s, rec.ID); len(list) != 2 || list[1].Kind != "without" || list[1].Text != want {
		t.Errorf("events %+v, want the second one to say %q", list, want)
	}
	status := w.drive(t, c, rec.ID, 5*time.Minute)
	wantPhase(t, status, rollout.Succeeded)
	for _, f := range status.Findings {
		if f.OnlyCondemns && (f.Verdict != analysis.Unknown || !strings.Contains(f.Why, "nothing here reads")) {
			t.Errorf("%s is %s (%s), want Unknown with the reason", f.Check, f.Verdict, f.Why)
		}
	}
	for _, spec := range []func(*plan.Spec){
		func(s *plan.Spec) { s.Compare = []string{"errors"} },
		func(s *plan.Spec) { s.Canary, s.Adaptive = "", plan.DefaultBudget },
	} {
		pre, err := c.Preflight(t.Context(), canary(t, "9", spec), nil)
		if err != nil || !strings.Contains(fmt.Sprint(pre.Problems), "nothing here reads what versions of the kind stateMachine did, which the plan compares") {
			t.Errorf("a plan that asks for a comparison: got %+v, error %v, want it refused", pre, err)
		}
	}
}

func TestAnAcceptedAlarmThatFiresDoesNotForbidTheStart(t *testing.T) {
	w := newWorld()
	w.alarms["orders-failed"] = analysis.AlarmState{State: "ALARM", Since: t0.Add(-time.Hour)}
	c := w.controller(memstore.New(), "ann")
	rec := start(t, c, canary(t, "8", func(s *plan.Spec) { s.AcceptAlarms = []string{"orders-failed"} }))
	w.drive(t, c, rec.ID, 10*time.Second)
	w.wantRouting(t, rollout.Routing{Stable: "7", Canary: "8", Weight: 1000})
}

func TestAnAliasThatServesTheVersionAlreadyIsNothingToDo(t *testing.T) {
	w, s := newWorld(), memstore.New()
	_, err := w.controller(s, "ann").Start(t.Context(), canary(t, "7"), nil)
	if !errors.Is(err, controller.ErrUnchanged) || !strings.Contains(err.Error(), "orders:prod serves 7 already") {
		t.Errorf("got %v, want nothing to do", err)
	}
	if recs, _ := s.List(t.Context(), controller.Filter{}); len(recs) != 0 {
		t.Errorf("rollouts %v are stored", recs)
	}
}

func TestAliasesThatServeTheirVersionAreLeftOutOfARolloutThatMovesOthers(t *testing.T) {
	w, s := newWorld(), memstore.New()
	w.machine("billing", "1", "2")
	w.aliases[arnOf("billing", "prod")] = rollout.Routing{Stable: "2"}
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8", func(s *plan.Spec) {
		s.Targets = append(s.Targets, plan.Target{Kind: plan.StateMachine, Name: "billing", Alias: "prod", Version: "2"})
	}))
	if len(rec.Plan.Targets) != 1 || len(rec.Status.Targets) != 1 || rec.Plan.Targets[0].Name != "orders" {
		t.Errorf("targets %+v, want orders only", rec.Plan.Targets)
	}
	list := events(t, s, rec.ID)
	if len(list) != 2 || list[0].Text != "orders:prod 7 → 8" || list[1].Text != "billing:prod serves 2 already" {
		t.Errorf("events %+v, want what moves and what does not", list)
	}
}

func TestAFailureAfterPublishingSaysWhatStays(t *testing.T) {
	w := newWorld()
	full := errors.New("the disk is full")
	s := &faultyStore{Store: memstore.New(), fail: map[string]error{"Create": full}}
	_, err := w.controller(s, "ann").Start(t.Context(), canary(t, ""), nil)
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "published before that, and staying: orders:prod 9") {
		t.Errorf("got %v, want that 9 stays", err)
	}
}

func TestTheVersionThatWasPublishedIsInThePlanOfTheRecord(t *testing.T) {
	w := newWorld()
	rec := start(t, w.controller(memstore.New(), "ann"), canary(t, ""))
	if v := rec.Plan.Targets[0].Version; v != "9" {
		t.Errorf("version %q, want 9", v)
	}
}

func TestAVersionThatWasTakenBackIsNotReleasedAgainWithoutAWord(t *testing.T) {
	w, store := newWorld(), memstore.New()
	c := w.controller(store, "ann")
	if err := store.Note(t.Context(), controller.LedgerEntry{
		Alias: arnOf("orders", "prod"), Version: "8", State: rollout.Quarantined, Rollout: "r-9", At: t0, Why: "it was slow",
	}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Start(t.Context(), canary(t, "8"), nil)
	wantErr(t, "a start with version 8", err, controller.ErrRefused)
	if want := "orders:prod: r-9 took version 8 back on 2026-03-04 05:06 UTC (it was slow)"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	rec := start(t, c, canary(t, "8", func(s *plan.Spec) { s.AcceptQuarantined = true }))
	wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Succeeded)
	if _, err := c.Rollback(t.Context(), plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}, "", "ann", "why not"); err != nil {
		t.Errorf("a version that was verified since is good again, and a rollback from it is refused: %v", err)
	}
}

func TestAnInterruptSaysNothingAboutTheVersion(t *testing.T) {
	w, store := newWorld(), memstore.New()
	c := w.controller(store, "ann")
	rec := start(t, c, canary(t, "8"))
	w.drive(t, c, rec.ID, 10*time.Second)
	if err := c.Order(t.Context(), rec.ID, rollout.Revert, "ann", "Ctrl-C"); err != nil {
		t.Fatal(err)
	}
	wantPhase(t, w.drive(t, c, rec.ID, time.Minute), rollout.Aborted)
	w.wantRouting(t, rollout.Routing{Stable: "7"})
	start(t, c, canary(t, "8")) // without a word
}

func TestAVersionThatWasTakenBackIsKnownUnderAnotherNumber(t *testing.T) {
	w, store := newWorld(), memstore.New()
	w.content = map[string]string{"orders": "bad"}
	c := w.controller(store, "ann")
	note := func(version, content string, state rollout.VersionState) {
		t.Helper()
		if err := store.Note(t.Context(), controller.LedgerEntry{
			Alias: arnOf("orders", "prod"), Version: version, State: state, Rollout: "r-9", At: t0, Why: "it was slow", Content: content,
		}); err != nil {
			t.Fatal(err)
		}
	}
	note("3", "bad", rollout.Quarantined)
	note("5", "good", rollout.Verified)
	_, err := c.Start(t.Context(), canary(t, ""), nil)
	wantErr(t, "a start with what version 3 was", err, controller.ErrRefused)
	if want := "r-9 took version 3 back on 2026-03-04 05:06 UTC (it was slow), and what is to be released is the same"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	note("6", "bad", rollout.Verified) // somebody accepted it, and it was good
	rec := start(t, c, canary(t, ""))
	w.drive(t, c, rec.ID, 10*time.Second)
	if err := c.Order(t.Context(), rec.ID, rollout.Abort, "ann", "slow again"); err != nil {
		t.Fatal(err)
	}
	wantPhase(t, w.drive(t, c, rec.ID, time.Minute), rollout.Aborted)
	if ledger, err := store.Ledger(t.Context(), arnOf("orders", "prod")); err != nil || ledger[0].Content != "bad" {
		t.Errorf("ledger %+v, error %v; want the content of what was taken back", ledger, err)
	}
}
