// Package asl is the Amazon States Language as data: it reads a definition, says everything
// that is wrong with it in AWS's words, and gives typed states whose expressions are compiled.
//
// Parse does all of it. What it returns is immutable and may be shared. Running a state machine
// is the work of package machine.
//
// Source: the Amazon States Language specification, and what AWS was recorded to answer.
package asl

// A Type is the kind of workflow. Some integrations exist for Standard only.
type Type string

// The types, as the API spells them.
const (
	Standard Type = "STANDARD"
	Express  Type = "EXPRESS"
)

// A QueryLanguage is what the expressions of a state are written in.
type QueryLanguage string

// The query languages. JSONPath is the default.
const (
	JSONPath QueryLanguage = "JSONPath"
	JSONata  QueryLanguage = "JSONata"
)

// A StateMachine is a definition that Parse accepted.
type StateMachine struct {
	Comment       string
	Version       string
	Type          Type
	QueryLanguage QueryLanguage
	// TimeoutSeconds bounds the whole execution; 0 means no bound.
	TimeoutSeconds int64
	Flow
	// VariableReferences names, for each state that reads any, the variables it reads,
	// sorted. DescribeStateMachine shows it.
	VariableReferences map[string][]string
}

// A Flow is a set of states that lead to each other: that of a machine, a branch or an item
// processor.
type Flow struct {
	StartAt string
	States  []State // in the order of the definition
}

// State returns the state of that name, or nil.
func (f *Flow) State(name string) State {
	for _, s := range f.States {
		if s.Base().Name == name {
			return s
		}
	}
	return nil
}
