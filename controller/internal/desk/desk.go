// Package desk asks questions in the background, because who asks may not wait,
// and keeps the answers until somebody wants to know.
package desk

import (
	"context"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Desk has the questions of one process. It is safe for concurrent use.
type Desk struct {
	clock clock.Clock
	stop  context.CancelFunc
	ctx   context.Context

	mu   sync.Mutex
	open map[string]*question
	busy sync.WaitGroup
}

type question struct {
	deadline time.Time
	running  bool
	answer   rollout.Answer
	again    time.Time // of a pending answer: when to ask again; zero: never
}

// New returns a desk without questions.
func New(c clock.Clock) *Desk {
	d := &Desk{clock: c, open: make(map[string]*question)}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d
}

// Ask has a question asked, unless it is on its way or answered. ask gets a
// context that ends at the deadline, and returns the answer and, if that is
// pending, when to ask again; after no time: never.
func (d *Desk) Ask(key string, deadline time.Time, ask func(context.Context) (rollout.Answer, time.Duration)) {
	now := d.clock.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, q := range d.open {
		if !q.running && now.After(q.deadline) {
			delete(d.open, k) // nobody waits for it any more
		}
	}
	q := d.open[key]
	if q == nil {
		q = &question{}
		d.open[key] = q
	}
	if q.running || q.answer.State == rollout.CallSucceeded || q.answer.State == rollout.CallFailed || d.ctx.Err() != nil {
		return
	}
	q.running, q.deadline = true, deadline
	d.busy.Go(func() {
		ctx, cancel := context.WithTimeout(d.ctx, deadline.Sub(now))
		defer cancel()
		answer, again := ask(ctx)
		d.done(q, answer, again)
	})
}

func (d *Desk) done(q *question, answer rollout.Answer, again time.Duration) {
	now := d.clock.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	q.running, q.answer, q.again = false, answer, time.Time{}
	if answer.State == rollout.CallPending && again > 0 {
		q.again = now.Add(again)
	}
}

// Answer returns how a question stands. It has to be asked when it is not known
// here, when asking did not work, and when it said that it wants to be asked
// again by now.
func (d *Desk) Answer(key string) rollout.Answer {
	now := d.clock.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.open[key]
	switch {
	case q == nil:
		return rollout.Answer{}
	case q.running:
		return rollout.Answer{State: rollout.CallPending, Reason: q.answer.Reason}
	case !q.again.IsZero() && !now.Before(q.again):
		return rollout.Answer{Reason: q.answer.Reason}
	default:
		return q.answer
	}
}

// Close stops what is on its way and returns when it has.
func (d *Desk) Close() {
	d.stop()
	d.busy.Wait()
}
