package stack_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
)

func TestACreationAnnouncesEachResourceAndEndsComplete(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}, "B": {needs: []string{"A"}}}
	w.apply(stack.Create{})
	w.tells(t, `
		stack CREATE_IN_PROGRESS: User Initiated
		A CREATE_IN_PROGRESS
		A CREATE_IN_PROGRESS: Resource creation Initiated
		A CREATE_COMPLETE
		B CREATE_IN_PROGRESS
		B CREATE_IN_PROGRESS: Resource creation Initiated
		B CREATE_COMPLETE
		stack CREATE_COMPLETE`)
	if len(w.state.Outputs) != 2 || w.state.Outputs[0].Value == "" {
		t.Errorf("outputs are %v, want one for each of two resources", w.state.Outputs)
	}
}

func TestAFailedCreationCancelsItsSiblingsAndDeletesWhatItMade(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}, "B": {needs: []string{"A"}}, "C": {needs: []string{"A"}}, "D": {needs: []string{"B"}}}
	w.answer = func(c stack.Call) outcome {
		switch {
		case c.ID == "B" && !c.Cancelled && c.Action == stack.ActionCreate:
			return later
		case c.ID == "C":
			return ill
		}
		return well
	}
	w.apply(stack.Create{})
	w.tells(t, `
		stack CREATE_IN_PROGRESS: User Initiated
		A CREATE_IN_PROGRESS
		A CREATE_IN_PROGRESS: Resource creation Initiated
		A CREATE_COMPLETE
		B CREATE_IN_PROGRESS
		C CREATE_IN_PROGRESS
		C CREATE_FAILED: refused
		B CREATE_FAILED: Resource creation cancelled
		stack ROLLBACK_IN_PROGRESS: The following resource(s) failed to create: [C, B]. Rollback requested by user.
		C DELETE_COMPLETE
		B DELETE_IN_PROGRESS
		B DELETE_COMPLETE
		A DELETE_IN_PROGRESS
		A DELETE_COMPLETE
		stack ROLLBACK_COMPLETE`)
	if len(w.things) != 0 {
		t.Errorf("left behind: %v", w.things)
	}
}

func TestAFailedCreationIsLeftAsItIsWhenRollbackIsDisabled(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}, "B": {}, "C": {needs: []string{"A"}}}
	w.answer = func(c stack.Call) outcome {
		if c.ID == "A" && c.Action == stack.ActionCreate {
			return ill
		}
		return well
	}
	w.apply(stack.Create{Options: stack.Options{KeepFailed: true}})
	w.tells(t, `
		stack CREATE_IN_PROGRESS: User Initiated
		A CREATE_IN_PROGRESS
		B CREATE_IN_PROGRESS
		A CREATE_FAILED: refused
		B CREATE_IN_PROGRESS: Resource creation Initiated
		B CREATE_COMPLETE
		stack CREATE_FAILED: The following resource(s) failed to create: [A].`)

	w.apply(stack.Rollback{})
	w.tells(t, `
		stack ROLLBACK_IN_PROGRESS: User Initiated
		A DELETE_COMPLETE
		B DELETE_IN_PROGRESS
		B DELETE_COMPLETE
		stack ROLLBACK_COMPLETE`)
}

func TestAFailedCreationDeletesTheStackWhenAskedTo(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {broken: true}}
	w.apply(stack.Create{Options: stack.Options{DeleteFailed: true}})
	w.tells(t, `
		stack CREATE_IN_PROGRESS: User Initiated
		A CREATE_IN_PROGRESS
		A CREATE_FAILED: cannot be resolved
		stack DELETE_IN_PROGRESS: The following resource(s) failed to create: [A]. Delete requested by user.
		A DELETE_COMPLETE
		stack DELETE_COMPLETE`)
}

// updated is a world whose stack has a chain of three resources.
func chain(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.design = design{"A": {}, "B": {needs: []string{"A"}}, "C": {needs: []string{"B"}}}
	w.apply(stack.Create{})
	w.events, w.did = nil, nil
	return w
}

func TestAReplacementIsMadeFirstAndTheOldOneDeletedInTheCleanup(t *testing.T) {
	w := chain(t)
	w.design = design{"A": {name: 1}, "B": {needs: []string{"A"}}, "C": {needs: []string{"B"}}}
	w.apply(stack.Update{})
	w.tells(t, `
		stack UPDATE_IN_PROGRESS: User Initiated
		A UPDATE_IN_PROGRESS: Requested update requires the creation of a new physical resource; hence creating one.
		A UPDATE_IN_PROGRESS: Resource creation Initiated
		A UPDATE_COMPLETE
		B UPDATE_IN_PROGRESS
		B UPDATE_COMPLETE
		stack UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
		A DELETE_IN_PROGRESS (former)
		A DELETE_COMPLETE (former)
		stack UPDATE_COMPLETE`)
	if len(w.things) != 3 {
		t.Errorf("there are %d things, want 3", len(w.things))
	}
}

