package codedeploy

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
	"github.com/crossfade-dev/crossfade/plan"
)

// A deployment is a record of one; its rollout has the same ID.
type deployment struct {
	Place       place
	ID          string
	Number      int64 // grows with every deployment
	Application string
	Group       string
	Config      string
	Routing     routing
	Description *string
	Revision    revision // without its registration
	Previous    *revision
	Spec        appSpec
	Creator     string
	ExternalID  string
	Created     time.Time
	Started     time.Time
	Completed   time.Time
	Status      string
	Error       *codedeployapi.ErrorInformation
	Rollback    *codedeployapi.AutoRollbackConfiguration // in force
	Alarms      *codedeployapi.AlarmConfiguration        // in force
	Override    *codedeployapi.AlarmConfiguration        // as given for this deployment
	Triggers    []codedeployapi.TriggerConfig

	// RolledBackBy is the deployment that takes this one back, Triggering the one
	// that this one takes back, and Message says more about either.
	RolledBackBy string
	Triggering   string
	Message      string

	IgnoreStopFailures *bool
	OnlyOutdated       *bool
	FileExists         *string

	Events []lifecycleEvent // before, allow, after
	Hooks  []hookExecution
	Weight plan.Weight // of the target version, as last seen
	Seen   time.Time   // when anything about it last changed

	// Stop is what StopDeployment asked for; Ending is what was decided about the
	// end, until it has been carried out.
	Stop   *stopOrder
	Ending *ending
}

// A stopOrder asks to stop a deployment, and to take it back or not; nil leaves
// that to the configuration.
type stopOrder struct{ Rollback *bool }

func (d *deployment) change() change { return change{recordDeployment, d.ID, d} }

// clone returns a copy that shares nothing that is ever written.
func (d *deployment) clone() *deployment {
	c := *d
	c.Events, c.Hooks = slices.Clone(d.Events), slices.Clone(d.Hooks)
	return &c
}

// of says whether the deployment is one of a group.
func (d *deployment) of(a *application, g *group) bool {
	return d.Place == a.Place && d.Application == a.Name && d.Group == g.Name
}

// ended says whether nothing will happen to the deployment any more.
func (d *deployment) ended() bool {
	switch d.Status {
	case codedeployapi.DeploymentStatusSucceeded, codedeployapi.DeploymentStatusFailed, codedeployapi.DeploymentStatusStopped:
		return true
	default:
		return false
	}
}

// back says whether the deployment takes another one back.
func (d *deployment) back() bool { return d.Triggering != "" }

// brief is what a group tells of the deployment.
func (d *deployment) brief() *codedeployapi.LastDeploymentInfo {
	info := &codedeployapi.LastDeploymentInfo{DeploymentId: &d.ID, Status: &d.Status, CreateTime: &d.Created}
	if !d.Completed.IsZero() {
		info.EndTime = &d.Completed
	}
	return info
}

// update changes a copy of a deployment, keeps it with more changes, and returns
// it. f must not fail after it has changed anything elsewhere.
func (s *Service) update(id string, f func(d *deployment) ([]*deployment, error)) (*deployment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.deployments[id]
	if old == nil {
		return nil, noDeployment(id)
	}
	d := old.clone()
	more, err := f(d)
	if err != nil {
		return nil, err
	}
	all := append([]*deployment{d}, more...)
	if err := s.keep(changesOf(all)...); err != nil {
		return nil, err
	}
	s.replace(all)
	return d.clone(), nil
}

var validID = regexp.MustCompile(`^d-[A-Z0-9]{9}$`)

func noDeployment(id string) error {
	return codedeployapi.NewDeploymentDoesNotExistException("The deployment " + id + " could not be found")
}

func alreadyCompleted(d *deployment) error {
	return codedeployapi.NewDeploymentAlreadyCompletedException("The deployment " + d.ID + " is already in a completed state: " + d.Status)
}

