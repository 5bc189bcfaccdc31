package sfn

import (
	"context"
	"strconv"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// listExecutions lists the newest start first: all executions of a state
// machine, or those that were started through a version or an alias.
func (s *Service) listExecutions(ctx context.Context, in *sfnapi.ListExecutionsInput) (*sfnapi.ListExecutionsOutput, error) {
	switch {
	case in.MapRunArn != nil && in.StateMachineArn == nil:
		return s.listChildren(ctx, in)
	case in.StateMachineArn == nil || in.MapRunArn != nil:
		return nil, sfnapi.NewValidationException("Exactly one of stateMachineArn and mapRunArn must be specified")
	case isStatus(in.StatusFilter, sfnapi.ExecutionStatusPendingRedrive):
		return nil, sfnapi.NewValidationException("The status filter PENDING_REDRIVE needs a mapRunArn")
	}
	m, qualifier, err := s.qualified(ctx, *in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	if m.kind == asl.Express {
		return nil, errTypeNotSupported
	}
	number, aliasName := 0, ""
	if qualifier != "" {
		c, known := m.control.Load(), false
		if n, ok := versionNumber(qualifier); ok {
			number, known = n, c != nil && c.version(n) != nil
		} else {
			aliasName, known = qualifier, c != nil && c.alias(qualifier) != nil
		}
		if !known {
			return nil, resourceGone(*in.StateMachineArn)
		}
	}
	about := *in.StateMachineArn + " " + wire.Value(in.StatusFilter) + " " + wire.Value(in.RedriveFilter)
	page, err := s.page("ListExecutions", about, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	before, _ := strconv.ParseUint(page.after, 10, 64) // 0 on the first page
	out := &sfnapi.ListExecutionsOutput{Executions: []sfnapi.ExecutionListItem{}}
	log := m.runs.log(number, aliasName)
	var last uint64
	for i := len(log) - 1; i >= 0; i-- {
		x := log[i]
		if before > 0 && x.number >= before || x.dropped.Load() || !isStatus(in.StatusFilter, "", x.shownStatus()) {
			continue
		}
		item := x.item()
		if redriven := *item.RedriveCount > 0; in.RedriveFilter != nil &&
			redriven != (*in.RedriveFilter == sfnapi.ExecutionRedriveFilterRedriven) {
			continue
		}
		if len(out.Executions) == page.size {
			out.NextToken = page.next(strconv.FormatUint(last, 10))
			break
		}
		last = x.number
		out.Executions = append(out.Executions, item)
	}
	return out, nil
}

// isStatus says whether a filter is one of the statuses; "" stands for no
// filter.
func isStatus(filter *string, statuses ...string) bool {
	for _, status := range statuses {
		if wire.Value(filter) == status {
			return true
		}
	}
	return false
}

// shownStatus is the status that the API shows. It needs no lock.
func (x *execution) shownStatus() string {
	status, _ := x.status.Load().(machine.Status)
	return string(status)
}

// item returns the execution as a list shows it.
func (x *execution) item() sfnapi.ExecutionListItem {
	x.mu.Lock()
	defer x.mu.Unlock()
	redrives := x.redrives
	item := sfnapi.ExecutionListItem{
		ExecutionArn:           x.arn,
		StateMachineArn:        x.machine.arn,
		StateMachineVersionArn: x.versionARN(),
		StateMachineAliasArn:   x.aliasARN(),
		Name:                   x.name,
		Status:                 x.shownStatus(),
		StartDate:              x.started,
		RedriveCount:           &redrives,
		RedriveDate:            shownTime(x.redriven),
	}
	if !x.running() {
		item.StopDate = shownTime(x.stopped)
	}
	return item
}
