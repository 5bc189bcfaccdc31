package codedeploy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
	"github.com/crossfade-dev/crossfade/plan"
)

// A deploymentConfig says how traffic moves.
type deploymentConfig struct {
	Place    place
	ID, Name string
	Created  time.Time
	Platform string
	Routing  routing
}

// A routing is a traffic routing configuration: of type AllAtOnce,
// TimeBasedCanary or TimeBasedLinear.
type routing struct {
	Type       string
	Percentage int32 // 1 to 99
	Minutes    int32
}

// The names of predefined configurations begin with predefined; those for
// functions are known to package plan.
const (
	predefined       = "CodeDeployDefault."
	predefinedLambda = predefined + "Lambda"
)

// others are the predefined configurations of other compute platforms. They are
// listed, and nothing can be deployed with them here.
var others = map[string]string{
	predefined + "AllAtOnce":                       codedeployapi.ComputePlatformServer,
	predefined + "HalfAtATime":                     codedeployapi.ComputePlatformServer,
	predefined + "OneAtATime":                      codedeployapi.ComputePlatformServer,
	predefined + "ECSAllAtOnce":                    codedeployapi.ComputePlatformEcs,
	predefined + "ECSCanary10Percent5Minutes":      codedeployapi.ComputePlatformEcs,
	predefined + "ECSCanary10Percent15Minutes":     codedeployapi.ComputePlatformEcs,
	predefined + "ECSLinear10PercentEvery1Minutes": codedeployapi.ComputePlatformEcs,
	predefined + "ECSLinear10PercentEvery3Minutes": codedeployapi.ComputePlatformEcs,
}

// defaultConfig is what a group has that names none. It is for servers, so a
// deployment to a function needs another one.
//
// Source: CodeDeploy API, CreateDeploymentGroup.
const defaultConfig = predefined + "OneAtATime"

// predefinedConfigs are the predefined configurations by name, made once.
var predefinedConfigs = func() map[string]*deploymentConfig {
	all := map[string]*deploymentConfig{}
	for name, platform := range others {
		all[name] = &deploymentConfig{Name: name, Platform: platform}
	}
	for _, short := range plan.Presets() {
		name := predefinedLambda + short
		strategy, err := plan.Preset(name)
		if err != nil {
			panic(err) // plan lists its own names
		}
		r := routing{Type: codedeployapi.TrafficRoutingTypeAllAtOnce}
		switch strategy.Name {
		case "canary":
			r.Type = codedeployapi.TrafficRoutingTypeTimeBasedCanary
		case "linear":
			r.Type = codedeployapi.TrafficRoutingTypeTimeBasedLinear
		}
		r.Percentage, r.Minutes = int32(strategy.Weight*100/plan.Full), int32(strategy.Every/time.Minute)
		all[name] = &deploymentConfig{Name: name, Platform: codedeployapi.ComputePlatformLambda, Routing: r}
	}
	for name, c := range all {
		c.ID = fixedID(name)
	}
	return all
}()

// fixedID makes an id out of a name, the same in every cloud.
func fixedID(name string) string {
	var n uint64 = 14695981039346656037
	for _, c := range []byte(name) {
		n = (n ^ uint64(c)) * 1099511628211
	}
	return fmt.Sprintf("00000000-0000-0000-0000-%012x", n&(1<<48-1))
}

func (c *deploymentConfig) info() codedeployapi.DeploymentConfigInfo {
	info := codedeployapi.DeploymentConfigInfo{
		DeploymentConfigId: &c.ID, DeploymentConfigName: &c.Name, ComputePlatform: &c.Platform,
	}
	if !c.Created.IsZero() {
		info.CreateTime = &c.Created
	}
	if c.Platform == codedeployapi.ComputePlatformLambda {
		info.TrafficRoutingConfig = c.Routing.info()
	}
	return info
}

