package machine

import (
	"errors"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A StateTest runs one state alone, as TestState does. Begin enters the state; where that is a
// Task and nothing is mocked, it returns the call to carry out, and Answer takes its end. What
// came of it is there once Done.
//
// Source: Step Functions API, TestState, and what it was recorded to answer.
type StateTest struct {
	// State is the state to test, anywhere in the program.
	State string
	// Start gives the input and what the context object shows.
	Start Start
	// Context replaces the context object; Undefined: it is made of Start.
	Context jsonvalue.Value
	// Variables is an object with the values of variables; Undefined: there are none.
	Variables jsonvalue.Value
	// Mock stands for the state's work; nil: there is none.
	Mock *Mock
	// RetryCount is how often each retrier has tried already.
	RetryCount int32
	// FailedIterations is how many iterations of a Map count as failed.
	FailedIterations int

	// Outcome is how the test ended, and Inspection how the data went through the state.
	Outcome
	Inspection

	frame *frame
	x     *Execution
	p     *Program
}

// An Outcome is how a tested state ended.
type Outcome struct {
	Status       TestStatus
	Next         string  // empty at the end of a flow
	Error, Cause *string // nil where the state gave none
	output       document
}

// A Mock is what a state's work is said to have given: a result, or an error when Result is
// Undefined.
type Mock struct {
	Result       jsonvalue.Value
	ResultText   string // the text of Result, shown as it is
	Error, Cause *string
}

// A TestStatus is how a tested state ended.
type TestStatus string

// The statuses, as the API spells them. TestPending is that of a test that waits for its task.
const (
	TestPending     TestStatus = ""
	TestSucceeded   TestStatus = "SUCCEEDED"
	TestFailed      TestStatus = "FAILED"
	TestRetriable   TestStatus = "RETRIABLE"
	TestCaughtError TestStatus = "CAUGHT_ERROR"
)

// An Inspection holds the data at each point of a state, as JSON texts; empty where the state
// has no such point.
type Inspection struct {
	Input               string
	AfterInputPath      string
	AfterParameters     string
	AfterArguments      string
	AfterItemsPath      string
	Result              string
	AfterResultSelector string
	AfterResultPath     string

	// CatchIndex and RetryIndex are the handlers that took the error.
	CatchIndex, RetryIndex      *int
	RetryBackoffIntervalSeconds *int64
	// MaxConcurrency is that of a Map, 0 when it sets none. The others are nil when it sets
	// none.
	MaxConcurrency             *int64
	ToleratedFailureCount      *int64
	ToleratedFailurePercentage *float64
}

// ErrNoSuchState means that a test names a state that the definition does not have.
var ErrNoSuchState = errors.New("State not found in definition") //nolint:staticcheck // AWS's words

// Begin enters the state. When it returns a call, the test goes on with Answer.
func (t *StateTest) Begin(p *Program, now time.Time) (*CallTask, error) {
	place := none
	for i, s := range p.states {
		if s.common.Name == t.State {
			place = int32(i)
		}
	}
	if place == none {
		return nil, ErrNoSuchState
	}
	t.p, t.x = p, New(p, t.Start)
	t.Inspection.Input = t.x.input.json()
	t.frame = &frame{Serial: 1, State: place, Input: t.x.input}
	t.x.root = t.frame
	t.x.EventCount = 1
	for name, v := range t.Variables.Members() {
		t.frame.assign(name, v)
	}
	r := t.run(now)
	f, s := t.frame, r.state(t.frame)
	f.EnteredAt = now
	f.Retries = make([]int32, len(s.handlers.Retry))
	for i := range f.Retries {
		f.Retries[i] = t.RetryCount
	}
	f.Retried = t.RetryCount
	f.Entered = 2
	f.Last = 2
	t.enter(r, f, s)
	if t.Status == TestPending && f.Task != nil {
		call := r.call(f)
		return &call, nil
	}
	return nil, nil
}

func (t *StateTest) run(now time.Time) *run {
	r := &run{p: t.p, x: t.x, now: now, inspect: t}
	r.world.r = r
	r.world.look(t.frame)
	return r
}

func (t *StateTest) enter(r *run, f *frame, s *state) {
	var broken *failure
	switch s.kind.id {
	case taskState:
		if r.work(f); t.Mock != nil && f.Task != nil {
			t.mocked(r, f)
		}
		return
	case parallelState:
		def := s.def.(*asl.Parallel)
		if _, broken = r.argument(f, s, def.Input); broken == nil {
			broken = t.mockedGroup(r, f, s, def.ResultSelector, def.ResultPath)
		}
	case mapState:
		broken = t.mapState(r, f, s)
	case waitState:
		// The test looks at the data; it does not wait.
		if _, broken = r.waitUntil(f, s); broken == nil {
			broken = r.passOn(f, s, s.way())
		}
	default:
		r.work(f)
		return
	}
	if broken != nil {
		r.handle(f, broken)
	}
}

func (t *StateTest) mapState(r *run, f *frame, s *state) *failure {
	def := s.def.(*asl.Map)
	input, broken := r.effectiveInput(f, s)
	if broken != nil {
		return broken
	}
	if def.ItemReader == nil {
		if _, broken = r.items(f, s, def, input.value); broken != nil {
			return broken
		}
	} else {
		t.AfterInputPath = ""
	}
	if broken = t.bounds(r, f, s, def, input.value); broken != nil {
		return broken
	}
	if t.Mock != nil && t.Mock.Result.IsDefined() && t.exceeded(t.Mock.Result.Len()) {
		return fail("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded")
	}
	return t.mockedGroup(r, f, s, def.ResultSelector, def.ResultPath)
}

// bounds evaluates the numbers of a Map.
func (t *StateTest) bounds(r *run, f *frame, s *state, def *asl.Map, input jsonvalue.Value) *failure {
	concurrency := int64(0)
	if firstOf(def.MaxConcurrency, def.MaxConcurrencyPath) != nil {
		n, broken := r.concurrency(f, s, def, input, 1<<31)
		if broken != nil {
			return broken
		}
		if concurrency = int64(n); concurrency == 1<<31 {
			concurrency = 0
		}
	}
	t.MaxConcurrency = &concurrency
	var m MapRun
	if broken := r.tolerance(f, s, def, input, &m); broken != nil {
		return broken
	}
	if firstOf(def.ToleratedFailureCount, def.ToleratedFailureCountPath) != nil {
		t.ToleratedFailureCount = &m.ToleratedFailureCount
	}
	if firstOf(def.ToleratedFailurePercentage, def.ToleratedFailurePercentagePath) != nil {
		t.ToleratedFailurePercentage = &m.ToleratedFailurePercentage
	}
	return nil
}

// exceeded reports whether more iterations failed than the Map tolerates. One that sets no
// tolerance is not held to any.
func (t *StateTest) exceeded(iterations int) bool {
	if n := t.ToleratedFailureCount; n != nil && int64(t.FailedIterations) > *n {
		return true
	}
	share := t.ToleratedFailurePercentage
	return share != nil && iterations > 0 && 100*float64(t.FailedIterations)/float64(iterations) > *share
}

// mockedGroup ends a Parallel or a Map with what was mocked.
func (t *StateTest) mockedGroup(r *run, f *frame, s *state, selector asl.Expression, path *asl.ResultPath) *failure {
	if t.Mock == nil {
		return r.runtimeFailure(f, "A %s state cannot be tested without a mock.", s.def.Type())
	}
	if !t.Mock.Result.IsDefined() {
		return &failure{name: t.Mock.Error, cause: t.Mock.Cause, ofBranch: s.kind.id == parallelState}
	}
	return r.withResult(f, s, selector, path, document{t.Mock.Result, t.Mock.ResultText})
}

// mocked ends the task with what was mocked.
func (t *StateTest) mocked(r *run, f *frame) {
	if t.Mock.Result.IsDefined() {
		r.taskSucceeded(f, TaskSucceeded{Output: t.Mock.Result, OutputText: t.Mock.ResultText})
		return
	}
	r.taskFailed(f, TaskFailed{Error: t.Mock.Error, Cause: t.Mock.Cause})
}

// Answer tells the test how its task went: TaskSucceeded or TaskFailed. Other events say
// nothing about how it ended and are ignored.
func (t *StateTest) Answer(ev Event, now time.Time) {
	if t.Done() || t.frame == nil || t.frame.Task == nil {
		return
	}
	r := t.run(now)
	switch ev := ev.(type) {
	case TaskSucceeded:
		r.taskSucceeded(t.frame, ev)
	case TaskFailed:
		r.taskFailed(t.frame, ev)
	}
}

// Done reports whether the test has its answer.
func (t *StateTest) Done() bool { return t.Status != TestPending }

// OutputText returns the JSON text of what a state gave that succeeded or caught its error;
// empty if there is none.
func (t *StateTest) OutputText() string { return t.output.json() }

func (t *StateTest) succeeded(output document, next string) {
	t.Status, t.output, t.Next = TestSucceeded, output, next
}

func (t *StateTest) caught(output document, next string, failed *failure) {
	t.Status, t.output, t.Next = TestCaughtError, output, next
	t.Error, t.Cause = failed.name, failed.cause
}

func (t *StateTest) retriable(delay time.Duration, failed *failure) {
	seconds := int64(delay / time.Second)
	t.Status, t.RetryBackoffIntervalSeconds = TestRetriable, &seconds
	t.Error, t.Cause = failed.name, failed.cause
}

func (t *StateTest) failed(failed *failure) {
	t.Status, t.Error, t.Cause = TestFailed, failed.name, failed.cause
}
