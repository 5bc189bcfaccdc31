package template

import (
	"slices"
	"strconv"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A rule is one member of the Rules section: what has to hold of the parameters.
type rule struct {
	name       string
	condition  jsonvalue.Value // Undefined: always
	assertions []assertion
}

type assertion struct {
	assert      jsonvalue.Value
	description string
}

func (t *Template) readRules() error {
	section, err := t.section("Rules", 500)
	if err != nil {
		return err
	}
	for name, v := range section.Members() {
		path := []string{"Rules", name}
		r := rule{name: name}
		r.condition, _ = v.Get("RuleCondition")
		list, ok := v.Get("Assertions")
		if !ok || list.Kind() != jsonvalue.KindArray {
			return t.Fail(path, "Template format error: Every Rules member must contain a list of Assertions.")
		}
		for item := range list.Elements() {
			assert, ok := item.Get("Assert")
			if !ok {
				return t.Fail(append(path, "Assertions"), "Template format error: Every Assertions member must contain an Assert.")
			}
			description, _ := item.Get("AssertDescription")
			r.assertions = append(r.assertions, assertion{assert, description.Str()})
		}
		t.rules = append(t.rules, r)
	}
	return nil
}

// checkRules evaluates the assertions of the rules that apply.
func (b *Bound) checkRules() error {
	for _, r := range b.rules {
		if r.condition.IsDefined() {
			e := b.evaluator(nil, "Rules", r.name, "RuleCondition")
			e.rule = true
			applies, err := e.truth(r.condition)
			if err != nil {
				return err
			}
			if !applies {
				continue
			}
		}
		for i, a := range r.assertions {
			e := b.evaluator(nil, "Rules", r.name, "Assertions", strconv.Itoa(i))
			e.rule = true
			holds, err := e.truth(a.assert)
			if err != nil {
				return err
			}
			if !holds && !e.uncertain {
				return e.fail("Template error: the rule %s does not hold: %s", r.name, a.reason())
			}
		}
	}
	return nil
}

func (a assertion) reason() string {
	if a.description != "" {
		return a.description
	}
	return a.assert.String()
}

// ruleFunction evaluates the functions that only rules have. Those that look at
// values of AWS-specific parameter types are not among them.
func (e *evaluator) ruleFunction(name string, argument jsonvalue.Value) (bool, error) {
	evaluated, err := e.eval(argument)
	if err != nil {
		return false, err
	}
	list, second := evaluated.At(0), evaluated.At(1)
	if evaluated.Len() != 2 || list.Kind() != jsonvalue.KindArray {
		return false, e.fail("Template error: every %s object requires a list of strings and a second parameter.", name)
	}
	holds := true
	for item := range list.Elements() {
		e.uncertain = e.uncertain || isUnknown(item)
		switch name {
		case "Fn::Contains":
			if item.Text() == second.Text() {
				return true, nil
			}
			holds = false
		case "Fn::EachMemberEquals":
			holds = holds && item.Text() == second.Text()
		default: // Fn::EachMemberIn
			holds = holds && slices.ContainsFunc(slices.Collect(second.Elements()), func(v jsonvalue.Value) bool { return v.Text() == item.Text() })
		}
	}
	return holds && (name != "Fn::Contains" || list.Len() > 0), nil
}
