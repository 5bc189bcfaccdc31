package sfnmonitor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/fakesfn"
	"github.com/crossfade-dev/crossfade/controller/sfnmonitor"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

const (
	machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:orders"
	alias   = machine + ":prod"
	other   = machine + ":beta"
)

var t0 = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// orders returns a service with version 1 behind two aliases, and a monitor.
func orders(t testing.TB, express bool) (*fakesfn.Service, *clock.Virtual) {
	t.Helper()
	c := clock.NewVirtual(t0)
	s := fakesfn.New(c.Now)
	s.Create(machine, `{}`, express)
	ctx := context.Background()
	if _, err := s.PublishStateMachineVersion(ctx, &sfn.PublishStateMachineVersionInput{StateMachineArn: aws.String(machine)}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prod", "beta"} {
		if _, err := s.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{Name: &name, RoutingConfiguration: []types.RoutingConfigurationListItem{
			{StateMachineVersionArn: aws.String(machine + ":1"), Weight: 100},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	return s, c
}

func outcomes(c analysis.Counts) string {
	return fmt.Sprintf("%d started, %d running, %d succeeded, %d failed, %d timed out, %d aborted",
		c.Started, c.Running, c.Succeeded, c.Failed, c.TimedOut, c.Aborted)
}

func TestCountsAreThoseOfTheVersionThroughTheAliasSinceFrom(t *testing.T) {
	s, c := orders(t, false)
	m := sfnmonitor.New(s, nil, c)
	s.Execution(alias, "1", types.ExecutionStatusFailed, t0.Add(-time.Second), t0)
	s.Execution(other, "1", types.ExecutionStatusFailed, t0.Add(time.Second), t0.Add(time.Second))
	s.Execution(alias, "2", types.ExecutionStatusFailed, t0.Add(time.Second), t0.Add(time.Second))
	for _, status := range []types.ExecutionStatus{types.ExecutionStatusFailed, types.ExecutionStatusTimedOut, types.ExecutionStatusAborted, types.ExecutionStatusSucceeded, types.ExecutionStatusRunning} {
		s.Execution(alias, "1", status, t0.Add(time.Second), time.Time{})
	}
	c.Set(t0.Add(2 * time.Second))
	got, err := m.Counts(t.Context(), alias, "1", t0)
	if err != nil {
		t.Fatal(err)
	}
	if want := "5 started, 1 running, 1 succeeded, 1 failed, 1 timed out, 1 aborted"; outcomes(got) != want {
		t.Errorf("got  %s\nwant %s", outcomes(got), want)
	}
	if !got.AsOf.Equal(c.Now()) || !got.From.Equal(t0) || got.Version != "1" {
		t.Errorf("got %+v, want version 1 from %s as of %s", got, t0, c.Now())
	}
}

func TestALookReadsOnlyWhatIsNew(t *testing.T) {
	s, c := orders(t, false)
	m := sfnmonitor.New(s, nil, c)
	long := s.Execution(alias, "1", types.ExecutionStatusRunning, t0, time.Time{})
	const minutes = 10
	total := 0
	for second := range minutes * 60 {
		now := t0.Add(time.Duration(second) * time.Second)
		c.Set(now)
		for range 20 {
			s.Execution(alias, "1", types.ExecutionStatusSucceeded, now, now)
			total++
		}
		if second%2 == 0 {
			if _, err := m.Counts(t.Context(), alias, "1", t0); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := m.Counts(t.Context(), alias, "1", t0)
	if err != nil || got.Started != total+1 || got.Succeeded != total || got.Running != 1 {
		t.Errorf("got %s, error %v; want %d started, one running", outcomes(got), err, total+1)
	}
	// One page a look, and a few more now and then for the long-running one.
	if calls, looks := s.Calls("ListExecutions"), minutes*30; calls > looks*2 {
		t.Errorf("%d calls for %d looks at %d executions", calls, looks, total)
	}
	s.End(long, types.ExecutionStatusFailed, c.Now())
	c.Set(c.Now().Add(10 * time.Second))
	if got, err := m.Counts(t.Context(), alias, "1", t0); err != nil || got.Failed != 1 || got.Running != 0 {
		t.Errorf("after the long one failed: %s, error %v", outcomes(got), err)
	}
}

func TestVersionsAreListedTwiceASecondAtMost(t *testing.T) {
	s, c := orders(t, false)
	m := sfnmonitor.New(s, nil, c)
	for range 100 {
		if _, err := m.Counts(t.Context(), alias, "1", t0); err != nil {
			t.Fatal(err)
		}
		c.Set(c.Now().Add(100 * time.Millisecond))
	}
	if n := s.Calls("ListExecutions"); n < 15 || n > 21 {
		t.Errorf("%d calls in 10 s, want two a second", n)
	}
}

func TestManyVersionsShareTheServicesQuota(t *testing.T) {
	s, c := orders(t, false)
	m := sfnmonitor.New(s, nil, c)
	const versions, seconds = 50, 60
	for range seconds {
		for v := range versions {
			if _, err := m.Counts(t.Context(), alias, fmt.Sprint(v+1), t0); err != nil {
				t.Fatal(err)
			}
		}
		c.Set(c.Now().Add(time.Second))
	}
	// The first of each, a burst, three a second, and each at least every 30 s.
	if n := s.Calls("ListExecutions"); n > versions+30+3*seconds+versions*2 {
		t.Errorf("%d calls in a minute", n)
	}
}

func TestThrottlingKeepsTheCountsForAWhileAndThenIsAProblem(t *testing.T) {
	s, c := orders(t, false)
	m := sfnmonitor.New(s, nil, c)
	s.Execution(alias, "1", types.ExecutionStatusFailed, t0, t0)
	if _, err := m.Counts(t.Context(), alias, "1", t0); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		s.Fail("ListExecutions", fakesfn.Throttled())
	}
	c.Set(t0.Add(29 * time.Second))
	if got, err := m.Counts(t.Context(), alias, "1", t0); err != nil || got.Failed != 1 || !got.AsOf.Equal(t0) {
		t.Errorf("after 29 s: %+v, error %v; want the counts as of %s", got, err, t0)
	}
	c.Set(t0.Add(31 * time.Second))
	if _, err := m.Counts(t.Context(), alias, "1", t0); !errors.Is(err, controller.ErrThrottled) {
		t.Errorf("after 31 s: got error %v, want %v", err, controller.ErrThrottled)
	}
}

func TestAFailureHalfWayIsNeitherForgottenNorCountedTwice(t *testing.T) {
	s, c := orders(t, false)
	m := sfnmonitor.New(s, nil, c)
	for i := range 2500 { // three pages
		s.Execution(alias, "1", types.ExecutionStatusFailed, t0.Add(time.Duration(i)*time.Millisecond), t0)
	}
	s.Fail("ListExecutions", nil, nil, fakesfn.Denied())
	if _, err := m.Counts(t.Context(), alias, "1", t0); !errors.Is(err, controller.ErrDenied) {
		t.Fatalf("got error %v, want %v", err, controller.ErrDenied)
	}
	got, err := m.Counts(t.Context(), alias, "1", t0)
	if err != nil || got.Started != 2500 || got.Failed != 2500 {
		t.Errorf("got %s, error %v; want 2,500 failed", outcomes(got), err)
	}
}

func TestExpressExecutionsAreCountedFromMetrics(t *testing.T) {
	s, c := orders(t, true)
	if _, err := sfnmonitor.New(s, nil, c).Counts(t.Context(), alias, "1", t0); err == nil {
		t.Error("without metrics there is no error")
	}
	metrics := metricsFake{"ExecutionsStarted": 40, "ExecutionsSucceeded": 30, "ExecutionsFailed": 4, "ExecutionsTimedOut": 3, "ExecutionsAborted": 2, "ExecutionThrottled": 1}
	m := sfnmonitor.New(s, metrics, c)
	c.Set(t0.Add(10 * time.Minute))
	for range 3 {
		got, err := m.Counts(t.Context(), alias, "1", t0)
		want := analysis.Counts{Version: "1", Started: 40, Running: 1, Succeeded: 30, Failed: 4, TimedOut: 3, Aborted: 2, Throttled: 1, From: t0, AsOf: t0.Add(8 * time.Minute)}
		if err != nil || got != want {
			t.Fatalf("got %+v, error %v; want %+v", got, err, want)
		}
	}
	if n := s.Calls("ListExecutions"); n != 2 {
		t.Errorf("executions of an EXPRESS machine were listed %d times, want once by each monitor", n)
	}
}

// metricsFake has one datapoint of each metric of version 1.
type metricsFake map[string]float64

func (m metricsFake) Series(_ context.Context, queries []controller.MetricQuery, _ time.Time) ([]analysis.Series, error) {
	series := make([]analysis.Series, len(queries))
	for i, q := range queries {
		if q.Limit.Dimensions["Version"] == "1" && q.Limit.Dimensions["StateMachineArn"] == machine && q.Limit.Stat == "Sum" {
			series[i].Points = []analysis.Datapoint{{At: q.Since, Value: m[q.Limit.Metric]}}
		}
	}
	return series, nil
}

func TestCountsAgreeWithTheExecutionsWhateverHappensInBetween(t *testing.T) {
	finished := []types.ExecutionStatus{types.ExecutionStatusSucceeded, types.ExecutionStatusFailed, types.ExecutionStatusTimedOut, types.ExecutionStatusAborted}
	rapid.Check(t, func(r *rapid.T) {
		s, c := orders(t, false)
		s.Page(rapid.IntRange(1, 20).Draw(r, "page"))
		m := sfnmonitor.New(s, nil, c)
		var running []string
		want := map[types.ExecutionStatus]int{}
		started := 0
		for range rapid.IntRange(1, 15).Draw(r, "looks") {
			for range rapid.IntRange(0, 20).Draw(r, "starts") {
				running = append(running, s.Execution(alias, "1", types.ExecutionStatusRunning, c.Now(), time.Time{}))
				started++
			}
			for range rapid.IntRange(0, len(running)).Draw(r, "ends") {
				i := rapid.IntRange(0, len(running)-1).Draw(r, "which")
				status := rapid.SampledFrom(finished).Draw(r, "status")
				s.End(running[i], status, c.Now())
				running[i] = running[len(running)-1]
				running = running[:len(running)-1]
				want[status]++
			}
			c.Set(c.Now().Add(time.Duration(rapid.IntRange(100, 20_000).Draw(r, "ms")) * time.Millisecond))
			if rapid.IntRange(0, 9).Draw(r, "fault") == 0 {
				s.Fail("ListExecutions", nil, fakesfn.Denied())
			}
			if _, err := m.Counts(r.Context(), alias, "1", t0); err != nil && !errors.Is(err, controller.ErrDenied) {
				r.Fatal(err)
			}
		}
		var got analysis.Counts
		for fine := 0; fine < 2; { // faults may be left, and long ones are looked for every 5 s
			c.Set(c.Now().Add(31 * time.Second))
			var err error
			got, err = m.Counts(r.Context(), alias, "1", t0)
			switch {
			case err == nil:
				fine++
			case !errors.Is(err, controller.ErrDenied):
				r.Fatal(err)
			}
		}
		if got.Started != started || got.Running != len(running) || got.Succeeded != want[finished[0]] || got.Failed != want[finished[1]] ||
			got.TimedOut != want[finished[2]] || got.Aborted != want[finished[3]] {
			r.Fatalf("got %s; want %d started, %d running, %v", outcomes(got), started, len(running), want)
		}
	})
}
