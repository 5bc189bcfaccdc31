package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A world is everything there is: services, alarms, people, controllers, time.
type world struct {
	ctx    context.Context
	rand   *rand.Rand
	faults profile
	now    time.Time
	skew   time.Duration // what the controllers' clock is ahead

	services []*service
	alarms   map[string]analysis.AlarmState
	fired    map[string]time.Time         // when an alarm last went to ALARM
	truths   map[string]rollout.CallState // what was first answered, by the question's key
	outages  map[string]time.Time         // adapters that fail until then
	next     map[string][]error           // what the next calls come to; nil: nothing special
	store    shared
	plan     plan.Plan

	events  []event // what will happen, earliest first
	actors  []*actor
	running []*actor // whose calls are under way, the outermost first
	born    int
	ids     int

	rollouts []string             // IDs in the order of their starts
	endedAt  map[string]time.Time // by ID
	refused  string
	looks    int
	crashes  int
	slowest  time.Duration // that a call may have been
	jumped   bool          // the clock was set
	setBack  time.Duration // by how much it was set back in all
	guided   bool          // a person ordered or edited something
	alone    bool          // nothing but a comparison condemns
	compared []Compared
	firstAt  time.Time

	keepStory bool
	story     strings.Builder
	broken    []string
}

// An event is something that happens at a time.
type event struct {
	at   time.Time
	what string
	do   func()
}

// An actor is a controller with its loop.
type actor struct {
	name    string
	c       *controller.Controller
	process *controller.Process

	asked         map[string]*asked              // by the question's key
	alarms        map[string]analysis.AlarmState // as last answered
	alarmsProblem bool
	untold        map[string]bool // aliases of which the last question for stretches had no answer
}

// crashed is what a controller dies of.
type crashed struct{ a *actor }

// simClock is the controllers' clock.
type simClock struct{ w *world }

func (c simClock) Now() time.Time { return c.w.clock() }

func (c simClock) After(time.Duration) <-chan time.Time {
	panic("sim: nothing may wait for the clock in virtual time")
}

func (w *world) clock() time.Time { return w.now.Add(w.skew) }

const (
	lease    = 30 * time.Second
	kindTime = 4 * time.Minute  // after that nothing goes wrong any more
	patience = 90 * time.Minute // after that everything must have ended
)

func newWorld(o Options) *world {
	r := rand.New(rand.NewPCG(o.Seed, 0x9e3779b97f4a7c15))
	w := &world{
		ctx: context.Background(), rand: r, now: epoch, keepStory: o.Story,
		alarms: map[string]analysis.AlarmState{"errors": {State: "OK", Since: epoch.Add(-time.Hour)}},
		fired:  map[string]time.Time{}, truths: map[string]rollout.CallState{},
		outages: map[string]time.Time{}, next: map[string][]error{},
		store: shared{memstore.New()}, endedAt: map[string]time.Time{},
	}
	for i := range 1 + r.IntN(5)/4 { // two aliases in a fifth of the worlds
		w.services = append(w.services, w.drawService(i))
	}
	w.plan = w.drawPlan()
	if errors, durations := analysis.Compares(w.plan); errors || durations {
		for i, s := range w.services {
			s.traffic = w.drawTraffic(s, o.Seed<<4+uint64(i))
		}
	}
	return w
}

func (w *world) drawService(i int) *service {
	s := &service{
		w: w, kind: pick(w.rand, plan.StateMachine, plan.Lambda), name: fmt.Sprintf("orders%d", i), alias: "prod", changed: true, counted: epoch, gone: w.chance(0.04),
		perSecond: pick(w.rand, 0, 5, 20.0), bad: map[string]float64{}, ended: map[string]float64{}, failed: map[string]float64{},
	}
	s.arn = "arn:aws:states:eu-west-1:111122223333:stateMachine:" + s.name + ":prod"
	if s.kind == plan.Lambda {
		s.arn = "arn:aws:lambda:eu-west-1:111122223333:function:" + s.name + ":prod"
	}
	for v := 1; v <= 5; v++ {
		s.versions = append(s.versions, version{number: fmt.Sprint(v), executing: w.chance(0.3)})
	}
	s.bad["6"] = pick(w.rand, 0, 0, 0, 0.02, 0.5)
	s.writes = []write{{at: epoch.Add(-time.Hour), routing: rollout.Routing{Stable: "5"}}}
	for _, v := range []string{"2", "3", "5"} { // what earlier rollouts left
		if w.chance(0.7) {
			_ = w.store.inner.Note(w.ctx, controller.LedgerEntry{Alias: s.arn, Version: v, State: rollout.Verified, At: epoch.Add(-time.Hour), Why: "earlier"})
		}
	}
	return s
}

