package rollout_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// These properties hold for Decide alone, in worlds that are drawn at random:
// aliases that answer late or not at all, alarms that come and go, people who
// order and who edit, clocks that jump. Package sim has the same for the whole
// controller.

func drawPlan(t *rapid.T, targets int) plan.Plan {
	s := plan.Spec{
		Look:        rapid.SampledFrom([]string{"1s", "5s", "30s"}).Draw(t, "look"),
		Settle:      rapid.SampledFrom([]string{"0", "2s", "5s"}).Draw(t, "settle"),
		Soak:        rapid.SampledFrom([]string{"0", "1m", "10m"}).Draw(t, "soak"),
		Deadline:    rapid.SampledFrom([]string{"20m", "2h"}).Draw(t, "deadline"),
		UnknownFor:  rapid.SampledFrom([]string{"1m", "15m"}).Draw(t, "unknownFor"),
		OnUnhealthy: rapid.SampledFrom([]string{"rollback", "hold", "hold-at-0"}).Draw(t, "onUnhealthy"),
		OnUnknown:   rapid.SampledFrom([]string{"rollback", "hold", "hold-at-0"}).Draw(t, "onUnknown"),
		OnDrift:     rapid.SampledFrom([]string{"hold", "adopt", "overwrite"}).Draw(t, "onDrift"),
		Alarms:      []string{"a"},
	}
	if rapid.Bool().Draw(t, "compares") {
		s.Compare = []string{"errors", "duration"}
	} else {
		s.MaxFailures = "5%/20"
	}
	for _, m := range plan.Moments {
		if rapid.IntRange(0, 3).Draw(t, "hook") == 0 {
			s.Hooks.Set(m, &plan.Hook{Kind: plan.LambdaHook, Name: "check", Timeout: rapid.SampledFrom([]time.Duration{30 * time.Second, 10 * time.Minute}).Draw(t, "timeout")})
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "probe") == 0 {
		s.Probes = []plan.VersionProbe{{Payload: "{}", Count: 1, Timeout: time.Minute}}
	}
	if rapid.Bool().Draw(t, "accepts") {
		s.AcceptAlarms = []string{"a"}
	}
	strategy := rapid.IntRange(0, 4).Draw(t, "strategy")
	if strategy == 3 {
		s.Compare, s.MaxFailures = nil, "5%/20" // nothing to compare
	}
	switch strategy {
	case 0:
		s.Canary = "10%/5m"
	case 1:
		s.Linear = "20%/1m"
	case 2:
		s.Steps = "1%/10s,5%,25%/1m/approve,50%/2m"
	case 3:
		s.AllAtOnce = true
	default:
		s.Adaptive, s.Deadline = plan.DefaultBudget, "20m" // which is more looks than all others
	}
	for i := range targets {
		s.Targets = append(s.Targets, plan.Target{Kind: plan.StateMachine, Name: fmt.Sprintf("m%d", i), Alias: "prod"})
	}
	p, err := plan.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// drawModel draws a world for a plan.
func drawModel(t *rapid.T) *model {
	targets := rapid.IntRange(1, 3).Draw(t, "targets")
	m := &model{now: epoch, plan: drawPlan(t, targets), alarms: map[string]analysis.AlarmState{"a": {State: "OK", Since: epoch.Add(-time.Hour)}}}
	for i := range targets {
		r := rollout.Routing{Stable: "7"}
		m.aliases = append(m.aliases, &modelAlias{
			name: fmt.Sprintf("m%d:prod", i), stable: "7", canary: "8", routing: r, shown: r,
			delay:     rapid.SampledFrom([]time.Duration{0, 0, time.Second}).Draw(t, "delay"),
			perSecond: rapid.SampledFrom([]float64{0, 1, 20}).Draw(t, "perSecond"),
			badNew:    rapid.SampledFrom([]float64{0, 0, 0.01, 0.3}).Draw(t, "badNew"),
		})
	}
	if m.plan.Settle < 2*time.Second { // a settle window that is too short is a lie
		for _, a := range m.aliases {
			a.delay = 0
		}
	}
	return m
}

// disturb lets something happen, most often nothing. edits says whether people
// edit aliases.
func (m *model) disturb(t *rapid.T, edits bool) {
	a := m.aliases[rapid.IntRange(0, len(m.aliases)-1).Draw(t, "which")]
	switch rapid.IntRange(0, 60).Draw(t, "what") {
	case 0:
		m.alarms["a"] = analysis.AlarmState{State: "ALARM", Since: m.clock()}
	case 1, 2:
		m.alarms["a"] = analysis.AlarmState{State: "OK", Since: m.clock()}
	case 3:
		m.alarms["a"] = analysis.AlarmState{Problem: "AccessDenied"}
	case 4:
		m.alarms["a"] = analysis.AlarmState{State: "INSUFFICIENT_DATA", Since: m.clock()}
	case 5:
		m.alarms["a"] = analysis.AlarmState{Missing: true}
	case 6:
		a.unreadable = "Throttling"
	case 7:
		a.writeProblem = "Throttling"
	case 8, 9:
		a.unreadable, a.writeProblem, a.losesWrites, a.countsProblem = "", "", false, ""
	case 10:
		a.losesWrites = true
	case 11:
		a.countsProblem = "Throttling"
	case 12, 13, 14:
		kinds := []rollout.OrderKind{rollout.Pause, rollout.Resume, rollout.Resume, rollout.Promote, rollout.Skip, rollout.Abort, rollout.Approve, rollout.Approve}
		m.orders = append(m.orders, rollout.Order{Number: int64(len(m.orders) + 1), Kind: rapid.SampledFrom(kinds).Draw(t, "order"), By: "alice"})
	case 20, 21, 22, 23, 24, 25:
		m.answer(rapid.SampledFrom(plan.Moments).Draw(t, "moment"), rollout.Answer{
			State: rapid.SampledFrom([]rollout.CallState{rollout.CallSucceeded, rollout.CallSucceeded, rollout.CallSucceeded, rollout.CallFailed, rollout.CallPending, ""}).Draw(t, "answer"),
		})
	case 28, 29, 30:
		m.answer(plan.Trying, rollout.Answer{State: rollout.CallSucceeded, Trials: []analysis.Trial{{Output: "{}", Error: rapid.SampledFrom([]string{"", "", "", "broken"}).Draw(t, "trial")}}})
	case 26:
		m.answers, m.asked = nil, nil
	case 27:
		if len(m.asked) > 0 {
			m.orders = append(m.orders, rollout.Order{
				Number: int64(len(m.orders) + 1), Kind: rapid.SampledFrom([]rollout.OrderKind{rollout.Succeed, rollout.Fail}).Draw(t, "says"), By: "alice",
				Call: rapid.SampledFrom(m.asked).Draw(t, "call").Key,
			})
		}
	case 15:
		m.skew += time.Duration(rapid.IntRange(-3600, 3600).Draw(t, "skew")) * time.Second
	case 16:
		m.pass(time.Duration(rapid.IntRange(1, 3600).Draw(t, "away")) * time.Second)
	case 17:
		if edits {
			a.write(m.now, rollout.Routing{Stable: "7", Canary: "8", Weight: plan.Weight(rapid.IntRange(1, 99).Draw(t, "edit")) * 100})
		}
	case 18:
		if edits {
			a.write(m.now, rollout.Routing{Stable: rapid.SampledFrom([]string{"7", "8", "9"}).Draw(t, "edit")})
		}
	case 19:
		if edits {
			a.gone = !a.gone
		}
	}
}

// heal makes everything work again, so that a rollout can end.
func (m *model) heal() {
	for _, a := range m.aliases {
		a.unreadable, a.writeProblem, a.losesWrites = "", "", false
	}
}

// suffer runs a rollout in a disturbed world to its end and calls see with each
// decision, before it is carried out.
func (m *model) suffer(t *rapid.T, edits bool, see func(before rollout.Status, w rollout.World, d rollout.Decision)) rollout.Status {
	m.status = m.begin()
	for n := 0; !m.status.Phase.Ended(); n++ {
		if n > 40_000 {
			t.Fatalf("after %d looks it has not ended: %s", n, rollout.Sentence(m.plan, m.status, m.clock()))
		}
		if n < 400 {
			m.disturb(t, edits)
		} else {
			m.heal()
		}
		w := m.world()
		d := rollout.Decide(m.plan, m.status, w, m.clock())
		if see != nil {
			see(m.status, w, d)
		}
		m.carryOut(d)
		if !m.status.Phase.Ended() {
			m.wait(d)
		}
	}
	return m.status
}

func TestEveryRolloutEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		status := m.suffer(t, true, nil)
		for i, ts := range status.Targets {
			if ts.Stable == ts.Canary {
				continue // somebody had it there before the start
			}
			w := m.aliases[i].routing
			switch status.Phase {
			case rollout.Succeeded:
				if m.aliases[i].routing.Share("8") != plan.Full && !drifts(m.aliases[i], ts) {
					t.Fatalf("succeeded, but %s does %+v", m.aliases[i].name, w)
				}
			case rollout.RolledBack:
				if w.Share("8") != 0 && !drifts(m.aliases[i], ts) {
					t.Fatalf("rolled back, but %s does %+v: %s", m.aliases[i].name, w, status.Why)
				}
			case rollout.Aborted, rollout.Failed:
				if w.Share("8") != 0 && ts.Left == "" && status.Why == "" {
					t.Fatalf("%s, and %s does %+v unreported", status.Phase, m.aliases[i].name, w)
				}
			}
		}
	})
}

