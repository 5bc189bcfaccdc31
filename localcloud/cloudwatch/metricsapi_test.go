package cloudwatch

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

func (w *world) putData(data ...cloudwatchapi.MetricDatum) error {
	_, err := w.s.putMetricData(w.ctx, &cloudwatchapi.PutMetricDataInput{Namespace: "ns", MetricData: data})
	return err
}

func TestMeasurementsComeAsValuesListsAndSets(t *testing.T) {
	w := newWorld(t)
	if err := w.putData(
		cloudwatchapi.MetricDatum{MetricName: "m", Value: ptr(3.0)},
		cloudwatchapi.MetricDatum{MetricName: "m", Values: []float64{1, 10}, Counts: []float64{2, 4}},
		cloudwatchapi.MetricDatum{MetricName: "m", Values: []float64{5, 5}},
		cloudwatchapi.MetricDatum{MetricName: "m", StatisticValues: &cloudwatchapi.StatisticSet{SampleCount: 3, Sum: 6, Minimum: 1, Maximum: 3}},
		cloudwatchapi.MetricDatum{MetricName: "m", Value: ptr(100.0), Timestamp: ptr(t0.Add(time.Minute))},
	); err != nil {
		t.Fatal(err)
	}
	wantLines(t, w.ask(metricQuery("m", "m", "Sum", 60)), "m m: 10:00=61 10:01=100")
	wantLines(t, w.ask(metricQuery("m", "m", "SampleCount", 60)), "m m: 10:00=12 10:01=1")
	wantLines(t, w.ask(metricQuery("m", "m", "p50", 60)), "m m: 10:01=100")
}

func TestBadMeasurementsAreRefusedAsAWhole(t *testing.T) {
	w := newWorld(t)
	set := &cloudwatchapi.StatisticSet{SampleCount: 1, Sum: 1, Minimum: 1, Maximum: 1}
	for _, tt := range []struct {
		code, message string
		datum         cloudwatchapi.MetricDatum
	}{
		{"InvalidParameterCombinationException", "The parameters MetricData.member.2.Value and MetricData.member.2.Values are mutually exclusive and you have specified both.",
			cloudwatchapi.MetricDatum{Value: ptr(1.0), Values: []float64{1}}},
		{"InvalidParameterCombinationException", "The parameters MetricData.member.2.Value and MetricData.member.2.StatisticValues are mutually exclusive and you have specified both.",
			cloudwatchapi.MetricDatum{Value: ptr(1.0), StatisticValues: set}},
		{"InvalidParameterValueException", "The parameters MetricData.member.2.Values and MetricData.member.2.Counts must be of the same size.",
			cloudwatchapi.MetricDatum{Values: []float64{1}, Counts: []float64{1, 2}}},
		{"InvalidParameterCombinationException", "At least one", cloudwatchapi.MetricDatum{}},
		{"InvalidParameterValueException", "size greater than 150", cloudwatchapi.MetricDatum{Values: make([]float64, 151)}},
		{"InvalidParameterValueException", "NaN", cloudwatchapi.MetricDatum{Value: ptr(math.NaN())}},
		{"InvalidParameterValueException", "+Inf", cloudwatchapi.MetricDatum{Values: []float64{1, math.Inf(1)}}},
		{"InvalidParameterValueException", "Counts", cloudwatchapi.MetricDatum{Values: []float64{1}, Counts: []float64{-1}}},
		{"InvalidParameterValueException", "two weeks", cloudwatchapi.MetricDatum{Value: ptr(1.0), Timestamp: ptr(t0.AddDate(0, 0, -15))}},
		{"InvalidParameterValueException", "two hours", cloudwatchapi.MetricDatum{Value: ptr(1.0), Timestamp: ptr(t0.Add(3 * time.Hour))}},
		{"InvalidParameterValueException", "StorageResolution", cloudwatchapi.MetricDatum{Value: ptr(1.0), StorageResolution: ptr(int32(5))}},
		{"InvalidParameterValueException", "SampleCount above 0", cloudwatchapi.MetricDatum{StatisticValues: &cloudwatchapi.StatisticSet{}}},
	} {
		tt.datum.MetricName = "m"
		wantError(t, w.putData(cloudwatchapi.MetricDatum{MetricName: "m", Value: ptr(1.0)}, tt.datum), tt.code, tt.message)
	}
	wantError(t, w.putData(), "MissingRequiredParameterException", "MetricData")
	many := slices.Repeat([]cloudwatchapi.MetricDatum{{MetricName: "m", Value: ptr(1.0)}}, 1001)
	wantError(t, w.putData(many...), "InvalidParameterValueException", "size greater than 1000")
	wantLines(t, w.ask(metricQuery("m", "m", "Sum", 60)), "m m:")
	_, err := w.s.putMetricData(w.ctx, &cloudwatchapi.PutMetricDataInput{Namespace: ":x"})
	wantError(t, err, "InvalidParameterValueException", "Namespace")
}

