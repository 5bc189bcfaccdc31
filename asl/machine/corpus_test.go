package machine

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/conformance"
)

var update = flag.Bool("update", false, "rewrite the stories in testdata, and the list of recorded cases that agree")

const agreeing = "testdata/conformance.txt"

// The answers of functions and services are the recorded ones: what is held to the recording
// is everything that the machine makes of them.
func TestRecordedExecutionsComeOutAsAWSRecordedThem(t *testing.T) {
	dir, err := conformance.Find()
	if errors.Is(err, conformance.ErrAbsent) {
		t.Skip("skipped: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	listed := readList(t)
	agree := make(map[string]bool)
	type count struct{ agree, all int }
	groups := make(map[string]count)
	for _, family := range []string{"asl", "asl-other-services"} {
		cases, err := conformance.LoadRuns(dir, family)
		if err != nil {
			t.Fatal(err)
		}
		for i := range cases {
			c := &cases[i]
			group, _, _ := strings.Cut(c.ID, ".")
			n := groups[group]
			n.all++
			err := replay(c)
			if err == nil {
				agree[c.ID] = true
				n.agree++
			} else if listed[c.ID] {
				t.Errorf("%s agreed before: %v", c.ID, err)
			} else if testing.Verbose() {
				t.Logf("%s: %v", c.ID, err)
			}
			groups[group] = n
		}
	}
	total := count{}
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		n := groups[group]
		t.Logf("%-55s %3d of %3d", group, n.agree, n.all)
		total.agree += n.agree
		total.all += n.all
	}
	t.Logf("%-55s %3d of %3d", "all", total.agree, total.all)
	if *update {
		text := strings.Join(slices.Sorted(maps.Keys(agree)), "\n") + "\n"
		if err := os.WriteFile(agreeing, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func readList(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(agreeing)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	list := make(map[string]bool)
	for id := range strings.FieldsSeq(string(text)) {
		list[id] = true
	}
	return list
}

// replay runs a case's machines and returns how the first difference shows.
func replay(c *conformance.RunCase) error {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	known := make(map[string]any)
	for _, f := range c.Needs.Lambda {
		known[f.ID] = map[string]any{
			"FunctionArn":  "arn:aws:lambda:" + conformance.Region + ":" + conformance.Account + ":function:" + f.Name,
			"FunctionName": f.Name,
		}
	}
	for _, m := range c.Machines {
		known[m.ID] = map[string]any{
			"stateMachineArn": "arn:aws:states:" + conformance.Region + ":" + conformance.Account + ":stateMachine:" + m.Name,
		}
	}
	for _, r := range c.Runs {
		m := c.Machines[r.Machine]
		name := r.Name
		if name == "" {
			name = "execution-" + r.ID
		}
		known[r.ID] = map[string]any{
			"executionArn": "arn:aws:states:" + conformance.Region + ":" + conformance.Account + ":execution:" + m.Name + ":" + name,
		}
	}
	cmp := conformance.NewComparison(c, known, start)
	for i := range c.Runs {
		if err := replayRun(c, &c.Runs[i], cmp, known, start); err != nil {
			return fmt.Errorf("run %s: %w", c.Runs[i].ID, err)
		}
	}
	return nil
}

func replayRun(c *conformance.RunCase, run *conformance.Run, cmp *conformance.Comparison, known map[string]any, start time.Time) error {
	if run.API != "StartExecution" {
		return errors.New("needs the service")
	}
	m := c.Machines[run.Machine]
	definition, err := cmp.Text(m.Definition)
	if err != nil {
		return err
	}
	sm, diagnostics := asl.Parse(definition, asl.Type(m.Type))
	if sm == nil {
		return errors.New(asl.Summary(diagnostics))
	}
	p, err := Compile(sm)
	if err != nil {
		return err
	}
	text, err := cmp.Text(run.Input)
	if err != nil {
		return err
	}
	if run.Input == nil {
		text = "{}"
	}
	input, err := jsonvalue.Parse(text)
	if err != nil {
		return err
	}
	arn := known[run.ID].(map[string]any)["executionArn"].(string)
	x := New(p, Start{
		Input: input, InputText: text, Region: conformance.Region, Account: conformance.Account, Partition: "aws",
		Seed: 1, Express: m.Type == "EXPRESS",
		Context: Context{
			ExecutionARN: arn, ExecutionName: arn[strings.LastIndexByte(arn, ':')+1:],
			RoleARN:   "arn:aws:iam::" + conformance.Account + ":role/sfn-role",
			StartTime: start, StateMachineName: m.Name,
			StateMachineARN: known[m.ID].(map[string]any)["stateMachineArn"].(string),
		},
	})
	w := &recordedWorld{answers: answersOf(run), p: p, x: x, now: start}
	if err := w.play(); err != nil {
		return err
	}
	// The source read the history in its next step.
	known["s3"] = map[string]any{"events": wireEvents(w.history)}
	if run.Expected.Status != "" && run.Expected.Status != string(x.Status) {
		return fmt.Errorf("status: want %s, got %s (%s)", run.Expected.Status, x.Status, pointed(x.Cause))
	}
	if h := run.Expected.History; h != nil {
		if d := cmp.History(h.Events, wireEvents(w.history)); d != "" {
			return errors.New(d)
		}
	}
	for _, pair := range []struct {
		name      string
		want, got any
	}{
		{"error", run.Expected.Error, pointer(x.Error)},
		{"cause", run.Expected.Cause, pointer(x.Cause)},
		{"output", run.Expected.Output, x.OutputText},
	} {
		if pair.want == nil {
			continue
		}
		if d := cmp.Value(pair.name, pair.want, pair.got); d != "" {
			return errors.New(d)
		}
	}
	return nil
}

func pointer(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

func pointed(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// wireEvents shows events as GetExecutionHistory does.
func wireEvents(events []HistoryEvent) []any {
	list := make([]any, len(events))
	for i := range events {
		e := &events[i]
		m := map[string]any{
			"id": json.Number(fmt.Sprint(e.ID)), "previousEventId": json.Number(fmt.Sprint(e.PreviousID)),
			"timestamp": e.At.Format(time.RFC3339), "type": string(e.Type),
		}
		if d := e.Members(true); d.IsDefined() {
			m[e.Type.DetailsMember()] = decode(d.String())
		}
		list[i] = m
	}
	return list
}

func decode(text string) any {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		panic(err)
	}
	return v
}

// An answer is what was recorded of one task, from its Scheduled event to its end.
type answer struct {
	started, timedOut bool
	worker            string
	submitted, output any
	failed            bool
	error, cause      *string
}

// answersOf collects what was recorded of the tasks of a run, in the order of their events.
func answersOf(run *conformance.Run) []*answer {
	if run.Expected.History == nil {
		return nil
	}
	var list []*answer
	byEvent := make(map[string]*answer) // the task that an event belongs to
	var sorted, ends []*answer
	// Objects were parsed by the recorder. Whether their texts had blanks shows where they
	// stand inside other texts.
	all, _ := json.Marshal(run.Expected.History.Events)
	blanks := strings.Contains(string(all), `\"errorMessage\": \"`)
	for _, e := range run.Expected.History.Events {
		event := e.(map[string]any)
		kind := event["type"].(string)
		details, _ := event[EventType(kind).DetailsMember()].(map[string]any)
		a := byEvent[fmt.Sprint(event["previousEventId"])]
		_, unnumbered := event["id"].([]any)
		switch {
		case !unnumbered:
		case strings.HasSuffix(kind, "Scheduled"):
			// The recorder sorted the events of branches: the tasks take the ends in their order.
			sorted = append(sorted, &answer{})
			list = append(list, sorted[len(sorted)-1])
			continue
		case !strings.HasSuffix(kind, "Started"):
			a = &answer{}
		}
		ofTask := strings.HasPrefix(kind, "Task") || strings.HasPrefix(kind, "Lambda") || strings.HasPrefix(kind, "Activity")
		switch {
		case !ofTask:
			continue
		case strings.HasSuffix(kind, "Scheduled"):
			a = &answer{}
			list = append(list, a)
		case a == nil:
			continue
		case strings.HasSuffix(kind, "Started"):
			a.started = true
			a.worker, _ = details["workerName"].(string)
		case kind == "TaskSubmitted":
			a.submitted = details["output"]
		case strings.HasSuffix(kind, "Succeeded"):
			a.output = details["output"]
		case strings.HasSuffix(kind, "TimedOut"):
			a.timedOut = true
		case strings.HasSuffix(kind, "Failed"):
			a.failed = true
			a.error, a.cause = textOf(details["error"], blanks), textOf(details["cause"], blanks)
		default:
			continue
		}
		if unnumbered {
			ends = append(ends, a)
			continue
		}
		byEvent[fmt.Sprint(event["id"])] = a
	}
	for i, a := range sorted {
		if i < len(ends) {
			*a = *ends[i]
			a.started = true
		}
	}
	return list
}

func textOf(v any, blanks bool) *string {
	if v == nil {
		return nil
	}
	s, ok := v.(string)
	if !ok {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(v) // it came out of JSON
		s = strings.TrimSuffix(b.String(), "\n")
		if blanks {
			s = strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(s)
		}
	}
	return &s
}

// A recordedWorld gives the recorded answers in the order in which tasks are asked for.
type recordedWorld struct {
	p       *Program
	x       *Execution
	now     time.Time
	answers []*answer
	history []HistoryEvent
	pending []Event
}

func (w *recordedWorld) play() error {
	w.pending = []Event{Begin{}}
	for range 200_000 {
		if w.x.Status != StatusRunning {
			return nil
		}
		var ev Event = Tick{}
		if len(w.pending) > 0 {
			ev, w.pending = w.pending[0], w.pending[1:]
		} else {
			at, ok := w.x.Wake()
			if !ok {
				return errors.New("the execution waits for nothing")
			}
			w.now = at
		}
		result := Step(w.p, w.x, ev, w.now)
		w.history = append(w.history, result.History...)
		for _, e := range result.Effects {
			if call, ok := e.(CallTask); ok {
				w.answer(call)
			}
		}
	}
	return errors.New("the execution does not end")
}

func (w *recordedWorld) answer(call CallTask) {
	if len(w.answers) == 0 {
		w.pending = append(w.pending, TaskSucceeded{Task: call.Task, Output: call.Input})
		return
	}
	a := w.answers[0]
	w.answers = w.answers[1:]
	if a.started {
		w.pending = append(w.pending, TaskStarted{call.Task, a.worker})
	}
	if a.submitted != nil {
		w.pending = append(w.pending, TaskSubmitted{call.Task, valueOf(a.submitted)})
	}
	switch {
	case a.failed && a.error != nil && *a.error == errorDataLimitExceeded:
		large := jsonvalue.String(strings.Repeat("x", maxPayload))
		w.pending = append(w.pending, TaskSucceeded{Task: call.Task, Output: large})
	case a.failed:
		w.pending = append(w.pending, TaskFailed{Task: call.Task, Error: a.error, Cause: a.cause})
	case a.output != nil:
		w.pending = append(w.pending, TaskSucceeded{Task: call.Task, Output: valueOf(a.output)})
	}
}

// valueOf reads a recorded payload, which is the value itself where it is an object, and else
// its JSON text.
func valueOf(v any) jsonvalue.Value {
	text, ok := v.(string)
	if !ok {
		b, _ := json.Marshal(v)
		text = string(b)
	}
	value, err := jsonvalue.Parse(text)
	if err != nil {
		return jsonvalue.String(text)
	}
	return value
}
