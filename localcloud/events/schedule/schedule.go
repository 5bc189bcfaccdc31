// Package schedule reads the schedule expressions of EventBridge, rate(5 minutes)
// and cron(0 12 ? * MON-FRI *), and says when they are due.
//
// Source: EventBridge User Guide, "Setting a schedule pattern for scheduled rules".
package schedule

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrInvalid says that a text is no schedule expression.
var ErrInvalid = errors.New("not a schedule expression: want rate(VALUE UNIT) or cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR)")

// A Schedule is a checked expression.
type Schedule struct {
	every time.Duration // of a rate
	cron  *cron
}

// Parse reads an expression.
func Parse(text string) (Schedule, error) {
	if inner, ok := between(text, "rate(", ")"); ok {
		return parseRate(inner)
	}
	if inner, ok := between(text, "cron(", ")"); ok {
		c, err := parseCron(strings.Fields(inner))
		return Schedule{cron: c}, err
	}
	return Schedule{}, ErrInvalid
}

func between(text, prefix, suffix string) (string, bool) {
	inner, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, suffix)
}

// parseRate reads a value with its unit: 1 minute, 5 minutes.
func parseRate(text string) (Schedule, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return Schedule{}, ErrInvalid
	}
	n, err := strconv.ParseInt(fields[0], 10, 32)
	if err != nil || n < 1 {
		return Schedule{}, ErrInvalid
	}
	unit, plural := strings.CutSuffix(fields[1], "s")
	length := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[unit]
	if length == 0 || plural != (n > 1) {
		return Schedule{}, ErrInvalid
	}
	return Schedule{every: time.Duration(n) * length}, nil
}

// Next returns the first time after now at which the schedule of a rule is due
// that was made at since; false means never.
func (s Schedule) Next(since, now time.Time) (time.Time, bool) {
	if s.cron != nil {
		return s.cron.next(now.UTC())
	}
	if now.Before(since) {
		return since.Add(s.every), true
	}
	return since.Add((now.Sub(since)/s.every + 1) * s.every), true
}

// A cron is when the fields of a time fit.
type cron struct {
	minutes, hours, months, years set
	day                           func(t time.Time) bool
}

// A set has the numbers that fit, from 0 on.
type set []bool

func (s set) has(n int) bool { return n < len(s) && s[n] }

// first returns the smallest number from n on, or -1.
func (s set) first(n int) int {
	if n >= len(s) {
		return -1
	}
	if i := slices.Index(s[n:], true); i >= 0 {
		return n + i
	}
	return -1
}

// The bounds of years.
const (
	firstYear = 1970
	lastYear  = 2199
)

var (
	monthNames = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

func parseCron(fields []string) (*cron, error) {
	const minutes, hours, dayOfMonth, month, dayOfWeek, year, count = 0, 1, 2, 3, 4, 5, 6
	if len(fields) != count || (fields[dayOfMonth] == "?") == (fields[dayOfWeek] == "?") {
		return nil, ErrInvalid
	}
	c := &cron{}
	for _, f := range []struct {
		into      *set
		text      string
		low, high int
		names     []string
	}{
		{&c.minutes, fields[minutes], 0, 59, nil}, {&c.hours, fields[hours], 0, 23, nil},
		{&c.months, fields[month], 1, 12, monthNames}, {&c.years, fields[year], firstYear, lastYear, nil},
	} {
		var err error
		if *f.into, err = parseSet(f.text, f.low, f.high, f.names); err != nil {
			return nil, err
		}
	}
	var err error
	if fields[dayOfWeek] == "?" {
		c.day, err = parseDayOfMonth(fields[dayOfMonth])
	} else {
		c.day, err = parseDayOfWeek(fields[dayOfWeek])
	}
	return c, err
}

// parseSet reads a list of numbers, ranges and steps: *, 5, 1-5, 0/15, MON-FRI.
// Names count from low on.
func parseSet(text string, low, high int, names []string) (set, error) {
	number := func(s string) (int, error) {
		if i := slices.Index(names, strings.ToUpper(s)); i >= 0 {
			return low + i, nil
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < low || n > high {
			return 0, ErrInvalid
		}
		return n, nil
	}
	out := make(set, high+1)
	for _, part := range strings.Split(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			var err error
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
				return nil, ErrInvalid
			}
		}
		from, to := low, high
		if span != "*" {
			first, last, ranged := strings.Cut(span, "-")
			var err error
			if from, err = number(first); err != nil {
				return nil, err
			}
			switch {
			case ranged:
				if to, err = number(last); err != nil {
					return nil, err
				}
			case !stepped:
				to = from
			}
		}
		if to < from {
			return nil, ErrInvalid
		}
		for n := from; n <= to; n += step {
			out[n] = true
		}
	}
	return out, nil
}

