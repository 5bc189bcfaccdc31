package cloudformation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
)

// unsupported says that there is no such resource type here, which other types of
// the template are not there either, and what one can do.
func (p *plan) unsupported(typeName string) string {
	var others []string
	for _, d := range p.declarations {
		if d.Type != typeName && p.service.config.Providers[d.Type] == nil {
			others = append(others, d.Type)
		}
	}
	slices.Sort(others)
	nor := ""
	if others = slices.Compact(others); len(others) > 0 {
		nor = ", nor, of this template, " + strings.Join(others, ", ")
	}
	return fmt.Sprintf("The local cloud does not support resource type %s%s: take such resources out of the template, make them conditional, "+
		"or run crossfade local --lenient, where they are names with nothing behind them.", typeName, nor)
}

// A standIn makes resources of types that the cloud does not have: names with
// nothing behind them.
type standIn struct{}

// Handle makes up a name. What is there besides is none.
func (standIn) Handle(_ context.Context, r Request) (Progress, error) {
	p := Progress{PhysicalID: r.PhysicalID, Note: "A name with nothing behind it: the local cloud does not support resource type " + r.Type + "."}
	switch given := standInName(r); {
	case r.Action == Delete:
		p.Note = ""
	case given != "":
		p.PhysicalID = given
	case r.Action == Create:
		const length = 12
		p.PhysicalID = r.StackName + "-" + r.LogicalID + "-" + strings.ToUpper(r.Token[:min(length, len(r.Token))])
	}
	return p, nil
}

// standInName is the name that the template gives, in a property such as Name or
// TableName; "" where it gives none.
func standInName(r Request) string {
	kind := r.Type[strings.LastIndexByte(r.Type, ':')+1:]
	for _, property := range []string{kind + "Name", "Name"} {
		if v, _ := r.Properties.Get(property); v.Kind() == jsonvalue.KindString && v.Str() != "" {
			return v.Str()
		}
	}
	return ""
}

// literal says which values of a lenient stack's resource are names of what is kept
// in stores that are not there, "" where none is. e.mu is held.
func (e *entity) literal(c stack.Call) string {
	d := e.meant(c)
	if !d.Lenient || c.Action == stack.ActionDelete {
		return ""
	}
	var names []string
	for _, r := range d.bound.References(c.ID) {
		stored := func(p template.Parameter) bool { return p.Name == r.ID && p.FromSSM() }
		if r.Parameter && !slices.Contains(names, r.ID) && slices.ContainsFunc(d.bound.Parameters, stored) {
			names = append(names, r.ID)
		}
	}
	if strings.Contains(c.Is.Properties.String(), template.DynamicReference) {
		names = append(names, "dynamic references")
	}
	if len(names) == 0 {
		return ""
	}
	return "With names in place of what Systems Manager and Secrets Manager would have under them: " + strings.Join(names, ", ") + "."
}

// standInAttribute makes up what Fn::GetAtt returns: an ARN, the name, or
// something that is told apart from other attributes.
func standInAttribute(at place, typeName, physical, attribute string) jsonvalue.Value {
	last := attribute[strings.LastIndexByte(attribute, '.')+1:]
	switch {
	case strings.HasSuffix(last, "Arn"):
		parts := strings.Split(strings.ToLower(typeName), "::") // AWS, the service, the kind
		resource := physical
		if kind := parts[len(parts)-1]; kind != "queue" {
			resource = kind + "/" + physical
		}
		service := "cloudformation"
		if len(parts) > 2 {
			service = parts[1]
		}
		return jsonvalue.String(arn.ARN{Partition: at.Partition, Service: service, Region: at.Region, Account: at.Account, Resource: resource}.String())
	case strings.HasSuffix(last, "Name"):
		return jsonvalue.String(physical)
	default:
		return jsonvalue.String(physical + "." + attribute)
	}
}