func (r routing) info() *codedeployapi.TrafficRoutingConfig {
	out := &codedeployapi.TrafficRoutingConfig{Type: &r.Type}
	switch r.Type {
	case codedeployapi.TrafficRoutingTypeTimeBasedCanary:
		out.TimeBasedCanary = &codedeployapi.TimeBasedCanary{CanaryPercentage: &r.Percentage, CanaryInterval: &r.Minutes}
	case codedeployapi.TrafficRoutingTypeTimeBasedLinear:
		out.TimeBasedLinear = &codedeployapi.TimeBasedLinear{LinearPercentage: &r.Percentage, LinearInterval: &r.Minutes}
	}
	return out
}

// describe fills in how a plan moves the traffic.
func (r routing) describe(name string, spec *plan.Spec) {
	_, known := predefinedConfigs[name]
	switch {
	case known:
		spec.Preset = name
	case r.Type == codedeployapi.TrafficRoutingTypeTimeBasedCanary:
		spec.Canary = fmt.Sprintf("%d%%/%dm", r.Percentage, r.Minutes)
	case r.Type == codedeployapi.TrafficRoutingTypeTimeBasedLinear:
		spec.Linear = fmt.Sprintf("%d%%/%dm", r.Percentage, r.Minutes)
	default:
		spec.AllAtOnce = true
	}
}

// deploymentConfig returns a configuration by name.
func (s *Service) deploymentConfig(at place, name string) (*deploymentConfig, error) {
	if err := refusedConfig.name(name); err != nil {
		return nil, err
	}
	if c := predefinedConfigs[name]; c != nil {
		return c, nil
	}
	if c := s.configs[at][name]; c != nil {
		return c, nil
	}
	return nil, codedeployapi.NewDeploymentConfigDoesNotExistException("No Deployment Configuration found for name: " + name)
}

func (s *Service) createDeploymentConfig(ctx context.Context, in *codedeployapi.CreateDeploymentConfigInput) (*codedeployapi.CreateDeploymentConfigOutput, error) {
	name := in.DeploymentConfigName
	if strings.HasPrefix(name, predefined) {
		return nil, codedeployapi.NewInvalidDeploymentConfigNameException("Deployment configuration names must not begin with " + predefined)
	}
	if err := refusedConfig.name(name); err != nil {
		return nil, err
	}
	if err := onlyLambda(in.ComputePlatform); err != nil {
		return nil, err
	}
	if in.MinimumHealthyHosts != nil {
		return nil, codedeployapi.NewInvalidMinimumHealthyHostValueException("A configuration for functions has no minimum of healthy hosts.")
	}
	if in.ZonalConfig != nil {
		return nil, codedeployapi.NewInvalidZonalDeploymentConfigurationException("A configuration for functions has no zones.")
	}
	r, err := parseRouting(in.TrafficRoutingConfig)
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
	if s.configs[at][name] != nil {
		return nil, codedeployapi.NewDeploymentConfigAlreadyExistsException("Deployment Configuration already exists: " + name)
	}
	if len(s.configs[at]) >= maxConfigs {
		return nil, codedeployapi.NewDeploymentConfigLimitExceededException(fmt.Sprintf("More than %d deployment configurations.", maxConfigs))
	}
	c := &deploymentConfig{Place: at, ID: id, Name: name, Created: s.now(), Platform: codedeployapi.ComputePlatformLambda, Routing: r}
	if err := s.keep(change{recordConfig, at.key(name), c}); err != nil {
		return nil, err
	}
	put(s.configs, at, name, c)
	return &codedeployapi.CreateDeploymentConfigOutput{DeploymentConfigId: &c.ID}, nil
}

// maxConfigs is how many custom configurations a region of an account may have,
// and maxShiftMinutes how long the shift may take from first to last.
//
// Source: CodeDeploy User Guide, quotas.
const (
	maxConfigs      = 200
	maxShiftMinutes = 2880
)

