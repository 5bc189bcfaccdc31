package jsonata

import (
	"math"
	"strconv"
	"strings"
)

// evaluator is one evaluation of an expression.
type evaluator struct {
	env       Env
	root      value                  // $$
	functions []map[string]*function // what $name may mean, the first that has it wins

	steps  int   // left
	memory int   // bytes left
	depth  int   // left
	over   error // set once a limit was exceeded, which ends the evaluation
}

func newEvaluator(env Env, states bool) (*evaluator, error) {
	or := func(limit, otherwise int) int {
		if limit <= 0 {
			return otherwise
		}
		return limit
	}
	ev := &evaluator{
		env:    env,
		steps:  or(env.Limits.Steps, DefaultSteps),
		depth:  or(env.Limits.Depth, DefaultDepth),
		memory: or(env.Limits.Memory, DefaultMemory),
	}
	if len(env.Functions) > 0 {
		custom := make(map[string]*function, len(env.Functions))
		for name, f := range env.Functions {
			var err error
			if custom[name], err = customFunction(name, f); err != nil {
				return nil, err
			}
		}
		ev.functions = append(ev.functions, custom)
	}
	if states {
		ev.functions = append(ev.functions, statesFunctions)
	}
	ev.functions = append(ev.functions, builtins)
	return ev, nil
}

// spend counts n steps.
func (ev *evaluator) spend(n int) error {
	if ev.steps -= n; ev.steps < 0 && ev.over == nil {
		ev.over = fault("U1001", -1, "", value{}, "the expression takes too many steps: check for functions that never end")
	}
	return ev.over
}

const valueBytes = 48

// alloc counts n values that are about to be made.
func (ev *evaluator) alloc(n int) error { return ev.allocBytes(n * valueBytes) }

func (ev *evaluator) allocBytes(n int) error {
	if ev.memory -= n; (ev.memory < 0 || n < 0) && ev.over == nil {
		ev.over = fault("U1001", -1, "", value{}, "the expression makes too much data")
	}
	return ev.over
}

// A frame holds the variables of a block or of a call.
type frame struct {
	parent *frame
	vars   []variable
}

type variable struct {
	name  string
	value value
}

func (f *frame) bind(name string, v value) {
	for i := range f.vars {
		if f.vars[i].name == name {
			f.vars[i].value = v
			return
		}
	}
	f.vars = append(f.vars, variable{name, v})
}

// lookup returns the value of $name: of the nearest frame, then of the caller's
// variables and functions, then what is built in.
func (ev *evaluator) lookup(f *frame, name string) value {
	for ; f != nil; f = f.parent {
		for i := range f.vars {
			if f.vars[i].name == name {
				return f.vars[i].value
			}
		}
	}
	if ev.env.Variable != nil {
		if v, ok := ev.env.Variable(name); ok {
			return fromJSON(v)
		}
	}
	for _, functions := range ev.functions {
		if fn, ok := functions[name]; ok {
			return funcOf(fn)
		}
	}
	return value{}
}

// eval returns the value of n for the context input. A sequence collapses: to
// nothing when it is empty, to its item when it has one.
func (ev *evaluator) eval(n *node, input value, f *frame) (value, error) {
	if err := ev.spend(1); err != nil {
		return value{}, at(err, n.pos, "")
	}
	if ev.depth--; ev.depth < 0 {
		ev.depth++
		return value{}, fault("U1001", n.pos, "", value{}, "the expression is nested too deeply: check for functions that never end")
	}
	v, err := ev.evalNode(n, input, f)
	if err == nil {
		v, err = ev.finish(n, v, f)
	}
	ev.depth++
	return v, err
}

// finish applies to a value what follows the node: filters, a group, [].
func (ev *evaluator) finish(n *node, v value, f *frame) (value, error) {
	var err error
	for _, s := range n.filter {
		if v, err = ev.filter(s.filter, v, f); err != nil {
			return value{}, err
		}
	}
	if n.kind != nodePath && n.group != nil {
		if v, err = ev.group(n.group, v, f); err != nil {
			return value{}, err
		}
	}
	if !v.isSequence() {
		return v, nil
	}
	l := v.list()
	if l.isTuples {
		return v, nil
	}
	if n.keepArray && !l.keepSingleton {
		kept := *l
		kept.keepSingleton = true
		l, v = &kept, arrayOf(&kept)
	}
	switch {
	case l.len() == 0:
		return value{}, nil
	case l.len() == 1 && !l.keepSingleton:
		return l.at(0), nil
	default:
		return v, nil
	}
}

