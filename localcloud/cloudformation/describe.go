package cloudformation

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudformationapi"
)

// notChecked is the drift of everything: nothing here drifts unseen.
const notChecked = cloudformationapi.StackDriftStatusNotChecked

// stackType is the type of stacks among resources.
const stackType = "AWS::CloudFormation::Stack"

func (s *Service) describeStacks(ctx context.Context, in *cloudformationapi.DescribeStacksInput) (*cloudformationapi.DescribeStacksOutput, error) {
	out := &cloudformationapi.DescribeStacksOutput{Stacks: []cloudformationapi.Stack{}}
	if in.StackName != nil && *in.StackName != "" {
		e, err := s.find(ctx, *in.StackName)
		if err != nil {
			return nil, err
		}
		out.Stacks = append(out.Stacks, e.describe())
		return out, nil
	}
	all := slices.DeleteFunc(s.all(wire.CallerFrom(ctx)), func(e *entity) bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return !e.lives()
	})
	part, next, err := page(all, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out.NextToken = next
	for _, e := range part {
		out.Stacks = append(out.Stacks, e.describe())
	}
	return out, nil
}

func (e *entity) describe() cloudformationapi.Stack {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := cloudformationapi.Stack{
		StackId: &e.id, StackName: e.name, CreationTime: e.created, LastUpdatedTime: optionalTime(e.updated), DeletionTime: optionalTime(e.deleted),
		StackStatus: string(e.state.Status), StackStatusReason: wire.Optional(e.state.Reason), ChangeSetId: wire.Optional(e.changeSet),
		DisableRollback: new(e.disabled), NotificationARNs: []string{}, Tags: []cloudformationapi.Tag{},
		RollbackConfiguration: &cloudformationapi.RollbackConfiguration{},
		DriftInformation:      &cloudformationapi.StackDriftInformation{StackDriftStatus: notChecked},
		ParentId:              wire.Optional(e.parent), RootId: wire.Optional(e.root), TimeoutInMinutes: wire.Optional(e.timeout),
	}
	if e.lives() {
		out.EnableTerminationProtection = new(e.protected)
	}
	if d := e.shown(); d != nil {
		out.Description = wire.Optional(d.bound.Description)
		out.Parameters, out.Tags = d.shownParameters(), d.shownTags()
		out.Capabilities, out.NotificationARNs = d.Capabilities, wire.Shown(d.NotificationARNs)
		out.RoleARN = wire.Optional(d.RoleARN)
		out.RollbackConfiguration = d.Triggers.shown()
	}
	for _, o := range e.state.Outputs {
		out.Outputs = append(out.Outputs, cloudformationapi.Output{
			OutputKey: new(o.Key), OutputValue: new(o.Value), Description: wire.Optional(o.Description), ExportName: wire.Optional(o.Export),
		})
	}
	return out
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Service) listStacks(ctx context.Context, in *cloudformationapi.ListStacksInput) (*cloudformationapi.ListStacksOutput, error) {
	out := &cloudformationapi.ListStacksOutput{StackSummaries: []cloudformationapi.StackSummary{}}
	var all []cloudformationapi.StackSummary
	for _, e := range s.all(wire.CallerFrom(ctx)) {
		e.mu.Lock()
		sum := cloudformationapi.StackSummary{
			StackId: &e.id, StackName: e.name, CreationTime: e.created, LastUpdatedTime: optionalTime(e.updated), DeletionTime: optionalTime(e.deleted),
			StackStatus: string(e.state.Status), StackStatusReason: wire.Optional(e.state.Reason), ParentId: wire.Optional(e.parent), RootId: wire.Optional(e.root),
			DriftInformation: &cloudformationapi.StackDriftInformationSummary{StackDriftStatus: notChecked},
		}
		if d := e.shown(); d != nil {
			sum.TemplateDescription = wire.Optional(d.bound.Description)
		}
		e.mu.Unlock()
		if len(in.StackStatusFilter) == 0 || slices.Contains(in.StackStatusFilter, sum.StackStatus) {
			all = append(all, sum)
		}
	}
	part, next, err := page(all, in.NextToken, 100)
	out.StackSummaries, out.NextToken = append(out.StackSummaries, part...), next
	return out, err
}

