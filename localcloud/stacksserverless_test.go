package localcloud_test

import (
	"os/exec"
	"strings"
	"testing"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

func TestAServerlessStackShiftsItsFunctionAndItsWorkflow(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: functions are processes, which a short run leaves out")
	}
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		t.Skipf("skipped: python3 with boto3 is not here (%v)", err)
	}
	text := template(t, "shop.yaml")
	prepare := func(t *testing.T) (*stackCloud, func() string, func() string) {
		t.Helper()
		c := newStackCloud(t, true)
		c.begin("shop", text)
		c.follow("shop", func() string { return "" }, nil)
		c.is("shop", cfntypes.StackStatusCreateComplete)
		return c, c.functionRouting("checkout", "live"), c.machineRouting(c.resource("shop", "Workflow") + ":live")
	}
	t.Run("to the end", func(t *testing.T) {
		c, function, workflow := prepare(t)
		c.begin("shop", text, "Answer=two")
		both := func() string { return function() + " | " + workflow() }
		shares := strings.Join(c.follow("shop", both, nil), "\n")
		c.is("shop", cfntypes.StackStatusUpdateComplete)
		for _, want := range []string{"1=90 2=10 | 1=80 2=20", "1=50 2=50 | 2=100", "2=100 | 2=100"} {
			if !strings.Contains(shares, want) {
				t.Errorf("the shares were never %s:\n%s", want, shares)
			}
		}
	})
	t.Run("a firing alarm", func(t *testing.T) {
		c, function, workflow := prepare(t)
		c.begin("shop", text, "Answer=two")
		c.follow("shop", function, func(shares []string) bool {
			return strings.HasPrefix(shares[len(shares)-1], "1=80 2=20")
		})
		c.alarm(c.resource("shop", "Errors"), cwtypes.StateValueAlarm)
		c.follow("shop", function, nil)
		c.is("shop", cfntypes.StackStatusUpdateRollbackComplete)
		if got := function() + " | " + workflow(); got != "1=100 | 1=100" {
			t.Errorf("after the rollback the aliases are at %s, want 1=100 | 1=100:\n%s", got, c.story("shop"))
		}
	})
	t.Run("a hook that fails", func(t *testing.T) {
		c, function, _ := prepare(t)
		c.begin("shop", text, "Answer=two", "HookSays=Failed")
		shares := c.follow("shop", function, nil)
		c.is("shop", cfntypes.StackStatusUpdateRollbackComplete)
		if story := c.story("shop"); !strings.Contains(story, "BeforeAllowTraffic") || strings.Contains(story, "no answer") {
			t.Errorf("the events do not tell that the hook said no:\n%s", story)
		}
		if len(shares) != 1 || function() != "1=100" {
			t.Errorf("with a failing hook before traffic the function's shares were %v:\n%s", shares, c.story("shop"))
		}
	})
}
