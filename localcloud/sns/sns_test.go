package sns_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/outbox"
	"github.com/crossfade-dev/crossfade/localcloud/sns"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

var start = time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)

const (
	account  = "123456789012"
	region   = "eu-west-1"
	alerts   = "arn:aws:sns:eu-west-1:123456789012:alerts"
	function = "arn:aws:lambda:eu-west-1:123456789012:function:pager:live"
)

// A world is a service in virtual time, with an endpoint and a function.
type world struct {
	*testing.T
	clock   *clock.Virtual
	service *sns.Service
	server  *wire.Server
	sns     *client.Client

	mu      sync.Mutex
	got     []request // by the endpoint
	status  int       // that the endpoint answers
	invoked []string  // events
	refuse  error     // what the function's service answers
}

type request struct {
	at     time.Time
	header http.Header
	body   string
}

func (r request) field(t *testing.T, name string) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(r.body), &fields); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	text, _ := fields[name].(string)
	return text
}

func newWorld(t *testing.T, j outbox.Journal) *world {
	w := &world{T: t, clock: clock.NewVirtual(start), status: http.StatusOK}
	var err error
	w.service, err = sns.New(sns.Config{
		Clock: w.clock, Journal: j, Functions: w, HTTP: wire.NewClient(http.HandlerFunc(w.endpoint)),
		Endpoint: func() string { return "http://cloud.local" },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.service.Close)
	w.server = wire.NewServer(wire.Config{}, w.service.API())
	w.sns = client.NewFromConfig(aws.Config{
		Region: region, BaseEndpoint: aws.String("http://cloud.local"), HTTPClient: w.server.Client(), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""),
	})
	return w
}

func (w *world) endpoint(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, request{w.clock.Now(), r.Header, string(body)})
	out.WriteHeader(w.status)
}

func (w *world) Invoke(_ context.Context, name string, event []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if name != function {
		return errors.New("there is no such function")
	}
	w.invoked = append(w.invoked, string(event))
	return w.refuse
}

// pass lets time pass, and deliveries arrive.
func (w *world) pass(d time.Duration) {
	w.Helper()
	until := w.clock.Now().Add(d)
	for {
		at, ok := w.service.Next()
		if !ok || at.After(until) {
			break
		}
		if at.After(w.clock.Now()) {
			w.clock.Set(at)
		}
		if err := w.service.Run(w.Context(), w.clock.Now()); err != nil {
			w.Fatal(err)
		}
		w.service.Idle()
	}
	w.clock.Set(until)
}

func must[T any](out T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func (w *world) topic(name string, attributes map[string]string) string {
	w.Helper()
	return *must(w.sns.CreateTopic(w.Context(), &client.CreateTopicInput{Name: &name, Attributes: attributes}))(w.T).TopicArn
}

func (w *world) subscribe(topic, protocol, endpoint string, attributes map[string]string) string {
	w.Helper()
	out := must(w.sns.Subscribe(w.Context(), &client.SubscribeInput{
		TopicArn: &topic, Protocol: &protocol, Endpoint: &endpoint, Attributes: attributes, ReturnSubscriptionArn: true,
	}))(w.T)
	return *out.SubscriptionArn
}

// listener subscribes the endpoint and confirms that.
func (w *world) listener(topic string, attributes map[string]string) string {
	w.Helper()
	arn := w.subscribe(topic, "http", "http://shop.example/hook", attributes)
	w.pass(0)
	last := w.got[len(w.got)-1]
	must(w.sns.ConfirmSubscription(w.Context(), &client.ConfirmSubscriptionInput{TopicArn: &topic, Token: aws.String(last.field(w.T, "Token"))}))(w.T)
	w.got = nil
	return arn
}

func (w *world) publish(topic, text string) string {
	w.Helper()
	return *must(w.sns.Publish(w.Context(), &client.PublishInput{TopicArn: &topic, Message: &text}))(w.T).MessageId
}

// fails makes sure that an error has AWS's code and text.
func (w *world) fails(err error, code, message string) {
	w.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), message) {
		w.Errorf("got %v, want %s: %s", err, code, message)
	}
}

