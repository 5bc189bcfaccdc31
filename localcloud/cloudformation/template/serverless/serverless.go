// Package serverless is the transform AWS::Serverless-2016-10-31: it expands
// functions, state machines, layers and their events, with their aliases,
// versions and gradual deployments, into the resources that CloudFormation knows.
//
// [Transform] is an argument of template.Process. What stands for a service that
// may be absent, such as an API or a table, is expanded like everything else: it
// is the stack that says which resource types there are. What this package cannot
// expand is an error, never left out.
//
// Source: AWS SAM developer guide, "Generated CloudFormation resources", and what
// the public transform was observed to do.
package serverless

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
)

type value = jsonvalue.Value

// Transform expands the AWS::Serverless resources of t.
func Transform(t *template.Template, b *template.Bound) (body jsonvalue.Value, origin map[string][]string, err error) {
	return expand(t, b, false)
}

// Sketch is [Transform] for whoever reads a template and does not deploy it: code
// and definitions may be on this machine still, where aws cloudformation package
// and sam find them, and what cannot be expanded stays as it is or away.
//
// A DeploymentPreference whose Enabled depends on a parameter without a value
// counts as enabled; what was written is in the alias's Metadata under
// [UndecidedPreference].
func Sketch(t *template.Template, b *template.Bound) (body jsonvalue.Value, origin map[string][]string, err error) {
	return expand(t, b, true)
}

// UndecidedPreference is a key of the Metadata of an alias in a [Sketch].
const UndecidedPreference = "Crossfade::UndecidedPreference"

func expand(t *template.Template, b *template.Bound, sketch bool) (body jsonvalue.Value, origin map[string][]string, err error) {
	x := &expansion{t: t, b: b, sketch: sketch, origin: map[string][]string{}, renamed: map[string]string{}, preferences: map[string]preference{}}
	if err := x.readGlobals(); err != nil {
		return body, nil, err
	}
	for _, r := range t.Resources {
		x.current = r.ID
		if err := x.resource(r); err != nil {
			x.problems = append(x.problems, problem{r.ID, err})
		}
	}
	x.current = ""
	if err := x.implicitAPIs(); err != nil {
		x.problems = append(x.problems, problem{x.current, err})
	}
	if err := x.sharedDeployment(); err != nil {
		x.problems = append(x.problems, problem{x.order[0], err})
	}
	if err := x.failure(); err != nil {
		return body, nil, err
	}
	resources := x.out.Value()
	for _, edit := range x.edits {
		r, ok := resources.Get(edit.id)
		if !ok {
			continue
		}
		resources = resources.With(edit.id, edit.change(r))
	}
	body = t.Body.Without("Globals").With("Resources", resources)
	if len(x.renamed) > 0 {
		body = x.rename(body)
	}
	if len(x.conditions) > 0 {
		conditions, _ := body.Get("Conditions")
		for _, name := range slices.Sorted(maps.Keys(x.conditions)) {
			conditions = conditions.With(name, x.conditions[name])
		}
		body = body.With("Conditions", conditions)
	}
	return body, x.origin, nil
}

// An expansion is one run of the transform.
type expansion struct {
	t       *template.Template
	b       *template.Bound
	sketch  bool // it is not for being deployed
	out     jsonvalue.ObjectBuilder
	origin  map[string][]string
	globals map[string]value
	// current is the resource that is being expanded.
	current string
	// renamed tells what a reference such as Layer, Fn.Alias or Fn.Version has
	// become.
	renamed     map[string]string
	preferences map[string]preference
	order       []string // of preferences
	conditions  map[string]value
	edits       []edit
	routes      []route
	problems    []problem
}

// A problem is why one resource cannot be expanded.
type problem struct {
	id  string
	err error
}

// An edit changes a resource after everything was expanded.
type edit struct {
	id     string
	change func(value) value
}

// failure joins the problems in the words of the transform.
func (x *expansion) failure() error {
	if len(x.problems) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Transform %s failed with: Invalid Serverless Application Specification document. Number of errors found: %d.",
		template.ServerlessTransform, len(x.problems))
	for _, p := range x.problems {
		fmt.Fprintf(&b, " Resource with id [%s] is invalid. %s.", p.id, strings.TrimSuffix(p.err.Error(), "."))
	}
	return x.t.Fail([]string{"Resources", x.problems[0].id}, "%s", b.String())
}

