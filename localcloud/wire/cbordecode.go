package wire

import (
	"encoding/binary"
	"math"
	"reflect"
	"unicode/utf8"
)

// A cborDecoder reads one CBOR item (RFC 8949) into Go values. Lengths may be
// definite or indefinite, and numbers of any width stand for each other where no
// digit is lost: clients differ in all of that.
type cborDecoder struct {
	walk
	data  []byte
	pos   int
	depth int
}

// CBOR's major types.
const (
	cborUnsigned = 0
	cborNegative = 1
	cborBytes    = 2
	cborText     = 3
	cborArray    = 4
	cborMap      = 5
	cborTag      = 6
	cborSimple   = 7
)

// The additional information of a head that has no definite length, and the
// byte that ends what such a head begins.
const (
	cborIndefinite = 31
	cborBreak      = 0xff
)

// Simple values.
const (
	cborFalse     = 20
	cborTrue      = 21
	cborNull      = 22
	cborUndefined = 23
	cborHalf      = 25
	cborSingle    = 26
	cborDouble    = 27
)

func badCBOR() *Error { return newSerializationError("Unable to parse the request body as CBOR.") }

func cborMismatch(k Kind) *Error {
	return newSerializationError("A value in the request body can not be converted to " + kindName(k) + ".")
}

func kindName(k Kind) string {
	switch k {
	case Structure:
		return "a structure"
	case List:
		return "a list"
	case Map:
		return "a map"
	case String:
		return "a String"
	case Boolean:
		return "a Boolean"
	case Integer:
		return "an Integer"
	case Long:
		return "a Long"
	case Float, Double:
		return "a Double"
	case Timestamp:
		return "a Timestamp"
	default:
		return "a Blob"
	}
}

// A cborHead is the first byte of an item and what follows of its length or
// value.
type cborHead struct {
	major byte
	info  byte
	n     uint64
}

func (d *cborDecoder) head() (cborHead, *Error) {
	if d.pos >= len(d.data) {
		return cborHead{}, badCBOR()
	}
	c := d.data[d.pos]
	d.pos++
	h := cborHead{major: c >> 5, info: c & 31}
	rest := d.data[d.pos:]
	switch {
	case h.info < 24:
		h.n = uint64(h.info)
	case h.info == 24 && len(rest) >= 1:
		h.n = uint64(rest[0])
		d.pos++
	case h.info == 25 && len(rest) >= 2:
		h.n = uint64(binary.BigEndian.Uint16(rest))
		d.pos += 2
	case h.info == 26 && len(rest) >= 4:
		h.n = uint64(binary.BigEndian.Uint32(rest))
		d.pos += 4
	case h.info == 27 && len(rest) >= 8:
		h.n = binary.BigEndian.Uint64(rest)
		d.pos += 8
	case h.info == cborIndefinite && h.major >= cborBytes && h.major <= cborMap:
	default:
		return cborHead{}, badCBOR()
	}
	return h, nil
}

// untagged reads a head and drops the tags before it; it returns the last one.
func (d *cborDecoder) untagged() (h cborHead, tag uint64, tagged bool, err *Error) {
	for range maxDepth {
		h, err = d.head()
		if err != nil || h.major != cborTag {
			return h, tag, tagged, err
		}
		tag, tagged = h.n, true
	}
	return h, tag, tagged, badCBOR()
}

// document reads the whole body into v, a structure of p. No body at all is an
// empty structure.
func (d *cborDecoder) document(p *plan, v reflect.Value) *Error {
	if len(d.data) == 0 {
		d.absent(p, 0)
		return nil
	}
	h, _, _, err := d.untagged()
	if err != nil {
		return err
	}
	if h.major != cborMap {
		return cborMismatch(Structure)
	}
	if err := d.value(p, v, h, false, 0); err != nil {
		return err
	}
	if d.pos != len(d.data) {
		return badCBOR()
	}
	return nil
}

// isNull says whether h is null or undefined.
func (h cborHead) isNull() bool {
	return h.major == cborSimple && (h.info == cborNull || h.info == cborUndefined)
}