// drifts says whether somebody changed the alias after it was last read.
func drifts(a *modelAlias, ts rollout.TargetStatus) bool { return !a.routing.Same(ts.Seen) }

func TestTheWeightIsNeverAboveTheStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		m.suffer(t, false, func(_ rollout.Status, _ rollout.World, d rollout.Decision) {
			for _, a := range d.Actions {
				s, ok := a.(rollout.Shift)
				if !ok {
					continue
				}
				allowed := plan.Weight(0)
				if d.Status.Step >= 0 && d.Status.Phase != rollout.RollingBack {
					allowed = m.plan.Steps[d.Status.Step].Weight
				}
				if got := s.To.Share("8"); got > allowed {
					t.Fatalf("asked for %s at step %d, %s, which allows %s", got, d.Status.Step, d.Status.Phase, allowed)
				}
			}
		})
	})
}

func TestTheWeightRisesUntilItGoesBackAndNeverAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		back := false
		high := make([]plan.Weight, len(m.aliases))
		m.suffer(t, true, func(before rollout.Status, _ rollout.World, d rollout.Decision) {
			if back && d.Status.Back == "" || back && d.Status.Phase != rollout.RollingBack && !d.Status.Phase.Ended() {
				t.Fatalf("left RollingBack for %s", d.Status.Phase)
			}
			back = d.Status.Back != ""
			adopted := slices.ContainsFunc(d.Events, func(e rollout.Event) bool { return e.Kind == "drift" })
			if d.Status.Hold == rollout.HoldAtZero || adopted || m.plan.Strategy.Adaptive != nil && d.Status.Step == 0 {
				clear(high) // a person may start again, or took something away; evidence may, too
			}
			for _, a := range d.Actions {
				s, ok := a.(rollout.Shift)
				if !ok {
					continue
				}
				w := s.To.Share("8")
				switch {
				case back || d.Status.Hold == rollout.HoldAtZero:
					if w != 0 {
						t.Fatalf("asked for %s while going back", w)
					}
				case w < high[s.Target]:
					t.Fatalf("asked for %s after %s without going back", w, high[s.Target])
				default:
					high[s.Target] = w
				}
			}
		})
	})
}