func TestWhatTheTemplateNoLongerHasIsDeletedOrKept(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}, "B": {deletion: stack.PolicyRetain}, "C": {after: stack.PolicyRetain}}
	w.apply(stack.Create{})
	w.events = nil
	w.design = design{"C": {name: 1}}
	w.apply(stack.Update{})
	w.tells(t, `
		stack UPDATE_IN_PROGRESS: User Initiated
		C UPDATE_IN_PROGRESS: Requested update requires the creation of a new physical resource; hence creating one.
		C UPDATE_IN_PROGRESS: Resource creation Initiated
		C UPDATE_COMPLETE
		stack UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
		A DELETE_IN_PROGRESS
		B DELETE_SKIPPED
		C DELETE_SKIPPED (former)
		A DELETE_COMPLETE
		stack UPDATE_COMPLETE`)
	if len(w.things) != 3 || len(w.state.Resources) != 1 {
		t.Errorf("%d things and %d resources, want B, the former C and C, of which the stack has the last", len(w.things), len(w.state.Resources))
	}
}

func TestAFailedUpdateGivesBackFirstWhatNeedsOthers(t *testing.T) {
	w := chain(t)
	w.design = design{"A": {value: 1}, "B": {needs: []string{"A"}, name: 1}, "C": {needs: []string{"B"}}, "N": {}}
	w.answer = func(c stack.Call) outcome {
		if c.ID == "C" && !c.Rollback {
			return ill
		}
		return well
	}
	w.apply(stack.Update{})
	w.tells(t, `
		stack UPDATE_IN_PROGRESS: User Initiated
		A UPDATE_IN_PROGRESS
		N CREATE_IN_PROGRESS
		A UPDATE_COMPLETE
		B UPDATE_IN_PROGRESS: Requested update requires the creation of a new physical resource; hence creating one.
		N CREATE_IN_PROGRESS: Resource creation Initiated
		N CREATE_COMPLETE
		B UPDATE_IN_PROGRESS: Resource creation Initiated
		B UPDATE_COMPLETE
		C UPDATE_IN_PROGRESS
		C UPDATE_FAILED: refused
		stack UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to update: [C].
		C UPDATE_IN_PROGRESS
		C UPDATE_COMPLETE
		B UPDATE_COMPLETE
		A UPDATE_IN_PROGRESS
		A UPDATE_COMPLETE
		stack UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
		B DELETE_IN_PROGRESS (former)
		N DELETE_IN_PROGRESS
		B DELETE_COMPLETE (former)
		N DELETE_COMPLETE
		stack UPDATE_ROLLBACK_COMPLETE`)
	want := []string{"update A", "create N", "create B", "update C back", "update A back", "delete B back", "delete N back"}
	if !slices.Equal(w.did, want) {
		t.Errorf("carried out %q, want %q", w.did, want)
	}
}

func TestWhatNeedsAnotherByWayOfANewResourceIsGivenBackFirst(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}, "C": {needs: []string{"A"}}}
	w.apply(stack.Create{})
	w.did = nil
	w.design = design{"A": {value: 1}, "B": {needs: []string{"A"}}, "C": {needs: []string{"B"}}}
	w.answer = func(c stack.Call) outcome {
		if c.ID == "C" && !c.Rollback {
			return illHalfWay
		}
		return well
	}
	w.apply(stack.Update{})
	if want := []string{"update A", "create B", "update C", "update C back", "update A back", "delete B back"}; !slices.Equal(w.did, want) {
		t.Errorf("carried out %q, want %q", w.did, want)
	}
}

func TestARollbackThatFailsIsContinuedOrSkipped(t *testing.T) {
	w := chain(t)
	w.design = design{"A": {value: 1}, "B": {needs: []string{"A"}, value: 1}, "C": {needs: []string{"B"}, value: 1}}
	w.answer = func(c stack.Call) outcome {
		if c.ID == "C" || c.ID == "B" && c.Rollback {
			return ill
		}
		return well
	}
	w.apply(stack.Update{})
	if w.state.Status != stack.UpdateRollbackFailed {
		t.Fatalf("status is %s, want %s", w.state.Status, stack.UpdateRollbackFailed)
	}
	w.events = nil
	w.answer = nil
	w.apply(stack.ContinueRollback{Skip: []string{"C"}})
	w.tells(t, `
		stack UPDATE_ROLLBACK_IN_PROGRESS: User Initiated
		C UPDATE_COMPLETE
		B UPDATE_IN_PROGRESS
		B UPDATE_COMPLETE
		A UPDATE_IN_PROGRESS
		A UPDATE_COMPLETE
		stack UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
		stack UPDATE_ROLLBACK_COMPLETE`)
}

