package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Hook asks something outside whether a rollout may go on, and may take an hour
// to get an answer. Neither method waits for one: a look at a rollout must not
// wait for a hook, because it also watches the traffic.
//
// The question is saved before it is asked, and is asked again, with the same
// key, as long as nobody knows it: after the process that asked has died, or when
// asking did not work. Whoever is asked has to take questions with the same key
// as one.
type Hook interface {
	// Ask takes the question on its way and returns. What goes wrong with that
	// is an error, such as ErrDenied or ErrNotFound, and is tried again until
	// the call's deadline.
	Ask(ctx context.Context, c HookCall) error
	// Answer returns how the question stands: rollout.CallPending,
	// CallSucceeded or CallFailed with a Reason, or no State when it has to be
	// asked, for the first time or again; a Problem then says why. The error
	// is for when nothing could be found out.
	Answer(ctx context.Context, c HookCall) (rollout.Answer, error)
}

// A HookProver is a Hook that can prove, without asking anything, that it may
// ask. ErrNotFound or ErrDenied when it may not.
type HookProver interface {
	ProveHook(ctx context.Context, h plan.Hook) error
}

// A HookCall is a question to a hook, with what it has to know for its answer.
type HookCall struct {
	// Hook is the hook as the plan has it. Of a version that is tried, it is
	// the zero value, and Probe says how.
	Hook  plan.Hook          `json:"hook"`
	Probe *plan.VersionProbe `json:"probe,omitempty"`
	// Key is unique for all time: r-17/eachStep-3.
	Key string `json:"key"`
	// Rollout is the rollout's ID, and Name its plan's name.
	Rollout string      `json:"rollout"`
	Name    string      `json:"name"`
	Moment  plan.Moment `json:"moment"`
	// Step is the index of the plan's step in force; -1 before the first shift.
	Step int `json:"step"`
	// Weight is the new version's share at the moment.
	Weight plan.Weight `json:"weight"`
	// Targets are the aliases, in the plan's order.
	Targets []HookTarget `json:"targets"`
	// Why is why the traffic was taken back; empty at other moments.
	Why string `json:"why,omitempty"`
	// AskedAt is when it was first asked, and Deadline from when on nobody
	// waits for the answer.
	AskedAt  time.Time `json:"askedAt"`
	Deadline time.Time `json:"deadline"`
}

// A HookTarget is an alias of a HookCall.
type HookTarget struct {
	Kind  plan.Kind `json:"kind"`
	Name  string    `json:"name"`  // orders:prod
	Alias string    `json:"alias"` // its ARN
	// OldVersion and NewVersion are version numbers.
	OldVersion string `json:"oldVersion"`
	NewVersion string `json:"newVersion"`
}

// CallKey returns the key of a call that is unique for all time.
func CallKey(rolloutID string, c rollout.Call) string { return rolloutID + "/" + c.Key }

// hookCall makes the question of a call.
func hookCall(rec Record, c rollout.Call) HookCall {
	call := HookCall{
		Key: CallKey(rec.ID, c), Rollout: rec.ID, Name: rec.Plan.Name,
		Moment: c.Moment, Step: c.Step, AskedAt: c.AskedAt, Deadline: c.Until,
	}
	if c.Moment == plan.OnRollback {
		call.Why = rec.Status.Why
	} else if c.Step >= 0 && c.Step < len(rec.Plan.Steps) {
		call.Weight = rec.Plan.Steps[c.Step].Weight
	}
	if h := rec.Plan.Hooks.At(c.Moment); h != nil {
		call.Hook = *h
	}
	for i, t := range rec.Status.Targets {
		if c.Moment == plan.Trying && i != c.Target {
			continue
		}
		old := t.Stable
		if old == "" { // it has not started yet
			old = t.Seen.Stable
		}
		call.Targets = append(call.Targets, HookTarget{
			Kind: rec.Plan.Targets[i].Kind, Name: rec.Plan.Targets[i].String(), Alias: t.Alias, OldVersion: old, NewVersion: t.Canary,
		})
	}
	for _, check := range rec.Plan.Checks {
		if c.Moment == plan.Trying && check.Name == c.Check {
			call.Probe = check.Probe
		}
	}
	return call
}

