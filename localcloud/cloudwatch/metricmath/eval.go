package metricmath

import (
	"fmt"
	"math"
	"slices"
)

// Eval returns what the expression makes: a Scalar, a *Series or an Array. The
// error is an *Error, or what env's functions return.
func (x *Expr) Eval(env *Env) (Value, error) {
	v, err := eval(x.root, env)
	if err != nil {
		return nil, err
	}
	switch v.(type) {
	case Scalar, *Series, Array:
		return v, nil
	default:
		return nil, fail(x.root, "the expression makes %s, not a number or a time series", v.kind())
	}
}

func fail(n node, format string, args ...any) error {
	return &Error{Offset: n.at(), Text: fmt.Sprintf(format, args...)}
}

func eval(n node, env *Env) (Value, error) {
	switch n := n.(type) {
	case number:
		return Scalar(n.value), nil
	case text:
		return Text(n.value), nil
	case ref:
		v, ok, err := env.Lookup(n.id)
		if err == nil && !ok {
			err = fail(n, "there is no query with the id %s", n.id)
		}
		return v, err
	case list:
		return evalList(n, env)
	case unary:
		v, err := eval(n.x, env)
		if err != nil {
			return nil, err
		}
		return apply(n, v, func(v float64) (float64, bool) { return -v, true })
	case binary:
		left, err := eval(n.left, env)
		if err != nil {
			return nil, err
		}
		right, err := eval(n.right, env)
		if err != nil {
			return nil, err
		}
		return join(n, left, right, calculations[n.op])
	case call:
		args := make([]Value, len(n.args))
		for i, arg := range n.args {
			v, err := eval(arg, env)
			if err != nil {
				return nil, err
			}
			args[i] = v
		}
		return functions[n.name].of(n, args, env)
	default:
		panic(fmt.Sprintf("metricmath: node %T", n))
	}
}

// evalList makes an array: of numbers when there are only numbers, else of
// series, numbers among them spread over the time.
func evalList(n list, env *Env) (Value, error) {
	var series Array
	var numbers scalars
	for _, item := range n.items {
		v, err := eval(item, env)
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case Scalar:
			numbers = append(numbers, float64(v))
		case *Series:
			series = append(series, v)
		case Array:
			series = append(series, v...)
		default:
			return nil, fail(item, "%s cannot be in an array", v.kind())
		}
	}
	if len(series) == 0 {
		return numbers, nil
	}
	for _, v := range numbers {
		series = append(series, env.constant(v, series[0].Period))
	}
	return series, nil
}

// constant returns a series that is v all the time.
func (e *Env) constant(v float64, period int64) *Series {
	if period == 0 {
		period = e.Period
	}
	s := &Series{Period: period, Times: e.grid(period)}
	s.Values = slices.Repeat([]float64{v}, len(s.Times))
	return s
}

// A calculation makes one number of two; ok is false when there is none.
type calculation func(a, b float64) (v float64, ok bool)

var calculations = map[string]calculation{
	"+":   func(a, b float64) (float64, bool) { return a + b, true },
	"-":   func(a, b float64) (float64, bool) { return a - b, true },
	"*":   func(a, b float64) (float64, bool) { return a * b, true },
	"/":   func(a, b float64) (float64, bool) { return a / b, b != 0 },
	"^":   func(a, b float64) (float64, bool) { return finite(math.Pow(a, b)) },
	"==":  func(a, b float64) (float64, bool) { return truth(a == b), true },
	"!=":  func(a, b float64) (float64, bool) { return truth(a != b), true },
	"<":   func(a, b float64) (float64, bool) { return truth(a < b), true },
	"<=":  func(a, b float64) (float64, bool) { return truth(a <= b), true },
	">":   func(a, b float64) (float64, bool) { return truth(a > b), true },
	">=":  func(a, b float64) (float64, bool) { return truth(a >= b), true },
	"AND": both, "&&": both,
	"OR": either, "||": either,
}

func both(a, b float64) (float64, bool)   { return truth(a != 0 && b != 0), true }
func either(a, b float64) (float64, bool) { return truth(a != 0 || b != 0), true }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// finite drops what is not a number.
func finite(v float64) (float64, bool) { return v, !math.IsNaN(v) && !math.IsInf(v, 0) }

// apply calls f on every number of v.
func apply(n node, v Value, f func(float64) (float64, bool)) (Value, error) {
	switch v := v.(type) {
	case Scalar:
		r, ok := f(float64(v))
		if !ok {
			return nil, fail(n, "the result is not a number")
		}
		return Scalar(r), nil
	case *Series:
		out := v.like()
		for i, t := range v.Times {
			if r, ok := f(v.Values[i]); ok {
				out.add(t, r)
			}
		}
		return out, nil
	case Array:
		out := make(Array, len(v))
		for i, s := range v {
			r, err := apply(n, s, f)
			if err != nil {
				return nil, err
			}
			out[i] = r.(*Series)
		}
		return out, nil
	default:
		return nil, fail(n, "%s cannot be calculated with", v.kind())
	}
}

// join calculates with two values. Two series meet where both have a point, two
// arrays go member by member, and everything else is spread.
func join(n node, left, right Value, f calculation) (Value, error) {
	switch l := left.(type) {
	case Scalar:
		if r, ok := right.(Scalar); ok {
			v, ok := f(float64(l), float64(r))
			if !ok {
				return nil, fail(n, "the result is not a number")
			}
			return Scalar(v), nil
		}
		return apply(n, right, func(v float64) (float64, bool) { return f(float64(l), v) })
	case *Series:
		switch r := right.(type) {
		case Scalar:
			return apply(n, l, func(v float64) (float64, bool) { return f(v, float64(r)) })
		case *Series:
			return meet(l, r, f), nil
		case Array:
			out := make(Array, len(r))
			for i, s := range r {
				out[i] = named(meet(l, s, f), s)
			}
			return out, nil
		}
	case Array:
		switch r := right.(type) {
		case Scalar:
			return apply(n, l, func(v float64) (float64, bool) { return f(v, float64(r)) })
		case *Series:
			out := make(Array, len(l))
			for i, s := range l {
				out[i] = named(meet(s, r, f), s)
			}
			return out, nil
		case Array:
			if len(l) != len(r) {
				return nil, fail(n, "arrays of %d and %d time series cannot be joined", len(l), len(r))
			}
			out := make(Array, len(l))
			for i := range l {
				out[i] = named(meet(l[i], r[i], f), l[i])
			}
			return out, nil
		}
	default:
		return nil, fail(n, "%s cannot be calculated with", left.kind())
	}
	return nil, fail(n, "%s cannot be calculated with", right.kind())
}

// meet calculates where both series have a point.
func meet(a, b *Series, f calculation) *Series {
	out := &Series{Period: max(a.Period, b.Period)}
	i, k := 0, 0
	for i < len(a.Times) && k < len(b.Times) {
		switch {
		case a.Times[i] < b.Times[k]:
			i++
		case a.Times[i] > b.Times[k]:
			k++
		default:
			if v, ok := f(a.Values[i], b.Values[k]); ok {
				out.add(a.Times[i], v)
			}
			i++
			k++
		}
	}
	return out
}

// named gives s the name of from.
func named(s, from *Series) *Series {
	s.ID, s.Label = from.ID, from.Label
	return s
}
