// Package lambdahook asks Lambda functions whether a rollout may go on.
//
// A function gets a [hookmessage.Message] as its event. What it returns is its
// answer, see [hookmessage.ParseReply]; an error of the function is a failure,
// with its message as the reason. One that needs longer than a function may run
// answers Pending and is invoked again, with the same key. A function of a hook
// that is async is invoked as an event, and what it returns goes nowhere: its
// answer is given with crossfade hook.
package lambdahook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/hookmessage"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/controller/internal/desk"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// An API is what a hook needs of Lambda; [*lambda.Client] is one. Its calls have
// to be allowed to take as long as a function may run, which is 15 minutes.
type API interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// A Hook is a [controller.Hook] whose hooks are functions. It is safe for
// concurrent use.
type Hook struct {
	api    API
	secret hookmessage.Secret
	clock  clock.Clock
	desk   *desk.Desk
}

var (
	_ controller.Hook       = (*Hook)(nil)
	_ controller.HookProver = (*Hook)(nil)
)

// New returns a hook. Without a secret messages are not signed. [Hook.Close] ends
// what it has begun.
func New(api API, secret hookmessage.Secret, c clock.Clock) *Hook {
	return &Hook{api: api, secret: secret, clock: c, desk: desk.New(c)}
}

// Close stops waiting for functions that run. They run on, and who asks again
// with the same key finds that out.
func (h *Hook) Close() { h.desk.Close() }

// Ask invokes the function: as an event when the hook is async, and in the
// background otherwise.
func (h *Hook) Ask(ctx context.Context, c controller.HookCall) error {
	m, err := hookmessage.New(c, h.secret, h.clock.Now())
	if err != nil {
		return err
	}
	event, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("hook %s: %w", c.Hook, err)
	}
	if c.Hook.Async {
		if _, err := h.api.Invoke(ctx, &lambda.InvokeInput{
			FunctionName: aws.String(c.Hook.Name), InvocationType: types.InvocationTypeEvent, Payload: event,
		}); err != nil {
			return awserr.Wrap("Invoke", err)
		}
		h.desk.Ask(c.Key, c.Deadline, func(context.Context) (rollout.Answer, time.Duration) {
			return rollout.Answer{State: rollout.CallPending}, 0
		})
		return nil
	}
	h.desk.Ask(c.Key, c.Deadline, func(ctx context.Context) (rollout.Answer, time.Duration) { return h.invoke(ctx, c.Hook, event) })
	return nil
}

// invoke waits for the function's end.
func (h *Hook) invoke(ctx context.Context, hook plan.Hook, event []byte) (rollout.Answer, time.Duration) {
	out, err := h.api.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String(hook.Name), InvocationType: types.InvocationTypeRequestResponse, Payload: event,
	})
	switch {
	case err != nil:
		return rollout.Answer{Problem: awserr.Wrap("Invoke", err).Error()}, 0
	case aws.ToString(out.FunctionError) != "":
		return rollout.Answer{State: rollout.CallFailed, Reason: awserr.Function(*out.FunctionError, out.Payload)}, 0
	default:
		return hookmessage.ParseReply(out.Payload)
	}
}

// Answer returns what is known of the question in this process. Of one that an
// earlier process asked nothing is known, so that it is asked again.
func (h *Hook) Answer(_ context.Context, c controller.HookCall) (rollout.Answer, error) {
	return h.desk.Answer(c.Key), nil
}

// ProveHook asks Lambda whether the function may be invoked; it is not.
func (h *Hook) ProveHook(ctx context.Context, hook plan.Hook) error {
	_, err := h.api.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(hook.Name), InvocationType: types.InvocationTypeDryRun})
	if err != nil {
		err = awserr.Wrap("Invoke", err)
		if errors.Is(err, controller.ErrNotFound) {
			return fmt.Errorf("there is no such function: %w", err)
		}
		return err
	}
	return nil
}
