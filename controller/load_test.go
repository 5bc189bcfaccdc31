package controller_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/controller/sqlitestore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// crowd is a world of many aliases that all serve alike: a hundred requests a
// second, of which one of a hundred fails, whichever version serves. What it says
// is made beforehand, so that a measurement is of whoever asks.
type crowd struct {
	*world
	shares map[string]rollout.Routing
	silent time.Time // there is nothing new from then on; zero: never
	table  map[int][]evidence.Outcomes
}

// crowdDelay is how late counts are.
const crowdDelay = 3 * time.Second

func newCrowd() *crowd {
	return &crowd{world: newWorld(), shares: map[string]rollout.Routing{}, table: map[int][]evidence.Outcomes{}}
}

func (c *crowd) Routing(_ context.Context, alias string) (rollout.Routing, error) {
	return c.shares[alias], nil
}

func (c *crowd) Shift(_ context.Context, alias string, _, to rollout.Routing) error {
	c.shares[alias] = to
	return nil
}

func (c *crowd) Counts(_ context.Context, _, _ string, from time.Time) (analysis.Counts, error) {
	n := int(c.clock.Now().Sub(from) / time.Second * 50)
	return analysis.Counts{Started: n, Succeeded: n - n/100, Failed: n / 100, From: from, AsOf: c.clock.Now()}, nil
}

func (c *crowd) History(context.Context, controller.HistoryQuery) (analysis.History, error) {
	return analysis.History{
		Source:  analysis.Source{Width: time.Second, Delay: crowdDelay, Name: "the crowd"},
		Seconds: 3600, Outcomes: evidence.Outcomes{Requests: 360_000, Failed: 3600}, Timed: 360_000,
		Thresholds: []float64{0.1, 0.2, 0.4},
	}, nil
}

func (c *crowd) Stretches(_ context.Context, q controller.StretchQuery) ([]evidence.Outcomes, error) {
	known := c.clock.Now()
	if !c.silent.IsZero() && c.silent.Before(known) {
		known = c.silent
	}
	until := int(known.Add(-crowdDelay).Sub(q.Epoch) / time.Second)
	if until <= q.From {
		return nil, nil
	}
	return c.seconds(int(c.shares[q.Alias].Share(q.Version)))[q.From%crowdSeconds:][:until-q.From], nil
}

// crowdSeconds is after how many seconds the same numbers come again.
const crowdSeconds = 512

// seconds are what a version with a weight does, second by second, twice over.
func (c *crowd) seconds(weight int) []evidence.Outcomes {
	list := c.table[weight]
	if list != nil {
		return list
	}
	draw := rand.New(rand.NewPCG(uint64(weight), 1))
	of := func(n int, share float64) (some int) {
		for range n {
			if draw.Float64() < share {
				some++
			}
		}
		return some
	}
	for range crowdSeconds {
		o := evidence.Outcomes{Requests: of(200, float64(weight)/2/float64(plan.Full))}
		o.Failed, o.Timed = of(o.Requests, 0.01), o.Requests
		above := o.Requests
		for _, share := range []float64{0.5, 0.2, 0.1} {
			above = of(above, share)
			o.Slower = append(o.Slower, above)
		}
		list = append(list, o)
	}
	list = append(list, list...)
	c.table[weight] = list
	return list
}

func (c *crowd) controller(store controller.Store) *controller.Controller {
	n := 0
	return controller.New(controller.Config{
		Store:      store,
		Targets:    map[plan.Kind]controller.Target{plan.StateMachine: c},
		Publishers: map[plan.Kind]controller.Publisher{plan.StateMachine: c},
		Counters:   map[plan.Kind]controller.Counter{plan.StateMachine: c},
		Comparers:  map[plan.Kind]controller.Comparer{plan.StateMachine: c},
		Clock:      c.clock, Owner: "ann",
		NewID: func() string { n++; return fmt.Sprintf("r-%d", n) },
	})
}

