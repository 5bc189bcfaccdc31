package schema

import "github.com/crossfade-dev/crossfade/asl/jsonvalue"

// synonyms are names of properties that AWS's own guides use and the registered
// types do not know, by type.
//
// Source: Step Functions Developer Guide, "Perform gradual deployments of state
// machine versions", whose template says Type: STANDARD of the state machine.
var synonyms = map[string]map[string]string{
	"AWS::StepFunctions::StateMachine": {"Type": "StateMachineType"},
}

// Canonical returns the properties of a resource by the names that the type
// knows. What is given by both names stays as it is, and is a fault.
func (t *Type) Canonical(properties jsonvalue.Value) jsonvalue.Value {
	for synonym, name := range synonyms[t.Name] {
		given, ok := properties.Get(synonym)
		if _, twice := properties.Get(name); ok && !twice {
			properties = properties.Without(synonym).With(name, given)
		}
	}
	return properties
}
