package machine

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A writer makes up definitions that always end: states lead forward only.
type writer struct {
	t *rapid.T
	n int
}

func (w *writer) pick(label string, options ...string) string {
	return rapid.SampledFrom(options).Draw(w.t, label)
}

// flow writes a flow of a few states.
func (w *writer) flow(depth int) string {
	n := rapid.IntRange(1, 4).Draw(w.t, "states")
	names := make([]string, n)
	for i := range names {
		w.n++
		names[i] = fmt.Sprintf("S%d", w.n)
	}
	var states []string
	for i, name := range names {
		end := `"End": true`
		if i+1 < n {
			end = fmt.Sprintf(`"Next": %q`, names[i+1])
		}
		states = append(states, fmt.Sprintf("%q: %s", name, w.state(depth, end, names[i:])))
	}
	return fmt.Sprintf(`"StartAt": %q, "States": {%s}`, names[0], strings.Join(states, ", "))
}

const anyFunction = `"Resource": "arn:aws:lambda:eu-west-1:111111111111:function:f"`

func (w *writer) state(depth int, end string, rest []string) string {
	kinds := []string{"pass", "assign", "task", "task", "wait", "choice"}
	if depth > 0 {
		kinds = append(kinds, "parallel", "map", "map", "distributed")
	}
	last := len(rest) == 1
	if last {
		kinds = append(kinds, "fail", "succeed")
	}
	handlers := w.pick("handlers", "",
		`, "Retry": [{"ErrorEquals": ["Boom"], "MaxAttempts": 2, "BackoffRate": 1.5, "JitterStrategy": "FULL"}]`,
		`, "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}], "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "`+rest[len(rest)-1]+`"}]`)
	switch w.pick("kind", kinds...) {
	case "pass":
		return fmt.Sprintf(`{"Type": "Pass", "Parameters": {"n.$": "$", "u.$": "States.UUID()"}, %s}`, end)
	case "assign":
		w.n++
		return fmt.Sprintf(`{"Type": "Pass", "Assign": {"v%d.$": "$", "w%d": %d}, %s}`, w.n, w.n, w.n, end)
	case "task":
		resource := w.pick("resource", anyFunction, anyFunction+`, "TimeoutSeconds": 20`,
			`"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "HeartbeatSeconds": 9, "Parameters": {"t.$": "$$.Task.Token"}`,
			`"Resource": "arn:aws:states:eu-west-1:111111111111:activity:a", "TimeoutSeconds": 30, "HeartbeatSeconds": 5`)
		return fmt.Sprintf(`{"Type": "Task", %s%s, %s}`, resource, handlers, end)
	case "wait":
		return fmt.Sprintf(`{"Type": "Wait", "Seconds": %d, %s}`, rapid.IntRange(0, 60).Draw(w.t, "seconds"), end)
	case "choice":
		if last {
			return `{"Type": "Succeed"}`
		}
		return fmt.Sprintf(`{"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": %q}], "Default": %q}`, rest[1], rest[len(rest)-1])
	case "parallel":
		branches := make([]string, rapid.IntRange(1, 3).Draw(w.t, "branches"))
		for i := range branches {
			branches[i] = "{" + w.flow(depth-1) + "}"
		}
		return fmt.Sprintf(`{"Type": "Parallel", "Branches": [%s]%s, %s}`, strings.Join(branches, ", "), handlers, end)
	case "map":
		return fmt.Sprintf(`{"Type": "Map", "ItemsPath": "$$.Execution.Input.items", "MaxConcurrency": %d, "ItemProcessor": {%s}%s, %s}`,
			rapid.IntRange(0, 3).Draw(w.t, "concurrency"), w.flow(depth-1), handlers, end)
	case "distributed":
		return fmt.Sprintf(`{"Type": "Map", "ItemsPath": "$$.Execution.Input.items", "MaxConcurrency": %d, "ToleratedFailureCount": %d,
			"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, %s}%s, %s}`,
			rapid.IntRange(0, 3).Draw(w.t, "concurrency"), rapid.IntRange(0, 2).Draw(w.t, "tolerated"), w.flow(depth-1), handlers, end)
	case "fail":
		return `{"Type": "Fail", "Error": "Boom", "Cause": "by design"}`
	case "succeed":
		return `{"Type": "Succeed"}`
	default:
		panic("unknown kind")
	}
}

