package logs_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/logs"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/logsapi"
)

const (
	account  = "444455556666"
	region   = "eu-west-1"
	groupARN = "arn:aws:logs:eu-west-1:444455556666:log-group:/shop/till"
)

// A world is a CloudWatch Logs in virtual time, called in JSON.
type world struct {
	t       *testing.T
	service *logs.Service
	server  *wire.Server
	clock   *clock.Virtual
	kept    []byte
}

func newWorld(t *testing.T, maxBytes int64) *world {
	w := &world{t: t, clock: clock.NewVirtual(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))}
	w.service = logs.New(logs.Config{Clock: w.clock, MaxBytes: maxBytes, Save: func(snapshot []byte) error {
		w.kept = snapshot
		return nil
	}})
	w.server = wire.NewServer(wire.Config{}, w.service.API())
	return w
}

// try calls an operation and returns its answer.
func (w *world) try(operation, params string) (string, error) {
	ctx := wire.WithCaller(w.t.Context(), wire.Caller{Account: account, Region: region})
	out, err := w.server.Call(ctx, "cloudwatchlogs", operation, []byte(params))
	return string(out), err
}

func (w *world) call(operation, params string) string {
	w.t.Helper()
	out, err := w.try(operation, params)
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	return out
}

func (w *world) refused(operation, params, code, text string) {
	w.t.Helper()
	_, err := w.try(operation, params)
	if !wire.IsCode(err, code) || !strings.Contains(err.Error(), text) {
		w.t.Errorf("%s: got %v, want %s: %s", operation, err, code, text)
	}
}

// want checks that an answer has texts in it, in that order.
func (w *world) want(answer string, texts ...string) {
	w.t.Helper()
	rest := answer
	for _, text := range texts {
		_, after, ok := strings.Cut(rest, text)
		if !ok {
			w.t.Errorf("got %s, want %s after what came before", answer, text)
			return
		}
		rest = after
	}
}

// write writes lines to a stream, a second apart from now on.
func (w *world) write(stream string, lines ...string) {
	var events []logs.Event
	for i, line := range lines {
		events = append(events, logs.Event{At: w.clock.Now().Add(time.Duration(i) * time.Second), Message: line})
	}
	w.service.Write(account, region, "/shop/till", stream, events)
}

func TestGroupsAreMadeListedAndDeleted(t *testing.T) {
	w := newWorld(t, 0)
	w.call("CreateLogGroup", `{"LogGroupName":"/shop/till","Tags":{"floor":"1"}}`)
	w.call("CreateLogGroup", `{"LogGroupName":"/shop/door"}`)
	w.call("CreateLogGroup", `{"LogGroupName":"/yard"}`)
	w.refused("CreateLogGroup", `{"LogGroupName":"/yard"}`, "ResourceAlreadyExistsException", "The specified log group already exists")
	w.want(w.call("DescribeLogGroups", `{"LogGroupNamePrefix":"/shop"}`), `"/shop/door"`, `"/shop/till"`, groupARN+`:*"`)
	first := w.call("DescribeLogGroups", `{"Limit":2}`)
	w.want(first, `"/shop/door"`, `"/shop/till"`, `"NextToken":"`)
	_, token, _ := strings.Cut(first, `"NextToken":"`)
	w.want(w.call("DescribeLogGroups", `{"NextToken":"`+token[:strings.IndexByte(token, '"')]+`"}`), `"/yard"`)
	w.refused("DescribeLogGroups", `{"NextToken":"nonsense"}`, "InvalidParameterException", "nextToken is invalid")

	w.call("PutRetentionPolicy", `{"LogGroupName":"/shop/till","RetentionInDays":7}`)
	w.refused("PutRetentionPolicy", `{"LogGroupName":"/shop/till","RetentionInDays":8}`, "InvalidParameterException", "retention")
	w.want(w.call("DescribeLogGroups", `{"LogGroupNamePrefix":"/shop/till"}`), `"RetentionInDays":7`)
	w.call("TagResource", `{"ResourceArn":"`+groupARN+`","Tags":{"floor":"2","wing":"b"}}`)
	w.call("UntagLogGroup", `{"LogGroupName":"/shop/till","Tags":["wing"]}`)
	w.want(w.call("ListTagsForResource", `{"ResourceArn":"`+groupARN+`"}`), `{"Tags":{"floor":"2"}}`)
	w.refused("ListTagsForResource", `{"ResourceArn":"`+groupARN+`x"}`, "ResourceNotFoundException", "does not exist")

	w.call("DeleteLogGroup", `{"LogGroupName":"/yard"}`)
	w.refused("DeleteLogGroup", `{"LogGroupName":"/yard"}`, "ResourceNotFoundException", "The specified log group does not exist.")

	again := newWorld(t, 0)
	if err := again.service.Restore(w.kept); err != nil {
		t.Fatal(err)
	}
	w.want(again.call("DescribeLogGroups", `{}`), `"/shop/door"`, `"RetentionInDays":7`)
	w.want(again.call("ListTagsLogGroup", `{"LogGroupName":"/shop/till"}`), `{"Tags":{"floor":"2"}}`)
}

