package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

// Create stores a new rollout and takes the leases of its aliases.
func (s *Store) Create(ctx context.Context, rec controller.Record, until time.Time, events []rollout.Event) ([]controller.Lease, error) {
	planText, statusText, err := marshal(rec)
	if err != nil {
		return nil, err
	}
	var leases []controller.Lease
	err = s.update(ctx, "create", func(t tx) error {
		n, err := t.exec("insert_rollout", rec.ID, rec.Task, rec.Plan.Name, rec.Owner, nanos(rec.Created), planText, statusText,
			rec.Status.Phase.Ended(), len(events), rec.Status.Orders)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("rollout %s: %w: there is one already", rec.ID, controller.ErrConflict)
		}
		leases = leases[:0]
		for i, alias := range rec.Aliases() {
			if _, err := t.exec("insert_alias", rec.ID, i, alias); err != nil {
				return err
			}
			l := controller.Lease{Alias: alias, Rollout: rec.ID, Owner: rec.Owner, Since: rec.Created, Until: until}
			err := t.row("grant_lease", alias, rec.ID, rec.Owner, nanos(l.Since), nanos(l.Until),
				nanos(rec.Created), nanos(s.clock.Now())).Scan(&l.Token)
			if noRow(err) {
				held, err := scanLease(t.row("lease", alias))
				if err != nil {
					return err
				}
				return &controller.LeasedError{Lease: held}
			}
			if err != nil {
				return err
			}
			leases = append(leases, l)
		}
		return t.appendEvents(rec.ID, 0, events)
	})
	return leases, err
}

// Load returns a rollout by ID.
func (s *Store) Load(ctx context.Context, id string) (controller.Record, error) {
	rec, err := queryRow(ctx, s, "load", scanRecord, id)
	if noRow(err) {
		return controller.Record{}, notFound(id)
	}
	return rec, s.wrap("load", err)
}

// List returns rollouts, newest first.
func (s *Store) List(ctx context.Context, f controller.Filter) ([]controller.Record, error) {
	limit := f.Limit
	if limit == 0 {
		limit = -1
	}
	return query(ctx, s, "list", scanRecord, f.Open, f.Name, f.Alias, limit)
}

// Save stores a status on the conditions of [controller.Store].
func (s *Store) Save(ctx context.Context, rec controller.Record, leases []controller.Lease, events []rollout.Event, notes []controller.LedgerEntry) (int64, error) {
	saved := s.SaveAll(ctx, []controller.Saving{{Record: rec, Leases: leases, Events: events, Notes: notes}})
	return saved[0].Revision, saved[0].Err
}

// SaveAll saves several rollouts, many in a transaction.
func (s *Store) SaveAll(ctx context.Context, savings []controller.Saving) []controller.Saved {
	saved := make([]controller.Saved, len(savings))
	errs := s.updateAll(ctx, "save", len(savings), func(t tx, i int) error { return t.save(savings[i]) })
	for i, err := range errs {
		saved[i].Err = err
		if err == nil {
			saved[i].Revision = savings[i].Record.Revision + 1
		}
	}
	return saved
}

// save refuses before it writes anything, as updateAll asks.
func (t tx) save(one controller.Saving) error {
	rec := one.Record
	statusText, err := marshalStatus(rec)
	if err != nil {
		return err
	}
	head, err := t.head(rec.ID)
	if err != nil {
		return err
	}
	if head.revision != rec.Revision {
		return fmt.Errorf("rollout %s: %w: revision is %d, not %d", rec.ID, controller.ErrConflict, head.revision, rec.Revision)
	}
	if err := t.fence(rec.ID, one.Leases); err != nil {
		return err
	}
	ended := rec.Status.Phase.Ended()
	if _, err := t.exec("save", statusText, ended, rec.Status.Orders, len(one.Events), rec.ID, rec.Revision); err != nil {
		return err
	}
	if ended {
		if _, err := t.exec("free_aliases", rec.ID); err != nil {
			return err
		}
	}
	for _, n := range one.Notes {
		if err := t.note(n); err != nil {
			return err
		}
	}
	return t.appendEvents(rec.ID, head.events, one.Events)
}

// fence refuses a save by somebody who does not hold every lease any more.
func (t tx) fence(id string, leases []controller.Lease) error {
	stored, err := t.leases(id)
	if err != nil {
		return err
	}
	for _, l := range stored {
		held := l.Rollout == id && slices.ContainsFunc(leases, func(mine controller.Lease) bool {
			return mine.Alias == l.Alias && mine.Token == l.Token
		})
		if !held {
			return fmt.Errorf("rollout %s: %w: the lease of %s was taken by %q", id, controller.ErrConflict, l.Alias, l.Owner)
		}
	}
	return nil
}

// head is what a write needs to know of a rollout.
type head struct {
	revision, events, orders int64
	ended                    bool
}

func scanHead(row scanner) (h head, err error) {
	err = row.Scan(&h.revision, &h.ended, &h.events, &h.orders)
	return h, err
}

func (t tx) head(id string) (head, error) {
	h, err := scanHead(t.row("rollout_head", id))
	if noRow(err) {
		err = notFound(id)
	}
	return h, err
}

