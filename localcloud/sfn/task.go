package sfn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// A task is one that an execution waits for.
type task struct {
	x    *execution
	id   machine.TaskID
	call machine.CallTask
	// stop ends the outgoing call, when one is under way. Of x.mu.
	stop context.CancelFunc
	// child is the ARN of the execution that the task started and waits for;
	// submitted says that x knows that it runs. Of x.mu.
	child     string
	submitted bool
}

// call hands a task to whoever carries it out. It does not wait. x.mu is held.
func (s *Service) call(x *execution, c machine.CallTask) {
	t := s.openTask(x, c)
	if c.Kind == asl.Activity {
		s.offer(t)
		return
	}
	s.calls.Submit(func() { s.carryOut(t) })
}

// openTask enters a task. x.mu is held.
func (s *Service) openTask(x *execution, c machine.CallTask) *task {
	t := &task{x: x, id: c.Task, call: c}
	if x.tasks == nil {
		x.tasks = map[machine.TaskID]*task{}
	}
	x.tasks[t.id] = t
	if c.Token != "" {
		s.tokens.add(c.Token, t)
	}
	return t
}

// cancel ends a task that nobody waits for any more. x.mu is held.
func (s *Service) cancel(x *execution, id machine.TaskID) {
	t := x.tasks[id]
	if t == nil {
		return
	}
	delete(x.tasks, id)
	if t.call.Token != "" {
		s.tokens.close(t.call.Token)
	}
	if t.stop != nil {
		t.stop()
	}
	if child := t.child; child != "" {
		s.calls.Submit(func() { s.stopChild(child) })
	}
}

// closeTask forgets the task that an event ended. x.mu is held.
func (s *Service) closeTask(x *execution, ev machine.Event) {
	var id machine.TaskID
	switch ev := ev.(type) {
	case machine.TaskSucceeded:
		id = ev.Task
	case machine.TaskFailed:
		id = ev.Task
	default:
		return
	}
	if t := x.tasks[id]; t != nil {
		delete(x.tasks, id)
		if t.call.Token != "" {
			s.tokens.close(t.call.Token)
		}
	}
}

// open says whether the execution still waits for the task.
func (t *task) open() bool {
	t.x.mu.Lock()
	defer t.x.mu.Unlock()
	return t.x.tasks[t.id] == t
}

// carryOut makes the call of a task and tells the execution what came of it.
func (s *Service) carryOut(t *task) {
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	t.x.mu.Lock()
	open := t.x.tasks[t.id] == t
	t.stop = stop
	t.x.mu.Unlock()
	if !open {
		return
	}
	if t.call.Map != nil {
		s.serveMap(ctx, t)
		return
	}
	if t.call.Kind == asl.Integration && t.call.Service == "states" && t.call.Action == "startExecution" {
		s.startChild(t)
		return
	}
	if waitsForEnd(t.call.Pattern) {
		s.report(t, failed(t.call, fmt.Errorf("the local cloud does not wait for jobs of %s:%s", t.call.Service, t.call.Action)))
		return
	}
	caller := s.callerOf(t)
	answer, text, err := s.ask(wire.WithCaller(ctx, caller), withOrigin(t))
	switch {
	case ctx.Err() != nil: // nobody waits, or the service ends
	case err != nil:
		s.report(t, failed(t.call, &requestError{err, caller.RequestID}))
	case t.call.Pattern == asl.WaitForTaskToken:
		s.report(t, machine.TaskSubmitted{Task: t.id, Output: answer})
	default:
		s.report(t, machine.TaskSucceeded{Task: t.id, Output: answer, OutputText: text})
	}
}

// report tells an execution about its task. A step that cannot be saved is
// tried again by the execution itself, so the error is dropped here.
func (s *Service) report(t *task, ev machine.Event) { _ = s.apply(t.x, ev) }

// callerOf says in whose name a task's call is made: in the execution's region,
// and in the account of its role.
func (s *Service) callerOf(t *task) wire.Caller {
	at := t.x.machine.space.place
	caller := wire.Caller{Account: at.Account, Region: at.Region, Partition: at.Partition, RequestID: s.random.UUID()}
	if role, err := arn.Parse(t.call.RoleARN); err == nil && role.Account != "" {
		caller.Account = role.Account
	}
	return caller
}

