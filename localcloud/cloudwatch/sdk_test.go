package cloudwatch_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// phone counts what alarms want done.
type phone struct {
	calls  chan string
	events chan cloudwatch.Event
}

func (p phone) Publish(_ context.Context, topic arn.ARN, _, _ string) error {
	p.calls <- topic.String()
	return nil
}

func (p phone) Invoke(_ context.Context, function arn.ARN, _ []byte) error {
	p.calls <- function.String()
	return nil
}

func (p phone) Put(_ context.Context, e cloudwatch.Event) error {
	p.events <- e
	return nil
}

func TestAnAlarmThroughTheSDKAndByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := phone{make(chan string, 10), make(chan cloudwatch.Event, 10)}
		service, err := cloudwatch.New(cloudwatch.Config{Actions: p, Events: p})
		if err != nil {
			t.Fatal(err)
		}
		go clock.Run(ctx, clock.System{}, service, service.Wake(), func(err error) { t.Error(err) })
		client := awscloudwatch.New(awscloudwatch.Options{
			Region:      "eu-west-1",
			Credentials: credentials.NewStaticCredentialsProvider("123456789012", "secret", ""),
			HTTPClient:  wire.NewServer(wire.Config{}, service.API()).Client(),
		})

		if _, err := client.PutMetricAlarm(ctx, &awscloudwatch.PutMetricAlarmInput{
			AlarmName: aws.String("errors"), Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("Errors"),
			Dimensions: []types.Dimension{{Name: aws.String("FunctionName"), Value: aws.String("checkout")}},
			Statistic:  types.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0),
			ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("notBreaching"),
			AlarmActions: []string{"arn:aws:sns:eu-west-1:123456789012:alerts"},
		}); err != nil {
			t.Fatal(err)
		}
		state := func() types.StateValue {
			t.Helper()
			out, err := client.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{AlarmNames: []string{"errors"}})
			if err != nil || len(out.MetricAlarms) != 1 {
				t.Fatalf("%+v, %v", out, err)
			}
			return out.MetricAlarms[0].StateValue
		}
		synctest.Wait()
		if got := state(); got != types.StateValueInsufficientData {
			t.Errorf("a new alarm without data is %s, want INSUFFICIENT_DATA", got)
		}
		time.Sleep(time.Minute) // the bubble's clock
		synctest.Wait()
		if got := state(); got != types.StateValueOk {
			t.Errorf("looked at for the first time it is %s, want OK", got)
		}
		service.Put("123456789012", "eu-west-1", "AWS/Lambda", []cloudwatch.Datum{
			{Name: "Errors", Value: 1, Dimensions: []cloudwatch.Dimension{{Name: "FunctionName", Value: "checkout"}}},
		})
		time.Sleep(time.Minute) // the bubble's clock
		synctest.Wait()
		if got := state(); got != types.StateValueAlarm {
			t.Errorf("a minute later it is %s, want ALARM", got)
		}
		if n := len(p.calls); n != 1 {
			t.Errorf("%d actions, want 1", n)
		}
		if e := <-p.events; e.DetailType != "CloudWatch Alarm State Change" || e.Account != "123456789012" || len(e.Detail) == 0 {
			t.Errorf("event %+v", e)
		}
		data, err := client.GetMetricData(ctx, &awscloudwatch.GetMetricDataInput{
			StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now()),
			MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("q"), MetricStat: &types.MetricStat{
				Metric: &types.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("Errors"),
					Dimensions: []types.Dimension{{Name: aws.String("FunctionName"), Value: aws.String("checkout")}}},
				Period: aws.Int32(3600), Stat: aws.String("Sum"),
			}}},
		})
		if err != nil || len(data.MetricDataResults) != 1 || len(data.MetricDataResults[0].Values) != 1 || data.MetricDataResults[0].Values[0] != 1 {
			t.Errorf("data %+v, %v", data, err)
		}

		_, err = client.SetAlarmState(ctx, &awscloudwatch.SetAlarmStateInput{AlarmName: aws.String("none"), StateValue: types.StateValueOk, StateReason: aws.String("x")})
		var missing smithy.APIError
		if !errors.As(err, &missing) || missing.ErrorCode() != "ResourceNotFound" {
			t.Errorf("got %v, want ResourceNotFound", err)
		}
		_, err = client.StartMetricStreams(ctx, &awscloudwatch.StartMetricStreamsInput{Names: []string{"x"}}, func(o *awscloudwatch.Options) { o.Retryer = aws.NopRetryer{} })
		if !errors.As(err, &missing) || missing.ErrorCode() == "InternalFailure" {
			t.Errorf("got %v, want an error that says what is not there", err)
		}
	})
}
