package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
)

// A jsonDecoder reads one JSON text into Go values.
type jsonDecoder struct {
	walk
	data  []byte
	pos   int
	depth int
	// integration reads parameters of a state machine's task: member names with
	// a capital or as in the model, blobs as plain text or any JSON, timestamps
	// as ISO 8601.
	integration bool
	// bound are the required members of the outermost structure that are found
	// outside of the body.
	bound   uint64
	scratch []byte
}

// badJSON is the error for a text that is no JSON.
func badJSON() *Error { return newSerializationError("Unable to parse the request body as JSON.") }

// token names what begins at the position, as AWS's messages call it.
func (d *jsonDecoder) token() string {
	if d.pos >= len(d.data) {
		return "END_OF_INPUT"
	}
	switch c := d.data[d.pos]; c {
	case '"':
		return "STRING_VALUE"
	case '{':
		return "START_OBJECT"
	case '[':
		return "START_ARRAY"
	case 't':
		return "TRUE_VALUE"
	case 'f':
		return "FALSE_VALUE"
	case 'n':
		return "NULL_VALUE"
	default:
		return "NUMBER_VALUE"
	}
}

// mismatch is the error for a value of another type than the model's.
func (d *jsonDecoder) mismatch(k Kind) *Error {
	token := d.token()
	if err := d.skip(); err != nil {
		return err
	}
	switch token {
	case "START_OBJECT", "START_ARRAY":
		return newSerializationError("Start of structure or map found where not expected.")
	}
	switch k {
	case Structure, Map:
		return newSerializationError("Unexpected value type in payload")
	case List:
		return newSerializationError("Expected list or null")
	case String:
		return newSerializationError(token + " can not be converted to a String")
	case Boolean:
		return newSerializationError(token + " can not be converted to a Boolean")
	case Integer:
		return newSerializationError(token + " can not be converted to an Integer")
	case Long:
		return newSerializationError(token + " can not be converted to a Long")
	case Float, Double:
		return newSerializationError(token + " can not be converted to a Double")
	case Timestamp:
		return newSerializationError(token + " can not be converted to milliseconds since epoch")
	default:
		return newSerializationError(token + " can not be converted to Blob")
	}
}

// document reads a whole text into v, a structure of p. No text at all is an
// empty structure.
func (d *jsonDecoder) document(p *plan, v reflect.Value) *Error {
	d.space()
	if d.pos == len(d.data) {
		d.absent(p, d.bound)
		return nil
	}
	if d.data[d.pos] != '{' {
		if err := d.skip(); err != nil {
			return err
		}
		return newSerializationError("Unexpected value type in payload")
	}
	if err := d.value(p, v); err != nil {
		return err
	}
	return d.end()
}

// end checks that nothing follows.
func (d *jsonDecoder) end() *Error {
	d.space()
	if d.pos != len(d.data) {
		return badJSON()
	}
	return nil
}

func (d *jsonDecoder) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// enter notes that a nested value begins at the position.
func (d *jsonDecoder) enter() *Error {
	d.pos++
	if d.depth++; d.depth > maxDepth {
		return newSerializationError("The request body is nested too deeply.")
	}
	return nil
}

func (d *jsonDecoder) leave() {
	d.pos++
	d.depth--
}

// peek returns the next character after blanks, or 0.
func (d *jsonDecoder) peek() byte {
	d.space()
	if d.pos < len(d.data) {
		return d.data[d.pos]
	}
	return 0
}

// null reads the word null if it comes next.
func (d *jsonDecoder) null() bool {
	if d.peek() == 'n' && len(d.data)-d.pos >= 4 && string(d.data[d.pos:d.pos+4]) == "null" {
		d.pos += 4
		return true
	}
	return false
}