func (w *world) drawPlan() plan.Plan {
	s := plan.Spec{
		Settle:      "5s",
		Look:        pick(w.rand, "3s", "10s", "15s"),
		Soak:        pick(w.rand, "0", "30s", "1m"),
		Deadline:    pick(w.rand, "5m", "8m"),
		UnknownFor:  pick(w.rand, "30s", "3m"),
		OnUnhealthy: pick(w.rand, "", "", "", "hold", "hold-at-0"),
		OnUnknown:   pick(w.rand, "", "rollback", "hold-at-0"),
		OnDrift:     pick(w.rand, "", "", "adopt", "overwrite"),
		Alarms:      []string{"errors"},
	}
	switch {
	case w.chance(0.5):
		s.NoDefaultChecks = true
	case w.chance(0.9): // the others compare by default
		s.MaxFailures = "5%/20"
	}
	compares := w.chance(0.12)
	if compares {
		s.MaxFailures = ""
		s.Compare = pick(w.rand, []string{"errors"}, []string{"duration"}, []string{"errors", "duration"}, []string{"errors", "duration"})
		s.Deadline = pick(w.rand, "6m", "12m")
	}
	switch strategy := w.rand.IntN(5); {
	case strategy == 0:
		s.Canary = "10%/30s"
	case strategy == 1:
		s.Linear = "25%/20s"
	case strategy == 2:
		s.Exponential = "5%x4/15s"
	case strategy == 3:
		s.Steps = "5%/10s,20%,50%/15s/approve"
	case compares: // everything at once leaves nothing to compare with
		s.Adaptive, s.Look = plan.DefaultBudget, pick(w.rand, "1s", "3s", "10s")
	default:
		s.AllAtOnce = true
	}
	if w.chance(0.5) {
		s.KeepVersions, s.KeepVerified = new(2+w.rand.IntN(2)), new(1+w.rand.IntN(2))
	}
	for _, service := range w.services {
		s.Targets = append(s.Targets, plan.Target{Kind: service.kind, Name: service.name, Alias: "prod"})
	}
	w.drawHooks(&s)
	p, err := plan.New(s)
	if err != nil {
		panic("sim: " + err.Error())
	}
	if errors, durations := analysis.Compares(p); errors || durations {
		p.Alpha, p.OnSharedIncident = pick(w.rand, plan.DefaultAlpha, 0.1), pick(w.rand, plan.Hold, plan.Hold, plan.RollBack)
	}
	if a := p.Strategy.Adaptive; a != nil { // the same in less time
		a.Pace, a.Patience, a.Watch, a.AtTop = 40*time.Second, 2*time.Minute, pick(w.rand, 2*time.Minute, 5*time.Minute), 30*time.Second
		p.Steps[0].For = a.Watch
	}
	return p
}

// run lets the world live.
func (w *world) run() {
	w.now = epoch.Add(w.between(0, 59*time.Second))
	first := w.spawn()
	if w.chance(0.1) {
		w.faults = drawProfile(w.rand) // from the very start
	}
	w.guard(first, func() {
		rec, err := first.c.Start(w.ctx, w.plan, adapters{w: w, by: first})
		if err != nil {
			w.refused = err.Error()
			w.tell("not started: %v", err)
			return
		}
		first.process.Add(rec.ID)
	})
	if len(w.rollouts) == 0 {
		w.watchRefused()
		return
	}
	w.faults = drawProfile(w.rand)
	w.slowest = w.faults.slow
	w.alone = w.faults.alarms == 0 && w.faults.orders == 0 && w.plan.Hooks == plan.Hooks{} && !slices.ContainsFunc(w.plan.Checks, func(c plan.Check) bool { return c.Probe != nil || c.Rate != nil })
	w.unkind()
	for range w.faults.controllers - 1 {
		w.spawn()
	}
	w.until(epoch.Add(patience), w.allEnded)
	w.until(w.now.Add(w.setBack), w.allEnded)                     // times that were noted before are that much later now
	w.until(w.now.Add(time.Minute), func() bool { return false }) // what is late arrives
	w.watchEnd()
}

