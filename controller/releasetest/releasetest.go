// Package releasetest carries a release out to its end while its alias has traffic, for
// tests of what tells a rollout how versions do.
package releasetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
)

// A Release is of one alias.
type Release struct {
	Clock clock.Clock
	// Adapter reaches the alias, Counter counts for it, and Comparer, unless it is
	// nil, tells what both versions did.
	Adapter interface {
		controller.Target
		controller.Publisher
	}
	Counter  controller.Counter
	Comparer controller.Comparer
	// Plan has one target, and Files are those that it names.
	Plan  plan.Spec
	Files map[string][]byte
	// Request is what comes to the alias, one Every after the last, since Before
	// the release begins until it has ended. How it goes is for the counts to say.
	Request       func(context.Context)
	Every, Before time.Duration
}

// Run starts a release and looks at it until it has ended. It waits by the release's
// clock, so it wants a synctest bubble.
func Run(t *testing.T, r Release) controller.Record {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var traffic sync.WaitGroup
	traffic.Go(func() {
		for ctx.Err() == nil {
			r.Request(ctx)
			<-r.Clock.After(r.Every)
		}
	})
	defer traffic.Wait()
	defer stop()
	<-r.Clock.After(r.Before)

	kind := r.Plan.Targets[0].Kind
	cfg := controller.Config{
		Store: memstore.New(), Clock: r.Clock, Owner: "ann", NewID: func() string { return "r-1" },
		Targets:    map[plan.Kind]controller.Target{kind: r.Adapter},
		Publishers: map[plan.Kind]controller.Publisher{kind: r.Adapter},
		Counters:   map[plan.Kind]controller.Counter{kind: r.Counter},
	}
	if r.Comparer != nil {
		cfg.Comparers = map[plan.Kind]controller.Comparer{kind: r.Comparer}
	}
	ctl := controller.New(cfg)
	p, err := plan.New(r.Plan)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := ctl.Start(ctx, p, files(r.Files))
	if err != nil {
		t.Fatal(err)
	}
	for !rec.Status.Phase.Ended() {
		d, err := ctl.Reconcile(ctx, rec.ID)
		if err != nil {
			t.Fatal(err)
		}
		rec.Status = d.Status
		<-r.Clock.After(d.Look.Sub(r.Clock.Now()))
	}
	return rec
}

// files are those of a plan.
type files map[string][]byte

func (f files) ReadFile(name string) ([]byte, error) { return f[name], nil }
