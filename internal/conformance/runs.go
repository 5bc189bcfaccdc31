package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A RunCase is a recorded case of kind runs: machines, and what came of running them.
type RunCase struct {
	ID            string   `json:"id"`
	Kind          string   `json:"kind"`
	Recorded      string   `json:"recorded"` // 02-01-2006, 15:04:05
	OtherServices []string `json:"other_services"`
	Needs         struct {
		Lambda []RunFunction `json:"lambda"`
	} `json:"needs"`
	Machines   []RunMachine `json:"machines"`
	Runs       []Run        `json:"runs"`
	Normalised []Rule       `json:"normalised"`
}

// A RunFunction is a function that machines call.
type RunFunction struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Runtime     string            `json:"runtime"`
	Handler     string            `json:"handler"`
	Timeout     int               `json:"timeout"` // seconds; 0: not given
	Environment map[string]any    `json:"environment"`
	Files       map[string]string `json:"files"`
}

// A RunMachine is a state machine of a case.
type RunMachine struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Definition json.RawMessage `json:"definition"`
}

// A Run is one execution and what was recorded of it.
type Run struct {
	ID       string `json:"id"`
	Machine  int    `json:"machine"`
	API      string `json:"api"`
	Input    any    `json:"input"`
	Name     string `json:"name"`
	Expected struct {
		History *struct {
			Events []any `json:"events"`
		} `json:"history"`
		Status string `json:"status"`
		Output any    `json:"output"`
		Error  any    `json:"error"`
		Cause  any    `json:"cause"`
	} `json:"expected"`
}

// LoadRuns reads the cases of kind runs of a family, in the order of their IDs.
func LoadRuns(dir, family string) ([]RunCase, error) {
	files, err := filepath.Glob(filepath.Join(dir, family, "*.json"))
	if err != nil {
		return nil, err
	}
	var cases []RunCase
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var c RunCase
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&c); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		if c.Kind == "runs" {
			cases = append(cases, c)
		}
	}
	slices.SortFunc(cases, func(a, b RunCase) int { return strings.Compare(a.ID, b.ID) })
	return cases, nil
}

// A Comparison resolves a case's references and compares what came of a run with the
// recording. What is known of the steps may grow while it is used.
type Comparison struct {
	c       *RunCase
	answers *answers
	u       *unifier
}

// NewComparison begins to compare. known holds what the steps answered, by their IDs.
func NewComparison(c *RunCase, known map[string]any, now time.Time) *Comparison {
	return &Comparison{c: c, answers: &answers{byStep: known, now: now}}
}

// Text resolves the references in an input or a definition and returns its text.
func (c *Comparison) Text(v any) (string, error) {
	if raw, ok := v.(json.RawMessage); ok {
		var plain any
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&plain); err != nil {
			return "", err
		}
		object, isObject := plain.(map[string]any)
		if _, special := object["$concat"]; isObject && !special {
			// The order of the members is the definition's own.
			resolved, err := c.answers.resolveText(string(raw))
			return text(resolved), err
		}
		v = plain
	}
	resolved, err := c.answers.resolve(v)
	return text(resolved), err
}

// Value compares one recorded value and returns the first difference, or "".
func (c *Comparison) Value(path string, want, got any) string {
	return c.unifier().unify(path, "", want, got)
}

func (c *Comparison) unifier() *unifier {
	if c.u == nil {
		c.u = newUnifier(Case{Recorded: c.c.Recorded, Normalised: c.c.Normalised}, c.answers)
	}
	return c.u
}

// History compares the events of a history. Where the recorder sorted the events of branches,
// and so lost their numbers and the events that end an inner Parallel, those are compared as a
// multiset and these are not missed.
func (c *Comparison) History(want, got []any) string {
	byID := make(map[string]any, len(got))
	for _, g := range got {
		byID[member(g, "id")] = g
	}
	var sorted []any
	for _, w := range c.unifier().relinked(want) {
		if _, ok := w.(map[string]any)["id"].([]any); ok {
			sorted = append(sorted, w)
			continue
		}
		id := member(w, "id")
		g, ok := byID[id]
		if !ok {
			return fmt.Sprintf("event %s: missing %s", id, member(w, "type"))
		}
		delete(byID, id)
		if d := c.Value("event "+id, w, g); d != "" {
			return d
		}
	}
	var rest []any
	for _, g := range got {
		if _, ok := byID[member(g, "id")]; ok {
			rest = append(rest, g)
		}
	}
	return c.sorted(sorted, rest)
}

func (c *Comparison) sorted(want, got []any) string {
	used := make([]bool, len(got))
next:
	for _, w := range want {
		for i, g := range got {
			if used[i] {
				continue
			}
			before := c.u.clone()
			if c.Value("", unnumbered(w), unnumbered(g)) == "" {
				used[i] = true
				continue next
			}
			c.u = before
		}
		return fmt.Sprintf("no event is like %s", short(w))
	}
	for i, g := range got {
		if used[i] {
			continue
		}
		switch kind := member(g, "type"); {
		case len(want) > 0 && (kind == "ParallelStateSucceeded" || kind == "ParallelStateFailed" || kind == "ParallelStateExited"):
		default:
			return fmt.Sprintf("event %s: %s is not in the recording", member(g, "id"), kind)
		}
	}
	return ""
}

// unnumbered returns an event without what the recorder's sorting lost.
func unnumbered(event any) any {
	out := make(map[string]any)
	for k, v := range event.(map[string]any) {
		if k != "id" && k != "previousEventId" {
			out[k] = v
		}
	}
	return out
}

func member(event any, name string) string {
	object, _ := event.(map[string]any)
	return text(object[name])
}