// value reads the item that begins with h into v.
func (d *cborDecoder) value(p *plan, v reflect.Value, h cborHead, tagged bool, tag uint64) *Error {
	switch p.kind {
	case Structure:
		return d.structure(p, v, h)
	case List:
		return d.list(p, v, h)
	case Map:
		return d.mapping(p, v, h)
	case String:
		if h.major != cborText {
			return cborMismatch(p.kind)
		}
		s, err := d.text(h)
		if err != nil {
			return err
		}
		v.SetString(s)
	case Boolean:
		if h.major != cborSimple || h.info != cborTrue && h.info != cborFalse {
			return cborMismatch(p.kind)
		}
		v.SetBool(h.info == cborTrue)
	case Integer, Long:
		n, ok := cborInteger(h, p.kind)
		if !ok {
			return cborMismatch(p.kind)
		}
		v.SetInt(n)
	case Float, Double:
		f, ok := cborFloat(h)
		if !ok {
			return cborMismatch(p.kind)
		}
		v.SetFloat(f)
	case Timestamp:
		if tagged && tag == 0 && h.major == cborText {
			s, err := d.text(h)
			if err != nil {
				return err
			}
			t, ok := parseTime(s)
			if !ok {
				return cborMismatch(p.kind)
			}
			v.Set(reflect.ValueOf(t))
			return nil
		}
		f, ok := cborFloat(h)
		if !ok || tagged && tag != 1 {
			return cborMismatch(p.kind)
		}
		t, ok := epochTime(f)
		if !ok {
			return cborMismatch(p.kind)
		}
		v.Set(reflect.ValueOf(t))
	default:
		if h.major != cborBytes {
			return cborMismatch(p.kind)
		}
		b, err := d.bytes(h)
		if err != nil {
			return err
		}
		v.SetBytes(append([]byte{}, b...))
	}
	return nil
}

// cborInteger returns a number as an integer of the kind's size.
func cborInteger(h cborHead, k Kind) (int64, bool) {
	limit := uint64(math.MaxInt64)
	if k == Integer {
		limit = math.MaxInt32
	}
	switch h.major {
	case cborUnsigned:
		return int64(h.n), h.n <= limit
	case cborNegative:
		return -1 - int64(h.n), h.n <= limit
	}
	f, ok := cborFloat(h)
	if !ok {
		return 0, false
	}
	return wholeNumber(f, k)
}

// cborFloat returns any number as a float.
func cborFloat(h cborHead) (float64, bool) {
	switch {
	case h.major == cborUnsigned:
		return float64(h.n), true
	case h.major == cborNegative:
		return -1 - float64(h.n), true
	case h.major != cborSimple:
		return 0, false
	case h.info == cborHalf:
		return halfFloat(uint16(h.n)), true
	case h.info == cborSingle:
		return float64(math.Float32frombits(uint32(h.n))), true
	case h.info == cborDouble:
		return math.Float64frombits(h.n), true
	default:
		return 0, false
	}
}

// halfFloat returns the value of a float of 16 bits: RFC 8949, appendix D.
func halfFloat(bits uint16) float64 {
	exponent, mantissa := int(bits>>10&31), float64(bits&1023)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(mantissa, -24)
	case 31:
		if f = math.Inf(1); mantissa != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(mantissa+1024, exponent-25)
	}
	if bits&0x8000 != 0 {
		f = -f
	}
	return f
}

// bytes reads the contents of a byte or text string. The result may be part of
// the body.
func (d *cborDecoder) bytes(h cborHead) ([]byte, *Error) {
	if h.info != cborIndefinite {
		if h.n > uint64(len(d.data)-d.pos) {
			return nil, badCBOR()
		}
		b := d.data[d.pos : d.pos+int(h.n)]
		d.pos += int(h.n)
		return b, nil
	}
	var all []byte
	for !d.atBreak() {
		chunk, err := d.head()
		if err != nil {
			return nil, err
		}
		if chunk.major != h.major || chunk.info == cborIndefinite {
			return nil, badCBOR()
		}
		b, err := d.bytes(chunk)
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
	}
	return all, nil
}

