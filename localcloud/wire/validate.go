package wire

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A validator checks a decoded input against the constraints of the model and
// words what is wrong as AWS's framework does.
type validator struct {
	path    path
	missing []string
	found   []string
	first   Violation // of found
}

// validate returns nil or one error with all violations, or what refuse has for
// the first of them, unless that is nil.
func validate(p *plan, v reflect.Value, missing []string, refuse func(Violation) *Error) *Error {
	c := validator{missing: missing}
	c.value(p, v)
	if len(c.found) == 0 {
		return nil
	}
	if refuse != nil {
		if e := refuse(c.first); e != nil {
			return e
		}
	}
	noun := "error"
	if len(c.found) > 1 {
		noun = "errors"
	}
	return NewValidationError(fmt.Sprintf("%d validation %s detected: %s", len(c.found), noun, strings.Join(c.found, "; ")))
}

// violation notes that the value at the path breaks a constraint.
func (c *validator) violation(value, constraint string) {
	text := "Value " + value + " at '" + c.path.String() + "' failed to satisfy constraint: " + constraint
	if len(c.found) == 0 {
		c.first = Violation{Member: c.path[0].name, Missing: len(c.path) == 1 && (value == "null" || value == "''"), Message: text}
	}
	c.found = append(c.found, text)
}

func quoted(s string) string { return "'" + s + "'" }

func (c *validator) value(p *plan, v reflect.Value) {
	if !p.checked && len(c.missing) == 0 {
		return
	}
	switch p.kind {
	case Structure:
		c.structure(p, v)
	case List:
		c.length(p, v, v.Len())
		c.list(p, v)
	case Map:
		c.length(p, v, v.Len())
		c.mapping(p, v)
	case Blob:
		if !p.stream {
			c.length(p, v, v.Len())
		}
	default:
		for _, broken := range scalarViolations(p, v) {
			c.violation(quoted(javaText(p, v)), broken)
		}
	}
}

func (c *validator) structure(p *plan, v reflect.Value) {
	for i := range p.members {
		m := &p.members[i]
		mv, ok := m.get(v)
		if !ok && !m.Required {
			continue
		}
		c.path = append(c.path, step{name: m.camel})
		if !ok || m.bit != 0 && c.isMissing() {
			c.null()
		} else {
			c.value(m.plan, mv)
		}
		c.path = c.path[:len(c.path)-1]
	}
}

// isMissing says whether the decoder found nothing at the path.
func (c *validator) isMissing() bool {
	return len(c.missing) > 0 && slices.Contains(c.missing, c.path.String())
}

func (c *validator) null() { c.violation("null", "Member must not be null") }

// list checks the elements. What is wrong with scalars is said once, of the
// whole list, with all constraints that elements have.
func (c *validator) list(p *plan, v reflect.Value) {
	if !p.elem.checked && len(c.missing) == 0 {
		return
	}
	said := false
	for i := range v.Len() {
		elem := v.Index(i)
		c.path = append(c.path, step{index: i + 1})
		isNull := c.isMissing()
		if isNull {
			c.null()
		} else if !scalar(p.elem.kind) {
			c.value(p.elem, elem)
		}
		c.path = c.path[:len(c.path)-1]
		if !isNull && !said && scalar(p.elem.kind) && len(scalarViolations(p.elem, elem)) > 0 {
			all := scalarConstraints(p.elem, !p.shape.NullElems)
			c.violation(quoted(javaText(p, v)), "Member must satisfy constraint: ["+strings.Join(all, ", ")+"]")
			said = true
		}
	}
}

