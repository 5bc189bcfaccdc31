package asl

import (
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// An Expression is the value of a field, which may depend on what the state sees. It is
// immutable.
type Expression interface {
	// Eval returns the value. An error is an *EvalError.
	Eval(s *Scope) (jsonvalue.Value, error)
	// Variables returns the names of the variables that it reads.
	Variables() []string
	// String returns the text as the definition has it, or the JSON text of a template.
	String() string
}

// A Scope is what an expression sees.
type Scope struct {
	// Root is what "$" stands for in JSONPath.
	Root jsonvalue.Value
	// Input, Result and ErrorOutput are the members of $states in JSONata; Undefined where
	// there is none.
	Input, Result, ErrorOutput jsonvalue.Value
	World                      World
}

// A World is what an expression sees beyond the data at hand.
type World interface {
	// Context returns the context object.
	Context() jsonvalue.Value
	// Variable returns the value of a variable, and whether it has one.
	Variable(name string) (jsonvalue.Value, bool)
	// Draw returns a number that is uniform in [0, 1).
	Draw() float64
	// UUID draws a random UUID.
	UUID() string
	// Now is the time of the evaluation.
	Now() time.Time
}

// An EvalError says why an expression has no value.
type EvalError struct {
	// Name is the error that the state fails with: States.Runtime and the like.
	Name string
	// Cause says what is wrong, without saying in which state.
	Cause string
	// Field is the field of the state, as EvaluationFailed events show it: "Output/total".
	Field string
	// Path is the path that found nothing; empty for other failures.
	Path string
}

// Error returns the cause.
func (e *EvalError) Error() string { return e.Cause }
