package cloudwatch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/alarm"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metrics"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

const maxAlarmQueries = 10

// putMetricAlarm creates a metric alarm, or replaces its configuration; then the
// state stays and tags are ignored.
func (s *Service) putMetricAlarm(ctx context.Context, in *cloudwatchapi.PutMetricAlarmInput) (*wire.Nothing, error) {
	fresh := &entry{record: record{Metric: in}, place: -1}
	if err := checkMetricAlarm(in); err != nil {
		return nil, err
	}
	if err := fresh.compileMetric(); err != nil {
		return nil, err
	}
	return nil, s.change(ctx, func(r *region, now time.Time) error {
		return s.putAlarm(r, fresh, in.ActionsEnabled, in.Tags, now)
	})
}

// putAlarm puts a new alarm in place, or gives an old one the configuration of
// fresh. The caller holds s.mu.
func (s *Service) putAlarm(r *region, fresh *entry, enabled *bool, tags []cloudwatchapi.Tag, now time.Time) error {
	fresh.Owner = r.owner
	fresh.Configured = now
	fresh.Disabled = enabled != nil && !*enabled
	change, suppressor := "created", ""
	if old := r.alarms[fresh.name()]; old != nil {
		if old.composite() != fresh.composite() {
			return invalid("The alarm %s exists already as a %s.", fresh.name(), old.kind())
		}
		change = "updated"
		fresh.State, fresh.Tags, fresh.Suppressed = old.State, old.Tags, old.Suppressed
		suppressor = old.suppressor()
		s.timers.remove(old)
		r.unlink(old)
	} else {
		fresh.State = alarm.Initial(now)
		fresh.Tags = mergeTags(nil, tags)
	}
	r.link(fresh)
	s.noteAlarm(fresh)
	s.recordConfiguration(r, fresh, change, now)
	s.schedule(fresh, s.firstLook(fresh, change == "created", now))
	if fresh.composite() {
		if fresh.suppressor() != suppressor {
			s.release(fresh)
		}
		s.settle(r, fresh, change, now)
	}
	return nil
}

// firstLook returns when a metric alarm is evaluated next after it was written: at
// once, so that nobody waits for what the data say already. A new alarm without any
// data has nothing to say before its next regular evaluation.
//
// Source: recorded of an alarm whose missing data breach: read right after its
// creation it still has INSUFFICIENT_DATA.
func (s *Service) firstLook(e *entry, created bool, now time.Time) time.Time {
	if !created || e.source == nil {
		return now
	}
	if from, to := e.config.Window(now); len(s.datapoints(e, from, to)) > 0 {
		return now
	}
	return e.config.Next(now)
}

// checkMetricAlarm checks what the model leaves open.
func checkMetricAlarm(in *cloudwatchapi.PutMetricAlarmInput) error {
	if err := checkActions(in.OKActions, in.AlarmActions, in.InsufficientDataActions); err != nil {
		return err
	}
	switch {
	case in.EvaluationCriteria != nil || in.EvaluationInterval != nil:
		return invalid("Alarms on PromQL queries are not supported by the local cloud.")
	case in.EvaluationPeriods == nil:
		return required("EvaluationPeriods")
	case in.ComparisonOperator == nil:
		return required("ComparisonOperator")
	case isBand(*in.ComparisonOperator) && in.ThresholdMetricId == nil:
		return required("ThresholdMetricId")
	case !isBand(*in.ComparisonOperator) && in.ThresholdMetricId != nil:
		return invalid("The parameter ThresholdMetricId cannot be used with the comparison operator %s.", *in.ComparisonOperator)
	case in.Threshold == nil && in.ThresholdMetricId == nil:
		return required("Threshold")
	case in.Threshold != nil && in.ThresholdMetricId != nil:
		return invalid("The parameters Threshold and ThresholdMetricId are mutually exclusive and you have specified both.")
	}
	if v := in.EvaluateLowSampleCountPercentile; v != nil && *v != "evaluate" && *v != "ignore" {
		return invalid("Option %s is not supported. Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore.", *v)
	}
	if len(in.Metrics) > 0 {
		if in.MetricName != nil || in.Namespace != nil || in.Statistic != nil || in.ExtendedStatistic != nil || in.Period != nil || len(in.Dimensions) > 0 || in.Unit != nil {
			return invalid("When Metrics is specified, MetricName, Namespace, Dimensions, Period, Unit, Statistic and ExtendedStatistic must not be.")
		}
		return nil
	}
	switch {
	case in.MetricName == nil:
		return required("MetricName")
	case in.Namespace == nil:
		return required("Namespace")
	case in.Period == nil:
		return required("Period")
	case in.Statistic == nil && in.ExtendedStatistic == nil:
		return invalid("One of the parameters Statistic and ExtendedStatistic must be specified.")
	case in.Statistic != nil && in.ExtendedStatistic != nil:
		return invalid("The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.")
	}
	return nil
}

