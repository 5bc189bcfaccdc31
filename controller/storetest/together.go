package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

func savesAnswerEach(t *testing.T, s controller.Store) {
	note := func(alias string) []controller.LedgerEntry {
		return []controller.LedgerEntry{{Alias: alias, Version: "7", State: rollout.Served, At: t0, Why: "it served"}}
	}
	var savings []controller.Saving
	for i := range 4 {
		alias := fmt.Sprintf("a:%d", i)
		rec, leases := create(t, s, Record(fmt.Sprintf("r-%d", i), "ann", alias))
		rec.Status.Why = "saved with others"
		savings = append(savings, controller.Saving{Record: rec, Leases: leases, Events: []rollout.Event{{Text: "new"}}, Notes: note(alias)})
	}
	savings[1].Record.Revision--
	savings[2].Leases[0].Token--
	savings = append(savings, controller.Saving{Record: Record("r-none", "ann", "a:9")})
	savings[3].Record.Status.Phase = rollout.Succeeded

	got := s.SaveAll(t.Context(), savings)
	if len(got) != len(savings) {
		t.Fatalf("%d answers to %d savings", len(got), len(savings))
	}
	for i, want := range []error{nil, controller.ErrConflict, controller.ErrConflict, nil, controller.ErrNotFound} {
		id := savings[i].Record.ID
		wantErr(t, id, got[i].Err, want)
		if want == nil && got[i].Revision != 2 {
			t.Errorf("%s has revision %d, want 2", id, got[i].Revision)
		}
		if i == 4 {
			continue
		}
		rec, err := s.Load(t.Context(), id)
		events, _ := s.Events(t.Context(), id, 0)
		ledger, _ := s.Ledger(t.Context(), fmt.Sprintf("a:%d", i))
		stored := rec.Status.Why == "saved with others"
		if err != nil || stored != (want == nil) || len(events) != 1+len(ledger) || stored != (len(ledger) == 1) {
			t.Errorf("%s: stored %t with %d events and %d notes, error %v; the answer was %v", id, stored, len(events), len(ledger), err, want)
		}
	}
	if l, ok, _ := s.Lease(t.Context(), "a:3"); ok {
		t.Errorf("a rollout that ended among others still holds its alias: %+v", l)
	}
	if got := s.SaveAll(t.Context(), nil); len(got) != 0 {
		t.Errorf("%d answers to no savings", len(got))
	}
}

func savesInOrder(t *testing.T, s controller.Store) {
	rec, leases := create(t, s, Record("r-1", "ann", "a:1"))
	next := rec
	next.Revision++
	got := s.SaveAll(t.Context(), []controller.Saving{{Record: rec, Leases: leases}, {Record: rec, Leases: leases}, {Record: next, Leases: leases}})
	wantErr(t, "first", got[0].Err, nil)
	wantErr(t, "the same again", got[1].Err, controller.ErrConflict)
	wantErr(t, "the one after it", got[2].Err, nil)
	if got[2].Revision != 3 {
		t.Errorf("revision %d after two saves, want 3", got[2].Revision)
	}
}

func grantsAnswerEach(t *testing.T, s controller.Store) {
	_, mine := create(t, s, Record("r-mine", "ann", "a:1", "a:2"))
	create(t, s, Record("r-theirs", "bob", "a:3"))
	ended, leases := create(t, s, Record("r-ended", "ann", "a:4"))
	end(t, s, ended, leases)
	_, free := create(t, s, Record("r-free", "bob", "a:5"))
	if err := s.Release(t.Context(), free); err != nil {
		t.Fatal(err)
	}
	at := t0.Add(time.Second)
	ids := []string{"r-theirs", "r-mine", "r-ended", "r-none", "r-free"}
	got := s.AcquireAll(t.Context(), ids, "ann", at, at.Add(time.Hour))
	if len(got) != len(ids) {
		t.Fatalf("%d answers to %d wishes", len(got), len(ids))
	}
	for i, want := range []error{controller.ErrLeased, nil, controller.ErrEnded, controller.ErrNotFound, nil} {
		wantErr(t, ids[i], got[i].Err, want)
		if want != nil && got[i].Leases != nil {
			t.Errorf("%s was refused with leases %+v", ids[i], got[i].Leases)
		}
	}
	for i := range mine {
		mine[i].Until = at.Add(time.Hour)
	}
	wantEqual(t, "renewed", got[1].Leases, mine)
	if l := got[4].Leases; len(l) != 1 || l[0].Owner != "ann" || l[0].Token <= free[0].Token || !l[0].Since.Equal(at) {
		t.Errorf("taken: %+v, want a newer token for ann since %s", l, at)
	}
	if l, _, _ := s.Lease(t.Context(), "a:3"); l.Owner != "bob" || !l.Until.Equal(t0.Add(time.Minute)) {
		t.Errorf("the lease that was not given is %+v, want bob's as it was", l)
	}
}

func manyTogether(t *testing.T, s controller.Store) {
	const many = 1203 // more than any store does in one transaction
	var ids []string
	var savings []controller.Saving
	for i := range many {
		rec, leases := create(t, s, Record(fmt.Sprintf("r-%d", i), "ann", fmt.Sprintf("a:%d", i)))
		rec.Status.Orders = int64(i)
		ids = append(ids, rec.ID)
		savings = append(savings, controller.Saving{Record: rec, Leases: leases})
	}
	until := t0.Add(time.Hour)
	for i, g := range s.AcquireAll(t.Context(), ids, "ann", t0, until) {
		if g.Err != nil || len(g.Leases) != 1 || g.Leases[0].Rollout != ids[i] || !g.Leases[0].Until.Equal(until) {
			t.Fatalf("%s: got %+v", ids[i], g)
		}
	}
	for i, saved := range s.SaveAll(t.Context(), savings) {
		if saved.Err != nil || saved.Revision != 2 {
			t.Fatalf("%s: got %+v, want revision 2", ids[i], saved)
		}
	}
	list, err := s.List(t.Context(), controller.Filter{})
	if err != nil || len(list) != many {
		t.Fatalf("%d rollouts, error %v; want %d", len(list), err, many)
	}
	for i, rec := range list { // newest first
		if want := int64(many - 1 - i); rec.Status.Orders != want || rec.Revision != 2 {
			t.Fatalf("%s: %d orders, revision %d; want %d and 2", rec.ID, rec.Status.Orders, rec.Revision, want)
		}
	}
}
