package lambda_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

const (
	spills = "arn:aws:sqs:eu-west-1:444455556666:spills"
	served = "arn:aws:sns:eu-west-1:444455556666:served"
)

// send invokes a function asynchronously.
func (w *world) send(name, payload string) {
	w.t.Helper()
	_, err := w.Invoke(w.t.Context(), &awslambda.InvokeInput{FunctionName: &name, Payload: []byte(payload), InvocationType: types.InvocationTypeEvent})
	w.must(err)
}

// attempts replaces a handler with one that fails the first n times, and returns
// when it was called and with which request ids.
func (w *world) attempts(n int) func() (at []time.Duration, ids []string) {
	start := w.clock.Now()
	var mu sync.Mutex
	var at []time.Duration
	var ids []string
	w.runtime.handlers["app.echo"] = func(ctx context.Context, v *lambda.FunctionVersion, r lambda.Request) (lambda.Response, error) {
		mu.Lock()
		at, ids = append(at, w.clock.Now().Sub(start)), append(ids, r.ID)
		failed := len(at) <= n
		mu.Unlock()
		if failed {
			return fails(ctx, v, r)
		}
		return echo(ctx, v, r)
	}
	return func() ([]time.Duration, []string) {
		mu.Lock()
		defer mu.Unlock()
		return at, ids
	}
}

func TestAnEventThatFailsIsAttemptedAgainAfterAMinuteAndTwoMore(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	_, err := w.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName:      aws.String("roast"),
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(spills)}},
	})
	w.must(err)
	seen := w.attempts(99)
	w.send("roast", `{"cup":1}`)
	w.pass(10 * time.Minute)
	at, ids := seen()
	if len(at) != 3 || at[0] != 0 || at[1] != time.Minute || at[2] != 3*time.Minute {
		t.Fatalf("attempts at %v, want at 0, 1m and 3m", at)
	}
	if ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("the attempts have the request ids %v, want one", ids)
	}
	sent := w.sent.all()
	if len(sent) != 1 || sent[0].arn != spills {
		t.Fatalf("got %v, want one record for %s", sent, spills)
	}
	var record struct {
		Version, Timestamp string
		RequestContext     struct {
			RequestID, FunctionARN, Condition string
			ApproximateInvokeCount            int
		}
		RequestPayload  json.RawMessage
		ResponseContext struct {
			StatusCode                     int
			ExecutedVersion, FunctionError string
		}
		ResponsePayload json.RawMessage
	}
	w.must(json.Unmarshal([]byte(sent[0].record), &record))
	c, r := record.RequestContext, record.ResponseContext
	if record.Version != "1.0" || c.RequestID != ids[0] || c.Condition != "RetriesExhausted" || c.ApproximateInvokeCount != 3 ||
		c.FunctionARN != "arn:aws:lambda:eu-west-1:444455556666:function:roast:$LATEST" || string(record.RequestPayload) != `{"cup":1}` ||
		r.StatusCode != 200 || r.ExecutedVersion != "$LATEST" || r.FunctionError != "Unhandled" || string(record.ResponsePayload) != `{"errorMessage":"out of beans","errorType":"Grinder"}` {
		t.Errorf("got %s", sent[0].record)
	}
	if dropped, _ := w.metrics.sum("AsyncEventsDropped FunctionName=roast"); dropped != 1 {
		t.Errorf("AsyncEventsDropped: got %v, want 1", dropped)
	}
}

