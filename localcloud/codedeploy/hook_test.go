package codedeploy_test

import (
	"strings"
	"testing"
	"time"

	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

func TestTrafficWaitsForTheHookBeforeIt(t *testing.T) {
	w := newWorld(t)
	w.hook("before", "")
	w.hook("after", types.LifecycleEventStatusSucceeded)
	id := w.deploy(spec("1", "2", "BeforeAllowTraffic: before", "AfterAllowTraffic: after"))
	w.pass(10 * time.Minute)
	w.wantAlias("1")
	if got := w.stages(id); got != "InProgress Pending Pending" {
		t.Fatalf("the stages are %s, want the first in progress", got)
	}
	if n := len(w.called); n != 1 || w.called[0].event["DeploymentId"] != id {
		t.Fatalf("the hook got %v, want one event of %s", w.called, id)
	}
	w.must(w.answer(w.called[0].event, types.LifecycleEventStatusSucceeded))
	w.pass(time.Second)
	w.wantAlias("1 and 2 at 0.1")
	w.pass(6 * time.Minute)
	w.wantEnd(id, types.DeploymentStatusSucceeded, "")
	if got := w.stages(id); got != "Succeeded Succeeded Succeeded" {
		t.Errorf("the stages are %s", got)
	}
	w.refused(w.answer(w.called[0].event, types.LifecycleEventStatusSucceeded), "LifecycleEventAlreadyCompletedException", "already completed")
}

func TestOneFunctionMayBeBothHooks(t *testing.T) {
	w := newWorld(t)
	w.hook("both", "")
	id := w.deploy(spec("1", "2", "BeforeAllowTraffic: both", "AfterAllowTraffic: both"))
	w.pass(10 * time.Minute)
	w.wantAlias("1")
	w.must(w.answer(w.called[0].event, types.LifecycleEventStatusSucceeded))
	w.pass(6 * time.Minute)
	w.wantAlias("2")
	if got := w.stages(id); got != "Succeeded Succeeded InProgress" || len(w.called) != 2 {
		t.Fatalf("the stages are %s after %d questions, want the last one in progress after two", got, len(w.called))
	}
	w.must(w.answer(w.called[1].event, types.LifecycleEventStatusSucceeded))
	w.pass(time.Second)
	w.wantEnd(id, types.DeploymentStatusSucceeded, "")
}

func TestAFailingHookBeforeTrafficMovesNothing(t *testing.T) {
	w := newWorld(t)
	w.hook("before", types.LifecycleEventStatusFailed)
	id := w.deploy(spec("1", "2", "BeforeAllowTraffic: before"), func(in *awscodedeploy.CreateDeploymentInput) {
		in.AutoRollbackConfiguration = rollback(types.AutoRollbackEventDeploymentFailure)
	})
	w.pass(10 * time.Second)
	d := w.wantEnd(id, types.DeploymentStatusFailed, types.ErrorCodeHookExecutionFailure)
	if got := w.stages(id); got != "Failed Skipped Skipped" {
		t.Errorf("the stages are %s", got)
	}
	w.wantEnd(*d.RollbackInfo.RollbackDeploymentId, types.DeploymentStatusSucceeded, "")
	w.wantAlias("1")
}

func TestAFailingHookAfterTrafficRollsEverythingBack(t *testing.T) {
	w := newWorld(t)
	w.hook("after", types.LifecycleEventStatusFailed)
	id := w.deploy(spec("1", "2", "AfterAllowTraffic: after"), func(in *awscodedeploy.CreateDeploymentInput) {
		in.AutoRollbackConfiguration = rollback(types.AutoRollbackEventDeploymentFailure)
	})
	w.pass(5*time.Minute + 10*time.Second)
	d := w.wantEnd(id, types.DeploymentStatusFailed, types.ErrorCodeHookExecutionFailure)
	if got := w.stages(id); got != "Skipped Succeeded Failed" {
		t.Errorf("the stages are %s", got)
	}
	events := w.target(id).LifecycleEvents
	if m := events[2].Diagnostics; m == nil || !strings.Contains(*m.Message, "reported Failed") {
		t.Errorf("the diagnostics are %+v, want that the function said so", m)
	}
	w.wantEnd(*d.RollbackInfo.RollbackDeploymentId, types.DeploymentStatusSucceeded, "")
	w.wantAlias("1")
}

func TestAHookThatNeverAnswersFailsAfterAnHour(t *testing.T) {
	w := newWorld(t)
	w.hook("before", "")
	id := w.deploy(spec("1", "2", "BeforeAllowTraffic: before"))
	w.pass(59 * time.Minute)
	w.wantEnd(id, types.DeploymentStatusInProgress, "")
	w.pass(2 * time.Minute)
	w.wantEnd(id, types.DeploymentStatusFailed, types.ErrorCodeHookExecutionFailure)
	w.wantAlias("1")
	w.refused(w.answer(w.called[0].event, types.LifecycleEventStatusSucceeded), "LifecycleEventAlreadyCompletedException", "")
}

func TestAHookThatIsNoFunctionFailsAtOnce(t *testing.T) {
	w := newWorld(t)
	id := w.deploy(spec("1", "2", "BeforeAllowTraffic: nobody"))
	w.pass(5 * time.Second)
	d := w.wantEnd(id, types.DeploymentStatusFailed, types.ErrorCodeHookExecutionFailure)
	if !strings.Contains(*d.ErrorInformation.Message, "cannot be invoked") {
		t.Errorf("it says %q, want that the function cannot be invoked", *d.ErrorInformation.Message)
	}
}

func TestAnswersToHooksHaveToFit(t *testing.T) {
	w := newWorld(t)
	w.hook("before", "")
	id := w.deploy(spec("1", "2", "BeforeAllowTraffic: before"))
	w.pass(5 * time.Second)
	event := w.called[0].event
	w.refused(w.answer(event, types.LifecycleEventStatusSkipped), "InvalidLifecycleEventHookExecutionStatusException", "Succeeded or Failed")
	w.refused(w.answer(map[string]string{"DeploymentId": id, "LifecycleEventHookExecutionId": "bm8="}, types.LifecycleEventStatusSucceeded), "InvalidLifecycleEventHookExecutionIdException", "")
	w.refused(w.answer(map[string]string{"DeploymentId": "d-000000000", "LifecycleEventHookExecutionId": "bm8="}, types.LifecycleEventStatusSucceeded), "DeploymentDoesNotExistException", "d-000000000")
	w.refused(w.answer(map[string]string{"DeploymentId": "17", "LifecycleEventHookExecutionId": "bm8="}, types.LifecycleEventStatusSucceeded), "InvalidDeploymentIdException", "17")
	w.must(w.answer(event, types.LifecycleEventStatusSucceeded))
	w.refused(w.answer(event, types.LifecycleEventStatusFailed), "LifecycleEventAlreadyCompletedException", "")
	w.pass(time.Second)
	w.wantAlias("1 and 2 at 0.1")
}
