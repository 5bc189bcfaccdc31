package sfnmonitor

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/course"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
)

// Delay is how long after an execution ended its metrics may take to appear:
// they are delivered once a minute, as soon as the service can.
const Delay = 2 * time.Minute

// fromMetrics counts the executions of an EXPRESS version from CloudWatch. They
// are those of the version through any alias: there is no metric by both. Those
// of the first minute, in which others may have run, are left out.
//
// Source: Step Functions Developer Guide, "Monitoring Step Functions metrics
// using CloudWatch", execution metrics by version.
func (m *Monitor) fromMetrics(ctx context.Context, t *tally, version string, now time.Time) (analysis.Counts, error) {
	c := analysis.Counts{Version: version, From: t.from, AsOf: now.Add(-Delay)}
	fields := []struct {
		metric string
		count  *int
	}{
		{"ExecutionsStarted", &c.Started},
		{"ExecutionsSucceeded", &c.Succeeded},
		{"ExecutionsFailed", &c.Failed},
		{"ExecutionsTimedOut", &c.TimedOut},
		{"ExecutionsAborted", &c.Aborted},
		{"ExecutionThrottled", &c.Throttled},
	}
	queries := make([]controller.MetricQuery, len(fields))
	for i, f := range fields {
		queries[i] = controller.MetricQuery{Since: t.from, Limit: metricOf(t.machine, version, f.metric, "Sum", time.Minute)}
	}
	series, err := m.series(ctx, queries, now)
	if err != nil {
		return analysis.Counts{}, err
	}
	for i, f := range fields {
		for _, point := range series[i].Points {
			*f.count += int(point.Value)
		}
	}
	c.Running = max(0, c.Started-c.Succeeded-c.Failed-c.TimedOut-c.Aborted)
	return c, nil
}

// byMinute are the metrics of an EXPRESS machine's versions by how executions end,
// and whether that is bad.
var byMinute = []struct {
	metric string
	bad    bool
}{{"ExecutionsSucceeded", false}, {"ExecutionsFailed", true}, {"ExecutionsTimedOut", true}, {"ExecutionsAborted", true}}

// outcomes reads what ended in each minute. An EXPRESS execution ends soon after it
// began, within five minutes at most, so the minute of its end stands for that of
// its beginning.
func (m *Monitor) outcomes(ctx context.Context, machine arn.ARN, version string, thresholds []float64, since, now time.Time) (map[time.Time]evidence.Outcomes, error) {
	query := func(metric, stat string) controller.MetricQuery {
		return controller.MetricQuery{Since: since, Limit: metricOf(machine, version, metric, stat, time.Minute)}
	}
	queries := make([]controller.MetricQuery, len(byMinute))
	for i, f := range byMinute {
		queries[i] = query(f.metric, "Sum")
	}
	if len(thresholds) > 0 {
		queries = append(queries, query(executionTime, "SampleCount"))
		for _, t := range thresholds {
			// How many took at most so many milliseconds.
			queries = append(queries, query(executionTime, "TC(:"+strconv.FormatFloat(t*1000, 'f', -1, 64)+")"))
		}
	}
	series, err := m.series(ctx, queries, now)
	if err != nil {
		return nil, err
	}
	minutes := make(map[time.Time]evidence.Outcomes)
	each := func(i int, add func(o *evidence.Outcomes, n int)) {
		for _, point := range series[i].Points {
			at := point.At.UTC().Truncate(time.Minute)
			o := minutes[at]
			add(&o, int(point.Value))
			minutes[at] = o
		}
	}
	for i, f := range byMinute {
		each(i, func(o *evidence.Outcomes, n int) {
			o.Requests += n
			if f.bad {
				o.Failed += n
			}
		})
	}
	if len(thresholds) == 0 {
		return minutes, nil
	}
	each(len(byMinute), func(o *evidence.Outcomes, n int) {
		o.Timed = n
		o.Slower = slices.Repeat([]int{n}, len(thresholds))
	})
	for k := range thresholds {
		each(len(byMinute)+1+k, func(o *evidence.Outcomes, n int) {
			if k < len(o.Slower) {
				o.Slower[k] = max(0, o.Timed-n)
			}
		})
	}
	return minutes, nil
}

// executionTime is the metric of how long executions took, in milliseconds.
const executionTime = "ExecutionTime"

func metricOf(machine arn.ARN, version, metric, stat string, period time.Duration) plan.MetricLimit {
	return plan.MetricLimit{
		Namespace: "AWS/States", Metric: metric, Stat: stat, Period: period,
		Dimensions: map[string]string{"StateMachineArn": machine.String(), "Version": version},
	}
}

