package lambda

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// timers is one heap with everything that is to happen later.
type timers struct {
	mu   sync.Mutex
	heap timerHeap
	wake chan struct{} // of one: something is due earlier than before
}

// A timer is something to do at a time.
type timer struct {
	at time.Time
	do func()
}

type timerHeap []timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(timer)) }
func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = timer{}
	*h = (*h)[:last]
	return t
}

// set has do called once at has come.
func (t *timers) set(at time.Time, do func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	heap.Push(&t.heap, timer{at, do})
	if t.heap[0].at.Equal(at) {
		select {
		case t.wake <- struct{}{}:
		default: // it is being woken already
		}
	}
}

// due takes out what has come, earliest first.
func (t *timers) due(now time.Time) []timer {
	t.mu.Lock()
	defer t.mu.Unlock()
	var due []timer
	for len(t.heap) > 0 && !t.heap[0].at.After(now) {
		due = append(due, heap.Pop(&t.heap).(timer))
	}
	return due
}

// Next returns when the service has something to do by itself: the next attempt
// of an asynchronous invocation, or the end of an update.
func (s *Service) Next() (time.Time, bool) {
	s.timers.mu.Lock()
	defer s.timers.mu.Unlock()
	if len(s.timers.heap) == 0 {
		return time.Time{}, false
	}
	return s.timers.heap[0].at, true
}

// Wake returns the channel on which the service asks its driver to call Next
// again; it is meant for clock.Run.
func (s *Service) Wake() <-chan struct{} { return s.timers.wake }

// Run starts what is due; it does not wait for functions that it invokes.
func (s *Service) Run(_ context.Context, now time.Time) error {
	for _, t := range s.timers.due(now) {
		s.calls.Submit(t.do)
	}
	return nil
}
