package cloudformation

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudformationapi"
)

func (s *Service) createStack(ctx context.Context, in *cloudformationapi.CreateStackInput) (*cloudformationapi.CreateStackOutput, error) {
	e, err := s.newStack(ctx, in, "", "")
	if err != nil {
		return nil, err
	}
	s.settle(ctx, e)
	return &cloudformationapi.CreateStackOutput{StackId: &e.id}, nil
}

// newStack begins to create a stack. parent and root are empty for one that is
// not within another.
func (s *Service) newStack(ctx context.Context, in *cloudformationapi.CreateStackInput, parent, root string) (*entity, error) {
	c := wire.CallerFrom(ctx)
	if in.OnFailure != nil && wire.Value(in.DisableRollback) {
		return nil, wire.NewValidationError("You can specify either DisableRollback or OnFailure but not both.")
	}
	if err := checkStackName(in.StackName); err != nil {
		return nil, err
	}
	now := s.now()
	e := s.newEntity(c, in.StackName, now)
	e.protected, e.parent, e.root = wire.Value(in.EnableTerminationProtection), parent, root
	d, err := s.prepare(ctx, e, source{
		body: in.TemplateBody, url: in.TemplateURL, parameters: in.Parameters, tags: in.Tags, tagsGiven: true, capabilities: in.Capabilities,
		notifications: in.NotificationARNs, role: in.RoleARN, triggers: in.RollbackConfiguration,
	}, nil)
	if err != nil {
		return nil, err
	}
	if e.policy, err = s.policyText(ctx, in.StackPolicyBody, in.StackPolicyURL); err != nil {
		return nil, err
	}
	options := stack.Options{
		KeepFailed:   wire.Value(in.DisableRollback) || wire.Value(in.OnFailure) == cloudformationapi.OnFailureDoNothing,
		DeleteFailed: wire.Value(in.OnFailure) == cloudformationapi.OnFailureDelete,
		DropNew:      wire.Value(in.RetainExceptOnCreate),
		Timeout:      time.Duration(wire.Value(in.TimeoutInMinutes)) * time.Minute,
		Monitor:      d.Triggers.monitoring(),
	}
	if err := s.register(e); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.disabled, e.timeout = options.KeepFailed, wire.Value(in.TimeoutInMinutes)
	e.begin(d)
	if err := s.step(e, stack.Create{Options: options}); err != nil {
		s.unregister(e)
		return nil, err
	}
	return e, nil
}

// maxStackName is the length of the longest name of a stack.
const maxStackName = 128

