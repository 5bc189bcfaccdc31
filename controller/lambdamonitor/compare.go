package lambdamonitor

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
)

// historyLength is how far back a history goes.
const historyLength = time.Hour

// History returns what a version did in the last hour: from the logs, where the
// target names them and the monitor has any, otherwise from the metrics of the
// alias, by the minute.
func (m *Monitor) History(ctx context.Context, q controller.HistoryQuery) (analysis.History, error) {
	if q.Target.Logs = m.logsOf(q.Target); q.Target.Logs != "" {
		return m.logs.history(ctx, q)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	from := q.Before.Add(-historyLength).UTC().Truncate(time.Minute)
	t, err := m.tally(q.Alias, q.Version, from, now)
	if err != nil {
		return analysis.History{}, err
	}
	delete(m.tallies, t.key) // what is read once is not read again with the others
	readings, err := m.query(ctx, []*tally{t}, now)
	if err == nil {
		err = readings[0].err
	}
	if err != nil {
		return analysis.History{}, err
	}
	h := analysis.History{
		Source:  analysis.Source{Width: time.Minute, Delay: m.delay, Name: "CloudWatch's metrics by the minute"},
		Seconds: q.Before.Sub(from).Seconds(),
	}
	for at := from; at.Before(q.Before); at = at.Add(time.Minute) {
		o := readings[0].minutes[at].outcomes(nil)
		h.Outcomes.Add(o)
		h.Failures = append(h.Failures, o.Failed)
	}
	slowest := 0.0
	if h.Thresholds, h.Timed, slowest, err = m.thresholds(ctx, t, now); err != nil {
		return analysis.History{}, err
	}
	// An invocation counts in the minute when it began, and is told of when it ends.
	h.Source.Delay += time.Duration(slowest * float64(time.Second))
	return h, nil
}

// thresholds are the durations, in seconds, that invocations stayed below in the
// hour of the last two that has most of them, and what 99 of a hundred stay below.
func (m *Monitor) thresholds(ctx context.Context, t *tally, now time.Time) (thresholds []float64, timed int, slowest float64, err error) {
	end := now.Truncate(time.Minute).Add(time.Minute)
	in := &cloudwatch.GetMetricDataInput{StartTime: aws.Time(now.Add(-historyLength)), EndTime: &end, ScanBy: types.ScanByTimestampAscending}
	stats := []string{"SampleCount"}
	for _, q := range evidence.Quantiles {
		stats = append(stats, "p"+strconv.FormatFloat(q*100, 'f', -1, 64))
	}
	for i, stat := range stats {
		query := t.query(id(0, i), part{name: duration, stat: stat})
		query.MetricStat.Period = aws.Int32(int32(time.Hour / time.Second))
		in.MetricDataQueries = append(in.MetricDataQueries, query)
	}
	out, err := m.api.GetMetricData(ctx, in)
	if err != nil {
		return nil, 0, 0, awserr.Wrap("GetMetricData", err)
	}
	values := make([]map[time.Time]float64, len(stats))
	for _, r := range out.MetricDataResults {
		if err := awserr.Metric(r); err != nil {
			return nil, 0, 0, fmt.Errorf("%s: %w", duration, err)
		}
		for i := range stats {
			if aws.ToString(r.Id) != id(0, i) {
				continue
			}
			values[i] = make(map[time.Time]float64)
			for j, at := range r.Timestamps {
				if j < len(r.Values) {
					values[i][at.UTC()] = r.Values[j]
				}
			}
		}
	}
	var best time.Time
	for at, n := range values[0] {
		if int(n) > timed {
			best, timed = at, int(n)
		}
	}
	if timed < analysis.LeastTimed {
		return nil, timed, 0, nil
	}
	for i := range evidence.Quantiles {
		v, ok := values[i+1][best]
		if !ok {
			return nil, timed, 0, nil
		}
		// Whole milliseconds: that is what a statistic's name can say.
		thresholds = append(thresholds, max(1, math.Ceil(v))/1000)
	}
	for i := 1; i < len(thresholds); i++ {
		thresholds[i] = max(thresholds[i], thresholds[i-1]+0.001)
	}
	return thresholds, timed, thresholds[len(thresholds)-1], nil
}

// outcomes are what a minute's sums say. What was throttled was refused, which is
// as bad as an error for who called.
func (s sums) outcomes(thresholds []float64) evidence.Outcomes {
	started := max(s.invocations, s.errors)
	o := evidence.Outcomes{Requests: int(started + s.throttles), Failed: int(s.errors + s.throttles)}
	if len(thresholds) == 0 {
		return o
	}
	o.Timed, o.Slower = int(s.timed), make([]int, len(thresholds))
	above := o.Timed
	for k := range o.Slower {
		above = min(above, max(0, o.Timed-int(s.within[k])))
		o.Slower[k] = above
	}
	return o
}

// Stretches counts the invocations that began in each stretch: from the logs within
// seconds, where the target names them, otherwise from the metrics of the alias, of
// which those of all rollouts are read together.
func (m *Monitor) Stretches(ctx context.Context, q controller.StretchQuery) ([]evidence.Outcomes, error) {
	if q.Target.Logs = m.logsOf(q.Target); q.Target.Logs != "" {
		return m.logs.stretches(ctx, q)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	t, err := m.tally(q.Alias, q.Version, q.Since, now)
	if err != nil {
		return nil, err
	}
	if len(q.Thresholds) > len(sums{}.within) {
		return nil, fmt.Errorf("%w: %d thresholds", controller.ErrInvalid, len(q.Thresholds))
	}
	if !slices.Equal(t.thresholds, q.Thresholds) {
		t.thresholds, t.tried = q.Thresholds, time.Time{}
	}
	if err := m.refresh(ctx, t, now); err != nil {
		return nil, err
	}
	var final []evidence.Outcomes
	for at := q.Epoch.Add(time.Duration(q.From) * q.Source.Width); !at.Add(q.Source.Width + q.Source.Delay).After(t.read); at = at.Add(q.Source.Width) {
		final = append(final, t.minutes[at.UTC()].outcomes(q.Thresholds))
	}
	return final, nil
}
