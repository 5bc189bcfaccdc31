package localcloud_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// needPython leaves a test out, saying so, where functions cannot be run.
func needPython(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: functions are processes, which a short run leaves out")
	}
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		t.Skipf("skipped: python3 with boto3 is not here (%v)", err)
	}
}

// The events of a release of the shop: of its function, and of its workflow.
const (
	checkoutBegin = `shop UPDATE_IN_PROGRESS: User Initiated
Checkout UPDATE_IN_PROGRESS
Checkout UPDATE_COMPLETE
CheckoutAliaslive UPDATE_IN_PROGRESS
`
	checkoutEnd = `CheckoutAliaslive UPDATE_COMPLETE
shop UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
shop UPDATE_COMPLETE
`
	checkoutBack = `CheckoutAliaslive UPDATE_FAILED: Resource handler returned message: "CodeDeploy deployment d-… ended as FAILURE" (RequestToken: …, HandlerErrorCode: NotStabilized)
shop UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to update: [CheckoutAliaslive].
CheckoutAliaslive UPDATE_IN_PROGRESS
CheckoutAliaslive UPDATE_COMPLETE
Checkout UPDATE_IN_PROGRESS
Checkout UPDATE_COMPLETE
shop UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
shop UPDATE_ROLLBACK_COMPLETE
`
	workflowBegin = `Workflow UPDATE_IN_PROGRESS
Workflow UPDATE_COMPLETE
WorkflowVersion UPDATE_IN_PROGRESS: Requested update requires the creation of a new physical resource; hence creating one.
WorkflowVersion UPDATE_IN_PROGRESS: Resource creation Initiated
WorkflowVersion UPDATE_COMPLETE
WorkflowAliaslive UPDATE_IN_PROGRESS
`
	workflowEnd = `WorkflowAliaslive UPDATE_COMPLETE
`
	workflowAlarmed = `WorkflowAliaslive UPDATE_FAILED: Resource handler returned message: "Aborting deployment. The following CloudWatch alarms are in an 'ALARM' state: [shop-Errors-…]." (RequestToken: …, HandlerErrorCode: NotStabilized)
`
	workflowBack = `WorkflowAliaslive UPDATE_IN_PROGRESS
WorkflowAliaslive UPDATE_COMPLETE
WorkflowVersion UPDATE_COMPLETE
Workflow UPDATE_IN_PROGRESS
Workflow UPDATE_COMPLETE
WorkflowVersion DELETE_IN_PROGRESS
WorkflowVersion DELETE_COMPLETE
`
	// SAM's versions stay when others take their place.
	workflowKept = `WorkflowVersion DELETE_SKIPPED
`
)

func TestAServerlessStackShiftsItsFunctionAndItsWorkflow(t *testing.T) {
	needPython(t)
	const (
		half = "1=90 2=10, 1=80 2=20 after 1m0s, 1=70 2=30 after 1m0s, 1=60 2=40 after 1m0s, 1=50 2=50 after 1m0s"
		rest = ", 1=40 2=60 after 1m0s, 1=30 2=70 after 1m0s, 1=20 2=80 after 1m0s, 1=10 2=90 after 1m0s, 2=100 after 1m0s"

		alarmed = "Stopped: One or more CloudWatch alarms were activated according to the Amazon CloudWatch metrics you selected, " +
			"and the affected deployments have been stopped. Activated alarms: shop-Errors-… (ALARM_ACTIVE)"
		refused = "Failed: The deployment failed because the function of its lifecycle event HOOK did not succeed: the function reported Failed (HOOK_EXECUTION_FAILURE)"

		complete, back = cfntypes.StackStatusUpdateComplete, cfntypes.StackStatusUpdateRollbackComplete
	)
	// failing is what happens to the function when its deployment fails.
	failing := func(why string) string { return checkoutBegin + strings.Replace(checkoutBack, "FAILURE", why, 1) }
	for _, release := range []struct {
		name       string
		changes    string               // what the release changes
		parameters []string             // what it changes beside
		alarm      string               // fires when the alias that it begins with is at the share that it ends with
		ends       cfntypes.StackStatus // as the stack does

		function, workflow   string // their shares
		functions, workflows string // their events
		deployments          []string
	}{
		{
			name: "to the end", changes: `"one"`, ends: complete,
			function: half + rest, functions: checkoutBegin + checkoutEnd,
			workflow: "1=80 2=20, 2=100 after 3m0s", workflows: workflowBegin + workflowEnd + workflowKept,
			deployments: []string{"Succeeded by CloudFormation"},
		},
		{
			name: "an alarm while the function moves", changes: `"one"`, alarm: "function 1=50 2=50", ends: back,
			function: half + ", 1=100 after 0s", functions: failing(alarmed),
			workflow: "1=80 2=20, 2=100 after 3m0s, 1=100 after …", workflows: workflowBegin + workflowEnd + workflowBack,
			deployments: []string{"Stopped by CloudFormation, ALARM_ACTIVE", "Succeeded by codeDeployRollback"},
		},
		{
			name: "an alarm while the workflow moves", changes: `Result: "one"`, alarm: "workflow 1=80 2=20", ends: back,
			function: "no change", workflow: "1=80 2=20, 1=100 after 0s", workflows: workflowBegin + workflowAlarmed + workflowBack,
		},
		{
			name: "a hook that fails before the traffic", changes: `return "one"`, parameters: []string{"BeforeSays=Failed"}, ends: back,
			function: "no change", functions: failing(strings.Replace(refused, "HOOK", "BeforeAllowTraffic", 1)), workflow: "no change",
			deployments: []string{"Failed by CloudFormation, HOOK_EXECUTION_FAILURE", "Succeeded by codeDeployRollback"},
		},
		{
			name: "a hook that fails after the traffic", changes: `return "one"`, parameters: []string{"AfterSays=Failed"}, ends: back,
			function: half + rest + ", 1=100 after …", functions: failing(strings.Replace(refused, "HOOK", "AfterAllowTraffic", 1)), workflow: "no change",
			deployments: []string{"Failed by CloudFormation, HOOK_EXECUTION_FAILURE", "Succeeded by codeDeployRollback"},
		},
	} {
		t.Run(release.name, func(t *testing.T) {
			t.Parallel()
			c := newStackCloud(t, true)
			c.atWork = c.hooksAtWork
			text := template(t, "shop.yaml")
			c.begin("shop", text)
			c.follow("shop", nil)
			c.is("shop", cfntypes.StackStatusCreateComplete)
			c.watch("function", c.functionRouting("shop-checkout", "live"))
			c.watch("workflow", c.machineRouting(c.resource("shop", "Workflow")+":live"))

			c.begin("shop", strings.ReplaceAll(text, release.changes, strings.Replace(release.changes, "one", "two", 1)), release.parameters...)
			if alias, share, fires := strings.Cut(release.alarm, " "); fires {
				c.follow("shop", c.at(alias, share))
				c.alarm(c.resource("shop", "Errors"), cwtypes.StateValueAlarm)
			}
			c.follow("shop", nil)
			c.is("shop", release.ends)
			c.wantShares("function", release.function)
			c.wantShares("workflow", release.workflow)
			if release.functions != "" {
				c.wantStory(release.functions, "shop", "shop", "Checkout", "CheckoutAliaslive")
			}
			c.wantStory(release.workflows, "shop", "Workflow", "WorkflowVersion", "WorkflowAliaslive")
			if got := c.deployments(); !slices.Equal(got, release.deployments) {
				t.Errorf("the deployments are %q, want %q", got, release.deployments)
			}
		})
	}
}
