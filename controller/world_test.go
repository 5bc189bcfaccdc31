package controller_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

var t0 = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// world is everything outside of a controller: aliases, alarms, executions.
type world struct {
	mu       sync.Mutex
	clock    *clock.Virtual
	aliases  map[string]rollout.Routing
	versions map[string][]controller.Version // by state machine's name
	inUse    map[string]controller.Use       // by version
	deleted  []string
	alarms   map[string]analysis.AlarmState
	fired    map[string]time.Time       // when an alarm last fired
	counts   map[string]analysis.Counts // by version
	revision string
	content  map[string]string // what would be published, by state machine's name

	hooks map[string]string // by the key of what was asked: its answer
	deaf  bool              // what is asked is forgotten
	asked []controller.HookCall

	calls map[string]int
	fail  map[string]error // by call: what it answers, until removed
	log   []string         // shifts that took effect: "a → v at w"
	// before runs before a call takes effect, with the lock free; an error is
	// the call's answer.
	before func(call string) error
	// lost runs after a shift took effect; an error is the answer all the same.
	lost func(call string) error
	// names are those of the last reading of alarms.
	names []string
}

func newWorld() *world {
	w := &world{
		clock:    clock.NewVirtual(t0),
		aliases:  map[string]rollout.Routing{},
		versions: map[string][]controller.Version{},
		inUse:    map[string]controller.Use{},
		alarms:   map[string]analysis.AlarmState{},
		counts:   map[string]analysis.Counts{},
		fired:    map[string]time.Time{},
		hooks:    map[string]string{},
		calls:    map[string]int{},
		fail:     map[string]error{},
	}
	w.machine("orders", "7", "8")
	w.aliases[arnOf("orders", "prod")] = rollout.Routing{Stable: "7"}
	w.alarms["orders-failed"] = analysis.AlarmState{State: "OK", Since: t0.Add(-time.Hour)}
	return w
}

func arnOf(machine, alias string) string {
	return "arn:aws:states:eu-west-1:123456789012:stateMachine:" + machine + ":" + alias
}

func (w *world) machine(name string, versions ...string) {
	for _, v := range versions {
		w.versions[name] = append([]controller.Version{{Number: v, Created: t0.Add(-time.Hour)}}, w.versions[name]...)
	}
}

// enter counts a call and says whether it fails.
func (w *world) enter(ctx context.Context, call string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	w.calls[call]++
	err, before := w.fail[call], w.before
	w.mu.Unlock()
	if err == nil && before != nil {
		err = before(call)
	}
	return err
}

