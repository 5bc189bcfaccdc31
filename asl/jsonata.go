package asl

import (
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// jsonata reads one JSONata expression that must give a value of a kind; Undefined for any.
// It refuses them all until the module has an evaluator: an execution that got there could
// not go on.
func (o object) jsonata(source, field, at string, kind jsonvalue.Kind) Expression {
	o.p.fail(at, "The field '%s' holds a JSONata expression, and JSONata cannot be evaluated here yet: {%%%s%%}", field, source)
	return nil
}

// jsonataTemplate reads any JSON value whose strings may be JSONata expressions.
func (o object) jsonataTemplate(v jsonvalue.Value, field, at string) Expression {
	switch v.Kind() {
	case jsonvalue.KindString:
		if source, ok := jsonataSource(v); ok {
			return o.jsonata(source, field, at, jsonvalue.KindUndefined)
		}
	case jsonvalue.KindObject:
		t := &objectTemplate{source: v}
		for key, member := range v.Members() {
			t.keys = append(t.keys, key)
			t.values = append(t.values, o.jsonataTemplate(member, field+"/"+key, at))
		}
		if !allConstant(t.values) {
			return t
		}
	case jsonvalue.KindArray:
		t := &arrayTemplate{source: v}
		for e := range v.Elements() {
			t.elements = append(t.elements, o.jsonataTemplate(e, field, at))
		}
		if !allConstant(t.elements) {
			return t
		}
	}
	return &constant{v, v.String()}
}
