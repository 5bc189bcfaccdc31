package machine

import "time"

// A timer is something that becomes due. One that its frame no longer waits for is dropped
// when it comes up.
type timer struct {
	at    time.Time
	frame *frame
	kind  timerKind
}

type timerKind uint8

const (
	onWake     timerKind = iota // of a Wait state or before a retry
	onDeadline                  // of a task
	onBeat                      // of a task: the next heartbeat
)

// due returns when the frame waits for a timer of the kind, zero if it does not.
func (f *frame) due(k timerKind) time.Time {
	switch {
	case k == onWake && (f.Phase == waiting || f.Phase == retrying):
		return f.Wake
	case k == onDeadline && f.Task != nil:
		return f.Task.Deadline
	case k == onBeat && f.Task != nil:
		return f.Task.Beat
	default:
		return time.Time{}
	}
}

// timers is a heap of timers, the earliest first. Those of the same time are in the order of
// their frames, so that a loaded execution goes on as a kept one does.
type timers []timer

func (ts timers) less(i, j int) bool {
	a, b := &ts[i], &ts[j]
	if !a.at.Equal(b.at) {
		return a.at.Before(b.at)
	}
	if a.frame.Serial != b.frame.Serial {
		return a.frame.Serial < b.frame.Serial
	}
	return a.kind < b.kind
}

func (ts *timers) add(at time.Time, f *frame, k timerKind) {
	*ts = append(*ts, timer{at, f, k})
	h := *ts
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(i, up) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// pop drops the earliest timer.
func (ts *timers) pop() {
	h := *ts
	n := len(h) - 1
	h[0], h[n] = h[n], timer{}
	h = h[:n]
	for i := 0; ; {
		down := 2*i + 1
		if down >= n {
			break
		}
		if down+1 < n && h.less(down+1, down) {
			down++
		}
		if !h.less(down, i) {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	if n == 0 {
		h = nil
	}
	*ts = h
}

// first returns the earliest timer that is still waited for, without taking it.
func (ts *timers) first() (timer, bool) {
	for len(*ts) > 0 {
		t := (*ts)[0]
		due := t.frame.due(t.kind)
		if due.Equal(t.at) && !due.IsZero() {
			return t, true
		}
		ts.pop()
		if t.kind == onBeat && due.After(t.at) {
			ts.add(due, t.frame, t.kind) // a heartbeat came in between
		}
	}
	return timer{}, false
}

// Wake returns when the next timer is due, and false when none runs.
func (x *Execution) Wake() (at time.Time, ok bool) {
	if x.Status != StatusRunning || !x.begun() {
		return time.Time{}, false
	}
	at = x.deadline
	if t, ok := x.timers.first(); ok && t.at.Before(at) {
		at = t.at
	}
	if len(x.queue) > 0 {
		at = x.lastStep // there is more to do at once
	}
	return at, true
}

// sleep makes a frame wait for a time.
func (r *run) sleep(f *frame, p phase, until time.Time) {
	f.Phase, f.Wake = p, until
	r.x.timers.add(until, f, onWake)
}

// tick fires what is due.
func (r *run) tick() {
	x := r.x
	for x.Status == StatusRunning {
		if !x.deadline.After(r.now) {
			if t, ok := x.timers.first(); !ok || !t.at.Before(x.deadline) {
				r.expire()
				return
			}
		}
		t, ok := x.timers.first()
		if !ok || t.at.After(r.now) {
			return
		}
		x.timers.pop()
		r.fire(t)
	}
}

func (r *run) fire(t timer) {
	f := t.frame
	switch t.kind {
	case onWake:
		f.Wake = time.Time{}
		if f.Phase == retrying {
			f.Phase = again
			r.x.queue = append(r.x.queue, f)
			return
		}
		s := r.state(f)
		if failed := r.passOn(f, s, s.way()); failed != nil {
			r.handle(f, failed)
		}
	case onDeadline:
		r.taskTimedOut(f, errorTimeout)
	case onBeat:
		r.taskTimedOut(f, errorHeartbeatTimeout)
	default:
		panic("machine: timer of unknown kind")
	}
}
