// Package memstore remembers rollouts in memory, for tests, simulations and
// whatever need not survive the process.
package memstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Store is a [controller.Store] in memory. The zero value is not usable; see
// [New].
type Store struct {
	mu       sync.Mutex
	rollouts map[string]*entry
	created  []*entry                    // oldest first
	leases   map[string]controller.Lease // by alias; also of aliases that are free, for their token
	ledger   map[string][]controller.LedgerEntry
	ordered  map[string]*entry // open rollouts with orders that nobody followed yet
}

type entry struct {
	rec     controller.Record
	aliases []string
	events  []controller.NumberedEvent
	orders  []rollout.Order
}

// New returns an empty store.
func New() *Store {
	return &Store{
		rollouts: make(map[string]*entry),
		leases:   make(map[string]controller.Lease),
		ledger:   make(map[string][]controller.LedgerEntry),
		ordered:  make(map[string]*entry),
	}
}

// Create stores a new rollout and takes the leases of its aliases.
func (s *Store) Create(_ context.Context, rec controller.Record, until time.Time, events []rollout.Event) ([]controller.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.rollouts[rec.ID]; ok {
		return nil, fmt.Errorf("rollout %s: %w: there is one already", rec.ID, controller.ErrConflict)
	}
	aliases := rec.Aliases()
	for _, a := range aliases {
		if l := s.leases[a]; l.Rollout != "" {
			return nil, &controller.LeasedError{Lease: l}
		}
	}
	rec.Revision = 1
	e := &entry{rec: rec.Clone(), aliases: aliases}
	e.append(events)
	s.rollouts[rec.ID] = e
	s.created = append(s.created, e)
	leases := make([]controller.Lease, len(aliases))
	for i, a := range aliases {
		l := controller.Lease{
			Alias: a, Rollout: rec.ID, Owner: rec.Owner, Token: s.leases[a].Token + 1,
			Since: rec.Created, Until: until,
		}
		s.leases[a], leases[i] = l, l
	}
	return leases, nil
}

// Load returns a rollout by ID.
func (s *Store) Load(_ context.Context, id string) (controller.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(id)
	if err != nil {
		return controller.Record{}, err
	}
	return e.rec.Clone(), nil
}

// List returns rollouts, newest first.
func (s *Store) List(_ context.Context, f controller.Filter) ([]controller.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var recs []controller.Record
	for _, e := range slices.Backward(s.created) {
		if !f.Matches(e.rec) {
			continue
		}
		recs = append(recs, e.rec.Clone())
		if len(recs) == f.Limit {
			break
		}
	}
	return recs, nil
}

// Save stores a status on the conditions of [controller.Store].
func (s *Store) Save(_ context.Context, rec controller.Record, leases []controller.Lease, events []rollout.Event, notes []controller.LedgerEntry) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(rec.ID)
	if err != nil {
		return 0, err
	}
	if e.rec.Revision != rec.Revision {
		return 0, fmt.Errorf("rollout %s: %w: revision is %d, not %d", rec.ID, controller.ErrConflict, e.rec.Revision, rec.Revision)
	}
	for _, a := range e.aliases {
		held := slices.ContainsFunc(leases, func(l controller.Lease) bool {
			return l.Alias == a && l.Token == s.leases[a].Token && s.leases[a].Rollout == rec.ID
		})
		if !held {
			return 0, fmt.Errorf("rollout %s: %w: the lease of %s was taken by %q", rec.ID, controller.ErrConflict, a, s.leases[a].Owner)
		}
	}
	e.rec.Status = rec.Clone().Status
	e.rec.Revision++
	e.append(events)
	for _, n := range notes {
		s.ledger[n.Alias] = append(s.ledger[n.Alias], n)
	}
	ended := e.rec.Status.Phase.Ended()
	if ended {
		for _, a := range e.aliases {
			s.leases[a] = controller.Lease{Alias: a, Token: s.leases[a].Token}
		}
	}
	if ended || int64(len(e.orders)) <= e.rec.Status.Orders {
		delete(s.ordered, rec.ID)
	}
	return e.rec.Revision, nil
}

