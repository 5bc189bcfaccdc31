package machine

import (
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// choose is the Choice state.
func (r *run) choose(f *frame, s *state) *failure {
	def := s.def.(*asl.Choice)
	input, failed := r.effectiveInput(f, s)
	if failed != nil {
		return failed
	}
	if s.jsonata {
		r.lookAt(f, jsonvalue.Value{})
	} else {
		r.look(input.value)
	}
	for i := range def.Rules {
		rule := &def.Rules[i]
		holds, failed := r.holds(f, rule.Condition)
		if failed != nil {
			return failed
		}
		if holds {
			return r.passOn(f, s, way{rule.Output, rule.Assign, s.rules[i], rule.Next})
		}
	}
	if def.Default == "" {
		return fail(errorNoChoiceMatched,
			r.while(f, "Failed to transition out of the state. The state does not point to a next state."))
	}
	return r.passOn(f, s, way{s.common.Output, s.common.Assign, s.fallback, def.Default})
}

// holds evaluates a condition in the scope at hand.
func (r *run) holds(f *frame, c asl.Condition) (bool, *failure) {
	switch c := c.(type) {
	case asl.And:
		for _, inner := range c {
			if holds, failed := r.holds(f, inner); failed != nil || !holds {
				return false, failed
			}
		}
		return true, nil
	case asl.Or:
		for _, inner := range c {
			if holds, failed := r.holds(f, inner); failed != nil || holds {
				return holds, failed
			}
		}
		return false, nil
	case asl.Not:
		holds, failed := r.holds(f, c.Condition)
		return !holds, failed
	case asl.Test:
		v, failed := r.eval(f, c.Expression)
		return v.IsTrue(), failed
	case *asl.Comparison:
		return r.compare(f, c)
	default:
		panic("machine: condition of unknown type")
	}
}

// compare evaluates a comparison. Values of the wrong type do not match; a variable that is
// not there may only be asked whether it is present.
func (r *run) compare(f *frame, c *asl.Comparison) (bool, *failure) {
	r.world.look(f)
	v, err := c.Variable.Eval(&r.scope)
	if c.Operator == asl.IsPresent {
		return (err == nil) == c.Value.IsTrue(), nil
	}
	if err != nil {
		return false, r.noOperand(f, c.Variable)
	}
	operand := c.Value
	if c.Path != nil {
		if operand, err = c.Path.Eval(&r.scope); err != nil {
			return false, r.noOperand(f, c.Path)
		}
	}
	return compare(c.Operator, v, operand), nil
}

func (r *run) noOperand(f *frame, path asl.Expression) *failure {
	return r.runtimeFailure(f, "Invalid path '%s': The choice state's condition path references an invalid value.", path)
}

// compare applies an operator to what the variable holds and to what it is compared with.
func compare(o asl.Operator, v, operand jsonvalue.Value) bool {
	switch o {
	case asl.StringMatches:
		return v.Kind() == jsonvalue.KindString && matchesPattern(v.Str(), operand.Str())
	case asl.BooleanEquals:
		return v.Kind() == jsonvalue.KindBool && operand.Kind() == jsonvalue.KindBool && v.IsTrue() == operand.IsTrue()
	case asl.IsNull:
		return (v.Kind() == jsonvalue.KindNull) == operand.IsTrue()
	case asl.IsNumeric:
		return (v.Kind() == jsonvalue.KindNumber) == operand.IsTrue()
	case asl.IsString:
		return (v.Kind() == jsonvalue.KindString) == operand.IsTrue()
	case asl.IsBoolean:
		return (v.Kind() == jsonvalue.KindBool) == operand.IsTrue()
	case asl.IsTimestamp:
		_, ok := timestampOf(v)
		return ok == operand.IsTrue()
	}
	order, ok := orderOf(o, v, operand)
	if !ok {
		return false
	}
	switch o {
	case asl.StringEquals, asl.NumericEquals, asl.TimestampEquals:
		return order == 0
	case asl.StringLessThan, asl.NumericLessThan, asl.TimestampLessThan:
		return order < 0
	case asl.StringGreaterThan, asl.NumericGreaterThan, asl.TimestampGreaterThan:
		return order > 0
	case asl.StringLessThanEquals, asl.NumericLessThanEquals, asl.TimestampLessThanEquals:
		return order <= 0
	case asl.StringGreaterThanEquals, asl.NumericGreaterThanEquals, asl.TimestampGreaterThanEquals:
		return order >= 0
	default:
		panic("machine: operator " + o.String())
	}
}

// orderOf compares two values as the operator's family does: negative, zero or positive. It
// reports false when they are not of the family.
func orderOf(o asl.Operator, a, b jsonvalue.Value) (int, bool) {
	switch {
	case o <= asl.StringGreaterThanEquals:
		return strings.Compare(a.Str(), b.Str()), a.Kind() == jsonvalue.KindString && b.Kind() == jsonvalue.KindString
	case o <= asl.NumericGreaterThanEquals:
		if a.Kind() != jsonvalue.KindNumber || b.Kind() != jsonvalue.KindNumber {
			return 0, false
		}
		switch x, y := a.Float(), b.Float(); {
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		default:
			return 0, true
		}
	default:
		x, ok := timestampOf(a)
		y, also := timestampOf(b)
		return x.Compare(y), ok && also
	}
}

func timestampOf(v jsonvalue.Value) (time.Time, bool) {
	if v.Kind() != jsonvalue.KindString {
		return time.Time{}, false
	}
	t, err := asl.ParseTimestamp(v.Str())
	return t, err == nil
}

// matchesPattern reports whether s fits a pattern in which "*" stands for any text, and "\*"
// and "\\" for themselves.
func matchesPattern(s, pattern string) bool {
	// at and from are where to go on when what follows the last "*" does not fit.
	at, from := -1, 0
	i, j := 0, 0
	for i < len(s) {
		literal, width := byte(0), 1
		if j < len(pattern) {
			literal = pattern[j]
			if literal == '\\' && j+1 < len(pattern) && (pattern[j+1] == '*' || pattern[j+1] == '\\') {
				literal, width = pattern[j+1], 2
			}
		}
		switch {
		case j < len(pattern) && literal == '*' && width == 1:
			at, from = j+1, i
			j++
		case j < len(pattern) && literal == s[i]:
			i, j = i+1, j+width
		case at >= 0:
			from++
			i, j = from, at
		default:
			return false
		}
	}
	return strings.Trim(pattern[j:], "*") == ""
}
