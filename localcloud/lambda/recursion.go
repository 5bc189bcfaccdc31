package lambda

import (
	"context"

	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

func (s *Service) putFunctionRecursionConfig(ctx context.Context, in *lambdaapi.PutFunctionRecursionConfigRequest) (*lambdaapi.PutFunctionRecursionConfigResponse, error) {
	f, _, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	err = s.change(f, func(c *control) (*control, error) {
		n := c.clone()
		n.recursion = in.RecursiveLoop
		return n, nil
	})
	if err != nil {
		return nil, err
	}
	return &lambdaapi.PutFunctionRecursionConfigResponse{RecursiveLoop: &in.RecursiveLoop}, nil
}

func (s *Service) getFunctionRecursionConfig(ctx context.Context, in *lambdaapi.GetFunctionRecursionConfigRequest) (*lambdaapi.GetFunctionRecursionConfigResponse, error) {
	_, c, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	recursion := c.recursion
	if recursion == "" {
		recursion = lambdaapi.RecursiveLoopTerminate
	}
	return &lambdaapi.GetFunctionRecursionConfigResponse{RecursiveLoop: &recursion}, nil
}

// getRuntimeManagementConfig says that runtimes are updated by themselves: here
// they are what the machine has.
func (s *Service) getRuntimeManagementConfig(ctx context.Context, in *lambdaapi.GetRuntimeManagementConfigRequest) (*lambdaapi.GetRuntimeManagementConfigResponse, error) {
	f, _, v, r, err := s.configuration(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	qualifier := r.qualifier
	if qualifier == "" {
		qualifier = v.qualifier()
	}
	return &lambdaapi.GetRuntimeManagementConfigResponse{
		UpdateRuntimeOn: new(lambdaapi.UpdateRuntimeOnAuto),
		FunctionArn:     new(qualified(f.arn, qualifier)),
	}, nil
}