// deployment returns the caller's deployment.
func (s *Service) deployment(ctx context.Context, id string) (*deployment, error) {
	switch {
	case id == "":
		return nil, refusedDeployment.wants()
	case !validID.MatchString(id):
		return nil, refusedDeployment.because(id)
	}
	d := s.deployments[id]
	if d == nil || d.Place != placeOf(wire.CallerFrom(ctx)) {
		return nil, noDeployment(id)
	}
	return d, nil
}

// newDeploymentID returns an id that no deployment has.
func (s *Service) newDeploymentID() (string, error) {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for {
		var b [9]byte
		if _, err := io.ReadFull(s.config.Rand, b[:]); err != nil {
			return "", fmt.Errorf("make an id: %w", err)
		}
		for i := range b {
			b[i] = letters[int(b[i])%len(letters)]
		}
		if id := "d-" + string(b[:]); s.deployments[id] == nil {
			return id, nil
		}
	}
}

type creatorKey struct{}

type creator struct{ name, externalID string }

// WithCreator returns a context for calls of CreateDeployment by a service:
// codedeployapi.DeploymentCreatorCloudFormation, say, for the stack with an id.
func WithCreator(ctx context.Context, name, externalID string) context.Context {
	return context.WithValue(ctx, creatorKey{}, creator{name, externalID})
}

func (s *Service) createDeployment(ctx context.Context, in *codedeployapi.CreateDeploymentInput) (*codedeployapi.CreateDeploymentOutput, error) {
	switch {
	case in.DeploymentGroupName == nil:
		return nil, refusedGroup.wants()
	case in.TargetInstances != nil:
		return nil, codedeployapi.NewInvalidTargetInstancesException("A deployment to a function has no target instances.")
	}
	if err := checkDescription(in.Description); err != nil {
		return nil, err
	}
	if in.OverrideAlarmConfiguration != nil {
		if err := checkAlarms(in.OverrideAlarmConfiguration); err != nil {
			return nil, err
		}
	}
	if in.AutoRollbackConfiguration != nil {
		if err := checkRollback(in.AutoRollbackConfiguration); err != nil {
			return nil, err
		}
	}
	r, err := readLocation(in.Revision)
	if err != nil {
		return nil, err
	}
	if r, err = s.fetch(ctx, in.ApplicationName, r); err != nil {
		return nil, err
	}
	spec, err := parseAppSpec(r.Content)
	if err != nil {
		return nil, err
	}
	at := placeOf(wire.CallerFrom(ctx))
	if _, err := spec.function(at); err != nil {
		return nil, err
	}
	by, _ := ctx.Value(creatorKey{}).(creator)
	d := &deployment{
		Place: at, Description: in.Description, Revision: r, Spec: spec,
		Creator: cmp.Or(by.name, codedeployapi.DeploymentCreatorUser), ExternalID: by.externalID, Override: in.OverrideAlarmConfiguration,
		IgnoreStopFailures: in.IgnoreApplicationStopFailures, OnlyOutdated: in.UpdateOutdatedInstancesOnly, FileExists: in.FileExistsBehavior,
	}
	if err := s.accept(ctx, in, d); err != nil {
		return nil, err
	}
	s.kick()
	return &codedeployapi.CreateDeploymentOutput{DeploymentId: &d.ID}, nil
}

// checkDescription refuses descriptions of more than 256 characters.
//
// Source: CodeDeploy User Guide, quotas.
func checkDescription(text *string) error {
	if text != nil && utf8.RuneCountInString(*text) > 256 {
		return codedeployapi.NewDescriptionTooLongException("The description is longer than 256 characters.")
	}
	return nil
}

