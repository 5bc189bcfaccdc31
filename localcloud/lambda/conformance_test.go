package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/internal/conformance"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

var (
	update   = flag.Bool("update", false, "write the list of recorded cases that agree")
	onlyCase = flag.String("case", "", "replay only recorded cases whose ID contains this, and print what differs")
)

// agreedFile lists the IDs of recorded cases that agree without running code:
// none of them may stop.
const agreedFile = "testdata/agreed.txt"

func TestLambdaAnswersAsAWSDid(t *testing.T) {
	dir, err := conformance.Find()
	if errors.Is(err, conformance.ErrAbsent) {
		t.Skip("skipped: " + err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	cases, err := conformance.Load(dir, "api-lambda")
	if err != nil {
		t.Fatal(err)
	}
	agreed := readAgreed(t)
	var now []string
	differ, elsewhere := 0, 0
	for _, c := range cases {
		if *onlyCase != "" && !strings.Contains(c.ID, *onlyCase) {
			continue
		}
		if needs := c.Needs(); len(needs) > 1 || needs[0] != "lambda" {
			elsewhere++
			continue
		}
		err := replay(t, c)
		switch {
		case err == nil:
			now = append(now, c.ID)
		case slices.Contains(agreed, c.ID):
			t.Errorf("%s agreed before: %v", c.ID, err)
		default:
			differ++
		}
		if err != nil && (*onlyCase != "" || testing.Verbose()) {
			t.Logf("differs: %s: %v", c.ID, err)
		}
	}
	fmt.Printf("recorded cases of api-lambda without running code: %d agree, %d differ, %d need another service\n", len(now), differ, elsewhere)
	if *update && *onlyCase == "" {
		slices.Sort(now)
		if err := os.WriteFile(agreedFile, []byte(strings.Join(now, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func readAgreed(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(agreedFile))
	if errors.Is(err, os.ErrNotExist) && *update {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// replay runs a case against a Lambda of its own, in virtual time.
func replay(t *testing.T, c conformance.Case) error {
	t.Helper()
	v := clock.NewVirtual(clock.System{}.Now().Truncate(time.Second))
	s, err := lambda.New(lambda.Config{Clock: v, Rand: rand.NewPCG(1, 1), Runtime: &fakeRuntime{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return conformance.Replay(t.Context(), c, &caller{service: s, clock: v, server: wire.NewServer(wire.Config{}, s.API())})
}

// A caller speaks to a Lambda as the SDK does, and lets its time pass.
type caller struct {
	service *lambda.Service
	server  *wire.Server
	clock   *clock.Virtual
}

func (c *caller) Now() time.Time { return c.clock.Now() }

func (c *caller) Pass(ctx context.Context, d time.Duration) error {
	return c.clock.Drive(ctx, c.clock.Now().Add(d), 0, c.service)
}

// Call and CallFrom call an operation with the Go SDK's client, by reflection, and reads the
// answer off the wire, where nothing has been made of absent members yet.
func (c *caller) Call(ctx context.Context, service, operation, protocol string, params map[string]any) (conformance.Answer, error) {
	return c.CallFrom(ctx, conformance.Account, conformance.Region, service, operation, protocol, params)
}

func (c *caller) CallFrom(ctx context.Context, account, region, service, operation, _ string, params map[string]any) (conformance.Answer, error) {
	seen := &recorder{next: c.server.Client().Transport}
	client := awslambda.NewFromConfig(aws.Config{
		Region:           region,
		BaseEndpoint:     aws.String("http://cloud.local"),
		Credentials:      credentials.NewStaticCredentialsProvider(account, "secret", ""),
		HTTPClient:       &http.Client{Transport: seen},
		RetryMaxAttempts: 1,
	})
	method := reflect.ValueOf(client).MethodByName(operation)
	if service != "lambda" || !method.IsValid() {
		return conformance.Answer{}, fmt.Errorf("the SDK has no operation %s of %s", operation, service)
	}
	input := reflect.New(method.Type().In(1).Elem())
	text, err := json.Marshal(conformance.LambdaParams(operation, params))
	if err != nil {
		return conformance.Answer{}, err
	}
	if err := json.Unmarshal(text, input.Interface()); err != nil {
		return conformance.Answer{}, fmt.Errorf("the SDK's input cannot hold %s: %w", text, err)
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(ctx), input})
	answer := conformance.Answer{Status: seen.status}
	if failed, _ := results[1].Interface().(error); failed != nil {
		answer.Error = &conformance.Error{Code: "client", Message: failed.Error(), ClientSide: seen.status == 0}
		var api smithy.APIError
		if errors.As(failed, &api) {
			answer.Error.Code, answer.Error.Message = api.ErrorCode(), api.ErrorMessage()
		}
		return answer, nil
	}
	var response map[string]any
	if strings.Contains(seen.header.Get("Content-Type"), "json") && len(seen.body) > 0 && operation != "Invoke" {
		dec := json.NewDecoder(bytes.NewReader(seen.body))
		dec.UseNumber()
		if err := dec.Decode(&response); err != nil {
			return answer, err
		}
	}
	answer.Response = conformance.LambdaMembers(operation, response, seen.status, seen.header, seen.body)
	return answer, nil
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
