package sfn

import (
	"context"

	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// Distributed Map states are not executed here, so there are no map runs: these
// operations answer what AWS answers for executions without any, and for map
// runs that do not exist.

func (s *Service) listMapRuns(ctx context.Context, in *sfnapi.ListMapRunsInput) (*sfnapi.ListMapRunsOutput, error) {
	if _, err := s.page("ListMapRuns", in.ExecutionArn, in.MaxResults, in.NextToken); err != nil {
		return nil, err
	}
	if _, err := s.executionAt(ctx, in.ExecutionArn); err != nil {
		return nil, err
	}
	return &sfnapi.ListMapRunsOutput{MapRuns: []sfnapi.MapRunListItem{}}, nil
}

func (s *Service) describeMapRun(_ context.Context, in *sfnapi.DescribeMapRunInput) (*sfnapi.DescribeMapRunOutput, error) {
	if _, err := parseResource(in.MapRunArn, kindMapRun); err != nil {
		return nil, err
	}
	return nil, resourceGone(in.MapRunArn)
}

func (s *Service) updateMapRun(_ context.Context, in *sfnapi.UpdateMapRunInput) (*sfnapi.UpdateMapRunOutput, error) {
	if _, err := parseResource(in.MapRunArn, kindMapRun); err != nil {
		return nil, err
	}
	return nil, resourceGone(in.MapRunArn)
}
