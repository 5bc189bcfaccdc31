package codedeploy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// hookTimeout is how long a hook has for its answer.
//
// Source: CodeDeploy User Guide, quotas.
const hookTimeout = time.Hour

// A hookExecution is a question to a function, which answers it with
// PutLifecycleEventHookExecutionStatus.
type hookExecution struct {
	ID     string // LifecycleEventHookExecutionId
	Key    string // of the rollout's call
	Event  string
	Asked  bool   // the function has the question
	Status string // Succeeded or Failed; empty: not yet
	Reason string // why it failed, where it was not the function that said so
}

// eventOf returns the stage that asks at a moment.
func eventOf(m plan.Moment) string {
	if m == plan.AfterTraffic {
		return afterAllow
	}
	return beforeAllow
}

// hooks asks functions for the rollouts of deployments.
type hooks struct{ s *Service }

var _ controller.Hook = hooks{}

// Ask has the function called, with the id that it is to answer with. The id is
// kept before, so that to ask again is to ask the same.
func (h hooks) Ask(ctx context.Context, c controller.HookCall) error {
	var e hookExecution
	d, err := h.s.update(c.Rollout, func(d *deployment) ([]*deployment, error) {
		if i := d.hook(c.Key); i >= 0 {
			e = d.Hooks[i]
			return nil, nil
		}
		id := make([]byte, 48)
		if _, err := io.ReadFull(h.s.config.Rand, id); err != nil {
			return nil, fmt.Errorf("make an id: %w", err)
		}
		e = hookExecution{ID: base64.StdEncoding.EncodeToString(id), Key: c.Key, Event: eventOf(c.Moment)}
		d.Hooks = append(d.Hooks, e)
		return nil, nil
	})
	if err != nil || e.Asked || e.Status != "" {
		return err
	}
	event, err := json.Marshal(map[string]string{"DeploymentId": d.ID, "LifecycleEventHookExecutionId": e.ID})
	if err != nil {
		return err
	}
	err = h.s.config.Functions.Invoke(wire.WithCaller(ctx, d.Place.Caller()), c.Hook.Name, event)
	refused, ok := errors.AsType[*wire.Error](err)
	ok = ok && refused.HTTPStatus() < http.StatusInternalServerError && refused.HTTPStatus() != http.StatusTooManyRequests
	if err != nil && !ok {
		return err // it may work the next time
	}
	_, err = h.s.update(d.ID, func(d *deployment) ([]*deployment, error) {
		e := &d.Hooks[d.hook(c.Key)]
		e.Asked = true
		if refused != nil && e.Status == "" {
			e.Status, e.Reason = codedeployapi.LifecycleEventStatusFailed, fmt.Sprintf("the function cannot be invoked: %v", refused)
		}
		return nil, nil
	})
	return err
}

// Answer says what the function has answered.
func (h hooks) Answer(_ context.Context, c controller.HookCall) (rollout.Answer, error) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	d := h.s.deployments[c.Rollout]
	if d == nil {
		return rollout.Answer{}, fmt.Errorf("deployment %s: %w", c.Rollout, controller.ErrNotFound)
	}
	i := d.hook(c.Key)
	switch {
	case i < 0:
		return rollout.Answer{}, nil
	case d.Hooks[i].Status == codedeployapi.LifecycleEventStatusSucceeded:
		return rollout.Answer{State: rollout.CallSucceeded}, nil
	case d.Hooks[i].Status == codedeployapi.LifecycleEventStatusFailed:
		return rollout.Answer{State: rollout.CallFailed, Reason: d.Hooks[i].Reason}, nil
	case !d.Hooks[i].Asked:
		return rollout.Answer{}, nil
	default:
		return rollout.Answer{State: rollout.CallPending}, nil
	}
}

// hook returns the index of the question with a key, or -1.
func (d *deployment) hook(key string) int {
	return slices.IndexFunc(d.Hooks, func(e hookExecution) bool { return e.Key == key })
}

func (s *Service) putLifecycleEventHookExecutionStatus(
	ctx context.Context, in *codedeployapi.PutLifecycleEventHookExecutionStatusInput,
) (*codedeployapi.PutLifecycleEventHookExecutionStatusOutput, error) {
	id, status, execution := "", "", ""
	if in.DeploymentId != nil {
		id = *in.DeploymentId
	}
	if in.Status != nil {
		status = *in.Status
	}
	if in.LifecycleEventHookExecutionId != nil {
		execution = *in.LifecycleEventHookExecutionId
	}
	s.mu.Lock()
	_, err := s.deployment(ctx, id)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if status != codedeployapi.LifecycleEventStatusSucceeded && status != codedeployapi.LifecycleEventStatusFailed {
		return nil, codedeployapi.NewInvalidLifecycleEventHookExecutionStatusException(
			"The result of a Lambda validation function that verifies a lifecycle event is invalid. It should return Succeeded or Failed.")
	}
	_, err = s.update(id, func(d *deployment) ([]*deployment, error) {
		i := slices.IndexFunc(d.Hooks, func(e hookExecution) bool { return e.ID == execution })
		if i < 0 {
			return nil, codedeployapi.NewInvalidLifecycleEventHookExecutionIdException(
				"A lifecycle event hook is invalid. Review the hooks section in your AppSpec file to ensure the lifecycle events and hooks functions are valid.")
		}
		e := &d.Hooks[i]
		if over := d.event(e.Event).End; d.ended() || d.Ending != nil || e.Status != "" || !over.IsZero() {
			return nil, codedeployapi.NewLifecycleEventAlreadyCompletedException("An attempt to return the status of an already completed lifecycle event occurred.")
		}
		e.Asked, e.Status = true, status
		if status == codedeployapi.LifecycleEventStatusFailed {
			e.Reason = "the function reported " + status
		}
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	// Without this the rollout would see the answer at its next look.
	if err := s.config.Rollouts.Look(ctx, id); err != nil {
		s.config.Log.DebugContext(ctx, "look at a deployment", "deployment", id, "err", err)
	}
	return &codedeployapi.PutLifecycleEventHookExecutionStatusOutput{LifecycleEventHookExecutionId: &execution}, nil
}
