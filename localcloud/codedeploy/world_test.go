package codedeploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
	localcloudwatch "github.com/crossfade-dev/crossfade/localcloud/cloudwatch"
	"github.com/crossfade-dev/crossfade/localcloud/codedeploy"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	locallambda "github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
	"github.com/crossfade-dev/crossfade/localcloud/sts"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

const (
	account  = "444455556666"
	region   = "eu-west-1"
	role     = "arn:aws:iam::" + account + ":role/deployer"
	topicARN = "arn:aws:sns:" + region + ":" + account + ":releases"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// A world is a CodeDeploy in virtual time, seen through the SDK, with the
// function checkout, three versions of it and the alias live on version 1, the
// application shop and its group prod.
type world struct {
	*awscodedeploy.Client
	t         *testing.T
	clock     *clock.Virtual
	server    *wire.Server                          // of everything but CodeDeploy
	hooks     map[string]types.LifecycleEventStatus // what they answer, by function's name
	called    []call                                // the hooks, in their order
	ran       int                                   // how many of them have run
	processes []clock.Process
	lambda    *lambda.Client
	alarms    *cloudwatch.Client
	objects   objects
	topics    topics
	store     *memstore.Store
	journal   *records
	service   *codedeploy.Service
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, clock: clock.NewVirtual(start), store: memstore.New(), journal: &records{kept: map[string]map[string][]byte{}},
		hooks: map[string]types.LifecycleEventStatus{}, objects: objects{},
	}
	functions, err := locallambda.New(locallambda.Config{Clock: w.clock, Rand: rand.NewPCG(1, 2), Runtime: lambdatest.Idle{}})
	w.must(err)
	t.Cleanup(functions.Close)
	monitoring, err := localcloudwatch.New(localcloudwatch.Config{Clock: w.clock})
	w.must(err)
	w.processes = []clock.Process{functions, monitoring}
	w.server = wire.NewServer(wire.Config{}, functions.API(), monitoring.API(), sts.New(sts.Config{Clock: w.clock}).API())
	cfg := w.aws(account, region)
	w.lambda, w.alarms = lambda.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
	w.open("local cloud of test@here pid 1")
	w.furnish()
	return w
}

func (w *world) aws(account, region string) aws.Config { return config(w.server, account, region) }

func config(s *wire.Server, account, region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String("http://cloud.local"), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""), HTTPClient: s.Client(),
	}
}

// open makes the service as a new process would, with what the last one kept.
func (w *world) open(owner string) {
	w.t.Helper()
	carrier := rollouts.New(rollouts.Config{Store: w.store, AWS: w.aws, Clock: w.clock, Owner: owner})
	var err error
	w.service, err = codedeploy.New(codedeploy.Config{
		Clock: w.clock, Rollouts: carrier, Functions: functions{w}, Objects: w.objects, Topics: &w.topics, Bus: &w.topics,
		Journal: w.journal, Rand: rand.NewChaCha8([32]byte{byte(len(owner))}),
	})
	w.must(err)
	w.Client = awscodedeploy.NewFromConfig(config(wire.NewServer(wire.Config{}, w.service.API()), account, region))
	w.processes = append(w.processes[:2:2], carrier, w.service)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refused checks the code of an error and that its message has a text.
func (w *world) refused(err error, code, text string) {
	w.t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), text) {
		w.t.Errorf("got %v, want %s with %q", err, code, text)
	}
}

func (w *world) furnish() {
	w.t.Helper()
	ctx := w.t.Context()
	w.function("checkout")
	for v := 2; v <= 3; v++ {
		_, err := w.lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
			FunctionName: aws.String("checkout"), ZipFile: lambdatest.Code(fmt.Sprint(v)), Publish: true,
		})
		w.must(err)
		w.pass(time.Second)
	}
	_, err := w.lambda.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: aws.String("checkout"), Name: aws.String("live"), FunctionVersion: aws.String("1")})
	w.must(err)
	_, err = w.CreateApplication(ctx, &awscodedeploy.CreateApplicationInput{ApplicationName: aws.String("shop"), ComputePlatform: types.ComputePlatformLambda})
	w.must(err)
	w.group("prod", func(*awscodedeploy.CreateDeploymentGroupInput) {})
}

// function makes a function with one version.
func (w *world) function(name string) {
	w.t.Helper()
	_, err := w.lambda.CreateFunction(w.t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(role), Handler: aws.String("app.run"), Runtime: lambdatypes.RuntimePython312,
		Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Code("1")}, Publish: true,
	})
	w.must(err)
	w.pass(time.Second)
}

