package codedeploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A lifecycleEvent is a stage of a deployment.
type lifecycleEvent struct {
	Name       string
	Status     string
	Start, End time.Time // zero: not yet
	Message    string    // what went wrong
}

// The stages of a deployment to a function, in their order.
const (
	beforeAllow = "BeforeAllowTraffic"
	allow       = "AllowTraffic"
	afterAllow  = "AfterAllowTraffic"
)

// newEvents are the stages of a deployment that has not begun. Those without a
// hook are skipped.
func newEvents(spec appSpec) []lifecycleEvent {
	events := []lifecycleEvent{
		{Name: beforeAllow, Status: codedeployapi.LifecycleEventStatusSkipped},
		{Name: allow, Status: codedeployapi.LifecycleEventStatusPending},
		{Name: afterAllow, Status: codedeployapi.LifecycleEventStatusSkipped},
	}
	if spec.Before != "" {
		events[0].Status = codedeployapi.LifecycleEventStatusPending
	}
	if spec.After != "" {
		events[2].Status = codedeployapi.LifecycleEventStatusPending
	}
	return events
}

func (e *lifecycleEvent) begin(at time.Time) {
	if e.Status == codedeployapi.LifecycleEventStatusPending {
		e.Status, e.Start = codedeployapi.LifecycleEventStatusInProgress, at
	}
}

func (e *lifecycleEvent) end(status string, at time.Time, message string) {
	if e.Status == codedeployapi.LifecycleEventStatusInProgress {
		e.Status, e.End, e.Message = status, at, message
	}
}

// observe takes in how the deployment's rollout stands.
func (d *deployment) observe(s rollouts.Status) {
	d.Weight = s.Weight
	if d.back() {
		d.Weight = plan.Full - s.Weight // its target is the version that the rollout goes back to
		d.event(allow).begin(s.At)
	}
	for _, c := range s.Calls {
		e := d.event(eventOf(c.Moment))
		e.begin(c.AskedAt)
		switch c.State {
		case rollout.CallSucceeded:
			e.end(codedeployapi.LifecycleEventStatusSucceeded, c.AnsweredAt, "")
		case rollout.CallFailed:
			e.end(codedeployapi.LifecycleEventStatusFailed, c.AnsweredAt, c.Reason)
		case rollout.CallPending, rollout.CallLeft:
		}
	}
	if s.Shifted {
		d.event(allow).begin(s.At)
	}
	if !s.FullSince.IsZero() {
		d.event(allow).end(codedeployapi.LifecycleEventStatusSucceeded, s.FullSince, "")
	}
	d.Seen = s.At
}

func (d *deployment) event(name string) *lifecycleEvent {
	i := slices.IndexFunc(d.Events, func(e lifecycleEvent) bool { return e.Name == name })
	return &d.Events[i]
}

// finishEvents says of the stages that have not ended how they did.
func (d *deployment) finishEvents(message string) {
	for i := range d.Events {
		e := &d.Events[i]
		if d.Status == codedeployapi.DeploymentStatusSucceeded {
			e.begin(d.Completed)
			e.end(codedeployapi.LifecycleEventStatusSucceeded, d.Completed, "")
			continue
		}
		e.end(codedeployapi.LifecycleEventStatusFailed, d.Completed, message)
		if e.Status == codedeployapi.LifecycleEventStatusPending {
			e.Status = codedeployapi.LifecycleEventStatusSkipped
		}
	}
}

// targetID names the one target of a deployment.
func (d *deployment) targetID() string { return d.Spec.Function + ":" + d.Spec.Alias }

func (d *deployment) targetStatus() string {
	switch d.Status {
	case codedeployapi.DeploymentStatusCreated, codedeployapi.DeploymentStatusQueued:
		return codedeployapi.TargetStatusPending
	case codedeployapi.DeploymentStatusSucceeded:
		return codedeployapi.TargetStatusSucceeded
	case codedeployapi.DeploymentStatusFailed, codedeployapi.DeploymentStatusStopped:
		return codedeployapi.TargetStatusFailed
	default:
		return codedeployapi.TargetStatusInProgress
	}
}

