package lambda

import (
	"context"

	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// Deployment tools look at everything that a function may have, also at what the
// local cloud has not. Nobody can have made any of it, so the truth is easy to
// tell; to make one is answered as not implemented.

func (s *Service) listEventSourceMappings(context.Context, *lambdaapi.ListEventSourceMappingsRequest) (*lambdaapi.ListEventSourceMappingsResponse, error) {
	return &lambdaapi.ListEventSourceMappingsResponse{EventSourceMappings: []lambdaapi.EventSourceMappingConfiguration{}}, nil
}