// group makes a deployment group of shop that shifts 10 % for five minutes.
func (w *world) group(name string, change func(*awscodedeploy.CreateDeploymentGroupInput)) {
	w.t.Helper()
	in := &awscodedeploy.CreateDeploymentGroupInput{
		ApplicationName: aws.String("shop"), DeploymentGroupName: &name, ServiceRoleArn: aws.String(role),
		DeploymentConfigName: aws.String("CodeDeployDefault.LambdaCanary10Percent5Minutes"), DeploymentStyle: blueGreen(),
	}
	change(in)
	_, err := w.CreateDeploymentGroup(w.t.Context(), in)
	w.must(err)
}

func blueGreen() *types.DeploymentStyle {
	return &types.DeploymentStyle{DeploymentType: types.DeploymentTypeBlueGreen, DeploymentOption: types.DeploymentOptionWithTrafficControl}
}

// pass lets time go by with everything that happens in it, and functions run to
// their end.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	until := w.clock.Now().Add(d)
	for {
		w.run()
		at, ok := w.next()
		if !ok || at.After(until) {
			break
		}
		if now := w.clock.Now(); at.Before(now) {
			at = now
		}
		w.must(w.clock.Drive(w.t.Context(), at, 0, w.processes...))
	}
	w.must(w.clock.Drive(w.t.Context(), until, 0, w.processes...))
	w.run()
}

