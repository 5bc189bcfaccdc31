// Package lambdamonitor counts the invocations of a function's version, and how they
// ended: by the minute from CloudWatch's metrics of an alias, and for a comparison
// within seconds from the function's log, where that is known.
//
// An alias's invocations are counted under the dimensions FunctionName, Resource
// and ExecutedVersion. The minute that runs is counted as far as it is known, so that
// errors are seen as early as CloudWatch shows them; how far the counts are complete
// is what their AsOf says. The versions of all rollouts are read together, as many as
// one call takes. What a log has, see [Monitor.WithLogs].
package lambdamonitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

// An API is what a monitor needs of CloudWatch; [*cloudwatch.Client] is one.
type API interface {
	GetMetricData(context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error)
}

// Delay is how long after an invocation AWS's metrics of it may take to appear:
// they are delivered once a minute, as soon as the service can.
const Delay = 2 * time.Minute

const (
	// atMostEvery is how often the metrics of one version are read; plans that
	// look more often get the same counts again. Each metric read is billed,
	// except where metrics have no delay: that is a cloud on this machine, which
	// is asked at every look. One look at several versions is one reading still.
	atMostEvery       = 5 * time.Second
	atMostEveryAtOnce = 50 * time.Millisecond
	// afterFailure is how soon one tries again after a reading that failed.
	afterFailure = time.Second
	// patience is how old counts may be when nothing can be read before that
	// becomes a problem.
	patience = 30 * time.Second
	// company is for how long after it was last asked about a version is read
	// together with others.
	company = 30 * time.Second
	// forget is when counts that nobody asks for any more are dropped.
	forget = 10 * time.Minute
	// late is how long a minute may still change: an invocation counts in the
	// minute when it began, lasts 15 minutes at most, and is told of after the
	// delay.
	late = 20 * time.Minute
	// kept is for how long CloudWatch keeps minutes apart, with a margin.
	//
	// Source: CloudWatch User Guide, "Metrics retention": 15 days.
	kept = 14 * 24 * time.Hour
)

// A Monitor is a [controller.Counter] and a [controller.Comparer] for functions. It
// is safe for concurrent use.
type Monitor struct {
	api   API
	delay time.Duration
	clock clock.Clock
	logs  *reader // nil: there are none

	mu      sync.Mutex
	tallies map[tallyKey]*tally
}

var (
	_ controller.Counter  = (*Monitor)(nil)
	_ controller.Comparer = (*Monitor)(nil)
)

// New returns a monitor of the client's account and region. delay is how long
// metrics may take to appear: [Delay] for AWS, 0 where they are there at once.
func New(api API, delay time.Duration, c clock.Clock) *Monitor {
	return &Monitor{api: api, delay: delay, clock: c, tallies: make(map[tallyKey]*tally)}
}

type tallyKey struct {
	alias, version string
	from           time.Time
}

// tally is what is known of the invocations of one version through one alias.
// Minutes that may still change are kept apart; the rest is only summed up.
type tally struct {
	key      tallyKey
	function string // its name
	resource string // NAME:ALIAS
	from     time.Time
	minutes  map[time.Time]sums
	sealed   sums      // of the minutes that cannot change any more
	open     time.Time // the first minute that may still change
	asked    time.Time
	tried    time.Time
	read     time.Time // when a reading last worked
	err      error     // of the last reading
	// thresholds are those that durations are counted by, in seconds; none while
	// nobody compares them.
	thresholds []float64
}

// sums are what one version did in a stretch of time.
type sums struct {
	invocations, errors, throttles float64
	// timed have a duration, within[k] of them one up to threshold k.
	timed  float64
	within [3]float64
}

// plus adds up what the counts are made of.
func (s sums) plus(o sums) sums {
	return sums{invocations: s.invocations + o.invocations, errors: s.errors + o.errors, throttles: s.throttles + o.throttles}
}

// most is the larger of both in each number: a sum that is read again is never
// less than before, unless the answer is older.
func (s sums) most(o sums) sums {
	most := sums{
		invocations: max(s.invocations, o.invocations), errors: max(s.errors, o.errors), throttles: max(s.throttles, o.throttles),
		timed: max(s.timed, o.timed),
	}
	for k := range most.within {
		most.within[k] = max(s.within[k], o.within[k])
	}
	return most
}

