package codedeploy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
)

// maxTags is how many tags a resource may have.
const maxTags = 50

// addTags returns tags with more added or replaced. Keys that begin with "aws:" are
// for CloudFormation.
func addTags(ctx context.Context, tags map[string]string, more []codedeployapi.Tag) (map[string]string, error) {
	tags = maps.Clone(tags)
	if tags == nil {
		tags = map[string]string{}
	}
	for _, t := range more {
		if t.Key == nil || *t.Key == "" || len(*t.Key) > 128 || strings.HasPrefix(*t.Key, "aws:") && !wire.IsForCloudFormation(ctx) || t.Value != nil && len(*t.Value) > 256 {
			return nil, codedeployapi.NewInvalidTagsToAddException("The specified tags are not valid.")
		}
		tags[*t.Key] = ""
		if t.Value != nil {
			tags[*t.Key] = *t.Value
		}
	}
	if len(tags) > maxTags {
		return nil, codedeployapi.NewInvalidTagsToAddException(fmt.Sprintf("A resource has at most %d tags.", maxTags))
	}
	return tags, nil
}

func tagList(tags map[string]string) []codedeployapi.Tag {
	list := []codedeployapi.Tag{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, codedeployapi.Tag{Key: new(k), Value: new(tags[k])})
	}
	return list
}

// retag changes the tags of an application or a deployment group, or reads them
// with a nil change.
func (s *Service) retag(name string, change func(tags map[string]string) (map[string]string, error)) (map[string]string, error) {
	if name == "" {
		return nil, refusedARN.wants()
	}
	a, err := arn.Parse(name)
	if err != nil || a.Service != "codedeploy" {
		return nil, codedeployapi.NewInvalidArnException("The specified ARN is not in a valid format.")
	}
	kind, rest, _ := strings.Cut(a.Resource, ":")
	appName, groupName, _ := strings.Cut(rest, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.applications[place{wire.Place{Partition: a.Partition, Region: a.Region, Account: a.Account}}][appName]
	switch {
	case kind != "application" && kind != "deploymentgroup":
		return nil, codedeployapi.NewArnNotSupportedException("The specified ARN is not supported.")
	case app == nil:
		return nil, codedeployapi.NewApplicationDoesNotExistException("No application found for name: " + appName)
	}
	changed := *app
	changed.Groups = maps.Clone(app.Groups)
	tags := &changed.Tags
	if kind == "deploymentgroup" {
		old := app.Groups[groupName]
		if old == nil {
			return nil, noGroup(groupName)
		}
		g := *old
		changed.Groups[groupName] = &g
		tags = &g.Tags
	}
	if change == nil {
		return *tags, nil
	}
	if *tags, err = change(*tags); err != nil {
		return nil, err
	}
	if err := s.keep(changed.change()); err != nil {
		return nil, err
	}
	s.applications[app.Place][app.Name] = &changed
	return *tags, nil
}

func (s *Service) tagResource(ctx context.Context, in *codedeployapi.TagResourceInput) (*codedeployapi.TagResourceOutput, error) {
	if len(in.Tags) == 0 {
		return nil, refusedTags.wants()
	}
	_, err := s.retag(in.ResourceArn, func(tags map[string]string) (map[string]string, error) { return addTags(ctx, tags, in.Tags) })
	return nil, err
}

func (s *Service) untagResource(_ context.Context, in *codedeployapi.UntagResourceInput) (*codedeployapi.UntagResourceOutput, error) {
	if len(in.TagKeys) == 0 {
		return nil, refusedTags.wants()
	}
	_, err := s.retag(in.ResourceArn, func(tags map[string]string) (map[string]string, error) {
		tags = maps.Clone(tags)
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
		return tags, nil
	})
	return nil, err
}

func (s *Service) listTagsForResource(_ context.Context, in *codedeployapi.ListTagsForResourceInput) (*codedeployapi.ListTagsForResourceOutput, error) {
	tags, err := s.retag(in.ResourceArn, nil)
	if err != nil {
		return nil, err
	}
	return &codedeployapi.ListTagsForResourceOutput{Tags: tagList(tags)}, nil
}

// nothingToWaitFor is the answer to operations about waits, which instances have
// and functions do not.
func (s *Service) nothingToWaitFor(ctx context.Context, deployment *string, operation string) error {
	id := ""
	if deployment != nil {
		id = *deployment
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployment(ctx, id)
	switch {
	case err != nil:
		return err
	case d.ended():
		return alreadyCompleted(d)
	default:
		return codedeployapi.NewUnsupportedActionForDeploymentTypeException(operation + " is not supported for deployments to functions.")
	}
}

func (s *Service) continueDeployment(ctx context.Context, in *codedeployapi.ContinueDeploymentInput) (*wire.Nothing, error) {
	return nil, s.nothingToWaitFor(ctx, in.DeploymentId, "ContinueDeployment")
}

func (s *Service) skipWaitTimeForInstanceTermination(ctx context.Context, in *codedeployapi.SkipWaitTimeForInstanceTerminationInput) (*wire.Nothing, error) {
	return nil, s.nothingToWaitFor(ctx, in.DeploymentId, "SkipWaitTimeForInstanceTermination")
}

func (s *Service) listDeploymentInstances(ctx context.Context, in *codedeployapi.ListDeploymentInstancesInput) (*codedeployapi.ListDeploymentInstancesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.deployment(ctx, in.DeploymentId); err != nil {
		return nil, err
	}
	return nil, codedeployapi.NewInvalidComputePlatformException("Deployments to functions have no instances; ListDeploymentTargets lists what they deploy to.")
}