func TestAnEventThatSucceedsInTheEndIsASuccess(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	_, err := w.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName: aws.String("roast"), MaximumRetryAttempts: aws.Int32(1),
		DestinationConfig: &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: aws.String(served)}, OnFailure: &types.OnFailure{Destination: aws.String(spills)}},
	})
	w.must(err)
	seen := w.attempts(1)
	w.send("roast", `[1]`)
	w.pass(10 * time.Minute)
	if at, _ := seen(); len(at) != 2 {
		t.Errorf("attempts at %v, want two", at)
	}
	sent := w.sent.all()
	if len(sent) != 1 || sent[0].arn != served {
		t.Fatalf("got %v, want one record for %s", sent, served)
	}
	var record struct {
		RequestContext struct {
			Condition              string
			ApproximateInvokeCount int
		}
		ResponsePayload json.RawMessage
	}
	w.must(json.Unmarshal([]byte(sent[0].record), &record))
	if record.RequestContext.Condition != "Success" || record.RequestContext.ApproximateInvokeCount != 2 || string(record.ResponsePayload) != `[1]` {
		t.Errorf("got %s", sent[0].record)
	}
}

func TestAnEventForAFunctionThatMayNotRunIsDroppedAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	name := aws.String("roast")
	_, err := w.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(0)})
	w.must(err)
	_, err = w.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName: name, DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(spills)}}})
	w.must(err)
	w.send("roast", `{}`)
	w.pass(0)
	sent := w.sent.all()
	if len(sent) != 1 {
		t.Fatalf("got %v, want one record", sent)
	}
	var record map[string]any
	w.must(json.Unmarshal([]byte(sent[0].record), &record))
	context, _ := record["requestContext"].(map[string]any)
	if context["condition"] != "ZeroReservedConcurrency" || context["approximateInvokeCount"] != 0.0 || record["responseContext"] != nil {
		t.Errorf("got %s", sent[0].record)
	}
}

func TestAThrottledEventWaitsForItsTurnUntilItIsTooOld(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	begun, release := w.holding()
	defer release()
	name := aws.String("roast")
	_, err := w.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(1)})
	w.must(err)
	_, err = w.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName: name, MaximumEventAgeInSeconds: aws.Int32(60), DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(spills)}}})
	w.must(err)
	var running sync.WaitGroup
	running.Go(func() { w.invoke("roast", "", `{}`) })
	<-begun
	w.send("roast", `{}`)
	w.pass(3 * time.Minute)
	sent := w.sent.all()
	if len(sent) != 1 {
		t.Fatalf("got %v, want one record of an event that was too old", sent)
	}
	var record struct {
		RequestContext struct{ Condition string }
	}
	w.must(json.Unmarshal([]byte(sent[0].record), &record))
	if record.RequestContext.Condition != "EventAgeExceeded" {
		t.Errorf("got %s", sent[0].record)
	}
	w.send("roast", `{}`)
	w.pass(0)
	release()
	running.Wait()
	w.pass(10 * time.Second)
	if n, _ := w.metrics.sum("Invocations FunctionName=roast"); n != 2 {
		t.Errorf("%v invocations ran, want the one that waited for its turn as well", n)
	}
}

func TestADeadLetterIsTheEventItselfAndSaysWhy(t *testing.T) {
	w := newWorld(t, nil)
	w.create("spill", func(in *awslambda.CreateFunctionInput) {
		in.Handler, in.DeadLetterConfig = aws.String("app.fails"), &types.DeadLetterConfig{TargetArn: aws.String(spills)}
	})
	w.send("spill", `{"cup":9}`)
	w.pass(5 * time.Minute)
	sent := w.sent.all()
	if len(sent) != 1 || sent[0].arn != spills || sent[0].record != `{"cup":9}` ||
		sent[0].attributes["ErrorCode"] != "200" || sent[0].attributes["ErrorMessage"] != "out of beans" || len(sent[0].attributes["RequestID"]) != 36 {
		t.Errorf("got %v", sent)
	}
	w.sent.fail = true
	w.send("spill", `{}`)
	w.pass(5 * time.Minute)
	if n, _ := w.metrics.sum("DeadLetterErrors FunctionName=spill"); n != 1 {
		t.Errorf("DeadLetterErrors: got %v, want 1", n)
	}
}

