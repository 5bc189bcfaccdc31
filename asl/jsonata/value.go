package jsonata

import (
	"math"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

type kind uint8

const (
	undefinedKind kind = iota
	nullKind
	boolKind
	numberKind
	stringKind
	arrayKind
	objectKind
	functionKind
)

// String returns the name that $type gives.
func (k kind) String() string {
	return [...]string{"undefined", "null", "boolean", "number", "string", "array", "object", "function"}[k]
}

// A value is what an expression computes with: JSON, a function, or nothing.
// Values are not changed once others can see them, except by the transform
// operator, which works on its own copy.
type value struct {
	kind kind
	num  float64 // of a number; 1 for true
	str  string  // of a string; the literal of a number that came as JSON
	ref  any     // *list, *dict or *function
}

// A list is an array. One that came as JSON is converted when it is read.
type list struct {
	source jsonvalue.Value // an array of JSON, while items is nil
	items  []value
	span   *span // consecutive numbers, while items is nil

	sequence      bool // the result of a query: it collapses when it holds one item or none
	keepSingleton bool // but not when [] asks for an array
	constructed   bool // made by [ ] in the expression: it is not flattened into a path's result
	outer         bool // wraps an array that is the whole input, so that it counts as one
	tuples        []tuple
	isTuples      bool // a stream of tuples, which items leaves empty
}

// A span is consecutive numbers, which are made when they are asked for:
// [1..10000000] may only want to be counted.
type span struct {
	ev    *evaluator
	first float64
	n     int
}

func (l *list) len() int {
	switch {
	case l.isTuples:
		return len(l.tuples)
	case l.span != nil:
		return l.span.n
	case l.items == nil:
		return l.source.Len()
	default:
		return len(l.items)
	}
}

func (l *list) at(i int) value {
	switch {
	case l.isTuples:
		return l.tuples[i].item
	case l.span != nil:
		return number(l.span.first + float64(i))
	case l.items == nil:
		return fromJSON(l.source.At(i))
	default:
		return l.items[i]
	}
}

// all returns the items as a slice that must not be changed.
func (l *list) all() []value {
	if l.span != nil {
		if l.span.ev.alloc(l.span.n) != nil {
			return nil // the evaluation is over: the error comes with the next step
		}
		items := make([]value, l.span.n)
		for i := range items {
			items[i] = l.at(i)
		}
		return items
	}
	if l.items != nil || l.source.Len() == 0 {
		return l.items
	}
	items := make([]value, l.source.Len())
	for i := range items {
		items[i] = fromJSON(l.source.At(i))
	}
	return items
}

// A dict is an object. One that came as JSON is converted when it is read.
type dict struct {
	source jsonvalue.Value // an object of JSON, while changed is false
	own    bool            // keys and values hold the members, not source
	keys   []string
	values []value
	index  map[string]int
}

func (d *dict) len() int {
	if !d.own {
		return d.source.Len()
	}
	return len(d.keys)
}

func (d *dict) at(i int) (string, value) {
	if !d.own {
		key, v := d.source.MemberAt(i)
		return key, fromJSON(v)
	}
	return d.keys[i], d.values[i]
}

// all returns the values as a slice that must not be changed.
func (d *dict) all() []value {
	if d.own {
		return d.values
	}
	values := make([]value, d.len())
	for i := range values {
		_, values[i] = d.at(i)
	}
	return values
}

func (d *dict) get(key string) value {
	if !d.own {
		v, _ := d.source.Get(key)
		return fromJSON(v)
	}
	if i := d.find(key); i >= 0 {
		return d.values[i]
	}
	return value{}
}

const indexedFrom = 12

func (d *dict) find(key string) int {
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}
	for i, k := range d.keys {
		if k == key {
			return i
		}
	}
	return -1
}

