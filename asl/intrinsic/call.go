// Package intrinsic evaluates the intrinsic functions of the Amazon States
// Language, such as States.Format('{} of {}', $.index, $.count).
//
// A call is compiled once and evaluated often, by any number of goroutines.
// Chance comes from the caller, so that an execution can be repeated.
//
// Source: Step Functions Developer Guide, "Intrinsic functions for JSONPath
// states", and what AWS was seen to answer where that differs.
package intrinsic

import (
	"errors"
	"fmt"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonpath"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// An Env is what a call is evaluated in.
type Env interface {
	jsonpath.Scope
	// Draw returns a number that is uniform in [0, 1).
	Draw() float64
	// UUID returns a new version 4 UUID in its text form.
	UUID() string
}

// The names of the errors that evaluation can fail with.
const (
	IntrinsicFailure = "States.IntrinsicFailure" // a function cannot work with its arguments
	Runtime          = "States.Runtime"          // an argument's path finds nothing
)

// An Error says why a call failed. It is data of an execution, and not a fault
// of the program.
type Error struct {
	Name   string // IntrinsicFailure or Runtime
	Call   string // the call that failed, as it was written
	Reason string
	err    error // the error of a path, if it was that
}

// Error returns the cause as AWS words it.
func (e *Error) Error() string {
	return fmt.Sprintf("The function '%s' had the following error: %s", e.Call, e.Reason)
}

// Unwrap returns the error of the path that found nothing, if it was that.
func (e *Error) Unwrap() error { return e.err }

// A Call is a compiled call. It is immutable.
type Call struct {
	text     string
	function *function
	args     []argument
}

// An argument is a literal, a path or a call: one of the three.
type argument struct {
	literal  jsonvalue.Value
	template string // a text literal as it was written, with its escapes
	path     *jsonpath.Path
	call     *Call
}

// maxSize bounds each value on the way to a result, in bytes of JSON text. A
// state can hand on 256 KiB.
const maxSize = 16 << 20

// IsCall reports whether text looks like a call rather than a path. Only
// Compile can tell whether it is one.
func IsCall(text string) bool { return strings.HasPrefix(text, "States.") }

// String returns the call as it was written.
func (c *Call) String() string { return c.text }

// Name returns the name of the outermost function, such as "States.Format".
func (c *Call) Name() string { return c.function.name }

// Paths returns all paths among the arguments of c and of the calls inside it,
// in the order they are written.
func (c *Call) Paths() []*jsonpath.Path {
	var paths []*jsonpath.Path
	for _, a := range c.args {
		switch {
		case a.path != nil:
			paths = append(paths, a.path)
		case a.call != nil:
			paths = append(paths, a.call.Paths()...)
		}
	}
	return paths
}

// Eval returns the result of c. The error is an *Error.
func (c *Call) Eval(env Env) (jsonvalue.Value, error) {
	args := make([]jsonvalue.Value, len(c.args))
	for i, a := range c.args {
		switch {
		case a.call != nil:
			v, err := a.call.Eval(env)
			if err != nil {
				return jsonvalue.Value{}, err
			}
			args[i] = v
		case a.path != nil:
			v, err := a.path.Eval(env)
			if err != nil {
				return jsonvalue.Value{}, c.pathError(a.path, env, err)
			}
			args[i] = v
		case c.function.template && i == 0:
			args[i] = jsonvalue.String(a.template)
		default:
			args[i] = a.literal
		}
	}
	v, err := c.function.eval(env, args)
	if err == nil && v.Size() > maxSize {
		err = errors.New("the result is too large")
	}
	if err != nil {
		return jsonvalue.Value{}, &Error{Name: IntrinsicFailure, Call: c.text, Reason: err.Error()}
	}
	return v, nil
}

func (c *Call) pathError(p *jsonpath.Path, env Env, err error) error {
	if !jsonpath.IsNotFound(err) {
		return &Error{Name: IntrinsicFailure, Call: c.text, Reason: err.Error(), err: err}
	}
	input := env.Input()
	if p.Root() == jsonpath.Context {
		input = env.Context()
	}
	reason := fmt.Sprintf("The JSONPath argument for the field '%s' could not be found in the input '%s'", p, input)
	if p.Root() == jsonpath.Variable {
		reason = fmt.Sprintf("The variable path '%s' could not be found", p)
	}
	return &Error{Name: Runtime, Call: c.text, Reason: reason, err: err}
}
