package suite

import (
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
)

// clocks are those of machines that have the wrong time, by how much they are ahead
// at a second.
var clocks = []struct {
	name  string
	ahead func(second int) time.Duration
}{
	{"five minutes ahead", func(int) time.Duration { return 5 * time.Minute }},
	{"an hour behind", func(int) time.Duration { return -time.Hour }},
	{"losing a second in an hour", func(s int) time.Duration { return -time.Duration(s) * time.Second / 3600 }},
	{"gaining a second in a hundred", func(s int) time.Duration { return time.Duration(s) * 10 * time.Millisecond }},
	{"set by half a minute now and then", func(s int) time.Duration { return time.Duration(s/97%2) * 30 * time.Second }},
	{"set by an hour now and then", func(s int) time.Duration { return time.Duration(s/131%3-1) * time.Hour }},
}

func onClock(t *testing.T, ahead func(int) time.Duration, trusted bool) Policy {
	t.Helper()
	p := parsed(t, "{adaptive: {}}", "")
	how := DefaultHow(p)
	how.Skew, how.trusted = ahead, trusted
	policy, _ := Planned("plan", p, how)
	return policy
}

func TestTheClockOfTheMachineCondemnsNothingAndSavesNothing(t *testing.T) {
	scenarios := pick(t, "H2", "H7 good, 1%", "H8 good")
	right := measure(t, Options{Scenarios: scenarios, Policies: []Policy{onClock(t, nil, false)}, Reps: 16, Seed: 6, Workers: 2})
	for _, c := range clocks {
		rows := measure(t, Options{Scenarios: scenarios, Policies: []Policy{onClock(t, c.ahead, false)}, Reps: 16, Seed: 6, Workers: 2})
		for i, r := range rows {
			switch {
			case r.Scenario.Good() && r.RolledBack > 0.05:
				t.Errorf("%s: %s: %.2f taken back, want none but by chance", c.name, r.Scenario.Name, r.RolledBack)
			case !r.Scenario.Good() && (r.RolledBack < 1 || r.Harm > 1.5*right[i].Harm+3*r.Error):
				t.Errorf("%s: %s: %.2f taken back after %.2f ± %.2f bad requests, want all after at most half more than %.2f", c.name, r.Scenario.Name, r.RolledBack, r.Harm, r.Error, right[i].Harm)
			}
		}
	}
}

// TestAClockThatIsTrustedMisleads is why it is not: what is compared is then compared
// at weights that were not in force.
func TestAClockThatIsTrustedMisleads(t *testing.T) {
	scenarios := []Scenario{{Name: "good, 20%, 100/s, trusted", Rate: 100, Base: 0.2}}
	p, err := plan.New(plan.Spec{
		Targets: []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}},
		Linear:  "20%/2m", Compare: []string{"errors"},
	})
	if err != nil {
		t.Fatal(err)
	}
	back := func(trusted bool) float64 {
		how := DefaultHow(p)
		how.Skew, how.trusted = func(int) time.Duration { return 50 * time.Second }, trusted
		policy, _ := Planned("plan", p, how)
		return measure(t, Options{Scenarios: scenarios, Policies: []Policy{policy}, Reps: 20, Seed: 6, Workers: 2})[0].RolledBack
	}
	if trusted, told := back(true), back(false); trusted < 0.9 || told > 0.05 {
		t.Errorf("%.2f of good releases are taken back by a clock that is 50 s ahead and trusted, %.2f where it is told the time; want nearly all and none", trusted, told)
	}
}