// mapping checks keys and values; of scalars it says what is wrong once.
func (c *validator) mapping(p *plan, v reflect.Value) {
	if p.key.checked {
		for it := v.MapRange(); it.Next(); {
			if len(scalarViolations(p.key, it.Key())) > 0 {
				all := scalarConstraints(p.key, false)
				c.violation(quoted(javaText(p, v)), "Map keys must satisfy constraint: ["+strings.Join(all, ", ")+"]")
				break
			}
		}
	}
	if !p.elem.checked && len(c.missing) == 0 {
		return
	}
	if scalar(p.elem.kind) {
		for it := v.MapRange(); it.Next(); {
			if len(scalarViolations(p.elem, it.Value())) > 0 {
				all := scalarConstraints(p.elem, true)
				c.violation(quoted(javaText(p, v)), "Map value must satisfy constraint: ["+strings.Join(all, ", ")+"]")
				break
			}
		}
		return
	}
	for _, k := range sortedKeys(v) {
		c.path = append(c.path, step{name: k, inMap: true})
		c.value(p.elem, v.MapIndex(reflect.ValueOf(k)))
		c.path = c.path[:len(c.path)-1]
	}
}

// length checks how many elements a list, map or blob has.
func (c *validator) length(p *plan, v reflect.Value, n int) {
	r := p.shape.Range
	if r == nil {
		return
	}
	if r.HasMax && float64(n) > r.Max {
		c.violation(quoted(javaText(p, v)), atMost(p))
	}
	if r.HasMin && float64(n) < r.Min {
		c.violation(quoted(javaText(p, v)), atLeast(p))
	}
}

func scalar(k Kind) bool { return k != Structure && k != List && k != Map }

// scalarViolations returns the constraints of p that v breaks, in AWS's order.
func scalarViolations(p *plan, v reflect.Value) []string {
	if !p.checked {
		return nil
	}
	var broken []string
	s := p.shape
	size, sized := 0.0, false
	switch p.kind {
	case String:
		text := v.String()
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) {
			broken = append(broken, enumConstraint(s))
		}
		if p.match != nil && !p.match(text) {
			broken = append(broken, patternConstraint(s))
		}
		if s.Range != nil {
			size, sized = float64(utf8.RuneCountInString(text)), true
		}
	case Blob:
		size, sized = float64(v.Len()), true
	case Integer, Long:
		size, sized = float64(v.Int()), true
	case Float, Double:
		size, sized = v.Float(), true
	}
	if r := s.Range; sized && r != nil {
		if r.HasMax && size > r.Max {
			broken = append(broken, atMost(p))
		}
		if r.HasMin && size < r.Min {
			broken = append(broken, atLeast(p))
		}
	}
	return broken
}

// scalarConstraints lists all constraints of p, as AWS does for elements.
func scalarConstraints(p *plan, notNull bool) []string {
	var all []string
	s := p.shape
	if s.Range != nil && s.Range.HasMax {
		all = append(all, atMost(p))
	}
	if s.Range != nil && s.Range.HasMin {
		all = append(all, atLeast(p))
	}
	if len(s.Enum) > 0 {
		all = append(all, enumConstraint(s))
	}
	if s.Pattern != "" {
		all = append(all, patternConstraint(s))
	}
	if notNull {
		all = append(all, "Member must not be null")
	}
	return all
}

func enumConstraint(s *Shape) string {
	return "Member must satisfy enum value set: [" + strings.Join(s.Enum, ", ") + "]"
}

func patternConstraint(s *Shape) string {
	return "Member must satisfy regular expression pattern: " + s.Pattern
}

func atMost(p *plan) string {
	return "Member must have " + dimension(p.kind) + " less than or equal to " + bound(p.kind, p.shape.Range.Max)
}

func atLeast(p *plan) string {
	return "Member must have " + dimension(p.kind) + " greater than or equal to " + bound(p.kind, p.shape.Range.Min)
}

// dimension is what a range of the kind bounds.
func dimension(k Kind) string {
	switch k {
	case Integer, Long, Float, Double:
		return "value"
	default:
		return "length"
	}
}

func bound(k Kind, f float64) string {
	if k == Float || k == Double {
		return string(appendDouble(nil, f))
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
