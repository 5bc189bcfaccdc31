package codedeploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
	"github.com/crossfade-dev/crossfade/plan"
)

// An ending is how a deployment ends.
type ending struct {
	Status, Code, Message string
	// Leave says that the rollout still has to be ended where it is.
	Leave bool
	// Untouched says that there is nothing to take back: nothing was shifted, or
	// all of it is back.
	Untouched bool
}

// stopped is the ending that StopDeployment asks for.
func stopped(d *deployment) ending {
	return ending{
		Status: codedeployapi.DeploymentStatusStopped, Code: codedeployapi.ErrorCodeManualStop,
		Message: "The deployment has been stopped by a request", Leave: d.Status == codedeployapi.DeploymentStatusInProgress,
	}
}

// decide writes down how a deployment ends, before anything is done about it.
func (s *Service) decide(ctx context.Context, id string, e ending) error {
	d, err := s.update(id, func(d *deployment) ([]*deployment, error) {
		d.Ending = &e
		return nil, nil
	})
	if err != nil {
		return err
	}
	return s.end(ctx, d)
}

// end carries out how a deployment ends. A deployment that is to be taken back
// ends together with the beginning of the one that does it.
func (s *Service) end(ctx context.Context, d *deployment) error {
	if d.Ending.Leave {
		err := s.config.Rollouts.Stop(ctx, d.ID, "CodeDeploy", d.Ending.Message, false)
		if err != nil && !errors.Is(err, controller.ErrNotFound) {
			return err
		}
		// What the rollout saw last may be newer.
		if status, err := s.config.Rollouts.Status(ctx, d.ID); err == nil {
			if err := s.observe(d.ID, status); err != nil {
				return err
			}
		}
	}
	var next *deployment
	d, err := s.update(d.ID, func(d *deployment) ([]*deployment, error) {
		d.Status, d.Completed = d.Ending.Status, s.now()
		d.Seen = d.Completed
		if d.Status == codedeployapi.DeploymentStatusSucceeded {
			d.Weight = plan.Full
		} else {
			d.Error = &codedeployapi.ErrorInformation{Code: new(d.Ending.Code), Message: new(d.Ending.Message)}
		}
		d.finishEvents(d.Ending.Message)
		if !d.wantsRollback() {
			return nil, nil
		}
		var err error
		if next, err = s.takeBack(d); err != nil {
			return nil, err
		}
		return []*deployment{next}, nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.begun, d.ID)
	s.mu.Unlock()
	switch d.Status {
	case codedeployapi.DeploymentStatusSucceeded:
		s.tell(ctx, d, codedeployapi.TriggerEventTypeDeploymentSuccess)
	case codedeployapi.DeploymentStatusStopped:
		s.tell(ctx, d, codedeployapi.TriggerEventTypeDeploymentStop)
	default:
		s.tell(ctx, d, codedeployapi.TriggerEventTypeDeploymentFailure)
	}
	if next != nil {
		s.tell(ctx, d, codedeployapi.TriggerEventTypeDeploymentRollback)
		s.goOn(next.ID)
	}
	return nil
}

// wantsRollback says whether a deployment that has just ended is taken back by
// another one.
func (d *deployment) wantsRollback() bool {
	if d.Status == codedeployapi.DeploymentStatusSucceeded || d.back() {
		return false
	}
	event := codedeployapi.AutoRollbackEventDeploymentFailure
	switch d.Ending.Code {
	case codedeployapi.ErrorCodeAlarmActive:
		event = codedeployapi.AutoRollbackEventDeploymentStopOnAlarm
	case codedeployapi.ErrorCodeManualStop:
		event = codedeployapi.AutoRollbackEventDeploymentStopOnRequest
	}
	wanted := d.Rollback != nil && isTrue(d.Rollback.Enabled) && slices.Contains(d.Rollback.Events, event)
	if d.Stop != nil && d.Stop.Rollback != nil {
		wanted = *d.Stop.Rollback
	}
	if wanted && d.Ending.Untouched {
		d.Message = "There is nothing to roll back: the deployment has moved no traffic, or all of it is back."
		return false
	}
	return wanted
}

// takeBack makes the deployment that takes another one back, which has just
// ended. It runs no hooks: nothing may delay it.
func (s *Service) takeBack(of *deployment) (*deployment, error) {
	id, err := s.newDeploymentID()
	if err != nil {
		return nil, err
	}
	s.last++
	now := s.now()
	spec := of.Spec.reverse()
	content := spec.text()
	d := &deployment{
		Place: of.Place, ID: id, Number: s.last, Application: of.Application, Group: of.Group,
		Config: predefinedLambda + "AllAtOnce", Routing: routing{Type: codedeployapi.TrafficRoutingTypeAllAtOnce},
		Revision: revision{Type: codedeployapi.RevisionLocationTypeAppSpecContent, Content: content, Sum: sumOf(content)},
		Spec:     spec, Creator: codedeployapi.DeploymentCreatorCodeDeployRollback, ExternalID: of.ExternalID,
		Created: now, Seen: now, Status: codedeployapi.DeploymentStatusCreated, Previous: &of.Revision,
		Rollback: of.Rollback, Triggers: of.Triggers, Triggering: of.ID, Events: newEvents(spec),
		Description: new("Rolls back " + of.ID),
	}
	if of.Previous != nil {
		d.Revision = *of.Previous // the last known good one
	}
	d.Message = fmt.Sprintf("Deployment %s was created to roll back deployment %s", d.ID, of.ID)
	of.RolledBackBy, of.Message = d.ID, d.Message
	return d, nil
}
