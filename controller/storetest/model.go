package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

// model says in the simplest way what a store must remember of leases,
// revisions, orders and events.
type model struct {
	rollouts map[string]*modelRollout
	aliases  map[string]*modelAlias
}

type modelRollout struct {
	aliases  []string
	revision int64
	ended    bool
	events   int
	orders   int64
	followed int64
}

type modelAlias struct {
	bound, owner string
	until        time.Time
	token        int64 // the store's, as last granted
}

var (
	modelAliases = []string{"a:1", "a:2", "a:3"}
	modelOwners  = []string{"ann", "bob"}
)

// agreesWithModel runs random histories against a store and the model.
func agreesWithModel(open func(testing.TB) controller.Store) func(*testing.T, controller.Store) {
	return func(t *testing.T, _ controller.Store) {
		rapid.Check(t, func(rt *rapid.T) {
			r := &run{
				T: rt, store: open(t), now: t0,
				model:  model{rollouts: map[string]*modelRollout{}, aliases: map[string]*modelAlias{}},
				leases: map[string][]controller.Lease{},
			}
			for _, a := range modelAliases {
				r.model.aliases[a] = &modelAlias{}
			}
			rt.Repeat(map[string]func(*rapid.T){
				"create":  r.create,
				"save":    r.save,
				"acquire": r.acquire,
				"release": r.release,
				"order":   r.order,
				"wait":    r.wait,
				"":        r.check,
			})
		})
	}
}

// run is one random history.
type run struct {
	*rapid.T
	store  controller.Store
	model  model
	now    time.Time
	ids    []string
	leases map[string][]controller.Lease // by owner and rollout: what was granted last
}

func (r *run) id(t *rapid.T) string {
	if len(r.ids) == 0 {
		t.Skip("no rollout yet")
	}
	return rapid.SampledFrom(r.ids).Draw(t, "rollout")
}

func (r *run) create(t *rapid.T) {
	owner := rapid.SampledFrom(modelOwners).Draw(t, "owner")
	aliases := rapid.SliceOfNDistinct(rapid.SampledFrom(modelAliases), 1, 2, rapid.ID).Draw(t, "aliases")
	id := fmt.Sprintf("r-%d", len(r.ids)+1)
	rec := Record(id, owner, aliases...)
	rec.Created = r.now
	until := r.now.Add(time.Minute)
	leases, err := r.store.Create(t.Context(), rec, until, []rollout.Event{{Text: "created"}})
	bound := slices.ContainsFunc(aliases, func(a string) bool { return r.model.aliases[a].bound != "" })
	if bound != errors.Is(err, controller.ErrLeased) || !bound && err != nil {
		t.Fatalf("create on %v: got %v, alias bound: %t", aliases, err, bound)
	}
	if bound {
		return
	}
	r.ids = append(r.ids, id)
	r.model.rollouts[id] = &modelRollout{aliases: aliases, revision: 1, events: 1}
	for i, a := range aliases {
		r.grant(t, a, id, owner, until, leases[i], false)
	}
	r.leases[owner+id] = leases
}

// grant checks a granted lease against the model and notes it.
func (r *run) grant(t *rapid.T, alias, id, owner string, until time.Time, got controller.Lease, renewed bool) {
	m := r.model.aliases[alias]
	if got.Alias != alias || got.Owner != owner || got.Rollout != id || !got.Until.Equal(until) {
		t.Fatalf("granted %+v, want %s for %s to %s until %s", got, alias, id, owner, until)
	}
	if renewed && got.Token != m.token || !renewed && got.Token <= m.token {
		t.Fatalf("token of %s is %d after %d, renewed: %t", alias, got.Token, m.token, renewed)
	}
	*m = modelAlias{bound: id, owner: owner, until: until, token: got.Token}
}

