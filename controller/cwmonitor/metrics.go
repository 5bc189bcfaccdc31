package cwmonitor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/plan"
)

// reading is what a query last brought. Metrics are billed by the query and do
// not change within a period, so they are not read at every look.
type reading struct {
	series analysis.Series
	at     time.Time
}

const (
	// queriesPerCall is half of what one call may ask for, because each limit
	// needs two: its statistic, and how many samples that rests on.
	//
	// Source: CloudWatch API, GetMetricData, MetricDataQueries.
	queriesPerCall = 250
	// mostAge is how old a reading may be; it is less for short periods.
	mostAge = 15 * time.Second
	// forget is when a reading that nobody asked for again is dropped.
	forget = 10 * time.Minute
)

// Series returns the datapoints of each query's statistic, of periods that are
// over: the present one is still filling up. A reading may be a quarter of the
// period old, but not more than 15 s.
func (m *Monitor) Series(ctx context.Context, queries []controller.MetricQuery, now time.Time) ([]analysis.Series, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.known, func(_ string, r reading) bool { return now.Sub(r.at) > forget })
	wanted := make(map[string]controller.MetricQuery)
	for _, q := range queries {
		if r, ok := m.known[key(q)]; !ok || now.Before(r.at) || now.Sub(r.at) >= min(q.Limit.Period/4, mostAge) {
			wanted[key(q)] = q
		}
	}
	problems := make(map[string]string)
	var errs []error
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(wanted)), queriesPerCall) {
		if err := m.read(ctx, chunk, wanted, problems, now); err != nil {
			errs = append(errs, err)
			for _, k := range chunk {
				problems[k] = err.Error()
			}
		}
	}
	readable := func(q controller.MetricQuery) bool { return problems[key(q)] == "" }
	if len(errs) > 0 && !slices.ContainsFunc(queries, readable) {
		return nil, errors.Join(errs...)
	}
	series := make([]analysis.Series, len(queries))
	for i, q := range queries {
		if p := problems[key(q)]; p != "" {
			series[i] = analysis.Series{Problem: p}
			continue
		}
		series[i] = m.known[key(q)].series
		series[i].Points = slices.Clone(series[i].Points)
	}
	return series, nil
}

// key tells queries apart.
func key(q controller.MetricQuery) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %d %d", q.Limit.Namespace, q.Limit.Metric, q.Limit.Stat, q.Limit.Period, q.Since.UnixNano())
	for _, name := range slices.Sorted(maps.Keys(q.Limit.Dimensions)) {
		fmt.Fprintf(&b, " %q=%q", name, q.Limit.Dimensions[name])
	}
	return b.String()
}

// read asks for the queries of the given keys in one go and notes what it
// learns.
func (m *Monitor) read(ctx context.Context, keys []string, queries map[string]controller.MetricQuery, problems map[string]string, now time.Time) error {
	in := &cloudwatch.GetMetricDataInput{EndTime: &now, ScanBy: types.ScanByTimestampAscending}
	for i, k := range keys {
		q := queries[k]
		start := q.Since.Truncate(q.Limit.Period)
		if in.StartTime == nil || start.Before(*in.StartTime) {
			in.StartTime = &start
		}
		in.MetricDataQueries = append(in.MetricDataQueries,
			query(fmt.Sprintf("value%d", i), q.Limit, q.Limit.Stat),
			query(fmt.Sprintf("samples%d", i), q.Limit, "SampleCount"))
	}
	if end := in.StartTime.Add(time.Second); now.Before(end) {
		in.EndTime = &end // the service refuses a stretch without any length
	}
	results := make(map[string]*result)
	for {
		out, err := m.api.GetMetricData(ctx, in)
		if err != nil {
			return awserr.Wrap("GetMetricData", err)
		}
		for _, r := range out.MetricDataResults {
			id := aws.ToString(r.Id)
			if results[id] == nil {
				results[id] = &result{points: make(map[time.Time]float64)}
			}
			results[id].add(r)
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	for i, k := range keys {
		q := queries[k]
		values, samples := results[fmt.Sprintf("value%d", i)], results[fmt.Sprintf("samples%d", i)]
		if p := trouble(values, samples); p != "" {
			problems[k] = p
			continue
		}
		m.known[k] = reading{series: join(q, values.points, samples.points, now), at: now}
	}
	return nil
}

// query is one statistic of a limit's metric.
func query(id string, l plan.MetricLimit, stat string) types.MetricDataQuery {
	var dimensions []types.Dimension
	for _, name := range slices.Sorted(maps.Keys(l.Dimensions)) {
		dimensions = append(dimensions, types.Dimension{Name: aws.String(name), Value: aws.String(l.Dimensions[name])})
	}
	return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: &l.Namespace, MetricName: &l.Metric, Dimensions: dimensions},
		Period: aws.Int32(int32(l.Period / time.Second)),
		Stat:   &stat,
	}}
}

// result is what several pages said about one query.
type result struct {
	points  map[time.Time]float64
	problem string
}

func (r *result) add(page types.MetricDataResult) {
	for i, at := range page.Timestamps {
		if i < len(page.Values) {
			r.points[at.UTC()] = page.Values[i]
		}
	}
	if err := awserr.Metric(page); err != nil {
		r.problem = err.Error()
	}
}

// trouble says why results cannot be used.
func trouble(results ...*result) string {
	for _, r := range results {
		if r == nil {
			return "the service did not answer for it"
		}
		if r.problem != "" {
			return r.problem
		}
	}
	return ""
}

// join makes a series of both statistics, of the periods that began at the
// query's Since or later and are over.
func join(q controller.MetricQuery, values, samples map[time.Time]float64, now time.Time) analysis.Series {
	var s analysis.Series
	for _, at := range slices.SortedFunc(maps.Keys(values), time.Time.Compare) {
		if !at.Before(q.Since) && !at.Add(q.Limit.Period).After(now) {
			s.Points = append(s.Points, analysis.Datapoint{At: at, Value: values[at], Samples: int(samples[at])})
		}
	}
	return s
}
