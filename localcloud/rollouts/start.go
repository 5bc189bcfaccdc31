package rollouts

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Request is a rollout to be carried out.
type Request struct {
	// ID is the rollout's name, unique in the store, such as a deployment's.
	ID string
	// Plan is what to do. Each target is named by its ARN and names its version.
	// Checks are of alarms; nothing else is looked at.
	Plan plan.Plan
	// By and Reason say to people who started it, and why.
	By, Reason string
}

// Start begins a rollout, which proves everything at its first look, before the
// first shift: an alias that is split or gone, and an alarm that fires, make it
// fail with nothing changed, see [Status]. To start one that was started before
// makes this process go on with it; nothing of the request but its ID counts
// then.
//
// controller.ErrLeased: another rollout is open on one of the aliases.
// controller.ErrInvalid: the plan asks for what cannot be done here.
func (s *Service) Start(ctx context.Context, r Request) error {
	targets := make([]rollout.TargetStatus, len(r.Plan.Targets))
	for i, t := range r.Plan.Targets {
		alias, err := aliasOf(t)
		if err != nil {
			return fmt.Errorf("rollout %s: %w", r.ID, err)
		}
		targets[i] = rollout.TargetStatus{Alias: alias, Canary: t.Version}
	}
	for _, m := range plan.Moments {
		h := r.Plan.Hooks.At(m)
		if h != nil && s.asks(h.Kind) == nil {
			return fmt.Errorf("rollout %s: %w: nothing here asks hooks of the kind %s", r.ID, controller.ErrInvalid, h.Kind)
		}
	}
	for _, c := range r.Plan.Checks {
		if c.Alarm == "" {
			return fmt.Errorf("rollout %s: %w: check %q is not of an alarm", r.ID, controller.ErrInvalid, c.Name)
		}
	}
	return s.begin(ctx, r, controller.Record{
		ID: r.ID, Task: controller.Deploy, Plan: r.Plan, Status: rollout.Begin(r.Plan, targets, s.config.Clock.Now()),
	})
}

func (s *Service) asks(kind plan.HookKind) controller.Hook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hooks[kind]
}

// A BackRequest is a rollout that takes an alias back at once.
type BackRequest struct {
	ID   string // as in Request
	Kind plan.Kind
	// Resource is the ARN of the function or state machine, Alias the alias's
	// name. From is the version that loses what it has of the traffic, To the one
	// that gets everything.
	Resource, Alias string
	From, To        string
	By, Reason      string
}

// TakeBack begins a rollout that takes all of an alias's traffic to one version,
// as Start begins others. It ends as RolledBack; as Failed, when somebody else
// made the alias do something that is none of the two versions'.
func (s *Service) TakeBack(ctx context.Context, r BackRequest) error {
	target := plan.Target{Kind: r.Kind, Name: r.Resource, Alias: r.Alias, Version: r.To}
	alias, err := aliasOf(target)
	if err != nil {
		return fmt.Errorf("rollout %s: %w", r.ID, err)
	}
	p, err := plan.New(plan.Spec{Targets: []plan.Target{target}, AllAtOnce: true, NoDefaultChecks: true, Soak: "0s", Settle: "0s"})
	if err != nil {
		return fmt.Errorf("rollout %s: %w: %w", r.ID, controller.ErrInvalid, err)
	}
	targets := []rollout.TargetStatus{{Alias: alias, Stable: r.To, Canary: r.From}}
	return s.begin(ctx, Request{ID: r.ID, By: r.By, Reason: r.Reason}, controller.Record{
		ID: r.ID, Task: controller.Rollback, Plan: p, Status: rollout.BeginBack(p, targets, r.Reason, s.config.Clock.Now()),
	})
}

// aliasOf returns the ARN of a target's alias.
func aliasOf(t plan.Target) (string, error) {
	a, err := arn.Parse(t.Name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", controller.ErrInvalid, err)
	}
	if t.Version == "" {
		return "", fmt.Errorf("%w: %s names no version", controller.ErrInvalid, t)
	}
	return a.With(t.Alias).String(), nil
}

// begin stores a rollout, or takes up the one that is stored.
func (s *Service) begin(ctx context.Context, r Request, rec controller.Record) error {
	stored, crew, err := s.of(ctx, r.ID)
	switch {
	case err == nil:
		return s.takeUp(ctx, stored, crew)
	case !errors.Is(err, controller.ErrNotFound):
		return err
	}
	where, err := at(rec.Aliases()[0])
	if err != nil {
		return fmt.Errorf("rollout %s: %w", r.ID, err)
	}
	crew = s.crew(where)
	if _, err := crew.controller.Accept(ctx, rec, r.By, r.Reason); err != nil {
		return err
	}
	crew.process.Add(r.ID)
	s.kick()
	return nil
}

// takeUp goes on with a rollout that an earlier process of this cloud began.
func (s *Service) takeUp(ctx context.Context, rec controller.Record, crew *crew) error {
	if rec.Status.Phase.Ended() {
		s.note(rec)
		return nil
	}
	if err := s.takeOver(ctx, rec, crew); err != nil {
		return err
	}
	crew.process.Add(rec.ID)
	s.kick()
	return nil
}

// takeOver takes the leases from an earlier process of this cloud. The names of
// rollouts are the cloud's own, so a process of a cloud that still holds the
// leases is this cloud's last one, which is dead. A person's process is not
// disturbed.
func (s *Service) takeOver(ctx context.Context, rec controller.Record, crew *crew) error {
	kind, _, _ := strings.Cut(s.config.Owner, " of ")
	for _, alias := range rec.Aliases() {
		l, _, err := s.store.Lease(ctx, alias)
		if err != nil {
			return fmt.Errorf("lease of %s: %w", alias, err)
		}
		if l.Owner == s.config.Owner || l.Owner == "" || l.Owner != kind && !strings.HasPrefix(l.Owner, kind+" of ") {
			continue
		}
		if err := crew.controller.TakeOver(ctx, rec.ID, l.Owner); err != nil {
			return err
		}
	}
	return nil
}

// Look has a rollout looked at now, because something about it is known to have
// changed, such as the answer of a hook.
func (s *Service) Look(ctx context.Context, id string) error {
	rec, crew, err := s.of(ctx, id)
	if err != nil || rec.Status.Phase.Ended() {
		return err
	}
	crew.process.Add(id)
	s.kick()
	return nil
}

// Stop ends a rollout by order. With back it takes all of the traffic back and
// ends then, as Aborted; without, it ends at once, as Failed, and leaves the
// aliases as they are. One that has ended stays as it is.
func (s *Service) Stop(ctx context.Context, id, by, reason string, back bool) error {
	rec, crew, err := s.of(ctx, id)
	if err != nil || rec.Status.Phase.Ended() {
		return err
	}
	if err := s.takeOver(ctx, rec, crew); err != nil {
		return err
	}
	if !back {
		_, err = crew.controller.GiveUp(ctx, id, by, reason)
		s.kick()
		return err
	}
	err = crew.controller.Order(ctx, id, rollout.Abort, by, reason)
	if errors.Is(err, controller.ErrEnded) {
		return nil
	}
	if err != nil {
		return err
	}
	crew.process.Add(id)
	s.kick()
	return nil
}