// open returns an error unless the rollout is there and open.
func (t tx) open(id string) error {
	h, err := t.head(id)
	if err != nil || !h.ended {
		return err
	}
	var phase string
	if err := t.row("rollout_phase", id).Scan(&phase); err != nil {
		return err
	}
	return fmt.Errorf("rollout %s: %w: %s", id, controller.ErrEnded, phase)
}

// Order appends a person's order.
func (s *Store) Order(ctx context.Context, id string, o rollout.Order) (int64, error) {
	err := s.update(ctx, "order", func(t tx) error {
		if err := t.open(id); err != nil {
			return err
		}
		if err := t.row("next_order", id).Scan(&o.Number); err != nil {
			return err
		}
		body, err := json.Marshal(o)
		if err != nil {
			return err
		}
		_, err = t.exec("insert_order", id, o.Number, string(body))
		return err
	})
	if err != nil {
		return 0, err
	}
	return o.Number, nil
}

// Orders returns the orders after number after.
func (s *Store) Orders(ctx context.Context, id string, after int64) ([]rollout.Order, error) {
	orders, err := query(ctx, s, "orders", func(row scanner) (o rollout.Order, err error) {
		err = scanBody(row, &o.Number, &o)
		return o, err
	}, id, after)
	if err == nil && len(orders) == 0 {
		err = s.exists(ctx, id)
	}
	return orders, err
}

// Ordered returns the open rollouts with orders that nobody followed yet.
func (s *Store) Ordered(ctx context.Context) ([]string, error) {
	return query(ctx, s, "ordered", func(row scanner) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	})
}

// Events returns what happened after event number after.
func (s *Store) Events(ctx context.Context, id string, after int64) ([]controller.NumberedEvent, error) {
	events, err := query(ctx, s, "events", func(row scanner) (e controller.NumberedEvent, err error) {
		err = scanBody(row, &e.Number, &e.Event)
		return e, err
	}, id, after)
	if err == nil && len(events) == 0 {
		err = s.exists(ctx, id)
	}
	return events, err
}

func (t tx) appendEvents(id string, after int64, events []rollout.Event) error {
	for i, e := range events {
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := t.exec("insert_event", id, after+int64(i)+1, string(body)); err != nil {
			return err
		}
	}
	return nil
}

// exists is ErrNotFound for an unknown rollout.
func (s *Store) exists(ctx context.Context, id string) error {
	_, err := queryRow(ctx, s, "rollout_head", scanHead, id)
	if noRow(err) {
		return notFound(id)
	}
	return s.wrap("read", err)
}

func notFound(id string) error { return fmt.Errorf("rollout %s: %w", id, controller.ErrNotFound) }

// query reads rows, each with scan.
func query[T any](ctx context.Context, s *Store, name string, scan func(scanner) (T, error), args ...any) ([]T, error) {
	st, err := s.stmt(ctx, s.read, name) //nolint:sqlclosecheck // the store keeps its statements
	if err != nil {
		return nil, s.wrap(name, err)
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return nil, s.wrap(name, err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, s.wrap(name, err)
		}
		list = append(list, v)
	}
	return list, s.wrap(name, rows.Err())
}

// queryRow reads one row with scan.
func queryRow[T any](ctx context.Context, s *Store, name string, scan func(scanner) (T, error), args ...any) (v T, err error) {
	st, err := s.stmt(ctx, s.read, name) //nolint:sqlclosecheck // the store keeps its statements
	if err != nil {
		return v, err
	}
	return scan(st.QueryRowContext(ctx, args...))
}

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

func scanRecord(row scanner) (rec controller.Record, err error) {
	var created int64
	var planText, statusText []byte
	if err := row.Scan(&rec.ID, &rec.Task, &rec.Owner, &created, &planText, &statusText, &rec.Revision); err != nil {
		return rec, err
	}
	rec.Created = instant(created)
	if err := json.Unmarshal(planText, &rec.Plan); err != nil {
		return rec, fmt.Errorf("plan of %s: %w", rec.ID, err)
	}
	if err := json.Unmarshal(statusText, &rec.Status); err != nil {
		return rec, fmt.Errorf("status of %s: %w", rec.ID, err)
	}
	return rec, nil
}

// scanBody reads a number and a JSON body. The number is scanned last, so that
// it wins over one in the body.
func scanBody(row scanner, number *int64, body any) error {
	var text []byte
	var n int64
	if err := row.Scan(&n, &text); err != nil {
		return err
	}
	if err := json.Unmarshal(text, body); err != nil {
		return err
	}
	*number = n
	return nil
}

func marshal(rec controller.Record) (planText, statusText string, err error) {
	p, err := json.Marshal(rec.Plan)
	if err != nil {
		return "", "", fmt.Errorf("rollout %s: plan: %w", rec.ID, err)
	}
	statusText, err = marshalStatus(rec)
	return string(p), statusText, err
}

func marshalStatus(rec controller.Record) (string, error) {
	text, err := json.Marshal(rec.Status)
	if err != nil {
		return "", fmt.Errorf("rollout %s: status: %w", rec.ID, err)
	}
	return string(text), nil
}

// nanos is how a time is stored; the zero time has none.
func nanos(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixNano(), Valid: !t.IsZero()}
}

func instant(nanos int64) time.Time { return time.Unix(0, nanos).UTC() }