func (ev *evaluator) evalNode(n *node, input value, f *frame) (value, error) {
	switch n.kind {
	case nodePath:
		return ev.path(n, input, f)
	case nodeName:
		return ev.field(n.text, input)
	case nodeString, nodeNumber, nodeConstant:
		return n.literal(), nil
	case nodeVariable:
		switch n.text {
		case "":
			return unwrapped(input), nil
		case "$":
			return ev.root, nil
		}
		return ev.lookup(f, n.text), nil
	case nodeRegex:
		return funcOf(regexFunction(n.regex)), nil
	case nodeWildcard:
		return ev.wildcard(input)
	case nodeDescendants:
		return ev.descendants(input)
	case nodeParent:
		return ev.lookup(f, n.slot.label), nil
	case nodeBinary:
		return ev.binary(n, input, f)
	case nodeNegate:
		return ev.negate(n, input, f)
	case nodeArray:
		return ev.array(n, input, f)
	case nodeObject:
		return ev.group(n, input, f)
	case nodeBlock:
		return ev.block(n, input, f)
	case nodeCondition:
		chosen, err := ev.choose(n, input, f)
		if err != nil || chosen == nil {
			return value{}, err
		}
		return ev.eval(chosen, input, f)
	case nodeBind:
		v, err := ev.eval(n.right, input, f)
		if err != nil {
			return value{}, err
		}
		f.bind(n.left.text, v)
		return v, nil
	case nodeCall:
		return ev.call(n, input, f, value{}, false)
	case nodePartial:
		return ev.partial(n, input, f)
	case nodeLambda:
		return funcOf(&function{lambda: n, frame: f, input: input, signature: n.signature, arity: len(n.items)}), nil
	case nodeApply:
		return ev.applyOperator(n, input, f)
	case nodeTransform:
		return funcOf(ev.transformer(n, f)), nil
	case nodeSort:
		return ev.sort(n, input, f)
	default:
		panic("jsonata: node of kind " + strconv.Itoa(int(n.kind)))
	}
}

// unwrapped returns the array that is the whole input, where input wraps it.
func unwrapped(input value) value {
	if input.kind == arrayKind && input.list().outer {
		return input.list().at(0)
	}
	return input
}

// choose returns the branch of a condition to go on with, nil for none.
func (ev *evaluator) choose(n *node, input value, f *frame) (*node, error) {
	test, err := ev.eval(n.left, input, f)
	if err != nil {
		return nil, err
	}
	holds, err := ev.truth(test)
	if err != nil {
		return nil, err
	}
	if holds {
		return n.right, nil
	}
	return n.third, nil
}

func (ev *evaluator) block(n *node, input value, f *frame) (value, error) {
	if n.binds {
		f = &frame{parent: f}
	}
	var v value
	for _, statement := range n.items {
		var err error
		if v, err = ev.eval(statement, input, f); err != nil {
			return value{}, err
		}
	}
	return v, nil
}

func (ev *evaluator) array(n *node, input value, f *frame) (value, error) {
	items := make([]value, 0, len(n.items))
	for _, item := range n.items {
		v, err := ev.eval(item, input, f)
		if err != nil {
			return value{}, err
		}
		if !v.defined() {
			continue
		}
		if item.kind == nodeArray || v.kind != arrayKind {
			if err := ev.alloc(1); err != nil {
				return value{}, at(err, n.pos, "")
			}
			items = append(items, v)
			continue
		}
		l := v.list()
		if len(n.items) == 1 && !l.isTuples { // nothing to copy
			return arrayOf(&list{source: l.source, items: l.items, span: l.span, constructed: n.constructs}), nil
		}
		if err := ev.alloc(l.len()); err != nil {
			return value{}, at(err, n.pos, "")
		}
		items = append(items, l.all()...)
	}
	return arrayOf(&list{items: items, constructed: n.constructs}), nil
}

func (ev *evaluator) negate(n *node, input value, f *frame) (value, error) {
	v, err := ev.eval(n.left, input, f)
	if err != nil || !v.defined() {
		return value{}, err
	}
	if v.kind != numberKind {
		return value{}, fault("D1002", n.pos, "-", v)
	}
	return number(-v.num), nil
}

