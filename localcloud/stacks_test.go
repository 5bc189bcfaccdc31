package localcloud_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// The example of AWS's guide has two versions of one revision.
func TestAStackWithTwoVersionsOfOneRevisionIsDeployedAtOnce(t *testing.T) {
	c := newStackCloud(t, false)
	both := template(t, "orders.yaml")
	c.begin("orders", both)
	c.is("orders", cfntypes.StackStatusCreateComplete)
	if a, b := c.resource("orders", "VersionA"), c.resource("orders", "VersionB"); a != b {
		t.Errorf("the versions are %s and %s, want one", a, b)
	}
	c.watch("Prod", c.machineRouting(c.resource("orders", "Prod")))
	third := strings.NewReplacer("VersionB", "VersionC", "the second", "the third").Replace(both)
	c.begin("orders", third, "Greeting=good night")
	c.follow("orders", nil)
	c.is("orders", cfntypes.StackStatusUpdateComplete)
	if !c.at("Prod", "2=100")() {
		t.Errorf("the shares were %s, want 2=100 at the end", c.shares("Prod"))
	}
	if got, want := c.machineVersions(c.resource("orders", "Orders")), "2 1"; got != want {
		t.Errorf("there are the versions %s, want %s: one of the two resources that are version 1 is still there", got, want)
	}
	if _, err := c.stacks.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("orders")}); err != nil {
		t.Fatal(err)
	}
	c.pass(time.Minute)
	out, err := c.stacks.ListStacks(t.Context(), &cloudformation.ListStacksInput{})
	if err != nil || out.StackSummaries[0].StackStatus != cfntypes.StackStatusDeleteComplete {
		t.Errorf("the stack was not deleted: %v, %+v", err, out)
	}
}

// ordersReleases are the template of a state machine's alias with a preference,
// and two releases after it: a version of its own each.
func ordersReleases(t *testing.T, preference string) (first, second, third string) {
	t.Helper()
	second = strings.Replace(template(t, "orders.yaml"), "        Type: LINEAR\n        Percentage: 10\n        Interval: 5\n", preference, 1)
	first = strings.ReplaceAll(cut(t, second, "VersionB"), "!Ref VersionB", "!Ref VersionA")
	third = strings.NewReplacer("VersionB", "VersionC", "the second", "the third").Replace(second)
	return first, second, third
}

// The events of a release of a state machine, before and after its alias moves.
const (
	ordersBegin = `orders UPDATE_IN_PROGRESS: User Initiated
Orders UPDATE_IN_PROGRESS
Orders UPDATE_COMPLETE
VERSION CREATE_IN_PROGRESS
VERSION CREATE_IN_PROGRESS: Resource creation Initiated
VERSION CREATE_COMPLETE
Prod UPDATE_IN_PROGRESS
`
	ordersEnd = `Prod UPDATE_COMPLETE
orders UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
orders UPDATE_COMPLETE
`
	ordersBack = `Prod UPDATE_IN_PROGRESS
Prod UPDATE_COMPLETE
Orders UPDATE_IN_PROGRESS
Orders UPDATE_COMPLETE
orders UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
VERSION DELETE_IN_PROGRESS
VERSION DELETE_COMPLETE
orders UPDATE_ROLLBACK_COMPLETE
`
)

