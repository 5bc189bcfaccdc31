package localcloud_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
)

// twoHundred is a template of 200 resources: 25 functions and state machines with
// what belongs to them.
func twoHundred() string {
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range 25 {
		fmt.Fprintf(&b, `  Role%[1]d:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: {Service: lambda.amazonaws.com}}]}
  Fn%[1]d:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.12, Handler: index.handler, Role: !GetAtt Role%[1]d.Arn, Code: {ZipFile: "def handler(event, context): return %[1]d\n"}}
  Version%[1]d: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Fn%[1]d}}
  Alias%[1]d: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Fn%[1]d, FunctionVersion: !GetAtt Version%[1]d.Version, Name: live}}
  Permission%[1]d: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref Alias%[1]d, Action: lambda:InvokeFunction, Principal: events.amazonaws.com}}
  Log%[1]d: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Sub "/aws/lambda/${Fn%[1]d}-more", RetentionInDays: 7}}
  Alarm%[1]d:
    Type: AWS::CloudWatch::Alarm
    Properties: {Namespace: AWS/Lambda, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1, Threshold: 0, ComparisonOperator: GreaterThanThreshold, Dimensions: [{Name: FunctionName, Value: !Ref Fn%[1]d}]}
  Machine%[1]d:
    Type: AWS::StepFunctions::StateMachine
    Properties: {RoleArn: !GetAtt Role%[1]d.Arn, DefinitionString: !Sub '{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"${Alias%[1]d}","End":true}}}'}
`, i)
	}
	return b.String()
}

// BenchmarkAStackOf200Resources creates, changes and deletes a stack of the cloud's
// own resources.
func BenchmarkAStackOf200Resources(b *testing.B) {
	text := twoHundred()
	for _, durable := range []bool{false, true} {
		b.Run(fmt.Sprintf("durable %t", durable), func(b *testing.B) {
			for b.Loop() {
				config := localcloud.Config{Path: os.Getenv("PATH"), Sandbox: os.Args[0]}
				if durable {
					config.Dir = b.TempDir()
				}
				cloud, err := localcloud.Open(config)
				if err != nil {
					b.Fatal(err)
				}
				go func() { _ = cloud.Run(b.Context()) }()
				client := cloudformation.NewFromConfig(cloud.AWSConfig())
				name := aws.String("large")
				if _, err := client.CreateStack(b.Context(), &cloudformation.CreateStackInput{StackName: name, TemplateBody: &text, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam}}); err != nil {
					b.Fatal(err)
				}
				for {
					out, err := client.DescribeStacks(b.Context(), &cloudformation.DescribeStacksInput{StackName: name})
					if err != nil {
						b.Fatal(err)
					}
					status := out.Stacks[0].StackStatus
					if status == cfntypes.StackStatusCreateComplete {
						break
					}
					if status != cfntypes.StackStatusCreateInProgress {
						b.Fatalf("the stack is %s: %s", status, aws.ToString(out.Stacks[0].StackStatusReason))
					}
					<-clock.System{}.After(5 * time.Millisecond)
				}
				if err := cloud.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
