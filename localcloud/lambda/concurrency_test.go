package lambda_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// holding replaces a handler with one that waits until release is called, and
// returns a channel that receives once for each invocation that has begun.
func (w *world) holding() (begun <-chan struct{}, release func()) {
	started, gate := make(chan struct{}, 1000), make(chan struct{})
	w.runtime.handlers["app.echo"] = func(_ context.Context, _ *lambda.FunctionVersion, r lambda.Request) (lambda.Response, error) {
		started <- struct{}{}
		<-gate
		return lambda.Response{Payload: r.Payload}, nil
	}
	return started, sync.OnceFunc(func() { close(gate) })
}

func TestAReservationBoundsHowManyRunAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	begun, release := w.holding()
	defer release()
	put, err := w.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("roast"), ReservedConcurrentExecutions: aws.Int32(2)})
	w.must(err)
	if *put.ReservedConcurrentExecutions != 2 {
		t.Errorf("got %d, want 2", *put.ReservedConcurrentExecutions)
	}
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() { w.invoke("roast", "", `{}`) })
		<-begun
	}
	_, err = w.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("roast")})
	refused(t, err, "TooManyRequestsException", 429, "Rate Exceeded.")
	var throttled *types.TooManyRequestsException
	if !errors.As(err, &throttled) || throttled.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded || aws.ToString(throttled.Type) != "User" {
		t.Errorf("got %+v", throttled)
	}
	release()
	running.Wait()
	w.invoke("roast", "", `{}`) // there is room again
	if sum, _ := w.metrics.sum("Throttles FunctionName=roast"); sum != 1 {
		t.Errorf("Throttles: got %v, want 1", sum)
	}
	if sum, _ := w.metrics.sum("Invocations FunctionName=roast"); sum != 3 {
		t.Errorf("Invocations: got %v, want 3: what was throttled did not run", sum)
	}
}

func TestFunctionsWithoutReservationShareWhatIsLeft(t *testing.T) {
	w := newWorld(t, func(c *lambda.Config) { c.Concurrency = 103 })
	w.create("roast", nil)
	w.create("other", nil)
	_, err := w.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("other"), ReservedConcurrentExecutions: aws.Int32(2)})
	w.must(err)
	begun, release := w.holding()
	defer release()
	var running sync.WaitGroup
	for range 101 {
		running.Go(func() { w.invoke("roast", "", `{}`) })
		<-begun
	}
	_, err = w.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("roast")})
	var throttled *types.TooManyRequestsException
	if !errors.As(err, &throttled) || throttled.Reason != types.ThrottleReasonConcurrentInvocationLimitExceeded {
		t.Errorf("the 102nd: got %v, want it throttled by the limit of all", err)
	}
	running.Go(func() { w.invoke("other", "", `{}`) })
	<-begun // what is reserved is there whatever the others do
	release()
	running.Wait()
}

func TestReservationsLeaveAHundredToTheOthers(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	w.create("other", nil)
	put := func(name string, n int32) error {
		_, err := w.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: &name, ReservedConcurrentExecutions: &n})
		return err
	}
	w.must(put("roast", 900))
	w.must(put("roast", 890)) // what it had does not count
	const text = "decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
	refused(t, put("other", 11), "InvalidParameterValueException", 400, text)
	w.must(put("other", 10))
	settings, err := w.GetAccountSettings(t.Context(), &awslambda.GetAccountSettingsInput{})
	w.must(err)
	if l := settings.AccountLimit; l.ConcurrentExecutions != 1000 || *l.UnreservedConcurrentExecutions != 100 {
		t.Errorf("got limits %+v", l)
	}
	if u := settings.AccountUsage; u.FunctionCount != 2 || u.TotalCodeSize != 2*int64(len(lambdatest.Code("first"))) {
		t.Errorf("got usage %+v", u)
	}
	_, err = w.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("roast:1"), ReservedConcurrentExecutions: aws.Int32(1)})
	refused(t, err, "InvalidParameterValueException", 400, "This operation is permitted on Lambda functions only.")
	_, err = w.DeleteFunctionConcurrency(t.Context(), &awslambda.DeleteFunctionConcurrencyInput{FunctionName: aws.String("roast")})
	w.must(err)
	got, err := w.GetFunctionConcurrency(t.Context(), &awslambda.GetFunctionConcurrencyInput{FunctionName: aws.String("roast")})
	w.must(err)
	if got.ReservedConcurrentExecutions != nil {
		t.Errorf("after its deletion there is a reservation of %d", *got.ReservedConcurrentExecutions)
	}
}

func TestWhatIsNotThereIsSaidToToolsThatLook(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	w.publish("roast")
	name, one := aws.String("roast"), aws.String("1")
	_, err := w.GetProvisionedConcurrencyConfig(t.Context(), &awslambda.GetProvisionedConcurrencyConfigInput{FunctionName: name, Qualifier: one})
	refused(t, err, "ProvisionedConcurrencyConfigNotFoundException", 404, "No Provisioned Concurrency Config found for this function")
	_, err = w.CreateEventSourceMapping(t.Context(), &awslambda.CreateEventSourceMappingInput{FunctionName: name})
	refused(t, err, "NotImplementedException", 501, "CreateEventSourceMapping")
	if _, err := w.GetFunctionCodeSigningConfig(t.Context(), &awslambda.GetFunctionCodeSigningConfigInput{FunctionName: name}); err != nil {
		t.Error(err)
	}
	mappings, err := w.ListEventSourceMappings(t.Context(), &awslambda.ListEventSourceMappingsInput{FunctionName: name})
	w.must(err)
	if len(mappings.EventSourceMappings) != 0 {
		t.Errorf("got %d mappings", len(mappings.EventSourceMappings))
	}
}