// asker returns who is asked: a hook, or whoever tries versions of a kind out.
func (c *Controller) asker(p plan.Plan, call rollout.Call) (Hook, error) {
	if call.Moment == plan.Trying {
		return c.prober(p.Targets[call.Target].Kind)
	}
	spec := p.Hooks.At(call.Moment)
	if spec == nil {
		return nil, errors.New("the plan has no such hook")
	}
	return c.hook(spec.Kind)
}

func (c *Controller) prober(kind plan.Kind) (Hook, error) {
	if h := c.cfg.Probers[kind]; h != nil {
		return h, nil
	}
	return nil, fmt.Errorf("%w: nothing here can try versions of the kind %s", ErrInvalid, kind)
}

func (c *Controller) hook(kind plan.HookKind) (Hook, error) {
	if h := c.cfg.Hooks[kind]; h != nil {
		return h, nil
	}
	return nil, fmt.Errorf("%w: nothing here can ask hooks of the kind %s", ErrInvalid, kind)
}

// answers asks for the answers to the pending calls of a rollout.
func (c *Controller) answers(ctx context.Context, h *held) map[string]rollout.Answer {
	answers := make(map[string]rollout.Answer)
	for _, call := range h.rec.Status.Calls {
		if call.State != rollout.CallPending {
			continue
		}
		a, err := c.answer(ctx, h, call)
		if err != nil {
			// It may be on its way all the same, so it is not asked again.
			a = rollout.Answer{State: rollout.CallPending, Problem: err.Error()}
		}
		if a.State == "" && a.Problem == "" {
			a.Problem = h.asking[call.Key].text
		}
		answers[call.Key] = a
	}
	return answers
}

func (c *Controller) answer(ctx context.Context, h *held, call rollout.Call) (rollout.Answer, error) {
	hook, err := c.asker(h.rec.Plan, call)
	if err != nil {
		return rollout.Answer{}, err
	}
	ctx, cancel := c.call(ctx)
	defer cancel()
	return hook.Answer(ctx, hookCall(h.rec, call))
}

// ask asks a hook. What fails is remembered for the next look, which asks again
// when it is time.
func (c *Controller) ask(ctx context.Context, h *held, a rollout.Ask) {
	t := h.asking[a.Call.Key]
	now := c.cfg.Clock.Now()
	if t.waits(now) {
		return
	}
	left := c.left(h, now)
	if left == 0 {
		return // somebody else may be asking by now
	}
	err := func() error {
		hook, err := c.asker(h.rec.Plan, a.Call)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, min(left, c.cfg.CallTimeout))
		defer cancel()
		return hook.Ask(ctx, hookCall(h.rec, a.Call))
	}()
	t.failures++ // also of what was asked well: if it has to be asked again, then not at once
	t.until, t.text = now.Add(c.backoff(t.failures, err, false)), ""
	if err != nil {
		t.text = err.Error()
		c.cfg.Log.WarnContext(ctx, "hook", "rollout", h.rec.ID, "call", a.Call.Key, "err", err, "failures", t.failures)
	}
	if h.asking == nil {
		h.asking = make(map[string]trouble)
	}
	h.asking[a.Call.Key] = t
}

// proveHooks proves, where a hook can, that it may be asked.
func (c *Controller) proveHooks(ctx context.Context, p plan.Plan) []Problem {
	var problems []Problem
	for _, check := range p.Checks {
		for i, t := range p.Targets {
			if check.Probe == nil || !check.Probe.Tries(t) {
				continue
			}
			if _, err := c.prober(t.Kind); err != nil {
				problems = append(problems, Problem{Target: i, Check: check.Name, Text: fmt.Sprintf("%s: %v", t, err), Err: err})
			}
		}
	}
	for _, m := range plan.Moments {
		spec := p.Hooks.At(m)
		if spec == nil {
			continue
		}
		err := func() error {
			hook, err := c.hook(spec.Kind)
			if err != nil {
				return err
			}
			prover, ok := hook.(HookProver)
			if !ok {
				return nil
			}
			ctx, cancel := c.call(ctx)
			defer cancel()
			return prover.ProveHook(ctx, *spec)
		}()
		if err != nil {
			problems = append(problems, Problem{Target: -1, Text: fmt.Sprintf("hook %s (%s): %v", m, spec, err), Err: err})
		}
	}
	return problems
}