// parseRouting checks a traffic routing configuration.
func parseRouting(in *codedeployapi.TrafficRoutingConfig) (routing, error) {
	bad := func(format string, args ...any) (routing, error) {
		return routing{}, codedeployapi.NewInvalidTrafficRoutingConfigurationException(
			"The configuration that specifies how traffic is routed during a deployment is invalid: " + fmt.Sprintf(format, args...))
	}
	if in == nil || in.Type == nil {
		return bad("there is no type")
	}
	r := routing{Type: *in.Type}
	var percentage, minutes *int32
	switch {
	case r.Type == codedeployapi.TrafficRoutingTypeAllAtOnce:
		if in.TimeBasedCanary != nil || in.TimeBasedLinear != nil {
			return bad("AllAtOnce has no steps")
		}
		return r, nil
	case r.Type == codedeployapi.TrafficRoutingTypeTimeBasedCanary && in.TimeBasedCanary != nil && in.TimeBasedLinear == nil:
		percentage, minutes = in.TimeBasedCanary.CanaryPercentage, in.TimeBasedCanary.CanaryInterval
	case r.Type == codedeployapi.TrafficRoutingTypeTimeBasedLinear && in.TimeBasedLinear != nil && in.TimeBasedCanary == nil:
		percentage, minutes = in.TimeBasedLinear.LinearPercentage, in.TimeBasedLinear.LinearInterval
	default:
		return bad("%s needs its own percentage and interval, and no others", r.Type)
	}
	if percentage == nil || *percentage < 1 || *percentage > 99 {
		return bad("the percentage has to be between 1 and 99")
	}
	if minutes == nil || *minutes < 1 {
		return bad("the interval has to be 1 minute or more")
	}
	r.Percentage, r.Minutes = *percentage, *minutes
	waits := int64(1)
	if r.Type == codedeployapi.TrafficRoutingTypeTimeBasedLinear {
		waits = int64(99 / r.Percentage) // shifts before the last one
	}
	if took := waits * int64(r.Minutes); took > maxShiftMinutes {
		return bad("from the first shift to the last it takes %d minutes, more than %d", took, maxShiftMinutes)
	}
	return r, nil
}

func (s *Service) getDeploymentConfig(ctx context.Context, in *codedeployapi.GetDeploymentConfigInput) (*codedeployapi.GetDeploymentConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.deploymentConfig(placeOf(wire.CallerFrom(ctx)), in.DeploymentConfigName)
	if err != nil {
		return nil, err
	}
	return &codedeployapi.GetDeploymentConfigOutput{DeploymentConfigInfo: new(c.info())}, nil
}

func (s *Service) listDeploymentConfigs(ctx context.Context, in *codedeployapi.ListDeploymentConfigsInput) (*codedeployapi.ListDeploymentConfigsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Sorted(maps.Keys(predefinedConfigs))
	names = append(names, slices.Sorted(maps.Keys(s.configs[placeOf(wire.CallerFrom(ctx))]))...)
	names, next, err := page(names, in.NextToken)
	return &codedeployapi.ListDeploymentConfigsOutput{DeploymentConfigsList: names, NextToken: next}, err
}

func (s *Service) deleteDeploymentConfig(ctx context.Context, in *codedeployapi.DeleteDeploymentConfigInput) (*wire.Nothing, error) {
	name := in.DeploymentConfigName
	if err := refusedConfig.name(name); err != nil {
		return nil, err
	}
	if predefinedConfigs[name] != nil {
		return nil, codedeployapi.NewInvalidOperationException("Cannot delete the predefined deployment configuration " + name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := placeOf(wire.CallerFrom(ctx))
	if s.configs[at][name] == nil {
		return nil, nil
	}
	for _, a := range s.applications[at] {
		for _, g := range a.Groups {
			if g.Config == name {
				return nil, codedeployapi.NewDeploymentConfigInUseException(fmt.Sprintf(
					"The deployment configuration %s is in use by the deployment group %s of the application %s", name, g.Name, a.Name))
			}
		}
	}
	if err := s.keep(change{recordConfig, at.key(name), nil}); err != nil {
		return nil, err
	}
	delete(s.configs[at], name)
	return nil, nil
}
