package metricmath

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A function of metric math takes between least and most arguments.
type function struct {
	least, most int
	of          func(n call, args []Value, env *Env) (Value, error)
}

func (f function) arity() string {
	switch {
	case f.least != f.most:
		return fmt.Sprintf("%d to %d values", f.least, f.most)
	case f.least == 1:
		return "1 value"
	default:
		return fmt.Sprintf("%d values", f.least)
	}
}

var functions = map[string]function{
	"ABS":   pointwise(func(v float64) (float64, bool) { return math.Abs(v), true }),
	"CEIL":  pointwise(func(v float64) (float64, bool) { return math.Ceil(v), true }),
	"FLOOR": pointwise(func(v float64) (float64, bool) { return math.Floor(v), true }),
	"LOG":   pointwise(func(v float64) (float64, bool) { return finite(math.Log(v)) }),
	"LOG10": pointwise(func(v float64) (float64, bool) { return finite(math.Log10(v)) }),

	"SUM":    aggregate(aggregates["SUM"]),
	"AVG":    aggregate(aggregates["AVG"]),
	"MIN":    aggregate(aggregates["MIN"]),
	"MAX":    aggregate(aggregates["MAX"]),
	"STDDEV": aggregate(aggregates["STDDEV"]),

	"DATAPOINT_COUNT": {1, 1, datapointCount},
	"METRIC_COUNT":    {1, 1, metricCount},
	"PERIOD":          {1, 1, period},
	"METRICS":         {0, 1, allMetrics},
	"SEARCH":          {2, 3, search},

	"RATE":        perSeries(rate),
	"DIFF":        perSeries(diff),
	"DIFF_TIME":   perSeries(diffTime),
	"RUNNING_SUM": perSeries(runningSum),

	"MINUTE": perTime(func(t time.Time) int { return t.Minute() }),
	"HOUR":   perTime(func(t time.Time) int { return t.Hour() }),
	"DAY":    perTime(func(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }), // Monday is 1
	"DATE":   perTime(func(t time.Time) int { return t.Day() }),
	"MONTH":  perTime(func(t time.Time) int { return int(t.Month()) }),
	"YEAR":   perTime(func(t time.Time) int { return t.Year() }),
	"EPOCH":  perTime(func(t time.Time) int { return int(t.Unix()) }),

	"FILL":         {2, 2, fill},
	"IF":           {2, 3, choose},
	"TIME_SERIES":  {1, 1, timeSeries},
	"FIRST":        {1, 1, first},
	"LAST":         {1, 1, last},
	"SLICE":        {2, 3, slice},
	"SORT":         {3, 4, sortSeries},
	"REMOVE_EMPTY": {1, 1, removeEmpty},
}

// pointwise makes a function that looks at one number at a time.
func pointwise(f func(float64) (float64, bool)) function {
	return function{1, 1, func(n call, args []Value, _ *Env) (Value, error) { return apply(n, args[0], f) }}
}

// aggregates make one number of at least one.
var aggregates = map[string]func([]float64) float64{
	"SUM": total,
	"AVG": func(v []float64) float64 { return total(v) / float64(len(v)) },
	"MIN": slices.Min[[]float64],
	"MAX": slices.Max[[]float64],
	"STDDEV": func(v []float64) float64 {
		mean, squares := total(v)/float64(len(v)), 0.0
		for _, x := range v {
			squares += (x - mean) * (x - mean)
		}
		return math.Sqrt(squares / float64(len(v)))
	},
}

func total(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum
}

// aggregate makes a function that turns an array into a series, and a series
// into a number. A series without points stays without a result.
func aggregate(f func([]float64) float64) function {
	return function{1, 1, func(n call, args []Value, _ *Env) (Value, error) {
		switch v := args[0].(type) {
		case Scalar:
			return Scalar(f([]float64{float64(v)})), nil
		case scalars:
			if len(v) == 0 {
				return nil, fail(n, "%s of nothing", n.name)
			}
			return Scalar(f(v)), nil
		case *Series:
			if len(v.Values) == 0 {
				return &Series{Period: v.Period}, nil
			}
			return Scalar(f(v.Values)), nil
		case Array:
			return across(v, f), nil
		default:
			return nil, fail(n, "%s takes an array or a time series, not %s", n.name, v.kind())
		}
	}}
}

// across aggregates the points that the series have at each time.
func across(series Array, f func([]float64) float64) *Series {
	points := map[int64][]float64{}
	out := &Series{}
	for _, s := range series {
		out.Period = max(out.Period, s.Period)
		for i, t := range s.Times {
			points[t] = append(points[t], s.Values[i])
		}
	}
	for t := range points {
		out.Times = append(out.Times, t)
	}
	slices.Sort(out.Times)
	for _, t := range out.Times {
		out.Values = append(out.Values, f(points[t]))
	}
	return out
}

func datapointCount(n call, args []Value, _ *Env) (Value, error) {
	switch v := args[0].(type) {
	case *Series:
		return Scalar(len(v.Times)), nil
	case Array:
		return across(v, func(v []float64) float64 { return float64(len(v)) }), nil
	default:
		return nil, fail(n, "DATAPOINT_COUNT takes a time series or an array, not %s", v.kind())
	}
}

