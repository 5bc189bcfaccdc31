package stack_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
)

var names = []string{"A", "B", "C", "D", "E", "F", "G"}

// drawDesign draws a template: each resource may need those before it, in an order
// that differs from template to template.
func drawDesign(t *rapid.T, label string) design {
	d := design{}
	names := rapid.Permutation(names).Draw(t, label+"order")
	for i, name := range names {
		if !rapid.Bool().Draw(t, label+name) {
			continue
		}
		r := declared{name: rapid.IntRange(0, 1).Draw(t, "name"), value: rapid.IntRange(0, 2).Draw(t, "value")}
		for _, before := range names[:i] {
			if _, there := d[before]; there && rapid.IntRange(0, 2).Draw(t, "needs") == 0 {
				r.needs = append(r.needs, before)
			}
		}
		d[name] = r
	}
	if len(d) == 0 {
		d["A"] = declared{}
	}
	return d
}

func drawWorld(t *rapid.T, restart bool) *world {
	w := &world{t: t, state: &stack.State{Seed: "s"}, now: start, things: map[string]string{}, restart: restart}
	w.design = drawDesign(t, "first ")
	w.apply(stack.Create{})
	w.events, w.did = nil, nil
	return w
}

// what returns what the stack has, as its users see it.
func (w *world) what() map[string]string {
	out := map[string]string{}
	for _, r := range w.state.Resources {
		if r.Status != "DELETE_COMPLETE" {
			out[r.ID] = r.Is.PhysicalID + " " + string(r.Is.Wanted.Properties.AppendJSON(nil)) + fmt.Sprint(r.Is.After)
		}
	}
	return out
}

// drawAnswers has calls end in any way, but those of a way back end well.
func drawAnswers(t *rapid.T) func(stack.Call) outcome {
	return func(c stack.Call) outcome {
		if c.Rollback || c.Action == stack.ActionDelete {
			return rapid.SampledFrom([]outcome{well, later}).Draw(t, "answer")
		}
		return rapid.SampledFrom([]outcome{well, well, well, later, ill, illHalfWay}).Draw(t, "answer")
	}
}

func TestAnUpdateThatFailsReturnsEveryResourceToWhatItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, rapid.Bool().Draw(t, "restart"))
		things, what, outputs := maps.Clone(w.things), w.what(), slices.Clone(w.state.Outputs)
		w.design = drawDesign(t, "second ")
		w.answer = drawAnswers(t)
		keep := rapid.Bool().Draw(t, "keep")
		w.apply(stack.Update{Options: stack.Options{KeepFailed: keep}})
		switch w.state.Status {
		case stack.UpdateComplete:
			if len(w.things) != len(w.design) || len(w.state.Resources) != len(w.design) {
				t.Fatalf("%d things and %d resources after the update, want %d:\n%s", len(w.things), len(w.state.Resources), len(w.design), story(w.events))
			}
			return
		case stack.UpdateFailed:
			if again := rapid.Bool().Draw(t, "again"); again {
				w.design = drawDesign(t, "third ")
				w.apply(stack.Update{})
				if w.state.Status == stack.UpdateComplete {
					if len(w.things) != len(w.design) {
						t.Fatalf("%d things after the second update, want %d:\n%s", len(w.things), len(w.design), story(w.events))
					}
					return
				}
			} else {
				w.apply(stack.Rollback{})
			}
		}
		if w.state.Status != stack.UpdateRollbackComplete {
			t.Fatalf("status is %s, want %s:\n%s", w.state.Status, stack.UpdateRollbackComplete, story(w.events))
		}
		if !maps.Equal(w.things, things) {
			t.Fatalf("the things are\n%v\nand were\n%v\n%s", w.things, things, story(w.events))
		}
		if got := w.what(); !maps.Equal(got, what) {
			t.Fatalf("the resources are\n%v\nand were\n%v\n%s", got, what, story(w.events))
		}
		if !slices.Equal(w.state.Outputs, outputs) {
			t.Fatalf("the outputs are %v and were %v", w.state.Outputs, outputs)
		}
	})
}

func TestNothingIsTakenAwayOrGivenBackBeforeWhatNeedsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, false)
		w.design = drawDesign(t, "second ")
		answers := drawAnswers(t)
		w.answer = func(c stack.Call) outcome {
			// Whatever still changes or is there must not need this one.
			for _, r := range w.state.Resources {
				needs := r.Is.After
				if c.Action == stack.ActionDelete && r.Is.PhysicalID != "" && r.Status != "DELETE_COMPLETE" &&
					slices.Contains(needs, c.ID) && w.has(c.ID, c.PhysicalID) {
					t.Fatalf("%s is deleted while %s needs it:\n%s", c.ID, r.ID, story(w.events))
				}
				if c.Rollback && c.Action == stack.ActionUpdate && (r.Work != nil || r.Visit == "waiting") && slices.Contains(needs, c.ID) {
					t.Fatalf("%s is given back while %s, which needs it, is not:\n%s", c.ID, r.ID, story(w.events))
				}
			}
			return answers(c)
		}
		w.apply(stack.Update{})
		w.apply(stack.Delete{})
		if len(w.things) != 0 || w.state.Status != stack.DeleteComplete {
			t.Fatalf("%s, and left behind are %v:\n%s", w.state.Status, w.things, story(w.events))
		}
	})
}

// has says that a physical id is what the stack has under a logical one.
func (w *world) has(id, physical string) bool {
	r := w.state.Resource(id)
	return r != nil && r.Is.PhysicalID == physical
}

func TestTheSameInputsMakeTheSameStack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, second := drawDesign(t, "first "), drawDesign(t, "second ")
		salt := rapid.Int().Draw(t, "salt")
		run := func(restart bool) *world {
			w := &world{t: t, state: &stack.State{Seed: "s"}, now: start, things: map[string]string{}, restart: restart}
			w.answer = func(c stack.Call) outcome {
				if c.Rollback || c.Action == stack.ActionDelete {
					return well
				}
				return outcome((int(c.Token[0]) + int(c.Token[1]) + salt&7) % 12 % 4)
			}
			w.design = first
			w.apply(stack.Create{})
			if w.state.Status == stack.CreateComplete {
				w.design = second
				w.apply(stack.Update{})
			}
			return w
		}
		whole, broken := run(false), run(true)
		if !slices.Equal(whole.did, broken.did) || story(whole.events) != story(broken.events) {
			t.Fatalf("an interrupted run\n%s\ndiffers from an uninterrupted one\n%s", story(broken.events), story(whole.events))
		}
		whole.reload()
		broken.reload()
		if !reflect.DeepEqual(whole.what(), broken.what()) {
			t.Fatalf("an interrupted run ends with %v, an uninterrupted one with %v", broken.what(), whole.what())
		}
	})
}
