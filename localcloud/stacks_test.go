package localcloud_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
)

// A stackCloud is a whole cloud in virtual time in which templates are deployed.
type stackCloud struct {
	t      *testing.T
	cloud  *localcloud.Cloud
	clock  *clock.Virtual
	began  time.Time
	stacks *cloudformation.Client

	functions bool
}

// newStackCloud opens a cloud. With functions it is served on an address, too,
// where they find it.
func newStackCloud(t *testing.T, functions bool) *stackCloud {
	t.Helper()
	v := clock.NewVirtual(clock.System{}.Now().Truncate(time.Minute))
	config := localcloud.Config{Clock: v, Seed: 1}
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
	return &stackCloud{t: t, cloud: cloud, clock: v, began: v.Now(), stacks: cloudformation.NewFromConfig(cloud.AWSConfig()), functions: functions}
}

// pass lets time pass, a few seconds at once, so that functions get on.
func (c *stackCloud) pass(d time.Duration) {
	c.t.Helper()
	if err := c.clock.Drive(c.t.Context(), c.clock.Now().Add(d), 0, c.cloud.Processes()...); err != nil {
		c.t.Fatal(err)
	}
}

// begin makes and executes a change set, as `aws cloudformation deploy` does.
func (c *stackCloud) begin(name, template string, parameters ...string) {
	c.t.Helper()
	ctx := c.t.Context()
	kind := cfntypes.ChangeSetTypeUpdate
	if _, err := c.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name}); err != nil {
		kind = cfntypes.ChangeSetTypeCreate
	}
	in := &cloudformation.CreateChangeSetInput{
		StackName: &name, ChangeSetName: aws.String(fmt.Sprintf("deploy-%d", c.clock.Now().UnixNano())), ChangeSetType: kind, TemplateBody: &template,
		Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam, cfntypes.CapabilityCapabilityAutoExpand},
	}
	for _, p := range parameters {
		key, value, _ := strings.Cut(p, "=")
		in.Parameters = append(in.Parameters, cfntypes.Parameter{ParameterKey: &key, ParameterValue: &value})
	}
	set, err := c.stacks.CreateChangeSet(ctx, in)
	if err != nil {
		c.t.Fatal(err)
	}
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

// follow lets time pass until the stack rests or, with until, until that holds,
// and returns the shares that an alias had, each with the minutes after which it
// came.
func (c *stackCloud) follow(name string, routing func() string, until func(shares []string) bool) (shares []string) {
	c.t.Helper()
	began, last := c.clock.Now(), ""
	for range 20_000 {
		if now := routing(); now != last {
			shares = append(shares, fmt.Sprintf("%s at %v", now, c.clock.Now().Sub(began).Round(time.Minute)))
			last = now
		}
		if until != nil && until(shares) || !strings.HasSuffix(string(c.status(name)), "_IN_PROGRESS") {
			return shares
		}
		if c.functions { // they are processes, which know nothing of the cloud's time
			<-clock.System{}.After(40 * time.Millisecond)
		}
		c.pass(5 * time.Second)
	}
	c.t.Fatalf("stack %s does not come to its end: %s\n%s", name, c.status(name), c.story(name))
	return nil
}

// story tells a stack's events of this operation, oldest first.
func (c *stackCloud) story(name string) string {
	c.t.Helper()
	var events []cfntypes.StackEvent
	pages := cloudformation.NewDescribeStackEventsPaginator(c.stacks, &cloudformation.DescribeStackEventsInput{StackName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		events = append(events, page.StackEvents...)
	}
	begins := slices.IndexFunc(events, func(e cfntypes.StackEvent) bool {
		return *e.LogicalResourceId == name && (e.ResourceStatus == "UPDATE_IN_PROGRESS" || e.ResourceStatus == "CREATE_IN_PROGRESS")
	})
	events = events[:begins+1]
	slices.Reverse(events)
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s", *e.LogicalResourceId, e.ResourceStatus)
		if reason := strings.TrimSpace(aws.ToString(e.ResourceStatusReason)); reason != "" {
			b.WriteString(": " + reason)
		}
		b.WriteByte('\n')
	}
	return b.String()
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

// The example of AWS's guide has two versions of one revision.
func TestAStackWithTwoVersionsOfOneRevisionIsDeployedAtOnce(t *testing.T) {
	c := newStackCloud(t, false)
	both := template(t, "orders.yaml")
	c.begin("orders", both)
	c.is("orders", cfntypes.StackStatusCreateComplete)
	if a, b := c.resource("orders", "VersionA"), c.resource("orders", "VersionB"); a != b {
		t.Errorf("the versions are %s and %s, want one", a, b)
	}
	routing := c.machineRouting(c.resource("orders", "Prod"))
	third := strings.NewReplacer("VersionB", "VersionC", "the second", "the third").Replace(both)
	c.begin("orders", third, "Greeting=good night")
	shares := c.follow("orders", routing, nil)
	c.is("orders", cfntypes.StackStatusUpdateComplete)
	if got, want := shares[len(shares)-1], "2=100"; !strings.HasPrefix(got, want) {
		t.Errorf("the alias ended at %s, want %s", got, want)
	}
	if _, err := c.stacks.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("orders")}); err != nil {
		t.Fatal(err)
	}
	c.pass(time.Minute)
	out, err := c.stacks.ListStacks(t.Context(), &cloudformation.ListStacksInput{})
	if err != nil || out.StackSummaries[0].StackStatus != cfntypes.StackStatusDeleteComplete {
		t.Errorf("the stack was not deleted: %v, %+v", err, out)
	}
}

