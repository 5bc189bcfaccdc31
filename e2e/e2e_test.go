// Package e2e looks at the built program from outside, as its users do: the AWS
// CLI, boto3 and the SDKs against the local cloud, and processes that are killed.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// program is the path of the built program.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("skipped: the built program is not looked at in a short run")
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "crossfade-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "crossfade")
	build := exec.Command("go", "build", "-o", program, "../cmd/crossfade")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// A cloud is a running `crossfade local`.
type cloud struct {
	endpoint string
	cmd      *exec.Cmd
}

var endpointPattern = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// startCloud starts `crossfade local` on a free port and returns when it has
// printed its address. It is killed, not asked, when the test ends.
func startCloud(t *testing.T, args ...string) *cloud {
	t.Helper()
	cmd := exec.Command(program, append([]string{"local", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Env = environment(t, "")
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &cloud{cmd: cmd}
	t.Cleanup(c.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if c.endpoint = endpointPattern.FindString(lines.Text()); c.endpoint != "" {
			go func() { // keep the pipe empty, so that the cloud never waits for us
				for lines.Scan() {
					continue
				}
			}()
			return c
		}
	}
	t.Fatalf("crossfade local ended without printing an address: %s", talk.String())
	return nil
}

func (c *cloud) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// environment is what a user's shell has: credentials that mean nothing, a
// region, the endpoint, and a home of its own.
func environment(t *testing.T, endpoint string) []string {
	t.Helper()
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-central-1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1",
	}
	for _, name := range []string{"PYENV_ROOT", "PYENV_VERSION"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	if root := filepath.Join(os.Getenv("HOME"), ".pyenv"); os.Getenv("PYENV_ROOT") == "" {
		if _, err := os.Stat(root); err == nil {
			env = append(env, "PYENV_ROOT="+root)
		}
	}
	if endpoint != "" {
		env = append(env, "AWS_ENDPOINT_URL="+endpoint)
	}
	return env
}

func (c *cloud) config() aws.Config {
	return aws.Config{
		Region:       "eu-central-1",
		BaseEndpoint: aws.String(c.endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

func (c *cloud) sfn() *sfn.Client               { return sfn.NewFromConfig(c.config()) }
func (c *cloud) cloudwatch() *cloudwatch.Client { return cloudwatch.NewFromConfig(c.config()) }

// definition is a machine of one state whose comment makes it different from
// the one before.
func definition(comment string) string {
	return fmt.Sprintf(`{"Comment": %q, "StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": true}}}`, comment)
}

const roleArn = "arn:aws:iam::000000000000:role/machine"

// createMachine creates a machine and two alarms: a metric alarm and a
// composite one whose name has blanks, as the users' scripts name them.
func (c *cloud) createMachine(t *testing.T, name string) (arn string) {
	t.Helper()
	ctx := t.Context()
	m, err := c.sfn().CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: &name, Definition: aws.String(definition("first")), RoleArn: aws.String(roleArn),
	})
	if err != nil {
		t.Fatal(err)
	}
	cw := c.cloudwatch()
	if _, err := cw.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String(name + "-failed"), Namespace: aws.String("AWS/States"), MetricName: aws.String("ExecutionsFailed"),
		Dimensions: []cwtypes.Dimension{{Name: aws.String("StateMachineArn"), Value: m.StateMachineArn}},
		Statistic:  cwtypes.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0),
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("notBreaching"),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := cw.PutCompositeAlarm(ctx, &cloudwatch.PutCompositeAlarmInput{
		AlarmName: aws.String(name + " with blanks"), AlarmRule: aws.String("ALARM(" + name + "-failed)"),
	}); err != nil {
		t.Fatal(err)
	}
	return aws.ToString(m.StateMachineArn)
}

func (c *cloud) update(t *testing.T, machine, comment string) {
	t.Helper()
	if _, err := c.sfn().UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{
		StateMachineArn: &machine, Definition: aws.String(definition(comment)),
	}); err != nil {
		t.Fatal(err)
	}
}

// routing reads an alias as version=weight, sorted by version.
func (c *cloud) routing(t *testing.T, alias string) string {
	t.Helper()
	out, err := c.sfn().DescribeStateMachineAlias(t.Context(), &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: &alias})
	if err != nil {
		return err.Error()
	}
	return routingText(out.RoutingConfiguration)
}

func routingText(routing []sfntypes.RoutingConfigurationListItem) string {
	var parts []string
	for _, r := range routing {
		arn := aws.ToString(r.StateMachineVersionArn)
		parts = append(parts, fmt.Sprintf("%s=%d", arn[strings.LastIndex(arn, ":")+1:], r.Weight))
	}
	if len(parts) == 2 && parts[0] > parts[1] {
		parts[0], parts[1] = parts[1], parts[0]
	}
	return strings.Join(parts, " ")
}

// eventually looks ten times a second, for three minutes at most, until holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("has not come within three minutes: %s", what)
		}
	}
}

// need skips the test, saying so, where a tool is not installed.
func need(t *testing.T, tool string, args ...string) {
	t.Helper()
	if err := exec.Command(tool, args...).Run(); err != nil {
		t.Skipf("skipped: %s %s is not here (%v)", tool, strings.Join(args, " "), err)
	}
}
