package controller

import (
	"context"
	"fmt"

	"github.com/crossfade-dev/crossfade/rollout"
)

// Accept stores a rollout whose aliases and versions the caller knows already,
// and publishes and proves nothing: the first look proves everything before the
// first shift. Of rec the caller gives ID, Task, Plan and Status, which is what
// [rollout.Begin] or [rollout.BeginBack] returns; by and reason are for people.
//
// ErrConflict: there is a rollout with this ID. ErrLeased: a rollout is open on
// one of the aliases.
func (c *Controller) Accept(ctx context.Context, rec Record, by, reason string) (Record, error) {
	rec.Owner, rec.Created = c.cfg.Owner, c.cfg.Clock.Now()
	var events []rollout.Event
	for i, t := range rec.Status.Targets {
		text := fmt.Sprintf("%s → %s", rec.Plan.Targets[i], t.Canary)
		if t.Stable != "" {
			text = fmt.Sprintf("%s %s → %s: %s", rec.Plan.Targets[i], t.Canary, t.Stable, rec.Status.Why)
		}
		events = append(events, rollout.Event{
			At: rec.Created, Kind: "accepted", Phase: rec.Status.Phase, By: by, Reason: reason, Text: text,
		})
	}
	return c.create(ctx, rec, events)
}

// GiveUp ends a rollout and leaves its aliases as they are. It is for who has
// decided elsewhere what becomes of them, or knows that they are gone for good.
// A rollout that has ended stays as it is. ErrLeased while somebody else runs it.
func (c *Controller) GiveUp(ctx context.Context, id, by, reason string) (rollout.Status, error) {
	h := c.hold(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := c.prepare(ctx, []string{id}, []*held{h})[0]; p.err != nil || p.ended {
		return h.rec.Status, p.err
	}
	now := c.cfg.Clock.Now()
	d := rollout.GiveUp(h.rec.Plan, cloneStatus(h.rec.Status), by, reason, now)
	if err := c.save(ctx, h, d, now, nil); err != nil {
		return h.rec.Status, c.lost(id, h, fmt.Errorf("give up: %w", err))
	}
	c.drop(id)
	h.fresh = false
	return d.Status, nil
}