// accept gives a deployment its place in a group and remembers it.
func (s *Service) accept(ctx context.Context, in *codedeployapi.CreateDeploymentInput, d *deployment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, g, err := s.group(ctx, in.ApplicationName, *in.DeploymentGroupName)
	if err != nil {
		return err
	}
	name := g.Config
	if in.DeploymentConfigName != nil {
		name = *in.DeploymentConfigName
	}
	config, err := s.deploymentConfig(a.Place, name)
	switch {
	case err != nil:
		return err
	case config.Platform != codedeployapi.ComputePlatformLambda:
		return notForFunctions(config)
	}
	if active := s.newest(a, g, func(d *deployment) bool { return !d.ended() }); active != nil {
		return codedeployapi.NewDeploymentLimitExceededException(fmt.Sprintf(
			"The Deployment Group '%s' already has an active Deployment '%s'", g.Name, active.ID))
	}
	if d.ID, err = s.newDeploymentID(); err != nil {
		return err
	}
	now := s.now()
	d.Number = s.last + 1
	d.Application, d.Group, d.Config, d.Routing = a.Name, g.Name, config.Name, config.Routing
	d.Created, d.Seen, d.Status = now, now, codedeployapi.DeploymentStatusCreated
	d.Rollback, d.Alarms, d.Triggers = g.Rollback, g.Alarms, g.Triggers
	if in.AutoRollbackConfiguration != nil {
		d.Rollback = in.AutoRollbackConfiguration
	}
	if d.Override != nil {
		d.Alarms = d.Override
	}
	if last := s.newest(a, g, func(d *deployment) bool { return d.Status == codedeployapi.DeploymentStatusSucceeded }); last != nil {
		d.Previous = &last.Revision
	}
	d.Events = newEvents(d.Spec)
	changed := a.register(d.Revision, now, func(r *revision) {
		r.Last = now
		if r.First.IsZero() {
			r.First = now
		}
		if !slices.Contains(r.Groups, g.Name) {
			r.Groups = append(slices.Clip(r.Groups), g.Name)
		}
	})
	if err := s.keep(changed.change(), d.change()); err != nil {
		return err
	}
	s.applications[a.Place][a.Name] = changed
	s.deployments[d.ID], s.last = d, d.Number
	s.due[d.ID] = now
	return nil
}

// info is what is told of a deployment.
func (d *deployment) info() *codedeployapi.DeploymentInfo {
	info := &codedeployapi.DeploymentInfo{
		ApplicationName: &d.Application, DeploymentGroupName: &d.Group, DeploymentConfigName: &d.Config, DeploymentId: &d.ID,
		Revision: d.Revision.location(), Status: &d.Status, ErrorInformation: d.Error, CreateTime: &d.Created,
		DeploymentOverview: d.overview(), Description: d.Description, Creator: &d.Creator,
		IgnoreApplicationStopFailures: new(isTrue(d.IgnoreStopFailures)), UpdateOutdatedInstancesOnly: new(isTrue(d.OnlyOutdated)),
		AutoRollbackConfiguration: d.Rollback, DeploymentStyle: style(), InstanceTerminationWaitTimeStarted: new(false),
		FileExistsBehavior: d.FileExists, ComputePlatform: new(codedeployapi.ComputePlatformLambda), OverrideAlarmConfiguration: d.Override,
	}
	if d.Previous != nil {
		info.PreviousRevision = d.Previous.location()
	}
	if !d.Started.IsZero() {
		info.StartTime = &d.Started
	}
	if !d.Completed.IsZero() {
		info.CompleteTime = &d.Completed
	}
	if d.ExternalID != "" {
		info.ExternalId = &d.ExternalID
	}
	if d.RolledBackBy != "" || d.Triggering != "" || d.Message != "" {
		info.RollbackInfo = &codedeployapi.RollbackInfo{}
		for _, m := range []struct {
			value string
			to    **string
		}{
			{d.RolledBackBy, &info.RollbackInfo.RollbackDeploymentId},
			{d.Triggering, &info.RollbackInfo.RollbackTriggeringDeploymentId},
			{d.Message, &info.RollbackInfo.RollbackMessage},
		} {
			if m.value != "" {
				*m.to = new(m.value)
			}
		}
	}
	return info
}

// overview counts the one target of a deployment.
func (d *deployment) overview() *codedeployapi.DeploymentOverview {
	o := &codedeployapi.DeploymentOverview{
		Pending: new(int64(0)), InProgress: new(int64(0)), Succeeded: new(int64(0)), Failed: new(int64(0)), Skipped: new(int64(0)), Ready: new(int64(0)),
	}
	switch d.targetStatus() {
	case codedeployapi.TargetStatusPending:
		*o.Pending = 1
	case codedeployapi.TargetStatusInProgress:
		*o.InProgress = 1
	case codedeployapi.TargetStatusSucceeded:
		*o.Succeeded = 1
	case codedeployapi.TargetStatusSkipped:
		*o.Skipped = 1
	default:
		*o.Failed = 1
	}
	return o
}

