package cloudwatch

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

func TestACompositeAlarmFollowsItsChildrenAtOnce(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"one", "two"} {
		w.putAlarm(alarmOn(name, 10, 1, 30))
	}
	w.putComposite("both", `ALARM("`+w.entry("one").arn()+`") OR ALARM(two)`, func(in *cloudwatchapi.PutCompositeAlarmInput) {
		in.AlarmActions, in.OKActions = []string{topic}, []string{calmed}
	})
	w.wantState("both", "OK")
	if got, want := w.entry("both").State.Reason, w.entry("both").arn()+" was created and its alarm rule evaluates to OK"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	w.pass(time.Second)
	w.wantSent("") // nothing happened to a new alarm that anybody must know of

	w.set("one", "ALARM")
	w.wantState("both", "ALARM")
	w.pass(0)
	body := w.sent[0].body
	w.wantSent("alerts")
	e := w.entry("both")
	if got, want := e.State.Reason, w.entry("one").arn()+" transitioned to ALARM at Thursday 26 February, 2026 10:00:01 UTC"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	if got, want := e.State.Data, `{"triggeringAlarms":[{"arn":"`+w.entry("one").arn()+`","state":{"value":"ALARM","timestamp":"2026-02-26T10:00:01.000+0000"}}]}`; got != want {
		t.Errorf("reason data %s, want %s", got, want)
	}
	var message struct {
		AlarmName, NewStateValue, OldStateValue, AlarmRule string
		TriggeringChildren                                 []struct {
			Arn   string
			State struct{ Value, Timestamp string }
		}
		Trigger any
	}
	if err := json.Unmarshal([]byte(body), &message); err != nil {
		t.Fatal(err)
	}
	if message.AlarmName != "both" || message.OldStateValue != "OK" || message.Trigger != nil || len(message.TriggeringChildren) != 1 || message.TriggeringChildren[0].State.Value != "ALARM" {
		t.Errorf("message %s", body)
	}

	before := e.State
	w.set("two", "ALARM")
	if e.State != before {
		t.Errorf("a second child changed the state to %+v", e.State)
	}
	w.set("one", "OK")
	w.wantState("both", "ALARM")
	w.set("two", "OK")
	w.wantState("both", "OK")
	w.pass(0)
	w.wantSent("calm")
}

func TestCompositeAlarmsOfCompositeAlarmsFollowToo(t *testing.T) {
	w := newWorld(t)
	w.putAlarm(alarmOn("a", 60, 1, 1))
	w.putComposite("b", "NOT ALARM(a)")
	w.putComposite("c", "OK(b) AND TRUE")
	w.wantState("b", "ALARM")
	w.wantState("c", "OK")
	w.set("a", "ALARM")
	w.wantState("b", "OK")
	w.wantState("c", "ALARM")
	w.pass(time.Minute) // a falls back
	w.wantState("c", "OK")
}

func TestBadCompositeAlarmsAreRefused(t *testing.T) {
	w := newWorld(t)
	w.putAlarm(alarmOn("a", 60, 1, 1))
	w.putComposite("b", "ALARM(a)")
	w.putComposite("c", "ALARM(b)")
	for _, tt := range []struct {
		in   cloudwatchapi.PutCompositeAlarmInput
		part string
	}{
		{cloudwatchapi.PutCompositeAlarmInput{AlarmName: "x", AlarmRule: "ALARM(a) AND"}, "character 13"},
		{cloudwatchapi.PutCompositeAlarmInput{AlarmName: "x", AlarmRule: "ALARM(a) AND OK(y) AND OK(z)"}, "alarms [y, z] in the alarm rule do not exist"},
		{cloudwatchapi.PutCompositeAlarmInput{AlarmName: "b", AlarmRule: "ALARM(c)"}, "b -> c -> b"},
		{cloudwatchapi.PutCompositeAlarmInput{AlarmName: "x", AlarmRule: "ALARM(x)"}, "x -> x"},
		{cloudwatchapi.PutCompositeAlarmInput{AlarmName: "a", AlarmRule: "TRUE"}, "exists already"},
		{cloudwatchapi.PutCompositeAlarmInput{AlarmName: "x", AlarmRule: "TRUE", ActionsSuppressor: ptr("a")}, "specified together"},
		{cloudwatchapi.PutCompositeAlarmInput{AlarmName: "x", AlarmRule: "TRUE", ActionsSuppressor: ptr("y"),
			ActionsSuppressorWaitPeriod: ptr(int32(1)), ActionsSuppressorExtensionPeriod: ptr(int32(1))}, "does not exist"},
		{cloudwatchapi.PutCompositeAlarmInput{AlarmName: "x", AlarmRule: "TRUE", AlarmActions: []string{"x"}}, "Invalid arn"},
	} {
		_, err := w.s.putCompositeAlarm(w.ctx, &tt.in)
		wantError(t, err, "ValidationException", tt.part)
	}
	_, err := w.s.putMetricAlarm(w.ctx, alarmOn("b", 60, 1, 1))
	wantError(t, err, "ValidationException", "exists already")
}