// set sets a member of a dict that its maker still owns.
func (d *dict) set(key string, v value) {
	if i := d.find(key); i >= 0 {
		d.values[i] = v
		return
	}
	if d.index != nil {
		d.index[key] = len(d.keys)
	} else if len(d.keys) == indexedFrom {
		d.index = make(map[string]int, 2*indexedFrom)
		for i, k := range d.keys {
			d.index[k] = i
		}
		d.index[key] = len(d.keys)
	}
	d.keys = append(d.keys, key)
	d.values = append(d.values, v)
}

func (d *dict) remove(key string) {
	i := d.find(key)
	if i < 0 {
		return
	}
	d.keys = append(d.keys[:i:i], d.keys[i+1:]...)
	d.values = append(d.values[:i:i], d.values[i+1:]...)
	d.index = nil
	if len(d.keys) > indexedFrom {
		d.index = make(map[string]int, 2*len(d.keys))
		for i, k := range d.keys {
			d.index[k] = i
		}
	}
}

func boolean(b bool) value {
	if b {
		return value{kind: boolKind, num: 1}
	}
	return value{kind: boolKind}
}

func number(f float64) value   { return value{kind: numberKind, num: f} }
func text(s string) value      { return value{kind: stringKind, str: s} }
func null() value              { return value{kind: nullKind} }
func arrayOf(l *list) value    { return value{kind: arrayKind, ref: l} }
func objectOf(d *dict) value   { return value{kind: objectKind, ref: d} }
func funcOf(f *function) value { return value{kind: functionKind, ref: f} }

// plain returns an array that is no sequence.
func plain(items []value) value {
	if items == nil {
		items = []value{}
	}
	return arrayOf(&list{items: items})
}

// sequenceOf returns an array that collapses when it holds one item or none.
func sequenceOf(items []value) value {
	if items == nil {
		items = []value{}
	}
	return arrayOf(&list{items: items, sequence: true})
}

func newDict() *dict { return &dict{own: true} }

func (v value) defined() bool       { return v.kind != undefinedKind }
func (v value) isTrue() bool        { return v.kind == boolKind && v.num == 1 }
func (v value) list() *list         { return v.ref.(*list) }
func (v value) dict() *dict         { return v.ref.(*dict) }
func (v value) function() *function { return v.ref.(*function) }

// isSequence reports whether v is an array that collapses.
func (v value) isSequence() bool { return v.kind == arrayKind && v.list().sequence }

// items returns the items of an array, or v alone as the one item of itself.
// Undefined has none.
func (v value) items() []value {
	switch v.kind {
	case undefinedKind:
		return nil
	case arrayKind:
		return v.list().all()
	default:
		return []value{v}
	}
}

// fromJSON returns v as a value. Nothing is copied.
func fromJSON(v jsonvalue.Value) value {
	switch v.Kind() {
	case jsonvalue.KindNull:
		return null()
	case jsonvalue.KindBool:
		return boolean(v.IsTrue())
	case jsonvalue.KindNumber:
		return value{kind: numberKind, num: v.Float(), str: v.Literal()}
	case jsonvalue.KindString:
		return text(v.Str())
	case jsonvalue.KindArray:
		return arrayOf(&list{source: v})
	case jsonvalue.KindObject:
		return objectOf(&dict{source: v})
	default:
		return value{}
	}
}

// toJSON returns v as JSON. A function is Undefined: it vanishes from objects,
// and is null in arrays. budget is the number of parts that may be converted;
// what is beyond it, or nested too deeply, makes the result false.
func (v value) toJSON(budget *int, depth int) (jsonvalue.Value, bool) {
	if *budget--; *budget < 0 || depth > jsonvalue.MaxDepth {
		return jsonvalue.Value{}, false
	}
	switch v.kind {
	case nullKind:
		return jsonvalue.Null(), true
	case boolKind:
		return jsonvalue.Bool(v.num == 1), true
	case numberKind:
		if v.str != "" {
			return jsonvalue.Number(v.str), true
		}
		return jsonvalue.Float(v.num), true
	case stringKind:
		return jsonvalue.String(v.str), true
	case arrayKind:
		l := v.list()
		if l.items == nil && !l.isTuples && l.span == nil && l.source.IsDefined() {
			return l.source, true
		}
		var b jsonvalue.ArrayBuilder
		b.Grow(l.len())
		for i := range l.len() {
			item, ok := l.at(i).toJSON(budget, depth+1)
			if !ok {
				return jsonvalue.Value{}, false
			}
			b.Append(item)
		}
		return b.Value(), true
	case objectKind:
		d := v.dict()
		if !d.own {
			return d.source, true
		}
		var b jsonvalue.ObjectBuilder
		b.Grow(len(d.keys))
		for i, key := range d.keys {
			member, ok := d.values[i].toJSON(budget, depth+1)
			if !ok {
				return jsonvalue.Value{}, false
			}
			if member.IsDefined() {
				b.Set(key, member)
			}
		}
		return b.Value(), true
	default:
		return jsonvalue.Value{}, true
	}
}

