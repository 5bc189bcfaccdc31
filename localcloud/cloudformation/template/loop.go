package template

import (
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// maxLoopNodes bounds the values that the loops of a template may make.
const maxLoopNodes = 100_000

// forEach reports whether a key is a loop: Fn::ForEach::NAME.
func forEach(key string) bool { return strings.HasPrefix(key, "Fn::ForEach::") }

// expandLoops is the transform AWS::LanguageExtensions: it writes Fn::ForEach out.
// The functions that it allows are evaluated with all others.
func expandLoops(t *Template, b *Bound) (jsonvalue.Value, map[string][]string, error) {
	l := &loops{b: b, variables: map[string]string{}, origin: map[string][]string{}}
	body, err := l.expand(t.Body)
	return body, l.origin, err
}

type loops struct {
	b         *Bound
	path      []string
	variables map[string]string
	replacer  *strings.Replacer // of variables; nil when they have changed
	nodes     int
	bytes     int // made of texts with variables in them
	origin    map[string][]string
}

func (l *loops) fail(format string, args ...any) error { return l.b.Fail(l.path, format, args...) }

func (l *loops) expand(v jsonvalue.Value) (jsonvalue.Value, error) {
	if l.nodes++; l.nodes > maxLoopNodes {
		return v, l.fail("Template error: Fn::ForEach makes more than %d values.", maxLoopNodes)
	}
	switch v.Kind() {
	case jsonvalue.KindString:
		made := l.replace(v.Str())
		if len(l.variables) > 0 {
			l.bytes += len(made)
		}
		if l.bytes > maxProduced {
			return v, l.fail("Template error: Fn::ForEach makes more than %d bytes.", maxProduced)
		}
		return jsonvalue.String(made), nil
	case jsonvalue.KindArray:
		var b jsonvalue.ArrayBuilder
		i := 0
		for item := range v.Elements() {
			got, err := l.at(strconv.Itoa(i), item)
			if err != nil {
				return v, err
			}
			b.Append(got)
			i++
		}
		return b.Value(), nil
	case jsonvalue.KindObject:
		return l.object(v)
	default:
		return v, nil
	}
}

func (l *loops) at(step string, v jsonvalue.Value) (jsonvalue.Value, error) {
	l.path = append(l.path, step)
	got, err := l.expand(v)
	l.path = l.path[:len(l.path)-1]
	return got, err
}

func (l *loops) object(v jsonvalue.Value) (jsonvalue.Value, error) {
	if name, argument, called := function(v); called && name == "Ref" {
		// A loop's variable is referred to like a parameter.
		if value, ok := l.variables[argument.Str()]; ok {
			return jsonvalue.String(value), nil
		}
	}
	var b jsonvalue.ObjectBuilder
	for key, item := range v.Members() {
		if forEach(key) {
			if err := l.loop(key, item, &b); err != nil {
				return v, err
			}
			continue
		}
		got, err := l.at(key, item)
		if err != nil {
			return v, err
		}
		b.Set(l.replace(key), got)
	}
	return b.Value(), nil
}

// replace puts the loops' variables in place of ${x} and &{x}; the latter keeps
// only letters and digits, for logical ids.
func (l *loops) replace(s string) string {
	if len(l.variables) == 0 || !strings.Contains(s, "{") {
		return s
	}
	if l.replacer == nil {
		pairs := make([]string, 0, 4*len(l.variables))
		for name, value := range l.variables {
			pairs = append(pairs, "${"+name+"}", value, "&{"+name+"}", onlyAlphanumeric(value))
		}
		l.replacer = strings.NewReplacer(pairs...)
	}
	return l.replacer.Replace(s)
}

func onlyAlphanumeric(s string) string {
	return strings.Map(func(c rune) rune {
		if c < 128 && alphanumeric(string(c)) {
			return c
		}
		return -1
	}, s)
}

// loop writes one Fn::ForEach out: [variable, collection, {key: body}].
func (l *loops) loop(key string, v jsonvalue.Value, b *jsonvalue.ObjectBuilder) error {
	l.path = append(l.path, key)
	defer func() { l.path = l.path[:len(l.path)-1] }()
	variable, body := v.At(0).Str(), v.At(2)
	if v.Kind() != jsonvalue.KindArray || v.Len() != 3 || !alphanumeric(variable) || body.Kind() != jsonvalue.KindObject {
		return l.fail("Template error: %s requires a list of three parameters: a variable, a collection and an object.", key)
	}
	if _, ok := l.variables[variable]; ok || l.b.hasParameter(variable) {
		return l.fail("Template error: the variable %s of %s has the name of another variable or parameter.", variable, key)
	}
	collection, err := l.expand(v.At(1))
	if err != nil {
		return err
	}
	if collection, err = l.b.Evaluate(collection, nil, l.path...); err != nil {
		return err
	}
	if collection.Kind() != jsonvalue.KindArray {
		return l.fail("Template error: the collection of %s is no list.", key)
	}
	defer func() {
		delete(l.variables, variable)
		l.replacer = nil
	}()
	for item := range collection.Elements() {
		l.variables[variable], l.replacer = item.Text(), nil
		for name, inner := range body.Members() {
			if forEach(name) {
				if err := l.loop(name, inner, b); err != nil {
					return err
				}
				continue
			}
			got, err := l.expand(inner)
			if err != nil {
				return err
			}
			made := l.replace(name)
			if _, repeated := b.Get(made); repeated {
				return l.fail("Template error: %s makes %s more than once.", key, made)
			}
			b.Set(made, got)
			if l.path[0] == "Resources" {
				l.origin[made] = []string{l.path[1]}
			}
		}
	}
	return nil
}
