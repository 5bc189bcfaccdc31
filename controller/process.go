package controller

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/rollout"
)

// A ProcessConfig says which rollouts a process drives and how.
type ProcessConfig struct {
	// Sweep is how often the process takes over open rollouts that nobody
	// runs. Zero: never; it drives only what [Process.Add] gave it.
	Sweep time.Duration
	// Poll is how often it asks for orders that other processes stored, so
	// that they are followed before the next look is due. Zero: every second.
	// Negative: never.
	Poll time.Duration
	// Parallel is how many rollouts are looked at at once, each in its own
	// goroutine, so that a target that hangs does not keep the others waiting.
	// Zero: Run looks at one after the other and starts no goroutines, as
	// virtual time needs.
	Parallel int
	// Ended, if not nil, is told of every rollout that is not driven any more:
	// it ended, or another owner took it (err is ErrLeased).
	Ended func(id string, status rollout.Status, err error)
}

// A Process drives open rollouts: it is the loop around
// [Controller.Reconcile]. Drive it with [clock.Run], with [Process.Wake] as the
// wake channel, or with [clock.Virtual].
type Process struct {
	c   *Controller
	cfg ProcessConfig

	mu    sync.Mutex
	queue queue
	index map[string]*entry
	sweep time.Time // when to sweep next; zero: never
	poll  time.Time // when to ask for orders next; zero: never
	slots int       // how many more may be looked at at once
	busy  sync.WaitGroup
	wake  chan struct{}
}

// entry is a rollout that the process drives.
type entry struct {
	id       string
	at       time.Time
	pos      int // in the queue; -1 while it is being looked at
	again    bool
	failures int
}

// NewProcess returns a process that drives rollouts of c.
func NewProcess(c *Controller, cfg ProcessConfig) *Process {
	p := &Process{c: c, cfg: cfg, index: make(map[string]*entry), slots: max(cfg.Parallel, 1), wake: make(chan struct{}, 1)}
	if p.cfg.Poll == 0 {
		p.cfg.Poll = time.Second
	}
	now := c.cfg.Clock.Now()
	if cfg.Sweep > 0 {
		p.sweep = now
	}
	if p.cfg.Poll > 0 {
		p.poll = now.Add(p.cfg.Poll)
	}
	return p
}

// Add makes the process drive a rollout, beginning now. Adding one that it
// drives already makes it look at once.
func (p *Process) Add(id string) {
	p.mu.Lock()
	p.due(id, p.c.cfg.Clock.Now())
	p.mu.Unlock()
	p.Kick()
}

// Drives says how many rollouts the process drives.
func (p *Process) Drives() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.index)
}

// Wake is what [clock.Run] listens to.
func (p *Process) Wake() <-chan struct{} { return p.wake }

// Kick makes whoever listens to Wake ask Next again.
func (p *Process) Kick() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Wait returns when no look is under way any more.
func (p *Process) Wait() { p.busy.Wait() }

// Next returns when the process wants to run next.
func (p *Process) Next() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var at time.Time
	earliest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	earliest(p.sweep)
	if len(p.index) > 0 {
		earliest(p.poll)
	}
	if len(p.queue) > 0 && p.slots > 0 {
		earliest(p.queue[0].at)
	}
	return at, !at.IsZero()
}

// Run looks at every rollout that is due at now. The errors are those of looks
// that could not be done; they are tried again.
func (p *Process) Run(ctx context.Context, now time.Time) error {
	errs := []error{p.sweepAt(ctx, now), p.pollAt(ctx, now)}
	ids := p.pop(now)
	if len(ids) == 0 {
		return errors.Join(errs...)
	}
	if p.cfg.Parallel == 0 {
		return errors.Join(append(errs, p.batch(ctx, ids))...)
	}
	p.busy.Go(func() { p.report(ctx, p.batch(ctx, ids)) })
	return errors.Join(errs...)
}

// pop takes what is due out of the queue, as far as there are slots.
func (p *Process) pop(now time.Time) []*entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	var due []*entry
	for len(p.queue) > 0 && p.slots > 0 && !p.queue[0].at.After(now) {
		e := heap.Pop(&p.queue).(*entry)
		if p.cfg.Parallel > 0 {
			p.slots--
		}
		due = append(due, e)
	}
	return due
}

