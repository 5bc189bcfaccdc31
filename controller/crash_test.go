package controller_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

var errCrash = errors.New("the process died")

// crash makes every call from the n-th on fail, as nothing is called any more
// after a process died. With late, the n-th call still takes effect, but nobody
// gets its answer.
type crash struct {
	n    int
	late bool
	dead bool
}

func (c *crash) before(string) error {
	if c.dead {
		return errCrash
	}
	if c.n--; c.n > 0 {
		return nil
	}
	c.dead = true
	if c.late {
		return nil
	}
	return errCrash
}

func (c *crash) lost(string) error {
	if c.dead {
		return errCrash
	}
	return nil
}

func TestWhateverDiesBetweenAnyTwoCallsTheAliasEndsOwned(t *testing.T) {
	for _, alarm := range []time.Duration{0, 20 * time.Second, 80 * time.Second} {
		for _, late := range []bool{false, true} {
			for _, hooks := range []bool{false, true} {
				for n := 1; ; n++ {
					name := fmt.Sprintf("alarm after %s, call %d, late %t, hooks %t", alarm, n, late, hooks)
					c := &crash{n: n, late: late}
					if !crashAndResume(t, name, c, alarm, hooks) {
						break // it went through without getting to the n-th call
					}
				}
			}
		}
	}
}

// crashAndResume runs a rollout that dies, and goes on with it in another
// process. It says whether it died.
func crashAndResume(t *testing.T, name string, c *crash, alarm time.Duration, hooks bool) bool {
	w, kept := newWorld(), memstore.New()
	ann := w.controller(&faultyStore{Store: kept, before: c.before, lost: c.lost}, "ann")
	w.before, w.lost = c.before, c.lost
	fire := func() {
		w.answer("succeeded")
		if alarm > 0 && w.clock.Now().Sub(t0) >= alarm {
			w.set(func() { w.alarms["orders-failed"] = analysis.AlarmState{State: "ALARM", Since: t0.Add(alarm)} })
		}
	}
	rec, err := ann.Start(t.Context(), canary(t, "8", func(s *plan.Spec) {
		for _, m := range plan.Moments {
			if hooks {
				s.Hooks.Set(m, &plan.Hook{Kind: plan.LambdaHook, Name: "check", Timeout: time.Minute})
			}
		}
	}), nil)
	for err == nil {
		var d rollout.Decision
		fire()
		if d, err = ann.Reconcile(t.Context(), rec.ID); err == nil && d.Status.Phase.Ended() {
			break
		}
		w.clock.Set(w.clock.Now().Add(5 * time.Second))
		if w.clock.Now().Sub(t0) > time.Hour {
			t.Fatalf("%s: no end", name)
		}
	}
	died := c.dead
	w.before, w.lost = nil, nil
	bob := w.controller(kept, "bob")
	w.clock.Set(w.clock.Now().Add(31 * time.Second))
	open, err := bob.Unattended(context.Background())
	if err != nil || len(open) > 1 {
		t.Fatalf("%s: unattended %v, error %v", name, open, err)
	}
	for _, id := range open {
		for {
			fire()
			d, err := bob.Reconcile(t.Context(), id)
			if err != nil {
				t.Fatalf("%s: bob: %v", name, err)
			}
			if d.Status.Phase.Ended() {
				break
			}
			w.clock.Set(w.clock.Now().Add(5 * time.Second))
			if w.clock.Now().Sub(t0) > time.Hour {
				t.Fatalf("%s: bob finds no end: %+v", name, d.Status)
			}
		}
	}
	got := w.routing(arnOf("orders", "prod"))
	if got.Canary != "" || alarm > 0 && alarm < 20*time.Second && got.Stable != "7" {
		t.Errorf("%s: the alias does %+v after the end", name, got)
	}
	if _, held, _ := kept.Lease(context.Background(), arnOf("orders", "prod")); held {
		t.Errorf("%s: the alias is still held", name)
	}
	keys := map[plan.Moment]string{}
	for _, a := range w.asked {
		if before, ok := keys[a.Moment]; ok && before != a.Key {
			t.Errorf("%s: the hook %s was asked as %s and again as %s", name, a.Moment, before, a.Key)
		}
		keys[a.Moment] = a.Key
	}
	return died
}
