package rollouts_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

func single(version int) []sfntypes.RoutingConfigurationListItem {
	return []sfntypes.RoutingConfigurationListItem{{StateMachineVersionArn: aws.String(machine + ":" + string(rune('0'+version))), Weight: 100}}
}

func (w *world) start(id string, p plan.Plan) {
	w.t.Helper()
	w.must(w.rollouts.Start(w.t.Context(), rollouts.Request{ID: id, Plan: p, By: "CodeDeploy", Reason: "deployment " + id}))
}

func TestACanaryShiftsAtOnceAndEndsAtFull(t *testing.T) {
	w := newWorld(t)
	w.start("d-1", canary(t))
	w.pass(0)
	if got := w.functionDoes(); got != "1 and 2 at 0.1" {
		t.Fatalf("at once the alias does %s, want 10 %% of 2", got)
	}
	w.pass(4*time.Minute + 58*time.Second)
	if got := w.functionDoes(); got != "1 and 2 at 0.1" {
		t.Fatalf("before five minutes the alias does %s, want 10 %% of 2", got)
	}
	w.pass(5 * time.Second)
	if got := w.functionDoes(); got != "2" {
		t.Fatalf("after five minutes the alias does %s, want 2", got)
	}
	if s := w.status("d-1"); s.Phase != rollout.Succeeded || s.Weight != plan.Full {
		t.Fatalf("got %s at %s (%s), want Succeeded at 100%%: there is no soak", s.Phase, s.Weight, s.Why)
	}
}

func TestAStateMachineShiftsInEqualSteps(t *testing.T) {
	w := newWorld(t)
	w.start("stack", linear(t, "no such alarm"))
	var got []string
	for range 6 {
		w.pass(time.Minute)
		if now := w.machineDoes(); !slices.Contains(got, now) {
			got = append(got, now)
		}
	}
	want := []string{"2 at 40 1 at 60", "2 at 80 1 at 20", "2 at 100"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := w.status("stack"); s.Phase != rollout.Succeeded {
		t.Errorf("got %s: %s; want Succeeded", s.Phase, s.Why)
	}
}

func TestAnAlarmTakesEverythingBackAndIsNamed(t *testing.T) {
	w := newWorld(t)
	w.alarm("broken", cwtypes.StateValueInsufficientData)
	w.start("d-1", canary(t, "broken"))
	w.pass(time.Minute)
	if got := w.functionDoes(); got != "1 and 2 at 0.1" {
		t.Fatalf("with too little data the alias does %s, want 10 %% of 2", got)
	}
	w.set("broken", cwtypes.StateValueAlarm)
	w.pass(10 * time.Second)
	s := w.status("d-1")
	if s.Phase != rollout.RolledBack || !slices.Equal(s.Alarms, []string{"broken"}) || !s.Shifted || s.Refused {
		t.Errorf("got %+v, want RolledBack because of broken", s)
	}
	if got := w.functionDoes(); got != "1" {
		t.Errorf("the alias does %s, want 1", got)
	}
	if !strings.Contains(s.Sentence, `alarm "broken" is in ALARM`) {
		t.Errorf("the sentence is %q, want one that names the alarm", s.Sentence)
	}
}

func TestAnAlarmThatFiresAlreadyRefusesTheStart(t *testing.T) {
	w := newWorld(t)
	w.alarm("broken", cwtypes.StateValueAlarm)
	w.start("d-1", canary(t, "broken"))
	w.pass(time.Second)
	s := w.status("d-1")
	if s.Phase != rollout.Failed || !s.Refused || s.Shifted || !slices.Equal(s.Alarms, []string{"broken"}) {
		t.Errorf("got %+v, want Failed before anything was shifted, because of broken", s)
	}
	if got := w.functionDoes(); got != "1" {
		t.Errorf("the alias does %s, want 1", got)
	}
}

func TestARolloutGoesOnInTheNextProcess(t *testing.T) {
	w := newWorld(t)
	w.start("d-1", canary(t))
	w.pass(2 * time.Minute)
	w.open("local cloud of test@here pid 2") // without a word to the first
	w.pass(time.Second)
	if got := w.status("d-1"); got.Phase != rollout.Progressing {
		t.Fatalf("got %s, want Progressing", got.Phase)
	}
	w.start("d-1", plan.Plan{}) // which knows what to do by its name alone
	w.pass(3*time.Minute + 10*time.Second)
	if s := w.status("d-1"); s.Phase != rollout.Succeeded {
		t.Errorf("got %s: %s; want Succeeded at the time that it had before", s.Phase, s.Why)
	}
	if got := w.functionDoes(); got != "2" {
		t.Errorf("the alias does %s, want 2", got)
	}
}

func TestAPersonsOrdersFromAnotherProcessAreFollowed(t *testing.T) {
	w := newWorld(t)
	w.start("d-1", canary(t))
	w.pass(time.Minute)
	order := func(kind rollout.OrderKind) {
		t.Helper()
		_, err := w.store.Order(t.Context(), "d-1", rollout.Order{Kind: kind, By: "ada", Reason: "looking", At: w.clock.Now()})
		w.must(err)
		w.pass(2 * time.Second)
	}
	order(rollout.Pause)
	w.pass(time.Hour)
	if s := w.status("d-1"); s.Phase != rollout.Paused || w.functionDoes() != "1 and 2 at 0.1" {
		t.Fatalf("got %s with %s, want Paused at 10 %%", s.Phase, w.functionDoes())
	}
	order(rollout.Resume)
	w.pass(5 * time.Minute)
	if s := w.status("d-1"); s.Phase != rollout.Succeeded {
		t.Errorf("got %s: %s; want Succeeded", s.Phase, s.Why)
	}
}

func TestARolloutStopsWhereItIsOrGoesBack(t *testing.T) {
	for _, c := range []struct {
		back  bool
		phase rollout.Phase
		does  string
	}{
		{false, rollout.Failed, "1 and 2 at 0.1"},
		{true, rollout.Aborted, "1"},
	} {
		w := newWorld(t)
		w.start("d-1", canary(t))
		w.pass(time.Minute)
		w.must(w.rollouts.Stop(t.Context(), "d-1", "CodeDeploy", "stopped by order", c.back))
		w.pass(2 * time.Second)
		if s := w.status("d-1"); s.Phase != c.phase || !strings.Contains(s.Why, "stopped by order") {
			t.Errorf("back %v: got %s: %s; want %s because of the order", c.back, s.Phase, s.Why, c.phase)
		}
		if got := w.functionDoes(); got != c.does {
			t.Errorf("back %v: the alias does %s, want %s", c.back, got, c.does)
		}
		w.must(w.rollouts.Stop(t.Context(), "d-1", "CodeDeploy", "again", c.back)) // which changes nothing
		w.start("d-2", canary(t))                                                  // the alias is free again
	}
}

func TestTakingBackIsARolloutOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.start("d-1", canary(t))
	w.pass(time.Minute)
	w.must(w.rollouts.Stop(t.Context(), "d-1", "CodeDeploy", "stopped", false))
	w.must(w.rollouts.TakeBack(t.Context(), rollouts.BackRequest{
		ID: "d-2", Kind: plan.Lambda, Resource: function, Alias: "live", From: "2", To: "1", By: "CodeDeploy", Reason: "d-1 failed",
	}))
	w.pass(2 * time.Second)
	if s := w.status("d-2"); s.Phase != rollout.RolledBack {
		t.Errorf("got %s: %s; want RolledBack", s.Phase, s.Why)
	}
	if got := w.functionDoes(); got != "1" {
		t.Errorf("the alias does %s, want 1", got)
	}
}

