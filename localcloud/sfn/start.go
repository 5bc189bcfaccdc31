package sfn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// maxData is how large inputs and outputs may be, in bytes.
//
// Source: Step Functions quotas.
const maxData = 262_144

// A startRequest asks for an execution, wherever the wish comes from.
type startRequest struct {
	caller wire.Caller
	target string // ARN of a state machine, a version or an alias
	name   *string
	input  *string
	trace  *string
	parent *parent
	sync   bool // StartSyncExecution: Express only
}

// A target is what a start runs, found before the alias deals.
type target struct {
	machine *stateMachine
	control *control
	version *version
	alias   *alias
}

func (s *Service) startExecution(ctx context.Context, in *sfnapi.StartExecutionInput) (*sfnapi.StartExecutionOutput, error) {
	x, err := s.start(startRequest{
		caller: wire.CallerFrom(ctx),
		target: in.StateMachineArn,
		name:   in.Name,
		input:  in.Input,
		trace:  in.TraceHeader,
	})
	if err != nil {
		return nil, err
	}
	return &sfnapi.StartExecutionOutput{ExecutionArn: x.arn, StartDate: x.started}, nil
}

func (s *Service) startSyncExecution(ctx context.Context, in *sfnapi.StartSyncExecutionInput) (*sfnapi.StartSyncExecutionOutput, error) {
	x, err := s.start(startRequest{
		caller: wire.CallerFrom(ctx),
		target: in.StateMachineArn,
		name:   in.Name,
		input:  in.Input,
		trace:  in.TraceHeader,
		sync:   true,
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-x.finished():
	case <-ctx.Done():
		return nil, ctx.Err() // the execution goes on, as it does on AWS
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	data := withData(in.IncludedData)
	duration, memory := x.billed()
	r := x.result(data)
	out := &sfnapi.StartSyncExecutionOutput{
		ExecutionArn:    x.arn,
		StateMachineArn: &x.machine.arn,
		Name:            &x.name,
		StartDate:       x.started,
		StopDate:        x.stopped,
		Status:          x.shownStatus(),
		TraceHeader:     x.trace,
		InputDetails:    included(data),
		Output:          r.output,
		OutputDetails:   r.details,
		Error:           r.error,
		Cause:           r.cause,
		BillingDetails:  &sfnapi.BillingDetails{BilledDurationInMilliseconds: &duration, BilledMemoryUsedInMB: &memory},
	}
	if data {
		out.Input = &x.input
	}
	return out, nil
}

// finished returns a channel that is closed when the execution has ended.
func (x *execution) finished() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.done == nil {
		x.done = make(chan struct{})
		if !x.running() {
			close(x.done)
		}
	}
	return x.done
}

// target finds what an ARN starts.
func (s *Service) target(caller wire.Caller, text string) (target, error) {
	ctx := wire.WithCaller(context.Background(), caller)
	m, qualifier, err := s.qualified(ctx, text)
	if err != nil {
		return target{}, err
	}
	t := target{machine: m, control: m.control.Load()}
	switch {
	case t.control == nil: // its creation is not done
		return target{}, machineGone(text)
	case t.control.deleting:
		return target{}, m.deletingError()
	case qualifier == "":
		return t, nil
	}
	if number, ok := versionNumber(qualifier); ok {
		t.version = t.control.version(number)
	} else {
		t.alias = t.control.alias(qualifier)
	}
	if t.version == nil && t.alias == nil {
		return target{}, machineGone(text)
	}
	return t, nil
}

// deal picks the version of a start through an alias, and returns what runs.
func (t *target) deal() *revision {
	if t.alias != nil {
		t.version = t.alias.routes[t.alias.dealer.Deal()].version
	}
	if t.version != nil {
		return t.version.revision
	}
	return t.control.revision
}

// start starts an execution, or finds the one that the same request started
// before. When it returns, the execution has gone as far as it can without
// waiting, and is saved.
func (s *Service) start(in startRequest) (*execution, error) {
	t, err := s.target(in.caller, in.target)
	if err != nil {
		return nil, err
	}
	if in.sync && t.machine.kind != asl.Express {
		return nil, errTypeNotSupported
	}
	if in.name != nil {
		if err := checkName(*in.name); err != nil {
			return nil, err
		}
	}
	text := wire.ValueOr(in.input, "{}")
	input, err := readInput(text)
	if err != nil {
		return nil, err
	}
	if in.name != nil && t.machine.kind == asl.Standard {
		if there := t.machine.runs.named(*in.name); there != nil {
			return s.again(in, there, text)
		}
	}
	x := &execution{
		machine:  t.machine,
		revision: t.deal(),
		version:  t.version,
		alias:    t.alias,
		input:    text,
		trace:    in.trace,
		started:  s.now(),
		parent:   in.parent,
	}
	if in.name != nil {
		x.name = *in.name
	} else {
		x.name = s.random.UUID()
	}
	x.arn = t.machine.executionPrefix + x.name
	if t.machine.kind == asl.Express {
		x.arn += ":" + s.random.UUID()
	}
	program, err := x.program()
	if err != nil {
		return nil, err
	}
	x.state = machine.New(program, x.introduction(input, s.random.Uint64()))
	x.status.Store(machine.StatusRunning)

	x.mu.Lock()
	after, err := s.begin(x)
	x.mu.Unlock()
	if there, ok := errors.AsType[alreadyThere](err); ok {
		return s.again(in, there.execution, text)
	} else if err != nil {
		return nil, err
	}
	run(after)
	return x, nil
}

// begin takes an execution's first step. x.mu is held.
func (s *Service) begin(x *execution) ([]func(), error) {
	standard := x.machine.kind == asl.Standard
	if standard {
		if there := x.machine.runs.claim(x); there != x {
			return nil, alreadyThere{there}
		}
	}
	x.machine.runs.open.Add(1)
	if x.machine.control.Load().deleting {
		// Whoever deletes marks it first and then counts, as this counts first
		// and then looks: one of the two sees the other.
		s.unbegin(x)
		return nil, x.machine.deletingError()
	}
	after, err := s.step(x, machine.Begin{}, x.started)
	if err != nil {
		s.unbegin(x)
		return nil, err
	}
	return after, nil
}

// unbegin takes back an execution whose start was not acknowledged. x.mu is held.
func (s *Service) unbegin(x *execution) {
	x.unsaved = nil
	s.timers.set(x, time.Time{})
	x.status.Store(machine.StatusAborted)
	x.machine.runs.drop(x)
	s.closed(x.machine)
}

// closed counts an execution that runs no more, and has a deletion finished that
// waited for it.
func (s *Service) closed(m *stateMachine) {
	if m.runs.open.Add(-1) == 0 && m.control.Load().deleting {
		s.calls.Submit(func() { s.lastEnded(m) })
	}
}

// alreadyThere says that an execution of that name came first.
type alreadyThere struct{ execution *execution }

func (alreadyThere) Error() string { return "an execution of that name is there" }

// again answers a start whose name is taken: with the running execution when it
// was started with the same input, else with an error.
func (s *Service) again(in startRequest, x *execution, input string) (*execution, error) {
	x.mu.Lock() // until it has begun
	dropped := x.dropped.Load()
	same := x.running() && x.input == input
	x.mu.Unlock()
	switch {
	case dropped: // its beginning was not acknowledged
		return s.start(in)
	case !same:
		return nil, sfnapi.NewExecutionAlreadyExists("Execution Already Exists: '" + x.arn + "'")
	default:
		return x, nil
	}
}

// introduction is what the new execution is told about itself.
func (x *execution) introduction(input jsonvalue.Value, seed uint64) machine.Start {
	m := x.machine
	start := machine.Start{
		Input:     input,
		InputText: x.input,
		Context: machine.Context{
			ExecutionARN:     x.arn,
			ExecutionName:    x.name,
			RoleARN:          x.revision.roleARN,
			StartTime:        x.started,
			StateMachineARN:  m.arn,
			StateMachineName: m.name,
		},
		Region:    m.space.Region,
		Account:   m.space.Account,
		Partition: m.space.Partition,
		Seed:      seed,
		Express:   m.kind == asl.Express,
	}
	if x.version != nil {
		start.Context.StateMachineVersionARN = x.version.arn
	}
	if x.alias != nil {
		start.Context.StateMachineAliasARN = x.alias.arn
	}
	return start
}

var errTypeNotSupported = sfnapi.NewStateMachineTypeNotSupported("This operation is not supported by this type of state machine")

// readInput reads the input of an execution.
//
// Source of the messages: recorded.
func readInput(text string) (jsonvalue.Value, error) {
	if text == "" {
		return jsonvalue.Value{}, invalidInput("Invalid execution input.")
	}
	if len(text) > maxData {
		return jsonvalue.Value{}, invalidInput(fmt.Sprintf("Execution input exceeds the maximum of %d bytes.", maxData))
	}
	v, err := jsonvalue.Parse(text)
	if err != nil {
		return jsonvalue.Value{}, invalidInput(err.Error())
	}
	return v, nil
}

func invalidInput(why string) error {
	return sfnapi.NewInvalidExecutionInput("Invalid State Machine Execution Input: '" + why + "'")
}

// run calls what was put off until the locks were free.
func run(after []func()) {
	for _, f := range after {
		f()
	}
}
