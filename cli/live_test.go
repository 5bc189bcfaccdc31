package cli

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// typist presses keys on a live view and remembers what it asked for.
type typist struct {
	t     *testing.T
	model liveModel
	now   time.Time
	asked []ask
}

func newTypist(t *testing.T, owned bool, st rollout.Status) *typist {
	ty := &typist{t: t}
	ty.now = noon
	ty.model = liveModel{now: func() time.Time { return ty.now }, owned: owned, ask: func(a ask) { ty.asked = append(ty.asked, a) }}
	ty.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	ty.send(view.Scene{
		ID:     "r-17",
		Plan:   plan.Plan{Targets: []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}}, Steps: []plan.Step{{Weight: 1000, For: time.Minute}, {Weight: plan.Full}}},
		Status: st,
		Now:    noon,
	})
	return ty
}

func (ty *typist) send(msg tea.Msg) {
	m, _ := ty.model.Update(msg)
	ty.model = m.(liveModel)
}

// types presses keys: names such as enter, or single characters.
func (ty *typist) types(keys ...string) {
	for _, k := range keys {
		switch k {
		case "enter":
			ty.send(tea.KeyPressMsg{Code: tea.KeyEnter})
		case "esc":
			ty.send(tea.KeyPressMsg{Code: tea.KeyEscape})
		case "backspace":
			ty.send(tea.KeyPressMsg{Code: tea.KeyBackspace})
		case "ctrl+c":
			ty.send(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
		default:
			for _, r := range k {
				ty.send(tea.KeyPressMsg{Code: r, Text: string(r)})
			}
		}
	}
}

func (ty *typist) wantAsked(want ...ask) {
	ty.t.Helper()
	if diff := cmp.Diff(want, ty.asked, cmp.AllowUnexported(ask{})); diff != "" {
		ty.t.Errorf("asked for something else (-want +got):\n%s", diff)
	}
}

func (ty *typist) wantSeen(text string) {
	ty.t.Helper()
	if screen := strings.Join(strings.Fields(ty.model.render()), " "); !strings.Contains(screen, text) {
		ty.t.Errorf("the screen does not show %q:\n%s", text, ty.model.render())
	}
}

// tenPercent is a rollout at its first step.
func tenPercent(phase rollout.Phase) rollout.Status {
	return rollout.Status{
		Phase: phase, Started: noon, Step: 0, StepSince: noon,
		Targets: []rollout.TargetStatus{{
			Stable: "7", Canary: "8", Seen: rollout.Routing{Stable: "7", Canary: "8", Weight: 1000},
		}},
	}
}

func TestAnOrderByKeyShowsItsConsequenceAndTakesAReason(t *testing.T) {
	ty := newTypist(t, true, tenPercent(rollout.Progressing))
	ty.types("a")
	ty.wantSeen("Abort: 10 % → 0 %, everything new goes to 7 again")
	ty.types("enter")
	ty.wantSeen("a reason is needed")
	ty.types("oops", "backspace", " no", "enter")
	ty.wantAsked(ask{kind: askOrder, order: rollout.Abort, reason: "oop no"})
}

func TestEscapeLeavesAQuestionWithoutDoingAnything(t *testing.T) {
	ty := newTypist(t, true, tenPercent(rollout.Progressing))
	ty.types("p", "lunch", "esc", "enter")
	ty.wantAsked()
	ty.wantSeen("p pause")
}

func TestKeysThatDoNothingNowAreNotOfferedAndNotFollowed(t *testing.T) {
	ty := newTypist(t, true, tenPercent(rollout.RollingBack))
	ty.types("p", "n", "a", "because", "enter")
	ty.wantAsked()
	if strings.Contains(ty.model.render(), "p pause") {
		t.Error("pause is offered to a rollout that rolls back")
	}
}

func TestNextStepApprovesWhatWaitsForApproval(t *testing.T) {
	st := tenPercent(rollout.Holding)
	st.Hold = rollout.HoldApproval
	ty := newTypist(t, true, st)
	ty.wantSeen("n approve")
	ty.types("n", "fine", "enter")
	ty.wantAsked(ask{kind: askOrder, order: rollout.Approve, reason: "fine"})
}

func TestCtrlCAsksOnceAndLeavesTheSecondTime(t *testing.T) {
	ty := newTypist(t, true, tenPercent(rollout.Progressing))
	ty.types("ctrl+c")
	ty.wantAsked()
	ty.wantSeen("r: revert to the old version")
	ty.now = ty.now.Add(deliberate)
	ty.types("ctrl+c")
	ty.wantAsked(ask{kind: askDie})
}

func TestCtrlCThatComesTwiceAtOnceIsOne(t *testing.T) {
	ty := newTypist(t, true, tenPercent(rollout.Progressing))
	ty.types("ctrl+c")
	ty.now = ty.now.Add(deliberate - time.Millisecond)
	ty.types("ctrl+c")
	ty.wantAsked()
	ty.wantSeen("r: revert to the old version")
	ty.now = ty.now.Add(time.Millisecond)
	ty.types("ctrl+c")
	ty.wantAsked(ask{kind: askDie})
}

func TestCtrlCAfterStayingAsksAgain(t *testing.T) {
	ty := newTypist(t, true, tenPercent(rollout.Progressing))
	ty.types("ctrl+c", "esc")
	ty.now = ty.now.Add(time.Hour)
	ty.types("ctrl+c", "ctrl+c")
	ty.wantAsked()
	ty.wantSeen("r: revert to the old version")
}

func TestCtrlCAnswersTheQuestionOfALeaver(t *testing.T) {
	ty := newTypist(t, true, tenPercent(rollout.Progressing))
	ty.types("q")
	ty.now = ty.now.Add(deliberate)
	ty.types("ctrl+c")
	ty.wantAsked(ask{kind: askDie})
}

func TestLeavingARolloutOffersToRevertPauseOrDetach(t *testing.T) {
	for key, how := range map[string]string{"r": interruptRevert, "p": interruptPause, "d": interruptDetach} {
		ty := newTypist(t, true, tenPercent(rollout.Progressing))
		ty.types("q", key)
		ty.wantAsked(ask{kind: askInterrupt, reason: how})
	}
}

func TestCtrlCDoesWhatWasSaidBeforehandWithoutAsking(t *testing.T) {
	ty := newTypist(t, true, tenPercent(rollout.Progressing))
	ty.model.onInterrupt = interruptPause
	ty.types("ctrl+c", "ctrl+c")
	ty.wantAsked(ask{kind: askInterrupt, reason: interruptPause})
	ty.now = ty.now.Add(deliberate)
	ty.types("ctrl+c")
	ty.wantAsked(ask{kind: askInterrupt, reason: interruptPause}, ask{kind: askDie})
}

func TestAWatcherLeavesWithoutAQuestion(t *testing.T) {
	for _, key := range []string{"q", "ctrl+c"} {
		ty := newTypist(t, false, tenPercent(rollout.Progressing))
		ty.types(key)
		ty.wantAsked(ask{kind: askLeave})
	}
}

func TestWhatTheKeysOfferIsNotRefused(t *testing.T) {
	p := plan.Plan{
		Name: "orders", Targets: []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}},
		Steps: []plan.Step{{Weight: 1000, For: time.Hour, Approval: true}, {Weight: plan.Full}}, Deadline: 24 * time.Hour, UnknownFor: time.Hour, Look: time.Second,
	}
	holds := []rollout.HoldCause{rollout.HoldUnknown, rollout.HoldApproval, rollout.HoldDrift, rollout.HoldAtZero, rollout.HoldGone}
	states := []rollout.Status{tenPercent(rollout.Progressing), tenPercent(rollout.Paused)}
	for _, h := range holds {
		st := tenPercent(rollout.Holding)
		st.Hold = h
		states = append(states, st)
	}
	for _, st := range states {
		seen := rollout.Routing{Stable: "7", Canary: "8", Weight: 1000}
		if st.Hold == rollout.HoldAtZero {
			seen = rollout.Routing{Stable: "7"}
		}
		st.LookedAt = noon.Add(59 * time.Minute)
		st.Targets[0].Alias, st.Targets[0].Wish, st.Targets[0].Before, st.Targets[0].WishAt = "arn", seen, seen, noon
		for _, order := range possible(st) {
			world := rollout.World{
				Targets: []rollout.SeenTarget{{Routing: seen, Gone: st.Hold == rollout.HoldGone}},
				Orders:  []rollout.Order{{Number: 1, Kind: order, By: "ada", Reason: "because"}},
			}
			d := rollout.Decide(p, st, world, noon.Add(time.Hour))
			for _, e := range d.Events {
				if e.Kind == "refused" {
					t.Errorf("%s %s: %s is offered and refused: %s", st.Phase, st.Hold, order, e.Text)
				}
			}
		}
	}
}