// value reads one value, not null, into v.
func (d *jsonDecoder) value(p *plan, v reflect.Value) *Error {
	c := d.peek()
	switch p.kind {
	case Structure:
		if c != '{' {
			return d.mismatch(p.kind)
		}
		return d.structure(p, v)
	case List:
		if c != '[' {
			return d.mismatch(p.kind)
		}
		return d.list(p, v)
	case Map:
		if c != '{' {
			return d.mismatch(p.kind)
		}
		return d.mapping(p, v)
	case String:
		if c != '"' {
			return d.mismatch(p.kind)
		}
		s, err := d.str()
		if err != nil {
			return err
		}
		v.SetString(string(s))
		return nil
	case Boolean:
		switch {
		case c == 't' && d.word("true"):
			v.SetBool(true)
		case c == 'f' && d.word("false"):
			v.SetBool(false)
		default:
			return d.mismatch(p.kind)
		}
		return nil
	case Integer, Long:
		return d.integer(p, v)
	case Float, Double:
		return d.double(p, v)
	case Timestamp:
		return d.timestamp(p, v)
	default:
		return d.blob(p, v)
	}
}

// each reads the members of an object; f reads the value of one. key is valid
// until f reads on.
func (d *jsonDecoder) each(f func(key []byte) *Error) *Error {
	if err := d.enter(); err != nil {
		return err
	}
	if d.peek() == '}' {
		d.leave()
		return nil
	}
	for {
		if d.peek() != '"' {
			return badJSON()
		}
		key, err := d.str()
		if err != nil {
			return err
		}
		if d.peek() != ':' {
			return badJSON()
		}
		d.pos++
		if err := f(key); err != nil {
			return err
		}
		switch d.peek() {
		case ',':
			d.pos++
		case '}':
			d.leave()
			return nil
		default:
			return badJSON()
		}
	}
}

func (d *jsonDecoder) structure(p *plan, v reflect.Value) *Error {
	seen := d.bound
	d.bound = 0
	err := d.each(func(key []byte) *Error {
		i, ok := p.byName[string(key)]
		if !ok && d.integration {
			i, ok = p.byExported[string(key)]
		}
		if !ok {
			return d.skip()
		}
		m := &p.members[i]
		if d.null() {
			seen &^= m.bit
			m.clear(v)
			return nil
		}
		seen |= m.bit
		d.push(step{name: m.camel})
		defer d.pop()
		return d.value(m.plan, m.slot(v))
	})
	if err != nil {
		return err
	}
	d.absent(p, seen)
	return nil
}

func (d *jsonDecoder) list(p *plan, v reflect.Value) *Error {
	if err := d.enter(); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(p.typ, 0, 0))
	if d.peek() == ']' {
		d.leave()
		return nil
	}
	for n := 0; ; n++ {
		v.Grow(1)
		v.SetLen(n + 1)
		elem := v.Index(n)
		elem.SetZero()
		d.push(step{index: n + 1})
		if d.null() {
			d.missing = append(d.missing, d.path.String())
		} else if err := d.value(p.elem, elem); err != nil {
			return err
		}
		d.pop()
		switch d.peek() {
		case ',':
			d.pos++
		case ']':
			d.leave()
			return nil
		default:
			return badJSON()
		}
	}
}

func (d *jsonDecoder) mapping(p *plan, v reflect.Value) *Error {
	v.Set(reflect.MakeMap(p.typ))
	return d.each(func(key []byte) *Error {
		k := reflect.ValueOf(string(key))
		if d.null() {
			return nil
		}
		elem := reflect.New(p.elem.typ).Elem()
		d.push(step{name: k.String(), inMap: true})
		defer d.pop()
		if err := d.value(p.elem, elem); err != nil {
			return err
		}
		v.SetMapIndex(k, elem)
		return nil
	})
}

func (d *jsonDecoder) word(w string) bool {
	if len(d.data)-d.pos < len(w) || string(d.data[d.pos:d.pos+len(w)]) != w {
		return false
	}
	d.pos += len(w)
	return true
}

func isNumberStart(c byte) bool { return c == '-' || c >= '0' && c <= '9' }

