package lambda

import (
	"sync/atomic"
	"time"
)

// The metrics of AWS/Lambda that are emitted, and their units.
//
// Source: Lambda developer guide, "Types of metrics for Lambda functions".
const (
	invocations          = "Invocations"
	failures             = "Errors"
	throttles            = "Throttles"
	duration             = "Duration"
	concurrentExecutions = "ConcurrentExecutions"
	asyncReceived        = "AsyncEventsReceived"
	asyncAge             = "AsyncEventAge"
	asyncDropped         = "AsyncEventsDropped"
	deadLetterErrors     = "DeadLetterErrors"
	deliveryFailures     = "DestinationDeliveryFailures"

	count = "Count"
	inMS  = "Milliseconds"
)

// A meter takes what one set of dimensions counts. Its series are found once.
type meter struct {
	invocations, failures, throttles, duration, concurrent Series
	running                                                atomic.Int64
}

// meters are those that one invocation counts under: the region, the function,
// the resource by which it was called, and the version behind an alias.
type meters struct{ of [4]*meter }

// A counted names a meter of a function.
type counted struct{ resource, version string }

// meters returns where an invocation of f counts; none without metrics. The
// version is a dimension of what came through an alias alone.
func (s *Service) meters(f *function, qualifier, version string, throughAlias bool) meters {
	if s.metrics == nil {
		return meters{}
	}
	resource := f.name
	if qualifier != "" {
		resource += ":" + qualifier
	}
	m := meters{of: [4]*meter{
		s.regionMeter(f.space),
		s.meter(f, counted{}, Dimension{"FunctionName", f.name}),
		s.meter(f, counted{resource: resource}, Dimension{"FunctionName", f.name}, Dimension{"Resource", resource}),
	}}
	if throughAlias {
		m.of[3] = s.meter(f, counted{resource, version},
			Dimension{"FunctionName", f.name}, Dimension{"Resource", resource}, Dimension{"ExecutedVersion", version})
	}
	return m
}

func (s *Service) meter(f *function, key counted, dimensions ...Dimension) *meter {
	if found, ok := f.meters.Load(key); ok {
		return found.(*meter)
	}
	made, _ := f.meters.LoadOrStore(key, s.newMeter(f.space.place, dimensions))
	return made.(*meter)
}

func (s *Service) regionMeter(sp *space) *meter {
	if found, ok := sp.meters.Load(counted{}); ok {
		return found.(*meter)
	}
	made, _ := sp.meters.LoadOrStore(counted{}, s.newMeter(sp.place, nil))
	return made.(*meter)
}

func (s *Service) newMeter(p place, dimensions []Dimension) *meter {
	series := func(name, unit string) Series {
		return s.metrics.Series(p.Account, p.Region, name, unit, dimensions)
	}
	return &meter{
		invocations: series(invocations, count),
		failures:    series(failures, count),
		throttles:   series(throttles, count),
		duration:    series(duration, inMS),
		concurrent:  series(concurrentExecutions, count),
	}
}

// begin counts one more that runs.
func (m *meters) begin(at time.Time) {
	for _, one := range m.of {
		if one != nil {
			one.concurrent.Record(float64(one.running.Add(1)), at)
		}
	}
}

// end counts one less that runs.
func (m *meters) end() {
	for _, one := range m.of {
		if one != nil {
			one.running.Add(-1)
		}
	}
}

func (m *meters) throttled(at time.Time) {
	for _, one := range m.of {
		if one != nil {
			one.throttles.Record(1, at)
		}
	}
}

// finished counts an invocation that ran, at the time when it began, as AWS
// does. One without an error counts as 0 errors, so that the average is the
// share that failed.
func (m *meters) finished(at time.Time, took time.Duration, failed bool) {
	var errors float64
	if failed {
		errors = 1
	}
	for _, one := range m.of {
		if one == nil {
			continue
		}
		one.invocations.Record(1, at)
		one.failures.Record(errors, at)
		one.throttles.Record(0, at)
		one.duration.Record(milliseconds(took), at)
	}
}

// count counts something of asynchronous invocations, by function.
func (s *Service) count(f *function, name, unit string, value float64, at time.Time) {
	if s.metrics == nil {
		return
	}
	found, ok := f.meters.Load(name)
	if !ok {
		found, _ = f.meters.LoadOrStore(name, s.metrics.Series(f.space.Account, f.space.Region, name, unit, []Dimension{{"FunctionName", f.name}}))
	}
	found.(Series).Record(value, at)
}
