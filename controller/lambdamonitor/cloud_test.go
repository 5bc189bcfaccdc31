package lambdamonitor_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/controller/lambdamonitor"
	"github.com/crossfade-dev/crossfade/controller/lambdatarget"
	"github.com/crossfade-dev/crossfade/controller/releasetest"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
	"github.com/crossfade-dev/crossfade/localcloud/logs"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// function is the one that alias belongs to.
var function = strings.TrimSuffix(alias, ":live")

// openCloud opens a local Lambda whose functions run in a runtime, with the CloudWatch
// and the Logs that it tells, and returns it and how clients reach all of them.
func openCloud(t *testing.T, c clock.Clock, settle time.Duration, runtime func(*logs.Service) lambda.Runtime) (*lambda.Service, aws.Config) {
	t.Helper()
	metrics, err := cloudwatch.New(cloudwatch.Config{Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	lines := logs.New(logs.Config{Clock: c})
	functions, err := lambda.New(lambda.Config{
		Clock: c, Rand: rand.NewPCG(1, 2), Runtime: runtime(lines), Metrics: measured{metrics}, Settle: settle,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(functions.Close)
	return functions, aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://cloud.local"), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("444455556666", "secret", ""),
		HTTPClient:  wire.NewServer(wire.Config{}, functions.API(), metrics.API(), lines.API()).Client(),
	}
}

// firstVersion is the function with version 1.
func firstVersion() *awslambda.CreateFunctionInput {
	return &awslambda.CreateFunctionInput{
		FunctionName: &function, Role: aws.String("arn:aws:iam::444455556666:role/till"), Handler: aws.String("app.run"),
		Runtime: lambdatypes.RuntimePython312, Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Code("1")}, Publish: true,
	}
}

// secondVersion publishes version 2 of it.
func secondVersion() *awslambda.UpdateFunctionCodeInput {
	return &awslambda.UpdateFunctionCodeInput{FunctionName: &function, ZipFile: lambdatest.Code("2"), Publish: true}
}

// nobody is an STS that needs not be asked: targets are named by their ARNs.
type nobody struct{ lambdatarget.STS }

// A release is of version 2, in which every invocation fails, or of version 3, in
// which none does.
type release struct {
	version string
	plan    plan.Spec // all but its target
	// lines is the format of the lines that invocations leave and the plan names;
	// empty: it names no log group.
	lines   lambdatypes.LogFormat
	compare bool
	// every is how long after an invocation the next one comes, and before since
	// when they did when the release begins.
	every, before time.Duration
}

// run carries a release out, and returns how it ended and what the alias serves then.
func (r release) run(t *testing.T) (rollout.Status, *awslambda.GetAliasOutput) {
	t.Helper()
	c, ctx := clock.System{}, t.Context()
	functions, account := openCloud(t, c, time.Second, func(lines *logs.Service) lambda.Runtime { return printing{clock: c, to: lines} })
	client, live := awslambda.NewFromConfig(account), aws.String("live")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		<-c.After(2 * time.Second)
	}
	create := firstVersion()
	target := plan.Target{Kind: plan.Lambda, Name: function, Alias: "live", Code: "checkout.zip"}
	if r.lines != "" {
		create.LoggingConfig = &lambdatypes.LoggingConfig{LogFormat: r.lines}
		target.Logs = "/aws/lambda/checkout"
	}
	_, err := client.CreateFunction(ctx, create)
	must(err)
	_, err = client.CreateAlias(ctx, &awslambda.CreateAliasInput{FunctionName: &function, Name: live, FunctionVersion: aws.String("1")})
	must(err)
	if r.version == "3" {
		_, err = client.UpdateFunctionCode(ctx, secondVersion())
		must(err)
	}

	monitor := lambdamonitor.New(awscloudwatch.NewFromConfig(account), lambdamonitor.Delay, c).WithLogs(cloudwatchlogs.NewFromConfig(account), lambdamonitor.LogLag)
	s := releasetest.Release{
		Clock: c, Adapter: lambdatarget.New(client, nobody{}, account.Region, c), Counter: monitor,
		Plan: r.plan, Files: map[string][]byte{"checkout.zip": lambdatest.Code(r.version)},
		Request: func(ctx context.Context) {
			// From inside the cloud: where hours of traffic pass, the client and
			// the wire would take most of the time.
			ctx = wire.WithCaller(ctx, wire.Caller{Account: "444455556666", Region: account.Region})
			_, _ = functions.Invoke(ctx, lambda.Invocation{Function: function, Qualifier: *live})
		},
		Every: r.every, Before: r.before,
	}
	s.Plan.Targets = []plan.Target{target}
	if r.compare {
		s.Comparer = monitor
	}
	rec := releasetest.Run(t, s)
	served, err := client.GetAlias(ctx, &awslambda.GetAliasInput{FunctionName: &function, Name: live})
	must(err)
	return rec.Status, served
}