// ask makes a call and returns its answer, with the answer's own text where it
// has one.
func (s *Service) ask(ctx context.Context, c machine.CallTask) (answer jsonvalue.Value, text string, err error) {
	switch {
	case c.Kind == asl.LambdaFunction:
		return s.invokeFunction(ctx, c)
	case c.Kind == asl.Integration && c.Service == "lambda" && c.Action == "invoke":
		answer, err = s.invokeLambda(ctx, c)
		return answer, "", err
	case s.integrations == nil:
		return answer, "", fmt.Errorf("the local cloud has no service to call for %s:%s", c.Service, c.Action)
	}
	answer, err = s.integrations.Call(ctx, c.Service, c.Action, c.Input)
	if err == nil && c.Kind == asl.Integration {
		answer, err = s.optimized(c, answer, wire.CallerFrom(ctx).RequestID)
	}
	return answer, "", err
}

// failed returns the event of a task whose call failed, with error and cause as
// Step Functions words them.
//
// Source: recorded. Optimized integrations go through the AWS SDK for Java 1,
// SDK integrations through version 2, and each has its own wording.
func failed(c machine.CallTask, err error) machine.TaskFailed {
	ev := machine.TaskFailed{Task: c.Task}
	if c.Pattern != asl.RequestResponse {
		ev.Stage = machine.WhileSubmitting
	}
	names := namesOf(c)
	var name, cause, requestID string
	if r, ok := errors.AsType[*requestError](err); ok {
		requestID = r.requestID
	}
	e, answered := errors.AsType[*wire.Error](err)
	f, ran := errors.AsType[*functionError](err)
	switch {
	case ran:
		name, cause, ev.Stage = f.name, f.cause, machine.WhileRunning
	case !answered:
		name, cause = names.prefix+".SdkClientException", err.Error()
	case c.Kind == asl.SDK && c.Service == "s3":
		name = names.prefix + "." + exceptionName(e.Code)
		cause = bucketCause(e, requestID, requestID)
	case c.Kind == asl.SDK:
		name = names.prefix + "." + exceptionName(e.Code)
		cause = fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s) (SDK Attempt Count: 1)",
			e.Message, names.service, e.HTTPStatus(), requestID)
	default:
		name = names.prefix + "." + exceptionName(e.Code)
		cause = fmt.Sprintf("%s (Service: %s; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)",
			e.Message, names.service, e.HTTPStatus(), cmp.Or(e.QueryCode, e.Code), requestID)
	}
	ev.Error, ev.Cause = &name, &cause
	return ev
}

// requestError is an error with the id of the request that it answered.
type requestError struct {
	error
	requestID string
}

func (e *requestError) Unwrap() error { return e.error }

// withMetadata adds to an answer what optimized integrations show of the HTTP
// exchange.
func withMetadata(answer jsonvalue.Value, requestID string, length int, contentType string, now time.Time, more ...jsonvalue.Member) jsonvalue.Value {
	date := now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	headers := append([]jsonvalue.Member{
		{Key: "x-amzn-RequestId", Value: jsonvalue.String(requestID)},
		{Key: "Content-Length", Value: jsonvalue.String(fmt.Sprint(length))},
		{Key: "Date", Value: jsonvalue.String(date)},
		{Key: "Content-Type", Value: jsonvalue.String(contentType)},
	}, more...)
	var all []jsonvalue.Member
	for _, h := range headers {
		all = append(all, jsonvalue.Member{Key: h.Key, Value: jsonvalue.ArrayOf(h.Value)})
	}
	return answer.
		With("SdkHttpMetadata", jsonvalue.ObjectOf(
			jsonvalue.Member{Key: "AllHttpHeaders", Value: jsonvalue.ObjectOf(all...)},
			jsonvalue.Member{Key: "HttpHeaders", Value: jsonvalue.ObjectOf(headers...)},
			jsonvalue.Member{Key: "HttpStatusCode", Value: jsonvalue.Int(200)},
		)).
		With("SdkResponseMetadata", jsonvalue.ObjectOf(
			jsonvalue.Member{Key: "RequestId", Value: jsonvalue.String(requestID)},
		))
}
