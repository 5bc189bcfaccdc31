package wire_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
	"github.com/crossfade-dev/crossfade/localcloud/wire/stsapi"
)

var aDay = time.Date(2026, 3, 4, 5, 6, 7, 890e6, time.UTC)

// testServer answers a few operations of three services with what it was asked.
func testServer() *wire.Server {
	states := wire.API{Service: &sfnapi.Service, Rows: []wire.Row{
		wire.Op(sfnapi.StartExecution, func(ctx context.Context, in *sfnapi.StartExecutionInput) (*sfnapi.StartExecutionOutput, error) {
			if in.StateMachineArn == "arn:missing" {
				return nil, sfnapi.NewStateMachineDoesNotExist("State Machine Does Not Exist: 'arn:missing'")
			}
			name := "unnamed"
			if in.Name != nil {
				name = *in.Name
			}
			c := wire.CallerFrom(ctx)
			return &sfnapi.StartExecutionOutput{ExecutionArn: c.ARN("states", "execution:m:"+name), StartDate: aDay}, nil
		}),
		wire.Op(sfnapi.CreateStateMachineAlias, func(_ context.Context, in *sfnapi.CreateStateMachineAliasInput) (*sfnapi.CreateStateMachineAliasOutput, error) {
			return &sfnapi.CreateStateMachineAliasOutput{StateMachineAliasArn: in.RoutingConfiguration[0].StateMachineVersionArn, CreationDate: aDay}, nil
		}),
		wire.Op(sfnapi.TagResource, func(_ context.Context, in *sfnapi.TagResourceInput) (*sfnapi.TagResourceOutput, error) {
			return nil, sfnapi.NewResourceNotFound("Resource not found: '"+in.ResourceArn+"'").With("resourceName", in.ResourceArn)
		}),
		wire.Op(sfnapi.StartSyncExecution, func(_ context.Context, in *sfnapi.StartSyncExecutionInput) (*sfnapi.StartSyncExecutionOutput, error) {
			return &sfnapi.StartSyncExecutionOutput{ExecutionArn: "x", Status: sfnapi.SyncExecutionStatusSucceeded, Output: in.Input, StartDate: aDay, StopDate: aDay}, nil
		}),
		wire.Op(sfnapi.ListExecutions, func(context.Context, *sfnapi.ListExecutionsInput) (*sfnapi.ListExecutionsOutput, error) {
			return nil, errors.New("the disk is full")
		}),
		wire.Op(sfnapi.DeleteStateMachine, func(context.Context, *sfnapi.DeleteStateMachineInput) (*sfnapi.DeleteStateMachineOutput, error) {
			panic("a bug")
		}),
	}}
	monitoring := wire.API{Service: &cloudwatchapi.Service, Rows: []wire.Row{
		wire.Op(cloudwatchapi.DescribeAlarms, func(_ context.Context, in *cloudwatchapi.DescribeAlarmsInput) (*cloudwatchapi.DescribeAlarmsOutput, error) {
			alarms := []cloudwatchapi.MetricAlarm{}
			for _, name := range in.AlarmNames {
				alarms = append(alarms, cloudwatchapi.MetricAlarm{
					AlarmName: &name, Threshold: new(41.0), ActionsEnabled: new(true), Period: new(int32(60)),
					StateUpdatedTimestamp: &aDay, OKActions: []string{}, Dimensions: []cloudwatchapi.Dimension{{Name: "D", Value: "<v>"}},
				})
			}
			return &cloudwatchapi.DescribeAlarmsOutput{MetricAlarms: alarms, CompositeAlarms: []cloudwatchapi.CompositeAlarm{}}, nil
		}),
		wire.Op(cloudwatchapi.SetAlarmState, func(context.Context, *cloudwatchapi.SetAlarmStateInput) (*wire.Nothing, error) {
			return nil, cloudwatchapi.NewResourceNotFound("")
		}),
		wire.Op(cloudwatchapi.PutMetricData, func(_ context.Context, in *cloudwatchapi.PutMetricDataInput) (*wire.Nothing, error) {
			if d := in.MetricData; len(d) == 1 && *d[0].Value == 0.5 && d[0].Timestamp.Equal(aDay) {
				return nil, nil
			}
			return nil, cloudwatchapi.NewInvalidParameterCombinationException("not what the test sends")
		}),
	}}
	tokens := wire.API{Service: &stsapi.Service, Rows: []wire.Row{
		wire.Op(stsapi.GetCallerIdentity, func(ctx context.Context, _ *stsapi.GetCallerIdentityRequest) (*stsapi.GetCallerIdentityResponse, error) {
			c := wire.CallerFrom(ctx)
			return &stsapi.GetCallerIdentityResponse{Account: &c.Account, Arn: new("arn:" + c.Partition + ":iam::" + c.Account + ":root"), UserId: &c.AccessKey}, nil
		}),
	}}
	return wire.NewServer(wire.Config{NewID: func() string { return fixedID }}, states, monitoring, tokens)
}

