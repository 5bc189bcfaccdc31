package sfn

import (
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// startChild carries out states:startExecution, in any pattern. The child knows
// its parent; with .sync its end ends the task.
func (s *Service) startChild(t *task) {
	in := childRequest(t.call.Input, s.callerOf(t))
	in.parent = &parent{arn: t.x.arn, task: t.id, pattern: t.call.Pattern}
	child, err := s.start(in)
	if err != nil {
		s.report(t, failed(t.call, &requestError{err, in.caller.RequestID}))
		return
	}
	s.childStarted(t, child, in.caller.RequestID)
}

// childRequest reads the parameters of states:startExecution. Input may be any
// value; a string is taken for JSON text.
func childRequest(params jsonvalue.Value, caller wire.Caller) startRequest {
	in := startRequest{caller: caller, target: member(params, "StateMachineArn").Str()}
	if name := member(params, "Name"); name.Kind() == jsonvalue.KindString {
		in.name = new(name.Str())
	}
	switch input := member(params, "Input"); input.Kind() {
	case jsonvalue.KindUndefined, jsonvalue.KindNull:
	case jsonvalue.KindString:
		in.input = new(input.Str())
	default:
		in.input = new(input.String())
	}
	return in
}

// childAnswer is what the call that started an execution answers.
//
// Source: recorded.
func (s *Service) childAnswer(child *execution, requestID string) jsonvalue.Value {
	// The length is that of the answer in the API's own form, with the date in
	// seconds: {"executionArn":"…","startDate":1.7E9}.
	length := len(`{"executionArn":"","startDate":1.722418303111E9}`) + len(child.arn)
	return withMetadata(jsonvalue.ObjectOf(
		jsonvalue.Member{Key: "ExecutionArn", Value: jsonvalue.String(child.arn)},
		jsonvalue.Member{Key: "StartDate", Value: jsonvalue.Int(child.started.UnixMilli())},
	), requestID, length, "application/x-amz-json-1.0", s.now(),
		jsonvalue.Member{Key: "connection", Value: jsonvalue.String("keep-alive")})
}

// childStarted tells the parent that its child runs.
func (s *Service) childStarted(t *task, child *execution, requestID string) {
	answer := s.childAnswer(child, requestID)
	if t.call.Pattern == asl.RequestResponse {
		s.report(t, machine.TaskSucceeded{Task: t.id, Output: answer})
		return
	}
	if waitsForEnd(t.call.Pattern) {
		t.x.mu.Lock()
		gone := t.x.tasks[t.id] != t
		t.child = child.arn
		t.x.mu.Unlock()
		if gone { // its time was up while the child was being started
			s.stopChild(child.arn)
			return
		}
	}
	s.report(t, machine.TaskSubmitted{Task: t.id, Output: answer})
	t.x.mu.Lock()
	t.submitted = true
	t.x.mu.Unlock()
	if !child.running() {
		s.childEnded(child)
	}
}

func waitsForEnd(p asl.Pattern) bool { return p == asl.Sync || p == asl.Sync2 }

// childEnded tells the parent of an execution, if it still waits, how it ended.
// The parent may not know yet that the child has started; then it is told once
// it does.
func (s *Service) childEnded(x *execution) {
	if x.parent == nil || !waitsForEnd(x.parent.pattern) {
		return
	}
	up, err := s.execution(s.spaceOf(x.parent.arn), x.parent.arn)
	if err != nil {
		return // the parent is gone; nobody waits
	}
	up.mu.Lock()
	t := up.tasks[x.parent.task]
	known := t != nil && t.child == x.arn && t.submitted
	up.mu.Unlock()
	if !known {
		return
	}
	description := s.childDescription(x, x.parent.pattern == asl.Sync2)
	if status := x.status.Load(); status == machine.StatusSucceeded {
		s.report(t, machine.TaskSucceeded{Task: t.id, Output: description})
		return
	}
	name, cause := "States.TaskFailed", description.String()
	s.report(t, machine.TaskFailed{Task: t.id, Error: &name, Cause: &cause})
}

// spaceOf returns the space that an ARN belongs to.
func (s *Service) spaceOf(text string) *space {
	r, _ := parseResource(text, kindExecution, kindExpress) // what is no ARN belongs to an empty place
	return s.space(r.place)
}

// childDescription is the result of a .sync task: the child as DescribeExecution
// shows it, in upper camel case. With parsed, input and output are values;
// else they are JSON texts.
//
// Source: recorded.
func (s *Service) childDescription(x *execution, parsed bool) jsonvalue.Value {
	d := s.described(x, true)
	var b jsonvalue.ObjectBuilder
	text := func(key string, value *string) {
		if value != nil {
			b.Set(key, jsonvalue.String(*value))
		}
	}
	data := func(key string, value *string) {
		if value == nil {
			return
		}
		if v, err := jsonvalue.Parse(*value); parsed && err == nil {
			b.Set(key, v)
		} else {
			text(key, value)
		}
		b.Set(key+"Details", jsonvalue.ObjectOf(jsonvalue.Member{Key: "Included", Value: jsonvalue.Bool(true)}))
	}
	date := func(key string, at *time.Time) {
		if at != nil {
			b.Set(key, jsonvalue.Int(at.UnixMilli()))
		}
	}
	text("Cause", d.Cause)
	text("Error", d.Error)
	text("ExecutionArn", &d.ExecutionArn)
	data("Input", d.Input)
	text("Name", d.Name)
	data("Output", d.Output)
	b.Set("RedriveCount", jsonvalue.Int(int64(*d.RedriveCount)))
	text("RedriveStatus", d.RedriveStatus)
	text("RedriveStatusReason", d.RedriveStatusReason)
	date("StartDate", &d.StartDate)
	text("StateMachineAliasArn", d.StateMachineAliasArn)
	text("StateMachineArn", &d.StateMachineArn)
	text("StateMachineVersionArn", d.StateMachineVersionArn)
	text("Status", &d.Status)
	date("StopDate", d.StopDate)
	return b.Value()
}

// stopChild aborts an execution whose parent does not wait for it any more.
func (s *Service) stopChild(childARN string) {
	child, err := s.execution(s.spaceOf(childARN), childARN)
	if err != nil {
		return // it is gone
	}
	_ = s.apply(child, machine.Stop{}) // what cannot be saved is tried again by the child itself
}
