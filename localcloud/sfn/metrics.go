package sfn

import (
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/machine"
)

// A series is where the executions of a state machine, of a version or of an
// alias are counted: one Series for each metric. It is nil when there are no
// metrics, and may then be used all the same.
//
// Source: Step Functions Developer Guide, "Metrics for executions by version or
// alias". An execution that was started through an alias counts under the state
// machine, the version and the alias. The values of the dimensions Version and
// Alias are the number and the name.
type series map[metric]Series

type metric string

const (
	executionsStarted   metric = "ExecutionsStarted"
	executionsSucceeded metric = "ExecutionsSucceeded"
	executionsFailed    metric = "ExecutionsFailed"
	executionsTimedOut  metric = "ExecutionsTimedOut"
	executionsAborted   metric = "ExecutionsAborted"
	executionTime       metric = "ExecutionTime"
	executionsRedriven  metric = "ExecutionsRedriven"

	expressDuration metric = "ExpressExecutionBilledDuration"
	expressMemory   metric = "ExpressExecutionBilledMemory"
)

var metricUnits = map[metric]string{
	executionsStarted:   "Count",
	executionsSucceeded: "Count",
	executionsFailed:    "Count",
	executionsTimedOut:  "Count",
	executionsAborted:   "Count",
	executionTime:       "Milliseconds",
	executionsRedriven:  "Count",
}

var expressUnits = map[metric]string{
	expressDuration: "Milliseconds",
	expressMemory:   "Bytes",
}

// series returns the series of a state machine, with more dimensions for those
// of a version or an alias.
func (s *Service) series(m *stateMachine, more []Dimension) series {
	if s.metrics == nil {
		return nil
	}
	dimensions := append([]Dimension{{"StateMachineArn", m.arn}}, more...)
	made := series{}
	add := func(units map[metric]string) {
		for name, unit := range units {
			made[name] = s.metrics.Series(m.space.Account, m.space.Region, string(name), unit, dimensions)
		}
	}
	add(metricUnits)
	if m.kind == asl.Express && len(more) == 0 {
		add(expressUnits)
	}
	return made
}

func (s series) record(name metric, value float64, at time.Time) {
	if to := s[name]; to != nil {
		to.Record(value, at)
	}
}

// counted calls f with every series that an execution counts under.
func (x *execution) counted(f func(series)) {
	if x.machine.counted == nil {
		return
	}
	f(x.machine.counted)
	if x.version != nil {
		f(x.version.counted)
	}
	if x.alias != nil {
		f(x.alias.counted)
	}
}

func (x *execution) countStart() {
	x.counted(func(s series) { s.record(executionsStarted, 1, x.started) })
}

func (x *execution) countRedrive(at time.Time) {
	x.counted(func(s series) { s.record(executionsRedriven, 1, at) })
}

// countEnd counts an execution that ended. One that timed out did not fail: the
// two exclude each other.
func (x *execution) countEnd() {
	var name metric
	switch x.state.Status {
	case machine.StatusSucceeded:
		name = executionsSucceeded
	case machine.StatusFailed:
		name = executionsFailed
	case machine.StatusTimedOut:
		name = executionsTimedOut
	case machine.StatusAborted:
		name = executionsAborted
	case machine.StatusRunning:
		panic("sfn: a running execution is counted as ended")
	default:
		panic("sfn: unknown status " + string(x.state.Status))
	}
	milliseconds := float64(x.stopped.Sub(x.began()).Milliseconds())
	x.counted(func(s series) {
		s.record(name, 1, x.stopped)
		s.record(executionTime, milliseconds, x.stopped)
	})
	if x.machine.kind == asl.Express && x.machine.counted != nil {
		duration, memory := x.billed()
		x.machine.counted.record(expressDuration, float64(duration), x.stopped)
		x.machine.counted.record(expressMemory, float64(memory)*(1<<20), x.stopped)
	}
}
