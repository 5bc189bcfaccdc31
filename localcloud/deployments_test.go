package localcloud_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

const (
	appSpecYAML = `version: 0.0
Resources:
  - checkout:
      Type: AWS::Lambda::Function
      Properties: {Name: checkout, Alias: live, CurrentVersion: %q, TargetVersion: %q}
`
	appSpecJSON = `{"version": 0.0, "Resources": [{"checkout": {"Type": "AWS::Lambda::Function",
		"Properties": {"Name": "checkout", "Alias": "live", "CurrentVersion": %q, "TargetVersion": %q}}}]}`
)

// A deployer is CodeDeploy in a whole cloud, with a group for the function
// checkout.
type deployer struct {
	*stackCloud
	client *codedeploy.Client
}

func newDeployer(t *testing.T, group func(*codedeploy.CreateDeploymentGroupInput)) *deployer {
	t.Helper()
	d := &deployer{stackCloud: newStackCloud(t, false)}
	d.client = codedeploy.NewFromConfig(d.cloud.AWSConfig())
	d.furnish()
	_, err := d.client.CreateApplication(t.Context(), &codedeploy.CreateApplicationInput{ApplicationName: aws.String("shop"), ComputePlatform: types.ComputePlatformLambda})
	d.must(err)
	in := &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"), ServiceRoleArn: aws.String("arn:aws:iam::000000000000:role/deployer"),
		DeploymentConfigName: aws.String("CodeDeployDefault.LambdaCanary10Percent5Minutes"),
		DeploymentStyle:      &types.DeploymentStyle{DeploymentType: types.DeploymentTypeBlueGreen, DeploymentOption: types.DeploymentOptionWithTrafficControl},
		AlarmConfiguration:   &types.AlarmConfiguration{Enabled: true, Alarms: []types.Alarm{{Name: aws.String("checkout-errors")}}},
	}
	if group != nil {
		group(in)
	}
	_, err = d.client.CreateDeploymentGroup(t.Context(), in)
	d.must(err)
	return d
}

func (d *deployer) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// deploy starts a deployment; an empty configuration is the group's.
func (d *deployer) deploy(config, appSpec, from, to string) (id string) {
	d.t.Helper()
	d.forget()
	in := &codedeploy.CreateDeploymentInput{
		ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"),
		Revision: &types.RevisionLocation{
			RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{Content: aws.String(fmt.Sprintf(appSpec, from, to))},
		},
	}
	if config != "" {
		in.DeploymentConfigName = &config
	}
	out, err := d.client.CreateDeployment(d.t.Context(), in)
	d.must(err)
	return *out.DeploymentId
}

// rest lets time pass until no deployment is under way.
func (d *deployer) rest() {
	d.t.Helper()
	if !d.until(func() bool {
		out, err := d.client.ListDeployments(d.t.Context(), &codedeploy.ListDeploymentsInput{IncludeOnlyStatuses: []types.DeploymentStatus{
			types.DeploymentStatusCreated, types.DeploymentStatusQueued, types.DeploymentStatusInProgress,
		}})
		d.must(err)
		return len(out.Deployments) == 0
	}) {
		d.t.Fatalf("the deployments do not come to their end: %q", d.deployments())
	}
}

// wantDeployments checks how the last deployment ended, and its rollback.
func (d *deployer) wantDeployments(want ...string) {
	d.t.Helper()
	if got := d.deployments(); !slices.Equal(got, want) {
		d.t.Errorf("the deployments are %q, want %q", got, want)
	}
}

