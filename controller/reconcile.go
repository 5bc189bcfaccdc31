package controller

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/rollout"
)

// Reconcile takes one decision further: it renews the lease, observes, decides,
// saves and acts, and returns what was decided. A rollout that has ended comes
// back as it is, with no time to look again.
//
// ErrLeased means that another owner runs the rollout and ErrConflict that one
// took it over in between; nothing was done. Any other error is the store's, or
// ctx ended: nothing was done that was not saved first.
func (c *Controller) Reconcile(ctx context.Context, id string) (rollout.Decision, error) {
	h := c.hold(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := c.prepare(ctx, []string{id}, []*held{h})[0]; p.err != nil || p.ended {
		return rollout.Decision{Status: h.rec.Status}, p.err
	}
	return c.look(ctx, h, c.gather(ctx, []*held{h}), nil)
}

// Foresee observes and returns what would be decided about rec now, without its
// orders. It needs no store, remembers nothing and shifts nothing: it is for who
// cannot remember anything just now and still has to know of harm. The only error
// is ctx's.
func (c *Controller) Foresee(ctx context.Context, rec Record) (rollout.Decision, error) {
	h := &held{}
	h.keep(rec.Clone(), nil, c.cfg.Clock.Now())
	world := c.observe(ctx, h, c.gather(ctx, []*held{h}))
	if err := ctx.Err(); err != nil {
		return rollout.Decision{}, fmt.Errorf("rollout %s: %w", rec.ID, err)
	}
	return c.cfg.Decide(h.rec.Plan, h.rec.Status, world, c.cfg.Clock.Now()), nil
}

// holds says whether the leases of h need no renewal yet.
func (c *Controller) holds(h *held, now time.Time) bool {
	return h.fresh && c.left(h, now) > c.cfg.Lease*2/3
}

// granted makes h hold the leases that were asked for at now, and says whether
// the rollout has ended. err is the store's answer to the wish for them.
func (c *Controller) granted(ctx context.Context, id string, h *held, leases []Lease, err error, now time.Time) (ended bool, _ error) {
	switch {
	case errors.Is(err, ErrEnded):
		if h.rec, err = c.cfg.Store.Load(ctx, id); err != nil {
			return false, c.lost(id, h, fmt.Errorf("load: %w", err))
		}
		c.drop(id)
		return true, nil
	case err != nil:
		return false, c.lost(id, h, fmt.Errorf("lease: %w", err))
	}
	if h.fresh && sameGrants(h.leases, leases) {
		h.leases, h.granted = leases, now
		return false, nil
	}
	// Only now that nobody else may save is it safe to read.
	rec, err := c.cfg.Store.Load(ctx, id)
	if err != nil {
		return false, c.lost(id, h, fmt.Errorf("load: %w", err))
	}
	h.keep(rec, leases, now)
	if h.taken || leases[0].Since.Equal(now) {
		h.taken = false
		h.pending = append(h.pending, takenOver(rec, c.cfg.Owner, now))
	}
	return false, nil
}

// lost forgets what is held of a rollout and returns err with its ID.
func (c *Controller) lost(id string, h *held, err error) error {
	h.fresh = false
	h.pending = nil
	c.drop(id)
	return fmt.Errorf("rollout %s: %w", id, err)
}

// sameGrants says whether b are renewals of a: with the same tokens, nobody
// else held the aliases in between.
func sameGrants(a, b []Lease) bool {
	return slices.EqualFunc(a, b, func(x, y Lease) bool { return x.Alias == y.Alias && x.Token == y.Token })
}

// look observes, decides, saves and acts for a rollout that was prepared. What
// need not be stored before anything else happens goes to later, if there is one,
// and is stored at once otherwise.
func (c *Controller) look(ctx context.Context, h *held, s signals, later *later) (rollout.Decision, error) {
	id := h.rec.ID
	var orders []rollout.Order
	if s.ordered == nil || s.ordered[id] {
		var err error
		if orders, err = c.cfg.Store.Orders(ctx, id, h.rec.Status.Orders); err != nil {
			return rollout.Decision{}, c.lost(id, h, fmt.Errorf("orders: %w", err))
		}
	}
	world := c.observe(ctx, h, s)
	world.Orders = orders
	c.keepTime(h, &world)
	if err := ctx.Err(); err != nil {
		// What could not be read because we were told to stop is no reason to
		// judge anything.
		return rollout.Decision{}, fmt.Errorf("rollout %s: %w", id, err)
	}
	now := c.cfg.Clock.Now()
	d := c.cfg.Decide(h.rec.Plan, h.rec.Status, world, now)
	d.Events = append(d.Events, h.runOn(d, now)...)
	if err := c.save(ctx, h, d, now, later); err != nil {
		// The decision is returned all the same: who cannot wait for the store
		// may have to take the traffic back without it.
		return d, c.lost(id, h, fmt.Errorf("save: %w", err))
	}
	for _, a := range d.Actions {
		c.act(ctx, h, a)
	}
	for _, t := range h.trouble {
		if !d.Look.IsZero() && t.failures > 0 && t.until.After(now) && t.until.Before(d.Look) {
			d.Look = t.until
		}
	}
	if d.Status.Phase.Ended() {
		c.drop(id)
		h.fresh = false
	}
	return d, nil
}

// keepTime tells a look how well the clock shows the services' time.
func (c *Controller) keepTime(h *held, w *rollout.World) {
	t := c.cfg.ServiceTime
	if t == nil {
		return
	}
	by, known := t.Off()
	jumps := t.Jumps()
	w.Off, w.Lost = by, !known || jumps != h.jumps
	h.jumps = jumps
}

// save stores a decision, unless there is nothing in it but newer numbers. Those
// are stored when the stored ones are not recent enough any more, and then may be
// stored later, because nobody acts on them before they decide something.
func (c *Controller) save(ctx context.Context, h *held, d rollout.Decision, now time.Time, later *later) error {
	events := append(h.pending, d.Events...)
	if len(events) == 0 && len(d.Notes) == 0 && len(d.Actions) == 0 && !material(h.rec.Status, d.Status) {
		recent := sinceless(now, h.saved) < c.cfg.SaveEvery
		if recent || later != nil {
			h.rec.Status = d.Status
			if !recent {
				*later = append(*later, h)
			}
			return nil
		}
	}
	rec := h.rec
	rec.Status = d.Status
	notes, err := c.notes(ctx, h.rec, d, now)
	if err != nil {
		return err
	}
	revision, err := c.cfg.Store.Save(ctx, rec, h.leases, events, notes)
	if err != nil {
		return err
	}
	rec.Revision = revision
	rec.Status = cloneStatus(d.Status)
	h.rec, h.saved, h.pending = rec, now, nil
	for _, e := range events {
		c.cfg.Log.InfoContext(ctx, e.Text, "rollout", rec.ID, "kind", e.Kind, "phase", e.Phase, "weight", int(e.Weight))
	}
	c.news.tell(rec.ID)
	return nil
}

// sinceless returns the time since t; a clock that was set back makes it long.
func sinceless(now, t time.Time) time.Duration {
	if now.Before(t) {
		return 1<<63 - 1
	}
	return now.Sub(t)
}

// material says whether b remembers anything that a does not, besides when it
// was looked and numbers, which move with every look.
func material(a, b rollout.Status) bool {
	if !slices.EqualFunc(a.Targets, b.Targets, sameTarget) || !slices.EqualFunc(a.Findings, b.Findings, sameFinding) {
		return true
	}
	for _, s := range []*rollout.Status{&a, &b} {
		s.LookedAt, s.Why, s.Targets, s.Findings = time.Time{}, "", nil, nil
	}
	return !reflect.DeepEqual(a, b)
}

func sameTarget(a, b rollout.TargetStatus) bool {
	if (a.Comparison == nil) != (b.Comparison == nil) || a.Comparison != nil && a.Comparison.Proof != b.Comparison.Proof {
		return false
	}
	for _, t := range []*rollout.TargetStatus{&a, &b} {
		t.SeenAt, t.Comparison = time.Time{}, nil
	}
	return reflect.DeepEqual(a, b)
}

func sameFinding(a, b analysis.Finding) bool {
	return a.Check == b.Check && a.Target == b.Target && a.Verdict == b.Verdict && a.Trouble == b.Trouble
}

// notes are what the ledger learns from a decision. A rollback that a person
// ordered says something about the version it left; adopting a split does not.
// The version that served before the first rollout of an alias is worth knowing
// too: a rollback may have nowhere else to go.
func (c *Controller) notes(ctx context.Context, rec Record, d rollout.Decision, now time.Time) ([]LedgerEntry, error) {
	var entries []LedgerEntry
	for _, n := range d.Notes {
		if rec.Task == Adopt && n.State == rollout.Quarantined {
			continue
		}
		alias := rec.Status.Targets[n.Target].Alias
		if n.State == rollout.Served {
			ledger, err := c.ledger(ctx, alias)
			if err != nil {
				return nil, err
			}
			if standings(ledger)[n.Version] == rollout.Verified {
				continue // by an earlier rollout; to serve again takes nothing from that
			}
		}
		content, err := c.contentOf(ctx, rec.Status.Targets[n.Target], n.Version)
		if err != nil {
			return nil, err
		}
		entries = append(entries, LedgerEntry{
			Alias: alias, Version: n.Version,
			State: n.State, Rollout: rec.ID, At: now, Why: n.Why, Content: content,
		})
	}
	if rec.Status.Step >= 0 || d.Status.Step < 0 {
		return entries, nil
	}
	for _, t := range d.Status.Targets {
		ledger, err := c.ledger(ctx, t.Alias)
		if err != nil {
			return nil, err
		}
		if _, known := standings(ledger)[t.Stable]; !known && t.Stable != "" && !t.Created {
			entries = append(entries, LedgerEntry{
				Alias: t.Alias, Version: t.Stable, State: rollout.Served, Rollout: rec.ID, At: now,
				Why: "had all of the traffic before " + rec.ID,
			})
		}
	}
	return entries, nil
}

// contentOf is what is known of a version's content: a rollout knows what it
// releases, and the ledger what was released before.
func (c *Controller) contentOf(ctx context.Context, t rollout.TargetStatus, version string) (string, error) {
	if version == t.Canary && t.Content != "" {
		return t.Content, nil
	}
	ledger, err := c.ledger(ctx, t.Alias)
	if err != nil {
		return "", err
	}
	for _, e := range ledger {
		if e.Version == version && e.Content != "" {
			return e.Content, nil
		}
	}
	return "", nil
}