// resource expands one resource, or passes it on.
func (x *expansion) resource(r template.Resource) error {
	whole, _ := x.t.Body.Get("Resources")
	whole, _ = whole.Get(r.ID)
	if _, ok := whole.Get("Connectors"); ok && !x.sketch {
		return fmt.Errorf("Connectors are not supported here: give the role its policies with Policies")
	}
	whole = whole.Without("Connectors")
	if !strings.HasPrefix(r.Type, "AWS::Serverless::") {
		x.out.Set(r.ID, whole)
		return nil
	}
	s := &source{expansion: x, id: r.ID, resource: r, whole: whole}
	if err := s.merge(); err != nil {
		return err
	}
	switch r.Type {
	case "AWS::Serverless::Function":
		return s.function()
	case "AWS::Serverless::StateMachine":
		return s.stateMachine()
	case "AWS::Serverless::LayerVersion":
		return s.layer()
	case "AWS::Serverless::SimpleTable":
		return s.table()
	case "AWS::Serverless::Application":
		return s.application()
	case "AWS::Serverless::Api":
		return s.restAPI()
	case "AWS::Serverless::HttpApi":
		return s.httpAPI()
	default:
		if x.sketch {
			x.out.Set(r.ID, whole)
			return nil
		}
		return fmt.Errorf("The type %s cannot be expanded here", r.Type) //nolint:staticcheck // AWS's sentences begin with a capital
	}
}

// A source is one AWS::Serverless resource with its globals merged in.
type source struct {
	*expansion
	id         string
	resource   template.Resource
	whole      value
	properties value
	// expanding is the path of the property that is being expanded, empty for the
	// resource itself.
	expanding []string
}

// get returns a property, Undefined where it is absent or null.
func (s *source) get(name string) value {
	v, _ := s.properties.Get(name)
	if v.Kind() == jsonvalue.KindNull {
		return value{}
	}
	return v
}

// known returns a property with everything evaluated that needs no resource.
func (s *source) known(name string) (value, error) {
	v := s.get(name)
	if !v.IsDefined() {
		return v, nil
	}
	return s.b.Partial(v, "Resources", s.id, "Properties", name)
}

// text returns a property that has to be known before there are resources.
func (s *source) text(name string) (string, error) {
	v, err := s.known(name)
	if err != nil {
		return "", err
	}
	switch {
	case !v.IsDefined():
		return "", nil
	case v.Kind() == jsonvalue.KindString || v.Kind() == jsonvalue.KindNumber || v.Kind() == jsonvalue.KindBool:
		return v.Text(), nil
	}
	return "", fmt.Errorf("'%s' must be a string or a Ref to a template parameter", name)
}

// flag returns a property that is true or false.
func (s *source) flag(name string) (bool, error) {
	t, err := s.text(name)
	return strings.EqualFold(t, "true"), err
}

// only refuses properties that the resource type does not have.
func (s *source) only(known []string) error {
	for name := range s.properties.Members() {
		if !slices.Contains(known, name) {
			return fmt.Errorf("property %s not defined for resource of type %s", name, s.resource.Type)
		}
	}
	return nil
}

// emit adds a generated resource. The attributes that every resource may have
// come from the source: Condition, DeletionPolicy and the like.
func (s *source) emit(id, kind string, properties value, attributes ...jsonvalue.Member) error {
	if _, exists := s.out.Get(id); exists {
		return fmt.Errorf("it expands to a second resource with the id %s", id)
	}
	if _, exists := s.t.Resource(id); exists && id != s.id {
		return fmt.Errorf("it expands to the resource %s, and the template has one of that id", id)
	}
	var b jsonvalue.ObjectBuilder
	b.Set("Type", str(kind))
	for _, name := range []string{"Condition", "DeletionPolicy", "UpdateReplacePolicy"} {
		if v, ok := s.whole.Get(name); ok {
			b.Set(name, v)
		}
	}
	if id == s.id {
		for _, name := range []string{"DependsOn", "Metadata", "CreationPolicy"} {
			if v, ok := s.whole.Get(name); ok {
				b.Set(name, v)
			}
		}
	}
	for _, a := range attributes {
		b.Set(a.Key, a.Value)
	}
	b.Set("Properties", properties)
	s.out.Set(id, b.Value())
	s.origin[id] = s.place()
	return nil
}

// place leads to the property that is being expanded, or to the resource when it
// has that property from the globals.
func (s *source) place() []string {
	if len(s.expanding) == 0 {
		return []string{s.id}
	}
	if _, own := s.resource.Properties.Get(s.expanding[0]); !own {
		return []string{s.id}
	}
	return append([]string{s.id, "Properties"}, s.expanding...)
}