func (d *jsonDecoder) integer(p *plan, v reflect.Value) *Error {
	if !isNumberStart(d.peek()) {
		return d.mismatch(p.kind)
	}
	text, err := d.number()
	if err != nil {
		return err
	}
	n, ok := parseInteger(string(text), p.kind)
	if !ok {
		return newSerializationError("NUMBER_VALUE " + string(text) + " can not be converted to " + integerName(p.kind))
	}
	v.SetInt(n)
	return nil
}

func integerName(k Kind) string {
	if k == Integer {
		return "an Integer"
	}
	return "a Long"
}

// parseInteger reads a whole number of the kind's size; 1.0 and 1e3 are whole.
func parseInteger(text string, k Kind) (int64, bool) {
	bits := 64
	if k == Integer {
		bits = 32
	}
	if n, err := strconv.ParseInt(text, 10, bits); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false
	}
	return wholeNumber(f, k)
}

// wholeNumber returns f as an integer of the kind's size if it is one.
func wholeNumber(f float64, k Kind) (int64, bool) {
	limit := float64(1 << 63)
	if k == Integer {
		limit = 1 << 31
	}
	if f != math.Trunc(f) || f < -limit || f >= limit {
		return 0, false
	}
	return int64(f), true
}

func (d *jsonDecoder) double(p *plan, v reflect.Value) *Error {
	switch c := d.peek(); {
	case isNumberStart(c):
		text, err := d.number()
		if err != nil {
			return err
		}
		f, perr := strconv.ParseFloat(string(text), 64)
		if perr != nil && math.IsInf(f, 0) {
			return newSerializationError("NUMBER_VALUE " + string(text) + " can not be converted to a Double")
		}
		v.SetFloat(f)
		return nil
	case c == '"':
		start := d.pos
		text, err := d.str()
		if err != nil {
			return err
		}
		if f, ok := namedFloat(string(text)); ok {
			v.SetFloat(f)
			return nil
		}
		d.pos = start
	}
	return d.mismatch(p.kind)
}

// namedFloat returns the numbers that JSON cannot write.
func namedFloat(s string) (float64, bool) {
	switch s {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	default:
		return 0, false
	}
}

func (d *jsonDecoder) timestamp(p *plan, v reflect.Value) *Error {
	switch c := d.peek(); {
	case isNumberStart(c):
		text, err := d.number()
		if err != nil {
			return err
		}
		f, _ := strconv.ParseFloat(string(text), 64)
		if t, ok := epochTime(f); ok {
			v.Set(reflect.ValueOf(t))
			return nil
		}
		return newSerializationError("NUMBER_VALUE can not be converted to milliseconds since epoch")
	case c == '"' && (d.integration || p.shape.TimeFormat != ""):
		start := d.pos
		text, err := d.str()
		if err != nil {
			return err
		}
		if t, ok := parseTime(string(text)); ok {
			v.Set(reflect.ValueOf(t))
			return nil
		}
		d.pos = start
	}
	return d.mismatch(p.kind)
}

func (d *jsonDecoder) blob(p *plan, v reflect.Value) *Error {
	if d.integration {
		return d.integrationBlob(p, v)
	}
	if d.peek() != '"' {
		return d.mismatch(p.kind)
	}
	text, err := d.str()
	if err != nil {
		return err
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, derr := base64.StdEncoding.Decode(b, text)
	if derr != nil {
		return newSerializationError("STRING_VALUE can not be converted to Blob: it is not base64")
	}
	v.SetBytes(b[:n])
	return nil
}

// integrationBlob takes a text for its own bytes and anything else for its JSON.
func (d *jsonDecoder) integrationBlob(p *plan, v reflect.Value) *Error {
	if d.peek() == '"' {
		text, err := d.str()
		if err != nil {
			return err
		}
		setBlob(p, v, append([]byte{}, text...))
		return nil
	}
	start := d.pos
	if err := d.skip(); err != nil {
		return err
	}
	setBlob(p, v, append([]byte{}, d.data[start:d.pos]...))
	return nil
}

func setBlob(p *plan, v reflect.Value, b []byte) {
	if p.stream {
		v.Set(reflect.ValueOf(*NewStream(b)))
		return
	}
	v.SetBytes(b)
}
