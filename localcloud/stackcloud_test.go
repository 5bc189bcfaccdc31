package localcloud_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	codedeploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/internal/stacktest"
	"github.com/crossfade-dev/crossfade/localcloud"
)

// A stackCloud is a whole cloud in virtual time in which templates are deployed.
type stackCloud struct {
	t      *testing.T
	cloud  *localcloud.Cloud
	clock  *clock.Virtual
	stacks *cloudformation.Client
	store  *memstore.Store // of rollouts

	began   time.Time // of the last operation
	watched []*watched
	atWork  func() bool // functions are, which know nothing of the cloud's time; may be nil
}

// A watched alias is one whose shares are noted, since the operation began.
type watched struct {
	name    string
	routing func() string
	seen    []share
}

// A share is what an alias gave to which version, and since when.
type share struct {
	text string
	at   time.Time
}

// newStackCloud opens a cloud. With functions it is served on an address, too,
// where they find it.
func newStackCloud(t *testing.T, functions bool) *stackCloud {
	t.Helper()
	v := clock.NewVirtual(clock.System{}.Now().Truncate(time.Minute))
	config, store := localcloud.Config{Clock: v, Seed: 1}, memstore.New()
	config.Rollouts = store
	var listener net.Listener
	if functions {
		var err error
		if listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		config.Path, config.Sandbox, config.Endpoint = os.Getenv("PATH"), os.Args[0], "http://"+listener.Addr().String()
	}
	cloud, err := localcloud.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	if functions {
		server := &http.Server{Handler: cloud.Handler(), ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(listener) }() // ends with the test
		t.Cleanup(func() { _ = server.Close() })
	}
	t.Cleanup(func() { _ = cloud.Close() })
	return &stackCloud{t: t, cloud: cloud, clock: v, store: store, stacks: cloudformation.NewFromConfig(cloud.AWSConfig())}
}

// pass lets time pass.
func (c *stackCloud) pass(d time.Duration) {
	c.t.Helper()
	if err := c.clock.Drive(c.t.Context(), c.clock.Now().Add(d), 0, c.cloud.Processes()...); err != nil {
		c.t.Fatal(err)
	}
}

// watch has the shares of an alias noted from the next operation on.
func (c *stackCloud) watch(name string, routing func() string) {
	c.watched = append(c.watched, &watched{name: name, routing: routing})
}

// forget begins to note what happens anew.
func (c *stackCloud) forget() {
	c.began = c.clock.Now()
	for _, w := range c.watched {
		w.seen = nil
	}
	c.note()
}

// note looks at the aliases that are watched.
func (c *stackCloud) note() {
	c.t.Helper()
	for _, w := range c.watched {
		if now := w.routing(); len(w.seen) == 0 || now != w.seen[len(w.seen)-1].text {
			w.seen = append(w.seen, share{now, c.clock.Now()})
		}
	}
}

