package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// hookCode answers as a hook of CodeDeploy does, with nothing but what Python
// brings along.
const hookCode = `
import json, os, urllib.request

def handler(event, context):
    answer = {"deploymentId": event["DeploymentId"], "lifecycleEventHookExecutionId": event["LifecycleEventHookExecutionId"], "status": "Succeeded"}
    urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], data=json.dumps(answer).encode(), headers={
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/" + os.environ["AWS_REGION"] + "/codedeploy/aws4_request, SignedHeaders=host, Signature=0",
    })).read()
`

// A shop is a fast cloud with the function checkout, three versions of it, and
// what a person in front of it types.
type shop struct {
	*cloud
	t     *testing.T
	store string
	env   []string
}

func openShop(t *testing.T, args ...string) *shop {
	t.Helper()
	need(t, "aws", "--version")
	need(t, "python3", "--version")
	s := &shop{t: t, store: filepath.Join(t.TempDir(), "rollouts.db")}
	s.rise(args...)
	s.createFunction(t, "checkout")
	for _, release := range []string{"second", "third"} {
		if _, err := s.lambda().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{
			FunctionName: aws.String("checkout"), ZipFile: lambdatest.Code(fmt.Sprintf(goodCode, release)), Publish: true,
		}); err != nil {
			t.Fatal(err)
		}
		s.awaitFunction(t, "checkout")
	}
	s.aws("deploy", "create-application", "--application-name", "shop", "--compute-platform", "Lambda")
	return s
}

// rise starts the cloud, also after it was killed.
func (s *shop) rise(args ...string) {
	s.t.Helper()
	s.cloud = startCloud(s.t, append([]string{"--speed", "60", "--store", s.store}, args...)...)
	s.env = append(environment(s.t, s.endpoint), "CROSSFADE_HOME="+filepath.Dir(s.store))
}

// types runs a command line and returns what it printed; it has to succeed.
func (s *shop) types(name string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = s.env
	out, err := cmd.Output()
	if err != nil {
		talk := ""
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			talk = string(e.Stderr)
		}
		s.t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, talk)
	}
	return strings.TrimSpace(string(out))
}

func (s *shop) aws(args ...string) string {
	s.t.Helper()
	return s.types("aws", append(args, "--output", "text")...)
}

func (s *shop) crossfade(args ...string) string {
	s.t.Helper()
	return s.types(program, append(args, "--store", s.store)...)
}

// deploy starts a deployment with the AWS CLI and returns its ID.
func (s *shop) deploy(config, from, to string, hooks string) string {
	s.t.Helper()
	spec := "version: 0.0\nResources:\n  - checkout:\n      Type: AWS::Lambda::Function\n      Properties: {Name: checkout, Alias: live, CurrentVersion: '" +
		from + "', TargetVersion: '" + to + "'}\n" + hooks
	revision, err := json.Marshal(map[string]any{"revisionType": "AppSpecContent", "appSpecContent": map[string]string{"content": spec}})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.aws("deploy", "create-deployment", "--application-name", "shop", "--deployment-group-name", "prod",
		"--deployment-config-name", config, "--revision", string(revision), "--query", "deploymentId")
}

func (s *shop) group(more ...string) {
	s.t.Helper()
	s.aws(append([]string{"deploy", "create-deployment-group", "--application-name", "shop", "--deployment-group-name", "prod",
		"--service-role-arn", roleArn, "--deployment-config-name", "CodeDeployDefault.LambdaAllAtOnce",
		"--deployment-style", "deploymentType=BLUE_GREEN,deploymentOption=WITH_TRAFFIC_CONTROL"}, more...)...)
}