func TestAnEndpointConfirmsAndThenGetsMessages(t *testing.T) {
	w := newWorld(t, nil)
	topic := w.topic("alerts", nil)
	if topic != alerts {
		t.Errorf("got the topic %s, want %s", topic, alerts)
	}
	out := must(w.sns.Subscribe(t.Context(), &client.SubscribeInput{TopicArn: &topic, Protocol: aws.String("http"), Endpoint: aws.String("http://shop.example/hook")}))(t)
	if *out.SubscriptionArn != "pending confirmation" {
		t.Errorf("got the subscription %s, want none yet", *out.SubscriptionArn)
	}
	w.publish(topic, "too early")
	w.pass(time.Hour)
	if len(w.got) != 1 || w.got[0].field(t, "Type") != "SubscriptionConfirmation" || w.got[0].header.Get("X-Amz-Sns-Message-Type") != "SubscriptionConfirmation" {
		t.Fatalf("got %+v, want the question for a confirmation alone", w.got)
	}

	// As a person does who opens the link: unsigned, with a GET.
	link := must(url.Parse(w.got[0].field(t, "SubscribeURL")))(t)
	answer := must(w.server.Client().Get(link.String()))(t)
	body := must(io.ReadAll(answer.Body))(t)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !strings.Contains(string(body), "<SubscriptionArn>"+topic+":") {
		t.Fatalf("the link %s answers %d: %s", link, answer.StatusCode, body)
	}

	id := *must(w.sns.Publish(t.Context(), &client.PublishInput{
		TopicArn: &topic, Message: aws.String("fire"), Subject: aws.String("kitchen"),
		MessageAttributes: map[string]types.MessageAttributeValue{"floor": {DataType: aws.String("Number"), StringValue: aws.String("3")}},
	}))(t).MessageId
	w.pass(time.Hour)
	if len(w.got) != 2 {
		t.Fatalf("got %d requests, want one more", len(w.got)-1)
	}
	for name, want := range map[string]string{
		"Type": "Notification", "MessageId": id, "TopicArn": topic, "Subject": "kitchen", "Message": "fire", "Timestamp": "2026-03-04T11:00:00.000Z", "Signature": "",
	} {
		if got := w.got[1].field(t, name); got != want {
			t.Errorf("got %s %q, want %q", name, got, want)
		}
	}
	if want := `"MessageAttributes":{"floor":{"Type":"Number","Value":"3"}}`; !strings.Contains(w.got[1].body, want) {
		t.Errorf("got %s, want it to have %s", w.got[1].body, want)
	}
	if got := w.got[1].header.Get("X-Amz-Sns-Message-Id"); got != id {
		t.Errorf("got the header %s, want %s", got, id)
	}

	leave := must(w.server.Client().Get(w.got[1].field(t, "UnsubscribeURL")))(t)
	_ = leave.Body.Close()
	w.publish(topic, "nobody listens")
	w.pass(time.Hour)
	if leave.StatusCode != http.StatusOK || len(w.got) != 2 {
		t.Errorf("got %d and %d requests, want no more after the end of the subscription", leave.StatusCode, len(w.got))
	}
}

func TestAFunctionGetsMessagesAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	topic := w.topic("alerts", nil)
	arn := w.subscribe(topic, "lambda", function, nil)
	id := w.publish(topic, "fire")
	w.pass(0)
	if len(w.invoked) != 1 {
		t.Fatalf("got %d invocations, want one", len(w.invoked))
	}
	var event struct {
		Records []struct {
			EventSource, EventSubscriptionArn string
			Sns                               struct {
				Type, Message, TopicArn string
				ID                      string `json:"MessageId"`
				Subject                 *string
			}
		}
	}
	if err := json.Unmarshal([]byte(w.invoked[0]), &event); err != nil {
		t.Fatal(err)
	}
	r := event.Records[0]
	if r.EventSource != "aws:sns" || r.EventSubscriptionArn != arn || r.Sns.ID != id || r.Sns.Message != "fire" || r.Sns.Subject != nil {
		t.Errorf("got %s", w.invoked[0])
	}
}

func TestDeliveriesAreTriedAgain(t *testing.T) {
	w := newWorld(t, nil)
	topic := w.topic("alerts", nil)
	w.listener(topic, map[string]string{"DeliveryPolicy": `{"healthyRetryPolicy":{"numRetries":4,"minDelayTarget":10,"maxDelayTarget":30}}`})
	w.status = http.StatusInternalServerError
	w.publish(topic, "fire")
	w.pass(time.Hour)
	var after []string
	for _, r := range w.got {
		after = append(after, r.at.Sub(start).String())
	}
	// The waits grow from 10 to 30 seconds.
	if want := []string{"0s", "10s", "26.666666666s", "49.999999999s", "1m19.999999999s"}; !slices.Equal(after, want) {
		t.Errorf("got attempts after %v, want %v", after, want)
	}

	w.got, w.status = nil, http.StatusForbidden
	w.publish(topic, "fire")
	w.pass(time.Hour)
	if len(w.got) != 1 {
		t.Errorf("got %d attempts at what the endpoint refuses, want one", len(w.got))
	}
}

