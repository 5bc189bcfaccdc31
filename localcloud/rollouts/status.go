package rollouts

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Status is how a rollout stands.
type Status struct {
	ID    string
	Phase rollout.Phase
	// Since is when the phase began.
	Since time.Time
	// Hold is what a Holding rollout waits for, Back why the traffic is or was
	// taken back. Both may be empty.
	Hold rollout.HoldCause
	Back rollout.BackCause
	// Refused is true for one that Failed before it shifted anything.
	Refused bool
	// Weight is the new version's share, as last read from the first alias.
	Weight plan.Weight
	// Shifted says whether the rollout has asked for traffic for the new version.
	Shifted bool
	// Why is the reason for the phase as a clause, and Sentence the whole sentence,
	// as the command line shows it.
	Why, Sentence string
	// Alarms are those that fire, by name, in the plan's order. Of a rollout that
	// goes back or went back they are those that fired then.
	Alarms []string
	// Unreadable are the alarms that the last look could not read.
	Unreadable []string
	// Calls are the questions to hooks, one for each moment that the rollout has
	// got to.
	Calls []rollout.Call
	// FullSince is since when all of the traffic is on the new version; zero
	// before.
	FullSince time.Time
	// At is when this was so, Ended when the rollout ended, if it has.
	At, Ended time.Time
}

// Status returns how a rollout stands. controller.ErrNotFound: there is none of
// this name.
func (s *Service) Status(ctx context.Context, id string) (Status, error) {
	rec, err := s.store.Load(ctx, id)
	if err != nil {
		return Status{}, err
	}
	return statusOf(rec), nil
}

func statusOf(rec controller.Record) Status {
	at := rec.Status.LookedAt
	if at.IsZero() {
		at = rec.Created
	}
	s := Status{
		ID: rec.ID, Phase: rec.Status.Phase, Since: rec.Status.Since, Hold: rec.Status.Hold, Back: rec.Status.Back, Refused: rec.Status.Refused,
		Why: rec.Status.Why, Sentence: rollout.Sentence(rec.Plan, rec.Status, at), At: at, Ended: rec.Status.Ended,
		Calls: slices.Clone(rec.Status.Calls), FullSince: rec.Status.FullSince,
	}
	for i, t := range rec.Status.Targets {
		s.Shifted = s.Shifted || t.Wish.Weight > 0 || t.Before.Weight > 0
		if i == 0 {
			s.Weight = t.Seen.Share(t.Canary)
		}
	}
	for _, f := range rec.Status.Findings {
		i := slices.IndexFunc(rec.Plan.Checks, func(c plan.Check) bool { return c.Name == f.Check })
		switch {
		case i < 0: // a hook
		case f.Verdict == analysis.Unhealthy:
			s.Alarms = append(s.Alarms, rec.Plan.Checks[i].Alarm)
		case f.Trouble:
			s.Unreadable = append(s.Unreadable, rec.Plan.Checks[i].Alarm)
		}
	}
	return s
}

// same says whether two statuses differ in nothing but their times.
func (s Status) same(o Status) bool {
	s.At, s.Sentence = o.At, o.Sentence
	return reflect.DeepEqual(s, o)
}
