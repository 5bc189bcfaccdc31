package localcloud_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
)

// A wired cloud is one in virtual time whose services talk to each other.
type wired struct {
	*testing.T
	clock *clock.Virtual
	cloud *localcloud.Cloud
}

func newWired(t *testing.T) *wired {
	w := &wired{T: t, clock: clock.NewVirtual(time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC))}
	var err error
	if w.cloud, err = localcloud.Open(localcloud.Config{Clock: w.clock, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// until lets time pass, and the cloud's own goroutines get on, until done holds.
func (w *wired) until(what string, done func() bool) {
	w.Helper()
	const tries = 5000
	for range tries {
		if err := w.clock.Drive(w.Context(), w.clock.Now().Add(time.Second), 0, w.cloud.Processes()...); err != nil {
			w.Fatal(err)
		}
		if done() {
			return
		}
		<-clock.System{}.After(time.Millisecond)
	}
	w.Fatalf("it never happened that %s", what)
}

func (w *wired) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func TestAnAlarmReachesAnEndpointThroughATopic(t *testing.T) {
	w := newWired(t)
	bodies := make(chan map[string]any, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body := map[string]any{}
		_ = json.Unmarshal(text, &body)
		bodies <- body
	}))
	defer endpoint.Close()
	var body map[string]any
	got := func() bool {
		select {
		case body = <-bodies:
			return true
		default:
			return false
		}
	}

	topics := sns.NewFromConfig(w.cloud.AWSConfig())
	topic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("alerts")})
	w.must(err)
	_, err = topics.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("http"), Endpoint: &endpoint.URL})
	w.must(err)
	w.until("the endpoint was asked to confirm", got)
	_, err = topics.ConfirmSubscription(t.Context(), &sns.ConfirmSubscriptionInput{TopicArn: topic.TopicArn, Token: aws.String(body["Token"].(string))})
	w.must(err)

	alarms := cloudwatch.NewFromConfig(w.cloud.AWSConfig())
	_, err = alarms.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("errors"), Namespace: aws.String("n"), MetricName: aws.String("m"), Statistic: cwtypes.StatisticSum, Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, AlarmActions: []string{*topic.TopicArn},
	})
	w.must(err)
	_, err = alarms.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("errors"), StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("by order")})
	w.must(err)
	w.until("the endpoint heard of the alarm", got)
	if body["Subject"] != `ALARM: "errors" in US East (N. Virginia)` || !strings.Contains(body["Message"].(string), `"NewStateValue":"ALARM"`) {
		t.Errorf("got %v, want the alarm's message", body)
	}
}

func TestAnEventOfAStateMachineStartsAnother(t *testing.T) {
	w := newWired(t)
	machines := sfn.NewFromConfig(w.cloud.AWSConfig())
	create := func(name, definition string) *string {
		out, err := machines.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: &name, Definition: &definition, RoleArn: aws.String("arn:aws:iam::000000000000:role/r")})
		w.must(err)
		return out.StateMachineArn
	}
	sender := create("sender", `{"StartAt":"Put","States":{"Put":{"Type":"Task","Resource":"arn:aws:states:::events:putEvents",
		"Parameters":{"Entries":[{"Source":"shop","DetailType":"Order","Detail":{"state.$":"$.state"}}]},"End":true}}}`)
	receiver := create("receiver", `{"StartAt":"Take","States":{"Take":{"Type":"Pass","End":true}}}`)
	rules := eventbridge.NewFromConfig(w.cloud.AWSConfig())
	_, err := rules.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("paid"), EventPattern: aws.String(`{"detail":{"state":["paid"]}}`)})
	w.must(err)
	_, err = rules.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("paid"), Targets: []ebtypes.Target{
		{Id: aws.String("it"), Arn: receiver, RoleArn: aws.String("arn:aws:iam::000000000000:role/r"), InputPath: aws.String("$.detail")},
	}})
	w.must(err)
	for _, input := range []string{`{"state":"open"}`, `{"state":"paid"}`} {
		_, err = machines.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: sender, Input: &input})
		w.must(err)
	}
	var seen []sfntypes.ExecutionListItem
	w.until("the receiver ran", func() bool {
		out, err := machines.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: receiver, StatusFilter: sfntypes.ExecutionStatusSucceeded})
		w.must(err)
		seen = out.Executions
		return len(seen) > 0
	})
	out, err := machines.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: seen[0].ExecutionArn})
	w.must(err)
	if len(seen) != 1 || *out.Input != `{"state":"paid"}` {
		t.Errorf("got %d executions, the first with %s; want one, with the paid order", len(seen), *out.Input)
	}
}

