package controller_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// remembering is a target that shifts nothing unless the store knows that it is
// wanted.
type remembering struct {
	*world
	store controller.Store
	fail  func(format string, args ...any)
}

func (r remembering) Shift(ctx context.Context, alias string, from, to rollout.Routing) error {
	recs, err := r.store.List(context.Background(), controller.Filter{Alias: alias, Open: true})
	if err != nil || len(recs) != 1 || recs[0].Status.Targets[0].Wish != to {
		r.fail("%s is shifted to %s, error %v; the store knows %+v", alias, to, err, recs)
	}
	return r.world.Shift(ctx, alias, from, to)
}

func TestWhateverDiesAmongManyRolloutsNothingIsActedOnThatIsNotStored(t *testing.T) {
	for _, late := range []bool{false, true} {
		for n := 1; ; n += 17 {
			name := fmt.Sprintf("call %d, late %t", n, late)
			fail := func(format string, args ...any) { t.Errorf(name+": "+format, args...) }
			w, kept := newWorld(), memstore.New()
			c := &crash{n: n, late: late}
			safe := func(cfg *controller.Config) {
				cfg.Targets = map[plan.Kind]controller.Target{plan.StateMachine: remembering{w, kept, fail}}
				cfg.SaveEvery = 2 * time.Second
			}
			ann := w.with(&faultyStore{Store: kept, before: c.before, lost: c.lost}, "ann", safe)
			p := controller.NewProcess(ann, controller.ProcessConfig{})
			plans := w.fleet(t, 3)
			c.n = 1 << 30 // they start well
			for _, plan := range plans {
				p.Add(start(t, ann, plan).ID)
			}
			c.n, w.before, w.lost = n, c.before, c.lost
			err := w.clock.Drive(t.Context(), t0.Add(5*time.Minute), 0, p)
			if (err != nil) != c.dead {
				fail("died %t, error %v", c.dead, err)
			}
			w.before, w.lost = nil, nil
			bob := controller.NewProcess(w.with(kept, "bob", safe), controller.ProcessConfig{Sweep: 5 * time.Second})
			if err := w.clock.Drive(t.Context(), w.clock.Now().Add(5*time.Minute), 0, bob); err != nil {
				fail("bob: %v", err)
			}
			for i := range plans {
				alias := arnOf(fmt.Sprintf("m-%05d", i), "prod")
				if got := w.routing(alias); got != (rollout.Routing{Stable: "2"}) {
					fail("%s does %+v in the end", alias, got)
				}
				if _, held, _ := kept.Lease(t.Context(), alias); held {
					fail("%s is still held", alias)
				}
			}
			if !c.dead {
				break // it went through without getting to the n-th call
			}
		}
	}
}

// choosy is a store that fails when it saves one rollout together with others.
type choosy struct {
	controller.Store
	not   string
	sizes []int
}

var errChoosy = errors.New("there is no room for that one")

func (s *choosy) SaveAll(ctx context.Context, savings []controller.Saving) []controller.Saved {
	s.sizes = append(s.sizes, len(savings))
	saved := make([]controller.Saved, len(savings))
	for i, one := range savings {
		if one.Record.ID == s.not {
			saved[i].Err = errChoosy
			continue
		}
		saved[i] = s.Store.SaveAll(ctx, savings[i:i+1])[0]
	}
	return saved
}

func TestNumbersAreStoredTogetherAndOneThatCannotBeIsAlone(t *testing.T) {
	w, s := newWorld(), &choosy{Store: memstore.New()}
	c := w.controller(s, "ann")
	p := controller.NewProcess(c, controller.ProcessConfig{})
	var ids []string
	for _, plan := range w.fleet(t, 4) {
		ids = append(ids, start(t, c, plan).ID)
		p.Add(ids[len(ids)-1])
	}
	if err := w.clock.Drive(t.Context(), t0.Add(20*time.Second), 0, p); err != nil {
		t.Fatal(err)
	}
	for _, n := range s.sizes {
		if n != len(ids) {
			t.Errorf("stored together: %v, want %d each time", s.sizes, len(ids))
			break
		}
	}
	if len(s.sizes) < 2 || len(s.sizes) > 4 {
		t.Errorf("stored %d times in 20 s, want about every five seconds", len(s.sizes))
	}
	s.not = ids[1]
	before := w.clock.Now()
	var failed error
	for w.clock.Now().Before(before.Add(5 * time.Second)) {
		w.clock.Set(w.clock.Now().Add(time.Second))
		failed = errors.Join(failed, p.Run(t.Context(), w.clock.Now()))
	}
	wantErr(t, "looks", failed, errChoosy)
	for _, id := range ids {
		rec, err := s.Load(t.Context(), id)
		if err != nil || rec.Status.LookedAt.After(before) != (id != s.not) {
			t.Errorf("%s was stored as of %s, error %v; it cannot be stored after %s: %t", id, rec.Status.LookedAt, err, before, id == s.not)
		}
	}
	s.not = ""
	if err := w.clock.Drive(t.Context(), t0.Add(10*time.Minute), 0, p); err != nil {
		t.Fatal(err)
	}
	if p.Drives() != 0 {
		t.Errorf("%d rollouts are still driven, want all to have ended", p.Drives())
	}
}