// unkind plans what will happen, and the end of all that.
func (w *world) unkind() {
	at := func() time.Duration { return w.between(0, kindTime) }
	for range w.faults.alarms {
		state := pick(w.rand, "ALARM", "OK", "OK", "INSUFFICIENT_DATA", "unreadable", "missing")
		w.later(at(), "alarm errors "+state, func() {
			a := analysis.AlarmState{State: state, Since: w.now}
			switch state {
			case "unreadable":
				a = analysis.AlarmState{Problem: "AccessDenied"}
			case "missing":
				a = analysis.AlarmState{Missing: true}
			case "ALARM":
				w.fired["errors"] = w.now
			}
			w.alarms["errors"] = a
		})
	}
	for range w.faults.orders {
		kind := pick(w.rand, rollout.Pause, rollout.Resume, rollout.Promote, rollout.Skip, rollout.Abort, rollout.Revert, rollout.Approve)
		w.later(at(), "order "+string(kind), func() {
			w.guided = true
			_, _ = w.store.inner.Order(w.ctx, w.rollouts[0], rollout.Order{Kind: kind, By: "alice", Reason: "because", At: w.clock()})
		})
	}
	for range w.faults.edits {
		s := pick(w.rand, w.services...)
		r := pick(w.rand, rollout.Routing{Stable: "5"}, rollout.Routing{Stable: "4"}, rollout.Routing{Stable: "6"},
			rollout.Routing{Stable: "5", Canary: "6", Weight: plan.Weight(w.rand.IntN(99)+1) * 100})
		w.later(at(), "somebody edits "+s.name+" to "+r.String(), func() {
			w.guided = true
			s.put(r, true)
		})
	}
	for range w.faults.clockJumps {
		by := time.Duration(w.rand.IntN(7200)-3600) * time.Second
		w.later(at(), fmt.Sprintf("the clock is set by %s", by), func() {
			w.jumped = true
			w.skew += by
			w.setBack += max(0, -by)
		})
	}
	for range w.faults.outages {
		name, long := pick(w.rand, "read", "write", "alarms", "counts", "ask", "answer", "history", "past", "stretches"), w.between(time.Second, 90*time.Second)
		w.later(at(), fmt.Sprintf("%s is out for %s", name, long), func() { w.outages[name] = w.now.Add(long) })
	}
	if w.chance(0.2) {
		w.later(at(), "somebody starts a second rollout", w.startAnother)
	}
	w.later(kindTime, "nothing goes wrong any more", func() {
		lag := w.faults.lag
		w.faults = profile{slow: 20 * time.Millisecond, lag: lag, controllers: 1}
		clear(w.outages)
		if len(w.actors) == 0 {
			w.spawn()
		}
	})
}

// startAnother tries to release on the aliases of the rollout that runs.
func (w *world) startAnother() {
	if len(w.actors) == 0 {
		return
	}
	a := pick(w.rand, w.actors...)
	if slices.Contains(w.running, a) {
		return
	}
	open := !w.allEnded()
	w.guard(a, func() {
		for _, s := range w.services {
			s.change()
		}
		rec, err := a.c.Start(w.ctx, w.plan, adapters{w: w, by: a})
		w.tell("%s: a second start: %v", a.name, err)
		if err != nil {
			return
		}
		if open && !w.ended(w.rollouts[0]) {
			w.breaks("S8", "a second rollout began while %s was open", w.rollouts[0])
		}
		a.process.Add(rec.ID)
	})
}

