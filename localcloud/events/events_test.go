package events_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/events"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/outbox"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

var start = time.Date(2026, 3, 4, 10, 0, 30, 0, time.UTC)

const (
	account  = "123456789012"
	region   = "eu-west-1"
	place    = region + ":" + account + ":"
	function = "arn:aws:lambda:" + place + "function:pager:live"
	machine  = "arn:aws:states:" + place + "stateMachine:orders:live"
	topic    = "arn:aws:sns:" + place + "alerts"
	group    = "arn:aws:logs:" + place + "log-group:/aws/events/all"
	role     = "arn:aws:iam::123456789012:role/r"
)

// A world is a service in virtual time, whose targets note what they are called
// with.
type world struct {
	*testing.T
	clock   *clock.Virtual
	service *events.Service
	events  *eventbridge.Client

	mu     sync.Mutex
	calls  []call
	refuse error // what the targets answer
}

type call struct {
	at                 time.Time
	service, operation string
	params             jsonvalue.Value
}

func (c call) get(member string) string {
	v, _ := c.params.Get(member)
	return v.Str()
}

func newWorld(t *testing.T, j outbox.Journal) *world {
	w := &world{T: t, clock: clock.NewVirtual(start)}
	var err error
	if w.service, err = events.New(events.Config{Clock: w.clock, Journal: j, Targets: w}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.service.Close)
	w.events = eventbridge.NewFromConfig(aws.Config{
		Region: region, BaseEndpoint: aws.String("http://cloud.local"), HTTPClient: wire.NewServer(wire.Config{}, w.service.API()).Client(),
		RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""),
	})
	return w
}

func (w *world) Call(ctx context.Context, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := wire.CallerFrom(ctx); c.Account != account || c.Region != region {
		return jsonvalue.Value{}, errors.New("a call for somebody else")
	}
	w.calls = append(w.calls, call{w.clock.Now(), service, operation, params})
	return jsonvalue.ObjectOf(), w.refuse
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

// rule makes a rule with a pattern, or a schedule, and targets.
func (w *world) rule(name, when string, targets ...types.Target) {
	w.Helper()
	in := &eventbridge.PutRuleInput{Name: &name, EventPattern: &when}
	if !strings.HasPrefix(when, "{") {
		in.EventPattern, in.ScheduleExpression = nil, &when
	}
	must(w.events.PutRule(w.Context(), in))(w.T)
	if len(targets) > 0 {
		must(w.events.PutTargets(w.Context(), &eventbridge.PutTargetsInput{Rule: &name, Targets: targets}))(w.T)
	}
}

func (w *world) put(detail string) string {
	w.Helper()
	out := must(w.events.PutEvents(w.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		Source: aws.String("shop"), DetailType: aws.String("Order"), Detail: &detail, Resources: []string{"arn:aws:x"},
	}}}))(w.T)
	if out.FailedEntryCount != 0 {
		w.Fatalf("got %+v, want the event accepted", out.Entries)
	}
	return *out.Entries[0].EventId
}

func to(arn string, change ...func(*types.Target)) types.Target {
	t := types.Target{Id: aws.String("t"), Arn: &arn}
	if strings.Contains(arn, ":states:") {
		t.RoleArn = aws.String(role)
	}
	for _, f := range change {
		f(&t)
	}
	return t
}

func (w *world) fails(err error, code, message string) {
	w.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), message) {
		w.Errorf("got %v, want %s: %s", err, code, message)
	}
}