func TestAnUpdateIsTurnedBackByOrderOrByAnAlarmWhileItIsWatched(t *testing.T) {
	for name, in := range map[string]stack.Input{"User Initiated": stack.Cancel{}, "alarm x fires": stack.Alarm{Reason: "alarm x fires"}} {
		w := chain(t)
		w.design = design{"A": {value: 1}, "B": {needs: []string{"A"}}, "C": {needs: []string{"B"}}}
		w.input(stack.Update{Options: stack.Options{Monitor: time.Hour}})
		w.next()
		if w.state.Phase != stack.PhaseMonitor {
			t.Fatalf("phase is %q, want %q", w.state.Phase, stack.PhaseMonitor)
		}
		w.events = nil
		w.apply(in)
		w.tells(t, `
			stack UPDATE_ROLLBACK_IN_PROGRESS: `+name+`
			A UPDATE_IN_PROGRESS
			A UPDATE_COMPLETE
			stack UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
			stack UPDATE_ROLLBACK_COMPLETE`)
	}
}

func TestAWatchedStackIsCompleteOnlyAfterTheMonitoringTime(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}}
	w.apply(stack.Create{Options: stack.Options{Monitor: time.Hour}})
	if w.state.Status != stack.CreateComplete || !w.now.Equal(start.Add(time.Hour)) {
		t.Errorf("%s at %v, want %s after an hour", w.state.Status, w.now.Sub(start), stack.CreateComplete)
	}
}

func TestACreationThatTakesTooLongIsTurnedBack(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}}
	w.input(stack.Create{Options: stack.Options{Timeout: time.Minute}})
	w.answer = func(c stack.Call) outcome {
		if c.Action == stack.ActionCreate && !c.Cancelled {
			return later
		}
		return ill
	}
	w.next() // will be asked again in a second
	w.now = start.Add(time.Minute)
	w.input(stack.Tick{})
	w.answer = nil
	w.apply(stack.Tick{})
	if w.state.Status != stack.RollbackComplete {
		t.Errorf("status is %s, want %s", w.state.Status, stack.RollbackComplete)
	}
}

func TestADeletionGoesAgainstTheOrderOfNeedsAndKeepsWhatItMay(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}, "B": {needs: []string{"A"}, deletion: stack.PolicyRetain}, "C": {needs: []string{"B"}}}
	w.apply(stack.Create{})
	w.events = nil
	fail := true
	w.answer = func(c stack.Call) outcome {
		if c.ID == "A" && fail {
			return ill
		}
		return well
	}
	w.apply(stack.Delete{})
	w.tells(t, `
		stack DELETE_IN_PROGRESS: User Initiated
		C DELETE_IN_PROGRESS
		C DELETE_COMPLETE
		B DELETE_SKIPPED
		A DELETE_IN_PROGRESS
		A DELETE_FAILED: refused
		stack DELETE_FAILED: The following resource(s) failed to delete: [A].`)
	w.apply(stack.Delete{Retain: []string{"A"}})
	w.tells(t, `
		stack DELETE_IN_PROGRESS: User Initiated
		A DELETE_SKIPPED
		stack DELETE_COMPLETE`)
}

func TestWhatAFailedCreationMadeIsKeptOnlyWhereThePolicySaysSo(t *testing.T) {
	for _, c := range []struct {
		policy  stack.Policy
		dropNew bool
		want    int
	}{{stack.PolicyDelete, false, 0}, {stack.PolicyRetain, false, 1}, {stack.PolicyRetainExceptOnCreate, false, 0}, {stack.PolicyRetain, true, 0}} {
		w := newWorld(t)
		w.design = design{"A": {deletion: c.policy}, "B": {needs: []string{"A"}, broken: true}}
		w.apply(stack.Create{Options: stack.Options{DropNew: c.dropNew}})
		if len(w.things) != c.want {
			t.Errorf("%s, RetainExceptOnCreate %t: %d things are left, want %d", c.policy, c.dropNew, len(w.things), c.want)
		}
	}
}

