package asl

import (
	"errors"

	"github.com/crossfade-dev/crossfade/asl/intrinsic"
	"github.com/crossfade-dev/crossfade/asl/jsonpath"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// callExpression is a call of an intrinsic function.
type callExpression struct {
	call  *intrinsic.Call
	field string
}

func compileCall(text, field string) (Expression, error) {
	c, err := intrinsic.Compile(text)
	if err != nil {
		return nil, err
	}
	return &callExpression{c, field}, nil
}

func (e *callExpression) Eval(s *Scope) (jsonvalue.Value, error) {
	v, err := e.call.Eval(callScope{pathScope{s}})
	if err == nil {
		return v, nil
	}
	name := intrinsic.IntrinsicFailure
	var failed *intrinsic.Error
	if errors.As(err, &failed) {
		name = failed.Name
	}
	return jsonvalue.Value{}, &EvalError{Name: name, Cause: err.Error(), Field: e.field}
}

func (e *callExpression) Variables() []string {
	var names []string
	for _, p := range e.call.Paths() {
		if p.Root() == jsonpath.Variable {
			names = append(names, p.Variable())
		}
	}
	return names
}

func (e *callExpression) String() string { return e.call.String() }

// callScope shows a Scope to package intrinsic.
type callScope struct{ pathScope }

func (s callScope) Draw() float64 { return s.scope.World.Draw() }
func (s callScope) UUID() string  { return s.scope.World.UUID() }
