package machine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// The errors that the machine itself raises.
const (
	errorRuntime           = "States.Runtime"
	errorDataLimitExceeded = "States.DataLimitExceeded"
	errorQueryEvaluation   = "States.QueryEvaluationError"
	errorNoChoiceMatched   = "States.NoChoiceMatched"
	errorTimeout           = "States.Timeout"
	errorHeartbeatTimeout  = "States.HeartbeatTimeout"
	errorTaskFailed        = "States.TaskFailed"
	errorBranchFailed      = "States.BranchFailed"
	errorAll               = "States.ALL"
)

// A failure is an error on its way to a handler, or to the end of the execution.
type failure struct {
	name, cause *string
	ofTask      bool // a task reported it: States.TaskFailed matches
	ofBranch    bool // a branch of a Parallel ended in it: States.BranchFailed matches
}

// is reports whether the failure has this very name.
func (f *failure) is(name string) bool { return f.name != nil && *f.name == name }

// matches reports whether a name in ErrorEquals covers the failure.
//
// What cannot be processed at all is not covered by the wildcard. What is too large is: the
// Developer Guide says otherwise, but AWS was recorded to catch it.
func (f *failure) matches(name string) bool {
	switch name {
	case errorAll:
		return !f.is(errorRuntime)
	case errorTaskFailed:
		return f.is(name) || f.ofTask && !f.is(errorTimeout) && !f.is(errorHeartbeatTimeout) && !f.is(errorDataLimitExceeded)
	case errorTimeout:
		return f.is(errorTimeout) || f.is(errorHeartbeatTimeout)
	case errorBranchFailed:
		return f.is(name) || f.ofBranch
	default:
		return f.is(name)
	}
}

func (f *failure) matchesAny(names []string) bool { return slices.ContainsFunc(names, f.matches) }

// output returns the error as a catcher shows it.
func (f *failure) output() jsonvalue.Value {
	var b jsonvalue.ObjectBuilder
	if f.name != nil {
		b.Set("Error", jsonvalue.String(*f.name))
	}
	if f.cause != nil {
		b.Set("Cause", jsonvalue.String(*f.cause))
	}
	if b.Len() == 0 {
		// A failure that says nothing at all shows both as null.
		b.Set("Error", jsonvalue.Null())
		b.Set("Cause", jsonvalue.Null())
	}
	return b.Value()
}

func fail(name, cause string) *failure { return &failure{name: &name, cause: &cause} }

// while says in which state something failed.
func (r *run) while(f *frame, format string, args ...any) string {
	return fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). ",
		r.state(f).common.Name, f.Entered) + fmt.Sprintf(format, args...)
}

// runtimeFailure ends the execution: a state cannot be processed.
func (r *run) runtimeFailure(f *frame, format string, args ...any) *failure {
	return fail(errorRuntime, r.while(f, format, args...))
}

// queryFailure is what a JSONata state does wrong. It writes its own event, which links to the
// event before the state was entered when the state had no event of its own yet and late is
// false.
func (r *run) queryFailure(f *frame, field string, late bool, format string, args ...any) *failure {
	failed := fail(errorQueryEvaluation, r.while(f, format, args...))
	if f.Last == f.Entered && !late {
		f.Last = f.Before
	}
	r.emit(f, EventEvaluationFailed, &Details{
		Error: failed.name, Cause: failed.cause, Location: field, State: r.state(f).common.Name,
	})
	return failed
}

// tooLarge refuses data above the service's limit. name is the state's, or what its task calls.
func tooLarge(name string) *failure {
	return fail(errorDataLimitExceeded,
		fmt.Sprintf("The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", name))
}

// evaluation turns an error of an expression into a failure.
func (r *run) evaluation(f *frame, err error) *failure {
	var e *asl.EvalError
	if !errors.As(err, &e) {
		panic(fmt.Sprintf("machine: an expression failed with %T", err))
	}
	switch e.Name {
	case errorQueryEvaluation:
		return r.queryFailure(f, e.Field, false, "%s", e.Cause)
	default:
		return fail(e.Name, r.while(f, "%s", e.Cause))
	}
}

