package template

import (
	"strconv"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// truth evaluates a condition: one of the condition functions, or the name of a
// condition as {"Condition": name}.
func (e *evaluator) truth(v jsonvalue.Value) (bool, error) {
	if v.Kind() == jsonvalue.KindBool {
		return v.IsTrue(), nil
	}
	if v.Len() != 1 || v.Kind() != jsonvalue.KindObject {
		return false, e.fail("Template format error: Every Condition member must be a condition function.")
	}
	name, argument := v.MemberAt(0)
	e.push(name)
	defer e.pop()
	switch name {
	case "Condition":
		s, err := e.b.condition(argument.Str(), e.path)
		e.uncertain = e.uncertain || s.uncertain
		return s.holds, err
	case "Fn::Equals":
		return e.equals(argument)
	case "Fn::Not":
		if argument.Kind() != jsonvalue.KindArray || argument.Len() != 1 {
			return false, e.fail("Template error: every Fn::Not object requires one boolean parameter.")
		}
		holds, err := e.truthAt(argument, 0)
		return !holds, err
	case "Fn::And", "Fn::Or":
		if argument.Kind() != jsonvalue.KindArray || argument.Len() < 2 || argument.Len() > 10 {
			return false, e.fail("Template error: every %s object requires a list of at least 2 and at most 10 boolean parameters.", name)
		}
		all, some := true, false
		for i := range argument.Len() {
			holds, err := e.truthAt(argument, i)
			if err != nil {
				return false, err
			}
			all, some = all && holds, some || holds
		}
		if name == "Fn::And" {
			return all, nil
		}
		return some, nil
	case "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		if e.rule {
			return e.ruleFunction(name, argument)
		}
	}
	return false, e.fail("Template format error: %s is not a condition function.", name)
}

func (e *evaluator) truthAt(list jsonvalue.Value, i int) (bool, error) {
	e.push(strconv.Itoa(i))
	defer e.pop()
	return e.truth(list.At(i))
}

func (e *evaluator) equals(argument jsonvalue.Value) (bool, error) {
	if argument.Kind() != jsonvalue.KindArray || argument.Len() != 2 {
		return false, e.fail(messageEquals)
	}
	sides, err := e.eval(argument)
	if err != nil {
		return false, err
	}
	a, b := sides.At(0), sides.At(1)
	if !isScalar(a) || !isScalar(b) {
		return false, e.fail(messageEquals)
	}
	e.uncertain = e.uncertain || isUnknown(a) || isUnknown(b)
	return a.Text() == b.Text(), nil
}