// series reads metrics, all or none.
func (m *Monitor) series(ctx context.Context, queries []controller.MetricQuery, now time.Time) ([]analysis.Series, error) {
	if m.metrics == nil {
		return nil, errors.New("executions of an EXPRESS state machine cannot be listed, and nothing here reads metrics")
	}
	series, err := m.metrics.Series(ctx, queries, now)
	if err != nil {
		return nil, err
	}
	for i, s := range series {
		if s.Problem != "" {
			return nil, errors.New(queries[i].Limit.Metric + ": " + s.Problem)
		}
	}
	return series, nil
}

// timedPeriods are those by which it is learned how long executions take: recent ones
// where they are enough. Only periods that are over are told of.
var timedPeriods = []time.Duration{5 * time.Minute, time.Hour}

// thresholds are the durations, in seconds, that executions of a version stayed
// below in the period of the last hour, or of the two before this one, that has most
// of them.
func (m *Monitor) thresholds(ctx context.Context, machine arn.ARN, version string, now time.Time) (thresholds []float64, timed int, err error) {
	for _, period := range timedPeriods {
		since := now.Add(-max(historyLength, 2*period)).Truncate(period)
		if thresholds, timed, err = m.thresholdsBy(ctx, machine, version, period, since, now); err != nil || len(thresholds) > 0 {
			break
		}
	}
	return thresholds, timed, err
}

func (m *Monitor) thresholdsBy(ctx context.Context, machine arn.ARN, version string, period time.Duration, since, now time.Time) (thresholds []float64, timed int, err error) {
	queries := make([]controller.MetricQuery, len(evidence.Quantiles))
	for i, q := range evidence.Quantiles {
		stat := "p" + strconv.FormatFloat(q*100, 'f', -1, 64)
		queries[i] = controller.MetricQuery{Since: since, Limit: metricOf(machine, version, executionTime, stat, period)}
	}
	series, err := m.series(ctx, queries, now)
	if err != nil {
		return nil, 0, err
	}
	best := -1
	for i, point := range series[0].Points {
		if point.Samples > timed {
			best, timed = i, point.Samples
		}
	}
	if timed < analysis.LeastTimed {
		return nil, timed, nil
	}
	for _, s := range series {
		if best >= len(s.Points) {
			return nil, timed, nil // they were read while a new one began
		}
		thresholds = append(thresholds, s.Points[best].Value/1000)
	}
	thresholds = course.Rising(thresholds)
	raise(thresholds)
	return thresholds, timed, nil
}

// minutesBefore is the history of an EXPRESS version.
func (m *Monitor) minutesBefore(ctx context.Context, q controller.HistoryQuery) (analysis.History, error) {
	a, err := arn.Parse(q.Alias)
	if err != nil {
		return analysis.History{}, err
	}
	machine, _ := a.Qualified()
	from := q.Before.Add(-historyLength).Truncate(time.Minute)
	minutes, err := m.outcomes(ctx, machine, q.Version, nil, from, q.Before)
	if err != nil {
		return analysis.History{}, err
	}
	thresholds, timed, err := m.thresholds(ctx, machine, q.Version, q.Before)
	if err != nil {
		return analysis.History{}, err
	}
	h := analysis.History{
		Source:  analysis.Source{Width: time.Minute, Delay: Delay, Name: "CloudWatch's metrics by the minute"},
		Seconds: q.Before.Sub(from).Seconds(), Thresholds: thresholds, Timed: timed,
	}
	for at := from; at.Before(q.Before); at = at.Add(time.Minute) {
		o := minutes[at.UTC()]
		h.Outcomes.Add(o)
		h.Failures = append(h.Failures, o.Failed)
	}
	return h, nil
}

// minutes are the stretches of an EXPRESS version.
func (m *Monitor) minutes(ctx context.Context, t *tally, q controller.StretchQuery, now time.Time) ([]evidence.Outcomes, error) {
	first := q.Epoch.Add(time.Duration(q.From) * q.Source.Width)
	minutes, err := m.outcomes(ctx, t.machine, q.Version, q.Thresholds, first, now)
	if err != nil {
		return nil, err
	}
	var final []evidence.Outcomes
	for at := first; !at.Add(q.Source.Width + q.Source.Delay).After(now); at = at.Add(q.Source.Width) {
		final = append(final, minutes[at.UTC()])
	}
	return final, nil
}
