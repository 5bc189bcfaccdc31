package e2e

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
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
