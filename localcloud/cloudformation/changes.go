package cloudformation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/schema"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudformationapi"
)

// A change is what a change set would do to one resource.
type change struct {
	Action       string   `json:"action"`
	ID           string   `json:"id"`
	PhysicalID   string   `json:"physicalId,omitempty"`
	Type         string   `json:"type"`
	Replacement  string   `json:"replacement,omitempty"`
	PolicyAction string   `json:"policyAction,omitempty"`
	Scope        []string `json:"scope,omitempty"`
	Details      []detail `json:"details,omitempty"`
	// Before and After are the resource's properties, undefined where there
	// is none.
	Before jsonvalue.Value `json:"before,omitzero"`
	After  jsonvalue.Value `json:"after,omitzero"`
}

// A detail is why a resource changes.
type detail struct {
	Attribute  string `json:"attribute"`
	Name       string `json:"name,omitempty"`
	Recreation string `json:"recreation,omitempty"`
	Evaluation string `json:"evaluation"`
	Source     string `json:"source"`
	Causing    string `json:"causing,omitempty"`
	Before     string `json:"before,omitempty"`
	After      string `json:"after,omitempty"`
	Kind       string `json:"kind,omitempty"`
}

// changeList is what a deployment would change. any is true also when no
// resource changes, but something else does.
type changeList struct {
	list []change
	any  bool
}

// A difference is how much of a resource is known to change.
type difference int

const (
	unchanged difference = iota
	inPlace
	perhapsAnew
	anew
	added
)

// changes compares a deployment with what is there. e.mu is held. The error is
// what makes the change impossible.
func (s *Service) changes(e *entity, d *deployment) (changeList, error) {
	f := &forecast{service: s, entity: e, deployment: d, known: map[string]difference{}}
	if e.shown() != nil {
		f.before = e.shown()
	}
	order, err := d.bound.Order()
	if err != nil {
		return changeList{}, err
	}
	var out changeList
	var retyped []string
	for _, id := range order {
		declared, _ := d.bound.Exists(id)
		r := e.state.Resource(id)
		if r != nil && r.Is.PhysicalID != "" && r.Type != declared.Type {
			retyped = append(retyped, id)
			continue
		}
		c, err := f.compare(declared, r)
		if err != nil {
			return changeList{}, err
		}
		if c != nil {
			out.list = append(out.list, *c)
		}
	}
	if len(retyped) > 0 {
		return changeList{}, fmt.Errorf(
			"Update of resource type is not permitted. The new template modifies resource type of the following resources: [%s]", strings.Join(retyped, ", "))
	}
	for _, r := range e.state.Resources {
		if _, stays := d.bound.Exists(r.ID); stays || r.Is.PhysicalID == "" || !e.lives() {
			continue
		}
		out.list = append(out.list, change{
			Action: cloudformationapi.ChangeActionRemove, ID: r.ID, PhysicalID: r.Is.PhysicalID, Type: r.Type,
			PolicyAction: policyAction("", r.Is.Deletion), Before: r.Is.Wanted.Properties,
		})
	}
	slices.SortStableFunc(out.list, func(a, b change) int { return strings.Compare(a.ID, b.ID) })
	out.any = len(out.list) > 0 || f.before == nil || f.otherwise()
	switch e.state.Status {
	case stack.CreateFailed, stack.UpdateFailed:
		out.any = true // there is something to finish
	}
	return out, nil
}

// A forecast says what resources will be, before any of them changes.
type forecast struct {
	service    *Service
	entity     *entity
	deployment *deployment
	before     *deployment // nil for a new stack
	known      map[string]difference
}

// Ref returns the physical id, unless the resource is new or may be replaced.
func (f *forecast) Ref(id string) (jsonvalue.Value, error) {
	r := f.entity.state.Resource(id)
	if r == nil || r.Is.PhysicalID == "" || f.known[id] > inPlace {
		return jsonvalue.String(template.Unknown), nil
	}
	return jsonvalue.String(r.Is.PhysicalID), nil
}

// GetAtt returns an attribute, unless the resource's change may change it. What
// names a resource stays while it is not replaced.
func (f *forecast) GetAtt(id, attribute string) (jsonvalue.Value, error) {
	unknown := jsonvalue.String(template.Unknown)
	r := f.entity.state.Resource(id)
	if r == nil || r.Is.PhysicalID == "" || f.known[id] > inPlace {
		return unknown, nil
	}
	v, ok := r.Is.Attributes[attribute]
	if !ok || f.known[id] == inPlace && !namesIt(r.Type, attribute) {
		return unknown, nil
	}
	return v, nil
}

// namesIt says that an attribute is part of a resource's identity.
func namesIt(typeName, attribute string) bool {
	if strings.HasSuffix(attribute, "Arn") || attribute == "Name" || attribute == "Id" {
		return true
	}
	t := schema.Of(typeName)
	return t != nil && slices.Contains(t.PrimaryIdentifier, attribute)
}

// Import returns what another stack exports.
func (f *forecast) Import(name string) (jsonvalue.Value, error) {
	v, ok := f.service.exports.get(f.entity.place.name(name))
	if !ok {
		return jsonvalue.Value{}, fmt.Errorf("No export named %s found.", name)
	}
	return jsonvalue.String(v), nil
}

