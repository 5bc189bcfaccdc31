// Package storetest holds every [controller.Store] to the same promises. A
// store's own tests call [Run].
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// t0 is when the tests begin; it has nanoseconds, which a store must keep.
var t0 = time.Date(2026, 3, 4, 5, 6, 7, 890123456, time.UTC)

// Run tests a store. open returns an empty one each time and arranges for it to
// be closed.
func Run(t *testing.T, open func(t testing.TB) controller.Store) {
	tests := []struct {
		name string
		run  func(t *testing.T, s controller.Store)
	}{
		{"a created rollout loads as it was", createdLoads},
		{"a rollout's ID is taken once", idTakenOnce},
		{"one rollout is open on an alias at a time", oneOpenPerAlias},
		{"a refused rollout takes no lease and leaves no trace", refusedLeavesNothing},
		{"a save needs the stored revision", saveNeedsRevision},
		{"a save needs every newest lease", saveNeedsLeases},
		{"a save with an ended lease that nobody took is fine", saveAfterQuietExpiry},
		{"a save stores status, events and notes together or not at all", saveIsAtomic},
		{"an ended rollout frees its aliases and takes no more orders", endFrees},
		{"tokens grow over rollouts of the same alias", tokensGrow},
		{"an owner renews its lease and keeps the token", renewKeepsToken},
		{"nobody else gets a lease before its end", leaseExcludes},
		{"a lease that ended goes to the next, and fences the one before", takeoverFences},
		{"leases of several aliases are taken together or not at all", acquireIsAtomic},
		{"a released lease goes to anybody, and its alias stays bound", releaseFreesButBinds},
		{"releasing what somebody else has taken changes nothing", releaseStale},
		{"orders are numbered from one and listed once followed", ordersNumbered},
		{"events are numbered from one and read from any number on", eventsNumbered},
		{"the ledger is newest first and per alias", ledgerOrder},
		{"list filters by alias, name and openness, newest first", listFilters},
		{"what is not there is ErrNotFound", unknownIsNotFound},
		{"what a caller changes later does not change the store", callersDoNotShare},
		{"of concurrent creations for one alias one wins", concurrentCreate},
		{"of concurrent saves of one revision one wins", concurrentSave},
		{"of concurrent takeovers one wins", concurrentAcquire},
		{"concurrent orders all get a number of their own", concurrentOrders},
		{"of several saves each has its own answer", savesAnswerEach},
		{"several saves of one rollout are taken in their order", savesInOrder},
		{"of several wishes for leases each has its own answer", grantsAnswerEach},
		{"many rollouts are saved and their leases renewed at once", manyTogether},
		{"a store agrees with a model over random histories", agreesWithModel(open)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// Record returns a pending rollout of the given aliases, accepted at t0.
func Record(id, owner string, aliases ...string) controller.Record {
	p := plan.Plan{Name: "checkout", Steps: []plan.Step{{Weight: 1000, For: time.Minute}, {Weight: plan.Full}}, Look: time.Second}
	var targets []rollout.TargetStatus
	for _, a := range aliases {
		p.Targets = append(p.Targets, plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: a, Version: "8"})
		targets = append(targets, rollout.TargetStatus{Alias: a, Canary: "8"})
	}
	return controller.Record{ID: id, Task: controller.Deploy, Plan: p, Status: rollout.Begin(p, targets, t0), Owner: owner, Created: t0}
}

func create(t *testing.T, s controller.Store, rec controller.Record) (controller.Record, []controller.Lease) {
	t.Helper()
	leases, err := s.Create(t.Context(), rec, t0.Add(time.Minute), []rollout.Event{{At: t0, Kind: "accepted", Text: "accepted"}})
	if err != nil {
		t.Fatalf("create %s: %v", rec.ID, err)
	}
	rec.Revision = 1
	return rec, leases
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func wantEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func createdLoads(t *testing.T, s controller.Store) {
	rec := Record("r-1", "ann", "a:1", "a:2")
	rate := 0.02
	rec.Status.Phase = rollout.Progressing
	rec.Status.Targets[0].Wish = rollout.Routing{Stable: "7", Canary: "8", Weight: 1000}
	rec.Status.Targets[0].WishAt = t0.Add(time.Nanosecond)
	rec.Status.Findings = []analysis.Finding{{Check: "errors", Verdict: analysis.Unknown, Why: "too few", Samples: 3, Value: &rate}}
	rec.Status.Accepted = map[string]time.Time{"noisy": t0.Add(-time.Hour)}
	rec, leases := create(t, s, rec)
	got, err := s.Load(t.Context(), "r-1")
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "loaded", got, rec)
	for i, alias := range []string{"a:1", "a:2"} {
		want := controller.Lease{Alias: alias, Rollout: "r-1", Owner: "ann", Token: leases[i].Token, Since: t0, Until: t0.Add(time.Minute)}
		wantEqual(t, "granted", leases[i], want)
		l, ok, err := s.Lease(t.Context(), alias)
		if err != nil || !ok {
			t.Fatalf("lease of %s: ok %t, error %v", alias, ok, err)
		}
		wantEqual(t, "stored lease", l, want)
	}
}

func idTakenOnce(t *testing.T, s controller.Store) {
	create(t, s, Record("r-1", "ann", "a:1"))
	_, err := s.Create(t.Context(), Record("r-1", "ann", "a:2"), t0.Add(time.Minute), nil)
	wantErr(t, "second create", err, controller.ErrConflict)
}

func oneOpenPerAlias(t *testing.T, s controller.Store) {
	create(t, s, Record("r-1", "ann", "a:1"))
	late := Record("r-2", "bob", "a:1")
	late.Created = t0.Add(time.Hour) // long after the lease ended: the rollout is still open
	_, err := s.Create(t.Context(), late, late.Created.Add(time.Minute), nil)
	wantErr(t, "second rollout", err, controller.ErrLeased)
	var leased *controller.LeasedError
	if !errors.As(err, &leased) || leased.Lease.Owner != "ann" || leased.Lease.Rollout != "r-1" || !leased.Lease.Since.Equal(t0) {
		t.Errorf("got %#v, want a LeasedError that names ann, r-1 and since when", err)
	}
}

func refusedLeavesNothing(t *testing.T, s controller.Store) {
	create(t, s, Record("r-1", "ann", "a:2"))
	_, err := s.Create(t.Context(), Record("r-2", "bob", "a:1", "a:2"), t0.Add(time.Minute), []rollout.Event{{Text: "x"}})
	wantErr(t, "create", err, controller.ErrLeased)
	_, err = s.Load(t.Context(), "r-2")
	wantErr(t, "load", err, controller.ErrNotFound)
	if l, ok, _ := s.Lease(t.Context(), "a:1"); ok {
		t.Errorf("a:1 is held by %q, want nobody", l.Owner)
	}
	create(t, s, Record("r-2", "bob", "a:1"))
}

func saveNeedsRevision(t *testing.T, s controller.Store) {
	rec, leases := create(t, s, Record("r-1", "ann", "a:1"))
	rec.Status.Why = "first"
	rev, err := s.Save(t.Context(), rec, leases, nil, nil)
	if err != nil || rev != 2 {
		t.Fatalf("first save: revision %d, error %v; want 2", rev, err)
	}
	rec.Status.Why = "second, from the old revision"
	_, err = s.Save(t.Context(), rec, leases, nil, nil)
	wantErr(t, "save of an old revision", err, controller.ErrConflict)
	rec.Revision = rev
	if rev, err = s.Save(t.Context(), rec, leases, nil, nil); err != nil || rev != 3 {
		t.Fatalf("save of the new revision: revision %d, error %v; want 3", rev, err)
	}
}

func saveNeedsLeases(t *testing.T, s controller.Store) {
	rec, leases := create(t, s, Record("r-1", "ann", "a:1", "a:2"))
	_, err := s.Save(t.Context(), rec, leases[:1], nil, nil)
	wantErr(t, "save with one of two leases", err, controller.ErrConflict)
	_, err = s.Save(t.Context(), rec, nil, nil, nil)
	wantErr(t, "save without leases", err, controller.ErrConflict)
	old := slices.Clone(leases)
	old[1].Token--
	_, err = s.Save(t.Context(), rec, old, nil, nil)
	wantErr(t, "save with an old token", err, controller.ErrConflict)
}

func saveAfterQuietExpiry(t *testing.T, s controller.Store) {
	rec, leases := create(t, s, Record("r-1", "ann", "a:1"))
	rec.Status.LookedAt = t0.Add(time.Hour)
	if _, err := s.Save(t.Context(), rec, leases, nil, nil); err != nil {
		t.Errorf("save: %v; the token is still the newest", err)
	}
}

func saveIsAtomic(t *testing.T, s controller.Store) {
	rec, leases := create(t, s, Record("r-1", "ann", "a:1"))
	note := controller.LedgerEntry{Alias: "a:1", Version: "7", State: rollout.Served, Rollout: "r-1", At: t0, Why: "it served", Content: "c7"}
	stale := rec
	stale.Revision = 7
	stale.Status.Why = "never"
	_, err := s.Save(t.Context(), stale, leases, []rollout.Event{{Text: "never"}}, []controller.LedgerEntry{note})
	wantErr(t, "stale save", err, controller.ErrConflict)
	events, _ := s.Events(t.Context(), "r-1", 0)
	ledger, _ := s.Ledger(t.Context(), "a:1")
	if got, _ := s.Load(t.Context(), "r-1"); len(events) != 1 || len(ledger) != 0 || got.Status.Why == "never" {
		t.Errorf("a refused save left %d events, %d notes, why %q; want 1, 0 and the old one", len(events), len(ledger), got.Status.Why)
	}
	if _, err := s.Save(t.Context(), rec, leases, []rollout.Event{{Text: "now"}}, []controller.LedgerEntry{note}); err != nil {
		t.Fatal(err)
	}
	events, _ = s.Events(t.Context(), "r-1", 0)
	ledger, _ = s.Ledger(t.Context(), "a:1")
	if len(events) != 2 || events[1].Text != "now" {
		t.Errorf("events %v, want two, the last of them new", events)
	}
	wantEqual(t, "ledger", ledger, []controller.LedgerEntry{note})
}

func end(t *testing.T, s controller.Store, rec controller.Record, leases []controller.Lease) {
	t.Helper()
	rec.Status.Phase = rollout.Succeeded
	if _, err := s.Save(t.Context(), rec, leases, nil, nil); err != nil {
		t.Fatalf("end %s: %v", rec.ID, err)
	}
}

func endFrees(t *testing.T, s controller.Store) {
	rec, leases := create(t, s, Record("r-1", "ann", "a:1"))
	if _, err := s.Order(t.Context(), "r-1", rollout.Order{Kind: rollout.Pause}); err != nil {
		t.Fatal(err)
	}
	end(t, s, rec, leases)
	if l, ok, _ := s.Lease(t.Context(), "a:1"); ok {
		t.Errorf("the alias is still held by %q", l.Owner)
	}
	_, err := s.Acquire(t.Context(), "r-1", "ann", t0, t0.Add(time.Minute))
	wantErr(t, "acquire", err, controller.ErrEnded)
	_, err = s.Order(t.Context(), "r-1", rollout.Order{Kind: rollout.Pause})
	wantErr(t, "order", err, controller.ErrEnded)
	rec.Revision++
	_, err = s.Save(t.Context(), rec, leases, nil, nil)
	wantErr(t, "save after the end", err, controller.ErrConflict)
	if ids, _ := s.Ordered(t.Context()); len(ids) != 0 {
		t.Errorf("ordered: %v, want none: the rollout has ended", ids)
	}
	create(t, s, Record("r-2", "bob", "a:1"))
}

func tokensGrow(t *testing.T, s controller.Store) {
	rec, first := create(t, s, Record("r-1", "ann", "a:1"))
	end(t, s, rec, first)
	_, second := create(t, s, Record("r-2", "ann", "a:1"))
	if second[0].Token <= first[0].Token {
		t.Errorf("token %d after %d, want a larger one", second[0].Token, first[0].Token)
	}
}

func renewKeepsToken(t *testing.T, s controller.Store) {
	_, first := create(t, s, Record("r-1", "ann", "a:1"))
	renewed, err := s.Acquire(t.Context(), "r-1", "ann", t0.Add(time.Hour), t0.Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	want := first[0]
	want.Until = t0.Add(2 * time.Hour)
	wantEqual(t, "renewed", renewed, []controller.Lease{want})
}

func leaseExcludes(t *testing.T, s controller.Store) {
	create(t, s, Record("r-1", "ann", "a:1"))
	_, err := s.Acquire(t.Context(), "r-1", "bob", t0.Add(time.Minute-1), t0.Add(2*time.Minute))
	wantErr(t, "acquire one nanosecond early", err, controller.ErrLeased)
}

func takeoverFences(t *testing.T, s controller.Store) {
	rec, old := create(t, s, Record("r-1", "ann", "a:1"))
	at := t0.Add(time.Minute)
	taken, err := s.Acquire(t.Context(), "r-1", "bob", at, at.Add(time.Minute))
	if err != nil {
		t.Fatalf("acquire at the very end of the lease: %v", err)
	}
	if l := taken[0]; l.Token <= old[0].Token || l.Owner != "bob" || !l.Since.Equal(at) {
		t.Errorf("got %+v, want a newer token for bob since %s", l, at)
	}
	_, err = s.Save(t.Context(), rec, old, nil, nil)
	wantErr(t, "save by the owner before", err, controller.ErrConflict)
	if _, err := s.Save(t.Context(), rec, taken, nil, nil); err != nil {
		t.Errorf("save by the new owner: %v", err)
	}
	_, err = s.Acquire(t.Context(), "r-1", "ann", at, at.Add(time.Minute))
	wantErr(t, "the owner before comes back", err, controller.ErrLeased)
}

func acquireIsAtomic(t *testing.T, s controller.Store) {
	_, leases := create(t, s, Record("r-1", "ann", "a:1", "a:2"))
	if err := s.Release(t.Context(), leases[:1]); err != nil {
		t.Fatal(err)
	}
	_, err := s.Acquire(t.Context(), "r-1", "bob", t0, t0.Add(time.Minute))
	wantErr(t, "acquire of a free and a held alias", err, controller.ErrLeased)
	if l, _, _ := s.Lease(t.Context(), "a:1"); l.Owner != "" {
		t.Errorf("a:1 went to %q although a:2 did not", l.Owner)
	}
}

func releaseFreesButBinds(t *testing.T, s controller.Store) {
	rec, leases := create(t, s, Record("r-1", "ann", "a:1"))
	if err := s.Release(t.Context(), leases); err != nil {
		t.Fatal(err)
	}
	_, err := s.Create(t.Context(), Record("r-2", "bob", "a:1"), t0.Add(time.Minute), nil)
	wantErr(t, "another rollout of the alias", err, controller.ErrLeased)
	_, err = s.Save(t.Context(), rec, leases, nil, nil)
	wantErr(t, "save after releasing", err, controller.ErrConflict)
	taken, err := s.Acquire(t.Context(), "r-1", "bob", t0, t0.Add(time.Minute))
	if err != nil || taken[0].Owner != "bob" {
		t.Errorf("acquire after releasing: %+v, error %v", taken, err)
	}
}

func releaseStale(t *testing.T, s controller.Store) {
	_, old := create(t, s, Record("r-1", "ann", "a:1"))
	at := t0.Add(time.Hour)
	taken, err := s.Acquire(t.Context(), "r-1", "bob", at, at.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Release(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	l, _, _ := s.Lease(t.Context(), "a:1")
	wantEqual(t, "lease", l, taken[0])
}

func ordersNumbered(t *testing.T, s controller.Store) {
	ctx := t.Context()
	rec, leases := create(t, s, Record("r-1", "ann", "a:1"))
	create(t, s, Record("r-2", "ann", "a:2"))
	first := rollout.Order{Kind: rollout.Pause, By: "eve", Reason: "it's late: \"é\"", At: t0}
	for i, o := range []rollout.Order{first, {Kind: rollout.Resume, By: "eve", At: t0.Add(time.Second)}} {
		if n, err := s.Order(ctx, "r-1", o); err != nil || n != int64(i)+1 {
			t.Fatalf("order %d: number %d, error %v", i, n, err)
		}
	}
	orders, err := s.Orders(ctx, "r-1", 0)
	if err != nil || len(orders) != 2 {
		t.Fatalf("orders: %v, error %v; want two", orders, err)
	}
	first.Number = 1
	wantEqual(t, "first order", orders[0], first)
	if rest, _ := s.Orders(ctx, "r-1", 1); len(rest) != 1 || rest[0].Number != 2 {
		t.Errorf("orders after 1: %v, want number 2", rest)
	}
	if ids, err := s.Ordered(ctx); err != nil || !slices.Equal(ids, []string{"r-1"}) {
		t.Errorf("ordered: %v, error %v; want r-1", ids, err)
	}
	rec.Status.Orders = 2
	if _, err := s.Save(ctx, rec, leases, nil, nil); err != nil {
		t.Fatal(err)
	}
	if ids, _ := s.Ordered(ctx); len(ids) != 0 {
		t.Errorf("ordered: %v after they were followed, want none", ids)
	}
}

func eventsNumbered(t *testing.T, s controller.Store) {
	ctx := t.Context()
	rec, leases := create(t, s, Record("r-1", "ann", "a:1"))
	more := []rollout.Event{
		{At: t0, Kind: "shifted", Phase: rollout.Progressing, Weight: 1000, Text: "λ 41 → 42"},
		{At: t0, Kind: "order", By: "eve", Reason: "why not", Text: "paused"},
	}
	if _, err := s.Save(ctx, rec, leases, more, nil); err != nil {
		t.Fatal(err)
	}
	events, err := s.Events(ctx, "r-1", 1)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "events after 1", events, []controller.NumberedEvent{{Number: 2, Event: more[0]}, {Number: 3, Event: more[1]}})
	if none, err := s.Events(ctx, "r-1", 9); err != nil || len(none) != 0 {
		t.Errorf("events after the last: %v, error %v; want none", none, err)
	}
}

func ledgerOrder(t *testing.T, s controller.Store) {
	ctx := t.Context()
	entries := []controller.LedgerEntry{
		{Alias: "a:1", Version: "7", State: rollout.Verified, Rollout: "r-1", At: t0.Add(time.Hour)},
		{Alias: "a:2", Version: "3", State: rollout.Verified, Rollout: "r-2", At: t0},
		{Alias: "a:1", Version: "8", State: rollout.Quarantined, Rollout: "r-3", At: t0, Why: "a clock was set back"},
	}
	for _, e := range entries {
		if err := s.Note(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Ledger(ctx, "a:1")
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "ledger", got, []controller.LedgerEntry{entries[2], entries[0]})
}

func listFilters(t *testing.T, s controller.Store) {
	for i, alias := range []string{"a:1", "a:2", "a:1"} {
		rec := Record(fmt.Sprintf("r-%d", i+1), "ann", alias)
		rec.Created = t0 // the same instant: the order of creation decides
		if i == 1 {
			rec.Plan.Name = "billing"
		}
		rec, leases := create(t, s, rec)
		if i == 0 {
			end(t, s, rec, leases)
		}
	}
	for _, test := range []struct {
		filter controller.Filter
		want   []string
	}{
		{controller.Filter{}, []string{"r-3", "r-2", "r-1"}},
		{controller.Filter{Limit: 2}, []string{"r-3", "r-2"}},
		{controller.Filter{Open: true}, []string{"r-3", "r-2"}},
		{controller.Filter{Alias: "a:1"}, []string{"r-3", "r-1"}},
		{controller.Filter{Alias: "a:1", Limit: 1}, []string{"r-3"}},
		{controller.Filter{Alias: "a:1", Open: true}, []string{"r-3"}},
		{controller.Filter{Name: "billing"}, []string{"r-2"}},
		{controller.Filter{Name: "nobody"}, nil},
	} {
		recs, err := s.List(t.Context(), test.filter)
		var got []string
		for _, r := range recs {
			got = append(got, r.ID)
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("list %+v: got %v, error %v; want %v", test.filter, got, err, test.want)
		}
	}
}

func unknownIsNotFound(t *testing.T, s controller.Store) {
	ctx := t.Context()
	_, err := s.Load(ctx, "r-9")
	wantErr(t, "load", err, controller.ErrNotFound)
	_, err = s.Save(ctx, Record("r-9", "ann", "a:1"), nil, nil, nil)
	wantErr(t, "save", err, controller.ErrNotFound)
	_, err = s.Acquire(ctx, "r-9", "ann", t0, t0)
	wantErr(t, "acquire", err, controller.ErrNotFound)
	_, err = s.Order(ctx, "r-9", rollout.Order{})
	wantErr(t, "order", err, controller.ErrNotFound)
	_, err = s.Orders(ctx, "r-9", 0)
	wantErr(t, "orders", err, controller.ErrNotFound)
	_, err = s.Events(ctx, "r-9", 0)
	wantErr(t, "events", err, controller.ErrNotFound)
	if _, ok, err := s.Lease(ctx, "a:9"); ok || err != nil {
		t.Errorf("lease: ok %t, error %v; want false and none", ok, err)
	}
	if ledger, err := s.Ledger(ctx, "a:9"); len(ledger) != 0 || err != nil {
		t.Errorf("ledger: %v, error %v; want empty and none", ledger, err)
	}
}

func callersDoNotShare(t *testing.T, s controller.Store) {
	rec, leases := create(t, s, Record("r-1", "ann", "a:1"))
	rec.Status.Findings = []analysis.Finding{{Check: "errors"}}
	if _, err := s.Save(t.Context(), rec, leases, nil, nil); err != nil {
		t.Fatal(err)
	}
	rec.Status.Targets[0].Canary = "changed"
	rec.Status.Findings[0].Check = "changed"
	loaded, _ := s.Load(t.Context(), "r-1")
	if loaded.Status.Targets[0].Canary != "8" || loaded.Status.Findings[0].Check != "errors" {
		t.Errorf("the store changed with the caller's record: %+v", loaded.Status)
	}
	loaded.Status.Targets[0].Canary = "changed"
	if again, _ := s.Load(t.Context(), "r-1"); again.Status.Targets[0].Canary != "8" {
		t.Errorf("the store changed with a loaded record: %+v", again.Status)
	}
}

// racers is how many callers a race has.
const racers = 8

// race runs f for each racer at once and returns how many had no error; the
// others must have want.
func race(t *testing.T, want error, f func(ctx context.Context, i int) error) int {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		wg.Go(func() { errs[i] = f(t.Context(), i) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, want) {
			t.Errorf("got error %v, want %v", err, want)
		}
	}
	return won
}

func concurrentCreate(t *testing.T, s controller.Store) {
	won := race(t, controller.ErrLeased, func(ctx context.Context, i int) error {
		_, err := s.Create(ctx, Record(fmt.Sprintf("r-%d", i), "ann", "a:1"), t0.Add(time.Minute), nil)
		return err
	})
	if recs, _ := s.List(t.Context(), controller.Filter{}); won != 1 || len(recs) != 1 {
		t.Errorf("%d creations won and %d rollouts are stored, want 1 and 1", won, len(recs))
	}
}

func concurrentSave(t *testing.T, s controller.Store) {
	rec, leases := create(t, s, Record("r-1", "ann", "a:1"))
	won := race(t, controller.ErrConflict, func(ctx context.Context, i int) error {
		_, err := s.Save(ctx, rec.Clone(), leases, []rollout.Event{{Text: fmt.Sprint(i)}}, nil)
		return err
	})
	if events, _ := s.Events(t.Context(), "r-1", 1); won != 1 || len(events) != 1 {
		t.Errorf("%d saves won and %d events are stored, want 1 and 1", won, len(events))
	}
}

func concurrentAcquire(t *testing.T, s controller.Store) {
	create(t, s, Record("r-1", "ann", "a:1", "a:2"))
	at := t0.Add(time.Hour)
	won := race(t, controller.ErrLeased, func(ctx context.Context, i int) error {
		_, err := s.Acquire(ctx, "r-1", fmt.Sprintf("owner-%d", i), at, at.Add(time.Minute))
		return err
	})
	if won != 1 {
		t.Errorf("%d owners took the leases, want 1", won)
	}
}

func concurrentOrders(t *testing.T, s controller.Store) {
	create(t, s, Record("r-1", "ann", "a:1"))
	var mu sync.Mutex
	var numbers []int64
	race(t, nil, func(ctx context.Context, i int) error {
		number, err := s.Order(ctx, "r-1", rollout.Order{Kind: rollout.Pause, By: fmt.Sprint(i)})
		mu.Lock()
		defer mu.Unlock()
		numbers = append(numbers, number)
		return err
	})
	slices.Sort(numbers)
	for i, number := range numbers {
		if number != int64(i)+1 {
			t.Fatalf("numbers %v, want 1 to %d", numbers, racers)
		}
	}
}
