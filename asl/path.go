package asl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonpath"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// constant is an expression that depends on nothing.
type constant struct {
	value jsonvalue.Value
	text  string
}

func (c *constant) Eval(*Scope) (jsonvalue.Value, error) { return c.value, nil }
func (c *constant) Variables() []string                  { return nil }
func (c *constant) String() string                       { return c.text }

// Constant returns the value of an expression that depends on nothing, and whether it is one.
func Constant(e Expression) (jsonvalue.Value, bool) {
	c, ok := e.(*constant)
	if !ok {
		return jsonvalue.Value{}, false
	}
	return c.value, true
}

func constantInt(e Expression) (int64, bool) {
	v, _ := Constant(e)
	return v.Int()
}

// pathExpression is a JSONPath. One with a field belongs to a template or stands for a
// string, and AWS names the field when it finds nothing.
type pathExpression struct {
	path  *jsonpath.Path
	field string
}

func (e *pathExpression) Eval(s *Scope) (jsonvalue.Value, error) {
	if e.path.Root() == jsonpath.Input && e.path.String() == "$" {
		return s.Root, nil
	}
	v, err := e.path.Eval(pathScope{s})
	if err == nil {
		return v, nil
	}
	cause := fmt.Sprintf("Invalid path '%s' : %s", e.path, err)
	if e.field != "" && jsonpath.IsNotFound(err) {
		cause = fmt.Sprintf("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'",
			e.path, e.field, s.Root)
	}
	return jsonvalue.Value{}, &EvalError{Name: "States.Runtime", Cause: cause, Field: e.field, Path: e.path.String()}
}

func (e *pathExpression) Variables() []string {
	if e.path.Root() == jsonpath.Variable {
		return []string{e.path.Variable()}
	}
	return nil
}

func (e *pathExpression) String() string { return e.path.String() }

// IsRoot reports whether e is the path "$", which gives its root back unchanged.
func IsRoot(e Expression) bool {
	p, ok := e.(*pathExpression)
	return ok && p.path.String() == "$"
}

// pathScope shows a Scope to package jsonpath.
type pathScope struct{ scope *Scope }

func (s pathScope) Input() jsonvalue.Value   { return s.scope.Root }
func (s pathScope) Context() jsonvalue.Value { return s.scope.World.Context() }
func (s pathScope) Variable(name string) (jsonvalue.Value, bool) {
	return s.scope.World.Variable(name)
}

// A ResultPath says where in a state's input its result goes.
type ResultPath struct {
	// Discard leaves the input as it is: the path is null.
	Discard   bool
	reference *jsonpath.Reference
}

// IsRoot reports whether the result replaces the input.
func (p *ResultPath) IsRoot() bool { return !p.Discard && p.reference.String() == "$" }

// Set returns input with result at the path. The error is an *EvalError.
func (p *ResultPath) Set(input, result jsonvalue.Value) (jsonvalue.Value, error) {
	switch {
	case p.Discard:
		return input, nil
	case p.IsRoot():
		return result, nil
	}
	v, err := p.reference.Set(input, result)
	if err != nil {
		return jsonvalue.Value{}, &EvalError{
			Name:  "States.ResultPathMatchFailure",
			Cause: fmt.Sprintf("Unable to apply ReferencePath %s to input %s", p.reference, input),
		}
	}
	return v, nil
}

var emptyObject = jsonvalue.ObjectOf()

// path reads InputPath or OutputPath. A null path gives the empty object.
func (o object) path(field string) Expression {
	v, ok := o.v.Get(field)
	if !ok || !o.speaksJSONPath() {
		return nil
	}
	if v.Kind() == jsonvalue.KindNull {
		return &constant{emptyObject, "null"}
	}
	text, ok := o.get(field, jsonvalue.KindString)
	if !ok {
		return nil
	}
	p, err := jsonpath.Compile(text.Str())
	if err != nil {
		o.p.fail(o.place(field), "The value for the field '%s' must be a valid JSONPath", field)
		return nil
	}
	return &pathExpression{path: p}
}

// reference reads a field that must select one node.
func (o object) reference(field string) Expression {
	text, ok := o.get(field, jsonvalue.KindString)
	if !ok || !o.speaksJSONPath() {
		return nil
	}
	r, err := jsonpath.CompileReference(text.Str())
	if err != nil {
		o.p.fail(o.place(field), "The value for the field '%s' must be a valid Reference Path", field)
		return nil
	}
	return &pathExpression{path: r.Path}
}

// stringPath reads ErrorPath or CausePath: a reference path, or an intrinsic function that
// returns a string.
func (o object) stringPath(field string) Expression {
	text, ok := o.get(field, jsonvalue.KindString)
	if !ok || !o.speaksJSONPath() {
		return nil
	}
	e, err := compileQuery(text.Str(), field)
	if err != nil {
		o.p.fail(o.place(field), "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", field)
		return nil
	}
	if call, ok := e.(*callExpression); ok && !stringFunctions[call.call.Name()] {
		o.p.fail(o.place(field), "The intrinsic function for the field '%s' must return a string", field)
	}
	return e
}

// stringFunctions are the intrinsic functions that ErrorPath and CausePath take.
//
// Source: Step Functions Developer Guide, "Fail workflow state".
var stringFunctions = map[string]bool{
	"States.ArrayGetItem": true,
	"States.Base64Decode": true,
	"States.Base64Encode": true,
	"States.Format":       true,
	"States.Hash":         true,
	"States.JsonToString": true,
	"States.UUID":         true,
}

func (o object) resultPath() *ResultPath {
	const field = "ResultPath"
	v, ok := o.v.Get(field)
	if !ok || !o.speaksJSONPath() {
		return nil
	}
	if v.Kind() == jsonvalue.KindNull {
		return &ResultPath{Discard: true}
	}
	text, ok := o.get(field, jsonvalue.KindString)
	if !ok {
		return nil
	}
	r, err := jsonpath.CompileReference(text.Str())
	if err != nil || r.Root() != jsonpath.Input {
		o.p.fail(o.place(field), "The value for the field '%s' must be a valid Reference Path", field)
		return nil
	}
	return &ResultPath{reference: r}
}

// speaksJSONPath reports whether a field of that language can be read here. The field was
// reported already if not.
func (o object) speaksJSONPath() bool { return o.language == JSONPath }

var errNotQuery = errors.New("neither a path nor an intrinsic function")

// compileQuery compiles what a ".$" field holds.
func compileQuery(text, field string) (Expression, error) {
	if strings.HasPrefix(text, "$") {
		p, err := jsonpath.Compile(text)
		if err != nil {
			return nil, err
		}
		return &pathExpression{p, field}, nil
	}
	if strings.HasPrefix(text, "States.") {
		return compileCall(text, field)
	}
	return nil, errNotQuery
}
