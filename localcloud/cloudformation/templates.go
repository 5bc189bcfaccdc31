package cloudformation

import (
	"context"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/schema"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudformationapi"
)

func (s *Service) validateTemplate(ctx context.Context, in *cloudformationapi.ValidateTemplateInput) (*cloudformationapi.ValidateTemplateOutput, error) {
	t, err := s.read(ctx, in.TemplateBody, in.TemplateURL)
	if err != nil {
		return nil, err
	}
	out := &cloudformationapi.ValidateTemplateOutput{
		Parameters: []cloudformationapi.TemplateParameter{}, Description: wire.Optional(t.Description), DeclaredTransforms: t.Transforms,
	}
	for _, p := range t.Parameters {
		shown := cloudformationapi.TemplateParameter{ParameterKey: new(p.Name), NoEcho: new(p.NoEcho), Description: wire.Optional(p.Description)}
		if p.HasDefault {
			shown.DefaultValue = new(p.Default)
		}
		out.Parameters = append(out.Parameters, shown)
	}
	out.Capabilities, out.CapabilitiesReason = capabilities(t)
	return out, nil
}

// read parses the template that a request names.
func (s *Service) read(ctx context.Context, body, address *string) (*template.Template, error) {
	text, err := s.text(ctx, body, address, false, nil)
	if err != nil {
		return nil, err
	}
	t, err := template.Parse(text)
	if err != nil {
		return nil, invalid(err)
	}
	return t, nil
}

// capabilities says what the user has to acknowledge, and why.
func capabilities(t *template.Template) (needed []string, reason *string) {
	needed, reasons := t.Capabilities()
	if len(needed) > 0 {
		reason = new("The following resource(s) require capabilities: [" + strings.Join(reasons, ", ") + "]")
	}
	return needed, reason
}

func (s *Service) getTemplateSummary(ctx context.Context, in *cloudformationapi.GetTemplateSummaryInput) (*cloudformationapi.GetTemplateSummaryOutput, error) {
	var t *template.Template
	if in.StackName != nil && *in.StackName != "" {
		e, err := s.find(ctx, *in.StackName)
		if err != nil {
			return nil, err
		}
		e.mu.Lock()
		status, d := e.state.Status, e.shown()
		e.mu.Unlock()
		if status == stack.ReviewInProgress || d == nil {
			return nil, wire.NewValidationError("GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.")
		}
		t = d.parsed
	} else {
		var err error
		if t, err = s.read(ctx, in.TemplateBody, in.TemplateURL); err != nil {
			return nil, err
		}
	}
	out := &cloudformationapi.GetTemplateSummaryOutput{
		Parameters: []cloudformationapi.ParameterDeclaration{}, Description: wire.Optional(t.Description), ResourceTypes: t.ResourceTypes(),
		Version: wire.Optional(t.Version), DeclaredTransforms: t.Transforms,
	}
	for _, p := range t.Parameters {
		shown := cloudformationapi.ParameterDeclaration{
			ParameterKey: new(p.Name), ParameterType: new(p.Type), NoEcho: new(p.NoEcho), Description: wire.Optional(p.Description),
			ParameterConstraints: &cloudformationapi.ParameterConstraints{AllowedValues: p.AllowedValues},
		}
		if p.HasDefault {
			shown.DefaultValue = new(p.Default)
		}
		out.Parameters = append(out.Parameters, shown)
	}
	if t.Metadata.IsDefined() {
		out.Metadata = new(string(t.Metadata.AppendJSON(nil)))
	}
	out.Capabilities, out.CapabilitiesReason = capabilities(t)
	out.ResourceIdentifierSummaries = identifiers(t)
	return out, nil
}

// identifiers says by which properties the resources of each type are told apart.
func identifiers(t *template.Template) []cloudformationapi.ResourceIdentifierSummary {
	var out []cloudformationapi.ResourceIdentifierSummary
	for _, name := range t.ResourceTypes() {
		known := schema.Of(name)
		if known == nil || len(known.PrimaryIdentifier) == 0 {
			continue
		}
		sum := cloudformationapi.ResourceIdentifierSummary{ResourceType: new(name), ResourceIdentifiers: slices.Clone(known.PrimaryIdentifier)}
		for _, r := range t.Resources {
			if r.Type == name {
				sum.LogicalResourceIds = append(sum.LogicalResourceIds, r.ID)
			}
		}
		out = append(out, sum)
	}
	return out
}
