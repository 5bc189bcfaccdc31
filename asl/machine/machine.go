// Package machine runs one execution of a state machine, one event at a time.
//
// An Execution is data: everything that a running execution is lies in a value that can be
// saved and loaded. Step takes it and one event, changes it in place, and returns the history
// that was written and what the world is asked to do. Nothing here waits, reads a clock or
// draws a number: time comes in with each event, and draws follow from the execution's seed.
//
// The caller's part: start with Begin; save the execution and append the history before
// carrying out the effects; when Result.Wake comes, send Tick; answer every CallTask with
// TaskSucceeded or TaskFailed. An answer to a task that is gone changes nothing.
package machine

import (
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A Program is a definition made ready to run: immutable, and shared by all executions of its
// revision.
type Program struct {
	machine *asl.StateMachine
}

// An Execution is the whole state of one execution. It is not safe for use by several
// goroutines at once.
type Execution struct {
	Status Status
	// Output is Undefined until the execution has succeeded; OutputText is its JSON text as
	// the history shows it.
	Output     jsonvalue.Value
	OutputText string
	// Error and Cause are those of an execution that failed, timed out or was aborted; nil
	// where none was given.
	Error, Cause *string
	// EventCount is the number of history events so far.
	EventCount int64
}

// Compile prepares a definition. The error says which state cannot be run.
func Compile(sm *asl.StateMachine) (*Program, error) {
	return &Program{machine: sm}, nil
}

// New returns an execution that has not begun.
func New(p *Program, s Start) *Execution {
	return &Execution{Status: StatusRunning}
}

// Step takes one event at a time that must not be before the last one's.
func Step(p *Program, x *Execution, ev Event, now time.Time) Result {
	panic("machine: Step is being written")
}

// OpenTasks returns the tasks that the execution waits for, oldest first.
func (x *Execution) OpenTasks() []OpenTask { return nil }

// Wake returns when the next timer is due, and false when none runs.
func (x *Execution) Wake() (at time.Time, ok bool) { return time.Time{}, false }