func TestEachTargetIsCalledInItsWay(t *testing.T) {
	w := newWorld(t, nil)
	for i, arn := range []string{function, machine, topic, group} {
		w.rule("r"+string(rune('0'+i)), `{"source":["shop"]}`, to(arn))
	}
	w.rule("other", `{"source":["bank"]}`, to(function))
	id := w.put(`{"state":"paid"}`)
	w.pass(0)
	event := `{"version":"0","id":"` + id + `","detail-type":"Order","source":"shop","account":"123456789012","time":"2026-03-04T10:00:30Z","region":"eu-west-1","resources":["arn:aws:x"],"detail":{"state":"paid"}}`
	var got []string
	for _, c := range w.calls {
		text := c.service + "." + c.operation
		for _, name := range []string{"FunctionName", "InvocationType", "StateMachineArn", "TopicArn", "LogGroupName"} {
			if v := c.get(name); v != "" {
				text += " " + v
			}
		}
		for _, name := range []string{"Payload", "Input", "Message"} {
			if v := c.get(name); v != "" && v != event {
				t.Errorf("%s: got %s, want %s", c.operation, v, event)
			}
		}
		got = append(got, text)
	}
	slices.Sort(got)
	want := []string{
		"cloudwatchlogs.CreateLogStream /aws/events/all", "cloudwatchlogs.PutLogEvents /aws/events/all",
		"lambda.Invoke " + function + " Event", "sfn.StartExecution " + machine, "sns.Publish " + topic,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// A name of 80 characters had no room for a long rule's targets, and the second
// execution was taken for the first one.
func TestTargetsOfALongRuleStartExecutionsOfTheirOwn(t *testing.T) {
	w := newWorld(t, nil)
	w.rule(strings.Repeat("long", 16), `{"source":["shop"]}`,
		to(machine, func(t *types.Target) { t.Id = aws.String("first") }),
		to(machine, func(t *types.Target) { t.Id = aws.String("second") }))
	w.put(`{}`)
	w.pass(0)
	if len(w.calls) != 2 {
		t.Fatalf("got %d calls, want two", len(w.calls))
	}
	a, b := w.calls[0].get("Name"), w.calls[1].get("Name")
	if a == b || len(a) > 80 || len(b) > 80 {
		t.Errorf("the executions are called %q and %q, want two names of at most 80 characters", a, b)
	}
}

func TestTargetsGetWhatTheyAskFor(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*types.Target)
		want   string
	}{
		"input":  {func(t *types.Target) { t.Input = aws.String(`{"a":1}`) }, `{"a":1}`},
		"path":   {func(t *types.Target) { t.InputPath = aws.String("$.detail.items[0]") }, `"tea"`},
		"no way": {func(t *types.Target) { t.InputPath = aws.String("$.detail.gone") }, `null`},
		"object": {func(t *types.Target) {
			t.InputTransformer = &types.InputTransformer{
				InputPathsMap: map[string]string{"s": "$.detail.state", "n": "$.detail.total", "i": "$.detail.items", "g": "$.detail.gone"},
				InputTemplate: aws.String(`{"state": <s>, "text": "<s> for <n>, < 3 \"<x>\"", "items": <i>, "gone": <g>, "rule": <aws.events.rule-name>}`),
			}
		}, `{"state": "paid \"now\"", "text": "paid \"now\" for 12.50, < 3 \"<x>\"", "items": ["tea"], "gone": "", "rule": "r"}`},
		"text": {func(t *types.Target) {
			t.InputTransformer = &types.InputTransformer{InputPathsMap: map[string]string{"n": "$.detail.total"}, InputTemplate: aws.String(`"it costs <n>"`)}
		}, `"it costs 12.50"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			in := to(function, row.change)
			if name == "object" {
				in.InputTransformer.InputTemplate = aws.String(strings.Replace(*in.InputTransformer.InputTemplate, ` \"<x>\"`, "", 1))
				row.want = strings.Replace(row.want, ` \"<x>\"`, "", 1)
			}
			w.rule("r", `{"source":["shop"]}`, in)
			w.put(`{"state":"paid \"now\"","total":12.50,"items":["tea"]}`)
			w.pass(0)
			if len(w.calls) != 1 || w.calls[0].get("Payload") != row.want {
				t.Errorf("got %v, want %s", w.calls, row.want)
			}
		})
	}
}

func TestSchedulesSendEvents(t *testing.T) {
	w := newWorld(t, nil)
	w.rule("often", "rate(2 minutes)", to(function))
	w.rule("noon", "cron(0 12 * * ? *)", to(topic))
	w.pass(6 * time.Minute)
	if len(w.calls) != 3 || !w.calls[0].at.Equal(start.Add(2*time.Minute)) {
		t.Fatalf("got %d calls, want three in six minutes", len(w.calls))
	}
	payload := value(t, w.calls[0].get("Payload"))
	for name, want := range map[string]string{"source": `"aws.events"`, "detail-type": `"Scheduled Event"`, "detail": `{}`, "resources": `["arn:aws:events:` + place + `rule/often"]`, "time": `"2026-03-04T10:02:30Z"`} {
		if v, _ := payload.Get(name); v.String() != want {
			t.Errorf("got %s %s, want %s", name, v, want)
		}
	}
	must(w.events.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: aws.String("often")}))(t)
	w.pass(3 * time.Hour)
	if last := w.calls[len(w.calls)-1]; len(w.calls) != 4 || last.operation != "Publish" || last.at.Hour() != 12 {
		t.Errorf("got %d calls, the last %s at %s; want one more, at noon", len(w.calls), last.operation, last.at)
	}
	must(w.events.EnableRule(t.Context(), &eventbridge.EnableRuleInput{Name: aws.String("often")}))(t)
	w.pass(2 * time.Minute)
	if len(w.calls) != 5 {
		t.Errorf("got %d calls, want one more after the rule was enabled", len(w.calls))
	}
}

func value(t *testing.T, text string) jsonvalue.Value {
	t.Helper()
	return must(jsonvalue.Parse(text))(t)
}

