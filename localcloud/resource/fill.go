package resource

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
)

// fill sets the input of an operation from the resource's properties but those
// that are named: each member from the property of the same name, upper and
// lower case being equal. A property for which the input has no member fails.
func (c *call) fill(input any, without ...string) error {
	return fillFrom(input, c.Properties, without...)
}

// fillFrom is fill from other properties.
func fillFrom(input any, properties jsonvalue.Value, without ...string) error {
	for _, p := range without {
		properties = properties.Without(p)
	}
	return fill(reflect.ValueOf(input).Elem(), properties, "#")
}

// renamed returns properties with one called otherwise.
func renamed(properties jsonvalue.Value, from, to string) jsonvalue.Value {
	v, ok := properties.Get(from)
	if !ok {
		return properties
	}
	return properties.Without(from).With(to, v)
}

// fill sets a place in an input. Templates are loose about scalars: numbers and
// booleans come as texts and the reverse, and a document that an operation wants
// as JSON text comes as an object.
func fill(to reflect.Value, v jsonvalue.Value, path string) error {
	if v.Kind() == jsonvalue.KindNull || !v.IsDefined() {
		return nil
	}
	switch to.Kind() {
	case reflect.Pointer:
		p := reflect.New(to.Type().Elem())
		if err := fill(p.Elem(), v, path); err != nil {
			return err
		}
		to.Set(p)
		return nil
	case reflect.Struct:
		return fillStruct(to, v, path)
	case reflect.Map:
		return fillMap(to, v, path)
	case reflect.Slice:
		return fillSlice(to, v, path)
	case reflect.String:
		text, ok := document(v)
		if !ok {
			return mismatch(path, "String", v)
		}
		to.SetString(text)
		return nil
	case reflect.Bool:
		b, err := strconv.ParseBool(scalar(v))
		if err != nil {
			return mismatch(path, "Boolean", v)
		}
		to.SetBool(b)
		return nil
	case reflect.Int32, reflect.Int64:
		n, ok := whole(v)
		if !ok || to.OverflowInt(n) {
			return mismatch(path, "Integer", v)
		}
		to.SetInt(n)
		return nil
	case reflect.Float64:
		f, err := strconv.ParseFloat(scalar(v), 64)
		if err != nil {
			return mismatch(path, "Number", v)
		}
		to.SetFloat(f)
		return nil
	default:
		return unsupported(path)
	}
}

func fillStruct(to reflect.Value, v jsonvalue.Value, path string) error {
	if v.Kind() != jsonvalue.KindObject {
		return mismatch(path, "JSONObject", v)
	}
	for name, member := range v.Members() {
		if member.Kind() == jsonvalue.KindNull {
			continue
		}
		field := to.FieldByNameFunc(func(f string) bool { return strings.EqualFold(f, name) })
		if !field.CanSet() {
			return unsupported(path + "/" + name)
		}
		if err := fill(field, member, path+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

func fillMap(to reflect.Value, v jsonvalue.Value, path string) error {
	if v.Kind() != jsonvalue.KindObject {
		return mismatch(path, "JSONObject", v)
	}
	m := reflect.MakeMapWithSize(to.Type(), v.Len())
	for name, member := range v.Members() {
		element := reflect.New(to.Type().Elem()).Elem()
		if err := fill(element, member, path+"/"+name); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(name).Convert(to.Type().Key()), element)
	}
	to.Set(m)
	return nil
}

func fillSlice(to reflect.Value, v jsonvalue.Value, path string) error {
	if to.Type().Elem().Kind() == reflect.Uint8 {
		b, err := base64.StdEncoding.DecodeString(scalar(v))
		if err != nil {
			return mismatch(path, "String", v)
		}
		to.SetBytes(b)
		return nil
	}
	if v.Kind() != jsonvalue.KindArray {
		return mismatch(path, "JSONArray", v)
	}
	list := reflect.MakeSlice(to.Type(), v.Len(), v.Len())
	for i := range v.Len() {
		if err := fill(list.Index(i), v.At(i), path+"/"+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	to.Set(list)
	return nil
}

func mismatch(path, want string, v jsonvalue.Value) error {
	found := map[jsonvalue.Kind]string{
		jsonvalue.KindBool: "Boolean", jsonvalue.KindNumber: "Number", jsonvalue.KindString: "String",
		jsonvalue.KindArray: "JSONArray", jsonvalue.KindObject: "JSONObject",
	}[v.Kind()]
	return invalid("Model validation failed (%s: expected type: %s, found: %s)", path, want, found)
}

// unsupported is the failure because of a property, or a value of one, that the
// local cloud does not act on.
func unsupported(path string, value ...string) error {
	path = strings.TrimPrefix(path, "#/")
	what := strings.Join(append([]string{path}, value...), ": ")
	return &unsupportedProperty{path, cloudformation.Failure{
		Code:    codeInvalid,
		Message: fmt.Sprintf("The local cloud does not support the property %s. Take it out, or run crossfade local --lenient, which leaves it out.", what),
	}}
}

// scalar returns the text of a string, number or boolean, "" for anything else.
func scalar(v jsonvalue.Value) string {
	switch v.Kind() {
	case jsonvalue.KindString:
		return v.Str()
	case jsonvalue.KindNumber, jsonvalue.KindBool:
		return v.String()
	default:
		return ""
	}
}

// document returns a scalar as text, and an object or array as JSON text.
func document(v jsonvalue.Value) (text string, ok bool) {
	switch v.Kind() {
	case jsonvalue.KindString, jsonvalue.KindNumber, jsonvalue.KindBool:
		return scalar(v), true
	case jsonvalue.KindObject, jsonvalue.KindArray:
		return v.String(), true
	default:
		return "", false
	}
}

// whole returns a whole number that may come as text.
func whole(v jsonvalue.Value) (int64, bool) {
	if v.Kind() == jsonvalue.KindString {
		v = jsonvalue.Number(strings.TrimSpace(v.Str()))
	}
	return v.Int()
}

// texts returns the elements of a list of texts.
func texts(properties jsonvalue.Value, property string) []string {
	v, _ := properties.Get(property)
	var out []string
	for e := range v.Elements() {
		out = append(out, scalar(e))
	}
	return out
}

// withDefaults returns the properties, with those that an update takes away set
// to what they are when nobody says anything. Operations that change a resource
// leave alone what they are not told.
func (c *call) withDefaults(defaults string) jsonvalue.Value {
	standard, err := jsonvalue.Parse(defaults)
	if err != nil {
		panic("resource: defaults: " + err.Error())
	}
	properties := c.Properties
	for name, value := range standard.Members() {
		if present(c.Previous, name) && !present(properties, name) {
			properties = properties.With(name, value)
		}
	}
	return properties
}

// only returns the properties that are named.
func only(properties jsonvalue.Value, names ...string) jsonvalue.Value {
	var b jsonvalue.ObjectBuilder
	for _, name := range names {
		if v, ok := properties.Get(name); ok {
			b.Set(name, v)
		}
	}
	return b.Value()
}
