package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// functionQuarters are the shares of a function's alias when quarters of the
// traffic go to version 2.
var functionQuarters = []string{"1", "1 2=0.25", "1 2=0.5", "1 2=0.75", "2"}

// checkoutTemplate is the template of a function that CodeDeploy releases, with a
// version that has the logical id given.
func checkoutTemplate(t *testing.T, version string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/stacks/checkout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "VersionA", version)
}

func TestAStackThatShiftsAFunctionComesToItsEndWhenItsCloudIsKilled(t *testing.T) {
	t.Parallel()
	for _, after := range []struct {
		alarm      cwtypes.StateValue
		speed      string
		status     cfntypes.StackStatus
		shares     []string // from the kill on
		deployment []string
	}{
		{cwtypes.StateValueOk, "60", cfntypes.StackStatusUpdateComplete, functionQuarters[1:], []string{"Succeeded by CloudFormation"}},
		// Slowly, so that the alarm comes in time on a busy machine, too.
		{cwtypes.StateValueAlarm, "20", cfntypes.StackStatusUpdateRollbackComplete, []string{"1 2=0.25", "1 2=0.5", "1"}, []string{"Stopped by CloudFormation", "Succeeded by codeDeployRollback"}},
	} {
		t.Run(string(after.alarm), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			data, store := filepath.Join(dir, "data"), filepath.Join(dir, "rollouts.db")
			c := startCloud(t, "--data", data, "--store", store, "--speed", after.speed)
			c.changeStack(t, "checkout", cfntypes.ChangeSetTypeCreate, checkoutTemplate(t, "VersionA"), "good morning")
			eventually(t, "the stack is there", func() bool { return c.stackStatus(t, "checkout") == cfntypes.StackStatusCreateComplete })
			c.changeStack(t, "checkout", cfntypes.ChangeSetTypeUpdate, checkoutTemplate(t, "VersionB"), "good evening")
			eventually(t, "a quarter on version 2", func() bool { return c.functionRouting(t, "checkout") == "1 2=0.25" })
			c.kill()

			c = startCloud(t, "--data", data, "--store", store, "--speed", after.speed)
			shares := watch(t, func() string { return c.functionRouting(t, "checkout") })
			if got := c.stackStatus(t, "checkout"); got != cfntypes.StackStatusUpdateInProgress {
				t.Errorf("after the kill the stack is %s, want %s", got, cfntypes.StackStatusUpdateInProgress)
			}
			c.setAlarm(t, "checkout-errors", after.alarm)
			eventually(t, "the stack's end", func() bool { return !strings.HasSuffix(string(c.stackStatus(t, "checkout")), "_IN_PROGRESS") })
			if got := c.stackStatus(t, "checkout"); got != after.status {
				t.Errorf("the stack is %s, want %s\n%s", got, after.status, c.story(t, "checkout"))
			}
			shares.were(t, after.shares...)
			if after.alarm == cwtypes.StateValueOk {
				c.rose(t, store, "checkout:live", 5*time.Minute, 25, 50, 75, 100)
			}
			if got := c.deployments(t); fmt.Sprint(got) != fmt.Sprint(after.deployment) {
				t.Errorf("the deployments are %q, want %q: each goes on and none begins again", got, after.deployment)
			}
		})
	}
}

// deployments tells how CodeDeploy's deployments ended and whose they were, oldest
// first.
func (c *cloud) deployments(t *testing.T) []string {
	t.Helper()
	client := codedeploy.NewFromConfig(c.config())
	list, err := client.ListDeployments(t.Context(), &codedeploy.ListDeploymentsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, id := range slices.Backward(list.Deployments) {
		out, err := client.GetDeployment(t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s by %s", out.DeploymentInfo.Status, out.DeploymentInfo.Creator))
	}
	return all
}

// Who moves from CodeDeploy to crossfade imports the template's preference, and
// releases the function that the stack made with the plan; only the minutes are
// made shorter here.
func TestAnImportedPreferenceIsDeployedByThePlanThatItBecame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := filepath.Join(dir, "rollouts.db")
	c := startCloud(t)
	text := checkoutTemplate(t, "VersionA")
	c.changeStack(t, "checkout", cfntypes.ChangeSetTypeCreate, text, "good morning")
	eventually(t, "the stack is there", func() bool { return c.stackStatus(t, "checkout") == cfntypes.StackStatusCreateComplete })
	importing := exec.Command(program, "import", file(t, dir, "template.yaml", []byte(text)), "--stack", "checkout", "--out", dir)
	importing.Env = environment(t, c.endpoint)
	if out, err := importing.CombinedOutput(); err != nil {
		t.Fatalf("crossfade import: %v\n%s", err, out)
	}
	imported, err := os.ReadFile(filepath.Join(dir, "checkout.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	short := func(every string) string {
		text := strings.Replace(string(imported), "linear: {step: 25%, every: 5m}", "linear: {step: 25%, every: "+every+"}\n  look: 200ms\n  settle: 200ms", 1)
		if text == string(imported) || !strings.Contains(text, "alarm: checkout-errors") {
			t.Fatalf("the plan is\n%s\nwant the configuration's quarters and the group's alarm", imported)
		}
		return file(t, dir, every+".yaml", []byte(text))
	}

	for _, release := range []struct {
		name, every, alarmAt string
		code                 int
		shares               []string
	}{
		{"good", "1s", "", 0, functionQuarters},
		// Slowly, so that the alarm comes in time on a busy machine, too.
		{"alarmed", "10s", "2 3=0.25", 3, []string{"2", "2 3=0.25", "2 3=0.5", "2"}},
	} {
		if _, err := c.lambda().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{
			FunctionName: aws.String("checkout"), ZipFile: lambdatest.Code(fmt.Sprintf(goodCode, release.name)),
		}); err != nil {
			t.Fatal(err)
		}
		c.awaitFunction(t, "checkout")
		shares := watch(t, func() string { return c.functionRouting(t, "checkout") })
		cmd := exec.Command(program, "deploy", short(release.every), "--store", store)
		cmd.Env = environment(t, c.endpoint)
		r := start(t, cmd)
		if release.alarmAt != "" {
			eventually(t, release.alarmAt, func() bool { return c.functionRouting(t, "checkout") == release.alarmAt })
			c.setAlarm(t, "checkout-errors", cwtypes.StateValueAlarm)
		}
		if code := r.code(t); code != release.code {
			t.Errorf("a %s release: exit code %d, want %d\n%s", release.name, code, release.code, r.said())
		}
		shares.were(t, release.shares...)
		if release.code == 0 {
			c.rose(t, store, "checkout:live", time.Second, 25, 50, 75, 100)
		}
	}
}
