package codedeploy

import (
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
)

// A refusal is how CodeDeploy refuses a member of a request: it has an error of
// its own for nearly each, and another one where the member is missing.
type refusal struct {
	noun    string
	missing func(message string) *wire.Error // nil: it need not be there
	invalid func(message string) *wire.Error
}

var (
	refusedApplication = refusal{"application name", codedeployapi.NewApplicationNameRequiredException, codedeployapi.NewInvalidApplicationNameException}
	refusedGroup       = refusal{"deployment group name", codedeployapi.NewDeploymentGroupNameRequiredException, codedeployapi.NewInvalidDeploymentGroupNameException}
	refusedConfig      = refusal{"deployment configuration name", codedeployapi.NewDeploymentConfigNameRequiredException, codedeployapi.NewInvalidDeploymentConfigNameException}
	refusedDeployment  = refusal{"deployment ID", codedeployapi.NewDeploymentIdRequiredException, codedeployapi.NewInvalidDeploymentIdException}
	refusedTarget      = refusal{"deployment target ID", codedeployapi.NewDeploymentTargetIdRequiredException, codedeployapi.NewInvalidDeploymentTargetIdException}
	refusedRevision    = refusal{"revision", codedeployapi.NewRevisionRequiredException, codedeployapi.NewInvalidRevisionException}
	refusedRole        = refusal{"service role ARN", codedeployapi.NewRoleRequiredException, codedeployapi.NewInvalidRoleException}
	refusedARN         = refusal{"resource ARN", codedeployapi.NewResourceArnRequiredException, codedeployapi.NewInvalidArnException}
	refusedTags        = refusal{"tag", codedeployapi.NewTagRequiredException, codedeployapi.NewInvalidTagsToAddException}
	refusedNewTags     = refusal{"tag", nil, codedeployapi.NewInvalidTagsToAddException}
	refusedAlarms      = refusal{"alarm configuration", nil, codedeployapi.NewInvalidAlarmConfigException}
	refusedServers     = refusal{"on-premises tag", nil, codedeployapi.NewInvalidTagException}
	refusedEC2         = refusal{"EC2 tag", nil, codedeployapi.NewInvalidEC2TagException}
)

// refusals are by member, which has the same errors wherever it is.
//
// Source: CodeDeploy API, errors of each operation.
var refusals = map[string]refusal{
	"applicationName": refusedApplication, "applicationNames": refusedApplication, "newApplicationName": refusedApplication,
	"deploymentGroupName": refusedGroup, "deploymentGroupNames": refusedGroup, "currentDeploymentGroupName": refusedGroup, "newDeploymentGroupName": refusedGroup,
	"deploymentConfigName": refusedConfig,
	"deploymentId":         refusedDeployment, "deploymentIds": refusedDeployment,
	"targetId": refusedTarget, "targetIds": refusedTarget,
	"revision": refusedRevision, "revisions": refusedRevision,
	"serviceRoleArn": refusedRole,
	"resourceArn":    refusedARN,
	"tagKeys":        refusedTags,

	"alarmConfiguration": refusedAlarms, "overrideAlarmConfiguration": refusedAlarms,
	"autoRollbackConfiguration":        {"automatic rollback configuration", nil, codedeployapi.NewInvalidAutoRollbackConfigException},
	"blueGreenDeploymentConfiguration": {"blue/green deployment configuration", nil, codedeployapi.NewInvalidBlueGreenDeploymentConfigurationException},
	"computePlatform":                  {"compute platform", nil, codedeployapi.NewInvalidComputePlatformException},
	"deployed":                         {"deployed state filter", nil, codedeployapi.NewInvalidDeployedStateFilterException},
	"deploymentStyle":                  {"deployment style", nil, codedeployapi.NewInvalidDeploymentStyleException},
	"deploymentWaitType":               {"wait type", nil, codedeployapi.NewInvalidDeploymentWaitTypeException},
	"ec2TagFilters":                    refusedEC2,
	"ec2TagSet":                        refusedEC2,
	"ecsServices":                      {"ECS service", nil, codedeployapi.NewInvalidECSServiceException},
	"fileExistsBehavior":               {"behavior for files that exist", nil, codedeployapi.NewInvalidFileExistsBehaviorException},
	"includeOnlyStatuses":              {"deployment status", nil, codedeployapi.NewInvalidDeploymentStatusException},
	"instanceStatusFilter":             {"instance status", nil, codedeployapi.NewInvalidInstanceStatusException},
	"instanceTypeFilter":               {"instance type", nil, codedeployapi.NewInvalidInstanceTypeException},
	"minimumHealthyHosts":              {"minimum of healthy hosts", nil, codedeployapi.NewInvalidMinimumHealthyHostValueException},
	"onPremisesInstanceTagFilters":     refusedServers,
	"onPremisesTagSet":                 refusedServers,
	"outdatedInstancesStrategy":        {"strategy for outdated instances", nil, codedeployapi.NewInvalidInputException},
	"sortBy":                           {"column to sort by", nil, codedeployapi.NewInvalidSortByException},
	"sortOrder":                        {"sort order", nil, codedeployapi.NewInvalidSortOrderException},
	"status":                           {"status", nil, codedeployapi.NewInvalidLifecycleEventHookExecutionStatusException},
	"targetFilters":                    {"target filter name", nil, codedeployapi.NewInvalidTargetFilterNameException},
	"targetInstances":                  {"target instances", nil, codedeployapi.NewInvalidTargetInstancesException},
	"trafficRoutingConfig":             {"traffic routing configuration", nil, codedeployapi.NewInvalidTrafficRoutingConfigurationException},
	"triggerConfigurations":            {"trigger", nil, codedeployapi.NewInvalidTriggerConfigException},
	"zonalConfig":                      {"zonal configuration", nil, codedeployapi.NewInvalidZonalDeploymentConfigurationException},
}

// refuse words what the model does not allow.
func refuse(v wire.Violation) *wire.Error {
	r, ok := refusals[v.Member]
	switch {
	case v.Member == "tags" && v.Missing:
		return refusedTags.wants()
	case v.Member == "tags":
		return refusedNewTags.because(v.Message)
	case !ok:
		return nil
	case v.Missing && r.missing != nil:
		return r.wants()
	default:
		return r.because(v.Message)
	}
}

// wants says that the member is missing.
func (r refusal) wants() *wire.Error { return r.missing("The " + r.noun + " was not specified.") }

// because says that the member is not right, and why.
func (r refusal) because(why string) *wire.Error {
	return r.invalid("The " + r.noun + " was specified in an invalid format: " + strings.TrimSuffix(why, ".") + ".")
}

// name refuses what is no name.
func (r refusal) name(name string) error {
	switch {
	case name == "":
		return r.wants()
	case !validName.MatchString(name):
		return r.because(name)
	default:
		return nil
	}
}
