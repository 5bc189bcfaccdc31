package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metrics"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

const (
	account = "123456789012"
	here    = "eu-west-1"
	topic   = "arn:aws:sns:eu-west-1:123456789012:alerts"
	calmed  = "arn:aws:sns:eu-west-1:123456789012:calm"
)

// t0 is a full minute.
var t0 = time.Date(2026, 2, 26, 10, 0, 0, 0, time.UTC)

// A world is a service in virtual time.
type world struct {
	testing.TB
	clock *clock.Virtual
	ctx   context.Context
	s     *Service
	sent  []sent
	fail  error // what every action answers
}

// sent is an action that was carried out.
type sent struct {
	at            time.Time
	target        string
	subject, body string
}

func (w *world) Publish(_ context.Context, topic arn.ARN, subject, message string) error {
	w.sent = append(w.sent, sent{w.clock.Now(), topic.String(), subject, message})
	return w.fail
}

func (w *world) Invoke(_ context.Context, function arn.ARN, event []byte) error {
	w.sent = append(w.sent, sent{w.clock.Now(), function.String(), "", string(event)})
	return w.fail
}

func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{TB: t, clock: clock.NewVirtual(t0)}
	w.ctx = wire.WithCaller(t.Context(), wire.Caller{Account: account, Region: here})
	w.start(change...)
	return w
}

// start makes the service, or another one after a crash.
func (w *world) start(change ...func(*Config)) {
	w.Helper()
	c := Config{Clock: w.clock, Actions: w}
	for _, f := range change {
		f(&c)
	}
	var err error
	if w.s, err = New(c); err != nil {
		w.Fatal(err)
	}
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	w.Helper()
	if err := w.clock.Drive(w.ctx, w.clock.Now().Add(d), 0, w.s); err != nil {
		w.Fatal(err)
	}
}

// put measures metric m in namespace ns now.
func (w *world) put(values ...float64) {
	for _, v := range values {
		w.s.Put(account, here, "ns", []Datum{{Name: "m", Value: v}})
	}
}

// must returns a function that takes an operation's result and fails the test on
// an error.
func must[T any](out T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// alarmOn is an alarm on the sum of m above a threshold.
func alarmOn(name string, period, n int32, threshold float64) *cloudwatchapi.PutMetricAlarmInput {
	return &cloudwatchapi.PutMetricAlarmInput{
		AlarmName: name, Namespace: ptr("ns"), MetricName: ptr("m"), Statistic: ptr("Sum"), Period: ptr(period),
		EvaluationPeriods: ptr(n), Threshold: ptr(threshold), ComparisonOperator: ptr("GreaterThanThreshold"),
	}
}

func ptr[T any](v T) *T { return &v }

func (w *world) putAlarm(in *cloudwatchapi.PutMetricAlarmInput) {
	w.Helper()
	must(w.s.putMetricAlarm(w.ctx, in))(w)
}

func (w *world) putComposite(name, rule string, change ...func(*cloudwatchapi.PutCompositeAlarmInput)) {
	w.Helper()
	in := &cloudwatchapi.PutCompositeAlarmInput{AlarmName: name, AlarmRule: rule}
	for _, f := range change {
		f(in)
	}
	must(w.s.putCompositeAlarm(w.ctx, in))(w)
}

func (w *world) set(name, state string) {
	w.Helper()
	must(w.s.setAlarmState(w.ctx, &cloudwatchapi.SetAlarmStateInput{AlarmName: name, StateValue: state, StateReason: "by order"}))(w)
}

// state returns an alarm's state.
func (w *world) state(name string) string {
	w.Helper()
	return string(w.entry(name).State.Value)
}

func (w *world) entry(name string) *entry {
	w.Helper()
	e := w.s.regions[metrics.Scope{Account: account, Region: here}].alarms[name]
	if e == nil {
		w.Fatalf("there is no alarm %s", name)
	}
	return e
}

func (w *world) wantState(name, want string) {
	w.Helper()
	if got := w.state(name); got != want {
		w.Errorf("%s: alarm %s is %s (%s), want %s", w.clock.Now().Format("15:04:05"), name, got, w.entry(name).State.Reason, want)
	}
}

// wantSent compares the targets of actions since the last call, as
// "alerts alerts calm".
func (w *world) wantSent(want string) {
	w.Helper()
	var got []string
	for _, s := range w.sent {
		got = append(got, s.target[strings.LastIndex(s.target, ":")+1:])
	}
	w.sent = nil
	if g := strings.Join(got, " "); g != want {
		w.Errorf("%s: actions %q, want %q", w.clock.Now().Format("15:04:05"), g, want)
	}
}

// summaries returns the history of all alarms, oldest first.
func (w *world) summaries() []string {
	w.Helper()
	out := must(w.s.describeAlarmHistory(w.ctx, &cloudwatchapi.DescribeAlarmHistoryInput{
		ScanBy: ptr("TimestampAscending"), AlarmTypes: []string{"MetricAlarm", "CompositeAlarm"},
	}))(w)
	var lines []string
	for _, i := range out.AlarmHistoryItems {
		lines = append(lines, fmt.Sprintf("%s %s: %s", i.Timestamp.Format("15:04:05"), *i.AlarmName, *i.HistorySummary))
	}
	return lines
}

// wantError checks the code and a part of the text of an error.
func wantError(t testing.TB, err error, code, part string) {
	t.Helper()
	e, ok := errors.AsType[*wire.Error](err)
	if !ok || e.Code != code || !strings.Contains(e.Message, part) {
		t.Errorf("got error %v, want %s with %q", err, code, part)
	}
}

// A notebook is a journal in memory.
type notebook struct {
	records map[recordKey][]byte
	fail    error
	writes  int
}

func (n *notebook) Put(kind, key string, value []byte) error {
	n.writes++
	if n.fail != nil {
		return n.fail
	}
	if n.records == nil {
		n.records = map[recordKey][]byte{}
	}
	n.records[recordKey{kind, key}] = slices.Clone(value)
	return nil
}

func (n *notebook) Delete(kind, key string) error {
	if n.fail != nil {
		return n.fail
	}
	delete(n.records, recordKey{kind, key})
	return nil
}

func (n *notebook) Load(kind string, f func(key string, value []byte) error) error {
	for k, v := range n.records {
		if k.kind == kind {
			if err := f(k.key, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *notebook) into(c *Config) { c.Journal = n }