func TestAStackMovesAStateMachinesAliasInTheTemplatesSteps(t *testing.T) {
	const (
		alarmed = `Prod UPDATE_FAILED: Resource handler returned message: "Aborting deployment. The following CloudWatch alarms are in an 'ALARM' state: [orders-FailedAlarm-…]." (RequestToken: …, HandlerErrorCode: NotStabilized)
orders UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to update: [Prod].
`
		// It knows no alarms, and goes back with the stack.
		queued = `Prod UPDATE_COMPLETE
Queue CREATE_IN_PROGRESS
Queue CREATE_FAILED: The local cloud does not support resource type AWS::SQS::Queue: take such resources out of the template, make them conditional, or run crossfade local --lenient, where they are names with nothing behind them.
orders UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to create: [Queue].
`
	)
	for _, p := range []struct{ name, preference, shares, back, trouble string }{
		{
			name: "LINEAR", preference: "        Type: LINEAR\n        Percentage: 10\n        Interval: 5\n",
			shares: "1=90 2=10, 1=80 2=20 after 5m0s, 1=70 2=30 after 5m0s, 1=60 2=40 after 5m0s, 1=50 2=50 after 5m0s, " +
				"1=40 2=60 after 5m0s, 1=30 2=70 after 5m0s, 1=20 2=80 after 5m0s, 1=10 2=90 after 5m0s, 2=100 after 5m0s",
			back: "2=90 3=10, 2=80 3=20 after 5m0s, 2=100 after 1m0s", trouble: alarmed,
		},
		{
			name: "CANARY", preference: "        Type: CANARY\n        Percentage: 25\n        Interval: 7\n",
			shares: "1=75 2=25, 2=100 after 7m0s",
			back:   "2=75 3=25, 2=100 after 6m0s", trouble: alarmed,
		},
		{
			name: "ALL_AT_ONCE", preference: "        Type: ALL_AT_ONCE\n",
			shares: "2=100",
			back:   "no change", trouble: queued, // there and back within one look
		},
	} {
		t.Run(p.name, func(t *testing.T) {
			c := newStackCloud(t, false)
			first, second, third := ordersReleases(t, p.preference)
			c.begin("orders", first)
			c.is("orders", cfntypes.StackStatusCreateComplete)
			c.watch("Prod", c.machineRouting(c.resource("orders", "Prod")))

			c.begin("orders", second, "Greeting=good evening")
			c.follow("orders", nil)
			c.is("orders", cfntypes.StackStatusUpdateComplete)
			c.wantShares("Prod", p.shares)
			c.wantStory(strings.ReplaceAll(ordersBegin+ordersEnd, "VERSION", "VersionB"), "orders")
			machine := c.resource("orders", "Orders")
			if got, want := c.machineVersions(machine), "2 1"; got != want {
				t.Errorf("after the release there are the versions %s, want %s", got, want)
			}

			back := ordersBack
			if p.trouble == queued {
				third += "  Queue: {Type: AWS::SQS::Queue, DependsOn: Prod}\n"
				back = strings.Replace(back, "VERSION", "Queue DELETE_COMPLETE\nVERSION", 1)
			}
			c.begin("orders", third, "Greeting=good night")
			c.follow("orders", func() bool { return c.clock.Now().Sub(c.began) > 6*time.Minute })
			c.alarm(c.resource("orders", "FailedAlarm"), cwtypes.StateValueAlarm)
			c.follow("orders", nil)
			c.is("orders", cfntypes.StackStatusUpdateRollbackComplete)
			c.wantShares("Prod", p.back)
			c.wantStory(strings.ReplaceAll(ordersBegin+p.trouble+back, "VERSION", "VersionC"), "orders")
			if got, want := c.machineRouting(c.resource("orders", "Prod"))()+" of "+c.machineVersions(machine), "2=100 of 2 1"; got != want {
				t.Errorf("after the way back the alias is at %s, want %s", got, want)
			}
		})
	}
}

// With ALL_AT_ONCE there is nothing to see between the old version and the new
// one; it goes back as it came, when what comes after it fails.
func TestAStackMovesAStateMachinesAliasAtOnceThereAndBack(t *testing.T) {
	c := newStackCloud(t, false)
	first, second, third := ordersReleases(t, "        Type: ALL_AT_ONCE\n")
	slow := func(version string) string {
		return "  Slow: {Type: AWS::StepFunctions::StateMachineAlias, DependsOn: Prod, Properties: {Name: SLOW, DeploymentPreference: {" +
			"StateMachineVersionArn: !Ref " + version + ", Type: CANARY, Percentage: 10, Interval: 10, Alarms: [!Ref FailedAlarm]}}}\n"
	}
	c.begin("orders", first+slow("VersionA"))
	c.is("orders", cfntypes.StackStatusCreateComplete)
	c.watch("Prod", c.machineRouting(c.resource("orders", "Prod")))
	c.watch("Slow", c.machineRouting(c.resource("orders", "Slow")))

	c.begin("orders", second+slow("VersionB"), "Greeting=good evening")
	c.follow("orders", nil)
	c.is("orders", cfntypes.StackStatusUpdateComplete)
	c.wantShares("Prod", "2=100")
	c.wantShares("Slow", "1=90 2=10, 2=100 after 10m0s")

	c.begin("orders", third+slow("VersionC"), "Greeting=good night")
	c.follow("orders", func() bool { return c.clock.Now().Sub(c.began) > 3*time.Minute })
	c.alarm(c.resource("orders", "FailedAlarm"), cwtypes.StateValueAlarm)
	c.follow("orders", nil)
	c.is("orders", cfntypes.StackStatusUpdateRollbackComplete)
	c.wantShares("Prod", "3=100, 2=100 after 3m0s")
	c.wantShares("Slow", "2=90 3=10, 2=100 after 3m0s")
}