func TestAnAliasHasOneRolloutAtATime(t *testing.T) {
	w := newWorld(t)
	w.start("d-1", canary(t))
	err := w.rollouts.Start(t.Context(), rollouts.Request{ID: "d-2", Plan: canary(t)})
	if !errors.Is(err, controller.ErrLeased) || !strings.Contains(err.Error(), "d-1") {
		t.Errorf("got %v, want an error that names d-1", err)
	}
}

func TestSomebodyElsesChangeIsNotOverwritten(t *testing.T) {
	w := newWorld(t)
	w.start("d-1", canary(t))
	w.pass(time.Minute)
	_, err := w.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
		FunctionName: aws.String("checkout"), Name: aws.String("live"),
		RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.5}},
	})
	w.must(err)
	w.pass(time.Hour)
	s := w.status("d-1")
	if s.Phase != rollout.Holding || s.Hold != rollout.HoldDrift || w.functionDoes() != "1 and 2 at 0.5" {
		t.Errorf("got %s %s with %s, want a hold for drift", s.Phase, s.Hold, w.functionDoes())
	}
}

func TestTheWatcherSeesEveryPhaseOnceItIsStored(t *testing.T) {
	w := newWorld(t)
	w.start("d-1", canary(t))
	w.pass(6 * time.Minute)
	var phases []rollout.Phase
	var weights []plan.Weight
	for _, s := range w.seen {
		if len(phases) == 0 || phases[len(phases)-1] != s.Phase {
			phases = append(phases, s.Phase)
		}
		if len(weights) == 0 || weights[len(weights)-1] != s.Weight {
			weights = append(weights, s.Weight)
		}
	}
	if want := []rollout.Phase{rollout.Pending, rollout.Progressing, rollout.Succeeded}; !slices.Equal(phases, want) {
		t.Errorf("got phases %v, want %v", phases, want)
	}
	if want := []plan.Weight{0, 1000, plan.Full}; !slices.Equal(weights, want) {
		t.Errorf("got weights %v, want %v", weights, want)
	}
}

func TestAnotherProcessMayCarryARolloutOutForAWhile(t *testing.T) {
	w := newWorld(t)
	w.start("d-1", canary(t))
	w.pass(time.Minute)
	rec, err := w.store.Load(t.Context(), "d-1")
	w.must(err)
	lease, _, err := w.store.Lease(t.Context(), rec.Aliases()[0])
	w.must(err)
	w.must(w.store.Release(t.Context(), []controller.Lease{lease}))
	_, err = w.store.Acquire(t.Context(), "d-1", "ada@laptop pid 9", w.clock.Now(), w.clock.Now().Add(time.Minute))
	w.must(err)
	w.pass(50 * time.Second)
	if lease, _, err = w.store.Lease(t.Context(), rec.Aliases()[0]); err != nil || lease.Owner != "ada@laptop pid 9" {
		t.Fatalf("the lease is %+v (%v), want it left to ada", lease, err)
	}
	w.pass(6 * time.Minute)
	if s := w.status("d-1"); s.Phase != rollout.Succeeded {
		t.Errorf("got %s: %s; want Succeeded once ada's lease had ended", s.Phase, s.Why)
	}
}

func TestChecksOfAnythingButAlarmsAreRefused(t *testing.T) {
	w := newWorld(t)
	p, err := plan.New(plan.Spec{
		Targets: []plan.Target{{Kind: plan.Lambda, Name: function, Alias: "live", Version: "2"}}, Preset: "AllAtOnce",
	})
	w.must(err)
	err = w.rollouts.Start(t.Context(), rollouts.Request{ID: "d-1", Plan: p})
	if !errors.Is(err, controller.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid: nothing here counts outcomes", err)
	}
}
