package lambdamonitor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
)

// metrics are what is read of each version, and which sum each is.
//
// Source: Lambda Developer Guide, "Types of metrics for Lambda functions".
var metrics = []struct {
	name string
	sum  func(*sums) *float64
}{
	{"Invocations", func(s *sums) *float64 { return &s.invocations }},
	{"Errors", func(s *sums) *float64 { return &s.errors }},
	{"Throttles", func(s *sums) *float64 { return &s.throttles }},
}

// A part is one statistic that is read of a version, and which sum it is.
type part struct {
	name, stat string
	sum        func(*sums) *float64
}

// parts are what is read of a tally: its durations, too, while they are compared.
func (t *tally) parts() []part {
	list := make([]part, 0, partsPerTally)
	for _, m := range metrics {
		list = append(list, part{m.name, "Sum", m.sum})
	}
	if len(t.thresholds) == 0 {
		return list
	}
	list = append(list, part{duration, "SampleCount", func(s *sums) *float64 { return &s.timed }})
	for k, threshold := range t.thresholds {
		list = append(list, part{duration, within(threshold), func(s *sums) *float64 { return &s.within[k] }})
	}
	return list
}

// duration is the metric of how long invocations took, in milliseconds.
const duration = "Duration"

// within is the statistic of how many took up to a duration in seconds.
func within(threshold float64) string {
	return "TC(:" + strconv.FormatFloat(threshold*1000, 'f', -1, 64) + ")"
}

// queriesPerCall is how many statistics one call can ask about, partsPerTally how
// many a version has at most.
//
// Source: CloudWatch API, GetMetricData, MetricDataQueries.
const (
	queriesPerCall = 500
	partsPerTally  = 7
)

// calls divides tallies by what one call can ask about.
func calls(tallies []*tally) (chunks [][]*tally) {
	first, queries := 0, 0
	for i, t := range tallies {
		n := len(t.parts())
		if queries+n > queriesPerCall {
			chunks = append(chunks, tallies[first:i])
			first, queries = i, 0
		}
		queries += n
	}
	return append(chunks, tallies[first:])
}

// reading is what one call told of a tally.
type reading struct {
	minutes map[time.Time]sums
	err     error
}

// query asks for the minutes of several tallies that may still change.
func (m *Monitor) query(ctx context.Context, tallies []*tally, now time.Time) ([]reading, error) {
	end := now.Truncate(time.Minute).Add(time.Minute)
	in := &cloudwatch.GetMetricDataInput{EndTime: &end, ScanBy: types.ScanByTimestampAscending}
	for i, t := range tallies {
		if in.StartTime == nil || t.open.Before(*in.StartTime) {
			in.StartTime = aws.Time(t.open)
		}
		for k, p := range t.parts() {
			in.MetricDataQueries = append(in.MetricDataQueries, t.query(id(i, k), p))
		}
	}
	readings := make([]reading, len(tallies))
	for i := range readings {
		readings[i].minutes = make(map[time.Time]sums)
	}
	answered := make(map[string]bool)
	for {
		out, err := m.api.GetMetricData(ctx, in)
		if err != nil {
			return nil, awserr.Wrap("GetMetricData", err)
		}
		results := make(map[string]types.MetricDataResult, len(out.MetricDataResults))
		for _, r := range out.MetricDataResults {
			results[aws.ToString(r.Id)] = r
		}
		for i, t := range tallies {
			for k, p := range t.parts() {
				if r, ok := results[id(i, k)]; ok {
					answered[id(i, k)] = true
					readings[i].add(r, p.name, p.sum)
				}
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	for i, t := range tallies {
		for k, p := range t.parts() {
			if !answered[id(i, k)] && readings[i].err == nil {
				readings[i].err = errors.New(p.name + ": the service did not answer for it")
			}
		}
	}
	return readings, nil
}

// id names the query for a metric of a tally.
func id(tally, metric int) string { return fmt.Sprintf("t%dm%d", tally, metric) }

// query asks for one statistic by the minute.
func (t *tally) query(id string, p part) types.MetricDataQuery {
	dimension := func(name, value string) types.Dimension { return types.Dimension{Name: &name, Value: &value} }
	return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: &p.name, Dimensions: []types.Dimension{
			dimension("FunctionName", t.function), dimension("Resource", t.resource), dimension("ExecutedVersion", t.key.version),
		}},
		Period: aws.Int32(60),
		Stat:   &p.stat,
	}}
}

// add takes in one page of one metric.
func (r *reading) add(page types.MetricDataResult, name string, sum func(*sums) *float64) {
	for i, at := range page.Timestamps {
		if i < len(page.Values) {
			s := r.minutes[at.UTC()]
			*sum(&s) = page.Values[i]
			r.minutes[at.UTC()] = s
		}
	}
	if err := awserr.Metric(page); err != nil {
		r.err = fmt.Errorf("%s: %w", name, err)
	}
}
