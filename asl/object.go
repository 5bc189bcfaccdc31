package asl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// An object is one JSON object of the definition, with the place where it stands. Its methods
// read fields and report what is wrong with them.
type object struct {
	p        *parser
	v        jsonvalue.Value
	at       string
	language QueryLanguage
}

// place returns the location of a field.
func (o object) place(field string) string {
	if o.at == "/" {
		return "/" + field
	}
	return o.at + "/" + field
}

func (o object) has(field string) bool {
	_, ok := o.v.Get(field)
	return ok
}

// require reports those of the fields that are missing, and whether none is.
func (o object) require(fields ...string) bool {
	var missing []string
	for _, f := range fields {
		if !o.has(f) {
			missing = append(missing, f)
		}
	}
	if missing != nil {
		o.p.fail(o.at, "These fields are required: [%s]", strings.Join(missing, ", "))
	}
	return missing == nil
}

// oneOf requires exactly one of the fields.
func (o object) oneOf(fields ...string) {
	if n := o.count(fields); n != 1 {
		o.p.fail(o.at, "Exactly one of these fields is required: [%s]", strings.Join(fields, ", "))
	}
}

// atMostOneOf refuses more than one of the fields.
func (o object) atMostOneOf(fields ...string) {
	if n := o.count(fields); n > 1 {
		o.p.fail(o.at, "Only one of these fields is allowed: [%s]", strings.Join(fields, ", "))
	}
}

func (o object) count(fields []string) int {
	n := 0
	for _, f := range fields {
		if o.has(f) {
			n++
		}
	}
	return n
}

// allow reports the fields that do not belong here, or not with the query language.
func (o object) allow(fields fieldSet) {
	for name := range o.v.Members() {
		languages, ok := fields[name]
		switch {
		case !ok:
			o.p.fail(o.at, "Field '%s' is not supported", name)
		case languages != "" && languages != o.language:
			o.p.fail(o.at, "The QueryLanguage is set to '%s', but field '%s' is only supported for the '%s' QueryLanguage",
				o.language, name, languages)
		}
	}
}

// get returns a field of the wanted kind. A field of another kind is reported.
func (o object) get(field string, kind jsonvalue.Kind) (jsonvalue.Value, bool) {
	v, ok := o.v.Get(field)
	if !ok {
		return jsonvalue.Value{}, false
	}
	if v.Kind() != kind {
		name := kind.String()
		o.p.fail(o.place(field), "Expected value of type %s", strings.ToUpper(name[:1])+name[1:])
		return jsonvalue.Value{}, false
	}
	return v, true
}

// text returns a string field, or "".
func (o object) text(field string) string {
	v, _ := o.get(field, jsonvalue.KindString)
	return v.Str()
}

// truth returns a boolean field, or false.
func (o object) truth(field string) bool {
	v, _ := o.get(field, jsonvalue.KindBool)
	return v.IsTrue()
}

// child returns an object field.
func (o object) child(field string) (object, bool) {
	v, ok := o.get(field, jsonvalue.KindObject)
	return object{o.p, v, o.place(field), o.language}, ok
}

// children returns the objects in an array field. nonEmpty refuses an empty array.
func (o object) children(field string, nonEmpty bool) []object {
	v, ok := o.get(field, jsonvalue.KindArray)
	if !ok {
		return nil
	}
	if v.Len() == 0 && nonEmpty {
		o.p.fail(o.place(field), "Value cannot be empty")
	}
	list := make([]object, 0, v.Len())
	for e := range v.Elements() {
		at := fmt.Sprintf("%s[%d]", o.place(field), len(list))
		if e.Kind() != jsonvalue.KindObject {
			o.p.fail(at, "Expected value of type Object")
		}
		list = append(list, object{o.p, e, at, o.language})
	}
	return list
}

// integer returns a whole number from low to high, or absent if there is none.
func (o object) integer(field string, absent, low, high int64) int64 {
	v, ok := o.get(field, jsonvalue.KindNumber)
	if !ok {
		return absent
	}
	n, whole := v.Int()
	if !whole {
		o.p.fail(o.place(field), "Expected value of type Integer")
		return absent
	}
	if n < low || n > high {
		o.p.fail(o.place(field), "Value must be between %d and %d", low, high)
		return absent
	}
	return n
}

// words returns an array of strings that must not be empty.
func (o object) words(field string) []string {
	v, ok := o.get(field, jsonvalue.KindArray)
	if !ok {
		return nil
	}
	if v.Len() == 0 {
		o.p.fail(o.place(field), "Value cannot be empty")
	}
	var words []string
	for e := range v.Elements() {
		if e.Kind() != jsonvalue.KindString {
			o.p.fail(o.place(field), "Expected value of type String")
			continue
		}
		words = append(words, e.Str())
	}
	return words
}

// choice returns a string field that must be one of the given words.
func (o object) choice(field string, words ...string) string {
	v, ok := o.v.Get(field)
	if !ok {
		return ""
	}
	if v.Kind() != jsonvalue.KindString || !slices.Contains(words, v.Str()) {
		o.p.fail(o.place(field), "The field '%s' should have one of these values: [%s]", field, strings.Join(words, ", "))
		return ""
	}
	return v.Str()
}

// queryLanguage returns the QueryLanguage of a machine or a state.
func (o object) queryLanguage(otherwise QueryLanguage) QueryLanguage {
	if word := o.choice("QueryLanguage", string(JSONPath), string(JSONata)); word != "" {
		return QueryLanguage(word)
	}
	return otherwise
}
