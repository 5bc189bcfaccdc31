package cloudformation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/schema"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
)

// A plan is the stack.Design of one deployment.
type plan struct {
	service      *Service
	entity       *entity
	deployment   *deployment
	declarations []stack.Declaration
}

// planOf returns the plan of a deployment; nil for none. e.mu is held.
func (s *Service) planOf(e *entity, d *deployment) stack.Design {
	if d == nil {
		return nil
	}
	if p := e.designs[d]; p != nil {
		return p
	}
	clear(e.designs)
	p := &plan{service: s, entity: e, deployment: d}
	for _, r := range d.bound.Existing() {
		p.declarations = append(p.declarations, stack.Declaration{
			ID: r.ID, Type: r.Type, After: d.bound.Dependencies(r.ID),
			Deletion: stack.Policy(r.DeletionPolicy), Replace: stack.Policy(r.UpdateReplacePolicy),
		})
	}
	slices.SortFunc(p.declarations, func(a, b stack.Declaration) int { return strings.Compare(a.ID, b.ID) })
	e.designs[d] = p
	return p
}

// Resources lists what the template wants.
func (p *plan) Resources() []stack.Declaration { return p.declarations }

// Resolve returns what a resource shall have, once it is known to be right.
func (p *plan) Resolve(id string, there stack.Lookup) (stack.Wanted, error) {
	r := &resolver{plan: p, there: there}
	declared, _ := p.deployment.bound.Exists(id)
	var w stack.Wanted
	properties, err := p.deployment.properties(declared, r)
	if err != nil {
		return w, reason(err)
	}
	w.Properties = properties
	if w.UpdatePolicy, err = p.deployment.bound.Attribute(id, "UpdatePolicy", r); err != nil {
		return w, reason(err)
	}
	if p.service.config.Providers[declared.Type] == nil && !p.deployment.Lenient {
		return w, errors.New(p.unsupported(declared.Type))
	}
	if t := schema.Of(declared.Type); t != nil {
		if err := t.Validate(properties); err != nil {
			return w, fmt.Errorf("Properties validation failed for resource %s with message:\n%w", id, err)
		}
		if t.Taggable() {
			w.Tags = p.deployment.tags()
		}
	}
	return w, p.permit(id, declared.Type, w)
}

// properties returns what the template wants a resource to have, by the names that
// its type has for it.
func (d *deployment) properties(declared template.Resource, known template.Resolver) (jsonvalue.Value, error) {
	properties, err := d.bound.Properties(declared.ID, known)
	if t := schema.Of(declared.Type); t != nil && err == nil {
		properties = t.Canonical(properties)
	}
	return properties, err
}

// Compare says what a change of properties takes.
func (p *plan) Compare(typeName string, before, after stack.Wanted) stack.Change {
	change := stack.Same
	if !maps.Equal(before.Tags, after.Tags) {
		change = stack.InPlace
	}
	t := schema.Of(typeName)
	if t == nil {
		if !jsonvalue.Equal(before.Properties, after.Properties) {
			change = stack.InPlace
		}
		return change
	}
	for _, c := range t.Changes(before.Properties, after.Properties) {
		if c.Recreation == schema.Always {
			return stack.Anew
		}
		change = stack.InPlace
	}
	return change
}

// Conclude returns the outputs.
func (p *plan) Conclude(there stack.Lookup) ([]stack.Output, error) {
	if err := p.permitRemovals(); err != nil {
		return nil, err
	}
	values, err := p.deployment.bound.OutputValues(&resolver{plan: p, there: there})
	if err != nil {
		return nil, reason(err)
	}
	var out []stack.Output
	for _, v := range values {
		out = append(out, stack.Output{Key: v.Name, Value: v.Value, Description: v.Description, Export: v.Export})
	}
	return out, p.service.exports.check(p.entity, out)
}

// reason is an error of a template without its place, as events show it.
func reason(err error) error {
	if e := (&template.Error{}); errors.As(err, &e) {
		return errors.New(e.Message)
	}
	return err
}

// A resolver knows the resources that are there.
type resolver struct {
	plan  *plan
	there stack.Lookup
}

// Ref returns the physical id.
func (r *resolver) Ref(id string) (jsonvalue.Value, error) {
	p, ok := r.there(id)
	if !ok {
		return jsonvalue.Value{}, fmt.Errorf("Unresolved resource dependencies [%s] in the Resources block of the template", id)
	}
	return jsonvalue.String(p.ID), nil
}

// GetAtt returns an attribute.
func (r *resolver) GetAtt(id, attribute string) (jsonvalue.Value, error) {
	p, ok := r.there(id)
	if !ok {
		return jsonvalue.Value{}, fmt.Errorf("Unresolved resource dependencies [%s] in the Resources block of the template", id)
	}
	v, ok := p.Attributes[attribute]
	if declared, _ := r.plan.deployment.bound.Exists(id); !ok && r.plan.service.config.Providers[declared.Type] == nil {
		return standInAttribute(r.plan.entity.place, declared.Type, p.ID, attribute), nil
	}
	if !ok {
		return v, fmt.Errorf("Template error: resource %s does not support attribute type %s in Fn::GetAtt", id, attribute)
	}
	return v, nil
}

// Import returns what another stack exports.
func (r *resolver) Import(name string) (jsonvalue.Value, error) {
	v, ok := r.plan.service.exports.get(r.plan.entity.place.name(name))
	if !ok {
		return jsonvalue.Value{}, fmt.Errorf("No export named %s found.", name)
	}
	r.plan.entity.using[name] = true
	return jsonvalue.String(v), nil
}
