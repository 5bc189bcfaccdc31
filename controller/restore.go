package controller

import (
	"context"
	"fmt"
	"strconv"

	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// Rollback begins to take an alias back to the version to or, with to empty, to
// the last verified one, or where nothing was verified, the last that served. t
// names the alias; nothing else of it is used. Like [Controller.Start] it only
// stores the rollout: reconcile it to its end. The version that loses the
// traffic is quarantined.
//
// ErrUnchanged: the alias serves that version already. ErrLeased: a rollout is
// open on the alias; abort that one. ErrRefused: there is nowhere to go, or the
// alias is split between other versions.
func (c *Controller) Rollback(ctx context.Context, t plan.Target, to, by, reason string) (Record, error) {
	r, err := c.restorable(ctx, t)
	if err != nil {
		return Record{}, err
	}
	single := r.Now.Canary == ""
	why := "by order"
	if to == "" {
		ledger, err := c.ledger(ctx, r.Alias)
		if err != nil {
			return Record{}, err
		}
		var state rollout.VersionState
		var ok bool
		to, state, ok = lastGood(ledger, func(v string) bool { return single && v == r.Now.Stable })
		switch {
		case !ok:
			return Record{}, refusal("%s: no version of it was verified or served before; crossfade rollback %s --to VERSION names one", r.Target, r.Target.Arg())
		case state == rollout.Verified:
			why = "to the last verified version"
		default:
			why = "to the last version that served; none was verified"
		}
	}
	if r.Now.Share(to) == plan.Full {
		return Record{}, fmt.Errorf("%w: %s serves %s already", ErrUnchanged, r.Target, to)
	}
	from := r.Now.Stable
	if !single {
		switch to {
		case r.Now.Stable:
			from = r.Now.Canary
		case r.Now.Canary:
		default:
			return Record{}, refusal("%s: the alias is split between %s and %s, and %s is neither: crossfade adopt %s first",
				r.Target, r.Now.Stable, r.Now.Canary, to, r.Target.Arg())
		}
	}
	return c.restore(ctx, Rollback, r, from, to, why, by, reason)
}

// A Way is how to adopt a split alias.
type Way string

// The ways.
const (
	Finish Way = "finish" // everything to the newer version
	Revert Way = "revert" // everything to the older version
)

// Adopt begins to finish or revert an alias that something else left split
// between two versions. Like [Controller.Start] it only stores the rollout. The
// version that loses the traffic is not quarantined: nothing is known of it.
//
// ErrUnchanged: the alias is not split. ErrLeased: it is split because a rollout
// is open on it.
func (c *Controller) Adopt(ctx context.Context, t plan.Target, way Way, by, reason string) (Record, error) {
	r, err := c.restorable(ctx, t)
	if err != nil {
		return Record{}, err
	}
	if r.Now.Canary == "" {
		return Record{}, fmt.Errorf("%w: %s is not split, all of its traffic is on %s", ErrUnchanged, r.Target, r.Now.Stable)
	}
	older, newer := r.Now.Stable, r.Now.Canary
	if a, errA := strconv.Atoi(older); errA == nil {
		if b, errB := strconv.Atoi(newer); errB == nil && b < a {
			older, newer = newer, older
		}
	}
	switch way {
	case Finish:
		return c.restore(ctx, Adopt, r, older, newer, "an adopted split is finished", by, reason)
	case Revert:
		return c.restore(ctx, Adopt, r, newer, older, "an adopted split is reverted", by, reason)
	default:
		return Record{}, fmt.Errorf("%w: %q is neither %s nor %s", ErrInvalid, way, Finish, Revert)
	}
}

// restorable reads an alias that exists and that no rollout is open on.
func (c *Controller) restorable(ctx context.Context, t plan.Target) (Resolved, error) {
	t = plan.Target{Kind: t.Kind, Name: t.Name, Alias: t.Alias}
	r, err := c.resolve(ctx, t, nil)
	if err != nil {
		return r, fmt.Errorf("%s: %w", t, err)
	}
	if !r.Exists {
		return r, fmt.Errorf("%s: alias: %w", t, ErrNotFound)
	}
	lease, ok, err := c.cfg.Store.Lease(ctx, r.Alias)
	if err != nil {
		return r, fmt.Errorf("lease of %s: %w", r.Alias, err)
	}
	if ok {
		return r, fmt.Errorf("%s: %w", t, &LeasedError{Lease: lease})
	}
	return r, nil
}

// restore stores a rollout that takes everything from one version to another.
func (c *Controller) restore(ctx context.Context, task Task, r Resolved, from, to, why, by, reason string) (Record, error) {
	target := r.Target
	target.Version = to
	// Nothing was written before by this rollout that could still come to show,
	// and nothing waits: it looks often, and ends soon after it sees its wish.
	p, err := plan.New(plan.Spec{Targets: []plan.Target{target}, AllAtOnce: true, NoDefaultChecks: true, Soak: "0s", Settle: "1s", Look: "250ms"})
	if err != nil {
		return Record{}, fmt.Errorf("%s: %w", r.Target, err)
	}
	now := c.cfg.Clock.Now()
	if by != "" {
		why += ", by " + by
	}
	if reason != "" {
		why += ": " + reason
	}
	rec := Record{
		ID: c.cfg.NewID(), Task: task, Plan: p, Owner: c.cfg.Owner, Created: now,
		Status: rollout.BeginBack(p, []rollout.TargetStatus{{Alias: r.Alias, Stable: to, Canary: from}}, why, now),
	}
	return c.create(ctx, rec, []rollout.Event{{
		At: now, Kind: "accepted", Phase: rec.Status.Phase, Weight: r.Now.Share(from), By: by, Reason: reason,
		Text: fmt.Sprintf("%s %s → %s: %s", r.Target, from, to, why),
	}})
}

func refusal(format string, args ...any) error {
	return &RefusedError{Problems: []Problem{{Text: fmt.Sprintf(format, args...)}}}
}