func TestListMetricsFiltersAndPages(t *testing.T) {
	w := newWorld(t)
	for i := range 1203 {
		w.s.Put(account, here, "many", []Datum{{Name: "m", Value: 1, Dimensions: []Dimension{{Name: "i", Value: fmt.Sprint(i)}}}})
	}
	w.s.Put(account, here, "few", []Datum{{Name: "a", Value: 1}, {Name: "b", Value: 1, Dimensions: []Dimension{{Name: "x", Value: "1"}, {Name: "y", Value: "2"}}}})
	w.s.Put(account, here, "few", []Datum{{Name: "old", Value: 1, Time: t0.Add(-4 * time.Hour)}, {Name: "older", Value: 1, Time: t0.AddDate(0, 0, -14).Add(-time.Hour)}})
	list := func(in cloudwatchapi.ListMetricsInput) (names []string, pages int) {
		t.Helper()
		for {
			out := must(w.s.listMetrics(w.ctx, &in))(t)
			pages++
			for _, m := range out.Metrics {
				names = append(names, *m.MetricName)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return names, pages
			}
		}
	}
	if names, pages := list(cloudwatchapi.ListMetricsInput{Namespace: ptr("many")}); len(names) != 1203 || pages != 3 {
		t.Errorf("%d metrics on %d pages, want 1203 on 3", len(names), pages)
	}
	for _, tt := range []struct {
		in   cloudwatchapi.ListMetricsInput
		want string
	}{
		{cloudwatchapi.ListMetricsInput{Namespace: ptr("few")}, "a b old"},
		{cloudwatchapi.ListMetricsInput{Namespace: ptr("few"), RecentlyActive: ptr("PT3H")}, "a b"},
		{cloudwatchapi.ListMetricsInput{MetricName: ptr("a")}, "a"},
		{cloudwatchapi.ListMetricsInput{Dimensions: []cloudwatchapi.DimensionFilter{{Name: "y"}}}, "b"},
		{cloudwatchapi.ListMetricsInput{Dimensions: []cloudwatchapi.DimensionFilter{{Name: "y", Value: ptr("2")}, {Name: "x"}}}, "b"},
		{cloudwatchapi.ListMetricsInput{Dimensions: []cloudwatchapi.DimensionFilter{{Name: "y", Value: ptr("1")}}}, ""},
	} {
		if names, _ := list(tt.in); strings.Join(names, " ") != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.in, names, tt.want)
		}
	}
}

func TestTagsAreAddedReplacedAndRemoved(t *testing.T) {
	w := newWorld(t)
	in := alarmOn("a", 60, 1, 1)
	in.Tags = []cloudwatchapi.Tag{{Key: "env", Value: "prod"}}
	w.putAlarm(in)
	arn := w.entry("a").arn()
	must(w.s.tagResource(w.ctx, &cloudwatchapi.TagResourceInput{ResourceARN: arn, Tags: []cloudwatchapi.Tag{{Key: "one", Value: "1"}, {Key: "env", Value: "test"}, {Key: "two", Value: "2"}}}))(t)
	must(w.s.untagResource(w.ctx, &cloudwatchapi.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"one", "none"}}))(t)
	tags := func() string {
		return fmt.Sprint(must(w.s.listTagsForResource(w.ctx, &cloudwatchapi.ListTagsForResourceInput{ResourceARN: arn}))(t).Tags)
	}
	if got, want := tags(), "[{env test} {two 2}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	must(w.s.deleteAlarms(w.ctx, &cloudwatchapi.DeleteAlarmsInput{AlarmNames: []string{"a"}}))(t)
	if got := tags(); got != "[]" {
		t.Errorf("a deleted alarm has the tags %s", got)
	}
	_, err := w.s.tagResource(w.ctx, &cloudwatchapi.TagResourceInput{ResourceARN: arn, Tags: []cloudwatchapi.Tag{{Key: "x"}}})
	wantError(t, err, "ResourceNotFoundException", arn)
}

func TestDashboardsAreKeptAsWritten(t *testing.T) {
	w := newWorld(t)
	body := `{"widgets": [{"type": "text", "properties": {"markdown": "hello"}}]}`
	for _, name := range []string{"b-1", "a"} {
		must(w.s.putDashboard(w.ctx, &cloudwatchapi.PutDashboardInput{DashboardName: name, DashboardBody: body}))(t)
	}
	got := must(w.s.getDashboard(w.ctx, &cloudwatchapi.GetDashboardInput{DashboardName: "a"}))(t)
	if *got.DashboardBody != body || *got.DashboardArn != "arn:aws:cloudwatch::123456789012:dashboard/a" {
		t.Errorf("got %s, %s", *got.DashboardArn, *got.DashboardBody)
	}
	list := func(prefix *string) (names string) {
		for _, d := range must(w.s.listDashboards(w.ctx, &cloudwatchapi.ListDashboardsInput{DashboardNamePrefix: prefix}))(t).DashboardEntries {
			names += *d.DashboardName + fmt.Sprint(" ", *d.Size, " ")
		}
		return names
	}
	if all, some := list(nil), list(ptr("b")); all != "a 68 b-1 68 " || some != "b-1 68 " {
		t.Errorf("all %q, with prefix %q", all, some)
	}
	_, err := w.s.deleteDashboards(w.ctx, &cloudwatchapi.DeleteDashboardsInput{DashboardNames: []string{"a", "none"}})
	wantError(t, err, "DashboardNotFoundError", "none")
	must(w.s.deleteDashboards(w.ctx, &cloudwatchapi.DeleteDashboardsInput{DashboardNames: []string{"a", "b-1"}}))(t)
	if all := list(nil); all != "" {
		t.Errorf("still there: %q", all)
	}
	for _, body := range []string{"[]", "hello", `{"widgets":[{}]}`} {
		_, err := w.s.putDashboard(w.ctx, &cloudwatchapi.PutDashboardInput{DashboardName: "a", DashboardBody: body})
		wantError(t, err, "DashboardInvalidInputError", "DashboardBody")
	}
	_, err = w.s.putDashboard(w.ctx, &cloudwatchapi.PutDashboardInput{DashboardName: "a b", DashboardBody: "{}"})
	wantError(t, err, "InvalidParameterValueException", "invalid characters")
}

