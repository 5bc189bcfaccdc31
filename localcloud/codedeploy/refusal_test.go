package codedeploy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

func TestAppSpecFilesThatAreWrongAreRefusedWithTheirPlace(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, text, want string }{
		{"neither", "\t{", "is neither YAML nor JSON"},
		{"empty", " ", "is empty"},
		{"a list", "- 1", "line 1: the file has to be a mapping"},
		{"no version", strings.ReplaceAll(spec("1", "2"), "version: 0.0", "versio: 0.0"), "has to say version: 0.0"},
		{"no resources", "version: 0.0\n", "has no resources"},
		{"two resources", strings.ReplaceAll(spec("1", "2"), "Resources:\n", "Resources:\n  - more: {}\n"), "exactly one resource"},
		{"another type", strings.ReplaceAll(spec("1", "2"), "Lambda::Function", "ECS::Service"), "has to be of type AWS::Lambda::Function"},
		{"no alias", strings.ReplaceAll(spec("1", "2"), "Alias: live", "Alia: live"), "line 6: the property Alias is missing"},
		{"not a version", spec("$LATEST", "2"), "is not the number of a version"},
		{"twice", strings.ReplaceAll(spec("1", "2"), "Alias: live", "Alias: live\n        alias: old"), "alias stands there twice"},
		{"unknown hook", spec("1", "2", "AfterInstall: x"), "have the hooks BeforeAllowTraffic and AfterAllowTraffic"},
		{"a YAML alias", "version: 0.0\nResources: &a [*a]\n", "AppSpec file"},
	} {
		_, err := w.CreateDeployment(t.Context(), &awscodedeploy.CreateDeploymentInput{
			ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"), Revision: content(c.text),
		})
		if err == nil {
			t.Errorf("%s: it was taken", c.name)
			continue
		}
		w.refused(err, "InvalidRevisionException", c.want)
	}
}

