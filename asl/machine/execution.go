package machine

import (
	"cmp"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A Status is that of an execution, named as the Step Functions API names it.
type Status string

// The statuses. All but StatusRunning are final, until a Redrive.
const (
	StatusRunning   Status = "RUNNING"
	StatusSucceeded Status = "SUCCEEDED"
	StatusFailed    Status = "FAILED"
	StatusTimedOut  Status = "TIMED_OUT"
	StatusAborted   Status = "ABORTED"
)

// A Context is what an execution knows about itself; the states see it as the context object.
type Context struct {
	ExecutionARN, ExecutionName string
	RoleARN                     string
	StartTime                   time.Time
	StateMachineARN             string // unqualified
	StateMachineName            string
	// StateMachineVersionARN and StateMachineAliasARN are empty unless the execution was
	// started through them. They are shown in the history.
	StateMachineVersionARN, StateMachineAliasARN string
	RedriveCount                                 int64
	RedriveTime                                  time.Time // zero before the first redrive
}

// A Start is everything that a new execution is given.
type Start struct {
	Input jsonvalue.Value
	// InputText is the text that Input was read from. The history shows it unchanged where no
	// state has touched it, as AWS does. Empty: Input's compact form.
	InputText string
	Context   Context
	// Region, Account and Partition are where the execution runs: "eu-west-1",
	// "111111111111", "aws".
	Region, Account, Partition string
	// Seed decides every draw of this execution: jitter, States.MathRandom, States.UUID and
	// task tokens. It should be drawn afresh for each execution.
	Seed uint64
	// Express bounds the execution to 5 minutes and lifts the limit on history events.
	Express bool
}

// An Execution is the whole state of one execution. It is not safe for use by several
// goroutines at once.
type Execution struct {
	Status Status
	// Output is Undefined until the execution has succeeded; OutputText is its JSON text as
	// the history shows it.
	Output     jsonvalue.Value
	OutputText string
	// Error and Cause are those of an execution that failed, timed out or was aborted; nil
	// where none was given.
	Error, Cause *string
	// Missing are those of the Program's Activities that do not exist. Whoever calls Step says
	// so before it; this is not saved.
	Missing []string
	// EventCount is the number of history events so far.
	EventCount int64

	start    Start // without the input
	input    document
	draws    uint64 // state of the random numbers
	deadline time.Time
	lastStep time.Time
	frames   int64 // how many there have been
	lastTask TaskID
	root     *frame
	queue    []*frame // those that can go on
	mapRuns  []*MapRun

	// These are found again when an execution is loaded.
	tasks  []*frame // those that wait for a task, by its ID
	timers timers
}

// RedriveCount returns how often the execution was taken up again, and when last.
func (x *Execution) RedriveCount() (count int64, last time.Time) {
	return x.start.Context.RedriveCount, x.start.Context.RedriveTime
}

// Waiting says whether the execution waits for a task.
func (x *Execution) Waiting() bool { return len(x.tasks) > 0 }

// OpenTasks returns the tasks that the execution waits for, oldest first.
func (x *Execution) OpenTasks(p *Program) []OpenTask {
	list := make([]OpenTask, len(x.tasks))
	for i, f := range x.tasks {
		list[i] = OpenTask{Call: callOf(p, x, f), Started: f.Task.Started, Submitted: f.Task.Submitted}
	}
	return list
}

func (x *Execution) begun() bool { return x.EventCount > 0 }

// open returns the frame that waits for a task, or nil.
func (x *Execution) open(id TaskID) *frame {
	if i, ok := x.findTask(id); ok {
		return x.tasks[i]
	}
	return nil
}

// forget takes a task off the list.
func (x *Execution) forget(id TaskID) {
	if i, ok := x.findTask(id); ok {
		x.tasks = slices.Delete(x.tasks, i, i+1)
	}
	if len(x.tasks) == 0 {
		x.tasks = nil
	}
}

func (x *Execution) findTask(id TaskID) (int, bool) {
	return slices.BinarySearchFunc(x.tasks, id, func(f *frame, id TaskID) int { return cmp.Compare(f.Task.ID, id) })
}

// release drops what a finished execution does not need.
func (x *Execution) release() {
	x.root, x.queue, x.tasks, x.timers = nil, nil, nil, nil
	x.input = document{}
}

// A Result is what one Step did, and what the world has to do now.
type Result struct {
	// History holds the events that were added, in order.
	History []HistoryEvent
	// Effects are to be carried out in order, after execution and history are saved.
	Effects []Effect
	// Wake is when a Tick is due at the latest; zero when no timer runs.
	Wake time.Time
	// Transitions counts the states that were entered or retried, AWS's unit of billing.
	Transitions int
	// Unkept counts the events of children of distributed Maps, which are in no history. The
	// execution changed when there are any.
	Unkept int
}

// An OpenTask is a task that the execution waits for.
type OpenTask struct {
	Call CallTask
	// Started and Submitted tell how far it is known to have come.
	Started, Submitted bool
}
