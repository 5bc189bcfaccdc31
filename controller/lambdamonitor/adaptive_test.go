package lambdamonitor_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/lambdamonitor"
	"github.com/crossfade-dev/crossfade/controller/lambdatarget"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
	"github.com/crossfade-dev/crossfade/localcloud/logs"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// printing is secondFails whose invocations take a while and leave the lines that
// Lambda's do: those of a Python function, in the format that it is configured for.
type printing struct {
	secondFails
	clock clock.Clock
	to    *logs.Service
}

func (p printing) Invoke(ctx context.Context, v *lambda.FunctionVersion, r lambda.Request) (lambda.Response, error) {
	const took = 20 * time.Millisecond
	write := func(format string, values ...any) {
		event := logs.Event{At: p.clock.Now(), Message: fmt.Sprintf(format, values...) + "\n"}
		p.to.Write(v.Account, v.Region, v.LogGroup, "2026/03/14/["+v.Version+"]0e1f", []logs.Event{event})
	}
	stamp := func() string { return p.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z") }
	json := v.LogFormat == "JSON"
	if json {
		write(`{"time":%q,"type":"platform.start","record":{"requestId":%q,"version":%q}}`, stamp(), r.ID, v.Version)
	} else {
		write("START RequestId: %s Version: %s", r.ID, v.Version)
	}
	<-p.clock.After(took)
	answer, err := p.secondFails.Invoke(ctx, v, r)
	status := "success"
	if answer.FunctionError != "" {
		status = "error"
	}
	if json {
		write(`{"time":%q,"type":"platform.report","record":{"requestId":%q,"metrics":{"durationMs":%d},"status":%q}}`,
			stamp(), r.ID, took.Milliseconds(), status)
		return answer, err
	}
	if answer.FunctionError != "" {
		write("[ERROR] %s: there is no such drawer", answer.ErrorType)
	}
	write("END RequestId: %s", r.ID)
	write("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t",
		r.ID, float64(took.Milliseconds()), took.Milliseconds())
	return answer, err
}

// adapt releases version 2 of a function, in which every invocation fails, or version
// 3, in which none does, by an adaptive plan, while the alias has some invocations a
// second. Without a format the plan names no log group.
func adapt(t *testing.T, version, look string, format lambdatypes.LogFormat) (rollout.Status, *awslambda.GetAliasOutput) {
	t.Helper()
	c := clock.System{}
	metrics, err := cloudwatch.New(cloudwatch.Config{Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	lines := logs.New(logs.Config{Clock: c})
	functions, err := lambda.New(lambda.Config{
		Clock: c, Rand: rand.NewPCG(1, 2), Runtime: printing{clock: c, to: lines}, Metrics: measured{metrics}, Settle: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer functions.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	account := aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://cloud.local"), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("444455556666", "secret", ""),
		HTTPClient:  wire.NewServer(wire.Config{}, functions.API(), metrics.API(), lines.API()).Client(),
	}
	client, name, live := awslambda.NewFromConfig(account), aws.String("till"), aws.String("live")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		<-c.After(2 * time.Second)
	}
	create := &awslambda.CreateFunctionInput{
		FunctionName: name, Role: aws.String("arn:aws:iam::444455556666:role/till"), Handler: aws.String("app.run"),
		Runtime: lambdatypes.RuntimePython312, Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Code("1")}, Publish: true,
	}
	target := plan.Target{Kind: plan.Lambda, Name: "arn:aws:lambda:eu-west-1:444455556666:function:till", Alias: "live", Code: "till.zip"}
	if format != "" {
		create.LoggingConfig = &lambdatypes.LoggingConfig{LogFormat: format}
		target.Logs = "/aws/lambda/till"
	}
	_, err = client.CreateFunction(ctx, create)
	must(err)
	_, err = client.CreateAlias(ctx, &awslambda.CreateAliasInput{FunctionName: name, Name: live, FunctionVersion: aws.String("1")})
	must(err)
	if version == "3" {
		_, err = client.UpdateFunctionCode(ctx, &awslambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: lambdatest.Code("2"), Publish: true})
		must(err)
	}
	var traffic sync.WaitGroup
	defer traffic.Wait()
	defer stop()
	traffic.Go(func() {
		for ctx.Err() == nil {
			// Whether an invocation works is for its counts to say.
			_, _ = client.Invoke(ctx, &awslambda.InvokeInput{FunctionName: name, Qualifier: live})
			<-c.After(380 * time.Millisecond)
		}
	})
	<-c.After(11*time.Minute + 23*time.Second)

	publisher := lambdatarget.New(client, nobody{}, account.Region, c)
	monitor := lambdamonitor.New(awscloudwatch.NewFromConfig(account), lambdamonitor.Delay, c).WithLogs(cloudwatchlogs.NewFromConfig(account), lambdamonitor.LogLag)
	ctl := controller.New(controller.Config{
		Store: memstore.New(), Clock: c, Owner: "ann", NewID: func() string { return "r-1" },
		Targets:    map[plan.Kind]controller.Target{plan.Lambda: publisher},
		Publishers: map[plan.Kind]controller.Publisher{plan.Lambda: publisher},
		Counters:   map[plan.Kind]controller.Counter{plan.Lambda: monitor},
		Comparers:  map[plan.Kind]controller.Comparer{plan.Lambda: monitor},
	})
	p, err := plan.New(plan.Spec{Targets: []plan.Target{target}, Adaptive: plan.DefaultBudget, Look: look})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := ctl.Start(ctx, p, archives{"till.zip": lambdatest.Code(version)})
	if err != nil {
		t.Fatal(err)
	}
	for !rec.Status.Phase.Ended() {
		d, err := ctl.Reconcile(ctx, rec.ID)
		if err != nil {
			t.Fatal(err)
		}
		rec.Status = d.Status
		<-c.After(d.Look.Sub(c.Now()))
	}
	served, err := client.GetAlias(ctx, &awslambda.GetAliasInput{FunctionName: name, Name: live})
	if err != nil {
		t.Fatal(err)
	}
	return rec.Status, served
}

func TestAFunctionIsReleasedAsFastAsItsCountsAllow(t *testing.T) {
	for _, tt := range []struct {
		name, version, look string
		format              lambdatypes.LogFormat
		phase               rollout.Phase
		serves              string
		within              time.Duration
	}{
		{"a good one by its metrics", "3", "5s", "", rollout.Succeeded, "3", 90 * time.Minute},
		{"a bad one by its metrics", "2", "5s", "", rollout.RolledBack, "1", 30 * time.Minute},
		{"a good one by lines of text", "3", "", lambdatypes.LogFormatText, rollout.Succeeded, "3", 30 * time.Minute},
		{"a bad one by lines of text", "2", "", lambdatypes.LogFormatText, rollout.RolledBack, "1", 10 * time.Minute},
		{"a good one by lines of JSON", "3", "", lambdatypes.LogFormatJson, rollout.Succeeded, "3", 30 * time.Minute},
		{"a bad one by lines of JSON", "2", "", lambdatypes.LogFormatJson, rollout.RolledBack, "1", 10 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, alias := adapt(t, tt.version, tt.look, tt.format)
				if took := s.Ended.Sub(s.Started); s.Phase != tt.phase || took > tt.within {
					t.Errorf("it is %s after %s (%s), want %s within %s", s.Phase, took, s.Why, tt.phase, tt.within)
				} else {
					t.Logf("%s after %s", s.Phase, took)
				}
				if c := s.Targets[0].Comparison; c == nil || len(c.History.Thresholds) == 0 {
					t.Error("it is not known what is slow, want durations compared")
				}
				if *alias.FunctionVersion != tt.serves || alias.RoutingConfig != nil {
					t.Errorf("the alias serves %s and %+v, want all traffic on %s", *alias.FunctionVersion, alias.RoutingConfig, tt.serves)
				}
			})
		})
	}
}
