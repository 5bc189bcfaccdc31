package lambdamonitor_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
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
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// nobody is an STS that needs not be asked: targets are named by their ARNs.
type nobody struct{ lambdatarget.STS }

// archives are the code of a plan.
type archives map[string][]byte

func (a archives) ReadFile(name string) ([]byte, error) { return a[name], nil }

// deliver releases version 2 of a function, in which every invocation fails, or
// version 3, in which none does, while the alias has ten invocations a second.
func deliver(t *testing.T, version string) (rec controller.Record, served *awslambda.GetAliasOutput) {
	t.Helper()
	c := clock.System{}
	metrics, err := cloudwatch.New(cloudwatch.Config{Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	functions, err := lambda.New(lambda.Config{Clock: c, Rand: rand.NewPCG(1, 2), Runtime: secondFails{}, Metrics: measured{metrics}, Settle: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer functions.Close()
	account := aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://cloud.local"), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("444455556666", "secret", ""),
		HTTPClient:  wire.NewServer(wire.Config{}, functions.API(), metrics.API()).Client(),
	}
	client, name, live := awslambda.NewFromConfig(account), aws.String("checkout"), aws.String("live")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		<-c.After(2 * time.Second)
	}
	_, err = client.CreateFunction(t.Context(), &awslambda.CreateFunctionInput{
		FunctionName: name, Role: aws.String("arn:aws:iam::444455556666:role/till"), Handler: aws.String("app.run"),
		Runtime: lambdatypes.RuntimePython312, Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Code("1")}, Publish: true,
	})
	must(err)
	_, err = client.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: name, Name: live, FunctionVersion: aws.String("1")})
	must(err)
	if version == "3" {
		_, err = client.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: lambdatest.Code("2"), Publish: true})
		must(err)
	}

	target := lambdatarget.New(client, nobody{}, "eu-west-1", c)
	ctl := controller.New(controller.Config{
		Store: memstore.New(), Clock: c, Owner: "ann", NewID: func() string { return "r-1" },
		Targets:    map[plan.Kind]controller.Target{plan.Lambda: target},
		Publishers: map[plan.Kind]controller.Publisher{plan.Lambda: target},
		Counters:   map[plan.Kind]controller.Counter{plan.Lambda: lambdamonitor.New(awscloudwatch.NewFromConfig(account), lambdamonitor.Delay, c)},
	})
	p, err := plan.New(plan.Spec{
		Targets: []plan.Target{{Kind: plan.Lambda, Name: strings.TrimSuffix(alias, ":live"), Alias: "live", Code: "checkout.zip"}},
		Canary:  "10%/1m", Soak: "30s", Look: "5s",
	})
	if err != nil {
		t.Fatal(err)
	}
	rec, err = ctl.Start(t.Context(), p, archives{"checkout.zip": lambdatest.Code(version)})
	if err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	var traffic sync.WaitGroup
	traffic.Go(func() {
		for ctx.Err() == nil {
			// Whether an invocation works is what the metrics say.
			_, _ = client.Invoke(ctx, &awslambda.InvokeInput{FunctionName: name, Qualifier: live})
			<-c.After(100 * time.Millisecond)
		}
	})
	defer traffic.Wait()
	defer stop()
	for !rec.Status.Phase.Ended() {
		d, err := ctl.Reconcile(t.Context(), rec.ID)
		if err != nil {
			t.Fatal(err)
		}
		rec.Status = d.Status
		<-c.After(d.Look.Sub(c.Now()))
	}
	served, err = client.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: name, Name: live})
	if err != nil {
		t.Fatal(err)
	}
	return rec, served
}

func TestAFunctionWhoseNewVersionFailsIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec, alias := deliver(t, "2")
		if rec.Status.Phase != rollout.RolledBack || *alias.FunctionVersion != "1" || alias.RoutingConfig != nil {
			t.Errorf("it is %s (%s), and the alias serves %s and %+v; want all traffic back on 1",
				rec.Status.Phase, rec.Status.Why, *alias.FunctionVersion, alias.RoutingConfig)
		}
		if took := rec.Status.LookedAt.Sub(rec.Created); took > time.Minute {
			t.Errorf("it took %s, want less than the first step", took)
		}
	})
}

func TestAFunctionWhoseNewVersionWorksIsPromoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec, alias := deliver(t, "3")
		if rec.Status.Phase != rollout.Succeeded || *alias.FunctionVersion != "3" || alias.RoutingConfig != nil {
			t.Errorf("it is %s (%s), and the alias serves %s and %+v; want all traffic on 3",
				rec.Status.Phase, rec.Status.Why, *alias.FunctionVersion, alias.RoutingConfig)
		}
		// The counts have to reach into the step before it is judged.
		if took := rec.Status.LookedAt.Sub(rec.Created); took < lambdamonitor.Delay || took > 10*time.Minute {
			t.Errorf("it took %s, want more than the metrics' delay", took)
		}
	})
}
