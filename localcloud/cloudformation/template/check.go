package template

import (
	"slices"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

var pseudoParameters = []string{
	"AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition", "AWS::Region",
	"AWS::StackId", "AWS::StackName", "AWS::URLSuffix",
}

func (t *Template) hasParameter(name string) bool {
	return slices.ContainsFunc(t.Parameters, func(p Parameter) bool { return p.Name == name })
}

// check says what is wrong with a template without knowing any value: functions
// that do not exist or have the wrong arguments, and references to nothing.
func (t *Template) check() error {
	c := &checker{t: t, block: "Resources", names: map[string]bool{}, seen: map[string]bool{}}
	for _, name := range pseudoParameters {
		c.names[name] = true
	}
	for _, p := range t.Parameters {
		c.names[p.Name] = true
	}
	for _, r := range t.Resources {
		if err := c.resource(r); err != nil {
			return err
		}
	}
	if len(c.unresolved) > 0 {
		return t.Fail(c.unresolvedAt, "%s", unresolved(c.unresolved, "Resources"))
	}
	c.block = "Outputs"
	for _, o := range t.Outputs {
		if _, ok := t.conditions[o.Condition]; !ok && o.Condition != "" {
			return t.Fail([]string{"Outputs", o.Name, "Condition"}, "Template format error: Unresolved condition dependency %s in the Outputs block of the template", o.Condition)
		}
		c.path = []string{"Outputs", o.Name, "Value"}
		if err := c.walk(o.Value); err != nil {
			return err
		}
		c.path = []string{"Outputs", o.Name, "Export", "Name"}
		if err := c.walk(o.Export); err != nil {
			return err
		}
	}
	if len(c.unresolved) > 0 {
		return t.Fail(c.unresolvedAt, "%s", unresolved(c.unresolved, "Outputs"))
	}
	return c.conditions()
}

// A checker walks through a template's values.
type checker struct {
	t     *Template
	block string
	path  []string
	// names are the parameters and pseudo parameters.
	names        map[string]bool
	unresolved   []string
	unresolvedAt []string // the path of the first
	seen         map[string]bool
}

func (c *checker) fail(format string, args ...any) error { return c.t.Fail(c.path, format, args...) }

func (c *checker) resource(r Resource) error {
	c.path = []string{"Resources", r.ID}
	if _, ok := c.t.conditions[r.Condition]; !ok && r.Condition != "" {
		c.path = append(c.path, "Condition")
		return c.fail("Template format error: Unresolved condition dependency %s in the Resources block of the template", r.Condition)
	}
	for _, id := range r.DependsOn {
		if _, ok := c.t.byID[id]; !ok {
			c.path = []string{"Resources", r.ID, "DependsOn"}
			c.missing(id)
		}
	}
	for _, section := range []struct {
		name string
		v    jsonvalue.Value
	}{
		{"Properties", r.Properties}, {"UpdatePolicy", r.UpdatePolicy}, {"CreationPolicy", r.CreationPolicy}, {"Metadata", r.Metadata},
	} {
		c.path = []string{"Resources", r.ID, section.name}
		if err := c.walk(section.v); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) missing(id string) {
	if c.unresolved == nil {
		c.unresolvedAt = slices.Clone(c.path)
	}
	if !c.seen[id] {
		c.seen[id] = true
		c.unresolved = append(c.unresolved, id)
	}
}

func (c *checker) conditions() error {
	for _, name := range c.t.conditionNames {
		w := &referenceWalk{t: c.t}
		w.walk(c.t.conditions[name])
		for _, r := range w.found {
			if !r.Parameter {
				return c.t.Fail([]string{"Conditions", name}, "Template format error: Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", r.ID)
			}
		}
	}
	return nil
}

func (c *checker) walk(v jsonvalue.Value) error {
	switch v.Kind() {
	case jsonvalue.KindNull:
		return c.t.nullAt(c.path)
	case jsonvalue.KindArray:
		i := 0
		for item := range v.Elements() {
			if err := c.step(strconv.Itoa(i), item); err != nil {
				return err
			}
			i++
		}
	case jsonvalue.KindObject:
		if name, argument, called := function(v); called {
			if err := c.call(name, argument); err != nil {
				return err
			}
		}
		for key, item := range v.Members() {
			if err := c.step(key, item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) step(key string, v jsonvalue.Value) error {
	c.path = append(c.path, key)
	err := c.walk(v)
	c.path = c.path[:len(c.path)-1]
	return err
}

// call checks the name of a function and the shape of its arguments.
func (c *checker) call(name string, argument jsonvalue.Value) error {
	isList := func(least, most int) bool {
		return argument.Kind() == jsonvalue.KindArray && argument.Len() >= least && argument.Len() <= most
	}
	isObject := func(v jsonvalue.Value) bool { return v.Kind() == jsonvalue.KindObject }
	switch name {
	case "Ref":
		if argument.Kind() != jsonvalue.KindString || argument.Str() == "" {
			return c.fail(messageRef)
		}
		c.ref(argument.Str())
	case "Fn::GetAtt":
		id, _, ok := getAttParts(argument)
		if !ok {
			return c.fail(messageGetAtt)
		}
		return c.resourceExists(id)
	case "Fn::Sub":
		return c.sub(argument)
	case "Fn::If":
		return c.ifElse(argument)
	case "Fn::FindInMap":
		if !isList(3, 3) && !(c.t.extensions && isList(4, 4)) {
			return c.fail(messageFindInMap)
		}
		if m := argument.At(0); m.Kind() == jsonvalue.KindString && argument.Len() == 3 {
			if _, ok := c.t.mappings.Get(m.Str()); !ok {
				return c.fail("Template error: Mapping named '%s' is not present in the 'Mappings' section of template.", m.Str())
			}
		}
	case "Fn::Join":
		second := argument.At(1)
		if !isList(2, 2) || argument.At(0).Kind() != jsonvalue.KindString && !isObject(argument.At(0)) ||
			second.Kind() != jsonvalue.KindArray && !isObject(second) {
			return c.fail(messageJoin)
		}
	case "Fn::Split":
		if !isList(2, 2) {
			return c.fail(messageSplit)
		}
	case "Fn::Select":
		if !isList(2, 2) {
			return c.fail(messageSelect)
		}
	case "Fn::Cidr":
		if !isList(2, 3) && !isObject(argument) {
			return c.fail(messageCidr)
		}
	case "Fn::Base64":
		if !isScalar(argument) && !isObject(argument) {
			return c.fail(messageBase64)
		}
	case "Fn::GetAZs":
		if argument.Kind() != jsonvalue.KindString && !isObject(argument) {
			return c.fail(messageGetAZs)
		}
	case "Fn::ImportValue":
		if argument.Kind() != jsonvalue.KindString && !isObject(argument) {
			return c.fail(messageImport)
		}
	case "Fn::Transform", "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals":
		// The evaluation says why these are not for here.
	case "Fn::Length", "Fn::ToJsonString":
		if !c.t.extensions {
			return c.fail("%s", c.t.unsupported(name))
		}
	default:
		return c.fail("%s", c.t.unsupported(name))
	}
	return nil
}

func (c *checker) ref(name string) {
	if _, ok := c.t.byID[name]; !ok && !c.names[name] {
		c.missing(name)
	}
}

func (c *checker) resourceExists(id string) error {
	if _, ok := c.t.byID[id]; !ok {
		return c.fail("Template error: instance of Fn::GetAtt references undefined resource %s", id)
	}
	return nil
}

func (c *checker) sub(argument jsonvalue.Value) error {
	whole, variables, ok := subArguments(argument)
	if !ok {
		return c.fail(messageSub)
	}
	parts, ok := subParts(whole)
	if !ok {
		return c.fail(messageSubName)
	}
	for _, part := range parts {
		if _, given := variables.Get(part.name); given || part.name == "" {
			continue
		}
		if id, _, dotted := strings.Cut(part.name, "."); dotted {
			if _, ok := c.t.byID[id]; !ok {
				c.missing(id)
			}
			continue
		}
		c.ref(part.name)
	}
	return nil
}

func (c *checker) ifElse(argument jsonvalue.Value) error {
	if argument.Kind() != jsonvalue.KindArray || argument.Len() != 3 {
		return c.fail(messageIf)
	}
	name := argument.At(0)
	if named, ok := name.Get("Condition"); ok && name.Len() == 1 {
		name = named
	}
	if name.Kind() != jsonvalue.KindString {
		return c.fail("Template error: Fn::If requires a list argument with the first element being a condition")
	}
	if _, ok := c.t.conditions[name.Str()]; !ok {
		return c.fail("Template error: unresolved condition dependency %s in Fn::If", name.Str())
	}
	return nil
}

// checkExisting refuses references of what exists to what does not, because its
// condition is false.
func (b *Bound) checkExisting() error {
	var absent []string
	at := ""
	for _, r := range b.existing {
		for _, ref := range b.References(r.ID) {
			if _, ok := b.exists[ref.ID]; !ok && !ref.Parameter && !slices.Contains(absent, ref.ID) {
				if at == "" {
					at = r.ID
				}
				absent = append(absent, ref.ID)
			}
		}
	}
	if len(absent) > 0 {
		return b.Fail([]string{"Resources", at}, "%s", unresolved(absent, "Resources"))
	}
	for _, o := range b.Outputs {
		if !b.Condition(o.Condition) {
			continue
		}
		for _, ref := range b.ReferencesOf(jsonvalue.ArrayOf(o.Value, o.Export)) {
			if _, ok := b.exists[ref.ID]; !ok && !ref.Parameter {
				return b.Fail([]string{"Outputs", o.Name}, "%s", unresolved([]string{ref.ID}, "Outputs"))
			}
		}
	}
	return nil
}
