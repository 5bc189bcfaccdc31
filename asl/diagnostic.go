package asl

import "strings"

// A Severity says whether a diagnostic refuses the definition.
type Severity string

// The severities. Only an Error refuses.
const (
	Error   Severity = "ERROR"
	Warning Severity = "WARNING"
)

// A Diagnostic is one thing that Parse found, as ValidateStateMachineDefinition reports it.
type Diagnostic struct {
	Severity Severity
	Code     Code
	Message  string
	// Location is a path such as /States/Wait/Seconds; empty when AWS gives none.
	Location string
}

// A Code is a class of diagnostics.
type Code string

// The codes.
//
// Source: Step Functions API, ValidateStateMachineDefinitionDiagnostic.
const (
	InvalidJSON             Code = "INVALID_JSON_DESCRIPTION"
	SchemaValidationFailed  Code = "SCHEMA_VALIDATION_FAILED"
	MissingTransitionTarget Code = "MISSING_TRANSITION_TARGET"
	MissingEndState         Code = "MISSING_END_STATE"
	DuplicateStateName      Code = "DUPLICATE_STATE_NAME"
	DuplicateLabelName      Code = "DUPLICATE_LABEL_NAME"
	InvalidLabelName        Code = "INVALID_LABEL_NAME"

	NoDollar           Code = "NO_DOLLAR"             // warning: a value looks like a path, its key lacks ".$"
	NoPath             Code = "NO_PATH"               // warning: a value looks like a path, its field does not end in "Path"
	PassResultIsStatic Code = "PASS_RESULT_IS_STATIC" // warning: a Result holds what looks like a path
)

// String returns the diagnostic as "CODE: message at location".
func (d Diagnostic) String() string {
	text := string(d.Code) + ": " + d.Message
	if d.Location != "" {
		text += " at " + d.Location
	}
	return text
}

// Errors returns the diagnostics that refuse the definition.
func Errors(ds []Diagnostic) []Diagnostic {
	var errors []Diagnostic
	for _, d := range ds {
		if d.Severity == Error {
			errors = append(errors, d)
		}
	}
	return errors
}

// Summary joins the errors among ds as the InvalidDefinition exception quotes them, and is
// empty if there are none.
func Summary(ds []Diagnostic) string {
	var texts []string
	for _, d := range Errors(ds) {
		texts = append(texts, d.String())
	}
	return strings.Join(texts, ", ")
}