func (ev *evaluator) binary(n *node, input value, f *frame) (value, error) {
	left, err := ev.eval(n.left, input, f)
	if err != nil {
		return value{}, err
	}
	if n.text == "and" || n.text == "or" {
		return ev.logic(n, left, input, f)
	}
	right, err := ev.eval(n.right, input, f)
	if err != nil {
		return value{}, err
	}
	switch n.text {
	case "+", "-", "*", "/", "%":
		return arithmetic(n, left, right)
	case "=", "!=":
		if !left.defined() || !right.defined() {
			return boolean(false), nil
		}
		same, err := ev.equal(left, right)
		return boolean(same == (n.text == "=")), at(err, n.pos, n.text)
	case "<", "<=", ">", ">=":
		return compare(n, left, right)
	case "&":
		return ev.concat(left, right)
	case "..":
		return ev.rangeOf(n, left, right)
	case "in":
		return boolean(contains(right, left)), nil
	default:
		panic("jsonata: operator " + n.text)
	}
}

// logic evaluates the right side only where the left side leaves the result
// open.
func (ev *evaluator) logic(n *node, left, input value, f *frame) (value, error) {
	holds, err := ev.truth(left)
	if err != nil || holds == (n.text == "or") {
		return boolean(holds), err
	}
	right, err := ev.eval(n.right, input, f)
	if err != nil {
		return value{}, err
	}
	holds, err = ev.truth(right)
	return boolean(holds), err
}

// isNumber reports whether an operand can be calculated with.
func isNumber(v value) (bool, error) {
	if v.kind != numberKind || math.IsNaN(v.num) {
		return false, nil
	}
	if math.IsInf(v.num, 0) {
		return false, fault("D1001", -1, "", text(strconv.FormatFloat(v.num, 'g', -1, 64)))
	}
	return true, nil
}

func arithmetic(n *node, left, right value) (value, error) {
	if err := operand(n, left, "T2001"); err != nil {
		return value{}, err
	}
	if err := operand(n, right, "T2002"); err != nil {
		return value{}, err
	}
	if !left.defined() || !right.defined() {
		return value{}, nil
	}
	a, b := left.num, right.num
	switch n.text {
	case "+":
		return number(a + b), nil
	case "-":
		return number(a - b), nil
	case "*":
		return number(a * b), nil
	case "/":
		return number(a / b), nil
	default:
		return number(math.Mod(a, b)), nil
	}
}

// operand refuses what is neither a number nor undefined, with code.
func operand(n *node, v value, code string) error {
	ok, err := isNumber(v)
	if err != nil {
		return at(err, n.pos, n.text)
	}
	if v.defined() && !ok {
		return fault(code, n.pos, n.text, v)
	}
	return nil
}

func compare(n *node, left, right value) (value, error) {
	for _, v := range []value{left, right} {
		if v.defined() && v.kind != stringKind && v.kind != numberKind {
			return value{}, fault("T2010", n.pos, n.text, v)
		}
	}
	if !left.defined() || !right.defined() {
		return value{}, nil
	}
	if left.kind != right.kind {
		return value{}, fault("T2009", n.pos, n.text, plain([]value{left, right}))
	}
	less, more := left.num < right.num, left.num > right.num
	if left.kind == stringKind {
		c := compareUTF16(left.str, right.str)
		less, more = c < 0, c > 0
	}
	switch n.text {
	case "<":
		return boolean(less), nil
	case "<=":
		return boolean(!more), nil
	case ">":
		return boolean(more), nil
	default:
		return boolean(!less), nil
	}
}

// compareUTF16 orders texts by their UTF-16 units, as JavaScript does. That
// differs from the order of their bytes only where characters beyond the first
// plane meet those from U+E000 on.
func compareUTF16(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i < len(a) && i < len(b) && (a[i] >= 0xEE || b[i] >= 0xEE) {
		x, y := a[i], b[i]
		if x >= 0xF0 && y >= 0xEE && y < 0xF0 {
			return -1
		}
		if y >= 0xF0 && x >= 0xEE && x < 0xF0 {
			return 1
		}
	}
	return strings.Compare(a[i:], b[i:])
}

