// Package rollouts carries out, with the production controller and its adapters,
// the rollouts that services of the local cloud start: CodeDeploy's deployments
// and the deployment preferences of templates. They are ordinary rollouts, which
// whoever shares the store can list, pause and explain.
//
// The adapters are clients of the cloud itself, in memory, in the account and
// region of the alias. A [Service] is a clock.Process: nothing happens but when
// it is run. What it started goes on in another process that has the same store,
// as soon as that starts it again under the same name.
package rollouts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/cwmonitor"
	"github.com/crossfade-dev/crossfade/controller/lambdatarget"
	"github.com/crossfade-dev/crossfade/controller/sfntarget"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// Config is what a Service is made of. Log may be nil.
type Config struct {
	// Store remembers the rollouts. It may be shared with other processes, and
	// hold rollouts that are none of this cloud's.
	Store controller.Store
	// AWS returns a configuration whose clients talk to the cloud in the name of
	// an account in a region.
	AWS   func(account, region string) aws.Config
	Clock clock.Clock
	// Owner is who carries the rollouts out, for people and other controllers:
	// local cloud of user@host pid 7. No two processes that share the store
	// have the same at once. The part before " of " is common to all processes
	// that a cloud lives in.
	Owner string
	Log   *slog.Logger
	// Speed is how many times as fast as the machine's time Clock passes; 0 means
	// 1. What other processes ask for, and how long leases last, goes by the
	// machine's time.
	Speed float64
}

// A Service carries out rollouts. It is safe for concurrent use.
type Service struct {
	config Config
	store  *telling

	mu       sync.Mutex
	places   map[place]*crew
	away     map[string]absence // rollouts that another process carries out
	told     []Status           // not yet brought to the watchers
	watchers []func(Status)
	hooks    map[plan.HookKind]controller.Hook
	wake     chan struct{}
}

// A place is where an alias is, and whose.
type place struct{ account, region string }

// A crew carries out the rollouts of one place.
type crew struct {
	controller *controller.Controller
	process    *controller.Process
}

// An absence is a rollout that another process carries out for now.
type absence struct {
	at   time.Time // when to look after it again
	last Status
}

// awayFor is how often one looks after a rollout that somebody else carries out.
const awayFor = time.Second

// New returns a service that carries nothing out yet.
func New(config Config) *Service {
	if config.Speed == 0 {
		config.Speed = 1
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{config: config, places: map[place]*crew{}, away: map[string]absence{}, hooks: map[plan.HookKind]controller.Hook{}, wake: make(chan struct{}, 1)}
	s.store = &telling{Store: config.Store, tell: s.note}
	return s
}

// Watch has f called with the new status of a rollout of this service, soon after
// something about it changed, with no lock held. It is for when the service is
// made: f is not called for what was before.
func (s *Service) Watch(f func(Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, f)
}

// Hook makes h the one that is asked for hooks of a kind. It is for when the
// service is made, before anything is started.
func (s *Service) Hook(kind plan.HookKind, h controller.Hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks[kind] = h
}

// crew returns who carries out the rollouts of a place.
func (s *Service) crew(at place) *crew {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.places[at]; c != nil {
		return c
	}
	cfg := s.config.AWS(at.account, at.region)
	callers, monitor := sts.NewFromConfig(cfg), cwmonitor.New(cloudwatch.NewFromConfig(cfg))
	c := controller.New(controller.Config{
		Store: s.store,
		Targets: map[plan.Kind]controller.Target{
			plan.StateMachine: sfntarget.New(sfn.NewFromConfig(cfg), callers, at.region, s.config.Clock),
			plan.Lambda:       lambdatarget.New(lambda.NewFromConfig(cfg), callers, at.region, s.config.Clock),
		},
		Monitor: monitor, Metrics: monitor, Hooks: maps.Clone(s.hooks),
		Clock: s.config.Clock, Owner: s.config.Owner, Log: s.config.Log,
		Lease: s.machine(30 * time.Second), SaveEvery: s.machine(5 * time.Second),
		NewID: func() string { panic("rollouts: the services name their rollouts") },
	})
	made := &crew{controller: c, process: controller.NewProcess(c, controller.ProcessConfig{Ended: s.ended, Poll: s.machine(time.Second)})}
	s.places[at] = made
	return made
}

// machine returns how long d of the machine's time is by the service's clock.
func (s *Service) machine(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.config.Speed)
}

// at returns where an alias is.
func at(alias string) (place, error) {
	a, err := arn.Parse(alias)
	return place{a.Account, a.Region}, err
}

// of returns a rollout's record and who carries it out.
func (s *Service) of(ctx context.Context, id string) (controller.Record, *crew, error) {
	rec, err := s.store.Load(ctx, id)
	if err != nil {
		return rec, nil, err
	}
	where, err := at(rec.Aliases()[0])
	if err != nil {
		return rec, nil, fmt.Errorf("rollout %s: %w", id, err)
	}
	return rec, s.crew(where), nil
}

