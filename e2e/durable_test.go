package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

func TestWhatTheLocalCloudAcknowledgedSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	c := startCloud(t, "--data", dir)
	machine, alias := c.split(t, "orders", 10)
	c.update(t, machine, "third")
	waiting, err := c.sfn().CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
		Name: aws.String("waiting"), RoleArn: aws.String(roleArn),
		Definition: aws.String(`{"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "Next": "Done"}, "Done": {"Type": "Pass", "End": true}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	var started []string
	for i := range 20 {
		out, err := c.sfn().StartExecution(t.Context(), &sfn.StartExecutionInput{
			StateMachineArn: waiting.StateMachineArn, Input: aws.String(fmt.Sprintf(`{"n": %d}`, i)),
		})
		if err != nil {
			t.Fatal(err)
		}
		started = append(started, aws.ToString(out.ExecutionArn))
	}
	c.kill()

	c = startCloud(t, "--data", dir)
	if got, want := c.routing(t, alias), "1=90 2=10"; got != want {
		t.Errorf("routing after the kill: %q, want %q", got, want)
	}
	if got, want := c.versions(t, machine), "2 1"; got != want {
		t.Errorf("versions after the kill: %q, want %q", got, want)
	}
	alarms, err := c.cloudwatch().DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"orders-failed"}})
	if err != nil || len(alarms.MetricAlarms) != 1 {
		t.Errorf("alarms after the kill: %d (%v), want 1", len(alarms.MetricAlarms), err)
	}
	for i, arn := range started {
		eventually(t, "the end of "+arn, func() bool {
			out, err := c.sfn().DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
			if err != nil {
				t.Fatalf("an acknowledged execution is gone: %v", err)
			}
			if want := fmt.Sprintf(`{"n": %d}`, i); aws.ToString(out.Input) != want {
				t.Fatalf("input is %s, want %s", aws.ToString(out.Input), want)
			}
			return out.Status == sfntypes.ExecutionStatusSucceeded
		})
	}
}

// While many functions run, the cloud is killed: nothing of them is left, and what
// was accepted to run later runs when the cloud is back.
func TestAKilledCloudLeavesNoFunctionsAndLosesNoInvocationThatItAccepted(t *testing.T) {
	t.Parallel()
	need(t, "python3", "--version")
	const accepted = 100
	dir, marks := t.TempDir(), t.TempDir()
	c := startCloud(t, "--data", dir)
	client, ctx := c.lambda(), t.Context()
	mark := "MARK=" + marks
	if _, err := client.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("busy"), Role: aws.String("arn:aws:iam::000000000000:role/busy"), Handler: aws.String("app.handler"),
		Runtime: lambdatypes.RuntimePython312, Timeout: aws.Int32(300),
		Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Code(`
import time
def handler(event, context):
    if event.get("hang"):
        time.sleep(1000)
    return event["n"]
`)},
		Environment: &lambdatypes.Environment{Variables: map[string]string{"MARK": marks}},
	}); err != nil {
		t.Fatal(err)
	}
	c.awaitFunction(t, "busy")
	if _, err := client.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String("busy"), ReservedConcurrentExecutions: aws.Int32(4)}); err != nil {
		t.Fatal(err)
	}
	for n := range accepted {
		// The first ones hang; the others wait behind them.
		out, err := client.Invoke(ctx, &lambda.InvokeInput{
			FunctionName: aws.String("busy"), InvocationType: lambdatypes.InvocationTypeEvent, Payload: fmt.Appendf(nil, `{"n": %d, "hang": %t}`, n, n < 4),
		})
		if err != nil || out.StatusCode != 202 {
			t.Fatalf("invocation %d: status %d, %v", n, out.StatusCode, err)
		}
	}
	eventually(t, "functions that run", func() bool { return len(processesWith(mark)) >= 4 })
	c.kill()
	eventually(t, "the end of all that ran", func() bool { return len(processesWith(mark)) == 0 })

	c = startCloud(t, "--data", dir)
	if got := c.invocationsOf(t, "busy"); got > accepted {
		t.Fatalf("%v invocations were counted before any ran", got)
	}
	// Those that hang hold all the places again: let the others have some.
	if _, err := c.lambda().DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: aws.String("busy")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "every invocation that was accepted", func() bool { return c.invocationsOf(t, "busy") == accepted-4 })
}

// invocationsOf counts the invocations of a function that have ended.
func (c *cloud) invocationsOf(t *testing.T, function string) float64 {
	t.Helper()
	sum, _ := c.statistics(t, "Invocations", []cwtypes.Dimension{{Name: aws.String("FunctionName"), Value: &function}})
	return sum
}

// processesWith returns the processes that have a variable in their environment.
func processesWith(variable string) []string {
	var found []string
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		text, _ := os.ReadFile(path) // processes of others, and those that have ended, have none for us
		if slices.Contains(strings.Split(string(text), "\x00"), variable) {
			found = append(found, path)
		}
	}
	return found
}
