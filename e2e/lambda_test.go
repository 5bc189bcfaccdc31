package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

const (
	goodCode = "def handler(event, context):\n    return {'version': context.function_version, 'release': %q}\n"
	badCode  = "def handler(event, context):\n    raise RuntimeError(%q)\n"
)

func (c *cloud) lambda() *lambda.Client { return lambda.NewFromConfig(c.config()) }

// file writes a file into a directory and returns its name.
func file(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// createFunction creates a function in Python whose alias live is at version 1.
func (c *cloud) createFunction(t *testing.T, name string) {
	t.Helper()
	client, ctx := c.lambda(), t.Context()
	if _, err := client.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String("arn:aws:iam::000000000000:role/till"), Handler: aws.String("app.handler"),
		Runtime: lambdatypes.RuntimePython312, Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Code(fmt.Sprintf(goodCode, "first"))},
		Publish: true, Timeout: aws.Int32(20),
	}); err != nil {
		t.Fatal(err)
	}
	c.awaitFunction(t, name)
	if _, err := client.CreateAlias(ctx, &lambda.CreateAliasInput{
		FunctionName: &name, Name: aws.String("live"), FunctionVersion: aws.String("1"),
	}); err != nil {
		t.Fatal(err)
	}
}

// awaitFunction waits until a function can be invoked and changed.
func (c *cloud) awaitFunction(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" is active", func() bool {
		out, err := c.lambda().GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		return err == nil && out.State == lambdatypes.StateActive && out.LastUpdateStatus == lambdatypes.LastUpdateStatusSuccessful
	})
}

// functionRouting reads a function's alias live as version, or version and
// others' weights, such as "1 2=0.05".
func (c *cloud) functionRouting(t *testing.T, function string) string {
	t.Helper()
	out, err := c.lambda().GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: &function, Name: aws.String("live")})
	if err != nil {
		return err.Error()
	}
	text := aws.ToString(out.FunctionVersion)
	if out.RoutingConfig != nil {
		for _, v := range slices.Sorted(maps.Keys(out.RoutingConfig.AdditionalVersionWeights)) {
			text += fmt.Sprintf(" %s=%v", v, out.RoutingConfig.AdditionalVersionWeights[v])
		}
	}
	return text
}

// invoke invokes a function's alias live and returns the version that served.
func (c *cloud) invoke(ctx context.Context, client *lambda.Client, function string) (string, error) {
	out, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, Qualifier: aws.String("live"), Payload: []byte(`{"order": 7}`)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ExecutedVersion), nil
}

// traffic does something again and again, two at a time, until the test ends.
func traffic(t *testing.T, do func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for ctx.Err() == nil {
				if err := do(ctx); err != nil && ctx.Err() == nil {
					t.Errorf("traffic: %v", err)
					return
				}
			}
		})
	}
	t.Cleanup(func() { // before the cloud is killed
		cancel()
		workers.Wait()
	})
}

func TestAFunctionIsPromotedWhenItsNewVersionWorksAndTakenBackWhenItFails(t *testing.T) {
	t.Parallel()
	need(t, "python3", "--version")
	c := startCloud(t)
	c.createFunction(t, "checkout")
	client := c.lambda()
	traffic(t, func(ctx context.Context) error {
		_, err := c.invoke(ctx, client, "checkout")
		return err
	})
	d, dir := mortalDeploy{cloud: c, env: environment(t, c.endpoint)}, t.TempDir()
	release := func(name, code string) (int, string) {
		r := start(t, d.command("deploy", "--lambda", "checkout:live", "--code", file(t, dir, name, lambdatest.Code(code)),
			"--canary", "20%/2s", "--soak", "1s", "--look", "500ms", "--max-failures", "5%/5"))
		return r.code(t), r.said()
	}

	code, said := release("good.zip", fmt.Sprintf(goodCode, "second"))
	if got := c.functionRouting(t, "checkout"); code != 0 || got != "2" {
		t.Fatalf("a good version: exit code %d with routing %q, want 0 with %q\n%s", code, got, "2", said)
	}
	code, said = release("bad.zip", fmt.Sprintf(badCode, "no stock"))
	if got := c.functionRouting(t, "checkout"); code != 3 || got != "2" {
		t.Fatalf("a bad version: exit code %d with routing %q, want 3 with %q\n%s", code, got, "2", said)
	}
}