func TestWhatACompositeAlarmDependsOnCannotBeDeleted(t *testing.T) {
	w := newWorld(t)
	w.putAlarm(alarmOn("a", 60, 1, 1))
	w.putAlarm(alarmOn("free", 60, 1, 1))
	w.putComposite("b", "ALARM(a)")
	_, err := w.s.deleteAlarms(w.ctx, &cloudwatchapi.DeleteAlarmsInput{AlarmNames: []string{"free", "a"}})
	wantError(t, err, "ValidationException", "Cannot delete a")
	w.wantState("free", "INSUFFICIENT_DATA")
	must(w.s.deleteAlarms(w.ctx, &cloudwatchapi.DeleteAlarmsInput{AlarmNames: []string{"a", "b", "unknown"}}))(t)
	must(w.s.deleteAlarms(w.ctx, &cloudwatchapi.DeleteAlarmsInput{AlarmNames: []string{"free"}}))(t)
	if _, ok := w.s.Next(); ok {
		t.Error("there is work left after the last alarm is gone")
	}
}

// suppressed makes a composite alarm "out" over "child", kept quiet by "quiet".
func suppressed(w *world, wait, extension int32) {
	w.putAlarm(alarmOn("child", 3600, 1, 1))
	w.putAlarm(alarmOn("quiet", 3600, 1, 1))
	for _, name := range []string{"child", "quiet"} {
		w.entry(name).Metric.TreatMissingData = ptr("ignore")
		if err := w.entry(name).compileMetric(); err != nil {
			w.Fatal(err)
		}
	}
	w.putComposite("out", "ALARM(child)", func(in *cloudwatchapi.PutCompositeAlarmInput) {
		in.AlarmActions, in.OKActions = []string{topic}, []string{calmed}
		in.ActionsSuppressor = ptr("quiet")
		in.ActionsSuppressorWaitPeriod, in.ActionsSuppressorExtensionPeriod = &wait, &extension
	})
	w.pass(time.Second)
}

func (w *world) suppressedBy() string { return w.entry("out").Suppressed.By }

func TestASuppressorKeepsActionsBack(t *testing.T) {
	w := newWorld(t)
	suppressed(w, 30, 60)
	w.set("quiet", "ALARM")
	w.set("child", "ALARM")
	w.pass(5 * time.Minute)
	w.wantState("out", "ALARM")
	w.wantSent("")
	shown := must(w.s.describeAlarms(w.ctx, &cloudwatchapi.DescribeAlarmsInput{AlarmTypes: []string{"CompositeAlarm"}}))(t).CompositeAlarms[0]
	if wire.Value(shown.ActionsSuppressedBy) != "Alarm" || wire.Value(shown.ActionsSuppressedReason) == "" {
		t.Errorf("suppressed by %v: %v", wire.Value(shown.ActionsSuppressedBy), wire.Value(shown.ActionsSuppressedReason))
	}
	w.set("quiet", "OK")
	w.pass(59 * time.Second)
	w.wantSent("")
	if got := w.suppressedBy(); got != "ExtensionPeriod" {
		t.Errorf("suppressed by %q, want the extension period", got)
	}
	w.pass(time.Second)
	w.wantSent("alerts")
	if got := w.suppressedBy(); got != "" {
		t.Errorf("still suppressed by %q", got)
	}
}

func TestWhatIsOverWhenTheSuppressionEndsIsNotTold(t *testing.T) {
	w := newWorld(t)
	suppressed(w, 30, 0)
	w.set("quiet", "ALARM")
	w.set("child", "ALARM")
	w.pass(time.Minute)
	w.set("child", "OK")
	w.set("quiet", "OK")
	w.pass(time.Minute)
	w.wantSent("")
}

func TestTheWaitPeriodGivesTheSuppressorTime(t *testing.T) {
	w := newWorld(t)
	suppressed(w, 30, 0)
	w.set("child", "ALARM")
	w.pass(29 * time.Second)
	w.wantSent("")
	if got := w.suppressedBy(); got != "WaitPeriod" {
		t.Errorf("suppressed by %q, want the wait period", got)
	}
	w.pass(time.Second)
	w.wantSent("alerts") // the suppressor did not come
	w.set("child", "OK")
	w.pass(0)
	w.wantSent("calm")
	w.set("child", "ALARM")
	w.pass(10 * time.Second)
	w.set("quiet", "ALARM")
	w.pass(5 * time.Minute)
	w.wantSent("") // this time it did
	w.set("quiet", "OK")
	w.pass(0)
	w.wantSent("alerts")
}

func TestCompositeStatesAreAlwaysWhatTheRulesSay(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 9))
		w := newWorld(t)
		names := []string{"a", "b", "c"}
		for _, name := range names {
			w.putAlarm(alarmOn(name, 60, 1, 1))
		}
		for i := range 5 {
			one, two := names[r.IntN(len(names))], names[r.IntN(len(names))]
			state := []string{"ALARM", "OK", "INSUFFICIENT_DATA", "NOT ALARM"}
			name := fmt.Sprint("x", i)
			w.putComposite(name, fmt.Sprintf("%s(%s) %s %s(%s)", state[r.IntN(4)], one, []string{"AND", "OR"}[r.IntN(2)], state[r.IntN(4)], two))
			names = append(names, name)
		}
		for range 30 {
			w.set(names[r.IntN(3)], []string{"OK", "ALARM", "INSUFFICIENT_DATA"}[r.IntN(3)])
			w.pass(time.Duration(r.IntN(50)) * time.Second)
			for _, name := range names[3:] {
				e := w.entry(name)
				if want := w.s.regions[e.Owner.scope()].ruleValue(e); e.State.Value != want {
					t.Fatalf("seed %d: %s (%s) is %s, want %s", seed, name, e.Composite.AlarmRule, e.State.Value, want)
				}
			}
		}
		if strings.Contains(strings.Join(w.summaries(), " "), "from OK to OK") {
			t.Errorf("seed %d: a state changed to itself", seed)
		}
	}
}