// grown returns a rollout that has nearly all of the traffic and is watched, with
// all that it remembers by then.
func (c *crowd) grown(b *testing.B) controller.Record {
	b.Helper()
	p, err := plan.New(plan.Spec{
		Targets:  []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod", Version: "8"}},
		Adaptive: plan.DefaultBudget, Look: "1s", Settle: "2s",
	})
	if err != nil {
		b.Fatal(err)
	}
	adaptive := *p.Strategy.Adaptive
	adaptive.Watch, p.Deadline = 10_000*time.Hour, 20_000*time.Hour
	p.Strategy.Adaptive = &adaptive
	alias := arnOf("orders", "prod")
	c.shares[alias] = rollout.Routing{Stable: "7"}
	store := memstore.New()
	one := c.controller(store)
	rec := start(b, one, p)
	for range 400 {
		c.clock.Set(c.clock.Now().Add(time.Second))
		if _, err := one.Reconcile(b.Context(), rec.ID); err != nil {
			b.Fatal(err)
		}
	}
	if w := c.shares[alias].Share("8"); w < 9000 {
		b.Fatalf("after 400 s it has %s", w)
	}
	if rec, err = store.Load(b.Context(), rec.ID); err != nil {
		b.Fatal(err)
	}
	return rec
}

// BenchmarkCrowd looks once a second at 10,000 open adaptive rollouts that compare
// errors and durations. It reports how much of a core that takes (cores), what one
// look costs, and how much memory one rollout has.
func BenchmarkCrowd(b *testing.B) {
	for _, where := range []struct {
		name  string
		store func(b *testing.B) controller.Store
	}{
		{"memory", func(*testing.B) controller.Store { return memstore.New() }},
		{"sqlite", func(b *testing.B) controller.Store {
			s, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "rollouts.db"), clock.System{})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = s.Close() })
			return s
		}},
	} {
		for _, silent := range []bool{false, true} {
			name := where.name + "/a second's counts"
			if silent {
				name = where.name + "/nothing new"
			}
			b.Run(name, func(b *testing.B) { benchmarkCrowd(b, where.store(b), silent) })
		}
	}
}

func benchmarkCrowd(b *testing.B, store controller.Store, silent bool) {
	const many = 10_000
	world := newCrowd()
	rec := world.grown(b)
	control := world.controller(store)
	process := controller.NewProcess(control, controller.ProcessConfig{})
	empty := memory()
	for i := range many {
		copied := rec.Clone()
		copied.ID, copied.Owner = fmt.Sprintf("r-%05d", i), control.Owner()
		copied.Status.Targets[0].Alias = arnOf(fmt.Sprintf("orders-%05d", i), "prod")
		world.shares[copied.Status.Targets[0].Alias] = world.shares[arnOf("orders", "prod")]
		if _, err := store.Create(b.Context(), copied, world.clock.Now().Add(time.Minute), nil); err != nil {
			b.Fatal(err)
		}
		process.Add(copied.ID)
	}
	run := func() {
		world.clock.Set(world.clock.Now().Add(time.Second))
		if err := process.Run(b.Context(), world.clock.Now()); err != nil {
			b.Fatal(err)
		}
	}
	for range 5 { // the first look loads
		run()
	}
	if silent {
		world.silent = world.clock.Now()
		run()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	spent, seconds := processor(b), 0
	for b.Loop() {
		run()
		seconds++
	}
	spent = processor(b) - spent
	runtime.ReadMemStats(&after)
	if got := process.Drives(); got != many {
		b.Fatalf("%d of %d rollouts are still open", got, many)
	}
	looks := float64(seconds * many)
	b.ReportMetric(spent.Seconds()/float64(seconds), "cores")
	b.ReportMetric(float64(spent.Microseconds())/looks, "µs/look")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/looks, "allocs/look")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/looks, "B/look")
	b.ReportMetric(float64(memory()-empty)/many, "B/rollout")
	runtime.KeepAlive(process)
}

// processor is how long this process has used the processor.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// memory is what is in use.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
