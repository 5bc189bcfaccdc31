package sfn

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// retryAfter is how long a step that could not be saved waits for the next try.
const retryAfter = time.Second

// longWait is how long an execution has to wait before it is worth making small.
const longWait = time.Minute

// trimmedAtOnce is how many executions are forgotten in one commit.
const trimmedAtOnce = 256

// An unsaved step has happened in memory and is not in the journal. Nothing of
// it is acted upon before it is.
type unsaved struct {
	events  []machine.HistoryEvent
	effects []machine.Effect
	wake    time.Time
}

// apply takes an execution one step further. The error says that the step could
// not be saved: it has happened, but is not acted upon before it is saved, which
// is tried again by itself.
func (s *Service) apply(x *execution, ev machine.Event) error {
	x.mu.Lock()
	after, err := s.step(x, ev, s.now())
	x.mu.Unlock()
	run(after)
	return err
}

// tick is apply for a timer that is due.
func (s *Service) tick(_ context.Context, x *execution) error {
	x.mu.Lock()
	var after []func()
	var err error
	if x.recovers {
		x.recovers = false
		after = append(after, func() { s.recover(x) })
	} else {
		after, err = s.step(x, machine.Tick{}, s.now())
	}
	x.mu.Unlock()
	run(after)
	if err != nil {
		return fmt.Errorf("execution %s: %w", x.arn, err)
	}
	return nil
}

// step takes an execution through one event, saves what came of it, and hands
// out what it asks for. It returns what must wait until the locks are free.
// x.mu is held.
func (s *Service) step(x *execution, ev machine.Event, now time.Time) (after []func(), err error) {
	if now.Before(x.last) { // the clock was put back
		now = x.last
	}
	x.last = now
	if x.unsaved != nil {
		if after, err = s.settle(x, now); err != nil {
			return nil, err
		}
	}
	if _, again := ev.(machine.Redrive); !x.running() && !again {
		return after, nil
	}
	program, err := x.program()
	if err != nil {
		return after, err
	}
	if x.begun() && x.machine.control.Load().deleting {
		// Executions of a state machine that is being deleted end at their next
		// transition.
		ev = machine.Stop{}
	}
	x.state.Missing = s.missing(program.Activities())
	result := machine.Step(program, x.state, ev, now)
	if !silent(ev) && len(result.History) == 0 && len(result.Effects) == 0 && result.Unkept == 0 {
		// Nothing happened: an early tick, or an answer that nobody waits for.
		s.wakeAt(x, result.Wake, now)
		return after, nil
	}
	x.history.append(result.History)
	s.closeTask(x, ev)
	if x.state.Status != machine.StatusRunning {
		x.stopped = now
	}
	x.unsaved = &unsaved{events: result.History, effects: result.Effects, wake: result.Wake}
	more, err := s.settle(x, now)
	return append(after, more...), err
}

// silent says whether an event changes an execution without a word in its history.
func silent(ev machine.Event) bool {
	switch ev.(type) {
	case machine.TaskHeartbeat, machine.UpdateMapRun:
		return true
	default:
		return false
	}
}

// wakeAt says when an execution wants its next tick: at once while it has not been
// looked after since a restart. x.mu is held.
func (s *Service) wakeAt(x *execution, at, now time.Time) {
	if x.recovers {
		at = now
	}
	s.timers.set(x, at)
}

// begun says whether the first step was taken.
func (x *execution) begun() bool { return x.history.len() > 0 }

// settle saves the step that waits for it, and then acts upon it. x.mu is held.
func (s *Service) settle(x *execution, now time.Time) ([]func(), error) {
	u := x.unsaved
	if s.journal != nil && x.machine.kind == asl.Standard {
		if x.state.Status != machine.StatusRunning {
			x.history.pack() // for the journal too, when this was the only step
		}
		records, kept, err := x.records(u.events)
		if err == nil {
			err = s.journal.Commit(records...)
		}
		if err != nil {
			x.kept.saver = nil // what it has seen is not on disk: next time all is saved
			s.timers.set(x, now.Add(retryAfter))
			return nil, err
		}
		x.kept = kept
		if len(u.events) > 0 {
			x.chunks++
		}
	}
	x.unsaved = nil
	s.writeLogs(x, u.events)
	x.indexMapRuns(u.events)
	for _, e := range u.effects {
		switch e := e.(type) {
		case machine.CallTask:
			s.call(x, e)
		case machine.CancelTask:
			s.cancel(x, e.Task)
		default:
			panic(fmt.Sprintf("sfn: unknown effect %T", e))
		}
	}
	s.wakeAt(x, u.wake, now)
	if len(x.tasks) == 0 && u.wake.Sub(now) >= longWait {
		x.history.pack() // there may be a million of them
	}
	if len(u.events) > 0 && u.events[0].Type == machine.EventExecutionStarted {
		x.countStart()
	}
	if x.state.Status != machine.StatusRunning {
		return s.finish(x), nil
	}
	return nil, nil
}

// indexMapRuns makes the map runs that began to be found. x.mu is held.
func (x *execution) indexMapRuns(events []machine.HistoryEvent) {
	for _, e := range events {
		if e.Type == machine.EventMapRunStarted {
			x.machine.runs.enterMapRun(e.Details.MapRunARN, x)
		}
	}
}

// finish does what the end of an execution brings with it. x.mu is held.
func (s *Service) finish(x *execution) []func() {
	x.ended.Store(x.stopped.UnixMilli())
	x.status.Store(x.state.Status)
	s.timers.set(x, time.Time{})
	for _, t := range x.tasks {
		s.cancel(x, t.id)
	}
	x.countEnd()
	x.settleMemory()
	if x.done != nil {
		close(x.done)
		x.done = nil
	}
	m := x.machine
	s.closed(m)
	var after []func()
	if x.parent != nil {
		after = append(after, func() { s.calls.Submit(func() { s.childEnded(x) }) })
	}
	if m.kind == asl.Standard && m.runs.tooMany(s.keep) {
		after = append(after, func() { s.calls.Submit(func() { s.trim(m, s.now()) }) })
	}
	return after
}

// settleMemory lets go of what only a running execution needs. One that did not
// succeed may be redriven, and keeps its state.
func (x *execution) settleMemory() {
	x.tasks = nil
	if x.state.Status == machine.StatusSucceeded {
		x.output = x.state.OutputText
		if len(x.state.MapRuns()) == 0 {
			x.state = nil
		}
	}
	if x.machine.kind == asl.Express {
		x.history = chronicle{}
	} else {
		x.history.pack()
	}
}

// lastEnded ends the deletion of a state machine after its last execution.
func (s *Service) lastEnded(m *stateMachine) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// When it cannot be saved the state machine stays DELETING until a restart,
	// which finds that nothing runs and finishes it.
	_ = s.finishDelete(m)
}

// trim forgets the executions that are too many or too old.
func (s *Service) trim(m *stateMachine, now time.Time) {
	defer m.runs.trimming.Store(false)
	dropped := m.runs.trim(s.keep, now.Add(-s.keepFor))
	if s.journal == nil {
		return
	}
	for batch := range slices.Chunk(dropped, trimmedAtOnce) {
		var records []journal.Record
		for _, x := range batch {
			x.mu.Lock()
			records = append(records, x.forgotten()...)
			x.mu.Unlock()
		}
		// What cannot be deleted comes back with a restart and is trimmed again.
		_ = s.journal.Commit(records...)
	}
}
