package sfn

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

// timers is one heap with the next time of every execution that waits for one.
// An execution that waits for a year costs an entry.
type timers struct {
	mu   sync.Mutex
	heap timerHeap
	wake chan struct{} // of one: something is due earlier than before
	trim time.Time     // when old executions are looked for next; zero before the first
}

// A timer is an execution's place in the heap.
type timer struct {
	at time.Time
	in int // index in the heap plus one; 0 while it has none
}

type timerHeap []*execution

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].timer.at.Before(h[j].timer.at) }
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].timer.in, h[j].timer.in = i+1, j+1
}
func (h *timerHeap) Push(x any) {
	e := x.(*execution)
	*h = append(*h, e)
	e.timer.in = len(*h)
}
func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.timer.in = 0
	return e
}

// set says when an execution wants its next tick; zero takes its timer away.
// Executions see whole milliseconds, so that a tick within one would come too
// early for what is due at its end.
func (t *timers) set(x *execution, at time.Time) {
	if whole := at.Truncate(time.Millisecond); whole.Before(at) {
		at = whole.Add(time.Millisecond)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case at.IsZero() && x.timer.in == 0:
		return
	case at.IsZero():
		heap.Remove(&t.heap, x.timer.in-1)
		return
	case x.timer.in == 0:
		x.timer.at = at
		heap.Push(&t.heap, x)
	default:
		x.timer.at = at
		heap.Fix(&t.heap, x.timer.in-1)
	}
	if t.heap[0] == x {
		t.nudge()
	}
}

// nudge wakes whoever drives the service.
func (t *timers) nudge() {
	select {
	case t.wake <- struct{}{}:
	default: // it is being woken already
	}
}

// due takes out the executions whose time has come, earliest first.
func (t *timers) due(now time.Time) []*execution {
	t.mu.Lock()
	defer t.mu.Unlock()
	var due []*execution
	for len(t.heap) > 0 && !t.heap[0].timer.at.After(now) {
		due = append(due, heap.Pop(&t.heap).(*execution))
	}
	return due
}

// trimEvery is how often executions that are too old are looked for.
const trimEvery = time.Hour

// Next returns when the service has something to do: the earliest timer of an
// execution.
func (s *Service) Next() (time.Time, bool) {
	s.timers.mu.Lock()
	defer s.timers.mu.Unlock()
	if len(s.timers.heap) == 0 {
		return time.Time{}, false
	}
	return s.timers.heap[0].timer.at, true
}

// Wake returns the channel on which the service asks its driver to call Next
// again; it is meant for clock.Run.
func (s *Service) Wake() <-chan struct{} { return s.timers.wake }

// ticksAtOnce bounds how many executions are stepped at the same time when
// each step waits for the disk.
const ticksAtOnce = 64

// Run steps the executions whose timers are due. The error joins those of
// executions that could not be saved; they are tried again a second later.
func (s *Service) Run(ctx context.Context, now time.Time) error {
	s.trimOld(now)
	due := s.timers.due(now)
	if s.journal == nil || len(due) < 2 {
		var errs []error
		for _, x := range due {
			errs = append(errs, s.tick(ctx, x))
		}
		return errors.Join(errs...)
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
		next = make(chan *execution)
	)
	for range min(ticksAtOnce, len(due)) {
		wg.Go(func() {
			for x := range next {
				if err := s.tick(ctx, x); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, x := range due {
		next <- x
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

// trimOld forgets executions that ended too long ago.
func (s *Service) trimOld(now time.Time) {
	s.timers.mu.Lock()
	due := now.Sub(s.timers.trim) >= trimEvery
	if due {
		s.timers.trim = now
	}
	s.timers.mu.Unlock()
	if !due {
		return
	}
	s.spaces.Range(func(_, found any) bool {
		sp := found.(*space)
		sp.mu.RLock()
		defer sp.mu.RUnlock()
		for _, m := range sp.machines {
			s.calls.Submit(func() { s.trim(m, now) })
		}
		return true
	})
}