// compare returns how a resource changes, or nil.
func (f *forecast) compare(declared template.Resource, r *stack.Resource) (*change, error) {
	after, err := f.deployment.properties(declared, f)
	if err != nil {
		return nil, err
	}
	if r == nil || r.Is.PhysicalID == "" {
		f.known[declared.ID] = added
		return &change{Action: cloudformationapi.ChangeActionAdd, ID: declared.ID, Type: declared.Type, After: after}, nil
	}
	c := &change{
		Action: cloudformationapi.ChangeActionModify, ID: r.ID, PhysicalID: r.Is.PhysicalID, Type: r.Type,
		Before: r.Is.Wanted.Properties, After: after,
	}
	how := f.properties(c, declared, r, after)
	if how == unchanged && r.Tried != nil {
		how = inPlace
	}
	f.attributes(c, declared, r)
	f.known[r.ID] = how
	if len(c.Details) == 0 {
		return nil, nil
	}
	switch how {
	case anew:
		c.Replacement = cloudformationapi.ReplacementTrue
		c.PolicyAction = policyAction("ReplaceAnd", stack.Policy(declared.UpdateReplacePolicy))
	case perhapsAnew:
		c.Replacement = cloudformationapi.ReplacementConditional
		c.PolicyAction = policyAction("ReplaceAnd", stack.Policy(declared.UpdateReplacePolicy))
	default:
		c.Replacement = cloudformationapi.ReplacementFalse
	}
	return c, nil
}

// policyAction is what becomes of a resource that goes.
func policyAction(prefix string, p stack.Policy) string {
	switch p {
	case stack.PolicyRetain, stack.PolicyRetainExceptOnCreate:
		return prefix + "Retain"
	case stack.PolicySnapshot:
		return prefix + "Snapshot"
	}
	return prefix + "Delete"
}

// properties adds what changes of a resource's properties to c and says how much
// that is.
func (f *forecast) properties(c *change, declared template.Resource, r *stack.Resource, after jsonvalue.Value) difference {
	t := schema.Of(r.Type)
	if t == nil {
		t = &schema.Type{}
	}
	how := unchanged
	for _, diff := range t.Changes(r.Is.Wanted.Properties, after) {
		d := detail{
			Attribute: cloudformationapi.ResourceAttributeProperties, Name: diff.Property, Recreation: string(diff.Recreation),
			Evaluation: cloudformationapi.EvaluationTypeStatic, Source: cloudformationapi.ChangeSourceDirectModification,
		}
		was, had := r.Is.Wanted.Properties.Get(diff.Property)
		will, has := after.Get(diff.Property)
		d.Before, d.After, d.Kind = plainText(was), plainText(will), cloudformationapi.AttributeChangeTypeModify
		switch {
		case !had:
			d.Kind = cloudformationapi.AttributeChangeTypeAdd
		case !has:
			d.Kind = cloudformationapi.AttributeChangeTypeRemove
		}
		f.cause(&d, declared)
		step := inPlace
		switch {
		case diff.Recreation == schema.Always && d.Evaluation == cloudformationapi.EvaluationTypeStatic:
			step = anew
		case diff.Recreation != schema.Never:
			step = perhapsAnew
		}
		how = max(how, step)
		c.Details = append(c.Details, d)
	}
	if len(c.Details) > 0 {
		c.Scope = append(c.Scope, cloudformationapi.ResourceAttributeProperties)
	}
	return how
}

// plainText is a value as a change shows it: a text as it is, anything else as
// JSON.
func plainText(v jsonvalue.Value) string {
	switch v.Kind() {
	case jsonvalue.KindUndefined:
		return ""
	case jsonvalue.KindString:
		return v.Str()
	}
	return string(v.AppendJSON(nil))
}

// cause finds out why a property changes: because of a resource that changes, a
// parameter that did, or because the template says otherwise.
func (f *forecast) cause(d *detail, declared template.Resource) {
	for _, ref := range f.deployment.bound.References(declared.ID) {
		if ref.Section != "Properties" || ref.Property != d.Name {
			continue
		}
		if ref.Parameter {
			if f.parameterChanged(ref.ID) {
				d.Source, d.Causing = cloudformationapi.ChangeSourceParameterReference, ref.ID
			}
			continue
		}
		known := f.known[ref.ID]
		if known == unchanged {
			continue
		}
		if ref.Attribute != "" {
			d.Source, d.Causing = cloudformationapi.ChangeSourceResourceAttribute, ref.ID+"."+ref.Attribute
		} else {
			d.Source, d.Causing = cloudformationapi.ChangeSourceResourceReference, ref.ID
		}
		// What certainly is another resource certainly has another name.
		if known != anew && known != added {
			d.Evaluation = cloudformationapi.EvaluationTypeDynamic
		}
		return
	}
}