func TestAFunctionThatIsBusyIsCalledAgain(t *testing.T) {
	w := newWorld(t, nil)
	topic := w.topic("alerts", nil)
	w.subscribe(topic, "lambda", function, nil)
	w.refuse = &wire.Error{Code: "TooManyRequestsException", Status: http.StatusTooManyRequests}
	w.publish(topic, "fire")
	w.pass(500 * time.Millisecond)
	if len(w.invoked) != 4 {
		t.Errorf("got %d attempts at first, want four", len(w.invoked))
	}
	w.pass(10 * time.Second)
	w.refuse = nil
	w.pass(time.Hour)
	before := len(w.invoked)
	w.pass(time.Hour)
	if before < 5 || len(w.invoked) != before {
		t.Errorf("got %d attempts, and then %d", before, len(w.invoked))
	}
}

func TestFiltersChooseMessages(t *testing.T) {
	w := newWorld(t, nil)
	topic := w.topic("alerts", nil)
	arn := w.listener(topic, map[string]string{"FilterPolicy": `{"floor":[{"numeric":[">",2]}],"tags":["hot"]}`, "RawMessageDelivery": "true"})
	send := func(text, floor, tags string) {
		must(w.sns.Publish(t.Context(), &client.PublishInput{TopicArn: &topic, Message: &text, MessageAttributes: map[string]types.MessageAttributeValue{
			"floor": {DataType: aws.String("Number"), StringValue: &floor}, "tags": {DataType: aws.String("String.Array"), StringValue: &tags},
		}}))(t)
	}
	send("yes", "3", `["new","hot"]`)
	send("too low", "2", `["hot"]`)
	send("too cold", "3", `["cold"]`)
	w.publish(topic, "without attributes")
	w.pass(0)
	if len(w.got) != 1 || w.got[0].body != "yes" || w.got[0].header.Get("X-Amz-Sns-Rawdelivery") != "true" {
		t.Errorf("got %+v, want the raw message yes alone", w.got)
	}

	for name, value := range map[string]string{"FilterPolicy": `{"order":{"state":["paid"]}}`, "FilterPolicyScope": "MessageBody"} {
		if name == "FilterPolicyScope" {
			continue
		}
		_, err := w.sns.SetSubscriptionAttributes(t.Context(), &client.SetSubscriptionAttributesInput{SubscriptionArn: &arn, AttributeName: &name, AttributeValue: &value})
		w.fails(err, "InvalidParameter", "does not support nested filter policy")
	}
	must(w.sns.SetSubscriptionAttributes(t.Context(), &client.SetSubscriptionAttributesInput{SubscriptionArn: &arn, AttributeName: aws.String("FilterPolicyScope"), AttributeValue: aws.String("MessageBody")}))(t)
	must(w.sns.SetSubscriptionAttributes(t.Context(), &client.SetSubscriptionAttributesInput{SubscriptionArn: &arn, AttributeName: aws.String("FilterPolicy"), AttributeValue: aws.String(`{"order":{"state":["paid"]}}`)}))(t)
	w.got = nil
	w.publish(topic, `{"order":{"state":"paid"}}`)
	w.publish(topic, `{"order":{"state":"open"}}`)
	w.publish(topic, `paid`)
	w.pass(0)
	if len(w.got) != 1 || w.got[0].body != `{"order":{"state":"paid"}}` {
		t.Errorf("got %+v, want the paid order alone", w.got)
	}
}

func TestAMessageMayDifferByProtocol(t *testing.T) {
	w := newWorld(t, nil)
	topic := w.topic("alerts", nil)
	w.listener(topic, nil)
	w.subscribe(topic, "lambda", function, nil)
	must(w.sns.Publish(t.Context(), &client.PublishInput{TopicArn: &topic, MessageStructure: aws.String("json"), Message: aws.String(`{"default":"all","lambda":"code","sms":7}`)}))(t)
	w.pass(0)
	if len(w.got) != 1 || w.got[0].field(t, "Message") != "all" || len(w.invoked) != 1 || !strings.Contains(w.invoked[0], `"Message":"code"`) {
		t.Errorf("got %+v and %v", w.got, w.invoked)
	}
}

