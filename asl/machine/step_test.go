package machine

import (
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const loop = `{"StartAt": "A", "States": {
	"A": {"Type": "Pass", "Next": "B"},
	"B": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "C"}], "Default": "A"},
	"C": {"Type": "Succeed"}}}`

func TestAStandardExecutionFailsWhenItsHistoryIsFull(t *testing.T) {
	p := mustCompile(t, loop)
	x := New(p, Start{Input: jsonvalue.ObjectOf()})
	var last HistoryEvent
	count := 0
	for ev := Event(Begin{}); x.Status == StatusRunning; ev = Event(Tick{}) {
		r := Step(p, x, ev, noon)
		if n := len(r.History); n > 0 {
			last = r.History[n-1]
			count += n
		}
	}
	if x.Status != StatusFailed || count != maxEvents || last.ID != maxEvents || last.Type != EventExecutionFailed {
		t.Errorf("got %s after %d events, the last one %d %s, want FAILED after %d, the last one ExecutionFailed", x.Status, count, last.ID, last.Type, maxEvents)
	}
	if want := "The execution reached the maximum number of history events (25000)."; pointed(x.Cause) != want {
		t.Errorf("got cause %q, want %q", pointed(x.Cause), want)
	}
}

func TestALoopThatNeverWaitsLetsItsCallerGo(t *testing.T) {
	p := mustCompile(t, loop)
	x := New(p, Start{Input: jsonvalue.ObjectOf(), Express: true})
	r := Step(p, x, Begin{}, noon)
	if x.Status != StatusRunning || r.Transitions != maxTransitions || !r.Wake.Equal(noon) {
		t.Fatalf("got %s after %d transitions, wake at %v, want RUNNING after %d, wake at once", x.Status, r.Transitions, r.Wake, maxTransitions)
	}
	if r = Step(p, x, Tick{}, noon.Add(time.Second)); r.Transitions != maxTransitions {
		t.Errorf("got %d more transitions, want %d", r.Transitions, maxTransitions)
	}
	Step(p, x, Tick{}, noon.Add(longestExpress))
	if x.Status != StatusTimedOut {
		t.Errorf("got %s after %v, want TIMED_OUT", x.Status, longestExpress)
	}
}

func TestAnOutputAboveTheLimitFailsTheExecution(t *testing.T) {
	large := strings.Repeat("x", maxPayload)
	p := mustCompile(t, `{"StartAt": "Big", "States": {"Big": {"Type": "Pass", "Result": "`+large+`", "End": true}}}`)
	x := New(p, Start{Input: jsonvalue.ObjectOf()})
	Step(p, x, Begin{}, noon)
	want := "The state/task 'Big' returned a result with a size exceeding the maximum number of bytes service limit."
	if pointed(x.Error) != errorDataLimitExceeded || pointed(x.Cause) != want {
		t.Errorf("got %s %q, want %s %q", pointed(x.Error), pointed(x.Cause), errorDataLimitExceeded, want)
	}
}

func TestAnswersOfTasksThatAreGoneChangeNothing(t *testing.T) {
	p := mustCompile(t, `{"StartAt": "Call", "States": {
		"Call": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:111111111111:function:f", "TimeoutSeconds": 5,
			"Retry": [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 10}], "End": true}}}`)
	x := New(p, Start{Input: jsonvalue.ObjectOf()})
	Step(p, x, Begin{}, noon)
	first := x.OpenTasks(p)[0].Call.Task
	Step(p, x, Tick{}, noon.Add(5*time.Second))
	before := x.EventCount
	for _, ev := range []Event{
		TaskSucceeded{Task: first, Output: jsonvalue.Int(1)}, TaskFailed{Task: first}, TaskHeartbeat{first}, TaskStarted{Task: first},
		TaskSucceeded{Task: 99, Output: jsonvalue.Int(1)}, Begin{}, Redrive{},
	} {
		if r := Step(p, x, ev, noon.Add(6*time.Second)); len(r.History)+len(r.Effects) > 0 || x.EventCount != before {
			t.Errorf("%T: got %v and %v, want nothing", ev, r.History, r.Effects)
		}
	}
	Step(p, x, Tick{}, noon.Add(15*time.Second))
	if open := x.OpenTasks(p); len(open) != 1 || open[0].Call.Task == first {
		t.Errorf("got open tasks %v, want one with another number", open)
	}
}

func TestOperatorsCompareWhatIsOfTheirKind(t *testing.T) {
	value := func(text string) jsonvalue.Value {
		v, err := jsonvalue.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		variable string
		operator asl.Operator
		operand  string
		want     bool
	}{
		{`"b"`, asl.StringGreaterThan, `"a"`, true},
		{`"b"`, asl.StringLessThanEquals, `"a"`, false},
		{`1`, asl.StringEquals, `"1"`, false},
		{`"log-7.txt"`, asl.StringMatches, `"log-*.txt"`, true},
		{`"log-7.txt.gz"`, asl.StringMatches, `"log-*.txt"`, false},
		{`"a*b"`, asl.StringMatches, `"a\\*b"`, true},
		{`"axb"`, asl.StringMatches, `"a\\*b"`, false},
		{`"aXbXc"`, asl.StringMatches, `"*X*"`, true},
		{`""`, asl.StringMatches, `"**"`, true},
		{`1.0`, asl.NumericEquals, `1`, true},
		{`"1"`, asl.NumericEquals, `1`, false},
		{`-3`, asl.NumericLessThan, `-2.5`, true},
		{`true`, asl.BooleanEquals, `true`, true},
		{`"true"`, asl.BooleanEquals, `true`, false},
		{`"2026-03-01T13:00:00+01:00"`, asl.TimestampEquals, `"2026-03-01T12:00:00Z"`, true},
		{`"2026-03-01T12:00:00.5Z"`, asl.TimestampGreaterThan, `"2026-03-01T12:00:00Z"`, true},
		{`"yesterday"`, asl.TimestampLessThan, `"2026-03-01T12:00:00Z"`, false},
		{`null`, asl.IsNull, `true`, true},
		{`0`, asl.IsNull, `false`, true},
		{`"2026-03-01T12:00:00Z"`, asl.IsTimestamp, `true`, true},
		{`"2026-03-01"`, asl.IsTimestamp, `true`, false},
		{`"x"`, asl.IsString, `true`, true},
		{`[]`, asl.IsNumeric, `false`, true},
	} {
		if got := compare(c.operator, value(c.variable), value(c.operand)); got != c.want {
			t.Errorf("%s %v %s: got %v, want %v", c.variable, c.operator, c.operand, got, c.want)
		}
	}
}

func TestATestedStateShowsItsDataAndItsHandler(t *testing.T) {
	sm, diagnostics := asl.ParseState(`{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
		"InputPath": "$.in", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "ResultSelector": {"n.$": "$.Payload"}, "ResultPath": "$.out",
		"Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3, "MaxAttempts": 2}],
		"Catch": [{"ErrorEquals": ["Broken"], "Next": "Elsewhere"}], "Next": "After"}`, asl.Express)
	if sm == nil {
		t.Fatal(asl.Summary(diagnostics))
	}
	p, err := Compile(sm)
	if err != nil {
		t.Fatal(err)
	}
	input, _ := jsonvalue.Parse(`{"in": 1}`)
	text := func(s string) *string { return &s }

	test := &StateTest{State: asl.TestedName, Start: Start{Input: input, InputText: `{"in": 1}`}}
	call, err := test.Begin(p, noon)
	if err != nil || call == nil || test.Done() {
		t.Fatalf("got call %v and error %v, want a call", call, err)
	}
	test.Answer(TaskSucceeded{Task: call.Task, Output: jsonvalue.ObjectOf(jsonvalue.Member{Key: "Payload", Value: jsonvalue.Int(7)})}, noon)
	want := Inspection{
		Input: `{"in": 1}`, AfterInputPath: "1", AfterParameters: `{"FunctionName":"f","Payload":1}`,
		Result: `{"Payload":7}`, AfterResultSelector: `{"n":7}`, AfterResultPath: `{"in":1,"out":{"n":7}}`,
	}
	if test.Status != TestSucceeded || test.Next != "After" || test.OutputText() != `{"in":1,"out":{"n":7}}` || test.Inspection != want {
		t.Errorf("got %s, next %q, output %s, %+v, want SUCCEEDED, After and %+v", test.Status, test.Next, test.OutputText(), test.Inspection, want)
	}

	for _, c := range []struct {
		error   string
		retries int32
		status  TestStatus
		next    string
	}{
		{"Busy", 1, TestRetriable, ""}, {"Busy", 2, TestFailed, ""}, {"Broken", 0, TestCaughtError, "Elsewhere"}, {"Other", 0, TestFailed, ""},
	} {
		test := &StateTest{State: asl.TestedName, Start: Start{Input: input}, RetryCount: c.retries, Mock: &Mock{Error: text(c.error)}}
		if _, err := test.Begin(p, noon); err != nil {
			t.Fatal(err)
		}
		if test.Status != c.status || test.Next != c.next || pointed(test.Error) != c.error {
			t.Errorf("%s after %d retries: got %s, next %q, error %s, want %s, next %q", c.error, c.retries, test.Status, test.Next, pointed(test.Error), c.status, c.next)
		}
	}
}
