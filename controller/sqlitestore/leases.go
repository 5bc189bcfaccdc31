package sqlitestore

import (
	"context"
	"database/sql"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

// Acquire takes or renews the leases of a rollout's aliases.
func (s *Store) Acquire(ctx context.Context, id, owner string, now, until time.Time) ([]controller.Lease, error) {
	grants := s.AcquireAll(ctx, []string{id}, owner, now, until)
	return grants[0].Leases, grants[0].Err
}

// AcquireAll takes or renews the leases of several rollouts, many in a
// transaction.
func (s *Store) AcquireAll(ctx context.Context, ids []string, owner string, now, until time.Time) []controller.Grant {
	grants := make([]controller.Grant, len(ids))
	errs := s.updateAll(ctx, "acquire", len(ids), func(t tx, i int) (err error) {
		grants[i].Leases, err = t.acquire(ids[i], owner, now, until)
		return err
	})
	for i, err := range errs {
		if err != nil {
			grants[i] = controller.Grant{Err: err}
		}
	}
	return grants
}

// acquire refuses before it writes anything, as updateAll asks.
func (t tx) acquire(id, owner string, now, until time.Time) ([]controller.Lease, error) {
	if err := t.open(id); err != nil {
		return nil, err
	}
	leases, err := t.leases(id)
	if err != nil {
		return nil, err
	}
	for _, l := range leases {
		if l.Owner != owner && !l.Free(now) {
			return nil, &controller.LeasedError{Lease: l}
		}
	}
	for i := range leases {
		l := &leases[i]
		if l.Owner != owner {
			l.Owner, l.Since = owner, now
			l.Token++
		}
		l.Until = until
		if _, err := t.exec("update_lease", l.Owner, l.Token, nanos(l.Since), nanos(l.Until), nanos(now), nanos(t.s.clock.Now()), l.Alias); err != nil {
			return nil, err
		}
	}
	return leases, nil
}

// Release gives leases up.
func (s *Store) Release(ctx context.Context, leases []controller.Lease) error {
	return s.update(ctx, "release", func(t tx) error {
		for _, l := range leases {
			if _, err := t.exec("release_lease", l.Alias, l.Token); err != nil {
				return err
			}
		}
		return nil
	})
}

// Lease returns who holds the alias.
func (s *Store) Lease(ctx context.Context, alias string) (controller.Lease, bool, error) {
	l, err := queryRow(ctx, s, "lease", scanLease, alias)
	if noRow(err) {
		return controller.Lease{}, false, nil
	}
	return l, err == nil, s.wrap("lease", err)
}

// Heard returns when the lease of an alias was last taken or renewed: by its owner's
// clock, whose times leases have, and by that of the machine that wrote it, so that who
// has the machine's time can tell the owner's. ok is false when no rollout is open on
// the alias, or an older program wrote it.
//
// Only what is shown may depend on it. Who takes a lease goes by the owner's clock.
func (s *Store) Heard(ctx context.Context, alias string) (owner, machine time.Time, ok bool, err error) {
	at, err := queryRow(ctx, s, "heard", func(row scanner) (at [2]int64, err error) {
		err = row.Scan(&at[0], &at[1])
		return at, err
	}, alias)
	if noRow(err) {
		return time.Time{}, time.Time{}, false, nil
	}
	return instant(at[0]), instant(at[1]), err == nil, s.wrap("heard", err)
}

// leases returns the leases of a rollout's aliases in the plan's order.
func (t tx) leases(id string) ([]controller.Lease, error) {
	rows, err := t.rows("leases_of_rollout", id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var leases []controller.Lease
	for rows.Next() {
		l, err := scanLease(rows)
		if err != nil {
			return nil, err
		}
		leases = append(leases, l)
	}
	return leases, rows.Err()
}

func scanLease(row scanner) (l controller.Lease, err error) {
	var id, owner sql.NullString
	var since, until sql.NullInt64
	if err := row.Scan(&l.Alias, &id, &owner, &l.Token, &since, &until); err != nil {
		return l, err
	}
	l.Rollout, l.Owner = id.String, owner.String
	if since.Valid {
		l.Since = instant(since.Int64)
	}
	if until.Valid {
		l.Until = instant(until.Int64)
	}
	return l, nil
}

// Ledger returns what is known about an alias's versions, newest first.
func (s *Store) Ledger(ctx context.Context, alias string) ([]controller.LedgerEntry, error) {
	return query(ctx, s, "ledger", func(row scanner) (e controller.LedgerEntry, err error) {
		var at int64
		var state string
		err = row.Scan(&e.Alias, &e.Version, &state, &e.Rollout, &at, &e.Why, &e.Content)
		e.State, e.At = rollout.VersionState(state), instant(at)
		return e, err
	}, alias)
}

// Note adds to the ledger.
func (s *Store) Note(ctx context.Context, e controller.LedgerEntry) error {
	return s.update(ctx, "note", func(t tx) error { return t.note(e) })
}

func (t tx) note(e controller.LedgerEntry) error {
	_, err := t.exec("insert_note", e.Alias, e.Version, string(e.State), e.Rollout, e.At.UnixNano(), e.Why, e.Content)
	return err
}
