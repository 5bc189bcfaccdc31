package sqlitestore

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/storetest"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/rollout"
)

// openTemp opens a new store in a folder of its own.
func openTemp(t testing.TB) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "rollouts.db"))
}

func TestSqlitestoreKeepsTheStoresPromises(t *testing.T) {
	storetest.Run(t, func(t testing.TB) controller.Store { return openTemp(t) })
}

func TestALeaseSaysWhenItWasRenewedByTheOwnersAndByTheMachinesClock(t *testing.T) {
	const alias = "arn:aws:states:eu-west-1:123456789012:stateMachine:orders:prod"
	owners := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	machine := clock.NewVirtual(owners.Add(time.Hour))
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "rollouts.db"), machine)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	want := func(step string, wantOK bool) {
		t.Helper()
		by, on, ok, err := s.Heard(t.Context(), alias)
		if err != nil || ok != wantOK || ok && (!by.Equal(owners) || !on.Equal(machine.Now())) {
			t.Errorf("%s: got %s by the owner's and %s by the machine's clock (%v, error %v); want %s and %s (%v)", step, by, on, ok, err, owners, machine.Now(), wantOK)
		}
	}
	want("without a rollout", false)
	rec := controller.Record{ID: "r-1", Owner: "ann", Created: owners, Status: rollout.Status{Targets: []rollout.TargetStatus{{Alias: alias}}}}
	leases, err := s.Create(t.Context(), rec, owners.Add(time.Minute), nil)
	if err != nil {
		t.Fatal(err)
	}
	want("taken", true)
	owners = owners.Add(20 * time.Second)
	machine.Set(machine.Now().Add(21 * time.Second))
	if _, err := s.Acquire(t.Context(), "r-1", "ann", owners, owners.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	want("renewed", true)
	if err := s.Release(t.Context(), leases); err != nil {
		t.Fatal(err)
	}
	want("given up, which changes nothing about the time", true)
	if _, err := s.write.ExecContext(t.Context(), "UPDATE leases SET granted = NULL, stamped = NULL"); err != nil {
		t.Fatal(err)
	}
	want("written by an older program", false)
}
