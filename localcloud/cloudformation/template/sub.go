package template

import (
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A subPart is a piece of the text of Fn::Sub: literal text, or the name of a
// variable.
type subPart struct {
	literal string
	name    string
}

// subParts takes the text of Fn::Sub apart. ${!x} is the literal ${x}; a brace
// that is never closed is text.
func subParts(s string) (parts []subPart, ok bool) {
	var literal strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			break
		}
		name := s[i+2 : i+end]
		literal.WriteString(s[:i])
		s = s[i+end+1:]
		if escaped, found := strings.CutPrefix(name, "!"); found {
			literal.WriteString("${" + escaped + "}")
			continue
		}
		if name = strings.TrimSpace(name); !validSubName(name) {
			return nil, false
		}
		if literal.Len() > 0 {
			parts = append(parts, subPart{literal: literal.String()})
			literal.Reset()
		}
		parts = append(parts, subPart{name: name})
	}
	if literal.WriteString(s); literal.Len() > 0 {
		parts = append(parts, subPart{literal: literal.String()})
	}
	return parts, true
}

func validSubName(name string) bool {
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '.' && c != ':' {
			return false
		}
	}
	return name != ""
}

// subArguments returns the text and the variables of Fn::Sub, which are Undefined
// in the short form.
func subArguments(argument jsonvalue.Value) (whole string, variables jsonvalue.Value, ok bool) {
	switch argument.Kind() {
	case jsonvalue.KindString:
		return argument.Str(), variables, true
	case jsonvalue.KindArray:
		first, second := argument.At(0), argument.At(1)
		ok = first.Kind() == jsonvalue.KindString &&
			(argument.Len() == 2 && second.Kind() == jsonvalue.KindObject || argument.Len() == 1)
		return first.Str(), second, ok
	default:
		return "", variables, false
	}
}

func (e *evaluator) sub(argument jsonvalue.Value) (jsonvalue.Value, error) {
	whole, variables, ok := subArguments(argument)
	if !ok {
		return jsonvalue.Value{}, e.fail(messageSub)
	}
	if err := e.refuseDynamic(whole); err != nil {
		return jsonvalue.Value{}, err
	}
	parts, ok := subParts(whole)
	if !ok {
		return jsonvalue.Value{}, e.fail(messageSubName)
	}
	before := e.open
	given := variables
	if variables.IsDefined() {
		e.push("1")
		var err error
		given, _, err = e.object(variables)
		e.pop()
		if err != nil {
			return jsonvalue.Value{}, err
		}
	}
	var b strings.Builder
	unknown := false
	for _, part := range parts {
		if part.name == "" {
			b.WriteString(part.literal)
			continue
		}
		v, err := e.subVariable(part.name, given)
		if err != nil {
			return jsonvalue.Value{}, err
		}
		if e.open > before {
			continue
		}
		if !isScalar(v) {
			return jsonvalue.Value{}, e.fail("Template error: Fn::Sub expression does not resolve to a string: ${%s}", part.name)
		}
		unknown = unknown || isUnknown(v)
		if b.WriteString(v.Text()); b.Len() > maxProduced {
			break // produce refuses it
		}
	}
	switch {
	case e.open > before && variables.IsDefined():
		return again("Fn::Sub", jsonvalue.ArrayOf(jsonvalue.String(whole), given)), nil
	case e.open > before:
		return again("Fn::Sub", argument), nil
	case unknown:
		return jsonvalue.String(Unknown), nil
	}
	return e.produce(b.String())
}

func (e *evaluator) subVariable(name string, given jsonvalue.Value) (jsonvalue.Value, error) {
	if v, ok := given.Get(name); ok {
		return v, nil
	}
	if id, attribute, dotted := strings.Cut(name, "."); dotted {
		return e.attributeOf(id, attribute)
	}
	return e.refTo(name, jsonvalue.String(name))
}
