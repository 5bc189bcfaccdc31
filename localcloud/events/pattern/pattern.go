// Package pattern says which JSON values fit an event pattern, as EventBridge's
// rules and SNS's filter policies write them.
//
// A pattern is an object whose leaves are lists: {"state": ["running"]} fits when
// the member state is, or holds, one of the values of the list. A value may be a
// text, number, boolean or null, or a comparison such as {"prefix": "a"},
// {"numeric": [">", 0, "<=", 5]} or {"anything-but": ["a"]}. All members must
// fit, but "$or" is a list of patterns of which one must.
//
// Source: EventBridge User Guide, "Comparison operators for use in event
// patterns"; SNS Developer Guide, "Amazon SNS subscription filter policies".
package pattern

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A Pattern is a checked pattern. The zero Pattern fits every object.
type Pattern struct {
	members []member
	either  [][]Pattern // of each $or; each needs one that fits
}

// A member is what a pattern wants of one key.
type member struct {
	key    string
	within *Pattern // for an object
	values []test   // for a leaf; one must hold
}

// A test is one value of a leaf's list.
type test struct {
	absent bool // holds only where there is nothing
	holds  func(v jsonvalue.Value) bool
}

// Parse reads a pattern. The error says what is wrong with it, without saying
// that it is a pattern.
func Parse(text string) (Pattern, error) {
	v, err := jsonvalue.Parse(text)
	if err != nil {
		return Pattern{}, fmt.Errorf("not a valid JSON: %w", err)
	}
	if v.Kind() != jsonvalue.KindObject {
		return Pattern{}, fmt.Errorf("filter is not an object")
	}
	if v.Len() == 0 {
		return Pattern{}, fmt.Errorf("empty objects are not allowed")
	}
	return read(v)
}

func read(v jsonvalue.Value) (Pattern, error) {
	var p Pattern
	for key, want := range v.Members() {
		switch {
		case key == "$or" && want.Kind() == jsonvalue.KindArray:
			choices, err := readOr(want)
			if err != nil {
				return p, err
			}
			p.either = append(p.either, choices)
		case want.Kind() == jsonvalue.KindObject:
			if want.Len() == 0 {
				return p, fmt.Errorf("empty objects are not allowed at %q", key)
			}
			within, err := read(want)
			if err != nil {
				return p, err
			}
			p.members = append(p.members, member{key: key, within: &within})
		case want.Kind() == jsonvalue.KindArray:
			m := member{key: key}
			if want.Len() == 0 {
				return p, fmt.Errorf("empty arrays are not allowed at %q", key)
			}
			for value := range want.Elements() {
				t, err := readTest(value)
				if err != nil {
					return p, fmt.Errorf("%w at %q", err, key)
				}
				m.values = append(m.values, t)
			}
			p.members = append(p.members, m)
		default:
			return p, fmt.Errorf("%q must be an object or an array", key)
		}
	}
	return p, nil
}

func readOr(list jsonvalue.Value) ([]Pattern, error) {
	const least = 2
	if list.Len() < least {
		return nil, fmt.Errorf("there must be at least %d patterns in \"$or\"", least)
	}
	var choices []Pattern
	for element := range list.Elements() {
		if element.Kind() != jsonvalue.KindObject {
			return nil, fmt.Errorf("only objects are allowed in array of \"$or\"")
		}
		p, err := read(element)
		if err != nil {
			return nil, err
		}
		choices = append(choices, p)
	}
	return choices, nil
}

func readTest(v jsonvalue.Value) (test, error) {
	switch v.Kind() {
	case jsonvalue.KindArray:
		return test{}, fmt.Errorf("a list must not hold a list")
	case jsonvalue.KindObject:
		if v.Len() != 1 {
			return test{}, fmt.Errorf("only one key allowed in match expression")
		}
		name, operand := v.MemberAt(0)
		if name == "exists" {
			if operand.Kind() != jsonvalue.KindBool {
				return test{}, fmt.Errorf("exists match pattern must be either true or false")
			}
			if operand.IsTrue() {
				return test{holds: func(jsonvalue.Value) bool { return true }}, nil
			}
			return test{absent: true}, nil
		}
		holds, err := readComparison(name, operand)
		return test{holds: holds}, err
	default:
		return test{holds: func(given jsonvalue.Value) bool { return jsonvalue.Equal(v, given) }}, nil
	}
}

