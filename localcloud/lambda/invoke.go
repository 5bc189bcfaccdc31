package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// How many bytes a payload and a client context may have.
//
// Source: Lambda quotas. Of asynchronous invocations it was 256 KiB until October
// 2025, and is 1 MiB since.
const (
	maxSyncPayload  = 6 << 20
	maxAsyncPayload = 1 << 20
	maxContext      = 3583
)

// An Invocation is one call of a function, from inside the local cloud.
type Invocation struct {
	// Function is a name, a partial or a whole ARN, with or without qualifier.
	Function  string
	Qualifier string // may be empty
	// Payload is JSON text; empty is "{}".
	Payload []byte
	// ClientContext is the base64 of JSON text; may be empty.
	ClientContext string
	// Type is "RequestResponse", also when it is empty, "Event" or "DryRun".
	Type string
	// Tail asks for the last lines of the log.
	Tail bool
}

// Invoked is the answer to an Invocation.
type Invoked struct {
	// Status is the HTTP status that Lambda answers with: 200, 202 for Event,
	// 204 for DryRun.
	Status int
	// ExecutedVersion is the version that ran: "$LATEST", "7". Empty if none did.
	ExecutedVersion string
	// FunctionError is empty when the function succeeded, else "Unhandled" or
	// "Handled"; Payload is then an object with errorType and errorMessage.
	FunctionError string
	// Payload is JSON text; empty unless the function ran.
	Payload []byte
	// LogTail is what Tail asked for.
	LogTail []byte
}

// Invoke invokes a function in the name of ctx's caller. The error is a
// *wire.Error; a function that fails is an answer.
func (s *Service) Invoke(ctx context.Context, in Invocation) (Invoked, error) {
	r, err := s.reference(ctx, in.Function, wire.Optional(in.Qualifier))
	if err != nil {
		return Invoked{}, err
	}
	request, err := s.request(ctx, in)
	if err != nil {
		return Invoked{}, err
	}
	f, c, err := s.function(r)
	if err != nil || c.resolve(r.qualifier) == nil {
		if r.qualifier == "" {
			r.qualifier = latest // recorded
		}
		return Invoked{}, functionGone(r.arn())
	}
	request.InvokedARN = r.arn()
	switch in.Type {
	case lambdaapi.InvocationTypeDryRun:
		return Invoked{Status: http.StatusNoContent}, nil
	case lambdaapi.InvocationTypeEvent:
		if err := s.enqueue(f, r.qualifier, request); err != nil {
			return Invoked{}, err
		}
		return Invoked{Status: http.StatusAccepted}, nil
	}
	ran, err := s.run(ctx, f, r.qualifier, request)
	if err != nil {
		return Invoked{}, err
	}
	out := Invoked{
		Status:          http.StatusOK,
		ExecutedVersion: ran.version,
		FunctionError:   ran.FunctionError,
		Payload:         ran.Payload,
	}
	if in.Tail {
		out.LogTail = ran.LogTail
	}
	return out, nil
}

