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

// A group says how its deployments go. Which function they deploy is in the
// revision.
type group struct {
	ID, Name string
	Config   string // name of the deployment configuration
	Role     string // ARN
	Alarms   *codedeployapi.AlarmConfiguration
	Rollback *codedeployapi.AutoRollbackConfiguration
	Triggers []codedeployapi.TriggerConfig
	Strategy *string // for outdated instances, which functions have none of
	Tags     map[string]string
}

func noGroup(name string) error {
	return codedeployapi.NewDeploymentGroupDoesNotExistException("No Deployment Group found for name: " + name)
}

// group returns the caller's deployment group.
func (s *Service) group(ctx context.Context, application, name string) (*application, *group, error) {
	a, err := s.application(ctx, application)
	if err != nil {
		return nil, nil, err
	}
	if err := refusedGroup.name(name); err != nil {
		return nil, nil, err
	}
	if g := a.Groups[name]; g != nil {
		return a, g, nil
	}
	return a, nil, noGroup(name)
}

// style is the only one that functions have.
func style() *codedeployapi.DeploymentStyle {
	return &codedeployapi.DeploymentStyle{
		DeploymentType:   new(codedeployapi.DeploymentTypeBlueGreen),
		DeploymentOption: new(codedeployapi.DeploymentOptionWithTrafficControl),
	}
}

// settings are what CreateDeploymentGroup and UpdateDeploymentGroup both set.
// Members that are nil stay as they are.
type settings struct {
	config   *string
	role     *string
	alarms   *codedeployapi.AlarmConfiguration
	rollback *codedeployapi.AutoRollbackConfiguration
	triggers []codedeployapi.TriggerConfig
	style    *codedeployapi.DeploymentStyle
	strategy *string
	// foreign names a member that only servers and ECS services have.
	foreign string
}

// apply changes a group by settings that it has checked.
func (s *Service) apply(at place, g *group, set settings) error {
	if set.foreign != "" {
		return codedeployapi.NewInvalidInputException("A deployment group for functions has no " + set.foreign + ".")
	}
	if st := set.style; st != nil && (st.DeploymentType == nil || *st.DeploymentType != codedeployapi.DeploymentTypeBlueGreen ||
		st.DeploymentOption == nil || *st.DeploymentOption != codedeployapi.DeploymentOptionWithTrafficControl) {
		return wrongStyle()
	}
	if set.config != nil {
		c, err := s.deploymentConfig(at, *set.config)
		if err != nil {
			return err
		}
		if c.Platform != codedeployapi.ComputePlatformLambda {
			return notForFunctions(c)
		}
		g.Config = c.Name
	}
	if set.role != nil {
		if a, err := arn.Parse(*set.role); err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/") {
			return codedeployapi.NewInvalidRoleException("The service role ARN is not the ARN of a role: " + *set.role)
		}
		g.Role = *set.role
	}
	if set.alarms != nil {
		if err := checkAlarms(set.alarms); err != nil {
			return err
		}
		g.Alarms = set.alarms
	}
	if set.rollback != nil {
		if err := checkRollback(set.rollback); err != nil {
			return err
		}
		g.Rollback = set.rollback
	}
	if set.triggers != nil {
		if err := checkTriggers(set.triggers); err != nil {
			return err
		}
		g.Triggers = set.triggers
	}
	if set.strategy != nil {
		g.Strategy = set.strategy
	}
	return nil
}

func wrongStyle() error {
	return codedeployapi.NewInvalidDeploymentStyleException(
		"For Lambda deployment group, deployment type must be BLUE_GREEN and deployment option must be WITH_TRAFFIC_CONTROL")
}

func notForFunctions(c *deploymentConfig) error {
	return codedeployapi.NewInvalidDeploymentConfigNameException(fmt.Sprintf(
		"The deployment configuration %s is for the compute platform %s, not for Lambda", c.Name, c.Platform))
}

