package sim_test

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"github.com/crossfade-dev/crossfade/rollout"
	"github.com/crossfade-dev/crossfade/sim"
)

var (
	worlds = flag.Int("worlds", envInt("CROSSFADE_SIM_WORLDS", usual), "how many worlds to run; also $CROSSFADE_SIM_WORLDS")
	seed   = flag.Uint64("seed", 0, "run this world only and tell its story")
	first  = flag.Uint64("first", 1, "the first world's seed")
)

func envInt(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestThePromisesHoldInAnyWorld runs worlds with all kinds of faults. A million
// of them: go test ./sim -worlds 1000000 -timeout 0.
func TestThePromisesHoldInAnyWorld(t *testing.T) {
	if *seed != 0 {
		r := sim.Run(sim.Options{Seed: *seed, Story: true})
		t.Logf("world %d: %v, %d looks, %d crashes, %s\n%s", r.Seed, r.Phases, r.Looks, r.Crashes, r.Took, r.Story)
		for _, b := range r.Broken {
			t.Error(b)
		}
		return
	}
	ends := map[rollout.Phase]int{}
	looks, crashes, refused, bad := 0, 0, 0, 0
	for i := range uint64(*worlds) {
		r := sim.Run(sim.Options{Seed: *first + i})
		looks, crashes = looks+r.Looks, crashes+r.Crashes
		if r.Refused != "" {
			refused++
		}
		for _, p := range r.Phases {
			ends[p]++
		}
		if len(r.Broken) == 0 {
			continue
		}
		for _, b := range r.Broken {
			t.Errorf("world %d: %s", r.Seed, b)
		}
		t.Errorf("world %d again, with its story: go test ./sim -run ThePromises -seed %d -v", r.Seed, r.Seed)
		if bad++; bad == 5 {
			t.Fatal("five worlds are enough")
		}
	}
	t.Logf("%d worlds: %v, %d not started; %d looks, %d crashes", *worlds, ends, refused, looks, crashes)
	if *worlds >= 10_000 {
		for _, p := range []rollout.Phase{rollout.Succeeded, rollout.RolledBack, rollout.Failed, rollout.Aborted} {
			if ends[p] < *worlds/100 {
				t.Errorf("only %d of %d worlds ended as %s: they are too much alike", ends[p], *worlds, p)
			}
		}
	}
}

// TestASeedIsAWorld runs worlds twice.
func TestASeedIsAWorld(t *testing.T) {
	for seed := range uint64(50) {
		a, b := sim.Run(sim.Options{Seed: seed, Story: true}), sim.Run(sim.Options{Seed: seed, Story: true})
		if a.Story != b.Story || a.Looks != b.Looks {
			t.Fatalf("world %d was different the second time:\n%s\n%s", seed, a.Story, b.Story)
		}
	}
}

// BenchmarkWorld measures one world.
func BenchmarkWorld(b *testing.B) {
	seed := uint64(1)
	for b.Loop() {
		sim.Run(sim.Options{Seed: seed})
		seed++
	}
}
