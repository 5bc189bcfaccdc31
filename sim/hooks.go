package sim

import (
	"context"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// drawHooks gives a plan hooks and probes, in some worlds.
func (w *world) drawHooks(s *plan.Spec) {
	if !w.chance(0.4) {
		return
	}
	for _, m := range plan.Moments {
		if w.chance(0.4) {
			s.Hooks.Set(m, &plan.Hook{Kind: plan.LambdaHook, Name: "check", Timeout: pick(w.rand, 20*time.Second, 2*time.Minute)})
		}
	}
	if w.chance(0.5) {
		s.Probes = []plan.VersionProbe{{Payload: "{}", Count: 1, Timeout: pick(w.rand, 20*time.Second, time.Minute)}}
	}
}

// An asked question is known to the controller that asked it, and to nobody once
// that one has died.
type asked struct {
	answer rollout.Answer
}

// Ask takes a question on its way. Its answer comes some time later, and is what
// the first answer to this question was, if there has been one.
func (a adapters) Ask(_ context.Context, c controller.HookCall) error {
	a.w.watchAsk(a.by, c)
	return a.call("ask", false, func() error {
		if a.by.asked == nil {
			a.by.asked = make(map[string]*asked)
		}
		if q := a.by.asked[c.Key]; q != nil && q.answer.State != "" {
			return nil
		}
		q := &asked{answer: rollout.Answer{State: rollout.CallPending}}
		a.by.asked[c.Key] = q
		a.w.later(a.w.between(time.Second, 30*time.Second), "an answer to "+c.Key, func() {
			truth, known := a.w.truths[c.Key]
			if !known {
				truth = pick(a.w.rand, rollout.CallSucceeded, rollout.CallSucceeded, rollout.CallSucceeded, rollout.CallFailed)
				a.w.truths[c.Key] = truth
			}
			q.answer = rollout.Answer{State: truth, Reason: "it says so"}
			if c.Probe != nil {
				trial := analysis.Trial{Output: "{}", Took: time.Second}
				if truth == rollout.CallFailed {
					trial.Error = "broken"
				}
				q.answer.Trials = []analysis.Trial{trial}
			}
		})
		return nil
	})
}

// Answer returns how a question stands.
func (a adapters) Answer(_ context.Context, c controller.HookCall) (answer rollout.Answer, err error) {
	err = a.call("answer", false, func() error {
		if q := a.by.asked[c.Key]; q != nil {
			answer = q.answer
		}
		return nil
	})
	return answer, err
}

// Fired says when an alarm last went to ALARM.
func (a adapters) Fired(_ context.Context, name string, since time.Time) (at time.Time, complete bool, err error) {
	err = a.call("history", false, func() error {
		if fired := a.w.fired[name]; fired.After(since) {
			at = fired
		}
		complete = a.w.alarms[name].Since.After(since)
		return nil
	})
	return at, complete, err
}

// watchAsk looks at a question at the moment when it is asked.
func (w *world) watchAsk(by *actor, c controller.HookCall) {
	l, ok, _ := w.store.inner.Lease(w.ctx, c.Targets[0].Alias)
	if w.setBack == 0 && (!ok || l.Owner != by.name) {
		w.breaks("S8", "%s asks %s, and %q holds the alias", by.name, c.Key, l.Owner)
	}
	rec, err := w.store.inner.Load(w.ctx, c.Rollout)
	if err != nil {
		w.breaks("save before act", "%s asks %s of a rollout that is not stored: %v", by.name, c.Key, err)
		return
	}
	saved := false
	for _, call := range rec.Status.Calls {
		saved = saved || controller.CallKey(rec.ID, call) == c.Key
	}
	if !saved {
		w.breaks("save before act", "%s asks %s, which was not saved", by.name, c.Key)
	}
	if c.Moment != plan.OnRollback || w.guided || w.faults.lag > 0 || w.faults.doubled > 0 {
		return
	}
	for _, t := range c.Targets {
		if t.OldVersion == t.NewVersion {
			continue // somebody had it there before the start
		}
		if s, err := w.find(t.Alias); err == nil && s.current().routing.Share(t.NewVersion) > 0 {
			w.breaks("S2", "%s tells of a rollback while %s does %s", by.name, s.name, s.current().routing)
		}
	}
}

// watchAsked looks at whether everything that has to be asked before traffic was,
// and said yes, at the moment when a shift gives traffic.
func (w *world) watchAsked(rec controller.Record, by *actor) {
	if w.guided {
		return // a person may have answered, or said to go on
	}
	for _, call := range rec.Status.Calls {
		if call.Moment != plan.BeforeTraffic && call.Moment != plan.Trying {
			continue
		}
		if t := rec.Status.Targets[call.Target]; call.Moment == plan.Trying && t.Stable == t.Canary {
			continue // it turned out to have the version already
		}
		if truth := w.truths[controller.CallKey(rec.ID, call)]; truth != rollout.CallSucceeded {
			w.breaks("S3", "%s gives traffic although %s %s", by.name, call.Key, truth)
		}
	}
	if rec.Plan.Hooks.BeforeTraffic == nil {
		return
	}
	for _, call := range rec.Status.Calls {
		if call.Moment == plan.BeforeTraffic {
			return
		}
	}
	w.breaks("S3", "%s gives traffic before anybody was asked", by.name)
}

// watchStep looks at whether the hook of a step that is left said yes.
func (w *world) watchStep(by *actor, rec controller.Record, b, a rollout.Status) {
	if rec.Plan.Hooks.EachStep == nil || w.guided {
		return
	}
	for _, call := range append(b.Calls, a.Calls...) {
		if call.Moment == plan.EachStep && call.Step == b.Step && w.truths[controller.CallKey(rec.ID, call)] == rollout.CallSucceeded {
			return
		}
	}
	w.breaks("S3", "%s went from step %d to %d without its hook's answer", by.name, b.Step, a.Step)
}
