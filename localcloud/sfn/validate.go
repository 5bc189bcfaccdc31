package sfn

import (
	"context"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// validateStateMachineDefinition says what is wrong with a definition. Warnings
// come only when they are asked for.
func (s *Service) validateStateMachineDefinition(_ context.Context, in *sfnapi.ValidateStateMachineDefinitionInput) (*sfnapi.ValidateStateMachineDefinitionOutput, error) {
	kind := asl.Standard
	if in.Type != nil {
		kind = asl.Type(*in.Type)
	}
	most := defaultPage
	if in.MaxResults != nil && *in.MaxResults > 0 {
		most = int(*in.MaxResults)
	}
	warnings := in.Severity != nil && *in.Severity == sfnapi.ValidateStateMachineDefinitionSeverityWarning
	_, diagnostics := asl.Parse(in.Definition, kind)
	truncated := false
	out := &sfnapi.ValidateStateMachineDefinitionOutput{
		Result:      sfnapi.ValidateStateMachineDefinitionResultCodeOk,
		Diagnostics: []sfnapi.ValidateStateMachineDefinitionDiagnostic{},
		Truncated:   &truncated,
	}
	for _, d := range diagnostics {
		if d.Severity == asl.Error {
			out.Result = sfnapi.ValidateStateMachineDefinitionResultCodeFail
		} else if !warnings {
			continue
		}
		if len(out.Diagnostics) == most {
			truncated = true
			continue
		}
		shown := sfnapi.ValidateStateMachineDefinitionDiagnostic{
			Severity: string(d.Severity), Code: string(d.Code), Message: d.Message,
		}
		if d.Location != "" {
			shown.Location = &d.Location
		}
		out.Diagnostics = append(out.Diagnostics, shown)
	}
	return out, nil
}
