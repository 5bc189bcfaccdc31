package metrics

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"
)

// A Period is what is known about one period of a metric.
type Period struct {
	Start                time.Time
	Count, Sum, Min, Max float64
	// Unit is the unit of the first measurement found.
	Unit string

	values []weighted // sorted; only when the query asked for them
	opaque bool
}

// A Statistic makes one number of a period. The zero Statistic is not usable;
// see [ParseStatistic].
type Statistic struct {
	text string
	kind kind
	// low and high bound the values that count: as shares of the measurements,
	// 0..1, when percent, else as values, exclusive and inclusive.
	low, high float64
	percent   bool
}

type kind uint8

const (
	sampleCount kind = iota + 1
	average
	sum
	minimum
	maximum
	percentile     // p: the value at a share of the measurements
	trimmedMean    // tm, TM, IQM: average of those within bounds
	winsorizedMean // wm, WM: average with those outside moved to the bounds
	trimmedCount   // tc, TC: how many are within bounds
	trimmedSum     // ts, TS: their sum
	percentileRank // PR: what share of the measurements is within bounds, 0..100
)

var simple = map[string]kind{"SampleCount": sampleCount, "Average": average, "Sum": sum, "Minimum": minimum, "Maximum": maximum}

var (
	shortForm = regexp.MustCompile(`^(p|tm|wm|tc|ts)(\d{1,3}(?:\.\d{1,10})?)$`)
	longForm  = regexp.MustCompile(`^(TM|WM|TC|TS|PR)\((-?[\d.]*)(%?):(-?[\d.]*)(%?)\)$`)
	families  = map[string]kind{
		"p": percentile, "tm": trimmedMean, "TM": trimmedMean, "wm": winsorizedMean, "WM": winsorizedMean,
		"tc": trimmedCount, "TC": trimmedCount, "ts": trimmedSum, "TS": trimmedSum, "PR": percentileRank,
	}
)

// ParseStatistic reads the name of a statistic: SampleCount, Average, Sum,
// Minimum, Maximum, p99.9, tm90, TM(10%:90%), IQM, wm98, WM(:500), tc99,
// TC(0.5:10), ts95, TS(80%:), PR(:300).
//
// Source: CloudWatch User Guide, "CloudWatch statistics definitions".
func ParseStatistic(text string) (Statistic, error) {
	if k, ok := simple[text]; ok {
		return Statistic{text: text, kind: k}, nil
	}
	if text == "IQM" {
		return Statistic{text: text, kind: trimmedMean, low: 0.25, high: 0.75, percent: true}, nil
	}
	if m := shortForm.FindStringSubmatch(text); m != nil {
		high, err := strconv.ParseFloat(m[2], 64)
		if err == nil && high <= 100 {
			return Statistic{text: text, kind: families[m[1]], high: high / 100, percent: true}, nil
		}
	}
	if m := longForm.FindStringSubmatch(text); m != nil && m[2]+m[4] != "" {
		s := Statistic{text: text, kind: families[m[1]], percent: m[3]+m[5] != ""}
		scale := 1.0
		s.low, s.high = math.Inf(-1), math.Inf(1)
		if s.percent {
			scale, s.low, s.high = 100, 0, 1
		}
		ok := s.kind != percentileRank || !s.percent
		for i, bound := range []*float64{&s.low, &s.high} {
			number, sign := m[2+2*i], m[3+2*i]
			if number == "" {
				continue
			}
			v, err := strconv.ParseFloat(number, 64)
			*bound = v / scale
			ok = ok && err == nil && (sign == "%") == s.percent && (!s.percent || v >= 0 && v <= 100)
		}
		if ok && s.low < s.high {
			return s, nil
		}
	}
	return Statistic{}, fmt.Errorf("%q is not a statistic", text)
}

// String returns the statistic as it was written.
func (s Statistic) String() string { return s.text }

// Extended says whether the statistic needs the single values; CloudWatch takes
// such ones as ExtendedStatistic.
func (s Statistic) Extended() bool { return s.kind > maximum }

// Percentile returns the p of a percentile, 0..100; ok is false for others.
func (s Statistic) Percentile() (p float64, ok bool) {
	return s.high * 100, s.kind == percentile
}

// Of returns the statistic of a period. It does not exist for an extended
// statistic of values that are negative or not known one by one.
func (s Statistic) Of(p *Period) (value float64, ok bool) {
	switch s.kind {
	case sampleCount:
		return p.Count, true
	case average:
		return p.Sum / p.Count, p.Count > 0
	case sum:
		return p.Sum, true
	case minimum:
		return p.Min, true
	case maximum:
		return p.Max, true
	}
	if p.opaque || p.Min < 0 || len(p.values) == 0 {
		return 0, false
	}
	switch s.kind {
	case percentile:
		return p.quantile(s.high), true
	case winsorizedMean:
		return p.winsorized(s), true
	}
	n, total := p.within(s)
	switch s.kind {
	case trimmedMean:
		return total / n, n > 0
	case trimmedCount:
		return n, true
	case trimmedSum:
		return total, true
	case percentileRank:
		return 100 * n / p.Count, true
	default:
		panic(fmt.Sprintf("metrics: statistic %d", s.kind))
	}
}

// quantile returns the value that share q of the measurements do not exceed, by
// nearest rank. CloudWatch's own way is not documented.
func (p *Period) quantile(q float64) float64 {
	rank := q * p.Count
	// A rank that misses a whole number by rounding only is that number.
	if r := math.Round(rank); math.Abs(rank-r) < 1e-9*p.Count {
		rank = r
	}
	var seen float64
	for _, w := range p.values {
		if seen += w.count; seen >= rank {
			return w.value
		}
	}
	return p.values[len(p.values)-1].value
}

// within returns how many measurements are within the bounds of s, and their
// sum. A value that lies across a bound by share counts with the part inside.
func (p *Period) within(s Statistic) (n, total float64) {
	var seen float64
	for _, w := range p.values {
		inside := 0.0
		if s.percent {
			inside = max(0, min(seen+w.count, s.high*p.Count)-max(seen, s.low*p.Count))
		} else if w.value > s.low && w.value <= s.high {
			inside = w.count
		}
		seen += w.count
		n += inside
		total += w.value * inside
	}
	return n, total
}

// winsorized returns the average after moving what is out of bounds to them.
func (p *Period) winsorized(s Statistic) float64 {
	low, high := s.low, s.high
	if s.percent {
		low, high = p.quantile(s.low), p.quantile(s.high)
	}
	var total float64
	for _, w := range p.values {
		total += min(max(w.value, low), high) * w.count
	}
	return total / p.Count
}
