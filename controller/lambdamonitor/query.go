package lambdamonitor

import (
	"context"
	"errors"
	"fmt"
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

// talliesPerCall is how many versions one call can ask about: it takes 500
// queries.
//
// Source: CloudWatch API, GetMetricData, MetricDataQueries.
const talliesPerCall = 500 / 3

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
		for k, metric := range metrics {
			in.MetricDataQueries = append(in.MetricDataQueries, t.query(id(i, k), metric.name))
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
		for i := range readings {
			for k, metric := range metrics {
				if r, ok := results[id(i, k)]; ok {
					answered[id(i, k)] = true
					readings[i].add(r, metric.name, metric.sum)
				}
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	for i := range readings {
		for k, metric := range metrics {
			if !answered[id(i, k)] && readings[i].err == nil {
				readings[i].err = errors.New(metric.name + ": the service did not answer for it")
			}
		}
	}
	return readings, nil
}

// id names the query for a metric of a tally.
func id(tally, metric int) string { return fmt.Sprintf("t%dm%d", tally, metric) }

// query asks for the sums of one metric.
func (t *tally) query(id, metric string) types.MetricDataQuery {
	dimension := func(name, value string) types.Dimension { return types.Dimension{Name: &name, Value: &value} }
	return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: &metric, Dimensions: []types.Dimension{
			dimension("FunctionName", t.function), dimension("Resource", t.resource), dimension("ExecutedVersion", t.key.version),
		}},
		Period: aws.Int32(60),
		Stat:   aws.String("Sum"),
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
	if page.StatusCode == types.StatusCodeInternalError || page.StatusCode == types.StatusCodeForbidden {
		text := name + ": " + string(page.StatusCode)
		for _, msg := range page.Messages {
			text += ": " + aws.ToString(msg.Value)
		}
		r.err = errors.New(text)
	}
}
