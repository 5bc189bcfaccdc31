// Package sfnmonitor counts the outcomes of the executions of a state machine's
// version: those of a STANDARD one exactly and within seconds from the list of
// executions, those of an EXPRESS one from CloudWatch's metrics.
//
// A failure that is redriven stays a failure: that is what the version did.
package sfnmonitor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/controller/internal/course"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

// An API is what a monitor needs of Step Functions; [*sfn.Client] is one.
type API interface {
	ListExecutions(context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error)
}

// A Monitor is a [controller.Counter] and a [controller.Comparer] for state
// machines. It is safe for concurrent use.
type Monitor struct {
	api     API
	metrics controller.Metrics
	clock   clock.Clock
	budget  budget
	lag     time.Duration

	mu      sync.Mutex
	tallies map[tallyKey]*tally
}

var (
	_ controller.Counter  = (*Monitor)(nil)
	_ controller.Comparer = (*Monitor)(nil)
)

// Lag is how long after its start an execution may take to appear in the list.
const Lag = 3 * time.Second

// New returns a monitor. metrics counts EXPRESS executions; without it those
// have no counts.
func New(api API, metrics controller.Metrics, c clock.Clock) *Monitor {
	return &Monitor{api: api, metrics: metrics, clock: c, lag: Lag, tallies: make(map[tallyKey]*tally), budget: budget{tokens: burst}}
}

// Prompt makes the monitor take lists for complete up to now, and list as often as
// it is asked: for a cloud on this machine.
func (m *Monitor) Prompt() *Monitor {
	m.lag, m.budget.free = 0, true
	return m
}

const (
	// atMostEvery is how often the executions of one version are listed: plans
	// that look more often get the same counts again.
	atMostEvery = 500 * time.Millisecond
	// patience is how old counts may be when the service throttles before that
	// becomes a problem.
	patience = 30 * time.Second
	// forget is when counts that nobody asks for any more are dropped.
	forget = 10 * time.Minute
	// overlap is how far back the list is read again: executions that started
	// at the same time may appear late.
	overlap = 10 * time.Second
	// deepEvery is how often executions that run for long are looked for.
	deepEvery = 5 * time.Second
	// pageSize is how many executions one call lists.
	pageSize = 1000
)

type tallyKey struct {
	alias, version string
	from           time.Time
}

// tally is what is known of the executions of one version through one alias
// since from. What has finished is only counted; what runs is remembered.
type tally struct {
	mu      sync.Mutex
	alias   string
	machine arn.ARN
	target  string // the version's ARN
	from    time.Time
	counts  analysis.Counts
	running map[string]time.Time // start, by execution
	recent  map[string]time.Time // start of what started within overlap before newest
	newest  time.Time            // start of the newest known execution
	deepAt  time.Time            // when long-running ones were last looked for
	asked   time.Time
	express bool // the machine is
	// course is what each execution did that is not counted in a stretch yet;
	// nil while nobody compares.
	course   *course.Course
	listedAt time.Time
}

