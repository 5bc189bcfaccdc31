package controller

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/rollout"
)

// Order stores what a person asks of a rollout; whoever runs it follows within
// about a second. It works from any process that shares the store. ErrEnded
// after the rollout's end.
func (c *Controller) Order(ctx context.Context, id string, kind rollout.OrderKind, by, reason string) error {
	_, err := c.cfg.Store.Order(ctx, id, rollout.Order{Kind: kind, By: by, Reason: reason, At: c.cfg.Clock.Now()})
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, id, err)
	}
	c.news.tell(id)
	return nil
}

// Unattended returns the open rollouts that this controller may run: those
// whose leases it has, and those whose owner gave them up or let them end.
func (c *Controller) Unattended(ctx context.Context) ([]string, error) {
	recs, err := c.cfg.Store.List(ctx, Filter{Open: true})
	if err != nil {
		return nil, fmt.Errorf("open rollouts: %w", err)
	}
	now := c.cfg.Clock.Now()
	var ids []string
	for _, rec := range recs {
		free := true
		for _, alias := range rec.Aliases() {
			l, _, err := c.cfg.Store.Lease(ctx, alias)
			if err != nil {
				return ids, fmt.Errorf("lease of %s: %w", alias, err)
			}
			free = free && (l.Owner == c.cfg.Owner || l.Free(now))
		}
		if free {
			ids = append(ids, rec.ID)
		}
	}
	return ids, nil
}

