package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// A deployer is a script that people release with today.
type deployer struct {
	name string
	need []string
	// command deploys with the given alarms and keeps that many versions.
	command func(t *testing.T, keep string, alarms ...string) *exec.Cmd
}

var deployers = []deployer{
	{
		name: "a canary shell script over the AWS CLI",
		need: []string{"aws", "--version"},
		command: func(_ *testing.T, keep string, alarms ...string) *exec.Cmd {
			cmd := exec.Command("bash", append([]string{"testdata/canary.sh"}, alarms...)...)
			cmd.Env = []string{"MACHINE=orders", "ALIAS=prod", "KEEP=" + keep}
			return cmd
		},
	},
	{
		name: "a boto3 deployer",
		need: []string{"python3", "-c", "import boto3"},
		command: func(_ *testing.T, keep string, alarms ...string) *exec.Cmd {
			return exec.Command("python3", append([]string{"testdata/deployer.py", "--machine", "orders", "--alias", "prod", "--keep", keep, "--alarms"}, alarms...)...)
		},
	},
}

func TestDeployScriptsWorkUnmodifiedAgainstTheLocalCloud(t *testing.T) {
	for _, d := range deployers {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			need(t, d.need[0], d.need[1:]...)
			c := startCloud(t)
			machine := c.createMachine(t, "orders")
			alias := machine + ":prod"
			alarms := []string{"orders-failed", "orders with blanks"}

			start := func(keep string, alarms ...string) (wait func() (int, string)) {
				cmd := d.command(t, keep, alarms...)
				cmd.Env = append(environment(t, c.endpoint), cmd.Env...)
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				return func() (int, string) {
					var exit *exec.ExitError
					if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
						t.Fatal(err)
					}
					return cmd.ProcessState.ExitCode(), out.String()
				}
			}
			expect := func(what string, code, wantCode int, out, wantRouting string) {
				t.Helper()
				if code != wantCode || c.routing(t, alias) != wantRouting {
					t.Fatalf("%s: exit code %d with routing %q, want %d with %q\n%s", what, code, c.routing(t, alias), wantCode, wantRouting, out)
				}
			}

			code, out := start("0", "orders-failed", "no such alarm")()
			if code != 1 || !strings.Contains(out, "missing") {
				t.Fatalf("a missing alarm: exit code %d, want 1 and the word missing\n%s", code, out)
			}

			code, out = start("0", alarms...)()
			expect("the alias is absent", code, 0, out, "1=100")

			c.update(t, machine, "second")
			wait := start("0", alarms...)
			eventually(t, "version 2 at 10 %", func() bool { return c.routing(t, alias) == "1=90 2=10" })
			code, out = wait()
			expect("a good version", code, 0, out, "2=100")

			c.update(t, machine, "third")
			wait = start("0", alarms...)
			eventually(t, "version 3 at 10 %", func() bool { return c.routing(t, alias) == "2=90 3=10" })
			if _, err := c.cloudwatch().SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{
				AlarmName: aws.String("orders-failed"), StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("a test says so"),
			}); err != nil {
				t.Fatal(err)
			}
			code, out = wait()
			expect("an alarm midway", code, 1, out, "2=100")

			if _, err := c.cloudwatch().SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{
				AlarmName: aws.String("orders-failed"), StateValue: cwtypes.StateValueOk, StateReason: aws.String("over"),
			}); err != nil {
				t.Fatal(err)
			}
			c.update(t, machine, "fourth")
			code, out = start("2", alarms...)()
			expect("pruning", code, 0, out, "4=100")
			if got := c.versions(t, machine); got != "4 3" {
				t.Errorf("versions left: %q, want %q\n%s", got, "4 3", out)
			}
		})
	}
}

// The shell script of AWS's own guide is not ours to ship. Where somebody has
// it, CROSSFADE_CANARY_SCRIPT names it, with its variables block edited to the
// machine orders, the alias prod and the alarms below.
func TestTheGuidesOwnCanaryScript(t *testing.T) {
	script := os.Getenv("CROSSFADE_CANARY_SCRIPT")
	if script == "" {
		t.Skip("skipped: CROSSFADE_CANARY_SCRIPT names no script")
	}
	need(t, "aws", "--version")
	script, err := filepath.Abs(script)
	if err != nil {
		t.Fatal(err)
	}
	c := startCloud(t)
	machine := c.createMachine(t, "orders")
	for i, want := range []string{"1=100", "2=100", "3=100"} {
		cmd := exec.Command("bash", script)
		cmd.Env = environment(t, c.endpoint)
		out, err := cmd.CombinedOutput()
		if err != nil || c.routing(t, machine+":prod") != want {
			t.Fatalf("run %d: %v, routing %q, want %q\n%s", i+1, err, c.routing(t, machine+":prod"), want, out)
		}
		c.update(t, machine, want)
	}
}
