package cloudwatch

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metrics"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// everything returns what a service answers about all that it keeps.
func everything(w *world) []any {
	w.Helper()
	all := []any{
		must(w.s.describeAlarms(w.ctx, &cloudwatchapi.DescribeAlarmsInput{AlarmTypes: []string{"MetricAlarm", "CompositeAlarm"}}))(w),
		w.summaries(),
		must(w.s.listDashboards(w.ctx, &cloudwatchapi.ListDashboardsInput{}))(w),
		must(w.s.describeAnomalyDetectors(w.ctx, &cloudwatchapi.DescribeAnomalyDetectorsInput{}))(w),
		must(w.s.describeInsightRules(w.ctx, &cloudwatchapi.DescribeInsightRulesInput{}))(w),
	}
	for _, a := range all[0].(*cloudwatchapi.DescribeAlarmsOutput).MetricAlarms {
		all = append(all, must(w.s.listTagsForResource(w.ctx, &cloudwatchapi.ListTagsForResourceInput{ResourceARN: *a.AlarmArn}))(w))
	}
	return all
}

func TestEverythingButMetricsSurvivesARestart(t *testing.T) {
	book := &notebook{}
	w := newWorld(t, book.into)
	in := alarmOn("a", 60, 2, 1)
	in.Tags = []cloudwatchapi.Tag{{Key: "k", Value: "v"}}
	in.AlarmActions = []string{topic}
	w.putAlarm(in)
	w.putAlarm(alarmOn("gone", 60, 1, 1))
	w.putComposite("c", "ALARM(a)")
	w.put(5)
	w.pass(time.Minute)
	w.put(5)
	w.pass(time.Minute)
	w.wantState("c", "ALARM")
	must(w.s.deleteAlarms(w.ctx, &cloudwatchapi.DeleteAlarmsInput{AlarmNames: []string{"gone"}}))(t)
	must(w.s.putDashboard(w.ctx, &cloudwatchapi.PutDashboardInput{DashboardName: "d", DashboardBody: `{"widgets":[]}`}))(t)
	must(w.s.putAnomalyDetector(w.ctx, &cloudwatchapi.PutAnomalyDetectorInput{Namespace: ptr("ns"), MetricName: ptr("m"), Stat: ptr("Sum")}))(t)
	must(w.s.putInsightRule(w.ctx, &cloudwatchapi.PutInsightRuleInput{RuleName: "r", RuleDefinition: `{"Schema":{"Name":"CloudWatchLogRule","Version":1}}`}))(t)
	before := everything(w)

	w.start(book.into)
	if diff := cmp.Diff(before, everything(w)); diff != "" {
		t.Errorf("after the restart (-before +after):\n%s", diff)
	}
	// The timers run again: without data the alarm goes back, and the composite follows.
	w.pass(10 * time.Minute)
	w.wantState("a", "INSUFFICIENT_DATA")
	w.wantState("c", "OK")
	w.start(book.into)
	w.wantState("c", "OK")
}

func TestNothingIsAcknowledgedThatWasNotSaved(t *testing.T) {
	book := &notebook{}
	w := newWorld(t, book.into)
	book.fail = errors.New("disk full")
	if _, err := w.s.putMetricAlarm(w.ctx, alarmOn("a", 60, 1, 1)); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("got %v, want the journal's error", err)
	}
}

func TestActionsWaitUntilTheStateIsSaved(t *testing.T) {
	book := &notebook{}
	w := newWorld(t, book.into)
	in := alarmOn("a", 60, 1, 1)
	in.AlarmActions = []string{topic}
	w.putAlarm(in)
	w.pass(time.Second)
	w.put(5)
	book.fail = errors.New("disk full")
	w.clock.Set(t0.Add(time.Minute))
	if err := w.s.Run(w.ctx, w.clock.Now()); err == nil {
		t.Error("Run did not report that nothing was saved")
	}
	w.wantState("a", "ALARM")
	w.wantSent("")
	if at, ok := w.s.Next(); !ok || !at.Equal(t0.Add(time.Minute+saveAgain)) {
		t.Errorf("next try at %v, %v; want a second later", at, ok)
	}
	book.fail = nil
	w.pass(saveAgain)
	w.wantSent("alerts")
	w.start(book.into)
	w.wantState("a", "ALARM")
}

func TestManyChangesOfOneAlarmAreOneRecord(t *testing.T) {
	book := &notebook{}
	w := newWorld(t, book.into)
	w.putAlarm(alarmOn("a", 60, 1, 1))
	w.set("a", "ALARM")
	w.set("a", "OK")
	n := 0
	for k := range book.records {
		if k.kind == kindAlarm {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d records for one alarm", n)
	}
	must(w.s.deleteAlarms(w.ctx, &cloudwatchapi.DeleteAlarmsInput{AlarmNames: []string{"a"}}))(t)
	w.start(book.into)
	if len(w.s.regions[metrics.Scope{Account: account, Region: here}].alarms) != 0 {
		t.Error("a deleted alarm came back")
	}
}