// checkAlarms refuses alarm configurations that CodeDeploy refuses.
//
// Source: CodeDeploy API, InvalidAlarmConfigException and AlarmsLimitExceededException.
func checkAlarms(c *codedeployapi.AlarmConfiguration) error {
	if len(c.Alarms) > 10 {
		return codedeployapi.NewAlarmsLimitExceededException("The maximum number of alarms for a deployment group (10) was exceeded.")
	}
	seen := map[string]bool{}
	for _, a := range c.Alarms {
		if a.Name == nil || *a.Name == "" || len(*a.Name) > 255 {
			return codedeployapi.NewInvalidAlarmConfigException("The name of an alarm is missing or longer than 255 characters.")
		}
		if seen[*a.Name] {
			return codedeployapi.NewInvalidAlarmConfigException("Two alarms have the same name: " + *a.Name)
		}
		seen[*a.Name] = true
	}
	if isTrue(c.Enabled) && len(c.Alarms) == 0 {
		return codedeployapi.NewInvalidAlarmConfigException("The alarm configuration is enabled, but the list of alarms is empty.")
	}
	return nil
}

func checkRollback(c *codedeployapi.AutoRollbackConfiguration) error {
	if isTrue(c.Enabled) && len(c.Events) == 0 {
		return codedeployapi.NewInvalidAutoRollbackConfigException("Automatic rollback is enabled, but no event types are listed.")
	}
	return nil
}

func checkTriggers(triggers []codedeployapi.TriggerConfig) error {
	if len(triggers) > 10 {
		return codedeployapi.NewTriggerTargetsLimitExceededException("The maximum allowed number of triggers (10) was exceeded.")
	}
	for _, t := range triggers {
		if t.TriggerName == nil || *t.TriggerName == "" || t.TriggerTargetArn == nil || len(t.TriggerEvents) == 0 {
			return codedeployapi.NewInvalidTriggerConfigException("A trigger needs a name, a target and at least one event.")
		}
		if a, err := arn.Parse(*t.TriggerTargetArn); err != nil || a.Service != "sns" {
			return codedeployapi.NewInvalidTriggerConfigException("The target of a trigger has to be the ARN of a topic: " + *t.TriggerTargetArn)
		}
	}
	return nil
}

func isTrue(b *bool) bool { return b != nil && *b }