func TestRequestsThatAreWrongAreRefused(t *testing.T) {
	w := newWorld(t)
	ctx, shop, prod := t.Context(), aws.String("shop"), aws.String("prod")
	deploy := func(change func(*awscodedeploy.CreateDeploymentInput)) error {
		in := &awscodedeploy.CreateDeploymentInput{ApplicationName: shop, DeploymentGroupName: prod, Revision: content(spec("1", "2"))}
		change(in)
		_, err := w.CreateDeployment(ctx, in)
		return err
	}
	group := func(change func(*awscodedeploy.CreateDeploymentGroupInput)) error {
		in := &awscodedeploy.CreateDeploymentGroupInput{ApplicationName: shop, DeploymentGroupName: aws.String("new"), ServiceRoleArn: aws.String(role), DeploymentStyle: blueGreen()}
		change(in)
		_, err := w.CreateDeploymentGroup(ctx, in)
		return err
	}
	config := func(name string, r *types.TrafficRoutingConfig) error {
		_, err := w.CreateDeploymentConfig(ctx, &awscodedeploy.CreateDeploymentConfigInput{
			DeploymentConfigName: &name, ComputePlatform: types.ComputePlatformLambda, TrafficRoutingConfig: r,
		})
		return err
	}
	canary := func(percentage, minutes int32) *types.TrafficRoutingConfig {
		return &types.TrafficRoutingConfig{
			Type: types.TrafficRoutingTypeTimeBasedCanary, TimeBasedCanary: &types.TimeBasedCanary{CanaryPercentage: percentage, CanaryInterval: minutes},
		}
	}
	linear := func(percentage, minutes int32) *types.TrafficRoutingConfig {
		return &types.TrafficRoutingConfig{
			Type: types.TrafficRoutingTypeTimeBasedLinear, TimeBasedLinear: &types.TimeBasedLinear{LinearPercentage: percentage, LinearInterval: minutes},
		}
	}
	application := func(name string, platform types.ComputePlatform) error {
		_, err := w.CreateApplication(ctx, &awscodedeploy.CreateApplicationInput{ApplicationName: &name, ComputePlatform: platform})
		return err
	}
	many := make([]string, 11)
	for i := range many {
		many[i] = strings.Repeat("a", i+1)
	}
	for _, c := range []struct {
		name, code, text string
		err              error
	}{
		{"an application for servers", "InvalidComputePlatformException", "Lambda only", application("web", types.ComputePlatformServer)},
		{"an application of the default platform", "InvalidComputePlatformException", "computePlatform Lambda", application("web", "")},
		{"an application's name", "InvalidApplicationNameException", "a b", application("a b", types.ComputePlatformLambda)},
		{"an application twice", "ApplicationAlreadyExistsException", "shop", application("shop", types.ComputePlatformLambda)},

		{"a group's role", "InvalidRoleException", "role", group(func(in *awscodedeploy.CreateDeploymentGroupInput) { in.ServiceRoleArn = aws.String("me") })},
		{"a group twice", "DeploymentGroupAlreadyExistsException", "prod", group(func(in *awscodedeploy.CreateDeploymentGroupInput) { in.DeploymentGroupName = prod })},
		{"no style", "InvalidDeploymentStyleException", "BLUE_GREEN", group(func(in *awscodedeploy.CreateDeploymentGroupInput) { in.DeploymentStyle = nil })},
		{"no such config", "DeploymentConfigDoesNotExistException", "mine", group(func(in *awscodedeploy.CreateDeploymentGroupInput) { in.DeploymentConfigName = aws.String("mine") })},
		{"a config for servers", "InvalidDeploymentConfigNameException", "Server", group(func(in *awscodedeploy.CreateDeploymentGroupInput) {
			in.DeploymentConfigName = aws.String("CodeDeployDefault.AllAtOnce")
		})},
		{"instances", "InvalidInputException", "instances", group(func(in *awscodedeploy.CreateDeploymentGroupInput) { in.AutoScalingGroups = []string{"web"} })},
		{"no alarms", "InvalidAlarmConfigException", "empty", group(func(in *awscodedeploy.CreateDeploymentGroupInput) { in.AlarmConfiguration = alarms() })},
		{"an alarm twice", "InvalidAlarmConfigException", "same name", group(func(in *awscodedeploy.CreateDeploymentGroupInput) { in.AlarmConfiguration = alarms("a", "a") })},
		{"many alarms", "AlarmsLimitExceededException", "10", group(func(in *awscodedeploy.CreateDeploymentGroupInput) { in.AlarmConfiguration = alarms(many...) })},
		{"no events", "InvalidAutoRollbackConfigException", "no event types", group(func(in *awscodedeploy.CreateDeploymentGroupInput) { in.AutoRollbackConfiguration = rollback() })},
		{"a trigger to nowhere", "InvalidTriggerConfigException", "topic", group(func(in *awscodedeploy.CreateDeploymentGroupInput) {
			in.TriggerConfigurations = []types.TriggerConfig{{TriggerName: aws.String("t"), TriggerTargetArn: aws.String(role), TriggerEvents: []types.TriggerEventType{types.TriggerEventTypeDeploymentStart}}}
		})},

		{"a reserved name", "InvalidDeploymentConfigNameException", "must not begin with", config("CodeDeployDefault.Mine", canary(10, 5))},
		{"no steps", "InvalidTrafficRoutingConfigurationException", "no type", config("mine", nil)},
		{"0 %", "InvalidTrafficRoutingConfigurationException", "between 1 and 99", config("mine", canary(0, 5))},
		{"100 %", "InvalidTrafficRoutingConfigurationException", "between 1 and 99", config("mine", linear(100, 5))},
		{"no interval", "InvalidTrafficRoutingConfigurationException", "1 minute", config("mine", canary(10, 0))},
		{"too long", "InvalidTrafficRoutingConfigurationException", "2881 minutes", config("mine", canary(10, 2881))},
		{"too long in all", "InvalidTrafficRoutingConfigurationException", "2889 minutes", config("mine", linear(10, 321))},
		{"canary without its own", "InvalidTrafficRoutingConfigurationException", "its own", config("mine", &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeTimeBasedCanary, TimeBasedLinear: linear(10, 1).TimeBasedLinear})},

		{"no such application", "ApplicationDoesNotExistException", "No application found for name: web", deploy(func(in *awscodedeploy.CreateDeploymentInput) { in.ApplicationName = aws.String("web") })},
		{"no such group", "DeploymentGroupDoesNotExistException", "No Deployment Group found for name: dev", deploy(func(in *awscodedeploy.CreateDeploymentInput) { in.DeploymentGroupName = aws.String("dev") })},
		{"no group", "DeploymentGroupNameRequiredException", "", deploy(func(in *awscodedeploy.CreateDeploymentInput) { in.DeploymentGroupName = nil })},
		{"no revision", "RevisionRequiredException", "", deploy(func(in *awscodedeploy.CreateDeploymentInput) { in.Revision = nil })},
		{"another sum", "InvalidRevisionException", "SHA-256", deploy(func(in *awscodedeploy.CreateDeploymentInput) { in.Revision.AppSpecContent.Sha256 = aws.String("00") })},
		{"an unknown sum", "RevisionDoesNotExistException", "", deploy(func(in *awscodedeploy.CreateDeploymentInput) {
			in.Revision.AppSpecContent = &types.AppSpecContent{Sha256: aws.String("00")}
		})},
		{"a missing object", "InvalidRevisionException", "s3://b/k cannot be read", deploy(func(in *awscodedeploy.CreateDeploymentInput) {
			in.Revision = &types.RevisionLocation{S3Location: &types.S3Location{Bucket: aws.String("b"), Key: aws.String("k"), BundleType: types.BundleTypeYaml}}
		})},
		{"a zip file", "InvalidRevisionException", "YAML or JSON", deploy(func(in *awscodedeploy.CreateDeploymentInput) {
			in.Revision = &types.RevisionLocation{S3Location: &types.S3Location{Bucket: aws.String("b"), Key: aws.String("k"), BundleType: types.BundleTypeZip}}
		})},
		{"a long description", "DescriptionTooLongException", "256", deploy(func(in *awscodedeploy.CreateDeploymentInput) { in.Description = aws.String(strings.Repeat("a", 257)) })},
		{"target instances", "InvalidTargetInstancesException", "", deploy(func(in *awscodedeploy.CreateDeploymentInput) { in.TargetInstances = &types.TargetInstances{} })},
	} {
		if c.err == nil {
			t.Errorf("%s: it was taken", c.name)
			continue
		}
		w.refused(c.err, c.code, c.text)
	}
	_, err := w.GetDeployment(ctx, &awscodedeploy.GetDeploymentInput{DeploymentId: aws.String("d-000000000")})
	w.refused(err, "DeploymentDoesNotExistException", "d-000000000")
	_, err = w.ListDeployments(ctx, &awscodedeploy.ListDeploymentsInput{ApplicationName: shop})
	w.refused(err, "DeploymentGroupNameRequiredException", "")
}

