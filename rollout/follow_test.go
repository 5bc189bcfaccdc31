package rollout_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// TestWhatSomebodyElseDidIsNotBlamedOnTheNewVersion lets both versions fail alike
// while somebody gives the new one more traffic than was asked for. Compared at the
// weight that was asked for, its failures would be far too many.
func TestWhatSomebodyElseDidIsNotBlamedOnTheNewVersion(t *testing.T) {
	tenPercent := rollout.Routing{Stable: "41", Canary: "42", Weight: 1000}
	edited := rollout.Routing{Stable: "41", Canary: "42", Weight: 7500}
	for _, tt := range []struct {
		name    string
		disturb func(m *model, a *modelAlias)
	}{
		{"nobody looks, and it is still there", func(m *model, a *modelAlias) {
			a.write(m.now, edited)
			m.pass(4 * time.Minute)
		}},
		{"nobody looks, and it is put back", func(m *model, a *modelAlias) {
			a.write(m.now, edited)
			m.pass(4 * time.Minute)
			a.write(m.now, tenPercent)
		}},
		{"the alias cannot be read", func(m *model, a *modelAlias) {
			a.write(m.now, edited)
			a.unreadable = "Throttling"
			m.live(30 * time.Second)
			a.unreadable = ""
		}},
		{"it is put back between two looks", func(m *model, a *modelAlias) {
			a.write(m.now, edited)
			m.live(20 * time.Second)
			m.pass(9 * time.Second)
			a.write(m.now, tenPercent)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := plan.New(plan.Spec{
				Targets: []plan.Target{{Kind: plan.Lambda, Name: "checkout", Alias: "live"}},
				Canary:  "10%/30m", Compare: []string{"errors", "duration"}, Look: "10s", Settle: "5s", UnknownFor: "10m",
			})
			if err != nil {
				t.Fatal(err)
			}
			m, a := checkout(p, 40, 0.2, 0.2)
			a.seconds.chance = rand.New(rand.NewPCG(1, 2))
			m.live(90 * time.Second)
			tt.disturb(m, a)
			m.live(time.Minute)
			if c := m.status.Targets[0].Comparison; c.Proof != "" || c.Decision.Evidence > 20 {
				t.Errorf("evidence of harm %.3g to 1, proof %q, for a version that fails as often as the old one", c.Decision.Evidence, c.Proof)
			}
			if m.status.Phase == rollout.RolledBack || m.status.Back != "" {
				t.Errorf("it was taken back: %s", m.status.Why)
			}
		})
	}
}

// TestWithoutTheServicesTimeNothingIsProven lets every request of a new version fail
// while nobody knows at which weights they were counted.
func TestWithoutTheServicesTimeNothingIsProven(t *testing.T) {
	p, err := plan.New(plan.Spec{
		Targets: []plan.Target{{Kind: plan.Lambda, Name: "checkout", Alias: "live"}},
		Canary:  "10%/30m", Compare: []string{"errors"}, Look: "5s", Settle: "5s",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		lost  bool
		off   time.Duration
		phase rollout.Phase
	}{{true, 0, rollout.Progressing}, {false, 500 * time.Millisecond, rollout.RolledBack}} {
		m, _ := checkout(p, 40, 0.01, 1)
		for m.now.Before(epoch.Add(5*time.Minute)) && !m.status.Phase.Ended() {
			w := m.world()
			w.Lost, w.Off = tt.lost, tt.off
			m.wait(m.look(w))
		}
		if m.status.Phase != tt.phase {
			t.Errorf("lost %v, off by %s: it is %s (%s), want %s", tt.lost, tt.off, m.status.Phase, m.status.Why, tt.phase)
		}
	}
}

// TestAComparisonOfAnotherFormBeginsAnew replaces the program while a good version is
// compared.
func TestAComparisonOfAnotherFormBeginsAnew(t *testing.T) {
	p, err := plan.New(plan.Spec{
		Targets: []plan.Target{{Kind: plan.Lambda, Name: "checkout", Alias: "live"}},
		Canary:  "10%/5m", Compare: []string{"errors"}, Look: "5s", Settle: "5s",
	})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := checkout(p, 40, 0.01, 0.01)
	replaced := false
	for m.now.Before(epoch.Add(time.Hour)) && !m.status.Phase.Ended() {
		c := m.status.Targets[0].Comparison
		old := !replaced && c != nil && m.now.After(epoch.Add(2*time.Minute))
		if old {
			c.Form--
			replaced = true
		}
		d := m.look(m.world())
		if c := d.Status.Targets[0].Comparison; old && c != nil || c != nil && c.Form != analysis.ComparisonForm {
			t.Fatalf("at %s it goes on with a comparison of form %d, want one of %d that begins after", m.clock(), c.Form, analysis.ComparisonForm)
		}
		m.wait(d)
	}
	if c := m.status.Targets[0].Comparison; !replaced || m.status.Phase != rollout.Succeeded || c == nil || c.Epoch.Before(epoch.Add(2*time.Minute)) {
		t.Errorf("it is %s (%s), compared with %+v; want it to succeed by a comparison since then", m.status.Phase, m.status.Why, c)
	}
}
