package analysis

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/crossfade-dev/crossfade/plan"
)

// metricCriterion limits a statistic of a metric.
type metricCriterion struct{ limit plan.MetricLimit }

func (c metricCriterion) name() string { return c.limit.Metric + " " + c.limit.Stat }

func (c metricCriterion) Rule() string {
	return fmt.Sprintf("%s %s %s", c.name(), c.limit.Op, number(c.limit.Limit))
}

// kept says whether a value keeps the limit.
func (c metricCriterion) kept(v float64) bool {
	switch c.limit.Op {
	case "<":
		return v < c.limit.Limit
	case "<=":
		return v <= c.limit.Limit
	case ">":
		return v > c.limit.Limit
	case ">=":
		return v >= c.limit.Limit
	default:
		panic("analysis: operator " + c.limit.Op)
	}
}

// final says whether a period that is not over yet can already break the limit
// for good: those statistics only grow.
func (c metricCriterion) final() bool {
	grows := slices.Contains([]string{"Sum", "SampleCount", "Maximum"}, c.limit.Stat)
	return grows && (c.limit.Op == "<" || c.limit.Op == "<=")
}

// Judge looks at the datapoints of periods that began after the start. One that
// breaks the limit is enough for Unhealthy. Healthy takes a datapoint of which at
// least half lies in the step in force, because the others say nothing about it.
func (c metricCriterion) Judge(e Evidence) Finding {
	switch {
	case e.Series == nil:
		return trouble("nothing measures %s", c.name())
	case e.Series.Problem != "":
		return trouble("%s is not readable (%s)", c.name(), e.Series.Problem)
	}
	limit := c.limit.Limit
	var last *Datapoint
	for i, p := range e.Series.Points {
		end := p.At.Add(c.limit.Period)
		over := !end.After(e.Now)
		if p.At.Before(e.From) || p.Samples < c.limit.MinSamples || !over && !c.final() {
			continue
		}
		if !c.kept(p.Value) {
			return Finding{
				Verdict: Unhealthy, Samples: p.Samples, Value: &p.Value, Limit: &limit,
				Why:  fmt.Sprintf("%s was %s at %s, limit %s %s", c.name(), number(p.Value), clock(p.At), c.limit.Op, number(limit)),
				Flip: "nothing: one datapoint is enough",
			}
		}
		if over && !end.Add(-c.limit.Period/2).Before(e.Since) {
			last = &e.Series.Points[i]
		}
	}
	if last == nil {
		f := unknown("no datapoint of %s since the step began", c.name())
		f.Flip = "a datapoint with enough samples"
		f.Limit = &limit
		return f
	}
	return Finding{
		Verdict: Healthy, Samples: last.Samples, Value: &last.Value, Limit: &limit,
		Why:  fmt.Sprintf("%s was %s at %s, limit %s %s", c.name(), number(last.Value), clock(last.At), c.limit.Op, number(limit)),
		Flip: "a datapoint beyond the limit",
	}
}

// number writes a value with up to four decimals.
func number(f float64) string {
	text := strconv.FormatFloat(f, 'f', 4, 64)
	rounded, _ := strconv.ParseFloat(text, 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