// machineText is a definition of a machine that works, or fails in every
// execution.
func machineText(comment string, fails bool) string {
	last := `{"Type": "Pass", "End": true}`
	if fails {
		last = `{"Type": "Fail", "Error": "NoStock"}`
	}
	return fmt.Sprintf(`{"Comment": %q, "StartAt": "Reserve", "States": {"Reserve": %s}}`, comment, last)
}

func TestAFunctionAndAStateMachineMoveTogetherAndAreTakenBackTogether(t *testing.T) {
	t.Parallel()
	need(t, "python3", "--version")
	c := startCloud(t)
	c.createFunction(t, "checkout")
	machine := c.createMachine(t, "orders")
	version, alias := c.publish(t, machine), machine+":prod"
	if _, err := c.sfn().CreateStateMachineAlias(t.Context(), &sfn.CreateStateMachineAliasInput{
		Name: aws.String("prod"), RoutingConfiguration: []sfntypes.RoutingConfigurationListItem{{StateMachineVersionArn: &version, Weight: 100}},
	}); err != nil {
		t.Fatal(err)
	}
	functions, machines := c.lambda(), c.sfn()
	traffic(t, func(ctx context.Context) error {
		if _, err := c.invoke(ctx, functions, "checkout"); err != nil {
			return err
		}
		_, err := machines.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &alias})
		return err
	})
	d, dir := mortalDeploy{cloud: c, env: environment(t, c.endpoint)}, t.TempDir()
	plan := file(t, dir, "shop.yaml", []byte(`version: 1
targets:
  - lambda: {function: checkout, alias: live, code: checkout.zip}
  - stateMachine: {name: orders, alias: prod, definition: orders.asl.json}
strategy:
  steps:
    - {weight: 20%, for: 2s}
    - {weight: 50%, for: 1s}
    - {weight: 100%}
  soak: 1s
  look: 500ms
  settle: 500ms
checks:
  - rate: {outcomes: [failed, timedOut], max: 5%, minSamples: 5}
`))
	for _, release := range []struct {
		name      string
		function  string // its code
		fails     bool   // whether the machine does
		code      int
		functions []string // what the function's alias may show, step by step
		machines  []string
		end       int // the step where both end
		together  []int
	}{
		{
			name: "both work", function: goodCode, code: 0, end: 3, together: []int{1, 2},
			functions: []string{"1", "1 2=0.2", "1 2=0.5", "2"},
			machines:  []string{"1=100", "1=80 2=20", "1=50 2=50", "2=100"},
		},
		{
			name: "the machine fails", function: goodCode, fails: true, code: 3, end: 0, together: []int{1},
			functions: []string{"2", "2 3=0.2"},
			machines:  []string{"2=100", "2=80 3=20"},
		},
		{
			name: "the function fails", function: badCode, code: 3, end: 0, together: []int{1},
			functions: []string{"2", "2 4=0.2"},
			machines:  []string{"2=100", "2=80 4=20"},
		},
	} {
		file(t, dir, "checkout.zip", lambdatest.Code(fmt.Sprintf(release.function, release.name)))
		file(t, dir, "orders.asl.json", []byte(machineText(release.name, release.fails)))
		r := start(t, d.command("deploy", plan))
		seen := c.watchSteps(t, r.ended, alias, release.functions, release.machines)
		code := r.code(t)
		if f, m := c.functionRouting(t, "checkout"), c.routing(t, alias); code != release.code ||
			f != release.functions[release.end] || m != release.machines[release.end] {
			t.Fatalf("%s: exit code %d with the function at %q and the machine at %q, want %d, %q and %q\n%s", release.name,
				code, f, m, release.code, release.functions[release.end], release.machines[release.end], r.said())
		}
		for _, step := range release.together {
			if !seen[[2]int{step, step}] {
				t.Errorf("%s: the aliases were never seen at step %d together, only at %v\n%s", release.name, step, seen, r.said())
			}
		}
	}
}

