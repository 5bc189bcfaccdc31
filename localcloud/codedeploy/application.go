package codedeploy

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
)

// An application is a name for deployment groups and revisions. The groups are
// part of its record.
type application struct {
	Place     place
	ID        string
	Name      string
	Created   time.Time
	Tags      map[string]string
	Groups    map[string]*group // by name
	Revisions []revision        // oldest first
}

// validName is what names are made of.
//
// Source: CodeDeploy User Guide, quotas: naming.
var validName = regexp.MustCompile(`^[A-Za-z0-9._+=,@-]{1,100}$`)

func (a *application) change() change {
	return change{recordApplication, a.Place.key(a.Name), a}
}

func (a *application) info() codedeployapi.ApplicationInfo {
	return codedeployapi.ApplicationInfo{
		ApplicationId: &a.ID, ApplicationName: &a.Name, CreateTime: &a.Created,
		LinkedToGitHub: new(false), ComputePlatform: new(codedeployapi.ComputePlatformLambda),
	}
}

// application returns the caller's application called name.
func (s *Service) application(ctx context.Context, name string) (*application, error) {
	if err := refusedApplication.name(name); err != nil {
		return nil, err
	}
	if a := s.applications[placeOf(wire.CallerFrom(ctx))][name]; a != nil {
		return a, nil
	}
	return nil, codedeployapi.NewApplicationDoesNotExistException("No application found for name: " + name)
}

// onlyLambda refuses the other compute platforms.
func onlyLambda(platform *string) error {
	if platform != nil && *platform == codedeployapi.ComputePlatformLambda {
		return nil
	}
	given := codedeployapi.ComputePlatformServer + ", which is the default"
	if platform != nil {
		given = *platform
	}
	return codedeployapi.NewInvalidComputePlatformException(fmt.Sprintf(
		"The local cloud deploys to the compute platform Lambda only, and this is %s. Name it: computePlatform Lambda.", given))
}

func (s *Service) createApplication(ctx context.Context, in *codedeployapi.CreateApplicationInput) (*codedeployapi.CreateApplicationOutput, error) {
	if err := refusedApplication.name(in.ApplicationName); err != nil {
		return nil, err
	}
	if err := onlyLambda(in.ComputePlatform); err != nil {
		return nil, err
	}
	tags, err := addTags(ctx, nil, in.Tags)
	if err != nil {
		return nil, err
	}
	id, err := s.newID()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := placeOf(wire.CallerFrom(ctx))
	if s.applications[at][in.ApplicationName] != nil {
		return nil, codedeployapi.NewApplicationAlreadyExistsException("Application already exists: " + in.ApplicationName)
	}
	if len(s.applications[at]) >= maxApplications {
		return nil, codedeployapi.NewApplicationLimitExceededException(fmt.Sprintf("More than %d applications.", maxApplications))
	}
	a := &application{Place: at, ID: id, Name: in.ApplicationName, Created: s.now(), Tags: tags, Groups: map[string]*group{}}
	if err := s.keep(a.change()); err != nil {
		return nil, err
	}
	put(s.applications, at, a.Name, a)
	return &codedeployapi.CreateApplicationOutput{ApplicationId: &a.ID}, nil
}

// maxApplications is how many applications a region of an account may have, and
// how many groups an application.
//
// Source: CodeDeploy User Guide, quotas.
const maxApplications = 1000

func (s *Service) getApplication(ctx context.Context, in *codedeployapi.GetApplicationInput) (*codedeployapi.GetApplicationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(ctx, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	return &codedeployapi.GetApplicationOutput{Application: new(a.info())}, nil
}

func (s *Service) listApplications(ctx context.Context, in *codedeployapi.ListApplicationsInput) (*codedeployapi.ListApplicationsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Sorted(maps.Keys(s.applications[placeOf(wire.CallerFrom(ctx))]))
	names, next, err := page(names, in.NextToken)
	return &codedeployapi.ListApplicationsOutput{Applications: names, NextToken: next}, err
}

func (s *Service) batchGetApplications(ctx context.Context, in *codedeployapi.BatchGetApplicationsInput) (*codedeployapi.BatchGetApplicationsOutput, error) {
	if err := batch(refusedApplication, len(in.ApplicationNames), maxBatch); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &codedeployapi.BatchGetApplicationsOutput{ApplicationsInfo: []codedeployapi.ApplicationInfo{}}
	for _, name := range in.ApplicationNames {
		a, err := s.application(ctx, name)
		if err != nil {
			return nil, err
		}
		out.ApplicationsInfo = append(out.ApplicationsInfo, a.info())
	}
	return out, nil
}

// maxBatch is how many things one request may ask for; maxDeployments how many
// deployments or targets.
//
// Source: CodeDeploy API, BatchGetApplications and BatchGetDeployments.
const (
	maxBatch       = 100
	maxDeployments = 25
)

// batch refuses a request for n of something, where it may be for one to most.
func batch(of refusal, n, most int) error {
	switch {
	case n == 0:
		return of.wants()
	case n > most:
		return codedeployapi.NewBatchLimitExceededException(fmt.Sprintf("The maximum number of names or IDs allowed for this request is %d, and there are %d.", most, n))
	default:
		return nil
	}
}

func (s *Service) updateApplication(ctx context.Context, in *codedeployapi.UpdateApplicationInput) (*wire.Nothing, error) {
	if in.ApplicationName == nil {
		return nil, refusedApplication.wants()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(ctx, *in.ApplicationName)
	if err != nil || in.NewApplicationName == nil || *in.NewApplicationName == a.Name {
		return nil, err
	}
	to := *in.NewApplicationName
	if err := refusedApplication.name(to); err != nil {
		return nil, err
	}
	if s.applications[a.Place][to] != nil {
		return nil, codedeployapi.NewApplicationAlreadyExistsException("Application already exists: " + to)
	}
	renamed := *a
	renamed.Name = to
	changes := []change{{recordApplication, a.Place.key(a.Name), nil}, renamed.change()}
	moved := s.moved(func(d *deployment) bool {
		if d.Place != a.Place || d.Application != a.Name {
			return false
		}
		d.Application = to
		return true
	})
	if err := s.keep(append(changes, changesOf(moved)...)...); err != nil {
		return nil, err
	}
	delete(s.applications[a.Place], a.Name)
	s.applications[a.Place][to] = &renamed
	s.replace(moved)
	return nil, nil
}

// moved returns copies of the deployments that rename changes, changed.
func (s *Service) moved(rename func(d *deployment) bool) []*deployment {
	var moved []*deployment
	for _, d := range s.deployments {
		c := d.clone()
		if rename(c) {
			moved = append(moved, c)
		}
	}
	return moved
}

func changesOf(deployments []*deployment) []change {
	changes := make([]change, len(deployments))
	for i, d := range deployments {
		changes[i] = d.change()
	}
	return changes
}

func (s *Service) replace(deployments []*deployment) {
	for _, d := range deployments {
		s.deployments[d.ID] = d
	}
}

func (s *Service) deleteApplication(ctx context.Context, in *codedeployapi.DeleteApplicationInput) (*wire.Nothing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(ctx, in.ApplicationName)
	switch {
	case wire.IsCode(err, "ApplicationDoesNotExistException"):
		return nil, nil // it is gone, which is what was wanted
	case err != nil:
		return nil, err
	}
	if err := s.keep(change{recordApplication, a.Place.key(a.Name), nil}); err != nil {
		return nil, err
	}
	delete(s.applications[a.Place], a.Name)
	return nil, nil
}
