package template

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
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

// maxMessage bounds the bytes of a message: a template of a megabyte may have a
// megabyte of names to complain about.
const maxMessage = 4096

func wrong(format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return &Error{Message: message}
}

// at returns an error about a byte of a text.
func at(text string, offset int, format string, args ...any) *Error {
	e := wrong(format, args...)
	e.Line, e.Column = lineAndColumn(text, offset)
	return e
}

func lineAndColumn(text string, offset int) (line, column int) {
	before := text[:offset]
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}

// invalidUTF8 returns where a text stops to be UTF-8, or -1.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			return i
		}
	}
	return -1
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
