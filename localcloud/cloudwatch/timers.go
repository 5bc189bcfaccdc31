package cloudwatch

import (
	"container/heap"
	"context"
	"time"
)

// timers holds the alarms that want to be looked at, earliest first.
type timers []*entry

// Len, Less, Swap, Push and Pop are for container/heap.

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, k int) bool { return t[i].due.Before(t[k].due) }
func (t timers) Swap(i, k int) {
	t[i], t[k] = t[k], t[i]
	t[i].place, t[k].place = i, k
}

// Push adds an entry at the end.
func (t *timers) Push(x any) {
	e := x.(*entry)
	e.place = len(*t)
	*t = append(*t, e)
}

// Pop takes the entry at the end.
func (t *timers) Pop() any {
	old := *t
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	e.place = -1
	return e
}

// set makes an entry due at a time.
func (t *timers) set(e *entry, at time.Time) {
	e.due = at
	if e.place < 0 {
		heap.Push(t, e)
		return
	}
	heap.Fix(t, e.place)
}

// remove takes an entry out, if it is in.
func (t *timers) remove(e *entry) {
	if e.place >= 0 {
		heap.Remove(t, e.place)
	}
}

// schedule sets when an alarm is looked at next, from at on: a metric alarm then
// and at every tick from then on, a composite one when its actions' suppression
// ends.
func (s *Service) schedule(e *entry, at time.Time) {
	switch {
	case e.composite() && e.Suppressed.Until.IsZero():
		s.timers.remove(e)
	case e.composite():
		s.timers.set(e, e.Suppressed.Until)
	case e.source != nil:
		s.timers.set(e, at)
	}
}

// Next returns when an alarm wants to be evaluated, or now while actions wait to
// be carried out.
func (s *Service) Next() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.outbox) > 0 {
		if !s.saveAt.IsZero() {
			return s.saveAt, true
		}
		return s.clock.Now(), true
	}
	if len(s.timers) == 0 {
		return time.Time{}, false
	}
	return s.timers[0].due, true
}

// Run evaluates the alarms that are due at now, saves what changed, and then
// carries out the actions that wait. The error is the journal's; then the
// actions stay where they are, and the next Run tries again.
func (s *Service) Run(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	for len(s.timers) > 0 && !s.timers[0].due.After(now) {
		e := s.timers[0]
		if e.composite() {
			s.release(e)
			continue
		}
		s.timers.set(e, e.config.Next(now))
		if next := s.evaluate(e, now); next.Value != e.State.Value {
			s.enter(s.regions[e.Owner.scope()], e, next, now)
		}
	}
	s.mu.Unlock()
	err := s.save()
	s.mu.Lock()
	s.saveAt = time.Time{}
	if err != nil {
		s.saveAt = now.Add(saveAgain)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.act(ctx)
	return s.save()
}

// saveAgain is how long a failed save waits before it is tried again.
const saveAgain = time.Second