func TestFifoTopicsNumberMessagesAndTakeEachOnce(t *testing.T) {
	w := newWorld(t, nil)
	topic := w.topic("orders.fifo", map[string]string{"FifoTopic": "true"})
	_, err := w.sns.Publish(t.Context(), &client.PublishInput{TopicArn: &topic, Message: aws.String("m")})
	w.fails(err, "InvalidParameter", "The MessageGroupId parameter is required for FIFO topics")
	_, err = w.sns.Publish(t.Context(), &client.PublishInput{TopicArn: &topic, Message: aws.String("m"), MessageGroupId: aws.String("g")})
	w.fails(err, "InvalidParameter", "either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	post := func(id string) *client.PublishOutput {
		return must(w.sns.Publish(t.Context(), &client.PublishInput{TopicArn: &topic, Message: aws.String("m"), MessageGroupId: aws.String("g"), MessageDeduplicationId: &id}))(t)
	}
	first, again, second := post("a"), post("a"), post("b")
	if *first.MessageId != *again.MessageId || *first.SequenceNumber != *again.SequenceNumber {
		t.Errorf("got %s and then %s for one message", *first.SequenceNumber, *again.SequenceNumber)
	}
	if *second.SequenceNumber <= *first.SequenceNumber || len(*first.SequenceNumber) != 20 {
		t.Errorf("got the numbers %s and %s", *first.SequenceNumber, *second.SequenceNumber)
	}
	w.pass(6 * time.Minute)
	if late := post("a"); *late.MessageId == *first.MessageId {
		t.Error("a message counts as the same after more than five minutes")
	}
}

func TestBatchesTellWhichMessagesFailed(t *testing.T) {
	w := newWorld(t, nil)
	topic := w.topic("alerts", nil)
	w.listener(topic, nil)
	out := must(w.sns.PublishBatch(t.Context(), &client.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: []types.PublishBatchRequestEntry{
		{Id: aws.String("1"), Message: aws.String("one")}, {Id: aws.String("2"), Message: aws.String("")},
	}}))(t)
	w.pass(0)
	if len(out.Successful) != 1 || len(out.Failed) != 1 || *out.Failed[0].Id != "2" || *out.Failed[0].Code != "InvalidParameter" || len(w.got) != 1 {
		t.Errorf("got %+v and %d deliveries", out, len(w.got))
	}
	_, err := w.sns.PublishBatch(t.Context(), &client.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: []types.PublishBatchRequestEntry{
		{Id: aws.String("1"), Message: aws.String("one")}, {Id: aws.String("1"), Message: aws.String("two")},
	}})
	w.fails(err, "BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
}

func TestTopicsKeepAttributesAndTags(t *testing.T) {
	w := newWorld(t, nil)
	topic := w.topic("alerts", map[string]string{"DisplayName": "Alerts"})
	if again := w.topic("alerts", nil); again != topic {
		t.Errorf("got %s for the same topic", again)
	}
	_, err := w.sns.CreateTopic(t.Context(), &client.CreateTopicInput{Name: aws.String("alerts"), Attributes: map[string]string{"DisplayName": "Other"}})
	w.fails(err, "InvalidParameter", "Topic already exists with different attributes")
	w.listener(topic, nil)
	w.subscribe(topic, "email", "ada@example.com", nil)
	a := must(w.sns.GetTopicAttributes(t.Context(), &client.GetTopicAttributesInput{TopicArn: &topic}))(t).Attributes
	for name, want := range map[string]string{
		"TopicArn": topic, "Owner": account, "DisplayName": "Alerts", "SubscriptionsConfirmed": "1", "SubscriptionsPending": "1", "SubscriptionsDeleted": "0",
	} {
		if a[name] != want {
			t.Errorf("got %s %q, want %q", name, a[name], want)
		}
	}
	must(w.sns.TagResource(t.Context(), &client.TagResourceInput{ResourceArn: &topic, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}))(t)
	if tags := must(w.sns.ListTagsForResource(t.Context(), &client.ListTagsForResourceInput{ResourceArn: &topic}))(t).Tags; len(tags) != 1 || *tags[0].Value != "a" {
		t.Errorf("got the tags %v", tags)
	}
	list := must(w.sns.ListSubscriptionsByTopic(t.Context(), &client.ListSubscriptionsByTopicInput{TopicArn: &topic}))(t).Subscriptions
	var shown []string
	for _, s := range list {
		shown = append(shown, *s.Protocol+" "+strings.TrimPrefix(*s.SubscriptionArn, topic))
	}
	if len(shown) != 2 || !slices.Contains(shown, "email PendingConfirmation") {
		t.Errorf("got the subscriptions %v", shown)
	}
	must(w.sns.DeleteTopic(t.Context(), &client.DeleteTopicInput{TopicArn: &topic}))(t)
	must(w.sns.DeleteTopic(t.Context(), &client.DeleteTopicInput{TopicArn: &topic}))(t)
	if left := must(w.sns.ListSubscriptions(t.Context(), &client.ListSubscriptionsInput{}))(t).Subscriptions; len(left) > 0 {
		t.Errorf("got the subscriptions %v of a topic that is gone", left)
	}
}

