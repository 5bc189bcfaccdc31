package sfnmonitor

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/controller/internal/course"
	"github.com/crossfade-dev/crossfade/internal/arn"
)

const (
	// historyLength is how far back a history goes, and historyPages how many
	// calls it may take: with much traffic a few thousand executions tell enough.
	historyLength = time.Hour
	historyPages  = 5
	// newerPages is how many calls more it may take to get past what began later,
	// which a list has first.
	newerPages = 60
)

// request is an execution as the list shows it.
func request(e types.ExecutionListItem) course.Request {
	r := course.Request{Began: aws.ToTime(e.StartDate)}
	switch e.Status {
	case types.ExecutionStatusSucceeded:
	case types.ExecutionStatusFailed, types.ExecutionStatusTimedOut, types.ExecutionStatusAborted:
		r.Bad = true
	default: // RUNNING and PENDING_REDRIVE
		r.Running = true
		return r
	}
	r.Took = max(0, aws.ToTime(e.StopDate).Sub(r.Began))
	return r
}

// remember keeps an execution for the comparison, if anybody compares.
func (t *tally) remember(id string, e types.ExecutionListItem) {
	if t.course != nil {
		t.course.Note(id, request(e))
	}
}

// History returns what a version's executions through the alias did in the last
// hour, or in the time of the last few thousand. For an EXPRESS machine it is what
// the metrics of its version tell, by the minute.
func (m *Monitor) History(ctx context.Context, q controller.HistoryQuery) (analysis.History, error) {
	a, err := arn.Parse(q.Alias)
	if err != nil {
		return analysis.History{}, err
	}
	machine, _ := a.Qualified()
	from := q.Before.Add(-historyLength)
	var list []course.Request
	in := &sfn.ListExecutionsInput{StateMachineArn: aws.String(machine.With(q.Version).String()), MaxResults: pageSize}
	for pages, newer := 0, 0; pages < historyPages; {
		out, err := m.api.ListExecutions(ctx, in)
		if err = awserr.Wrap("ListExecutions", err); awserr.Code(err) == "StateMachineTypeNotSupported" {
			return m.minutesBefore(ctx, q)
		} else if err != nil {
			return analysis.History{}, err
		}
		oldest := q.Before
		for _, e := range out.Executions {
			oldest = aws.ToTime(e.StartDate)
			if aws.ToString(e.StateMachineAliasArn) == q.Alias {
				list = append(list, request(e))
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" || oldest.Before(from) {
			break
		}
		if !oldest.Before(q.Before) {
			if newer++; newer == newerPages {
				return analysis.History{}, fmt.Errorf("more than %d executions began since %s, before which the list was not read", newer*pageSize, q.Before.UTC().Format(time.RFC3339))
			}
			continue
		}
		if pages++; pages == historyPages {
			from = oldest
		}
	}
	s := analysis.Source{Width: time.Second, Name: "the list of executions"}
	h := course.History(list, s, m.lag, from, q.Before)
	raise(h.Thresholds)
	return h, nil
}

// shortest is the shortest duration that one execution can be told slow by, in
// seconds. The times of executions are whole milliseconds: a local cloud's, which
// can take none at all, would be twice as slow after one of them.
const shortest = 0.01

// raise lifts thresholds to shortest, and keeps them rising.
func raise(thresholds []float64) {
	least := shortest
	for i, t := range thresholds {
		thresholds[i] = max(t, least)
		least = thresholds[i] + 0.001
	}
}

// Stretches counts the executions that began in each stretch, from the same lists
// that [Monitor.Counts] reads.
func (m *Monitor) Stretches(ctx context.Context, q controller.StretchQuery) ([]evidence.Outcomes, error) {
	t, err := m.tally(q.Alias, q.Version, q.Since)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := m.clock.Now()
	if t.course == nil {
		t.recall()
	}
	if err := m.refresh(ctx, t, now); err != nil {
		return nil, err
	}
	if t.express {
		return m.minutes(ctx, t, q, now)
	}
	return t.course.Final(course.Query{
		Epoch: q.Epoch, Width: q.Source.Width, From: q.From, Thresholds: q.Thresholds,
		Until: t.listedAt.Add(-m.lag), Horizon: q.Source.Horizon,
	}, t.listedAt), nil
}

// recall makes the tally begin anew and remember each execution from now on: what
// was only counted until now is listed once more.
func (t *tally) recall() {
	t.course = new(course.Course)
	t.counts = analysis.Counts{Version: t.counts.Version, From: t.from}
	clear(t.running)
	clear(t.recent)
	t.newest, t.listedAt = time.Time{}, time.Time{}
}
