package resource_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
)

// A deployment is a function with two versions, an alias on the first, and a group
// of CodeDeploy for it.
type deployment struct {
	*shift
	lambda *lambda.Client
}

const function = `{"FunctionName":"checkout","Code":` + code + `,` + handler + `}`

func newDeployment(t *testing.T) *deployment {
	d := &deployment{shift: &shift{world: newWorld(t)}}
	d.lambda = lambda.NewFromConfig(d.cloud.AWSConfig())
	fn := d.create("AWS::Lambda::Function", "Fn", function)
	d.create("AWS::Lambda::Version", "One", `{"FunctionName":"checkout"}`)
	d.update(fn, strings.Replace(function, "return 1", "return 2", 1))
	d.create("AWS::Lambda::Version", "Two", `{"FunctionName":"checkout"}`)
	app := d.create("AWS::CodeDeploy::Application", "App", `{"ComputePlatform":"Lambda"}`)
	g := d.create("AWS::CodeDeploy::DeploymentGroup", "Group", `{"ApplicationName":"`+app.id+`","AlarmConfiguration":{"Enabled":true,"Alarms":[{"Name":"errors"}]},`+
		strings.Replace(group, "Linear10PercentEvery1Minute", "Canary10Percent5Minutes", 1)+`}`)
	d.alarm("errors", cwtypes.StateValueOk)
	d.alias = d.create("AWS::Lambda::Alias", "Live", d.on("1"))
	d.alias.policy = value(t, `{"CodeDeployLambdaAliasUpdate":{"ApplicationName":"`+app.id+`","DeploymentGroupName":"`+g.id+`"}}`)
	d.does = func() string {
		out, err := d.lambda.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: new("checkout"), Name: new("live")})
		if err != nil {
			t.Fatal(err)
		}
		text := *out.FunctionVersion
		if out.RoutingConfig != nil {
			for v, w := range out.RoutingConfig.AdditionalVersionWeights {
				text += fmt.Sprintf(" and %s at %g", v, w)
			}
		}
		return text
	}
	return d
}

func (d *deployment) on(version string) string {
	return `{"FunctionName":"checkout","FunctionVersion":"` + version + `","Name":"live"}`
}

func (d *deployment) to(version string) cloudformation.Request {
	return d.begin(cloudformation.Update, d.alias, value(d.T, d.on(version)))
}

func TestCodeDeployMovesAnAliasWithAnUpdatePolicy(t *testing.T) {
	d := newDeployment(t)
	if err := d.watch(d.to("2"), nil); err != nil {
		t.Fatal(err)
	}
	d.saw("0m 1", "0m 1 and 2 at 0.1", "5m 2")
}

func TestAnAliasWithoutAnUpdatePolicyMovesAtOnce(t *testing.T) {
	d := newDeployment(t)
	d.alias.policy = jsonvalue.Value{}
	if err := d.watch(d.to("2"), nil); err != nil {
		t.Fatal(err)
	}
	d.saw("0m 2")
}

func TestADeploymentThatAnAlarmStopsFailsTheAlias(t *testing.T) {
	d := newDeployment(t)
	err := d.watch(d.to("2"), func(after time.Duration, _ *cloudformation.Request) {
		if after > 2*time.Minute {
			d.alarm("errors", cwtypes.StateValueAlarm)
		}
	})
	d.fails(err, "NotStabilized", "CodeDeploy deployment d-")
	if !strings.Contains(fmt.Sprint(err), "(ALARM_ACTIVE)") {
		t.Errorf("got %v, want the code of CodeDeploy", err)
	}
	if got := d.does(); got != "1" {
		t.Errorf("the alias does %s after the failure, want 1", got)
	}
	back := d.to("1")
	back.Rollback, back.Previous = true, value(t, d.on("2"))
	if err := d.watch(back, nil); err != nil {
		t.Fatalf("rollback: %v", err)
	}
	if got := d.does(); got != "1" {
		t.Errorf("the alias does %s after the rollback, want 1", got)
	}
}

func TestARollbackAfterASuccessDeploysTheOldVersion(t *testing.T) {
	d := newDeployment(t)
	if err := d.watch(d.to("2"), nil); err != nil {
		t.Fatal(err)
	}
	d.seen = nil
	back := d.to("1")
	back.Rollback, back.Previous = true, value(t, d.on("2"))
	if err := d.watch(back, nil); err != nil {
		t.Fatal(err)
	}
	d.saw("0m 2", "0m 2 and 1 at 0.1", "5m 1")
}

func TestADeploymentIsBegunOnce(t *testing.T) {
	d := newDeployment(t)
	if _, err := d.carry(d.to("2")); err != nil { // every call twice
		t.Fatal(err)
	}
	if got := d.does(); got != "2" {
		t.Errorf("the alias does %s, want 2", got)
	}
}

func TestACancelledDeploymentOfAFunctionIsStopped(t *testing.T) {
	d := newDeployment(t)
	err := d.watch(d.to("2"), func(after time.Duration, q *cloudformation.Request) { q.Cancelled = after > time.Minute })
	d.fails(err, "InternalFailure", "Resource update cancelled")
	if got := d.does(); got != "1" {
		t.Errorf("the alias does %s, want 1", got)
	}
}
