package clock

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Virtual is a clock that stands still until it is told to move on. The zero
// value is not usable; see [NewVirtual]. It is safe for concurrent use.
type Virtual struct {
	mu      sync.Mutex
	now     time.Time
	waiters []waiter
}

type waiter struct {
	at time.Time
	ch chan time.Time
}

// NewVirtual returns a virtual clock that shows start.
func NewVirtual(start time.Time) *Virtual { return &Virtual{now: start} }

// Now returns the virtual time.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// After fires once the virtual time has moved on by d.
func (v *Virtual) After(d time.Duration) <-chan time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	ch := make(chan time.Time, 1)
	if d <= 0 {
		ch <- v.now
		return ch
	}
	v.waiters = append(v.waiters, waiter{at: v.now.Add(d), ch: ch})
	return ch
}

// Set moves the virtual time to t, which may also lie in the past, as a clock
// that was put right does, and fires what is due.
func (v *Virtual) Set(t time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = t
	v.waiters = slices.DeleteFunc(v.waiters, func(w waiter) bool {
		if w.at.After(t) {
			return false
		}
		w.ch <- t
		return true
	})
}

// Drive runs processes in virtual time, earliest first and, at the same time,
// in the order given, until none has work before until, or ctx ends. It leaves
// the clock at until. A process that keeps asking for a time that has passed
// is run at most limit times at one instant, so that a mistake cannot hang a
// test; limit zero means 10,000.
func (v *Virtual) Drive(ctx context.Context, until time.Time, limit int, processes ...Process) error {
	if limit == 0 {
		limit = 10_000
	}
	runs := 0
	for ctx.Err() == nil {
		var first Process
		var at time.Time
		for _, p := range processes {
			if t, ok := p.Next(); ok && (first == nil || t.Before(at)) {
				first, at = p, t
			}
		}
		if first == nil || at.After(until) {
			v.Set(until)
			return nil
		}
		if at.After(v.Now()) {
			v.Set(at)
			runs = 0
		}
		if runs++; runs > limit {
			return errStuck
		}
		if err := first.Run(ctx, v.Now()); err != nil {
			return err
		}
	}
	return ctx.Err()
}

var errStuck = stuckError{}

type stuckError struct{}

func (stuckError) Error() string { return "clock: a process asks for the same instant again and again" }
