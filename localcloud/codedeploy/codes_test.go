package codedeploy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/smithy-go"
)

// modelled returns the errors of each operation in the service's model.
func modelled(t *testing.T) map[string]map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../models/codedeploy.json")
	if err != nil {
		t.Fatal(err)
	}
	var model struct {
		Operations map[string]struct {
			Errors []struct {
				Shape string `json:"shape"`
			} `json:"errors"`
		} `json:"operations"`
	}
	if err := json.Unmarshal(text, &model); err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]bool{}
	for name, op := range model.Operations {
		all[name] = map[string]bool{}
		for _, e := range op.Errors {
			all[name][e.Shape] = true
		}
	}
	return all
}

func TestEachOperationRefusesWithTheErrorsOfItsModel(t *testing.T) {
	w := newWorld(t)
	ctx, none, bad := t.Context(), aws.String(""), aws.String("a b")
	shop, prod, gone := aws.String("shop"), aws.String("prod"), aws.String("gone")
	done := w.deploy(spec("1", "2"))
	w.pass(6 * time.Minute)
	w.wantEnd(done, types.DeploymentStatusSucceeded, "")
	id := w.deploy(spec("2", "3", "BeforeAllowTraffic: CodeDeployHook_missing"))
	arnOf := func(kind string) *string {
		return aws.String("arn:aws:codedeploy:" + region + ":" + account + ":" + kind)
	}

	type (
		listRevisions = awscodedeploy.ListApplicationRevisionsInput
		newGroup      = awscodedeploy.CreateDeploymentGroupInput
		changeGroup   = awscodedeploy.UpdateDeploymentGroupInput
		deploy        = awscodedeploy.CreateDeploymentInput
		newConfig     = awscodedeploy.CreateDeploymentConfigInput
		list          = awscodedeploy.ListDeploymentsInput
		answer        = awscodedeploy.PutLifecycleEventHookExecutionStatusInput
		targets       = awscodedeploy.ListDeploymentTargetsInput
	)
	revisions := func(change func(*listRevisions)) error {
		in := &listRevisions{ApplicationName: shop}
		change(in)
		_, err := w.ListApplicationRevisions(ctx, in)
		return err
	}
	create := func(change func(*newGroup)) error {
		in := &newGroup{ApplicationName: shop, DeploymentGroupName: aws.String("new"), ServiceRoleArn: aws.String(role), DeploymentStyle: blueGreen()}
		change(in)
		_, err := w.CreateDeploymentGroup(ctx, in)
		return err
	}
	update := func(change func(*changeGroup)) error {
		in := &changeGroup{ApplicationName: shop, CurrentDeploymentGroupName: prod}
		change(in)
		_, err := w.UpdateDeploymentGroup(ctx, in)
		return err
	}
	begin := func(change func(*deploy)) error {
		in := &deploy{ApplicationName: shop, DeploymentGroupName: prod, Revision: content(spec("1", "2"))}
		change(in)
		_, err := w.CreateDeployment(ctx, in)
		return err
	}
	config := func(name string, change func(*newConfig)) error {
		in := &newConfig{DeploymentConfigName: &name, ComputePlatform: types.ComputePlatformLambda, TrafficRoutingConfig: &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeAllAtOnce}}
		change(in)
		_, err := w.CreateDeploymentConfig(ctx, in)
		return err
	}
	deployments := func(in list) error {
		_, err := w.ListDeployments(ctx, &in)
		return err
	}
	put := func(in answer) error {
		_, err := w.PutLifecycleEventHookExecutionStatus(ctx, &in)
		return err
	}
	listTargets := func(in targets) error {
		_, err := w.ListDeploymentTargets(ctx, &in)
		return err
	}
	target := func(deployment, name *string) error {
		_, err := w.GetDeploymentTarget(ctx, &awscodedeploy.GetDeploymentTargetInput{DeploymentId: deployment, TargetId: name})
		return err
	}
	batchTargets := func(names ...string) error {
		_, err := w.BatchGetDeploymentTargets(ctx, &awscodedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &id, TargetIds: names})
		return err
	}
	goOn := func(deployment *string, wait types.DeploymentWaitType) error {
		_, err := w.ContinueDeployment(ctx, &awscodedeploy.ContinueDeploymentInput{DeploymentId: deployment, DeploymentWaitType: wait})
		return err
	}
	tag := func(arn *string, tags ...types.Tag) error {
		_, err := w.TagResource(ctx, &awscodedeploy.TagResourceInput{ResourceArn: arn, Tags: append([]types.Tag{}, tags...)})
		return err
	}
	untag := func(arn *string, keys ...string) error {
		_, err := w.UntagResource(ctx, &awscodedeploy.UntagResourceInput{ResourceArn: arn, TagKeys: append([]string{}, keys...)})
		return err
	}
	register := func(r *types.RevisionLocation, description string) error {
		_, err := w.RegisterApplicationRevision(ctx, &awscodedeploy.RegisterApplicationRevisionInput{ApplicationName: shop, Revision: r, Description: &description})
		return err
	}
	failed := func(_ any, err error) error { return err }
	triggers := func(n int) []types.TriggerConfig {
		all := make([]types.TriggerConfig, n)
		for i := range all {
			all[i] = types.TriggerConfig{TriggerName: aws.String(fmt.Sprint(i)), TriggerTargetArn: aws.String(topicARN), TriggerEvents: []types.TriggerEventType{types.TriggerEventTypeDeploymentStart}}
		}
		return all
	}
	token := aws.String("no token")
	model := modelled(t)
	for _, c := range []struct {
		code string
		err  error
	}{
		{"ApplicationNameRequiredException", failed(w.CreateApplication(ctx, &awscodedeploy.CreateApplicationInput{ApplicationName: none, ComputePlatform: types.ComputePlatformLambda}))},
		{"InvalidApplicationNameException", failed(w.CreateApplication(ctx, &awscodedeploy.CreateApplicationInput{ApplicationName: aws.String(strings.Repeat("a", 101)), ComputePlatform: types.ComputePlatformLambda}))},
		{"InvalidComputePlatformException", failed(w.CreateApplication(ctx, &awscodedeploy.CreateApplicationInput{ApplicationName: gone, ComputePlatform: "Mainframe"}))},
		{"InvalidTagsToAddException", failed(w.CreateApplication(ctx, &awscodedeploy.CreateApplicationInput{ApplicationName: gone, ComputePlatform: types.ComputePlatformLambda, Tags: []types.Tag{{Key: aws.String("aws:x")}}}))},
		{"ApplicationNameRequiredException", failed(w.GetApplication(ctx, &awscodedeploy.GetApplicationInput{ApplicationName: none}))},
		{"InvalidApplicationNameException", failed(w.GetApplication(ctx, &awscodedeploy.GetApplicationInput{ApplicationName: bad}))},
		{"ApplicationNameRequiredException", failed(w.DeleteApplication(ctx, &awscodedeploy.DeleteApplicationInput{ApplicationName: none}))},
		{"InvalidApplicationNameException", failed(w.DeleteApplication(ctx, &awscodedeploy.DeleteApplicationInput{ApplicationName: bad}))},
		{"ApplicationNameRequiredException", failed(w.UpdateApplication(ctx, &awscodedeploy.UpdateApplicationInput{}))},
		{"InvalidApplicationNameException", failed(w.UpdateApplication(ctx, &awscodedeploy.UpdateApplicationInput{ApplicationName: shop, NewApplicationName: bad}))},
		{"ApplicationNameRequiredException", failed(w.BatchGetApplications(ctx, &awscodedeploy.BatchGetApplicationsInput{ApplicationNames: []string{}}))},
		{"InvalidNextTokenException", failed(w.ListApplications(ctx, &awscodedeploy.ListApplicationsInput{NextToken: token}))},

		{"DeploymentGroupNameRequiredException", create(func(in *newGroup) { in.DeploymentGroupName = none })},
		{"InvalidDeploymentGroupNameException", create(func(in *newGroup) { in.DeploymentGroupName = bad })},
		{"RoleRequiredException", create(func(in *newGroup) { in.ServiceRoleArn = none })},
		{"InvalidDeploymentConfigNameException", create(func(in *newGroup) { in.DeploymentConfigName = bad })},
		{"InvalidDeploymentStyleException", create(func(in *newGroup) { in.DeploymentStyle = &types.DeploymentStyle{DeploymentType: "GREEN_BLUE"} })},
		{"InvalidAutoRollbackConfigException", create(func(in *newGroup) { in.AutoRollbackConfiguration = rollback("DEPLOYMENT_BORED") })},
		{"TriggerTargetsLimitExceededException", create(func(in *newGroup) { in.TriggerConfigurations = triggers(11) })},
		{"InvalidTriggerConfigException", create(func(in *newGroup) {
			in.TriggerConfigurations = triggers(1)
			in.TriggerConfigurations[0].TriggerEvents = []types.TriggerEventType{"DeploymentBored"}
		})},
		{"InvalidInputException", create(func(in *newGroup) { in.OutdatedInstancesStrategy = "PERHAPS" })},
		{"DeploymentGroupNameRequiredException", update(func(in *changeGroup) { in.CurrentDeploymentGroupName = none })},
		{"DeploymentGroupDoesNotExistException", update(func(in *changeGroup) { in.CurrentDeploymentGroupName = gone })},
		{"InvalidDeploymentGroupNameException", update(func(in *changeGroup) { in.NewDeploymentGroupName = bad })},
		{"InvalidRoleException", update(func(in *changeGroup) { in.ServiceRoleArn = aws.String("me") })},
		{"DeploymentGroupNameRequiredException", failed(w.GetDeploymentGroup(ctx, &awscodedeploy.GetDeploymentGroupInput{ApplicationName: shop, DeploymentGroupName: none}))},
		{"InvalidDeploymentGroupNameException", failed(w.GetDeploymentGroup(ctx, &awscodedeploy.GetDeploymentGroupInput{ApplicationName: shop, DeploymentGroupName: bad}))},
		{"InvalidDeploymentGroupNameException", failed(w.DeleteDeploymentGroup(ctx, &awscodedeploy.DeleteDeploymentGroupInput{ApplicationName: shop, DeploymentGroupName: bad}))},
		{"DeploymentGroupNameRequiredException", failed(w.BatchGetDeploymentGroups(ctx, &awscodedeploy.BatchGetDeploymentGroupsInput{ApplicationName: shop, DeploymentGroupNames: []string{}}))},
		{"BatchLimitExceededException", failed(w.BatchGetDeploymentGroups(ctx, &awscodedeploy.BatchGetDeploymentGroupsInput{ApplicationName: shop, DeploymentGroupNames: slices.Repeat([]string{"prod"}, 101)}))},
		{"InvalidNextTokenException", failed(w.ListDeploymentGroups(ctx, &awscodedeploy.ListDeploymentGroupsInput{ApplicationName: shop, NextToken: token}))},

		{"DeploymentConfigNameRequiredException", config("", func(*newConfig) {})},
		{"InvalidDeploymentConfigNameException", config("a b", func(*newConfig) {})},
		{"InvalidTrafficRoutingConfigurationException", config("mine", func(in *newConfig) { in.TrafficRoutingConfig.Type = "Random" })},
		{"InvalidMinimumHealthyHostValueException", config("mine", func(in *newConfig) { in.MinimumHealthyHosts = &types.MinimumHealthyHosts{Type: "SOME"} })},
		{"InvalidZonalDeploymentConfigurationException", config("mine", func(in *newConfig) { in.ZonalConfig = &types.ZonalConfig{} })},
		{"DeploymentConfigNameRequiredException", failed(w.GetDeploymentConfig(ctx, &awscodedeploy.GetDeploymentConfigInput{DeploymentConfigName: none}))},
		{"InvalidDeploymentConfigNameException", failed(w.GetDeploymentConfig(ctx, &awscodedeploy.GetDeploymentConfigInput{DeploymentConfigName: bad}))},
		{"DeploymentConfigNameRequiredException", failed(w.DeleteDeploymentConfig(ctx, &awscodedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: none}))},
		{"InvalidDeploymentConfigNameException", failed(w.DeleteDeploymentConfig(ctx, &awscodedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: bad}))},
		{"InvalidNextTokenException", failed(w.ListDeploymentConfigs(ctx, &awscodedeploy.ListDeploymentConfigsInput{NextToken: token}))},

		{"ApplicationNameRequiredException", begin(func(in *deploy) { in.ApplicationName = none })},
		{"DeploymentGroupNameRequiredException", begin(func(in *deploy) { in.DeploymentGroupName = none })},
		{"InvalidDeploymentConfigNameException", begin(func(in *deploy) { in.DeploymentConfigName = bad })},
		{"InvalidRevisionException", begin(func(in *deploy) { in.Revision.RevisionType = "Paper" })},
		{"InvalidFileExistsBehaviorException", begin(func(in *deploy) { in.FileExistsBehavior = "PANIC" })},
		{"InvalidAutoRollbackConfigException", begin(func(in *deploy) { in.AutoRollbackConfiguration = rollback() })},
		{"InvalidAlarmConfigException", begin(func(in *deploy) { in.OverrideAlarmConfiguration = alarms() })},
		{"DeploymentLimitExceededException", begin(func(*deploy) {})},
		{"DeploymentIdRequiredException", failed(w.GetDeployment(ctx, &awscodedeploy.GetDeploymentInput{DeploymentId: none}))},
		{"InvalidDeploymentIdException", failed(w.GetDeployment(ctx, &awscodedeploy.GetDeploymentInput{DeploymentId: bad}))},
		{"DeploymentIdRequiredException", failed(w.BatchGetDeployments(ctx, &awscodedeploy.BatchGetDeploymentsInput{DeploymentIds: []string{}}))},
		{"BatchLimitExceededException", failed(w.BatchGetDeployments(ctx, &awscodedeploy.BatchGetDeploymentsInput{DeploymentIds: make([]string, 26)}))},
		{"InvalidDeploymentStatusException", deployments(list{IncludeOnlyStatuses: []types.DeploymentStatus{"Bored"}})},
		{"InvalidTimeRangeException", deployments(list{CreateTimeRange: &types.TimeRange{Start: aws.Time(start.Add(time.Hour)), End: aws.Time(start)}})},
		{"InvalidDeploymentGroupNameException", deployments(list{ApplicationName: shop, DeploymentGroupName: bad})},
		{"DeploymentGroupDoesNotExistException", deployments(list{ApplicationName: shop, DeploymentGroupName: gone})},
		{"ApplicationNameRequiredException", deployments(list{DeploymentGroupName: prod})},
		{"InvalidNextTokenException", deployments(list{NextToken: token})},
		{"InvalidDeploymentIdException", failed(w.StopDeployment(ctx, &awscodedeploy.StopDeploymentInput{DeploymentId: bad}))},
		{"DeploymentAlreadyCompletedException", failed(w.StopDeployment(ctx, &awscodedeploy.StopDeploymentInput{DeploymentId: &done}))},

		{"DeploymentIdRequiredException", goOn(nil, types.DeploymentWaitTypeReadyWait)},
		{"InvalidDeploymentWaitTypeException", goOn(&id, "BORED_WAIT")},
		{"DeploymentAlreadyCompletedException", goOn(&done, types.DeploymentWaitTypeReadyWait)},
		{"UnsupportedActionForDeploymentTypeException", goOn(&id, types.DeploymentWaitTypeReadyWait)},
		{"DeploymentDoesNotExistException", goOn(aws.String("d-000000000"), types.DeploymentWaitTypeReadyWait)},
		//lint:ignore SA1019 deprecated, and there
		{"UnsupportedActionForDeploymentTypeException", failed(w.SkipWaitTimeForInstanceTermination(ctx, &awscodedeploy.SkipWaitTimeForInstanceTerminationInput{DeploymentId: &id}))}, //nolint:staticcheck
		//lint:ignore SA1019 deprecated, and there
		{"InvalidComputePlatformException", failed(w.ListDeploymentInstances(ctx, &awscodedeploy.ListDeploymentInstancesInput{DeploymentId: &id}))}, //nolint:staticcheck
		//lint:ignore SA1019 deprecated, and there
		{"InvalidInstanceStatusException", failed(w.ListDeploymentInstances(ctx, &awscodedeploy.ListDeploymentInstancesInput{DeploymentId: &id, InstanceStatusFilter: []types.InstanceStatus{"Bored"}}))}, //nolint:staticcheck
		//lint:ignore SA1019 deprecated, and there
		{"InvalidInstanceTypeException", failed(w.ListDeploymentInstances(ctx, &awscodedeploy.ListDeploymentInstancesInput{DeploymentId: &id, InstanceTypeFilter: []types.InstanceType{"Red"}}))}, //nolint:staticcheck

		{"InvalidTargetFilterNameException", listTargets(targets{DeploymentId: &id, TargetFilters: map[string][]string{"Mood": {"Bored"}}})},
		{"InvalidInstanceStatusException", listTargets(targets{DeploymentId: &id, TargetFilters: map[string][]string{"TargetStatus": {"Bored"}}})},
		{"InvalidNextTokenException", listTargets(targets{DeploymentId: &id, NextToken: token})},
		{"DeploymentTargetIdRequiredException", target(&id, none)},
		{"InvalidDeploymentTargetIdException", target(&id, gone)},
		{"DeploymentTargetDoesNotExistException", target(&id, aws.String("checkout:gone"))},
		{"DeploymentIdRequiredException", target(none, aws.String("checkout:live"))},
		{"DeploymentTargetIdRequiredException", batchTargets([]string{}...)},
		{"DeploymentTargetListSizeExceededException", batchTargets(make([]string, 26)...)},

		{"DeploymentIdRequiredException", put(answer{Status: types.LifecycleEventStatusSucceeded})},
		{"InvalidLifecycleEventHookExecutionStatusException", put(answer{DeploymentId: &id, Status: "Bored"})},
		{"InvalidLifecycleEventHookExecutionStatusException", put(answer{DeploymentId: &id, Status: types.LifecycleEventStatusPending})},
		{"InvalidLifecycleEventHookExecutionIdException", put(answer{DeploymentId: &id, LifecycleEventHookExecutionId: gone, Status: types.LifecycleEventStatusSucceeded})},

		{"InvalidSortByException", revisions(func(in *listRevisions) { in.SortBy = "beauty" })},
		{"InvalidSortOrderException", revisions(func(in *listRevisions) { in.SortOrder = "sideways" })},
		{"InvalidDeployedStateFilterException", revisions(func(in *listRevisions) { in.Deployed = "perhaps" })},
		{"BucketNameFilterRequiredException", revisions(func(in *listRevisions) { in.S3KeyPrefix = gone })},
		{"InvalidBucketNameFilterException", revisions(func(in *listRevisions) { in.S3Bucket = bad })},
		{"InvalidKeyPrefixFilterException", revisions(func(in *listRevisions) { in.S3Bucket, in.S3KeyPrefix = gone, aws.String(strings.Repeat("k", 1025)) })},
		{"InvalidNextTokenException", revisions(func(in *listRevisions) { in.NextToken = token })},
		{"DescriptionTooLongException", register(content(spec("1", "2")), strings.Repeat("ä", 257))},
		{"InvalidRevisionException", register(&types.RevisionLocation{}, "")},
		{"RevisionRequiredException", failed(w.BatchGetApplicationRevisions(ctx, &awscodedeploy.BatchGetApplicationRevisionsInput{ApplicationName: shop, Revisions: []types.RevisionLocation{}}))},
		{"RevisionDoesNotExistException", failed(w.GetApplicationRevision(ctx, &awscodedeploy.GetApplicationRevisionInput{ApplicationName: shop, Revision: content(spec("7", "8"))}))},

		{"ResourceArnRequiredException", tag(none, types.Tag{Key: shop})},
		{"InvalidArnException", tag(bad, types.Tag{Key: shop})},
		{"ArnNotSupportedException", tag(arnOf("deploymentconfig:mine"), types.Tag{Key: shop})},
		{"TagRequiredException", tag(arnOf("application:shop"))},
		{"InvalidTagsToAddException", tag(arnOf("application:shop"), types.Tag{})},
		{"DeploymentGroupDoesNotExistException", tag(arnOf("deploymentgroup:shop/gone"), types.Tag{Key: shop})},
		{"TagRequiredException", untag(arnOf("application:shop"))},
		{"ApplicationDoesNotExistException", untag(arnOf("application:gone"), "x")},
		{"ResourceArnRequiredException", failed(w.ListTagsForResource(ctx, &awscodedeploy.ListTagsForResourceInput{ResourceArn: none}))},
	} {
		operation := "?"
		if op, ok := errors.AsType[*smithy.OperationError](c.err); ok {
			operation = op.OperationName
		}
		w.refused(c.err, c.code, "")
		if !model[operation][c.code] {
			t.Errorf("%s has no %s in its model", operation, c.code)
		}
	}
}

