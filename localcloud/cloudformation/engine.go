package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

const (
	// saveAgain is when a save that failed is tried again.
	saveAgain = time.Second
	// prompt is how long, of the machine's time, an operation waits for the work
	// that it began: clients ask at once how it went, and then not for a long
	// time.
	prompt = 2 * time.Second
	// soon is what counts as at once: a provider that only wants its memo saved
	// asks for less.
	soon = 50 * time.Millisecond
)

// step gives a stack inputs, saves what became of it, and only then has its
// resources' providers asked for what is due. e.mu is held. An error is the
// journal's: nothing was begun, and the save is tried again.
func (s *Service) step(e *entity, inputs ...stack.Input) error {
	now := s.now()
	changed := !e.retry.IsZero()
	for _, in := range inputs {
		if r, ok := in.(stack.Report); ok {
			delete(e.inFlight, r.Token)
		}
		out := e.state.Apply(s.planOf(e, e.shown()), in, now)
		s.note(e, out.Events)
		for _, id := range out.Changed {
			e.unsaved[id] = true
		}
		s.follow(e, now)
		_, tick := in.(stack.Tick)
		changed = changed || !tick || len(out.Events)+len(out.Changed) > 0
	}
	if e.watching() && e.watch.IsZero() {
		e.watch = now
	}
	if changed {
		if err := s.save(e); err != nil {
			e.retry = now.Add(saveAgain)
			s.schedule(e)
			e.hush() // nobody waits for the disk
			return err
		}
		e.retry = time.Time{}
	} else {
		s.tell(e) // what a process before this one did not come to
	}
	for _, c := range e.state.Calls() {
		if !e.inFlight[c.Token] && c.At.Sub(now) < soon {
			e.inFlight[c.Token] = true
			request, literal := s.request(e, c, now), e.literal(c)
			s.calls.Submit(func() { s.call(e, c, request, literal) })
		}
	}
	// Who waited asks Next what comes next.
	s.schedule(e)
	if len(e.inFlight) == 0 {
		e.quiet.tell()
	}
	if !s.busy(e) {
		e.rest.tell()
	}
	return nil
}

// hush tells those who wait that there is nothing to wait for. e.mu is held.
func (e *entity) hush() {
	e.quiet.tell()
	e.rest.tell()
}

// waiters are told once. The mutex of their stack guards them.
type waiters []chan struct{}

func (w *waiters) tell() {
	for _, c := range *w {
		close(c)
	}
	*w = nil
}

// follow does what the end of an operation means for what the decider knows
// nothing of.
func (s *Service) follow(e *entity, now time.Time) {
	if e.state.Phase != stack.PhaseIdle {
		return
	}
	switch e.state.Status {
	case stack.CreateComplete, stack.UpdateComplete:
		if e.next != nil {
			e.current, e.next = e.next, nil
			e.imports = sortedKeys(e.using)
		}
		s.exports.set(e)
		e.executed(true)
	case stack.RollbackComplete, stack.RollbackFailed:
		if e.next != nil {
			e.current, e.next = e.next, nil
		}
		e.imports = nil
		s.exports.set(e)
		e.executed(false)
	case stack.UpdateRollbackComplete:
		e.next = nil
		s.exports.set(e)
		e.executed(false)
	case stack.CreateFailed, stack.UpdateFailed, stack.UpdateRollbackFailed:
		e.executed(false)
	case stack.DeleteComplete:
		if !e.deleted.IsZero() {
			return
		}
		e.deleted = now
		if e.next != nil {
			e.current, e.next = e.next, nil
		}
		e.imports, e.sets = nil, nil
		s.exports.set(e)
		s.mu.Lock()
		if s.names[e.place.name(e.name)] == e {
			delete(s.names, e.place.name(e.name))
		}
		s.mu.Unlock()
	}
}

// call asks a provider and takes its answer in. literal is what there is to say of
// the request beside.
func (s *Service) call(e *entity, c stack.Call, r Request, literal string) {
	report := stack.Report{Token: c.Token, PhysicalID: c.PhysicalID, Cancelled: c.Cancelled}
	p := s.config.Providers[c.Type]
	if p == nil {
		p = standIn{}
	}
	ctx := wire.WithCaller(s.ctx, e.place.Caller())
	progress, err := p.Handle(ctx, r)
	if s.ctx.Err() != nil {
		return // the service is being closed, and the next one asks again
	}
	if progress.PhysicalID != "" {
		report.PhysicalID = progress.PhysicalID
	}
	report.Attributes, report.Memo, report.Again, report.Waits = progress.Attributes, progress.Memo, progress.Again, progress.Waits
	report.Note = strings.TrimSpace(progress.Note + " " + literal)
	if err != nil {
		report.Failure = err.Error()
		if f := (&Failure{}); errors.As(err, &f) {
			report.Failure = f.Message
		}
		if report.Failure == "" {
			report.Failure = "Internal Failure"
		}
	}
	s.answer(e, report)
}