// begin makes and executes a change set, as `aws cloudformation deploy` does, of a
// template or of the address of one.
func (c *stackCloud) begin(name, template string, parameters ...string) {
	c.t.Helper()
	ctx := c.t.Context()
	kind := cfntypes.ChangeSetTypeUpdate
	if _, err := c.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name}); err != nil {
		kind = cfntypes.ChangeSetTypeCreate
	}
	in := &cloudformation.CreateChangeSetInput{
		StackName: &name, ChangeSetName: aws.String(fmt.Sprintf("deploy-%d", c.clock.Now().UnixNano())), ChangeSetType: kind,
		Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam, cfntypes.CapabilityCapabilityAutoExpand},
	}
	if in.TemplateBody = &template; strings.HasPrefix(template, "https://") {
		in.TemplateBody, in.TemplateURL = nil, &template
	}
	for _, p := range parameters {
		key, value, _ := strings.Cut(p, "=")
		in.Parameters = append(in.Parameters, cfntypes.Parameter{ParameterKey: &key, ParameterValue: &value})
	}
	set, err := c.stacks.CreateChangeSet(ctx, in)
	if err != nil {
		c.t.Fatal(err)
	}
	c.forget()
	if _, err := c.stacks.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: set.Id}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *stackCloud) status(name string) cfntypes.StackStatus {
	c.t.Helper()
	out, err := c.stacks.DescribeStacks(c.t.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.Stacks[0].StackStatus
}

// follow lets time pass until the stack rests or, with until, until that holds.
func (c *stackCloud) follow(name string, until func() bool) {
	c.t.Helper()
	if !c.until(func() bool {
		return until != nil && until() || !strings.HasSuffix(string(c.status(name)), "_IN_PROGRESS")
	}) {
		c.t.Fatalf("stack %s does not come to its end: %s\n%s", name, c.status(name), c.story(name))
	}
}

// until lets time pass until something holds, for a day at most. While functions
// are at work it passes as it does for them, else as fast as it can.
func (c *stackCloud) until(holds func() bool) bool {
	c.t.Helper()
	for range 20_000 {
		c.note()
		if holds() {
			return true
		}
		tick, pace := time.Millisecond, 5*time.Second
		if c.atWork != nil && c.atWork() {
			tick, pace = 20*time.Millisecond, 20*time.Millisecond
		}
		<-clock.System{}.After(tick)
		c.pass(pace)
	}
	return false
}

// at says that an alias that is watched is at a share.
func (c *stackCloud) at(alias, share string) func() bool {
	return func() bool {
		seen := c.find(alias).seen
		return seen[len(seen)-1].text == share
	}
}

func (c *stackCloud) find(alias string) *watched {
	c.t.Helper()
	i := slices.IndexFunc(c.watched, func(w *watched) bool { return w.name == alias })
	if i < 0 {
		c.t.Fatalf("the alias %s is not watched", alias)
	}
	return c.watched[i]
}

// shares tells what an alias gave to which version since the operation began, each
// share with the time since the one before.
func (c *stackCloud) shares(alias string) string {
	c.t.Helper()
	seen, texts := c.find(alias).seen, []string{"no change"}
	for i, s := range seen[1:] {
		if i == 0 {
			texts[0] = s.text
			continue
		}
		texts = append(texts, fmt.Sprintf("%s after %v", s.text, s.at.Sub(seen[i].at).Round(time.Minute)))
	}
	return strings.Join(texts, ", ")
}

// wantShares checks what was seen of an alias. A time … is any.
func (c *stackCloud) wantShares(alias, want string) {
	c.t.Helper()
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", "[0-9hms]+") + "$"
	if got := c.shares(alias); !regexp.MustCompile(pattern).MatchString(got) {
		c.t.Errorf("the shares of %s were\n%s\nwant\n%s", alias, got, want)
	}
}

// story tells a stack's events of this operation, see [stacktest.Story].
func (c *stackCloud) story(name string, of ...string) string {
	c.t.Helper()
	story, err := stacktest.Story(c.t.Context(), c.stacks, name, of...)
	if err != nil {
		c.t.Fatal(err)
	}
	return story
}

// wantStory checks a stack's events.
func (c *stackCloud) wantStory(want, name string, of ...string) {
	c.t.Helper()
	if got := c.story(name, of...); got != want {
		c.t.Errorf("the events of %s %v tell\n%s\nwant\n%s", name, of, got, want)
	}
}

// is fails unless the stack has a status.
func (c *stackCloud) is(name string, want cfntypes.StackStatus) {
	c.t.Helper()
	if got := c.status(name); got != want {
		c.t.Fatalf("stack %s is %s, want %s:\n%s", name, got, want, c.story(name))
	}
}

// resource returns the physical id of a stack's resource.
func (c *stackCloud) resource(name, id string) string {
	c.t.Helper()
	out, err := c.stacks.DescribeStackResource(c.t.Context(), &cloudformation.DescribeStackResourceInput{StackName: &name, LogicalResourceId: &id})
	if err != nil {
		c.t.Fatal(err)
	}
	return *out.StackResourceDetail.PhysicalResourceId
}

// machineRouting returns what an alias of a state machine gives to which version,
// such as "1=90 2=10".
func (c *stackCloud) machineRouting(alias string) func() string {
	client := sfn.NewFromConfig(c.cloud.AWSConfig())
	return func() string {
		c.t.Helper()
		out, err := client.DescribeStateMachineAlias(c.t.Context(), &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: &alias})
		if err != nil {
			c.t.Fatal(err)
		}
		var parts []string
		for _, r := range out.RoutingConfiguration {
			parts = append(parts, fmt.Sprintf("%s=%d", (*r.StateMachineVersionArn)[strings.LastIndex(*r.StateMachineVersionArn, ":")+1:], r.Weight))
		}
		slices.Sort(parts)
		return strings.Join(parts, " ")
	}
}

