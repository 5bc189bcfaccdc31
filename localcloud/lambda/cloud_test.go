package lambda_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

const (
	account = "444455556666"
	region  = "eu-west-1"
	roleARN = "arn:aws:iam::" + account + ":role/barista"
)

// A world is a Lambda in virtual time, with a client of the SDK.
type world struct {
	*awslambda.Client
	t       testing.TB
	service *lambda.Service
	server  *wire.Server
	clock   *clock.Virtual
	runtime *fakeRuntime
	metrics *fakeMetrics
	sent    *fakeDestinations
}

// newWorld returns a world; change, which may be nil, has the last word about
// what its Lambda is made of.
func newWorld(t testing.TB, change func(*lambda.Config)) *world {
	t.Helper()
	w := &world{
		t:       t,
		clock:   clock.NewVirtual(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)),
		runtime: &fakeRuntime{handlers: map[string]handler{"app.echo": echo, "app.fails": fails}},
		metrics: &fakeMetrics{},
		sent:    &fakeDestinations{},
	}
	config := lambda.Config{
		Clock: w.clock, Rand: rand.NewPCG(7, 7), Runtime: w.runtime, Metrics: w.metrics, Destinations: w.sent,
		Endpoint: func() string { return "http://127.0.0.1:4599" },
	}
	if change != nil {
		change(&config)
	}
	var err error
	if w.service, err = lambda.New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.service.Close)
	w.server = wire.NewServer(wire.Config{}, w.service.API())
	w.Client = w.as(account, region)
	return w
}

// as returns a client of an account in a region.
func (w *world) as(account, region string) *awslambda.Client {
	return awslambda.NewFromConfig(aws.Config{
		Region:           region,
		BaseEndpoint:     aws.String("http://cloud.local"),
		Credentials:      credentials.NewStaticCredentialsProvider(account, "secret", ""),
		HTTPClient:       w.server.Client(),
		RetryMaxAttempts: 1,
	})
}

// pass lets time pass, and what is due then come to its end.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.service.Idle()
	until := w.clock.Now().Add(d)
	for {
		at, ok := w.service.Next()
		if !ok || at.After(until) {
			break
		}
		if err := w.clock.Drive(w.t.Context(), at, 0, w.service); err != nil {
			w.t.Fatal(err)
		}
		w.service.Idle()
	}
	if err := w.clock.Drive(w.t.Context(), until, 0, w.service); err != nil {
		w.t.Fatal(err)
	}
	w.service.Idle()
}

// create makes a function and waits until it is active.
func (w *world) create(name string, change func(*awslambda.CreateFunctionInput)) *awslambda.CreateFunctionOutput {
	w.t.Helper()
	in := &awslambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(roleARN), Handler: aws.String("app.echo"), Runtime: types.RuntimePython312,
		Code: &types.FunctionCode{ZipFile: lambdatest.Code("first")},
	}
	if change != nil {
		change(in)
	}
	out, err := w.CreateFunction(w.t.Context(), in)
	w.must(err)
	w.pass(time.Second)
	return out
}

// update gives a function other code and waits until it is in force.
func (w *world) update(name, text string) {
	w.t.Helper()
	_, err := w.UpdateFunctionCode(w.t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: &name, ZipFile: lambdatest.Code(text)})
	w.must(err)
	w.pass(time.Second)
}

// publish publishes $LATEST and returns the version.
func (w *world) publish(name string) string {
	w.t.Helper()
	out, err := w.PublishVersion(w.t.Context(), &awslambda.PublishVersionInput{FunctionName: &name})
	w.must(err)
	return *out.Version
}

// invoke invokes a function and returns the answer.
func (w *world) invoke(name, qualifier, payload string) *awslambda.InvokeOutput {
	w.t.Helper()
	in := &awslambda.InvokeInput{FunctionName: &name, Payload: []byte(payload)}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := w.Invoke(w.t.Context(), in)
	w.must(err)
	return out
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refused checks that a call was answered with an error of a code and a status,
// whose message has the text in it.
func refused(t *testing.T, err error, code string, status int, text string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want %s", err, code)
	}
	if api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), text) {
		t.Fatalf("got %s: %q, want %s: %q", api.ErrorCode(), api.ErrorMessage(), code, text)
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() != status {
		t.Fatalf("%s: got status %d, want %d", code, response.HTTPStatusCode(), status)
	}
}

// fakeMetrics keeps every value by what it is about.
type fakeMetrics struct {
	mu     sync.Mutex
	values map[string][]float64 // "Errors FunctionName=f Resource=f:live"
}

func (m *fakeMetrics) Series(_, _, name, _ string, dimensions []lambda.Dimension) lambda.Series {
	key := name
	for _, d := range dimensions {
		key += " " + d.Name + "=" + d.Value
	}
	return &fakeSeries{m, key}
}

type fakeSeries struct {
	metrics *fakeMetrics
	key     string
}

func (s *fakeSeries) Record(value float64, _ time.Time) {
	s.metrics.mu.Lock()
	defer s.metrics.mu.Unlock()
	if s.metrics.values == nil {
		s.metrics.values = map[string][]float64{}
	}
	s.metrics.values[s.key] = append(s.metrics.values[s.key], value)
}

// sum returns the sum of a series' values and how many there are.
func (m *fakeMetrics) sum(key string) (sum float64, samples int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range m.values[key] {
		sum += v
	}
	return sum, len(m.values[key])
}

// fakeDestinations keeps what it was sent.
type fakeDestinations struct {
	mu   sync.Mutex
	sent []delivery
	fail bool
}

type delivery struct {
	arn, record string
	attributes  map[string]string
}

func (d *fakeDestinations) Deliver(_ context.Context, arn string, record []byte, attributes map[string]string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail {
		return errors.New("there is no such queue")
	}
	d.sent = append(d.sent, delivery{arn, string(record), attributes})
	return nil
}

func (d *fakeDestinations) all() []delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]delivery(nil), d.sent...)
}