// maxValueDepth bounds how deeply values that an expression makes may be
// nested, wherever something looks into them.
const maxValueDepth = 3000

// enter counts a look into a value that is nested depth deep.
func (ev *evaluator) enter(depth int) error {
	if depth > maxValueDepth {
		return fault("U1001", -1, "", value{}, "a value is nested too deeply")
	}
	return ev.spend(1)
}

// json is toJSON within the limits of the evaluation.
func (ev *evaluator) json(v value) (jsonvalue.Value, error) {
	j, ok := v.toJSON(&ev.steps, 0)
	if !ok {
		return jsonvalue.Value{}, fault("U1001", -1, "", value{}, "a value is too large or nested too deeply")
	}
	return j, nil
}

// truth returns what v counts as in a condition. Undefined is false, and so is
// an array of nothing but what is false.
func (ev *evaluator) truth(v value) (bool, error) { return ev.truthAt(v, 0) }

func (ev *evaluator) truthAt(v value, depth int) (bool, error) {
	switch v.kind {
	case boolKind:
		return v.num == 1, nil
	case numberKind:
		return v.num != 0 && !math.IsNaN(v.num), nil
	case stringKind:
		return v.str != "", nil
	case arrayKind:
		l := v.list()
		for i := range l.len() {
			if err := ev.enter(depth); err != nil {
				return false, err
			}
			if ok, err := ev.truthAt(l.at(i), depth+1); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case objectKind:
		return v.dict().len() > 0, nil
	case functionKind:
		return true, nil // although $boolean of a function is false
	default:
		return false, nil
	}
}

// sameScalar compares values that are neither arrays nor objects.
func sameScalar(a, b value) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case boolKind, numberKind:
		return a.num == b.num
	case stringKind:
		return a.str == b.str
	default:
		return a.ref == b.ref
	}
}

// equal compares deeply; objects regardless of order. Functions equal only
// themselves.
func (ev *evaluator) equal(a, b value) (bool, error) { return ev.equalAt(a, b, 0) }

func (ev *evaluator) equalAt(a, b value, depth int) (bool, error) {
	if err := ev.enter(depth); err != nil {
		return false, err
	}
	if a.kind != b.kind {
		return false, nil
	}
	switch a.kind {
	case arrayKind:
		x, y := a.list(), b.list()
		if x == y {
			return true, nil
		}
		if x.len() != y.len() {
			return false, nil
		}
		for i := range x.len() {
			if same, err := ev.equalAt(x.at(i), y.at(i), depth+1); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	case objectKind:
		x, y := a.dict(), b.dict()
		if x == y {
			return true, nil
		}
		if x.len() != y.len() {
			return false, nil
		}
		for i := range x.len() {
			key, v := x.at(i)
			other := y.get(key)
			if !other.defined() {
				return false, nil
			}
			if same, err := ev.equalAt(v, other, depth+1); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	default:
		return sameScalar(a, b), nil
	}
}

// joined is $append: both are taken as lists, and what is undefined leaves the
// other as it is.
func joined(a, b value) value {
	if !a.defined() {
		return b
	}
	if !b.defined() {
		return a
	}
	left, right := a.items(), b.items()
	items := make([]value, 0, len(left)+len(right))
	items = append(append(items, left...), right...)
	return plain(items)
}