func TestThereAreOnlySoManyApplicationsGroupsAndConfigurations(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, c := range []struct {
		code string
		more int // besides those of the world
		make func(name *string) error
	}{
		{"DeploymentConfigLimitExceededException", 200, func(name *string) error {
			_, err := w.CreateDeploymentConfig(ctx, &awscodedeploy.CreateDeploymentConfigInput{
				DeploymentConfigName: name, ComputePlatform: types.ComputePlatformLambda, TrafficRoutingConfig: &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeAllAtOnce},
			})
			return err
		}},
		{"DeploymentGroupLimitExceededException", 999, func(name *string) error {
			_, err := w.CreateDeploymentGroup(ctx, &awscodedeploy.CreateDeploymentGroupInput{
				ApplicationName: aws.String("shop"), DeploymentGroupName: name, ServiceRoleArn: aws.String(role), DeploymentStyle: blueGreen(),
			})
			return err
		}},
		{"ApplicationLimitExceededException", 999, func(name *string) error {
			_, err := w.CreateApplication(ctx, &awscodedeploy.CreateApplicationInput{ApplicationName: name, ComputePlatform: types.ComputePlatformLambda})
			return err
		}},
	} {
		for i := range c.more {
			w.must(c.make(aws.String(fmt.Sprint("n", i))))
		}
		w.refused(c.make(aws.String("one-more")), c.code, "")
	}
}
