package sfn

import (
	"context"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

func (s *Service) listMapRuns(ctx context.Context, in *sfnapi.ListMapRunsInput) (*sfnapi.ListMapRunsOutput, error) {
	page, err := s.page("ListMapRuns", in.ExecutionArn, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	x, err := s.executionAt(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	out := &sfnapi.ListMapRunsOutput{MapRuns: []sfnapi.MapRunListItem{}}
	skip := page.after != ""
	for _, run := range x.mapRuns() {
		if skip {
			skip = run.ARN != page.after
			continue
		}
		if n := len(out.MapRuns); n == page.size {
			out.NextToken = page.next(out.MapRuns[n-1].MapRunArn)
			break
		}
		r, err := parseResource(run.ARN, kindMapRun)
		if err != nil {
			return nil, err
		}
		out.MapRuns = append(out.MapRuns, sfnapi.MapRunListItem{
			ExecutionArn:    x.arn,
			MapRunArn:       run.ARN,
			StateMachineArn: r.place.arn(kindMachine, r.name),
			StartDate:       run.StartedAt,
			StopDate:        shownTime(run.StoppedAt),
		})
	}
	return out, nil
}

// mapRuns returns the distributed Map runs of an execution, oldest first.
func (x *execution) mapRuns() []machine.MapRun {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.state == nil {
		return nil
	}
	return x.state.MapRuns()
}

// mapRunAt finds a map run and its execution.
func (s *Service) mapRunAt(ctx context.Context, text string) (*execution, machine.MapRun, error) {
	r, err := parseResource(text, kindMapRun)
	if err != nil {
		return nil, machine.MapRun{}, err
	}
	sp := s.here(ctx)
	name, _, _ := strings.Cut(r.name, "/")
	if m := sp.machine(name); m != nil && r.place == sp.place {
		if x := m.runs.ofMapRun(text); x != nil {
			for _, run := range x.mapRuns() {
				if run.ARN == text {
					return x, run, nil
				}
			}
		}
	}
	return nil, machine.MapRun{}, resourceGone(text)
}

// enterMapRun remembers whose a map run is.
func (r *runs) enterMapRun(arn string, x *execution) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byMapRun == nil {
		r.byMapRun = map[string]*execution{}
	}
	r.byMapRun[arn] = x
}

func (r *runs) ofMapRun(arn string) *execution {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byMapRun[arn]
}

func (s *Service) describeMapRun(ctx context.Context, in *sfnapi.DescribeMapRunInput) (*sfnapi.DescribeMapRunOutput, error) {
	x, run, err := s.mapRunAt(ctx, in.MapRunArn)
	if err != nil {
		return nil, err
	}
	n := mapCounts(run, run.Children)
	items := sfnapi.MapRunItemCounts(mapCounts(run, run.Items))
	return &sfnapi.DescribeMapRunOutput{
		MapRunArn:                  run.ARN,
		ExecutionArn:               x.arn,
		Status:                     string(run.Status),
		StartDate:                  run.StartedAt,
		StopDate:                   shownTime(run.StoppedAt),
		MaxConcurrency:             int32(run.MaxConcurrency),
		ToleratedFailureCount:      run.ToleratedFailureCount,
		ToleratedFailurePercentage: run.ToleratedFailurePercentage,
		ItemCounts:                 &items,
		ExecutionCounts:            &n,
	}, nil
}

// mapCounts counts the children of a map run, or their items in proportion, so
// that all of them together are total.
func mapCounts(run machine.MapRun, total int) sfnapi.MapRunExecutionCounts {
	share := func(children int) int64 {
		if run.Children == 0 {
			return 0
		}
		return int64(children) * int64(total) / int64(run.Children)
	}
	n := sfnapi.MapRunExecutionCounts{
		Succeeded:      share(run.Succeeded),
		Failed:         share(run.Failed),
		Aborted:        share(run.Aborted),
		Total:          int64(total),
		ResultsWritten: share(run.Succeeded), // recorded so without a ResultWriter too
	}
	open := n.Total - n.Succeeded - n.Failed - n.Aborted
	if n.Running = open; run.MaxConcurrency > 0 {
		n.Running = min(open, share(int(run.MaxConcurrency)))
	}
	n.Pending = open - n.Running
	return n
}

func (s *Service) updateMapRun(ctx context.Context, in *sfnapi.UpdateMapRunInput) (*sfnapi.UpdateMapRunOutput, error) {
	x, run, err := s.mapRunAt(ctx, in.MapRunArn)
	switch {
	case err != nil:
		return nil, err
	case run.Status != machine.StatusRunning:
		return nil, sfnapi.NewValidationException("The map run has ended and cannot be updated: "+in.MapRunArn).
			With("reason", sfnapi.ValidationExceptionReasonCannotUpdateCompletedMapRun)
	}
	change := machine.UpdateMapRun{
		MapRunARN: in.MapRunArn, ToleratedFailureCount: in.ToleratedFailureCount, ToleratedFailurePercentage: in.ToleratedFailurePercentage,
	}
	if in.MaxConcurrency != nil {
		limit := int64(*in.MaxConcurrency)
		change.MaxConcurrency = &limit
	}
	return nil, s.apply(x, change)
}

// listChildren lists the child executions of a map run, the newest start first.
func (s *Service) listChildren(ctx context.Context, in *sfnapi.ListExecutionsInput) (*sfnapi.ListExecutionsOutput, error) {
	x, run, err := s.mapRunAt(ctx, *in.MapRunArn)
	if err != nil {
		return nil, err
	}
	page, err := s.page("ListExecutions", run.ARN+" "+wire.Value(in.StatusFilter)+" "+wire.Value(in.RedriveFilter), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	r, err := parseResource(run.ARN, kindMapRun)
	if err != nil {
		return nil, err
	}
	out := &sfnapi.ListExecutionsOutput{Executions: []sfnapi.ExecutionListItem{}}
	if isStatus(in.RedriveFilter, sfnapi.ExecutionRedriveFilterRedriven) {
		return out, nil // children are not redriven one by one
	}
	children := x.childRuns(run.ARN)
	last, _ := strconv.Atoi(page.after) // the place of the last one shown, from 1; 0 on the first page
	if last == 0 {
		last = len(children) + 1
	}
	for i := min(last-1, len(children)) - 1; i >= 0; i-- {
		c := children[i]
		if !isStatus(in.StatusFilter, "", string(c.Status)) {
			continue
		}
		if len(out.Executions) == page.size {
			out.NextToken = page.next(strconv.Itoa(last))
			break
		}
		last = i + 1
		items, redrives := int32(c.Items), int32(0)
		out.Executions = append(out.Executions, sfnapi.ExecutionListItem{
			ExecutionArn:    r.place.arn(kindExecution, r.name+":"+c.Name),
			StateMachineArn: r.place.arn(kindMachine, r.name),
			MapRunArn:       &run.ARN,
			Name:            c.Name,
			Status:          string(c.Status),
			StartDate:       c.StartedAt,
			StopDate:        shownTime(c.StoppedAt),
			ItemCount:       &items,
			RedriveCount:    &redrives,
		})
	}
	return out, nil
}

// childRuns returns the children of a map run that have started, oldest first.
func (x *execution) childRuns(mapRunARN string) []machine.ChildRun {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.state == nil {
		return nil
	}
	return x.state.ChildRuns(mapRunARN)
}

// notHere is the answer to what AWS can do and the local cloud cannot.
func notHere(what string) error {
	return &wire.Error{
		Code:    "NotImplementedException",
		Message: "The local Step Functions cannot " + what + ".",
		Status:  501,
		Server:  true,
	}
}
