package cwmonitor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/cwmonitor"
	"github.com/crossfade-dev/crossfade/plan"
)

var t0 = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)

// fake is CloudWatch as far as a monitor knows it.
type fake struct {
	metric    map[string]types.StateValue
	composite map[string]types.StateValue
	page      int // alarms per page; 0: all
	deny      map[string]bool
	asked     []int                    // names per call
	history   []types.AlarmHistoryItem // newest first

	points map[string]map[time.Time]float64 // by metric and statistic
	status map[string]types.StatusCode
	calls  int
}

func (f *fake) DescribeAlarms(_ context.Context, in *cloudwatch.DescribeAlarmsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	if len(in.AlarmNames) > 100 {
		return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "too many names"}
	}
	f.asked = append(f.asked, len(in.AlarmNames))
	var all []string
	for _, n := range in.AlarmNames {
		if f.deny[n] {
			return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
		}
		_, isMetric := f.metric[n]
		_, isComposite := f.composite[n]
		if isMetric || isComposite && slices.Contains(in.AlarmTypes, types.AlarmTypeCompositeAlarm) {
			all = append(all, n)
		}
	}
	from := 0
	if in.NextToken != nil {
		if _, err := fmt.Sscan(*in.NextToken, &from); err != nil {
			return nil, err
		}
	}
	to := len(all)
	out := &cloudwatch.DescribeAlarmsOutput{}
	if f.page > 0 && from+f.page < to {
		to = from + f.page
		out.NextToken = aws.String(fmt.Sprint(to))
	}
	for _, n := range all[from:to] {
		if v, ok := f.composite[n]; ok {
			out.CompositeAlarms = append(out.CompositeAlarms, types.CompositeAlarm{AlarmName: &n, StateValue: v, StateUpdatedTimestamp: &t0})
			continue
		}
		out.MetricAlarms = append(out.MetricAlarms, types.MetricAlarm{AlarmName: &n, StateValue: f.metric[n],
			StateUpdatedTimestamp: &t0, StateTransitionedTimestamp: aws.Time(t0.Add(-time.Hour))})
	}
	return out, nil
}

func (f *fake) DescribeAlarmHistory(_ context.Context, in *cloudwatch.DescribeAlarmHistoryInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmHistoryOutput, error) {
	if f.deny[*in.AlarmName] {
		return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
	}
	out := &cloudwatch.DescribeAlarmHistoryOutput{}
	from := 0
	if in.NextToken != nil {
		if _, err := fmt.Sscan(*in.NextToken, &from); err != nil {
			return nil, err
		}
	}
	for i, item := range f.history[from:] {
		if f.page > 0 && len(out.AlarmHistoryItems) == f.page {
			out.NextToken = aws.String(fmt.Sprint(from + i))
			break
		}
		if !item.Timestamp.Before(*in.StartDate) {
			out.AlarmHistoryItems = append(out.AlarmHistoryItems, item)
		}
	}
	return out, nil
}

func (f *fake) GetMetricData(_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	if f.deny["GetMetricData"] {
		return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
	}
	f.calls++
	if len(in.MetricDataQueries) > 500 {
		return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "too many queries"}
	}
	out := &cloudwatch.GetMetricDataOutput{}
	for _, q := range in.MetricDataQueries {
		r := types.MetricDataResult{Id: q.Id, StatusCode: types.StatusCodeComplete}
		name := *q.MetricStat.Metric.MetricName
		if s := f.status[name]; s != "" {
			r.StatusCode = s
		}
		for at, v := range f.points[name+" "+*q.MetricStat.Stat] {
			if !at.Before(*in.StartTime) && at.Before(*in.EndTime) {
				r.Timestamps, r.Values = append(r.Timestamps, at), append(r.Values, v)
			}
		}
		out.MetricDataResults = append(out.MetricDataResults, r)
	}
	return out, nil
}

func TestAlarmsOfBothTypesAreReadAndMissingOnesAreMissing(t *testing.T) {
	f := &fake{
		metric:    map[string]types.StateValue{"a b": types.StateValueAlarm},
		composite: map[string]types.StateValue{"both": types.StateValueOk},
	}
	got, err := cwmonitor.New(f).Alarms(t.Context(), []string{"a b", "both", "typing eror"})
	if err != nil {
		t.Fatal(err)
	}
	if a := got["a b"]; a.State != "ALARM" || !a.Since.Equal(t0.Add(-time.Hour)) {
		t.Errorf("metric alarm: %+v, want ALARM since it changed", a)
	}
	if a := got["both"]; a.State != "OK" || !a.Since.Equal(t0) {
		t.Errorf("composite alarm: %+v, want OK since it was updated", a)
	}
	if a := got["typing eror"]; !a.Missing || a.State != "" {
		t.Errorf("alarm that does not exist: %+v, want missing", a)
	}
}