func required(parameter string) error {
	return cloudwatchapi.NewMissingRequiredParameterException(fmt.Sprintf("The parameter %s is required.", parameter))
}

// isBand says whether an operator compares with an anomaly detection band.
func isBand(operator string) bool {
	switch operator {
	case cloudwatchapi.ComparisonOperatorLessThanLowerOrGreaterThanUpperThreshold,
		cloudwatchapi.ComparisonOperatorLessThanLowerThreshold,
		cloudwatchapi.ComparisonOperatorGreaterThanUpperThreshold:
		return true
	default:
		return false
	}
}

// compileMetric makes what evaluates a metric alarm. An alarm on an anomaly
// detection band is kept but never evaluated, because nothing is trained here.
func (e *entry) compileMetric() error {
	in := e.Metric
	if in.ThresholdMetricId != nil {
		return nil
	}
	queries := in.Metrics
	if len(queries) == 0 {
		queries = []cloudwatchapi.MetricDataQuery{{
			Id: "m",
			MetricStat: &cloudwatchapi.MetricStat{
				Metric: &cloudwatchapi.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions},
				Period: *in.Period,
				Stat:   wire.Value(in.Statistic) + wire.Value(in.ExtendedStatistic),
				Unit:   in.Unit,
			},
		}}
	}
	if len(queries) > maxAlarmQueries {
		return invalid("An alarm must not have more than %d metrics.", maxAlarmQueries)
	}
	source, err := compile(queries, "Metrics")
	if err != nil {
		return err
	}
	watch := slices.IndexFunc(source.queries, func(q planned) bool { return q.returned() })
	for i := range source.queries {
		if source.queries[i].returned() && i != watch {
			watch = -1
		}
	}
	if watch < 0 {
		return invalid("Exactly one element of the metrics list should return data.")
	}
	watched := &source.queries[watch]
	for i := range source.queries {
		if source.queries[i].query.MetricStat != nil && source.period(&source.queries[i]) != source.period(watched) {
			return invalid("All metrics of an alarm must have the same period.")
		}
	}
	config := alarm.Config{
		Period:            time.Duration(source.period(watched)) * time.Second,
		EvaluationPeriods: int(*in.EvaluationPeriods),
		DatapointsToAlarm: int(wire.Value(in.DatapointsToAlarm)),
		Comparison:        alarm.Comparison(*in.ComparisonOperator),
		Threshold:         *in.Threshold,
		Missing:           alarm.Missing(wire.Value(in.TreatMissingData)),
		Statistic:         wire.Value(in.Statistic) + wire.Value(in.ExtendedStatistic),
		Unit:              wire.Value(in.Unit),
	}
	if p, ok := watched.statistic.Percentile(); ok && wire.Value(in.EvaluateLowSampleCountPercentile) == "ignore" {
		config.MinSamples = alarm.LowSamples(p)
	}
	if err := config.Check(); err != nil {
		return invalid("The alarm cannot be evaluated: %v.", err)
	}
	e.config, e.source, e.watch = config, source, watch
	return nil
}

// evaluate returns the state of a metric alarm at now. A failed query counts as
// no data, which the treatment of missing data then judges.
func (s *Service) evaluate(e *entry, now time.Time) alarm.State {
	from, to := e.config.Window(now)
	return alarm.Evaluate(e.config, s.datapoints(e, from, to), e.State, now)
}

// datapoints returns the datapoints of what an alarm watches.
func (s *Service) datapoints(e *entry, from, to time.Time) []alarm.Datapoint {
	if len(e.source.queries) == 1 && e.source.queries[0].expr == nil {
		return s.plainDatapoints(e, from, to)
	}
	r := s.newRun(e.source, e.Owner.scope(), from, to)
	r.sliding = true
	series, counts, ok := r.watched(e.watch)
	if !ok {
		return nil
	}
	out := make([]alarm.Datapoint, len(series.Times))
	for i, t := range series.Times {
		out[i] = alarm.Datapoint{Start: time.Unix(t, 0).UTC(), Value: series.Values[i]}
		if counts != nil {
			out[i].Samples = counts[i]
		}
	}
	return out
}

// plainDatapoints is datapoints for the common case, one metric.
func (s *Service) plainDatapoints(e *entry, from, to time.Time) []alarm.Datapoint {
	q := &e.source.queries[0]
	periods, err := s.store.Read(e.Owner.scope(), metrics.Query{
		Metric: q.metric, Unit: wire.Value(q.query.MetricStat.Unit),
		From: from, To: to, Period: e.config.Period, Values: q.statistic.Extended(),
	})
	if err != nil || len(periods) == 0 {
		return nil // the period was checked; there is no other error
	}
	out := make([]alarm.Datapoint, 0, len(periods))
	for i := range periods {
		if v, ok := q.statistic.Of(&periods[i]); ok {
			out = append(out, alarm.Datapoint{Start: periods[i].Start, Value: v, Samples: periods[i].Count})
		}
	}
	return out
}
