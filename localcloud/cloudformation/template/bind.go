package template

import (
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// Unknown stands for a value that nobody knows yet. A parameter may have it, and
// a Resolver may return it; whatever is made of it is Unknown too. It is the text
// that CloudFormation shows for such a value in a change set.
const Unknown = "{{changeSet:KNOWN_AFTER_APPLY}}"

// Inputs are what a stack gives to its template.
type Inputs struct {
	// Parameters are the values given, by name. The caller has already filled in
	// previous values where they are to be kept. A list is one text with commas.
	Parameters map[string]string
	// Stored returns what a parameter of Systems Manager holds, for parameters of
	// the types AWS::SSM::Parameter::Value<…>. It may be nil.
	Stored func(name string) (value string, ok bool)
	// KeepDynamic leaves dynamic references, {{resolve:…}}, as they are written.
	KeepDynamic bool
	// Region, AccountID, StackID and StackName are the pseudo parameters.
	Region, AccountID, StackID, StackName string
	// Partition is aws where it is empty.
	Partition        string
	NotificationARNs []string
	// Zones lists a region's availability zones. Where it is nil, a region has
	// the zones a, b and c.
	Zones func(region string) []string
}

// A Bound is a template with its values: parameters, mappings, conditions and
// pseudo parameters are known, resources are not. It never changes.
type Bound struct {
	*Template
	inputs     Inputs
	given      map[string]string
	values     map[string]jsonvalue.Value
	conditions map[string]state
	existing   []Resource
	exists     map[string]int // into existing
}

// A state is what is known of a condition.
type state struct {
	settled   bool
	holds     bool
	uncertain bool
	visiting  bool
}

// Bind joins the template with values. It refuses values that the parameters do
// not allow, and a template with a transform: [Process] comes first. The error is
// an *Error.
func (t *Template) Bind(in Inputs) (*Bound, error) {
	if len(t.Transforms) > 0 {
		return nil, t.Fail([]string{"Transform"}, "No transform named %s found.", t.Transforms[0])
	}
	b, err := t.bindValues(in)
	if err != nil {
		return nil, err
	}
	for _, r := range t.Resources {
		if r.Condition != "" && !b.conditions[r.Condition].holds {
			continue
		}
		if err := b.settlePolicies(&r); err != nil {
			return nil, err
		}
		b.exists[r.ID] = len(b.existing)
		b.existing = append(b.existing, r)
	}
	if err := b.checkRules(); err != nil {
		return nil, err
	}
	if err := b.checkExisting(); err != nil {
		return nil, err
	}
	return b, nil
}

// bindValues makes parameters and conditions known, of a template with
// transforms too.
func (t *Template) bindValues(in Inputs) (*Bound, error) {
	if in.Partition == "" {
		in.Partition = "aws"
	}
	b := &Bound{
		Template: t, inputs: in, given: map[string]string{}, values: map[string]jsonvalue.Value{},
		conditions: make(map[string]state, len(t.conditionNames)), exists: make(map[string]int, len(t.Resources)),
	}
	if err := b.bindParameters(); err != nil {
		return nil, err
	}
	b.bindPseudo()
	for _, name := range t.conditionNames {
		if _, err := b.condition(name, []string{"Conditions", name}); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *Bound) bindParameters() error {
	var missing, unknown []string
	known := make(map[string]bool, len(b.Template.Parameters))
	for _, p := range b.Template.Parameters {
		known[p.Name] = true
		value, ok := b.inputs.Parameters[p.Name]
		if !ok {
			if !p.HasDefault {
				missing = append(missing, p.Name)
				continue
			}
			value = p.Default
		}
		if value == Unknown {
			b.given[p.Name], b.values[p.Name] = Unknown, jsonvalue.String(Unknown)
			continue
		}
		if err := p.Validate(value); err != nil {
			return err
		}
		b.given[p.Name] = value
		if p.FromSSM() {
			stored, found := "", false
			if b.inputs.Stored != nil {
				stored, found = b.inputs.Stored(value)
			}
			if !found {
				return wrong("Parameters: [%s] Unable to fetch parameters [%s] from parameter store for this account.", p.Name, value)
			}
			value = stored
		}
		b.values[p.Name] = p.value(value)
	}
	for name := range b.inputs.Parameters {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	switch {
	case len(unknown) > 0:
		return wrong("Parameters: %s do not exist in the template", brackets(unknown))
	case len(missing) > 0:
		return wrong("Parameters: %s must have values", brackets(missing))
	}
	return nil
}

func (b *Bound) bindPseudo() {
	in := b.inputs
	for name, value := range map[string]string{
		"AWS::AccountId": in.AccountID, "AWS::Partition": in.Partition, "AWS::Region": in.Region,
		"AWS::StackId": in.StackID, "AWS::StackName": in.StackName, "AWS::URLSuffix": urlSuffix(in.Partition),
	} {
		b.values[name] = jsonvalue.String(value)
	}
	var arns jsonvalue.ArrayBuilder
	for _, a := range in.NotificationARNs {
		arns.Append(jsonvalue.String(a))
	}
	b.values["AWS::NotificationARNs"] = arns.Value()
	b.values["AWS::NoValue"] = jsonvalue.Value{}
}

func urlSuffix(partition string) string {
	if partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// A ParameterValue is a parameter with the value that it has in a stack.
type ParameterValue struct {
	Name string
	// Value is the value given, the default, or [Masked] for NoEcho.
	Value string
	// Resolved is what a parameter of Systems Manager held, or empty.
	Resolved string
}

// ParameterValues returns the values as DescribeStacks shows them, in the
// template's order.
func (b *Bound) ParameterValues() []ParameterValue {
	values := make([]ParameterValue, 0, len(b.Template.Parameters))
	for _, p := range b.Template.Parameters {
		v := ParameterValue{Name: p.Name, Value: b.given[p.Name]}
		if p.FromSSM() {
			v.Resolved = listText(b.values[p.Name])
		}
		if p.NoEcho {
			v.Value = Masked
		}
		values = append(values, v)
	}
	return values
}

func listText(v jsonvalue.Value) string {
	if v.Kind() != jsonvalue.KindArray {
		return v.Text()
	}
	items := make([]string, 0, v.Len())
	for item := range v.Elements() {
		items = append(items, item.Text())
	}
	return strings.Join(items, ",")
}

// Condition reports whether a condition holds. An empty name always does, a name
// that the template does not have never.
func (b *Bound) Condition(name string) bool { return name == "" || b.conditions[name].holds }

// Uncertain reports whether a condition depends on a value that is [Unknown], so
// that Condition's answer is a guess.
func (b *Bound) Uncertain(name string) bool { return b.conditions[name].uncertain }

// Existing returns the resources whose condition holds, in the template's order,
// with their policies evaluated.
func (b *Bound) Existing() []Resource { return b.existing }

// Exists returns the resource with a logical id when its condition holds.
func (b *Bound) Exists(id string) (Resource, bool) {
	i, ok := b.exists[id]
	if !ok {
		return Resource{}, false
	}
	return b.existing[i], true
}

// settlePolicies evaluates the policies that AWS::LanguageExtensions lets
// functions choose.
func (b *Bound) settlePolicies(r *Resource) error {
	v, _ := b.Body.Get("Resources")
	v, _ = v.Get(r.ID)
	for _, policy := range []struct {
		key   string
		known []string
		to    *string
	}{
		{"DeletionPolicy", deletionPolicies, &r.DeletionPolicy},
		{"UpdateReplacePolicy", replacePolicies, &r.UpdateReplacePolicy},
	} {
		p, _ := v.Get(policy.key)
		if p.Kind() != jsonvalue.KindObject {
			continue
		}
		e := b.evaluator(nil, "Resources", r.ID, policy.key)
		got, err := e.eval(p)
		if err != nil {
			return err
		}
		if !got.IsDefined() {
			continue
		}
		if !slices.Contains(policy.known, got.Str()) {
			return e.fail("Template format error: Unrecognized %s %s", policy.key, got.Text())
		}
		*policy.to = got.Str()
	}
	return nil
}

// condition evaluates a named condition once.
func (b *Bound) condition(name string, at []string) (state, error) {
	s := b.conditions[name]
	if s.settled {
		return s, nil
	}
	definition, ok := b.Template.conditions[name]
	if !ok {
		return s, b.Fail(at, "Template format error: Unresolved condition dependency %s in the Conditions block of the template", name)
	}
	if s.visiting {
		return s, b.Fail([]string{"Conditions", name}, "Template error: Found circular condition dependency between conditions: [%s]", name)
	}
	b.conditions[name] = state{visiting: true}
	e := b.evaluator(nil, "Conditions", name)
	holds, err := e.truth(definition)
	if err != nil {
		return s, err
	}
	s = state{settled: true, holds: holds, uncertain: e.uncertain}
	b.conditions[name] = s
	return s, nil
}
