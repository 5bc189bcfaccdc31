package cli

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// A movedTemplate moves a state machine's alias and a function's, a quarter every
// minute. The alarm has no name of its own.
const movedTemplate = `
Resources:
  Wrong: {Type: AWS::CloudWatch::Alarm, Properties: {Namespace: Shop, MetricName: Wrong, Statistic: Sum, Period: 60, EvaluationPeriods: 1, Threshold: 0,
    ComparisonOperator: GreaterThanThreshold, TreatMissingData: ignore}}
  Orders:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: orders
      RoleArn: arn:aws:iam::000000000000:role/orders
      Definition: {Comment: "1", StartAt: Done, States: {Done: {Type: Pass, End: true}}}
  OrdersVersion: {Type: AWS::StepFunctions::StateMachineVersion, Properties: {StateMachineArn: !Ref Orders}}
  OrdersLive:
    Type: AWS::StepFunctions::StateMachineAlias
    Properties:
      Name: live
      DeploymentPreference: {StateMachineVersionArn: !Ref OrdersVersion, Type: LINEAR, Percentage: 25, Interval: 1, Alarms: [!Ref Wrong]}
  Pay:
    Type: AWS::Lambda::Function
    Properties:
      Role: arn:aws:iam::000000000000:role/pay
      Runtime: provided.al2023
      Handler: bootstrap
      Code: {S3Bucket: code, S3Key: "1"}
  PayVersion: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Pay}}
  PayLive:
    Type: AWS::Lambda::Alias
    Properties: {Name: live, FunctionName: !Ref Pay, FunctionVersion: !GetAtt PayVersion.Version}
    UpdatePolicy: {CodeDeployLambdaAliasUpdate: {ApplicationName: !Ref Shop, DeploymentGroupName: !Ref Group}}
  Shop: {Type: AWS::CodeDeploy::Application, Properties: {ComputePlatform: Lambda}}
  Quarters:
    Type: AWS::CodeDeploy::DeploymentConfig
    Properties: {ComputePlatform: Lambda, TrafficRoutingConfig: {Type: TimeBasedLinear, TimeBasedLinear: {LinearPercentage: 25, LinearInterval: 1}}}
  Group:
    Type: AWS::CodeDeploy::DeploymentGroup
    Properties:
      ApplicationName: !Ref Shop
      ServiceRoleArn: arn:aws:iam::000000000000:role/deployer
      DeploymentConfigName: !Ref Quarters
      DeploymentStyle: {DeploymentType: BLUE_GREEN, DeploymentOption: WITH_TRAFFIC_CONTROL}
      AlarmConfiguration: {Enabled: true, Alarms: [{Name: !Ref Wrong}]}
      AutoRollbackConfiguration: {Enabled: true, Events: [DEPLOYMENT_FAILURE, DEPLOYMENT_STOP_ON_ALARM]}
`

// A mover is who has moved from a template to plans: a stack of the template, and
// the command line, both in a time that passes faster.
type mover struct {
	*testing.T
	clock  clock.Clock
	dir    string
	config aws.Config
	names  map[string]string // of the stack's resources
}

func newMover(t *testing.T) *mover {
	m := &mover{T: t, clock: clock.NewScaled(clock.System{}, clock.System{}.Now(), 60), dir: t.TempDir(), names: map[string]string{}}
	cloud, err := localcloud.Open(localcloud.Config{Clock: m.clock, Seed: 1})
	m.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = cloud.Run(ctx) })
	server := httptest.NewServer(cloud.Handler())
	t.Cleanup(func() {
		server.Close()
		cancel()
		running.Wait()
		m.must(cloud.Close())
	})
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_EC2_METADATA_DISABLED": "true", "CROSSFADE_HOME": filepath.Join(m.dir, "home"),
	} {
		t.Setenv(name, value)
	}
	m.config = cloud.AWSConfig()
	m.deployStack()
	return m
}

func (m *mover) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// deployStack makes the stack shop of the template.
func (m *mover) deployStack() {
	m.Helper()
	ctx := m.Context()
	objects := s3.NewFromConfig(m.config, func(o *s3.Options) { o.UsePathStyle = true })
	_, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("code")})
	m.must(err)
	_, err = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("code"), Key: aws.String("1"), Body: bytes.NewReader(lambdatest.Archive(map[string]string{"bootstrap": "1"}))})
	m.must(err)
	m.must(os.WriteFile(filepath.Join(m.dir, "template.yaml"), []byte(movedTemplate), 0o600))
	stacks, name := cloudformation.NewFromConfig(m.config), aws.String("shop")
	_, err = stacks.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: name, TemplateBody: aws.String(movedTemplate)})
	m.must(err)
	for {
		out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: name})
		m.must(err)
		switch status := out.Stacks[0].StackStatus; status {
		case cfntypes.StackStatusCreateInProgress:
			<-m.clock.After(time.Second)
			continue
		case cfntypes.StackStatusCreateComplete:
		default:
			m.Fatalf("the stack is %s", status)
		}
		break
	}
	out, err := stacks.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: name})
	m.must(err)
	for _, r := range out.StackResources {
		m.names[*r.LogicalResourceId] = *r.PhysicalResourceId
	}
}

