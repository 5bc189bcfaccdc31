package jsonpath

import (
	"fmt"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A Reference is a path that names exactly one place, so that a value can be
// set there as well as read.
type Reference struct {
	*Path
}

// CompileReference compiles a reference path: names and single, non-negative
// indexes only. The error is a *SyntaxError.
func CompileReference(text string) (*Reference, error) {
	p, err := Compile(text)
	if err != nil {
		return nil, err
	}
	if !p.IsReference() {
		return nil, &SyntaxError{Path: text, Reason: "a reference path may only hold names and single indexes"}
	}
	return &Reference{p}, nil
}

// Set returns root with the node at r replaced by v. Objects that are missing
// on the way are made. Array elements are never made, and nothing can be set
// below a value that is neither an object nor an array: then the error wraps
// ErrCannotSet. A root that is Undefined or null counts as an empty object.
func (r *Reference) Set(root, v jsonvalue.Value) (jsonvalue.Value, error) {
	if root.Kind() == jsonvalue.KindNull {
		root = jsonvalue.Value{}
	}
	return r.set(0, root, v)
}

func (r *Reference) set(i int, at, v jsonvalue.Value) (jsonvalue.Value, error) {
	if i == len(r.steps) {
		return v, nil
	}
	switch s := r.steps[i].(type) {
	case names:
		if at.IsDefined() && at.Kind() != jsonvalue.KindObject {
			return jsonvalue.Value{}, fmt.Errorf("set %s: %s is no object but %s: %w", r.text, r.normalized(i), at.Kind(), ErrCannotSet)
		}
		child, _ := at.Get(s[0])
		child, err := r.set(i+1, child, v)
		if err != nil {
			return jsonvalue.Value{}, err
		}
		return at.With(s[0], child), nil
	case indexes:
		if at.Kind() != jsonvalue.KindArray || s[0] >= at.Len() {
			return jsonvalue.Value{}, fmt.Errorf("set %s: there is no element %s: %w", r.text, r.normalized(i+1), ErrCannotSet)
		}
		child, err := r.set(i+1, at.At(s[0]), v)
		if err != nil {
			return jsonvalue.Value{}, err
		}
		return at.WithAt(s[0], child), nil
	default:
		panic(fmt.Sprintf("jsonpath: %T in a reference path", s))
	}
}
