package jsonata

import "math"

func fnSum(_ *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	total := 0.0
	for _, x := range args[0].items() {
		total += x.num
	}
	return number(total), nil
}

func fnCount(_ *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return number(0), nil
	}
	return number(float64(args[0].list().len())), nil
}

func fnMax(_ *callContext, args []value) (value, error) {
	return extreme(args[0], math.Inf(-1), math.Max)
}

func fnMin(_ *callContext, args []value) (value, error) {
	return extreme(args[0], math.Inf(1), math.Min)
}

func extreme(list value, start float64, better func(a, b float64) float64) (value, error) {
	items := list.items()
	if len(items) == 0 {
		return value{}, nil
	}
	for _, x := range items {
		start = better(start, x.num)
	}
	return number(start), nil
}

func fnAverage(_ *callContext, args []value) (value, error) {
	items := args[0].items()
	if len(items) == 0 {
		return value{}, nil
	}
	total := 0.0
	for _, x := range items {
		total += x.num
	}
	return number(total / float64(len(items))), nil
}

func fnAppend(c *callContext, args []value) (value, error) {
	if err := c.alloc(len(args[0].items()) + len(args[1].items())); err != nil {
		return value{}, err
	}
	return joined(args[0], args[1]), nil
}

func fnReverse(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	items := args[0].items()
	if len(items) <= 1 {
		return args[0], nil
	}
	if err := c.alloc(len(items)); err != nil {
		return value{}, err
	}
	reversed := make([]value, len(items))
	for i, x := range items {
		reversed[len(items)-1-i] = x
	}
	return plain(reversed), nil
}

func fnSort(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	items := args[0].items()
	if len(items) <= 1 {
		return args[0], nil
	}
	if err := c.alloc(len(items)); err != nil {
		return value{}, err
	}
	sorted := append([]value(nil), items...)
	after := func(a, b value) (bool, error) {
		if a.kind == stringKind {
			return compareUTF16(a.str, b.str) > 0, nil
		}
		return a.num > b.num, nil
	}
	if fn := args[1]; fn.defined() {
		after = func(a, b value) (bool, error) {
			v, err := c.nested(fn, []value{a, b})
			if err != nil {
				return false, err
			}
			return c.truth(v)
		}
	} else {
		for _, x := range items {
			if x.kind != items[0].kind || (x.kind != numberKind && x.kind != stringKind) {
				return value{}, fault("D3070", -1, "sort", value{})
			}
		}
	}
	if err := mergeSort(c.evaluator, sorted, after); err != nil {
		return value{}, err
	}
	return plain(sorted), nil
}

func fnShuffle(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	items := args[0].items()
	if len(items) <= 1 {
		return args[0], nil
	}
	if err := c.alloc(len(items)); err != nil {
		return value{}, err
	}
	shuffled := append([]value(nil), items...)
	for i := len(shuffled) - 1; i > 0; i-- {
		j := int(c.draw() * float64(i+1))
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	}
	return plain(shuffled), nil
}

func fnDistinct(c *callContext, args []value) (value, error) {
	if args[0].kind != arrayKind || args[0].list().len() <= 1 {
		return args[0], nil
	}
	l := args[0].list()
	var kept []value
	seen := make(map[scalarKey]bool)
	for i := range l.len() {
		v := l.at(i)
		if err := c.spend(1); err != nil {
			return value{}, err
		}
		if v.kind != arrayKind && v.kind != objectKind {
			key := scalarKey(v)
			if v.kind == numberKind {
				key.str = "" // the literal it came from
			}
			if !seen[key] {
				seen[key] = true
				kept = append(kept, v)
			}
			continue
		}
		repeated := false
		for _, other := range kept {
			same, err := c.equal(v, other)
			if err != nil {
				return value{}, err
			}
			if repeated = same; repeated {
				break
			}
		}
		if !repeated {
			kept = append(kept, v)
		}
	}
	if err := c.alloc(len(kept)); err != nil {
		return value{}, err
	}
	if l.sequence {
		return sequenceOf(kept), nil
	}
	return plain(kept), nil
}

type scalarKey struct {
	kind kind
	num  float64
	str  string
	ref  any
}

func fnZip(c *callContext, args []value) (value, error) {
	n := math.MaxInt
	for _, a := range args {
		n = min(n, len(a.items()))
	}
	if len(args) == 0 {
		n = 0
	}
	if err := c.alloc(n * (1 + len(args))); err != nil {
		return value{}, err
	}
	rows := make([]value, n)
	columns := make([][]value, len(args))
	for j, a := range args {
		columns[j] = a.items()
	}
	for i := range rows {
		row := make([]value, len(args))
		for j := range columns {
			row[j] = columns[j][i]
		}
		rows[i] = plain(row)
	}
	return plain(rows), nil
}

// hand calls fn with as many of args as it takes, at least the first.
func (c *callContext) hand(fn value, args ...value) (value, error) {
	n := min(max(fn.function().arity, 1), len(args))
	return c.nested(fn, args[:n:n])
}

func fnMap(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	l := args[0].list()
	var results []value
	for i := range l.len() {
		v, err := c.hand(args[1], l.at(i), number(float64(i)), args[0])
		if err != nil {
			return value{}, err
		}
		if v.defined() {
			results = append(results, v)
		}
	}
	return sequenceOf(results), c.alloc(len(results))
}

func fnFilter(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	l := args[0].list()
	var kept []value
	for i := range l.len() {
		item := l.at(i)
		holds, err := c.holds(args[1], item, number(float64(i)), args[0])
		if err != nil {
			return value{}, err
		}
		if holds {
			kept = append(kept, item)
		}
	}
	return sequenceOf(kept), c.alloc(len(kept))
}

func (c *callContext) holds(fn value, args ...value) (bool, error) {
	v, err := c.hand(fn, args...)
	if err != nil {
		return false, err
	}
	return c.truth(v)
}

func fnSingle(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	l := args[0].list()
	var found value
	any := false
	for i := range l.len() {
		item := l.at(i)
		holds := true
		if args[1].defined() {
			var err error
			if holds, err = c.holds(args[1], item, number(float64(i)), args[0]); err != nil {
				return value{}, err
			}
		}
		if holds && any {
			return value{}, fault("D3138", -1, "single", value{})
		}
		if holds {
			found, any = item, true
		}
	}
	if !any {
		return value{}, fault("D3139", -1, "single", value{})
	}
	return found, nil
}

func fnReduce(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	fn, result, l := args[1], args[2], args[0].list()
	arity := fn.function().arity
	if arity < 2 {
		return value{}, fault("D3050", -1, "reduce", value{})
	}
	i := 0
	if !result.defined() && l.len() > 0 {
		result, i = l.at(0), 1
	}
	for ; i < l.len(); i++ {
		handed := []value{result, l.at(i), number(float64(i)), args[0]}
		var err error
		n := min(arity, len(handed))
		if result, err = c.nested(fn, handed[:n:n]); err != nil {
			return value{}, err
		}
	}
	return result, nil
}
