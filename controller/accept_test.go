package controller_test

import (
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/rollout"
)

// accept stores a rollout whose ID and versions are known.
func accept(t *testing.T, c *controller.Controller, w *world, id string) (controller.Record, error) {
	t.Helper()
	p := canary(t, "8")
	return c.Accept(t.Context(), controller.Record{
		ID: id, Task: controller.Deploy, Plan: p,
		Status: rollout.Begin(p, []rollout.TargetStatus{{Alias: arnOf("orders", "prod"), Canary: "8"}}, w.clock.Now()),
	}, "CodeDeploy", "a deployment")
}

func TestAnAcceptedRolloutProvesEverythingAtItsFirstLook(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec, err := accept(t, c, w, "d-1")
	if err != nil {
		t.Fatal(err)
	}
	if rec.Owner != "ann" || w.called("Routing")+w.called("Alarms")+w.called("Publish") > 0 {
		t.Errorf("got the owner %q and a look at the world, want ann and nothing looked at yet", rec.Owner)
	}
	w.drive(t, c, "d-1", time.Minute)
	w.wantRouting(t, rollout.Routing{Stable: "7", Canary: "8", Weight: 1000})

	_, err = accept(t, c, w, "d-1")
	wantErr(t, "the same name again", err, controller.ErrConflict)
	_, err = accept(t, c, w, "d-2")
	wantErr(t, "an alias that has a rollout", err, controller.ErrLeased)
}

func TestGivingUpLeavesTheAliasAndSaysSo(t *testing.T) {
	w, s := newWorld(), memstore.New()
	c := w.controller(s, "ann")
	rec := start(t, c, canary(t, "8"))
	w.drive(t, c, rec.ID, time.Minute)
	_, err := w.controller(s, "eve").GiveUp(t.Context(), rec.ID, "eve", "mine now")
	wantErr(t, "while ann runs it", err, controller.ErrLeased)

	status, err := c.GiveUp(t.Context(), rec.ID, "CodeDeploy", "stopped by order")
	if err != nil {
		t.Fatal(err)
	}
	wantPhase(t, status, rollout.Failed)
	w.wantRouting(t, rollout.Routing{Stable: "7", Canary: "8", Weight: 1000})
	all := events(t, s, rec.ID)
	last := all[len(all)-1]
	if last.By != "CodeDeploy" || !strings.Contains(last.Text, "stopped by order") || !strings.Contains(last.Text, "crossfade adopt orders:prod") {
		t.Errorf("the last event is %+v, want who gave up, why, and how to end the split", last)
	}
	if again, err := c.GiveUp(t.Context(), rec.ID, "CodeDeploy", "again"); err != nil || again.Why != "stopped by order" {
		t.Errorf("giving up twice: %+v, %v; want it to change nothing", again, err)
	}
	wantPhase(t, w.drive(t, c, rec.ID, time.Minute), rollout.Failed)
}