// SaveAll saves several rollouts, one after the other.
func (s *Store) SaveAll(ctx context.Context, savings []controller.Saving) []controller.Saved {
	return controller.SaveOneByOne(ctx, s, savings)
}

// Acquire takes or renews the leases of a rollout's aliases.
func (s *Store) Acquire(_ context.Context, id, owner string, now, until time.Time) ([]controller.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.open(id)
	if err != nil {
		return nil, err
	}
	for _, a := range e.aliases {
		if l := s.leases[a]; l.Owner != owner && !l.Free(now) {
			return nil, &controller.LeasedError{Lease: l}
		}
	}
	leases := make([]controller.Lease, len(e.aliases))
	for i, a := range e.aliases {
		l := s.leases[a]
		if l.Owner != owner {
			l.Owner, l.Since = owner, now
			l.Token++
		}
		l.Until = until
		s.leases[a], leases[i] = l, l
	}
	return leases, nil
}

// AcquireAll takes or renews the leases of several rollouts, one after the other.
func (s *Store) AcquireAll(ctx context.Context, ids []string, owner string, now, until time.Time) []controller.Grant {
	return controller.AcquireOneByOne(ctx, s, ids, owner, now, until)
}

// Release gives leases up.
func (s *Store) Release(_ context.Context, leases []controller.Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range leases {
		if held := s.leases[l.Alias]; held.Rollout != "" && held.Token == l.Token {
			held.Owner, held.Since, held.Until = "", time.Time{}, time.Time{}
			held.Token++
			s.leases[l.Alias] = held
		}
	}
	return nil
}

// Lease returns who holds the alias.
func (s *Store) Lease(_ context.Context, alias string) (controller.Lease, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.leases[alias]
	return l, l.Rollout != "", nil
}

// Order appends a person's order.
func (s *Store) Order(_ context.Context, id string, o rollout.Order) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.open(id)
	if err != nil {
		return 0, err
	}
	o.Number = int64(len(e.orders)) + 1
	e.orders = append(e.orders, o)
	s.ordered[id] = e
	return o.Number, nil
}

// Orders returns the orders after number.
func (s *Store) Orders(_ context.Context, id string, after int64) ([]rollout.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(id)
	if err != nil {
		return nil, err
	}
	return slices.Clone(from(e.orders, after)), nil
}

// Ordered returns the open rollouts with orders that nobody followed yet.
func (s *Store) Ordered(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id := range s.ordered {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// Events returns what happened after event number after.
func (s *Store) Events(_ context.Context, id string, after int64) ([]controller.NumberedEvent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(id)
	if err != nil {
		return nil, err
	}
	return slices.Clone(from(e.events, after)), nil
}

// Ledger returns what is known about an alias's versions, newest first.
func (s *Store) Ledger(_ context.Context, alias string) ([]controller.LedgerEntry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := slices.Clone(s.ledger[alias])
	slices.Reverse(entries)
	return entries, nil
}

// Note adds to the ledger.
func (s *Store) Note(_ context.Context, n controller.LedgerEntry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger[n.Alias] = append(s.ledger[n.Alias], n)
	return nil
}

func (s *Store) find(id string) (*entry, error) {
	e, ok := s.rollouts[id]
	if !ok {
		return nil, fmt.Errorf("rollout %s: %w", id, controller.ErrNotFound)
	}
	return e, nil
}

func (s *Store) open(id string) (*entry, error) {
	e, err := s.find(id)
	if err == nil && e.rec.Status.Phase.Ended() {
		return nil, fmt.Errorf("rollout %s: %w: %s", id, controller.ErrEnded, e.rec.Status.Phase)
	}
	return e, err
}

func (e *entry) append(events []rollout.Event) {
	for _, ev := range events {
		e.events = append(e.events, controller.NumberedEvent{Number: int64(len(e.events)) + 1, Event: ev})
	}
}

// from returns what stands after the first n of list, whose entries are
// numbered from 1.
func from[E any](list []E, n int64) []E {
	return list[min(max(n, 0), int64(len(list))):]
}
