package asl

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// scalar reads a field that holds one value of a kind, or, in JSONata, an expression for one.
func (o object) scalar(field string, kind jsonvalue.Kind) Expression {
	v, ok := o.v.Get(field)
	if !ok {
		return nil
	}
	if source, ok := jsonataSource(v); ok && o.language == JSONata {
		return o.jsonata(source, field, o.place(field), kind)
	}
	if v, ok = o.get(field, kind); !ok {
		return nil
	}
	text := v.Str()
	if kind != jsonvalue.KindString {
		text = v.String()
	}
	return &constant{v, text}
}

func (o object) string(field string) Expression  { return o.scalar(field, jsonvalue.KindString) }
func (o object) boolean(field string) Expression { return o.scalar(field, jsonvalue.KindBool) }

// number reads a whole number from low to high.
func (o object) number(field string, low, high int64) Expression {
	e := o.scalar(field, jsonvalue.KindNumber)
	v, ok := Constant(e)
	if !ok {
		return e
	}
	n, whole := v.Int()
	switch {
	case !whole:
		o.p.fail(o.place(field), "Expected value of type Integer")
	case n < 0 && low == 0:
		o.p.fail(o.place(field), "%s cannot be negative.", field)
	case n < low || n > high:
		bound := strconv.FormatInt(high, 10)
		if high == math.MaxInt64 {
			bound = "the largest integer"
		}
		o.p.fail(o.place(field), "Value must be between %d and %s", low, bound)
	}
	return e
}

// percentage reads a number from 0 to 100.
func (o object) percentage(field string) Expression {
	e := o.scalar(field, jsonvalue.KindNumber)
	if v, ok := Constant(e); ok && (v.Float() < 0 || v.Float() > 100) {
		o.p.fail(o.place(field), "%s must be between 0 and 100.", field)
	}
	return e
}

// timestamp reads a point in time.
func (o object) timestamp(field string) Expression {
	e := o.scalar(field, jsonvalue.KindString)
	if v, ok := Constant(e); ok {
		if _, err := ParseTimestamp(v.Str()); err != nil {
			o.p.fail(o.place(field), "String does not match RFC3339 timestamp")
		}
	}
	return e
}

// list reads an array, literal or of expressions.
func (o object) list(field string) Expression {
	v, ok := o.v.Get(field)
	if !ok || o.language != JSONata {
		return nil
	}
	if source, ok := jsonataSource(v); ok {
		return o.jsonata(source, field, o.place(field), jsonvalue.KindArray)
	}
	if _, ok := o.get(field, jsonvalue.KindArray); !ok {
		return nil
	}
	return o.jsonataTemplate(v, field, o.place(field))
}

// ParseTimestamp reads an ISO-8601 date and time with "T" and an offset, as Wait and the
// timestamp operators take it: at least to the second, with up to nine digits of a fraction.
func ParseTimestamp(text string) (time.Time, error) {
	if len(text) > len("2006-01-02T15:04:05.999999999+07:00") {
		return time.Time{}, fmt.Errorf("timestamp %q is too long", text)
	}
	return time.Parse(time.RFC3339Nano, text)
}

// isVariableName reports whether a variable may have this name: an identifier that is not
// taken by the language.
func isVariableName(name string) bool {
	if name == "" || name == "states" || utf8.RuneCountInString(name) > maxName {
		return false
	}
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)) {
			return false
		}
	}
	return true
}

// jsonataSource returns what stands between {% and %}.
func jsonataSource(v jsonvalue.Value) (string, bool) {
	s := v.Str()
	if len(s) < 4 || !strings.HasPrefix(s, "{%") || !strings.HasSuffix(s, "%}") {
		return "", false
	}
	return s[2 : len(s)-2], true
}

// refer notes the variables that a state reads.
func (p *parser) refer(s State) {
	names := variablesOf(expressionsOf(s))
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	p.references[s.Base().Name] = slices.Compact(names)
}
