package lambdamonitor_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/lambdamonitor"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

const alias = "arn:aws:lambda:eu-west-1:444455556666:function:checkout:live"

var t0 = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)

// fake is CloudWatch as far as a monitor knows it: sums of minutes by metric,
// resource and version, such as "Errors checkout:live 2".
type fake struct {
	clock  *clock.Virtual
	sums   map[string]map[time.Time]float64
	status map[string]types.StatusCode
	silent map[string]bool // left out of answers
	page   int             // minutes per page; 0: all
	err    error
	asked  []*cloudwatch.GetMetricDataInput
}

func newFake() (*fake, *lambdamonitor.Monitor) {
	f := &fake{
		clock: clock.NewVirtual(t0), sums: map[string]map[time.Time]float64{},
		status: map[string]types.StatusCode{}, silent: map[string]bool{},
	}
	return f, lambdamonitor.New(f, lambdamonitor.Delay, f.clock)
}

// count adds to the sum of a metric in the minute that began so long after t0.
func (f *fake) count(metric, resource, version string, after time.Duration, n float64) {
	key := metric + " " + resource + " " + version
	if f.sums[key] == nil {
		f.sums[key] = map[time.Time]float64{}
	}
	f.sums[key][t0.Add(after).Truncate(time.Minute)] += n
}

func (f *fake) pass(t testing.TB, d time.Duration) {
	t.Helper()
	if err := f.clock.Drive(t.Context(), f.clock.Now().Add(d), 0); err != nil {
		t.Fatal(err)
	}
}

func (f *fake) GetMetricData(ctx context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	if err := cmp.Or(ctx.Err(), f.err); err != nil {
		return nil, err
	}
	if len(in.MetricDataQueries) > 500 || !in.StartTime.Before(*in.EndTime) {
		return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "too many queries, or no time between start and end"}
	}
	begin, end := *in.StartTime, *in.EndTime
	if in.NextToken == nil {
		f.asked = append(f.asked, in)
	} else {
		begin, _ = time.Parse(time.RFC3339, *in.NextToken)
	}
	out := &cloudwatch.GetMetricDataOutput{}
	if until := begin.Add(time.Duration(f.page) * time.Minute); f.page > 0 && until.Before(end) {
		end = until
		out.NextToken = aws.String(end.Format(time.RFC3339))
	}
	for _, q := range in.MetricDataQueries {
		m := q.MetricStat.Metric
		of := map[string]string{}
		for _, d := range m.Dimensions {
			of[*d.Name] = *d.Value
		}
		if f.silent[*m.MetricName] {
			continue
		}
		r := types.MetricDataResult{Id: q.Id, StatusCode: cmp.Or(f.status[of["Resource"]], types.StatusCodeComplete)}
		if *m.Namespace == "AWS/Lambda" && *q.MetricStat.Stat == "Sum" && *q.MetricStat.Period == 60 && len(of) == 3 && strings.HasPrefix(of["Resource"], of["FunctionName"]+":") {
			for at, v := range f.sums[*m.MetricName+" "+of["Resource"]+" "+of["ExecutedVersion"]] {
				if !at.Before(begin) && at.Before(end) {
					r.Timestamps, r.Values = append(r.Timestamps, at), append(r.Values, v)
				}
			}
		}
		out.MetricDataResults = append(out.MetricDataResults, r)
	}
	return out, nil
}