func TestEventsAreBroughtAgainUnlessTheyAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	w.rule("r", `{"source":["shop"]}`, to(function, func(t *types.Target) {
		t.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(3), MaximumEventAgeInSeconds: aws.Int32(60)}
	}))
	w.refuse = errors.New("no answer")
	w.put(`{}`)
	w.pass(time.Hour)
	var after []string
	for _, c := range w.calls {
		after = append(after, c.at.Sub(start).String())
	}
	if want := []string{"0s", "1s", "3s", "7s"}; !slices.Equal(after, want) {
		t.Errorf("got attempts after %v, want %v", after, want)
	}
	w.calls, w.refuse = nil, &wire.Error{Code: "ResourceNotFoundException", Status: 404}
	w.put(`{}`)
	w.pass(time.Hour)
	if len(w.calls) != 1 {
		t.Errorf("got %d attempts at a function that is not there, want one", len(w.calls))
	}
	w.calls, w.refuse = nil, &wire.Error{Code: "TooManyRequestsException", Status: 429}
	w.put(`{}`)
	w.pass(time.Hour)
	if len(w.calls) != 4 {
		t.Errorf("got %d attempts at a busy function, want four", len(w.calls))
	}
}

func TestEntriesAreRefusedOneByOne(t *testing.T) {
	w := newWorld(t, nil)
	w.rule("r", `{"source":["shop"]}`, to(function))
	entry := func(source, kind, detail string) types.PutEventsRequestEntry {
		e := types.PutEventsRequestEntry{Detail: &detail}
		if source != "" {
			e.Source = &source
		}
		if kind != "" {
			e.DetailType = &kind
		}
		return e
	}
	other := entry("shop", "k", "{}")
	other.EventBusName = aws.String("mine")
	out := must(w.events.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		entry("shop", "k", "{}"), entry("", "k", "{}"), entry("shop", "", "{}"), entry("shop", "k", `"text"`), entry("aws.ec2", "k", "{}"), other,
	}}))(t)
	var got []string
	for _, e := range out.Entries {
		if e.ErrorCode == nil {
			got = append(got, "ok")
		} else {
			got = append(got, *e.ErrorCode+": "+*e.ErrorMessage)
		}
	}
	want := []string{
		"ok",
		"InvalidArgument: Parameter Source is not valid. Reason: Source is a required argument.",
		"InvalidArgument: Parameter DetailType is not valid. Reason: DetailType is a required argument.",
		"MalformedDetail: Detail is malformed.",
		"NotAuthorizedForSourceException: Not authorized for the source.",
		"ResourceNotFoundException: Event bus mine does not exist.",
	}
	if out.FailedEntryCount != 5 || !slices.Equal(got, want) {
		t.Errorf("got %d failures: %q\nwant %q", out.FailedEntryCount, got, want)
	}
	w.pass(0)
	if len(w.calls) != 1 {
		t.Errorf("got %d calls, want one for the good entry", len(w.calls))
	}
}

func TestServicesOfTheCloudPutEventsToo(t *testing.T) {
	w := newWorld(t, nil)
	w.rule("alarms", `{"source":["aws.cloudwatch"],"detail":{"state":{"value":["ALARM"]}}}`, to(function))
	e := events.Event{Account: account, Region: region, Source: "aws.cloudwatch", DetailType: "CloudWatch Alarm State Change", Time: start, Detail: []byte(`{"state":{"value":"ALARM"}}`)}
	if err := w.service.Put(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	e.Account = "210987654321"
	if err := w.service.Put(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	w.pass(0)
	if len(w.calls) != 1 {
		t.Errorf("got %d calls, want one: the other event is of another account", len(w.calls))
	}
}

func TestRulesAreKeptAsTheyWereMade(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	out := must(w.events.PutRule(ctx, &eventbridge.PutRuleInput{
		Name: aws.String("r"), EventPattern: aws.String(`{"a":["b"]}`), ScheduleExpression: aws.String(""), Description: aws.String("d"),
		EventBusName: aws.String("default"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}))(t)
	if *out.RuleArn != "arn:aws:events:"+place+"rule/r" {
		t.Errorf("got %s", *out.RuleArn)
	}
	w.rule("r", `{"a":["c"]}`, to(function), to(topic, func(t *types.Target) { t.Id = aws.String("u") }))
	d := must(w.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: aws.String("r")}))(t)
	if *d.EventPattern != `{"a":["c"]}` || d.ScheduleExpression != nil || d.State != types.RuleStateEnabled || d.Description != nil || *d.EventBusName != "default" {
		t.Errorf("got %+v", d)
	}
	if tags := must(w.events.ListTagsForResource(ctx, &eventbridge.ListTagsForResourceInput{ResourceARN: out.RuleArn}))(t).Tags; len(tags) != 1 {
		t.Errorf("got the tags %v, want the first ones", tags)
	}
	if names := must(w.events.ListRuleNamesByTarget(ctx, &eventbridge.ListRuleNamesByTargetInput{TargetArn: aws.String(topic)}))(t).RuleNames; !slices.Equal(names, []string{"r"}) {
		t.Errorf("got the rules %v of a target", names)
	}
	_, err := w.events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: aws.String("r")})
	w.fails(err, "ValidationException", "Rule can't be deleted since it has targets.")
	removed := must(w.events.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: aws.String("r"), Ids: []string{"t", "u", "x"}}))(t)
	if removed.FailedEntryCount != 1 || *removed.FailedEntries[0].TargetId != "x" {
		t.Errorf("got %+v", removed)
	}
	must(w.events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: aws.String("r")}))(t)
	must(w.events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: aws.String("r")}))(t)
	if rules := must(w.events.ListRules(ctx, &eventbridge.ListRulesInput{}))(t).Rules; len(rules) > 0 {
		t.Errorf("got the rules %v", rules)
	}
	test := must(w.events.TestEventPattern(ctx, &eventbridge.TestEventPatternInput{
		EventPattern: aws.String(`{"source":["shop"]}`), Event: aws.String(`{"id":"1","account":"2","source":"shop","time":"2026-01-01T00:00:00Z","region":"r","resources":[],"detail-type":"x"}`),
	}))(t)
	if !test.Result {
		t.Error("the event does not fit a pattern that it fits")
	}
}

