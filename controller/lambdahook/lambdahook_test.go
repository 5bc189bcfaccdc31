package lambdahook_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/hookmessage"
	"github.com/crossfade-dev/crossfade/controller/lambdahook"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// function is a function that is invoked; run is what it does.
type function struct {
	calls []*lambda.InvokeInput
	run   func(ctx context.Context) (*lambda.InvokeOutput, error)
}

func (f *function) Invoke(ctx context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	f.calls = append(f.calls, in)
	return f.run(ctx)
}

// returns is a function that takes a minute and returns payload.
func returns(payload string) func(context.Context) (*lambda.InvokeOutput, error) {
	return func(ctx context.Context) (*lambda.InvokeOutput, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Minute):
			return &lambda.InvokeOutput{StatusCode: 200, Payload: []byte(payload)}, nil
		}
	}
}

var secret = hookmessage.Secret("a secret of at least 24 bytes")

func call(async bool) controller.HookCall {
	return controller.HookCall{
		Hook: plan.Hook{Kind: plan.LambdaHook, Name: "check:live", Async: async, Timeout: time.Hour},
		Key:  "r-1/eachStep-2", Deadline: time.Now().Add(time.Hour),
	}
}

func ask(t *testing.T, h *lambdahook.Hook, c controller.HookCall) {
	t.Helper()
	if err := h.Ask(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func want(t *testing.T, h *lambdahook.Hook, c controller.HookCall, want rollout.Answer) {
	t.Helper()
	got, err := h.Answer(t.Context(), c)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("at %s: got %+v, %v; want %+v", time.Now().Format(time.TimeOnly), got, err, want)
	}
}

func TestAskingDoesNotWaitForTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &function{run: returns(`{"status":"Succeeded","reason":"12 of 12"}`)}
		h := lambdahook.New(f, secret, clock.System{})
		defer h.Close()
		c := call(false)
		want(t, h, c, rollout.Answer{})
		ask(t, h, c)
		ask(t, h, c) // it is on its way
		want(t, h, c, rollout.Answer{State: rollout.CallPending})
		time.Sleep(61 * time.Second)
		want(t, h, c, rollout.Answer{State: rollout.CallSucceeded, Reason: "12 of 12"})
		ask(t, h, c) // it is answered
		want(t, h, c, rollout.Answer{State: rollout.CallSucceeded, Reason: "12 of 12"})
		if len(f.calls) != 1 {
			t.Fatalf("the function was invoked %d times, want once", len(f.calls))
		}
		var m hookmessage.Message
		if err := json.Unmarshal(f.calls[0].Payload, &m); err != nil {
			t.Fatal(err)
		}
		if err := secret.Verify(m, time.Now()); err != nil || m.ID != c.Key {
			t.Errorf("the event is for %q, with the signature's error %v", m.ID, err)
		}
	})
}

func TestAFunctionsErrorIsAFailureAndNoAnswerIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &function{run: func(context.Context) (*lambda.InvokeOutput, error) {
			return &lambda.InvokeOutput{FunctionError: aws.String("Unhandled"), Payload: []byte(`{"errorType":"ValueError","errorMessage":"no table"}`)}, nil
		}}
		h := lambdahook.New(f, secret, clock.System{})
		defer h.Close()
		c := call(false)
		ask(t, h, c)
		want(t, h, c, rollout.Answer{State: rollout.CallFailed, Reason: "ValueError: no table"})

		c.Key = "r-1/eachStep-3"
		f.run = func(context.Context) (*lambda.InvokeOutput, error) {
			return nil, &smithy.GenericAPIError{Code: "TooManyRequestsException", Message: "Rate Exceeded."}
		}
		ask(t, h, c)
		if a, _ := h.Answer(t.Context(), c); a.State != "" || !strings.Contains(a.Problem, "Rate Exceeded") {
			t.Errorf("a throttled one: got %+v, want that it has to be asked again, because of the rate", a)
		}
		f.run = returns(`null`)
		ask(t, h, c)
		time.Sleep(61 * time.Second)
		want(t, h, c, rollout.Answer{State: rollout.CallSucceeded})
	})
}

func TestAFunctionThatIsNotDoneIsAskedAgainWhenItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &function{run: returns(`{"status":"Pending","reason":"3 of 9","retryAfterSeconds":120}`)}
		h := lambdahook.New(f, secret, clock.System{})
		defer h.Close()
		c := call(false)
		ask(t, h, c)
		time.Sleep(2 * time.Minute)
		want(t, h, c, rollout.Answer{State: rollout.CallPending, Reason: "3 of 9"})
		time.Sleep(2 * time.Minute)
		want(t, h, c, rollout.Answer{Reason: "3 of 9"})
		f.run = returns(`{"status":"Succeeded"}`)
		ask(t, h, c)
		want(t, h, c, rollout.Answer{State: rollout.CallPending, Reason: "3 of 9"})
		time.Sleep(61 * time.Second)
		want(t, h, c, rollout.Answer{State: rollout.CallSucceeded})
	})
}

func TestAnAsyncFunctionIsInvokedAsAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &function{run: func(context.Context) (*lambda.InvokeOutput, error) { return &lambda.InvokeOutput{StatusCode: 202}, nil }}
		h := lambdahook.New(f, secret, clock.System{})
		defer h.Close()
		c := call(true)
		ask(t, h, c)
		time.Sleep(30 * time.Minute)
		want(t, h, c, rollout.Answer{State: rollout.CallPending})
		if len(f.calls) != 1 || f.calls[0].InvocationType != types.InvocationTypeEvent {
			t.Errorf("it was invoked %d times, first as %s; want one event", len(f.calls), f.calls[0].InvocationType)
		}
		f.run = func(context.Context) (*lambda.InvokeOutput, error) { return nil, errors.New("no route") }
		c.Key = "r-1/eachStep-3"
		if err := h.Ask(t.Context(), c); err == nil || !strings.Contains(err.Error(), "no route") {
			t.Errorf("got error %v, want that there is no route", err)
		}
		want(t, h, c, rollout.Answer{})
	})
}

func TestClosingStopsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lambdahook.New(&function{run: returns(`null`)}, nil, clock.System{})
		ask(t, h, call(false))
		before := time.Now()
		h.Close()
		if waited := time.Since(before); waited > 0 {
			t.Errorf("closing took %s", waited)
		}
	})
}

func TestWhetherAFunctionMayBeInvokedIsKnownWithoutInvokingIt(t *testing.T) {
	f := &function{run: func(context.Context) (*lambda.InvokeOutput, error) {
		return nil, &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized to perform lambda:InvokeFunction"}
	}}
	err := lambdahook.New(f, nil, clock.System{}).ProveHook(t.Context(), call(false).Hook)
	if !errors.Is(err, controller.ErrDenied) || f.calls[0].InvocationType != types.InvocationTypeDryRun {
		t.Errorf("got %v by %s, want ErrDenied by a dry run", err, f.calls[0].InvocationType)
	}
}
