package machine

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// schedule is the Task state up to where somebody else has the work.
func (r *run) schedule(f *frame, s *state) *failure {
	def := s.def.(*asl.Task)
	t := &task{ID: r.x.lastTask + 1}
	if def.Resource.Kind == asl.Activity || def.Resource.Pattern == asl.WaitForTaskToken {
		t.Token = r.x.token()
	}
	f.Task = t // the context object shows the token
	failed := r.prepare(f, s, def, t)
	if failed != nil {
		f.Task = nil
		return failed
	}
	if def.Resource.Kind == asl.Activity && slices.Contains(r.x.Missing, def.Resource.Text) {
		f.Task = nil
		return r.noActivity(f, def)
	}
	r.x.lastTask++
	r.x.tasks = append(r.x.tasks, f)
	f.Phase = working
	r.emitScheduled(f, def, t)
	if def.Resource.Kind != asl.Activity {
		r.startClocks(f)
	}
	r.result.Effects = append(r.result.Effects, r.call(f))
	return nil
}

// prepare evaluates what the task is given.
func (r *run) prepare(f *frame, s *state, def *asl.Task, t *task) *failure {
	input, failed := r.argument(f, s, def.Input)
	if failed != nil {
		return failed
	}
	if input.value.Size() > maxPayload {
		return tooLarge(taskName(def))
	}
	t.Input = input.value
	selected, failed := r.effectiveInput(f, s)
	if failed != nil {
		return failed
	}
	r.look(selected.value)
	if s.jsonata {
		r.lookAt(f, jsonvalue.Value{})
	}
	if t.Timeout, failed = r.seconds(f, s, def.TimeoutSeconds, def.TimeoutSecondsPath, "TimeoutSeconds"); failed != nil {
		return failed
	}
	if t.Heartbeat, failed = r.seconds(f, s, def.HeartbeatSeconds, def.HeartbeatSecondsPath, "HeartbeatSeconds"); failed != nil {
		return failed
	}
	if def.RoleARN == nil {
		return nil
	}
	role, failed := r.eval(f, def.RoleARN)
	t.RoleARN = role.Str()
	return failed
}

// seconds evaluates a time-out, literal or by path; 0 if there is none.
func (r *run) seconds(f *frame, s *state, literal, path asl.Expression, field string) (int64, *failure) {
	e := literal
	if e == nil {
		if e = path; e == nil {
			return 0, nil
		}
	}
	v, failed := r.eval(f, e)
	if failed != nil {
		return 0, failed
	}
	n, err := strconv.ParseInt(v.Text(), 10, 64)
	switch {
	case err == nil && n > 0 && n <= 99_999_999:
		return n, nil
	case s.jsonata:
		return 0, r.queryFailure(f, field, true, "The %s field must be a whole number between 1 and 99999999, but was: %s", field, v)
	case err != nil:
		return 0, r.runtimeFailure(f, "The %sPath parameter cannot be parsed as a long value: %s == %s", field, path, v.Text())
	default:
		return 0, r.runtimeFailure(f, "The %sPath parameter must be between 1 and 99999999: %s == %s", field, path, v.Text())
	}
}

// call returns the effect that asks for the frame's task.
func (r *run) call(f *frame) CallTask { return callOf(r.p, r.x, f) }

func callOf(p *Program, x *Execution, f *frame) CallTask {
	s := p.states[f.State]
	if def, ok := s.def.(*asl.Map); ok {
		return callOfMap(x, f, s, def)
	}
	def, t := s.def.(*asl.Task), f.Task
	role := t.RoleARN
	if role == "" {
		role = x.start.Context.RoleARN
	}
	return CallTask{
		Task: t.ID, Kind: def.Resource.Kind, Resource: def.Resource.Text,
		Service: def.Resource.Service, Action: def.Resource.Action, Pattern: def.Resource.Pattern,
		Token: t.Token, Input: t.Input, RoleARN: role,
		Timeout: time.Duration(t.Timeout) * time.Second, Heartbeat: time.Duration(t.Heartbeat) * time.Second,
		Name: s.common.Name,
	}
}

// open returns the frame that waits for a task, or nil.
func (r *run) open(id TaskID) *frame {
	if !r.running() {
		return nil
	}
	return r.x.open(id)
}

