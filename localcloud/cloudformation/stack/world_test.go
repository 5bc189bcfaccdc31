package stack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
)

// A design is a template in short: each resource has a value that can change in
// place, a name that cannot, and the physical ids of what it needs.
type design map[string]declared

type declared struct {
	needs           []string
	name, value     int
	deletion, after stack.Policy
	broken          bool // its properties cannot be resolved
	noOutput        bool // the stack's outputs cannot
}

func (d design) Resources() []stack.Declaration {
	var out []stack.Declaration
	for _, id := range slices.Sorted(maps.Keys(d)) {
		out = append(out, stack.Declaration{ID: id, Type: "Test::Thing", After: d[id].needs, Deletion: d[id].deletion, Replace: d[id].after})
	}
	return out
}

func (d design) Resolve(id string, there stack.Lookup) (stack.Wanted, error) {
	r := d[id]
	if r.broken {
		return stack.Wanted{}, errors.New("cannot be resolved")
	}
	var needs jsonvalue.ArrayBuilder
	for _, n := range r.needs {
		p, ok := there(n)
		if !ok {
			return stack.Wanted{}, fmt.Errorf("%s is not there", n)
		}
		needs.Append(jsonvalue.String(p.ID))
	}
	return stack.Wanted{Properties: jsonvalue.ObjectOf(
		jsonvalue.Member{Key: "Name", Value: jsonvalue.Int(int64(r.name))},
		jsonvalue.Member{Key: "Value", Value: jsonvalue.Int(int64(r.value))},
		jsonvalue.Member{Key: "Needs", Value: needs.Value()},
	)}, nil
}

func (d design) Compare(_ string, before, after stack.Wanted) stack.Change {
	if jsonvalue.Equal(before.Properties, after.Properties) {
		return stack.Same
	}
	a, _ := before.Properties.Get("Name")
	b, _ := after.Properties.Get("Name")
	if !jsonvalue.Equal(a, b) {
		return stack.Anew
	}
	return stack.InPlace
}

func (d design) Conclude(there stack.Lookup) ([]stack.Output, error) {
	var out []stack.Output
	for _, id := range slices.Sorted(maps.Keys(d)) {
		if d[id].noOutput {
			return nil, errors.New("Output of " + id + " cannot be resolved")
		}
		p, _ := there(id)
		out = append(out, stack.Output{Key: id, Value: p.ID})
	}
	return out, nil
}

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// A world has the things that stacks are made of, and carries out what stacks ask
// for.
type world struct {
	t      interface{ Fatalf(string, ...any) }
	state  *stack.State
	design design
	now    time.Time
	things map[string]string // properties by physical id
	events []stack.Event
	did    []string // the operations that were carried out, in order
	// answer says what becomes of a call; nil has everything succeed at once.
	answer func(c stack.Call) outcome
	// restart loads the state from its records before every input.
	restart bool
}

// An outcome is what becomes of a call.
type outcome int

const (
	well outcome = iota
	later
	ill
	illHalfWay // what was to be made is there all the same
)

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{t: t, state: &stack.State{Seed: "s"}, now: start, things: map[string]string{}}
}

// apply gives the state one input and then carries out what it asks for, until it
// rests.
func (w *world) apply(in stack.Input) {
	w.input(in)
	for range 10_000 {
		if w.state.Phase == stack.PhaseIdle {
			if calls := w.state.Calls(); len(calls) > 0 {
				w.t.Fatalf("the stack rests in %s and still calls for %v", w.state.Status, calls)
			}
			for _, r := range w.state.Resources {
				if !strings.HasSuffix(string(w.state.Status), "_COMPLETE") || strings.HasPrefix(r.Status, "DELETE_") {
					continue
				}
				if !strings.HasSuffix(r.Status, "_COMPLETE") {
					w.t.Fatalf("the stack rests in %s with %s in %s:\n%s", w.state.Status, r.ID, r.Status, story(w.events))
				}
				if got, want := w.things[r.Is.PhysicalID], string(r.Is.Wanted.Properties.AppendJSON(nil)); got != want {
					w.t.Fatalf("the stack rests in %s, and %s has %s instead of %s:\n%s", w.state.Status, r.ID, got, want, story(w.events))
				}
			}
			return
		}
		w.next()
	}
	w.t.Fatalf("no end after 10,000 steps in phase %s", w.state.Phase)
}

