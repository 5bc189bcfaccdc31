package suite

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Trace is recorded traffic of the old version, second by second. One that is
// shorter than a world begins again.
type Trace struct {
	seconds []traced
	// Rate is its mean in requests a second, Base its share of failures.
	Rate, Base float64
}

// traced is one second: how many requests came, and the chance that each failed.
type traced struct {
	requests int
	failing  float64
}

func (t *Trace) at(second int) traced { return t.seconds[second%len(t.seconds)] }

// ReadTrace reads counts from CSV with a head: a column time (RFC 3339, or seconds)
// and a column requests, and, if failures were recorded, a column failed. A row holds
// from its time until that of the next one, the last as long as the one before it;
// its requests are spread evenly. Whole minutes, as CloudWatch has them, and seconds
// will both do. What is beyond an hour is left away.
func ReadTrace(name string, r io.Reader) (*Trace, error) {
	c := csv.NewReader(r)
	c.TrimLeadingSpace = true
	head, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: it has no head: %w", name, err)
	}
	column := map[string]int{"time": -1, "requests": -1, "failed": -1}
	for i, title := range head {
		title = strings.ToLower(strings.TrimSpace(title))
		if _, ok := column[title]; !ok {
			return nil, fmt.Errorf("%s:1: column %q is none of time, requests, failed", name, title)
		}
		column[title] = i
	}
	if column["time"] < 0 || column["requests"] < 0 {
		return nil, fmt.Errorf("%s:1: the columns time and requests are needed; have %s", name, strings.Join(head, ", "))
	}
	type row struct {
		at               float64
		requests, failed int
	}
	var rows []row
	for {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := c.FieldPos(0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		var now row
		if now.at, err = readTime(fields[column["time"]]); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		if now.requests, err = readCount("requests", fields[column["requests"]]); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		if i := column["failed"]; i >= 0 {
			if now.failed, err = readCount("failed", fields[i]); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, line, err)
			}
		}
		switch {
		case now.failed > now.requests:
			return nil, fmt.Errorf("%s:%d: %d of %d requests failed", name, line, now.failed, now.requests)
		case len(rows) > 0 && now.at < rows[len(rows)-1].at+1:
			return nil, fmt.Errorf("%s:%d: the time is not a second later than the one before", name, line)
		}
		rows = append(rows, now)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s: %d rows of counts; two are needed to know how long each is", name, len(rows))
	}
	n := len(rows)
	ends := make([]float64, n)
	for i := range n - 1 {
		ends[i] = rows[i+1].at
	}
	ends[n-1] = rows[n-1].at + rows[n-1].at - rows[n-2].at
	t := &Trace{}
	requests, failed := 0, 0.0
	for i, r := range rows {
		length := int(math.Round(ends[i]-rows[0].at)) - len(t.seconds)
		for s := 0; s < length && len(t.seconds) < horizon; s++ {
			now := traced{requests: r.requests*(s+1)/length - r.requests*s/length}
			if r.requests > 0 {
				now.failing = float64(r.failed) / float64(r.requests)
			}
			t.seconds = append(t.seconds, now)
			requests += now.requests
			failed += now.failing * float64(now.requests)
		}
	}
	t.Rate = float64(requests) / float64(len(t.seconds))
	if requests > 0 {
		t.Base = failed / float64(requests)
	}
	return t, nil
}

func readTime(text string) (seconds float64, err error) {
	if seconds, err = strconv.ParseFloat(text, 64); err == nil && !math.IsInf(seconds, 0) && !math.IsNaN(seconds) {
		return seconds, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, fmt.Errorf("time %q is neither like 2026-03-14T12:00:00Z nor a number of seconds", text)
	}
	return float64(at.UnixMilli()) / 1000, nil
}

func readCount(what, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s %q is not a number of 0 or above", what, text)
	}
	return n, nil
}

// Replay are the releases of the suite headline on recorded traffic: the faults that
// are likely, and none.
func Replay(t *Trace) []Scenario {
	var all []Scenario
	for _, s := range []Scenario{
		{Name: "good", Fault: t.Base},
		{Name: "total failure", Fault: 1},
		{Name: "+5%", Fault: t.Base + 0.05},
		{Name: "twice as many failures", Fault: 2 * t.Base},
		{Name: "half slower", Slower: 1.5},
		{Name: "+5% from minute 7", Fault: t.Base + 0.05, Onset: 420},
	} {
		s.Name = "recorded, " + s.Name
		s.Rate, s.Base, s.Trace = t.Rate, t.Base, t
		if s.Fault <= 1 {
			all = append(all, s)
		}
	}
	return slices.DeleteFunc(all, func(s Scenario) bool { return s.Name == "recorded, twice as many failures" && t.Base == 0 })
}
