package cloudwatch

import (
	"context"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metrics"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

const maxStatisticsDatapoints = 1440

// The ages from which on GetMetricStatistics begins at five minutes and at hours.
const (
	fiveMinutesFrom = 15 * 24 * time.Hour
	hoursFrom       = 63 * 24 * time.Hour
)

// getMetricStatistics reads one metric. Its periods begin at StartTime, rounded
// down to the minute, which differs from GetMetricData.
func (s *Service) getMetricStatistics(ctx context.Context, in *cloudwatchapi.GetMetricStatisticsInput) (*cloudwatchapi.GetMetricStatisticsOutput, error) {
	if !in.StartTime.Before(in.EndTime) {
		return nil, invalidValue("The parameter StartTime must be less than the parameter EndTime.")
	}
	if !isPeriod(in.Period) {
		return nil, badPeriod("Period", in.Period)
	}
	if len(in.Statistics) == 0 && len(in.ExtendedStatistics) == 0 {
		return nil, cloudwatchapi.NewMissingRequiredParameterException("One of the parameters Statistics and ExtendedStatistics is required.")
	}
	if len(in.Statistics) > 0 && len(in.ExtendedStatistics) > 0 {
		return nil, invalidCombination("The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both.")
	}
	period := time.Duration(in.Period) * time.Second
	if n := int64((in.EndTime.Sub(in.StartTime) + period - 1) / period); n > maxStatisticsDatapoints {
		return nil, invalidCombination("You have requested up to %d datapoints, which exceeds the limit of %d. "+
			"You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n, maxStatisticsDatapoints)
	}
	statistics, err := parseStatistics(slices.Concat(in.Statistics, in.ExtendedStatistics))
	if err != nil {
		return nil, err
	}
	metric := metrics.Metric{Namespace: in.Namespace, Name: in.MetricName, Dimensions: dimensionsOf(in.Dimensions)}
	units := s.store.Units(caller(ctx).scope(), metric)
	if in.Unit != nil {
		units = []string{*in.Unit}
	}
	out := &cloudwatchapi.GetMetricStatisticsOutput{Label: &in.MetricName, Datapoints: []cloudwatchapi.Datapoint{}}
	for _, unit := range units {
		periods, err := s.store.Read(caller(ctx).scope(), metrics.Query{
			Metric: metric, Unit: unit, Period: period,
			From: s.roundStart(in.StartTime, in.Period), To: time.Unix(ceilSeconds(in.EndTime), 0),
			Values: len(in.ExtendedStatistics) > 0,
		})
		if err != nil {
			return nil, err
		}
		for i := range periods {
			if point, ok := datapoint(&periods[i], statistics); ok {
				out.Datapoints = append(out.Datapoints, point)
			}
		}
	}
	return out, nil
}

func parseStatistics(names []string) ([]metrics.Statistic, error) {
	var out []metrics.Statistic
	for _, name := range names {
		statistic, err := metrics.ParseStatistic(name)
		if err != nil {
			return nil, invalidValue("The value %s for parameter ExtendedStatistics is not supported.", name)
		}
		out = append(out, statistic)
	}
	return out, nil
}

// roundStart rounds a start down as its age demands. Short periods keep their
// own grid within the minute.
func (s *Service) roundStart(start time.Time, period int32) time.Time {
	age := s.clock.Now().Sub(start)
	switch {
	case age >= hoursFrom:
		return start.Truncate(time.Hour)
	case age >= fiveMinutesFrom:
		return start.Truncate(5 * time.Minute)
	case period < 60:
		return start.Truncate(time.Duration(period) * time.Second)
	default:
		return start.Truncate(time.Minute)
	}
}

// datapoint makes the API's datapoint of a period; ok is false when it has none
// of the statistics.
func datapoint(p *metrics.Period, statistics []metrics.Statistic) (cloudwatchapi.Datapoint, bool) {
	out := cloudwatchapi.Datapoint{Timestamp: &p.Start, Unit: &p.Unit}
	found := false
	for _, statistic := range statistics {
		v, ok := statistic.Of(p)
		if !ok {
			continue
		}
		found = true
		switch name := statistic.String(); name {
		case cloudwatchapi.StatisticSampleCount:
			out.SampleCount = &v
		case cloudwatchapi.StatisticAverage:
			out.Average = &v
		case cloudwatchapi.StatisticSum:
			out.Sum = &v
		case cloudwatchapi.StatisticMinimum:
			out.Minimum = &v
		case cloudwatchapi.StatisticMaximum:
			out.Maximum = &v
		default:
			if out.ExtendedStatistics == nil {
				out.ExtendedStatistics = map[string]float64{}
			}
			out.ExtendedStatistics[name] = v
		}
	}
	return out, found
}