func (d *deployment) target() (*codedeployapi.DeploymentTarget, error) {
	function, err := d.Spec.function(d.Place)
	if err != nil {
		return nil, err
	}
	events := make([]codedeployapi.LifecycleEvent, len(d.Events))
	for i, e := range d.Events {
		events[i] = codedeployapi.LifecycleEvent{LifecycleEventName: new(e.Name), Status: new(e.Status)}
		if !e.Start.IsZero() {
			events[i].StartTime = new(e.Start)
		}
		if !e.End.IsZero() {
			events[i].EndTime = new(e.End)
		}
		if e.Message != "" {
			events[i].Diagnostics = &codedeployapi.Diagnostics{
				ErrorCode: new(codedeployapi.LifecycleErrorCodeUnknownError), Message: new(e.Message),
			}
		}
	}
	return &codedeployapi.DeploymentTarget{
		DeploymentTargetType: new(codedeployapi.DeploymentTargetTypeLambdaTarget),
		LambdaTarget: &codedeployapi.LambdaTarget{
			DeploymentId: &d.ID, TargetId: new(d.targetID()), TargetArn: new(function.With(d.Spec.Alias).String()),
			Status: new(d.targetStatus()), LastUpdatedAt: &d.Seen, LifecycleEvents: events,
			LambdaFunctionInfo: &codedeployapi.LambdaFunctionInfo{
				FunctionName: new(function.Name()), FunctionAlias: &d.Spec.Alias, CurrentVersion: &d.Spec.Current, TargetVersion: &d.Spec.Target,
				TargetVersionWeight: new(float64(d.Weight) * 100 / float64(plan.Full)),
			},
		},
	}, nil
}

// targetStatuses are those that targets may be filtered by.
var targetStatuses = []string{
	codedeployapi.TargetStatusPending, codedeployapi.TargetStatusInProgress, codedeployapi.TargetStatusSucceeded, codedeployapi.TargetStatusFailed,
	codedeployapi.TargetStatusSkipped, codedeployapi.TargetStatusUnknown, codedeployapi.TargetStatusReady,
}

func (s *Service) listDeploymentTargets(ctx context.Context, in *codedeployapi.ListDeploymentTargetsInput) (*codedeployapi.ListDeploymentTargetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployment(ctx, in.DeploymentId)
	if err != nil {
		return nil, err
	}
	ids := []string{d.targetID()}
	for filter, values := range in.TargetFilters {
		switch {
		case filter != codedeployapi.TargetFilterNameTargetStatus:
			return nil, codedeployapi.NewInvalidTargetFilterNameException("The target filter name is invalid for deployments to functions: " + filter)
		case slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(targetStatuses, v) }):
			return nil, codedeployapi.NewInvalidInstanceStatusException("The target status has to be one of " + strings.Join(targetStatuses, ", ") + ".")
		case !slices.Contains(values, d.targetStatus()):
			ids = []string{}
		}
	}
	ids, next, err := page(ids, in.NextToken)
	return &codedeployapi.ListDeploymentTargetsOutput{TargetIds: ids, NextToken: next}, err
}

// targetOf returns the target of a deployment, if it is the one that is named.
func (s *Service) targetOf(ctx context.Context, deployment, target string) (*codedeployapi.DeploymentTarget, error) {
	d, err := s.deployment(ctx, deployment)
	if err != nil {
		return nil, err
	}
	switch {
	case target == "":
		return nil, refusedTarget.wants()
	case !strings.Contains(target, ":"):
		return nil, refusedTarget.because("it has to be FUNCTION:ALIAS, and is " + target)
	case target != d.targetID():
		return nil, codedeployapi.NewDeploymentTargetDoesNotExistException(fmt.Sprintf("The deployment %s has no target %s; it has %s.", d.ID, target, d.targetID()))
	}
	return d.target()
}

func (s *Service) getDeploymentTarget(ctx context.Context, in *codedeployapi.GetDeploymentTargetInput) (*codedeployapi.GetDeploymentTargetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.targetOf(ctx, in.DeploymentId, in.TargetId)
	return &codedeployapi.GetDeploymentTargetOutput{DeploymentTarget: t}, err
}

func (s *Service) batchGetDeploymentTargets(ctx context.Context, in *codedeployapi.BatchGetDeploymentTargetsInput) (*codedeployapi.BatchGetDeploymentTargetsOutput, error) {
	switch {
	case len(in.TargetIds) == 0:
		return nil, refusedTarget.wants()
	case len(in.TargetIds) > maxDeployments:
		return nil, codedeployapi.NewDeploymentTargetListSizeExceededException(fmt.Sprintf("The maximum number of targets that can be associated with one request is %d.", maxDeployments))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &codedeployapi.BatchGetDeploymentTargetsOutput{DeploymentTargets: []codedeployapi.DeploymentTarget{}}
	for _, id := range in.TargetIds {
		t, err := s.targetOf(ctx, in.DeploymentId, id)
		if err != nil {
			return nil, err
		}
		out.DeploymentTargets = append(out.DeploymentTargets, *t)
	}
	return out, nil
}