func TestACleanupThatCannotDeleteTriesThriceAndLetsTheUpdateStand(t *testing.T) {
	w := chain(t)
	w.design = design{"A": {}, "B": {needs: []string{"A"}}}
	tries := 0
	w.answer = func(c stack.Call) outcome {
		if c.Action == stack.ActionDelete {
			tries++
			return ill
		}
		return well
	}
	w.apply(stack.Update{})
	if w.state.Status != stack.UpdateComplete || tries != 3 || w.state.Reason != "Update successful. One or more resources could not be deleted." {
		t.Errorf("%s after %d tries: %q", w.state.Status, tries, w.state.Reason)
	}
}

func TestAStackMayBeDeletedWhileItIsBeingCreated(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}, "B": {needs: []string{"A"}}}
	w.input(stack.Create{})
	w.next()
	w.events = nil
	w.apply(stack.Delete{})
	w.tells(t, `
		stack DELETE_IN_PROGRESS: User Initiated
		B CREATE_FAILED: Resource creation cancelled
		B DELETE_IN_PROGRESS
		B DELETE_COMPLETE
		A DELETE_IN_PROGRESS
		A DELETE_COMPLETE
		stack DELETE_COMPLETE`)
}

func TestAFailedUpdateThatWasLeftIsFinishedByTheNext(t *testing.T) {
	w := chain(t)
	w.design = design{"A": {value: 1}, "B": {needs: []string{"A"}, value: 1}, "C": {needs: []string{"B"}}}
	w.answer = func(c stack.Call) outcome {
		if c.ID == "B" {
			return illHalfWay
		}
		return well
	}
	w.apply(stack.Update{Options: stack.Options{KeepFailed: true}})
	if w.state.Status != stack.UpdateFailed {
		t.Fatalf("status is %s, want %s", w.state.Status, stack.UpdateFailed)
	}
	w.events, w.answer = nil, nil
	w.design["B"] = declared{needs: []string{"A"}} // as it was: but who knows what is there
	w.apply(stack.Update{})
	w.tells(t, `
		stack UPDATE_IN_PROGRESS: User Initiated
		B UPDATE_IN_PROGRESS
		B UPDATE_COMPLETE
		stack UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
		stack UPDATE_COMPLETE`)
}

func TestWhatIsReplacedTwiceLeavesNothingBehind(t *testing.T) {
	w := chain(t)
	w.answer = func(c stack.Call) outcome {
		if c.ID == "C" {
			return ill
		}
		return well
	}
	for name := 1; name <= 2; name++ {
		w.design = design{"A": {name: name}, "B": {needs: []string{"A"}}, "C": {needs: []string{"B"}, value: name}}
		w.apply(stack.Update{Options: stack.Options{KeepFailed: true}})
	}
	w.answer = nil
	w.apply(stack.Update{})
	if w.state.Status != stack.UpdateComplete || len(w.things) != 3 {
		t.Errorf("%s with %d things, want %s with 3: %v", w.state.Status, len(w.things), stack.UpdateComplete, w.things)
	}
}

func TestADependencyThatAnUpdateTurnedAroundIsGivenBack(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}, "B": {needs: []string{"A"}}}
	w.apply(stack.Create{})
	w.did = nil
	w.design = design{"A": {needs: []string{"B"}}, "B": {}, "C": {needs: []string{"A"}, broken: true}}
	w.apply(stack.Update{})
	want := []string{"update B", "update A", "update A back", "update B back"}
	if w.state.Status != stack.UpdateRollbackComplete || !slices.Equal(w.did, want) {
		t.Errorf("%s after %q, want %s after %q", w.state.Status, w.did, stack.UpdateRollbackComplete, want)
	}
}

func TestAStackIsDeletedWhoseDependenciesAFailedUpdateTurnedAround(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}, "B": {needs: []string{"A"}}}
	w.apply(stack.Create{})
	w.did = nil
	w.design = design{"A": {needs: []string{"B"}, name: 1}, "B": {name: 1}, "C": {needs: []string{"A"}, broken: true}}
	w.apply(stack.Update{Options: stack.Options{KeepFailed: true}})
	w.apply(stack.Delete{})
	want := []string{"create B", "create A", "delete A", "delete B", "delete B", "delete A"}
	if w.state.Status != stack.DeleteComplete || !slices.Equal(w.did, want) {
		t.Errorf("%s after %q, want %s after %q", w.state.Status, w.did, stack.DeleteComplete, want)
	}
}

func TestAProviderThatDidNotHearOfACancellationIsAskedAgainAtOnce(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}}
	w.input(stack.Create{})
	before := w.state.Calls()[0]
	w.input(stack.Delete{})
	w.input(stack.Report{Token: before.Token, PhysicalID: "a", Memo: "busy", Again: time.Hour}) // it was asked before the deletion
	if c := w.state.Calls()[0]; !c.Cancelled || c.At.After(w.now) {
		t.Errorf("the next call is at %v, cancelled %t, want now and cancelled", c.At, c.Cancelled)
	}
}

