package lambdamonitor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/controller/internal/course"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
)

// A LogsAPI is what a monitor needs of CloudWatch Logs; [*cloudwatchlogs.Client] is
// one.
type LogsAPI interface {
	FilterLogEvents(context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

// LogLag is how long lines may take to appear in AWS's logs.
const LogLag = 10 * time.Second

// WithLogs makes the monitor read outcomes from the log groups that targets name,
// whose lines are late by lag at most: [LogLag] for AWS, 0 where they are there at
// once.
//
// A log group has the invocations of a version however it was called; an alias is
// not in the lines. Invocations that were throttled leave none.
func (m *Monitor) WithLogs(api LogsAPI, lag time.Duration) *Monitor {
	m.logs = &reader{api: api, lag: lag, clock: m.clock, groups: make(map[string]*group)}
	return m
}

// ByDefault makes the monitor read the log group that Lambda makes for a function
// where a target names none.
func (m *Monitor) ByDefault() *Monitor {
	m.logs.byDefault = true
	return m
}

// logsOf is the log group to read for a target; empty for none.
func (m *Monitor) logsOf(t plan.Target) string {
	switch {
	case m.logs == nil:
		return ""
	case t.Logs == "" && m.logs.byDefault:
		return ownGroup(t)
	default:
		return t.Logs
	}
}

// ownGroup is the log group that Lambda makes for a function with its first line.
func ownGroup(t plan.Target) string {
	name := t.Name
	if a, err := arn.Parse(name); err == nil {
		name = a.Name()
	}
	return "/aws/lambda/" + name
}

// reader reads log groups, each once for all versions and rollouts.
type reader struct {
	api   LogsAPI
	lag   time.Duration
	clock clock.Clock
	// byDefault: the group of a function that names none is known.
	byDefault bool

	mu     sync.Mutex
	groups map[string]*group
}

// group is what is known of one log group.
type group struct {
	mu       sync.Mutex
	name     string
	from     time.Time                 // what is read begins here
	readTo   time.Time                 // and is complete until here, but for the lag
	later    bool                      // Lambda makes it with the first line: until then it is empty
	streams  map[string]*stream        // by name
	versions map[string]*course.Course // by number
	seen     map[string]time.Time      // IDs of events that may be read again
	asked    time.Time
}

const (
	// logPages is how many calls one look may take; what is left is read by the
	// next ones. historyLogPages is the same for a history.
	logPages        = 20
	historyLogPages = 5
	// logPageSize is how many events one call returns.
	logPageSize = 10_000
	// linesThatCount are those that say when an invocation began and how it
	// ended, of either log format, and those of runtimes that report an error.
	linesThatCount = `?"START RequestId:" ?"REPORT RequestId:" ?"[ERROR]" ?"Invoke Error" ?"platform.start" ?"platform.report"`
)

// stretches counts what a version's invocations did.
func (r *reader) stretches(ctx context.Context, q controller.StretchQuery) ([]evidence.Outcomes, error) {
	g := r.group(q.Target, q.Since)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.read(ctx, r.api, r.lag, r.clock.Now()); err != nil {
		return nil, err
	}
	c := g.versions[q.Version]
	if c == nil {
		c = new(course.Course)
		g.versions[q.Version] = c
	}
	return c.Final(course.Query{
		Epoch: q.Epoch, Width: q.Source.Width, From: q.From, Thresholds: q.Thresholds,
		Until: g.readTo.Add(-r.lag), Horizon: q.Source.Horizon,
	}, g.readTo), nil
}

// history sums up what a version did.
func (r *reader) history(ctx context.Context, q controller.HistoryQuery) (analysis.History, error) {
	var from time.Time
	var g *group
	// The newest are worth most, and logs are read from the oldest on: where there
	// are too many lines the hour is made shorter.
	for length := historyLength; ; length /= 4 {
		from = q.Before.Add(-length)
		g = r.newGroup(q.Target, from)
		complete, err := g.pages(ctx, r.api, from, q.Before, historyLogPages)
		if err != nil {
			return analysis.History{}, err
		}
		if complete || length < time.Minute {
			break
		}
	}
	var list []course.Request
	if c := g.versions[q.Version]; c != nil {
		list = c.All()
	}
	return course.History(list, analysis.Source{Width: time.Second, Name: "the log " + q.Target.Logs}, r.lag, from, q.Before), nil
}

// group returns what is known of a log group from a time on.
func (r *reader) group(t plan.Target, from time.Time) *group {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	for k, g := range r.groups {
		if now.Sub(g.asked) > forget {
			delete(r.groups, k)
		}
	}
	key := t.Logs + " " + from.UTC().Format(time.RFC3339Nano)
	g := r.groups[key]
	if g == nil {
		g = r.newGroup(t, from)
		r.groups[key] = g
	}
	g.asked = now
	return g
}

func (r *reader) newGroup(t plan.Target, from time.Time) *group {
	return &group{
		name: t.Logs, from: from, readTo: from, later: r.byDefault && t.Logs == ownGroup(t),
		streams: make(map[string]*stream), versions: make(map[string]*course.Course), seen: make(map[string]time.Time),
	}
}

// read takes in what is new. Lines may appear late, so the last ones are read again.
func (g *group) read(ctx context.Context, api LogsAPI, lag time.Duration, now time.Time) error {
	if now.Sub(g.readTo) < atMostEveryAtOnce && now.After(g.readTo) && !g.readTo.Equal(g.from) {
		return nil
	}
	since := g.readTo.Add(-lag - time.Second)
	if since.Before(g.from) {
		since = g.from
	}
	complete, err := g.pages(ctx, api, since, now.Add(time.Second), logPages)
	if err != nil {
		return err
	}
	if !complete {
		return nil // readTo is where the pages ended
	}
	g.readTo = now
	for id, at := range g.seen {
		if at.Before(now.Add(-2*lag - 5*time.Second)) {
			delete(g.seen, id)
		}
	}
	return nil
}

// pages reads events in the order of time and says whether it came to the end.
func (g *group) pages(ctx context.Context, api LogsAPI, since, until time.Time, most int) (complete bool, err error) {
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &g.name, StartTime: aws.Int64(since.UnixMilli()), EndTime: aws.Int64(until.UnixMilli()),
		FilterPattern: aws.String(linesThatCount), Limit: aws.Int32(logPageSize),
	}
	for range most {
		out, err := api.FilterLogEvents(ctx, in)
		if err = awserr.Wrap("FilterLogEvents", err); g.later && errors.Is(err, controller.ErrNotFound) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("log group %s: %w", g.name, err)
		}
		// Streams are interleaved; within one, events are in the order in which
		// they happened, which those of the same millisecond must keep.
		slices.SortStableFunc(out.Events, func(a, b types.FilteredLogEvent) int {
			return int(aws.ToInt64(a.Timestamp) - aws.ToInt64(b.Timestamp))
		})
		for _, e := range out.Events {
			at := time.UnixMilli(aws.ToInt64(e.Timestamp))
			if id := aws.ToString(e.EventId); id != "" {
				if _, twice := g.seen[id]; twice {
					continue
				}
				g.seen[id] = at
			}
			g.take(aws.ToString(e.LogStreamName), aws.ToString(e.Message), at)
			if at.After(g.readTo) && at.Before(until.Add(-time.Second)) {
				g.readTo = at
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return true, nil
		}
	}
	return false, nil
}