func TestWhatFunctionsWriteMakesItsGroupAndStream(t *testing.T) {
	w := newWorld(t, 0)
	if w.service.Exists(groupARN) {
		t.Error("the group is there before anything was written")
	}
	w.write("2026/03/01/[1]aa", "START", "beans", "END")
	if !w.service.Exists(groupARN + ":*") {
		t.Error("the group is not there after a function wrote to it")
	}
	if err := w.service.Put(groupARN, "states", []logs.Event{{At: w.clock.Now(), Message: "x"}}); err != nil {
		t.Error(err)
	}
	if err := w.service.Put(groupARN+"x", "states", nil); err == nil {
		t.Error("writing to a group that is not there is no error")
	}
	w.want(w.call("DescribeLogStreams", `{"LogGroupName":"/shop/till"}`), `"2026/03/01/[1]aa"`, `"states"`)
	w.want(w.call("DescribeLogStreams", `{"LogGroupName":"/shop/till","OrderBy":"LastEventTime","Descending":true}`), `"2026/03/01/[1]aa"`, `"states"`)
	w.want(w.call("GetLogEvents", `{"LogGroupName":"/shop/till","LogStreamName":"2026/03/01/[1]aa"}`), `"START"`, `"beans"`, `"END"`)
	w.refused("GetLogEvents", `{"LogGroupName":"/shop/till","LogStreamName":"none"}`, "ResourceNotFoundException", "The specified log stream does not exist.")
	w.refused("DescribeLogStreams", `{"LogGroupName":"none"}`, "ResourceNotFoundException", "The specified log group does not exist.")
}

func TestAStreamIsReadForwardAndBackwardByItsTokens(t *testing.T) {
	w := newWorld(t, 0)
	w.write("s", "e0", "e1", "e2", "e3", "e4")
	read := func(more string) *logsapi.GetLogEventsResponse {
		t.Helper()
		var out logsapi.GetLogEventsResponse
		decode(t, w.call("GetLogEvents", `{"LogGroupName":"/shop/till","LogStreamName":"s","Limit":2`+more+`}`), &out)
		return &out
	}
	messages := func(out *logsapi.GetLogEventsResponse) string {
		var all []string
		for _, e := range out.Events {
			all = append(all, *e.Message)
		}
		return strings.Join(all, " ")
	}
	head := read(`,"StartFromHead":true`)
	next := read(`,"NextToken":"` + *head.NextForwardToken + `"`)
	last := read(`,"NextToken":"` + *next.NextForwardToken + `"`)
	end := read(`,"NextToken":"` + *last.NextForwardToken + `"`)
	if got := []string{messages(head), messages(next), messages(last), messages(end)}; fmt.Sprint(got) != "[e0 e1 e2 e3 e4 ]" {
		t.Errorf("forward: got %q", got)
	}
	if *end.NextForwardToken != *last.NextForwardToken {
		t.Error("at the end the token does not stay the same")
	}
	tail := read("")
	before := read(`,"NextToken":"` + *tail.NextBackwardToken + `"`)
	if got := []string{messages(tail), messages(before)}; fmt.Sprint(got) != "[e3 e4 e1 e2]" {
		t.Errorf("backward: got %q", got)
	}
	w.clock.Set(w.clock.Now().Add(time.Minute))
	w.write("s", "e5")
	if got := messages(read(`,"NextToken":"` + *end.NextForwardToken + `"`)); got != "e5" {
		t.Errorf("what came later: got %q, want e5", got)
	}
	from := w.clock.Now().Add(-57 * time.Second).UnixMilli()
	if got := messages(read(fmt.Sprintf(`,"StartTime":%d,"EndTime":%d,"StartFromHead":true`, from, from+1000))); got != "e3" {
		t.Errorf("a second of it: got %q, want e3", got)
	}
}