func TestErrorsReadAsAWSs(t *testing.T) {
	w := newWorld(t, nil)
	w.rule("r", `{"source":["shop"]}`)
	ctx := t.Context()
	putRule := func(in eventbridge.PutRuleInput) error {
		in.Name = aws.String("x")
		_, err := w.events.PutRule(ctx, &in)
		return err
	}
	putTarget := func(target types.Target) error {
		_, err := w.events.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{target}})
		return err
	}
	_, described := w.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: aws.String("x")})
	_, elsewhere := w.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: aws.String("r"), EventBusName: aws.String("mine")})
	for _, row := range []struct {
		err           error
		code, message string
	}{
		{putRule(eventbridge.PutRuleInput{}), "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."},
		{putRule(eventbridge.PutRuleInput{EventPattern: aws.String(`{"a":"b"}`)}), "InvalidEventPatternException", `Event pattern is not valid. Reason: "a" must be an object or an array`},
		{putRule(eventbridge.PutRuleInput{ScheduleExpression: aws.String("rate(1 minutes)")}), "ValidationException", "Parameter ScheduleExpression is not valid."},
		{described, "ResourceNotFoundException", "Rule x does not exist on EventBus default."},
		{elsewhere, "ResourceNotFoundException", "Event bus mine does not exist."},
		{putTarget(to("nowhere")), "ValidationException", "Parameter nowhere is not valid. Reason: Provided Arn is not in correct format."},
		{putTarget(to("arn:aws:sqs:" + place + "q")), "ValidationException", "delivers events to Lambda functions, state machines, SNS topics and log groups only"},
		{putTarget(to(machine, func(t *types.Target) { t.RoleArn = nil })), "ValidationException", "RoleArn is required for target " + machine},
		{putTarget(to(function, func(t *types.Target) { t.Input = aws.String("{") })), "ValidationException", "JSON syntax error in input for target t"},
		{putTarget(to(function, func(t *types.Target) { t.Input, t.InputPath = aws.String("{}"), aws.String("$") })), "ValidationException", "Only one of Input, InputPath, or InputTransformer must be provided for target t."},
		{putTarget(to(function, func(t *types.Target) {
			t.InputTransformer = &types.InputTransformer{InputTemplate: aws.String(`"<x>"`)}
		})), "ValidationException", "the variable x is not defined"},
	} {
		w.fails(row.err, row.code, row.message)
	}
}

func TestWhatWasAcceptedSurvivesTheProcess(t *testing.T) {
	j := must(journal.Open(t.TempDir(), journal.Options{}))(t)
	defer func() { _ = j.Close() }()
	first := newWorld(t, j)
	first.rule("r", `{"source":["shop"]}`, to(function))
	first.rule("often", "rate(2 minutes)", to(topic))
	first.put(`{}`)
	first.service.Close() // before it could be delivered

	second := newWorld(t, j)
	second.pass(2 * time.Minute)
	var got []string
	for _, c := range second.calls {
		got = append(got, c.operation)
	}
	if !slices.Equal(got, []string{"Invoke", "Publish"}) {
		t.Errorf("got %v, want the event of before and then the schedule", got)
	}
}
