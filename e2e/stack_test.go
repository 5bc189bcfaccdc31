package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

func (c *cloud) stacks() *cloudformation.Client { return cloudformation.NewFromConfig(c.config()) }

// aws runs the AWS CLI against the cloud and returns how it ended and what it
// printed.
func (c *cloud) aws(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	cmd := exec.Command("aws", args...)
	cmd.Env = environment(t, c.endpoint)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// mustAWS is aws for what has to go well.
func (c *cloud) mustAWS(t *testing.T, args ...string) string {
	t.Helper()
	code, out := c.aws(t, args...)
	if code != 0 {
		t.Fatalf("aws %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// deployStack begins to deploy a template with `aws cloudformation deploy`. The
// CLI looks at once and then every 30 s; what follows does not wait for it.
func (c *cloud) deployStack(t *testing.T, name, template, greeting string) (wait func() (code int, out string)) {
	t.Helper()
	path := file(t, t.TempDir(), "template.yaml", []byte(template))
	cmd := exec.Command("aws", "cloudformation", "deploy", "--stack-name", name, "--template-file", path, "--capabilities", "CAPABILITY_IAM",
		"--parameter-overrides", "Greeting="+greeting) // else the CLI keeps the value that the stack has
	cmd.Env = environment(t, c.endpoint)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() (int, string) {
		_ = cmd.Wait() // the exit code says it
		return cmd.ProcessState.ExitCode(), out.String()
	}
}

func (c *cloud) stackStatus(t *testing.T, name string) cfntypes.StackStatus {
	t.Helper()
	out, err := c.stacks().DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return ""
	}
	return out.Stacks[0].StackStatus
}

// stackEvents tells a stack's newest events, oldest of them first.
func (c *cloud) stackEvents(t *testing.T, name string) string {
	t.Helper()
	out, err := c.stacks().DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		t.Fatal(err)
	}
	story := ""
	for _, e := range out.StackEvents {
		story = fmt.Sprintf("%s %s %s\n", *e.LogicalResourceId, e.ResourceStatus, aws.ToString(e.ResourceStatusReason)) + story
	}
	return story
}

func (c *cloud) stackResource(t *testing.T, name, id string) string {
	t.Helper()
	out, err := c.stacks().DescribeStackResource(t.Context(), &cloudformation.DescribeStackResourceInput{StackName: &name, LogicalResourceId: &id})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.StackResourceDetail.PhysicalResourceId)
}

func (c *cloud) setAlarm(t *testing.T, name string, state cwtypes.StateValue) {
	t.Helper()
	if _, err := c.cloudwatch().SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{
		AlarmName: &name, StateValue: state, StateReason: aws.String("a test says so"),
	}); err != nil {
		t.Fatal(err)
	}
}

// ordersTemplate is the template of a state machine with two versions; with one,
// it has only the first of them.
func ordersTemplate(t *testing.T, versions int) string {
	t.Helper()
	text, err := os.ReadFile("testdata/stacks/orders.yaml")
	if err != nil {
		t.Fatal(err)
	}
	template := string(text)
	switch versions {
	case 1:
		from, to := strings.Index(template, "  VersionB:\n"), strings.Index(template, "  Prod:\n")
		return strings.ReplaceAll(template[:from]+template[to:], "!Ref VersionB", "!Ref VersionA")
	case 3:
		return strings.NewReplacer("VersionB", "VersionC", "the second", "the third").Replace(template)
	}
	return template
}

func TestATemplateWithADeploymentPreferenceThroughTheAWSCLI(t *testing.T) {
	t.Parallel()
	need(t, "aws", "--version")
	c := startCloud(t, "--speed", "600") // ten of the template's minutes take a second
	code, out := c.deployStack(t, "orders", ordersTemplate(t, 1), "good morning")()
	if code != 0 || !strings.Contains(out, "Successfully created/updated stack - orders") {
		t.Fatalf("creating the stack: exit code %d\n%s", code, out)
	}
	alias := c.stackResource(t, "orders", "Prod")
	code, out = c.deployStack(t, "orders", ordersTemplate(t, 1), "good morning")()
	if !strings.Contains(out, "No changes to deploy") {
		t.Errorf("nothing to change: exit code %d\n%s", code, out)
	}

	wait := c.deployStack(t, "orders", ordersTemplate(t, 2), "good evening")
	seen := map[string]bool{}
	eventually(t, "all traffic on version 2", func() bool {
		now := c.routing(t, alias)
		seen[now] = true
		return now == "2=100"
	})
	if len(seen) < 5 {
		t.Errorf("the alias's shares were %v, want about ten of them", seen)
	}
	if code, out := wait(); code != 0 {
		t.Fatalf("the update: exit code %d\n%s\n%s", code, out, c.stackEvents(t, "orders"))
	}

	wait = c.deployStack(t, "orders", ordersTemplate(t, 3), "good night")
	eventually(t, "some traffic on version 3", func() bool { return strings.Contains(c.routing(t, alias), "3=") })
	c.setAlarm(t, c.stackResource(t, "orders", "FailedAlarm"), cwtypes.StateValueAlarm)
	if code, out := wait(); code != 255 {
		t.Errorf("an update that an alarm takes back: exit code %d, want 255\n%s", code, out)
	}
	if got := c.stackStatus(t, "orders"); got != cfntypes.StackStatusUpdateRollbackComplete || c.routing(t, alias) != "2=100" {
		t.Errorf("the stack is %s with the routing %q, want %s with 2=100\n%s",
			got, c.routing(t, alias), cfntypes.StackStatusUpdateRollbackComplete, c.stackEvents(t, "orders"))
	}
	if story := c.stackEvents(t, "orders"); !strings.Contains(story, "CloudWatch alarms are in an 'ALARM' state") ||
		!strings.Contains(story, "orders UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [Prod].") {
		t.Errorf("the events do not tell why:\n%s", story)
	}
}

