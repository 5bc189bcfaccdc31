// Package jsonvalue is the JSON value that state data is made of: immutable,
// in the order its keys were written, with its numbers as they were written.
//
// A Value never changes. The methods that look like changes (With, Without,
// WithAt, Append) return a new value that shares what is alike with the old
// one, so values may be kept, compared and handed to other goroutines freely.
// Every value knows the size of its JSON text, because the services that
// exchange state data limit it by size.
//
// The zero Value is Undefined: the absence of a value, which JSON cannot say
// and query languages need.
package jsonvalue

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"sync/atomic"
)

// Kind tells what a Value is.
type Kind uint8

// The kinds of values. KindUndefined is the kind of the zero Value.
const (
	KindUndefined Kind = iota
	KindNull
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
)

// String returns the kind's name in lower case: "undefined", "null",
// "boolean", "number", "string", "array" or "object".
func (k Kind) String() string {
	switch k {
	case KindUndefined:
		return "undefined"
	case KindNull:
		return "null"
	case KindBool:
		return "boolean"
	case KindNumber:
		return "number"
	case KindString:
		return "string"
	case KindArray:
		return "array"
	case KindObject:
		return "object"
	default:
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
}

// A Value is one JSON value, or Undefined. It is immutable and as cheap to copy
// as four words.
type Value struct {
	kind Kind
	size uint32 // bytes of the compact JSON text, saturated
	text string // the content of a string; the literal of anything else scalar
	node *node  // what an array or object holds; nil when it is empty
}

// node holds the content of an array or an object.
type node struct {
	elements []Value
	members  []Member
	index    atomic.Pointer[map[string]int] // built by the first look-up in a large object
}

// A Member is a key of an object with its value.
type Member struct {
	Key   string
	Value Value
}

// indexedFrom is the number of keys from which an object's look-ups go through
// an index. Below it, comparing keys one by one is as fast.
const indexedFrom = 17

var (
	null       = Value{kind: KindNull, size: 4, text: "null"}
	trueValue  = Value{kind: KindBool, size: 4, text: "true"}
	falseValue = Value{kind: KindBool, size: 5, text: "false"}
)

// Null returns the JSON null.
func Null() Value { return null }

// Bool returns true or false as a value.
func Bool(b bool) Value {
	if b {
		return trueValue
	}
	return falseValue
}

// String returns s as a value. Bytes that are not UTF-8 become U+FFFD, except
// that a surrogate half in its three-byte form (as Parse makes it of an escape
// such as "\ud83d") stays, and is written as an escape again.
func String(s string) Value {
	s, size := wellFormed(s)
	return Value{kind: KindString, size: size, text: s}
}

// Int returns the whole number n.
func Int(n int64) Value { return numberOf(strconv.FormatInt(n, 10)) }

// Float returns f in the shortest form that reads back as f, written as
// JavaScript does: without a fraction when f is whole, with an exponent from
// 1e21 on and below 1e-6. What JSON has no number for (NaN, the infinities)
// becomes null.
func Float(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return null
	}
	return numberOf(FormatFloat(f))
}

// FormatFloat returns a finite f as Float writes it.
func FormatFloat(f float64) string {
	if f == 0 {
		return "0" // and not "-0"
	}
	if a := math.Abs(f); a < 1e15 && a == math.Trunc(a) {
		return strconv.FormatInt(int64(f), 10)
	} else if a >= 1e-6 && a < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	// Go writes at least two digits of the exponent: 1e-07.
	if n := len(text); n > 3 && text[n-2] == '0' && (text[n-3] == '-' || text[n-3] == '+') {
		text = text[:n-2] + text[n-1:]
	}
	return text
}

// Number returns the number that literal writes, keeping its form: "1.50" stays
// "1.50". The literal must follow the JSON grammar; Undefined is returned where
// it does not.
func Number(literal string) Value {
	if end, ok := scanNumber(literal, 0); !ok || end != len(literal) {
		return Value{}
	}
	return numberOf(literal)
}

func numberOf(literal string) Value {
	return Value{kind: KindNumber, size: clampSize(len(literal)), text: literal}
}

// ArrayOf returns an array of the given elements. An Undefined element is
// stored as null.
func ArrayOf(elements ...Value) Value {
	return newArray(definedCopy(nil, elements))
}

// ObjectOf returns an object of the given members in their order. Where a key
// is repeated, the last value counts, at the place of the first. An Undefined
// value is stored as null.
func ObjectOf(members ...Member) Value {
	var b ObjectBuilder
	b.Grow(len(members))
	for _, m := range members {
		b.Set(m.Key, m.Value)
	}
	return b.Value()
}

// newArray owns elements.
func newArray(elements []Value) Value {
	size := uint32(2)
	for i := range elements {
		size = addSize(size, elements[i].size)
	}
	if n := len(elements); n > 1 {
		size = addSize(size, clampSize(n-1))
	}
	if len(elements) == 0 {
		return Value{kind: KindArray, size: size}
	}
	return Value{kind: KindArray, size: size, node: &node{elements: elements}}
}

