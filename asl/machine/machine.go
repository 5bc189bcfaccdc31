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
