package machine

import (
	"time"
)

// A HistoryEvent is one entry of an execution's history. IDs are dense and start at 1.
// PreviousID is the event that led to this one, always smaller than ID; the first state's
// entry links to 0, as AWS does. Details is nil for the types that have none.
type HistoryEvent struct {
	ID         int64
	PreviousID int64
	At         time.Time
	Type       EventType
	Details    *Details
}

// An EventType is one of the HistoryEventType names of the Step Functions API.
type EventType string

// The history events that an execution can write.
const (
	EventActivityFailed               EventType = "ActivityFailed"
	EventActivityScheduled            EventType = "ActivityScheduled"
	EventActivityScheduleFailed       EventType = "ActivityScheduleFailed"
	EventActivityStarted              EventType = "ActivityStarted"
	EventActivitySucceeded            EventType = "ActivitySucceeded"
	EventActivityTimedOut             EventType = "ActivityTimedOut"
	EventEvaluationFailed             EventType = "EvaluationFailed"
	EventExecutionAborted             EventType = "ExecutionAborted"
	EventExecutionFailed              EventType = "ExecutionFailed"
	EventExecutionRedriven            EventType = "ExecutionRedriven"
	EventExecutionStarted             EventType = "ExecutionStarted"
	EventExecutionSucceeded           EventType = "ExecutionSucceeded"
	EventExecutionTimedOut            EventType = "ExecutionTimedOut"
	EventLambdaFunctionFailed         EventType = "LambdaFunctionFailed"
	EventLambdaFunctionScheduled      EventType = "LambdaFunctionScheduled"
	EventLambdaFunctionScheduleFailed EventType = "LambdaFunctionScheduleFailed"
	EventLambdaFunctionStarted        EventType = "LambdaFunctionStarted"
	EventLambdaFunctionStartFailed    EventType = "LambdaFunctionStartFailed"
	EventLambdaFunctionSucceeded      EventType = "LambdaFunctionSucceeded"
	EventLambdaFunctionTimedOut       EventType = "LambdaFunctionTimedOut"
	EventMapIterationAborted          EventType = "MapIterationAborted"
	EventMapIterationFailed           EventType = "MapIterationFailed"
	EventMapIterationStarted          EventType = "MapIterationStarted"
	EventMapIterationSucceeded        EventType = "MapIterationSucceeded"
	EventMapRunFailed                 EventType = "MapRunFailed"
	EventMapRunStarted                EventType = "MapRunStarted"
	EventMapRunSucceeded              EventType = "MapRunSucceeded"
	EventMapStateAborted              EventType = "MapStateAborted"
	EventMapStateFailed               EventType = "MapStateFailed"
	EventMapStateStarted              EventType = "MapStateStarted"
	EventMapStateSucceeded            EventType = "MapStateSucceeded"
	EventParallelStateAborted         EventType = "ParallelStateAborted"
	EventParallelStateFailed          EventType = "ParallelStateFailed"
	EventParallelStateStarted         EventType = "ParallelStateStarted"
	EventParallelStateSucceeded       EventType = "ParallelStateSucceeded"
	EventTaskFailed                   EventType = "TaskFailed"
	EventTaskScheduled                EventType = "TaskScheduled"
	EventTaskStarted                  EventType = "TaskStarted"
	EventTaskStartFailed              EventType = "TaskStartFailed"
	EventTaskStateAborted             EventType = "TaskStateAborted"
	EventTaskSubmitFailed             EventType = "TaskSubmitFailed"
	EventTaskSubmitted                EventType = "TaskSubmitted"
	EventTaskSucceeded                EventType = "TaskSucceeded"
	EventTaskTimedOut                 EventType = "TaskTimedOut"
	EventWaitStateAborted             EventType = "WaitStateAborted"

	EventChoiceStateEntered   EventType = "ChoiceStateEntered"
	EventChoiceStateExited    EventType = "ChoiceStateExited"
	EventFailStateEntered     EventType = "FailStateEntered"
	EventMapStateEntered      EventType = "MapStateEntered"
	EventMapStateExited       EventType = "MapStateExited"
	EventParallelStateEntered EventType = "ParallelStateEntered"
	EventParallelStateExited  EventType = "ParallelStateExited"
	EventPassStateEntered     EventType = "PassStateEntered"
	EventPassStateExited      EventType = "PassStateExited"
	EventSucceedStateEntered  EventType = "SucceedStateEntered"
	EventSucceedStateExited   EventType = "SucceedStateExited"
	EventTaskStateEntered     EventType = "TaskStateEntered"
	EventTaskStateExited      EventType = "TaskStateExited"
	EventWaitStateEntered     EventType = "WaitStateEntered"
	EventWaitStateExited      EventType = "WaitStateExited"
)

// Details holds what an event tells beyond its type; which fields are set follows from the
// type. HistoryEvent.JSON gives the API's view of it.
//
// Source: Step Functions API, HistoryEvent and the structures it refers to.
type Details struct {
	// Name is that of a state, or of the Map state whose iteration began or ended.
	Name string
	// Input, Output and Parameters are JSON texts; empty means absent.
	Input, Output, Parameters string
	// Error and Cause are nil when the failure gave none.
	Error, Cause *string
	// Resource and ResourceType name what a task calls: "invoke" and "lambda", or the ARN
	// of a function or an activity with no type.
	Resource, ResourceType, Region string
	// TimeoutInSeconds and HeartbeatInSeconds are 0 when the state sets none.
	TimeoutInSeconds, HeartbeatInSeconds int64
	// TaskRoleARN is the role of the state's Credentials; RoleARN that of the execution.
	TaskRoleARN, RoleARN                         string
	StateMachineVersionARN, StateMachineAliasARN string
	// MapRunARN is the run of a distributed Map.
	MapRunARN string
	// WorkerName is what an activity worker called itself.
	WorkerName string
	// Length is the number of items of a Map, Index the place of an iteration.
	Length, Index int64
	// RedriveCount counts the redrives of the execution, this one included.
	RedriveCount int64
	// AssignedVariables are the variables that the state's exit set, in the order of assignment.
	AssignedVariables []Assignment
	// Location and State say where an evaluation failed: a field such as "Arguments", and the
	// state's name.
	Location, State string
}

// An Assignment is a variable and the JSON text of the value it was given.
type Assignment struct {
	Name, Value string
}
