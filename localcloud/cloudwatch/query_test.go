package cloudwatch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// metricQuery asks for a statistic of a metric in ns.
func metricQuery(id, name, stat string, period int32, dimensions ...string) cloudwatchapi.MetricDataQuery {
	q := cloudwatchapi.MetricDataQuery{Id: id, MetricStat: &cloudwatchapi.MetricStat{
		Metric: &cloudwatchapi.Metric{Namespace: ptr("ns"), MetricName: &name}, Period: period, Stat: stat,
	}}
	for i := 0; i+1 < len(dimensions); i += 2 {
		q.MetricStat.Metric.Dimensions = append(q.MetricStat.Metric.Dimensions, cloudwatchapi.Dimension{Name: dimensions[i], Value: dimensions[i+1]})
	}
	return q
}

func expression(id, text string) cloudwatchapi.MetricDataQuery {
	return cloudwatchapi.MetricDataQuery{Id: id, Expression: &text}
}

func hidden(q cloudwatchapi.MetricDataQuery) cloudwatchapi.MetricDataQuery {
	q.ReturnData = ptr(false)
	return q
}

// ask runs queries over the ten minutes from t0 and returns the results as
// "id label: 10:00=1 10:01=2".
func (w *world) ask(queries ...cloudwatchapi.MetricDataQuery) []string {
	w.Helper()
	out := must(w.s.getMetricData(w.ctx, &cloudwatchapi.GetMetricDataInput{
		MetricDataQueries: queries, StartTime: t0, EndTime: t0.Add(10 * time.Minute), ScanBy: ptr("TimestampAscending"),
	}))(w)
	var lines []string
	for _, r := range out.MetricDataResults {
		line := *r.Id + " " + wire.Value(r.Label) + ":"
		for i, at := range r.Timestamps {
			line += fmt.Sprintf(" %s=%.4g", at.Format("15:04"), r.Values[i])
		}
		lines = append(lines, line)
	}
	return lines
}

