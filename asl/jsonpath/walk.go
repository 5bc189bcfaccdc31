package jsonpath

import (
	"fmt"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

const (
	// maxSteps bounds the nodes that one evaluation looks at. State data of
	// 256 KiB has at most 131,072 nodes.
	maxSteps = 2_000_000
	// maxSize bounds the result, in bytes of JSON text. What a state may
	// hand on is 256 KiB.
	maxSize = 64 << 20
)

// walker is one evaluation of a path, with the filters inside it.
type walker struct {
	root   jsonvalue.Value // what $ means inside filters
	budget int
}

func (w *walker) spend(n int) error {
	if w.budget -= n; w.budget < 0 {
		return ErrTooCostly
	}
	return nil
}

// value returns what p selects below root: the node of a definite path, the
// list of any other. A miss among the definite steps that p begins with is a
// NotFoundError for both.
func (w *walker) value(p *Path, root jsonvalue.Value) (jsonvalue.Value, error) {
	v, err := w.prefix(p, root)
	if err != nil || p.Definite() {
		return v, err
	}
	steps := p.steps[p.definite:]
	if last, ok := steps[len(steps)-1].(call); ok {
		if _, ok := p.steps[0].(descend); ok {
			// A function after a path that starts with .. sees the whole list.
			list, err := w.list(steps[:len(steps)-1], v)
			if err != nil {
				return jsonvalue.Value{}, err
			}
			return w.apply(p, last, list)
		}
	}
	return w.list(steps, v)
}

// prefix follows the definite steps that p begins with.
func (w *walker) prefix(p *Path, v jsonvalue.Value) (jsonvalue.Value, error) {
	for i, s := range p.steps[:p.definite] {
		leaf := i == len(p.steps)-1
		if err := w.spend(1); err != nil {
			return jsonvalue.Value{}, err
		}
		switch s := s.(type) {
		case names:
			if v.Kind() != jsonvalue.KindObject {
				return jsonvalue.Value{}, p.notFound("Expected to find an object with property %s in path %s but found '%s'", s.text(), p.normalized(i), v.Kind())
			}
			if len(s) > 1 {
				v = pick(v, s)
				continue
			}
			child, ok := v.Get(s[0])
			if !ok && leaf {
				return jsonvalue.Value{}, p.notFound("No results for path: %s", p.normalized(i+1))
			} else if !ok {
				return jsonvalue.Value{}, p.notFound("Missing property in path %s", p.normalized(i+1))
			}
			v = child
		case indexes:
			if v.Kind() == jsonvalue.KindNull {
				return jsonvalue.Value{}, p.notFound("The path %s is null", p.normalized(i))
			}
			if v.Kind() != jsonvalue.KindArray {
				return jsonvalue.Value{}, p.notFound("Filter: %s can only be applied to arrays. Current context is: %s", s.text(), v)
			}
			v = element(v, s[0])
			if !v.IsDefined() {
				return jsonvalue.Value{}, p.notFound("No results for path: %s", p.normalized(len(p.steps)))
			}
		case call:
			var err error
			if v, err = w.apply(p, s, v); err != nil {
				return jsonvalue.Value{}, err
			}
		default:
			panic(fmt.Sprintf("jsonpath: %T counts as definite", s))
		}
	}
	return v, nil
}

// element returns element i of an array, counted from the end if negative.
func element(v jsonvalue.Value, i int) jsonvalue.Value {
	if i < 0 {
		i += v.Len()
	}
	return v.At(i)
}

// pick returns the object of those members of v that are named.
func pick(v jsonvalue.Value, keys []string) jsonvalue.Value {
	var b jsonvalue.ObjectBuilder
	for _, key := range keys {
		if child, ok := v.Get(key); ok {
			b.Set(key, child)
		}
	}
	return b.Value()
}

// list collects what steps select below v.
func (w *walker) list(steps []step, v jsonvalue.Value) (jsonvalue.Value, error) {
	c := collector{walker: w}
	if err := c.walk(steps, v); err != nil {
		return jsonvalue.Value{}, err
	}
	return c.found.Value(), nil
}

type collector struct {
	*walker
	found jsonvalue.ArrayBuilder
	size  int
}

// walk adds to the list what steps select below v. What is missing here is
// skipped.
func (c *collector) walk(steps []step, v jsonvalue.Value) error {
	if err := c.spend(1); err != nil {
		return err
	}
	if len(steps) == 0 {
		if c.size += v.Size(); c.size > maxSize {
			return ErrTooCostly
		}
		c.found.Append(v)
		return nil
	}
	rest := steps[1:]
	switch s := steps[0].(type) {
	case names:
		return c.names(s, rest, v)
	case indexes:
		for _, i := range s {
			if child := element(v, i); child.IsDefined() {
				if err := c.walk(rest, child); err != nil {
					return err
				}
			}
		}
	case slice:
		return c.slice(s, rest, v)
	case wildcard:
		return c.children(v, func(child jsonvalue.Value) error { return c.walk(rest, child) })
	case filter:
		return c.filter(s, rest, v)
	case descend:
		return c.descend(rest, v)
	case call:
		result, err := c.apply(nil, s, v)
		if err != nil {
			if IsNotFound(err) {
				return nil
			}
			return err
		}
		return c.walk(rest, result)
	default:
		panic(fmt.Sprintf("jsonpath: unknown step %T", s))
	}
	return nil
}

func (c *collector) names(s names, rest []step, v jsonvalue.Value) error {
	if v.Kind() != jsonvalue.KindObject {
		return nil
	}
	if len(s) > 1 && len(rest) == 0 {
		return c.walk(rest, pick(v, s))
	}
	for _, name := range s {
		if child, ok := v.Get(name); ok {
			if err := c.walk(rest, child); err != nil {
				return err
			}
		}
	}
	return nil
}

// slice walks the elements of [from:to]. A negative bound counts from the end
// when the other bound is open; with both bounds given, each index between them
// does, as Jayway has it.
func (c *collector) slice(s slice, rest []step, v jsonvalue.Value) error {
	n := v.Len()
	if v.Kind() != jsonvalue.KindArray || n == 0 {
		return nil
	}
	from, to := 0, n
	switch {
	case s.hasFrom && s.hasTo:
		from, to = max(s.from, -n), min(s.to, n)
	case s.hasFrom:
		from = s.from
		if from < 0 {
			from = max(from+n, 0)
		}
	default:
		to = s.to
		if to < 0 {
			to += n
		}
		to = min(to, n)
	}
	for i := from; i < to; i++ {
		if err := c.walk(rest, element(v, i)); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) filter(s filter, rest []step, v jsonvalue.Value) error {
	if v.Kind() == jsonvalue.KindObject {
		ok, err := s.test.holds(c.walker, v)
		if err != nil || !ok {
			return err
		}
		return c.walk(rest, v)
	}
	for e := range v.Elements() {
		ok, err := s.test.holds(c.walker, e)
		if err != nil {
			return err
		}
		if ok {
			if err := c.walk(rest, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// descend applies steps to v and to everything below v, outer nodes first.
func (c *collector) descend(steps []step, v jsonvalue.Value) error {
	if v.Kind() != jsonvalue.KindObject && v.Kind() != jsonvalue.KindArray {
		return nil
	}
	if err := c.spend(1); err != nil {
		return err
	}
	if err := c.here(steps, v); err != nil {
		return err
	}
	return c.children(v, func(child jsonvalue.Value) error { return c.descend(steps, child) })
}

// here applies the steps that come after .. to one of the nodes.
func (c *collector) here(steps []step, v jsonvalue.Value) error {
	switch s := steps[0].(type) {
	case names:
		if len(s) > 1 && len(steps) == 1 { // all of the names must be there
			for _, name := range s {
				if _, ok := v.Get(name); !ok {
					return nil
				}
			}
		}
	case filter:
		// Objects are tested when they are met themselves; testing them as
		// elements too would list them twice.
		if v.Kind() != jsonvalue.KindObject {
			return nil
		}
	}
	return c.walk(steps, v)
}

func (c *collector) children(v jsonvalue.Value, visit func(jsonvalue.Value) error) error {
	for e := range v.Elements() {
		if err := visit(e); err != nil {
			return err
		}
	}
	for _, child := range v.Members() {
		if err := visit(child); err != nil {
			return err
		}
	}
	return nil
}
