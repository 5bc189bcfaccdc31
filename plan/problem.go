package plan

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInvalid is what [Parse] and [New] return for a plan that is not valid; the
// error is a [Problems].
var ErrInvalid = errors.New("invalid plan")

// A Severity says how bad a problem is.
type Severity string

// The severities. A plan with an Error is not run.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// A Problem is something about a plan that its author should know.
type Problem struct {
	Severity Severity `json:"severity"`
	// Code names the rule, to be looked up: whole-percent. Empty for
	// mistakes in the text itself.
	Code string `json:"code,omitempty"`
	// File and Line are the place in the plan file, counted from 1; empty and
	// 0 where there is none.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Path is the place in the plan: strategy.steps[2].weight, or a flag.
	Path string `json:"path,omitempty"`
	// Text is the sentence.
	Text string `json:"text"`
}

// String writes the problem with its place: plan.yaml:12: strategy.soak: …
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems are all that is wrong with a plan. It is an error, [ErrInvalid].
type Problems []Problem

// Error lists the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes it ErrInvalid.
func (ps Problems) Unwrap() error { return ErrInvalid }
