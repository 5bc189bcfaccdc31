package lambdamonitor_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/lambdamonitor"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
)

// statistics answers every query for a statistic with the same value in each of its
// periods.
type statistics struct {
	value map[string]float64 // "Duration p90 41"
	calls int
}

func (s *statistics) GetMetricData(_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	s.calls++
	out := &cloudwatch.GetMetricDataOutput{}
	for _, q := range in.MetricDataQueries {
		m, period := q.MetricStat.Metric, time.Duration(*q.MetricStat.Period)*time.Second
		r := types.MetricDataResult{Id: q.Id, StatusCode: types.StatusCodeComplete}
		v, ok := s.value[fmt.Sprintf("%s %s %s", *m.MetricName, *q.MetricStat.Stat, *m.Dimensions[2].Value)]
		for at := in.StartTime.Truncate(period); ok && at.Before(*in.EndTime); at = at.Add(period) {
			r.Timestamps, r.Values = append(r.Timestamps, at), append(r.Values, v)
		}
		out.MetricDataResults = append(out.MetricDataResults, r)
	}
	return out, nil
}

func TestMinutesOfBothVersionsAreComparedWhenTheyAreCertainlyComplete(t *testing.T) {
	s := &statistics{value: map[string]float64{
		"Invocations Sum 41": 200, "Errors Sum 41": 2, "Throttles Sum 41": 1,
		"Duration SampleCount 41": 200, "Duration p50 41": 20.4, "Duration p90 41": 80, "Duration p99 41": 80,
		"Duration TC(:21) 41": 110, "Duration TC(:80) 41": 180, "Duration TC(:81) 41": 198,
		"Invocations Sum 42": 10, "Duration SampleCount 42": 10, "Duration TC(:21) 42": 1,
	}}
	c := clock.NewVirtual(t0)
	m := lambdamonitor.New(s, lambdamonitor.Delay, c)
	h, err := m.History(t.Context(), controller.HistoryQuery{Alias: alias, Version: "41", Before: t0})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(h.Thresholds, []float64{0.021, 0.08, 0.081}) || h.Timed != 200 {
		t.Errorf("thresholds: got %v of %d", h.Thresholds, h.Timed)
	}
	if h.Outcomes.Requests != 60*201 || h.Outcomes.Failed != 60*3 || len(h.Failures) != 60 || h.Seconds != 3600 {
		t.Errorf("outcomes: got %+v in %d parts of %v s", h.Outcomes, len(h.Failures), h.Seconds)
	}
	if h.Source.Width != time.Minute || h.Source.Delay != lambdamonitor.Delay+81*time.Millisecond {
		t.Errorf("source: got %+v", h.Source)
	}
	c.Set(t0.Add(4*time.Minute + 10*time.Second))
	calls := s.calls
	q := controller.StretchQuery{Alias: alias, Version: "41", Since: t0, Epoch: t0, From: 0, Source: h.Source, Thresholds: h.Thresholds}
	for version, want := range map[string]evidence.Outcomes{
		"41": {Requests: 201, Failed: 3, Timed: 200, Slower: []int{90, 20, 2}},
		"42": {Requests: 10, Timed: 10, Slower: []int{9, 9, 9}},
	} {
		q.Version = version
		got, err := m.Stretches(t.Context(), q)
		if err != nil || !reflect.DeepEqual(got, []evidence.Outcomes{want, want}) {
			t.Errorf("%s: got %v, %v; want %v for the two minutes that ended two minutes ago", version, got, err, want)
		}
	}
	for range 10 { // looks within seconds cost nothing
		if _, err := m.Stretches(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if s.calls > calls+2 {
		t.Errorf("%d calls, want 2 at most", s.calls-calls)
	}
}

// lines are a log group.
type lines struct {
	events []logtypes.FilteredLogEvent
	page   int
	calls  int
}

func (l *lines) add(stream string, at time.Time, message string) {
	l.events = append(l.events, logtypes.FilteredLogEvent{
		EventId: aws.String(fmt.Sprint(len(l.events))), LogStreamName: &stream, Message: &message, Timestamp: aws.Int64(at.UnixMilli()),
	})
}

func (l *lines) FilterLogEvents(_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	l.calls++
	if *in.LogGroupName != "/aws/lambda/checkout" {
		return nil, &logtypes.ResourceNotFoundException{Message: aws.String("The specified log group does not exist.")}
	}
	var found []logtypes.FilteredLogEvent
	for _, e := range l.events {
		if *e.Timestamp >= *in.StartTime && *e.Timestamp < *in.EndTime {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b logtypes.FilteredLogEvent) int { return int(*a.Timestamp - *b.Timestamp) })
	from := 0
	if in.NextToken != nil {
		fmt.Sscan(*in.NextToken, &from)
	}
	out := &cloudwatchlogs.FilterLogEventsOutput{Events: found[from:]}
	if l.page > 0 && len(out.Events) > l.page {
		out.Events, out.NextToken = out.Events[:l.page], aws.String(fmt.Sprint(from+l.page))
	}
	return out, nil
}

const (
	oldStream = "2026/03/04/[41]0a1b"
	newStream = "2026/03/04/[42]2c3d"
)

// serve writes what Lambda writes about one invocation.
func (l *lines) serve(stream, id string, at time.Time, took time.Duration, between ...string) {
	version := stream[strings.Index(stream, "[")+1 : strings.Index(stream, "]")]
	l.add(stream, at, "START RequestId: "+id+" Version: "+version+"\n")
	for _, line := range between {
		l.add(stream, at, line)
	}
	l.report(stream, id, at, took, "")
}

func (l *lines) report(stream, id string, at time.Time, took time.Duration, status string) {
	end := at.Add(took)
	l.add(stream, end, "END RequestId: "+id+"\n")
	l.add(stream, end, fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t%s\n", id, took.Seconds()*1000, status))
}

func TestLogsTellWithinSecondsHowEachInvocationEnded(t *testing.T) {
	for _, page := range []int{0, 3} {
		l, c := &lines{page: page}, clock.NewVirtual(t0)
		m := lambdamonitor.New(nil, lambdamonitor.Delay, c).WithLogs(l, 2*time.Second)
		at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
		l.serve(oldStream, "a", at(100), 20*time.Millisecond)
		l.serve(newStream, "b", at(200), 30*time.Millisecond, "[ERROR] KeyError: 'price'\nTraceback")
		l.serve(newStream, "c", at(300), 700*time.Millisecond, "2026-03-04T05:06:00.300Z\tc\tERROR\tInvoke Error \t{}")
		l.serve(newStream, "d", at(1100), 10*time.Millisecond, "a handler that says [ERROR] in the middle")
		l.add(newStream, at(1500), "START RequestId: e Version: 42\n")
		l.report(newStream, "e", at(1500), 300*time.Millisecond, "Status: timeout")
		l.add(oldStream, at(2100), `{"time":"2026-03-04T05:06:02.100Z","type":"platform.start","record":{"requestId":"f","version":"41"}}`)
		l.add(oldStream, at(2200), `{"time":"2026-03-04T05:06:02.200Z","type":"platform.report","record":{"requestId":"f","status":"error","metrics":{"durationMs":99.5}}}`)
		l.add(newStream, at(2300), "START RequestId: g Version: 42\n") // runs
		c.Set(at(7000))
		q := controller.StretchQuery{
			Target: plan.Target{Kind: plan.Lambda, Name: "checkout", Alias: "live", Logs: "/aws/lambda/checkout"},
			Alias:  alias, Since: t0, Epoch: t0, Source: analysis.Source{Width: time.Second, Horizon: time.Minute}, Thresholds: []float64{0.025, 0.5},
		}
		want := map[string][]evidence.Outcomes{
			"41": {
				{Requests: 1, Timed: 1, Slower: []int{0, 0}}, {Slower: []int{0, 0}}, {Requests: 1, Failed: 1, Timed: 1, Slower: []int{1, 0}},
				{Slower: []int{0, 0}}, {Slower: []int{0, 0}},
			},
			"42": {{Requests: 2, Failed: 2, Timed: 2, Slower: []int{2, 1}}, {Requests: 2, Failed: 1, Timed: 2, Slower: []int{1, 0}}},
		}
		for _, version := range []string{"41", "42"} {
			q.Version = version
			got, err := m.Stretches(t.Context(), q)
			if err != nil || !reflect.DeepEqual(got, want[version]) {
				t.Errorf("pages of %d: %s: got %v, %v; want %v", page, version, got, err, want[version])
			}
		}
		l.report(newStream, "g", at(2300), 5*time.Second, "")
		c.Set(at(8000))
		q.From = 2
		if got, err := m.Stretches(t.Context(), q); err != nil || len(got) != 4 || got[0].Requests != 1 || got[0].Slower[1] != 1 {
			t.Errorf("pages of %d: once g has ended: got %v, %v", page, got, err)
		}
	}
}

func TestAHistoryOfLogsIsShorterWhereThereAreMany(t *testing.T) {
	l, c := &lines{}, clock.NewVirtual(t0)
	m := lambdamonitor.New(nil, lambdamonitor.Delay, c).WithLogs(l, 2*time.Second).ByDefault()
	for i := range 3600 {
		l.serve(oldStream, fmt.Sprint("r", i), t0.Add(-time.Duration(3600-i)*time.Second), time.Duration(1+i%100)*time.Millisecond)
	}
	q := controller.HistoryQuery{Target: plan.Target{Kind: plan.Lambda, Name: "checkout", Alias: "live"}, Alias: alias, Version: "41", Before: t0}
	h, err := m.History(t.Context(), q)
	if err != nil || h.Outcomes.Requests != 3600 || h.Seconds != 3600 || !reflect.DeepEqual(h.Thresholds, []float64{0.05, 0.09, 0.099}) {
		t.Errorf("got %+v, %v", h, err)
	}
	l.page = 1000 // as if there were ten times as many
	if h, err = m.History(t.Context(), q); err != nil || h.Seconds != 900 || h.Outcomes.Requests != 900 {
		t.Errorf("got %v requests in %v s, %v; want those of a quarter of an hour", h.Outcomes.Requests, h.Seconds, err)
	}
	q.Target.Logs = "/aws/lambda/elsewhere"
	if _, err := m.History(t.Context(), q); err == nil || !strings.Contains(err.Error(), "log group /aws/lambda/elsewhere") {
		t.Errorf("error %v, want one that names the group", err)
	}
	q.Target.Name, q.Target.Logs = "never-invoked", ""
	if h, err := m.History(t.Context(), q); err != nil || h.Outcomes.Requests != 0 {
		t.Errorf("a function that was never invoked and has no log group yet: got %+v, %v; want that it did nothing", h, err)
	}
}
