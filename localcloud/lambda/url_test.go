package lambda_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// open gives a function an address that everybody may call.
func (w *world) open(name string, qualifier *string, change func(*awslambda.CreateFunctionUrlConfigInput)) string {
	w.t.Helper()
	in := &awslambda.CreateFunctionUrlConfigInput{FunctionName: &name, Qualifier: qualifier, AuthType: types.FunctionUrlAuthTypeNone}
	if change != nil {
		change(in)
	}
	made, err := w.CreateFunctionUrlConfig(w.t.Context(), in)
	w.must(err)
	_, err = w.AddPermission(w.t.Context(), &awslambda.AddPermissionInput{
		FunctionName: &name, Qualifier: qualifier, StatementId: aws.String("everybody"), Action: aws.String("lambda:InvokeFunctionUrl"),
		Principal: aws.String("*"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone})
	w.must(err)
	return *made.FunctionUrl
}

// visit sends a request to an address of a function.
func (w *world) visit(method, url, body string, header ...string) *http.Response {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, url, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.service.URLs(http.NotFoundHandler()).ServeHTTP(rec, r)
	return rec.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestAnAddressGivesTheFunctionTheRequest(t *testing.T) {
	w := newWorld(t, nil)
	w.create("shop", nil)
	var event map[string]any
	w.runtime.handlers["app.echo"] = func(_ context.Context, _ *lambda.FunctionVersion, r lambda.Request) (lambda.Response, error) {
		return lambda.Response{Payload: []byte(`{"statusCode":201,"headers":{"Content-Type":"text/plain","X-Cups":2},"cookies":["a=b"],"body":"two cups"}`)},
			json.Unmarshal(r.Payload, &event)
	}
	url := w.open("shop", nil, nil)
	if !strings.HasSuffix(url, ".lambda-url.eu-west-1.localhost:4599/") {
		t.Fatalf("the address is %s", url)
	}
	got := w.visit("POST", url+"menu/hot?size=big&milk=oat&milk=soy", `{"cup":1}`, "Content-Type", "application/json", "Cookie", "x=1; y=2", "X-Table", "7")
	if got.StatusCode != 201 || got.Header.Get("Content-Type") != "text/plain" || got.Header.Get("X-Cups") != "2" || got.Header.Get("Set-Cookie") != "a=b" || text(t, got) != "two cups" {
		t.Errorf("got status %d, headers %v", got.StatusCode, got.Header)
	}
	for path, want := range map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": "/menu/hot", "rawQueryString": "size=big&milk=oat&milk=soy",
		"queryStringParameters.milk": "oat,soy", "headers.x-table": "7", "headers.content-type": "application/json",
		"requestContext.http.method": "POST", "requestContext.http.path": "/menu/hot", "requestContext.accountId": "anonymous",
		"body": `{"cup":1}`, "isBase64Encoded": false,
	} {
		var at any = event
		for part := range strings.SplitSeq(path, ".") {
			object, _ := at.(map[string]any)
			at = object[part]
		}
		if at != want {
			t.Errorf("%s: got %v, want %v", path, at, want)
		}
	}
	if cookies, _ := event["cookies"].([]any); len(cookies) != 2 || cookies[1] != "y=2" {
		t.Errorf("got cookies %v", event["cookies"])
	}
	w.visit("POST", url, "\xff\x00", "Content-Type", "image/png")
	if event["body"] != "/wA=" || event["isBase64Encoded"] != true {
		t.Errorf("an image: got %v, encoded %v", event["body"], event["isBase64Encoded"])
	}
}

func TestWhatAFunctionAnswersBecomesTheBody(t *testing.T) {
	w := newWorld(t, nil)
	w.create("shop", nil)
	url := w.open("shop", nil, nil)
	for _, row := range []struct {
		payload string
		status  int
		body    string
	}{
		{`"hello"`, 200, "hello"}, {`3.5`, 200, "3.5"}, {`{"a":1}`, 200, `{"a":1}`},
		{`{"statusCode":404}`, 404, ""}, {`{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, 200, "hi"},
		{`{"statusCode":"x"}`, 200, `{"statusCode":"x"}`}, {`{"statusCode":9999}`, 502, "Internal Server Error"},
	} {
		w.runtime.handlers["app.echo"] = func(context.Context, *lambda.FunctionVersion, lambda.Request) (lambda.Response, error) {
			return lambda.Response{Payload: []byte(row.payload)}, nil
		}
		got := w.visit("GET", url, "")
		if body := text(t, got); got.StatusCode != row.status || body != row.body {
			t.Errorf("%s: got status %d, body %q; want %d, %q", row.payload, got.StatusCode, body, row.status, row.body)
		}
	}
	w.runtime.handlers["app.echo"] = fails
	if got := w.visit("GET", url, ""); got.StatusCode != 502 || text(t, got) != "Internal Server Error" {
		t.Errorf("of a function that fails: got status %d", got.StatusCode)
	}
}

func TestAnAddressIsClosedToWhoMayNot(t *testing.T) {
	w := released(t, 0.5)
	made, err := w.CreateFunctionUrlConfig(t.Context(), &awslambda.CreateFunctionUrlConfigInput{FunctionName: aws.String("roast"), AuthType: types.FunctionUrlAuthTypeNone})
	w.must(err)
	forbidden := func(r *http.Response) {
		t.Helper()
		if body := text(t, r); r.StatusCode != 403 || r.Header.Get("X-Amzn-Errortype") != "AccessDeniedException" || !strings.HasPrefix(body, `{"Message":"Forbidden`) {
			t.Errorf("got status %d, %s", r.StatusCode, body)
		}
	}
	forbidden(w.visit("GET", *made.FunctionUrl, "")) // no policy says that everybody may
	_, err = w.UpdateFunctionUrlConfig(t.Context(), &awslambda.UpdateFunctionUrlConfigInput{FunctionName: aws.String("roast"), AuthType: types.FunctionUrlAuthTypeAwsIam})
	w.must(err)
	forbidden(w.visit("GET", *made.FunctionUrl, ""))
	if got := w.visit("GET", *made.FunctionUrl, "", "Authorization", "AWS4-HMAC-SHA256 Credential=x"); got.StatusCode != 200 {
		t.Errorf("signed: got status %d", got.StatusCode)
	}

	live := aws.String("live")
	url := w.open("roast", live, nil)
	executed := map[string]int{}
	w.runtime.handlers["app.echo"] = func(_ context.Context, v *lambda.FunctionVersion, _ lambda.Request) (lambda.Response, error) {
		executed[v.Version]++
		return lambda.Response{Payload: []byte(`""`)}, nil
	}
	for range 100 {
		w.visit("GET", url, "")
	}
	if executed["1"] != 50 || executed["2"] != 50 {
		t.Errorf("through the alias %v were executed, want 50 each", executed)
	}
	_, err = w.DeleteAlias(t.Context(), &awslambda.DeleteAliasInput{FunctionName: aws.String("roast"), Name: live})
	w.must(err)
	if _, err := w.GetFunctionUrlConfig(t.Context(), &awslambda.GetFunctionUrlConfigInput{FunctionName: aws.String("roast"), Qualifier: live}); err != nil {
		t.Errorf("the address did not outlive its alias: %v", err)
	}
	forbidden(w.visit("GET", url, ""))
	forbidden(w.visit("GET", "http://abc.lambda-url.eu-west-1.localhost:4599/", ""))
	if got := w.visit("GET", "http://localhost:4599/", ""); got.StatusCode != 404 {
		t.Errorf("what is no function's went to one: status %d", got.StatusCode)
	}
}

func TestPagesOfElsewhereMayReadWhatTheAddressAllows(t *testing.T) {
	w := newWorld(t, nil)
	w.create("shop", nil)
	url := w.open("shop", nil, func(in *awslambda.CreateFunctionUrlConfigInput) {
		in.Cors = &types.Cors{AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"PUT"}, AllowHeaders: []string{"x-table"}, MaxAge: aws.Int32(60)}
	})
	asked := w.visit("OPTIONS", url, "", "Origin", "https://a.example", "Access-Control-Request-Method", "PUT")
	if h := asked.Header; asked.StatusCode != 200 || h.Get("Access-Control-Allow-Origin") != "https://a.example" || h.Get("Access-Control-Allow-Methods") != "PUT" || h.Get("Access-Control-Max-Age") != "60" {
		t.Errorf("got status %d, %v", asked.StatusCode, h)
	}
	if got := w.visit("GET", url, "", "Origin", "https://b.example"); got.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a page that is not allowed: got %v", got.Header)
	}
}

