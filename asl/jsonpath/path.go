// Package jsonpath reads and sets places in JSON values by path, the way AWS
// Step Functions does.
//
// A path is compiled once and evaluated often, by any number of goroutines. It
// starts at one of three roots: "$" is the state's input or result, "$$" the
// context object, and "$name" a workflow variable. A definite path (names and
// single indexes only) selects one node and fails where there is none. Any
// other path selects a list, which may be empty.
//
// The behaviour is that of the Jayway implementation, which AWS uses, with what
// AWS does otherwise: a miss before the first wildcard, slice or filter gives
// an empty list. Evaluation is bounded in steps and in the size of the result,
// so that no path can hold up its caller.
package jsonpath

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// Root is where a path starts.
type Root int

// The roots of paths.
const (
	Input    Root = iota // $
	Context              // $$
	Variable             // $name
)

// A Scope holds the values that paths start at.
type Scope interface {
	// Input returns what $ means.
	Input() jsonvalue.Value
	// Context returns what $$ means.
	Context() jsonvalue.Value
	// Variable returns what $name means; false where no such variable is set.
	Variable(name string) (jsonvalue.Value, bool)
}

// A Path is a compiled path. It is immutable.
type Path struct {
	text     string
	root     Root
	variable string
	steps    []step
	definite int // how many of the first steps are definite
}

// A SyntaxError says where and why a text is not a path.
type SyntaxError struct {
	Path   string
	Offset int // in bytes, from 0
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("path %q: offset %d: %s", e.Path, e.Offset, e.Reason)
}

// A NotFoundError says what a definite path did not find, in the words AWS
// uses, such as "No results for path: $['a']". The root is always written $.
type NotFoundError struct {
	Path   string
	Reason string
}

func (e *NotFoundError) Error() string { return e.Reason }

var (
	// ErrTooCostly means that evaluating a path took more steps, or gave a
	// larger result, than any useful path needs.
	ErrTooCostly = errors.New("path needs too many steps or gives too large a result")
	// ErrCannotSet means that a value has no place for a reference path: an
	// array without that element, or a name below something that is no object.
	ErrCannotSet = errors.New("path does not fit the value")
)

// IsNotFound reports whether err says that a path found nothing.
func IsNotFound(err error) bool {
	var notFound *NotFoundError
	return errors.As(err, &notFound)
}

// String returns the path as it was written.
func (p *Path) String() string { return p.text }

// Root returns where p starts.
func (p *Path) Root() Root { return p.root }

// Variable returns the name of the variable that p starts at, without the
// dollar sign, and "" when p starts elsewhere.
func (p *Path) Variable() string { return p.variable }

// Definite reports whether p selects at most one node, so that its result is
// that node and not a list.
func (p *Path) Definite() bool { return p.definite == len(p.steps) }

// IsReference reports whether p is a reference path: names and single indexes
// only, so that a value can be set there.
func (p *Path) IsReference() bool {
	for _, s := range p.steps {
		switch s := s.(type) {
		case names:
			if len(s) != 1 {
				return false
			}
		case indexes:
			if len(s) != 1 || s[0] < 0 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// Eval returns what p selects, starting at the root it names in s. The error is
// a *NotFoundError, or wraps ErrTooCostly.
func (p *Path) Eval(s Scope) (jsonvalue.Value, error) {
	switch p.root {
	case Input:
		return p.Get(s.Input())
	case Context:
		return p.Get(s.Context())
	case Variable:
		v, ok := s.Variable(p.variable)
		if !ok {
			return jsonvalue.Value{}, &NotFoundError{p.text, fmt.Sprintf("Variable '%s' is not set", p.variable)}
		}
		return p.Get(v)
	default:
		panic(fmt.Sprintf("jsonpath: root %d", p.root))
	}
}

// Get returns what p selects below root, whichever root it names. The error is
// a *NotFoundError, or wraps ErrTooCostly.
func (p *Path) Get(root jsonvalue.Value) (jsonvalue.Value, error) {
	w := walker{root: root, budget: maxSteps}
	v, err := w.value(p, root)
	if err != nil && !p.Definite() && IsNotFound(err) {
		return jsonvalue.ArrayOf(), nil
	}
	return v, err
}

// normalized returns the first n steps in bracket notation, as AWS's messages
// write them.
func (p *Path) normalized(n int) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, s := range p.steps[:n] {
		b.WriteString(s.text())
	}
	return b.String()
}

func (p *Path) notFound(format string, args ...any) error {
	return &NotFoundError{Path: p.text, Reason: fmt.Sprintf(format, args...)}
}

// A step is one part of a path. The types below are all there are.
type step interface {
	text() string // in bracket notation
	definite(leaf bool) bool
}

type (
	names    []string // ['a','b']
	indexes  []int    // [0,2]
	wildcard struct{} // [*]
	slice    struct { // [from:to]
		from, to       int
		hasFrom, hasTo bool
	}
	descend struct{}                 // .. before the next step
	filter  struct{ test condition } // [?(…)]
	call    struct {                 // .length()
		name string
		args []operand
	}
)

func (s names) text() string {
	quoted := make([]string, len(s))
	for i, name := range s {
		quoted[i] = "'" + name + "'"
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

func (s indexes) text() string {
	numbers := make([]string, len(s))
	for i, n := range s {
		numbers[i] = strconv.Itoa(n)
	}
	return "[" + strings.Join(numbers, ",") + "]"
}

func (s slice) text() string {
	from, to := "", ""
	if s.hasFrom {
		from = strconv.Itoa(s.from)
	}
	if s.hasTo {
		to = strconv.Itoa(s.to)
	}
	return "[" + from + ":" + to + "]"
}

func (wildcard) text() string { return "[*]" }
func (descend) text() string  { return ".." }
func (filter) text() string   { return "[?]" }
func (s call) text() string   { return "." + s.name + "()" }

func (s names) definite(leaf bool) bool { return len(s) == 1 || leaf }
func (s indexes) definite(bool) bool    { return len(s) == 1 }
func (slice) definite(bool) bool        { return false }
func (wildcard) definite(bool) bool     { return false }
func (descend) definite(bool) bool      { return false }
func (filter) definite(bool) bool       { return false }
func (call) definite(bool) bool         { return true }
