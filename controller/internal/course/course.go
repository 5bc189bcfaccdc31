// Package course keeps what the requests of a version did by when they began, for
// sources that know each request: it counts those of stretches of time as soon as
// nothing can change the counts any more.
package course

import (
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
)

// A Request began at Began and, unless it runs, took Took and ended badly or not.
type Request struct {
	Began   time.Time
	Took    time.Duration
	Running bool
	Bad     bool
}

// A Course is what the requests of one version did. Its zero value is empty.
type Course struct {
	requests map[string]Request
	floor    time.Time // what began earlier was counted and is forgotten
}

// Note takes in a request as it is known now.
func (c *Course) Note(id string, r Request) {
	if r.Began.Before(c.floor) {
		return
	}
	if c.requests == nil {
		c.requests = make(map[string]Request)
	}
	if known, ok := c.requests[id]; ok && r.Running && !known.Running {
		return // an old answer
	}
	c.requests[id] = r
}

// Get returns a request.
func (c *Course) Get(id string) (Request, bool) {
	r, ok := c.requests[id]
	return r, ok
}

// A Query asks for stretches of time: they are Width long, and the one numbered From
// is the first. Thresholds are in seconds, ascending.
type Query struct {
	Epoch      time.Time
	Width      time.Duration
	From       int
	Thresholds []float64
	// Until is until when every request that began is known.
	Until time.Time
	// Horizon is after how long a request that still runs counts as one that
	// did not end badly; what happens later is not compared.
	Horizon time.Duration
}

// Final counts the stretches from q.From on that are final, as of now: all of their
// requests have ended or run for longer than the horizon. It stops at the first that
// is not, so that which ones are known does not depend on how their requests ended.
// What began before q.From is forgotten.
func (c *Course) Final(q Query, now time.Time) []evidence.Outcomes {
	first := q.Epoch.Add(time.Duration(q.From) * q.Width)
	n := int(q.Until.Sub(first) / q.Width)
	if n <= 0 {
		return nil
	}
	stretches := make([]stretch, n)
	if first.After(c.floor) {
		c.floor = first
	}
	for id, r := range c.requests {
		if r.Began.Before(c.floor) {
			delete(c.requests, id)
			continue
		}
		if i := int(r.Began.Sub(first) / q.Width); i < n && !r.Began.Before(first) {
			stretches[i].add(r, q.Horizon, now)
		}
	}
	final := make([]evidence.Outcomes, 0, n)
	for _, s := range stretches {
		if s.open {
			break
		}
		o := evidence.Outcomes{Requests: s.requests, Failed: s.failed}
		if len(q.Thresholds) > 0 {
			timed, complete := evidence.Time(q.Thresholds, s.durations, s.ages)
			if !complete {
				break
			}
			o.Timed, o.Slower = timed.Timed, timed.Slower
		}
		final = append(final, o)
	}
	return final
}

// A stretch is what began in it.
type stretch struct {
	requests, failed int
	durations, ages  []float64 // in seconds
	open             bool
}

func (s *stretch) add(r Request, horizon time.Duration, now time.Time) {
	s.requests++
	switch age := now.Sub(r.Began); {
	case !r.Running:
		s.durations = append(s.durations, r.Took.Seconds())
		if r.Bad && r.Took <= horizon {
			s.failed++
		}
	case age <= horizon:
		s.open = true
	default:
		s.ages = append(s.ages, age.Seconds())
	}
}

// Bounds of the horizon.
const (
	leastHorizon = 5 * time.Second
	mostHorizon  = 15 * time.Minute
	// part is how long the parts of a history are in which failures are counted.
	part = 5 * time.Second
)

// History sums up what requests did between from and before. The source's Horizon
// becomes twice what 99 of a hundred stayed below, and its Delay lag and that. Where
// before is not after from there is nothing to sum up.
func History(requests []Request, s analysis.Source, lag time.Duration, from, before time.Time) analysis.History {
	if before.Before(from) {
		before = from
	}
	h := analysis.History{Seconds: before.Sub(from).Seconds(), Failures: make([]int, int(before.Sub(from)/part))}
	var durations []float64
	for _, r := range requests {
		if r.Began.Before(from) || !r.Began.Before(before) {
			continue
		}
		if r.Running {
			continue // what it comes to is not known
		}
		h.Outcomes.Requests++
		durations = append(durations, r.Took.Seconds())
		if !r.Bad {
			continue
		}
		h.Outcomes.Failed++
		if i := int(r.Began.Sub(from) / part); i < len(h.Failures) {
			h.Failures[i]++
		}
	}
	h.Timed = len(durations)
	s.Horizon, s.Delay = time.Minute, lag+time.Second
	if n := len(durations); n > 0 {
		slices.Sort(durations)
		slowest := durations[min(n-1, n*99/100)]
		s.Horizon = min(mostHorizon, max(leastHorizon, time.Duration(2*slowest*float64(time.Second))))
		s.Delay = lag + min(s.Horizon, time.Duration(slowest*float64(time.Second)))
	}
	h.Source = s
	if thresholds, ok := evidence.Thresholds(durations, evidence.Quantiles[:]...); ok {
		h.Thresholds = Rising(thresholds)
	}
	return h
}

// Rising moves equal thresholds apart by as much as makes no difference.
func Rising(thresholds []float64) []float64 {
	for i := 1; i < len(thresholds); i++ {
		thresholds[i] = max(thresholds[i], thresholds[i-1]*(1+1e-9)+1e-9)
	}
	return thresholds
}

// All returns every request that is remembered, in no order.
func (c *Course) All() []Request {
	list := make([]Request, 0, len(c.requests))
	for _, r := range c.requests {
		list = append(list, r)
	}
	return list
}