// request checks what a function is to be given.
func (s *Service) request(ctx context.Context, in Invocation) (Request, error) {
	switch size := len(in.Payload); {
	case size > maxSyncPayload:
		return Request{}, tooLarge(fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", maxSyncPayload))
	case size > maxAsyncPayload && in.Type == lambdaapi.InvocationTypeEvent:
		return Request{}, tooLarge(fmt.Sprintf("%d byte payload is too large for the Event invocation type (limit %d bytes)", size, maxAsyncPayload))
	}
	payload := in.Payload
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	if !json.Valid(payload) {
		return Request{}, unparsed(payload)
	}
	r := Request{ID: wire.CallerFrom(ctx).RequestID, Payload: payload}
	if r.ID == "" {
		r.ID = s.random.UUID()
	}
	r.TraceID = s.random.Trace(s.clock.Now())
	if in.ClientContext != "" {
		text, err := base64.StdEncoding.DecodeString(in.ClientContext)
		switch {
		case len(in.ClientContext) > maxContext:
			return Request{}, tooLarge(fmt.Sprintf("%d byte client context is too large (limit %d bytes)", len(in.ClientContext), maxContext))
		case err != nil || !json.Valid(text):
			return Request{}, user(lambdaapi.NewInvalidRequestContentException("Client context must be a valid Base64-encoded JSON object."))
		}
		r.ClientContext = string(text)
	}
	return r, nil
}

// unparsed is the answer to a payload that is not JSON.
//
// Source: the beginning is recorded; what follows is how AWS's parser words it.
func unparsed(payload []byte) error {
	const about = "Could not parse request body into json: Could not parse payload into json: "
	line, column := 1, 1
	var v any
	err := json.Unmarshal(payload, &v)
	text := "Unexpected end-of-input"
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && int(syntax.Offset) <= len(payload) && syntax.Offset > 0 {
		before := payload[:syntax.Offset-1]
		line += bytes.Count(before, []byte("\n"))
		column = len(before) - bytes.LastIndexByte(before, '\n')
		c := payload[syntax.Offset-1]
		text = fmt.Sprintf("Unexpected character ('%c' (code %d)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", c, c)
	}
	return user(lambdaapi.NewInvalidRequestContentException(
		about + text + "\n at [Source: (byte[])\"" + short(payload) + "\"; line: " + strconv.Itoa(line) + ", column: " + strconv.Itoa(column) + "]"))
}

// short is the beginning of a payload, as a message may show it.
func short(payload []byte) string {
	const most = 500
	if len(payload) > most {
		return string(payload[:most]) + "[truncated " + strconv.Itoa(len(payload)-most) + " bytes]"
	}
	return string(payload)
}

// A run is what came of an invocation, and which version it was.
type run struct {
	Response
	version string
}

// run deals the version, takes a place under the limits of concurrency, and runs
// it. The error is a *wire.Error.
func (s *Service) run(ctx context.Context, f *function, qualifier string, r Request) (run, error) {
	c := f.control.Load()
	name := qualifier
	if name == "" {
		name = latest
	}
	throughAlias := isAlias(name)
	if throughAlias {
		a := c.alias(name)
		if a == nil {
			return run{}, functionGone(qualified(f.arn, qualifier))
		}
		name = a.deal()
	}
	v := c.version(name)
	if v == nil || c.deleted {
		return run{}, functionGone(qualified(f.arn, name))
	}
	started := s.now()
	if v.creating && v.busy(started) {
		return run{}, conflict("The operation cannot be performed at this time. The function is currently in the following state: Pending")
	}
	m := s.meters(f, qualifier, name, throughAlias)
	leave, reason := s.enter(f, c, v)
	if reason != "" {
		m.throttled(started)
		return run{version: name}, throttled(reason)
	}
	m.begin(started)
	return s.toItsEnd(ctx, func() (run, error) {
		defer leave()
		defer m.end()
		response, err := s.runtime.Invoke(s.ctx, v.runs(started).version(), r)
		if err != nil {
			if _, ok := errors.AsType[*wire.Error](err); ok {
				return run{version: name}, err
			}
			return run{version: name}, lambdaapi.NewServiceException("The function could not be run: "+err.Error()).With("Type", "Service")
		}
		m.finished(started, response.Duration, response.FunctionError != "")
		return run{Response: response, version: name}, nil
	})
}

// toItsEnd waits for an invocation, which goes on when nobody waits for it any
// more: as on AWS, it ends by itself, by its time-out, or with the service.
func (s *Service) toItsEnd(ctx context.Context, invoke func() (run, error)) (run, error) {
	if ctx.Done() == nil {
		return invoke()
	}
	type end struct {
		run
		err error
	}
	ended := make(chan end, 1)
	s.running.Go(func() {
		ran, err := invoke()
		ended <- end{ran, err}
	})
	select {
	case e := <-ended:
		return e.run, e.err
	case <-ctx.Done():
		return run{}, lambdaapi.NewServiceException("Nobody waits for the function any more: "+context.Cause(ctx).Error()).With("Type", "Service")
	}
}

// throttled is the answer to who is over a limit of concurrency.
//
// Source: recorded.
func throttled(reason string) error {
	return user(lambdaapi.NewTooManyRequestsException("Rate Exceeded.")).With("Reason", reason)
}

func (s *Service) invoke(ctx context.Context, in *lambdaapi.InvocationRequest) (*lambdaapi.InvocationResponse, error) {
	switch {
	case in.TenantId != nil:
		return nil, absent("tenants")
	case in.DurableExecutionName != nil:
		return nil, absent("durable functions")
	}
	done, err := s.Invoke(ctx, Invocation{
		Function:      in.FunctionName,
		Qualifier:     wire.Value(in.Qualifier),
		Payload:       in.Payload,
		ClientContext: wire.Value(in.ClientContext),
		Type:          wire.ValueOr(in.InvocationType, lambdaapi.InvocationTypeRequestResponse),
		Tail:          wire.ValueOr(in.LogType, lambdaapi.LogTypeNone) == lambdaapi.LogTypeTail,
	})
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.InvocationResponse{
		StatusCode:      new(int32(done.Status)),
		ExecutedVersion: wire.Optional(done.ExecutedVersion),
		FunctionError:   wire.Optional(done.FunctionError),
		Payload:         done.Payload,
	}
	if done.LogTail != nil {
		out.LogResult = new(base64.StdEncoding.EncodeToString(done.LogTail))
	}
	return out, nil
}

func (s *Service) invokeAsync(ctx context.Context, in *lambdaapi.InvokeAsyncRequest) (*lambdaapi.InvokeAsyncResponse, error) {
	done, err := s.Invoke(ctx, Invocation{Function: in.FunctionName, Payload: in.InvokeArgs, Type: lambdaapi.InvocationTypeEvent})
	if err != nil {
		return nil, err
	}
	return &lambdaapi.InvokeAsyncResponse{Status: new(int32(done.Status))}, nil
}

// milliseconds is a duration as metrics have it.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
