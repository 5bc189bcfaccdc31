package sfn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// testFor is how long a tested state may take.
//
// Source: API reference, TestState.
const testFor = 5 * time.Minute

// testState runs one state alone, with its work done or mocked.
//
// Source of the messages: recorded.
func (s *Service) testState(ctx context.Context, in *sfnapi.TestStateInput) (*sfnapi.TestStateOutput, error) {
	sm, diagnostics := asl.ParseState(in.Definition, asl.Standard)
	if sm == nil {
		return nil, sfnapi.NewInvalidDefinition("Invalid State Machine Definition: '" + asl.Summary(diagnostics) + "'")
	}
	test, err := s.stateTest(ctx, sm, in)
	if err != nil {
		return nil, err
	}
	program, err := machine.Compile(sm)
	if err != nil {
		return nil, sfnapi.NewInvalidDefinition("Invalid State Machine Definition: '" + err.Error() + "'")
	}
	call, err := test.Begin(program, s.now())
	if err != nil {
		return nil, sfnapi.NewValidationException(err.Error())
	}
	if call != nil {
		test.Answer(s.answerTest(ctx, *call), s.now())
	}
	return tested(test, in.InspectionLevel), nil
}

// stateTest checks a request and makes the test that it asks for.
func (s *Service) stateTest(ctx context.Context, definition *asl.StateMachine, in *sfnapi.TestStateInput) (*machine.StateTest, error) {
	test := &machine.StateTest{State: asl.TestedName}
	if in.StateName != nil {
		test.State = *in.StateName
	}
	state := findState(&definition.Flow, test.State)
	if state == nil {
		return nil, sfnapi.NewValidationException(machine.ErrNoSuchState.Error())
	}
	text := "{}"
	if in.Input != nil {
		text = *in.Input
	}
	input, err := readInput(text)
	if err != nil {
		return nil, err
	}
	if c := in.StateConfiguration; c != nil {
		if c.RetrierRetryCount != nil {
			test.RetryCount = *c.RetrierRetryCount
		}
		if c.MapIterationFailureCount != nil {
			test.FailedIterations = int(*c.MapIterationFailureCount)
		}
	}
	if test.Mock, err = s.readMock(state, in); err != nil {
		return nil, err
	}
	if err := testable(state, test); err != nil {
		return nil, err
	}
	if in.Context != nil {
		if test.Context, err = readContext(*in.Context, state); err != nil {
			return nil, err
		}
	}
	if in.Variables != nil {
		test.Variables, err = jsonvalue.Parse(*in.Variables)
		if err != nil || test.Variables.Kind() != jsonvalue.KindObject {
			return nil, sfnapi.NewValidationException("Variables must be a JSON object")
		}
	}
	at := placeOf(wire.CallerFrom(ctx))
	// AWS makes both names up, afresh for each test, and leaves the last part of
	// an Express execution's ARN out.
	sm, name := s.random.UUID(), s.random.UUID()
	test.Start = machine.Start{
		Input: input, InputText: text,
		Context: machine.Context{
			ExecutionARN:     at.arn(kindExpress, sm+":"+name),
			ExecutionName:    name,
			RoleARN:          wire.Value(in.RoleArn),
			StartTime:        s.now(),
			StateMachineARN:  at.arn(kindMachine, sm),
			StateMachineName: sm,
		},
		Region: at.Region, Account: at.Account, Partition: at.Partition,
		Seed:    s.random.Uint64(),
		Express: true,
	}
	return test, nil
}

// findState returns the state of that name in a flow or in the flows inside it.
func findState(f *asl.Flow, name string) asl.State {
	if state := f.State(name); state != nil {
		return state
	}
	for _, state := range f.States {
		var inner []*asl.Flow
		switch state := state.(type) {
		case *asl.Parallel:
			for i := range state.Branches {
				inner = append(inner, &state.Branches[i])
			}
		case *asl.Map:
			inner = append(inner, &state.Processor)
		}
		for _, f := range inner {
			if found := findState(f, name); found != nil {
				return found
			}
		}
	}
	return nil
}

