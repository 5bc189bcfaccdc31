package jsonata

import "math"

// A tuple is an item of a path that carries variables: what @, # and % bind.
type tuple struct {
	item value
	vars []variable
}

// with returns t with one more variable. It does not change t.
func (t tuple) with(name string, v value) tuple {
	vars := make([]variable, len(t.vars), len(t.vars)+1)
	copy(vars, t.vars)
	for i := range vars {
		if vars[i].name == name {
			vars[i].value = v
			return tuple{t.item, vars}
		}
	}
	return tuple{t.item, append(vars, variable{name, v})}
}

func (t tuple) frame(parent *frame) *frame { return &frame{parent: parent, vars: t.vars} }

func tupleStream(tuples []tuple) value {
	return arrayOf(&list{tuples: tuples, isTuples: true, sequence: true})
}

// path evaluates the steps of a path one after the other, each for every item
// that the step before it gave.
func (ev *evaluator) path(n *node, input value, f *frame) (value, error) {
	var current value
	var bound []tuple // the items with their variables, once a step binds one
	isBound, started := false, false
	context, from, err := ev.direct(n, input, f)
	switch {
	case err != nil:
		return value{}, err
	case from == len(n.items) || from > 0 && !context.defined():
		return context, nil
	case context.kind == arrayKind && (from > 0 || n.items[0].kind != nodeVariable):
		current = context
	default:
		current = sequenceOf([]value{context})
	}
	for i := from; i < len(n.items); i++ {
		step := n.items[i]
		isBound = isBound || step.tuple
		var err error
		switch {
		case i == 0 && step.constructs:
			current, err = ev.eval(step, current, f)
			if current.kind != arrayKind && len(n.items) > 1 {
				current = sequenceOf(current.items())
			}
		case isBound:
			bound, err = ev.boundStep(step, current, bound, started, f)
			started = true
		default:
			current, err = ev.step(step, current, f, i == len(n.items)-1)
		}
		if err != nil {
			return value{}, err
		}
		if !isBound && (!current.defined() || current.kind == arrayKind && current.list().len() == 0) {
			break
		}
	}
	if isBound {
		if n.tuple {
			current = tupleStream(bound)
		} else {
			items := make([]value, len(bound))
			for i, t := range bound {
				items[i] = t.item
			}
			current = sequenceOf(items)
		}
	}
	if n.keepSingleton && current.kind == arrayKind {
		kept := *current.list()
		if kept.constructed && !kept.sequence {
			kept = list{items: []value{current}, sequence: true}
		}
		kept.keepSingleton = true
		current = arrayOf(&kept)
	}
	if n.group != nil {
		if isBound {
			current = tupleStream(bound)
		}
		return ev.group(n.group, current, f)
	}
	return current, nil
}

// direct goes along the first steps of a path as long as they are plain names
// and lead from one value to one value, which needs no sequences. It returns
// where it came to, and which step comes next.
func (ev *evaluator) direct(n *node, input value, f *frame) (value, int, error) {
	if n.keepSingleton || n.keepArray || n.group != nil {
		return input, 0, nil
	}
	context := input
	for i, step := range n.items {
		if !step.isPlain() || context.kind == arrayKind && step.kind != nodeVariable {
			return context, i, nil
		}
		if err := ev.spend(1); err != nil {
			return value{}, 0, at(err, step.pos, "")
		}
		var next value
		switch {
		case step.kind == nodeName && context.kind == objectKind:
			next = context.dict().get(step.text)
		case step.kind == nodeVariable && i == 0 && step.text != "" && step.text != "$":
			next = ev.lookup(f, step.text)
		case step.kind == nodeVariable:
			return context, i, nil
		}
		if next.isSequence() {
			return context, i, nil
		}
		context = next
		if !context.defined() {
			return value{}, i + 1, nil
		}
	}
	return context, len(n.items), nil
}

// isPlain reports whether n is a name or a variable with nothing after it.
func (n *node) isPlain() bool {
	return (n.kind == nodeName || n.kind == nodeVariable) && !n.tuple && !n.keepArray &&
		n.stages == nil && n.filter == nil && n.group == nil
}

// step evaluates one step for each item of the input.
func (ev *evaluator) step(step *node, input value, f *frame, isLast bool) (value, error) {
	if step.kind == nodeSort {
		sorted, err := ev.sort(step, input, f)
		if err != nil {
			return value{}, err
		}
		return ev.stages(step.stages, sorted, f)
	}
	l := input.list()
	results := make([]value, 0, l.len())
	for i := range l.len() {
		v, err := ev.eval(step, l.at(i), f)
		if err != nil {
			return value{}, err
		}
		for _, s := range step.stages {
			if v, err = ev.filter(s.filter, v, f); err != nil {
				return value{}, err
			}
		}
		if v.defined() {
			results = append(results, v)
		}
	}
	if isLast && len(results) == 1 && results[0].kind == arrayKind && !results[0].isSequence() {
		return results[0], nil
	}
	if len(results) == 1 && results[0].kind != arrayKind {
		return sequenceOf(results), nil
	}
	return ev.spread(results)
}

// spread makes one sequence of results: of arrays their items, unless they were
// constructed in the expression.
func (ev *evaluator) spread(results []value) (value, error) {
	n := 0
	for _, v := range results {
		if v.kind == arrayKind && !v.list().constructed {
			n += v.list().len()
		} else {
			n++
		}
	}
	if err := ev.alloc(n); err != nil {
		return value{}, err
	}
	items := make([]value, 0, n)
	for _, v := range results {
		if v.kind == arrayKind && !v.list().constructed {
			items = append(items, v.items()...)
		} else {
			items = append(items, v)
		}
	}
	return sequenceOf(items), nil
}