func (s *Service) getDeployment(ctx context.Context, in *codedeployapi.GetDeploymentInput) (*codedeployapi.GetDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployment(ctx, in.DeploymentId)
	if err != nil {
		return nil, err
	}
	return &codedeployapi.GetDeploymentOutput{DeploymentInfo: d.info()}, nil
}

func (s *Service) batchGetDeployments(ctx context.Context, in *codedeployapi.BatchGetDeploymentsInput) (*codedeployapi.BatchGetDeploymentsOutput, error) {
	if err := batch(refusedDeployment, len(in.DeploymentIds), maxDeployments); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &codedeployapi.BatchGetDeploymentsOutput{DeploymentsInfo: []codedeployapi.DeploymentInfo{}}
	for _, id := range in.DeploymentIds {
		d, err := s.deployment(ctx, id)
		switch {
		case wire.IsCode(err, "DeploymentDoesNotExistException"): // is left away
		case err != nil:
			return nil, err
		default:
			out.DeploymentsInfo = append(out.DeploymentsInfo, *d.info())
		}
	}
	return out, nil
}

func (s *Service) listDeployments(ctx context.Context, in *codedeployapi.ListDeploymentsInput) (*codedeployapi.ListDeploymentsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case in.ApplicationName == nil && in.DeploymentGroupName != nil:
		return nil, refusedApplication.wants()
	case in.ApplicationName != nil && in.DeploymentGroupName == nil:
		return nil, refusedGroup.wants()
	case in.ApplicationName != nil:
		if _, _, err := s.group(ctx, *in.ApplicationName, *in.DeploymentGroupName); err != nil {
			return nil, err
		}
	}
	var from, to time.Time
	if r := in.CreateTimeRange; r != nil {
		if r.Start != nil {
			from = *r.Start
		}
		if r.End != nil {
			to = *r.End
		}
		if !from.IsZero() && !to.IsZero() && to.Before(from) {
			return nil, codedeployapi.NewInvalidTimeRangeException("The specified time range was specified in an invalid format: it ends before it starts.")
		}
	}
	at := placeOf(wire.CallerFrom(ctx))
	var found []*deployment
	for _, d := range s.deployments {
		switch {
		case d.Place != at,
			in.ApplicationName != nil && (d.Application != *in.ApplicationName || d.Group != *in.DeploymentGroupName),
			in.ExternalId != nil && d.ExternalID != *in.ExternalId,
			len(in.IncludeOnlyStatuses) > 0 && !slices.Contains(in.IncludeOnlyStatuses, d.Status),
			!from.IsZero() && d.Created.Before(from), !to.IsZero() && d.Created.After(to):
		default:
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b *deployment) int { return cmp.Compare(b.Number, a.Number) })
	ids := make([]string, len(found))
	for i, d := range found {
		ids[i] = d.ID
	}
	ids, next, err := page(ids, in.NextToken)
	return &codedeployapi.ListDeploymentsOutput{Deployments: ids, NextToken: next}, err
}

func (s *Service) stopDeployment(ctx context.Context, in *codedeployapi.StopDeploymentInput) (*codedeployapi.StopDeploymentOutput, error) {
	s.mu.Lock()
	_, err := s.deployment(ctx, in.DeploymentId)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	_, err = s.update(in.DeploymentId, func(d *deployment) ([]*deployment, error) {
		if d.ended() {
			return nil, alreadyCompleted(d)
		}
		if d.Stop == nil {
			d.Stop = &stopOrder{Rollback: in.AutoRollbackEnabled}
		}
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	s.goOn(in.DeploymentId)
	return &codedeployapi.StopDeploymentOutput{
		Status: new(codedeployapi.StopStatusPending), StatusMessage: new("No more traffic is shifted; the deployment is being stopped."),
	}, nil
}