// copyProperties adds the named properties that are there to b.
func (s *source) copyProperties(b *jsonvalue.ObjectBuilder, names ...string) {
	for _, name := range names {
		if v := s.get(name); v.IsDefined() {
			b.Set(name, v)
		}
	}
}

// tags writes a map of tags as the list that CloudFormation takes, after the one
// by which resources of the transform are known.
func tags(mark string, given value) value {
	var b jsonvalue.ArrayBuilder
	b.Append(obj("Key", str(mark), "Value", str("SAM")))
	for key, v := range given.Members() {
		b.Append(obj("Key", str(key), "Value", v))
	}
	return b.Value()
}

// Values are put together with these.

func str(s string) value { return jsonvalue.String(s) }

func list(items ...value) value { return jsonvalue.ArrayOf(items...) }

// obj makes an object of keys and values in turn, without what is Undefined.
func obj(pairs ...any) value {
	var b jsonvalue.ObjectBuilder
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := pairs[i+1].(value); v.IsDefined() {
			b.Set(pairs[i].(string), v)
		}
	}
	return b.Value()
}

func ref(id string) value { return obj("Ref", str(id)) }

func getAtt(id, attribute string) value { return obj("Fn::GetAtt", list(str(id), str(attribute))) }

func sub(text string) value { return obj("Fn::Sub", str(text)) }

// isCall reports whether v is a function of the template.
func isCall(v value) bool {
	if v.Kind() != jsonvalue.KindObject || v.Len() != 1 {
		return false
	}
	name, _ := v.MemberAt(0)
	return name == "Ref" || strings.HasPrefix(name, "Fn::")
}

// titled writes a name as a part of a logical id: - becomes D, _ becomes U.
func titled(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
			return c
		case c == '-':
			return 'D'
		case c == '_':
			return 'U'
		default:
			return -1
		}
	}, name)
}

// rename follows renamed through Ref, Fn::GetAtt and Fn::Sub.
func (x *expansion) rename(v value) value {
	switch v.Kind() {
	case jsonvalue.KindArray:
		changed := false
		var b jsonvalue.ArrayBuilder
		for item := range v.Elements() {
			got := x.rename(item)
			changed = changed || !jsonvalue.Equal(got, item)
			b.Append(got)
		}
		if changed {
			return b.Value()
		}
		return v
	case jsonvalue.KindObject:
	default:
		return v
	}
	if isCall(v) {
		name, argument := v.MemberAt(0)
		switch name {
		case "Ref":
			if to, ok := x.renamed[argument.Str()]; ok {
				return ref(to)
			}
		case "Fn::GetAtt":
			return x.renameAttribute(v, argument)
		case "Fn::Sub":
			if argument.Kind() == jsonvalue.KindString {
				return sub(x.renameText(argument.Str()))
			}
			renamed := list(str(x.renameText(argument.At(0).Str())))
			if argument.Len() > 1 {
				renamed = renamed.Append(x.rename(argument.At(1)))
			}
			return obj("Fn::Sub", renamed)
		}
	}
	var b jsonvalue.ObjectBuilder
	b.Grow(v.Len())
	for key, item := range v.Members() {
		b.Set(key, x.rename(item))
	}
	return b.Value()
}

func (x *expansion) renameAttribute(v, argument value) value {
	id, attribute := argument.At(0).Str(), argument.At(1).Str()
	if argument.Kind() == jsonvalue.KindString {
		id, attribute, _ = strings.Cut(argument.Str(), ".")
	}
	// Fn::GetAtt [Fn.Alias, Arn] and its dotted form, Fn.Alias.Arn.
	if first, rest, dotted := strings.Cut(attribute, "."); dotted {
		if to, ok := x.renamed[id+"."+first]; ok {
			return getAtt(to, rest)
		}
	}
	if to, ok := x.renamed[id]; ok && attribute != "" {
		return getAtt(to, attribute)
	}
	return v
}

func (x *expansion) renameText(s string) string {
	pairs := make([]string, 0, 4*len(x.renamed))
	for _, from := range slices.Sorted(maps.Keys(x.renamed)) {
		to := x.renamed[from]
		pairs = append(pairs, "${"+from+"}", "${"+to+"}", "${"+from+".", "${"+to+".")
	}
	return strings.NewReplacer(pairs...).Replace(s)
}
