package cli

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/cwmonitor"
	"github.com/crossfade-dev/crossfade/controller/probe"
	"github.com/crossfade-dev/crossfade/controller/sfnmonitor"
	"github.com/crossfade-dev/crossfade/controller/sfntarget"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A session joins a store, an AWS account and a controller for one command.
type session struct {
	env        *Env
	store      controller.Store
	targets    map[plan.Kind]controller.Target
	publishers map[plan.Kind]controller.Publisher
	counter    *remembered
	metrics    *cloudwatch.Client
	ctl        *controller.Controller
	closers    []func() error
}

// openSession opens the store and the account, and proves that there are
// credentials and that the account can be reached.
func openSession(ctx context.Context, env *Env, so storeOptions, ao awsOptions) (*session, error) {
	cfg, err := ao.load(ctx)
	if err != nil {
		return nil, err
	}
	if err := reach(ctx, cfg); err != nil {
		return nil, err
	}
	store, err := so.open(ctx, env)
	if err != nil {
		return nil, err
	}
	s := newSession(env, store, cfg)
	s.closers = append(s.closers, store.Close)
	return s, nil
}

// newSession joins what is open already.
func newSession(env *Env, store controller.Store, cfg aws.Config) *session {
	states, metrics := sfn.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
	target := sfntarget.New(states, sts.NewFromConfig(cfg), cfg.Region, env.Clock)
	monitor := cwmonitor.New(metrics)
	s := &session{
		env: env, store: store, metrics: metrics,
		targets:    map[plan.Kind]controller.Target{plan.StateMachine: target},
		publishers: map[plan.Kind]controller.Publisher{plan.StateMachine: target},
		counter:    &remembered{Counter: sfnmonitor.New(states, monitor, env.Clock)},
	}
	s.ctl = controller.New(controller.Config{
		Store: store, Targets: s.targets, Publishers: s.publishers,
		Counters: map[plan.Kind]controller.Counter{plan.StateMachine: s.counter},
		Monitor:  monitor, Metrics: monitor, Prober: probe.New(http.DefaultClient, env.Clock),
		Clock: env.Clock, Owner: env.owner(), NewID: env.NewID, Draw: rand.Float64,
	})
	return s
}

func (s *session) close() {
	for _, c := range s.closers {
		// What matters was committed by its own transaction; a store that does
		// not close properly loses nothing.
		_ = c()
	}
}

// scene is what to show of a rollout.
func (s *session) scene(rec controller.Record, events []rollout.Event) view.Scene {
	sc := sceneOf(rec, events, s.env.Clock.Now())
	for _, t := range rec.Status.Targets {
		sc.Outcomes = append(sc.Outcomes, view.Outcomes{
			Stable: s.counter.last(t.Alias, t.Stable),
			Canary: s.counter.last(t.Alias, t.Canary),
		})
	}
	return sc
}

// sceneOf is what to show of a rollout that another process carries out.
func sceneOf(rec controller.Record, events []rollout.Event, now time.Time) view.Scene {
	return view.Scene{
		ID: rec.ID, Plan: rec.Plan, Status: rec.Status, Events: events, Now: now,
		Sentence: rollout.Sentence(rec.Plan, rec.Status, now),
		Why:      whyLines(rec, now),
	}
}

// remembered is a counter that keeps what it last counted, to be shown.
type remembered struct {
	controller.Counter
	mu     sync.Mutex
	counts map[[2]string]analysis.Counts
}

// Counts counts, and keeps the answer.
func (r *remembered) Counts(ctx context.Context, alias, version string, from time.Time) (analysis.Counts, error) {
	c, err := r.Counter.Counts(ctx, alias, version, from)
	if err == nil && c.Problem == "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.counts == nil {
			r.counts = make(map[[2]string]analysis.Counts)
		}
		r.counts[[2]string{alias, version}] = c
	}
	return c, err
}

func (r *remembered) last(alias, version string) *analysis.Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.counts[[2]string{alias, version}]
	if !ok {
		return nil
	}
	return &c
}
