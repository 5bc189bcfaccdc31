package lambda_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

func TestAFunctionIsGivenEverythingItRunsBy(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", func(in *awslambda.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"BEANS": "two"}}
		in.MemorySize, in.Timeout = aws.Int32(512), aws.Int32(9)
	})
	w.publish("roast")
	_, err := w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: aws.String("roast"), Name: aws.String("live"), FunctionVersion: aws.String("1")})
	w.must(err)
	var v *lambda.FunctionVersion
	var r lambda.Request
	w.runtime.handlers["app.echo"] = func(_ context.Context, gotV *lambda.FunctionVersion, gotR lambda.Request) (lambda.Response, error) {
		v, r = gotV, gotR
		return lambda.Response{Payload: []byte(`[3]`), LogTail: []byte("REPORT\n")}, nil
	}
	out, err := w.Invoke(t.Context(), &awslambda.InvokeInput{
		FunctionName: aws.String("arn:aws:lambda:eu-west-1:444455556666:function:roast:live"), Payload: []byte(`{"cup": 1}`), LogType: types.LogTypeTail,
		ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"custom":{"k":"v"}}`))),
	})
	w.must(err)
	if string(out.Payload) != `[3]` || out.StatusCode != 200 || *out.ExecutedVersion != "1" || out.FunctionError != nil {
		t.Errorf("got %+v with payload %s", out, out.Payload)
	}
	if tail, _ := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult)); string(tail) != "REPORT\n" {
		t.Errorf("got the log %q", tail)
	}
	if v.Name != "roast" || v.Version != "1" || v.Handler != "app.echo" || v.Runtime != "python3.12" || v.MemoryMB != 512 || v.Timeout != 9*time.Second ||
		v.Environment["BEANS"] != "two" || v.LogGroup != "/aws/lambda/roast" || v.Region != region || v.Account != account || v.EndpointURL != "http://127.0.0.1:4599" {
		t.Errorf("the runtime was given %+v", v)
	}
	if content, err := v.Code.Bytes(); err != nil || !bytes.Equal(content, lambdatest.Code("first")) {
		t.Errorf("the runtime was given other code (%v)", err)
	}
	if r.InvokedARN != "arn:aws:lambda:eu-west-1:444455556666:function:roast:live" || string(r.Payload) != `{"cup": 1}` || r.ClientContext != `{"custom":{"k":"v"}}` || len(r.ID) != 36 {
		t.Errorf("the function was given %+v with payload %s", r, r.Payload)
	}
}

func TestAnInvocationWithoutAPayloadHasAnEmptyObject(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	if got := string(w.invoke("roast", "", "").Payload); got != "{}" {
		t.Errorf("got %s, want {}", got)
	}
}

func TestAFunctionThatFailsIsAnAnswer(t *testing.T) {
	w := newWorld(t, nil)
	w.create("spill", func(in *awslambda.CreateFunctionInput) { in.Handler = aws.String("app.fails") })
	out := w.invoke("spill", "", `{}`)
	if out.StatusCode != 200 || aws.ToString(out.FunctionError) != "Unhandled" || *out.ExecutedVersion != "$LATEST" ||
		string(out.Payload) != `{"errorMessage":"out of beans","errorType":"Grinder"}` {
		t.Errorf("got %+v with payload %s", out, out.Payload)
	}
}

func TestADryRunAndAnEventAnswerNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	for kind, status := range map[types.InvocationType]int32{types.InvocationTypeDryRun: 204, types.InvocationTypeEvent: 202} {
		out, err := w.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("roast"), InvocationType: kind})
		w.must(err)
		if out.StatusCode != status || len(out.Payload) != 0 || out.ExecutedVersion != nil {
			t.Errorf("%s: got status %d, payload %q, version %v; want %d and nothing", kind, out.StatusCode, out.Payload, out.ExecutedVersion, status)
		}
	}
	//lint:ignore SA1019 the deprecated operation is what this tests
	out, err := w.InvokeAsync(t.Context(), &awslambda.InvokeAsyncInput{FunctionName: aws.String("roast"), InvokeArgs: bytes.NewReader([]byte(`{}`))}) //nolint:staticcheck // as above
	w.must(err)
	if out.Status != 202 {
		t.Errorf("InvokeAsync: got status %d, want 202", out.Status)
	}
}

func TestInvocationsAreRefusedInAWSsWords(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	large := func(n int) []byte { return append(append([]byte{'"'}, bytes.Repeat([]byte("b"), n-2)...), '"') }
	for _, row := range []struct {
		why    string
		in     awslambda.InvokeInput
		code   string
		status int
		text   string
	}{
		{"no such function", awslambda.InvokeInput{FunctionName: aws.String("nobody")}, "ResourceNotFoundException", 404, ":function:nobody:$LATEST"},
		{"no such version", awslambda.InvokeInput{FunctionName: aws.String("roast"), Qualifier: aws.String("4")}, "ResourceNotFoundException", 404, ":function:roast:4"},
		{"no such alias", awslambda.InvokeInput{FunctionName: aws.String("roast:dark")}, "ResourceNotFoundException", 404, ":function:roast:dark"},
		{"no JSON", awslambda.InvokeInput{FunctionName: aws.String("roast"), Payload: []byte("beans")}, "InvalidRequestContentException", 400,
			"Could not parse request body into json: Could not parse payload into json: Unexpected character ('b' (code 98))"},
		{"too large", awslambda.InvokeInput{FunctionName: aws.String("roast"), Payload: large(6<<20 + 1)}, "RequestEntityTooLargeException", 413,
			"Request must be smaller than 6291456 bytes for the InvokeFunction operation"},
		{"too large for later", awslambda.InvokeInput{FunctionName: aws.String("roast"), Payload: large(1<<20 + 1), InvocationType: types.InvocationTypeEvent},
			"RequestEntityTooLargeException", 413, "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"},
		{"a client context that is none", awslambda.InvokeInput{FunctionName: aws.String("roast"), ClientContext: aws.String("%%")}, "InvalidRequestContentException", 400, "Client context"},
	} {
		t.Run(row.why, func(t *testing.T) {
			_, err := w.Invoke(t.Context(), &row.in)
			refused(t, err, row.code, row.status, row.text)
		})
	}
	if got := w.invoke("roast", "", string(large(6<<20))); len(got.Payload) != 6<<20 {
		t.Errorf("6 MiB: got %d bytes back", len(got.Payload))
	}
}

func TestARuntimeThatCannotRunIsTheServicesFault(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	w.runtime.handlers["app.echo"] = func(context.Context, *lambda.FunctionVersion, lambda.Request) (lambda.Response, error) {
		return lambda.Response{}, errors.New("out of processes")
	}
	_, err := w.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("roast")})
	refused(t, err, "ServiceException", 500, "out of processes")
	w.runtime.handlers["app.echo"] = func(context.Context, *lambda.FunctionVersion, lambda.Request) (lambda.Response, error) {
		return lambda.Response{}, lambdaapi.NewInvalidRuntimeException("python3.12 has been removed")
	}
	_, err = w.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("roast")})
	refused(t, err, "InvalidRuntimeException", 502, "python3.12 has been removed")
}

func TestOtherServicesInvokeWithoutTheWire(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	ctx := wire.WithCaller(t.Context(), wire.Caller{Account: account, Region: region})
	got, err := w.service.Invoke(ctx, lambda.Invocation{Function: "roast", Payload: []byte(`{"n":1}`)})
	w.must(err)
	if got.Status != 200 || got.ExecutedVersion != "$LATEST" || string(got.Payload) != `{"n":1}` {
		t.Errorf("got %+v", got)
	}
	_, err = w.service.Invoke(ctx, lambda.Invocation{Function: "nobody"})
	if !wire.IsCode(err, "ResourceNotFoundException") {
		t.Errorf("got %v, want ResourceNotFoundException", err)
	}
}

func TestInvocationsAreCountedByFunctionResourceAndExecutedVersion(t *testing.T) {
	w := released(t, 0.1)
	for range 100 {
		w.invoke("roast", "live", `{}`)
	}
	w.invoke("roast", "2", `{}`)
	w.invoke("roast", "", `{}`)
	for key, want := range map[string]float64{
		"Invocations":                    102,
		"Invocations FunctionName=roast": 102,
		"Invocations FunctionName=roast Resource=roast:live":                   100,
		"Invocations FunctionName=roast Resource=roast:live ExecutedVersion=1": 90,
		"Invocations FunctionName=roast Resource=roast:live ExecutedVersion=2": 10,
		"Invocations FunctionName=roast Resource=roast:2":                      1,
		"Invocations FunctionName=roast Resource=roast":                        1,
		"Invocations FunctionName=roast Resource=roast:2 ExecutedVersion=2":    0,
		"Errors FunctionName=roast Resource=roast:live ExecutedVersion=2":      0,
		"Duration FunctionName=roast Resource=roast:live ExecutedVersion=2":    70,
		"ConcurrentExecutions FunctionName=roast Resource=roast:live":          100,
	} {
		if got, _ := w.metrics.sum(key); got != want {
			t.Errorf("%s: got %v, want %v", key, got, want)
		}
	}
	if _, n := w.metrics.sum("Errors FunctionName=roast Resource=roast:live ExecutedVersion=2"); n != 10 {
		t.Errorf("%d values of Errors, want one for each invocation, so that the average is the rate", n)
	}
}

func TestErrorsAreCountedAsOneAndSuccessesAsNone(t *testing.T) {
	w := newWorld(t, nil)
	w.create("spill", func(in *awslambda.CreateFunctionInput) { in.Handler = aws.String("app.fails") })
	w.invoke("spill", "", `{}`)
	w.invoke("spill", "", `{}`)
	if sum, n := w.metrics.sum("Errors FunctionName=spill"); sum != 2 || n != 2 {
		t.Errorf("got %v in %d values, want 2 in 2", sum, n)
	}
	if sum, n := w.metrics.sum("Throttles FunctionName=spill"); sum != 0 || n != 2 {
		t.Errorf("Throttles: got %v in %d values, want 0 in 2", sum, n)
	}
}

func TestAnAnswerSaysThatItIsJSON(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	for kind, want := range map[string]string{"RequestResponse": "application/json", "Event": ""} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://cloud.local/2015-03-31/functions/roast/invocations", strings.NewReader("{}"))
		w.must(err)
		r.Header.Set("X-Amz-Invocation-Type", kind)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+account+"/20260101/"+region+"/lambda/aws4_request, SignedHeaders=host, Signature=0")
		resp, err := w.server.Client().Do(r)
		w.must(err)
		w.must(resp.Body.Close())
		if got := resp.Header.Get("Content-Type"); got != want {
			t.Errorf("%s: the answer is %q, want %q", kind, got, want)
		}
	}
}

func TestAFunctionGoesOnWhenNobodyWaitsForItAnyMore(t *testing.T) {
	w := newWorld(t, nil)
	began, finish := make(chan struct{}), make(chan struct{})
	w.runtime.handlers["app.slow"] = func(ctx context.Context, v *lambda.FunctionVersion, r lambda.Request) (lambda.Response, error) {
		close(began)
		select {
		case <-finish:
			return echo(ctx, v, r)
		case <-ctx.Done():
			return lambda.Response{}, ctx.Err()
		}
	}
	w.create("roast", func(in *awslambda.CreateFunctionInput) { in.Handler = aws.String("app.slow") })
	ctx, leave := context.WithCancel(t.Context())
	answered := make(chan error)
	go func() {
		_, err := w.service.Invoke(wire.WithCaller(ctx, wire.Caller{Account: account, Region: region}), lambda.Invocation{Function: "roast"})
		answered <- err
	}()
	<-began
	leave()
	if err := <-answered; !wire.IsCode(err, "ServiceException") {
		t.Errorf("who does not wait is answered %v", err)
	}
	close(finish)
	w.service.Close() // waits for it
	if sum, _ := w.metrics.sum("Invocations FunctionName=roast"); sum != 1 {
		t.Errorf("%v invocations were counted, want the one that went on", sum)
	}
}
