package machine

import (
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
}

// An OpenTask is a task that the execution waits for.
type OpenTask struct {
	Call CallTask
	// Started and Submitted tell how far it is known to have come.
	Started, Submitted bool
}
