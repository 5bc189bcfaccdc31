package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

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
	c.stackIs(t, "deployer", cfntypes.StackStatusCreateComplete, `deployer CREATE_IN_PROGRESS: User Initiated
Release CREATE_IN_PROGRESS
Release CREATE_IN_PROGRESS: Resource creation Initiated
Release CREATE_COMPLETE
deployer CREATE_COMPLETE
`, "deployer", "Release")
	machine := c.stackResource(t, "deployer", "Release")
	for _, release := range []struct {
		version string
		every   int // seconds
		alarm   cwtypes.StateValue
		ends    sfntypes.ExecutionStatus
		shares  []string
	}{
		{"2", 1, cwtypes.StateValueOk, sfntypes.ExecutionStatusSucceeded, []string{"1", "1 2=0.33", "1 2=0.67", "2"}},
		// Slowly, so that the alarm comes in time on a busy machine, too.
		{"3", 5, cwtypes.StateValueAlarm, sfntypes.ExecutionStatusFailed, []string{"2", "2 3=0.33", "2"}},
	} {
		if _, err := c.lambda().UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
			FunctionName: aws.String("checkout"), ZipFile: lambdatest.Code(fmt.Sprintf(goodCode, "version "+release.version)), Publish: true,
		}); err != nil {
			t.Fatal(err)
		}
		c.awaitFunction(t, "checkout")
		shares := watch(t, func() string { return c.functionRouting(t, "checkout") })
		run, err := c.sfn().StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Input: aws.String(fmt.Sprintf(
			`{"release": {"function": "checkout", "alias": "live", "version": %q, "steps": 3, "interval": %d, "alarm": "checkout-errors"}}`, release.version, release.every))})
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
		if end.Status != release.ends {
			t.Errorf("version %s: the workflow is %s (%s), want %s", release.version, end.Status, aws.ToString(end.Cause), release.ends)
		}
		shares.were(t, release.shares...)
	}
}