func (w *world) input(in stack.Input) {
	if w.restart {
		w.reload()
	}
	out := w.state.Apply(w.design, in, w.now)
	w.events = append(w.events, out.Events...)
}

// reload saves the state and loads it as a new process would.
func (w *world) reload() {
	header, err := json.Marshal(w.state)
	if err != nil {
		w.t.Fatalf("save: %v", err)
	}
	resources, err := json.Marshal(w.state.Resources)
	if err != nil {
		w.t.Fatalf("save: %v", err)
	}
	next := &stack.State{}
	if err := errors.Join(json.Unmarshal(header, next), json.Unmarshal(resources, &next.Resources)); err != nil {
		w.t.Fatalf("load: %v", err)
	}
	w.state = next
}

// next carries out the first call that is due, or lets time pass.
func (w *world) next() {
	first := time.Time{}
	for _, c := range w.state.Calls() {
		if c.At.After(w.now) {
			if first.IsZero() || c.At.Before(first) {
				first = c.At
			}
			continue
		}
		w.input(w.carryOut(c))
		return
	}
	if at := w.state.Wait(); !at.IsZero() && (first.IsZero() || at.Before(first)) {
		first = at
	}
	if first.IsZero() {
		w.t.Fatalf("nothing is to be done in phase %s, status %s", w.state.Phase, w.state.Status)
	}
	w.now = first
	w.input(stack.Tick{})
}

func (w *world) carryOut(c stack.Call) stack.Report {
	answer := well
	if w.answer != nil {
		answer = w.answer(c)
	}
	report := stack.Report{Token: c.Token, PhysicalID: c.PhysicalID, Cancelled: c.Cancelled}
	switch {
	case answer == later && c.Memo == "":
		report.Again, report.Memo = time.Second, "later"
		return report
	case answer == ill:
		report.Failure = "refused"
		return report
	}
	if c.Action == stack.ActionCreate {
		report.PhysicalID = c.ID + "-" + c.Token[:6]
	}
	what := fmt.Sprintf("%s %s", c.Action, c.ID)
	if c.Rollback {
		what += " back"
	}
	w.did = append(w.did, what)
	switch c.Action {
	case stack.ActionDelete:
		delete(w.things, report.PhysicalID)
	case stack.ActionCreate:
		w.things[report.PhysicalID] = string(c.Is.Properties.AppendJSON(nil))
	default:
		w.things[report.PhysicalID] = w.change(c, answer == illHalfWay)
	}
	if answer == illHalfWay {
		report.Failure = "refused half way"
	}
	return report
}

// change is what a provider that looks for changes makes of a thing, or, when it fails
// half way, the first of its changes.
func (w *world) change(c stack.Call, half bool) string {
	is, err := jsonvalue.Parse(w.things[c.PhysicalID])
	if err != nil {
		w.t.Fatalf("%s, which is to change, is not there: %v", c.PhysicalID, err)
	}
	for name, v := range c.Is.Properties.Members() {
		if was, _ := c.Was.Properties.Get(name); jsonvalue.Equal(was, v) {
			continue
		}
		if is = is.With(name, v); half {
			break
		}
	}
	return string(is.AppendJSON(nil))
}

// story tells the events as lines.
func story(events []stack.Event) string {
	var b strings.Builder
	for _, e := range events {
		id := e.ID
		if id == "" {
			id = "stack"
		}
		fmt.Fprintf(&b, "%s %s", id, e.Status)
		if e.Former {
			b.WriteString(" (former)")
		}
		if e.Reason != "" {
			b.WriteString(": " + strings.TrimSpace(e.Reason))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (w *world) tells(t *testing.T, want string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if got := strings.TrimSpace(story(w.events)); got != strings.Join(lines, "\n") {
		t.Errorf("the events tell\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
	}
	w.events = nil
}
