package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/internal/clock"
)

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n
}

// Whatever dies, the alias ends owned: a deploy that is killed with SIGKILL, again
// and again and at any instant, is resumed or reverted by the same command. It
// never leaves a split that no open rollout asked for, and never forgets what it
// proved about a version.
//
// CROSSFADE_KILLS says how many deploys die, CROSSFADE_SEED which ones.
func TestADeployThatIsKilledAtAnyInstantIsResumedOrReverted(t *testing.T) {
	c := startCloud(t)
	first := number(t, "CROSSFADE_SEED", 1)
	for seed := first; seed < first+number(t, "CROSSFADE_KILLS", 12); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			newDeploy(t, c, uint64(seed)).live(t)
		})
	}
}

// A trouble comes to a deploy before it is killed.
type trouble string

const (
	noTrouble   trouble = "no trouble"
	alarmFires  trouble = "an alarm fires"
	interrupted trouble = "Ctrl-C"
	ordered     trouble = "an order to abort"
	orderedOn   trouble = "an order to promote"
)

// A mortalDeploy releases version 2 of a machine of its own, and dies meanwhile.
type mortalDeploy struct {
	*cloud
	draw    *rand.Rand
	machine string // its ARN
	name    string
	env     []string
	args    []string
	trouble trouble
}

func newDeploy(t *testing.T, c *cloud, seed uint64) *mortalDeploy {
	d := &mortalDeploy{
		cloud: c, draw: rand.New(rand.NewPCG(seed, 0)), name: fmt.Sprint("orders-", seed),
		env: environment(t, c.endpoint),
	}
	troubles := []trouble{noTrouble, alarmFires, interrupted, ordered, orderedOn}
	d.trouble = troubles[seed%uint64(len(troubles))]
	d.machine = c.createMachine(t, d.name)
	version := c.publish(t, d.machine)
	if _, err := c.sfn().CreateStateMachineAlias(t.Context(), &sfn.CreateStateMachineAliasInput{
		Name: aws.String("prod"), RoutingConfiguration: []sfntypes.RoutingConfigurationListItem{{StateMachineVersionArn: &version, Weight: 100}},
	}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "second.asl.json")
	if err := os.WriteFile(file, []byte(definition("second")), 0o600); err != nil {
		t.Fatal(err)
	}
	step := "10%/400ms"
	if d.trouble == alarmFires || d.trouble == orderedOn {
		step = "10%/1h" // only the trouble can end it
	}
	d.args = []string{
		"deploy", "--state-machine", d.name + ":prod", "--definition", file, "--alarm", d.name + "-failed", "--no-default-checks",
		"--canary", step, "--soak", "200ms", "--look", "100ms", "--settle", "100ms",
	}
	return d
}

// publish publishes the current revision and returns the version's ARN.
func (c *cloud) publish(t *testing.T, machine string) string {
	t.Helper()
	out, err := c.sfn().PublishStateMachineVersion(t.Context(), &sfn.PublishStateMachineVersionInput{StateMachineArn: &machine})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.StateMachineVersionArn)
}

// live starts the deploy, kills it a few times, and lets it come to its end.
func (d *mortalDeploy) live(t *testing.T) {
	kills := 1 + d.draw.IntN(3)
	var story strings.Builder
	for i := range kills {
		// Half of the deaths come in the first moments.
		within := []time.Duration{300 * time.Millisecond, 1200 * time.Millisecond}[d.draw.IntN(2)]
		before, after := time.Duration(d.draw.Int64N(int64(within))), time.Duration(d.draw.Int64N(int64(within)))
		fmt.Fprintf(&story, "\nrun %d: %s after %v, killed %v later", i+1, d.trouble, before, after)
		out := d.dies(t, i == 0, before, after)
		fmt.Fprintf(&story, "\n%s", out)
		d.mustBeOwned(t, &story)
	}
	if d.trouble == alarmFires {
		d.fire(t)
	}
	cmd := d.command(d.args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if d.trouble == orderedOn { // what the killed ones heard of it may be lost with them
		eventually(t, "the promotion", func() bool {
			if d.command("promote", d.name+":prod", "--reason", "a test says so").Run() == nil {
				return true
			}
			return d.routing(t, d.machine+":prod") == "2=100"
		})
	}
	code := exitCode(t, cmd.Wait())
	fmt.Fprintf(&story, "\nlast run: exit code %d\n%s", code, out.String())
	d.mustHaveEnded(t, code, &story)
}

// dies runs the deploy until it is killed, and returns what it said.
func (d *mortalDeploy) dies(t *testing.T, first bool, before, after time.Duration) string {
	cmd := d.command(d.args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-clock.System{}.After(before)
	if first {
		switch d.trouble {
		case alarmFires:
			d.fire(t)
		case interrupted:
			_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended
		case ordered:
			_ = d.command("abort", d.name+":prod", "--reason", "a test says so").Run() // there may be nothing to abort yet
		case orderedOn:
			_ = d.command("promote", d.name+":prod", "--reason", "a test says so").Run()
		}
	}
	<-clock.System{}.After(after)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return out.String()
}

func (d *mortalDeploy) fire(t *testing.T) {
	t.Helper()
	if _, err := d.cloudwatch().SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{
		AlarmName: aws.String(d.name + "-failed"), StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("a test says so"),
	}); err != nil {
		t.Fatal(err)
	}
}

func (d *mortalDeploy) command(args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = d.env
	return cmd
}

// exitCode returns the exit code of a process that was waited for; a signal is
// none.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode()
	default:
		t.Fatalf("did not exit: %v", err)
		return 0
	}
}

