package controller

import (
	"context"
	"fmt"
)

// prepared is what became of preparing one rollout.
type prepared struct {
	ended bool
	err   error
}

// prepare makes sure that this controller holds the leases of rollouts, whose entries
// are locked, and knows their records. It asks the store once for all leases that have
// to be taken or renewed.
func (c *Controller) prepare(ctx context.Context, ids []string, batch []*held) []prepared {
	answers := make([]prepared, len(batch))
	now := c.cfg.Clock.Now() // before they are asked for: they never last longer than is thought here
	var due []int
	var wanted []string
	for i, h := range batch {
		if !c.holds(h, now) {
			due, wanted = append(due, i), append(wanted, ids[i])
		}
	}
	if len(due) == 0 {
		return answers
	}
	for n, g := range c.cfg.Store.AcquireAll(ctx, wanted, c.cfg.Owner, now, now.Add(c.cfg.Lease)) {
		a := &answers[due[n]]
		a.ended, a.err = c.granted(ctx, wanted[n], batch[due[n]], g.Leases, g.Err, now)
	}
	return answers
}

// later are rollouts of which only newer numbers are to be stored, which can be
// done for all of them together at the end of a batch. Whoever crashes before that
// has numbers that are a little older, and nothing else: nothing was acted on. The
// entries stay locked until then.
type later []*held

// store stores them and returns an error for each that was not.
func (l later) store(ctx context.Context, c *Controller) []error {
	errs := make([]error, len(l))
	if len(l) == 0 {
		return errs
	}
	savings := make([]Saving, len(l))
	for i, h := range l {
		savings[i] = Saving{Record: h.rec, Leases: h.leases}
	}
	for i, s := range c.cfg.Store.SaveAll(ctx, savings) {
		h := l[i]
		if s.Err != nil {
			errs[i] = c.lost(h.rec.ID, h, fmt.Errorf("save: %w", s.Err))
			continue
		}
		h.rec.Revision, h.saved = s.Revision, h.rec.Status.LookedAt
		h.rec.Status = cloneStatus(h.rec.Status) // the store may have shown it to somebody who keeps it
		c.news.tell(h.rec.ID)
	}
	return errs
}
