package cloudwatch

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metricmath"
)

// expandLabel fills in the dynamic parts of a label, such as ${MAX} and
// ${PROP('Dim.FunctionName')}. What is unknown stays as it is.
//
// Source: CloudWatch User Guide, "Using dynamic labels".
func expandLabel(label string, q *planned, s *metricmath.Series) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(label, "${")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			b.WriteString("${" + rest)
			return b.String()
		}
		if text, ok := labelPart(name, q, s); ok {
			b.WriteString(text)
		} else {
			b.WriteString("${" + name + "}")
		}
		label = after
	}
}

// labelPart returns what stands for ${name}.
func labelPart(name string, q *planned, s *metricmath.Series) (string, bool) {
	if property, ok := strings.CutPrefix(name, "PROP('"); ok {
		return labelProperty(strings.TrimSuffix(property, "')"), q)
	}
	if name == "DATAPOINT_COUNT" {
		return strconv.Itoa(len(s.Values)), true
	}
	if name == "LABEL" {
		if q.query.MetricStat != nil {
			return q.metric.Name, true
		}
		return q.query.Id, true
	}
	var f func([]float64) float64
	switch name {
	case "AVG":
		f = func(v []float64) float64 { return sumOf(v) / float64(len(v)) }
	case "SUM":
		f = sumOf
	case "MIN":
		f = slices.Min[[]float64]
	case "MAX":
		f = slices.Max[[]float64]
	case "FIRST":
		f = func(v []float64) float64 { return v[0] }
	case "LAST":
		f = func(v []float64) float64 { return v[len(v)-1] }
	default:
		return "", false
	}
	if len(s.Values) == 0 {
		return "--", true
	}
	return strconv.FormatFloat(math.Round(f(s.Values)*1000)/1000, 'f', -1, 64), true
}

func labelProperty(name string, q *planned) (string, bool) {
	if q.query.MetricStat == nil {
		return "", false
	}
	switch name {
	case "MetricName":
		return q.metric.Name, true
	case "Namespace":
		return q.metric.Namespace, true
	case "Stat":
		return q.statistic.String(), true
	case "Period":
		return strconv.Itoa(int(q.query.MetricStat.Period)), true
	}
	dimension, ok := strings.CutPrefix(name, "Dim.")
	if !ok {
		return "", false
	}
	for _, d := range q.metric.Dimensions {
		if d.Name == dimension {
			return d.Value, true
		}
	}
	return "", false
}

func sumOf(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum
}
