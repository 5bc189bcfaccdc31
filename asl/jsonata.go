package asl

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/crossfade-dev/crossfade/asl/jsonata"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// jsonataExpression is what stands between {% and %}.
type jsonataExpression struct {
	source    string // without the blanks around it
	compiled  *jsonata.Expr
	variables []string
	field     string         // such as Output/total
	want      jsonvalue.Kind // undefined: any
}

// jsonata reads one JSONata expression that must give a value of a kind; undefined for any.
func (o object) jsonata(source, field, at string, want jsonvalue.Kind) Expression {
	source = strings.TrimSpace(source)
	compiled, err := jsonata.CompileStates(source)
	if err != nil {
		o.p.fail(at, "The JSONata expression '%s' specified for the field '%s' is not valid. %s", source, field, err)
		return &constant{jsonvalue.Null(), source}
	}
	return &jsonataExpression{source, compiled, jsonataVariables(source), field, want}
}

func (e *jsonataExpression) Eval(s *Scope) (jsonvalue.Value, error) {
	v, isFunction, err := e.compiled.EvalData(jsonata.Env{
		Variable: s.jsonataVariable,
		Now:      s.World.Now(),
		Draw:     s.World.Draw,
		UUID:     s.World.UUID,
	})
	switch {
	case err != nil:
		return jsonvalue.Value{}, e.fail("threw an error during evaluation. %s", err)
	case isFunction:
		return jsonvalue.Value{}, e.fail("returned an unsupported result type.")
	case !v.IsDefined():
		return jsonvalue.Value{}, e.fail("returned nothing (undefined).")
	case e.want != jsonvalue.KindUndefined && v.Kind() != e.want:
		return jsonvalue.Value{}, e.fail("returned an unexpected result type. Expected '%s', but was '%s' for value: %s", e.want, v.Kind(), v)
	}
	return v, nil
}

func (e *jsonataExpression) fail(format string, args ...any) error {
	return &EvalError{
		Name:  "States.QueryEvaluationError",
		Cause: fmt.Sprintf("The JSONata expression '%s' specified for the field '%s' ", e.source, e.field) + fmt.Sprintf(format, args...),
		Field: e.field,
	}
}

func (e *jsonataExpression) Variables() []string { return e.variables }
func (e *jsonataExpression) String() string      { return "{% " + e.source + " %}" }

// jsonataVariable returns $states or a workflow variable.
func (s *Scope) jsonataVariable(name string) (jsonvalue.Value, bool) {
	if name != "states" {
		return s.World.Variable(name)
	}
	members := []jsonvalue.Member{{Key: "input", Value: s.Input}, {Key: "context", Value: s.World.Context()}}
	if s.Result.IsDefined() {
		members = append(members, jsonvalue.Member{Key: "result", Value: s.Result})
	}
	if s.ErrorOutput.IsDefined() {
		members = append(members, jsonvalue.Member{Key: "errorOutput", Value: s.ErrorOutput})
	}
	return jsonvalue.ObjectOf(members...), true
}

// jsonataVariables returns the workflow variables that an expression names: what follows a
// dollar sign outside of texts and comments, is not called, and is not bound in the expression
// itself.
func jsonataVariables(source string) []string {
	var names, bound []string
	for i := 0; i < len(source); {
		switch c := source[i]; {
		case c == '"' || c == '\'' || c == '`':
			i = afterQuoted(source, i)
		case strings.HasPrefix(source[i:], "/*"):
			end := strings.Index(source[i+2:], "*/")
			if end < 0 {
				return nil
			}
			i += 2 + end + 2
		case c == '$':
			name := leadingName(source[i+1:])
			i += 1 + len(name)
			rest := strings.TrimLeft(source[i:], " \t\r\n")
			switch {
			case name == "" || name == "states" || strings.HasPrefix(rest, "("):
			case strings.HasPrefix(rest, ":="), parameter(source, i-len(name)-1):
				bound = append(bound, name)
			default:
				names = append(names, name)
			}
		default:
			i++
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(bound, name) })
}

// parameter reports whether the variable at i is one of a function's parameters.
func parameter(source string, i int) bool {
	open := strings.LastIndexAny(source[:i], "(){}")
	if open < 0 || source[open] != '(' {
		return false
	}
	before := strings.TrimRight(source[:open], " \t\r\n")
	return strings.HasSuffix(before, "function") || strings.HasSuffix(before, "λ")
}

func afterQuoted(source string, i int) int {
	quote := source[i]
	for i++; i < len(source); i++ {
		if source[i] == '\\' && quote != '`' {
			i++
		} else if source[i] == quote {
			return i + 1
		}
	}
	return len(source)
}

// leadingName returns the identifier that s begins with.
func leadingName(s string) string {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
			return s[:i]
		}
	}
	return s
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