// readMock checks a mock against the state that it stands for.
func (s *Service) readMock(state asl.State, in *sfnapi.TestStateInput) (*machine.Mock, error) {
	if in.Mock == nil {
		return nil, nil
	}
	invalid := func(message string) (*machine.Mock, error) { return nil, sfnapi.NewValidationException(message) }
	if isTrue(in.RevealSecrets) {
		return invalid("TestState does not support RevealSecrets when a mock is specified.")
	}
	switch state.(type) {
	case *asl.Task, *asl.Map, *asl.Parallel:
	default:
		return invalid("State type '" + state.Type() + "' is not supported when a mock is specified")
	}
	if (in.Mock.Result == nil) == (in.Mock.ErrorOutput == nil) {
		return invalid("A mock must have either a result or an errorOutput")
	}
	if e := in.Mock.ErrorOutput; e != nil {
		return &machine.Mock{Error: e.Error, Cause: e.Cause}, nil
	}
	result, err := jsonvalue.Parse(*in.Mock.Result)
	if err != nil {
		return invalid("Mocked result must be valid JSON: " + err.Error())
	}
	switch state := state.(type) {
	case *asl.Map:
		switch isArray := result.Kind() == jsonvalue.KindArray; {
		case state.ResultWriter != nil && result.Kind() != jsonvalue.KindObject:
			return invalid("Mocked result must be a JSON object.")
		case state.ResultWriter == nil && !isArray:
			return invalid("Mocked result must be an array.")
		case isArray && in.StateConfiguration != nil && in.StateConfiguration.MapIterationFailureCount != nil &&
			int(*in.StateConfiguration.MapIterationFailureCount) > result.Len():
			return invalid("Map iteration failure count must be less than or equal to the number of Map iterations")
		}
	case *asl.Parallel:
		if result.Kind() != jsonvalue.KindArray {
			return invalid("Mocked result must be an array.")
		}
	case *asl.Task:
		if err := s.checkMock(state.Resource, result, in.Mock.FieldValidationMode); err != nil {
			return nil, err
		}
	}
	return &machine.Mock{Result: result, ResultText: *in.Mock.Result}, nil
}

// testable refuses the states that cannot be tested without a mock.
func testable(state asl.State, test *machine.StateTest) error {
	if test.Mock != nil {
		return nil
	}
	switch state := state.(type) {
	case *asl.Map, *asl.Parallel:
		return sfnapi.NewInvalidDefinition(
			"TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]")
	case *asl.Task:
		if state.Resource.Kind == asl.Activity || state.Resource.Pattern != asl.RequestResponse {
			return sfnapi.NewInvalidDefinition("TestState API does not support the resource " + state.Resource.Text + " without a mock")
		}
	}
	return nil
}

// contextFields are what a context object may hold, by its parts.
var contextFields = map[string][]string{
	"Execution":    {"Id", "Input", "Name", "RoleArn", "StartTime", "RedriveCount", "RedriveTime"},
	"State":        {"EnteredTime", "Name", "RetryCount"},
	"StateMachine": {"Id", "Name"},
	"Task":         {"Token"},
}

