package cloudwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metricmath"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metrics"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// A plan is a list of metric queries that was checked and parsed. It may be run
// any number of times.
type plan struct {
	queries []planned
	byID    map[string]int
}

// planned is one query: a metric with a statistic, or an expression.
type planned struct {
	query     cloudwatchapi.MetricDataQuery
	metric    metrics.Metric
	statistic metrics.Statistic
	expr      *metricmath.Expr
}

const maxQueries = 500

// compile checks queries and parses their expressions. field is what the list is
// called in the request.
func compile(queries []cloudwatchapi.MetricDataQuery, field string) (*plan, error) {
	if len(queries) > maxQueries {
		return nil, invalidValue("The collection %s must not have a size greater than %d.", field, maxQueries)
	}
	p := &plan{byID: map[string]int{}}
	for i := range queries {
		q, err := compileQuery(&queries[i], fmt.Sprintf("%s.member.%d", field, i+1))
		if err != nil {
			return nil, err
		}
		if _, ok := p.byID[q.query.Id]; ok {
			return nil, invalid("The values for parameter id in %s are not unique.", field)
		}
		p.byID[q.query.Id] = i
		p.queries = append(p.queries, q)
	}
	for _, q := range p.queries {
		if q.expr == nil {
			continue
		}
		ids, _ := q.expr.Refs()
		for _, id := range ids {
			if _, ok := p.byID[id]; !ok {
				return nil, invalid("Error in expression '%s': there is no query with the id %s", q.query.Id, id)
			}
		}
	}
	return p, nil
}

func compileQuery(in *cloudwatchapi.MetricDataQuery, path string) (planned, error) {
	q := planned{query: *in}
	if !isID(in.Id) {
		return q, invalid("The value %s for parameter %s.Id must begin with a lower-case letter and hold letters, digits and underscores only.", in.Id, path)
	}
	if (in.MetricStat == nil) == (in.Expression == nil) {
		return q, invalid("Exactly one of the parameters %s.MetricStat and %s.Expression must be specified.", path, path)
	}
	var err error
	if in.Expression != nil {
		if in.Period != nil && !isPeriod(*in.Period) {
			return q, badPeriod(path+".Period", *in.Period)
		}
		if q.expr, err = metricmath.Parse(*in.Expression); err != nil {
			return q, invalid("Error in expression '%s': %v", in.Id, err)
		}
		return q, nil
	}
	stat := in.MetricStat
	if stat.Metric == nil || wire.Value(stat.Metric.MetricName) == "" || wire.Value(stat.Metric.Namespace) == "" {
		return q, invalid("The parameters %s.MetricStat.Metric.Namespace and MetricName are required.", path)
	}
	if !isPeriod(stat.Period) {
		return q, badPeriod(path+".MetricStat.Period", stat.Period)
	}
	if q.statistic, err = metrics.ParseStatistic(stat.Stat); err != nil {
		return q, invalidValue("The value %s for parameter %s.MetricStat.Stat is not supported.", stat.Stat, path)
	}
	q.metric = metrics.Metric{
		Namespace:  *stat.Metric.Namespace,
		Name:       *stat.Metric.MetricName,
		Dimensions: dimensionsOf(stat.Metric.Dimensions),
	}
	return q, nil
}

func isID(id string) bool {
	for i, c := range []byte(id) {
		lower := c >= 'a' && c <= 'z'
		other := c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		if !lower && (i == 0 || !other) {
			return false
		}
	}
	return id != ""
}

// isPeriod says whether a period is one that metrics can be read with.
func isPeriod(seconds int32) bool {
	switch seconds {
	case 1, 5, 10, 20, 30:
		return true
	default:
		return seconds > 0 && seconds%60 == 0
	}
}

func badPeriod(path string, seconds int32) error {
	return invalidValue("The value %d for parameter %s is invalid. It must be 1, 5, 10, 20, 30 or a multiple of 60.", seconds, path)
}

// returned says whether the query's result is wanted.
func (q *planned) returned() bool { return q.query.ReturnData == nil || *q.query.ReturnData }

// period returns the step of a query in seconds: for an expression the longest
// among the metrics of the plan, unless it says.
func (p *plan) period(q *planned) int64 {
	switch {
	case q.query.MetricStat != nil:
		return int64(q.query.MetricStat.Period)
	case q.query.Period != nil:
		return int64(*q.query.Period)
	}
	var longest int64
	for i := range p.queries {
		if stat := p.queries[i].query.MetricStat; stat != nil {
			longest = max(longest, int64(stat.Period))
		}
	}
	return cmp.Or(longest, defaultExpressionPeriod)
}

const defaultExpressionPeriod = 300

// A run evaluates a plan for a time. Each query is evaluated once.
type run struct {
	plan     *plan
	store    *metrics.Store
	scope    metrics.Scope
	from, to int64 // Unix seconds, to excluded
	// sliding periods begin at from; others are aligned with the clock.
	sliding bool
	search  bool // whether SEARCH is allowed
	done    []result
}