// parseDayOfMonth reads days, L for the last one, or 15W for the weekday nearest
// to one.
func parseDayOfMonth(text string) (func(time.Time) bool, error) {
	const longest = 31
	if text == "L" {
		return func(t time.Time) bool { return t.AddDate(0, 0, 1).Day() == 1 }, nil
	}
	if nearest, ok := strings.CutSuffix(text, "W"); ok {
		n, err := strconv.Atoi(nearest)
		if err != nil || n < 1 || n > longest {
			return nil, ErrInvalid
		}
		return func(t time.Time) bool { return t.Day() == nearestWeekday(t, n) }, nil
	}
	days, err := parseSet(text, 1, longest, nil)
	return func(t time.Time) bool { return days.has(t.Day()) }, err
}

// nearestWeekday returns the day of t's month that is a weekday and nearest to
// day n of it, or 0 where the month has no such day.
func nearestWeekday(t time.Time, n int) int {
	day := time.Date(t.Year(), t.Month(), n, 0, 0, 0, 0, time.UTC)
	if day.Month() != t.Month() {
		return 0
	}
	switch day.Weekday() {
	case time.Saturday:
		if n == 1 {
			return n + 2
		}
		return n - 1
	case time.Sunday:
		if day.AddDate(0, 0, 1).Month() != day.Month() {
			return n - 2
		}
		return n + 1
	default:
		return n
	}
}

// parseDayOfWeek reads days of the week, 1 being Sunday: also 6L for the last
// Friday of a month and 6#3 for the third.
func parseDayOfWeek(text string) (func(time.Time) bool, error) {
	const week = 7
	weekday := func(s string) (time.Weekday, error) {
		days, err := parseSet(s, 1, week, dayNames)
		if err != nil {
			return 0, err
		}
		return time.Weekday(days.first(0) - 1), nil
	}
	if last, ok := strings.CutSuffix(text, "L"); ok {
		if last == "" {
			last = "7"
		}
		day, err := weekday(last)
		return func(t time.Time) bool { return t.Weekday() == day && t.AddDate(0, 0, week).Month() != t.Month() }, err
	}
	if name, nth, ok := strings.Cut(text, "#"); ok {
		const most = 5
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 || n > most {
			return nil, ErrInvalid
		}
		day, err := weekday(name)
		return func(t time.Time) bool { return t.Weekday() == day && (t.Day()-1)/week+1 == n }, err
	}
	days, err := parseSet(text, 1, week, dayNames)
	return func(t time.Time) bool { return days.has(int(t.Weekday()) + 1) }, err
}

// next returns the first minute after t that fits.
func (c *cron) next(t time.Time) (time.Time, bool) {
	t = t.Truncate(time.Minute).Add(time.Minute)
	for t.Year() <= lastYear {
		year, month, day := t.Date()
		switch {
		case !c.years.has(year):
			t = time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC)
			continue
		case !c.months.has(int(month)):
			t = time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
			continue
		case !c.day(t):
			t = time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
			continue
		}
		hour, minute := c.hours.first(t.Hour()), -1
		if hour == t.Hour() {
			if minute = c.minutes.first(t.Minute()); minute < 0 {
				hour = c.hours.first(hour + 1)
			}
		}
		if hour < 0 {
			t = time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
			continue
		}
		if minute < 0 {
			minute = c.minutes.first(0)
		}
		return time.Date(year, month, day, hour, minute, 0, 0, time.UTC), true
	}
	return time.Time{}, false
}
