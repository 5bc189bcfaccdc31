// Package metricmath evaluates CloudWatch's metric math: expressions such as
// IF(m1 > 10, m1/m2, 0) over scalars, time series and arrays of time series.
//
// It is pure: an [Env] hands it the series of the other queries. A missing point
// of an operand makes a missing point of the result, and so does a division by
// zero.
//
// Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics".
package metricmath

import (
	"fmt"
	"slices"
)

// A Series is a time series. Times are the starts of periods in Unix seconds,
// ascending; Values go with them.
type Series struct {
	// ID is the query that made it; METRICS("text") looks for text in it.
	ID string
	// Label is what people see; empty means that nobody named it.
	Label  string
	Period int64 // seconds
	Times  []int64
	Values []float64
}

// at returns the value at a time.
func (s *Series) at(t int64) (v float64, ok bool) {
	i, found := slices.BinarySearch(s.Times, t)
	if !found {
		return 0, false
	}
	return s.Values[i], true
}

// add appends a point.
func (s *Series) add(t int64, v float64) {
	s.Times = append(s.Times, t)
	s.Values = append(s.Values, v)
}

// like returns an empty series with the name and period of s.
func (s *Series) like() *Series { return &Series{ID: s.ID, Label: s.Label, Period: s.Period} }

// A Value is what an expression makes: Scalar, *Series, Array, or a Text, which
// only functions take.
type Value interface{ kind() string }

// The kinds of values.
type (
	Scalar float64
	Array  []*Series
	Text   string
	// scalars is an array of numbers, as [1, 2, 3].
	scalars []float64
)

func (Scalar) kind() string  { return "a number" }
func (*Series) kind() string { return "a time series" }
func (Array) kind() string   { return "an array of time series" }
func (Text) kind() string    { return "a text" }
func (scalars) kind() string { return "an array of numbers" }

// An Env is where an expression finds what it refers to.
type Env struct {
	// Lookup returns the value of another query; ok is false when there is none
	// with that id. An error is the expression's error.
	Lookup func(id string) (v Value, ok bool, err error)
	// Metrics returns the series of all queries that name a metric, for METRICS().
	Metrics func() (Array, error)
	// Search carries out SEARCH; nil refuses it, as alarms do.
	Search func(expression, statistic string, period int64) (Array, error)
	// Start and End bound the time, Unix seconds, End excluded. Period is the
	// step, in seconds, of what has no period of its own, such as TIME_SERIES(1).
	Start, End, Period int64
	// Phase is when some period began: all begin a multiple of their length
	// before or after it. Zero aligns them with the clock.
	Phase int64
}

// grid returns the starts of all periods in e's time.
func (e *Env) grid(period int64) []int64 {
	first := e.Start - ((e.Start-e.Phase)%period+period)%period
	var out []int64
	for t := first; t < e.End; t += period {
		out = append(out, t)
	}
	return out
}

// An Error says what is wrong with an expression, and where.
type Error struct {
	Offset int // in bytes from the start of the expression
	Text   string
}

// Error returns the text with the place, counted from 1.
func (e *Error) Error() string { return fmt.Sprintf("%s (at character %d)", e.Text, e.Offset+1) }