// anyProgram makes up a program. States that a Choice jumps over may be unreachable; such
// definitions are made reachable by nothing and skipped.
func anyProgram(t *rapid.T) *Program {
	w := &writer{t: t}
	text := "{" + w.flow(2) + "}"
	sm, diagnostics := asl.Parse(text, asl.Standard)
	if sm == nil {
		t.Fatalf("a definition was refused: %s\n%s", asl.Summary(diagnostics), text)
	}
	p, err := Compile(sm)
	if err != nil {
		t.Fatalf("compile: %v\n%s", err, text)
	}
	return p
}

func anyStart(t *rapid.T) Start {
	input := rapid.SampledFrom([]string{`{"items": [1, 2, 3]}`, `{"items":[],"x":1}`, `{"items": [{"a":1}], "x": null}`}).Draw(t, "input")
	v, err := jsonvalue.Parse(input)
	if err != nil {
		t.Fatal(err)
	}
	return Start{Input: v, InputText: input, Region: "eu-west-1", Account: "111111111111", Partition: "aws", Seed: rapid.Uint64().Draw(t, "seed"),
		Context: Context{ExecutionARN: "arn", ExecutionName: "e", StartTime: time.Unix(1_700_000_000, 0).UTC()}}
}

// A fate is what the world does to the open tasks, drawn step by step.
type fate struct {
	t    *rapid.T
	now  time.Time
	open []TaskID
}

// event draws what happens next.
func (w *fate) event(x *Execution) Event {
	if len(w.open) > 0 && rapid.IntRange(0, 9).Draw(w.t, "answers") > 0 {
		i := rapid.IntRange(0, len(w.open)-1).Draw(w.t, "task")
		id := w.open[i]
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(w.t, "ms")) * time.Millisecond)
		switch rapid.IntRange(0, 6).Draw(w.t, "does") {
		case 0:
			return TaskStarted{Task: id, WorkerName: "w"}
		case 1:
			return TaskHeartbeat{id}
		case 2:
			return TaskSubmitted{id, jsonvalue.ObjectOf()}
		case 3:
			name := rapid.SampledFrom([]string{"Boom", "Bang"}).Draw(w.t, "error")
			w.open = append(w.open[:i], w.open[i+1:]...)
			return TaskFailed{Task: id, Error: &name}
		default:
			w.open = append(w.open[:i], w.open[i+1:]...)
			return TaskSucceeded{Task: id, Output: jsonvalue.ObjectOf(jsonvalue.Member{Key: "x", Value: jsonvalue.Int(int64(id))})}
		}
	}
	if at, ok := x.Wake(); ok && at.After(w.now) {
		w.now = at
	}
	return Tick{}
}

func (w *fate) take(r Result) {
	for _, e := range r.Effects {
		if c, ok := e.(CallTask); ok {
			w.open = append(w.open, c.Task)
		}
	}
}

func TestEveryExecutionThatGetsItsAnswersEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyProgram(t)
		x := New(p, anyStart(t))
		w := &fate{t: t, now: time.Unix(1_700_000_000, 0).UTC()}
		var history []HistoryEvent
		var ev Event = Begin{}
		for steps := 0; x.Status == StatusRunning; steps++ {
			if steps > 20_000 {
				t.Fatalf("still running after %d steps", steps)
			}
			r := Step(p, x, ev, w.now)
			history = append(history, r.History...)
			w.take(r)
			if x.Status == StatusRunning {
				if _, ok := x.Wake(); !ok && len(x.OpenTasks(p)) == 0 {
					t.Fatal("it runs, and waits for nothing")
				}
				ev = w.event(x)
			}
		}
		if int64(len(history)) != x.EventCount {
			t.Fatalf("got %d events, want %d", len(history), x.EventCount)
		}
		for i, e := range history {
			if e.ID != int64(i+1) {
				t.Fatalf("event %d has the number %d", i+1, e.ID)
			}
			if e.PreviousID >= e.ID || e.PreviousID < 0 {
				t.Fatalf("event %d links to %d", e.ID, e.PreviousID)
			}
		}
		if open := x.OpenTasks(p); len(open) > 0 {
			t.Fatalf("it ended, and waits for %v", open)
		}
	})
}

func TestSavingAndLoadingBetweenAnyTwoStepsChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyProgram(t)
		start := anyStart(t)
		kept, loaded := New(p, start), New(p, start)
		var saver *Saver // of loaded, which was whole when it was made
		var whole []byte
		var later [][]byte
		w := &fate{t: t, now: time.Unix(1_700_000_000, 0).UTC()}
		var ev Event = Begin{}
		for steps := 0; steps < 400; steps++ {
			if saver != nil {
				text, ok := saver.Changes(loaded)
				if ok {
					later = append(later, text)
				} else {
					saver = nil
				}
			}
			if saver == nil && loaded.Status == StatusRunning {
				text, err := json.Marshal(loaded)
				if err != nil {
					t.Fatal(err)
				}
				saver, whole, later = NewSaver(loaded), text, nil
			}
			if saver != nil && rapid.IntRange(0, 3).Draw(t, "load changes") == 0 {
				again, err := Load(whole, later...)
				if err != nil {
					t.Fatal(err)
				}
				got, _ := json.Marshal(again)
				want, err := json.Marshal(loaded)
				if err != nil {
					t.Fatal(err)
				}
				if string(got) != string(want) {
					t.Fatalf("step %d: after %d changes there is\n%s\nwant\n%s", steps, len(later), got, want)
				}
				if rapid.Bool().Draw(t, "go on") {
					loaded, saver = again, nil
				}
			}
			if rapid.IntRange(0, 5).Draw(t, "save") == 0 {
				saver = nil
				text, err := json.Marshal(loaded)
				if err != nil {
					t.Fatal(err)
				}
				loaded = new(Execution)
				if err := json.Unmarshal(text, loaded); err != nil {
					t.Fatal(err)
				}
			}
			a, b := Step(p, kept, ev, w.now), Step(p, loaded, ev, w.now)
			if got, want := shown(b), shown(a); got != want {
				t.Fatalf("step %d, %T: the loaded execution did\n%s\nwant\n%s", steps, ev, got, want)
			}
			if !a.Wake.Equal(b.Wake) || a.Transitions != b.Transitions {
				t.Fatalf("step %d: got wake %v and %d transitions, want %v and %d", steps, b.Wake, b.Transitions, a.Wake, a.Transitions)
			}
			w.take(a)
			switch {
			case kept.Status == StatusRunning:
				ev = w.event(kept)
			case kept.Status == StatusFailed && steps < 200:
				ev = Redrive{}
			default:
				if kept.Status != loaded.Status || kept.OutputText != loaded.OutputText || !reflect.DeepEqual(kept.Error, loaded.Error) {
					t.Fatalf("got %s %s, want %s %s", loaded.Status, loaded.OutputText, kept.Status, kept.OutputText)
				}
				return
			}
		}
	})
}

func shown(r Result) string {
	var b strings.Builder
	for i := range r.History {
		e := &r.History[i]
		fmt.Fprintf(&b, "%d<-%d %s%s\n", e.ID, e.PreviousID, e.Type, brief(e))
	}
	for _, e := range r.Effects {
		fmt.Fprintf(&b, "%+v\n", e)
	}
	return b.String()
}