func TestGoingBackIsAskedForInTheLookThatDecidesIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		m.suffer(t, false, func(before rollout.Status, _ rollout.World, d rollout.Decision) {
			if before.Phase == rollout.RollingBack || d.Status.Phase != rollout.RollingBack {
				return
			}
			var asked []int
			for _, a := range d.Actions {
				if s, ok := a.(rollout.Shift); ok {
					asked = append(asked, s.Target)
				}
			}
			given := slices.ContainsFunc(before.Targets, func(ts rollout.TargetStatus) bool { return ts.Wish.Weight > 0 })
			if given && len(asked) != len(m.aliases) && before.Hold != rollout.HoldAtZero {
				t.Fatalf("asked targets %v of %d to go back", asked, len(m.aliases))
			}
			if !slices.IsSortedFunc(asked, func(a, b int) int { return b - a }) {
				t.Fatalf("asked targets %v, want the last one first", asked)
			}
		})
	})
}

// TestUnknownNeverAdvances looks at every forward step that no person ordered.
func TestUnknownNeverAdvances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		m.suffer(t, true, func(before rollout.Status, w rollout.World, d rollout.Decision) {
			if d.Status.Step <= before.Step || before.Step < 0 {
				return // the first step has nothing to judge yet
			}
			if d.Status.Promoted || before.Skipped || len(w.Orders) > 0 && w.Orders[len(w.Orders)-1].Number > before.Orders {
				return
			}
			for _, e := range d.Events {
				if e.Kind == "drift" {
					return // adopted, by policy
				}
			}
			if v := analysis.Combine(d.Status.Findings); v != analysis.Healthy {
				t.Fatalf("went from step %d to %d although %s: %+v", before.Step, d.Status.Step, v, d.Status.Findings)
			}
		})
	})
}

