package controller_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// aged returns a world with versions 1 to 10, prod on 10, and a ledger in which
// 2, 4 and 6 were verified in this order and 9 was quarantined.
func aged(t *testing.T) (*world, *memstore.Store) {
	w, s := newWorld(), memstore.New()
	w.versions["orders"] = nil
	w.machine("orders", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
	prod := arnOf("orders", "prod")
	w.aliases[prod] = rollout.Routing{Stable: "10"}
	for i, e := range []controller.LedgerEntry{
		{Version: "2", State: rollout.Verified}, {Version: "9", State: rollout.Verified}, {Version: "4", State: rollout.Verified},
		{Version: "6", State: rollout.Verified}, {Version: "9", State: rollout.Quarantined},
	} {
		e.Alias, e.At = prod, t0.Add(time.Duration(i)*time.Minute)
		if err := s.Note(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return w, s
}

func TestPruneTakesOnlyWhatNothingNeeds(t *testing.T) {
	w, s := aged(t)
	w.aliases[arnOf("orders", "beta")] = rollout.Routing{Stable: "1"}
	w.inUse = map[string]controller.Use{"3": controller.Executing, "5": controller.Redrivable}
	c := w.controller(s, "ann")
	keep := plan.Keep{Verified: 2, Versions: 3}
	for _, dry := range []bool{true, false} {
		report, err := c.Prune(t.Context(), plan.StateMachine, arnOf("orders", "prod"), keep, dry)
		if err != nil {
			t.Fatal(err)
		}
		why := map[string]string{}
		for _, v := range report.Versions {
			why[v.Number] = v.Stays
			if v.Deleted != (!dry && v.Stays == "") {
				t.Errorf("dry %t: version %s: deleted %t, stays %q", dry, v.Number, v.Deleted, v.Stays)
			}
		}
		want := map[string]string{
			"10": "alias prod refers to it",
			"9":  "it is among the newest 3",
			"8":  "it is among the newest 3",
			"7":  "",
			"6":  "it is among the last 2 verified",
			"5":  "executions of it may be redriven",
			"4":  "it is among the last 2 verified",
			"3":  "executions of it run",
			"2":  "",
			"1":  "alias beta refers to it",
		}
		for v, reason := range want {
			if why[v] != reason {
				t.Errorf("dry %t: version %s stays because %q, want %q", dry, v, why[v], reason)
			}
		}
	}
	if slices.Sort(w.deleted); !slices.Equal(w.deleted, []string{"2", "7"}) {
		t.Errorf("deleted %v, want 2 and 7", w.deleted)
	}
}

func TestPruneKeepsTheLastVerifiedVersionWhateverIsAsked(t *testing.T) {
	w, s := aged(t)
	if _, err := w.controller(s, "ann").Prune(t.Context(), plan.StateMachine, arnOf("orders", "prod"), plan.Keep{Versions: 1}, false); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(w.deleted, "6") || len(w.deleted) != 8 {
		t.Errorf("deleted %v, want all but 10 and 6", w.deleted)
	}
}

func TestPruneKeepsWhatServedLastWhenNothingWasVerified(t *testing.T) {
	w, s := newWorld(), memstore.New()
	w.aliases[arnOf("orders", "prod")] = rollout.Routing{Stable: "8"}
	if err := s.Note(t.Context(), controller.LedgerEntry{Alias: arnOf("orders", "prod"), Version: "7", State: rollout.Served}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.controller(s, "ann").Prune(t.Context(), plan.StateMachine, arnOf("orders", "prod"), plan.Keep{Versions: 1}, false); err != nil {
		t.Fatal(err)
	}
	if len(w.deleted) != 0 {
		t.Errorf("deleted %v, want none: a rollback may go there", w.deleted)
	}
}

func TestPruneSparesTheVersionsOfOpenRolloutsOfAnyAlias(t *testing.T) {
	w, s := aged(t)
	beta := arnOf("orders", "beta")
	w.aliases[beta] = rollout.Routing{Stable: "10"}
	c := w.controller(s, "ann")
	start(t, c, canary(t, "3", func(s *plan.Spec) { s.Targets[0].Alias = "beta" }))
	report, err := c.Prune(t.Context(), plan.StateMachine, arnOf("orders", "prod"), plan.Keep{Versions: 1}, true)
	if err != nil {
		t.Fatal(err)
	}
	if v := report.Versions[7]; v.Number != "3" || v.Stays != "rollout r-ann-1 is open on it" {
		t.Errorf("version %s stays because %q, want because of the rollout", v.Number, v.Stays)
	}
}

func TestPruneLeavesWhatItCannotFindOutAbout(t *testing.T) {
	w, s := aged(t)
	w.fail["InUse"] = controller.ErrThrottled
	report, err := w.controller(s, "ann").Prune(t.Context(), plan.StateMachine, arnOf("orders", "prod"), plan.Keep{Versions: 1}, false)
	if err != nil || len(w.deleted) != 0 {
		t.Errorf("deleted %v, error %v; want none", w.deleted, err)
	}
	if v := report.Versions[3]; v.Stays != "whether executions of it run is not known: throttled" {
		t.Errorf("version %s stays because %q", v.Number, v.Stays)
	}
}

func TestPruningThatFailsDoesNotChangeHowARolloutEnded(t *testing.T) {
	for _, call := range []string{"Versions", "DeleteVersion", "InUse", ""} {
		w, s := aged(t)
		w.aliases[arnOf("orders", "prod")] = rollout.Routing{Stable: "8"}
		if call != "" {
			w.fail[call] = errors.New("no network")
		}
		c := w.controller(s, "ann")
		p := canary(t, "10")
		p.Keep = plan.Keep{Versions: 2, Verified: 1}
		rec := start(t, c, p)
		wantPhase(t, w.drive(t, c, rec.ID, 5*time.Minute), rollout.Succeeded)
		if call == "" && !slices.Contains(w.deleted, "5") {
			t.Errorf("nothing was pruned: %v", w.deleted)
		}
		if call != "" && len(w.deleted) > 0 {
			t.Errorf("%s fails: deleted %v", call, w.deleted)
		}
	}
}

func TestEveryDeletionIsTriedThoughOneFails(t *testing.T) {
	w, s := aged(t)
	w.before = func(call string) error {
		if call == "DeleteVersion" && len(w.deleted) == 0 && w.called(call) == 1 {
			return fmt.Errorf("%w: somebody refers to it", controller.ErrConflict)
		}
		return nil
	}
	report, err := w.controller(s, "ann").Prune(t.Context(), plan.StateMachine, arnOf("orders", "prod"), plan.Keep{Versions: 1}, false)
	if err != nil || len(w.deleted) != 7 || report.Versions[1].Problem == "" {
		t.Errorf("deleted %v, error %v, first problem %q; want 7 of 8", w.deleted, err, report.Versions[1].Problem)
	}
}
