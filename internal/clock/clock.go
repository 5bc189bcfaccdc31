// Package clock is the only package that reads the clock. Everything else is
// told the time: deciders as an argument, shells through a [Clock].
//
// A [Process] is something that has work to do at certain times. [Run] drives
// one in real time, [Virtual] drives many in virtual time, so that a rollout, an
// execution, an alarm and a stack behave the same under both.
package clock

import (
	"context"
	"time"
)

// A Clock tells the time and lets time pass.
type Clock interface {
	// Now returns the current time.
	Now() time.Time
	// After returns a channel that receives once when d has passed. A d of
	// zero or less fires at once.
	After(d time.Duration) <-chan time.Time
}

// System is the machine's own clock. Inside a testing/synctest bubble it is
// the bubble's clock.
type System struct{}

// Now returns the machine's time.
func (System) Now() time.Time { return time.Now() }

// After waits on the machine's clock.
func (System) After(d time.Duration) <-chan time.Time { return time.After(d) }

// A Process is something that has work to do at certain times. Its methods are
// safe to call while the rest of the program changes what it has to do.
type Process interface {
	// Next returns when the process wants to run next; ok is false while it
	// has nothing to do. A time in the past means now.
	Next() (at time.Time, ok bool)
	// Run does what is due at now. An error is for the driver to report; the
	// process stays alive and says in Next when it wants to try again.
	Run(ctx context.Context, now time.Time) error
}

// Run drives p with c until ctx ends. wake, which may be nil, makes it ask
// p.Next again at once: whoever gives p new work sends on it (a buffer of one is
// enough). Errors of p go to report, which may be nil.
func Run(ctx context.Context, c Clock, p Process, wake <-chan struct{}, report func(error)) {
	for ctx.Err() == nil {
		var due <-chan time.Time // nil, which never fires, while there is nothing to do
		if at, ok := p.Next(); ok {
			due = c.After(at.Sub(c.Now()))
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
			continue
		case <-due:
		}
		if err := p.Run(ctx, c.Now()); err != nil && report != nil {
			report(err)
		}
	}
}