// readComparison reads one such as "prefix" with its operand.
func readComparison(name string, operand jsonvalue.Value) (func(jsonvalue.Value) bool, error) {
	switch name {
	case "prefix", "suffix":
		return readAffix(name, operand)
	case "equals-ignore-case", "wildcard", "cidr":
		if operand.Kind() != jsonvalue.KindString {
			return nil, fmt.Errorf("%s match pattern must be a string", name)
		}
		return readText(name, operand.Str())
	case "numeric":
		return readNumeric(operand)
	case "anything-but":
		return readAnythingBut(operand)
	default:
		return nil, fmt.Errorf("unrecognized match type %s", name)
	}
}

// readAffix reads a prefix or suffix: a text, or one in which case does not count.
func readAffix(name string, operand jsonvalue.Value) (func(jsonvalue.Value) bool, error) {
	fold := false
	if inner, ok := operand.Get("equals-ignore-case"); ok && operand.Len() == 1 {
		fold, operand = true, inner
	}
	if operand.Kind() != jsonvalue.KindString {
		return nil, fmt.Errorf("%s match pattern must be a string", name)
	}
	want := operand.Str()
	return onText(func(s string) bool {
		if len(s) < len(want) {
			return false
		}
		part := s[:len(want)]
		if name == "suffix" {
			part = s[len(s)-len(want):]
		}
		return part == want || fold && strings.EqualFold(part, want)
	}), nil
}

func readText(name, want string) (func(jsonvalue.Value) bool, error) {
	switch name {
	case "equals-ignore-case":
		return onText(func(s string) bool { return strings.EqualFold(s, want) }), nil
	case "wildcard":
		if strings.Contains(want, "**") {
			return nil, fmt.Errorf("consecutive wildcard characters are not allowed")
		}
		return onText(func(s string) bool { return wildcard(want, s) }), nil
	}
	network, err := netip.ParsePrefix(want)
	if err != nil {
		return nil, fmt.Errorf("malformed CIDR, one '/' required")
	}
	return onText(func(s string) bool {
		address, err := netip.ParseAddr(s)
		return err == nil && network.Contains(address)
	}), nil
}

// onText returns f for texts, false for all else.
func onText(f func(s string) bool) func(jsonvalue.Value) bool {
	return func(v jsonvalue.Value) bool { return v.Kind() == jsonvalue.KindString && f(v.Str()) }
}

// wildcard says whether s fits a text in which * stands for anything.
func wildcard(want, s string) bool {
	parts := strings.Split(want, "*")
	if len(parts) == 1 {
		return want == s
	}
	rest, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[last])
}

// readNumeric reads one or two bounds: [">", 0, "<=", 5].
func readNumeric(operand jsonvalue.Value) (func(jsonvalue.Value) bool, error) {
	const one, two = 2, 4
	if n := operand.Len(); operand.Kind() != jsonvalue.KindArray || n != one && n != two {
		return nil, fmt.Errorf("value of numeric must be an array of one or two bounds")
	}
	type bound struct {
		op   string
		than float64
	}
	var bounds []bound
	for i := 0; i < operand.Len(); i += 2 {
		op, than := operand.At(i).Str(), operand.At(i+1)
		if !strings.Contains("|<|<=|=|>|>=|", "|"+op+"|") || op == "" {
			return nil, fmt.Errorf("unrecognized numeric range operator: %s", op)
		}
		if than.Kind() != jsonvalue.KindNumber {
			return nil, fmt.Errorf("value of %s must be numeric", op)
		}
		bounds = append(bounds, bound{op, than.Float()})
	}
	return func(v jsonvalue.Value) bool {
		if v.Kind() != jsonvalue.KindNumber {
			return false
		}
		for _, b := range bounds {
			if !compare(v.Float(), b.op, b.than) {
				return false
			}
		}
		return true
	}, nil
}