// overBoth runs a test against the server in memory and over a socket.
func overBoth(t *testing.T, f func(t *testing.T, config aws.Config)) {
	t.Helper()
	s := testServer()
	config := aws.Config{
		Region:      "eu-west-1",
		Credentials: credentials.NewStaticCredentialsProvider("123456789012", "secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	t.Run("in memory", func(t *testing.T) {
		c := config.Copy()
		c.HTTPClient = s.Client()
		c.BaseEndpoint = aws.String("http://local.cloud")
		f(t, c)
	})
	t.Run("over a socket", func(t *testing.T) {
		h := httptest.NewServer(s)
		defer h.Close()
		c := config.Copy()
		c.HTTPClient = &http.Client{Transport: &http.Transport{}}
		c.BaseEndpoint = aws.String(h.URL)
		f(t, c)
	})
}

func wantAPIError(t *testing.T, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want the API error %s", err, code)
	}
	if e.ErrorCode() != code || e.ErrorMessage() != message {
		t.Errorf("got error %s %q, want %s %q", e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

func TestStepFunctionsClientGetsAnswersAndModelledErrors(t *testing.T) {
	overBoth(t, func(t *testing.T, config aws.Config) {
		ctx := context.Background()
		c := sfn.NewFromConfig(config)
		out, err := c.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String("arn:m"), Name: aws.String("née \"x\"")})
		if err != nil {
			t.Fatal(err)
		}
		if want := "arn:aws:states:eu-west-1:123456789012:execution:m:née \"x\""; *out.ExecutionArn != want || !out.StartDate.Equal(aDay) {
			t.Errorf("got %s at %s, want %s at %s", *out.ExecutionArn, out.StartDate, want, aDay)
		}
		_, err = c.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String("arn:missing")})
		var missing *sfntypes.StateMachineDoesNotExist
		if !errors.As(err, &missing) || missing.ErrorMessage() != "State Machine Does Not Exist: 'arn:missing'" {
			t.Errorf("got %v, want a StateMachineDoesNotExist with its message", err)
		}
		_, err = c.TagResource(ctx, &sfn.TagResourceInput{ResourceArn: aws.String("arn:r"), Tags: []sfntypes.Tag{}})
		var gone *sfntypes.ResourceNotFound
		if !errors.As(err, &gone) || gone.ResourceName == nil || *gone.ResourceName != "arn:r" {
			t.Errorf("got %v, want a ResourceNotFound that names the resource", err)
		}
		_, err = c.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: aws.String("a")})
		wantAPIError(t, err, "InternalFailure", "The local cloud could not answer: the disk is full")
		_, err = c.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: aws.String("a")})
		wantAPIError(t, err, "InternalFailure", "The local cloud could not answer: DeleteStateMachine panicked: a bug")
		_, err = c.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: aws.String("a")})
		wantAPIError(t, err, "NotImplementedException", "The local cloud does not implement DescribeMapRun of SFN.")
	})
}

func TestSyncHostPrefixIsAccepted(t *testing.T) {
	s := testServer()
	c := sfn.New(sfn.Options{
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("a", "b", ""),
		HTTPClient:   s.Client(),
		BaseEndpoint: aws.String("http://127.0.0.1:4566"),
	})
	out, err := c.StartSyncExecution(context.Background(), &sfn.StartSyncExecutionInput{StateMachineArn: aws.String("a"), Input: aws.String(`{"a":1}`)})
	if err != nil || *out.Output != `{"a":1}` {
		t.Errorf("got %v, %v; want the input as output", out, err)
	}
}

func TestCloudWatchClientSpeaksCBOR(t *testing.T) {
	overBoth(t, func(t *testing.T, config aws.Config) {
		ctx := context.Background()
		c := cloudwatch.NewFromConfig(config)
		out, err := c.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"a", "b"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.MetricAlarms) != 2 || *out.MetricAlarms[1].AlarmName != "b" || *out.MetricAlarms[1].Threshold != 41 || !out.MetricAlarms[0].StateUpdatedTimestamp.Equal(aDay) {
			t.Errorf("got alarms %+v", out.MetricAlarms)
		}
		if out.CompositeAlarms == nil || out.MetricAlarms[0].OKActions == nil {
			t.Errorf("empty lists are absent: %+v", out)
		}
		_, err = c.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("a"), StateReason: aws.String("r"), StateValue: "OK"})
		wantAPIError(t, err, "ResourceNotFound", "")
		_, err = c.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("a"), StateReason: aws.String("r"), StateValue: "WRONG"})
		wantAPIError(t, err, "ValidationError", "1 validation error detected: Value 'WRONG' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]")
		_, err = c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("N"), MetricData: []cwtypes.MetricDatum{{MetricName: aws.String("M"), Value: aws.Float64(0.5), Timestamp: &aDay}}})
		if err != nil {
			t.Errorf("PutMetricData: %v", err)
		}
		_, err = c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("N"), MetricData: []cwtypes.MetricDatum{}})
		wantAPIError(t, err, "InvalidParameterCombination", "not what the test sends")
	})
}

func TestSTSClientSpeaksQuery(t *testing.T) {
	overBoth(t, func(t *testing.T, config aws.Config) {
		ctx := context.Background()
		c := sts.NewFromConfig(config)
		out, err := c.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			t.Fatal(err)
		}
		if *out.Arn != "arn:aws:iam::123456789012:root" || *out.Account != "123456789012" {
			t.Errorf("got %s in %s", *out.Arn, *out.Account)
		}
		_, err = c.GetSessionToken(ctx, &sts.GetSessionTokenInput{})
		wantAPIError(t, err, "NotImplementedException", "The local cloud does not implement GetSessionToken of STS.")
	})
}