func TestErrorsReadAsAWSs(t *testing.T) {
	w := newWorld(t, nil)
	topic := w.topic("alerts", nil)
	ctx := t.Context()
	publish := func(in client.PublishInput) error {
		_, err := w.sns.Publish(ctx, &in)
		return err
	}
	subscribe := func(protocol, endpoint string) error {
		_, err := w.sns.Subscribe(ctx, &client.SubscribeInput{TopicArn: &topic, Protocol: &protocol, Endpoint: &endpoint})
		return err
	}
	_, created := w.sns.CreateTopic(ctx, &client.CreateTopicInput{Name: aws.String("a b")})
	_, confirmed := w.sns.ConfirmSubscription(ctx, &client.ConfirmSubscriptionInput{TopicArn: &topic, Token: aws.String("x")})
	_, looked := w.sns.GetSubscriptionAttributes(ctx, &client.GetSubscriptionAttributesInput{SubscriptionArn: aws.String(topic + ":nobody")})
	for _, row := range []struct {
		err           error
		code, message string
	}{
		{publish(client.PublishInput{TopicArn: aws.String(topic + "x"), Message: aws.String("m")}), "NotFound", "Topic does not exist"},
		{publish(client.PublishInput{TopicArn: aws.String("alerts"), Message: aws.String("m")}), "InvalidParameter", "Invalid parameter: TopicArn"},
		{publish(client.PublishInput{TopicArn: &topic, Message: aws.String("")}), "InvalidParameter", "Invalid parameter: Empty message"},
		{publish(client.PublishInput{TopicArn: &topic, Message: aws.String(strings.Repeat("x", 262_145))}), "InvalidParameter", "Invalid parameter: Message too long"},
		{publish(client.PublishInput{TopicArn: &topic, Message: aws.String("{}"), MessageStructure: aws.String("json")}), "InvalidParameter", "No default entry in JSON message body"},
		{publish(client.PublishInput{PhoneNumber: aws.String("+1"), Message: aws.String("m")}), "InvalidParameter", "sends no SMS"},
		{subscribe("pigeon", "x"), "InvalidParameter", "Amazon SNS does not support this protocol string: pigeon"},
		{subscribe("http", "https://shop.example"), "InvalidParameter", "Endpoint must match the specified protocol"},
		{subscribe("sqs", "arn:aws:sqs:eu-west-1:123456789012:q"), "InvalidParameter", "cannot deliver to sqs"},
		{created, "InvalidParameter", "Invalid parameter: Topic Name"},
		{confirmed, "InvalidParameter", "Invalid parameter: Token"},
		{looked, "NotFound", "Subscription does not exist"},
	} {
		w.fails(row.err, row.code, row.message)
	}
}

func TestWhatWasAcceptedSurvivesTheProcess(t *testing.T) {
	j := must(journal.Open(t.TempDir(), journal.Options{}))(t)
	defer func() { _ = j.Close() }()
	first := newWorld(t, j)
	topic := first.topic("alerts", map[string]string{"DisplayName": "Alerts"})
	first.listener(topic, map[string]string{"FilterPolicyScope": "MessageBody", "FilterPolicy": `{"a":["b"]}`})
	first.publish(topic, `{"a":"b"}`)
	first.service.Close() // before it could be delivered

	second := newWorld(t, j)
	second.publish(topic, `{"a":"c"}`)
	second.pass(time.Hour)
	if len(second.got) != 1 || second.got[0].field(t, "Message") != `{"a":"b"}` {
		t.Errorf("got %+v, want the message that was accepted before", second.got)
	}
}