// readContext checks a context object that a test is given.
func readContext(text string, state asl.State) (jsonvalue.Value, error) {
	invalid := func(format string, args ...any) error {
		return sfnapi.NewValidationException("Invalid Context object provided: " + fmt.Sprintf(format, args...))
	}
	v, err := jsonvalue.Parse(text)
	if err != nil || v.Kind() != jsonvalue.KindObject {
		return v, invalid("Context object must be a JSON object")
	}
	for part, fields := range v.Members() {
		allowed, known := contextFields[part]
		switch {
		case part == "Map":
			return v, invalid("'Map' field is not supported when mocking a Context object")
		case !known:
			return v, invalid("Field '%s' is not allowed", part)
		case fields.Kind() != jsonvalue.KindObject:
			return v, invalid("%s must be an object", part)
		}
		if part == "Task" {
			if t, ok := state.(*asl.Task); !ok || t.Resource.Pattern == asl.RequestResponse {
				return v, invalid("Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern")
			}
		}
		for field, value := range fields.Members() {
			want := jsonvalue.KindString
			switch field {
			case "Input":
				want = value.Kind()
			case "RetryCount", "RedriveCount":
				want = jsonvalue.KindNumber
			}
			switch {
			case !slices.Contains(allowed, field):
				return v, invalid("Field '%s' is not allowed", field)
			case value.Kind() != want:
				return v, invalid("%s.%s must be a %s", part, field, want)
			}
		}
	}
	return v, nil
}

// answerTest carries out the call of a tested Task.
func (s *Service) answerTest(ctx context.Context, c machine.CallTask) machine.Event {
	ctx, stop := context.WithTimeout(ctx, testFor)
	defer stop()
	caller := wire.CallerFrom(ctx)
	if c.Kind == asl.Integration && c.Service == "states" {
		child, err := s.start(childRequest(c.Input, caller))
		if err != nil {
			return failed(c, &requestError{err, caller.RequestID})
		}
		return machine.TaskSucceeded{Task: c.Task, Output: s.childAnswer(child, caller.RequestID)}
	}
	answer, text, err := s.ask(ctx, c)
	if errors.Is(err, context.DeadlineExceeded) {
		name := "States.Timeout"
		return machine.TaskFailed{Task: c.Task, Error: &name}
	}
	if err != nil {
		return failed(c, &requestError{err, caller.RequestID})
	}
	return machine.TaskSucceeded{Task: c.Task, Output: answer, OutputText: text}
}

// tested returns a test's outcome as the API shows it.
func tested(t *machine.StateTest, level *string) *sfnapi.TestStateOutput {
	status := string(t.Status)
	out := &sfnapi.TestStateOutput{
		Status:    &status,
		Output:    wire.Optional(t.OutputText()),
		NextState: wire.Optional(t.Next),
		Error:     t.Error,
		Cause:     t.Cause,
	}
	if level == nil || *level == sfnapi.InspectionLevelInfo {
		return out
	}
	data := &sfnapi.InspectionData{
		Input:                      wire.Optional(t.Input),
		AfterInputPath:             wire.Optional(t.AfterInputPath),
		AfterParameters:            wire.Optional(t.AfterParameters),
		AfterArguments:             wire.Optional(t.AfterArguments),
		AfterItemsPath:             wire.Optional(t.AfterItemsPath),
		Result:                     wire.Optional(t.Result),
		AfterResultSelector:        wire.Optional(t.AfterResultSelector),
		AfterResultPath:            wire.Optional(t.AfterResultPath),
		MaxConcurrency:             small(t.MaxConcurrency),
		ToleratedFailureCount:      small(t.ToleratedFailureCount),
		ToleratedFailurePercentage: t.ToleratedFailurePercentage,
	}
	if t.Variables.Len() > 0 {
		data.Variables = wire.Optional(t.Variables.String())
	}
	if t.CatchIndex != nil || t.RetryIndex != nil || t.RetryBackoffIntervalSeconds != nil {
		data.ErrorDetails = &sfnapi.InspectionErrorDetails{
			CatchIndex:                  small(t.CatchIndex),
			RetryIndex:                  small(t.RetryIndex),
			RetryBackoffIntervalSeconds: small(t.RetryBackoffIntervalSeconds),
		}
	}
	out.InspectionData = data
	return out
}

// small returns an optional number in the width that the API gives it.
func small[N int | int64](n *N) *int32 {
	if n == nil {
		return nil
	}
	v := int32(*n)
	return &v
}
