package probe_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/probe"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// invoked is Lambda: what it answers to each invocation in turn.
type invoked struct {
	out   []*lambda.InvokeOutput
	err   error
	asked []string
}

func (f *invoked) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	f.asked = append(f.asked, *in.FunctionName+" "+string(in.Payload))
	if f.err != nil {
		return nil, f.err
	}
	<-clock.System{}.After(40 * time.Millisecond)
	return f.out[(len(f.asked)-1)%len(f.out)], nil
}

// tries asks for a probe and returns the answer a while later.
func tries(t *testing.T, v *probe.Versions, alias string, after time.Duration) rollout.Answer {
	t.Helper()
	c := controller.HookCall{
		Key: "r-1/probe-1", Probe: &plan.VersionProbe{Payload: `{"a":1}`, Count: 2},
		Targets: []controller.HookTarget{{Alias: alias, OldVersion: "7", NewVersion: "8"}}, Deadline: clock.System{}.Now().Add(time.Minute),
	}
	defer v.Close()
	if err := v.Ask(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if a, _ := v.Answer(t.Context(), c); a.State != rollout.CallPending {
		t.Errorf("right after asking: got %+v, want it pending", a)
	}
	<-clock.System{}.After(after)
	a, err := v.Answer(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const live = "arn:aws:lambda:eu-west-1:123456789012:function:checkout:live"

func TestAVersionOfAFunctionIsInvokedByItsOwnARN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &invoked{out: []*lambda.InvokeOutput{
			{Payload: []byte(`{"ok":true}`)},
			{FunctionError: aws.String("Unhandled"), Payload: []byte(`{"errorType":"ValueError","errorMessage":"no table"}`)},
		}}
		got := tries(t, probe.NewFunctions(f, clock.System{}), live, time.Second)
		want := []analysis.Trial{{Output: `{"ok":true}`, Took: 40 * time.Millisecond}, {Error: "ValueError: no table", Took: 40 * time.Millisecond}}
		if !reflect.DeepEqual(got.Trials, want) {
			t.Errorf("got %+v, want %+v", got.Trials, want)
		}
		if want := "arn:aws:lambda:eu-west-1:123456789012:function:checkout:8 {\"a\":1}"; len(f.asked) != 2 || f.asked[0] != want {
			t.Errorf("invoked %q, want twice %q", f.asked, want)
		}
	})
}

func TestAVersionThatCannotBeInvokedHasNotFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &invoked{err: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized"}}
		got := tries(t, probe.NewFunctions(f, clock.System{}), live, time.Second)
		if got.State != "" || got.Trials != nil || !strings.Contains(got.Problem, "not authorized") {
			t.Errorf("got %+v, want that it has to be tried again, because it is not authorized", got)
		}
	})
}

// executed is Step Functions: executions that take two seconds.
type executed struct {
	kind    types.StateMachineType
	status  types.ExecutionStatus
	began   time.Time
	asked   []string
	looked  int
	forever bool
}

func (f *executed) DescribeStateMachine(context.Context, *sfn.DescribeStateMachineInput, ...func(*sfn.Options)) (*sfn.DescribeStateMachineOutput, error) {
	return &sfn.DescribeStateMachineOutput{Type: f.kind}, nil
}

func (f *executed) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	f.began = clock.System{}.Now()
	f.asked = append(f.asked, *in.StateMachineArn+" "+*in.Input)
	return &sfn.StartExecutionOutput{ExecutionArn: aws.String("execution")}, nil
}

func (f *executed) StartSyncExecution(_ context.Context, in *sfn.StartSyncExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartSyncExecutionOutput, error) {
	f.asked = append(f.asked, "sync "+*in.StateMachineArn)
	now := clock.System{}.Now()
	return &sfn.StartSyncExecutionOutput{
		Status: types.SyncExecutionStatusTimedOut, StartDate: aws.Time(now.Add(-time.Second)), StopDate: aws.Time(now),
	}, nil
}

func (f *executed) DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	f.looked++
	if f.forever || (clock.System{}).Now().Sub(f.began) < 2*time.Second {
		return &sfn.DescribeExecutionOutput{Status: types.ExecutionStatusRunning}, nil
	}
	out := &sfn.DescribeExecutionOutput{Status: f.status, StartDate: aws.Time(f.began), StopDate: aws.Time(f.began.Add(2 * time.Second))}
	if f.status == types.ExecutionStatusSucceeded {
		out.Output = aws.String(`{"ok":true}`)
	} else {
		out.Error, out.Cause = aws.String("Refused"), aws.String("the amount is too high")
	}
	return out, nil
}

const prod = "arn:aws:states:eu-west-1:123456789012:stateMachine:orders:prod"

func TestAVersionOfAStateMachineIsExecutedAndWaitedFor(t *testing.T) {
	for _, tt := range []struct {
		f    *executed
		want analysis.Trial
	}{
		{&executed{kind: types.StateMachineTypeStandard, status: types.ExecutionStatusSucceeded}, analysis.Trial{Output: `{"ok":true}`, Took: 2 * time.Second}},
		{&executed{kind: types.StateMachineTypeStandard, status: types.ExecutionStatusFailed}, analysis.Trial{Error: "Refused: the amount is too high", Took: 2 * time.Second}},
		{&executed{kind: types.StateMachineTypeExpress}, analysis.Trial{Error: "TIMED_OUT", Took: time.Second}},
	} {
		synctest.Test(t, func(t *testing.T) {
			got := tries(t, probe.NewMachines(tt.f, true, clock.System{}), prod, 10*time.Second)
			if want := []analysis.Trial{tt.want, tt.want}; !reflect.DeepEqual(got.Trials, want) {
				t.Errorf("%s %s: got %+v, want %+v", tt.f.kind, tt.f.status, got.Trials, want)
			}
			if want := "stateMachine:orders:8"; len(tt.f.asked) != 2 || !strings.Contains(tt.f.asked[0], want) {
				t.Errorf("executed %q, want %q twice", tt.f.asked, want)
			}
			if tt.f.looked > 20 {
				t.Errorf("looked %d times at executions of two seconds", tt.f.looked)
			}
		})
	}
}

func TestAnExecutionThatDoesNotEndIsGivenUpAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := tries(t, probe.NewMachines(&executed{kind: types.StateMachineTypeStandard, forever: true}, true, clock.System{}), prod, 2*time.Minute)
		if got.State != "" || !strings.Contains(got.Problem, "does not end") {
			t.Errorf("got %+v, want that it does not end", got)
		}
	})
}