func TestAnEntryThatFailsFailsTheTask(t *testing.T) {
	w := newWired(t)
	machines := sfn.NewFromConfig(w.cloud.AWSConfig())
	made, err := machines.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
		Name: aws.String("sender"), RoleArn: aws.String("arn:aws:iam::000000000000:role/r"),
		Definition: aws.String(`{"StartAt":"Put","States":{"Put":{"Type":"Task","Resource":"arn:aws:states:::events:putEvents","Parameters":{"Entries":[{"DetailType":"k","Detail":{}}]},"End":true}}}`),
	})
	w.must(err)
	started, err := machines.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: made.StateMachineArn})
	w.must(err)
	var out *sfn.DescribeExecutionOutput
	w.until("the execution ended", func() bool {
		out, err = machines.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: started.ExecutionArn})
		w.must(err)
		return out.Status != sfntypes.ExecutionStatusRunning
	})
	want := `{"Entries":[{"ErrorCode":"InvalidArgument","ErrorMessage":"Parameter Source is not valid. Reason: Source is a required argument."}],"FailedEntryCount":1}`
	if aws.ToString(out.Error) != "EventBridge.FailedEntry" || aws.ToString(out.Cause) != want {
		t.Errorf("got %s: %s", aws.ToString(out.Error), aws.ToString(out.Cause))
	}
}

func TestWhatAFunctionCouldNotHandleReachesTopicsAndBuckets(t *testing.T) {
	w := newWired(t)
	messages := make(chan map[string]any, 1000)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body := map[string]any{}
		_ = json.Unmarshal(text, &body)
		messages <- body
	}))
	defer endpoint.Close()
	var got []map[string]any
	heard := func(n int) func() bool {
		return func() bool {
			select {
			case m := <-messages: // on a busy machine some come twice
				if !slices.ContainsFunc(got, func(o map[string]any) bool { return o["MessageId"] == m["MessageId"] }) {
					got = append(got, m)
				}
			default:
			}
			return len(got) >= n
		}
	}
	topics := sns.NewFromConfig(w.cloud.AWSConfig())
	topic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("letters")})
	w.must(err)
	_, err = topics.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("http"), Endpoint: &endpoint.URL})
	w.must(err)
	w.until("the endpoint was asked to confirm", heard(1))
	_, err = topics.ConfirmSubscription(t.Context(), &sns.ConfirmSubscriptionInput{TopicArn: topic.TopicArn, Token: aws.String(got[0]["Token"].(string))})
	w.must(err)
	buckets := s3.NewFromConfig(w.cloud.AWSConfig(), func(o *s3.Options) { o.UsePathStyle = true })
	_, err = buckets.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("letters")})
	w.must(err)

	functions := lambda.NewFromConfig(w.cloud.AWSConfig())
	var code bytes.Buffer
	w.must(zip.NewWriter(&code).Close())
	name := aws.String("closed")
	_, err = functions.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: name, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("x"), Role: aws.String("arn:aws:iam::000000000000:role/r"),
		Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()}, DeadLetterConfig: &lambdatypes.DeadLetterConfig{TargetArn: topic.TopicArn},
	})
	w.must(err)
	// A function that may not run fails without being run.
	_, err = functions.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(0)})
	w.must(err)
	for n, to := range []string{*topic.TopicArn, "arn:aws:s3:::letters"} {
		_, err = functions.PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{
			FunctionName: name, DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: &to}},
		})
		w.must(err)
		_, err = functions.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: name, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{"n":7}`)})
		w.must(err)
		// The confirmation, a record and a dead letter; then another dead letter.
		w.until("the topic had what it is sent", heard(3+n))
	}
	var records, letters int
	for _, m := range got[1:] {
		switch text := m["Message"].(string); {
		case strings.Contains(text, `"condition":"ZeroReservedConcurrency"`):
			records++
		case text == `{"n":7}` && strings.Contains(fmt.Sprint(m["MessageAttributes"]), "RequestID"):
			letters++
		}
	}
	if records != 1 || letters != 2 {
		t.Errorf("%d records and %d dead letters, want 1 and 2: %v", records, letters, got[1:])
	}
	var keys []string
	w.until("the bucket had a record", func() bool {
		out, err := buckets.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("letters")})
		w.must(err)
		for _, o := range out.Contents {
			keys = append(keys, *o.Key)
		}
		return len(keys) > 0
	})
	if !strings.HasPrefix(keys[0], "aws/lambda/async/closed/2026/03/04/2026-03-04T") {
		t.Errorf("the record is at %s", keys[0])
	}
}
