package asl

// Parse reads a definition. The state machine is nil if and only if one of the diagnostics is
// an Error; warnings may come with it.
func Parse(text string, kind Type) (*StateMachine, []Diagnostic) {
	panic("asl: Parse is being written")
}
