package rollouts_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	localcloudwatch "github.com/crossfade-dev/crossfade/localcloud/cloudwatch"
	locallambda "github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
	localsfn "github.com/crossfade-dev/crossfade/localcloud/sfn"
	"github.com/crossfade-dev/crossfade/localcloud/sts"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/plan"
)

const (
	account  = "444455556666"
	region   = "eu-west-1"
	function = "arn:aws:lambda:" + region + ":" + account + ":function:checkout"
	machine  = "arn:aws:states:" + region + ":" + account + ":stateMachine:orders"
	role     = "arn:aws:iam::" + account + ":role/till"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// A world is a cloud in virtual time with the function checkout and the state
// machine orders, two versions of each, and the alias live of each on version 1.
type world struct {
	t         *testing.T
	clock     *clock.Virtual
	server    *wire.Server
	store     *memstore.Store
	processes []clock.Process // of the services
	lambda    *lambda.Client
	sfn       *sfn.Client
	alarms    *cloudwatch.Client

	rollouts *rollouts.Service
	seen     []rollouts.Status // by the watcher
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewVirtual(start), store: memstore.New()}
	functions, err := locallambda.New(locallambda.Config{Clock: w.clock, Rand: rand.NewPCG(1, 2), Runtime: lambdatest.Idle{}})
	w.must(err)
	t.Cleanup(functions.Close)
	machines, err := localsfn.New(localsfn.Config{Clock: w.clock, Rand: rand.NewPCG(1, 3)})
	w.must(err)
	t.Cleanup(machines.Close)
	monitoring, err := localcloudwatch.New(localcloudwatch.Config{Clock: w.clock})
	w.must(err)
	w.processes = []clock.Process{functions, machines, monitoring}
	w.server = wire.NewServer(wire.Config{}, functions.API(), machines.API(), monitoring.API(), sts.New(sts.Config{Clock: w.clock}).API())
	cfg := w.aws(account, region)
	w.lambda, w.sfn, w.alarms = lambda.NewFromConfig(cfg), sfn.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
	w.open("local cloud of test@here pid 1")
	w.furnish()
	return w
}

// aws is how clients reach the cloud.
func (w *world) aws(account, region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String("http://cloud.local"), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""), HTTPClient: w.server.Client(),
	}
}

// open makes a service, as a new process would. The one before does nothing any
// more: nobody runs it.
func (w *world) open(owner string) {
	w.rollouts = rollouts.New(rollouts.Config{Store: w.store, AWS: w.aws, Clock: w.clock, Owner: owner})
	w.rollouts.Watch(func(s rollouts.Status) { w.seen = append(w.seen, s) })
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) furnish() {
	w.t.Helper()
	ctx := w.t.Context()
	_, err := w.lambda.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("checkout"), Role: aws.String(role), Handler: aws.String("app.run"), Runtime: lambdatypes.RuntimePython312,
		Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Code("1")}, Publish: true,
	})
	w.must(err)
	w.pass(time.Second)
	_, err = w.lambda.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: aws.String("checkout"), Name: aws.String("live"), FunctionVersion: aws.String("1")})
	w.must(err)
	_, err = w.lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("checkout"), ZipFile: lambdatest.Code("2"), Publish: true})
	w.must(err)
	w.pass(time.Second)

	made, err := w.sfn.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: aws.String("orders"), RoleArn: aws.String(role), Definition: aws.String(definition("1")), Publish: true,
	})
	w.must(err)
	_, err = w.sfn.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{
		StateMachineArn: made.StateMachineArn, Definition: aws.String(definition("2")), Publish: true,
	})
	w.must(err)
	_, err = w.sfn.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{Name: aws.String("live"), RoutingConfiguration: single(1)})
	w.must(err)
}

// pass lets time go by, with everything that happens in it.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	all := w.processes
	if w.rollouts != nil {
		all = append(all[:len(all):len(all)], w.rollouts)
	}
	w.must(w.clock.Drive(w.t.Context(), w.clock.Now().Add(d), 0, all...))
}

// weights tells what the function's alias does: 1, or 1 90% 2 10%.
func (w *world) functionDoes() string {
	w.t.Helper()
	out, err := w.lambda.GetAlias(w.t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("checkout"), Name: aws.String("live")})
	w.must(err)
	text := *out.FunctionVersion
	if out.RoutingConfig != nil {
		for v, f := range out.RoutingConfig.AdditionalVersionWeights {
			text += fmt.Sprintf(" and %s at %v", v, f)
		}
	}
	return text
}

// machineDoes tells what the state machine's alias does.
func (w *world) machineDoes() string {
	w.t.Helper()
	out, err := w.sfn.DescribeStateMachineAlias(w.t.Context(), &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: aws.String(machine + ":live")})
	w.must(err)
	text := ""
	for _, r := range out.RoutingConfiguration {
		v := *r.StateMachineVersionArn
		text += " " + v[len(v)-1:] + " at " + strconv.Itoa(int(r.Weight))
	}
	return text[1:]
}

// alarm makes an alarm that is in a state.
func (w *world) alarm(name string, state cwtypes.StateValue) {
	w.t.Helper()
	_, err := w.alarms.PutMetricAlarm(w.t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("Till"), MetricName: aws.String("Broken"), Statistic: cwtypes.StatisticSum,
		Period: aws.Int32(86400), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1),
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("ignore"),
	})
	w.must(err)
	w.set(name, state)
}

func (w *world) set(name string, state cwtypes.StateValue) {
	w.t.Helper()
	_, err := w.alarms.SetAlarmState(w.t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("test")})
	w.must(err)
}

func (w *world) status(id string) rollouts.Status {
	w.t.Helper()
	s, err := w.rollouts.Status(w.t.Context(), id)
	w.must(err)
	return s
}

// canary is a plan as CodeDeploy's LambdaCanary10Percent5Minutes is one.
func canary(t *testing.T, alarms ...string) plan.Plan {
	t.Helper()
	return planned(t, plan.Spec{
		Targets: []plan.Target{{Kind: plan.Lambda, Name: function, Alias: "live", Version: "2"}},
		Preset:  "CodeDeployDefault.LambdaCanary10Percent5Minutes", Alarms: alarms,
	})
}

// linear is a plan as a template's LINEAR preference is one.
func linear(t *testing.T, alarms ...string) plan.Plan {
	t.Helper()
	return planned(t, plan.Spec{
		Targets: []plan.Target{{Kind: plan.StateMachine, Name: machine, Alias: "live", Version: "2"}},
		Linear:  "40%/2m", Alarms: alarms,
	})
}

func planned(t *testing.T, s plan.Spec) plan.Plan {
	t.Helper()
	s.NoDefaultChecks, s.AlarmsFine, s.Soak, s.Settle = true, plan.FineMissing, "0s", "0s"
	p, err := plan.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func definition(comment string) string {
	return fmt.Sprintf(`{"Comment":%q,"StartAt":"Only","States":{"Only":{"Type":"Succeed"}}}`, comment)
}
