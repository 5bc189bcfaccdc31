package asl

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// Parse reads a definition. The state machine is nil if and only if one of the diagnostics is
// an Error; warnings may come with it.
func Parse(text string, kind Type) (*StateMachine, []Diagnostic) {
	p := &parser{kind: kind, names: make(map[string]bool), references: make(map[string][]string)}
	sm := p.stateMachine(text)
	if len(Errors(p.diagnostics)) > 0 {
		return nil, p.diagnostics
	}
	return sm, p.diagnostics
}

// TestedName is the name of the state that ParseState reads, as TestState gives it.
const TestedName = "StateName"

// ParseState reads what TestState is given: one state, or a whole machine with a state in it
// that is to be tested. Where states lead is not checked. The machine of one state holds it
// under the name TestedName.
func ParseState(text string, kind Type) (*StateMachine, []Diagnostic) {
	if v, err := jsonvalue.Parse(text); err == nil && v.Kind() == jsonvalue.KindObject {
		_, states := v.Get("States")
		_, isState := v.Get("Type")
		if isState && !states {
			member := func(key string, v jsonvalue.Value) jsonvalue.Member { return jsonvalue.Member{Key: key, Value: v} }
			text = jsonvalue.ObjectOf(
				member("StartAt", jsonvalue.String(TestedName)),
				member("States", jsonvalue.ObjectOf(member(TestedName, v))),
			).String()
		}
	}
	p := &parser{kind: kind, names: make(map[string]bool), references: make(map[string][]string), alone: true}
	sm := p.stateMachine(text)
	if len(Errors(p.diagnostics)) > 0 {
		return nil, p.diagnostics
	}
	return sm, p.diagnostics
}

// A parser reads one definition and collects what is wrong with it.
type parser struct {
	kind        Type
	language    QueryLanguage // of the whole machine
	diagnostics []Diagnostic
	names       map[string]bool // of all states so far, in all flows
	labels      map[string]bool
	references  map[string][]string
	alone       bool // a state is tested alone: it may lead anywhere
}

func (p *parser) report(code Code, at, format string, args ...any) {
	p.diagnostics = append(p.diagnostics, Diagnostic{Error, code, fmt.Sprintf(format, args...), at})
}

// fail reports what AWS calls a violation of the schema.
func (p *parser) fail(at, format string, args ...any) {
	p.report(SchemaValidationFailed, at, format, args...)
}

func (p *parser) warn(code Code, at, format string, args ...any) {
	p.diagnostics = append(p.diagnostics, Diagnostic{Warning, code, fmt.Sprintf(format, args...), at})
}

func (p *parser) stateMachine(text string) *StateMachine {
	if strings.TrimSpace(text) == "" {
		p.fail("", "Definition must be a valid JSON object")
		return nil
	}
	v, err := jsonvalue.Parse(text)
	if err != nil {
		p.notJSON(text, err)
		return nil
	}
	if v.Kind() != jsonvalue.KindObject {
		p.fail("", "Definition must be a valid JSON object")
		return nil
	}
	o := object{p: p, v: v, at: "/", language: JSONPath}
	p.language = o.queryLanguage(JSONPath)
	o.language = p.language
	if !o.require("States", "StartAt") {
		return nil
	}
	o.allow(machineFields)
	sm := &StateMachine{
		Comment:            o.text("Comment"),
		Version:            o.text("Version"),
		Type:               p.kind,
		QueryLanguage:      p.language,
		TimeoutSeconds:     o.integer("TimeoutSeconds", 0, 1, maxSeconds),
		VariableReferences: p.references,
	}
	sm.Flow = p.flow(o, nil)
	return sm
}

// notJSON reports a text that is not JSON the way Jackson, AWS's parser, does.
func (p *parser) notJSON(text string, err error) {
	var syntax *jsonvalue.SyntaxError
	if !errors.As(err, &syntax) {
		panic("asl: jsonvalue.Parse returned another error than it promises")
	}
	const shown = 500 // characters of the text that Jackson repeats
	source := `"` + text + `"`
	if n := utf8.RuneCountInString(text); n > shown {
		source = fmt.Sprintf(`"%s"[truncated %d chars]`, string([]rune(text)[:shown]), n-shown)
	}
	at := fmt.Sprintf("[Source: (String)%s; line: %d, column: %d]", source, syntax.Line, syntax.Column)
	p.report(InvalidJSON, at, "%s\n at %s", syntax.Reason, at)
}

// flow reads StartAt and States of a machine, a branch or an item processor. outer are the
// variables of the flows around it.
func (p *parser) flow(o object, outer *variables) Flow {
	f := Flow{StartAt: o.text("StartAt")}
	states, ok := o.child("States")
	if !ok {
		return f
	}
	inner := &variables{outer: outer, assigned: make(map[string][]string)}
	inner.collect(states.v)
	if states.v.Len() == 0 {
		p.fail(states.at, "Value cannot be empty")
	}
	for name, v := range states.v.Members() {
		at := states.at + "/" + name
		if v.Kind() != jsonvalue.KindObject {
			p.fail(at, "Expected value of type Object")
			continue
		}
		if p.names[name] {
			p.report(DuplicateStateName, at, "Duplicate State name: %s", name)
		}
		p.names[name] = true
		if utf8.RuneCountInString(name) > maxName {
			p.fail(at, "State name must not exceed %d characters", maxName)
		}
		inner.within = name
		if s := p.state(object{p: p, v: v, at: at, language: p.language}, name, inner); s != nil {
			f.States = append(f.States, s)
		}
	}
	if len(f.States) == states.v.Len() && o.has("StartAt") && !p.alone {
		p.checkTransitions(&f, o.at)
	}
	return f
}

const (
	maxName    = 80
	maxSeconds = 99_999_999
)

// variables are the names that the states of a flow assign, within those of the flows around.
type variables struct {
	outer    *variables
	assigned map[string][]string // the states that assign a name
	within   string              // the state that is being read
}

// collect takes up the variables that the states of a flow assign, at any of their Assign
// fields, but not those of flows inside.
func (vs *variables) collect(states jsonvalue.Value) {
	for name, s := range states.Members() {
		vs.collectAssign(name, s)
		for _, list := range []string{"Choices", "Catch"} {
			rules, _ := s.Get(list)
			for r := range rules.Elements() {
				vs.collectAssign(name, r)
			}
		}
	}
}

func (vs *variables) collectAssign(state string, v jsonvalue.Value) {
	assign, _ := v.Get("Assign")
	for name := range assign.Members() {
		name = strings.TrimSuffix(name, ".$")
		vs.assigned[name] = append(vs.assigned[name], state)
	}
}

// hidden reports whether a flow around this one assigns the name. What the state that holds
// this flow assigns does not count: it does so only when this flow is over.
func (vs *variables) hidden(name string) bool {
	for o := vs.outer; o != nil; o = o.outer {
		for _, state := range o.assigned[name] {
			if state != o.within {
				return true
			}
		}
	}
	return false
}