// newObject owns members, whose keys are distinct.
func newObject(members []Member) Value {
	size := uint32(2)
	for i := range members {
		size = addSize(size, addSize(textSize(members[i].Key), 1))
		size = addSize(size, members[i].Value.size)
	}
	if n := len(members); n > 1 {
		size = addSize(size, clampSize(n-1))
	}
	if len(members) == 0 {
		return Value{kind: KindObject, size: size}
	}
	return Value{kind: KindObject, size: size, node: &node{members: members}}
}

func definedCopy(dst, elements []Value) []Value {
	dst = slices.Grow(dst, len(elements))
	for _, e := range elements {
		dst = append(dst, e.orNull())
	}
	return dst
}

func (v Value) orNull() Value {
	if v.kind == KindUndefined {
		return null
	}
	return v
}

// Kind returns what v is.
func (v Value) Kind() Kind { return v.kind }

// IsDefined reports whether v is a value at all: not Undefined.
func (v Value) IsDefined() bool { return v.kind != KindUndefined }

// IsTrue reports whether v is the boolean true.
func (v Value) IsTrue() bool { return v.kind == KindBool && v.text == "true" }

// Str returns the content of a string, and "" for anything else.
func (v Value) Str() string {
	if v.kind != KindString {
		return ""
	}
	return v.text
}

// Text returns the content of a string, and the JSON text of anything else.
func (v Value) Text() string {
	if v.kind == KindString {
		return v.text
	}
	return v.String()
}

// Literal returns a number as it was written, and "" for anything else.
func (v Value) Literal() string {
	if v.kind != KindNumber {
		return ""
	}
	return v.text
}

// Float returns a number as the nearest float64, an infinity where it is out of
// range, and 0 for anything but a number.
func (v Value) Float() float64 {
	if v.kind != KindNumber {
		return 0
	}
	if n, ok := smallInt(v.text); ok {
		return float64(n)
	}
	f, _ := strconv.ParseFloat(v.text, 64) // an error can only mean out of range: f is ±Inf
	return f
}

// smallInt reads the common case, a whole number of up to 15 digits.
func smallInt(s string) (int64, bool) {
	digits := s
	if s != "" && s[0] == '-' {
		digits = s[1:]
	}
	if digits == "" || len(digits) > 15 || (digits == "0" && s != "0") {
		return 0, false // "-0" is left to the float parser, which keeps its sign
	}
	var n int64
	for i := range len(digits) {
		c := digits[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) != len(s) {
		n = -n
	}
	return n, true
}

// Int returns the number v when its value is whole and fits an int64, however
// it is written: 3, 3.0 and 30e-1 are all 3.
func (v Value) Int() (int64, bool) {
	if v.kind != KindNumber {
		return 0, false
	}
	if n, ok := smallInt(v.text); ok {
		return n, true
	}
	if n, err := strconv.ParseInt(v.text, 10, 64); err == nil {
		return n, true
	}
	return decimalOf(v.text).int64()
}

// Len returns the number of elements of an array or of members of an object,
// and 0 for anything else.
func (v Value) Len() int {
	if v.node == nil {
		return 0
	}
	return len(v.node.elements) + len(v.node.members) // one of them is nil
}

// At returns element i of an array, and Undefined where there is none.
func (v Value) At(i int) Value {
	if v.node == nil || i < 0 || i >= len(v.node.elements) {
		return Value{}
	}
	return v.node.elements[i]
}

// MemberAt returns member i of an object in its order, and an empty key with
// Undefined where there is none.
func (v Value) MemberAt(i int) (string, Value) {
	if v.node == nil || i < 0 || i >= len(v.node.members) {
		return "", Value{}
	}
	m := &v.node.members[i]
	return m.Key, m.Value
}

// Get returns the value at key of an object. It is Undefined and false where
// the object has no such key, or v is no object.
func (v Value) Get(key string) (Value, bool) {
	if i := v.find(key); i >= 0 {
		return v.node.members[i].Value, true
	}
	return Value{}, false
}

// find returns the position of key among the members, or -1.
func (v Value) find(key string) int {
	if v.node == nil {
		return -1
	}
	members := v.node.members
	if len(members) < indexedFrom {
		for i := range members {
			if members[i].Key == key {
				return i
			}
		}
		return -1
	}
	index := v.node.index.Load()
	if index == nil {
		built := make(map[string]int, len(members))
		for i := range members {
			built[members[i].Key] = i
		}
		index = &built
		v.node.index.Store(index)
	}
	if i, ok := (*index)[key]; ok {
		return i
	}
	return -1
}

// Elements iterates over the elements of an array, and over nothing for
// anything else.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.node == nil {
			return
		}
		for _, e := range v.node.elements {
			if !yield(e) {
				return
			}
		}
	}
}

// Members iterates over the keys and values of an object in their order, and
// over nothing for anything else.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.node == nil {
			return
		}
		for i := range v.node.members {
			m := &v.node.members[i]
			if !yield(m.Key, m.Value) {
				return
			}
		}
	}
}

// Size returns the number of bytes of v's compact JSON text. It is known, not
// counted. A value of more than 4 GiB, which sharing can make of little memory,
// reports 4 GiB − 1; Undefined reports 0.
func (v Value) Size() int { return int(v.size) }

func clampSize(n int) uint32 {
	if uint64(n) > math.MaxUint32 {
		return math.MaxUint32
	}
	return uint32(n)
}

func addSize(a, b uint32) uint32 {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxUint32
}