// handle deals with a failure of the frame's state: another attempt, a catcher, or the end of
// the flow.
func (r *run) handle(f *frame, failed *failure) {
	s := r.state(f)
	if failed.is(errorRuntime) {
		r.collapse(f, failed)
		return
	}
	if r.retry(f, s, failed) {
		return
	}
	for i := range s.handlers.Catch {
		if c := &s.handlers.Catch[i]; failed.matchesAny(c.ErrorEquals) {
			f.Group = nil
			r.emitFailed(f, s)
			if r.inspect != nil {
				r.inspect.CatchIndex = &i
			}
			r.catch(f, c, s.catchers[i], failed)
			return
		}
	}
	r.emitFailed(f, s)
	r.failFlow(f, failed)
}

// emitFailed writes that a state with frames of its own failed.
func (r *run) emitFailed(f *frame, s *state) {
	switch s.kind.id {
	case parallelState:
		r.emit(f, EventParallelStateFailed, nil)
	case mapState:
		r.emit(f, EventMapStateFailed, nil)
	}
}

// retry lets the first retrier that matches decide, and reports whether there is another
// attempt.
func (r *run) retry(f *frame, s *state, failed *failure) bool {
	for i := range s.handlers.Retry {
		retrier := &s.handlers.Retry[i]
		if !failed.matchesAny(retrier.ErrorEquals) {
			continue
		}
		if f.Retries == nil {
			f.Retries = make([]int32, len(s.handlers.Retry))
		}
		if r.inspect != nil {
			r.inspect.RetryIndex = &i
		}
		if int64(f.Retries[i]) >= retrier.MaxAttempts {
			return false
		}
		delay := r.delay(retrier, f.Retries[i])
		if r.inspect != nil {
			r.inspect.retriable(delay, failed)
			return true
		}
		f.Retries[i]++
		f.Retried++
		f.Group = nil
		r.sleep(f, retrying, r.now.Add(delay))
		return true
	}
	return false
}

// delay returns how long to wait before the attempt that follows n retries.
func (r *run) delay(retrier *asl.Retrier, n int32) time.Duration {
	seconds := float64(retrier.IntervalSeconds) * math.Pow(retrier.BackoffRate, float64(n))
	const longest = 365 * 24 * 3600 // no execution lives longer
	seconds = min(seconds, longest)
	if retrier.MaxDelaySeconds > 0 {
		seconds = min(seconds, float64(retrier.MaxDelaySeconds))
	}
	if retrier.FullJitter {
		seconds *= r.x.float()
	}
	return time.Duration(seconds * float64(time.Second))
}

// catch leads a failed state to where its catcher says.
func (r *run) catch(f *frame, c *asl.Catcher, next int32, failed *failure) {
	s := r.state(f)
	errorOutput := failed.output()
	output := documentOf(errorOutput)
	if s.jsonata {
		r.scope = asl.Scope{Input: f.Input.value, ErrorOutput: errorOutput, World: &r.world}
		if c.Output != nil {
			v, again := r.eval(f, c.Output)
			if again != nil {
				r.failFlow(f, again)
				return
			}
			output = documentOf(v)
		}
	} else {
		r.scope = asl.Scope{Root: errorOutput, World: &r.world}
		if c.ResultPath != nil {
			v, err := c.ResultPath.Set(f.Input.value, errorOutput)
			if err != nil {
				r.failFlow(f, r.evaluation(f, err))
				return
			}
			output = documentOf(v)
		}
	}
	assigned, again := r.assignments(f, c.Assign)
	if again == nil {
		again = r.checkSize(f, &output)
	}
	if again != nil {
		r.failFlow(f, again)
		return
	}
	if r.inspect != nil {
		r.inspect.caught(output, c.Next, failed)
		return
	}
	r.exit(f, output, assigned, next)
}