func (d *cborDecoder) text(h cborHead) (string, *Error) {
	b, err := d.bytes(h)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return "", badCBOR()
	}
	return string(b), nil
}

// atBreak reads the break if it comes next.
func (d *cborDecoder) atBreak() bool {
	if d.pos < len(d.data) && d.data[d.pos] == cborBreak {
		d.pos++
		return true
	}
	return false
}

// each calls f for each of the items that h announces, times the width: 1 for
// arrays, 2 for maps.
func (d *cborDecoder) each(h cborHead, f func(i int) *Error) *Error {
	if d.depth++; d.depth > maxDepth {
		return newSerializationError("The request body is nested too deeply.")
	}
	defer func() { d.depth-- }()
	if h.info == cborIndefinite {
		for i := 0; !d.atBreak(); i++ {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	// Each item takes a byte at least: a length beyond the body is a lie.
	if h.n > uint64(len(d.data)-d.pos) {
		return badCBOR()
	}
	for i := range int(h.n) {
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// name reads the key of a map.
func (d *cborDecoder) name() ([]byte, *Error) {
	h, _, _, err := d.untagged()
	if err != nil {
		return nil, err
	}
	if h.major != cborText {
		return nil, badCBOR()
	}
	return d.bytes(h)
}

func (d *cborDecoder) structure(p *plan, v reflect.Value, h cborHead) *Error {
	if h.major != cborMap {
		return cborMismatch(p.kind)
	}
	var seen uint64
	err := d.each(h, func(int) *Error {
		name, err := d.name()
		if err != nil {
			return err
		}
		i, ok := p.byName[string(name)]
		vh, tag, tagged, err := d.untagged()
		if err != nil {
			return err
		}
		if !ok {
			return d.skip(vh)
		}
		m := &p.members[i]
		if vh.isNull() {
			seen &^= m.bit
			m.clear(v)
			return nil
		}
		seen |= m.bit
		d.push(step{name: m.camel})
		defer d.pop()
		return d.value(m.plan, m.slot(v), vh, tagged, tag)
	})
	if err != nil {
		return err
	}
	d.absent(p, seen)
	return nil
}

func (d *cborDecoder) list(p *plan, v reflect.Value, h cborHead) *Error {
	if h.major != cborArray {
		return cborMismatch(p.kind)
	}
	v.Set(reflect.MakeSlice(p.typ, 0, 0))
	return d.each(h, func(i int) *Error {
		v.Grow(1)
		v.SetLen(i + 1)
		elem := v.Index(i)
		elem.SetZero()
		eh, tag, tagged, err := d.untagged()
		if err != nil {
			return err
		}
		d.push(step{index: i + 1})
		defer d.pop()
		if eh.isNull() {
			d.missing = append(d.missing, d.path.String())
			return nil
		}
		return d.value(p.elem, elem, eh, tagged, tag)
	})
}

func (d *cborDecoder) mapping(p *plan, v reflect.Value, h cborHead) *Error {
	if h.major != cborMap {
		return cborMismatch(p.kind)
	}
	v.Set(reflect.MakeMap(p.typ))
	return d.each(h, func(int) *Error {
		name, err := d.name()
		if err != nil {
			return err
		}
		if !utf8.Valid(name) {
			return badCBOR()
		}
		key := string(name)
		vh, tag, tagged, err := d.untagged()
		if err != nil || vh.isNull() {
			return err
		}
		elem := reflect.New(p.elem.typ).Elem()
		d.push(step{name: key, inMap: true})
		defer d.pop()
		if err := d.value(p.elem, elem, vh, tagged, tag); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), elem)
		return nil
	})
}

// skip reads over the rest of the item that begins with h.
func (d *cborDecoder) skip(h cborHead) *Error {
	item := func(int) *Error {
		h, _, _, err := d.untagged()
		if err != nil {
			return err
		}
		return d.skip(h)
	}
	switch h.major {
	case cborBytes, cborText:
		_, err := d.bytes(h)
		return err
	case cborArray:
		return d.each(h, item)
	case cborMap:
		return d.each(h, func(i int) *Error {
			if err := item(i); err != nil {
				return err
			}
			return item(i)
		})
	default:
		return nil
	}
}
