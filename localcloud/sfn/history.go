package sfn

import (
	"context"
	"slices"
	"strconv"

	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

func (s *Service) getExecutionHistory(ctx context.Context, in *sfnapi.GetExecutionHistoryInput) (*sfnapi.GetExecutionHistoryOutput, error) {
	x, err := s.executionAt(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	reverse := isTrue(in.ReverseOrder)
	page, err := s.page("GetExecutionHistory", x.arn+strconv.FormatBool(reverse), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	events := x.savedHistory()
	data := in.IncludeExecutionData == nil || *in.IncludeExecutionData
	// Ids are dense from 1: the event of id n lies at n-1.
	last, _ := strconv.Atoi(page.after) // 0 on the first page
	if reverse {
		if last == 0 {
			last = len(events) + 1
		}
		events = slices.Clone(events[:last-1])
		slices.Reverse(events)
	} else {
		events = events[last:]
	}
	out := &sfnapi.GetExecutionHistoryOutput{Events: make([]sfnapi.HistoryEvent, 0, min(page.size, len(events)))}
	for _, e := range events {
		if n := len(out.Events); n == page.size {
			out.NextToken = page.next(strconv.FormatInt(out.Events[n-1].Id, 10))
			break
		}
		out.Events = append(out.Events, shownEvent(e, data))
	}
	return out, nil
}

// savedHistory returns the events that are acknowledged. They never change.
func (x *execution) savedHistory() []machine.HistoryEvent {
	x.mu.Lock()
	defer x.mu.Unlock()
	events := x.history.all()
	n := len(events)
	if x.unsaved != nil {
		n -= len(x.unsaved.events)
	}
	return events[:n:n]
}

var notTruncated = false

// shownEvent returns an event as the API shows it, with inputs and outputs or
// without.
func shownEvent(e machine.HistoryEvent, data bool) sfnapi.HistoryEvent {
	out := sfnapi.HistoryEvent{
		Id:              e.ID,
		PreviousEventId: &e.PreviousID,
		Timestamp:       e.At,
		Type:            string(e.Type),
	}
	d := e.Details
	if d == nil {
		d = &machine.Details{}
	}
	var details *sfnapi.HistoryEventExecutionDataDetails
	if data {
		details = &sfnapi.HistoryEventExecutionDataDetails{Truncated: &notTruncated}
	}
	payload := func(text string) *string {
		if !data {
			return nil
		}
		return wire.Optional(text)
	}
	switch e.Type {
	case machine.EventExecutionStarted:
		out.ExecutionStartedEventDetails = &sfnapi.ExecutionStartedEventDetails{
			Input: payload(d.Input), InputDetails: details, RoleArn: wire.Optional(d.RoleARN),
			StateMachineAliasArn: wire.Optional(d.StateMachineAliasARN), StateMachineVersionArn: wire.Optional(d.StateMachineVersionARN),
		}
	case machine.EventExecutionSucceeded:
		out.ExecutionSucceededEventDetails = &sfnapi.ExecutionSucceededEventDetails{Output: payload(d.Output), OutputDetails: details}
	case machine.EventExecutionFailed:
		out.ExecutionFailedEventDetails = &sfnapi.ExecutionFailedEventDetails{Error: d.Error, Cause: d.Cause}
	case machine.EventExecutionAborted:
		out.ExecutionAbortedEventDetails = &sfnapi.ExecutionAbortedEventDetails{Error: d.Error, Cause: d.Cause}
	case machine.EventExecutionTimedOut:
		out.ExecutionTimedOutEventDetails = &sfnapi.ExecutionTimedOutEventDetails{Error: d.Error, Cause: d.Cause}
	case machine.EventExecutionRedriven:
		count := int32(d.RedriveCount)
		out.ExecutionRedrivenEventDetails = &sfnapi.ExecutionRedrivenEventDetails{RedriveCount: &count}
	case machine.EventChoiceStateEntered, machine.EventFailStateEntered, machine.EventMapStateEntered,
		machine.EventParallelStateEntered, machine.EventPassStateEntered, machine.EventSucceedStateEntered,
		machine.EventTaskStateEntered, machine.EventWaitStateEntered:
		out.StateEnteredEventDetails = &sfnapi.StateEnteredEventDetails{
			Name: d.Name, Input: payload(d.Input), InputDetails: details,
		}
	case machine.EventChoiceStateExited, machine.EventMapStateExited, machine.EventParallelStateExited,
		machine.EventPassStateExited, machine.EventSucceedStateExited, machine.EventTaskStateExited,
		machine.EventWaitStateExited:
		out.StateExitedEventDetails = exited(d, payload(d.Output), details, data)
	case machine.EventTaskScheduled:
		out.TaskScheduledEventDetails = &sfnapi.TaskScheduledEventDetails{
			ResourceType: d.ResourceType, Resource: d.Resource, Region: d.Region, Parameters: d.Parameters,
			TimeoutInSeconds: wire.Optional(d.TimeoutInSeconds), HeartbeatInSeconds: wire.Optional(d.HeartbeatInSeconds),
			TaskCredentials: credentials(d),
		}
	case machine.EventTaskStarted:
		out.TaskStartedEventDetails = &sfnapi.TaskStartedEventDetails{ResourceType: d.ResourceType, Resource: d.Resource}
	case machine.EventTaskStartFailed:
		out.TaskStartFailedEventDetails = &sfnapi.TaskStartFailedEventDetails{ResourceType: d.ResourceType, Resource: d.Resource, Error: d.Error, Cause: d.Cause}
	case machine.EventTaskSubmitted:
		out.TaskSubmittedEventDetails = &sfnapi.TaskSubmittedEventDetails{ResourceType: d.ResourceType, Resource: d.Resource, Output: payload(d.Output), OutputDetails: details}
	case machine.EventTaskSubmitFailed:
		out.TaskSubmitFailedEventDetails = &sfnapi.TaskSubmitFailedEventDetails{ResourceType: d.ResourceType, Resource: d.Resource, Error: d.Error, Cause: d.Cause}
	case machine.EventTaskSucceeded:
		out.TaskSucceededEventDetails = &sfnapi.TaskSucceededEventDetails{ResourceType: d.ResourceType, Resource: d.Resource, Output: payload(d.Output), OutputDetails: details}
	case machine.EventTaskFailed:
		out.TaskFailedEventDetails = &sfnapi.TaskFailedEventDetails{ResourceType: d.ResourceType, Resource: d.Resource, Error: d.Error, Cause: d.Cause}
	case machine.EventTaskTimedOut:
		out.TaskTimedOutEventDetails = &sfnapi.TaskTimedOutEventDetails{ResourceType: d.ResourceType, Resource: d.Resource, Error: d.Error, Cause: d.Cause}
	case machine.EventLambdaFunctionScheduled:
		out.LambdaFunctionScheduledEventDetails = &sfnapi.LambdaFunctionScheduledEventDetails{
			Resource: d.Resource, Input: payload(d.Input), InputDetails: details,
			TimeoutInSeconds: wire.Optional(d.TimeoutInSeconds), TaskCredentials: credentials(d),
		}
	case machine.EventLambdaFunctionScheduleFailed:
		out.LambdaFunctionScheduleFailedEventDetails = &sfnapi.LambdaFunctionScheduleFailedEventDetails{Error: d.Error, Cause: d.Cause}
	case machine.EventLambdaFunctionStartFailed:
		out.LambdaFunctionStartFailedEventDetails = &sfnapi.LambdaFunctionStartFailedEventDetails{Error: d.Error, Cause: d.Cause}
	case machine.EventLambdaFunctionSucceeded:
		out.LambdaFunctionSucceededEventDetails = &sfnapi.LambdaFunctionSucceededEventDetails{Output: payload(d.Output), OutputDetails: details}
	case machine.EventLambdaFunctionFailed:
		out.LambdaFunctionFailedEventDetails = &sfnapi.LambdaFunctionFailedEventDetails{Error: d.Error, Cause: d.Cause}
	case machine.EventLambdaFunctionTimedOut:
		out.LambdaFunctionTimedOutEventDetails = &sfnapi.LambdaFunctionTimedOutEventDetails{Error: d.Error, Cause: d.Cause}
	case machine.EventActivityScheduled:
		out.ActivityScheduledEventDetails = &sfnapi.ActivityScheduledEventDetails{
			Resource: d.Resource, Input: payload(d.Input), InputDetails: details,
			TimeoutInSeconds: wire.Optional(d.TimeoutInSeconds), HeartbeatInSeconds: wire.Optional(d.HeartbeatInSeconds),
		}
	case machine.EventActivityScheduleFailed:
		out.ActivityScheduleFailedEventDetails = &sfnapi.ActivityScheduleFailedEventDetails{Error: d.Error, Cause: d.Cause}
	case machine.EventActivityStarted:
		out.ActivityStartedEventDetails = &sfnapi.ActivityStartedEventDetails{WorkerName: wire.Optional(d.WorkerName)}
	case machine.EventActivitySucceeded:
		out.ActivitySucceededEventDetails = &sfnapi.ActivitySucceededEventDetails{Output: payload(d.Output), OutputDetails: details}
	case machine.EventActivityFailed:
		out.ActivityFailedEventDetails = &sfnapi.ActivityFailedEventDetails{Error: d.Error, Cause: d.Cause}
	case machine.EventActivityTimedOut:
		out.ActivityTimedOutEventDetails = &sfnapi.ActivityTimedOutEventDetails{Error: d.Error, Cause: d.Cause}
	case machine.EventMapStateStarted:
		length := int32(d.Length)
		out.MapStateStartedEventDetails = &sfnapi.MapStateStartedEventDetails{Length: &length}
	case machine.EventMapIterationStarted:
		out.MapIterationStartedEventDetails = iteration(d)
	case machine.EventMapIterationSucceeded:
		out.MapIterationSucceededEventDetails = iteration(d)
	case machine.EventMapIterationFailed:
		out.MapIterationFailedEventDetails = iteration(d)
	case machine.EventMapIterationAborted:
		out.MapIterationAbortedEventDetails = iteration(d)
	case machine.EventMapRunStarted:
		out.MapRunStartedEventDetails = &sfnapi.MapRunStartedEventDetails{MapRunArn: wire.Optional(d.MapRunARN)}
	case machine.EventMapRunFailed:
		out.MapRunFailedEventDetails = &sfnapi.MapRunFailedEventDetails{Error: d.Error, Cause: d.Cause}
	case machine.EventEvaluationFailed:
		out.EvaluationFailedEventDetails = &sfnapi.EvaluationFailedEventDetails{Error: d.Error, Cause: d.Cause, Location: wire.Optional(d.Location), State: d.State}
	default: // the other types have no details
	}
	return out
}

func exited(d *machine.Details, output *string, details *sfnapi.HistoryEventExecutionDataDetails, data bool) *sfnapi.StateExitedEventDetails {
	out := &sfnapi.StateExitedEventDetails{Name: d.Name, Output: output, OutputDetails: details}
	if data && len(d.AssignedVariables) > 0 {
		out.AssignedVariables = make(map[string]string, len(d.AssignedVariables))
		for _, a := range d.AssignedVariables {
			out.AssignedVariables[a.Name] = a.Value
		}
		out.AssignedVariablesDetails = &sfnapi.AssignedVariablesDetails{Truncated: &notTruncated}
	}
	return out
}

func iteration(d *machine.Details) *sfnapi.MapIterationEventDetails {
	index := int32(d.Index)
	return &sfnapi.MapIterationEventDetails{Name: wire.Optional(d.Name), Index: &index}
}

func credentials(d *machine.Details) *sfnapi.TaskCredentials {
	if d.TaskRoleARN == "" {
		return nil
	}
	return &sfnapi.TaskCredentials{RoleArn: &d.TaskRoleARN}
}
