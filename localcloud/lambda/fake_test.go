package lambda_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// A fakeRuntime runs functions that are Go functions, by the name of their
// handler.
type fakeRuntime struct {
	mu       sync.Mutex
	handlers map[string]handler
	retired  []string // IDs
	missing  map[string]string
}

type handler func(ctx context.Context, v *lambda.FunctionVersion, r lambda.Request) (lambda.Response, error)

func (f *fakeRuntime) Check(runtime, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if why := f.missing[runtime]; why != "" {
		return errors.New(why)
	}
	return nil
}

func (f *fakeRuntime) Invoke(ctx context.Context, v *lambda.FunctionVersion, r lambda.Request) (lambda.Response, error) {
	f.mu.Lock()
	h := f.handlers[v.Handler]
	f.mu.Unlock()
	if h == nil {
		return lambda.Response{}, errors.New("no Go function is called " + v.Handler)
	}
	return h(ctx, v, r)
}

func (f *fakeRuntime) Retire(v *lambda.FunctionVersion) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retired = append(f.retired, v.ID)
}

// echo answers with what it was given.
func echo(_ context.Context, _ *lambda.FunctionVersion, r lambda.Request) (lambda.Response, error) {
	return lambda.Response{Payload: r.Payload, Duration: 7 * time.Millisecond}, nil
}

// fails answers as a function that raised an error.
func fails(context.Context, *lambda.FunctionVersion, lambda.Request) (lambda.Response, error) {
	return lambda.Response{
		Payload: []byte(`{"errorMessage":"out of beans","errorType":"Grinder"}`), FunctionError: "Unhandled", ErrorType: "Grinder",
		Duration: 3 * time.Millisecond,
	}, nil
}
