package lambda

import (
	"context"
	"fmt"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// Deployment tools look at everything that a function may have, also at what the
// local cloud has not. Nobody can have made any of it, so the truth is easy to
// tell; to make one is answered as not implemented.

func (s *Service) getFunctionCodeSigningConfig(ctx context.Context, in *lambdaapi.GetFunctionCodeSigningConfigRequest) (*lambdaapi.GetFunctionCodeSigningConfigResponse, error) {
	f, _, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.GetFunctionCodeSigningConfigResponse{FunctionName: f.name}, nil
}

func (s *Service) listEventSourceMappings(context.Context, *lambdaapi.ListEventSourceMappingsRequest) (*lambdaapi.ListEventSourceMappingsResponse, error) {
	return &lambdaapi.ListEventSourceMappingsResponse{EventSourceMappings: []lambdaapi.EventSourceMappingConfiguration{}}, nil
}

// provisionable finds what may have provisioned concurrency: a published version
// or an alias.
//
// Source of the messages: recorded.
func (s *Service) provisionable(ctx context.Context, name, qualifier string) error {
	r, err := s.reference(ctx, name, &qualifier)
	if err != nil {
		return err
	}
	if r.qualifier == latest {
		return invalid("The function resource provided must be an alias or a published version.")
	}
	f, c, _ := s.function(r)
	switch {
	case f != nil && c.resolve(r.qualifier) != nil:
		return nil
	case isAlias(r.qualifier):
		return notFound("Cannot find alias arn: " + r.arn())
	default:
		return functionGone(r.arn())
	}
}

func (s *Service) getProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.GetProvisionedConcurrencyConfigRequest) (*lambdaapi.GetProvisionedConcurrencyConfigResponse, error) {
	if err := s.provisionable(ctx, in.FunctionName, in.Qualifier); err != nil {
		return nil, err
	}
	return nil, user(lambdaapi.NewProvisionedConcurrencyConfigNotFoundException("No Provisioned Concurrency Config found for this function"))
}

func (s *Service) putProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.PutProvisionedConcurrencyConfigRequest) (*lambdaapi.PutProvisionedConcurrencyConfigResponse, error) {
	err := s.provisionable(ctx, in.FunctionName, in.Qualifier)
	if in.Qualifier == latest {
		err = invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	}
	if err != nil {
		return nil, err
	}
	f, c, _, err := s.find(ctx, in.FunctionName, &in.Qualifier)
	if err != nil {
		return nil, err
	}
	want, unreserved := int(in.ProvisionedConcurrentExecutions), s.concurrency-f.space.reserved(nil)
	switch {
	case c.reserved != nil && want > *c.reserved:
		return nil, invalid("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
	case c.reserved == nil && want > unreserved:
		return nil, lambdaapi.NewInvalidParameterValueException(fmt.Sprintf(
			"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].", unreserved))
	case c.reserved == nil && unreserved-want < minUnreserved:
		return nil, lambdaapi.NewInvalidParameterValueException(fmt.Sprintf(
			"Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved))
	}
	return nil, absent("provisioned concurrency")
}

func (s *Service) deleteProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.DeleteProvisionedConcurrencyConfigRequest) (*wire.Nothing, error) {
	return nil, s.provisionable(ctx, in.FunctionName, in.Qualifier)
}

func (s *Service) listProvisionedConcurrencyConfigs(ctx context.Context, in *lambdaapi.ListProvisionedConcurrencyConfigsRequest) (*lambdaapi.ListProvisionedConcurrencyConfigsResponse, error) {
	if _, _, _, err := s.find(ctx, in.FunctionName, nil); err != nil {
		return nil, err
	}
	return &lambdaapi.ListProvisionedConcurrencyConfigsResponse{ProvisionedConcurrencyConfigs: []lambdaapi.ProvisionedConcurrencyConfigListItem{}}, nil
}
