package lambdamonitor_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/controller/lambdamonitor"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/logs"
)

// secondFails is a runtime in which every invocation of version 2 fails.
type secondFails struct{}

func (secondFails) Check(string, string) error { return nil }

func (secondFails) Invoke(_ context.Context, v *lambda.FunctionVersion, _ lambda.Request) (lambda.Response, error) {
	if v.Version == "2" {
		return lambda.Response{Payload: []byte(`{"errorType":"Broken"}`), FunctionError: "Unhandled", ErrorType: "Broken"}, nil
	}
	return lambda.Response{Payload: []byte("null")}, nil
}

func (secondFails) Retire(*lambda.FunctionVersion) {}

func (secondFails) Provision(*lambda.FunctionVersion, int) {}

func (secondFails) Provisioned(*lambda.FunctionVersion) lambda.Provisioned {
	return lambda.Provisioned{}
}

// measured gives the local Lambda's metrics to the local CloudWatch.
type measured struct{ to *cloudwatch.Service }

func (m measured) Series(account, region, name, unit string, dimensions []lambda.Dimension) lambda.Series {
	s := series{to: m.to, account: account, region: region, datum: cloudwatch.Datum{Name: name, Unit: unit}}
	for _, d := range dimensions {
		s.datum.Dimensions = append(s.datum.Dimensions, cloudwatch.Dimension(d))
	}
	return s
}

type series struct {
	to              *cloudwatch.Service
	account, region string
	datum           cloudwatch.Datum
}

func (s series) Record(value float64, at time.Time) {
	s.datum.Time, s.datum.Value = at, value
	s.to.Put(s.account, s.region, "AWS/Lambda", []cloudwatch.Datum{s.datum})
}

func TestInvocationsThroughAWeightedAliasAreCountedForTheVersionThatServedThem(t *testing.T) {
	c := clock.NewVirtual(t0)
	_, config := openCloud(t, c, time.Nanosecond, func(*logs.Service) lambda.Runtime { return secondFails{} })
	client, ctx := awslambda.NewFromConfig(config), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Drive(ctx, c.Now().Add(time.Millisecond), 0); err != nil {
			t.Fatal(err)
		}
	}
	_, err := client.CreateFunction(ctx, firstVersion())
	must(err)
	_, err = client.UpdateFunctionCode(ctx, secondVersion())
	must(err)
	_, err = client.CreateAlias(ctx, &awslambda.CreateAliasInput{
		FunctionName: &function, Name: aws.String("live"), FunctionVersion: aws.String("1"),
		RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.05}},
	})
	must(err)
	for range 200 {
		if _, err := client.Invoke(ctx, &awslambda.InvokeInput{FunctionName: &function, Qualifier: aws.String("live")}); err != nil {
			t.Fatal(err)
		}
	}
	m := lambdamonitor.New(awscloudwatch.NewFromConfig(config), lambdamonitor.Delay, c)
	for version, want := range map[string][2]int{"1": {190, 0}, "2": {0, 10}} {
		got, err := m.Counts(ctx, alias, version, t0)
		if err != nil || got.Succeeded != want[0] || got.Failed != want[1] || got.Started != want[0]+want[1] {
			t.Errorf("version %s: got %+v, error %v; want %d good ones and %d bad ones", version, got, err, want[0], want[1])
		}
	}
}