// A remembered rollout is what crossfade list tells programs of one.
type rememberedRollout struct {
	ID     string `json:"id"`
	Status struct {
		Phase   string            `json:"phase"`
		Ended   time.Time         `json:"ended"`
		Targets []rememberedAlias `json:"targets"`
	} `json:"status"`
}

type rememberedAlias struct {
	Stable string            `json:"stable"`
	Canary string            `json:"canary"`
	Wish   rememberedRouting `json:"wish"`
	Before rememberedRouting `json:"before"`
}

type rememberedRouting struct {
	Stable string `json:"stable"`
	Canary string `json:"canary"`
	Weight int    `json:"weight"` // in basis points
}

// text writes a routing as [cloud.routing] does.
func (r rememberedRouting) text() string {
	switch {
	case r.Canary == "" || r.Weight == 0:
		return r.Stable + "=100"
	case r.Weight == 10_000:
		return r.Canary + "=100"
	default:
		parts := []string{fmt.Sprintf("%s=%d", r.Stable, 100-r.Weight/100), fmt.Sprintf("%s=%d", r.Canary, r.Weight/100)}
		slices.Sort(parts)
		return strings.Join(parts, " ")
	}
}

func (d *mortalDeploy) data(t *testing.T, into any, args ...string) {
	t.Helper()
	cmd := d.command(append(args, "-o", "json")...)
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		t.Fatalf("crossfade %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// mustBeOwned holds the alias to S5 after a kill: what it shows was asked for by
// the rollout that is open, or it is whole.
func (d *mortalDeploy) mustBeOwned(t *testing.T, story fmt.Stringer) {
	t.Helper()
	var all, open []rememberedRollout
	d.data(t, &all, "list")
	for _, r := range all {
		if r.Status.Ended.IsZero() {
			open = append(open, r)
		}
	}
	got := d.routing(t, d.machine+":prod")
	switch {
	case len(open) > 1:
		t.Fatalf("%d rollouts are open on one alias:%s", len(open), story)
	case len(open) == 1:
		a := open[0].Status.Targets[0]
		if owned := []string{"1=100", a.Wish.text(), a.Before.text()}; !slices.Contains(owned, got) {
			t.Fatalf("after a kill the alias shows %s, the open rollout remembers %q:%s", got, owned, story)
		}
	case got != "1=100" && got != "2=100":
		t.Fatalf("after a kill the alias shows %s, and no rollout is open:%s", got, story)
	}
}

// mustHaveEnded holds the end to what the exit code says.
func (d *mortalDeploy) mustHaveEnded(t *testing.T, code int, story fmt.Stringer) {
	t.Helper()
	codes := map[trouble][]int{
		noTrouble:   {0},
		alarmFires:  {3, 4},    // 4: it fired before the rollout began, or again after it was taken back
		interrupted: {0, 6},    // 0: the interrupt came before there was a rollout, or it ended and began again
		ordered:     {0, 4, 6}, // 4: the order was carried out before, and what was taken back is not released again
		orderedOn:   {0},
	}[d.trouble]
	if !slices.Contains(codes, code) {
		t.Errorf("exit code %d, want one of %v:%s", code, codes, story)
	}
	want := "1=100"
	if code == 0 {
		want = "2=100"
	}
	if got := d.routing(t, d.machine+":prod"); got != want {
		t.Errorf("in the end the alias shows %s, want %s:%s", got, want, story)
	}
	if got := d.versions(t, d.machine); got != "1" && got != "2 1" {
		t.Errorf("versions %q, want 2 and 1, each published once:%s", got, story)
	}

	var all []rememberedRollout
	d.data(t, &all, "list")
	shifted := false
	for _, r := range all {
		if r.Status.Ended.IsZero() {
			t.Errorf("rollout %s is open in the end (%s):%s", r.ID, r.Status.Phase, story)
		}
		shifted = shifted || r.Status.Targets[0].Before.Weight > 0
	}
	var behind struct {
		Versions []struct {
			Number string `json:"number"`
			State  string `json:"state"`
		} `json:"versions"`
	}
	d.data(t, &behind, "versions", d.name+":prod")
	state := make(map[string]string)
	for _, v := range behind.Versions {
		state[v.Number] = v.State
	}
	switch {
	case code == 0 && state["2"] != "verified":
		t.Errorf("version 2 serves and is %q, want verified:%s", state["2"], story)
	case code == 3 && shifted && state["2"] != "quarantined":
		t.Errorf("version 2 was taken back and is %q, want quarantined:%s", state["2"], story)
	case state["1"] == "quarantined":
		t.Errorf("version 1 did nothing wrong and is quarantined:%s", story)
	}
}