func metricCount(n call, args []Value, _ *Env) (Value, error) {
	switch v := args[0].(type) {
	case *Series:
		return Scalar(1), nil
	case Array:
		return Scalar(len(v)), nil
	default:
		return nil, fail(n, "METRIC_COUNT takes an array, not %s", v.kind())
	}
}

func period(n call, args []Value, _ *Env) (Value, error) {
	if s, ok := args[0].(*Series); ok {
		return Scalar(s.Period), nil
	}
	return nil, fail(n, "PERIOD takes a time series, not %s", args[0].kind())
}

func allMetrics(n call, args []Value, env *Env) (Value, error) {
	all, err := env.Metrics()
	if err != nil || len(args) == 0 {
		return all, err
	}
	part, ok := args[0].(Text)
	if !ok {
		return nil, fail(n, "METRICS takes a text, not %s", args[0].kind())
	}
	var out Array
	for _, s := range all {
		if strings.Contains(s.ID, string(part)) {
			out = append(out, s)
		}
	}
	return out, nil
}

func search(n call, args []Value, env *Env) (Value, error) {
	if env.Search == nil {
		return nil, fail(n, "SEARCH is not supported here")
	}
	expression, ok := args[0].(Text)
	statistic, ok2 := args[1].(Text)
	if !ok || !ok2 {
		return nil, fail(n, "SEARCH takes an expression and a statistic as texts")
	}
	seconds := env.Period
	if len(args) == 3 {
		v, ok := args[2].(Scalar)
		if !ok || v < 1 {
			return nil, fail(n, "SEARCH takes a period in seconds")
		}
		seconds = int64(v)
	}
	found, err := env.Search(string(expression), string(statistic), seconds)
	return found, err
}

// perSeries makes a function of each series by itself.
func perSeries(f func(in, out *Series)) function {
	return function{1, 1, func(n call, args []Value, _ *Env) (Value, error) {
		return eachSeries(n, args[0], f)
	}}
}

func eachSeries(n call, v Value, f func(in, out *Series)) (Value, error) {
	switch v := v.(type) {
	case *Series:
		out := v.like()
		f(v, out)
		return out, nil
	case Array:
		all := make(Array, len(v))
		for i, s := range v {
			all[i] = s.like()
			f(s, all[i])
		}
		return all, nil
	default:
		return nil, fail(n, "%s takes a time series or an array, not %s", n.name, v.kind())
	}
}

func rate(in, out *Series) {
	for i := 1; i < len(in.Times); i++ {
		out.add(in.Times[i], (in.Values[i]-in.Values[i-1])/float64(in.Times[i]-in.Times[i-1]))
	}
}

func diff(in, out *Series) {
	for i := 1; i < len(in.Times); i++ {
		out.add(in.Times[i], in.Values[i]-in.Values[i-1])
	}
}

func diffTime(in, out *Series) {
	for i := 1; i < len(in.Times); i++ {
		out.add(in.Times[i], float64(in.Times[i]-in.Times[i-1]))
	}
}

func runningSum(in, out *Series) {
	var sum float64
	for i, t := range in.Times {
		sum += in.Values[i]
		out.add(t, sum)
	}
}

// perTime makes a function of the times of points.
func perTime(f func(time.Time) int) function {
	return perSeries(func(in, out *Series) {
		for _, t := range in.Times {
			out.add(t, float64(f(time.Unix(t, 0).UTC())))
		}
	})
}

// fill puts a value where a series has none.
func fill(n call, args []Value, env *Env) (Value, error) {
	var missing func(in *Series, t int64) (float64, bool)
	switch how := args[1].(type) {
	case Scalar:
		missing = func(*Series, int64) (float64, bool) { return float64(how), true }
	case *Series:
		missing = func(_ *Series, t int64) (float64, bool) { return how.at(t) }
	case Text:
		switch how {
		case "REPEAT":
			missing = before
		case "LINEAR":
			missing = between
		}
	}
	if missing == nil {
		return nil, fail(n, "FILL takes a number, a time series, REPEAT or LINEAR")
	}
	if v, ok := args[0].(Scalar); ok {
		return v, nil
	}
	return eachSeries(n, args[0], func(in, out *Series) {
		period := cmp.Or(in.Period, env.Period)
		for _, t := range env.grid(period) {
			if v, ok := in.at(t); ok {
				out.add(t, v)
			} else if v, ok := missing(in, t); ok {
				out.add(t, v)
			}
		}
	})
}

// before returns the last value before t.
func before(in *Series, t int64) (float64, bool) {
	i, _ := slices.BinarySearch(in.Times, t)
	if i == 0 {
		return 0, false
	}
	return in.Values[i-1], true
}

// between returns what lies on the line from the point before t to the one
// after; outside of the first and the last point there is no line.
func between(in *Series, t int64) (float64, bool) {
	i, _ := slices.BinarySearch(in.Times, t)
	if i == 0 || i == len(in.Times) {
		return 0, false
	}
	share := float64(t-in.Times[i-1]) / float64(in.Times[i]-in.Times[i-1])
	return in.Values[i-1] + share*(in.Values[i]-in.Values[i-1]), true
}