func TestEventsOfAllStreamsAreFilteredInTheOrderOfTheirTime(t *testing.T) {
	w := newWorld(t, 0)
	w.write("a", "ERROR no cups", "fine", "WARN lids")
	w.clock.Set(w.clock.Now().Add(500 * time.Millisecond))
	w.write("b", "ERROR no milk", "ERROR no cups today")
	filter := func(params string) string {
		var out logsapi.FilterLogEventsResponse
		decode(t, w.call("FilterLogEvents", `{"LogGroupName":"/shop/till"`+params+`}`), &out)
		var all []string
		for _, e := range out.Events {
			all = append(all, *e.LogStreamName+":"+*e.Message)
		}
		if out.NextToken != nil {
			all = append(all, "token "+*out.NextToken)
		}
		return strings.Join(all, ", ")
	}
	for _, row := range []struct{ pattern, want string }{
		{``, "a:ERROR no cups, b:ERROR no milk, a:fine, b:ERROR no cups today, a:WARN lids"},
		{`ERROR`, "a:ERROR no cups, b:ERROR no milk, b:ERROR no cups today"},
		{`ERROR cups`, "a:ERROR no cups, b:ERROR no cups today"},
		{`ERROR -today`, "a:ERROR no cups, b:ERROR no milk"},
		{`?fine ?lids`, "a:fine, a:WARN lids"},
		{`\"no cups\"`, "a:ERROR no cups, b:ERROR no cups today"},
		{`%c[aeiou]ps t%`, "b:ERROR no cups today"},
	} {
		if got := filter(`,"FilterPattern":"` + row.pattern + `"`); got != row.want {
			t.Errorf("pattern %q: got %s, want %s", row.pattern, got, row.want)
		}
	}
	if got := filter(`,"LogStreamNames":["b"]`); got != "b:ERROR no milk, b:ERROR no cups today" {
		t.Errorf("of stream b: got %s", got)
	}
	first := filter(`,"Limit":3`)
	events, token, ok := strings.Cut(first, ", token ")
	if !ok || events != "a:ERROR no cups, b:ERROR no milk, a:fine" {
		t.Fatalf("the first three: got %s", first)
	}
	if got := filter(`,"NextToken":"` + token + `"`); got != "b:ERROR no cups today, a:WARN lids" {
		t.Errorf("the rest: got %s", got)
	}
	w.refused("FilterLogEvents", `{"LogGroupName":"/shop/till","FilterPattern":"{ $.level = 1 }"}`, "InvalidParameterException", "JSON")
	w.refused("FilterLogEvents", `{"LogGroupName":"/shop/till","FilterPattern":"\"open"}`, "InvalidParameterException", "Invalid filter pattern")
}

