package controller

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Config is what a controller is made of. Store, Targets, Clock, Owner and
// NewID are needed; Publishers are needed to start rollouts.
type Config struct {
	Store      Store
	Targets    map[plan.Kind]Target
	Publishers map[plan.Kind]Publisher
	Counters   map[plan.Kind]Counter // a kind without one is not counted
	// Comparers tell what both versions did; what a plan compares of a kind
	// without one has trouble.
	Comparers map[plan.Kind]Comparer
	Monitor   Monitor // nil: every alarm is unreadable
	Metrics   Metrics // nil: every metric is unreadable
	Prober    Prober  // nil: every address is unreadable
	Hooks     map[plan.HookKind]Hook
	Probers   map[plan.Kind]Hook // try versions out: their answers have Trials

	// Clock shows the time, best that of the services, by which they count.
	Clock clock.Clock
	// ServiceTime says how well Clock does; nil: it is the services' own.
	ServiceTime ServiceTime
	// Owner is who this controller is for people and for other controllers:
	// user@host pid. No two that run at once may have the same.
	Owner string
	// NewID returns a new rollout ID each time: r-….
	NewID func() string
	// Draw returns a number in [0, 1) each time, which spreads retries. Nil:
	// retries are not spread.
	Draw func() float64
	Log  *slog.Logger // nil: silent

	// Lease is how long a lease lasts without being renewed, and so how long a
	// rollout of a dead owner waits at most for the next one. Zero: 30 s.
	Lease time.Duration
	// CallTimeout bounds each call of an adapter that a look makes. Zero: 5 s.
	CallTimeout time.Duration
	// PublishTimeout bounds publishing a version, which may upload something.
	// Zero: one minute.
	PublishTimeout time.Duration
	// SaveEvery is how old the stored record may become while looks bring
	// nothing but new numbers. What is decided is always saved at once. Zero:
	// 5 s.
	SaveEvery time.Duration
	// DropRedrivable lets pruning take versions whose executions have ended
	// but could be redriven.
	DropRedrivable bool

	// Decide is [rollout.Decide] unless a test needs another one.
	Decide func(plan.Plan, rollout.Status, rollout.World, time.Time) rollout.Decision
}

// A Controller carries rollouts out. Its methods are safe for concurrent use;
// looks at the same rollout wait for each other.
type Controller struct {
	cfg  Config
	mu   sync.Mutex
	held map[string]*held
	news *news
}

// New returns a controller that is made of cfg. It does nothing by itself: see
// [Controller.Start], [Controller.Reconcile] and [Process].
func New(cfg Config) *Controller {
	switch {
	case cfg.Store == nil, cfg.Clock == nil, cfg.NewID == nil, cfg.Owner == "":
		panic("controller: a Config needs Store, Clock, NewID and Owner")
	}
	if cfg.Draw == nil {
		cfg.Draw = func() float64 { return 0.5 }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Lease == 0 {
		cfg.Lease = 30 * time.Second
	}
	if cfg.CallTimeout == 0 {
		cfg.CallTimeout = 5 * time.Second
	}
	if cfg.PublishTimeout == 0 {
		cfg.PublishTimeout = time.Minute
	}
	if cfg.SaveEvery == 0 {
		cfg.SaveEvery = 5 * time.Second
	}
	if cfg.Decide == nil {
		cfg.Decide = rollout.Decide
	}
	return &Controller{cfg: cfg, held: make(map[string]*held), news: newNews()}
}

// Owner returns who this controller is.
func (c *Controller) Owner() string { return c.cfg.Owner }

// Store returns where the controller remembers rollouts.
func (c *Controller) Store() Store { return c.cfg.Store }

// held is what a controller knows of a rollout that it holds the leases of. As
// nobody else may save meanwhile, the record in memory is at least as new as the
// stored one.
type held struct {
	mu      sync.Mutex // one look at a time
	rec     Record
	leases  []Lease
	granted time.Time          // when the leases were asked for; they last from then on
	fresh   bool               // rec and leases may be relied on
	taken   bool               // it was taken over, and nobody has been told yet
	saved   time.Time          // when rec.Status was last stored
	trouble []trouble          // one for each target
	asking  map[string]trouble // by the key of the call
	// recalled has what the history of an alarm said, by its name.
	recalled map[string]recollection
	running  []int // executions of the new version that run, one for each target, as last counted
	pending  []rollout.Event
	jumps    int // of the clock, as of the last look
}

// hold returns the entry of a rollout, which need not be fresh.
func (c *Controller) hold(id string) *held {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.held[id]
	if h == nil {
		h = &held{}
		c.held[id] = h
	}
	return h
}

func (c *Controller) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, id)
}

// keep makes h hold rec and leases, which were asked for at granted.
func (h *held) keep(rec Record, leases []Lease, granted time.Time) {
	h.rec, h.leases, h.granted, h.saved, h.fresh = rec, leases, granted, rec.Status.LookedAt, true
	if len(h.trouble) != len(rec.Status.Targets) {
		h.trouble = make([]trouble, len(rec.Status.Targets))
		h.running = make([]int, len(rec.Status.Targets))
	}
}

// left returns how long the leases of h last at now; 0 when they have ended, or
// when the clock was set back so that nobody can tell. It counts from when they
// were asked for and does not compare times of day, because a clock that is set
// back would make a lease that ended look good again.
func (c *Controller) left(h *held, now time.Time) time.Duration {
	age := now.Sub(h.granted)
	if age < 0 {
		return 0
	}
	return max(0, c.cfg.Lease-age)
}

// call returns a context for one call of an adapter.
func (c *Controller) call(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.cfg.CallTimeout)
}

// within makes one call of an adapter, which may take as long as one may.
func (c *Controller) within(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := c.call(ctx)
	defer cancel()
	return call(ctx)
}
