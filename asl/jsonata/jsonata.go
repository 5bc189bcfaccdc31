// Package jsonata compiles and evaluates JSONata 2.0.6 expressions, the query
// language of Step Functions.
//
// An expression is compiled once and evaluated often, by any number of
// goroutines. Time and chance come from the caller, so that an evaluation can
// be repeated. Each evaluation is bounded in steps, depth and memory: no
// expression can hold up its caller or use up the machine.
//
//	e, err := jsonata.Compile(`$sum(items.(price * quantity))`)
//	total, err := e.Eval(jsonata.Env{Data: order})
//
// The language is that of the JSONata documentation, without $eval. The
// functions that Step Functions adds ($partition, $range, $hash, $parse, $uuid,
// and $random with a seed) are there for expressions compiled with
// CompileStates, which also refuses what Step Functions refuses.
package jsonata

import (
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// An Expr is a compiled expression. It is immutable.
type Expr struct {
	source string
	root   *node
	states bool
}

// An Env is what an expression is evaluated in. The zero Env has no data and
// no variables.
type Env struct {
	// Data is what the expression is about: $ and $$. Undefined for none.
	Data jsonvalue.Value
	// Variable returns the value of $name. It may be nil.
	Variable func(name string) (jsonvalue.Value, bool)
	// Functions adds functions by name, without the dollar sign. They win
	// over built-in ones of the same name.
	Functions map[string]*Function
	// Now is what $now() and $millis() say during the whole evaluation.
	Now time.Time
	// Draw returns a number that is uniform in [0, 1). It is needed by $random,
	// $shuffle and $uuid; nil counts as a source that always returns 0.
	Draw func() float64
	// UUID returns a new version 4 UUID. If it is nil, $uuid makes one of Draw.
	UUID func() string
	// Limits bounds the evaluation. Zero fields have the defaults.
	Limits Limits
}

// Limits bounds one evaluation. An expression that exceeds one fails with
// U1001.
type Limits struct {
	Steps  int // parts of the expression evaluated, and work of that size; default 5 million
	Depth  int // calls and parts inside each other; default 2000
	Memory int // bytes of everything made on the way, roughly; default 256 MiB
}

// The limits of an evaluation that sets none.
const (
	DefaultSteps  = 5_000_000
	DefaultDepth  = 2000
	DefaultMemory = 256 << 20
)

// A Function is a function that the caller adds to the language.
type Function struct {
	// Signature says what arguments it takes, such as "<s-n?:s>". Without one,
	// it takes any.
	Signature string
	// Call computes the result. An Undefined argument was missing, and an
	// Undefined result is none. An error fails the evaluation with D3201,
	// unless it is an *Error itself.
	Call func(args []jsonvalue.Value) (jsonvalue.Value, error)
}

// Compile reads an expression of standard JSONata. The error is an *Error.
func Compile(source string) (*Expr, error) {
	tree, err := parse(source)
	if err != nil {
		return nil, err
	}
	root, err := resolve(tree)
	if err != nil {
		return nil, err
	}
	return &Expr{source: source, root: root}, nil
}

// CompileStates reads an expression as Step Functions has it: with its own
// functions, and without $, $$ and names of fields where there is no context
// (at the top level). The error is an *Error.
func CompileStates(source string) (*Expr, error) {
	e, err := Compile(source)
	if err != nil {
		return nil, err
	}
	e.states = true
	if err := checkStates(e.root); err != nil {
		return nil, err
	}
	return e, nil
}

// String returns the expression as it was written.
func (e *Expr) String() string { return e.source }

// Eval returns the value of e: Undefined when it has none, or when it is a
// function, which is no data. The error is an *Error.
func (e *Expr) Eval(env Env) (jsonvalue.Value, error) {
	v, _, err := e.EvalData(env)
	return v, err
}

// EvalData is Eval for a caller that must tell a function from nothing:
// isFunction is true if the expression gives a function.
func (e *Expr) EvalData(env Env) (v jsonvalue.Value, isFunction bool, err error) {
	ev, err := newEvaluator(env, e.states)
	if err != nil {
		return jsonvalue.Value{}, false, err
	}
	result, err := ev.run(e.root)
	if err != nil {
		return jsonvalue.Value{}, false, err
	}
	v, err = ev.json(result)
	return v, result.kind == functionKind, err
}

// run evaluates the whole expression.
func (ev *evaluator) run(root *node) (value, error) {
	ev.root = fromJSON(ev.env.Data)
	input := ev.root
	if input.kind == arrayKind {
		// An array that is the whole input counts as one value.
		input = arrayOf(&list{items: []value{input}, sequence: true, outer: true})
	}
	v, err := ev.eval(root, input, &frame{})
	if err == nil {
		err = ev.over
	}
	return v, err
}