// request says what is wanted of a resource. e.mu is held.
func (s *Service) request(e *entity, c stack.Call, now time.Time) Request {
	r := Request{
		Type: c.Type, LogicalID: c.ID, StackID: e.id, StackName: e.name, Token: c.Token, PhysicalID: c.PhysicalID,
		Properties: c.Is.Properties, UpdatePolicy: c.Is.UpdatePolicy, Rollback: c.Rollback, Cancelled: c.Cancelled, Shared: c.Shared, Memo: c.Memo, Now: now,
		Lenient: c.Action == stack.ActionDelete || e.meant(c).Lenient,
	}
	switch c.Action {
	case stack.ActionCreate:
		r.Action = Create
	case stack.ActionUpdate:
		r.Action, r.Previous = Update, c.Was.Properties
	case stack.ActionDelete:
		r.Action = Delete
	}
	r.Tags = map[string]string{
		"aws:cloudformation:stack-name": e.name,
		"aws:cloudformation:stack-id":   e.id,
		"aws:cloudformation:logical-id": c.ID,
	}
	maps.Copy(r.Tags, c.Is.Tags)
	return r
}

// answer takes the answer of a provider in. Answers that come while others are
// being saved are taken in together.
func (s *Service) answer(e *entity, report stack.Report) {
	if !e.inbox.put(report) {
		return // whoever takes answers in will see this one
	}
	for {
		e.mu.Lock()
		inputs := e.inbox.take()
		if len(inputs) > 0 {
			_ = s.step(e, inputs...) // Run tries again, and reports what is wrong
		}
		e.mu.Unlock()
		if len(inputs) == 0 {
			return
		}
	}
}

// An inbox has the answers that wait for being taken in. Whoever answers does not
// wait for the disk.
type inbox struct {
	mu     sync.Mutex
	inputs []stack.Input
	taken  bool // somebody is taking inputs, and will look again
}

// put adds an input and says whether the caller has to take it in.
func (i *inbox) put(in stack.Input) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.inputs = append(i.inputs, in)
	mine := !i.taken
	i.taken = true
	return mine
}

// take returns what is there. With nothing, the caller's turn is over.
func (i *inbox) take() []stack.Input {
	i.mu.Lock()
	defer i.mu.Unlock()
	inputs := i.inputs
	i.inputs, i.taken = nil, len(inputs) > 0
	return inputs
}

// answered waits until the providers have answered, but not for long: what takes
// time goes on by itself.
func (s *Service) answered(ctx context.Context, e *entity) {
	e.mu.Lock()
	if len(e.inFlight) == 0 {
		e.mu.Unlock()
		return
	}
	s.wait(ctx, e, &e.quiet)
}

// settle waits, but not for long, until the operation is over or has nothing to
// do for a while.
func (s *Service) settle(ctx context.Context, e *entity) {
	e.mu.Lock()
	if !s.busy(e) {
		e.mu.Unlock()
		return
	}
	s.wait(ctx, e, &e.rest)
}

// busy says that a provider is being asked, or will be in a moment. e.mu is held.
func (s *Service) busy(e *entity) bool {
	if len(e.inFlight) > 0 {
		return true
	}
	now := s.now()
	return slices.ContainsFunc(e.state.Calls(), func(c stack.Call) bool { return c.At.Sub(now) < s.config.Moment })
}

// wait waits until it is told, but not for long. e.mu is held, and is not when it
// returns.
func (s *Service) wait(ctx context.Context, e *entity, among *waiters) {
	told := make(chan struct{})
	*among = append(*among, told)
	e.mu.Unlock()
	select {
	case <-told:
	case <-ctx.Done():
	case <-s.ctx.Done():
	case <-clock.System{}.After(prompt):
	}
}

// schedule notes when a stack has something to do. e.mu is held.
func (s *Service) schedule(e *entity) {
	var at time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	sooner(e.retry)
	if e.retry.IsZero() {
		if e.unheard() {
			sooner(s.now())
		}
		for _, c := range e.state.Calls() {
			if !e.inFlight[c.Token] {
				sooner(c.At)
			}
		}
		sooner(e.state.Wait())
		if e.watching() {
			sooner(e.watch)
		}
		if !e.lives() {
			sooner(e.deleted.Add(keptDeleted))
		}
	}
	s.mu.Lock()
	before, was := s.timers[e]
	if at.IsZero() {
		delete(s.timers, e)
	} else {
		s.timers[e] = at
	}
	s.mu.Unlock()
	if !at.IsZero() && (!was || at.Before(before)) {
		s.nudge()
	}
}

// Wake receives whenever Next may have become earlier.
func (s *Service) Wake() <-chan struct{} { return s.wake }

func (s *Service) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// Next returns when the first stack has something to do.
func (s *Service) Next() (time.Time, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var first time.Time
	for _, at := range s.timers {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first, !first.IsZero()
}

// Run does what is due, and waits until the providers have answered. The error
// joins those of stacks that could not be saved; they are tried again.
func (s *Service) Run(ctx context.Context, now time.Time) error {
	s.mu.RLock()
	var due []*entity
	for e, at := range s.timers {
		if !at.After(now) {
			due = append(due, e)
		}
	}
	s.mu.RUnlock()
	var errs []error
	for _, e := range due {
		if swept, err := s.sweep(e, now); swept {
			errs = append(errs, err)
			continue
		}
		inputs := []stack.Input{stack.Tick{}}
		if alarm := s.watchTriggers(ctx, e, now); alarm != nil {
			inputs = append(inputs, *alarm)
		}
		e.mu.Lock()
		if err := s.step(e, inputs...); err != nil {
			errs = append(errs, fmt.Errorf("stack %s: %w", e.name, err))
		}
		e.mu.Unlock()
	}
	for _, e := range due {
		s.answered(ctx, e)
	}
	return errors.Join(errs...)
}