func (r *run) save(t *rapid.T) {
	id := r.id(t)
	owner := rapid.SampledFrom(modelOwners).Draw(t, "owner")
	m := r.model.rollouts[id]
	rec, err := r.store.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	stale := rapid.IntRange(0, 4).Draw(t, "stale") == 0
	if stale {
		rec.Revision--
	}
	end := rapid.IntRange(0, 4).Draw(t, "end") == 0
	if end {
		rec.Status.Phase = rollout.Aborted
	}
	rec.Status.Orders = m.orders
	leases := r.leases[owner+id]
	_, err = r.store.Save(t.Context(), rec, leases, []rollout.Event{{Text: "saved"}}, nil)
	fine := !stale && !m.ended && len(leases) == len(m.aliases)
	for _, l := range leases {
		fine = fine && l.Token == r.model.aliases[l.Alias].token && r.model.aliases[l.Alias].bound == id
	}
	if fine != (err == nil) || err != nil && !errors.Is(err, controller.ErrConflict) {
		t.Fatalf("save %s by %s: got %v, want success: %t", id, owner, err, fine)
	}
	if !fine {
		return
	}
	m.revision++
	m.events++
	m.followed = m.orders
	if m.ended = end; end {
		for _, a := range m.aliases {
			*r.model.aliases[a] = modelAlias{token: r.model.aliases[a].token}
		}
	}
}

func (r *run) acquire(t *rapid.T) {
	id := r.id(t)
	owner := rapid.SampledFrom(modelOwners).Draw(t, "owner")
	m := r.model.rollouts[id]
	until := r.now.Add(time.Minute)
	leases, err := r.store.Acquire(t.Context(), id, owner, r.now, until)
	var want error
	for _, a := range m.aliases {
		if l := r.model.aliases[a]; l.owner != owner && l.owner != "" && r.now.Before(l.until) {
			want = controller.ErrLeased
		}
	}
	if m.ended {
		want = controller.ErrEnded
	}
	if !errors.Is(err, want) {
		t.Fatalf("acquire %s by %s: got %v, want %v", id, owner, err, want)
	}
	if want != nil {
		return
	}
	for i, a := range m.aliases {
		r.grant(t, a, id, owner, until, leases[i], r.model.aliases[a].owner == owner)
	}
	r.leases[owner+id] = leases
}

func (r *run) release(t *rapid.T) {
	id := r.id(t)
	owner := rapid.SampledFrom(modelOwners).Draw(t, "owner")
	leases := r.leases[owner+id]
	if err := r.store.Release(t.Context(), leases); err != nil {
		t.Fatalf("release: %v", err)
	}
	for _, l := range leases {
		if m := r.model.aliases[l.Alias]; m.bound == id && m.token == l.Token {
			m.owner, m.until = "", time.Time{}
			stored, _, err := r.store.Lease(t.Context(), l.Alias)
			if err != nil || stored.Token < m.token {
				t.Fatalf("released lease %+v, error %v; the token must not shrink", stored, err)
			}
			m.token = stored.Token
		}
	}
}

func (r *run) order(t *rapid.T) {
	id := r.id(t)
	m := r.model.rollouts[id]
	n, err := r.store.Order(t.Context(), id, rollout.Order{Kind: rollout.Pause, At: r.now})
	if m.ended {
		if !errors.Is(err, controller.ErrEnded) {
			t.Fatalf("order to an ended rollout: got %v, want %v", err, controller.ErrEnded)
		}
		return
	}
	m.orders++
	if err != nil || n != m.orders {
		t.Fatalf("order: number %d, error %v; want %d", n, err, m.orders)
	}
}

func (r *run) wait(t *rapid.T) {
	r.now = r.now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
}

// check compares what can be read with the model.
func (r *run) check(t *rapid.T) {
	var ordered []string
	for id, m := range r.model.rollouts {
		rec, err := r.store.Load(t.Context(), id)
		if err != nil || rec.Revision != m.revision || rec.Status.Phase.Ended() != m.ended {
			t.Fatalf("%s: revision %d, phase %s, error %v; want revision %d, ended %t", id, rec.Revision, rec.Status.Phase, err, m.revision, m.ended)
		}
		events, err := r.store.Events(t.Context(), id, 0)
		if err != nil || len(events) != m.events {
			t.Fatalf("%s: %d events, error %v; want %d", id, len(events), err, m.events)
		}
		if m.orders > m.followed && !m.ended {
			ordered = append(ordered, id)
		}
	}
	got, err := r.store.Ordered(t.Context())
	slices.Sort(got)
	slices.Sort(ordered)
	if err != nil || !slices.Equal(got, ordered) {
		t.Fatalf("ordered: %v, error %v; want %v", got, err, ordered)
	}
	for alias, m := range r.model.aliases {
		l, ok, err := r.store.Lease(t.Context(), alias)
		if err != nil || ok != (m.bound != "") || l.Owner != m.owner || l.Rollout != m.bound || !l.Until.Equal(m.until) {
			t.Fatalf("lease of %s: %+v, ok %t, error %v; want %+v", alias, l, ok, err, *m)
		}
	}
}