func (s *Service) describeStackEvents(ctx context.Context, in *cloudformationapi.DescribeStackEventsInput) (*cloudformationapi.DescribeStackEventsOutput, error) {
	e, err := s.findBracketed(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	events := slices.Clone(e.events)
	e.mu.Unlock()
	slices.Reverse(events)
	part, next, err := page(events, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &cloudformationapi.DescribeStackEventsOutput{StackEvents: []cloudformationapi.StackEvent{}, NextToken: next}
	for _, ev := range part {
		out.StackEvents = append(out.StackEvents, e.show(ev))
	}
	return out, nil
}

// show is an event as the API shows it.
func (e *entity) show(ev event) cloudformationapi.StackEvent {
	out := cloudformationapi.StackEvent{
		StackId: e.id, StackName: e.name, EventId: ev.EventID, Timestamp: ev.Time,
		LogicalResourceId: new(ev.ID), PhysicalResourceId: new(ev.PhysicalID), ResourceType: new(ev.Type),
		ResourceStatus: new(ev.Status), ResourceStatusReason: wire.Optional(ev.Reason),
	}
	if ev.ID == "" {
		out.LogicalResourceId, out.PhysicalResourceId, out.ResourceType = &e.name, &e.id, new(stackType)
	}
	if ev.Properties.IsDefined() {
		out.ResourceProperties = new(string(ev.Properties.AppendJSON(nil)))
	}
	return out
}

// resources returns the resources that the stack shows. e.mu is held.
func (e *entity) resources() []*stack.Resource {
	return slices.DeleteFunc(slices.Clone(e.state.Resources), func(r *stack.Resource) bool { return r.Status == "" })
}

// metadata is what the template says about a resource beside its properties, as
// JSON.
func (e *entity) metadata(id string) string {
	if d := e.shown(); d != nil {
		if r, ok := d.bound.Exists(id); ok && r.Metadata.IsDefined() {
			if v, err := d.bound.Partial(r.Metadata, "Resources", id, "Metadata"); err == nil {
				return string(v.AppendJSON(nil))
			}
		}
	}
	return "{}"
}

func (s *Service) describeStackResource(ctx context.Context, in *cloudformationapi.DescribeStackResourceInput) (*cloudformationapi.DescribeStackResourceOutput, error) {
	e, err := s.named(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.state.Resource(in.LogicalResourceId)
	if r == nil || r.Status == "" {
		return nil, wire.NewValidationError("Resource " + in.LogicalResourceId + " does not exist for stack " + e.name)
	}
	return &cloudformationapi.DescribeStackResourceOutput{StackResourceDetail: &cloudformationapi.StackResourceDetail{
		StackName: &e.name, StackId: &e.id, LogicalResourceId: r.ID, PhysicalResourceId: wire.Optional(r.PhysicalID()), ResourceType: r.Type,
		LastUpdatedTimestamp: r.Changed, ResourceStatus: r.Status, ResourceStatusReason: wire.Optional(r.Reason), Metadata: new(e.metadata(r.ID)),
		DriftInformation: &cloudformationapi.StackResourceDriftInformation{StackResourceDriftStatus: notChecked},
	}}, nil
}

// named is find with the words of the operations on resources.
func (s *Service) named(ctx context.Context, nameOrID string) (*entity, error) {
	e := s.lookup(wire.CallerFrom(ctx), nameOrID)
	if e == nil {
		return nil, wire.NewValidationError("Stack '" + nameOrID + "' does not exist")
	}
	return e, nil
}

func (s *Service) describeStackResources(ctx context.Context, in *cloudformationapi.DescribeStackResourcesInput) (*cloudformationapi.DescribeStackResourcesOutput, error) {
	var e *entity
	switch {
	case in.StackName != nil && in.PhysicalResourceId != nil:
		return nil, wire.NewValidationError("Only one of StackName or PhysicalResourceId may be specified.")
	case in.StackName != nil:
		var err error
		if e, err = s.find(ctx, *in.StackName); err != nil {
			return nil, err
		}
	case in.PhysicalResourceId != nil:
		if e = s.owner(ctx, *in.PhysicalResourceId); e == nil {
			return nil, wire.NewValidationError("Stack for " + *in.PhysicalResourceId + " does not exist")
		}
	default:
		return nil, wire.NewValidationError("Either StackName or PhysicalResourceId must be specified.")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	out := &cloudformationapi.DescribeStackResourcesOutput{StackResources: []cloudformationapi.StackResource{}}
	for _, r := range e.resources() {
		if in.LogicalResourceId != nil && *in.LogicalResourceId != r.ID {
			continue
		}
		out.StackResources = append(out.StackResources, cloudformationapi.StackResource{
			StackName: &e.name, StackId: &e.id, LogicalResourceId: r.ID, PhysicalResourceId: wire.Optional(r.PhysicalID()), ResourceType: r.Type,
			Timestamp: r.Changed, ResourceStatus: r.Status, ResourceStatusReason: wire.Optional(r.Reason),
			DriftInformation: &cloudformationapi.StackResourceDriftInformation{StackResourceDriftStatus: notChecked},
		})
	}
	if in.LogicalResourceId != nil && len(out.StackResources) == 0 {
		return nil, wire.NewValidationError("Resource " + *in.LogicalResourceId + " does not exist for stack " + e.name)
	}
	return out, nil
}

// owner returns the living stack that has a resource of this physical id.
func (s *Service) owner(ctx context.Context, physical string) *entity {
	for _, e := range s.all(wire.CallerFrom(ctx)) {
		e.mu.Lock()
		owns := e.lives() && slices.ContainsFunc(e.state.Resources, func(r *stack.Resource) bool { return r.PhysicalID() == physical })
		e.mu.Unlock()
		if owns {
			return e
		}
	}
	return nil
}

func (s *Service) listStackResources(ctx context.Context, in *cloudformationapi.ListStackResourcesInput) (*cloudformationapi.ListStackResourcesOutput, error) {
	e, err := s.find(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	part, next, err := page(e.resources(), in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &cloudformationapi.ListStackResourcesOutput{StackResourceSummaries: []cloudformationapi.StackResourceSummary{}, NextToken: next}
	for _, r := range part {
		out.StackResourceSummaries = append(out.StackResourceSummaries, cloudformationapi.StackResourceSummary{
			LogicalResourceId: r.ID, PhysicalResourceId: wire.Optional(r.PhysicalID()), ResourceType: r.Type,
			LastUpdatedTimestamp: r.Changed, ResourceStatus: r.Status, ResourceStatusReason: wire.Optional(r.Reason),
			DriftInformation: &cloudformationapi.StackResourceDriftInformationSummary{StackResourceDriftStatus: notChecked},
		})
	}
	return out, nil
}

func (s *Service) getTemplate(ctx context.Context, in *cloudformationapi.GetTemplateInput) (*cloudformationapi.GetTemplateOutput, error) {
	var d *deployment
	if in.ChangeSetName != nil {
		e, set, err := s.findChangeSet(ctx, *in.ChangeSetName, in.StackName)
		if err != nil {
			return nil, err
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		d = set.Deployment
	} else {
		e, err := s.find(ctx, wire.Value(in.StackName))
		if err != nil {
			return nil, err
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		d = e.shown()
	}
	out := &cloudformationapi.GetTemplateOutput{TemplateBody: new(""), StagesAvailable: []string{}}
	if d == nil {
		return out, nil
	}
	out.StagesAvailable = []string{cloudformationapi.TemplateStageOriginal, cloudformationapi.TemplateStageProcessed}
	*out.TemplateBody = d.Template
	if wire.Value(in.TemplateStage) == cloudformationapi.TemplateStageProcessed && d.bound != nil && strings.Join(d.parsed.Transforms, "") != "" {
		*out.TemplateBody = d.processed()
	}
	return out, nil
}