// Next returns when there is something to do next.
func (s *Service) Next() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at time.Time
	earliest := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, c := range s.places {
		if t, ok := c.process.Next(); ok {
			earliest(t)
		}
	}
	for _, a := range s.away {
		earliest(a.at)
	}
	if len(s.told) > 0 {
		earliest(s.config.Clock.Now())
	}
	return at, !at.IsZero()
}

// Run looks at the rollouts that are due, and tells the watchers.
func (s *Service) Run(ctx context.Context, now time.Time) error {
	var errs []error
	for _, c := range s.due(now) {
		errs = append(errs, c.process.Run(ctx, now))
	}
	errs = append(errs, s.lookAfter(ctx, now))
	s.deliver()
	return errors.Join(errs...)
}

// Wake is what [clock.Run] listens to.
func (s *Service) Wake() <-chan struct{} { return s.wake }

func (s *Service) kick() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// due returns the crews that have something to do, always in the same order.
func (s *Service) due(now time.Time) []*crew {
	s.mu.Lock()
	defer s.mu.Unlock()
	var places []place
	for p, c := range s.places {
		if t, ok := c.process.Next(); ok && !t.After(now) {
			places = append(places, p)
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(strings.Compare(a.account, b.account), strings.Compare(a.region, b.region))
	})
	crews := make([]*crew, len(places))
	for i, p := range places {
		crews[i] = s.places[p]
	}
	return crews
}

// ended is told of rollouts that a crew does not drive any more. One that another
// process took is looked after until it comes back or ends.
func (s *Service) ended(id string, _ rollout.Status, err error) {
	if !errors.Is(err, controller.ErrLeased) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away[id] = absence{at: s.config.Clock.Now().Add(awayFor)}
}

// lookAfter sees how rollouts stand that other processes carry out, and takes
// them back once they are free.
func (s *Service) lookAfter(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	var ids []string
	for id, a := range s.away {
		if !a.at.After(now) {
			ids = append(ids, id)
		}
	}
	s.mu.Unlock()
	slices.Sort(ids)
	var errs []error
	for _, id := range ids {
		errs = append(errs, s.lookAfterOne(ctx, id, now))
	}
	return errors.Join(errs...)
}

func (s *Service) lookAfterOne(ctx context.Context, id string, now time.Time) error {
	again := func(last Status) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.away[id] = absence{at: now.Add(awayFor), last: last}
	}
	s.mu.Lock()
	last := s.away[id].last
	delete(s.away, id)
	s.mu.Unlock()
	rec, crew, err := s.of(ctx, id)
	if errors.Is(err, controller.ErrNotFound) {
		return nil // nothing is left to look after
	}
	if err != nil {
		again(last)
		return err
	}
	status := statusOf(rec)
	if !status.same(last) {
		s.note(rec)
	}
	if status.Phase.Ended() {
		return nil
	}
	for _, alias := range rec.Aliases() {
		l, _, err := s.store.Lease(ctx, alias)
		if err != nil || !l.Free(now) && l.Owner != s.config.Owner {
			again(status)
			return err
		}
	}
	crew.process.Add(id)
	return nil
}

// note keeps a new status until it is delivered.
func (s *Service) note(rec controller.Record) {
	s.mu.Lock()
	s.told = append(s.told, statusOf(rec))
	s.mu.Unlock()
	s.kick()
}

// deliver brings what was noted to the watchers.
func (s *Service) deliver() {
	s.mu.Lock()
	told, watchers := s.told, s.watchers
	s.told = nil
	s.mu.Unlock()
	for _, status := range told {
		for _, watch := range watchers {
			watch(status)
		}
	}
}

// telling is a store that tells of every rollout that was stored.
type telling struct {
	controller.Store
	tell func(controller.Record)
}

// Create stores a rollout, and tells.
func (t *telling) Create(ctx context.Context, rec controller.Record, until time.Time, events []rollout.Event) ([]controller.Lease, error) {
	leases, err := t.Store.Create(ctx, rec, until, events)
	if err == nil {
		t.tell(rec)
	}
	return leases, err
}

// Save stores a status, and tells.
func (t *telling) Save(ctx context.Context, rec controller.Record, leases []controller.Lease, events []rollout.Event, notes []controller.LedgerEntry) (int64, error) {
	revision, err := t.Store.Save(ctx, rec, leases, events, notes)
	if err == nil {
		t.tell(rec)
	}
	return revision, err
}

// SaveAll stores several statuses, and tells.
func (t *telling) SaveAll(ctx context.Context, savings []controller.Saving) []controller.Saved {
	saved := t.Store.SaveAll(ctx, savings)
	for i, s := range saved {
		if s.Err == nil {
			t.tell(savings[i].Record)
		}
	}
	return saved
}
