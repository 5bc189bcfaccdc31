package jsonata

import (
	"errors"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A function is a value that can be called: one that is built in, or one that
// the expression defines.
type function struct {
	name      string
	signature *signature
	arity     int // how many arguments $map and the like hand it
	native    func(c *callContext, args []value) (value, error)

	// Of a function that the expression defines.
	lambda *node
	frame  *frame
	input  value

	regex *regex // of a regular expression, so that others need not call it
}

// A callContext is what a built-in function sees besides its arguments.
type callContext struct {
	*evaluator
	input value
	frame *frame
}

// call evaluates a function call. With piped, first is one more argument in
// front, from the left side of ~>.
func (ev *evaluator) call(n *node, input value, f *frame, first value, piped bool) (value, error) {
	fn, args, err := ev.prepare(n, input, f, first, piped)
	if err != nil {
		return value{}, err
	}
	v, err := ev.apply(fn, args, input, f)
	return v, at(err, n.pos, procedureName(n.left))
}

// prepare evaluates the function and the arguments of a call.
func (ev *evaluator) prepare(n *node, input value, f *frame, first value, piped bool) (value, []value, error) {
	fn, err := ev.eval(n.left, input, f)
	if err != nil {
		return value{}, nil, err
	}
	if !fn.defined() && ev.meantVariable(n.left, f) {
		return value{}, nil, fault("T1005", n.pos, n.left.items[0].text, value{})
	}
	args := make([]value, 0, len(n.items)+1)
	if piped {
		args = append(args, first)
	}
	for _, item := range n.items {
		arg, err := ev.eval(item, input, f)
		if err != nil {
			return value{}, nil, err
		}
		args = append(args, arg)
	}
	if fn.kind != functionKind {
		return value{}, nil, fault("T1006", n.pos, procedureName(n.left), value{})
	}
	return fn, args, nil
}

// meantVariable reports whether a name that is no function would be one with a
// dollar sign.
func (ev *evaluator) meantVariable(procedure *node, f *frame) bool {
	return procedure.kind == nodePath && procedure.items[0].kind == nodeName && ev.lookup(f, procedure.items[0].text).defined()
}

func procedureName(n *node) string {
	if n.kind == nodePath {
		n = n.items[0]
	}
	return n.text
}

// apply calls a function. A call in tail position of a lambda does not nest: it
// is the next turn of the loop.
func (ev *evaluator) apply(fn value, args []value, input value, f *frame) (value, error) {
	for {
		if fn.kind != functionKind {
			return value{}, fault("T1006", -1, "", value{})
		}
		callee := fn.function()
		if callee.signature != nil {
			var err error
			if args, err = callee.signature.apply(args, input); err != nil {
				return value{}, err
			}
		}
		if callee.native != nil {
			if err := ev.spend(1); err != nil {
				return value{}, err
			}
			return callee.native(&callContext{ev, input, f}, args)
		}
		scope := &frame{parent: callee.frame, vars: make([]variable, 0, len(callee.lambda.items))}
		for i, parameter := range callee.lambda.items {
			var arg value
			if i < len(args) {
				arg = args[i]
			}
			scope.bind(parameter.text, arg)
		}
		if err := ev.alloc(1 + len(args)); err != nil {
			return value{}, err
		}
		v, next, err := ev.body(callee.lambda.body, callee.input, scope)
		if err != nil || next == nil {
			return v, err
		}
		fn, args = next.fn, next.args
		input, f = next.input, next.frame
	}
}

// tail is a call in tail position that is still to be made.
type tail struct {
	fn    value
	args  []value
	input value
	frame *frame
}

// body evaluates the body of a lambda, up to a call in tail position.
func (ev *evaluator) body(n *node, input value, f *frame) (value, *tail, error) {
	for {
		if len(n.filter) > 0 || n.group != nil || n.keepArray {
			v, err := ev.eval(n, input, f)
			return v, nil, err
		}
		switch n.kind {
		case nodeCall:
			if err := ev.spend(1); err != nil {
				return value{}, nil, at(err, n.pos, "")
			}
			if ev.depth--; ev.depth < 0 {
				ev.depth++
				v, err := ev.eval(n, input, f) // which says so
				return v, nil, err
			}
			fn, args, err := ev.prepare(n, input, f, value{}, false)
			ev.depth++
			if err != nil {
				return value{}, nil, err
			}
			if fn.function().native != nil {
				v, err := ev.apply(fn, args, input, f)
				if err != nil {
					return value{}, nil, at(err, n.pos, procedureName(n.left))
				}
				v, err = ev.finish(n, v, f)
				return v, nil, err
			}
			return value{}, &tail{fn, args, input, f}, nil
		case nodeCondition:
			chosen, err := ev.choose(n, input, f)
			if err != nil || chosen == nil {
				return value{}, nil, err
			}
			n = chosen
		case nodeBlock:
			if len(n.items) == 0 {
				return value{}, nil, nil
			}
			if n.binds {
				f = &frame{parent: f}
			}
			for _, statement := range n.items[:len(n.items)-1] {
				if _, err := ev.eval(statement, input, f); err != nil {
					return value{}, nil, err
				}
			}
			n = n.items[len(n.items)-1]
		default:
			v, err := ev.eval(n, input, f)
			return v, nil, err
		}
	}
}

// partial makes a function of a call that leaves arguments open.
func (ev *evaluator) partial(n *node, input value, f *frame) (value, error) {
	fn, err := ev.eval(n.left, input, f)
	if err != nil {
		return value{}, err
	}
	if fn.kind != functionKind {
		if !fn.defined() && ev.meantVariable(n.left, f) {
			return value{}, fault("T1007", n.pos, procedureName(n.left), value{})
		}
		return value{}, fault("T1008", n.pos, procedureName(n.left), value{})
	}
	given := make([]value, len(n.items))
	open := 0
	for i, item := range n.items {
		if item.kind == nodePlaceholder {
			open++
			continue
		}
		if given[i], err = ev.eval(item, input, f); err != nil {
			return value{}, err
		}
	}
	return funcOf(&function{name: fn.function().name, arity: open, native: func(c *callContext, args []value) (value, error) {
		full := append([]value(nil), given...)
		next := 0
		for i, item := range n.items {
			if item.kind == nodePlaceholder && next < len(args) {
				full[i] = args[next]
				next++
			}
		}
		return c.nested(fn, full)
	}}), nil
}

// nested calls a function from inside a built-in one.
func (c *callContext) nested(fn value, args []value) (value, error) {
	if c.depth--; c.depth < 0 {
		c.depth++
		return value{}, fault("U1001", -1, "", value{}, "calls are nested too deeply: check for functions that never end")
	}
	v, err := c.apply(fn, args, c.input, c.frame)
	c.depth++
	return v, err
}

// applyOperator evaluates ~>: a call with one more argument, a call of the
// function on the right, or the chain of two functions.
func (ev *evaluator) applyOperator(n *node, input value, f *frame) (value, error) {
	left, err := ev.eval(n.left, input, f)
	if err != nil {
		return value{}, err
	}
	if n.right.kind == nodeCall {
		return ev.call(n.right, input, f, left, true) // a filter after the call has no effect, as in the reference
	}
	fn, err := ev.eval(n.right, input, f)
	if err != nil {
		return value{}, err
	}
	if fn.kind != functionKind {
		return value{}, fault("T2006", n.pos, "~>", fn)
	}
	if left.kind == functionKind {
		first := left
		return funcOf(&function{arity: 1, native: func(c *callContext, args []value) (value, error) {
			v, err := c.nested(first, args)
			if err != nil {
				return value{}, err
			}
			return c.nested(fn, []value{v})
		}}), nil
	}
	v, err := ev.apply(fn, []value{left}, value{}, f)
	return v, at(err, n.pos, "~>")
}

// customFunction makes a function of one that the caller adds.
func customFunction(name string, custom *Function) (*function, error) {
	f := &function{name: name, native: func(c *callContext, args []value) (value, error) {
		plain := make([]jsonvalue.Value, len(args))
		for i, a := range args {
			var err error
			if plain[i], err = c.json(a); err != nil {
				return value{}, err
			}
		}
		result, err := custom.Call(plain)
		if e, ok := errors.AsType[*Error](err); ok {
			return value{}, e
		}
		if err != nil {
			return value{}, fault("D3201", -1, name, value{}, err.Error())
		}
		if err := c.allocBytes(result.Size()); err != nil {
			return value{}, err
		}
		return fromJSON(result), nil
	}}
	f.arity = 1
	if custom.Signature != "" {
		s, err := parseSignature(custom.Signature)
		if err != nil {
			return nil, err
		}
		f.signature, f.arity = s, len(s.params)
	}
	return f, nil
}