func wantCounts(t *testing.T, m *lambdamonitor.Monitor, version string, from time.Time, want analysis.Counts) {
	t.Helper()
	got, err := m.Counts(t.Context(), alias, version, from)
	if err != nil {
		t.Fatal(err)
	}
	want.Version, want.From, want.AsOf = version, got.From, got.AsOf
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestOutcomesAreThoseOfTheVersionThroughTheAlias(t *testing.T) {
	f, m := newFake()
	for minute := range 3 {
		after := time.Duration(minute) * time.Minute
		f.count("Invocations", "checkout:live", "2", after, 100)
		f.count("Errors", "checkout:live", "2", after, 3)
		f.count("Throttles", "checkout:live", "2", after, 2)
		f.count("Invocations", "checkout:live", "1", after, 900)
		f.count("Errors", "checkout:live", "1", after, 0)
		f.count("Errors", "checkout:beta", "2", after, 50)
		f.count("Errors", "checkout:2", "2", after, 50)
	}
	f.pass(t, 2*time.Minute+30*time.Second)
	wantCounts(t, m, "2", t0, analysis.Counts{Started: 300, Succeeded: 291, Failed: 9, Throttled: 6})
	wantCounts(t, m, "1", t0, analysis.Counts{Started: 2700, Succeeded: 2700})
	wantCounts(t, m, "3", t0, analysis.Counts{})
}

func TestCountsBeginWithTheMinuteOfFromAndEndWhereTheyAreComplete(t *testing.T) {
	f, m := newFake()
	for minute := -2; minute <= 2; minute++ {
		f.count("Invocations", "checkout:live", "2", time.Duration(minute)*time.Minute, 10)
	}
	f.pass(t, 2*time.Minute+30*time.Second)
	got, err := m.Counts(t.Context(), alias, "2", t0.Add(30*time.Second))
	if err != nil || got.Started != 30 || !got.From.Equal(t0) || !got.AsOf.Equal(t0.Add(30*time.Second)) {
		t.Errorf("got %+v, error %v; want 30 since %s, complete up to 30 s later", got, err, t0)
	}
}

func TestTheMinuteThatRunsCountsAsFarAsItIsKnown(t *testing.T) {
	f, m := newFake()
	f.pass(t, 10*time.Second)
	f.count("Errors", "checkout:live", "2", 0, 4)
	wantCounts(t, m, "2", t0, analysis.Counts{Started: 4, Failed: 4}) // the invocations are not known yet
	f.pass(t, 10*time.Second)
	f.count("Invocations", "checkout:live", "2", 0, 9)
	wantCounts(t, m, "2", t0, analysis.Counts{Started: 9, Succeeded: 5, Failed: 4})
}

func TestWhatBecomesKnownLateCountsAndWhatWasKnownIsNotLost(t *testing.T) {
	f, m := newFake()
	total := 0
	for minute := range 90 {
		after := time.Duration(minute) * time.Minute
		f.count("Invocations", "checkout:live", "2", after, 10)
		total += 10
		if minute >= 15 { // an invocation of 15 minutes ends
			f.count("Invocations", "checkout:live", "2", after-15*time.Minute, 1)
			total++
		}
		if minute == 40 { // one older answer
			before := f.sums["Invocations checkout:live 2"]
			f.sums["Invocations checkout:live 2"] = nil
			wantCounts(t, m, "2", t0, analysis.Counts{Started: total - 11, Succeeded: total - 11})
			f.sums["Invocations checkout:live 2"] = before
			f.pass(t, 6*time.Second)
		}
		wantCounts(t, m, "2", t0, analysis.Counts{Started: total, Succeeded: total})
		f.pass(t, time.Minute)
	}
	last := f.asked[len(f.asked)-1]
	if back := last.EndTime.Sub(*last.StartTime); back > 25*time.Minute {
		t.Errorf("after 90 minutes %s are read again, want no more than can change", back)
	}
}

func TestMetricsAreReadAgainOnlyWhenThereCanBeNews(t *testing.T) {
	f, m := newFake()
	for range 61 {
		wantCounts(t, m, "2", t0, analysis.Counts{})
		f.pass(t, time.Second)
	}
	if n := len(f.asked); n != 13 {
		t.Errorf("%d calls in a minute of looks every second, want one every 5 s", n)
	}
}

func TestMetricsWithoutADelayAreReadAtEveryLook(t *testing.T) {
	f, _ := newFake()
	m := lambdamonitor.New(f, 0, f.clock)
	for look := range 3 {
		f.count("Invocations", "checkout:live", "2", 0, 1)
		for range 2 { // as two checks of one look do
			got, err := m.Counts(t.Context(), alias, "2", t0)
			if err != nil || got.Started != look+1 || !got.AsOf.Equal(f.clock.Now()) {
				t.Errorf("look %d: got %d invocations as of %v, error %v; want %d as of %v", look+1, got.Started, got.AsOf, err, look+1, f.clock.Now())
			}
		}
		if len(f.asked) != look+1 {
			t.Errorf("look %d: %d readings, want one for each look", look+1, len(f.asked))
		}
		f.pass(t, 100*time.Millisecond)
	}
}

func TestTheVersionsOfAllRolloutsAreReadTogether(t *testing.T) {
	f, m := newFake()
	of := func(i int) string {
		return fmt.Sprintf("arn:aws:lambda:eu-west-1:444455556666:function:f-%03d:live", i)
	}
	f.count("Invocations", "f-123:live", "2", 0, 7)
	look := func() {
		for i := range 200 {
			got, err := m.Counts(t.Context(), of(i), "2", t0)
			if want := map[bool]int{i == 123: 7}[true]; err != nil || got.Started != want {
				t.Fatalf("function %d: got %+v, error %v; want %d", i, got, err, want)
			}
		}
	}
	look() // each is new, and read at once
	f.pass(t, 10*time.Second)
	f.asked = nil
	look()
	if n := len(f.asked); n != 2 {
		t.Errorf("200 versions took %d calls, want 2", n)
	}
	f.pass(t, time.Minute)
	f.asked = nil
	if _, err := m.Counts(t.Context(), of(0), "2", t0); err != nil {
		t.Fatal(err)
	}
	if n := len(f.asked[0].MetricDataQueries); n != 3 {
		t.Errorf("%d metrics were read, want only the 3 of what is still asked for", n)
	}
}

func TestAllPagesAreRead(t *testing.T) {
	f, m := newFake()
	f.page = 4
	for minute := range 10 {
		f.count("Invocations", "checkout:live", "2", time.Duration(minute)*time.Minute, 5)
	}
	f.pass(t, 10*time.Minute)
	wantCounts(t, m, "2", t0, analysis.Counts{Started: 50, Succeeded: 50})
}

func TestWhatCannotBeReadIsAProblemAfterAWhileAndNeverNothing(t *testing.T) {
	f, m := newFake()
	f.count("Invocations", "checkout:live", "2", 0, 5)
	wantCounts(t, m, "2", t0, analysis.Counts{Started: 5, Succeeded: 5})
	f.err = &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}
	for second := range 60 {
		got, err := m.Counts(t.Context(), alias, "2", t0)
		if second < 30 && (err != nil || got.Started != 5 || !got.AsOf.Equal(t0.Add(-lambdamonitor.Delay))) {
			t.Fatalf("after %d s: got %+v, error %v; want the old counts", second, got, err)
		}
		if second >= 30 && !errors.Is(err, controller.ErrThrottled) {
			t.Fatalf("after %d s: got %+v, error %v; want throttled", second, got, err)
		}
		f.pass(t, time.Second)
	}
	if _, err := m.Counts(t.Context(), alias, "3", t0); !errors.Is(err, controller.ErrThrottled) {
		t.Errorf("a version that was never read: got %v, want throttled", err)
	}
	f.err = nil
	f.pass(t, time.Second)
	wantCounts(t, m, "2", t0, analysis.Counts{Started: 5, Succeeded: 5})
}