func wantLines(t testing.TB, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

// measured returns a world with m at 1, 2, 3, 4 in the minutes 0, 1, 3 and 4.
func measured(t testing.TB) *world {
	w := newWorld(t)
	for i, minute := range []int{0, 1, 3, 4} {
		w.clock.Set(t0.Add(time.Duration(minute)*time.Minute + 20*time.Second))
		w.put(float64(i + 1))
		w.s.Put(account, here, "ns", []Datum{{Name: "n", Unit: "Count", Value: 10, Dimensions: []Dimension{{Name: "Function", Value: "f"}}}})
	}
	return w
}

func TestLabelsTellWhatDiffers(t *testing.T) {
	w := measured(t)
	w.clock.Set(t0)
	for _, tt := range []struct {
		queries []cloudwatchapi.MetricDataQuery
		want    []string
	}{
		{[]cloudwatchapi.MetricDataQuery{metricQuery("a", "m", "Sum", 60), metricQuery("b", "n", "Sum", 60)}, []string{"m", "n"}},
		{[]cloudwatchapi.MetricDataQuery{metricQuery("a", "m", "Sum", 60), metricQuery("b", "m", "p90", 60)}, []string{"m Sum", "m p90"}},
		{[]cloudwatchapi.MetricDataQuery{metricQuery("a", "m", "Sum", 60), metricQuery("b", "m", "Sum", 300)}, []string{"m 60", "m 300"}},
		{[]cloudwatchapi.MetricDataQuery{metricQuery("a", "m", "Sum", 60), metricQuery("b", "m", "Minimum", 30), expression("e", "a * 2")}, []string{"m Sum 60", "m Minimum 30", "e"}},
	} {
		got := w.ask(tt.queries...)
		for i, line := range got {
			if label, _, _ := strings.Cut(strings.TrimPrefix(line, tt.queries[i].Id+" "), ":"); label != tt.want[i] {
				t.Errorf("label %q, want %q", label, tt.want[i])
			}
		}
	}
}

func TestOwnLabelsMayHoldValues(t *testing.T) {
	w := measured(t)
	for label, want := range map[string]string{
		"plain":                             "plain",
		"${LABEL} max ${MAX} of ${SUM}":     "n max 10 of 40",
		"${PROP('Dim.Function')} ${LAST}":   "f 10",
		"${PROP('Stat')}/${PROP('Period')}": "Average/60",
		"${NOPE} ${":                        "${NOPE} ${",
		"${DATAPOINT_COUNT} ${AVG}":         "4 10",
	} {
		q := metricQuery("a", "n", "Average", 60, "Function", "f")
		q.Label = &label
		if got := w.ask(q)[0]; !strings.HasPrefix(got, "a "+want+": ") {
			t.Errorf("%s: got %q, want %q", label, got, want)
		}
	}
}

func TestQueriesReadMetricsAndExpressions(t *testing.T) {
	w := measured(t)
	wantLines(t, w.ask(metricQuery("m", "m", "Sum", 60)), "m m: 10:00=1 10:01=2 10:03=3 10:04=4")
	wantLines(t, w.ask(metricQuery("m", "m", "Average", 300)), "m m: 10:00=2.5")
	wantLines(t, w.ask(metricQuery("m", "m", "p50", 300)), "m m: 10:00=2")
	wantLines(t, w.ask(metricQuery("m", "n", "Sum", 60)), "m n:") // has a dimension
	wantLines(t, w.ask(hidden(metricQuery("m", "m", "Sum", 60)), expression("e", "FILL(m, 0) + 1")),
		"e e: 10:00=2 10:01=3 10:02=1 10:03=4 10:04=5 10:05=1 10:06=1 10:07=1 10:08=1 10:09=1")
	wantLines(t, w.ask(hidden(metricQuery("m", "m", "Sum", 60)), hidden(metricQuery("n", "n", "Sum", 60, "Function", "f")),
		hidden(expression("half", "m / n")), expression("e", "IF(half > 0.25, half, 0)")), "e e: 10:00=0 10:01=0 10:03=0.3 10:04=0.4")
	wantLines(t, w.ask(expression("e", "METRICS()"), metricQuery("m", "m", "Sum", 300)), "e m: 10:00=10", "m m: 10:00=10")
	unit := metricQuery("n", "n", "Sum", 300, "Function", "f")
	unit.MetricStat.Unit = ptr("Seconds")
	wantLines(t, w.ask(unit), "n n:")
}

func TestSearchFindsMetrics(t *testing.T) {
	w := measured(t)
	for i, name := range []string{"Errors", "Duration"} {
		for _, f := range []string{"checkout", "orders"} {
			w.s.Put(account, here, "AWS/Lambda", []Datum{{Name: name, Value: float64(i + 1), Dimensions: []Dimension{{Name: "FunctionName", Value: f}}}})
		}
	}
	search := func(what string) []string {
		return w.ask(expression("s", "SEARCH('"+what+"', 'Sum', 300)"))
	}
	wantLines(t, search(`{AWS/Lambda,FunctionName} MetricName="Errors"`), "s checkout Errors: 10:00=1", "s orders Errors: 10:00=1")
	wantLines(t, search(`{AWS/Lambda,FunctionName} checkout`), "s checkout Duration: 10:00=2", "s checkout Errors: 10:00=1")
	wantLines(t, search(`FunctionName=("orders" OR "none") NOT error`), "s orders Duration: 10:00=2")
	wantLines(t, search(`Namespace="ns" AND (n OR m)`), "s m: 10:00=10", "s f n: 10:00=40")
	wantLines(t, search(`{AWS/Lambda} Errors`))
	for _, bad := range []string{"{AWS/Lambda", "(a", "a OR", "a=", `"open`, "a )"} {
		_, err := w.s.getMetricData(w.ctx, &cloudwatchapi.GetMetricDataInput{
			MetricDataQueries: []cloudwatchapi.MetricDataQuery{expression("s", "SEARCH('"+bad+"', 'Sum', 300)")}, StartTime: t0, EndTime: t0.Add(time.Hour),
		})
		wantError(t, err, "ValidationException", "Error in SEARCH")
	}
}

func TestBadQueriesAreRefused(t *testing.T) {
	w := measured(t)
	for _, tt := range []struct {
		code, part string
		queries    []cloudwatchapi.MetricDataQuery
	}{
		{"ValidationException", "lower-case", []cloudwatchapi.MetricDataQuery{expression("E", "1")}},
		{"ValidationException", "not unique", []cloudwatchapi.MetricDataQuery{metricQuery("a", "m", "Sum", 60), metricQuery("a", "n", "Sum", 60)}},
		{"ValidationException", "Exactly one", []cloudwatchapi.MetricDataQuery{{Id: "a"}}},
		{"InvalidParameterValueException", "The value 7", []cloudwatchapi.MetricDataQuery{metricQuery("a", "m", "Sum", 7)}},
		{"InvalidParameterValueException", "Total", []cloudwatchapi.MetricDataQuery{metricQuery("a", "m", "Total", 60)}},
		{"ValidationException", "Error in expression 'e'", []cloudwatchapi.MetricDataQuery{expression("e", "1 +")}},
		{"ValidationException", "no query with the id x", []cloudwatchapi.MetricDataQuery{expression("e", "x + 1")}},
		{"ValidationException", "refers to itself", []cloudwatchapi.MetricDataQuery{expression("e", "f"), expression("f", "e")}},
		{"ValidationException", "must return a time series", []cloudwatchapi.MetricDataQuery{expression("e", "1 + 1")}},
	} {
		_, err := w.s.getMetricData(w.ctx, &cloudwatchapi.GetMetricDataInput{MetricDataQueries: tt.queries, StartTime: t0, EndTime: t0.Add(time.Hour)})
		wantError(t, err, tt.code, tt.part)
	}
	_, err := w.s.getMetricData(w.ctx, &cloudwatchapi.GetMetricDataInput{MetricDataQueries: []cloudwatchapi.MetricDataQuery{metricQuery("a", "m", "Sum", 1)},
		StartTime: t0, EndTime: t0.AddDate(1, 0, 0)})
	wantError(t, err, "ValidationException", "exceeds the limit")
}

func TestPagesOfDatapointsJoinToTheWhole(t *testing.T) {
	w := measured(t)
	queries := []cloudwatchapi.MetricDataQuery{metricQuery("a", "m", "Sum", 60), metricQuery("none", "x", "Sum", 60), metricQuery("b", "n", "Sum", 60, "Function", "f")}
	for most := int32(1); most <= 9; most++ {
		in := &cloudwatchapi.GetMetricDataInput{MetricDataQueries: queries, StartTime: t0, EndTime: t0.Add(10 * time.Minute), MaxDatapoints: &most}
		got := map[string]string{}
		for {
			out := must(w.s.getMetricData(w.ctx, in))(t)
			n := 0
			for _, r := range out.MetricDataResults {
				n += len(r.Values)
				got[*r.Id] += strings.Trim(fmt.Sprint(r.Values), "[]") + " "
			}
			if n > int(most) {
				t.Errorf("a page of %d has %d datapoints", most, n)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		// Newest first is the default.
		if a, b := strings.Join(strings.Fields(got["a"]), " "), strings.Join(strings.Fields(got["b"]), " "); a != "4 3 2 1" || b != "10 10 10 10" {
			t.Errorf("pages of %d: a %q, b %q", most, a, b)
		}
		if _, ok := got["none"]; !ok {
			t.Errorf("pages of %d leave out the query without data", most)
		}
	}
}

func TestStatisticsBeginAtTheStartAndAreSplitByUnit(t *testing.T) {
	w := measured(t)
	w.s.Put(account, here, "ns", []Datum{{Name: "m", Unit: "Seconds", Value: 7}})
	get := func(change func(*cloudwatchapi.GetMetricStatisticsInput)) string {
		t.Helper()
		in := &cloudwatchapi.GetMetricStatisticsInput{Namespace: "ns", MetricName: "m", StartTime: t0.Add(61 * time.Second), EndTime: t0.Add(10 * time.Minute), Period: 180, Statistics: []string{"Sum"}}
		if change != nil {
			change(in)
		}
		out := must(w.s.getMetricStatistics(w.ctx, in))(t)
		if *out.Label != "m" {
			t.Errorf("label %q", *out.Label)
		}
		var parts []string
		for _, p := range out.Datapoints {
			text := p.Timestamp.Format("15:04") + " " + *p.Unit
			if p.Sum != nil {
				text += fmt.Sprint(" ", *p.Sum)
			}
			if v, ok := p.ExtendedStatistics["p50"]; ok {
				text += fmt.Sprint(" p50 ", v)
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, "; ")
	}
	if got, want := get(nil), "10:01 None 5; 10:04 None 4; 10:04 Seconds 7"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := get(func(in *cloudwatchapi.GetMetricStatisticsInput) { in.Unit = ptr("Seconds") }), "10:04 Seconds 7"; got != want {
		t.Errorf("seconds: got %q, want %q", got, want)
	}
	if got, want := get(func(in *cloudwatchapi.GetMetricStatisticsInput) {
		in.Statistics, in.ExtendedStatistics, in.Unit = nil, []string{"p50"}, ptr("None")
	}), "10:01 None p50 2; 10:04 None p50 4"; got != want {
		t.Errorf("percentiles: got %q, want %q", got, want)
	}
}

func TestBadStatisticsAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		code, part string
		change     func(*cloudwatchapi.GetMetricStatisticsInput)
	}{
		{"InvalidParameterValueException", "The parameter StartTime must be less than the parameter EndTime.", func(in *cloudwatchapi.GetMetricStatisticsInput) { in.EndTime = in.StartTime }},
		{"InvalidParameterCombinationException", "You have requested up to 3600 datapoints, which exceeds the limit of 1440. You may reduce", func(in *cloudwatchapi.GetMetricStatisticsInput) { in.Period = 1 }},
		{"InvalidParameterValueException", "The value 61", func(in *cloudwatchapi.GetMetricStatisticsInput) { in.Period = 61 }},
		{"MissingRequiredParameterException", "Statistics", func(in *cloudwatchapi.GetMetricStatisticsInput) { in.Statistics = nil }},
		{"InvalidParameterCombinationException", "mutually exclusive", func(in *cloudwatchapi.GetMetricStatisticsInput) { in.ExtendedStatistics = []string{"p9"} }},
		{"InvalidParameterValueException", "p900", func(in *cloudwatchapi.GetMetricStatisticsInput) {
			in.Statistics, in.ExtendedStatistics = nil, []string{"p900"}
		}},
	} {
		in := &cloudwatchapi.GetMetricStatisticsInput{Namespace: "ns", MetricName: "m", StartTime: t0, EndTime: t0.Add(time.Hour), Period: 60, Statistics: []string{"Sum"}}
		tt.change(in)
		_, err := w.s.getMetricStatistics(w.ctx, in)
		wantError(t, err, tt.code, tt.part)
	}
}

func BenchmarkGetMetricData(b *testing.B) {
	w := newWorld(b)
	for range 3600 {
		w.clock.Set(w.clock.Now().Add(time.Second))
		w.put(3)
	}
	in := &cloudwatchapi.GetMetricDataInput{
		MetricDataQueries: []cloudwatchapi.MetricDataQuery{metricQuery("a", "m", "Sum", 60), metricQuery("b", "m", "p99", 60), expression("e", "a / FILL(b, 1)")},
		StartTime:         t0, EndTime: t0.Add(time.Hour),
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.s.getMetricData(w.ctx, in); err != nil {
			b.Fatal(err)
		}
	}
}