func TestEventsThatAreTooOldOrTooNewAreNotTaken(t *testing.T) {
	w := newWorld(t, 0)
	w.call("CreateLogGroup", `{"LogGroupName":"g"}`)
	w.refused("PutLogEvents", `{"LogGroupName":"g","LogStreamName":"s","LogEvents":[{"Timestamp":1,"Message":"m"}]}`, "ResourceNotFoundException", "log stream")
	w.call("CreateLogStream", `{"LogGroupName":"g","LogStreamName":"s"}`)
	w.refused("CreateLogStream", `{"LogGroupName":"g","LogStreamName":"s"}`, "ResourceAlreadyExistsException", "log stream already exists")
	w.call("PutRetentionPolicy", `{"LogGroupName":"g","RetentionInDays":3}`)
	now := w.clock.Now()
	at := func(d time.Duration, message string) string {
		return fmt.Sprintf(`{"Timestamp":%d,"Message":%q}`, now.Add(d).UnixMilli(), message)
	}
	day := 24 * time.Hour
	out := w.call("PutLogEvents", `{"LogGroupName":"g","LogStreamName":"s","LogEvents":[`+
		strings.Join([]string{at(-15*day, "old"), at(-4*day, "expired"), at(0, "now"), at(3*time.Hour, "new")}, ",")+`]}`)
	w.want(out, `"TooNewLogEventStartIndex":3`, `"TooOldLogEventEndIndex":1`, `"ExpiredLogEventEndIndex":2`)
	got := w.call("GetLogEvents", `{"LogGroupName":"g","LogStreamName":"s"}`)
	w.want(got, `"now"`)
	if strings.Contains(got, "old") || strings.Contains(got, "expired") || strings.Contains(got, "new\"") {
		t.Errorf("got %s", got)
	}
	w.refused("PutLogEvents", `{"LogGroupName":"g","LogStreamName":"s","LogEvents":[`+at(0, "b")+","+at(-time.Second, "a")+`]}`, "InvalidParameterException", "chronological order")
	w.clock.Set(now.Add(4 * day))
	if got := w.call("GetLogEvents", `{"LogGroupName":"g","LogStreamName":"s"}`); strings.Contains(got, `"now"`) {
		t.Errorf("after its retention the event is still shown: %s", got)
	}
	w.call("DeleteLogStream", `{"LogGroupName":"g","LogStreamName":"s"}`)
	w.refused("GetLogEvents", `{"LogGroupName":"g","LogStreamName":"s"}`, "ResourceNotFoundException", "log stream")
}

func TestTheOldestEventsGoWhenMemoryRunsOut(t *testing.T) {
	w := newWorld(t, 20*1026)
	line := strings.Repeat("l", 996)
	for i := range 50 {
		w.write(fmt.Sprintf("s%d", i%2), fmt.Sprintf("%03d %s", i, line))
	}
	seen := 0
	for _, stream := range []string{"s0", "s1"} {
		var out logsapi.GetLogEventsResponse
		decode(t, w.call("GetLogEvents", `{"LogGroupName":"/shop/till","LogStreamName":"`+stream+`","StartFromHead":true}`), &out)
		for _, e := range out.Events {
			seen++
			if number := (*e.Message)[:3]; number < "030" {
				t.Errorf("event %s is still there, though newer ones had to go", number)
			}
		}
	}
	if seen != 20 {
		t.Errorf("%d events are there, want 20: as many as fit", seen)
	}
	w.call("DeleteLogGroup", `{"LogGroupName":"/shop/till"}`)
	for i := range 20 {
		w.write("s", fmt.Sprintf("%03d %s", i, line))
	}
	var out logsapi.GetLogEventsResponse
	decode(t, w.call("GetLogEvents", `{"LogGroupName":"/shop/till","LogStreamName":"s"}`), &out)
	if len(out.Events) != 20 {
		t.Errorf("%d events fit after everything was deleted, want 20", len(out.Events))
	}
}

func TestGroupsOfOthersAreNotSeen(t *testing.T) {
	w := newWorld(t, 0)
	w.write("s", "e")
	ctx := wire.WithCaller(context.Background(), wire.Caller{Account: "999988887777", Region: region})
	if _, err := w.server.Call(ctx, "cloudwatchlogs", "GetLogEvents", []byte(`{"LogGroupName":"/shop/till","LogStreamName":"s"}`)); !wire.IsCode(err, "ResourceNotFoundException") {
		t.Errorf("got %v, want ResourceNotFoundException", err)
	}
}