// stages applies filters to a whole sequence.
func (ev *evaluator) stages(stages []stage, v value, f *frame) (value, error) {
	for _, s := range stages {
		if s.filter != nil {
			var err error
			if v, err = ev.filter(s.filter, v, f); err != nil {
				return value{}, err
			}
			continue
		}
		if v.kind != arrayKind || !v.list().isTuples {
			continue
		}
		tuples := make([]tuple, v.list().len())
		for i, t := range v.list().tuples {
			tuples[i] = t.with(s.index, number(float64(i)))
		}
		if err := ev.alloc(2 * len(tuples)); err != nil {
			return value{}, err
		}
		v = tupleStream(tuples)
	}
	return v, nil
}

// boundStep evaluates one step for each tuple. Where there are none yet, it
// makes them of the items of the input.
func (ev *evaluator) boundStep(step *node, input value, bound []tuple, started bool, f *frame) ([]tuple, error) {
	var results []tuple
	if step.kind == nodeSort {
		if started {
			sorted, err := ev.sort(step, tupleStream(bound), f)
			if err != nil {
				return nil, err
			}
			results = sorted.list().tuples
		} else {
			sorted, err := ev.sort(step, input, f)
			if err != nil {
				return nil, err
			}
			for i, item := range sorted.items() {
				t := tuple{item: item}
				if step.index != "" {
					t = t.with(step.index, number(float64(i)))
				}
				results = append(results, t)
			}
		}
		return ev.boundStages(step, results, f)
	}
	if !started {
		for _, item := range input.items() {
			bound = append(bound, tuple{item: item})
		}
	}
	for _, t := range bound {
		v, err := ev.eval(step, t.item, t.frame(f))
		if err != nil {
			return nil, err
		}
		if !v.defined() {
			continue
		}
		if err := ev.alloc(3 * len(v.items())); err != nil {
			return nil, err
		}
		if v.kind == arrayKind && v.list().isTuples {
			for _, inner := range v.list().tuples {
				next := tuple{inner.item, t.vars}
				for _, x := range inner.vars {
					next = next.with(x.name, x.value)
				}
				results = append(results, ev.bindStep(step, next, t, -1))
			}
			continue
		}
		for i, item := range v.items() {
			next := tuple{item, t.vars}
			if step.focus != "" {
				next = tuple{t.item, t.vars}.with(step.focus, item)
			}
			results = append(results, ev.bindStep(step, next, t, i))
		}
	}
	return ev.boundStages(step, results, f)
}

// bindStep adds to a tuple what the step binds besides its focus.
func (ev *evaluator) bindStep(step *node, next, from tuple, i int) tuple {
	if step.index != "" && i >= 0 {
		next = next.with(step.index, number(float64(i)))
	}
	if step.ancestor != nil {
		next = next.with(step.ancestor.label, from.item)
	}
	return next
}

func (ev *evaluator) boundStages(step *node, results []tuple, f *frame) ([]tuple, error) {
	if len(step.stages) == 0 {
		return results, nil
	}
	v, err := ev.stages(step.stages, tupleStream(results), f)
	if err != nil {
		return nil, err
	}
	return v.list().tuples, nil
}

// filter keeps of v the item at an index, or the items for which test holds.
func (ev *evaluator) filter(test *node, v value, f *frame) (value, error) {
	bound := v.kind == arrayKind && v.list().isTuples
	var l *list
	if v.kind == arrayKind {
		l = v.list()
	} else {
		l = &list{items: []value{v}}
	}
	if test.kind == nodeNumber {
		return pick(l, test.num, bound), nil
	}
	var items []value
	var tuples []tuple
	for i := range l.len() {
		inner := f
		if bound {
			inner = l.tuples[i].frame(f)
		}
		result, err := ev.eval(test, l.at(i), inner)
		if err != nil {
			return value{}, err
		}
		times, err := ev.selected(result, i, l.len())
		if err != nil {
			return value{}, err
		}
		for range times {
			if bound {
				tuples = append(tuples, l.tuples[i])
			} else if l.at(i).defined() {
				items = append(items, l.at(i))
			}
		}
	}
	if err := ev.alloc(len(items) + len(tuples)); err != nil {
		return value{}, err
	}
	if bound {
		return tupleStream(tuples), nil
	}
	return sequenceOf(items), nil
}

// pick returns the item at an index, counted from the end if negative.
func pick(l *list, index float64, bound bool) value {
	i := int(math.Floor(index))
	if i < 0 {
		i += l.len()
	}
	if i < 0 || i >= l.len() {
		return sequenceOf(nil)
	}
	if bound {
		return tupleStream(l.tuples[i : i+1])
	}
	item := l.at(i)
	switch item.kind {
	case undefinedKind:
		return sequenceOf(nil)
	case arrayKind:
		return item
	default:
		return sequenceOf([]value{item})
	}
}

// selected returns how often the result of a test selects item i of n: numbers
// are indexes, anything else is a condition.
func (ev *evaluator) selected(result value, i, n int) (int, error) {
	var indexes []value
	switch {
	case result.kind == numberKind:
		indexes = []value{result}
	case result.kind == arrayKind && result.list().len() > 0:
		l := result.list()
		if err := ev.spend(l.len()); err != nil {
			return 0, err
		}
		indexes = l.all()
		for _, x := range indexes {
			if x.kind != numberKind {
				indexes = nil
				break
			}
		}
	}
	if indexes == nil {
		holds, err := ev.truth(result)
		if holds {
			return 1, err
		}
		return 0, err
	}
	times := 0
	for _, x := range indexes {
		at := math.Floor(x.num)
		if at < 0 {
			at += float64(n)
		}
		if at == float64(i) {
			times++
		}
	}
	return times, nil
}