func TestAMetricThatTheServiceDoesNotAnswerForIsAProblemOfThatVersionAlone(t *testing.T) {
	f, m := newFake()
	f.status["other:live"] = types.StatusCodeForbidden
	wantCounts(t, m, "2", t0, analysis.Counts{})
	if _, err := m.Counts(t.Context(), strings.Replace(alias, "checkout", "other", 1), "2", t0); err == nil || !strings.Contains(err.Error(), "Forbidden") {
		t.Errorf("got %v, want that it is forbidden", err)
	}
	f.silent["Throttles"] = true
	if _, err := m.Counts(t.Context(), alias, "9", t0); err == nil || !strings.Contains(err.Error(), "Throttles") {
		t.Errorf("got %v, want that there is no answer for Throttles", err)
	}
}

func TestOnlyAliasesOfFunctionsAreCounted(t *testing.T) {
	_, m := newFake()
	for _, name := range []string{"live", "arn:aws:lambda:eu-west-1:444455556666:function:checkout", "arn:aws:states:eu-west-1:444455556666:stateMachine:orders:prod"} {
		if _, err := m.Counts(t.Context(), name, "1", t0); !errors.Is(err, controller.ErrInvalid) {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
}

func TestARolloutThatIsOlderThanTheMinutesThatAreKeptIsCountedAsFarBackAsTheyAre(t *testing.T) {
	f, m := newFake()
	got, err := m.Counts(t.Context(), alias, "2", t0.AddDate(0, -2, 0))
	if back := t0.Sub(*f.asked[0].StartTime); err != nil || back > 15*24*time.Hour || !got.From.Equal(*f.asked[0].StartTime) {
		t.Errorf("got %+v, error %v, %s were asked for; want less than 15 days", got, err, back)
	}
}
