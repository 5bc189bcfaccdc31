package controller

import (
	"context"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/plan"
)

// A Monitor knows the state of alarms.
type Monitor interface {
	// Alarms returns the state of each named alarm, metric or composite. An
	// alarm that cannot be read has a Problem; one that does not exist is
	// Missing. The error is for when none could be read. Names are unique;
	// there may be any number.
	Alarms(ctx context.Context, names []string) (map[string]analysis.AlarmState, error)
}

// An AlarmHistory is a Monitor that knows what an alarm did between two looks: one
// that fired and recovered shows nothing of it.
type AlarmHistory interface {
	// Fired returns when an alarm last went to ALARM after since, which is by
	// the service's clock; zero when it did not. complete is false while the
	// history does not show anything after since yet.
	Fired(ctx context.Context, name string, since time.Time) (at time.Time, complete bool, err error)
}

// A Counter counts the outcomes of one version.
type Counter interface {
	// Counts returns the outcomes of a version of the alias's resource since
	// from, through this alias where the source can tell.
	Counts(ctx context.Context, alias, version string, from time.Time) (analysis.Counts, error)
}

// A Comparer tells what the versions of an alias did, request by request, in
// stretches of time by when requests began.
type Comparer interface {
	// History returns what a version did before a time, as far back as the
	// source tells with little effort, an hour at most, and what kind of source
	// it is.
	History(ctx context.Context, q HistoryQuery) (analysis.History, error)
	// Stretches returns the final counts of stretches, from q.From on and without
	// a gap. Those that are not final yet come with a later call.
	Stretches(ctx context.Context, q StretchQuery) ([]evidence.Outcomes, error)
}

// A HistoryQuery asks what a version did before a time.
type HistoryQuery struct {
	Target  plan.Target
	Alias   string
	Version string
	Before  time.Time
}

// A StretchQuery asks what a version did in the stretches of a comparison.
type StretchQuery struct {
	Target  plan.Target
	Alias   string
	Version string
	// Since is when the rollout started, which is before all stretches.
	Since time.Time
	// Epoch is when the stretch numbered 0 began, and From the number of the
	// first one that is wanted.
	Epoch  time.Time
	From   int
	Source analysis.Source
	// Thresholds are durations in seconds, ascending; requests are counted by
	// them. Empty: they are not timed.
	Thresholds []float64
}

// Metrics reads statistics of metrics.
type Metrics interface {
	// Series returns, for each query and in their order, the datapoints from
	// its Since to now, oldest first. One that cannot be read has a Problem;
	// the error is for when none could be read.
	Series(ctx context.Context, queries []MetricQuery, now time.Time) ([]analysis.Series, error)
}

// A MetricQuery asks for the statistic that a limit names.
type MetricQuery struct {
	Limit plan.MetricLimit
	Since time.Time
}

// A ServiceTime knows how far the controller's clock is off the services'. Package
// servicetime has one that learns it from their answers.
type ServiceTime interface {
	// Off is how far the clock may be off; known is false while nothing says so.
	Off() (by time.Duration, known bool)
	// Jumps grows whenever the clock turns out to have been off by more.
	Jumps() int
}

// A Prober asks an HTTP address.
type Prober interface {
	// Probe asks once. What goes wrong is the probe's Problem.
	Probe(ctx context.Context, p plan.HTTPProbe) analysis.Probe
}