// TestSomebodyElsesChangeIsNotOverwrittenSilently looks at every shift of an
// alias that shows neither what was asked for nor what was before.
func TestSomebodyElsesChangeIsNotOverwrittenSilently(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		resumed := false
		m.suffer(t, true, func(before rollout.Status, w rollout.World, d rollout.Decision) {
			for _, e := range d.Events {
				resumed = resumed || e.Kind == "order" // of whatever kind: a person acts
			}
			told := resumed || slices.ContainsFunc(d.Events, func(e rollout.Event) bool {
				return e.Kind == "drift" || e.Kind == "rollingBack" || e.Kind == "held"
			})
			for _, a := range d.Actions {
				s, ok := a.(rollout.Shift)
				if !ok || before.Phase == rollout.Pending {
					continue
				}
				ts := before.Targets[s.Target]
				seen := w.Targets[s.Target].Routing
				if w.Targets[s.Target].Problem != "" || seen.Same(ts.Wish) || seen.Same(ts.Before) {
					continue
				}
				if !told && m.now.Sub(ts.WishAt)+m.skew >= m.plan.Settle && before.Phase != rollout.RollingBack && before.Hold != rollout.HoldAtZero {
					t.Fatalf("%s showed %+v and was shifted to %+v without a word; wish %+v, before %+v, %s", m.aliases[s.Target].name, seen, s.To, ts.Wish, ts.Before, before.Phase)
				}
			}
		})
	})
}

func TestWhatIsAskedIsWaitedFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		m.suffer(t, true, func(_ rollout.Status, _ rollout.World, d rollout.Decision) {
			for _, action := range d.Actions {
				ask, ok := action.(rollout.Ask)
				if ok && !slices.ContainsFunc(d.Status.Calls, func(c rollout.Call) bool { return c.Key == ask.Call.Key && c.State == rollout.CallPending }) {
					t.Fatalf("%s is asked, and the status waits for %+v", ask.Call.Key, d.Status.Calls)
				}
			}
		})
	})
}

// TestDecideIsAFunction decides twice and looks whether its arguments changed.
func TestDecideIsAFunction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		m.suffer(t, true, func(before rollout.Status, w rollout.World, d rollout.Decision) {
			text := fmt.Sprintf("%+v", before)
			again := rollout.Decide(m.plan, before, w, m.clock())
			if !reflect.DeepEqual(d, again) {
				t.Fatalf("two decisions from the same:\n%+v\n%+v", d, again)
			}
			if now := fmt.Sprintf("%+v", before); now != text {
				t.Fatalf("the status was written to:\n%s\n%s", text, now)
			}
			b, err := json.Marshal(d.Status)
			if err != nil {
				t.Fatal(err)
			}
			var loaded rollout.Status
			if err := json.Unmarshal(b, &loaded); err != nil {
				t.Fatal(err)
			}
			if stored, _ := json.Marshal(loaded); string(stored) != string(b) {
				t.Fatalf("a status is stored and loaded differently:\n%s\n%s", b, stored)
			}
		})
	})
}

// TestEveryDecisionHasItsSentence also holds for statuses that Decide never
// makes, because a page must not fail.
func TestEveryDecisionHasItsSentence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		m.suffer(t, true, func(before rollout.Status, _ rollout.World, d rollout.Decision) {
			for _, e := range d.Events {
				if e.Text == "" || e.At != m.clock() {
					t.Fatalf("event without a sentence or time: %+v", e)
				}
			}
			if d.Status.Phase != before.Phase && len(d.Events) == 0 {
				t.Fatalf("from %s to %s without a word", before.Phase, d.Status.Phase)
			}
			if x := rollout.Explain(m.plan, d.Status, m.clock()); x.Sentence == "" {
				t.Fatalf("no explanation for %+v", d.Status)
			}
			if d.Look.IsZero() != d.Status.Phase.Ended() {
				t.Fatalf("%s: next look at %s", d.Status.Phase, d.Look)
			}
		})
	})
}

// BenchmarkDecide measures one look of one rollout at a step: 10,000 rollouts
// at one look a second each take 10,000 of them in a second.
func BenchmarkDecide(b *testing.B) {
	p, err := plan.New(plan.Spec{
		Targets: []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}},
		Linear:  "10%/1h", Alarms: []string{"a", "b"},
	})
	if err != nil {
		b.Fatal(err)
	}
	ok := analysis.AlarmState{State: "OK", Since: epoch}
	r := rollout.Routing{Stable: "7"}
	m := &model{now: epoch, plan: p, alarms: map[string]analysis.AlarmState{"a": ok, "b": ok}, aliases: []*modelAlias{
		{name: "orders:prod", stable: "7", canary: "8", routing: r, shown: r, perSecond: 100},
	}}
	status := m.begin()
	for range 100 {
		d := rollout.Decide(p, status, m.world(), m.clock())
		for _, a := range d.Actions {
			m.act(a.(rollout.Shift))
		}
		status = d.Status
		m.pass(time.Second)
	}
	w := m.world()
	b.ReportAllocs()
	for b.Loop() {
		status = rollout.Decide(p, status, w, m.clock()).Status
	}
}