func TestAFunctionCanBeADestination(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	w.create("serve", func(in *awslambda.CreateFunctionInput) { in.Handler = aws.String("app.serve") })
	var got string
	w.runtime.handlers["app.serve"] = func(_ context.Context, _ *lambda.FunctionVersion, r lambda.Request) (lambda.Response, error) {
		got = string(r.Payload)
		return lambda.Response{Payload: []byte("null")}, nil
	}
	_, err := w.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName:      aws.String("roast"),
		DestinationConfig: &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: aws.String("arn:aws:lambda:eu-west-1:444455556666:function:serve")}},
	})
	w.must(err)
	w.send("roast", `{"cup":1}`)
	w.pass(time.Second)
	var record struct{ RequestPayload json.RawMessage }
	if json.Unmarshal([]byte(got), &record) != nil || string(record.RequestPayload) != `{"cup":1}` {
		t.Errorf("the destination was invoked with %q", got)
	}
}

func TestEventConfigurationsAreKeptByQualifier(t *testing.T) {
	w := released(t, 0.1)
	name, live := aws.String("roast"), aws.String("live")
	const live1 = "arn:aws:lambda:eu-west-1:444455556666:function:roast:live"
	_, err := w.GetFunctionEventInvokeConfig(t.Context(), &awslambda.GetFunctionEventInvokeConfigInput{FunctionName: name, Qualifier: live})
	refused(t, err, "ResourceNotFoundException", 404, "The function "+live1+" doesn't have an EventInvokeConfig")
	_, err = w.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: name})
	refused(t, err, "InvalidParameterValueException", 400, "You must specify at least one of error handling or destination setting.")
	_, err = w.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: name, Qualifier: aws.String("9"), MaximumRetryAttempts: aws.Int32(0)})
	refused(t, err, "ResourceNotFoundException", 404, "The function doesn't exist.")
	for _, row := range []struct{ to, text string }{
		{"arn:aws:lambda:eu-west-1:444455556666:function:roast", "You can't specify the function as a destination for itself."},
		{"arn:aws:lambda:eu-west-1:444455556666:function:nobody", "The destination ARN arn:aws:lambda:eu-west-1:444455556666:function:nobody is invalid."},
		{"arn:aws:ec2:eu-west-1:444455556666:instance/i-1", "The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination=arn:aws:ec2:eu-west-1:444455556666:instance/i-1)) is invalid."},
	} {
		_, err = w.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{
			FunctionName: name, DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: &row.to}}})
		refused(t, err, "InvalidParameterValueException", 400, row.text)
	}
	put, err := w.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: name, Qualifier: live, MaximumRetryAttempts: aws.Int32(0)})
	w.must(err)
	if *put.FunctionArn != live1 || *put.MaximumRetryAttempts != 0 || put.MaximumEventAgeInSeconds != nil || put.DestinationConfig.OnSuccess == nil {
		t.Errorf("got %+v", put)
	}
	updated, err := w.UpdateFunctionEventInvokeConfig(t.Context(), &awslambda.UpdateFunctionEventInvokeConfigInput{FunctionName: name, Qualifier: live, MaximumEventAgeInSeconds: aws.Int32(90)})
	w.must(err)
	if *updated.MaximumRetryAttempts != 0 || *updated.MaximumEventAgeInSeconds != 90 {
		t.Errorf("after an update: got %+v", updated)
	}
	list, err := w.ListFunctionEventInvokeConfigs(t.Context(), &awslambda.ListFunctionEventInvokeConfigsInput{FunctionName: name})
	w.must(err)
	if len(list.FunctionEventInvokeConfigs) != 1 {
		t.Errorf("got %d configurations, want 1", len(list.FunctionEventInvokeConfigs))
	}
	_, err = w.DeleteFunctionEventInvokeConfig(t.Context(), &awslambda.DeleteFunctionEventInvokeConfigInput{FunctionName: name, Qualifier: live})
	w.must(err)
	_, err = w.DeleteFunctionEventInvokeConfig(t.Context(), &awslambda.DeleteFunctionEventInvokeConfigInput{FunctionName: name, Qualifier: live})
	refused(t, err, "ResourceNotFoundException", 404, "doesn't have an EventInvokeConfig")
}