func (s *Service) createDeploymentGroup(ctx context.Context, in *codedeployapi.CreateDeploymentGroupInput) (*codedeployapi.CreateDeploymentGroupOutput, error) {
	if err := refusedGroup.name(in.DeploymentGroupName); err != nil {
		return nil, err
	}
	if in.ServiceRoleArn == "" {
		return nil, refusedRole.wants()
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
	a, err := s.application(ctx, in.ApplicationName)
	switch {
	case err != nil:
		return nil, err
	case a.Groups[in.DeploymentGroupName] != nil:
		return nil, codedeployapi.NewDeploymentGroupAlreadyExistsException("Deployment Group already exists: " + in.DeploymentGroupName)
	case len(a.Groups) >= maxApplications:
		return nil, codedeployapi.NewDeploymentGroupLimitExceededException(fmt.Sprintf("More than %d deployment groups.", maxApplications))
	case in.DeploymentStyle == nil:
		return nil, wrongStyle()
	}
	g := &group{ID: id, Name: in.DeploymentGroupName, Config: defaultConfig, Tags: tags}
	err = s.apply(a.Place, g, settings{
		config: in.DeploymentConfigName, role: &in.ServiceRoleArn, alarms: in.AlarmConfiguration, rollback: in.AutoRollbackConfiguration,
		triggers: in.TriggerConfigurations, style: in.DeploymentStyle, strategy: in.OutdatedInstancesStrategy,
		foreign: foreign(in.Ec2TagFilters, in.OnPremisesInstanceTagFilters, in.AutoScalingGroups, in.Ec2TagSet != nil, in.OnPremisesTagSet != nil,
			in.EcsServices, in.LoadBalancerInfo != nil, in.BlueGreenDeploymentConfiguration != nil),
	})
	if err != nil {
		return nil, err
	}
	if err := s.putGroup(a, g.Name, g); err != nil {
		return nil, err
	}
	return &codedeployapi.CreateDeploymentGroupOutput{DeploymentGroupId: &g.ID}, nil
}

// foreign names what only servers and ECS services have, if there is any of it.
func foreign(ec2 []codedeployapi.EC2TagFilter, onPremises []codedeployapi.TagFilter, scaling []string, ec2Set, onPremisesSet bool,
	services []codedeployapi.ECSService, balancer, blueGreen bool,
) string {
	switch {
	case len(ec2) > 0 || ec2Set || len(onPremises) > 0 || onPremisesSet || len(scaling) > 0:
		return "instances"
	case len(services) > 0:
		return "ECS services"
	case balancer:
		return "load balancer"
	case blueGreen:
		return "blue/green deployment configuration"
	default:
		return ""
	}
}

// putGroup gives an application a group in the place of the one called old; nil
// deletes that.
func (s *Service) putGroup(a *application, old string, g *group, more ...change) error {
	changed := *a
	changed.Groups = maps.Clone(a.Groups)
	delete(changed.Groups, old)
	if g != nil {
		changed.Groups[g.Name] = g
	}
	if err := s.keep(append(more, changed.change())...); err != nil {
		return err
	}
	s.applications[a.Place][a.Name] = &changed
	return nil
}

func (s *Service) updateDeploymentGroup(ctx context.Context, in *codedeployapi.UpdateDeploymentGroupInput) (*codedeployapi.UpdateDeploymentGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, old, err := s.group(ctx, in.ApplicationName, in.CurrentDeploymentGroupName)
	if err != nil {
		return nil, err
	}
	g := *old
	err = s.apply(a.Place, &g, settings{
		config: in.DeploymentConfigName, role: in.ServiceRoleArn, alarms: in.AlarmConfiguration, rollback: in.AutoRollbackConfiguration,
		triggers: in.TriggerConfigurations, style: in.DeploymentStyle, strategy: in.OutdatedInstancesStrategy,
		foreign: foreign(in.Ec2TagFilters, in.OnPremisesInstanceTagFilters, in.AutoScalingGroups, in.Ec2TagSet != nil, in.OnPremisesTagSet != nil,
			in.EcsServices, in.LoadBalancerInfo != nil, in.BlueGreenDeploymentConfiguration != nil),
	})
	if err != nil {
		return nil, err
	}
	var moved []*deployment
	if to := in.NewDeploymentGroupName; to != nil && *to != g.Name {
		if err := refusedGroup.name(*to); err != nil {
			return nil, err
		}
		if a.Groups[*to] != nil {
			return nil, codedeployapi.NewDeploymentGroupAlreadyExistsException("Deployment Group already exists: " + *to)
		}
		moved = s.moved(func(d *deployment) bool {
			if !d.of(a, old) {
				return false
			}
			d.Group = *to
			return true
		})
		g.Name = *to
	}
	if err := s.putGroup(a, old.Name, &g, changesOf(moved)...); err != nil {
		return nil, err
	}
	s.replace(moved)
	return &codedeployapi.UpdateDeploymentGroupOutput{HooksNotCleanedUp: []codedeployapi.AutoScalingGroup{}}, nil
}

func (s *Service) deleteDeploymentGroup(ctx context.Context, in *codedeployapi.DeleteDeploymentGroupInput) (*codedeployapi.DeleteDeploymentGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &codedeployapi.DeleteDeploymentGroupOutput{HooksNotCleanedUp: []codedeployapi.AutoScalingGroup{}}
	a, g, err := s.group(ctx, in.ApplicationName, in.DeploymentGroupName)
	switch {
	case wire.IsCode(err, "ApplicationDoesNotExistException"), wire.IsCode(err, "DeploymentGroupDoesNotExistException"):
		return out, nil // it is gone, which is what was wanted
	case err != nil:
		return nil, err
	}
	return out, s.putGroup(a, g.Name, nil)
}

// groupInfo is what is told of a group.
func (s *Service) groupInfo(a *application, g *group) codedeployapi.DeploymentGroupInfo {
	info := codedeployapi.DeploymentGroupInfo{
		ApplicationName: &a.Name, DeploymentGroupId: &g.ID, DeploymentGroupName: &g.Name, DeploymentConfigName: &g.Config,
		Ec2TagFilters: []codedeployapi.EC2TagFilter{}, OnPremisesInstanceTagFilters: []codedeployapi.TagFilter{},
		AutoScalingGroups: []codedeployapi.AutoScalingGroup{}, ServiceRoleArn: &g.Role,
		TriggerConfigurations: slices.Concat([]codedeployapi.TriggerConfig{}, g.Triggers),
		AlarmConfiguration:    g.Alarms, AutoRollbackConfiguration: g.Rollback, DeploymentStyle: style(), OutdatedInstancesStrategy: g.Strategy,
		ComputePlatform: new(codedeployapi.ComputePlatformLambda), TerminationHookEnabled: new(false),
	}
	if d := s.newest(a, g, func(*deployment) bool { return true }); d != nil {
		info.LastAttemptedDeployment, info.TargetRevision = d.brief(), d.Revision.location()
	}
	if d := s.newest(a, g, func(d *deployment) bool { return d.Status == codedeployapi.DeploymentStatusSucceeded }); d != nil {
		info.LastSuccessfulDeployment = d.brief()
	}
	return info
}

// newest returns the newest deployment of a group that is as wanted, or nil.
func (s *Service) newest(a *application, g *group, want func(*deployment) bool) *deployment {
	var newest *deployment
	for _, d := range s.deployments {
		if d.of(a, g) && want(d) && (newest == nil || d.Number > newest.Number) {
			newest = d
		}
	}
	return newest
}

func (s *Service) getDeploymentGroup(ctx context.Context, in *codedeployapi.GetDeploymentGroupInput) (*codedeployapi.GetDeploymentGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, g, err := s.group(ctx, in.ApplicationName, in.DeploymentGroupName)
	if err != nil {
		return nil, err
	}
	return &codedeployapi.GetDeploymentGroupOutput{DeploymentGroupInfo: new(s.groupInfo(a, g))}, nil
}

func (s *Service) listDeploymentGroups(ctx context.Context, in *codedeployapi.ListDeploymentGroupsInput) (*codedeployapi.ListDeploymentGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(ctx, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(slices.Sorted(maps.Keys(a.Groups)), in.NextToken)
	return &codedeployapi.ListDeploymentGroupsOutput{ApplicationName: &a.Name, DeploymentGroups: names, NextToken: next}, err
}

func (s *Service) batchGetDeploymentGroups(ctx context.Context, in *codedeployapi.BatchGetDeploymentGroupsInput) (*codedeployapi.BatchGetDeploymentGroupsOutput, error) {
	if err := batch(refusedGroup, len(in.DeploymentGroupNames), maxBatch); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(ctx, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	out := &codedeployapi.BatchGetDeploymentGroupsOutput{DeploymentGroupsInfo: []codedeployapi.DeploymentGroupInfo{}}
	for _, name := range in.DeploymentGroupNames {
		if err := refusedGroup.name(name); err != nil {
			return nil, err
		}
		g := a.Groups[name]
		if g == nil {
			out.ErrorMessage = new("No Deployment Group found for name: " + name)
			continue
		}
		out.DeploymentGroupsInfo = append(out.DeploymentGroupsInfo, s.groupInfo(a, g))
	}
	return out, nil
}
