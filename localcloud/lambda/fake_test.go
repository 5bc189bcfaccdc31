package lambda_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// A fakeRuntime runs functions that are Go functions, by the name of their
// handler.
type fakeRuntime struct {
	mu       sync.Mutex
	handlers map[string]handler
	retired  []string // IDs
	missing  map[string]string
	versions []*lambda.FunctionVersion // for which something was provisioned once
	kept     map[string]int            // provisioned, by ID
	broken   bool                      // nothing can be provisioned
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

func (f *fakeRuntime) Provision(v *lambda.FunctionVersion, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil {
		f.kept = map[string]int{}
	}
	f.kept[v.ID] = n
	f.versions = append(f.versions, v)
}

func (f *fakeRuntime) Provisioned(v *lambda.FunctionVersion) lambda.Provisioned {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return lambda.Provisioned{Failed: true}
	}
	return lambda.Provisioned{Ready: f.kept[v.ID], Idle: f.kept[v.ID]}
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

// holdUntil is a handler that answers when done is closed.
func holdUntil(done <-chan struct{}) handler {
	return func(ctx context.Context, v *lambda.FunctionVersion, r lambda.Request) (lambda.Response, error) {
		<-done
		return echo(ctx, v, r)
	}
}

// fakeObjects are objects by bucket/key.
type fakeObjects map[string][]byte

func (f fakeObjects) Get(_ context.Context, bucket, key, _ string) (io.ReadCloser, error) {
	content, ok := f[bucket+"/"+key]
	if !ok {
		return nil, &wire.Error{Code: "NoSuchKey", Message: "The specified key does not exist.", Status: 404}
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// A sessionMaker hands out credentials.
type sessionMaker func(account, role, name string) lambda.Credentials

func (f sessionMaker) Session(account, _, roleARN, name string) (lambda.Credentials, error) {
	return f(account, roleARN, name), nil
}
