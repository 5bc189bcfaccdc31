package machine

import (
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

const (
	maxPayload = 262_144 // bytes of an input, an output, or what a task is given or returns
	maxEvents  = 25_000  // of a Standard execution's history
	// maxTransitions is how far one Step goes. A machine that loops without waiting is taken up
	// again by the next Tick, so that it cannot hold up its caller.
	maxTransitions = 5_000

	longestStandard = 365 * 24 * time.Hour
	longestExpress  = 5 * time.Minute
)

// New returns an execution that has not begun.
func New(_ *Program, s Start) *Execution {
	x := &Execution{Status: StatusRunning, input: document{s.Input, s.InputText}, draws: s.Seed}
	s.Input, s.InputText = jsonvalue.Value{}, ""
	x.start = s
	return x
}

// Step tells an execution of one event. now must not be before that of an earlier Step. An
// event that does not fit, such as the answer of a task that is gone or anything after the
// end, changes nothing.
func Step(p *Program, x *Execution, ev Event, now time.Time) Result {
	r := &run{p: p, x: x, now: now}
	r.world.r = r
	x.lastStep = now
	switch ev := ev.(type) {
	case Begin:
		r.begin()
	case Redrive:
		r.redrive()
	case Stop:
		if r.running() {
			r.abort(ev)
		}
	case Tick:
		if r.running() {
			r.tick()
		}
	case TaskStarted:
		if f := r.open(ev.Task); f != nil && f.Task.Transfer == nil {
			r.taskStarted(f, ev.WorkerName)
		}
	case TaskSubmitted:
		if f := r.open(ev.Task); f != nil && f.Task.Transfer == nil {
			r.taskSubmitted(f, ev)
		}
	case TaskSucceeded:
		switch f := r.open(ev.Task); {
		case f == nil:
		case f.Task.Transfer != nil:
			r.transferred(f, ev.Output)
		default:
			r.taskSucceeded(f, ev)
		}
	case TaskFailed:
		switch f := r.open(ev.Task); {
		case f == nil:
		case f.Task.Transfer != nil:
			r.notTransferred(f, ev.Cause)
		default:
			r.taskFailed(f, ev)
		}
	case TaskHeartbeat:
		if f := r.open(ev.Task); f != nil && f.Task.Transfer == nil {
			r.taskHeartbeat(f)
		}
	case UpdateMapRun:
		if r.running() {
			r.updateMapRun(ev)
		}
	default:
		panic(fmt.Sprintf("machine: event of type %T", ev))
	}
	r.advance()
	r.result.Wake, _ = x.Wake()
	return r.result
}

// A run is one Step under way.
type run struct {
	p      *Program
	x      *Execution
	now    time.Time
	result Result
	full   bool // the history has no room for another event but the last

	// What the expression at hand sees. They are here so that evaluating allocates nothing.
	scope asl.Scope
	world world

	inspect *StateTest // when a state is tested alone
}

func (r *run) running() bool { return r.x.begun() && r.x.Status == StatusRunning }

func (r *run) state(f *frame) *state { return r.p.states[f.State] }

func (r *run) begin() {
	x := r.x
	if x.begun() || x.Status != StatusRunning {
		return
	}
	x.deadline = r.now.Add(r.longest())
	c := &x.start.Context
	r.append(EventExecutionStarted, 0, &Details{
		Input: x.input.json(), RoleARN: c.RoleARN,
		StateMachineVersionARN: c.StateMachineVersionARN, StateMachineAliasARN: c.StateMachineAliasARN,
	})
	x.root = r.spawn(nil, 0, r.p.start, x.input)
}

// spawn makes a frame that is ready to enter a state.
func (r *run) spawn(parent *frame, index, state int32, input document) *frame {
	r.x.frames++
	f := &frame{parent: parent, Serial: r.x.frames, Index: index, State: state, Input: input}
	if parent != nil {
		f.Last = parent.Last
	}
	r.x.queue = append(r.x.queue, f)
	return f
}

// advance lets all frames that can go on do so.
func (r *run) advance() {
	x := r.x
	for next := 0; ; next++ {
		if r.full && x.Status == StatusRunning {
			r.finish(x.root, StatusFailed, fail(errorRuntime,
				fmt.Sprintf("The execution reached the maximum number of history events (%d).", maxEvents)))
		}
		if x.Status != StatusRunning {
			x.queue = nil
			return
		}
		if next == len(x.queue) || r.result.Transitions >= maxTransitions {
			x.queue = append(x.queue[:0], x.queue[next:]...)
			if len(x.queue) == 0 {
				x.queue = nil
			}
			return
		}
		switch f := x.queue[next]; f.Phase {
		case ready:
			r.enter(f)
		case again:
			r.result.Transitions++
			r.work(f)
		default:
			// The frame was stopped while it stood in the queue.
		}
	}
}

// enter takes a frame into the state that it stands before.
func (r *run) enter(f *frame) {
	s := r.state(f)
	f.Before = f.Last
	f.Retries, f.Retried = nil, 0
	f.EnteredAt = r.now
	r.result.Transitions++
	r.emit(f, s.kind.entered, &Details{Name: s.common.Name, Input: f.Input.json()})
	f.Entered = f.Last
	r.work(f)
}

// work does what the frame's state does.
func (r *run) work(f *frame) {
	s := r.state(f)
	var failed *failure
	switch s.kind.id {
	case passState:
		failed = r.pass(f, s)
	case taskState:
		failed = r.schedule(f, s)
	case choiceState:
		failed = r.choose(f, s)
	case waitState:
		failed = r.wait(f, s)
	case succeedState:
		failed = r.passOn(f, s, s.way())
	case failState:
		failed = r.failState(f, s)
		if failed != nil && !failed.is(errorRuntime) {
			r.failFlow(f, failed)
			return
		}
	case parallelState:
		failed = r.fork(f, s)
	case mapState:
		failed = r.iterate(f, s)
	default:
		panic(fmt.Sprintf("machine: state of kind %d", s.kind.id))
	}
	if failed != nil {
		r.handle(f, failed)
	}
}

// exit leaves the frame's state with an output.
func (r *run) exit(f *frame, output document, assigned []variable, next int32) {
	s := r.state(f)
	details := &Details{Name: s.common.Name, Output: output.json()}
	for _, a := range assigned {
		details.AssignedVariables = append(details.AssignedVariables, Assignment{a.Name, a.Value.String()})
		f.assign(a.Name, a.Value)
	}
	r.emit(f, s.kind.exited, details)
	f.Group = nil
	f.Input = output
	if next == none {
		r.complete(f, output)
		return
	}
	f.State, f.Phase = next, ready
	r.x.queue = append(r.x.queue, f)
}

// complete ends the flow of a frame well.
func (r *run) complete(f *frame, output document) {
	if f.Child != nil {
		r.childDone(f, output)
		return
	}
	if f.parent == nil {
		x := r.x
		x.Status, x.Output, x.OutputText = StatusSucceeded, output.value, output.json()
		r.append(EventExecutionSucceeded, f.Last, &Details{Output: x.OutputText})
		x.release()
		return
	}
	r.joined(f, output)
}

// failFlow ends the flow of a frame badly.
func (r *run) failFlow(f *frame, failed *failure) {
	if r.inspect != nil {
		r.inspect.failed(failed)
		return
	}
	if failed.is(errorRuntime) {
		r.collapse(f, failed)
		return
	}
	switch {
	case f.Child != nil:
		r.childFailed(f, failed)
	case f.parent == nil:
		r.finish(f, StatusFailed, failed)
	default:
		r.broken(f, failed)
	}
}

// collapse ends the execution, or the child of a distributed Map, that f belongs to.
func (r *run) collapse(f *frame, failed *failure) {
	if r.inspect != nil {
		r.inspect.failed(failed)
		return
	}
	if c := f.owner(); c != nil {
		r.childFailed(c, failed)
		return
	}
	r.finish(f, StatusFailed, failed)
}

// finish ends the execution badly.
func (r *run) finish(f *frame, status Status, failed *failure) {
	x := r.x
	x.Status, x.Error, x.Cause = status, failed.name, failed.cause
	r.append(EventExecutionFailed, f.Last, &Details{Error: failed.name, Cause: failed.cause})
	r.stop(x.root)
}

// stop leaves a frame and those below it where they are, for a redrive.
func (r *run) stop(f *frame) {
	if f == nil {
		return
	}
	r.drop(f)
	f.halt()
	if f.Group != nil {
		for _, child := range f.Group.Frames {
			r.stop(child)
		}
	}
}

// abort ends the execution by order. The event links to nothing, as AWS's does.
func (r *run) abort(ev Stop) {
	x := r.x
	x.Status, x.Error, x.Cause = StatusAborted, ev.Error, ev.Cause
	r.append(EventExecutionAborted, 0, &Details{Error: ev.Error, Cause: ev.Cause})
	r.stop(x.root)
}

// expire ends an execution whose time is over.
func (r *run) expire() {
	x := r.x
	name := errorTimeout
	x.Status, x.Error, x.Cause = StatusTimedOut, &name, nil
	r.append(EventExecutionTimedOut, 0, &Details{Error: &name})
	r.stop(x.root)
}

// emit writes an event of a frame's course.
func (r *run) emit(f *frame, t EventType, d *Details) {
	f.Last = r.record(f, f.Last, t, d)
}

// leaf writes an event of a frame's course that no other one links to, and returns its number.
func (r *run) leaf(f *frame, previous int64, t EventType, d *Details) int64 {
	return r.record(f, previous, t, d)
}

// record writes an event into the history that the frame belongs to. Those of the children of
// a distributed Map are not kept, only numbered.
func (r *run) record(f *frame, previous int64, t EventType, d *Details) int64 {
	if len(r.x.mapRuns) > 0 {
		if owner := f.owner(); owner != nil {
			r.result.Unkept++
			owner.Child.Events++
			return owner.Child.Events
		}
	}
	return r.append(t, previous, d)
}

// append writes an event and returns its number. The last place of a full history is for the
// event that ends the execution.
func (r *run) append(t EventType, previous int64, d *Details) int64 {
	x := r.x
	if !x.start.Express && x.EventCount >= maxEvents-1 {
		r.full = true
		if x.Status == StatusRunning || x.EventCount >= maxEvents {
			return previous
		}
	}
	x.EventCount++
	r.result.History = append(r.result.History, HistoryEvent{
		ID: x.EventCount, PreviousID: previous, At: r.now, Type: t, Details: d,
	})
	return x.EventCount
}

// eval evaluates an expression in the scope at hand.
func (r *run) eval(f *frame, e asl.Expression) (jsonvalue.Value, *failure) {
	r.world.look(f)
	v, err := e.Eval(&r.scope)
	if err != nil {
		return jsonvalue.Value{}, r.evaluation(f, err)
	}
	return v, nil
}

// checkSize refuses a state's output above the limit.
func (r *run) checkSize(f *frame, d *document) *failure {
	if d.value.Size() > maxPayload {
		return tooLarge(r.state(f).common.Name)
	}
	return nil
}
