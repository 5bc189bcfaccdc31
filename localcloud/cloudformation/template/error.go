package template

import (
	"errors"
	"fmt"
	"strings"
)

// An Error says what is wrong with a template or with the values given to it.
type Error struct {
	// Message is the text that CloudFormation's API answers, in AWS's words
	// where AWS has words for it.
	Message string
	// Line and Column are the place in the template's text, both from 1; 0 when
	// the error is not about a place, such as a missing parameter value.
	Line, Column int
	// notJSON is true when the text is not JSON at all.
	notJSON bool
	// Path leads to the place in the template as it is evaluated, after its
	// transforms, such as /Resources/Fn/Properties/Role.
	Path string
}

// Error returns the place and the message: "line 12, column 7: Template error: …".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// errNotJSON is what an error of a text that is not JSON is like.
var errNotJSON = errors.New("not JSON")

// Is reports whether target is what e is about.
func (e *Error) Is(target error) bool { return target == errNotJSON && e.notJSON }

func wrong(format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...)}
}

// brackets writes names the way AWS lists them: [A, B].
func brackets(names []string) string { return "[" + strings.Join(names, ", ") + "]" }

// joinPath writes a path the way AWS does: /Resources/A.
func joinPath(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return "/" + strings.Join(path, "/")
}