func TestAGroupWithoutAConfigurationNeedsOneForEachDeployment(t *testing.T) {
	w := newWorld(t)
	w.group("bare", func(in *awscodedeploy.CreateDeploymentGroupInput) { in.DeploymentConfigName = nil })
	_, err := w.CreateDeployment(t.Context(), &awscodedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("bare"), Revision: content(spec("1", "2"))})
	w.refused(err, "InvalidDeploymentConfigNameException", "CodeDeployDefault.OneAtATime")
	id := w.deploy(spec("1", "2"), func(in *awscodedeploy.CreateDeploymentInput) {
		in.DeploymentGroupName, in.DeploymentConfigName = aws.String("bare"), aws.String("CodeDeployDefault.LambdaAllAtOnce")
	})
	w.pass(3 * time.Second)
	w.wantEnd(id, types.DeploymentStatusSucceeded, "")
}

func TestEveryPredefinedConfigurationIsThere(t *testing.T) {
	w := newWorld(t)
	list, err := w.ListDeploymentConfigs(t.Context(), &awscodedeploy.ListDeploymentConfigsInput{})
	w.must(err)
	for name, want := range map[string]string{
		"LambdaAllAtOnce": "AllAtOnce", "LambdaCanary10Percent5Minutes": "TimeBasedCanary 10 5", "LambdaCanary10Percent10Minutes": "TimeBasedCanary 10 10",
		"LambdaCanary10Percent15Minutes": "TimeBasedCanary 10 15", "LambdaCanary10Percent30Minutes": "TimeBasedCanary 10 30",
		"LambdaLinear10PercentEvery1Minute": "TimeBasedLinear 10 1", "LambdaLinear10PercentEvery2Minutes": "TimeBasedLinear 10 2",
		"LambdaLinear10PercentEvery3Minutes": "TimeBasedLinear 10 3", "LambdaLinear10PercentEvery10Minutes": "TimeBasedLinear 10 10",
	} {
		name = "CodeDeployDefault." + name
		if !slices.Contains(list.DeploymentConfigsList, name) {
			t.Errorf("%s is not listed", name)
		}
		out, err := w.GetDeploymentConfig(t.Context(), &awscodedeploy.GetDeploymentConfigInput{DeploymentConfigName: &name})
		w.must(err)
		if got := routingText(out.DeploymentConfigInfo.TrafficRoutingConfig); got != want || out.DeploymentConfigInfo.ComputePlatform != types.ComputePlatformLambda {
			t.Errorf("%s is %s for %s, want %s for Lambda", name, got, out.DeploymentConfigInfo.ComputePlatform, want)
		}
	}
	_, err = w.DeleteDeploymentConfig(t.Context(), &awscodedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: aws.String("CodeDeployDefault.LambdaAllAtOnce")})
	w.refused(err, "InvalidOperationException", "predefined")
}

func TestAConfigurationInUseIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	ctx, mine := t.Context(), aws.String("mine")
	_, err := w.CreateDeploymentConfig(ctx, &awscodedeploy.CreateDeploymentConfigInput{
		DeploymentConfigName: mine, ComputePlatform: types.ComputePlatformLambda,
		TrafficRoutingConfig: &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeTimeBasedCanary, TimeBasedCanary: &types.TimeBasedCanary{CanaryPercentage: 99, CanaryInterval: 2880}},
	})
	w.must(err)
	w.group("slow", func(in *awscodedeploy.CreateDeploymentGroupInput) { in.DeploymentConfigName = mine })
	_, err = w.DeleteDeploymentConfig(ctx, &awscodedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: mine})
	w.refused(err, "DeploymentConfigInUseException", "slow")
	_, err = w.DeleteDeploymentGroup(ctx, &awscodedeploy.DeleteDeploymentGroupInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("slow")})
	w.must(err)
	_, err = w.DeleteDeploymentConfig(ctx, &awscodedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: mine})
	w.must(err)
	_, err = w.GetDeploymentConfig(ctx, &awscodedeploy.GetDeploymentConfigInput{DeploymentConfigName: mine})
	w.refused(err, "DeploymentConfigDoesNotExistException", "No Deployment Configuration found for name: mine")
}

func TestApplicationsAndGroupsAreRenamedTaggedAndForgotten(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	id := w.deploy(spec("1", "2"))
	w.pass(6 * time.Minute)
	_, err := w.UpdateDeploymentGroup(ctx, &awscodedeploy.UpdateDeploymentGroupInput{
		ApplicationName: aws.String("shop"), CurrentDeploymentGroupName: aws.String("prod"), NewDeploymentGroupName: aws.String("live"),
		AlarmConfiguration: alarms("errors"),
	})
	w.must(err)
	_, err = w.UpdateApplication(ctx, &awscodedeploy.UpdateApplicationInput{ApplicationName: aws.String("shop"), NewApplicationName: aws.String("store")})
	w.must(err)
	arn := aws.String("arn:aws:codedeploy:" + region + ":" + account + ":deploymentgroup:store/live")
	_, err = w.TagResource(ctx, &awscodedeploy.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("till")}, {Key: aws.String("x"), Value: aws.String("y")}}})
	w.must(err)
	_, err = w.UntagResource(ctx, &awscodedeploy.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"x"}})
	w.must(err)

	w.open("local cloud of test@here pid 2")
	d := w.deployment(id)
	if *d.ApplicationName != "store" || *d.DeploymentGroupName != "live" {
		t.Errorf("the deployment is of %s in %s, want live in store", *d.DeploymentGroupName, *d.ApplicationName)
	}
	tags, err := w.ListTagsForResource(ctx, &awscodedeploy.ListTagsForResourceInput{ResourceArn: arn})
	w.must(err)
	if len(tags.Tags) != 1 || *tags.Tags[0].Key != "team" {
		t.Errorf("the tags are %+v, want team", tags.Tags)
	}
	groups, err := w.BatchGetDeploymentGroups(ctx, &awscodedeploy.BatchGetDeploymentGroupsInput{ApplicationName: aws.String("store"), DeploymentGroupNames: []string{"live", "gone"}})
	w.must(err)
	if len(groups.DeploymentGroupsInfo) != 1 || len(groups.DeploymentGroupsInfo[0].AlarmConfiguration.Alarms) != 1 || groups.ErrorMessage == nil {
		t.Errorf("the groups are %+v with the message %v, want one with an alarm, and a word about the other", groups.DeploymentGroupsInfo, groups.ErrorMessage)
	}
	for range 2 { // the second time there is nothing to delete, which is fine
		_, err = w.DeleteApplication(ctx, &awscodedeploy.DeleteApplicationInput{ApplicationName: aws.String("store")})
		w.must(err)
	}
	_, err = w.GetApplication(ctx, &awscodedeploy.GetApplicationInput{ApplicationName: aws.String("store")})
	w.refused(err, "ApplicationDoesNotExistException", "No application found for name: store")
	all, err := w.ListDeployments(ctx, &awscodedeploy.ListDeploymentsInput{IncludeOnlyStatuses: []types.DeploymentStatus{types.DeploymentStatusSucceeded}})
	w.must(err)
	if !slices.Equal(all.Deployments, []string{id}) {
		t.Errorf("the deployments are %v, want %s: they outlive their application", all.Deployments, id)
	}
}

func routingText(r *types.TrafficRoutingConfig) string {
	switch {
	case r.TimeBasedCanary != nil:
		return fmt.Sprintf("%s %d %d", r.Type, r.TimeBasedCanary.CanaryPercentage, r.TimeBasedCanary.CanaryInterval)
	case r.TimeBasedLinear != nil:
		return fmt.Sprintf("%s %d %d", r.Type, r.TimeBasedLinear.LinearPercentage, r.TimeBasedLinear.LinearInterval)
	default:
		return string(r.Type)
	}
}
