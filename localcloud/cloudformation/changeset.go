package cloudformation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudformationapi"
)

// noChanges is the reason of a change set without changes. The CLI looks for it.
//
// Source: recorded.
const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

// A changeSet is what an update would do, or a creation.
type changeSet struct {
	ID              string      `json:"id"`
	Name            string      `json:"name"`
	Description     string      `json:"description,omitempty"`
	Created         time.Time   `json:"created"`
	Creates         bool        `json:"creates,omitempty"` // the stack
	Status          string      `json:"status"`
	StatusReason    string      `json:"statusReason,omitempty"`
	ExecutionStatus string      `json:"executionStatus"`
	OnFailure       string      `json:"onFailure,omitempty"`
	Nested          bool        `json:"nested,omitempty"`
	Deployment      *deployment `json:"deployment"`
	Changes         []change    `json:"changes,omitempty"`
}

func (s *Service) createChangeSet(ctx context.Context, in *cloudformationapi.CreateChangeSetInput) (*cloudformationapi.CreateChangeSetOutput, error) {
	c := wire.CallerFrom(ctx)
	creates := false
	switch wire.Value(in.ChangeSetType) {
	case cloudformationapi.ChangeSetTypeImport:
		return nil, wire.NewValidationError("The local cloud does not import resources into stacks: use the change set type CREATE or UPDATE.")
	case cloudformationapi.ChangeSetTypeCreate:
		creates = true
	}
	if wire.Value(in.ImportExistingResources) {
		return nil, wire.NewValidationError("The local cloud does not import resources into stacks: leave ImportExistingResources out.")
	}
	e := s.lookup(c, in.StackName)
	isNew := e == nil
	if isNew {
		if !creates {
			return nil, wire.NewValidationError("Stack [" + in.StackName + "] does not exist")
		}
		if err := checkStackName(in.StackName); err != nil {
			return nil, err
		}
		e = s.newEntity(c, in.StackName, s.now())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.mayHave(in.ChangeSetName, creates, isNew); err != nil {
		return nil, err
	}
	d, err := s.prepare(ctx, e, source{
		body: in.TemplateBody, url: in.TemplateURL, previous: in.UsePreviousTemplate, parameters: in.Parameters,
		tags: in.Tags, tagsGiven: in.Tags != nil || creates, capabilities: in.Capabilities,
		notifications: in.NotificationARNs, role: in.RoleARN, triggers: in.RollbackConfiguration, expand: true,
	}, e.shown())
	if err != nil {
		return nil, err
	}
	set := &changeSet{
		ID: c.ARN("cloudformation", "changeSet/"+in.ChangeSetName+"/"+s.newID()), Name: in.ChangeSetName,
		Description: wire.Value(in.Description), Created: s.now(), Creates: creates, OnFailure: wire.Value(in.OnStackFailure), Nested: wire.Value(in.IncludeNestedStacks),
		Status: cloudformationapi.ChangeSetStatusCreateComplete, ExecutionStatus: cloudformationapi.ExecutionStatusAvailable, Deployment: d,
	}
	switch changes, err := s.changes(e, d); {
	case err != nil:
		set.fail(reason(err).Error())
	case !changes.any:
		set.fail(noChanges)
	default:
		set.Changes = changes.list
	}
	if isNew {
		e.state.Status, e.state.Reason = stack.ReviewInProgress, "User Initiated"
		s.note(e, []stack.Event{{Time: e.created, Status: string(stack.ReviewInProgress), Reason: "User Initiated"}})
		if err := s.register(e); err != nil {
			return nil, err
		}
	}
	e.dropSets(func(c *changeSet) bool { return c.Name == set.Name })
	e.sets = append(e.sets, set)
	e.dirtySets[set.ID] = true
	if err := s.save(e); err != nil {
		e.sets = e.sets[:len(e.sets)-1]
		if isNew {
			s.unregister(e)
		}
		return nil, err
	}
	return &cloudformationapi.CreateChangeSetOutput{Id: &set.ID, StackId: &e.id}, nil
}

func (c *changeSet) fail(reason string) {
	c.Status, c.StatusReason = cloudformationapi.ChangeSetStatusFailed, reason
	c.ExecutionStatus = cloudformationapi.ExecutionStatusUnavailable
}

// over says that the change set was executed: its name is free again.
func (c *changeSet) over() bool {
	return c.ExecutionStatus == cloudformationapi.ExecutionStatusExecuteComplete || c.ExecutionStatus == cloudformationapi.ExecutionStatusExecuteFailed
}

// mayHave says why the stack cannot have a change set of this name and kind. e.mu
// is held.
func (e *entity) mayHave(name string, creates, isNew bool) error {
	switch {
	case isNew:
		return nil
	case !e.lives():
		return wire.NewValidationError(fmt.Sprintf("Stack:%s is in %s state and can not be updated.", e.id, e.state.Status))
	case creates && e.state.Status != stack.ReviewInProgress:
		return wire.NewValidationError(fmt.Sprintf("Stack [%s] already exists and cannot be created again with the changeSet [%s].", e.name, name))
	case !creates:
		if err := e.updatable(); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(e.sets, func(c *changeSet) bool { return c.Name == name && !c.over() }) {
		return cloudformationapi.NewAlreadyExistsException("ChangeSet [" + name + "] already exists")
	}
	return nil
}

// findChangeSet returns a change set by its ARN, or by its name and its stack's.
func (s *Service) findChangeSet(ctx context.Context, nameOrID string, stackName *string) (*entity, *changeSet, error) {
	c := wire.CallerFrom(ctx)
	candidates := s.all(c)
	if !strings.HasPrefix(nameOrID, "arn:") {
		if wire.Value(stackName) == "" {
			return nil, nil, wire.NewValidationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
		}
		e, err := s.findBracketed(ctx, *stackName)
		if err != nil {
			return nil, nil, err
		}
		candidates = []*entity{e}
	}
	for _, e := range candidates {
		e.mu.Lock()
		i := slices.IndexFunc(e.sets, func(c *changeSet) bool { return c.ID == nameOrID || c.Name == nameOrID })
		var set *changeSet
		if i >= 0 {
			set = e.sets[i]
		}
		e.mu.Unlock()
		if set != nil {
			return e, set, nil
		}
	}
	return nil, nil, cloudformationapi.NewChangeSetNotFoundException("ChangeSet [" + nameOrID + "] does not exist")
}

func (s *Service) describeChangeSet(ctx context.Context, in *cloudformationapi.DescribeChangeSetInput) (*cloudformationapi.DescribeChangeSetOutput, error) {
	e, set, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	part, next, err := page(set.Changes, in.NextToken, 200)
	if err != nil {
		return nil, err
	}
	d := set.Deployment
	out := &cloudformationapi.DescribeChangeSetOutput{
		ChangeSetName: &set.Name, ChangeSetId: &set.ID, StackId: &e.id, StackName: &e.name, Description: wire.Optional(set.Description),
		Parameters: d.shownParameters(), CreationTime: &set.Created, ExecutionStatus: new(set.ExecutionStatus), Status: new(set.Status),
		StatusReason: wire.Optional(set.StatusReason), NotificationARNs: wire.Shown(d.NotificationARNs), RollbackConfiguration: d.Triggers.shown(),
		Capabilities: d.Capabilities, Tags: d.shownTags(), Changes: []cloudformationapi.Change{}, NextToken: next,
		IncludeNestedStacks: new(set.Nested), OnStackFailure: wire.Optional(set.OnFailure),
	}
	for _, c := range part {
		out.Changes = append(out.Changes, c.shown(wire.Value(in.IncludePropertyValues)))
	}
	return out, nil
}

func (s *Service) listChangeSets(ctx context.Context, in *cloudformationapi.ListChangeSetsInput) (*cloudformationapi.ListChangeSetsOutput, error) {
	e, err := s.findBracketed(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	part, next, err := page(e.sets, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &cloudformationapi.ListChangeSetsOutput{Summaries: []cloudformationapi.ChangeSetSummary{}, NextToken: next}
	for _, c := range part {
		out.Summaries = append(out.Summaries, cloudformationapi.ChangeSetSummary{
			StackId: &e.id, StackName: &e.name, ChangeSetId: new(c.ID), ChangeSetName: new(c.Name), ExecutionStatus: new(c.ExecutionStatus),
			Status: new(c.Status), StatusReason: wire.Optional(c.StatusReason), CreationTime: new(c.Created), Description: wire.Optional(c.Description),
			IncludeNestedStacks: new(c.Nested),
		})
	}
	return out, nil
}

func (s *Service) deleteChangeSet(ctx context.Context, in *cloudformationapi.DeleteChangeSetInput) (*cloudformationapi.DeleteChangeSetOutput, error) {
	e, set, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		if strings.HasPrefix(in.ChangeSetName, "arn:") || !wire.IsCode(err, "ChangeSetNotFoundException") {
			return nil, err
		}
		return nil, nil // a name that is not there is deleted
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if set.ExecutionStatus == cloudformationapi.ExecutionStatusExecuteInProgress {
		return nil, set.invalid("deleted")
	}
	e.dropSets(func(c *changeSet) bool { return c == set })
	return nil, s.save(e)
}

// dropSets forgets change sets. e.mu is held.
func (e *entity) dropSets(drop func(*changeSet) bool) {
	e.sets = slices.DeleteFunc(e.sets, func(c *changeSet) bool {
		if drop(c) {
			e.dirtySets[c.ID] = true
			return true
		}
		return false
	})
}

func (c *changeSet) invalid(done string) error {
	status := c.Status
	if status == cloudformationapi.ChangeSetStatusCreateComplete {
		status = c.ExecutionStatus
	}
	return cloudformationapi.NewInvalidChangeSetStatusException(fmt.Sprintf("ChangeSet [%s] cannot be %s in its current status of [%s]", c.ID, done, status))
}

func (s *Service) executeChangeSet(ctx context.Context, in *cloudformationapi.ExecuteChangeSetInput) (*cloudformationapi.ExecuteChangeSetOutput, error) {
	e, set, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	if err := s.execute(e, set, in); err != nil {
		return nil, err
	}
	s.settle(ctx, e)
	return nil, nil
}

func (s *Service) execute(e *entity, set *changeSet, in *cloudformationapi.ExecuteChangeSetInput) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case set.ExecutionStatus != cloudformationapi.ExecutionStatusAvailable:
		return set.invalid("executed")
	case in.DisableRollback != nil && *in.DisableRollback && set.OnFailure != "":
		return wire.NewValidationError("You can specify either DisableRollback or OnStackFailure but not both.")
	case set.Creates && e.state.Status != stack.ReviewInProgress:
		return wire.NewValidationError(fmt.Sprintf("Stack [%s] already exists and cannot be created again with the changeSet [%s].", e.name, set.Name))
	case !set.Creates:
		if err := e.updatable(); err != nil {
			return err
		}
	}
	set.ExecutionStatus = cloudformationapi.ExecutionStatusExecuteInProgress
	e.dirtySets[set.ID] = true
	e.dropSets(func(c *changeSet) bool { return c != set })
	d := *set.Deployment
	e.begin(&d)
	e.changeSet, e.updated = set.ID, s.now()
	options := stack.Options{
		KeepFailed:   wire.Value(in.DisableRollback) || set.OnFailure == cloudformationapi.OnStackFailureDoNothing,
		DeleteFailed: set.OnFailure == cloudformationapi.OnStackFailureDelete,
		DropNew:      wire.Value(in.RetainExceptOnCreate),
		Monitor:      d.Triggers.monitoring(),
	}
	e.disabled = options.KeepFailed
	if set.Creates {
		return s.step(e, stack.Create{Options: options})
	}
	return s.step(e, stack.Update{Options: options})
}

// executed gives the change set that was executed its last status. e.mu is held.
func (e *entity) executed(well bool) {
	for _, c := range e.sets {
		if c.ExecutionStatus != cloudformationapi.ExecutionStatusExecuteInProgress {
			continue
		}
		c.ExecutionStatus = cloudformationapi.ExecutionStatusExecuteFailed
		if well {
			c.ExecutionStatus = cloudformationapi.ExecutionStatusExecuteComplete
		}
		e.dirtySets[c.ID] = true
	}
}