// Counts returns the outcomes of the executions that were started through the
// alias at from or later and run version. They are as of their AsOf, which is
// now, or up to 30 s ago while the service throttles.
func (m *Monitor) Counts(ctx context.Context, alias, version string, from time.Time) (analysis.Counts, error) {
	t, err := m.tally(alias, version, from)
	if err != nil {
		return analysis.Counts{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := m.clock.Now()
	if err := m.refresh(ctx, t, now); err != nil {
		return analysis.Counts{}, err
	}
	if t.express {
		return m.fromMetrics(ctx, t, version, now)
	}
	return t.counts, nil
}

// refresh lists executions unless that was done just now. It finds out which
// machines are EXPRESS.
func (m *Monitor) refresh(ctx context.Context, t *tally, now time.Time) error {
	if t.express {
		return nil
	}
	if age := now.Sub(t.listedAt); !t.listedAt.IsZero() && age >= 0 && (age < atMostEvery || age < patience && !m.budget.take(now)) {
		return nil
	}
	err := t.list(ctx, m.api, now)
	switch {
	case awserr.Code(err) == "StateMachineTypeNotSupported":
		t.express = true
		return nil
	case errors.Is(err, controller.ErrThrottled) && !t.listedAt.IsZero() && now.Sub(t.listedAt) < patience:
		return nil
	case err != nil:
		return err
	}
	t.listedAt, t.counts.AsOf = now, now
	t.counts.Running = len(t.running)
	return nil
}

// tally returns the tally of a version, and drops those that nobody asks for.
func (m *Monitor) tally(alias, version string, from time.Time) (*tally, error) {
	a, err := arn.Parse(alias)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", controller.ErrInvalid, err)
	}
	machine, _ := a.Qualified()
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	for k, t := range m.tallies {
		if now.Sub(t.asked) > forget {
			delete(m.tallies, k)
		}
	}
	k := tallyKey{alias, version, from.UTC()}
	t := m.tallies[k]
	if t == nil {
		t = &tally{
			alias: alias, machine: machine, target: machine.With(version).String(), from: from,
			counts:  analysis.Counts{Version: version, From: from},
			running: make(map[string]time.Time), recent: make(map[string]time.Time),
		}
		m.tallies[k] = t
	}
	t.asked = now
	return t, nil
}

// list brings the tally up to date. It reads the list, newest first, as far as
// there may be news: usually one page. If it fails half-way, what it learned is
// kept, and the next time reads the same stretch again.
func (t *tally) list(ctx context.Context, api API, now time.Time) error {
	stop := t.from
	if back := t.newest.Add(-overlap); !t.newest.IsZero() && back.After(stop) {
		stop = back
	}
	newest := t.newest
	oldest, err := t.pages(ctx, api, "", stop, func(e types.ExecutionListItem) {
		t.note(e)
		if start := aws.ToTime(e.StartDate); start.After(newest) {
			newest = start
		}
	})
	if err != nil {
		return err
	}
	t.newest = newest
	for id, start := range t.recent {
		if start.Before(t.newest.Add(-overlap)) {
			delete(t.recent, id)
		}
	}
	return t.deep(ctx, api, oldest, now)
}

// pages reads the executions of the version, newest start first, down to those
// that started before stop, and passes those on that were started through the
// alias. It returns the start of the oldest one on the last page.
func (t *tally) pages(ctx context.Context, api API, status types.ExecutionStatus, stop time.Time, each func(types.ExecutionListItem)) (oldest time.Time, err error) {
	in := &sfn.ListExecutionsInput{StateMachineArn: &t.target, StatusFilter: status, MaxResults: pageSize}
	for {
		out, err := api.ListExecutions(ctx, in)
		if err != nil {
			return oldest, awserr.Wrap("ListExecutions", err)
		}
		for _, e := range out.Executions {
			oldest = aws.ToTime(e.StartDate)
			if !oldest.Before(t.from) && aws.ToString(e.StateMachineAliasArn) == t.alias {
				each(e)
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return time.Time{}, nil
		}
		if oldest.Before(stop) {
			return oldest, nil
		}
	}
}

// note takes in one execution as the list shows it.
func (t *tally) note(e types.ExecutionListItem) {
	id, start := aws.ToString(e.ExecutionArn), aws.ToTime(e.StartDate)
	_, running := t.running[id]
	_, recent := t.recent[id]
	if !running && !recent {
		if !t.newest.IsZero() && start.Before(t.newest.Add(-overlap)) {
			return // finished and counted long ago
		}
		t.counts.Started++
	}
	if start.After(t.newest.Add(-overlap)) || start.Equal(t.newest.Add(-overlap)) {
		t.recent[id] = start
	}
	if recent && !running {
		return // it was counted when it finished
	}
	t.remember(id, e)
	if t.count(e.Status) {
		delete(t.running, id)
	} else {
		t.running[id] = start
	}
}

// count adds a finished execution. It says whether it is one.
func (t *tally) count(status types.ExecutionStatus) bool {
	switch status {
	case types.ExecutionStatusSucceeded:
		t.counts.Succeeded++
	case types.ExecutionStatusFailed:
		t.counts.Failed++
	case types.ExecutionStatusTimedOut:
		t.counts.TimedOut++
	case types.ExecutionStatusAborted:
		t.counts.Aborted++
	default: // RUNNING and PENDING_REDRIVE
		return false
	}
	return true
}

// deep looks for the end of executions that started before the oldest that the
// list was just read down to; with none older, there are no others.
func (t *tally) deep(ctx context.Context, api API, oldest time.Time, now time.Time) error {
	old := make(map[string]bool) // running when last seen, and not on the pages just read
	first := now
	for id, start := range t.running {
		if !oldest.IsZero() && !start.After(oldest) {
			old[id] = true
			if start.Before(first) {
				first = start
			}
		}
	}
	if len(old) == 0 || now.Sub(t.deepAt) < deepEvery && !now.Before(t.deepAt) {
		return nil
	}
	if _, err := t.pages(ctx, api, types.ExecutionStatusRunning, first, func(e types.ExecutionListItem) {
		delete(old, aws.ToString(e.ExecutionArn)) // it runs on
	}); err != nil {
		return err
	}
	// Only what a list of finished ones shows has finished: lists may lag.
	for _, status := range []types.ExecutionStatus{types.ExecutionStatusFailed, types.ExecutionStatusTimedOut, types.ExecutionStatusAborted, types.ExecutionStatusSucceeded} {
		if len(old) == 0 {
			break
		}
		if _, err := t.pages(ctx, api, status, first, func(e types.ExecutionListItem) {
			if id := aws.ToString(e.ExecutionArn); old[id] && t.count(e.Status) {
				t.remember(id, e)
				delete(old, id)
				delete(t.running, id)
			}
		}); err != nil {
			return err
		}
	}
	t.deepAt = now
	return nil
}

// burst and perSecond are the part of the service's quota for ListExecutions
// that a monitor allows itself: others list, too.
//
// Source: Step Functions Developer Guide, "Quotas related to API action
// throttling": a refill of 5 a second.
const (
	burst     = 30.0
	perSecond = 3.0
)

// budget limits how often versions are listed over all rollouts.
type budget struct {
	free   bool // there is no quota
	mu     sync.Mutex
	tokens float64
	last   time.Time
}

// take takes one token if there is one.
func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free {
		return true
	}
	if d := now.Sub(b.last); d > 0 && !b.last.IsZero() {
		b.tokens = min(burst, b.tokens+perSecond*d.Seconds())
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