// spawn makes a controller.
func (w *world) spawn() *actor {
	w.born++
	a := &actor{name: fmt.Sprintf("c%d", w.born)}
	ports := adapters{w: w, by: a}
	a.c = controller.New(controller.Config{
		Store:      flaky{w, a, w.store.inner},
		Targets:    map[plan.Kind]controller.Target{plan.StateMachine: ports, plan.Lambda: ports},
		Publishers: map[plan.Kind]controller.Publisher{plan.StateMachine: ports, plan.Lambda: ports},
		Counters:   map[plan.Kind]controller.Counter{plan.StateMachine: ports, plan.Lambda: ports},
		Monitor:    ports,
		Comparers:  map[plan.Kind]controller.Comparer{plan.StateMachine: ports, plan.Lambda: ports},
		Hooks:      map[plan.HookKind]controller.Hook{plan.LambdaHook: ports},
		Probers:    map[plan.Kind]controller.Hook{plan.StateMachine: ports, plan.Lambda: ports},
		Clock:      simClock{w},
		Owner:      a.name,
		NewID:      func() string { w.ids++; return fmt.Sprintf("r-%d", w.ids) },
		Draw:       w.rand.Float64,
		Lease:      lease, CallTimeout: callTimeout,
	})
	a.process = controller.NewProcess(a.c, controller.ProcessConfig{Sweep: 10 * time.Second, Poll: 10 * time.Second})
	w.actors = append(w.actors, a)
	w.tell("%s begins", a.name)
	return a
}

// later plans something.
func (w *world) later(d time.Duration, what string, do func()) {
	e := event{at: w.now.Add(d), what: what, do: do}
	i, _ := slices.BinarySearchFunc(w.events, e, func(a, b event) int {
		if a.at.After(b.at) {
			return 1
		}
		return -1 // after those at the same time
	})
	w.events = slices.Insert(w.events, i, e)
}

// pass lets time pass inside a call; what is due meanwhile happens, as far as
// it is not in the middle of a call itself.
func (w *world) pass(d time.Duration) {
	end := w.now.Add(d)
	for w.step(end) {
	}
	if w.now.Before(end) {
		w.now = end
	}
}

// until lets time pass until a time, or until done says that it is enough.
func (w *world) until(end time.Time, done func() bool) {
	for !done() && w.step(end) {
	}
	if !done() && w.now.Before(end) {
		w.now = end
	}
}

// step lets the next thing happen, if it happens by end.
func (w *world) step(end time.Time) bool {
	var next *actor
	var at time.Time
	if len(w.running) < 2 {
		for _, a := range w.actors {
			if slices.Contains(w.running, a) {
				continue
			}
			if t, ok := a.process.Next(); ok {
				if t = t.Add(-w.skew); next == nil || t.Before(at) {
					next, at = a, t
				}
			}
		}
	}
	if len(w.events) > 0 && (next == nil || !w.events[0].at.After(at)) {
		e := w.events[0]
		if e.at.After(end) {
			return false
		}
		w.events = w.events[1:]
		w.advance(e.at)
		w.tell("* %s", e.what)
		e.do()
		return true
	}
	if next == nil || at.After(end) {
		return false
	}
	w.advance(at)
	w.looks++
	if w.looks > 100_000 {
		w.breaks("S7", "100,000 looks")
		w.actors = nil
		return false
	}
	w.guard(next, func() {
		if err := next.process.Run(w.ctx, w.clock()); err != nil {
			w.tell("%s: %v", next.name, err)
		}
	})
	return true
}

func (w *world) advance(to time.Time) {
	if to.After(w.now) {
		w.now = to
	}
}

// guard runs what an actor does, which may end in its death.
func (w *world) guard(a *actor, do func()) {
	w.running = append(w.running, a)
	defer func() {
		w.running = w.running[:len(w.running)-1]
		switch dead := recover().(type) {
		case nil:
		case crashed:
			w.crashes++
			w.actors = slices.DeleteFunc(w.actors, func(o *actor) bool { return o == dead.a })
			if len(w.actors) == 0 {
				w.later(w.between(0, 2*time.Minute), "somebody starts a controller again", func() { w.spawn() })
			}
		default:
			panic(dead)
		}
	}()
	do()
}

// mayCrash kills the actor here, sometimes.
func (w *world) mayCrash(a *actor, where string) {
	if w.chance(w.faults.crash) {
		w.tell("%s dies: %s", a.name, where)
		panic(crashed{a})
	}
}

// outage says whether an adapter is out of order.
func (w *world) outage(name string) bool { return w.now.Before(w.outages[name]) }

func (w *world) ended(id string) bool { return !w.endedAt[id].IsZero() }

func (w *world) allEnded() bool {
	for _, id := range w.rollouts {
		if !w.ended(id) {
			return false
		}
	}
	return len(w.events) == 0
}