func (w *world) next() (at time.Time, ok bool) {
	for _, p := range w.processes {
		if t, has := p.Next(); has && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok
}

// spec is an AppSpec file that moves live from one version to another.
func spec(from, to string, hooks ...string) string {
	text := "version: 0.0\nResources:\n  - checkout:\n      Type: AWS::Lambda::Function\n      Properties:\n" +
		"        Name: checkout\n        Alias: live\n        CurrentVersion: \"" + from + "\"\n        TargetVersion: " + to + "\n"
	if len(hooks) > 0 {
		text += "Hooks:\n"
	}
	for _, h := range hooks {
		text += "  - " + h + "\n"
	}
	return text
}

func content(text string) *types.RevisionLocation {
	return &types.RevisionLocation{RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{Content: &text}}
}

// deploy creates a deployment of the group prod.
func (w *world) deploy(text string, change ...func(*awscodedeploy.CreateDeploymentInput)) string {
	w.t.Helper()
	in := &awscodedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"), Revision: content(text)}
	for _, c := range change {
		c(in)
	}
	out, err := w.CreateDeployment(w.t.Context(), in)
	w.must(err)
	return *out.DeploymentId
}

func (w *world) deployment(id string) *types.DeploymentInfo {
	w.t.Helper()
	out, err := w.GetDeployment(w.t.Context(), &awscodedeploy.GetDeploymentInput{DeploymentId: &id})
	w.must(err)
	return out.DeploymentInfo
}

// wantEnd checks the status of a deployment, and its error's code.
func (w *world) wantEnd(id string, status types.DeploymentStatus, code types.ErrorCode) *types.DeploymentInfo {
	w.t.Helper()
	d := w.deployment(id)
	var got types.ErrorCode
	var message string
	if d.ErrorInformation != nil {
		got, message = d.ErrorInformation.Code, aws.ToString(d.ErrorInformation.Message)
	}
	if d.Status != status || got != code {
		w.t.Fatalf("deployment %s is %s with %s (%s), want %s with %s", id, d.Status, got, message, status, code)
	}
	return d
}

// target returns the target of a deployment.
func (w *world) target(id string) *types.LambdaTarget {
	w.t.Helper()
	out, err := w.GetDeploymentTarget(w.t.Context(), &awscodedeploy.GetDeploymentTargetInput{DeploymentId: &id, TargetId: aws.String("checkout:live")})
	w.must(err)
	return out.DeploymentTarget.LambdaTarget
}

// stages tells how the stages of a deployment stand.
func (w *world) stages(id string) string {
	w.t.Helper()
	var parts []string
	for _, e := range w.target(id).LifecycleEvents {
		parts = append(parts, string(e.Status))
	}
	return strings.Join(parts, " ")
}

// does tells what the alias does.
func (w *world) does() string {
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

func (w *world) wantAlias(want string) {
	w.t.Helper()
	if got := w.does(); got != want {
		w.t.Errorf("at %s the alias does %s, want %s", w.clock.Now().Sub(start), got, want)
	}
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
	_, err = w.alarms.SetAlarmState(w.t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("test")})
	w.must(err)
}

func alarms(names ...string) *types.AlarmConfiguration {
	c := &types.AlarmConfiguration{Enabled: true}
	for _, n := range names {
		c.Alarms = append(c.Alarms, types.Alarm{Name: aws.String(n)})
	}
	return c
}

func rollback(events ...types.AutoRollbackEvent) *types.AutoRollbackConfiguration {
	return &types.AutoRollbackConfiguration{Enabled: true, Events: events}
}

// functions is how the service reaches Lambda.
type functions struct{ *world }

func (f functions) Alias(ctx context.Context, function, alias string) (string, bool, error) {
	var out struct {
		FunctionVersion string
		RoutingConfig   struct{ AdditionalVersionWeights map[string]float64 }
	}
	err := f.call(ctx, "GetAlias", map[string]string{"FunctionName": function, "Name": alias}, &out)
	return out.FunctionVersion, len(out.RoutingConfig.AdditionalVersionWeights) > 0, err
}

func (f functions) Version(ctx context.Context, function, version string) error {
	return f.call(ctx, "GetFunctionConfiguration", map[string]string{"FunctionName": function, "Qualifier": version}, &struct{}{})
}

func (f functions) Invoke(ctx context.Context, function string, event []byte) error {
	if err := f.call(ctx, "GetFunctionConfiguration", map[string]string{"FunctionName": function}, &struct{}{}); err != nil {
		return err
	}
	c := call{function: function, event: map[string]string{}}
	if err := json.Unmarshal(event, &c.event); err != nil {
		return err
	}
	f.called = append(f.called, c)
	return nil
}

// A call is an event that a hook got.
type call struct {
	function string
	event    map[string]string
}

func (f functions) call(ctx context.Context, operation string, in, out any) error {
	params, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := f.server.Call(ctx, "lambda", operation, params)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

// hook makes a function that answers as a hook does: with a status, or not at all
// when that is empty.
func (w *world) hook(name string, status types.LifecycleEventStatus) {
	w.t.Helper()
	w.function(name)
	w.hooks[name] = status
}

// run lets the hooks answer that were called.
func (w *world) run() {
	w.t.Helper()
	for ; w.ran < len(w.called); w.ran++ {
		c := w.called[w.ran]
		if status := w.hooks[c.function]; status != "" {
			w.must(w.answer(c.event, status))
		}
	}
}

func (w *world) answer(event map[string]string, status types.LifecycleEventStatus) error {
	_, err := w.PutLifecycleEventHookExecutionStatus(w.t.Context(), &awscodedeploy.PutLifecycleEventHookExecutionStatusInput{
		DeploymentId: aws.String(event["DeploymentId"]), LifecycleEventHookExecutionId: aws.String(event["LifecycleEventHookExecutionId"]), Status: status,
	})
	return err
}

// objects are texts by bucket/key.
type objects map[string]string

func (o objects) Get(_ context.Context, bucket, key, _ string) (io.ReadCloser, error) {
	text, ok := o[bucket+"/"+key]
	if !ok {
		return nil, errors.New("there is no such key")
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// topics keep what was sent.
type topics struct{ sent, events []string }

// Put keeps what came to the bus.
func (t *topics) Put(_ context.Context, e codedeploy.Event) error {
	t.events = append(t.events, string(e.Detail))
	return nil
}

func (t *topics) Publish(_ context.Context, topic arn.ARN, subject, message string) error {
	t.sent = append(t.sent, topic.String()+" "+subject+" "+message)
	return nil
}

// records are a journal in memory.
type records struct {
	mu   sync.Mutex
	kept map[string]map[string][]byte
}

func (r *records) Commit(records ...journal.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range records {
		if r.kept[rec.Kind] == nil {
			r.kept[rec.Kind] = map[string][]byte{}
		}
		if rec.Delete {
			delete(r.kept[rec.Kind], rec.Key)
			continue
		}
		r.kept[rec.Kind][rec.Key] = bytes.Clone(rec.Value)
	}
	return nil
}

func (r *records) Load(kind string, yield func(key string, value []byte) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, value := range r.kept[kind] {
		if err := yield(key, value); err != nil {
			return err
		}
	}
	return nil
}
