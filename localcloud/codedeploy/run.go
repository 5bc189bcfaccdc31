package codedeploy

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// retryAfter is when what did not work is tried again.
const retryAfter = time.Second

// Next returns when there is something to do next.
func (s *Service) Next() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at time.Time
	ok := false
	for _, t := range s.due {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// Wake is what clock.Run listens to.
func (s *Service) Wake() <-chan struct{} { return s.wake }

func (s *Service) kick() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// goOn makes a deployment due now, unless it has ended.
func (s *Service) goOn(id string) {
	s.mu.Lock()
	if d := s.deployments[id]; d != nil && !d.ended() {
		s.due[id] = s.now()
	}
	s.mu.Unlock()
	s.kick()
}

// Run goes on with the deployments that are due. What does not work is tried
// again, and is the error.
func (s *Service) Run(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	var ids []string
	for id, at := range s.due {
		if !at.After(now) {
			ids = append(ids, id)
			delete(s.due, id)
		}
	}
	s.mu.Unlock()
	slices.Sort(ids)
	var errs []error
	for _, id := range ids {
		if err := s.step(ctx, id); err != nil {
			errs = append(errs, fmt.Errorf("deployment %s: %w", id, err))
			s.mu.Lock()
			s.due[id] = now.Add(retryAfter)
			s.mu.Unlock()
		}
	}
	return errors.Join(errs...)
}

// step takes a deployment one step further.
func (s *Service) step(ctx context.Context, id string) error {
	s.mu.Lock()
	d := s.deployments[id]
	s.mu.Unlock()
	if d == nil || d.ended() {
		return nil
	}
	d = d.clone()
	ctx = wire.WithCaller(ctx, d.Place.Caller())
	switch {
	case d.Ending != nil:
		return s.end(ctx, d)
	case d.Stop != nil:
		return s.decide(ctx, id, stopped(d))
	case d.Status == codedeployapi.DeploymentStatusCreated:
		return s.advance(ctx, id, codedeployapi.DeploymentStatusQueued)
	case d.Status == codedeployapi.DeploymentStatusQueued:
		return s.advance(ctx, id, codedeployapi.DeploymentStatusInProgress)
	default:
		return s.follow(ctx, d)
	}
}

// advance gives a deployment its next status on the way to its start.
func (s *Service) advance(ctx context.Context, id, status string) error {
	d, err := s.update(id, func(d *deployment) ([]*deployment, error) {
		d.Status, d.Seen = status, s.now()
		if status == codedeployapi.DeploymentStatusInProgress {
			d.Started = d.Seen
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	s.goOn(id)
	if status == codedeployapi.DeploymentStatusInProgress {
		s.tell(ctx, d, codedeployapi.TriggerEventTypeDeploymentStart)
	}
	return nil
}

// follow carries a deployment out that is in progress: it sees to it that its
// rollout runs, and draws the conclusions from how that stands.
func (s *Service) follow(ctx context.Context, d *deployment) error {
	if !s.hasBegun(d.ID) {
		e, err := s.begin(ctx, d)
		if err != nil {
			return err
		}
		if e != nil {
			return s.decide(ctx, d.ID, *e)
		}
	}
	status, err := s.config.Rollouts.Status(ctx, d.ID)
	if err != nil {
		return err
	}
	if err := s.observe(d.ID, status); err != nil {
		return err
	}
	if e := conclude(d, status); e != nil {
		return s.decide(ctx, d.ID, *e)
	}
	return nil
}

// observe notes how a deployment's rollout stands, if that is news.
func (s *Service) observe(id string, status rollouts.Status) error {
	_, err := s.update(id, func(d *deployment) ([]*deployment, error) {
		before := d.clone()
		d.observe(status)
		before.Seen = d.Seen
		if reflect.DeepEqual(before, d) {
			return nil, errNoNews
		}
		return nil, nil
	})
	if errors.Is(err, errNoNews) {
		return nil
	}
	return err
}

// errNoNews keeps an update from being kept that changes nothing.
var errNoNews = errors.New("nothing has changed")

func (s *Service) hasBegun(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun[id]
}

// begin starts the rollout of a deployment, or makes this process go on with it.
// It returns how the deployment ends where it cannot begin.
func (s *Service) begin(ctx context.Context, d *deployment) (*ending, error) {
	function, err := d.Spec.function(d.Place)
	if err != nil {
		return nil, err
	}
	_, err = s.config.Rollouts.Status(ctx, d.ID)
	known := err == nil
	if err != nil && !errors.Is(err, controller.ErrNotFound) {
		return nil, err
	}
	switch {
	case d.back():
		err = s.config.Rollouts.TakeBack(ctx, rollouts.BackRequest{
			ID: d.ID, Kind: plan.Lambda, Resource: function.String(), Alias: d.Spec.Alias, From: d.Spec.Current, To: d.Spec.Target,
			By: "CodeDeploy", Reason: d.Triggering + " is rolled back",
		})
	case known:
		err = s.config.Rollouts.Start(ctx, rollouts.Request{ID: d.ID})
	default:
		if e, err := s.prove(ctx, d, function.String()); e != nil || err != nil {
			return e, err
		}
		var p plan.Plan
		if p, err = d.plan(function.String()); err != nil {
			return nil, err
		}
		err = s.config.Rollouts.Start(ctx, rollouts.Request{
			ID: d.ID, Plan: p, By: "CodeDeploy", Reason: "deployment group " + d.Group + " of " + d.Application,
		})
	}
	if errors.Is(err, controller.ErrLeased) {
		return &ending{
			Status: codedeployapi.DeploymentStatusFailed, Code: codedeployapi.ErrorCodeInvalidLambdaConfiguration,
			Message: "The alias " + d.Spec.Alias + " is being moved already: " + err.Error(), Untouched: true,
		}, nil
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.begun[d.ID] = true
	s.mu.Unlock()
	return nil, nil
}

// prove sees whether the function is as the AppSpec file says.
func (s *Service) prove(ctx context.Context, d *deployment, function string) (*ending, error) {
	fail := func(code, format string, args ...any) (*ending, error) {
		return &ending{Status: codedeployapi.DeploymentStatusFailed, Code: code, Message: fmt.Sprintf(format, args...), Untouched: true}, nil
	}
	version, split, err := s.config.Functions.Alias(ctx, function, d.Spec.Alias)
	if refused, ok := errors.AsType[*wire.Error](err); ok {
		return fail(codedeployapi.ErrorCodeInvalidLambdaFunction, "The alias %s of the function %s cannot be read: %s", d.Spec.Alias, d.Spec.Function, refused.Message)
	}
	switch {
	case err != nil:
		return nil, err
	case split:
		return fail(codedeployapi.ErrorCodeInvalidLambdaConfiguration,
			"The alias %s of the function %s routes traffic to two versions. Point it to one version, and deploy again.", d.Spec.Alias, d.Spec.Function)
	case version != d.Spec.Current:
		return fail(codedeployapi.ErrorCodeInvalidLambdaConfiguration,
			"The alias %s of the function %s points to version %s, but the AppSpec file says that the current version is %s.", d.Spec.Alias, d.Spec.Function, version, d.Spec.Current)
	}
	err = s.config.Functions.Version(ctx, function, d.Spec.Target)
	if refused, ok := errors.AsType[*wire.Error](err); ok {
		return fail(codedeployapi.ErrorCodeInvalidLambdaFunction, "The target version %s of the function %s cannot be read: %s", d.Spec.Target, d.Spec.Function, refused.Message)
	}
	return nil, err
}

// mostTime is how long a deployment may take in all.
//
// Source: CodeDeploy User Guide, quotas.
const mostTime = "50h"

// plan is what the deployment's rollout does.
func (d *deployment) plan(function string) (plan.Plan, error) {
	spec := plan.Spec{
		Targets:         []plan.Target{{Kind: plan.Lambda, Name: function, Alias: d.Spec.Alias, Version: d.Spec.Target}},
		NoDefaultChecks: true, Soak: "0s", Settle: "0s", Deadline: mostTime,
		// What comes of harm, and of somebody else's change, is this package's to say.
		OnUnhealthy: string(plan.Hold), OnDrift: string(plan.HoldOnDrift),
	}
	d.Routing.describe(d.Config, &spec)
	if c := d.Alarms; c != nil && isTrue(c.Enabled) {
		spec.AlarmsFine = plan.FineMissing
		if isTrue(c.IgnorePollAlarmFailure) {
			spec.AlarmsFine = plan.FineUnreadable
		}
		for _, a := range c.Alarms {
			spec.Alarms = append(spec.Alarms, *a.Name)
		}
	}
	for moment, name := range map[plan.Moment]string{plan.BeforeTraffic: d.Spec.Before, plan.AfterTraffic: d.Spec.After} {
		if name != "" {
			spec.Hooks.Set(moment, &plan.Hook{Kind: plan.LambdaHook, Name: name, Async: true, Timeout: hookTimeout})
		}
	}
	return plan.New(spec)
}

// conclude returns how a deployment ends, or nil while it goes on.
func conclude(d *deployment, s rollouts.Status) *ending {
	switch s.Phase {
	case rollout.Pending, rollout.Progressing, rollout.Paused, rollout.RollingBack:
		return nil
	case rollout.Succeeded:
		return &ending{Status: codedeployapi.DeploymentStatusSucceeded}
	case rollout.RolledBack:
		if d.back() {
			return &ending{Status: codedeployapi.DeploymentStatusSucceeded}
		}
		return &ending{Status: codedeployapi.DeploymentStatusFailed, Code: codedeployapi.ErrorCodeTimeout, Message: s.Sentence, Untouched: true}
	case rollout.Aborted:
		return &ending{
			Status: codedeployapi.DeploymentStatusStopped, Code: codedeployapi.ErrorCodeManualStop,
			Message: "The deployment was aborted, and its traffic taken back: " + s.Why, Untouched: true,
		}
	case rollout.Holding:
		return concludeHold(s)
	case rollout.Failed:
		return concludeHarm(s, codedeployapi.ErrorCodeInvalidLambdaConfiguration)
	default:
		panic("codedeploy: phase " + string(s.Phase))
	}
}

// concludeHold says what becomes of a rollout that waits for a person.
func concludeHold(s rollouts.Status) *ending {
	switch {
	case s.Hold == rollout.HoldUnhealthy:
		e := concludeHarm(s, codedeployapi.ErrorCodeInternalError)
		e.Leave = true
		return e
	case s.Hold == rollout.HoldDrift, s.Hold == rollout.HoldGone:
		return &ending{Status: codedeployapi.DeploymentStatusFailed, Code: codedeployapi.ErrorCodeInvalidLambdaConfiguration, Message: s.Why, Leave: true}
	case s.Hold == rollout.HoldUnknown && len(s.Unreadable) > 0:
		return &ending{
			Status: codedeployapi.DeploymentStatusStopped, Code: codedeployapi.ErrorCodeAlarmActive, Leave: true,
			Message: "The state of one or more CloudWatch alarms could not be read, and the deployment has been stopped: " + strings.Join(s.Unreadable, ", "),
		}
	default:
		return nil
	}
}

// concludeHarm says how a deployment ends because of an alarm or a hook, or with
// code for other reasons.
func concludeHarm(s rollouts.Status, code string) *ending {
	if i := slices.IndexFunc(s.Calls, func(c rollout.Call) bool { return c.State == rollout.CallFailed }); i >= 0 && len(s.Alarms) == 0 {
		c := s.Calls[i]
		return &ending{
			Status: codedeployapi.DeploymentStatusFailed, Code: codedeployapi.ErrorCodeHookExecutionFailure,
			Message: fmt.Sprintf("The deployment failed because the function of its lifecycle event %s did not succeed: %s", eventOf(c.Moment), c.Reason),
		}
	}
	if len(s.Alarms) > 0 {
		return &ending{
			Status: codedeployapi.DeploymentStatusStopped, Code: codedeployapi.ErrorCodeAlarmActive,
			Message: "One or more CloudWatch alarms were activated according to the Amazon CloudWatch metrics you selected, " +
				"and the affected deployments have been stopped. Activated alarms: " + strings.Join(s.Alarms, ", "),
		}
	}
	return &ending{Status: codedeployapi.DeploymentStatusFailed, Code: code, Message: s.Why, Untouched: s.Refused}
}