type result struct {
	state evaluation
	value metricmath.Value
	err   error
	// counts are the numbers of samples behind the points of a metric.
	counts []float64
}

type evaluation uint8

const (
	pending evaluation = iota
	evaluating
	evaluated
)

func (s *Service) newRun(p *plan, scope metrics.Scope, from, to time.Time) *run {
	return &run{plan: p, store: s.store, scope: scope, from: from.Unix(), to: ceilSeconds(to), done: make([]result, len(p.queries))}
}

// ceilSeconds returns t in whole seconds, rounded up: a period that begins in
// the same second but before t is still before it.
func ceilSeconds(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// value returns the result of a query.
func (r *run) value(i int) (metricmath.Value, error) {
	d := &r.done[i]
	switch d.state {
	case evaluated:
		return d.value, d.err
	case evaluating:
		return nil, invalid("Error in expression '%s': it refers to itself", r.plan.queries[i].query.Id)
	}
	d.state = evaluating
	q := &r.plan.queries[i]
	if q.expr == nil {
		d.value, d.counts, d.err = r.read(q)
	} else {
		d.value, d.err = r.calculate(q)
	}
	d.state = evaluated
	return d.value, d.err
}

// read makes a series of a metric.
func (r *run) read(q *planned) (*metricmath.Series, []float64, error) {
	period := int64(q.query.MetricStat.Period)
	from := r.from
	if !r.sliding {
		from = align(from, period)
	}
	periods, err := r.store.Read(r.scope, metrics.Query{
		Metric: q.metric, Unit: wire.Value(q.query.MetricStat.Unit),
		From: time.Unix(from, 0), To: time.Unix(r.to, 0), Period: time.Duration(period) * time.Second,
		Values: q.statistic.Extended(),
	})
	if err != nil {
		return nil, nil, err
	}
	out := &metricmath.Series{ID: q.query.Id, Label: wire.Value(q.query.Label), Period: period}
	counts := make([]float64, 0, len(periods))
	for i := range periods {
		if v, ok := q.statistic.Of(&periods[i]); ok {
			out.Times = append(out.Times, periods[i].Start.Unix())
			out.Values = append(out.Values, v)
			counts = append(counts, periods[i].Count)
		}
	}
	return out, counts, nil
}

// align returns the start of the period that t is in, by the clock.
func align(t, period int64) int64 { return t - (t%period+period)%period }

// calculate evaluates an expression.
func (r *run) calculate(q *planned) (metricmath.Value, error) {
	period := r.plan.period(q)
	env := &metricmath.Env{
		Start: r.from, End: r.to, Period: period,
		Lookup: func(id string) (metricmath.Value, bool, error) {
			i, ok := r.plan.byID[id]
			if !ok {
				return nil, false, nil
			}
			v, err := r.value(i)
			return v, true, err
		},
		Metrics: func() (metricmath.Array, error) {
			var all metricmath.Array
			for i := range r.plan.queries {
				if r.plan.queries[i].expr != nil {
					continue
				}
				v, err := r.value(i)
				if err != nil {
					return nil, err
				}
				all = append(all, v.(*metricmath.Series))
			}
			return all, nil
		},
	}
	if r.sliding {
		env.Phase = r.from
	}
	if r.search {
		env.Search = r.find
	}
	v, err := q.expr.Eval(env)
	if e, ok := errors.AsType[*metricmath.Error](err); ok {
		return nil, invalid("Error in expression '%s': %v", q.query.Id, e)
	}
	return v, err
}

// maxDatapoints is how many points a page of GetMetricData has at most.
const maxDatapoints = 100_800

// maxPeriods bounds what one query covers, because functions such as FILL make a
// point for every period.
const maxPeriods = 10 * maxDatapoints

// page is where the next page of GetMetricData begins: after so many points.
type page struct{ Points int }

// getMetricData runs metric queries.
func (s *Service) getMetricData(ctx context.Context, in *cloudwatchapi.GetMetricDataInput) (*cloudwatchapi.GetMetricDataOutput, error) {
	p, err := compile(in.MetricDataQueries, "MetricDataQueries")
	if err != nil {
		return nil, err
	}
	if !in.StartTime.Before(in.EndTime) {
		return nil, invalid("The parameter StartTime must be less than the parameter EndTime.")
	}
	most := maxDatapoints
	if in.MaxDatapoints != nil {
		if *in.MaxDatapoints < 1 || *in.MaxDatapoints > maxDatapoints {
			return nil, invalid("The value %d for parameter MaxDatapoints must be between 1 and %d.", *in.MaxDatapoints, maxDatapoints)
		}
		most = int(*in.MaxDatapoints)
	}
	for i := range p.queries {
		if n := in.EndTime.Sub(in.StartTime) / time.Second / time.Duration(p.period(&p.queries[i])); n > maxPeriods {
			return nil, invalid("The query %s covers %d periods, which exceeds the limit of %d.", p.queries[i].query.Id, n, maxPeriods)
		}
	}
	var at page
	if in.NextToken != nil {
		if err := decodeToken(*in.NextToken, &at); err != nil {
			return nil, err
		}
	}
	r := s.newRun(p, caller(ctx).scope(), in.StartTime, in.EndTime)
	r.search = true
	results, err := r.results()
	if err != nil {
		return nil, err
	}
	for i := range results {
		if wire.Value(in.ScanBy) != cloudwatchapi.ScanByTimestampAscending {
			slices.Reverse(results[i].Timestamps)
			slices.Reverse(results[i].Values)
		}
	}
	out := &cloudwatchapi.GetMetricDataOutput{Messages: []cloudwatchapi.MessageData{}}
	out.MetricDataResults, out.NextToken = cut(results, at.Points, most)
	return out, nil
}

// cut returns the points from skip on, at most most, of results one after the
// other, and the token for those that follow. A result that goes on says so;
// those without points are on the first page.
func cut(results []cloudwatchapi.MetricDataResult, skip, most int) ([]cloudwatchapi.MetricDataResult, *string) {
	out := []cloudwatchapi.MetricDataResult{}
	total, end := 0, skip+most
	for _, r := range results {
		if len(r.Values) == 0 {
			if skip == 0 {
				out = append(out, r)
			}
			continue
		}
		first, last := total, total+len(r.Values)
		total = last
		if last <= skip || first >= end {
			continue
		}
		from, to := max(skip-first, 0), min(end-first, len(r.Values))
		r.Timestamps, r.Values = r.Timestamps[from:to], r.Values[from:to]
		if first+to < last {
			r.StatusCode = wire.Optional(cloudwatchapi.StatusCodePartialData)
		}
		out = append(out, r)
	}
	if total > end {
		return out, encodeToken(page{end})
	}
	return out, nil
}

// results evaluates what the queries return, points in order of time.
func (r *run) results() ([]cloudwatchapi.MetricDataResult, error) {
	labels := defaultLabels(r.plan)
	var out []cloudwatchapi.MetricDataResult
	for i := range r.plan.queries {
		q := &r.plan.queries[i]
		if !q.returned() {
			continue
		}
		v, err := r.value(i)
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case *metricmath.Series:
			out = append(out, r.result(q, v, cmp.Or(wire.Value(q.query.Label), labels[i])))
		case metricmath.Array:
			for _, series := range v {
				label := cmp.Or(series.Label, series.ID)
				if own := wire.Value(q.query.Label); own != "" {
					label = own + " " + label
				}
				out = append(out, r.result(q, series, label))
			}
		default:
			return nil, invalid("Error in expression '%s': it must return a time series or an array of time series", q.query.Id)
		}
	}
	return out, nil
}

