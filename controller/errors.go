package controller

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors that callers branch on. Adapters wrap them around what the service
// said; test with [errors.Is].
var (
	// ErrNotFound: there is no such rollout, alias, machine or version.
	ErrNotFound = errors.New("not found")
	// ErrConflict: somebody else saved first, or an alias has another routing
	// than expected; look again.
	ErrConflict = errors.New("conflict")
	// ErrLeased: another owner holds the alias, or another rollout is open on
	// it. The error is a [*LeasedError].
	ErrLeased = errors.New("leased")
	// ErrDenied: the caller may not do this. Trying again does not help until
	// somebody grants it.
	ErrDenied = errors.New("access denied")
	// ErrThrottled: the service asks to come back later.
	ErrThrottled = errors.New("throttled")
	// ErrUnsettled: a write was accepted and is not visible yet. It is not a
	// failure; look again.
	ErrUnsettled = errors.New("not visible yet")
	// ErrInvalid: the request itself is wrong, such as a weight that the
	// target cannot express.
	ErrInvalid = errors.New("invalid")
	// ErrRefused: a rule forbids the start and nothing was changed. The error
	// is a [*RefusedError].
	ErrRefused = errors.New("refused")
	// ErrUnchanged: every alias already has the version that it should move
	// to; there is nothing to do.
	ErrUnchanged = errors.New("nothing to do")
	// ErrEnded: the rollout has ended; orders to it change nothing.
	ErrEnded = errors.New("ended")
)

// A LeasedError says who holds an alias. It is [ErrLeased].
type LeasedError struct{ Lease Lease }

// Error tells who holds the alias, for which rollout and since when.
func (e *LeasedError) Error() string {
	l := e.Lease
	if l.Owner == "" {
		return fmt.Sprintf("alias %s: rollout %s is open on it, with nobody running it", l.Alias, l.Rollout)
	}
	return fmt.Sprintf("alias %s: held for rollout %s by %s since %s, until %s unless renewed",
		l.Alias, l.Rollout, l.Owner, l.Since.UTC().Format(time.RFC3339), l.Until.UTC().Format(time.RFC3339))
}

// Unwrap makes the error ErrLeased.
func (e *LeasedError) Unwrap() error { return ErrLeased }

// A Problem is one reason not to start.
type Problem struct {
	// Target is the index of the plan's target that it is about; -1 for the
	// plan as a whole.
	Target int `json:"target"`
	// Check is the name of the check that it is about, if it is about one.
	Check string `json:"check,omitempty"`
	// Text is the sentence, with the way out where there is one.
	Text string `json:"text"`
	// Err is the error that it came from, for callers that branch on it; nil where
	// it came from none.
	Err error `json:"-"`
}

// A RefusedError lists every reason why a rollout was not started. It is
// [ErrRefused].
type RefusedError struct{ Problems []Problem }

// Error lists the reasons.
func (e *RefusedError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Text
	}
	return "refused: " + strings.Join(texts, "; ")
}

// Unwrap makes the error ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

// An UnstartedError is a start that failed after it had begun to publish. No
// traffic was moved.
type UnstartedError struct {
	// Publishing is the target whose version was being published; empty when
	// all were.
	Publishing string
	// Published are the targets whose version was published, with its number.
	Published []string
	Err       error
}

// Error says what failed, and what stays.
func (e *UnstartedError) Error() string {
	text := e.Err.Error()
	if e.Publishing != "" {
		text = e.Publishing + ": " + text
	}
	if len(e.Published) > 0 {
		text += "; published before that, and staying: " + strings.Join(e.Published, ", ")
	}
	return text
}

// Unwrap returns what failed.
func (e *UnstartedError) Unwrap() error { return e.Err }
