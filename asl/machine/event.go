package machine

import (
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// An Event is something that the world tells an execution. The set is closed.
type Event interface{ event() }

type (
	// Begin starts the execution. It must be the first event and comes once.
	Begin struct{}

	// Tick says that time has passed: timers due at or before Step's now fire.
	Tick struct{}

	// TaskStarted says that somebody took the task up: the integration was called, or an
	// activity worker, who may have given a name, fetched it. It may be left out for anything
	// but activities; the first later event about the task then implies it.
	TaskStarted struct {
		Task       TaskID
		WorkerName string
	}

	// TaskSubmitted says that the call of a Sync, Sync2 or WaitForTaskToken task was accepted,
	// with the answer of that call. The result comes later, as TaskSucceeded or TaskFailed.
	TaskSubmitted struct {
		Task   TaskID
		Output jsonvalue.Value
	}

	// TaskSucceeded ends a task with its result.
	TaskSucceeded struct {
		Task   TaskID
		Output jsonvalue.Value
		// OutputText, when not empty, is the JSON text that Output was read from. History
		// shows it as it is.
		OutputText string
	}

	// TaskFailed ends a task with an error. A nil Error or Cause was not given.
	TaskFailed struct {
		Task         TaskID
		Error, Cause *string
		// Stage is where it failed; it decides the type of the history event.
		Stage Stage
	}

	// TaskHeartbeat says that the task is still being worked on.
	TaskHeartbeat struct{ Task TaskID }

	// Stop aborts the execution.
	Stop struct{ Error, Cause *string }

	// UpdateMapRun changes the limits of a distributed Map's run that is under way; what is
	// nil stays. A MaxConcurrency of 0 is the highest there is.
	UpdateMapRun struct {
		MapRunARN                             string
		MaxConcurrency, ToleratedFailureCount *int64
		ToleratedFailurePercentage            *float64
	}

	// Redrive takes an execution that failed, timed out or was aborted up again at the states
	// that did not succeed.
	Redrive struct{}
)

func (Begin) event()         {}
func (Tick) event()          {}
func (TaskStarted) event()   {}
func (TaskSubmitted) event() {}
func (TaskSucceeded) event() {}
func (TaskFailed) event()    {}
func (TaskHeartbeat) event() {}
func (Stop) event()          {}
func (UpdateMapRun) event()  {}
func (Redrive) event()       {}

// A Stage says how far a task had come when it failed.
type Stage uint8

// The stages. A task that was already submitted fails WhileRunning.
const (
	WhileRunning    Stage = iota // TaskFailed, LambdaFunctionFailed, ActivityFailed
	WhileScheduling              // LambdaFunctionScheduleFailed; of an activity: it does not exist
	WhileStarting                // TaskStartFailed, LambdaFunctionStartFailed
	WhileSubmitting              // TaskSubmitFailed
)

// A TaskID names a task within its execution, from 1. It is never used again, so that an
// answer that comes too late finds nothing.
type TaskID int64

// An Effect is something that an execution asks of the world. The set is closed. An effect is
// asked for once; after a restart Execution.OpenTasks tells what is still wanted.
type Effect interface{ effect() }

// CallTask asks that a task be carried out, and its end be told by TaskSucceeded or
// TaskFailed. Time-outs are kept by the execution, not by who carries the task out.
type CallTask struct {
	Task TaskID
	Kind asl.ResourceKind
	// Resource is the state's Resource as it was written.
	Resource string
	// Service and Action are the parts of an integration's ARN: "lambda" and "invoke", or
	// "aws-sdk:s3" 's "s3" and "getObject". Empty for LambdaFunction and Activity.
	Service, Action string
	Pattern         asl.Pattern
	// Token identifies the task to SendTaskSuccess and its siblings; empty unless Kind is
	// Activity or Pattern is WaitForTaskToken.
	Token string
	Input jsonvalue.Value
	// RoleARN is the role to use: that of the state's Credentials, else the execution's.
	RoleARN string
	// Timeout and Heartbeat are 0 when there is none.
	Timeout, Heartbeat time.Duration
	// Name is the state that asks.
	Name string
	// Map is set when the state is a distributed Map that reads its items or writes its
	// results; Input then has the bucket, and the key or the prefix.
	Map *MapIO
}

// CancelTask says that nobody waits for the task any more. Its answer would be ignored.
type CancelTask struct{ Task TaskID }

func (CallTask) effect()   {}
func (CancelTask) effect() {}
