package cli

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/cwmonitor"
	"github.com/crossfade-dev/crossfade/controller/lambdamonitor"
	"github.com/crossfade-dev/crossfade/controller/lambdatarget"
	"github.com/crossfade-dev/crossfade/controller/probe"
	"github.com/crossfade-dev/crossfade/controller/sfnmonitor"
	"github.com/crossfade-dev/crossfade/controller/sfntarget"
	"github.com/crossfade-dev/crossfade/localcloud"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A session joins a store, an AWS account and a controller for one command.
type session struct {
	env        *Env
	store      controller.Store
	targets    map[plan.Kind]controller.Target
	publishers map[plan.Kind]controller.Publisher
	counters   map[plan.Kind]*remembered
	comparers  map[plan.Kind]controller.Comparer
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
	machine := env
	if !isLocal(cfg) { // whose clock is this machine's
		env = env.byTheTimeOf(&cfg)
	}
	speed, err := reach(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if speed != "" {
		env.say("time passes %s times as fast in the cloud at %s, and not here: steps take as long as the plan says, and what was counted there is not seen", speed, aws.ToString(cfg.BaseEndpoint))
	}
	if service, ok := env.Clock.(controller.ServiceTime); ok {
		if _, known := service.Off(); !known {
			env.say("no answer of AWS had a date yet; until one does, what both versions did is not compared")
		}
	}
	open := so.open
	if so.reading {
		open = so.openToRead
	}
	store, err := open(ctx, machine) // whose stamps are by the machine's clock
	if err != nil {
		return nil, err
	}
	s, err := newSession(env, store, cfg)
	if err != nil {
		shut(store)
		return nil, err
	}
	s.closers = append(s.closers, store.Close)
	return s, nil
}

// startSession opens a session and begins something in it, unless a signal comes
// first; see whileStarting. After an error the session may be nil.
func startSession(ctx context.Context, env *Env, so storeOptions, ao awsOptions, co carryOptions, begin func(context.Context, *session) error) (*session, error) {
	var s *session
	err := whileStarting(ctx, co.signalled, func(ctx context.Context) (err error) {
		if s, err = openSession(ctx, env, so, ao); err != nil {
			return err
		}
		return begin(ctx, s)
	})
	return s, err
}

// newSession joins what is open already.
func newSession(env *Env, store controller.Store, cfg aws.Config) (*session, error) {
	states, metrics := sfn.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
	callers, monitor := sts.NewFromConfig(cfg), cwmonitor.New(metrics)
	machines := sfntarget.New(states, callers, cfg.Region, env.Clock)
	functions := lambdatarget.New(lambdaClient(cfg), callers, cfg.Region, env.Clock)
	executions, invocations := sfnmonitor.New(states, monitor, env.Clock), lambdamonitor.New(metrics, metricDelay(cfg), env.Clock)
	if isLocal(cfg) {
		executions.Prompt()
		invocations.WithLogs(cloudwatchlogs.NewFromConfig(cfg), localLogLag).ByDefault()
	} else {
		invocations.WithLogs(cloudwatchlogs.NewFromConfig(cfg), lambdamonitor.LogLag)
	}
	s := &session{
		env: env, store: store, metrics: metrics,
		comparers:  map[plan.Kind]controller.Comparer{plan.StateMachine: executions, plan.Lambda: invocations},
		targets:    map[plan.Kind]controller.Target{plan.StateMachine: machines, plan.Lambda: functions},
		publishers: map[plan.Kind]controller.Publisher{plan.StateMachine: machines, plan.Lambda: functions},
		counters: map[plan.Kind]*remembered{
			plan.StateMachine: {Counter: executions},
			plan.Lambda:       {Counter: invocations},
		},
	}
	counters := make(map[plan.Kind]controller.Counter)
	for kind, c := range s.counters {
		counters[kind] = c
	}
	hooks, probers, err := s.joinHooks(cfg)
	if err != nil {
		return nil, err
	}
	service, _ := env.Clock.(controller.ServiceTime)
	s.ctl = controller.New(controller.Config{
		Store: store, Targets: s.targets, Publishers: s.publishers, Counters: counters, Comparers: s.comparers,
		Monitor: monitor, Metrics: monitor, Prober: probe.New(http.DefaultClient, env.Clock), Hooks: hooks, Probers: probers,
		Clock: env.Clock, ServiceTime: service, Owner: env.owner(), NewID: env.NewID, Draw: rand.Float64,
		PublishTimeout: publishPatience,
	})
	return s, nil
}

// publishPatience bounds publishing: code may have 50 MB, and a function's
// snapshot takes minutes.
const publishPatience = 5 * time.Minute

// lambdaClient returns a client whose calls may take as long as uploading code
// does. Each call has a deadline of its own besides.
func lambdaClient(cfg aws.Config) *lambda.Client {
	return lambda.NewFromConfig(cfg, func(o *lambda.Options) {
		if c, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = c.WithTimeout(publishPatience)
		}
	})
}

// metricDelay is how long metrics of functions may take to appear. In a cloud on
// this machine or in this process they are there at once.
func metricDelay(cfg aws.Config) time.Duration {
	if isLocal(cfg) {
		return 0
	}
	return lambdamonitor.Delay
}

// isLocal says whether a cloud on this machine or in this process is meant.
func isLocal(cfg aws.Config) bool {
	return cfg.BaseEndpoint != nil && (isLoopback(*cfg.BaseEndpoint) || *cfg.BaseEndpoint == localcloud.InMemory)
}

// localLogLag is how long a line of a function in a cloud on this machine may take
// from when it is stamped until it can be read.
const localLogLag = 200 * time.Millisecond

// close closes what the session opened; a nil session opened nothing.
func (s *session) close() {
	if s == nil {
		return
	}
	for _, c := range s.closers {
		// What matters was committed by its own transaction; a store that does
		// not close properly loses nothing.
		_ = c()
	}
}

// scene is what to show of a rollout.
func (s *session) scene(rec controller.Record, events []rollout.Event) view.Scene {
	sc := sceneOf(rec, events, s.env.Clock.Now())
	for i, t := range rec.Status.Targets {
		counter := s.counters[rec.Plan.Targets[i].Kind]
		sc.Outcomes = append(sc.Outcomes, view.Outcomes{
			Stable: counter.last(t.Alias, t.Stable),
			Canary: counter.last(t.Alias, t.Canary),
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
