package sim

import (
	"context"
	"errors"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/rollout"
)

// shared is the store that all controllers of a world use.
type shared struct{ inner *memstore.Store }

// A flaky store is one controller's way to the shared store: calls fail, their
// answers are lost, and the controller may die before or after any of them.
type flaky struct {
	w     *world
	by    *actor
	inner *memstore.Store
}

var errStore = errors.New("disk I/O error")

// around does a call of the store with everything that can go wrong.
func around[T any](s flaky, name string, do func() (T, error)) (T, error) {
	var zero T
	s.w.mayCrash(s.by, name+", before")
	if s.w.chance(s.w.faults.storeFails) {
		s.w.tell("%s: %s fails", s.by.name, name)
		return zero, errStore
	}
	v, err := do()
	s.w.mayCrash(s.by, name+", after")
	if err == nil && s.w.chance(s.w.faults.storeFails) {
		s.w.tell("%s: %s is done, but fails", s.by.name, name)
		return zero, errStore
	}
	return v, err
}

type nothing struct{}

func (s flaky) Create(ctx context.Context, rec controller.Record, until time.Time, events []rollout.Event) ([]controller.Lease, error) {
	return around(s, "create", func() ([]controller.Lease, error) {
		leases, err := s.inner.Create(ctx, rec, until, events)
		if err == nil {
			s.w.rollouts = append(s.w.rollouts, rec.ID)
		}
		return leases, err
	})
}

func (s flaky) Load(ctx context.Context, id string) (controller.Record, error) {
	return around(s, "load", func() (controller.Record, error) { return s.inner.Load(ctx, id) })
}

func (s flaky) List(ctx context.Context, f controller.Filter) ([]controller.Record, error) {
	return around(s, "list", func() ([]controller.Record, error) { return s.inner.List(ctx, f) })
}

func (s flaky) Save(ctx context.Context, rec controller.Record, leases []controller.Lease, events []rollout.Event, notes []controller.LedgerEntry) (int64, error) {
	return around(s, "save", func() (int64, error) {
		before, _ := s.inner.Load(ctx, rec.ID)
		revision, err := s.inner.Save(ctx, rec, leases, events, notes)
		if err == nil {
			s.w.watchSave(s.by, before, rec, events)
		}
		return revision, err
	})
}

func (s flaky) Acquire(ctx context.Context, id, owner string, now, until time.Time) ([]controller.Lease, error) {
	return around(s, "acquire", func() ([]controller.Lease, error) { return s.inner.Acquire(ctx, id, owner, now, until) })
}

func (s flaky) SaveAll(ctx context.Context, savings []controller.Saving) []controller.Saved {
	return controller.SaveOneByOne(ctx, s, savings)
}

func (s flaky) AcquireAll(ctx context.Context, ids []string, owner string, now, until time.Time) []controller.Grant {
	return controller.AcquireOneByOne(ctx, s, ids, owner, now, until)
}

func (s flaky) Release(ctx context.Context, leases []controller.Lease) error {
	_, err := around(s, "release", func() (nothing, error) { return nothing{}, s.inner.Release(ctx, leases) })
	return err
}

func (s flaky) Lease(ctx context.Context, alias string) (controller.Lease, bool, error) {
	type answer struct {
		lease controller.Lease
		ok    bool
	}
	a, err := around(s, "lease", func() (answer, error) {
		l, ok, err := s.inner.Lease(ctx, alias)
		return answer{l, ok}, err
	})
	return a.lease, a.ok, err
}

func (s flaky) Order(ctx context.Context, id string, o rollout.Order) (int64, error) {
	return around(s, "order", func() (int64, error) { return s.inner.Order(ctx, id, o) })
}

func (s flaky) Orders(ctx context.Context, id string, after int64) ([]rollout.Order, error) {
	return around(s, "orders", func() ([]rollout.Order, error) { return s.inner.Orders(ctx, id, after) })
}

func (s flaky) Ordered(ctx context.Context) ([]string, error) {
	return around(s, "ordered", func() ([]string, error) { return s.inner.Ordered(ctx) })
}

func (s flaky) Events(ctx context.Context, id string, after int64) ([]controller.NumberedEvent, error) {
	return around(s, "events", func() ([]controller.NumberedEvent, error) { return s.inner.Events(ctx, id, after) })
}

func (s flaky) Ledger(ctx context.Context, alias string) ([]controller.LedgerEntry, error) {
	return around(s, "ledger", func() ([]controller.LedgerEntry, error) { return s.inner.Ledger(ctx, alias) })
}

func (s flaky) Note(ctx context.Context, e controller.LedgerEntry) error {
	_, err := around(s, "note", func() (nothing, error) { return nothing{}, s.inner.Note(ctx, e) })
	return err
}