func TestAStackMovesAStateMachinesAliasInTheTemplatesSteps(t *testing.T) {
	c := newStackCloud(t, false)
	both := template(t, "orders.yaml")
	c.begin("orders", strings.ReplaceAll(cut(t, both, "VersionB"), "!Ref VersionB", "!Ref VersionA"))
	c.is("orders", cfntypes.StackStatusCreateComplete)
	routing := c.machineRouting(c.resource("orders", "Prod"))

	c.begin("orders", both, "Greeting=good evening")
	shares := c.follow("orders", routing, nil)
	c.is("orders", cfntypes.StackStatusUpdateComplete)
	want := "1=90 2=10 at 0s, 1=80 2=20 at 5m0s, 1=70 2=30 at 10m0s, 1=60 2=40 at 15m0s, 1=50 2=50 at 20m0s, " +
		"1=40 2=60 at 25m0s, 1=30 2=70 at 30m0s, 1=20 2=80 at 35m0s, 1=10 2=90 at 40m0s, 2=100 at 45m0s"
	if got := strings.TrimPrefix(strings.Join(shares, ", "), "1=100 at 0s, "); got != want {
		t.Errorf("the alias's shares were\n%s\nwant\n%s", got, want)
	}

	third := strings.NewReplacer("VersionB", "VersionC", "the second", "the third").Replace(both)
	c.begin("orders", third, "Greeting=good night")
	c.follow("orders", routing, func(shares []string) bool {
		return len(shares) > 0 && strings.HasPrefix(shares[len(shares)-1], "2=80 3=20")
	})
	failed := c.resource("orders", "FailedAlarm")
	c.alarm(failed, cwtypes.StateValueAlarm)
	shares = c.follow("orders", routing, nil)
	c.is("orders", cfntypes.StackStatusUpdateRollbackComplete)
	if got := routing(); got != "2=100" {
		t.Errorf("after the rollback the alias is at %s, want 2=100; it was %v", got, shares)
	}
	story := strings.NewReplacer(failed, "ALARM").Replace(c.story("orders"))
	if !strings.Contains(story, "Aborting deployment. The following CloudWatch alarms are in an 'ALARM' state: [ALARM].") {
		t.Errorf("the events do not tell of the alarm:\n%s", story)
	}
	var plain []string
	for line := range strings.Lines(story) {
		if strings.HasPrefix(line, "Prod UPDATE_FAILED") {
			line = "Prod UPDATE_FAILED\n"
		}
		plain = append(plain, line)
	}
	if got, want := strings.Join(plain, ""), `orders UPDATE_IN_PROGRESS: User Initiated
Orders UPDATE_IN_PROGRESS
Orders UPDATE_COMPLETE
VersionC CREATE_IN_PROGRESS
VersionC CREATE_IN_PROGRESS: Resource creation Initiated
VersionC CREATE_COMPLETE
Prod UPDATE_IN_PROGRESS
Prod UPDATE_FAILED
orders UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to update: [Prod].
Prod UPDATE_IN_PROGRESS
Prod UPDATE_COMPLETE
Orders UPDATE_IN_PROGRESS
Orders UPDATE_COMPLETE
orders UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
VersionC DELETE_IN_PROGRESS
VersionC DELETE_COMPLETE
orders UPDATE_ROLLBACK_COMPLETE
`; got != want {
		t.Errorf("the events tell\n%s\nwant\n%s", got, want)
	}
}
