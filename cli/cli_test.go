package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

func TestExitCodesTellHowARolloutEnded(t *testing.T) {
	tests := []struct {
		status rollout.Status
		want   Exit
	}{
		{rollout.Status{Phase: rollout.Succeeded}, ExitSucceeded},
		{rollout.Status{Phase: rollout.RolledBack, Back: rollout.BackUnhealthy}, ExitRolledBack},
		{rollout.Status{Phase: rollout.RolledBack, Back: rollout.BackDeadline}, ExitWaiting},
		{rollout.Status{Phase: rollout.RolledBack, Back: rollout.BackUnknown}, ExitWaiting},
		{rollout.Status{Phase: rollout.Failed, Refused: true}, ExitRefused},
		{rollout.Status{Phase: rollout.Failed}, ExitWaiting},
		{rollout.Status{Phase: rollout.Aborted}, ExitAborted},
		{rollout.Status{Phase: rollout.Paused}, ExitWaiting},
	}
	for _, tt := range tests {
		if got := exitOf(tt.status); got != tt.want {
			t.Errorf("%s %s: got %d, want %d", tt.status.Phase, tt.status.Back, got, tt.want)
		}
	}
}

func TestExitCodesTellWhyACommandFailed(t *testing.T) {
	tests := []struct {
		err  error
		want Exit
	}{
		{fmt.Errorf("x: %w", controller.ErrLeased), ExitRefused},
		{&controller.RefusedError{}, ExitRefused},
		{errors.New("anything"), ExitError},
		{fmt.Errorf("deeper: %w", &failure{code: ExitUsage, err: errors.New("u")}), ExitUsage},
	}
	for _, tt := range tests {
		if got := asFailure(tt.err).code; got != tt.want {
			t.Errorf("%v: got %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestWhatAnotherTryMayMendSaysSo(t *testing.T) {
	for _, cause := range []error{controller.ErrConflict, controller.ErrThrottled} {
		f := asFailure(&controller.UnstartedError{Publishing: "orders:prod", Err: fmt.Errorf("PublishStateMachineVersion: %w", cause)})
		if f.code != ExitError || len(f.next) != 1 || !strings.Contains(f.next[0], "the same command again") {
			t.Errorf("%v: got code %d and next %q, want code %d and to try again", cause, f.code, f.next, ExitError)
		}
	}
}

func TestARefusalForMissingRightsNamesThePolicy(t *testing.T) {
	denied := fmt.Errorf("DescribeAlarms: %w", controller.ErrDenied)
	tests := []struct {
		problem controller.Problem
		want    []string
	}{
		{controller.Problem{Text: `alarm "late" is not readable: ` + denied.Error(), Err: denied}, []string{rights}},
		{controller.Problem{Text: `alarm "access denied" does not exist`}, nil},
		{controller.Problem{Text: "orders:prod: not found", Err: controller.ErrNotFound}, []string{elsewhere}},
	}
	for _, tt := range tests {
		if got := asFailure(refused([]controller.Problem{tt.problem})).next; !slices.Equal(got, tt.want) {
			t.Errorf("%s: next comes %q, want %q", tt.problem.Text, got, tt.want)
		}
	}
}

func TestTheStoreStandsWhereTheEnvironmentSays(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	tests := []struct {
		options storeOptions
		env     map[string]string
		want    string
	}{
		{storeOptions{path: "here.db"}, map[string]string{"CROSSFADE_HOME": "/c"}, "here.db"},
		{storeOptions{}, map[string]string{"CROSSFADE_HOME": "/c", "XDG_STATE_HOME": "/s"}, "/c/crossfade.db"},
		{storeOptions{}, map[string]string{"XDG_STATE_HOME": "/s"}, "/s/crossfade/crossfade.db"},
		{storeOptions{}, map[string]string{"XDG_STATE_HOME": "relative"}, home + "/.local/state/crossfade/crossfade.db"},
	}
	for _, tt := range tests {
		env := testEnv(t)
		env.Getenv = func(name string) string { return tt.env[name] }
		got, err := tt.options.file(env)
		if err != nil || got != tt.want {
			t.Errorf("%+v with %v: got %q, %v; want %q", tt.options, tt.env, got, err, tt.want)
		}
	}
}

func TestOnlyAProcessOfThisMachineThatIsGoneIsDead(t *testing.T) {
	env := testEnv(t)
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		owner string
		want  bool
	}{
		{"ada@" + host + " pid " + strconv.Itoa(gone.Process.Pid), true},
		{"ada@" + host + " pid " + strconv.Itoa(os.Getpid()), false},
		{"ada@elsewhere pid " + strconv.Itoa(gone.Process.Pid), false},
		{"a controller", false},
		{"", false},
	}
	for _, tt := range tests {
		if got := env.isDead(tt.owner); got != tt.want {
			t.Errorf("%q: got %t, want %t", tt.owner, got, tt.want)
		}
	}
}

func TestTheSameDeliveryIsRecognisedAfterItsVersionWasPublished(t *testing.T) {
	asked := func(change func(*plan.Spec)) plan.Plan {
		spec := plan.Spec{Targets: []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod", Definition: "v2.json"}}, Canary: "10%/1m"}
		change(&spec)
		p, err := plan.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	begun := asked(func(*plan.Spec) {})
	begun.Targets[0].Version = "2"
	tests := map[string]struct {
		change func(*plan.Spec)
		want   string
	}{
		"the same command":       {func(*plan.Spec) {}, ""},
		"what is accepted":       {func(s *plan.Spec) { s.AcceptQuarantined = true }, ""},
		"another strategy":       {func(s *plan.Spec) { s.Canary = "50%/1m" }, "its plan is canary 10% for 1m"},
		"another soak":           {func(s *plan.Spec) { s.Soak = "1h" }, "its plan is canary 10% for 1m"},
		"one more alarm":         {func(s *plan.Spec) { s.Alarms = []string{"late"} }, "its checks"},
		"another file":           {func(s *plan.Spec) { s.Targets[0].Definition = "v3.json" }, "it releases something else to orders:prod"},
		"another alias":          {func(s *plan.Spec) { s.Targets[0].Alias = "beta" }, "it moves other aliases"},
		"a function of the name": {func(s *plan.Spec) { s.Targets[0] = plan.Target{Kind: plan.Lambda, Name: "orders", Alias: "prod"} }, "it moves other aliases"},
	}
	for name, tt := range tests {
		if got := planDifference(asked(tt.change), begun); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestThePolicyOfAPlanHasNoRightThatItDoesNotNeed(t *testing.T) {
	p := plan.Plan{
		Targets: []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}},
		Checks:  []plan.Check{{Name: "a", Alarm: "a"}},
	}
	text := func(p plan.Plan) string {
		b, err := json.Marshal(iamOptions{region: "eu-west-1", account: "123456789012"}.policy(p))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, right := range []string{"states:UpdateStateMachine\"", "DeleteStateMachineVersion", "GetMetricData", "lambda:"} {
		if strings.Contains(text(p), right) {
			t.Errorf("a plan that uploads and deletes nothing has %s", right)
		}
	}
	if want := "arn:aws:states:eu-west-1:123456789012:stateMachine:orders"; !strings.Contains(text(p), want) {
		t.Errorf("%s does not name %s", text(p), want)
	}
	p.Targets[0].Definition = "orders.asl.json"
	if !strings.Contains(text(p), "states:UpdateStateMachine\"") {
		t.Error("a plan that uploads a definition may not")
	}
}

func TestThePolicyNamesResourcesInThePartitionOfTheirRegion(t *testing.T) {
	for region, want := range map[string]string{
		"*":              "arn:aws:states:*:",
		"us-east-1":      "arn:aws:states:us-east-1:",
		"cn-northwest-1": "arn:aws-cn:states:cn-northwest-1:",
		"us-gov-west-1":  "arn:aws-us-gov:states:us-gov-west-1:",
	} {
		got := iamOptions{region: region, account: "123456789012"}.policy(plan.Plan{Targets: []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}}})
		if first := got.Statement[0].Resource[0]; !strings.HasPrefix(first, want) {
			t.Errorf("region %s: got %s, want one that begins with %s", region, first, want)
		}
	}
}

func TestThePolicyForAFunctionLetsItBeReleasedAndCounted(t *testing.T) {
	text := func(p plan.Plan) string {
		b, err := json.Marshal(iamOptions{region: "eu-west-1", account: "123456789012"}.policy(p))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	p := plan.Plan{Targets: []plan.Target{{Kind: plan.Lambda, Name: "checkout", Alias: "live"}}}
	least := text(p)
	for _, right := range []string{"lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig", "cloudwatch:GetMetricData", "function:checkout:*"} {
		if !strings.Contains(least, right) {
			t.Errorf("%s has no %s", least, right)
		}
	}
	for _, right := range []string{"UpdateFunctionCode", "DeleteFunction", "ListEventSourceMappings", "states:"} {
		if strings.Contains(least, right) {
			t.Errorf("a plan that uploads and deletes nothing has %s", right)
		}
	}
	p.Targets[0].Code, p.Keep.Versions = "checkout.zip", 5
	most := text(p)
	for _, right := range []string{"lambda:UpdateFunctionCode", "lambda:DeleteFunction", "lambda:ListEventSourceMappings"} {
		if !strings.Contains(most, right) {
			t.Errorf("%s has no %s", most, right)
		}
	}
}

func TestYAMLHasTheNamesAndTheOrderOfJSON(t *testing.T) {
	got, err := asYAML(struct {
		B string   `json:"b"`
		A []string `json:"a"`
	}{"yes", []string{"1"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "b: \"yes\"\na:\n  - \"1\"\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
