package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/controller/internal/desk"
	"github.com/crossfade-dev/crossfade/controller/internal/wording"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/rollout"
)

// Versions tries versions out, by their own ARNs, so that no alias is needed and no
// traffic. It is a [controller.Hook] whose answers have Trials, and safe for
// concurrent use.
type Versions struct {
	clock clock.Clock
	desk  *desk.Desk
	// try tries a version once. An error means that it could not be tried; that
	// it failed is in the trial.
	try func(ctx context.Context, version arn.ARN, payload string) (analysis.Trial, error)
}

var _ controller.Hook = (*Versions)(nil)

// Ask has a version tried in the background, as often as the probe says. When a
// process dies meanwhile, the next one begins again.
func (v *Versions) Ask(_ context.Context, c controller.HookCall) error {
	if c.Probe == nil || len(c.Targets) != 1 {
		return fmt.Errorf("%w: %s tries no version", controller.ErrInvalid, c.Key)
	}
	alias, err := arn.Parse(c.Targets[0].Alias)
	if err != nil {
		return err
	}
	resource, _ := alias.Qualified()
	version := resource.With(c.Targets[0].NewVersion)
	probe := *c.Probe
	v.desk.Ask(c.Key, c.Deadline, func(ctx context.Context) (rollout.Answer, time.Duration) {
		trials := make([]analysis.Trial, 0, probe.Count)
		for range probe.Count {
			t, err := v.try(ctx, version, probe.Payload)
			if err != nil {
				return rollout.Answer{Problem: err.Error()}, 0
			}
			trials = append(trials, t)
		}
		return rollout.Answer{State: rollout.CallSucceeded, Trials: trials}, 0
	})
	return nil
}

// Answer returns the trials once all are done.
func (v *Versions) Answer(_ context.Context, c controller.HookCall) (rollout.Answer, error) {
	return v.desk.Answer(c.Key), nil
}

// Close stops trying.
func (v *Versions) Close() { v.desk.Close() }

// A LambdaAPI is what trying functions needs of Lambda; [*lambda.Client] is one.
type LambdaAPI interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// NewFunctions returns what invokes versions of functions.
func NewFunctions(api LambdaAPI, c clock.Clock) *Versions {
	v := &Versions{clock: c, desk: desk.New(c)}
	v.try = func(ctx context.Context, version arn.ARN, payload string) (analysis.Trial, error) {
		began := c.Now()
		out, err := api.Invoke(ctx, &lambda.InvokeInput{
			FunctionName: aws.String(version.String()), InvocationType: lambdatypes.InvocationTypeRequestResponse, Payload: []byte(payload),
		})
		if err != nil {
			return analysis.Trial{}, awserr.Wrap("Invoke", err)
		}
		t := analysis.Trial{Output: string(out.Payload), Took: c.Now().Sub(began)}
		if kind := aws.ToString(out.FunctionError); kind != "" {
			t.Output, t.Error = "", awserr.Function(kind, out.Payload)
		}
		return t, nil
	}
	return v
}

// A StatesAPI is what trying state machines needs of Step Functions; [*sfn.Client]
// is one.
type StatesAPI interface {
	DescribeStateMachine(context.Context, *sfn.DescribeStateMachineInput, ...func(*sfn.Options)) (*sfn.DescribeStateMachineOutput, error)
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
	StartSyncExecution(context.Context, *sfn.StartSyncExecutionInput, ...func(*sfn.Options)) (*sfn.StartSyncExecutionOutput, error)
	DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error)
}

// NewMachines returns what executes versions of state machines: a STANDARD one is
// waited for, an EXPRESS one executed at once. own is true for an endpoint of
// one's own, which has no sync- in front of its name.
func NewMachines(api StatesAPI, own bool, c clock.Clock) *Versions {
	m := &machines{api: api, own: own, clock: c}
	return &Versions{clock: c, desk: desk.New(c), try: m.try}
}

type machines struct {
	api   StatesAPI
	own   bool
	clock clock.Clock
}

func (m *machines) try(ctx context.Context, version arn.ARN, payload string) (analysis.Trial, error) {
	machine := aws.String(version.String())
	about, err := m.api.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: machine})
	if err != nil {
		return analysis.Trial{}, awserr.Wrap("DescribeStateMachine", err)
	}
	if about.Type == sfntypes.StateMachineTypeExpress {
		ctx = smithyhttp.DisableEndpointHostPrefix(ctx, m.own)
		out, err := m.api.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: machine, Input: aws.String(payload)})
		if err != nil {
			return analysis.Trial{}, awserr.Wrap("StartSyncExecution", err)
		}
		return trial(string(out.Status), out.Output, out.Error, out.Cause, out.StartDate, out.StopDate), nil
	}
	started, err := m.api.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: machine, Input: aws.String(payload)})
	if err != nil {
		return analysis.Trial{}, awserr.Wrap("StartExecution", err)
	}
	return m.await(ctx, started.ExecutionArn)
}

// await waits for an execution's end, and looks less often as time goes by.
func (m *machines) await(ctx context.Context, execution *string) (analysis.Trial, error) {
	const longest = 5 * time.Second
	for wait := 100 * time.Millisecond; ; wait = min(wait*3/2, longest) {
		out, err := m.api.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: execution})
		if err != nil && !errors.Is(awserr.Wrap("", err), controller.ErrThrottled) {
			return analysis.Trial{}, awserr.Wrap("DescribeExecution", err)
		}
		if err == nil && out.Status != sfntypes.ExecutionStatusRunning && out.Status != sfntypes.ExecutionStatusPendingRedrive {
			return trial(string(out.Status), out.Output, out.Error, out.Cause, out.StartDate, out.StopDate), nil
		}
		select {
		case <-ctx.Done():
			return analysis.Trial{}, fmt.Errorf("execution %s does not end: %w", aws.ToString(execution), ctx.Err())
		case <-m.clock.After(wait):
		}
	}
}

// trial is how an execution ended, which is its own account.
func trial(status string, output, code, cause *string, began, ended *time.Time) analysis.Trial {
	t := analysis.Trial{Output: aws.ToString(output), Took: aws.ToTime(ended).Sub(aws.ToTime(began))}
	if status == string(sfntypes.ExecutionStatusSucceeded) {
		return t
	}
	t.Output, t.Error = "", status
	if text := aws.ToString(code); text != "" {
		t.Error = text
	}
	if text := aws.ToString(cause); text != "" {
		t.Error += ": " + text
	}
	t.Error = wording.Shorten(t.Error)
	return t
}
