package localcloud_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// artifacts makes a bucket of that name and returns what puts an object there.
func (c *stackCloud) artifacts() (put func(key string, body []byte)) {
	c.t.Helper()
	client := s3.NewFromConfig(c.cloud.AWSConfig(), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(c.t.Context(), &s3.CreateBucketInput{Bucket: aws.String("artifacts")}); err != nil {
		c.t.Fatal(err)
	}
	return func(key string, body []byte) {
		c.t.Helper()
		if _, err := client.PutObject(c.t.Context(), &s3.PutObjectInput{Bucket: aws.String("artifacts"), Key: &key, Body: bytes.NewReader(body)}); err != nil {
			c.t.Fatal(err)
		}
	}
}

// pack does what `aws cloudformation package` does to the template of the
// workflow that releases functions, and returns the address of the result.
func (c *stackCloud) pack() string {
	c.t.Helper()
	put := c.artifacts()
	text := template(c.t, "deployer/template.yaml")
	sources, err := filepath.Glob("../e2e/testdata/stacks/deployer/*/index.py")
	if err != nil || len(sources) == 0 {
		c.t.Fatalf("no functions: %v", err)
	}
	for _, source := range sources {
		code, err := os.ReadFile(source)
		if err != nil {
			c.t.Fatal(err)
		}
		name := filepath.Base(filepath.Dir(source))
		put(name+".zip", lambdatest.Archive(map[string]string{"index.py": string(code)}))
		text = strings.Replace(text, "Code: "+name+"}", "Code: {S3Bucket: artifacts, S3Key: "+name+".zip}}", 1)
	}
	put("deployer.template", []byte(text))
	return "https://artifacts.s3.amazonaws.com/deployer.template"
}

// furnish makes the function checkout with three versions, its alias at the
// first, and the alarm that its releases look at. It is never invoked.
func (c *stackCloud) furnish() {
	c.t.Helper()
	ctx, client := c.t.Context(), lambda.NewFromConfig(c.cloud.AWSConfig())
	must := func(err error) {
		c.t.Helper()
		if err != nil {
			c.t.Fatal(err)
		}
		c.pass(10 * time.Second)
	}
	_, err := client.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("checkout"), Role: aws.String("arn:aws:iam::000000000000:role/checkout"), Handler: aws.String("index.handler"),
		Runtime: lambdatypes.RuntimeProvidedal2023, Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Archive(map[string]string{"bootstrap": "1"})}, Publish: true,
	})
	must(err)
	for _, version := range []string{"2", "3"} {
		_, err := client.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
			FunctionName: aws.String("checkout"), ZipFile: lambdatest.Archive(map[string]string{"bootstrap": version}), Publish: true,
		})
		must(err)
	}
	_, err = client.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: aws.String("checkout"), Name: aws.String("live"), FunctionVersion: aws.String("1")})
	must(err)
	_, err = cloudwatch.NewFromConfig(c.cloud.AWSConfig()).PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("checkout-errors"), Namespace: aws.String("Shop"), MetricName: aws.String("Errors"), Statistic: cwtypes.StatisticSum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0),
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("ignore"),
	})
	must(err)
	c.watch("checkout", c.functionRouting("checkout", "live"))
}

// tasksAtWork says that an execution of a state machine does anything but wait.
func (c *stackCloud) tasksAtWork(machine string) func() bool {
	client := sfn.NewFromConfig(c.cloud.AWSConfig())
	return func() bool {
		c.t.Helper()
		list, err := client.ListExecutions(c.t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: sfntypes.ExecutionStatusRunning})
		if err != nil {
			c.t.Fatal(err)
		}
		for _, e := range list.Executions {
			last, err := client.GetExecutionHistory(c.t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: e.ExecutionArn, ReverseOrder: true, MaxResults: 1})
			if err != nil {
				c.t.Fatal(err)
			}
			if last.Events[0].Type != sfntypes.HistoryEventTypeWaitStateEntered {
				return true
			}
		}
		return false
	}
}

func TestAStackOfFunctionsAndAWorkflowReleasesAnotherFunction(t *testing.T) {
	needPython(t)
	c := newStackCloud(t, true)
	c.begin("deployer", c.pack())
	c.follow("deployer", nil)
	c.is("deployer", cfntypes.StackStatusCreateComplete)
	c.wantStory(`deployer CREATE_IN_PROGRESS: User Initiated
Release CREATE_IN_PROGRESS
Release CREATE_IN_PROGRESS: Resource creation Initiated
Release CREATE_COMPLETE
deployer CREATE_COMPLETE
`, "deployer", "deployer", "Release")
	for _, function := range []string{"Plan", "Shift", "Look", "Finish", "Back"} {
		c.wantStory(strings.ReplaceAll("F CREATE_IN_PROGRESS\nF CREATE_IN_PROGRESS: Resource creation Initiated\nF CREATE_COMPLETE\n", "F", function), "deployer", function)
	}
	machine := c.resource("deployer", "Release")
	c.atWork = c.tasksAtWork(machine)
	c.furnish()

	client := sfn.NewFromConfig(c.cloud.AWSConfig())
	for _, release := range []struct {
		version string
		alarm   bool
		ends    sfntypes.ExecutionStatus
		shares  string
	}{
		{"2", false, sfntypes.ExecutionStatusSucceeded, "1=75 2=25, 1=50 2=50 after 10m0s, 1=25 2=75 after 10m0s, 2=100 after 10m0s"},
		{"3", true, sfntypes.ExecutionStatusFailed, "2=75 3=25, 2=50 3=50 after 10m0s, 2=100 after 10m0s"},
	} {
		c.forget()
		run, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Input: aws.String(fmt.Sprintf(
			`{"release": {"function": "checkout", "alias": "live", "version": %q, "steps": 4, "interval": 600, "alarm": "checkout-errors"}}`, release.version))})
		if err != nil {
			t.Fatal(err)
		}
		var end *sfn.DescribeExecutionOutput
		ended := func() bool {
			if end, err = client.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: run.ExecutionArn}); err != nil {
				t.Fatal(err)
			}
			return end.Status != sfntypes.ExecutionStatusRunning
		}
		if release.alarm {
			c.until(func() bool { return c.at("checkout", "2=50 3=50")() || ended() })
			c.alarm("checkout-errors", cwtypes.StateValueAlarm)
		}
		if !c.until(ended) || end.Status != release.ends {
			t.Errorf("version %s: the workflow is %s: %s %s; want %s", release.version, end.Status, aws.ToString(end.Error), aws.ToString(end.Cause), release.ends)
		}
		c.wantShares("checkout", release.shares)
	}
}
