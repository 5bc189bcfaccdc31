package machine

import "time"

// redrive takes an execution that ended badly up again: each state that did not succeed is
// run once more with the input that it had, and with its retries counted afresh.
func (r *run) redrive() {
	x := r.x
	switch x.Status {
	case StatusFailed, StatusTimedOut, StatusAborted:
	default:
		return
	}
	c := &x.start.Context
	c.RedriveCount++
	c.RedriveTime = r.now
	x.Status, x.Error, x.Cause = StatusRunning, nil, nil
	x.deadline = r.now.Add(r.longest())
	id := r.append(EventExecutionRedriven, x.EventCount, &Details{RedriveCount: c.RedriveCount})
	r.resume(x.root, id)
}

// longest returns how long the execution may take.
func (r *run) longest() time.Duration {
	longest := longestStandard
	if r.x.start.Express {
		longest = longestExpress
	}
	if s := r.p.machine.TimeoutSeconds; s > 0 {
		longest = min(longest, time.Duration(s)*time.Second)
	}
	return longest
}

// resume takes up the frames below f that were stopped.
func (r *run) resume(f *frame, event int64) {
	if f.Group != nil && f.Group.resumable() {
		f.Phase = joining
		if m := r.mapRun(f.Group); m != nil {
			m.Status, m.StoppedAt, m.Failed, m.Aborted = StatusRunning, time.Time{}, 0, 0
			event = 0 // a child's events link to its own
		}
		for _, child := range f.Group.Frames {
			r.resume(child, event)
		}
		return
	}
	f.Group = nil
	f.Retries, f.Retried = nil, 0
	f.Last = event
	switch r.state(f).kind.id {
	case taskState, parallelState, mapState:
		if f.Phase == stopped {
			f.Phase = again
			break
		}
		f.Phase = ready
	default:
		f.Phase = ready
	}
	r.x.queue = append(r.x.queue, f)
}

// resumable reports whether the frames of a group can go on where they stopped.
func (g *group) resumable() bool {
	for _, f := range g.Frames {
		if !f.Input.value.IsDefined() {
			return false // its input could not be made
		}
	}
	return len(g.Frames) > 0
}