func TestWhatTwoResourcesAreIsDeletedWithTheLast(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}, "B": {}}
	w.input(stack.Create{})
	for _, c := range w.state.Calls() {
		w.input(stack.Report{Token: c.Token, PhysicalID: "one"})
	}
	deletions := func() []string {
		var told []string
		for _, c := range w.state.Calls() {
			told = append(told, fmt.Sprintf("%s shared %t", c.ID, c.Shared))
		}
		return told
	}
	w.design = design{"A": {}}
	w.input(stack.Update{})
	if got, want := deletions(), []string{"B shared true"}; !slices.Equal(got, want) {
		t.Errorf("an update without B deletes %q, want %q", got, want)
	}

	w.design = design{"A": {}, "B": {}}
	w.input(stack.Report{Token: w.state.Calls()[0].Token})
	w.input(stack.Update{})
	w.input(stack.Report{Token: w.state.Calls()[0].Token, PhysicalID: "one"})
	w.input(stack.Delete{})
	if got, want := deletions(), []string{"A shared true", "B shared false"}; !slices.Equal(got, want) {
		t.Errorf("the end of the stack deletes %q, want %q", got, want)
	}
}

func TestWhatAResourceWaitsForIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {}}
	w.apply(stack.Create{})
	w.events = nil
	w.design = design{"A": {value: 1}}
	w.input(stack.Update{})
	call := w.state.Calls()[0]
	for _, waits := range []string{"", "for Ada", "for Ada", "for Bob", "", ""} {
		w.input(stack.Report{Token: call.Token, Again: time.Second, Waits: waits})
	}
	w.input(stack.Report{Token: call.Token})
	w.tells(t, `
		stack UPDATE_IN_PROGRESS: User Initiated
		A UPDATE_IN_PROGRESS
		A UPDATE_IN_PROGRESS: for Ada
		A UPDATE_IN_PROGRESS: for Bob
		A UPDATE_IN_PROGRESS
		A UPDATE_COMPLETE
		stack UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
		stack UPDATE_COMPLETE`)
}

func TestWhatTheFormerThingNoLongerNeededDoesNotHoldTheCleanupUp(t *testing.T) {
	w := newWorld(t)
	w.design = design{"A": {needs: []string{"B"}}, "B": {}}
	w.apply(stack.Create{})
	w.design = design{"A": {value: 1}, "B": {needs: []string{"A"}}, "C": {broken: true}}
	w.apply(stack.Update{Options: stack.Options{KeepFailed: true}})
	w.design = design{"A": {name: 1, value: 1}}
	w.apply(stack.Update{})
	if w.state.Status != stack.UpdateComplete || len(w.things) != 1 || w.state.Reason != "" {
		t.Errorf("%s (%s) with %v, want %s with one thing", w.state.Status, w.state.Reason, w.things, stack.UpdateComplete)
	}
}

func TestAReplacementThatFailedAndIsNoLongerWantedIsComplete(t *testing.T) {
	w := chain(t)
	before := w.design
	w.design = design{"A": {name: 1}, "B": {needs: []string{"A"}}, "C": {needs: []string{"B"}}}
	w.answer = func(stack.Call) outcome { return ill }
	w.apply(stack.Update{Options: stack.Options{KeepFailed: true}})
	w.events, w.did = nil, nil
	w.design = before
	w.apply(stack.Update{})
	w.tells(t, `
		stack UPDATE_IN_PROGRESS: User Initiated
		A UPDATE_COMPLETE
		stack UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
		stack UPDATE_COMPLETE`)
	if len(w.did) > 0 {
		t.Errorf("carried out %q, want nothing", w.did)
	}
}

func TestAPropertyOfWhichWhatIsThereIsInDoubtIsToldAsChanged(t *testing.T) {
	w := chain(t)
	valued := func(value int) design {
		return design{"A": {value: value}, "B": {needs: []string{"A"}}, "C": {needs: []string{"B"}}}
	}
	w.answer = func(stack.Call) outcome { return illHalfWay }
	for _, value := range []int{1, 0} { // the first is done, the second is not
		w.design = valued(value)
		w.apply(stack.Update{Options: stack.Options{KeepFailed: true}})
		w.answer = func(stack.Call) outcome { return ill }
	}
	w.answer = nil
	w.design = valued(0)
	w.apply(stack.Update{}) // which compares what is there with what is wanted
	if w.state.Status != stack.UpdateComplete {
		t.Errorf("status is %s, want %s", w.state.Status, stack.UpdateComplete)
	}
}
