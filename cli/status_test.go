package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/controller/sqlitestore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// lookedAtNoon is a rollout at 10 % that is looked at every 15 s, at noon last.
func lookedAtNoon() controller.Record {
	st := tenPercent(rollout.Progressing)
	st.LookedAt, st.Targets[0].Alias = noon, "arn:aws:states:us-east-1:123456789012:stateMachine:orders:prod"
	return controller.Record{
		ID: "r-17", Task: controller.Deploy, Owner: "ada@here pid 1", Created: noon.Add(-time.Hour), Status: st,
		Plan: plan.Plan{
			Name: "orders", Targets: []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}},
			Steps: []plan.Step{{Weight: 1000, For: time.Hour}, {Weight: plan.Full}}, Look: 15 * time.Second, Deadline: 24 * time.Hour,
		},
	}
}

func TestARolloutIsOverdueAfterThreeLooks(t *testing.T) {
	rec := lookedAtNoon()
	if got := overdue(rec, noon.Add(55*time.Second)); got != "" {
		t.Errorf("after three looks of 15 s: %q, want nothing yet", got)
	}
	const want = "last looked at 1m2s ago; nobody may be looking after it: crossfade resume r-17 --reason TEXT goes on with it once its owner is gone"
	if got := overdue(rec, noon.Add(62*time.Second+300*time.Millisecond)); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got := overdue(rec, noon.Add(-time.Hour)); got != "" {
		t.Errorf("with a clock that was set back: %q, want nothing", got)
	}
	rec.Status.LookedAt = time.Time{}
	if got := overdue(rec, noon); !strings.HasPrefix(got, "never looked at since it was made 1h ago; ") {
		t.Errorf("got %q, want that it was never looked at", got)
	}
	rec.Status.Phase = rollout.Succeeded
	if got := overdue(rec, noon.Add(time.Hour)); got != "" {
		t.Errorf("of one that has ended: %q, want nothing", got)
	}
}

// remember makes a store with one rollout, whose owner has just renewed its lease when
// it was now for the owner and what machine shows for the machine.
func remember(t *testing.T, file string, rec controller.Record, machine clock.Clock, now time.Time, lease time.Duration) {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), file, machine)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(store)
	if _, err := store.Create(t.Context(), rec, rec.Created.Add(lease), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Acquire(t.Context(), rec.ID, rec.Owner, now, now.Add(lease)); err != nil {
		t.Fatal(err)
	}
}

func TestWhoLooksAfterARolloutIsKnownWhateverTheMachinesClockShows(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	alive := fmt.Sprintf("ada@%s pid %d", host, os.Getpid())
	const elsewhere = "ada@elsewhere pid 7"
	for _, wrong := range []time.Duration{0, 5 * time.Minute, -time.Hour} {
		for _, test := range []struct {
			owner  string
			later  time.Duration
			by     string // what list says
			status string // what status says besides
		}{
			{alive, 29 * time.Second, alive, ""},
			{alive, 31 * time.Second, "nobody any more", "nobody looks after it"},
			{elsewhere, 29 * time.Second, elsewhere, ""},
			{elsewhere, 31 * time.Second, "nobody, perhaps", "elsewhere and may have another"},
		} {
			t.Run(fmt.Sprintf("%s ahead, %s after %s", wrong, test.owner, test.later), func(t *testing.T) {
				machine := clock.NewVirtual(noon.Add(wrong))
				file, rec := filepath.Join(t.TempDir(), "store.db"), lookedAtNoon()
				rec.Owner = test.owner
				remember(t, file, rec, machine, noon, 30*time.Second)
				machine.Set(machine.Now().Add(test.later))
				said := func(args ...string) string {
					var out bytes.Buffer
					env := testEnv(t)
					env.Stdout, env.Stderr, env.Clock, env.Args = &out, &out, machine, append(args, "--store", file)
					if got := Run(t.Context(), env); got != ExitSucceeded {
						t.Fatalf("%v ended with %d: %s", args, got, &out)
					}
					return out.String()
				}
				if got := said("list"); !strings.HasSuffix(strings.TrimSpace(got), "  "+test.by) {
					t.Errorf("list: got\n%s\nwant that it is looked after by %q", got, test.by)
				}
				got := said("status", "orders:prod")
				if !strings.Contains(got, test.status) || test.status == "" && strings.Contains(got, "looks after") {
					t.Errorf("status: got\n%s\nwant that it says %q", got, test.status)
				}
				if want := "in " + view.Countdown(time.Hour-test.later); test.by == test.owner && !strings.Contains(got, want) {
					t.Errorf("status: got\n%s\nwant the step to end %s", got, want)
				}
			})
		}
	}
}

func TestStatusTellsOfARolloutThatIsOverdueThoughItIsHeld(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.db")
	rec := lookedAtNoon()
	remember(t, file, rec, clock.NewVirtual(noon), noon, time.Hour)
	var said bytes.Buffer
	env := testEnv(t)
	env.Stderr, env.Clock = &said, clock.NewVirtual(noon.Add(5*time.Minute))
	env.Args = []string{"status", "orders:prod", "--store", file}
	if got := Run(t.Context(), env); got != ExitSucceeded || !strings.Contains(said.String(), "last looked at 5m ago; nobody may be looking after it") {
		t.Errorf("exit code %d, it says %q", got, said.String())
	}
}

func TestWatchSaysOnceThatARolloutIsOverdue(t *testing.T) {
	store := memstore.New()
	if _, err := store.Create(t.Context(), lookedAtNoon(), noon.Add(time.Hour), nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	env := testEnv(t) // whose clock is long past noon
	looks := 0
	seen := &heard{shown: func(view.Scene) {
		if looks++; looks == 3 {
			cancel()
		}
	}}
	err := watchOptions{}.follow(ctx, env, store, "r-17", seen)
	if f := asFailure(err); f.code != ExitWaiting {
		t.Errorf("exit %d, want %d", f.code, ExitWaiting)
	}
	if len(seen.said) != 1 || !strings.HasPrefix(seen.said[0], "last looked at ") {
		t.Errorf("said %q, want once that it is overdue", seen.said)
	}
}
