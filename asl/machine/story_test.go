package machine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A story is a definition and what the world does, and below the line what the execution did.
//
//	# What it shows.
//	{"StartAt": …}
//	input {"x": 1}
//	Call ok {"y": 2}          the next task of state Call succeeds at once
//	Call ok {"y": 2} after 3s
//	Call fail Boom too hot    it fails with error Boom and a cause
//	Call silent               nobody answers
//	Call beat 2s 5            five heartbeats two seconds apart, then silence
//	stop 10s Enough of it     the execution is stopped after ten seconds
//	missing ARN               there is no such activity
//	redrive                   once it has ended badly, it is taken up again
//	----
func TestStoriesComeOutAsWritten(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file == agreeing {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var told strings.Builder
			for i, part := range strings.Split(string(text), "\n====\n") {
				given, want, _ := strings.Cut(strings.TrimSuffix(part, "\n")+"\n", "\n----\n")
				got := tell(t, given)
				if i > 0 {
					told.WriteString("====\n")
				}
				told.WriteString(given + "\n----\n" + got)
				if !*update && strings.TrimSpace(got) != strings.TrimSpace(want) {
					t.Errorf("%s, story %d:\ngot:\n%s\nwant:\n%s", file, i+1, got, want)
				}
			}
			if *update {
				if err := os.WriteFile(file, []byte(strings.TrimRight(told.String(), "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// An act is what the world does with one task.
type act struct {
	verb  string
	rest  string
	after time.Duration
}

// A theatre plays one story.
type theatre struct {
	p       *Program
	x       *Execution
	acts    map[string][]act
	stop    time.Duration
	reason  Stop
	redrive bool
	missing []string
	start   time.Time
	now     time.Time
	due     []duty
	b       strings.Builder
}

type duty struct {
	at time.Time
	ev Event
}

func tell(t *testing.T, given string) string {
	t.Helper()
	th := &theatre{acts: map[string][]act{}, start: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	th.now = th.start
	definition, input := "", "{}"
	for line := range strings.SplitSeq(given, "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "#"), line == "":
		case strings.HasPrefix(line, "{"), strings.HasPrefix(line, " "), strings.HasPrefix(line, "}"):
			definition += line + "\n"
		case word == "input":
			input = rest
		case word == "stop":
			after, why, _ := strings.Cut(rest, " ")
			d, err := time.ParseDuration(after)
			if err != nil {
				t.Fatal(err)
			}
			name, cause, _ := strings.Cut(why, " ")
			th.stop, th.reason = d, Stop{&name, &cause}
		case word == "missing":
			th.missing = append(th.missing, rest)
		case word == "redrive":
			th.redrive = true
		default:
			verb, rest, _ := strings.Cut(rest, " ")
			a := act{verb: verb, rest: rest}
			if before, delay, ok := strings.Cut(rest, " after "); ok {
				d, err := time.ParseDuration(delay)
				if err != nil {
					t.Fatal(err)
				}
				a.rest, a.after = before, d
			}
			th.acts[word] = append(th.acts[word], a)
		}
	}
	sm, diagnostics := asl.Parse(definition, asl.Standard)
	for _, d := range diagnostics {
		fmt.Fprintf(&th.b, "%s\n", d)
	}
	if sm == nil {
		return th.b.String()
	}
	p, err := Compile(sm)
	if err != nil {
		return err.Error() + "\n"
	}
	v, err := jsonvalue.Parse(input)
	if err != nil {
		t.Fatal(err)
	}
	th.p = p
	th.x = New(p, Start{Input: v, InputText: input, Region: "eu-west-1", Account: "111111111111", Partition: "aws", Seed: 7, Context: Context{
		ExecutionARN:  "arn:aws:states:eu-west-1:111111111111:execution:story:e1",
		ExecutionName: "e1", RoleARN: "arn:aws:iam::111111111111:role/story", StartTime: th.start,
		StateMachineARN: "arn:aws:states:eu-west-1:111111111111:stateMachine:story", StateMachineName: "story",
	}})
	th.x.Missing = th.missing
	if th.stop > 0 {
		th.due = append(th.due, duty{th.start.Add(th.stop), th.reason})
	}
	th.step(Begin{})
	for range 2_000 {
		if th.x.Status != StatusRunning {
			if !th.redrive {
				break
			}
			th.redrive = false
			fmt.Fprintf(&th.b, "%-8s redrive\n", th.since())
			th.step(Redrive{})
			continue
		}
		th.next()
	}
	fmt.Fprintf(&th.b, "%-8s %s", th.since(), th.x.Status)
	if th.x.Status == StatusSucceeded {
		fmt.Fprintf(&th.b, " %s", th.x.OutputText)
	}
	if th.x.Error != nil {
		fmt.Fprintf(&th.b, " %s", *th.x.Error)
	}
	if th.x.Cause != nil {
		fmt.Fprintf(&th.b, ": %s", *th.x.Cause)
	}
	th.b.WriteString("\n")
	return th.b.String()
}

func (th *theatre) since() string { return th.now.Sub(th.start).String() }

// next plays what comes next: an answer of the world, or a timer.
func (th *theatre) next() {
	wake, ok := th.x.Wake()
	first := -1
	for i, d := range th.due {
		if first < 0 || d.at.Before(th.due[first].at) {
			first = i
		}
	}
	if first >= 0 && (!ok || !th.due[first].at.After(wake)) {
		d := th.due[first]
		th.due = append(th.due[:first], th.due[first+1:]...)
		th.now = d.at
		th.step(d.ev)
		return
	}
	th.now = wake
	th.step(Tick{})
}

func (th *theatre) step(ev Event) {
	result := Step(th.p, th.x, ev, th.now)
	for i := range result.History {
		e := &result.History[i]
		fmt.Fprintf(&th.b, "%-8s %2d <-%2d %s%s\n", th.since(), e.ID, e.PreviousID, e.Type, brief(e))
	}
	for _, e := range result.Effects {
		switch e := e.(type) {
		case CallTask:
			fmt.Fprintf(&th.b, "%-8s call %d %s%s: %s\n", th.since(), e.Task, e.Name, bounds(e), e.Input)
			th.answer(e)
		case CancelTask:
			fmt.Fprintf(&th.b, "%-8s cancel %d\n", th.since(), e.Task)
		}
	}
}

func bounds(c CallTask) string {
	s := ""
	if c.Timeout > 0 {
		s += " within " + c.Timeout.String()
	}
	if c.Heartbeat > 0 {
		s += " beating every " + c.Heartbeat.String()
	}
	return s
}

// brief shows the details that tell something, in few words.
func brief(e *HistoryEvent) string {
	d := e.Details
	if d == nil {
		return ""
	}
	s := ""
	add := func(word, v string) {
		if v != "" {
			s += " " + word + v
		}
	}
	add("", d.Name)
	if strings.HasPrefix(string(e.Type), "MapIteration") {
		add("#", strconv.FormatInt(d.Index, 10))
	}
	if e.Type == EventMapStateStarted {
		add("of ", strconv.FormatInt(d.Length, 10))
	}
	add("in ", d.Input)
	add("with ", d.Parameters)
	add("out ", d.Output)
	for _, a := range d.AssignedVariables {
		add("$"+a.Name+"=", a.Value)
	}
	if d.Error != nil {
		add("error ", *d.Error)
	}
	if d.Cause != nil {
		add("cause ", strconv.Quote(*d.Cause))
	}
	return s
}

func (th *theatre) answer(c CallTask) {
	acts := th.acts[c.Name]
	if len(acts) == 0 {
		th.due = append(th.due, duty{th.now, TaskSucceeded{Task: c.Task, Output: c.Input}})
		return
	}
	a := acts[0]
	th.acts[c.Name] = acts[1:]
	at := th.now.Add(a.after)
	switch a.verb {
	case "ok":
		v, err := jsonvalue.Parse(a.rest)
		if err != nil {
			panic(err)
		}
		th.due = append(th.due, duty{at, TaskSucceeded{Task: c.Task, Output: v, OutputText: a.rest}})
	case "fail":
		name, cause, _ := strings.Cut(a.rest, " ")
		ev := TaskFailed{Task: c.Task}
		if name != "" {
			ev.Error = &name
		}
		if cause != "" {
			ev.Cause = &cause
		}
		th.due = append(th.due, duty{at, ev})
	case "silent":
	case "beat":
		every, times, _ := strings.Cut(a.rest, " ")
		d, err := time.ParseDuration(every)
		if err != nil {
			panic(err)
		}
		n, err := strconv.Atoi(times)
		if err != nil {
			panic(err)
		}
		for i := range n {
			th.due = append(th.due, duty{th.now.Add(d * time.Duration(i+1)), TaskHeartbeat{c.Task}})
		}
	default:
		panic("what should " + c.Name + " do: " + a.verb)
	}
}

func TestASavedExecutionKeepsTheTextOfItsDocuments(t *testing.T) {
	text := `{"a":  [1.0, 2e3 ], "b": "ü"}`
	v, err := jsonvalue.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := json.Marshal(document{v, text})
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(saved, &d); err != nil {
		t.Fatal(err)
	}
	if d.text != text || !jsonvalue.Equal(d.value, v) {
		t.Errorf("got %q, want %q", d.text, text)
	}
}
