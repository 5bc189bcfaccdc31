package asl

import (
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// objectTemplate makes an object whose members are expressions.
type objectTemplate struct {
	keys   []string
	values []Expression
	source jsonvalue.Value
}

func (t *objectTemplate) Eval(s *Scope) (jsonvalue.Value, error) {
	var b jsonvalue.ObjectBuilder
	b.Grow(len(t.keys))
	for i, e := range t.values {
		v, err := e.Eval(s)
		if err != nil {
			return jsonvalue.Value{}, err
		}
		b.Set(t.keys[i], v)
	}
	return b.Value(), nil
}

func (t *objectTemplate) Variables() []string { return variablesOf(t.values) }
func (t *objectTemplate) String() string      { return t.source.String() }

// arrayTemplate makes an array whose elements are expressions.
type arrayTemplate struct {
	elements []Expression
	source   jsonvalue.Value
}

func (t *arrayTemplate) Eval(s *Scope) (jsonvalue.Value, error) {
	var b jsonvalue.ArrayBuilder
	b.Grow(len(t.elements))
	for _, e := range t.elements {
		v, err := e.Eval(s)
		if err != nil {
			return jsonvalue.Value{}, err
		}
		b.Append(v)
	}
	return b.Value(), nil
}

func (t *arrayTemplate) Variables() []string { return variablesOf(t.elements) }
func (t *arrayTemplate) String() string      { return t.source.String() }

// memberOf is one member of what a template makes.
type memberOf struct {
	template Expression
	key      string
}

func (m *memberOf) Eval(s *Scope) (jsonvalue.Value, error) {
	v, err := m.template.Eval(s)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	member, _ := v.Get(m.key)
	return member, nil
}

func (m *memberOf) Variables() []string { return m.template.Variables() }
func (m *memberOf) String() string      { return m.template.String() }

func variablesOf(list []Expression) []string {
	var names []string
	for _, e := range list {
		if e != nil {
			names = append(names, e.Variables()...)
		}
	}
	return names
}

// template reads a field that holds any JSON value with expressions in it.
func (o object) template(field string) Expression {
	v, ok := o.v.Get(field)
	if !ok {
		return nil
	}
	if o.language == JSONata {
		return o.jsonataTemplate(v, field, o.place(field))
	}
	return o.pathTemplate(v, o.place(field))
}

// pathTemplate compiles a payload template: in objects, at any depth, a key that ends in ".$"
// takes what its path or intrinsic function gives.
func (o object) pathTemplate(v jsonvalue.Value, at string) Expression {
	switch v.Kind() {
	case jsonvalue.KindObject:
		t := &objectTemplate{source: v}
		for key, member := range v.Members() {
			name, value := o.pathMember(key, member, at)
			t.keys = append(t.keys, name)
			t.values = append(t.values, value)
		}
		if allConstant(t.values) && !hasDollar(v) {
			return &constant{v, v.String()}
		}
		return t
	case jsonvalue.KindArray:
		t := &arrayTemplate{source: v}
		for e := range v.Elements() {
			t.elements = append(t.elements, o.pathTemplate(e, at))
		}
		if allConstant(t.elements) {
			return &constant{v, v.String()}
		}
		return t
	default:
		return &constant{v, v.String()}
	}
}

func (o object) pathMember(key string, v jsonvalue.Value, at string) (string, Expression) {
	name, dynamic := strings.CutSuffix(key, ".$")
	if !dynamic {
		if looksLikePath(v) {
			o.p.warn(NoDollar, at, "The value of the field '%s' looks like a path or an intrinsic function, but the field's name does not end with '.$'", key)
		}
		return key, o.pathTemplate(v, at)
	}
	e, err := compileQuery(v.Str(), key)
	if err != nil || v.Kind() != jsonvalue.KindString {
		o.p.fail(at, "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", key)
		return name, &constant{v, v.String()}
	}
	return name, e
}

func allConstant(list []Expression) bool {
	return !slices.ContainsFunc(list, func(e Expression) bool { _, ok := e.(*constant); return !ok })
}

func hasDollar(v jsonvalue.Value) bool {
	for key := range v.Members() {
		if strings.HasSuffix(key, ".$") {
			return true
		}
	}
	return false
}

// looksLikePath reports whether a literal is probably meant as a path or a function call.
func looksLikePath(v jsonvalue.Value) bool {
	s := v.Str()
	return strings.HasPrefix(s, "$.") || strings.HasPrefix(s, "$$.") || strings.HasPrefix(s, "$[") ||
		strings.HasPrefix(s, "States.") && strings.HasSuffix(s, ")")
}

// warnStatic warns of what looks like a path in a Result, which is never evaluated.
func (o object) warnStatic(v jsonvalue.Value) {
	static := looksLikePath(v)
	for key := range v.Members() {
		static = static || strings.HasSuffix(key, ".$")
	}
	if static {
		o.p.warn(PassResultIsStatic, o.place("Result"), "The field 'Result' is static: paths and intrinsic functions in it are not evaluated")
	}
}

// assign reads an Assign field.
func (o object) assign(vs *variables) []Assignment {
	fields, ok := o.child("Assign")
	if !ok {
		return nil
	}
	var list []Assignment
	for key, v := range fields.v.Members() {
		name, value := key, Expression(nil)
		if o.language == JSONata {
			value = o.jsonataTemplate(v, "Assign/"+key, fields.at)
		} else {
			name, value = o.pathMember(key, v, fields.at)
		}
		switch {
		case !isVariableName(name):
			o.p.fail(fields.at, "The variable name '%s' is not valid", name)
		case vs.hidden(name):
			o.p.fail(fields.at, "The variable '%s' is already assigned in an outer scope", name)
		}
		list = append(list, Assignment{name, value})
	}
	return list
}