// machineVersions returns the numbers of a state machine's versions, newest first.
func (c *stackCloud) machineVersions(machine string) string {
	c.t.Helper()
	out, err := sfn.NewFromConfig(c.cloud.AWSConfig()).ListStateMachineVersions(c.t.Context(), &sfn.ListStateMachineVersionsInput{StateMachineArn: &machine})
	if err != nil {
		c.t.Fatal(err)
	}
	var numbers []string
	for _, v := range out.StateMachineVersions {
		numbers = append(numbers, strings.TrimPrefix(*v.StateMachineVersionArn, machine+":"))
	}
	return strings.Join(numbers, " ")
}

// functionRouting does the same for an alias of a function.
func (c *stackCloud) functionRouting(function, alias string) func() string {
	client := lambda.NewFromConfig(c.cloud.AWSConfig())
	return func() string {
		c.t.Helper()
		out, err := client.GetAlias(c.t.Context(), &lambda.GetAliasInput{FunctionName: &function, Name: &alias})
		if err != nil {
			c.t.Fatal(err)
		}
		rest := 100.0
		var parts []string
		if out.RoutingConfig != nil {
			for version, weight := range out.RoutingConfig.AdditionalVersionWeights {
				parts = append(parts, fmt.Sprintf("%s=%.0f", version, weight*100))
				rest -= weight * 100
			}
		}
		parts = append(parts, fmt.Sprintf("%s=%.0f", *out.FunctionVersion, rest))
		slices.Sort(parts)
		return strings.Join(parts, " ")
	}
}

// deployments tells how CodeDeploy's deployments since the last operation began
// stand, oldest first.
func (c *stackCloud) deployments() []string {
	c.t.Helper()
	client := codedeploy.NewFromConfig(c.cloud.AWSConfig())
	list, err := client.ListDeployments(c.t.Context(), &codedeploy.ListDeploymentsInput{CreateTimeRange: &codedeploytypes.TimeRange{Start: &c.began}})
	if err != nil {
		c.t.Fatal(err)
	}
	var told []string
	for _, id := range slices.Backward(list.Deployments) {
		out, err := client.GetDeployment(c.t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			c.t.Fatal(err)
		}
		d := out.DeploymentInfo
		text := fmt.Sprintf("%s by %s", d.Status, d.Creator)
		if d.ErrorInformation != nil {
			text += fmt.Sprintf(", %s", d.ErrorInformation.Code)
		}
		told = append(told, text)
	}
	return told
}

// hooksAtWork says that a deployment of CodeDeploy waits for a function.
func (c *stackCloud) hooksAtWork() bool {
	c.t.Helper()
	client := codedeploy.NewFromConfig(c.cloud.AWSConfig())
	list, err := client.ListDeployments(c.t.Context(), &codedeploy.ListDeploymentsInput{IncludeOnlyStatuses: []codedeploytypes.DeploymentStatus{codedeploytypes.DeploymentStatusInProgress}})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, id := range list.Deployments {
		targets, err := client.ListDeploymentTargets(c.t.Context(), &codedeploy.ListDeploymentTargetsInput{DeploymentId: &id})
		if err != nil {
			c.t.Fatal(err)
		}
		target, err := client.GetDeploymentTarget(c.t.Context(), &codedeploy.GetDeploymentTargetInput{DeploymentId: &id, TargetId: &targets.TargetIds[0]})
		if err != nil {
			c.t.Fatal(err)
		}
		if slices.ContainsFunc(target.DeploymentTarget.LambdaTarget.LifecycleEvents, func(e codedeploytypes.LifecycleEvent) bool {
			return *e.LifecycleEventName != "AllowTraffic" && e.Status == codedeploytypes.LifecycleEventStatusInProgress
		}) {
			return true
		}
	}
	return false
}

// alarm sets an alarm's state.
func (c *stackCloud) alarm(name string, state cwtypes.StateValue) {
	c.t.Helper()
	if _, err := cloudwatch.NewFromConfig(c.cloud.AWSConfig()).SetAlarmState(c.t.Context(), &cloudwatch.SetAlarmStateInput{
		AlarmName: &name, StateValue: state, StateReason: aws.String("a test says so"),
	}); err != nil {
		c.t.Fatal(err)
	}
}

// template reads one of the templates that the built program is tried with, too.
func template(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../e2e/testdata/stacks/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// cut takes a resource out of a template.
func cut(t *testing.T, text, id string) string {
	t.Helper()
	from := strings.Index(text, "\n  "+id+":\n")
	if from < 0 {
		t.Fatalf("the template has no resource %s", id)
	}
	end := from + 1
	for line := range strings.Lines(text[from+1:]) {
		if end > from+1 && !strings.HasPrefix(line, "    ") {
			break
		}
		end += len(line)
	}
	return text[:from+1] + text[end:]
}
