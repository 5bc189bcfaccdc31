package asl

import "github.com/crossfade-dev/crossfade/asl/jsonvalue"

// A State is one of *Pass, *Task, *Choice, *Wait, *Succeed, *Fail, *Parallel and *Map.
type State interface {
	Base() *Common
	// Type is the state's Type field.
	Type() string
}

// Common is what states of all types have in common. Expressions that the definition leaves
// out are nil.
type Common struct {
	Name     string
	Comment  string
	Location string // such as /States/Publish
	// QueryLanguage is that of the state, or of the machine where the state names none.
	QueryLanguage QueryLanguage

	// Next is empty where End is true, and for Choice, Succeed and Fail.
	Next string
	End  bool

	InputPath, OutputPath Expression   // JSONPath; a null path gives the empty object
	Assign                []Assignment // in the order of the definition
	Output                Expression   // JSONata
}

// An Assignment gives a variable a value.
type Assignment struct {
	Variable string
	Value    Expression
}

// Pass hands its input on, or makes an output.
type Pass struct {
	Common
	Parameters Expression
	Result     jsonvalue.Value // Undefined where there is none
	ResultPath *ResultPath
}

// Task has work done elsewhere.
type Task struct {
	Common
	Resource Resource
	// Input is what the task gets: Parameters in JSONPath, Arguments in JSONata.
	Input          Expression
	ResultSelector Expression
	ResultPath     *ResultPath
	// Each of these and its Path form exclude each other.
	TimeoutSeconds, TimeoutSecondsPath     Expression
	HeartbeatSeconds, HeartbeatSecondsPath Expression
	// RoleARN is the role of Credentials.
	RoleARN Expression
	Handlers
}

// Choice picks the next state.
type Choice struct {
	Common
	Rules   []Rule
	Default string // empty: none
}

// Wait lets time pass. Exactly one of its own fields is set.
type Wait struct {
	Common
	Seconds, SecondsPath     Expression
	Timestamp, TimestampPath Expression
}

// Succeed ends its flow well.
type Succeed struct{ Common }

// Fail ends its flow with an error.
type Fail struct {
	Common
	Error, ErrorPath Expression
	Cause, CausePath Expression
}

// Parallel runs branches at the same time.
type Parallel struct {
	Common
	// Input is what each branch gets: Parameters in JSONPath, Arguments in JSONata.
	Input          Expression
	ResultSelector Expression
	ResultPath     *ResultPath
	Branches       []Flow
	Handlers
}

// Map runs its processor once for each item.
type Map struct {
	Common
	// ItemsPath and Items say where the items are, in JSONPath and JSONata.
	ItemsPath, Items Expression
	// ItemSelector makes an iteration's input; Parameters is its old name.
	ItemSelector   Expression
	ResultSelector Expression
	ResultPath     *ResultPath

	MaxConcurrency, MaxConcurrencyPath Expression

	Processor Flow
	// Distributed and ExecutionType come from ProcessorConfig. ExecutionType is empty when
	// the Map is inline.
	Distributed   bool
	ExecutionType Type
	Label         string

	ItemReader   *ItemReader
	ItemBatcher  *ItemBatcher
	ResultWriter *ResultWriter

	ToleratedFailureCount, ToleratedFailureCountPath           Expression
	ToleratedFailurePercentage, ToleratedFailurePercentagePath Expression

	Handlers
}

// An ItemReader reads the items of a distributed Map from a bucket.
type ItemReader struct {
	Resource string
	Input    Expression // Parameters or Arguments
	// Config is the ReaderConfig as written; MaxItems and MaxItemsPath are its only
	// expressions.
	Config                 jsonvalue.Value
	MaxItems, MaxItemsPath Expression
}

// An ItemBatcher groups the items of a distributed Map.
type ItemBatcher struct {
	BatchInput                                       Expression
	MaxItemsPerBatch, MaxItemsPerBatchPath           Expression
	MaxInputBytesPerBatch, MaxInputBytesPerBatchPath Expression
}

// A ResultWriter writes the results of a distributed Map to a bucket.
type ResultWriter struct {
	Resource string
	Input    Expression // Parameters or Arguments
	Config   jsonvalue.Value
}

// Handlers are what a state does about errors.
type Handlers struct {
	Retry []Retrier
	Catch []Catcher
}

// A Retrier says how often and when to try again after certain errors.
type Retrier struct {
	ErrorEquals     []string
	IntervalSeconds int64   // before the first retry
	MaxAttempts     int64   // 0: never
	BackoffRate     float64 // factor from one interval to the next, at least 1
	MaxDelaySeconds int64   // 0: no bound
	FullJitter      bool    // draw the delay between 0 and the computed one
}

// A Catcher says where to go on after certain errors.
type Catcher struct {
	ErrorEquals []string
	Next        string
	ResultPath  *ResultPath // JSONPath
	Assign      []Assignment
	Output      Expression // JSONata
}

// Base returns what all states have in common.
func (c *Common) Base() *Common { return c }

func (*Pass) Type() string     { return "Pass" }
func (*Task) Type() string     { return "Task" }
func (*Choice) Type() string   { return "Choice" }
func (*Wait) Type() string     { return "Wait" }
func (*Succeed) Type() string  { return "Succeed" }
func (*Fail) Type() string     { return "Fail" }
func (*Parallel) Type() string { return "Parallel" }
func (*Map) Type() string      { return "Map" }

// HandlersOf returns the Retry and Catch fields of a state, which are empty for types that
// have none.
func HandlersOf(s State) Handlers {
	switch s := s.(type) {
	case *Task:
		return s.Handlers
	case *Parallel:
		return s.Handlers
	case *Map:
		return s.Handlers
	default:
		return Handlers{}
	}
}

// A Rule is one of the Choices of a Choice state.
type Rule struct {
	Condition Condition
	Next      string
	Assign    []Assignment
	Output    Expression // JSONata
}

// A Condition is one of And, Or, Not, *Comparison and Test.
type Condition interface{ condition() }

type (
	// And holds when all of its conditions hold.
	And []Condition
	// Or holds when one of its conditions holds.
	Or []Condition
	// Not holds when its condition does not.
	Not struct{ Condition }
	// Test is the Condition of a JSONata rule.
	Test struct{ Expression }
)

// A Comparison compares what Variable finds with a value.
type Comparison struct {
	Variable Expression
	Operator Operator
	// Value is the literal to compare with, or Path says where to find it.
	Value jsonvalue.Value
	Path  Expression
}

func (And) condition()         {}
func (Or) condition()          {}
func (Not) condition()         {}
func (Test) condition()        {}
func (*Comparison) condition() {}