func TestEveryConfigurationOfCodeDeployShiftsAsItsNameSays(t *testing.T) {
	d := newDeployer(t, nil)
	for name, routing := range map[string]*types.TrafficRoutingConfig{
		"third":  {Type: types.TrafficRoutingTypeTimeBasedLinear, TimeBasedLinear: &types.TimeBasedLinear{LinearPercentage: 33, LinearInterval: 7}},
		"canary": {Type: types.TrafficRoutingTypeTimeBasedCanary, TimeBasedCanary: &types.TimeBasedCanary{CanaryPercentage: 1, CanaryInterval: 60}},
		"once":   {Type: types.TrafficRoutingTypeAllAtOnce},
	} {
		_, err := d.client.CreateDeploymentConfig(t.Context(), &codedeploy.CreateDeploymentConfigInput{
			DeploymentConfigName: &name, ComputePlatform: types.ComputePlatformLambda, TrafficRoutingConfig: routing,
		})
		d.must(err)
	}
	// linear are the shares of a step of ten percent, for which FROM gives TO.
	linear := func(every time.Duration) string {
		text := "FROM=90 TO=10"
		for percent := 20; percent < 100; percent += 10 {
			text += fmt.Sprintf(", FROM=%d TO=%d after %v", 100-percent, percent, every)
		}
		return text + fmt.Sprintf(", TO=100 after %v", every)
	}
	at := "1"
	for i, c := range []struct{ config, shares string }{
		{"CodeDeployDefault.LambdaAllAtOnce", "TO=100"},
		{"CodeDeployDefault.LambdaCanary10Percent5Minutes", "FROM=90 TO=10, TO=100 after 5m0s"},
		{"CodeDeployDefault.LambdaCanary10Percent10Minutes", "FROM=90 TO=10, TO=100 after 10m0s"},
		{"CodeDeployDefault.LambdaCanary10Percent15Minutes", "FROM=90 TO=10, TO=100 after 15m0s"},
		{"CodeDeployDefault.LambdaCanary10Percent30Minutes", "FROM=90 TO=10, TO=100 after 30m0s"},
		{"CodeDeployDefault.LambdaLinear10PercentEvery1Minute", linear(time.Minute)},
		{"CodeDeployDefault.LambdaLinear10PercentEvery2Minutes", linear(2 * time.Minute)},
		{"CodeDeployDefault.LambdaLinear10PercentEvery3Minutes", linear(3 * time.Minute)},
		{"CodeDeployDefault.LambdaLinear10PercentEvery10Minutes", linear(10 * time.Minute)},
		{"third", "FROM=67 TO=33, FROM=34 TO=66 after 7m0s, FROM=1 TO=99 after 7m0s, TO=100 after 7m0s"},
		{"canary", "FROM=99 TO=1, TO=100 after 1h0m0s"},
		{"once", "TO=100"},
	} {
		from, to, appSpec := at, "2", appSpecYAML
		if at == "2" {
			to = "1"
		}
		if i%2 == 1 {
			appSpec = appSpecJSON
		}
		d.deploy(c.config, appSpec, from, to)
		d.rest()
		t.Run(c.config, func(t *testing.T) {
			shares := namesOfVersions(c.shares, from, to)
			if got := d.shares("checkout"); got != shares {
				t.Errorf("the shares were\n%s\nwant\n%s", got, shares)
			}
			if got, want := d.deployments(), []string{"Succeeded by user"}; !slices.Equal(got, want) {
				t.Errorf("the deployments are %q, want %q", got, want)
			}
		})
		at = to
	}
}

func TestADeploymentThatIsStoppedEndsWhereTheGroupSays(t *testing.T) {
	alarm := func(d *deployer, _ string) { d.alarm("checkout-errors", cwtypes.StateValueAlarm) }
	stop := func(back *bool) func(*deployer, string) {
		return func(d *deployer, id string) {
			_, err := d.client.StopDeployment(d.t.Context(), &codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: back})
			d.must(err)
		}
	}
	for _, c := range []struct {
		name     string
		rollback []types.AutoRollbackEvent
		trouble  func(d *deployer, id string)
		shares   string
		ends     []string
	}{
		{
			"an alarm, with a rollback", []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentStopOnAlarm}, alarm,
			"1=90 2=10, 1=100 after 2m0s", []string{"Stopped by user, ALARM_ACTIVE", "Succeeded by codeDeployRollback"},
		},
		{
			"an alarm, with a rollback for requests only", []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentStopOnRequest}, alarm,
			"1=90 2=10", []string{"Stopped by user, ALARM_ACTIVE"},
		},
		{"an alarm", nil, alarm, "1=90 2=10", []string{"Stopped by user, ALARM_ACTIVE"}},
		{"a request", nil, stop(nil), "1=90 2=10", []string{"Stopped by user, MANUAL_STOP"}},
		{
			"a request for a rollback", nil, stop(aws.Bool(true)),
			"1=90 2=10, 1=100 after 2m0s", []string{"Stopped by user, MANUAL_STOP", "Succeeded by codeDeployRollback"},
		},
		{
			"a request, with a rollback", []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentStopOnRequest}, stop(nil),
			"1=90 2=10, 1=100 after 2m0s", []string{"Stopped by user, MANUAL_STOP", "Succeeded by codeDeployRollback"},
		},
		{
			"a request for none", []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentStopOnRequest}, stop(aws.Bool(false)),
			"1=90 2=10", []string{"Stopped by user, MANUAL_STOP"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDeployer(t, func(in *codedeploy.CreateDeploymentGroupInput) {
				if c.rollback != nil {
					in.AutoRollbackConfiguration = &types.AutoRollbackConfiguration{Enabled: true, Events: c.rollback}
				}
			})
			id := d.deploy("", appSpecYAML, "1", "2")
			d.until(func() bool { return d.clock.Now().Sub(d.began) > 2*time.Minute })
			c.trouble(d, id)
			d.rest()
			d.wantShares("checkout", c.shares)
			d.wantDeployments(c.ends...)
			if d.at("checkout", "1=100")() {
				return
			}
			// What is split is nobody's to deploy.
			d.alarm("checkout-errors", cwtypes.StateValueOk)
			d.deploy("", appSpecJSON, "1", "3")
			d.rest()
			d.wantShares("checkout", "no change")
			d.wantDeployments("Failed by user, INVALID_LAMBDA_CONFIGURATION")
		})
	}
}

// namesOfVersions puts versions in the place of FROM and TO; a share lists the
// smaller number first.
func namesOfVersions(shares, from, to string) string {
	if from > to {
		shares = pair.ReplaceAllString(shares, "TO=$2 FROM=$1")
	}
	return strings.NewReplacer("FROM", from, "TO", to).Replace(shares)
}

var pair = regexp.MustCompile(`FROM=(\d+) TO=(\d+)`)
