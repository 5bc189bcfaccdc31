package sfn

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// An execution is one run of a state machine. It runs by the revision that it
// was started with, whatever happens to the state machine, the version or the
// alias afterwards.
type execution struct {
	machine  *stateMachine
	revision *revision
	version  *version // nil unless started through a version or an alias
	alias    *alias   // nil unless started through an alias
	number   uint64   // counts the starts of the state machine
	arn      string
	name     string
	input    string
	trace    *string
	started  time.Time
	parent   *parent // the task that started it and waits, or nil

	// For readers without the lock: state.Status; when it ended, in Unix
	// milliseconds; whether it was forgotten.
	status  atomic.Value // of machine.Status
	ended   atomic.Int64
	dropped atomic.Bool

	timer timer // of timers

	mu      sync.Mutex
	state   *machine.Execution // nil after success, unless it had map runs
	output  string             // after success
	history chronicle
	last    time.Time // of the last step; time does not go back for an execution
	stopped time.Time // zero while running
	tasks   map[machine.TaskID]*task
	done    chan struct{} // closed at the end; nil until somebody waits

	chunks   int // parts of the history that are in the journal
	kept     keptState
	unsaved  *unsaved // a step that could not be saved yet
	recovers bool     // restored while running, and not looked after yet
	log      logQueue

	redrives      int32
	redriven      time.Time
	redriveTokens []redriveToken
}

// A parent is the task that an execution was started by.
type parent struct {
	arn     string
	task    machine.TaskID
	pattern asl.Pattern
}

// running says whether the execution has not ended. It needs no lock.
func (x *execution) running() bool { return x.status.Load() == machine.StatusRunning }

// began is when the execution began, or was last redriven.
func (x *execution) began() time.Time {
	if !x.redriven.IsZero() {
		return x.redriven
	}
	return x.started
}

// billed returns what AWS would bill an Express execution: milliseconds in
// steps of 100, megabytes in steps of 64.
func (x *execution) billed() (milliseconds, megabytes int64) {
	const step = 100
	ran := x.stopped.Sub(x.started).Milliseconds()
	return max(step, (ran+step-1)/step*step), 64
}

// program returns what the execution runs.
func (x *execution) program() (*machine.Program, error) {
	if err := x.revision.parse(x.machine.kind); err != nil {
		return nil, err
	}
	return x.revision.program, nil
}

// versionARN and aliasARN are nil where the execution has none.
func (x *execution) versionARN() *string {
	if x.version == nil {
		return nil
	}
	return &x.version.arn
}

func (x *execution) aliasARN() *string {
	if x.alias == nil {
		return nil
	}
	return &x.alias.arn
}

// executionAt finds the Standard execution of an ARN.
func (s *Service) executionAt(ctx context.Context, text string) (*execution, error) {
	return s.execution(s.here(ctx), text)
}

func (s *Service) execution(sp *space, text string) (*execution, error) {
	r, err := parseResource(text, kindExecution)
	if err != nil {
		return nil, err
	}
	if r.place != sp.place {
		return nil, executionGone(text)
	}
	if name, _, child := strings.Cut(r.name, "/"); child && sp.machine(name) != nil {
		return nil, notHere("show a child execution of a map run alone; ListExecutions by the map run's ARN lists it")
	}
	m := sp.machine(r.name)
	if m == nil || m.kind != asl.Standard {
		return nil, executionGone(text)
	}
	x := m.runs.named(r.rest)
	if x == nil {
		return nil, executionGone(text)
	}
	return x, nil
}

func (s *Service) describeExecution(ctx context.Context, in *sfnapi.DescribeExecutionInput) (*sfnapi.DescribeExecutionOutput, error) {
	x, err := s.executionAt(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	return s.described(x, withData(in.IncludedData)), nil
}

// described returns an execution as DescribeExecution shows it.
func (s *Service) described(x *execution, data bool) *sfnapi.DescribeExecutionOutput {
	x.mu.Lock()
	defer x.mu.Unlock()
	redrives := x.redrives
	out := &sfnapi.DescribeExecutionOutput{
		ExecutionArn:           x.arn,
		StateMachineArn:        x.machine.arn,
		StateMachineVersionArn: x.versionARN(),
		StateMachineAliasArn:   x.aliasARN(),
		Name:                   &x.name,
		Status:                 x.shownStatus(),
		StartDate:              x.started,
		InputDetails:           included(data),
		TraceHeader:            x.trace,
		RedriveCount:           &redrives,
		RedriveDate:            shownTime(x.redriven),
	}
	if data {
		out.Input = &x.input
	}
	if !x.running() {
		out.StopDate = shownTime(x.stopped)
		r := x.result(data)
		out.Output, out.OutputDetails, out.Error, out.Cause = r.output, r.details, r.error, r.cause
	}
	status, reason := sfnapi.ExecutionRedriveStatusRedrivable, x.notRedrivable(s.now())
	if reason != "" {
		status = sfnapi.ExecutionRedriveStatusNotRedrivable
		out.RedriveStatusReason = &reason
	}
	out.RedriveStatus = &status
	return out
}

// A result is what an execution that has ended shows of its end.
type result struct {
	output       *string
	details      *sfnapi.CloudWatchEventsExecutionDataDetails
	error, cause *string
}

// result returns how the execution ended, with what it said or without. x.mu is
// held.
func (x *execution) result(data bool) result {
	if x.status.Load() == machine.StatusSucceeded {
		r := result{details: included(data)}
		if data {
			r.output = &x.output
		}
		return r
	}
	if !data {
		return result{}
	}
	return result{error: x.state.Error, cause: x.state.Cause}
}

func included(data bool) *sfnapi.CloudWatchEventsExecutionDataDetails {
	return &sfnapi.CloudWatchEventsExecutionDataDetails{Included: &data}
}

// shownTime returns a time as an optional member shows it.
func shownTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Service) describeStateMachineForExecution(ctx context.Context, in *sfnapi.DescribeStateMachineForExecutionInput) (*sfnapi.DescribeStateMachineForExecutionOutput, error) {
	x, err := s.executionAt(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	r := x.revision
	out := &sfnapi.DescribeStateMachineForExecutionOutput{
		StateMachineArn:         x.machine.arn,
		Name:                    x.machine.name,
		RoleArn:                 r.roleARN,
		UpdateDate:              r.created,
		LoggingConfiguration:    r.logging.api(),
		TracingConfiguration:    &sfnapi.TracingConfiguration{Enabled: &r.tracing},
		EncryptionConfiguration: r.encryption.api(),
	}
	if r.id != "" {
		out.RevisionId = &r.id
	}
	if withData(in.IncludedData) {
		out.Definition = r.definition
		out.VariableReferences = r.variableReferences(x.machine.kind)
	}
	return out, nil
}

func (s *Service) stopExecution(ctx context.Context, in *sfnapi.StopExecutionInput) (*sfnapi.StopExecutionOutput, error) {
	x, err := s.executionAt(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	if err := s.apply(x, machine.Stop{Error: in.Error, Cause: in.Cause}); err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return &sfnapi.StopExecutionOutput{StopDate: x.stopped}, nil
}