func (r *run) taskStarted(f *frame, worker string) {
	if f.Task.Started {
		return
	}
	f.Task.Started = true
	def := r.task(f)
	if def.Resource.Kind == asl.Activity {
		r.startClocks(f)
	} else {
		r.expectBeat(f)
	}
	switch def.Resource.Kind {
	case asl.LambdaFunction:
		r.emit(f, EventLambdaFunctionStarted, nil)
	case asl.Activity:
		r.emit(f, EventActivityStarted, &Details{WorkerName: worker})
	default:
		r.emit(f, EventTaskStarted, resourceDetails(def))
	}
}

func (r *run) task(f *frame) *asl.Task { return r.state(f).def.(*asl.Task) }

func (r *run) taskSubmitted(f *frame, ev TaskSubmitted) {
	def := r.task(f)
	if f.Task.Submitted || def.Resource.Pattern == asl.RequestResponse || def.Resource.Kind == asl.LambdaFunction || def.Resource.Kind == asl.Activity {
		return
	}
	r.taskStarted(f, "")
	f.Task.Submitted = true
	d := resourceDetails(def)
	d.Output = ev.Output.String()
	r.emit(f, EventTaskSubmitted, d)
}

func (r *run) taskSucceeded(f *frame, ev TaskSucceeded) {
	def := r.task(f)
	r.taskStarted(f, "")
	result := document{ev.Output, ev.OutputText}
	if result.value.Size() > maxPayload {
		r.taskFailedWith(f, WhileRunning, tooLarge(taskName(def)))
		return
	}
	switch def.Resource.Kind {
	case asl.LambdaFunction:
		r.emit(f, EventLambdaFunctionSucceeded, &Details{Output: result.json()})
	case asl.Activity:
		r.emit(f, EventActivitySucceeded, &Details{Output: result.json()})
	default:
		d := resourceDetails(def)
		d.Output = result.json()
		r.emit(f, EventTaskSucceeded, d)
	}
	r.closeTask(f)
	if r.inspect != nil {
		r.inspect.Result = result.json()
	}
	if failed := r.withResult(f, r.state(f), def.ResultSelector, def.ResultPath, result); failed != nil {
		r.handle(f, failed)
	}
}

func (r *run) taskFailed(f *frame, ev TaskFailed) {
	if def := r.task(f); def.Resource.Kind == asl.Activity && ev.Stage == WhileScheduling {
		// It was deleted at the moment at which the task was scheduled.
		r.closeTask(f)
		r.handle(f, r.noActivity(f, def))
		return
	}
	if ev.Stage == WhileRunning || ev.Stage == WhileSubmitting {
		r.taskStarted(f, "")
	}
	r.taskFailedWith(f, ev.Stage, &failure{name: ev.Error, cause: ev.Cause, ofTask: true})
}

// noActivity is the failure of a task whose activity was deleted. No event of the task's own
// tells of it.
func (r *run) noActivity(f *frame, def *asl.Task) *failure {
	return r.runtimeFailure(f, "The activity %s does not exist.", def.Resource.Text)
}

func (r *run) taskFailedWith(f *frame, stage Stage, failed *failure) {
	def := r.task(f)
	d := &Details{}
	if def.Resource.Kind == asl.Integration || def.Resource.Kind == asl.SDK {
		d = resourceDetails(def)
	}
	d.Error, d.Cause = failed.name, failed.cause
	r.emit(f, failedEvent(def.Resource.Kind, stage), d)
	r.closeTask(f)
	r.handle(f, failed)
}

func failedEvent(k asl.ResourceKind, stage Stage) EventType {
	switch k {
	case asl.LambdaFunction:
		switch stage {
		case WhileScheduling:
			return EventLambdaFunctionScheduleFailed
		case WhileStarting:
			return EventLambdaFunctionStartFailed
		default:
			return EventLambdaFunctionFailed
		}
	case asl.Activity:
		return EventActivityFailed
	default:
		switch stage {
		case WhileScheduling, WhileStarting:
			return EventTaskStartFailed
		case WhileSubmitting:
			return EventTaskSubmitFailed
		default:
			return EventTaskFailed
		}
	}
}