// status asks the SDK, which takes less time than the AWS CLI.
func (s *shop) status(id string) string {
	s.t.Helper()
	out, err := codedeploy.NewFromConfig(s.config()).GetDeployment(s.t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(out.DeploymentInfo.Status)
}

// weight is the share of the target version, in percent.
func (s *shop) weight(id string) float64 {
	s.t.Helper()
	out, err := codedeploy.NewFromConfig(s.config()).GetDeploymentTarget(s.t.Context(), &codedeploy.GetDeploymentTargetInput{
		DeploymentId: &id, TargetId: aws.String("checkout:live"),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.DeploymentTarget.LambdaTarget.LambdaFunctionInfo.TargetVersionWeight
}

// now is what time it is in the cloud, by the header of an answer.
func (s *shop) now() time.Time {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.endpoint, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if speed := answer.Header.Get("X-Crossfade-Speed"); speed != "60" {
		s.t.Fatalf("the answer says that the speed is %q, want 60", speed)
	}
	now, err := time.Parse(time.RFC3339Nano, answer.Header.Get("X-Crossfade-Time"))
	if err != nil {
		s.t.Fatal(err)
	}
	return now
}

func TestADeploymentWithTheAWSCLIIsARolloutThatAPersonMayPause(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	if _, err := s.lambda().CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("CodeDeployHook_before"), Role: aws.String(roleArn), Handler: aws.String("app.handler"),
		Runtime: lambdatypes.RuntimePython312, Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Code(hookCode)}, Timeout: aws.Int32(20),
	}); err != nil {
		t.Fatal(err)
	}
	s.awaitFunction(t, "CodeDeployHook_before")
	s.group()
	id := s.deploy("CodeDeployDefault.LambdaLinear10PercentEvery2Minutes", "1", "2", "Hooks:\n  - BeforeAllowTraffic: CodeDeployHook_before\n")

	eventually(t, "a third of the traffic", func() bool { return s.weight(id) >= 30 })
	s.crossfade("pause", id, "--reason", "looking at the graphs")
	paused, held := s.now(), s.weight(id)
	if list := s.crossfade("list", "--open"); !strings.Contains(list, id) || !strings.Contains(list, "checkout:live") || !strings.Contains(list, "local cloud") {
		t.Errorf("crossfade list --open shows\n%s\nwant the deployment %s by the local cloud", list, id)
	}
	if why := s.crossfade("why", id); !strings.Contains(why, "paused") || !strings.Contains(why, "CodeDeployHook_before") {
		t.Errorf("crossfade why says\n%s\nwant that it is paused, and what the hook said", why)
	}
	eventually(t, "three of the cloud's minutes", func() bool { return s.now().Sub(paused) > 3*time.Minute })
	if got := s.weight(id); got != held || s.status(id) != "InProgress" {
		t.Errorf("three minutes after it was paused at %v %% it is %s at %v %%", held, s.status(id), got)
	}
	s.crossfade("resume", id, "--reason", "they are fine")
	eventually(t, "the deployment's end", func() bool { return s.status(id) == "Succeeded" })
	if got := s.weight(id); got != 100 {
		t.Errorf("the deployment ended at %v %%, want 100", got)
	}
	s.rose(t, s.store, id, 2*time.Minute, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
	if got := s.functionRouting(t, "checkout"); got != "2" {
		t.Errorf("the alias does %s, want 2", got)
	}
	if got := s.aws("deploy", "get-deployment-target", "--deployment-id", id, "--target-id", "checkout:live",
		"--query", "deploymentTarget.lambdaTarget.lifecycleEvents[].status"); got != "Succeeded\tSucceeded\tSkipped" {
		t.Errorf("the stages are %s", got)
	}
}

func TestAnAlarmRollsADeploymentWithTheAWSCLIBack(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.aws("cloudwatch", "put-metric-alarm", "--alarm-name", "checkout broken", "--namespace", "Shop", "--metric-name", "Broken", "--statistic", "Sum",
		"--period", "86400", "--evaluation-periods", "1", "--threshold", "1", "--comparison-operator", "GreaterThanThreshold", "--treat-missing-data", "ignore")
	s.group("--alarm-configuration", "enabled=true,alarms=[{name=checkout broken}]",
		"--auto-rollback-configuration", "enabled=true,events=DEPLOYMENT_FAILURE,DEPLOYMENT_STOP_ON_ALARM,DEPLOYMENT_STOP_ON_REQUEST")
	s.aws("deploy", "create-deployment-config", "--deployment-config-name", "quarter", "--compute-platform", "Lambda",
		"--traffic-routing-config", "type=TimeBasedCanary,timeBasedCanary={canaryPercentage=25,canaryInterval=600}")

	stopped := s.deploy("quarter", "1", "2", "")
	eventually(t, "a quarter of the traffic", func() bool { return s.functionRouting(t, "checkout") == "1 2=0.25" })
	s.aws("deploy", "stop-deployment", "--deployment-id", stopped)
	eventually(t, "the way back", func() bool { return s.functionRouting(t, "checkout") == "1" })
	back := s.aws("deploy", "get-deployment", "--deployment-id", stopped, "--query", "deploymentInfo.rollbackInfo.rollbackDeploymentId")
	eventually(t, "the end of the rollback", func() bool { return s.status(back) == "Succeeded" })

	id := s.deploy("quarter", "1", "3", "")
	eventually(t, "a quarter of the traffic", func() bool { return s.functionRouting(t, "checkout") == "1 3=0.25" })
	s.aws("cloudwatch", "set-alarm-state", "--alarm-name", "checkout broken", "--state-value", "ALARM", "--state-reason", "a test")
	eventually(t, "the stop", func() bool { return s.status(id) == "Stopped" })
	got := strings.Fields(s.aws("deploy", "get-deployment", "--deployment-id", id, "--query", "deploymentInfo.[status,errorInformation.code,rollbackInfo.rollbackDeploymentId]"))
	if len(got) != 3 || got[1] != "ALARM_ACTIVE" || !strings.HasPrefix(got[2], "d-") {
		t.Fatalf("the deployment is %q, want it stopped by the alarm, and a rollback", got)
	}
	eventually(t, "the rollback", func() bool { return s.status(got[2]) == "Succeeded" && s.functionRouting(t, "checkout") == "1" })
	if by := s.aws("deploy", "get-deployment", "--deployment-id", got[2], "--query", "deploymentInfo.creator"); by != "codeDeployRollback" {
		t.Errorf("the rollback is by %s, want codeDeployRollback", by)
	}
	if why := s.crossfade("why", id); !strings.Contains(why, "checkout broken") {
		t.Errorf("crossfade why says\n%s\nwant the alarm", why)
	}
}

// silentHookCode says what it is asked, and leaves the answer to somebody else.
const silentHookCode = "import json\n\ndef handler(event, context):\n    print(json.dumps(event))\n"

// asked returns what a hook was asked last, once it was asked something new.
func (s *shop) asked(function string, before hookQuestion) (q hookQuestion) {
	s.t.Helper()
	client := cloudwatchlogs.NewFromConfig(s.config())
	eventually(s.t, function+" is asked", func() bool {
		out, err := client.FilterLogEvents(s.t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/" + function)})
		if err != nil {
			return false // there is no log before its first line
		}
		for _, e := range out.Events {
			if line := strings.TrimSpace(aws.ToString(e.Message)); strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &q) != nil {
				s.t.Fatalf("%s was asked %s", function, line)
			}
		}
		return q != before
	})
	return q
}

// A hookQuestion is what CodeDeploy asks a hook.
type hookQuestion struct {
	DeploymentID string `json:"DeploymentId"`
	ExecutionID  string `json:"LifecycleEventHookExecutionId"`
}

func (q hookQuestion) answer(status string) []string {
	return []string{
		"deploy", "put-lifecycle-event-hook-execution-status", "--deployment-id", q.DeploymentID,
		"--lifecycle-event-hook-execution-id", q.ExecutionID, "--status", status,
	}
}

func TestAPersonAnswersForBothHooksWithTheAWSCLI(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	if _, err := s.lambda().CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("CodeDeployHook_silent"), Role: aws.String(roleArn), Handler: aws.String("app.handler"),
		Runtime: lambdatypes.RuntimePython312, Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Code(silentHookCode)}, Timeout: aws.Int32(20),
	}); err != nil {
		t.Fatal(err)
	}
	s.awaitFunction(t, "CodeDeployHook_silent")
	s.group("--auto-rollback-configuration", "enabled=true,events=DEPLOYMENT_FAILURE")
	spec := file(t, t.TempDir(), "appspec.json", []byte(`{"version": 0.0,
		"Resources": [{"checkout": {"Type": "AWS::Lambda::Function", "Properties": {"Name": "checkout", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"}}}],
		"Hooks": [{"BeforeAllowTraffic": "CodeDeployHook_silent"}, {"AfterAllowTraffic": "CodeDeployHook_silent"}]}`))
	s.aws("s3", "mb", "s3://specs")
	s.aws("s3", "cp", spec, "s3://specs/appspec.json")
	seen := watch(t, func() string { return s.functionRouting(t, "checkout") })
	id := s.aws("deploy", "create-deployment", "--application-name", "shop", "--deployment-group-name", "prod",
		"--revision", "revisionType=S3,s3Location={bucket=specs,key=appspec.json,bundleType=JSON}", "--query", "deploymentId")

	before := s.asked("CodeDeployHook_silent", hookQuestion{})
	if got := s.functionRouting(t, "checkout"); before.DeploymentID != id || got != "1" {
		t.Errorf("the hook is asked about %s with the alias at %s, want %s and 1", before.DeploymentID, got, id)
	}
	s.aws(before.answer("Succeeded")...)
	if code, out := s.cloud.aws(t, before.answer("Succeeded")...); code == 0 || !strings.Contains(out, "LifecycleEventAlreadyCompletedException") {
		t.Errorf("a second answer ends with %d and %s, want LifecycleEventAlreadyCompletedException", code, out)
	}
	after := s.asked("CodeDeployHook_silent", before)
	if got := s.functionRouting(t, "checkout"); after.DeploymentID != id || got != "2" {
		t.Errorf("the second hook is asked about %s with the alias at %s, want %s and 2", after.DeploymentID, got, id)
	}
	s.aws(after.answer("Failed")...)
	eventually(t, "the way back", func() bool { return s.functionRouting(t, "checkout") == "1" })
	seen.were(t, "1", "2", "1")
	if got := s.aws("deploy", "get-deployment", "--deployment-id", id, "--query", "deploymentInfo.[status,errorInformation.code]"); got != "Failed\tHOOK_EXECUTION_FAILURE" {
		t.Errorf("the deployment is %q, want it failed because of its hook", got)
	}
	if got := s.aws("deploy", "get-deployment-target", "--deployment-id", id, "--target-id", "checkout:live",
		"--query", "deploymentTarget.lambdaTarget.lifecycleEvents[].[lifecycleEventName,status][]"); got !=
		"BeforeAllowTraffic\tSucceeded\tAllowTraffic\tSucceeded\tAfterAllowTraffic\tFailed" {
		t.Errorf("the stages are %s", got)
	}
}

func TestADeploymentGoesOnWhenTheCloudWasKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openShop(t, "--data", dir)
	s.group()
	s.aws("deploy", "create-deployment-config", "--deployment-config-name", "half", "--compute-platform", "Lambda",
		"--traffic-routing-config", "type=TimeBasedLinear,timeBasedLinear={linearPercentage=50,linearInterval=5}")
	id := s.deploy("half", "1", "2", "")
	eventually(t, "half of the traffic", func() bool { return s.functionRouting(t, "checkout") == "1 2=0.5" })
	before := s.now()
	s.kill()

	s.rise("--data", dir)
	if now := s.now(); now.Before(before) {
		t.Errorf("the cloud's time went back from %s to %s", before, now)
	}
	eventually(t, "the end", func() bool { return s.status(id) == "Succeeded" })
	if got := s.functionRouting(t, "checkout"); got != "2" {
		t.Errorf("the alias does %s, want 2", got)
	}
	if list := s.crossfade("list"); strings.Count(list, id) != 1 || !strings.Contains(list, "Succeeded") {
		t.Errorf("crossfade list shows\n%s\nwant the one deployment, succeeded", list)
	}
}
