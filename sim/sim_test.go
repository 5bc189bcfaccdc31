package sim_test

import (
	"flag"
	"math"
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
	var compared []sim.Compared
	looks, crashes, refused, bad := 0, 0, 0, 0
	for i := range uint64(*worlds) {
		r := sim.Run(sim.Options{Seed: *first + i})
		looks, crashes = looks+r.Looks, crashes+r.Crashes
		compared = append(compared, r.Compared...)
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
	watchCompared(t, compared)
	if *worlds >= 10_000 {
		for _, p := range []rollout.Phase{rollout.Succeeded, rollout.RolledBack, rollout.Failed, rollout.Aborted} {
			if ends[p] < *worlds/100 {
				t.Errorf("only %d of %d worlds ended as %s: they are too much alike", ends[p], *worlds, p)
			}
		}
	}
}

// TestThePromisesHoldWhereTheyOnceDidNot runs worlds of which each has broken one.
func TestThePromisesHoldWhereTheyOnceDidNot(t *testing.T) {
	for _, seed := range []uint64{
		92106,                  // somebody gave traffic while all was held at zero and nobody looked
		130102, 146129, 161761, // a question was asked again in the look that left it
		199785, // somebody gave traffic before the first was asked for, and the alias could not be read
	} {
		for _, b := range sim.Run(sim.Options{Seed: seed}).Broken {
			t.Errorf("world %d: %s", seed, b)
		}
	}
}

// watchCompared is S9, over all worlds: of the releases that are no worse, no more
// are condemned by the comparison than chance explains at their alpha.
func watchCompared(t *testing.T, compared []sim.Compared) {
	type counts struct{ all, proven int }
	null, alone := map[float64]counts{}, map[float64]counts{}
	worse := counts{}
	add := func(c *counts, proven bool) {
		c.all++
		if proven {
			c.proven++
		}
	}
	for _, c := range compared {
		if !c.NoWorse {
			add(&worse, c.Proven)
			continue
		}
		for _, class := range []map[float64]counts{null, alone} {
			n := class[c.Alpha]
			add(&n, c.Proven)
			class[c.Alpha] = n
			if !c.Alone {
				break
			}
		}
	}
	t.Logf("compared: no worse, by alpha, all and proven worse %v, with nothing else to condemn them %v; worse %v", null, alone, worse)
	for _, class := range []map[float64]counts{null, alone} {
		for alpha, n := range class {
			if p := orMore(n.all, n.proven, alpha); p < 1e-4 {
				t.Errorf("S9: of %d releases that are no worse %d were proven worse, which has a chance of %.2g at an alpha of %v", n.all, n.proven, p, alpha)
			}
		}
	}
	if worse.all > 200 && worse.proven < worse.all/10 {
		t.Errorf("of %d releases that are worse only %d were proven so: the worlds tell too little", worse.all, worse.proven)
	}
}

// orMore is the chance that k or more of n happen, each with a chance p.
func orMore(n, k int, p float64) float64 {
	above := 0.0
	for i := k; i <= n; i++ {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		above += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return above
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
