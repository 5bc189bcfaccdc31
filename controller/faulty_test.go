package controller_test

import (
	"context"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

// faultyStore is a store whose calls can fail before or be followed after they
// take effect.
type faultyStore struct {
	controller.Store
	fail   map[string]error
	calls  map[string]int
	before func(call string) error // an error is the call's answer, without effect
	after  func(call string)
	lost   func(call string) error // an error is the call's answer, with effect
}

func (s *faultyStore) enter(call string) error {
	if s.calls != nil {
		s.calls[call]++
	}
	if s.before != nil {
		if err := s.before(call); err != nil {
			return err
		}
	}
	return s.fail[call]
}

func (s *faultyStore) leave(call string) error {
	if s.after != nil {
		s.after(call)
	}
	if s.lost != nil {
		return s.lost(call)
	}
	return nil
}

func (s *faultyStore) Create(ctx context.Context, rec controller.Record, until time.Time, events []rollout.Event) ([]controller.Lease, error) {
	if err := s.enter("Create"); err != nil {
		return nil, err
	}
	leases, err := s.Store.Create(ctx, rec, until, events)
	if lost := s.leave("Create"); lost != nil {
		return nil, lost
	}
	return leases, err
}

func (s *faultyStore) Load(ctx context.Context, id string) (controller.Record, error) {
	if err := s.enter("Load"); err != nil {
		return controller.Record{}, err
	}
	return s.Store.Load(ctx, id)
}

func (s *faultyStore) Save(ctx context.Context, rec controller.Record, leases []controller.Lease, events []rollout.Event, notes []controller.LedgerEntry) (int64, error) {
	if err := s.enter("Save"); err != nil {
		return 0, err
	}
	revision, err := s.Store.Save(ctx, rec, leases, events, notes)
	if lost := s.leave("Save"); lost != nil {
		return 0, lost
	}
	return revision, err
}

func (s *faultyStore) Acquire(ctx context.Context, id, owner string, now, until time.Time) ([]controller.Lease, error) {
	if err := s.enter("Acquire"); err != nil {
		return nil, err
	}
	leases, err := s.Store.Acquire(ctx, id, owner, now, until)
	if lost := s.leave("Acquire"); lost != nil {
		return nil, lost
	}
	return leases, err
}

func (s *faultyStore) SaveAll(ctx context.Context, savings []controller.Saving) []controller.Saved {
	return controller.SaveOneByOne(ctx, s, savings)
}

func (s *faultyStore) AcquireAll(ctx context.Context, ids []string, owner string, now, until time.Time) []controller.Grant {
	return controller.AcquireOneByOne(ctx, s, ids, owner, now, until)
}

func (s *faultyStore) Orders(ctx context.Context, id string, after int64) ([]rollout.Order, error) {
	if err := s.enter("Orders"); err != nil {
		return nil, err
	}
	return s.Store.Orders(ctx, id, after)
}

func (s *faultyStore) Ledger(ctx context.Context, alias string) ([]controller.LedgerEntry, error) {
	if err := s.enter("Ledger"); err != nil {
		return nil, err
	}
	return s.Store.Ledger(ctx, alias)
}