// taskTimedOut fails a task that took too long, or whose worker went silent.
func (r *run) taskTimedOut(f *frame, name string) {
	def := r.task(f)
	failed := &failure{name: &name, ofTask: true}
	r.result.Effects = append(r.result.Effects, CancelTask{f.Task.ID})
	if def.Resource.Kind != asl.Activity {
		r.taskStarted(f, "") // it was called when it was scheduled; only an activity waits for who takes it
	}
	switch def.Resource.Kind {
	case asl.LambdaFunction:
		r.emit(f, EventLambdaFunctionTimedOut, &Details{Error: failed.name})
	case asl.Activity:
		r.emit(f, EventActivityTimedOut, &Details{Error: failed.name})
	default:
		d := resourceDetails(def)
		d.Error = failed.name
		r.emit(f, EventTaskTimedOut, d)
	}
	r.closeTask(f)
	r.handle(f, failed)
}

func (r *run) taskHeartbeat(f *frame) {
	r.taskStarted(f, "")
	r.expectBeat(f)
}

// startClocks begins to count a task's time-out and heartbeats. For an activity that is when a
// worker takes the task, for anything else when it is scheduled.
//
// Source: Step Functions Developer Guide, "Task workflow state", TimeoutSeconds.
func (r *run) startClocks(f *frame) {
	if t := f.Task; t.Timeout > 0 {
		t.Deadline = r.now.Add(time.Duration(t.Timeout) * time.Second)
		r.x.timers.add(t.Deadline, f, onDeadline)
	}
	r.expectBeat(f)
}

// expectBeat sets when the next sign of life is due.
func (r *run) expectBeat(f *frame) {
	t := f.Task
	if t.Heartbeat == 0 {
		return
	}
	first := t.Beat.IsZero()
	t.Beat = r.now.Add(time.Duration(t.Heartbeat) * time.Second)
	if first {
		r.x.timers.add(t.Beat, f, onBeat)
	}
}

func (r *run) emitScheduled(f *frame, def *asl.Task, t *task) {
	input := t.Input.String()
	switch def.Resource.Kind {
	case asl.LambdaFunction:
		r.emit(f, EventLambdaFunctionScheduled, &Details{
			Resource: def.Resource.Text, Input: input, TimeoutInSeconds: t.Timeout, TaskRoleARN: t.RoleARN,
		})
	case asl.Activity:
		r.emit(f, EventActivityScheduled, &Details{
			Resource: def.Resource.Text, Input: input, TimeoutInSeconds: t.Timeout, HeartbeatInSeconds: t.Heartbeat,
		})
	default:
		d := resourceDetails(def)
		d.Region, d.Parameters = r.x.start.Region, input
		d.TimeoutInSeconds, d.HeartbeatInSeconds, d.TaskRoleARN = t.Timeout, t.Heartbeat, t.RoleARN
		r.emit(f, EventTaskScheduled, d)
	}
}

// resourceDetails names an integration as the history does: "startExecution.sync:2" and
// "states", "getObject" and "aws-sdk:s3".
func resourceDetails(def *asl.Task) *Details {
	kind := def.Resource.Service
	if def.Resource.Kind == asl.SDK {
		kind = "aws-sdk:" + kind
	}
	return &Details{Resource: def.Resource.Action + def.Resource.Pattern.Suffix(), ResourceType: kind}
}

// taskName is what AWS calls a task whose data is too large.
func taskName(def *asl.Task) string {
	if def.Resource.Service != "" {
		return def.Resource.Service
	}
	return def.Resource.Text
}

// closeTask forgets the frame's task, which has ended.
func (r *run) closeTask(f *frame) {
	r.x.forget(f.Task.ID)
	f.Task = nil
}

// drop takes the work from a frame that stops: nobody waits for its task any more.
func (r *run) drop(f *frame) {
	f.Wake = time.Time{}
	if f.Task != nil {
		r.result.Effects = append(r.result.Effects, CancelTask{f.Task.ID})
		r.closeTask(f)
	}
}

// token draws a task token. Nobody can guess one who does not know the execution's seed.
func (x *Execution) token() string {
	var raw [48]byte
	for i := 0; i < len(raw); i += 8 {
		binary.LittleEndian.PutUint64(raw[i:], x.draw())
	}
	return "AQC" + base64.RawStdEncoding.EncodeToString(raw[:])
}
