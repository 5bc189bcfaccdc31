package cli

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/sqlitestore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// begin stores a rollout that an owner carries out.
func begin(t *testing.T, store controller.Store, c clock.Clock, id, owner string) {
	t.Helper()
	p, err := plan.New(plan.Spec{
		Targets: []plan.Target{{Kind: plan.Lambda, Name: id, Alias: "live", Version: "2"}}, Preset: "AllAtOnce", NoDefaultChecks: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctl := controller.New(controller.Config{Store: store, Clock: c, Owner: owner, NewID: func() string { return id }})
	if _, err := ctl.Accept(t.Context(), controller.Record{
		ID: id, Task: controller.Deploy, Plan: p,
		Status: rollout.Begin(p, []rollout.TargetStatus{{Alias: "arn:aws:lambda:eu-west-1:000000000000:function:" + id + ":live", Canary: "2"}}, c.Now()),
	}, "CodeDeploy", ""); err != nil {
		t.Fatal(err)
	}
}

func TestACloudThatStartsEndsTheRolloutsOfDeadCloudsInMemory(t *testing.T) {
	c := clock.NewVirtual(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	env := &Env{Stderr: &bytes.Buffer{}, Stdout: &bytes.Buffer{}, Getenv: func(string) string { return "" }, Clock: c, NewID: func() string { return "r-1" }}
	path := filepath.Join(t.TempDir(), "rollouts.db")
	store, err := sqlitestore.Open(t.Context(), path, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	const nobody = 1 << 30 // more than any process has for its number
	begin(t, store, c, "dead", localcloud.MemoryOwner+fmt.Sprintf(" of %s pid %d", env.person(), nobody))
	begin(t, store, c, "alive", localcloud.MemoryOwner+" of "+env.owner())
	begin(t, store, c, "kept", fmt.Sprintf("local cloud of %s pid %d", env.person(), nobody)) // in a directory
	begin(t, store, c, "deploy", fmt.Sprintf("%s pid %d", env.person(), nobody))
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	opened, err := storeOptions{path: path}.openForCloud(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]rollout.Phase{"dead": rollout.Failed, "alive": rollout.Pending, "kept": rollout.Pending, "deploy": rollout.Pending} {
		rec, err := opened.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if rec.Status.Phase != want {
			t.Errorf("%s is %s: %s; want %s", id, rec.Status.Phase, rec.Status.Why, want)
		}
		if id == "dead" && !strings.Contains(rec.Status.Why, "has ended") {
			t.Errorf("the reason is %q, want that the cloud has ended", rec.Status.Why)
		}
	}
	if err := opened.end(true); err != nil { // this process's own cloud
		t.Fatal(err)
	}
	store, err = sqlitestore.Open(t.Context(), path, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if rec, err := store.Load(t.Context(), "alive"); err != nil || rec.Status.Phase != rollout.Failed {
		t.Errorf("after the cloud ended its rollout is %s (%v), want Failed", rec.Status.Phase, err)
	}
}
