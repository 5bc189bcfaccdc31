package stack_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
)

// policies are those of the resources, the same in every template of a run.
type policies map[string]declared

func drawPolicies(t *rapid.T) policies {
	ps := policies{}
	policy := rapid.SampledFrom([]stack.Policy{"", stack.PolicyDelete, stack.PolicyRetain, stack.PolicyRetainExceptOnCreate})
	for _, name := range names {
		ps[name] = declared{deletion: policy.Draw(t, "deletion "+name), after: policy.Draw(t, "replacement "+name)}
	}
	return ps
}

func (ps policies) on(d design) design {
	for id, r := range d {
		r.deletion, r.after = ps[id].deletion, ps[id].after
		d[id] = r
	}
	return d
}

// A judge reads events as they come, and says whether what was deleted had to be
// and what was kept may be.
type judge struct {
	policies
	stable  map[string]bool // physical ids of when the stack was last complete
	dropNew bool
	status  string
	kept    []string
}

// keeps says whether a removal of now has to leave its resource alone.
//
// Source: CloudFormation User Guide, "DeletionPolicy attribute" and
// "UpdateReplacePolicy attribute".
func (j *judge) keeps(e stack.Event) bool {
	retained := func(p stack.Policy) bool { return p == stack.PolicyRetain || p == stack.PolicyRetainExceptOnCreate }
	deletion, replacement := j.policies[e.ID].deletion, j.policies[e.ID].after
	switch {
	case e.Former && !j.stable[e.PhysicalID]:
		return false // it was never what the stack had
	case e.Former && j.status == "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS":
		return false
	case e.Former:
		return retained(replacement)
	case j.status == "ROLLBACK_IN_PROGRESS", j.status == "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS":
		return deletion == stack.PolicyRetain && !j.dropNew
	}
	return retained(deletion)
}

func (j *judge) read(events []stack.Event) error {
	for _, e := range events {
		if e.ID == "" {
			j.status = e.Status
			continue
		}
		switch e.Status {
		case "DELETE_SKIPPED":
			j.kept = append(j.kept, e.PhysicalID)
			if !j.keeps(e) {
				return fmt.Errorf("in %s %s (former %t) was kept, whose policies are %+v", j.status, e.ID, e.Former, j.policies[e.ID])
			}
		case "DELETE_IN_PROGRESS":
			if j.keeps(e) {
				return fmt.Errorf("in %s %s (former %t) was deleted, whose policies are %+v", j.status, e.ID, e.Former, j.policies[e.ID])
			}
		}
	}
	return nil
}

// rest notes what a complete stack has.
func (j *judge) rest(w *world) {
	if status := string(w.state.Status); !strings.HasSuffix(status, "_COMPLETE") {
		return
	}
	clear(j.stable)
	for _, r := range w.state.Resources {
		j.stable[r.Is.PhysicalID] = true
	}
}

func TestThePoliciesAndNothingElseSayWhatIsLeftBehind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := drawPolicies(t)
		w := &world{t: t, state: &stack.State{Seed: "s"}, now: start, things: map[string]string{}}
		j := &judge{policies: ps, stable: map[string]bool{}}
		w.answer = drawAnswers(t)
		apply := func(in stack.Input, dropNew bool) {
			j.dropNew = dropNew
			w.apply(in)
			if err := j.read(w.events); err != nil {
				t.Fatalf("%v:\n%s", err, story(w.events))
			}
			w.events = nil
			j.rest(w)
		}
		options := func() stack.Options {
			return stack.Options{KeepFailed: rapid.Bool().Draw(t, "keep"), DropNew: rapid.Bool().Draw(t, "drop")}
		}
		w.design = ps.on(drawDesign(t, "first "))
		o := options()
		apply(stack.Create{Options: o}, o.DropNew)
		for range rapid.IntRange(0, 4).Draw(t, "updates") {
			o := options()
			switch {
			case w.state.Status.Updatable() && rapid.IntRange(0, 3).Draw(t, "go on") > 0:
				w.design = ps.on(drawDesign(t, "next "))
				apply(stack.Update{Options: o}, o.DropNew)
			case w.state.Status == stack.UpdateFailed, w.state.Status == stack.CreateFailed:
				apply(stack.Rollback{DropNew: o.DropNew}, o.DropNew)
			}
		}
		if w.state.Status != stack.RollbackComplete {
			have := slices.Clone(j.kept)
			for _, r := range w.state.Resources {
				have = append(have, r.Is.PhysicalID)
			}
			for thing := range maps.Keys(w.things) {
				if strings.HasSuffix(string(w.state.Status), "_COMPLETE") && !slices.Contains(have, thing) {
					t.Fatalf("%s has lost %s, which nobody kept", w.state.Status, thing)
				}
			}
		}
		apply(stack.Delete{}, false)
		if w.state.Status != stack.DeleteComplete {
			t.Fatalf("status is %s, want %s", w.state.Status, stack.DeleteComplete)
		}
		if left := slices.Sorted(maps.Keys(w.things)); !slices.Equal(left, slices.Sorted(slices.Values(j.kept))) {
			t.Fatalf("left behind are %v, kept were %v", left, j.kept)
		}
	})
}