func TestAnomalyDetectorsAreKeptUntrained(t *testing.T) {
	w := newWorld(t)
	dimensions := []cloudwatchapi.Dimension{{Name: "d", Value: "1"}}
	put := &cloudwatchapi.PutAnomalyDetectorInput{Namespace: ptr("ns"), MetricName: ptr("m"), Stat: ptr("Sum"), Dimensions: dimensions}
	must(w.s.putAnomalyDetector(w.ctx, put))(t)
	must(w.s.putAnomalyDetector(w.ctx, put))(t)
	all := must(w.s.describeAnomalyDetectors(w.ctx, &cloudwatchapi.DescribeAnomalyDetectorsInput{}))(t).AnomalyDetectors
	if len(all) != 1 || *all[0].StateValue != "PENDING_TRAINING" || *all[0].SingleMetricAnomalyDetector.AccountId != account || *all[0].Stat != "Sum" {
		t.Errorf("got %+v", all)
	}
	drop := &cloudwatchapi.DeleteAnomalyDetectorInput{Namespace: ptr("ns"), MetricName: ptr("m"), Stat: ptr("Sum"), Dimensions: dimensions}
	must(w.s.deleteAnomalyDetector(w.ctx, drop))(t)
	_, err := w.s.deleteAnomalyDetector(w.ctx, drop)
	wantError(t, err, "ResourceNotFoundException", "")
	_, err = w.s.putAnomalyDetector(w.ctx, &cloudwatchapi.PutAnomalyDetectorInput{Namespace: ptr("ns")})
	wantError(t, err, "MissingRequiredParameterException", "")
}

func TestInsightRulesReportNothing(t *testing.T) {
	w := newWorld(t)
	must(w.s.putInsightRule(w.ctx, &cloudwatchapi.PutInsightRuleInput{
		RuleName: "r", RuleDefinition: `{"Schema":{"Name":"CloudWatchLogRule","Version":1},"Contribution":{"Keys":["ip"]}}`,
	}))(t)
	if out := must(w.s.disableInsightRules(w.ctx, &cloudwatchapi.DisableInsightRulesInput{RuleNames: []string{"r", "x"}}))(t); len(out.Failures) != 1 || *out.Failures[0].FailureResource != "x" {
		t.Errorf("failures %+v, want one for x", out.Failures)
	}
	all := must(w.s.describeInsightRules(w.ctx, &cloudwatchapi.DescribeInsightRulesInput{}))(t).InsightRules
	if len(all) != 1 || all[0].State != "DISABLED" || all[0].Schema != "CloudWatchLogRule/1" {
		t.Errorf("got %+v", all)
	}
	must(w.s.enableInsightRules(w.ctx, &cloudwatchapi.EnableInsightRulesInput{RuleNames: []string{"r"}}))(t)
	report := must(w.s.getInsightRuleReport(w.ctx, &cloudwatchapi.GetInsightRuleReportInput{
		RuleName: "r", StartTime: t0, EndTime: t0.Add(time.Hour), Period: 300, Metrics: []string{"UniqueContributors"},
	}))(t)
	if len(report.MetricDatapoints) != 13 || *report.MetricDatapoints[0].UniqueContributors != 0 || fmt.Sprint(report.KeyLabels) != "[ip]" {
		t.Errorf("report %+v", report)
	}
	must(w.s.deleteInsightRules(w.ctx, &cloudwatchapi.DeleteInsightRulesInput{RuleNames: []string{"r"}}))(t)
	_, err := w.s.getInsightRuleReport(w.ctx, &cloudwatchapi.GetInsightRuleReportInput{RuleName: "r", StartTime: t0, EndTime: t0.Add(time.Hour), Period: 300})
	wantError(t, err, "ResourceNotFoundException", "r")
	_, err = w.s.putInsightRule(w.ctx, &cloudwatchapi.PutInsightRuleInput{RuleName: "r", RuleDefinition: "no JSON"})
	wantError(t, err, "InvalidParameterValueException", "RuleDefinition")
}