// batch looks at several rollouts, reading each alarm once for all of them.
func (p *Process) batch(ctx context.Context, due []*entry) error {
	var errs []error
	all := make([]*held, len(due))
	ids := make([]string, len(due))
	for i, e := range due {
		all[i], ids[i] = p.c.hold(e.id), e.id
		all[i].mu.Lock()
	}
	ready := make([]*held, 0, len(due))
	entries := make([]*entry, 0, len(due))
	for i, a := range p.c.prepare(ctx, ids, all) {
		h := all[i]
		if a.err != nil || a.ended {
			status := h.rec.Status
			h.mu.Unlock()
			errs = append(errs, p.done(due[i], rollout.Decision{Status: status}, a.err))
			continue
		}
		ready, entries = append(ready, h), append(entries, due[i])
	}
	s := p.c.gather(ctx, ready)
	if p.cfg.Parallel == 0 || len(ready) == 1 {
		return errors.Join(append(errs, p.inTurn(ctx, entries, ready, s)...)...)
	}
	for i, h := range ready {
		p.busy.Go(func() {
			defer h.mu.Unlock()
			d, err := p.c.look(ctx, h, s, nil) // others must not wait for one that hangs
			p.report(ctx, p.done(entries[i], d, err))
		})
	}
	return errors.Join(errs...)
}

// inTurn looks at one rollout after the other, and in the end stores together
// what has time until then.
func (p *Process) inTurn(ctx context.Context, entries []*entry, ready []*held, s signals) []error {
	var errs []error
	done := func(h *held, e *entry, d rollout.Decision, err error) {
		defer h.mu.Unlock()
		errs = append(errs, p.done(e, d, err))
	}
	var late later
	var waiting []*entry // the same rollouts as late
	var decisions []rollout.Decision
	for i, h := range ready {
		before := len(late)
		d, err := p.c.look(ctx, h, s, &late)
		if len(late) > before {
			waiting, decisions = append(waiting, entries[i]), append(decisions, d)
			continue
		}
		done(h, entries[i], d, err)
	}
	for i, err := range late.store(ctx, p.c) {
		done(late[i], waiting[i], decisions[i], err)
	}
	return errs
}

// done puts a rollout back into the queue, or lets go of it.
func (p *Process) done(e *entry, d rollout.Decision, err error) error {
	gone := err == nil && d.Status.Phase.Ended() || errors.Is(err, ErrLeased) || errors.Is(err, ErrNotFound)
	p.mu.Lock()
	now := p.c.cfg.Clock.Now()
	if p.cfg.Parallel > 0 {
		p.slots++
	}
	switch {
	case gone:
		delete(p.index, e.id)
	case errors.Is(err, ErrConflict):
		p.push(e, now.Add(p.c.backoff(1, nil, true)))
	case err != nil:
		e.failures++
		p.push(e, now.Add(p.c.backoff(e.failures, nil, true)))
	default:
		e.failures = 0
		p.push(e, d.Look)
	}
	p.mu.Unlock()
	p.Kick()
	if gone {
		if p.cfg.Ended != nil {
			p.cfg.Ended(e.id, d.Status, err)
		}
		return nil
	}
	return err
}

// push puts an entry back, due at at, or now if it was asked for meanwhile.
func (p *Process) push(e *entry, at time.Time) {
	if e.again {
		at, e.again = p.c.cfg.Clock.Now(), false
	}
	e.at = at
	heap.Push(&p.queue, e)
}

// due makes a rollout due at at, at the latest.
func (p *Process) due(id string, at time.Time) {
	switch e := p.index[id]; {
	case e == nil:
		e = &entry{id: id, at: at}
		p.index[id] = e
		heap.Push(&p.queue, e)
	case e.pos < 0:
		e.again = true
	case at.Before(e.at):
		e.at = at
		heap.Fix(&p.queue, e.pos)
	}
}

// turn says whether it is time for what is done every so often, and notes when it is
// next.
func (p *Process) turn(next *time.Time, every time.Duration, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if next.IsZero() || now.Before(*next) {
		return false
	}
	*next = now.Add(every)
	return true
}

// sweepAt takes over what nobody runs.
func (p *Process) sweepAt(ctx context.Context, now time.Time) error {
	if !p.turn(&p.sweep, p.cfg.Sweep, now) {
		return nil
	}
	ids, err := p.c.Unattended(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if p.index[id] == nil {
			p.due(id, now)
		}
	}
	return err
}

// pollAt makes rollouts with new orders due.
func (p *Process) pollAt(ctx context.Context, now time.Time) error {
	if !p.turn(&p.poll, p.cfg.Poll, now) {
		return nil
	}
	ids, err := p.c.cfg.Store.Ordered(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if p.index[id] != nil {
			p.due(id, now)
		}
	}
	return err
}

func (p *Process) report(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		p.c.cfg.Log.WarnContext(ctx, "look", "err", err)
	}
}

// queue is a heap of what is due first; of equals, the one with the smaller ID,
// so that one seed gives one run.
type queue []*entry

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].id < q[j].id
}
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].pos, q[j].pos = i, j
}
func (q *queue) Push(x any) {
	e := x.(*entry)
	e.pos = len(*q)
	*q = append(*q, e)
}
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.pos = -1
	return e
}