func (ev *evaluator) concat(left, right value) (value, error) {
	a, err := ev.text(left)
	if err != nil {
		return value{}, err
	}
	b, err := ev.text(right)
	if err != nil {
		return value{}, err
	}
	if err := ev.allocBytes(len(a) + len(b)); err != nil {
		return value{}, err
	}
	return text(a + b), nil
}

const maxRange = 10_000_000

func (ev *evaluator) rangeOf(n *node, left, right value) (value, error) {
	for i, v := range []value{left, right} {
		if v.defined() && (v.kind != numberKind || v.num != math.Trunc(v.num) || math.IsInf(v.num, 0)) {
			return value{}, fault([]string{"T2003", "T2004"}[i], n.pos, "..", v)
		}
	}
	if !left.defined() || !right.defined() || left.num > right.num {
		return value{}, nil
	}
	size := right.num - left.num + 1
	if size > maxRange {
		return value{}, fault("D2014", n.pos, "..", number(size))
	}
	return arrayOf(&list{span: &span{ev, left.num, int(size)}, sequence: true}), nil
}

// contains is the operator "in": whether one of the items of list is v. Arrays
// and objects are compared by identity, as the reference does.
func contains(list, v value) bool {
	for _, item := range list.items() {
		if sameScalar(item, v) {
			return true
		}
	}
	return false
}

// field returns a member of an object, and of each object in an array.
func (ev *evaluator) field(name string, input value) (value, error) {
	switch input.kind {
	case objectKind:
		return input.dict().get(name), nil
	case arrayKind:
		var found []value
		l := input.list()
		if err := ev.spend(l.len()); err != nil {
			return value{}, err
		}
		for i := range l.len() {
			v, err := ev.field(name, l.at(i))
			if err != nil {
				return value{}, err
			}
			if v.defined() {
				items := v.items()
				if err := ev.alloc(len(items)); err != nil {
					return value{}, err
				}
				found = append(found, items...)
			}
		}
		return sequenceOf(found), nil
	default:
		return value{}, nil
	}
}

// wildcard returns all members of an object, with arrays among them flattened.
// The result only collapses if there was no array, as the reference has it.
func (ev *evaluator) wildcard(input value) (value, error) {
	input = unwrapped(input)
	var members []value
	switch input.kind {
	case arrayKind:
		members = input.items()
	case objectKind:
		members = input.dict().all()
	}
	found := []value{}
	flat := true
	for _, v := range members {
		flat = flat && v.kind != arrayKind
		var err error
		if found, err = ev.flatten(found, v, 0); err != nil {
			return value{}, err
		}
	}
	return arrayOf(&list{items: found, sequence: flat}), nil
}

// flatten appends v, or its items where it is an array, and those of the arrays
// inside it.
func (ev *evaluator) flatten(dst []value, v value, depth int) ([]value, error) {
	if err := ev.enter(depth); err != nil {
		return nil, err
	}
	if v.kind != arrayKind {
		return append(dst, v), ev.alloc(1)
	}
	l := v.list()
	for i := range l.len() {
		var err error
		if dst, err = ev.flatten(dst, l.at(i), depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// descendants returns input and everything below it, except arrays.
func (ev *evaluator) descendants(input value) (value, error) {
	if !input.defined() {
		return value{}, nil
	}
	found, err := ev.descend(nil, input, 0)
	if err != nil {
		return value{}, err
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return sequenceOf(found), nil
}

func (ev *evaluator) descend(dst []value, v value, depth int) ([]value, error) {
	err := ev.enter(depth)
	if err == nil {
		err = ev.alloc(1)
	}
	if err != nil {
		return nil, err
	}
	switch v.kind {
	case arrayKind:
		l := v.list()
		for i := range l.len() {
			if dst, err = ev.descend(dst, l.at(i), depth+1); err != nil {
				return nil, err
			}
		}
	case objectKind:
		dst = append(dst, v)
		d := v.dict()
		for i := range d.len() {
			if _, member := d.at(i); member.defined() {
				if dst, err = ev.descend(dst, member, depth+1); err != nil {
					return nil, err
				}
			}
		}
	case functionKind:
	default:
		dst = append(dst, v)
	}
	return dst, nil
}

// text returns v as $string prints it, "" for what is undefined.
func (ev *evaluator) text(v value) (string, error) {
	switch v.kind {
	case stringKind:
		return v.str, nil
	case undefinedKind:
		return "", nil
	default:
		return ev.print(v, false)
	}
}
