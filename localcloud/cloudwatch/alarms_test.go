package cloudwatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

func TestAnAlarmFiresAtTheFullMinuteAndGoesBack(t *testing.T) {
	w := newWorld(t)
	in := alarmOn("a", 60, 1, 3)
	in.AlarmActions, in.OKActions = []string{topic}, []string{calmed}
	w.putAlarm(in)
	w.pass(10 * time.Second)
	w.put(2, 2)
	w.pass(49 * time.Second)
	w.wantState("a", "INSUFFICIENT_DATA")
	w.pass(time.Second) // 10:01:00
	w.wantState("a", "ALARM")
	if got, want := w.entry("a").State.Reason, "Threshold Crossed: 1 datapoint [4.0 (26/02/26 10:00:00)] was greater than the threshold (3.0)."; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	w.wantSent("alerts")
	w.put(1)
	w.pass(time.Minute)
	w.wantState("a", "OK")
	w.wantSent("calm")
	// The range is longer than one period: the last datapoint is judged for a while.
	w.pass(2 * time.Minute)
	w.wantState("a", "OK")
	w.pass(time.Minute)
	w.wantState("a", "INSUFFICIENT_DATA")
	w.wantSent("")
	want := []string{
		`10:00:00 a: Alarm "a" created`,
		"10:01:00 a: Alarm updated from INSUFFICIENT_DATA to ALARM",
		"10:01:00 a: Successfully executed action " + topic,
		"10:02:00 a: Alarm updated from ALARM to OK",
		"10:02:00 a: Successfully executed action " + calmed,
		"10:05:00 a: Alarm updated from OK to INSUFFICIENT_DATA",
	}
	if diff := cmp.Diff(want, w.summaries()); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestAHighResolutionAlarmIsEvaluatedEveryTenSeconds(t *testing.T) {
	w := newWorld(t)
	w.clock.Set(t0.Add(3 * time.Second))
	w.putAlarm(alarmOn("a", 10, 2, 0))
	w.put(1)
	w.pass(8 * time.Second)
	w.put(1)
	w.pass(8 * time.Second) // 10:00:19
	w.wantState("a", "OK")  // one of two, too young for an alarm
	w.pass(time.Second)
	w.wantState("a", "ALARM")
	if at, ok := w.s.Next(); !ok || !at.Equal(t0.Add(30*time.Second)) {
		t.Errorf("the next evaluation is at %v, want 10:00:30", at)
	}
}

func TestALongPeriodSlidesByTheMinute(t *testing.T) {
	w := newWorld(t)
	w.pass(7*time.Minute + 30*time.Second)
	w.putAlarm(alarmOn("a", 300, 1, 0))
	w.put(1)
	w.pass(29 * time.Second)
	w.wantState("a", "INSUFFICIENT_DATA")
	w.pass(time.Second) // 10:08, not only at 10:10
	w.wantState("a", "ALARM")
}

func TestANewAlarmWithoutDataStaysUnchecked(t *testing.T) {
	w := newWorld(t)
	w.putAlarm(alarmOn("a", 60, 1, 30))
	w.pass(10 * time.Minute)
	out := must(w.s.describeAlarms(w.ctx, &cloudwatchapi.DescribeAlarmsInput{AlarmNames: []string{"a", "unknown"}}))(t)
	text, err := json.Marshal(out.MetricAlarms)
	if err != nil {
		t.Fatal(err)
	}
	var shown []map[string]any
	if err := json.Unmarshal(text, &shown); err != nil || len(shown) != 1 {
		t.Fatalf("%d alarms, %v", len(shown), err)
	}
	for k, v := range shown[0] {
		if v == nil {
			delete(shown[0], k)
		}
	}
	stamp := "2026-02-26T10:00:00Z"
	want := map[string]any{
		"ActionsEnabled": true, "OKActions": []any{}, "AlarmActions": []any{}, "InsufficientDataActions": []any{},
		"AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a", "AlarmName": "a",
		"AlarmConfigurationUpdatedTimestamp": stamp, "StateTransitionedTimestamp": stamp, "StateUpdatedTimestamp": stamp,
		"ComparisonOperator": "GreaterThanThreshold", "Dimensions": []any{}, "EvaluationPeriods": 1.0, "MetricName": "m", "Namespace": "ns",
		"Period": 60.0, "StateReason": "Unchecked: Initial alarm creation", "StateValue": "INSUFFICIENT_DATA", "Statistic": "Sum", "Threshold": 30.0,
	}
	if diff := cmp.Diff(want, shown[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestANewAlarmLooksAtOnceAtWhatDataThereAreAndAtTheFullMinuteAtNone(t *testing.T) {
	w := newWorld(t)
	w.put(9)
	w.pass(time.Minute + 20*time.Second)
	for name, metric := range map[string]string{"known": "m", "silent": "other"} {
		in := alarmOn(name, 60, 1, 3)
		in.MetricName, in.TreatMissingData = &metric, ptr("breaching")
		w.putAlarm(in)
	}
	w.pass(0)
	w.wantState("known", "ALARM")
	w.wantState("silent", "INSUFFICIENT_DATA")
	w.putComposite("either", "ALARM(silent) OR ALARM(known)")
	if got, want := w.entry("either").State.Data, `{"triggeringAlarms":[`+
		`{"arn":"`+w.entry("silent").arn()+`","state":{"value":"INSUFFICIENT_DATA","timestamp":"2026-02-26T10:01:20.000+0000"}},`+
		`{"arn":"`+w.entry("known").arn()+`","state":{"value":"ALARM","timestamp":"2026-02-26T10:01:20.000+0000"}}]}`; got != want {
		t.Errorf("reason data of a new composite alarm %s, want %s", got, want)
	}
	w.pass(40 * time.Second)
	w.wantState("silent", "ALARM")
	if at := w.entry("silent").State.Changed; !at.Equal(t0.Add(2 * time.Minute)) {
		t.Errorf("without data it changed at %v, want the full minute", at)
	}
}

func TestAStateThatWasSetActsAtOnceAndFallsBack(t *testing.T) {
	w := newWorld(t)
	in := alarmOn("a", 60, 1, 3)
	in.AlarmActions, in.OKActions = []string{topic}, []string{calmed}
	in.TreatMissingData = ptr("notBreaching")
	w.put(1)
	w.pass(time.Minute)
	w.putAlarm(in)
	w.pass(time.Second)
	w.wantSent("calm")
	w.set("a", "ALARM")
	w.pass(0)
	w.wantState("a", "ALARM")
	w.wantSent("alerts")
	if e := w.entry("a"); e.State.Reason != "by order" || e.State.Data != "" {
		t.Errorf("state %+v, want the given reason and no data", e.State)
	}
	w.pass(10 * time.Second)
	w.set("a", "ALARM") // nothing changes but the time of the last update
	w.pass(0)
	w.wantSent("")
	if e := w.entry("a"); !e.State.Updated.Equal(t0.Add(71*time.Second)) || !e.State.Changed.Equal(t0.Add(61*time.Second)) {
		t.Errorf("updated %v, changed %v", e.State.Updated, e.State.Changed)
	}
	w.pass(49 * time.Second)
	w.wantState("a", "OK")
	w.wantSent("calm")
	_, err := w.s.setAlarmState(w.ctx, &cloudwatchapi.SetAlarmStateInput{AlarmName: "b", StateValue: "OK"})
	wantError(t, err, "ResourceNotFound", "")
}

func TestAnUpdateReplacesTheConfigurationAndKeepsStateAndTags(t *testing.T) {
	w := newWorld(t)
	in := alarmOn("a", 60, 1, 3)
	in.Tags = []cloudwatchapi.Tag{{Key: "team", Value: "x"}}
	in.AlarmDescription = ptr("first")
	w.putAlarm(in)
	w.set("a", "ALARM")
	w.pass(0)
	again := alarmOn("a", 10, 2, 5)
	again.Tags = []cloudwatchapi.Tag{{Key: "other", Value: "y"}}
	again.TreatMissingData = ptr("ignore")
	w.putAlarm(again)
	w.wantState("a", "ALARM")
	e := w.entry("a")
	if e.Metric.AlarmDescription != nil || len(e.Tags) != 1 || e.Tags[0].Key != "team" {
		t.Errorf("description %v, tags %v", e.Metric.AlarmDescription, e.Tags)
	}
	if len(w.s.timers) != 1 {
		t.Errorf("%d timers for one alarm", len(w.s.timers))
	}
	w.pass(time.Minute)
	w.wantState("a", "ALARM")
}

func TestWithoutAnybodyToActTheHistorySaysSo(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Actions = nil })
	in := alarmOn("a", 60, 1, 3)
	in.AlarmActions = []string{topic}
	w.putAlarm(in)
	w.set("a", "ALARM")
	w.pass(time.Second)
	if got := strings.Join(w.summaries(), "\n"); !strings.Contains(got, "Failed to execute action "+topic) {
		t.Errorf("history:\n%s", got)
	}
}

func TestFailedAndForeignActionsAreNoted(t *testing.T) {
	w := newWorld(t)
	w.fail = errors.New("no such topic")
	in := alarmOn("a", 60, 1, 3)
	in.AlarmActions = []string{topic, "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:x"}
	w.putAlarm(in)
	w.set("a", "ALARM")
	w.pass(time.Second)
	out := must(w.s.describeAlarmHistory(w.ctx, &cloudwatchapi.DescribeAlarmHistoryInput{HistoryItemType: ptr("Action")}))(t)
	var all []string
	for _, i := range out.AlarmHistoryItems {
		all = append(all, *i.HistoryData)
	}
	if len(all) != 2 || !strings.Contains(all[1], `"error":"no such topic"`) || !strings.Contains(all[0], "autoscaling") {
		t.Errorf("history %q", all)
	}
}

func TestDisabledActionsAreNotCarriedOut(t *testing.T) {
	w := newWorld(t)
	in := alarmOn("a", 60, 1, 3)
	in.AlarmActions = []string{topic}
	in.ActionsEnabled = ptr(false)
	w.putAlarm(in)
	w.set("a", "ALARM")
	w.pass(0)
	w.wantSent("")
	must(w.s.enableAlarmActions(w.ctx, &cloudwatchapi.EnableAlarmActionsInput{AlarmNames: []string{"a", "unknown"}}))(t)
	w.set("a", "OK")
	w.set("a", "ALARM")
	w.pass(0)
	w.wantSent("alerts")
	must(w.s.disableAlarmActions(w.ctx, &cloudwatchapi.DisableAlarmActionsInput{AlarmNames: []string{"a"}}))(t)
	w.set("a", "OK")
	w.set("a", "ALARM")
	w.pass(0)
	w.wantSent("")
}

func TestTopicsAndFunctionsAreToldWhatHappened(t *testing.T) {
	w := newWorld(t)
	in := alarmOn("orders failed", 10, 2, 2)
	in.AlarmDescription = ptr("too many")
	in.Dimensions = []cloudwatchapi.Dimension{{Name: "Machine", Value: "orders"}}
	in.TreatMissingData = ptr("ignore")
	in.AlarmActions = []string{topic, "arn:aws:lambda:eu-west-1:123456789012:function:page:live"}
	w.putAlarm(in)
	w.set("orders failed", "ALARM")
	w.pass(0)
	if len(w.sent) != 2 {
		t.Fatalf("%d actions", len(w.sent))
	}
	if got, want := w.sent[0].subject, `ALARM: "orders failed" in EU (Ireland)`; got != want {
		t.Errorf("subject %q, want %q", got, want)
	}
	wantMessage := `{"AlarmName":"orders failed","AlarmDescription":"too many","AWSAccountId":"123456789012",` +
		`"AlarmConfigurationUpdatedTimestamp":"2026-02-26T10:00:00.000+0000","NewStateValue":"ALARM","NewStateReason":"by order",` +
		`"StateChangeTime":"2026-02-26T10:00:00.000+0000","Region":"EU (Ireland)","AlarmArn":"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:orders failed",` +
		`"OldStateValue":"INSUFFICIENT_DATA","OKActions":[],"AlarmActions":["` + in.AlarmActions[0] + `","` + in.AlarmActions[1] + `"],"InsufficientDataActions":[],` +
		`"Trigger":{"MetricName":"m","Namespace":"ns","StatisticType":"Statistic","Statistic":"SUM","Unit":null,"Dimensions":[{"value":"orders","name":"Machine"}],` +
		`"Period":10,"EvaluationPeriods":2,"ComparisonOperator":"GreaterThanThreshold","Threshold":2,"TreatMissingData":"ignore","EvaluateLowSampleCountPercentile":""}}`
	if diff := cmp.Diff(wantMessage, w.sent[0].body); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	id := metricID(w.entry("orders failed"))
	wantEvent := `{"source":"aws.cloudwatch","alarmArn":"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:orders failed","accountId":"123456789012",` +
		`"time":"2026-02-26T10:00:00.000+0000","region":"eu-west-1","alarmData":{"alarmName":"orders failed",` +
		`"state":{"value":"ALARM","reason":"by order","timestamp":"2026-02-26T10:00:00.000+0000"},` +
		`"previousState":{"value":"INSUFFICIENT_DATA","reason":"Unchecked: Initial alarm creation","timestamp":"2026-02-26T10:00:00.000+0000"},` +
		`"configuration":{"description":"too many","metrics":[{"id":"` + id + `","metricStat":{"metric":{"namespace":"ns","name":"m","dimensions":{"Machine":"orders"}},` +
		`"period":10,"stat":"Sum"},"returnData":true}]}}}`
	if diff := cmp.Diff(wantEvent, w.sent[1].body); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func TestAlarmsOnMathPercentilesAndBands(t *testing.T) {
	w := newWorld(t)
	stat := func(name, stat string) *cloudwatchapi.MetricStat {
		return &cloudwatchapi.MetricStat{Metric: &cloudwatchapi.Metric{Namespace: ptr("ns"), MetricName: &name}, Period: 60, Stat: stat}
	}
	rate := alarmOn("rate", 60, 1, 10)
	rate.Namespace, rate.MetricName, rate.Statistic, rate.Period = nil, nil, nil, nil
	rate.Metrics = []cloudwatchapi.MetricDataQuery{
		{Id: "e", Expression: ptr("100 * FILL(errors, 0) / all")},
		{Id: "errors", MetricStat: stat("errors", "Sum"), ReturnData: ptr(false)},
		{Id: "all", MetricStat: stat("all", "Sum"), ReturnData: ptr(false)},
	}
	w.putAlarm(rate)
	slow := alarmOn("slow", 60, 1, 100)
	slow.Statistic, slow.ExtendedStatistic = nil, ptr("p90")
	slow.EvaluateLowSampleCountPercentile = ptr("ignore")
	w.putAlarm(slow)
	band := alarmOn("band", 60, 1, 0)
	band.Threshold, band.ThresholdMetricId, band.ComparisonOperator = nil, ptr("ad1"), ptr("GreaterThanUpperThreshold")
	w.putAlarm(band)

	w.s.Put(account, here, "ns", []Datum{{Name: "all", Value: 20}})
	for range 99 {
		w.put(500)
	}
	w.pass(time.Minute)
	w.wantState("rate", "OK")
	w.wantState("slow", "INSUFFICIENT_DATA") // 99 samples are too few for p90
	w.s.Put(account, here, "ns", []Datum{{Name: "all", Value: 20}, {Name: "errors", Value: 3}})
	for range 100 {
		w.put(500)
	}
	w.pass(time.Minute)
	w.wantState("rate", "ALARM")
	w.wantState("slow", "ALARM")
	w.wantState("band", "INSUFFICIENT_DATA")
	if got := w.entry("rate").State.Reason; !strings.Contains(got, "[15.0 (26/02/26 10:01:00)]") {
		t.Errorf("reason %q", got)
	}
}

func TestBadAlarmsAreRefused(t *testing.T) {
	w := newWorld(t)
	for part, change := range map[string]func(*cloudwatchapi.PutMetricAlarmInput){
		"Invalid arn syntax":               func(in *cloudwatchapi.PutMetricAlarmInput) { in.OKActions = []string{"mail me"} },
		"period 45s":                       func(in *cloudwatchapi.PutMetricAlarmInput) { in.Period = ptr(int32(45)) },
		"The value 61":                     func(in *cloudwatchapi.PutMetricAlarmInput) { in.Period = ptr(int32(61)) },
		"EvaluationPeriods":                func(in *cloudwatchapi.PutMetricAlarmInput) { in.EvaluationPeriods = nil },
		"ComparisonOperator":               func(in *cloudwatchapi.PutMetricAlarmInput) { in.ComparisonOperator = nil },
		"Threshold":                        func(in *cloudwatchapi.PutMetricAlarmInput) { in.Threshold = nil },
		"datapoints to alarm":              func(in *cloudwatchapi.PutMetricAlarmInput) { in.DatapointsToAlarm = ptr(int32(2)) },
		"treated as":                       func(in *cloudwatchapi.PutMetricAlarmInput) { in.TreatMissingData = ptr("magic") },
		"mutually exclusive":               func(in *cloudwatchapi.PutMetricAlarmInput) { in.ExtendedStatistic = ptr("p90") },
		"One of the parameters Statistic":  func(in *cloudwatchapi.PutMetricAlarmInput) { in.Statistic = nil },
		"EvaluateLowSampleCountPercentile": func(in *cloudwatchapi.PutMetricAlarmInput) { in.EvaluateLowSampleCountPercentile = ptr("x") },
		"When Metrics is specified":        func(in *cloudwatchapi.PutMetricAlarmInput) { in.Metrics = []cloudwatchapi.MetricDataQuery{{Id: "m"}} },
		"MetricName":                       func(in *cloudwatchapi.PutMetricAlarmInput) { in.MetricName = nil },
		"PromQL":                           func(in *cloudwatchapi.PutMetricAlarmInput) { in.EvaluationInterval = ptr(int32(60)) },
	} {
		if part == "period 45s" {
			part = "The value 45"
		}
		in := alarmOn("a", 60, 1, 1)
		change(in)
		_, err := w.s.putMetricAlarm(w.ctx, in)
		e, ok := errors.AsType[*wire.Error](err)
		if !ok || !strings.Contains(e.Message, part) {
			t.Errorf("got %v, want %q", err, part)
		}
	}
	if len(w.summaries()) != 0 {
		t.Error("a refused alarm left a trace")
	}
}

func TestDescribeAlarmsFiltersAndPages(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		in := alarmOn(fmt.Sprint("a", i), 60, 1, 1)
		if i == 3 {
			in.AlarmActions = []string{topic}
		}
		w.putAlarm(in)
	}
	w.putAlarm(alarmOn("b", 60, 1, 1))
	w.putComposite("c", "ALARM(a1) OR ALARM(b)")
	w.putComposite("d", "ALARM(c) AND OK(b)")
	w.set("a5", "ALARM")
	both := []string{"MetricAlarm", "CompositeAlarm"}
	for name, tt := range map[string]struct {
		in   cloudwatchapi.DescribeAlarmsInput
		want string
	}{
		"all metric alarms":   {cloudwatchapi.DescribeAlarmsInput{}, "a0 a1 a2 a3 a4 a5 a6 b"},
		"prefix":              {cloudwatchapi.DescribeAlarmsInput{AlarmNamePrefix: ptr("b")}, "b"},
		"names without types": {cloudwatchapi.DescribeAlarmsInput{AlarmNames: []string{"c", "b", "x"}}, "b"},
		"names with types":    {cloudwatchapi.DescribeAlarmsInput{AlarmNames: []string{"c", "b", "x"}, AlarmTypes: both}, "b c"},
		"state":               {cloudwatchapi.DescribeAlarmsInput{StateValue: ptr("ALARM"), AlarmTypes: both}, "a5"},
		"action":              {cloudwatchapi.DescribeAlarmsInput{ActionPrefix: ptr("arn:aws:sns"), AlarmTypes: both}, "a3"},
		"children":            {cloudwatchapi.DescribeAlarmsInput{ChildrenOfAlarmName: ptr("d")}, "b c"},
		"parents":             {cloudwatchapi.DescribeAlarmsInput{ParentsOfAlarmName: ptr("b")}, "c d"},
		"children of nothing": {cloudwatchapi.DescribeAlarmsInput{ChildrenOfAlarmName: ptr("x")}, ""},
	} {
		for _, page := range []int32{0, 1, 3} {
			var got []string
			in := tt.in
			if page > 0 {
				in.MaxRecords = &page
			}
			for {
				out := must(w.s.describeAlarms(w.ctx, &in))(t)
				for _, a := range out.MetricAlarms {
					got = append(got, *a.AlarmName)
				}
				for _, a := range out.CompositeAlarms {
					got = append(got, *a.AlarmName)
				}
				if in.NextToken = out.NextToken; in.NextToken == nil {
					break
				}
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("%s in pages of %d: got %q, want %q", name, page, g, tt.want)
			}
		}
	}
	_, err := w.s.describeAlarms(w.ctx, &cloudwatchapi.DescribeAlarmsInput{NextToken: ptr("no token")})
	wantError(t, err, "InvalidNextToken", "")
	_, err = w.s.describeAlarms(w.ctx, &cloudwatchapi.DescribeAlarmsInput{AlarmNames: []string{"a"}, AlarmNamePrefix: ptr("a")})
	wantError(t, err, "ValidationException", "mutually exclusive")
}

func TestAlarmsOfAnotherAccountOrRegionAreNotSeen(t *testing.T) {
	w := newWorld(t)
	w.putAlarm(alarmOn("a", 60, 1, 1))
	for _, c := range []wire.Caller{{Account: account, Region: "us-east-1"}, {Account: "999999999999", Region: here}} {
		out := must(w.s.describeAlarms(wire.WithCaller(t.Context(), c), &cloudwatchapi.DescribeAlarmsInput{}))(t)
		if len(out.MetricAlarms) != 0 {
			t.Errorf("%s in %s sees %d alarms", c.Account, c.Region, len(out.MetricAlarms))
		}
	}
}

func TestDescribeAlarmsForMetricWantsTheExactMetric(t *testing.T) {
	w := newWorld(t)
	in := alarmOn("a", 60, 1, 1)
	in.Dimensions = []cloudwatchapi.Dimension{{Name: "x", Value: "1"}, {Name: "y", Value: "2"}}
	w.putAlarm(in)
	w.putAlarm(alarmOn("b", 60, 1, 1))
	names := func(in cloudwatchapi.DescribeAlarmsForMetricInput) string {
		in.Namespace, in.MetricName = "ns", "m"
		var got []string
		for _, a := range must(w.s.describeAlarmsForMetric(w.ctx, &in))(t).MetricAlarms {
			got = append(got, *a.AlarmName)
		}
		return strings.Join(got, " ")
	}
	if got := names(cloudwatchapi.DescribeAlarmsForMetricInput{}); got != "b" {
		t.Errorf("without dimensions: %q", got)
	}
	if got := names(cloudwatchapi.DescribeAlarmsForMetricInput{Dimensions: []cloudwatchapi.Dimension{{Name: "y", Value: "2"}, {Name: "x", Value: "1"}}}); got != "a" {
		t.Errorf("with both dimensions: %q", got)
	}
	if got := names(cloudwatchapi.DescribeAlarmsForMetricInput{Statistic: ptr("Average")}); got != "" {
		t.Errorf("with another statistic: %q", got)
	}
}

func TestHistoryPagesInBothDirections(t *testing.T) {
	w := newWorld(t)
	w.putAlarm(alarmOn("a", 60, 1, 1))
	for range 4 {
		w.set("a", "ALARM")
		w.set("a", "OK")
	}
	for _, order := range []string{"TimestampAscending", "TimestampDescending"} {
		in := &cloudwatchapi.DescribeAlarmHistoryInput{ScanBy: &order, MaxRecords: ptr(int32(2)), AlarmName: ptr("a")}
		var got []string
		for {
			out := must(w.s.describeAlarmHistory(w.ctx, in))(t)
			for _, i := range out.AlarmHistoryItems {
				got = append(got, *i.HistorySummary)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if order == "TimestampDescending" {
			slices.Reverse(got)
		}
		if len(got) != 9 || got[0] != `Alarm "a" created` || got[8] != "Alarm updated from ALARM to OK" {
			t.Errorf("%s: %q", order, got)
		}
	}
}

func TestTenThousandAlarmsDoNothingBetweenTheirTimes(t *testing.T) {
	w := newWorld(t)
	for i := range 10_000 {
		w.putAlarm(alarmOn(fmt.Sprint("a", i), 60, 1, 1))
	}
	w.pass(time.Second)
	at, ok := w.s.Next()
	if !ok || !at.Equal(t0.Add(time.Minute)) {
		t.Fatalf("next at %v, %v; want 10:01:00", at, ok)
	}
	w.put(2)
	w.pass(time.Minute)
	w.wantState("a0", "ALARM")
	w.wantState("a9999", "ALARM")
}

func BenchmarkEvaluateAlarms(b *testing.B) {
	w := newWorld(b)
	const n = 1000
	for i := range n {
		w.putAlarm(alarmOn(fmt.Sprint("a", i), 60, 3, 100))
	}
	now := t0
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Minute)
		w.clock.Set(now.Add(-time.Second))
		w.put(1)
		if err := w.s.Run(w.ctx, now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/alarm")
}