// types runs the command line and returns how it ended and what it said.
func (m *mover) types(args ...string) (Exit, string) {
	m.Helper()
	env := testEnv(m.T)
	var said bytes.Buffer
	env.Args, env.Getenv, env.Clock, env.Stdout, env.Stderr = args, os.Getenv, m.clock, &said, &said
	code := Run(m.Context(), env)
	return code, said.String()
}

// machine and function return what the aliases do.
func (m *mover) machine() string {
	out, err := sfn.NewFromConfig(m.config).DescribeStateMachineAlias(m.Context(), &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: aws.String(m.names["OrdersLive"])})
	if err != nil {
		return err.Error()
	}
	var parts []string
	for _, r := range out.RoutingConfiguration {
		parts = append(parts, fmt.Sprintf("%s=%d", (*r.StateMachineVersionArn)[strings.LastIndexByte(*r.StateMachineVersionArn, ':')+1:], r.Weight))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func (m *mover) function() string {
	out, err := lambda.NewFromConfig(m.config).GetAlias(m.Context(), &lambda.GetAliasInput{FunctionName: aws.String(m.names["Pay"]), Name: aws.String("live")})
	if err != nil {
		return err.Error()
	}
	rest, parts := 100.0, []string{}
	if out.RoutingConfig != nil {
		for _, v := range slices.Sorted(maps.Keys(out.RoutingConfig.AdditionalVersionWeights)) {
			share := 100 * out.RoutingConfig.AdditionalVersionWeights[v]
			rest -= share
			parts = append(parts, fmt.Sprintf("%s=%g", v, share))
		}
	}
	return strings.Join(append([]string{fmt.Sprintf("%s=%g", *out.FunctionVersion, rest)}, parts...), " ")
}

// change changes what the next version is made of.
func (m *mover) change(comment string) {
	m.Helper()
	_, err := sfn.NewFromConfig(m.config).UpdateStateMachine(m.Context(), &sfn.UpdateStateMachineInput{
		StateMachineArn: aws.String(m.names["Orders"]), Definition: aws.String(`{"Comment": "` + comment + `", "StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": true}}}`),
	})
	m.must(err)
	functions, name := lambda.NewFromConfig(m.config), aws.String(m.names["Pay"])
	_, err = functions.UpdateFunctionCode(m.Context(), &lambda.UpdateFunctionCodeInput{
		FunctionName: name, ZipFile: lambdatest.Archive(map[string]string{"bootstrap": comment}),
	})
	m.must(err)
	for ready := false; !ready; <-m.clock.After(time.Second) {
		out, err := functions.GetFunctionConfiguration(m.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: name})
		m.must(err)
		ready = out.LastUpdateStatus == lambdatypes.LastUpdateStatusSuccessful
	}
}

// alarm gives the alarm a state.
func (m *mover) alarm(state string) {
	m.Helper()
	m.must((&worldClient{metrics: cloudwatch.NewFromConfig(m.config)}).alarm(m.Context(), m.names["Wrong"], []string{state}))
}

// release deploys a plan and returns what the alias did meanwhile. The alarm fires
// when that is alarmAt.
func (m *mover) release(plan string, does func() string, alarmAt string) (code Exit, said string, shares []string) {
	m.Helper()
	shares = []string{does()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code, said = m.types("deploy", plan)
	}()
	for done := false; !done; {
		select {
		case <-ended:
			done = true
		case <-m.clock.After(2 * time.Second):
		}
		now := does()
		if shares[len(shares)-1] == now {
			continue
		}
		if shares = append(shares, now); now == alarmAt {
			m.alarm("ALARM")
		}
	}
	return code, said, shares
}

func TestAnImportedPlanMovesTheAliasAsItsTemplateDoes(t *testing.T) {
	m := newMover(t)
	plans := filepath.Join(m.dir, "plans")
	code, said := m.types("import", filepath.Join(m.dir, "template.yaml"), "--stack", "shop", "-o", plans)
	if code != ExitSucceeded || strings.Contains(said, "only exists after deployment") {
		t.Fatalf("import ended with %d and said\n%s\nwant two plans and nothing that is missing", code, said)
	}
	for _, alias := range []struct {
		plan string
		does func() string
	}{{"orders.yaml", m.machine}, {strings.ToLower(m.names["Pay"]) + ".yaml", m.function}} {
		t.Run(alias.plan, func(t *testing.T) {
			plan := filepath.Join(plans, alias.plan)
			m.change("2")
			code, said, shares := m.release(plan, alias.does, "")
			if want := []string{"1=100", "1=75 2=25", "1=50 2=50", "1=25 2=75", "2=100"}; code != ExitSucceeded || !slices.Equal(shares, want) {
				t.Errorf("deploy ended with %d, and the shares were %q, want %q\n%s", code, shares, want, said)
			}
			m.change("3")
			code, said, shares = m.release(plan, alias.does, "2=50 3=50")
			if want := []string{"2=100", "2=75 3=25", "2=50 3=50", "2=100"}; code != ExitRolledBack || !slices.Equal(shares, want) {
				t.Errorf("deploy with an alarm ended with %d, and the shares were %q, want %q\n%s", code, shares, want, said)
			}
			m.alarm("OK")
		})
	}
}
