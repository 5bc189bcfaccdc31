package jsonpath

import (
	"math"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// functionNames are the functions that may end a path.
var functionNames = map[string]bool{
	"length": true, "size": true, "keys": true,
	"min": true, "max": true, "avg": true, "sum": true, "stddev": true,
	"concat": true, "append": true,
	"first": true, "last": true, "index": true,
}

// apply returns the result of a function at the end of a path for the node it
// stands at. A function that does not fit the node, such as the sum of a
// string, is a NotFoundError.
func (w *walker) apply(p *Path, f call, v jsonvalue.Value) (jsonvalue.Value, error) {
	if p == nil {
		p = &Path{}
	}
	args := make([]jsonvalue.Value, 0, len(f.args))
	for _, a := range f.args {
		arg, err := a.eval(w, w.root)
		if err != nil {
			return jsonvalue.Value{}, err
		}
		args = append(args, arg)
	}
	switch f.name {
	case "length", "size":
		if len(args) > 0 {
			v = args[0]
		}
		if k := v.Kind(); k != jsonvalue.KindArray && k != jsonvalue.KindObject {
			return jsonvalue.Null(), nil
		}
		return jsonvalue.Int(int64(v.Len())), nil
	case "keys":
		if v.Kind() != jsonvalue.KindObject {
			return jsonvalue.Null(), nil
		}
		var b jsonvalue.ArrayBuilder
		for key := range v.Members() {
			b.Append(jsonvalue.String(key))
		}
		return b.Value(), nil
	case "min", "max", "avg", "sum", "stddev":
		numbers := numbersOf(v, args)
		if len(numbers) == 0 {
			return jsonvalue.Value{}, p.notFound("Aggregation function attempted to calculate value using empty array")
		}
		return jsonvalue.Float(aggregate(f.name, numbers)), nil
	case "concat":
		var b strings.Builder
		for _, x := range append(elementsOf(v), args...) {
			if x.Kind() == jsonvalue.KindString {
				b.WriteString(x.Str())
			} else if x.Kind() == jsonvalue.KindNumber {
				b.WriteString(x.Literal())
			}
		}
		return jsonvalue.String(b.String()), nil
	case "append":
		if v.Kind() != jsonvalue.KindArray {
			return v, nil
		}
		return v.Append(args...), nil
	case "first", "last", "index":
		i := 0
		if f.name == "last" {
			i = -1
		} else if f.name == "index" && len(args) > 0 {
			n, _ := args[0].Int()
			i = int(n)
		}
		if e := element(v, i); e.IsDefined() {
			return e, nil
		}
		return jsonvalue.Value{}, p.notFound("Aggregation function attempted to calculate value using empty array")
	default:
		panic("jsonpath: unknown function " + f.name)
	}
}

func elementsOf(v jsonvalue.Value) []jsonvalue.Value {
	all := make([]jsonvalue.Value, 0, v.Len())
	for e := range v.Elements() {
		all = append(all, e)
	}
	return all
}

// numbersOf returns the numbers among the elements of v and of the arguments.
func numbersOf(v jsonvalue.Value, args []jsonvalue.Value) []float64 {
	var numbers []float64
	add := func(x jsonvalue.Value) {
		if x.Kind() == jsonvalue.KindNumber {
			numbers = append(numbers, x.Float())
		}
	}
	for e := range v.Elements() {
		add(e)
	}
	for _, a := range args {
		add(a)
		for e := range a.Elements() {
			add(e)
		}
	}
	return numbers
}

// aggregate computes the named function of at least one number. The standard
// deviation is that of the whole population.
func aggregate(name string, numbers []float64) float64 {
	least, most, sum, squares := math.Inf(1), math.Inf(-1), 0.0, 0.0
	for _, x := range numbers {
		least, most = min(least, x), max(most, x)
		sum += x
		squares += x * x
	}
	n := float64(len(numbers))
	switch name {
	case "min":
		return least
	case "max":
		return most
	case "sum":
		return sum
	case "avg":
		return sum / n
	default:
		return math.Sqrt(max(squares/n-(sum/n)*(sum/n), 0))
	}
}