// choose is IF(condition, a[, b]).
func choose(n call, args []Value, env *Env) (Value, error) {
	size := -1
	for i, arg := range args {
		switch v := arg.(type) {
		case Scalar, *Series:
		case Array:
			if size >= 0 && size != len(v) {
				return nil, fail(n, "IF takes arrays of one length, not of %d and %d", size, len(v))
			}
			size = len(v)
		default:
			return nil, fail(n.args[i], "IF takes numbers and time series, not %s", v.kind())
		}
	}
	if size < 0 {
		return chooseOne(args, env), nil
	}
	out := make(Array, size)
	for i := range out {
		single := make([]Value, len(args))
		var name *Series
		for k, arg := range args {
			single[k] = arg
			if a, ok := arg.(Array); ok {
				single[k], name = a[i], a[i]
			}
		}
		switch v := chooseOne(single, env).(type) {
		case Scalar:
			out[i] = named(env.constant(float64(v), name.Period), name)
		case *Series:
			picked := *v
			out[i] = named(&picked, name)
		}
	}
	return out, nil
}

// chooseOne is IF without arrays. Where the condition has no point there is
// none; where the one that was picked has none it is 0, as CloudWatch documents;
// and without a third value there is none where the condition does not hold.
func chooseOne(args []Value, env *Env) Value {
	condition, ok := args[0].(*Series)
	if !ok {
		switch {
		case args[0].(Scalar) != 0:
			return args[1]
		case len(args) == 3:
			return args[2]
		default:
			return &Series{Period: env.Period}
		}
	}
	out := &Series{Period: condition.Period}
	for i, t := range condition.Times {
		picked := args[1]
		if condition.Values[i] == 0 {
			if len(args) < 3 {
				continue
			}
			picked = args[2]
		}
		switch v := picked.(type) {
		case Scalar:
			out.add(t, float64(v))
		case *Series:
			if value, ok := v.at(t); ok || len(args) == 3 {
				out.add(t, value)
			}
		}
	}
	return out
}

func timeSeries(n call, args []Value, env *Env) (Value, error) {
	switch v := args[0].(type) {
	case Scalar:
		return env.constant(float64(v), env.Period), nil
	case *Series:
		return v, nil
	default:
		return nil, fail(n, "TIME_SERIES takes a number, not %s", v.kind())
	}
}

// array returns the first argument as an array.
func array(n call, args []Value) (Array, error) {
	switch v := args[0].(type) {
	case Array:
		return v, nil
	case *Series:
		return Array{v}, nil
	default:
		return nil, fail(n, "%s takes an array of time series, not %s", n.name, v.kind())
	}
}

func first(n call, args []Value, env *Env) (Value, error) {
	all, err := array(n, args)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return &Series{Period: env.Period}, nil
	}
	return all[0], nil
}

func last(n call, args []Value, env *Env) (Value, error) {
	all, err := array(n, args)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return &Series{Period: env.Period}, nil
	}
	return all[len(all)-1], nil
}

// slice is SLICE(array, from[, to]), counted from 0, to excluded.
func slice(n call, args []Value, _ *Env) (Value, error) {
	all, err := array(n, args)
	if err != nil {
		return nil, err
	}
	bounds := [2]int{0, len(all)}
	for i, arg := range args[1:] {
		v, ok := arg.(Scalar)
		if !ok {
			return nil, fail(n.args[i+1], "SLICE takes numbers as bounds, not %s", arg.kind())
		}
		bounds[i] = min(max(int(v), 0), len(all))
	}
	if bounds[0] > bounds[1] {
		return Array{}, nil
	}
	return all[bounds[0]:bounds[1]], nil
}

// sortSeries is SORT(array, AVG|SUM|MIN|MAX|STDDEV, ASC|DESC[, how many]).
func sortSeries(n call, args []Value, _ *Env) (Value, error) {
	all, err := array(n, args)
	if err != nil {
		return nil, err
	}
	by, _ := args[1].(Text)
	f, ok := aggregates[string(by)]
	order, _ := args[2].(Text)
	if !ok || order != "ASC" && order != "DESC" {
		return nil, fail(n, "SORT takes AVG, SUM, MIN, MAX or STDDEV, and ASC or DESC")
	}
	key := func(s *Series) float64 {
		if len(s.Values) == 0 {
			return 0
		}
		return f(s.Values)
	}
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b *Series) int {
		if order == "DESC" {
			a, b = b, a
		}
		return cmp.Compare(key(a), key(b))
	})
	if len(args) == 4 {
		most, ok := args[3].(Scalar)
		if !ok {
			return nil, fail(n.args[3], "SORT takes a number of time series, not %s", args[3].kind())
		}
		out = out[:min(max(int(most), 0), len(out))]
	}
	return out, nil
}

func removeEmpty(n call, args []Value, _ *Env) (Value, error) {
	all, err := array(n, args)
	if err != nil {
		return nil, err
	}
	out := Array{}
	for _, s := range all {
		if len(s.Times) > 0 {
			out = append(out, s)
		}
	}
	return out, nil
}
