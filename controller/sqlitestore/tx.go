package sqlitestore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/crossfade-dev/crossfade/controller"
)

// tx is a transaction whose statements go by name.
type tx struct {
	*sql.Tx
	s   *Store
	ctx context.Context
}

// update runs f in a transaction that writes. An error of f undoes everything.
func (s *Store) update(ctx context.Context, what string, f func(tx) error) error {
	t, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.wrap(what, err)
	}
	if err := f(tx{Tx: t, s: s, ctx: ctx}); err != nil {
		return s.wrap(what, errors.Join(err, t.Rollback()))
	}
	if err := t.Commit(); err != nil {
		return s.wrap(what, err)
	}
	s.prepareUsual(ctx)
	return nil
}

// together is how many rollouts updateAll writes in a transaction at most: many
// enough that they share the cost of reaching the disk, and few enough that other
// processes soon get to write, too.
const together = 500

// updateAll runs f for each of n rollouts, in as few transactions as together
// allows, and returns an error for each. f refuses before it writes anything, and
// then the others go on. After any other error of f it is as if nothing had been
// tried, and each gets a transaction of its own, so that what is wrong with one is
// only that one's.
func (s *Store) updateAll(ctx context.Context, what string, n int, f func(t tx, i int) error) []error {
	errs := make([]error, n)
	for from := 0; from < n; from += together {
		s.updateSome(ctx, what, from, min(from+together, n), errs, f)
	}
	return errs
}

// updateSome is updateAll for those from from on and before to.
func (s *Store) updateSome(ctx context.Context, what string, from, to int, errs []error, f func(t tx, i int) error) {
	var failed error // f's, of what was not refused
	err := s.update(ctx, what, func(t tx) error {
		for i := from; i < to; i++ {
			errs[i] = f(t, i)
			if errs[i] != nil && !refused(errs[i]) {
				failed = errs[i]
				return failed
			}
		}
		return nil
	})
	switch {
	case err == nil:
	case failed != nil && to-from > 1:
		for i := from; i < to; i++ {
			s.updateSome(ctx, what, i, i+1, errs, f)
		}
	default: // it could not begin or be committed: what f found out is not known to hold
		for i := from; i < to; i++ {
			errs[i] = err
		}
	}
}

// refused says whether the store does not do something because of what it
// remembers, and not because something is wrong with it.
func refused(err error) bool {
	for _, known := range []error{controller.ErrNotFound, controller.ErrConflict, controller.ErrLeased, controller.ErrEnded} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// usual is how often a transaction runs a statement before it is prepared: a command
// that saves once has no use for that, and who looks after thousands of rollouts
// spends most of a save on it otherwise.
const usual = 3

// prepareUsual prepares what transactions run often. It waits for the connection
// that writes, so it must neither be called in a transaction nor hold the lock that
// transactions take.
func (s *Store) prepareUsual(ctx context.Context) {
	s.mu.Lock()
	names := s.unprepared
	s.unprepared = nil
	s.mu.Unlock()
	for _, name := range names {
		st, err := s.write.PrepareContext(ctx, text(name)) //nolint:sqlclosecheck // kept until the store closes
		if err != nil {
			continue // it runs as it did before
		}
		s.mu.Lock()
		s.stmts[stmtKey{s.write, name}] = st
		s.mu.Unlock()
	}
}

// prepared returns the statement if it is prepared, and nil otherwise.
func (t tx) prepared(name string) *sql.Stmt {
	t.s.mu.Lock()
	st := t.s.stmts[stmtKey{t.s.write, name}]
	if st == nil {
		if t.s.runs[name]++; t.s.runs[name] == usual {
			t.s.unprepared = append(t.s.unprepared, name)
		}
	}
	t.s.mu.Unlock()
	if st == nil {
		return nil
	}
	return t.StmtContext(t.ctx, st) //nolint:sqlclosecheck // it ends with the transaction
}

// exec runs a statement and returns how many rows it changed.
func (t tx) exec(name string, args ...any) (int64, error) {
	r, err := func() (sql.Result, error) {
		if st := t.prepared(name); st != nil { //nolint:sqlclosecheck // it ends with the transaction
			return st.ExecContext(t.ctx, args...)
		}
		return t.ExecContext(t.ctx, text(name), args...)
	}()
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// row runs a statement that returns at most one row.
func (t tx) row(name string, args ...any) *sql.Row {
	if st := t.prepared(name); st != nil { //nolint:sqlclosecheck // it ends with the transaction
		return st.QueryRowContext(t.ctx, args...)
	}
	return t.QueryRowContext(t.ctx, text(name), args...)
}

// rows runs a statement that returns any number of rows.
func (t tx) rows(name string, args ...any) (*sql.Rows, error) {
	if st := t.prepared(name); st != nil { //nolint:sqlclosecheck // it ends with the transaction
		return st.QueryContext(t.ctx, args...)
	}
	return t.QueryContext(t.ctx, text(name), args...)
}