// Counts returns how the invocations of a version through the alias ended, from
// the beginning of the minute of from; see their From. Failed are those with a
// function error, which time-outs are part of. They are complete up to their
// AsOf, and may be up to 30 s older than usual while nothing can be read.
func (m *Monitor) Counts(ctx context.Context, alias, version string, from time.Time) (analysis.Counts, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	t, err := m.tally(alias, version, from, now)
	if err != nil {
		return analysis.Counts{}, err
	}
	if err := m.refresh(ctx, t, now); err != nil {
		return analysis.Counts{}, err
	}
	return t.counts(m.delay), nil
}

// refresh reads a tally when that is due. The error is for when it could not be read
// for too long.
func (m *Monitor) refresh(ctx context.Context, t *tally, now time.Time) error {
	if m.due(t, now) {
		m.readDue(ctx, now)
	}
	if t.err != nil && (t.read.IsZero() || now.Sub(t.read) >= patience) {
		return t.err
	}
	return nil
}

// tally returns the tally of a version, and drops those that nobody asks for.
func (m *Monitor) tally(alias, version string, from, now time.Time) (*tally, error) {
	a, err := arn.Parse(alias)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", controller.ErrInvalid, err)
	}
	function, name := a.Qualified()
	if name == "" || a.Kind() != "function" {
		return nil, fmt.Errorf("%w: %s is not the ARN of a function's alias", controller.ErrInvalid, alias)
	}
	for k, t := range m.tallies {
		if now.Sub(t.asked) > forget {
			delete(m.tallies, k)
		}
	}
	k := tallyKey{alias, version, from.UTC()}
	t := m.tallies[k]
	if t == nil {
		begin := k.from
		if oldest := now.Add(-kept).UTC(); begin.Before(oldest) {
			begin = oldest
		}
		begin = begin.Truncate(time.Minute)
		t = &tally{
			key: k, function: function.Name(), resource: function.Name() + ":" + name,
			from: begin, open: begin, minutes: make(map[time.Time]sums),
		}
		m.tallies[k] = t
	}
	t.asked = now
	return t, nil
}

// due says whether it is time to read a tally again.
func (m *Monitor) due(t *tally, now time.Time) bool {
	every := atMostEvery
	switch {
	case t.err != nil:
		every = afterFailure
	case m.delay == 0:
		every = atMostEveryAtOnce
	}
	age := now.Sub(t.tried)
	return t.tried.IsZero() || age < 0 || age >= every
}

// readDue reads all tallies that are due and that somebody asked for lately.
func (m *Monitor) readDue(ctx context.Context, now time.Time) {
	var due []*tally
	for _, t := range m.tallies {
		if now.Sub(t.asked) <= company && m.due(t, now) {
			due = append(due, t)
		}
	}
	// Those that go back equally far are read together.
	slices.SortFunc(due, func(a, b *tally) int {
		return cmp.Or(a.open.Compare(b.open), cmp.Compare(a.key.alias, b.key.alias), cmp.Compare(a.key.version, b.key.version), a.key.from.Compare(b.key.from))
	})
	for _, chunk := range calls(due) {
		points, err := m.query(ctx, chunk, now)
		for i, t := range chunk {
			t.tried, t.err = now, err
			if err == nil {
				t.err = points[i].err
			}
			if t.err == nil {
				t.take(points[i].minutes, now)
			}
		}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return // the others are read when they are asked for
		}
	}
}

// take takes in what was read.
func (t *tally) take(minutes map[time.Time]sums, now time.Time) {
	for at, s := range minutes {
		if !at.Before(t.open) {
			t.minutes[at] = t.minutes[at].most(s)
		}
	}
	if open := now.Add(-late).UTC().Truncate(time.Minute); open.After(t.open) {
		t.open = open
		for at, s := range t.minutes {
			if at.Before(open) {
				t.sealed = t.sealed.plus(s)
				delete(t.minutes, at)
			}
		}
	}
	t.read = now
}

// counts sums everything up.
func (t *tally) counts(delay time.Duration) analysis.Counts {
	all := t.sealed
	for _, s := range t.minutes {
		all = all.plus(s)
	}
	// The metrics are delivered one by one: an error may be known before the
	// invocation is.
	started := max(all.invocations, all.errors)
	return analysis.Counts{
		Version: t.key.version, From: t.from, AsOf: t.read.Add(-delay),
		Started: int(started), Succeeded: int(started - all.errors), Failed: int(all.errors), Throttled: int(all.throttles),
	}
}