// watchSteps reads the routing of checkout:live and of a machine's alias until a
// deploy has ended, and returns at which steps they were seen. It fails the test
// when one is ahead of the other by more than the step that they are taking, or
// shows what is no step.
func (c *cloud) watchSteps(t *testing.T, ended <-chan struct{}, alias string, functions, machines []string) map[[2]int]bool {
	t.Helper()
	seen := make(map[[2]int]bool)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return seen
		case <-tick.C:
		}
		// What the function shows before and after, it showed meanwhile.
		function, machine := c.functionRouting(t, "checkout"), c.routing(t, alias)
		if c.functionRouting(t, "checkout") != function {
			continue
		}
		f, m := slices.Index(functions, function), slices.Index(machines, machine)
		if f < 0 || m < 0 || max(f, m)-min(f, m) > 1 {
			t.Errorf("not in lock step: the function at %q (step %d), the machine at %q (step %d)", function, f, machine, m)
		}
		seen[[2]int{f, m}] = true
	}
}

// Shares are dealt, not drawn: of 2,000 invocations at 5 %, version 2 serves 100,
// whoever invokes.
func TestAnAliasOfAFunctionGivesEachVersionExactlyItsShare(t *testing.T) {
	t.Parallel()
	need(t, "python3", "--version")
	c := startCloud(t)
	c.createFunction(t, "checkout")
	client, ctx, name := c.lambda(), t.Context(), aws.String("checkout")
	if _, err := client.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
		FunctionName: name, ZipFile: lambdatest.Code(fmt.Sprintf(goodCode, "second")), Publish: true,
	}); err != nil {
		t.Fatal(err)
	}
	c.awaitFunction(t, "checkout")
	if _, err := client.UpdateAlias(ctx, &lambda.UpdateAliasInput{
		FunctionName: name, Name: aws.String("live"),
		RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.05}},
	}); err != nil {
		t.Fatal(err)
	}
	const each, clients = 500, 4
	served := make([]map[string]int, clients)
	var workers sync.WaitGroup
	for i := range clients {
		served[i] = make(map[string]int)
		workers.Go(func() {
			for range each {
				version, err := c.invoke(ctx, client, "checkout")
				if err != nil {
					t.Error(err)
					return
				}
				served[i][version]++
			}
		})
	}
	workers.Wait()
	total := make(map[string]int)
	for _, s := range served {
		for version, n := range s {
			total[version] += n
		}
	}
	if want := (map[string]int{"1": 1900, "2": 100}); !maps.Equal(total, want) {
		t.Errorf("invocations by version: %v, want %v", total, want)
	}

	// An alarm on the new version alone sees it by itself, at once.
	resource := cwtypes.Dimension{Name: aws.String("Resource"), Value: aws.String("checkout:live")}
	byFunction := []cwtypes.Dimension{{Name: aws.String("FunctionName"), Value: name}}
	byResource := append(slices.Clone(byFunction), resource)
	byVersion := append(slices.Clone(byResource), cwtypes.Dimension{Name: aws.String("ExecutedVersion"), Value: aws.String("2")})
	for _, of := range []struct {
		dimensions []cwtypes.Dimension
		want       float64
	}{{byFunction, 2000}, {byResource, 2000}, {byVersion, 100}} {
		for metric, want := range map[string][2]float64{ // sum and samples
			"Invocations": {of.want, of.want}, "Errors": {0, of.want}, "Throttles": {0, of.want}, "Duration": {-1, of.want},
		} {
			sum, samples := c.statistics(t, metric, of.dimensions)
			if samples != want[1] || want[0] >= 0 && sum != want[0] || want[0] < 0 && sum <= 0 {
				t.Errorf("%s with %d dimensions: sum %v of %v samples, want %v of %v", metric, len(of.dimensions), sum, samples, want[0], want[1])
			}
		}
	}
}

// statistics returns the sum of a metric of AWS/Lambda and how many values it has.
func (c *cloud) statistics(t *testing.T, metric string, dimensions []cwtypes.Dimension) (sum, samples float64) {
	t.Helper()
	out, err := c.cloudwatch().GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("AWS/Lambda"), MetricName: &metric, Dimensions: dimensions, Period: aws.Int32(60),
		StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now().Add(time.Minute)),
		Statistics: []cwtypes.Statistic{cwtypes.StatisticSum, cwtypes.StatisticSampleCount},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range out.Datapoints {
		sum += aws.ToFloat64(p.Sum)
		samples += aws.ToFloat64(p.SampleCount)
	}
	return sum, samples
}
