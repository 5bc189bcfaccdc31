package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/crossfade-dev/crossfade/internal/stacktest"
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

// capabilities are what the templates of these tests ask for.
var capabilities = []cfntypes.Capability{cfntypes.CapabilityCapabilityIam, cfntypes.CapabilityCapabilityAutoExpand}

// deployStack begins to deploy a template with `aws cloudformation deploy`. The
// CLI looks at once and then every 30 s; what follows does not wait for it. A
// parameter that is not given keeps the value that the stack has.
func (c *cloud) deployStack(t *testing.T, name, template string, parameters ...string) (wait func() (code int, out string)) {
	t.Helper()
	args := []string{
		"cloudformation", "deploy", "--stack-name", name, "--template-file", file(t, t.TempDir(), "template.yaml", []byte(template)),
		"--capabilities", string(capabilities[0]), string(capabilities[1]),
	}
	if len(parameters) > 0 {
		args = append(append(args, "--parameter-overrides"), parameters...)
	}
	cmd := exec.Command("aws", args...)
	cmd.Env = environment(t, c.endpoint)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() (int, string) {
		_ = cmd.Wait() // the exit code says it
		code, said := cmd.ProcessState.ExitCode(), out.String()
		for code != 0 && strings.Contains(said, "AlreadyExistsException") && strings.Contains(said, "awscli-cloudformation-package-deploy-") {
			// The CLI names a change set by the second, and here two deploys fit into one.
			code, said = c.aws(t, args...)
		}
		return code, said
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

// story tells a stack's events of its newest operation, see [stacktest.Story].
func (c *cloud) story(t *testing.T, name string, of ...string) string {
	t.Helper()
	story, err := stacktest.Story(t.Context(), c.stacks(), name, of...)
	if err != nil {
		t.Fatal(err)
	}
	return story
}

// stackIs checks how a stack ended and what it went through.
func (c *cloud) stackIs(t *testing.T, name string, status cfntypes.StackStatus, story string, of ...string) {
	t.Helper()
	if got := c.stackStatus(t, name); got != status {
		t.Errorf("the stack %s is %s, want %s", name, got, status)
	}
	if got := c.story(t, name, of...); got != story {
		t.Errorf("the events of %s tell\n%s\nwant\n%s", name, got, story)
	}
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

// The shares of a function's alias when tens of percent go to version 2, and the
// same for a state machine's.
var (
	functionTens = []string{"1", "1 2=0.1", "1 2=0.2", "1 2=0.3", "1 2=0.4", "1 2=0.5", "1 2=0.6", "1 2=0.7", "1 2=0.8", "1 2=0.9", "2"}
	machineTens  = []string{
		"1=100", "1=90 2=10", "1=80 2=20", "1=70 2=30", "1=60 2=40", "1=50 2=50", "1=40 2=60", "1=30 2=70", "1=20 2=80", "1=10 2=90", "2=100",
	}
)

func TestATemplateWithADeploymentPreferenceThroughTheAWSCLI(t *testing.T) {
	t.Parallel()
	need(t, "aws", "--version")
	store := filepath.Join(t.TempDir(), "rollouts.db")
	c := startCloud(t, "--store", store, "--speed", "600") // ten of the template's minutes take a second
	code, out := c.deployStack(t, "orders", ordersTemplate(t, 1))()
	if code != 0 || !strings.Contains(out, "Successfully created/updated stack - orders") {
		t.Fatalf("creating the stack: exit code %d\n%s", code, out)
	}
	alias := c.stackResource(t, "orders", "Prod")
	code, out = c.deployStack(t, "orders", ordersTemplate(t, 1))()
	if !strings.Contains(out, "No changes to deploy") {
		t.Errorf("nothing to change: exit code %d\n%s", code, out)
	}

	routing := func() string { return c.routing(t, alias) }
	shares := watch(t, routing)
	code, out = c.deployStack(t, "orders", ordersTemplate(t, 2), "Greeting=good evening")()
	if code != 0 {
		t.Fatalf("the update: exit code %d\n%s\n%s", code, out, c.story(t, "orders"))
	}
	shares.were(t, machineTens...)
	c.rose(t, store, "orders:PROD", 5*time.Minute, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
	c.stackIs(t, "orders", cfntypes.StackStatusUpdateComplete, `orders UPDATE_IN_PROGRESS: User Initiated
Orders UPDATE_IN_PROGRESS
Orders UPDATE_COMPLETE
VersionB CREATE_IN_PROGRESS
VersionB CREATE_IN_PROGRESS: Resource creation Initiated
VersionB CREATE_COMPLETE
Prod UPDATE_IN_PROGRESS
Prod UPDATE_COMPLETE
orders UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
orders UPDATE_COMPLETE
`)

	shares = watch(t, routing)
	// Slowly, so that the alarm comes in time on a busy machine, too.
	slow := strings.Replace(ordersTemplate(t, 3), "        Interval: 5\n", "        Interval: 60\n", 1)
	wait := c.deployStack(t, "orders", slow, "Greeting=good night")
	eventually(t, "some traffic on version 3", func() bool { return strings.Contains(c.routing(t, alias), " 3=") })
	c.mustAWS(t, "cloudwatch", "set-alarm-state", "--alarm-name", c.stackResource(t, "orders", "FailedAlarm"), "--state-value", "ALARM", "--state-reason", "a test says so")
	if code, out := wait(); code != 255 || !strings.Contains(out, "Failed to create/update the stack") {
		t.Errorf("an update that an alarm takes back: exit code %d, want 255\n%s", code, out)
	}
	shares.returned(t, "2=100", "2=90 3=10", "2=80 3=20", "2=70 3=30", "2=60 3=40", "2=50 3=50", "2=40 3=60", "2=30 3=70", "2=20 3=80", "2=10 3=90")
	c.stackIs(t, "orders", cfntypes.StackStatusUpdateRollbackComplete, `orders UPDATE_IN_PROGRESS: User Initiated
Orders UPDATE_IN_PROGRESS
Orders UPDATE_COMPLETE
VersionC CREATE_IN_PROGRESS
VersionC CREATE_IN_PROGRESS: Resource creation Initiated
VersionC CREATE_COMPLETE
Prod UPDATE_IN_PROGRESS
Prod UPDATE_FAILED: Resource handler returned message: "Aborting deployment. The following CloudWatch alarms are in an 'ALARM' state: [orders-FailedAlarm-…]." (RequestToken: …, HandlerErrorCode: NotStabilized)
orders UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to update: [Prod].
Prod UPDATE_IN_PROGRESS
Prod UPDATE_COMPLETE
Orders UPDATE_IN_PROGRESS
Orders UPDATE_COMPLETE
orders UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
VersionC DELETE_IN_PROGRESS
VersionC DELETE_COMPLETE
orders UPDATE_ROLLBACK_COMPLETE
`)
}

func TestATemplateThatMovesAllAtOnceThroughTheAWSCLI(t *testing.T) {
	t.Parallel()
	need(t, "aws", "--version")
	c := startCloud(t, "--speed", "120")
	// An alias that takes its time comes after it, and takes it back when it fails.
	release := func(versions int, version, minutes string) string {
		return strings.Replace(ordersTemplate(t, versions), "        Type: LINEAR\n        Percentage: 10\n        Interval: 5\n", "        Type: ALL_AT_ONCE\n", 1) +
			"  Slow: {Type: AWS::StepFunctions::StateMachineAlias, DependsOn: Prod, Properties: {Name: SLOW, DeploymentPreference: {" +
			"StateMachineVersionArn: !Ref " + version + ", Type: CANARY, Percentage: 10, Interval: " + minutes + ", Alarms: [!Ref FailedAlarm]}}}\n"
	}
	if code, out := c.deployStack(t, "orders", release(1, "VersionA", "5"))(); code != 0 {
		t.Fatalf("creating the stack: exit code %d\n%s", code, out)
	}
	alias, slow := c.stackResource(t, "orders", "Prod"), c.stackResource(t, "orders", "Slow")
	shares := watch(t, func() string { return c.routing(t, alias) })
	if code, out := c.deployStack(t, "orders", release(2, "VersionB", "5"), "Greeting=good evening")(); code != 0 {
		t.Fatalf("the update: exit code %d\n%s\n%s", code, out, c.story(t, "orders"))
	}
	if got, want := shares.stop(), []string{"1=100", "2=100"}; !slices.Equal(got, want) {
		t.Errorf("the shares were %q, want %q", got, want)
	}

	shares = watch(t, func() string { return c.routing(t, alias) })
	wait := c.deployStack(t, "orders", release(3, "VersionC", "60"), "Greeting=good night")
	eventually(t, "the slow alias", func() bool { return c.routing(t, slow) == "2=90 3=10" })
	c.setAlarm(t, c.stackResource(t, "orders", "FailedAlarm"), cwtypes.StateValueAlarm)
	if code, out := wait(); code != 255 {
		t.Errorf("an update that is taken back: exit code %d, want 255\n%s", code, out)
	}
	if got, want := shares.stop(), []string{"2=100", "3=100", "2=100"}; !slices.Equal(got, want) {
		t.Errorf("the shares were %q, want %q", got, want)
	}
	if got := c.stackStatus(t, "orders"); got != cfntypes.StackStatusUpdateRollbackComplete {
		t.Errorf("the stack is %s, want %s", got, cfntypes.StackStatusUpdateRollbackComplete)
	}
}

func TestAStackWhoseCloudIsKilledComesToItsEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// What an alarm takes back goes on so slowly that the alarm comes in time on a
	// busy machine, too.
	for alarm, speed := range map[cwtypes.StateValue]string{cwtypes.StateValueOk: "600", cwtypes.StateValueAlarm: "60"} {
		t.Run(string(alarm), func(t *testing.T) {
			data, store := filepath.Join(dir, string(alarm)), filepath.Join(dir, string(alarm)+".db")
			c := startCloud(t, "--data", data, "--store", store, "--speed", "120")
			c.changeStack(t, "orders", cfntypes.ChangeSetTypeCreate, ordersTemplate(t, 1), "good morning")
			eventually(t, "the stack is there", func() bool { return c.stackStatus(t, "orders") == cfntypes.StackStatusCreateComplete })
			alias := c.stackResource(t, "orders", "Prod")
			c.changeStack(t, "orders", cfntypes.ChangeSetTypeUpdate, ordersTemplate(t, 2), "good evening")
			eventually(t, "some traffic on version 2", func() bool { return strings.Contains(c.routing(t, alias), " 2=") })
			c.kill()

			c = startCloud(t, "--data", data, "--store", store, "--speed", speed)
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
				t.Errorf("the stack is %s and the alias at %s, want %s and %s\n%s", got, c.routing(t, alias), want, routing, c.story(t, "orders"))
			}
		})
	}
}

// changeStack makes and executes a change set of a stack.
func (c *cloud) changeStack(t *testing.T, stack string, kind cfntypes.ChangeSetType, template, greeting string) {
	t.Helper()
	set, err := c.stacks().CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
		StackName: &stack, ChangeSetName: aws.String("next"), ChangeSetType: kind, TemplateBody: &template,
		Capabilities: capabilities,
		Parameters:   []cfntypes.Parameter{{ParameterKey: aws.String("Greeting"), ParameterValue: &greeting}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.stacks().ExecuteChangeSet(t.Context(), &cloudformation.ExecuteChangeSetInput{ChangeSetName: set.Id}); err != nil {
		t.Fatal(err)
	}
}