func (f *forecast) parameterChanged(name string) bool {
	if f.before == nil {
		return false
	}
	find := func(b *template.Bound) string {
		for _, p := range b.ParameterValues() {
			if p.Name == name {
				return p.Value
			}
		}
		return ""
	}
	if given, ok := f.deployment.Parameters[name]; ok && given != f.before.Parameters[name] {
		return true // also what is not shown
	}
	return find(f.before.bound) != find(f.deployment.bound)
}

// attributes adds what changes of a resource beside its properties.
func (f *forecast) attributes(c *change, declared template.Resource, r *stack.Resource) {
	add := func(attribute string) {
		c.Scope = append(c.Scope, attribute)
		c.Details = append(c.Details, detail{
			Attribute: attribute, Recreation: cloudformationapi.RequiresRecreationNever,
			Evaluation: cloudformationapi.EvaluationTypeStatic, Source: cloudformationapi.ChangeSourceDirectModification,
		})
	}
	if t := schema.Of(r.Type); t != nil && t.Taggable() && !maps.Equal(r.Is.Wanted.Tags, f.deployment.tags()) {
		add(cloudformationapi.ResourceAttributeTags)
	}
	if f.before == nil {
		return
	}
	was, _ := f.before.bound.Exists(r.ID)
	for _, a := range []struct {
		name     string
		was, now jsonvalue.Value
	}{
		{cloudformationapi.ResourceAttributeMetadata, was.Metadata, declared.Metadata},
		{cloudformationapi.ResourceAttributeUpdatePolicy, was.UpdatePolicy, declared.UpdatePolicy},
		{cloudformationapi.ResourceAttributeCreationPolicy, was.CreationPolicy, declared.CreationPolicy},
	} {
		if a.was.IsDefined() != a.now.IsDefined() || !jsonvalue.Equal(a.was, a.now) {
			add(a.name)
		}
	}
	if was.DeletionPolicy != declared.DeletionPolicy {
		add(cloudformationapi.ResourceAttributeDeletionPolicy)
	}
	if was.UpdateReplacePolicy != declared.UpdateReplacePolicy {
		add(cloudformationapi.ResourceAttributeUpdateReplacePolicy)
	}
}

// otherwise says that something changes that is not a resource's.
func (f *forecast) otherwise() bool {
	return f.outputs(f.before.bound) != f.outputs(f.deployment.bound) || !maps.Equal(f.before.tags(), f.deployment.tags()) ||
		!slices.Equal(f.before.NotificationARNs, f.deployment.NotificationARNs) || f.before.RoleARN != f.deployment.RoleARN
}

// outputs is a text that differs when outputs do.
func (f *forecast) outputs(b *template.Bound) string {
	var text strings.Builder
	for _, o := range b.Outputs {
		if !b.Condition(o.Condition) {
			continue
		}
		v, err := b.Partial(o.Value, "Outputs", o.Name, "Value")
		if err != nil {
			v = o.Value
		}
		export, err := b.Partial(o.Export, "Outputs", o.Name, "Export", "Name")
		if err != nil {
			export = o.Export
		}
		fmt.Fprintf(&text, "%q %q %s %s\n", o.Name, o.Description, plainText(v), plainText(export))
	}
	return text.String()
}

// shown is a change as the API shows it.
func (c change) shown(values bool) cloudformationapi.Change {
	r := &cloudformationapi.ResourceChange{
		Action: new(c.Action), LogicalResourceId: new(c.ID), PhysicalResourceId: wire.Optional(c.PhysicalID), ResourceType: new(c.Type),
		Replacement: wire.Optional(c.Replacement), PolicyAction: wire.Optional(c.PolicyAction), Scope: wire.Shown(c.Scope), Details: []cloudformationapi.ResourceChangeDetail{},
	}
	if c.Action == cloudformationapi.ChangeActionAdd {
		r.PolicyAction = nil
	}
	for _, d := range c.Details {
		target := &cloudformationapi.ResourceTargetDefinition{Attribute: new(d.Attribute), Name: wire.Optional(d.Name), RequiresRecreation: wire.Optional(d.Recreation)}
		if values && d.Name != "" {
			target.Path = new("/Properties/" + d.Name)
			target.BeforeValue, target.AfterValue, target.AttributeChangeType = wire.Optional(d.Before), wire.Optional(d.After), wire.Optional(d.Kind)
		}
		r.Details = append(r.Details, cloudformationapi.ResourceChangeDetail{
			Target: target, Evaluation: new(d.Evaluation), ChangeSource: new(d.Source), CausingEntity: wire.Optional(d.Causing),
		})
	}
	if values {
		r.BeforeContext, r.AfterContext = propertyContext(c.Before), propertyContext(c.After)
	}
	return cloudformationapi.Change{Type: new(cloudformationapi.ChangeTypeResource), ResourceChange: r}
}

func propertyContext(properties jsonvalue.Value) *string {
	if !properties.IsDefined() {
		return nil
	}
	return new(string(jsonvalue.ObjectOf(jsonvalue.Member{Key: "Properties", Value: properties}).AppendJSON(nil)))
}

// impossible is the answer to an update that cannot be made.
func impossible(err error) error {
	if err == nil {
		return nil
	}
	return wire.NewValidationError(reason(err).Error())
}
