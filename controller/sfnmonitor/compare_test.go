package sfnmonitor_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/sfnmonitor"
)

func query(version string, from int, s analysis.Source, thresholds ...float64) controller.StretchQuery {
	return controller.StretchQuery{Alias: alias, Version: version, Since: t0, Epoch: t0, From: from, Source: s, Thresholds: thresholds}
}

func TestExecutionsAreCountedByTheSecondInWhichTheyBegan(t *testing.T) {
	s, c := orders(t, false)
	m := sfnmonitor.New(s, nil, c)
	source := analysis.Source{Width: time.Second, Horizon: 10 * time.Second}
	at := func(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }
	s.Execution(alias, "1", types.ExecutionStatusSucceeded, at(0.1), at(0.2))
	s.Execution(alias, "1", types.ExecutionStatusFailed, at(0.3), at(1.9))
	s.Execution(other, "1", types.ExecutionStatusFailed, at(0.4), at(0.5))
	runs := s.Execution(alias, "1", types.ExecutionStatusRunning, at(1.5), time.Time{})
	s.Execution(alias, "1", types.ExecutionStatusTimedOut, at(2.5), at(2.6))
	c.Set(at(6))
	got, err := m.Stretches(t.Context(), query("1", 0, source, 0.5, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	first := evidence.Outcomes{Requests: 2, Failed: 1, Timed: 2, Slower: []int{1, 1, 0}}
	if want := []evidence.Outcomes{first}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v and nothing beyond one that runs", got, want)
	}
	s.End(runs, types.ExecutionStatusAborted, at(6.5))
	c.Set(at(7))
	if got, err = m.Stretches(t.Context(), query("1", 1, source, 0.5, 1, 2)); err != nil {
		t.Fatal(err)
	}
	want := []evidence.Outcomes{
		{Requests: 1, Failed: 1, Timed: 1, Slower: []int{1, 1, 1}}, {Requests: 1, Failed: 1, Timed: 1, Slower: []int{0, 0, 0}},
		{Slower: []int{0, 0, 0}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v: up to three seconds ago, which an execution may take to appear", got, want)
	}
	counts, err := m.Counts(t.Context(), alias, "1", t0)
	if err != nil || counts.Started != 4 {
		t.Errorf("the counts of the same executions: %+v, %v", counts, err)
	}
}

func TestComparingLaterForgetsNothingThatWasOnlyCounted(t *testing.T) {
	s, c := orders(t, false)
	m := sfnmonitor.New(s, nil, c).Prompt()
	s.Execution(alias, "1", types.ExecutionStatusFailed, t0, t0)
	c.Set(t0.Add(time.Second))
	if _, err := m.Counts(t.Context(), alias, "1", t0); err != nil {
		t.Fatal(err)
	}
	got, err := m.Stretches(t.Context(), query("1", 0, analysis.Source{Width: time.Second, Horizon: time.Minute}))
	if want := []evidence.Outcomes{{Requests: 1, Failed: 1}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if counts, err := m.Counts(t.Context(), alias, "1", t0); err != nil || counts.Started != 1 || counts.Failed != 1 {
		t.Errorf("the counts: %+v, %v; want each execution once", counts, err)
	}
}

func TestAHistoryIsTheLastHourThroughTheAlias(t *testing.T) {
	s, c := orders(t, false)
	m := sfnmonitor.New(s, nil, c)
	for i := range 300 {
		status := types.ExecutionStatusSucceeded
		if i%100 == 0 {
			status = types.ExecutionStatusFailed
		}
		start := t0.Add(-time.Duration(i*15) * time.Second)
		s.Execution(alias, "1", status, start, start.Add(time.Second))
	}
	s.Execution(other, "1", types.ExecutionStatusFailed, t0.Add(-time.Minute), t0)
	h, err := m.History(t.Context(), controller.HistoryQuery{Alias: alias, Version: "1", Before: t0.Add(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if h.Outcomes.Requests != 240 || h.Outcomes.Failed != 3 || h.Seconds != 3600 || len(h.Thresholds) != 3 || h.Source.Width != time.Second {
		t.Errorf("got %+v", h)
	}
	if h.Source.Delay != sfnmonitor.Lag+time.Second {
		t.Errorf("delay %s, want how late the list is and how long executions take", h.Source.Delay)
	}
}

func TestAHistoryOfLongAgoIsFoundBehindWhatBeganSince(t *testing.T) {
	s, c := orders(t, false)
	m := sfnmonitor.New(s, nil, c)
	before := t0.Add(-2 * time.Hour)
	for i := range 7000 { // more than a history reads
		s.Execution(alias, "1", types.ExecutionStatusSucceeded, before.Add(time.Duration(i+1)*time.Second), t0)
	}
	for i := range 60 {
		start := before.Add(-time.Duration(i+1) * time.Minute)
		s.Execution(alias, "1", types.ExecutionStatusFailed, start, start.Add(time.Second))
	}
	h, err := m.History(t.Context(), controller.HistoryQuery{Alias: alias, Version: "1", Before: before})
	if err != nil || h.Outcomes.Requests != 60 || h.Outcomes.Failed != 60 || h.Seconds != 3600 {
		t.Errorf("got %+v, error %v; want the 60 of the hour before", h, err)
	}
}

// minutes are the metrics of an EXPRESS machine.
type minutes struct {
	fail string
	asks []string
}

func (m *minutes) Series(_ context.Context, queries []controller.MetricQuery, now time.Time) ([]analysis.Series, error) {
	series := make([]analysis.Series, len(queries))
	value := map[string]float64{
		"ExecutionsSucceeded Sum": 97, "ExecutionsFailed Sum": 2, "ExecutionsTimedOut Sum": 1,
		"ExecutionTime SampleCount": 100, "ExecutionTime TC(:20)": 50, "ExecutionTime TC(:40)": 90, "ExecutionTime TC(:80)": 99,
		"ExecutionTime p50": 20, "ExecutionTime p90": 40, "ExecutionTime p99": 80,
	}
	for i, q := range queries {
		key := q.Limit.Metric + " " + q.Limit.Stat
		m.asks = append(m.asks, key)
		if q.Limit.Metric == m.fail {
			series[i].Problem = "Forbidden"
			continue
		}
		for at := q.Since.Truncate(q.Limit.Period); at.Before(now); at = at.Add(q.Limit.Period) {
			if v, ok := value[key]; ok {
				series[i].Points = append(series[i].Points, analysis.Datapoint{At: at, Value: v, Samples: 1000})
			}
		}
	}
	return series, nil
}

func TestAnExpressMachineIsComparedByTheMinute(t *testing.T) {
	s, c := orders(t, true)
	metrics := &minutes{}
	m := sfnmonitor.New(s, metrics, c)
	h, err := m.History(t.Context(), controller.HistoryQuery{Alias: alias, Version: "1", Before: t0})
	if err != nil {
		t.Fatal(err)
	}
	if h.Source.Width != time.Minute || h.Source.Delay != sfnmonitor.Delay || !reflect.DeepEqual(h.Thresholds, []float64{0.02, 0.04, 0.08}) {
		t.Errorf("got %+v", h)
	}
	if n := len(h.Failures); h.Outcomes.Requests != n*100 || h.Failures[0] != 3 {
		t.Errorf("outcomes %+v in %d minutes", h.Outcomes, n)
	}
	c.Set(t0.Add(5*time.Minute + 30*time.Second))
	q := query("1", 1, h.Source, h.Thresholds...)
	q.Epoch = t0.Truncate(time.Minute)
	got, err := m.Stretches(t.Context(), q)
	each := evidence.Outcomes{Requests: 100, Failed: 3, Timed: 100, Slower: []int{50, 10, 1}}
	if want := []evidence.Outcomes{each, each}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v: the minutes that ended two minutes ago", got, err, want)
	}
	metrics.fail = "ExecutionsFailed"
	if _, err := m.Stretches(t.Context(), q); err == nil || !strings.Contains(err.Error(), "ExecutionsFailed: Forbidden") {
		t.Errorf("error %v, want the metric that cannot be read", err)
	}
}
