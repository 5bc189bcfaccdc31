package jsonvalue

import "slices"

// With returns the object v with key set to x: at its old place when the key
// exists, at the end when it is new. If v is not an object, the result is an
// object with that one member. An Undefined x is stored as null.
func (v Value) With(key string, x Value) Value {
	x = x.orNull()
	if v.kind != KindObject || v.node == nil {
		return newObject([]Member{{cleanKey(key), x}})
	}
	old := v.node.members
	if i := v.find(key); i >= 0 {
		members := slices.Clone(old)
		members[i].Value = x
		return newObject(members)
	}
	members := make([]Member, len(old), len(old)+1)
	copy(members, old)
	return newObject(append(members, Member{cleanKey(key), x}))
}

// Without returns the object v without key. It returns v itself when v has no
// such key.
func (v Value) Without(key string) Value {
	i := v.find(key)
	if i < 0 {
		return v
	}
	old := v.node.members
	members := make([]Member, 0, len(old)-1)
	members = append(members, old[:i]...)
	return newObject(append(members, old[i+1:]...))
}

// WithAt returns the array v with element i replaced by x, or v itself when it
// has no element i. An Undefined x is stored as null.
func (v Value) WithAt(i int, x Value) Value {
	if v.node == nil || i < 0 || i >= len(v.node.elements) {
		return v
	}
	elements := slices.Clone(v.node.elements)
	elements[i] = x.orNull()
	return newArray(elements)
}

// Append returns the array v with the elements x at its end. If v is not an
// array, the result is an array of x alone. Whoever appends many times uses an
// ArrayBuilder, since each Append copies.
func (v Value) Append(x ...Value) Value {
	var old []Value
	if v.node != nil {
		old = v.node.elements
	}
	elements := make([]Value, len(old), len(old)+len(x))
	copy(elements, old)
	return newArray(definedCopy(elements, x))
}

// Slice returns the array of the elements from i up to but without j. Bounds
// outside the array are moved to its ends. The result shares its elements with
// v.
func (v Value) Slice(i, j int) Value {
	if v.node == nil || v.kind != KindArray {
		return ArrayOf()
	}
	elements := v.node.elements
	i, j = max(i, 0), min(j, len(elements))
	if i >= j {
		return ArrayOf()
	}
	return newArray(elements[i:j:j])
}

// An ArrayBuilder makes an array of elements that come one by one. The zero
// ArrayBuilder is ready to use; it is not safe for use by several goroutines.
type ArrayBuilder struct {
	elements []Value
}

// Grow makes room for n more elements.
func (b *ArrayBuilder) Grow(n int) { b.elements = slices.Grow(b.elements, n) }

// Append adds elements at the end; an Undefined one as null.
func (b *ArrayBuilder) Append(x ...Value) {
	for _, e := range x {
		b.elements = append(b.elements, e.orNull())
	}
}

// Len returns the number of elements so far.
func (b *ArrayBuilder) Len() int { return len(b.elements) }

// Value returns the array and leaves the builder empty.
func (b *ArrayBuilder) Value() Value {
	v := newArray(b.elements)
	b.elements = nil
	return v
}

// An ObjectBuilder makes an object of members that come one by one. The zero
// ObjectBuilder is ready to use; it is not safe for use by several goroutines.
type ObjectBuilder struct {
	members []Member
	index   map[string]int
}

// Grow makes room for n more members.
func (b *ObjectBuilder) Grow(n int) { b.members = slices.Grow(b.members, n) }

// Len returns the number of members so far.
func (b *ObjectBuilder) Len() int { return len(b.members) }

// Set sets key to x: at its old place when the key exists, at the end when it
// is new. An Undefined x is stored as null.
func (b *ObjectBuilder) Set(key string, x Value) {
	b.set(cleanKey(key), x.orNull())
}

// set is Set for a clean key and a defined value.
func (b *ObjectBuilder) set(key string, x Value) {
	if i := b.find(key); i >= 0 {
		b.members[i].Value = x
		return
	}
	if b.index != nil {
		b.index[key] = len(b.members)
	}
	b.members = append(b.members, Member{key, x})
}

// Get returns what key was last set to.
func (b *ObjectBuilder) Get(key string) (Value, bool) {
	if i := b.find(key); i >= 0 {
		return b.members[i].Value, true
	}
	return Value{}, false
}

func (b *ObjectBuilder) find(key string) int {
	if len(b.members) < indexedFrom {
		for i := range b.members {
			if b.members[i].Key == key {
				return i
			}
		}
		return -1
	}
	if b.index == nil {
		b.index = make(map[string]int, 2*len(b.members))
		for i := range b.members {
			b.index[b.members[i].Key] = i
		}
	}
	if i, ok := b.index[key]; ok {
		return i
	}
	return -1
}

// Value returns the object and leaves the builder empty.
func (b *ObjectBuilder) Value() Value {
	v := newObject(b.members)
	b.members, b.index = nil, nil
	return v
}