// TakeOver makes this controller the owner of an open rollout whose owner is
// known to be dead, without waiting for the leases to end. The caller promises
// that dead, the owner that the leases name, runs no more; ErrLeased if somebody
// else holds them.
func (c *Controller) TakeOver(ctx context.Context, id, dead string) error {
	rec, err := c.cfg.Store.Load(ctx, id)
	if err != nil {
		return fmt.Errorf("take over %s: %w", id, err)
	}
	var leases []Lease
	for _, alias := range rec.Aliases() {
		l, ok, err := c.cfg.Store.Lease(ctx, alias)
		if err != nil {
			return fmt.Errorf("take over %s: %w", id, err)
		}
		if ok && l.Owner == dead {
			leases = append(leases, l)
		}
	}
	if err := c.cfg.Store.Release(ctx, leases); err != nil {
		return fmt.Errorf("take over %s: %w", id, err)
	}
	now := c.cfg.Clock.Now()
	if _, err := c.cfg.Store.Acquire(ctx, id, c.cfg.Owner, now, now.Add(c.cfg.Lease)); err != nil {
		return fmt.Errorf("take over %s: %w", id, err)
	}
	h := c.hold(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fresh, h.taken = false, true
	return nil
}

// Revert takes everything back and returns when the rollout has ended, or with
// ctx's error. It is what an interrupt does when this process owns the rollout;
// the version is not quarantined for that.
func (c *Controller) Revert(ctx context.Context, id, by, reason string) (rollout.Status, error) {
	err := c.Order(ctx, id, rollout.Revert, by, reason)
	if err != nil && !errors.Is(err, ErrEnded) {
		return rollout.Status{}, err
	}
	return c.until(ctx, id, func(s rollout.Status) bool { return s.Phase.Ended() })
}

// Pause pauses a rollout and gives its leases up: the alias stays as it is,
// owned by the record, until somebody resumes or aborts it with a controller
// that runs it.
func (c *Controller) Pause(ctx context.Context, id, by, reason string) (rollout.Status, error) {
	err := c.Order(ctx, id, rollout.Pause, by, reason)
	if err != nil && !errors.Is(err, ErrEnded) {
		return rollout.Status{}, err
	}
	status, err := c.until(ctx, id, func(s rollout.Status) bool {
		return s.Phase == rollout.Paused || s.Phase == rollout.RollingBack || s.Phase.Ended()
	})
	if err != nil || status.Phase.Ended() {
		return status, err
	}
	return status, c.Detach(ctx, id)
}

// Detach gives the leases of a rollout up, so that another controller may run
// it. It waits for a look that is under way.
func (c *Controller) Detach(ctx context.Context, id string) error {
	h := c.hold(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	leases := h.leases
	h.leases, h.fresh = nil, false
	c.drop(id)
	if err := c.cfg.Store.Release(ctx, leases); err != nil {
		return fmt.Errorf("rollout %s: release: %w", id, err)
	}
	return nil
}

// until looks at a rollout until its status is as wanted.
func (c *Controller) until(ctx context.Context, id string, enough func(rollout.Status) bool) (rollout.Status, error) {
	for failures := 0; ; {
		d, err := c.Reconcile(ctx, id)
		switch {
		case ctx.Err() != nil:
			return d.Status, ctx.Err()
		case errors.Is(err, ErrLeased), errors.Is(err, ErrNotFound):
			return d.Status, err
		case err != nil:
			failures++
			d.Look = c.cfg.Clock.Now().Add(c.backoff(failures, nil, true))
		case enough(d.Status):
			return d.Status, nil
		default:
			failures = 0
		}
		select {
		case <-ctx.Done():
			return d.Status, ctx.Err()
		case <-c.cfg.Clock.After(d.Look.Sub(c.cfg.Clock.Now())):
		}
	}
}

// Watch yields the events of a rollout after number after, and new ones as they
// are stored, by this process or another, until the rollout has ended, ctx ends
// or the store fails; the last two yield an error.
func (c *Controller) Watch(ctx context.Context, id string, after int64) iter.Seq2[NumberedEvent, error] {
	return func(yield func(NumberedEvent, error) bool) {
		for {
			news := c.news.of(id)
			rec, err := c.cfg.Store.Load(ctx, id) // before the events: an ended rollout has all of its own
			if err != nil {
				yield(NumberedEvent{}, fmt.Errorf("watch %s: %w", id, err))
				return
			}
			events, err := c.cfg.Store.Events(ctx, id, after)
			if err != nil {
				yield(NumberedEvent{}, fmt.Errorf("watch %s: %w", id, err))
				return
			}
			for _, e := range events {
				after = e.Number
				if !yield(e, nil) {
					return
				}
			}
			if rec.Status.Phase.Ended() {
				return
			}
			select {
			case <-ctx.Done():
				yield(NumberedEvent{}, ctx.Err())
				return
			case <-news:
			case <-c.cfg.Clock.After(500 * time.Millisecond):
			}
		}
	}
}

// A Report says how a rollout stands that nobody runs any more, and what to
// type to take its traffic back by hand.
type Report struct {
	Record Record `json:"record"`
	// Split says whether an alias of it may serve two versions, or the new
	// one without a verdict.
	Split bool   `json:"split"`
	Text  string `json:"text"`
	// Revert are command lines, one for each target: the first way is
	// Crossfade's own, then AWS's.
	Revert []string `json:"revert,omitempty"`
}

// Report tells how a rollout stands and how to revert it.
func (c *Controller) Report(ctx context.Context, id string) (Report, error) {
	rec, err := c.cfg.Store.Load(ctx, id)
	if err != nil {
		return Report{}, fmt.Errorf("report: %w", err)
	}
	return c.report(rec), nil
}

// LastReport is Report from memory, for when the store cannot be read; ok is
// false if this controller does not know the rollout.
func (c *Controller) LastReport(id string) (r Report, ok bool) {
	h := c.hold(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rec.ID != id {
		return Report{}, false
	}
	return c.report(h.rec), true
}

func (c *Controller) report(rec Record) Report {
	r := Report{Record: rec}
	var at []string
	for i, ts := range rec.Status.Targets {
		t := rec.Plan.Targets[i]
		at = append(at, fmt.Sprintf("%s serves %s", t, ts.Seen))
		if rec.Status.Phase.Ended() || ts.Stable == "" || ts.Stable == ts.Canary {
			continue
		}
		r.Split = true
		if commander, ok := c.cfg.Targets[t.Kind].(Commander); ok {
			r.Revert = append(r.Revert, commander.Command(ts.Alias, rollout.Routing{Stable: ts.Stable}))
		}
	}
	if r.Split {
		r.Revert = append([]string{fmt.Sprintf("crossfade abort %s --reason TEXT", rec.ID)}, r.Revert...)
	}
	r.Text = fmt.Sprintf("%s is %s: %s", rec.Plan.Name, rec.Status.Phase, strings.Join(at, ", "))
	return r
}