func TestAPackagedWorkflowOfFunctionsReleasesAnotherFunction(t *testing.T) {
	t.Parallel()
	need(t, "aws", "--version")
	need(t, "python3", "-c", "import boto3")
	c := startCloud(t)
	c.mustAWS(t, "s3", "mb", "s3://artifacts")
	packaged := filepath.Join(t.TempDir(), "packaged.yaml")
	c.mustAWS(t, "cloudformation", "package", "--template-file", "testdata/stacks/deployer/template.yaml",
		"--s3-bucket", "artifacts", "--s3-prefix", "deployer", "--output-template-file", packaged)
	c.mustAWS(t, "cloudformation", "deploy", "--template-file", packaged, "--stack-name", "deployer", "--s3-bucket", "artifacts", "--capabilities", "CAPABILITY_IAM")

	ctx := t.Context()
	c.createFunction(t, "checkout")
	if _, err := c.cloudwatch().PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("checkout-errors"), Namespace: aws.String("Shop"), MetricName: aws.String("Errors"), Statistic: cwtypes.StatisticSum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0),
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("ignore"),
	}); err != nil {
		t.Fatal(err)
	}
	machine := c.stackResource(t, "deployer", "Release")
	for _, release := range []struct {
		version string
		alarm   cwtypes.StateValue
		ends    sfntypes.ExecutionStatus
		routing string
	}{
		{"2", cwtypes.StateValueOk, sfntypes.ExecutionStatusSucceeded, "2"},
		{"3", cwtypes.StateValueAlarm, sfntypes.ExecutionStatusFailed, "2"},
	} {
		if _, err := c.lambda().UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
			FunctionName: aws.String("checkout"), ZipFile: archive(t, fmt.Sprintf(goodCode, "version "+release.version)), Publish: true,
		}); err != nil {
			t.Fatal(err)
		}
		c.awaitFunction(t, "checkout")
		run, err := c.sfn().StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Input: aws.String(fmt.Sprintf(
			`{"release": {"function": "checkout", "alias": "live", "version": %q, "steps": 3, "interval": 1, "alarm": "checkout-errors"}}`, release.version))})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "some traffic on version "+release.version, func() bool {
			return strings.Contains(c.functionRouting(t, "checkout"), release.version+"=0.33")
		})
		c.setAlarm(t, "checkout-errors", release.alarm)
		var end *sfn.DescribeExecutionOutput
		eventually(t, "the workflow's end", func() bool {
			end, err = c.sfn().DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: run.ExecutionArn})
			return err != nil || end.Status != sfntypes.ExecutionStatusRunning
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.functionRouting(t, "checkout"); end.Status != release.ends || got != release.routing {
			t.Errorf("version %s: the workflow is %s (%s) and the alias at %q, want %s and %q",
				release.version, end.Status, aws.ToString(end.Cause), got, release.ends, release.routing)
		}
	}
}

func TestAStackWhoseCloudIsKilledComesToItsEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, alarm := range []cwtypes.StateValue{cwtypes.StateValueOk, cwtypes.StateValueAlarm} {
		t.Run(string(alarm), func(t *testing.T) {
			data, store := filepath.Join(dir, string(alarm)), filepath.Join(dir, string(alarm)+".db")
			c := startCloud(t, "--data", data, "--store", store, "--speed", "120")
			c.changeStack(t, cfntypes.ChangeSetTypeCreate, ordersTemplate(t, 1), "good morning")
			eventually(t, "the stack is there", func() bool { return c.stackStatus(t, "orders") == cfntypes.StackStatusCreateComplete })
			alias := c.stackResource(t, "orders", "Prod")
			c.changeStack(t, cfntypes.ChangeSetTypeUpdate, ordersTemplate(t, 2), "good evening")
			eventually(t, "some traffic on version 2", func() bool { return strings.Contains(c.routing(t, alias), "2=20") })
			c.kill()

			c = startCloud(t, "--data", data, "--store", store, "--speed", "600")
			if got := c.stackStatus(t, "orders"); got != cfntypes.StackStatusUpdateInProgress {
				t.Errorf("after the kill the stack is %s, want %s", got, cfntypes.StackStatusUpdateInProgress)
			}
			c.setAlarm(t, c.stackResource(t, "orders", "FailedAlarm"), alarm)
			want, routing := cfntypes.StackStatusUpdateComplete, "2=100"
			if alarm == cwtypes.StateValueAlarm {
				want, routing = cfntypes.StackStatusUpdateRollbackComplete, "1=100"
			}
			eventually(t, "the stack's end", func() bool { return !strings.HasSuffix(string(c.stackStatus(t, "orders")), "_IN_PROGRESS") })
			if got := c.stackStatus(t, "orders"); got != want || c.routing(t, alias) != routing {
				t.Errorf("the stack is %s and the alias at %s, want %s and %s\n%s", got, c.routing(t, alias), want, routing, c.stackEvents(t, "orders"))
			}
		})
	}
}

// changeStack makes and executes a change set of the stack orders.
func (c *cloud) changeStack(t *testing.T, kind cfntypes.ChangeSetType, template, greeting string) {
	t.Helper()
	set, err := c.stacks().CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
		StackName: aws.String("orders"), ChangeSetName: aws.String("next"), ChangeSetType: kind, TemplateBody: &template,
		Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam},
		Parameters:   []cfntypes.Parameter{{ParameterKey: aws.String("Greeting"), ParameterValue: &greeting}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.stacks().ExecuteChangeSet(t.Context(), &cloudformation.ExecuteChangeSetInput{ChangeSetName: set.Id}); err != nil {
		t.Fatal(err)
	}
}