func TestAlarmsAreReadAHundredAtATimeWithAllTheirPages(t *testing.T) {
	f := &fake{metric: map[string]types.StateValue{}, page: 30}
	var names []string
	for i := range 250 {
		n := fmt.Sprintf("alarm-%03d", i)
		names = append(names, n)
		f.metric[n] = types.StateValueOk
	}
	got, err := cwmonitor.New(f).Alarms(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if got[n].State != "OK" {
			t.Fatalf("%s: %+v, want OK", n, got[n])
		}
	}
	if slices.Max(f.asked) > 100 || len(f.asked) != 4+4+2 {
		t.Errorf("calls with %v names, want at most 100 each and 10 calls", f.asked)
	}
}

func TestAlarmsThatCannotBeReadHaveAProblemAndTheOthersAState(t *testing.T) {
	f := &fake{metric: map[string]types.StateValue{}, deny: map[string]bool{"alarm-000": true}}
	var names []string
	for i := range 150 {
		names = append(names, fmt.Sprintf("alarm-%03d", i))
		f.metric[names[i]] = types.StateValueOk
	}
	m := cwmonitor.New(f)
	got, err := m.Alarms(t.Context(), names)
	if err != nil || !strings.Contains(got["alarm-050"].Problem, "access denied") || got["alarm-149"].State != "OK" {
		t.Errorf("got %+v and %+v, error %v; want a problem and OK", got["alarm-050"], got["alarm-149"], err)
	}
	if _, err := m.Alarms(t.Context(), names[:1]); !errors.Is(err, controller.ErrDenied) {
		t.Errorf("none readable: got error %v, want %v", err, controller.ErrDenied)
	}
}

func limit(metric string) plan.MetricLimit {
	return plan.MetricLimit{Namespace: "Shop", Metric: metric, Stat: "p99", Period: time.Minute, Op: "<", Limit: 800}
}

func TestSeriesAreOfPeriodsThatAreOverSinceTheRolloutBegan(t *testing.T) {
	values, samples := map[time.Time]float64{}, map[time.Time]float64{}
	for i := -3; i <= 3; i++ {
		at := t0.Add(time.Duration(i) * time.Minute)
		values[at], samples[at] = float64(100+i), 10
	}
	delete(samples, t0.Add(time.Minute))
	f := &fake{points: map[string]map[time.Time]float64{"latency p99": values, "latency SampleCount": samples}}
	now := t0.Add(2*time.Minute + 30*time.Second)
	got, err := cwmonitor.New(f).Series(t.Context(), []controller.MetricQuery{{Limit: limit("latency"), Since: t0.Add(-30 * time.Second)}}, now)
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, p := range got[0].Points {
		text = append(text, fmt.Sprintf("%s %v of %d", p.At.Sub(t0), p.Value, p.Samples))
	}
	if want := []string{"0s 100 of 10", "1m0s 101 of 0"}; !slices.Equal(text, want) {
		t.Errorf("points %q, want %q", text, want)
	}
}

func TestSeriesAreReadAgainOnlyWhenThereCanBeNews(t *testing.T) {
	f := &fake{}
	m := cwmonitor.New(f)
	queries := []controller.MetricQuery{{Limit: limit("latency"), Since: t0}}
	for second := range 61 {
		if _, err := m.Series(t.Context(), queries, t0.Add(time.Duration(second)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if f.calls != 5 {
		t.Errorf("%d calls in a minute of looks every second, want one every 15 s", f.calls)
	}
}

func TestManySeriesAreReadInFewCallsAndEachHasItsOwnProblem(t *testing.T) {
	f := &fake{status: map[string]types.StatusCode{"m-7": types.StatusCodeForbidden}}
	var queries []controller.MetricQuery
	for i := range 300 {
		queries = append(queries, controller.MetricQuery{Limit: limit(fmt.Sprintf("m-%d", i)), Since: t0})
	}
	got, err := cwmonitor.New(f).Series(t.Context(), queries, t0.Add(time.Minute))
	if err != nil || f.calls != 2 {
		t.Fatalf("%d calls, error %v; want 2", f.calls, err)
	}
	for i, s := range got {
		if (s.Problem != "") != (i == 7) {
			t.Errorf("series %d has the problem %q", i, s.Problem)
		}
	}
}

func TestThatNoSeriesCanBeReadIsAnErrorAlsoWhereOneIsWantedTwice(t *testing.T) {
	m := cwmonitor.New(&fake{deny: map[string]bool{"GetMetricData": true}})
	twice := []controller.MetricQuery{{Limit: limit("latency"), Since: t0}, {Limit: limit("latency"), Since: t0}}
	if got, err := m.Series(t.Context(), twice, t0.Add(time.Minute)); !errors.Is(err, controller.ErrDenied) {
		t.Errorf("got %+v and error %v, want %v", got, err, controller.ErrDenied)
	}
}
