package cloudwatch

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metrics"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// The limits of PutMetricData.
const (
	maxData        = 1000
	maxValues      = 150
	oldestDatum    = 14 * 24 * time.Hour
	futureDatum    = 2 * time.Hour
	valueExponent  = 360 // values lie within ±2^360
	highResolution = 1
)

// putMetricData stores measurements. Namespaces that begin with AWS/ are
// accepted, which AWS keeps for itself: how else should somebody try out an alarm
// on a service that the local cloud does not have?
func (s *Service) putMetricData(ctx context.Context, in *cloudwatchapi.PutMetricDataInput) (*wire.Nothing, error) {
	if strings.HasPrefix(in.Namespace, ":") {
		return nil, invalidValue("The value %s for parameter Namespace is invalid.", in.Namespace)
	}
	lists := [][]cloudwatchapi.MetricDatum{in.MetricData}
	for _, entity := range in.EntityMetricData {
		lists = append(lists, entity.MetricData)
	}
	now := s.clock.Now()
	var data []metrics.Datum
	n := 0
	for _, list := range lists {
		n += len(list)
		for i := range list {
			var err error
			if data, err = appendDatum(data, &list[i], fmt.Sprintf("MetricData.member.%d", i+1), now, s.meant); err != nil {
				return nil, err
			}
		}
	}
	if n == 0 {
		return nil, cloudwatchapi.NewMissingRequiredParameterException("The parameter MetricData is required.")
	}
	if n > maxData {
		return nil, invalidValue("The collection MetricData must not have a size greater than %d.", maxData)
	}
	s.store.Put(caller(ctx).scope(), in.Namespace, data, now)
	return nil, nil
}

func invalidValue(format string, args ...any) error {
	return cloudwatchapi.NewInvalidParameterValueException(fmt.Sprintf(format, args...))
}

func invalidCombination(format string, args ...any) error {
	return cloudwatchapi.NewInvalidParameterCombinationException(fmt.Sprintf(format, args...))
}

func invalid(format string, args ...any) error {
	return wire.NewValidationError(fmt.Sprintf(format, args...))
}

// appendDatum checks a datum of a request and appends what it holds. path is its
// place in the request.
func appendDatum(data []metrics.Datum, d *cloudwatchapi.MetricDatum, path string, now time.Time, meant func(time.Time) time.Time) ([]metrics.Datum, error) {
	exclusive := func(a, b string) error {
		return invalidCombination("The parameters %s.%s and %s.%s are mutually exclusive and you have specified both.", path, a, path, b)
	}
	switch {
	case d.Value != nil && len(d.Values) > 0:
		return nil, exclusive("Value", "Values")
	case d.Value != nil && d.StatisticValues != nil:
		return nil, exclusive("Value", "StatisticValues")
	case len(d.Counts) > 0 && len(d.Counts) != len(d.Values):
		return nil, invalidValue("The parameters %s.Values and %s.Counts must be of the same size.", path, path)
	case len(d.Values) > maxValues:
		return nil, invalidValue("The collection %s.Values must not have a size greater than %d.", path, maxValues)
	case d.Value == nil && len(d.Values) == 0 && d.StatisticValues == nil:
		return nil, invalidCombination("At least one of the parameters %s.Value, %s.Values and %s.StatisticValues must be specified.", path, path, path)
	case d.StorageResolution != nil && *d.StorageResolution != highResolution && *d.StorageResolution != 60:
		return nil, invalidValue("The value %d for parameter %s.StorageResolution is invalid. It must be 1 or 60.", *d.StorageResolution, path)
	}
	base := metrics.Datum{
		Name:           d.MetricName,
		Dimensions:     dimensionsOf(d.Dimensions),
		Unit:           wire.Value(d.Unit),
		HighResolution: wire.Value(d.StorageResolution) == highResolution,
	}
	if d.Timestamp != nil {
		base.Time = meant(*d.Timestamp)
		if base.Time.Before(now.Add(-oldestDatum)) {
			return nil, invalidValue("The parameter %s.Timestamp must specify a time no more than two weeks in the past.", path)
		}
		if base.Time.After(now.Add(futureDatum)) {
			return nil, invalidValue("The parameter %s.Timestamp must specify a time no more than two hours in the future.", path)
		}
	}
	check := func(name string, v float64) error {
		if math.IsNaN(v) || math.Abs(v) > math.Ldexp(1, valueExponent) {
			return invalidValue("The value %v for parameter %s.%s is invalid.", v, path, name)
		}
		return nil
	}
	switch {
	case d.Value != nil:
		base.Value = *d.Value
		return append(data, base), check("Value", *d.Value)
	case len(d.Values) > 0:
		for i, v := range d.Values {
			if err := check("Values", v); err != nil {
				return nil, err
			}
			base.Value, base.Count = v, 1
			if len(d.Counts) > 0 {
				base.Count = d.Counts[i]
			}
			if !(base.Count >= 0) || math.IsInf(base.Count, 1) {
				return nil, invalidValue("The value %v for parameter %s.Counts is invalid.", base.Count, path)
			}
			if base.Count > 0 {
				data = append(data, base)
			}
		}
		return data, nil
	default:
		set := d.StatisticValues
		if err := cmp.Or(check("StatisticValues.SampleCount", set.SampleCount), check("StatisticValues.Sum", set.Sum),
			check("StatisticValues.Minimum", set.Minimum), check("StatisticValues.Maximum", set.Maximum)); err != nil {
			return nil, err
		}
		if set.SampleCount <= 0 || set.Minimum > set.Maximum {
			return nil, invalidValue("The parameter %s.StatisticValues must have a SampleCount above 0 and a Minimum of at most its Maximum.", path)
		}
		base.Set = &metrics.Set{Count: set.SampleCount, Sum: set.Sum, Min: set.Minimum, Max: set.Maximum}
		return append(data, base), nil
	}
}

// dimensionsOf turns the API's dimensions into the store's.
func dimensionsOf(in []cloudwatchapi.Dimension) []metrics.Dimension {
	out := make([]metrics.Dimension, len(in))
	for i, d := range in {
		out[i] = metrics.Dimension{Name: d.Name, Value: d.Value}
	}
	return out
}

// apiDimensions turns the store's dimensions into the API's.
func apiDimensions(in []metrics.Dimension) []cloudwatchapi.Dimension {
	out := make([]cloudwatchapi.Dimension, len(in))
	for i, d := range in {
		out[i] = cloudwatchapi.Dimension{Name: d.Name, Value: d.Value}
	}
	return out
}
