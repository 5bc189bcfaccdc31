package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// A release of the shop is what happens to a stack of that template when the code
// of its function changes.
type shopRelease struct {
	stack      string
	preference string   // how its function is shifted
	parameters []string // that change with it
	alarm      bool     // fires when some of the traffic is on the new version
	code       int      // the AWS CLI's
	status     cfntypes.StackStatus
	shares     []string // nil: it comes back from where the alarm fired
	story      string   // of the stack and its function
	deployment string   // how CodeDeploy's ended, with its rollback's

	seen *shares
	wait func() (int, string)
}

// template is the shop's with the release's preference.
func (r *shopRelease) template(text string) string {
	return strings.Replace(text, "Type: Linear10PercentEvery1Minute", "Type: "+r.preference, 1)
}

func TestAServerlessTemplateThroughTheAWSCLI(t *testing.T) {
	t.Parallel()
	need(t, "aws", "--version")
	need(t, "python3", "-c", "import boto3")
	text, err := os.ReadFile("testdata/stacks/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	first := string(text)
	second := strings.Replace(first, `return "one"`, `return "two"`, 1)
	store := filepath.Join(t.TempDir(), "rollouts.db")
	c := startCloud(t, "--store", store, "--speed", "120") // the nine minutes of a release take less than five seconds

	const begin = `STACK UPDATE_IN_PROGRESS: User Initiated
Checkout UPDATE_IN_PROGRESS
Checkout UPDATE_COMPLETE
CheckoutAliaslive UPDATE_IN_PROGRESS
`
	const back = `CheckoutAliaslive UPDATE_FAILED: Resource handler returned message: "CodeDeploy deployment d-… ended as WHY" (RequestToken: …, HandlerErrorCode: NotStabilized)
STACK UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to update: [CheckoutAliaslive].
CheckoutAliaslive UPDATE_IN_PROGRESS
CheckoutAliaslive UPDATE_COMPLETE
Checkout UPDATE_IN_PROGRESS
Checkout UPDATE_COMPLETE
STACK UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
STACK UPDATE_ROLLBACK_COMPLETE
`
	releases := []*shopRelease{
		{
			stack: "good", preference: "Linear10PercentEvery1Minute", status: cfntypes.StackStatusUpdateComplete, shares: functionTens,
			story:      begin + "CheckoutAliaslive UPDATE_COMPLETE\nSTACK UPDATE_COMPLETE_CLEANUP_IN_PROGRESS\nSTACK UPDATE_COMPLETE\n",
			deployment: "Succeeded None CloudFormation",
		},
		{
			// Slowly, so that the alarm comes in time on a busy machine, too.
			stack: "alarmed", preference: "Linear10PercentEvery10Minutes", alarm: true, code: 255, status: cfntypes.StackStatusUpdateRollbackComplete,
			story: begin + strings.Replace(back, "WHY", "Stopped: One or more CloudWatch alarms were activated according to the Amazon CloudWatch metrics you selected, "+
				"and the affected deployments have been stopped. Activated alarms: alarmed-Errors-… (ALARM_ACTIVE)", 1),
			deployment: "Stopped ALARM_ACTIVE CloudFormation, then Succeeded None codeDeployRollback",
		},
		{
			stack: "refused", preference: "Linear10PercentEvery1Minute", parameters: []string{"BeforeSays=Failed"}, code: 255, status: cfntypes.StackStatusUpdateRollbackComplete, shares: []string{"1"},
			story: begin + strings.Replace(back, "WHY", "Failed: The deployment failed because the function of its lifecycle event BeforeAllowTraffic "+
				"did not succeed: the function reported Failed (HOOK_EXECUTION_FAILURE)", 1),
			deployment: "Failed HOOK_EXECUTION_FAILURE CloudFormation, then Succeeded None codeDeployRollback",
		},
	}
	for _, r := range releases {
		r.wait = c.deployStack(t, r.stack, r.template(first))
	}
	for _, r := range releases {
		if code, out := r.wait(); code != 0 {
			t.Fatalf("creating the stack %s: exit code %d\n%s\n%s", r.stack, code, out, c.story(t, r.stack))
		}
		r.seen = watch(t, func() string { return c.functionRouting(t, r.stack+"-checkout") })
		r.wait = c.deployStack(t, r.stack, r.template(second), r.parameters...)
	}
	for _, r := range releases {
		if r.alarm {
			eventually(t, "some traffic on version 2", func() bool { return strings.HasPrefix(c.functionRouting(t, r.stack+"-checkout"), "1 2=") })
			c.mustAWS(t, "cloudwatch", "set-alarm-state", "--alarm-name", c.stackResource(t, r.stack, "Errors"), "--state-value", "ALARM", "--state-reason", "a test says so")
		}
	}
	for _, r := range releases {
		if code, out := r.wait(); code != r.code {
			t.Errorf("the release of %s: exit code %d, want %d\n%s", r.stack, code, r.code, out)
		}
		c.stackIs(t, r.stack, r.status, strings.ReplaceAll(r.story, "STACK", r.stack), r.stack, "Checkout", "CheckoutAliaslive")
		if got := c.lastDeployment(t, c.stackResource(t, r.stack, "ServerlessDeploymentApplication"), c.stackResource(t, r.stack, "CheckoutDeploymentGroup")); got != r.deployment {
			t.Errorf("the deployment of %s is %s, want %s", r.stack, got, r.deployment)
		}
		if r.shares != nil {
			r.seen.were(t, r.shares...)
		} else {
			r.seen.returned(t, functionTens...)
		}
	}
	c.rose(t, store, "good-checkout:live", time.Minute, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
}

// lastDeployment tells how the deployments of a group ended, oldest first.
func (c *cloud) lastDeployment(t *testing.T, application, group string) string {
	t.Helper()
	list := c.mustAWS(t, "deploy", "list-deployments", "--application-name", application, "--deployment-group-name", group, "--query", "deployments", "--output", "text")
	story := ""
	for id := range strings.FieldsSeq(list) {
		text := strings.Join(strings.Fields(c.mustAWS(t, "deploy", "get-deployment", "--deployment-id", id,
			"--query", "deploymentInfo.[status,errorInformation.code,creator]", "--output", "text")), " ")
		if story != "" {
			text += ", then " + story // newest first
		}
		story = text
	}
	return story
}