func (w *world) Routing(ctx context.Context, alias string) (rollout.Routing, error) {
	if err := w.enter(ctx, "Routing"); err != nil {
		return rollout.Routing{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.aliases[alias]
	if !ok {
		return r, fmt.Errorf("alias %s: %w", alias, controller.ErrNotFound)
	}
	return r, nil
}

func (w *world) Shift(ctx context.Context, alias string, from, to rollout.Routing) error {
	if err := w.enter(ctx, "Shift"); err != nil {
		return err
	}
	if err := w.shift(alias, from, to); err != nil || w.lost == nil {
		return err
	}
	return w.lost("Shift")
}

func (w *world) shift(alias string, from, to rollout.Routing) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := w.aliases[alias]; !now.Same(from) && !now.Same(to) {
		return fmt.Errorf("%w: the alias does %+v", controller.ErrConflict, now)
	}
	r := to
	switch {
	case to.Canary == "" || to.Weight == 0:
		r = rollout.Routing{Stable: to.Stable}
	case to.Weight == plan.Full:
		r = rollout.Routing{Stable: to.Canary}
	}
	w.aliases[alias] = r
	w.log = append(w.log, fmt.Sprintf("%s %s", to.Weight, to.Canary))
	return nil
}

func (w *world) Versions(ctx context.Context, alias string) ([]controller.Version, error) {
	if err := w.enter(ctx, "Versions"); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	versions := slices.Clone(w.versions["orders"])
	for i := range versions {
		for _, a := range slices.Sorted(maps.Keys(w.aliases)) {
			if w.aliases[a].Share(versions[i].Number) > 0 {
				versions[i].Aliases = append(versions[i].Aliases, a[len(arnOf("orders", "")):])
			}
		}
	}
	return versions, nil
}

func (w *world) InUse(ctx context.Context, _, version string) (controller.Use, error) {
	if err := w.enter(ctx, "InUse"); err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inUse[version], nil
}

func (w *world) DeleteVersion(ctx context.Context, _, version string) error {
	if err := w.enter(ctx, "DeleteVersion"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deleted = append(w.deleted, version)
	w.versions["orders"] = slices.DeleteFunc(w.versions["orders"], func(v controller.Version) bool { return v.Number == version })
	return nil
}

func (w *world) Prove(ctx context.Context, _ string) error { return w.enter(ctx, "Prove") }

func (w *world) Command(alias string, to rollout.Routing) string {
	return "aws shift " + alias + " " + to.Stable
}

func (w *world) Resolve(ctx context.Context, t plan.Target, _ controller.Files) (controller.Resolved, error) {
	if err := w.enter(ctx, "Resolve"); err != nil {
		return controller.Resolved{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	alias := arnOf(t.Name, t.Alias)
	now, ok := w.aliases[alias]
	return controller.Resolved{Target: t, Alias: alias, Exists: ok, Now: now, Version: t.Version, Revision: w.revision, Content: w.content[t.Name]}, nil
}

func (w *world) Publish(ctx context.Context, r controller.Resolved, _ controller.Files) (controller.Published, error) {
	if err := w.enter(ctx, "Publish"); err != nil {
		return controller.Published{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Version != "" {
		return controller.Published{Canary: r.Version, Reused: true}, nil
	}
	newest, _ := strconv.Atoi(w.versions[r.Target.Name][0].Number)
	next := strconv.Itoa(newest + 1)
	w.machine(r.Target.Name, next)
	return controller.Published{Canary: next}, nil
}

func (w *world) CreateAlias(ctx context.Context, alias, version string) error {
	if err := w.enter(ctx, "CreateAlias"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.aliases[alias] = rollout.Routing{Stable: version}
	return nil
}

func (w *world) Alarms(ctx context.Context, names []string) (map[string]analysis.AlarmState, error) {
	if err := w.enter(ctx, "Alarms"); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names = slices.Clone(names)
	states := make(map[string]analysis.AlarmState)
	for _, n := range names {
		s, ok := w.alarms[n]
		if !ok {
			s = analysis.AlarmState{Missing: true}
		}
		states[n] = s
	}
	return states, nil
}

func (w *world) Fired(ctx context.Context, name string, since time.Time) (time.Time, bool, error) {
	if err := w.enter(ctx, "Fired"); err != nil {
		return time.Time{}, false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := w.fired[name]; at.After(since) {
		return at, true, nil
	}
	return time.Time{}, true, nil
}

func (w *world) Counts(ctx context.Context, _, version string, from time.Time) (analysis.Counts, error) {
	if err := w.enter(ctx, "Counts"); err != nil {
		return analysis.Counts{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.counts[version]
	c.From, c.AsOf = from, w.clock.Now()
	return c, nil
}

func (w *world) Ask(ctx context.Context, c controller.HookCall) error {
	if err := w.enter(ctx, "Ask"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, c)
	if _, known := w.hooks[c.Key]; !known && !w.deaf {
		w.hooks[c.Key] = "pending"
	}
	if w.lost == nil {
		return nil
	}
	return w.lost("Ask")
}

func (w *world) Answer(ctx context.Context, c controller.HookCall) (rollout.Answer, error) {
	if err := w.enter(ctx, "Answer"); err != nil {
		return rollout.Answer{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	state, reason, _ := strings.Cut(w.hooks[c.Key], " ")
	return rollout.Answer{State: rollout.CallState(state), Reason: reason}, nil
}

func (w *world) ProveHook(ctx context.Context, _ plan.Hook) error { return w.enter(ctx, "ProveHook") }

// answer answers every question that is open.
func (w *world) answer(text string) {
	w.set(func() {
		for key, state := range w.hooks {
			if state == "pending" {
				w.hooks[key] = text
			}
		}
	})
}

func (w *world) routing(alias string) rollout.Routing {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.aliases[alias]
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) called(call string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[call]
}

// controller returns a controller of this world.
func (w *world) controller(store controller.Store, owner string) *controller.Controller {
	return w.with(store, owner, func(*controller.Config) {})
}

func (w *world) with(store controller.Store, owner string, change func(*controller.Config)) *controller.Controller {
	n := 0
	cfg := controller.Config{
		Store:      store,
		Targets:    map[plan.Kind]controller.Target{plan.StateMachine: w},
		Publishers: map[plan.Kind]controller.Publisher{plan.StateMachine: w},
		Counters:   map[plan.Kind]controller.Counter{plan.StateMachine: w},
		Monitor:    w,
		Hooks:      map[plan.HookKind]controller.Hook{plan.LambdaHook: w},
		Clock:      w.clock,
		Owner:      owner,
		NewID: func() string {
			n++
			return fmt.Sprintf("r-%s-%d", owner, n)
		},
	}
	change(&cfg)
	return controller.New(cfg)
}

// canary is a plan that takes orders:prod to a version by way of 10 %.
func canary(t testing.TB, version string, change ...func(*plan.Spec)) plan.Plan {
	t.Helper()
	spec := plan.Spec{
		Targets: []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod", Version: version}},
		Canary:  "10%/1m", Soak: "30s", Look: "5s", Settle: "2s", Deadline: "10m", UnknownFor: "2m",
		Alarms: []string{"orders-failed"}, NoDefaultChecks: true,
	}
	for _, c := range change {
		c(&spec)
	}
	p, err := plan.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start starts a rollout that must be accepted.
func start(t testing.TB, c *controller.Controller, p plan.Plan) controller.Record {
	t.Helper()
	rec, err := c.Start(t.Context(), p, nil)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return rec
}

// drive looks at a rollout whenever it is due until it ends or until is over.
func (w *world) drive(t testing.TB, c *controller.Controller, id string, until time.Duration) rollout.Status {
	t.Helper()
	end := w.clock.Now().Add(until)
	for {
		d, err := c.Reconcile(t.Context(), id)
		if err != nil {
			t.Fatalf("look at %s: %v", w.clock.Now().Sub(t0), err)
		}
		if d.Status.Phase.Ended() || d.Look.After(end) {
			w.clock.Set(end)
			return d.Status
		}
		if !d.Look.After(w.clock.Now()) {
			t.Fatalf("at %s the next look is not later", w.clock.Now().Sub(t0))
		}
		w.clock.Set(d.Look)
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func wantPhase(t testing.TB, s rollout.Status, want rollout.Phase) {
	t.Helper()
	if s.Phase != want {
		t.Errorf("phase is %s (%s), want %s", s.Phase, s.Why, want)
	}
}

func (w *world) wantRouting(t testing.TB, want rollout.Routing) {
	t.Helper()
	if got := w.routing(arnOf("orders", "prod")); got != want {
		t.Errorf("the alias does %+v, want %+v", got, want)
	}
}

func events(t testing.TB, s controller.Store, id string) []controller.NumberedEvent {
	t.Helper()
	list, err := s.Events(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func countKind(events []controller.NumberedEvent, kind string) int {
	n := 0
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

var _ controller.Store = (*memstore.Store)(nil)
