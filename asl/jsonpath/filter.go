package jsonpath

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A condition is what stands in a filter. The types below are all there are.
type condition interface {
	holds(w *walker, item jsonvalue.Value) (bool, error)
}

type (
	anyOf  []condition // a || b
	allOf  []condition // a && b
	not    struct{ of condition }
	exists struct {
		path     *Path
		relative bool
	}
	compare struct {
		operator    string
		left, right operand
	}
)

// An operand is a value in a filter: a literal, a path, or a pattern.
type operand struct {
	literal  jsonvalue.Value
	path     *Path
	relative bool           // the path starts at the item and not at the root
	pattern  *regexp.Regexp // matches whole texts
}

// eval returns the value of o, Undefined where its path finds nothing.
func (o operand) eval(w *walker, item jsonvalue.Value) (jsonvalue.Value, error) {
	if o.path == nil {
		return o.literal, nil
	}
	v, err := w.value(o.path, o.start(w, item))
	if IsNotFound(err) {
		return jsonvalue.Value{}, nil
	}
	return v, err
}

func (o operand) start(w *walker, item jsonvalue.Value) jsonvalue.Value {
	if o.relative {
		return item
	}
	return w.root
}

func (c anyOf) holds(w *walker, item jsonvalue.Value) (bool, error) {
	for _, part := range c {
		if ok, err := part.holds(w, item); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (c allOf) holds(w *walker, item jsonvalue.Value) (bool, error) {
	for _, part := range c {
		if ok, err := part.holds(w, item); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c not) holds(w *walker, item jsonvalue.Value) (bool, error) {
	ok, err := c.of.holds(w, item)
	return !ok && err == nil, err
}

// holds is true also where what exists is null or false, or an empty list.
func (c exists) holds(w *walker, item jsonvalue.Value) (bool, error) {
	_, err := w.value(c.path, operand{relative: c.relative}.start(w, item))
	if IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func (c compare) holds(w *walker, item jsonvalue.Value) (bool, error) {
	left, err := c.left.eval(w, item)
	if err != nil {
		return false, err
	}
	right, err := c.right.eval(w, item)
	if err != nil {
		return false, err
	}
	if err := w.spend(1 + (left.Size()+right.Size())/16); err != nil {
		return false, err
	}
	switch c.operator {
	case "==":
		return looselyEqual(left, right), nil
	case "!=":
		return !looselyEqual(left, right), nil
	case "===":
		return strictlyEqual(left, right), nil
	case "!==":
		return !strictlyEqual(left, right), nil
	case "<", "<=", ">", ">=":
		return ordered(c.operator, left, right), nil
	case "=~":
		return c.matches(left, right), nil
	case "in":
		return contains(right, left), nil
	case "nin":
		return !contains(right, left), nil
	case "contains":
		if left.Kind() == jsonvalue.KindString && right.Kind() == jsonvalue.KindString {
			return strings.Contains(left.Str(), right.Str()), nil
		}
		return contains(left, right), nil
	}
	// What is left compares lists element by element.
	if err := w.spend(left.Len() * right.Len()); err != nil {
		return false, err
	}
	switch c.operator {
	case "subsetof":
		return isList(left, right) && common(left, right) == left.Len(), nil
	case "all":
		return isList(left, right) && common(right, left) == right.Len(), nil
	case "anyof":
		return isList(left, right) && common(left, right) > 0, nil
	case "noneof":
		return isList(left, right) && common(left, right) == 0, nil
	case "size":
		return sized(left, right), nil
	case "empty":
		n, ok := lengthOf(left)
		return ok && right.Kind() == jsonvalue.KindBool && (n == 0) == right.IsTrue(), nil
	default:
		panic(fmt.Sprintf("jsonpath: unknown operator %q", c.operator))
	}
}

// looselyEqual compares by value, and a number with the text of a number too.
// What is Undefined equals nothing.
func looselyEqual(a, b jsonvalue.Value) bool {
	switch {
	case !a.IsDefined() || !b.IsDefined():
		return false
	case a.Kind() == jsonvalue.KindNumber && b.Kind() == jsonvalue.KindString:
		n := jsonvalue.Number(strings.TrimSpace(b.Str()))
		return n.IsDefined() && jsonvalue.Equal(a, n)
	case a.Kind() == jsonvalue.KindString && b.Kind() == jsonvalue.KindNumber:
		return a.Str() == b.Literal()
	default:
		return jsonvalue.Equal(a, b)
	}
}

func strictlyEqual(a, b jsonvalue.Value) bool {
	return a.IsDefined() && jsonvalue.Equal(a, b)
}

// ordered compares two numbers or two strings. Anything else is in no order.
func ordered(operator string, a, b jsonvalue.Value) bool {
	var sign int
	switch {
	case a.Kind() == jsonvalue.KindNumber && b.Kind() == jsonvalue.KindNumber:
		sign = cmp.Compare(a.Float(), b.Float())
	case a.Kind() == jsonvalue.KindString && b.Kind() == jsonvalue.KindString:
		sign = cmp.Compare(a.Str(), b.Str())
	default:
		return false
	}
	switch operator {
	case "<":
		return sign < 0
	case "<=":
		return sign <= 0
	case ">":
		return sign > 0
	default:
		return sign >= 0
	}
}

// matches tests the text on one side against the pattern on the other.
func (c compare) matches(left, right jsonvalue.Value) bool {
	pattern, subject := c.right.pattern, left
	if pattern == nil {
		pattern, subject = c.left.pattern, right
	}
	if pattern == nil {
		return false
	}
	switch subject.Kind() {
	case jsonvalue.KindString:
		return pattern.MatchString(subject.Str())
	case jsonvalue.KindNumber, jsonvalue.KindBool:
		return pattern.MatchString(subject.String())
	default:
		return pattern.MatchString("")
	}
}

func contains(list, v jsonvalue.Value) bool {
	for e := range list.Elements() {
		if looselyEqual(e, v) {
			return true
		}
	}
	return false
}

func isList(a, b jsonvalue.Value) bool {
	return a.Kind() == jsonvalue.KindArray && b.Kind() == jsonvalue.KindArray
}

// common counts the elements of a that are also in b.
func common(a, b jsonvalue.Value) int {
	n := 0
	for e := range a.Elements() {
		if contains(b, e) {
			n++
		}
	}
	return n
}

func sized(v, want jsonvalue.Value) bool {
	n, ok := lengthOf(v)
	wanted, whole := want.Int()
	return ok && whole && int64(n) == wanted
}

func lengthOf(v jsonvalue.Value) (int, bool) {
	switch v.Kind() {
	case jsonvalue.KindArray, jsonvalue.KindObject:
		return v.Len(), true
	case jsonvalue.KindString:
		return len([]rune(v.Str())), true
	default:
		return 0, false
	}
}