func TestAddressesAreConfiguredByFunctionAndAlias(t *testing.T) {
	w := released(t, 0.1)
	name, live := aws.String("roast"), aws.String("live")
	_, err := w.GetFunctionUrlConfig(t.Context(), &awslambda.GetFunctionUrlConfigInput{FunctionName: name})
	refused(t, err, "ResourceNotFoundException", 404, "The resource you requested does not exist.")
	_, err = w.CreateFunctionUrlConfig(t.Context(), &awslambda.CreateFunctionUrlConfigInput{FunctionName: name, Qualifier: aws.String("none"), AuthType: types.FunctionUrlAuthTypeNone})
	refused(t, err, "ResourceNotFoundException", 404, "Function does not exist")
	_, err = w.CreateFunctionUrlConfig(t.Context(), &awslambda.CreateFunctionUrlConfigInput{FunctionName: name, Qualifier: aws.String("1"), AuthType: types.FunctionUrlAuthTypeNone})
	refused(t, err, "ValidationException", 400, "'qualifier' failed to satisfy constraint")
	w.open("roast", nil, nil)
	w.open("roast", live, nil)
	_, err = w.CreateFunctionUrlConfig(t.Context(), &awslambda.CreateFunctionUrlConfigInput{FunctionName: name, AuthType: types.FunctionUrlAuthTypeNone})
	refused(t, err, "ResourceConflictException", 409, "FunctionUrlConfig exists for this Lambda function")
	list, err := w.ListFunctionUrlConfigs(t.Context(), &awslambda.ListFunctionUrlConfigsInput{FunctionName: name, MaxItems: aws.Int32(1)})
	w.must(err)
	rest, err := w.ListFunctionUrlConfigs(t.Context(), &awslambda.ListFunctionUrlConfigsInput{FunctionName: name, Marker: list.NextMarker})
	w.must(err)
	if len(list.FunctionUrlConfigs) != 1 || len(rest.FunctionUrlConfigs) != 1 || !strings.HasSuffix(*rest.FunctionUrlConfigs[0].FunctionArn, ":roast:live") || rest.FunctionUrlConfigs[0].InvokeMode != types.InvokeModeBuffered {
		t.Errorf("got %+v and %+v", list.FunctionUrlConfigs, rest.FunctionUrlConfigs)
	}
	_, err = w.DeleteFunctionUrlConfig(t.Context(), &awslambda.DeleteFunctionUrlConfigInput{FunctionName: name})
	w.must(err)
	_, err = w.DeleteFunctionUrlConfig(t.Context(), &awslambda.DeleteFunctionUrlConfigInput{FunctionName: name})
	refused(t, err, "ResourceNotFoundException", 404, "The resource you requested does not exist.")
	_, err = w.GetFunctionUrlConfig(t.Context(), &awslambda.GetFunctionUrlConfigInput{FunctionName: name, Qualifier: live})
	w.must(err)
}