func (r *run) result(q *planned, s *metricmath.Series, label string) cloudwatchapi.MetricDataResult {
	out := cloudwatchapi.MetricDataResult{
		Id:         &q.query.Id,
		Label:      wire.Optional(expandLabel(label, q, s)),
		Timestamps: make([]time.Time, len(s.Times)),
		Values:     slices.Clone(wire.Shown(s.Values)),
		StatusCode: wire.Optional(cloudwatchapi.StatusCodeComplete),
	}
	for i, t := range s.Times {
		out.Timestamps[i] = time.Unix(t, 0).UTC()
	}
	return out
}

// defaultLabels names the queries of a plan: a metric by its name, with the
// statistic and the period when the metrics of the request differ in them, and
// an expression by its id. The unit makes no difference.
func defaultLabels(p *plan) []string {
	var stats, periods []string
	for i := range p.queries {
		if stat := p.queries[i].query.MetricStat; stat != nil {
			stats = append(stats, stat.Stat)
			periods = append(periods, strconv.Itoa(int(stat.Period)))
		}
	}
	differ := func(all []string) bool { return len(slices.Compact(slices.Sorted(slices.Values(all)))) > 1 }
	byStat, byPeriod := differ(stats), differ(periods)
	labels := make([]string, len(p.queries))
	for i := range p.queries {
		stat := p.queries[i].query.MetricStat
		if stat == nil {
			labels[i] = p.queries[i].query.Id
			continue
		}
		labels[i] = p.queries[i].metric.Name
		if byStat {
			labels[i] += " " + stat.Stat
		}
		if byPeriod {
			labels[i] += " " + strconv.Itoa(int(stat.Period))
		}
	}
	return labels
}

// watched returns the result of one query as a series; a number is the same all
// the time. ok is false when the query failed or made several series.
func (r *run) watched(i int) (s *metricmath.Series, counts []float64, ok bool) {
	v, err := r.value(i)
	if err != nil {
		return nil, nil, false
	}
	switch v := v.(type) {
	case *metricmath.Series:
		return v, r.done[i].counts, true
	case metricmath.Scalar:
		period := r.plan.period(&r.plan.queries[i])
		s := &metricmath.Series{Period: period}
		for t := r.from; t < r.to; t += period {
			s.Times = append(s.Times, t)
			s.Values = append(s.Values, float64(v))
		}
		return s, nil, true
	default:
		return nil, nil, false
	}
}
