package localcloud_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/fxamacker/cbor/v2"

	"github.com/crossfade-dev/crossfade/internal/conformance"
)

// sdk calls an operation with the Go SDK's client, by reflection, and reads the
// answer off the wire, where nothing has been made of absent members yet.
func (c *caller) sdk(ctx context.Context, service, operation string, params map[string]any) (conformance.Answer, error) {
	return c.sdkFrom(ctx, conformance.Account, conformance.Region, service, operation, params)
}

func (c *caller) sdkFrom(ctx context.Context, account, region, service, operation string, params map[string]any) (conformance.Answer, error) {
	seen := &recorder{next: c.cloud.HTTPClient().Transport}
	config := aws.Config{
		Region:           region,
		BaseEndpoint:     aws.String("http://cloud.local"),
		Credentials:      credentials.NewStaticCredentialsProvider(account, "secret", ""),
		HTTPClient:       &http.Client{Transport: seen},
		RetryMaxAttempts: 1,
	}
	var client any
	switch service {
	case "stepfunctions":
		client = sfn.NewFromConfig(config)
	case "cloudwatch":
		client = cloudwatch.NewFromConfig(config)
	case "lambda":
		client = lambda.NewFromConfig(config)
		params = conformance.LambdaParams(operation, params)
	case "logs":
		client = cloudwatchlogs.NewFromConfig(config)
	case "sts":
		client = sts.NewFromConfig(config)
	case "sns":
		client = sns.NewFromConfig(config)
	case "events":
		client = eventbridge.NewFromConfig(config)
	case "iam":
		client = iam.NewFromConfig(config)
	case "cloudformation":
		client = cloudformation.NewFromConfig(config)
	default:
		return conformance.Answer{}, fmt.Errorf("no client for %s", service)
	}
	method := reflect.ValueOf(client).MethodByName(operation)
	if !method.IsValid() {
		return conformance.Answer{}, fmt.Errorf("the SDK has no operation %s", operation)
	}
	input := reflect.New(method.Type().In(1).Elem())
	text, err := json.Marshal(params)
	if err != nil {
		return conformance.Answer{}, err
	}
	if err := json.Unmarshal(text, input.Interface()); err != nil {
		return conformance.Answer{}, fmt.Errorf("the SDK's input cannot hold %s: %w", text, err)
	}
	if service == "lambda" && operation == "Invoke" {
		defer c.flow()()
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(ctx), input})
	answer := conformance.Answer{Status: seen.status, Headers: seen.headers()}
	if service == "lambda" {
		answer.Headers = map[string]any{} // whole answers are compared, and the recorder left the headers out
	}
	if failed, _ := results[1].Interface().(error); failed != nil {
		answer.Error = &conformance.Error{Code: "client", Message: failed.Error(), ClientSide: seen.status == 0}
		var api smithy.APIError
		if errors.As(failed, &api) {
			answer.Error.Code, answer.Error.Message = api.ErrorCode(), api.ErrorMessage()
		}
		return answer, nil
	}
	if service == "lambda" && operation == "Invoke" {
		answer.Response = conformance.LambdaMembers(operation, nil, seen.status, seen.header, seen.body)
		return answer, nil
	}
	if service == "sts" || service == "sns" { // XML on the wire
		text, err := json.Marshal(results[0].Interface())
		if err != nil {
			return answer, err
		}
		return answer, decodeJSON(text, &answer.Response)
	}
	if service == "iam" || service == "cloudformation" {
		var root element
		if err := xml.Unmarshal(seen.body, &root); err != nil {
			return answer, fmt.Errorf("%w in %s", err, seen.body)
		}
		answer.Headers = map[string]any{} // the recorder left them out
		answer.Response, err = result(service, operation, root)
		return answer, err
	}
	if answer.Response, err = seen.tree(); err == nil && service == "lambda" {
		answer.Response = conformance.LambdaMembers(operation, answer.Response, seen.status, seen.header, seen.body)
	}
	return answer, err
}

// A recorder keeps what the last answer was on the wire.
type recorder struct {
	next   http.RoundTripper
	status int
	header http.Header
	body   []byte
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	r.status, r.header = resp.StatusCode, resp.Header
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(r.body))
	return resp, nil
}

// headers returns the answer's headers as botocore names them.
func (r *recorder) headers() map[string]any {
	out := map[string]any{}
	for k := range r.header {
		out[strings.ToLower(k)] = r.header.Get(k)
	}
	return out
}

// tree returns the body as JSON values, whatever protocol it is in.
func (r *recorder) tree() (map[string]any, error) {
	out := map[string]any{}
	if len(r.body) == 0 {
		return out, nil
	}
	if strings.Contains(r.header.Get("Content-Type"), "cbor") {
		var v any
		if err := cbor.Unmarshal(r.body, &v); err != nil {
			return nil, err
		}
		out, _ = plain(v).(map[string]any)
		return out, nil
	}
	return out, decodeJSON(r.body, &out)
}

func decodeJSON(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return dec.Decode(into)
}

// plain turns what CBOR decodes to into what JSON decodes to.
func plain(v any) any {
	switch v := v.(type) {
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[fmt.Sprint(k)] = plain(x)
		}
		return out
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return v
	case uint64:
		return json.Number(strconv.FormatUint(v, 10))
	case int64:
		return json.Number(strconv.FormatInt(v, 10))
	case float64:
		return number(v)
	case float32:
		return number(float64(v))
	case big.Int:
		return json.Number(v.String())
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []byte:
		return string(v)
	}
	return v
}

func number(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Sprint(f)
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}
