package jsonvalue

import (
	"hash/maphash"
	"strconv"
	"strings"
)

// Equal reports whether a and b are the same value: numbers by what they are
// worth and not how they are written (1, 1.0 and 1e0 are equal, and so are 0
// and -0), objects regardless of the order of their keys.
func Equal(a, b Value) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case KindNumber:
		return a.text == b.text || decimalOf(a.text) == decimalOf(b.text)
	case KindArray:
		if a.node == b.node {
			return true
		}
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.node.elements {
			if !Equal(a.node.elements[i], b.node.elements[i]) {
				return false
			}
		}
		return true
	case KindObject:
		if a.node == b.node {
			return true
		}
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.node.members {
			m := &a.node.members[i]
			other, ok := b.Get(m.Key)
			if !ok || !Equal(m.Value, other) {
				return false
			}
		}
		return true
	default:
		return a.text == b.text
	}
}

// A decimal is the exact value of a number literal, in the one form that equal
// numbers share: digits without zeros at either end, times ten to the exponent.
// Zero has no digits.
type decimal struct {
	negative bool
	digits   string
	exponent int64
}

func decimalOf(literal string) decimal {
	var d decimal
	mantissa := literal
	if strings.HasPrefix(mantissa, "-") {
		d.negative = true
		mantissa = mantissa[1:]
	}
	if i := strings.IndexAny(mantissa, "eE"); i >= 0 {
		// What does not fit is saturated: such exponents differ from any
		// other that does fit, which is all that is asked of them.
		d.exponent, _ = strconv.ParseInt(mantissa[i+1:], 10, 48)
		mantissa = mantissa[:i]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	d.exponent -= int64(len(fraction))
	d.digits = strings.TrimLeft(whole+fraction, "0")
	trimmed := strings.TrimRight(d.digits, "0")
	d.exponent += int64(len(d.digits) - len(trimmed))
	d.digits = trimmed
	if d.digits == "" {
		return decimal{}
	}
	return d
}

// int64 returns d as an int64 if it is whole and fits.
func (d decimal) int64() (int64, bool) {
	if d.exponent < 0 || d.exponent > 19 {
		return 0, false
	}
	text := d.digits + strings.Repeat("0", int(d.exponent))
	if text == "" {
		return 0, true
	}
	if d.negative {
		text = "-" + text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false
	}
	return n, true
}

var hashSeed = maphash.MakeSeed()

// Hash returns a number that equal values share, and different ones rarely do.
// It is another one in each run of the program: it serves to find equal values
// quickly, and nothing else.
func Hash(v Value) uint64 {
	h := uint64(v.kind) * 0x9E3779B97F4A7C15
	switch v.kind {
	case KindNumber:
		f := v.Float()
		if f == 0 {
			f = 0 // -0 is 0
		}
		return h ^ maphash.Comparable(hashSeed, f)
	case KindArray:
		for i := range v.Len() {
			h = h*0x100000001B3 + Hash(v.node.elements[i])
		}
		return maphash.Comparable(hashSeed, h)
	case KindObject:
		for i := range v.Len() { // a sum, since the order does not count
			m := &v.node.members[i]
			h += maphash.Comparable(hashSeed, [2]uint64{maphash.String(hashSeed, m.Key), Hash(m.Value)})
		}
		return maphash.Comparable(hashSeed, h)
	default:
		return h ^ maphash.String(hashSeed, v.text)
	}
}

// A Set holds values, equal ones once. The zero Set is empty and ready to use;
// it is not safe for use by several goroutines.
type Set struct {
	buckets map[uint64][]Value
}

// Add adds v and reports whether no equal value was there.
func (s *Set) Add(v Value) bool {
	if s.buckets == nil {
		s.buckets = make(map[uint64][]Value)
	}
	h := Hash(v)
	for _, other := range s.buckets[h] {
		if Equal(v, other) {
			return false
		}
	}
	s.buckets[h] = append(s.buckets[h], v)
	return true
}