var stackName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]*$`)

// checkStackName refuses what is no name of a new stack. The service model says
// nothing of it.
func checkStackName(name string) error {
	switch {
	case !stackName.MatchString(name):
		return wire.NewValidationError(fmt.Sprintf(
			"1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", name))
	case len(name) > maxStackName:
		return wire.NewValidationError(fmt.Sprintf(
			"1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must have length less than or equal to %d", name, maxStackName))
	}
	return nil
}

// register gives a new stack its name.
func (s *Service) register(e *entity) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names[e.place.name(e.name)] != nil {
		return cloudformationapi.NewAlreadyExistsException("Stack [" + e.name + "] already exists")
	}
	s.names[e.place.name(e.name)], s.stacks[e.id] = e, e
	return nil
}

// unregister forgets a stack that could not be saved.
func (s *Service) unregister(e *entity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, e.place.name(e.name))
	delete(s.stacks, e.id)
	delete(s.timers, e)
}

func (s *Service) updateStack(ctx context.Context, in *cloudformationapi.UpdateStackInput) (*cloudformationapi.UpdateStackOutput, error) {
	e, err := s.findBracketed(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	if err := s.beginUpdate(ctx, e, in, ""); err != nil {
		return nil, err
	}
	s.settle(ctx, e)
	return &cloudformationapi.UpdateStackOutput{StackId: &e.id}, nil
}

// beginUpdate begins to update a stack. asked is the token of the request by which the
// stack above asks for it; empty for one that is not within another.
func (s *Service) beginUpdate(ctx context.Context, e *entity, in *cloudformationapi.UpdateStackInput, asked string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.updatable(); err != nil {
		return err
	}
	d, err := s.prepare(ctx, e, source{
		body: in.TemplateBody, url: in.TemplateURL, previous: in.UsePreviousTemplate, parameters: in.Parameters,
		tags: in.Tags, tagsGiven: in.Tags != nil, capabilities: in.Capabilities,
		notifications: in.NotificationARNs, role: in.RoleARN, triggers: in.RollbackConfiguration,
	}, e.shown())
	if err != nil {
		return err
	}
	policy, during, err := s.policiesOf(ctx, in)
	if err != nil {
		return err
	}
	changes, err := s.changes(e, d)
	if err != nil {
		return impossible(err)
	}
	if !changes.any {
		return wire.NewValidationError("No updates are to be performed.")
	}
	e.disabled = wire.Value(in.DisableRollback)
	if policy != "" {
		e.policy = policy
	}
	d.During = during
	e.begin(d)
	e.updated, e.asked = s.now(), asked
	return s.step(e, stack.Update{Options: stack.Options{
		KeepFailed: e.disabled, DropNew: wire.Value(in.RetainExceptOnCreate), Monitor: d.Triggers.monitoring(),
	}})
}

// updatable says why no update may begin. e.mu is held.
func (e *entity) updatable() error {
	if e.state.Status.Updatable() {
		return nil
	}
	return wire.NewValidationError(fmt.Sprintf("Stack:%s is in %s state and can not be updated.", e.id, e.state.Status))
}

// changeable says why what protects a stack cannot be changed. e.mu is held.
func (e *entity) changeable() error {
	if e.lives() {
		return nil
	}
	return wire.NewValidationError(fmt.Sprintf("Stack [%s] is deleted.", e.name))
}

func (s *Service) deleteStack(ctx context.Context, in *cloudformationapi.DeleteStackInput) (*wire.Nothing, error) {
	e := s.lookup(wire.CallerFrom(ctx), in.StackName)
	if e == nil {
		return nil, nil // what is not there is deleted
	}
	if err := s.beginDelete(e, in.RetainResources, in.DeletionMode != nil && *in.DeletionMode == cloudformationapi.DeletionModeForceDeleteStack); err != nil {
		return nil, err
	}
	s.settle(ctx, e)
	return nil, nil
}

// beginDelete begins to delete a stack. With force, what could not be deleted
// before is left alone.
func (s *Service) beginDelete(e *entity, retain []string, force bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	status := e.state.Status
	switch {
	case status == stack.DeleteComplete, status == stack.DeleteInProgress:
		return nil
	case e.protected:
		return wire.NewValidationError("Stack [" + e.name + "] cannot be deleted while TerminationProtection is enabled")
	case (len(retain) > 0 || force) && status != stack.DeleteFailed:
		return wire.NewValidationError(fmt.Sprintf(
			"Invalid operation on stack [%s]. When you delete a stack, specify which resources to retain only when the stack is in the DELETE_FAILED state.", e.id))
	case !status.Deletable():
		return wire.NewValidationError(fmt.Sprintf("Stack [%s] cannot be deleted while in status %s", e.name, status))
	}
	for _, id := range retain {
		if e.state.Resource(id) == nil {
			return wire.NewValidationError(fmt.Sprintf("Resource %s does not exist for stack %s", id, e.name))
		}
	}
	if force {
		for _, r := range e.state.Resources {
			if r.Status == cloudformationapi.ResourceStatusDeleteFailed {
				retain = append(retain, r.ID)
			}
		}
	}
	if err := s.exports.free(e); err != nil {
		now := s.now()
		e.state.Reason = "Delete canceled. " + strings.Replace(err.Error(), "Export ", "Cannot delete export ", 1)
		e.state.Reason = strings.Replace(e.state.Reason, " cannot be deleted as", " as", 1)
		s.note(e, []stack.Event{{Time: now, Status: string(status), Reason: e.state.Reason}})
		return s.save(e)
	}
	return s.step(e, stack.Delete{Retain: retain})
}

func (s *Service) cancelUpdateStack(ctx context.Context, in *cloudformationapi.CancelUpdateStackInput) (*wire.Nothing, error) {
	e, err := s.findBracketed(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	if e.state.Status != stack.UpdateInProgress {
		defer e.mu.Unlock()
		return nil, wire.NewValidationError("CancelUpdateStack cannot be called from current stack status")
	}
	err = s.step(e, stack.Cancel{})
	e.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.settle(ctx, e)
	return nil, nil
}

func (s *Service) continueUpdateRollback(ctx context.Context, in *cloudformationapi.ContinueUpdateRollbackInput) (*cloudformationapi.ContinueUpdateRollbackOutput, error) {
	e, err := s.findBracketed(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	if e.state.Status != stack.UpdateRollbackFailed {
		defer e.mu.Unlock()
		return nil, wire.NewValidationError(fmt.Sprintf("Stack:%s is in %s state and can not continue rollback.", e.id, e.state.Status))
	}
	for _, id := range in.ResourcesToSkip {
		if r := e.state.Resource(id); r == nil || r.Status != cloudformationapi.ResourceStatusUpdateFailed {
			defer e.mu.Unlock()
			return nil, wire.NewValidationError(fmt.Sprintf("Resource %s is not in UPDATE_FAILED state and cannot be skipped.", id))
		}
	}
	err = s.step(e, stack.ContinueRollback{Skip: in.ResourcesToSkip})
	e.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.settle(ctx, e)
	return nil, nil
}

func (s *Service) rollbackStack(ctx context.Context, in *cloudformationapi.RollbackStackInput) (*cloudformationapi.RollbackStackOutput, error) {
	e, err := s.findBracketed(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	if !slices.Contains([]stack.Status{stack.CreateFailed, stack.UpdateFailed}, e.state.Status) {
		defer e.mu.Unlock()
		return nil, wire.NewValidationError(fmt.Sprintf("Stack:%s is in %s state and can not be rolled back.", e.id, e.state.Status))
	}
	err = s.step(e, stack.Rollback{DropNew: wire.Value(in.RetainExceptOnCreate)})
	e.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.settle(ctx, e)
	return &cloudformationapi.RollbackStackOutput{StackId: &e.id}, nil
}

func (s *Service) updateTerminationProtection(ctx context.Context, in *cloudformationapi.UpdateTerminationProtectionInput) (*cloudformationapi.UpdateTerminationProtectionOutput, error) {
	e, err := s.findBracketed(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.changeable(); err != nil {
		return nil, err
	}
	e.protected = in.EnableTerminationProtection
	return &cloudformationapi.UpdateTerminationProtectionOutput{StackId: &e.id}, s.save(e)
}