func compare(n float64, op string, than float64) bool {
	switch op {
	case "<":
		return n < than
	case "<=":
		return n <= than
	case "=":
		return n == than
	case ">":
		return n > than
	default:
		return n >= than
	}
}

// readAnythingBut reads what a value must not be: a scalar, a list of them, or
// another comparison of texts.
func readAnythingBut(operand jsonvalue.Value) (func(jsonvalue.Value) bool, error) {
	var not []func(jsonvalue.Value) bool
	each := func(values jsonvalue.Value, f func(v jsonvalue.Value) (func(jsonvalue.Value) bool, error)) error {
		list := []jsonvalue.Value{values}
		if values.Kind() == jsonvalue.KindArray {
			list = nil
			for v := range values.Elements() {
				list = append(list, v)
			}
		}
		if len(list) == 0 {
			return fmt.Errorf("empty arrays are not allowed")
		}
		for _, v := range list {
			holds, err := f(v)
			if err != nil {
				return err
			}
			not = append(not, holds)
		}
		return nil
	}
	var err error
	if operand.Kind() == jsonvalue.KindObject {
		if operand.Len() != 1 {
			return nil, fmt.Errorf("only one key allowed in match expression")
		}
		name, values := operand.MemberAt(0)
		if name == "numeric" || name == "anything-but" || name == "cidr" {
			return nil, fmt.Errorf("unsupported anything-but pattern: %s", name)
		}
		err = each(values, func(v jsonvalue.Value) (func(jsonvalue.Value) bool, error) { return readComparison(name, v) })
	} else {
		err = each(operand, func(v jsonvalue.Value) (func(jsonvalue.Value) bool, error) {
			if v.Kind() == jsonvalue.KindArray || v.Kind() == jsonvalue.KindObject {
				return nil, fmt.Errorf("inside anything-but list, either all values are number or string")
			}
			return func(given jsonvalue.Value) bool { return jsonvalue.Equal(v, given) }, nil
		})
	}
	if err != nil {
		return nil, err
	}
	return func(v jsonvalue.Value) bool {
		for _, f := range not {
			if f(v) {
				return false
			}
		}
		return true
	}, nil
}

// Nested says whether the pattern looks into objects.
func (p Pattern) Nested() bool {
	for _, m := range p.members {
		if m.within != nil {
			return true
		}
	}
	for _, choices := range p.either {
		for _, c := range choices {
			if c.Nested() {
				return true
			}
		}
	}
	return false
}

// Matches says whether a value fits. What is no object fits no pattern that wants
// a member.
func (p Pattern) Matches(v jsonvalue.Value) bool {
	for _, m := range p.members {
		given, found := v.Get(m.key)
		if !m.fits(given, found) {
			return false
		}
	}
	for _, choices := range p.either {
		fits := false
		for _, c := range choices {
			fits = fits || c.Matches(v)
		}
		if !fits {
			return false
		}
	}
	return true
}

func (m member) fits(v jsonvalue.Value, found bool) bool {
	if m.within != nil {
		if v.Kind() != jsonvalue.KindArray {
			return m.within.Matches(v)
		}
		for element := range v.Elements() {
			if m.within.Matches(element) {
				return true
			}
		}
		return false
	}
	if v.Kind() == jsonvalue.KindArray {
		for element := range v.Elements() {
			if m.fits(element, true) {
				return true
			}
		}
		found = found && v.Len() > 0
		return !found && m.wantsNothing()
	}
	// exists is about leaves: an object is none.
	if !found || v.Kind() == jsonvalue.KindObject {
		return m.wantsNothing()
	}
	for _, t := range m.values {
		if !t.absent && t.holds(v) {
			return true
		}
	}
	return false
}

func (m member) wantsNothing() bool {
	for _, t := range m.values {
		if t.absent {
			return true
		}
	}
	return false
}
