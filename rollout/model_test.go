package rollout_test

import (
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A model is a small world for one rollout: aliases that may answer late,
// alarms, and traffic that fails at known rates. It does what Decide asks for.
type model struct {
	plan    plan.Plan
	now     time.Time // the real time
	skew    time.Duration
	aliases []*modelAlias
	alarms  map[string]analysis.AlarmState
	orders  []rollout.Order
	probes  map[string]analysis.Probe
	metrics map[string]analysis.Series
	asked   []rollout.Call            // each key once
	answers map[string]rollout.Answer // by key, of what was asked
	status  rollout.Status            // as last decided
}

// A modelAlias is an alias with eventual consistency.
type modelAlias struct {
	name           string
	stable, canary string
	routing        rollout.Routing // as written
	shown          rollout.Routing // as reads show it
	showAt         time.Time       // when reads show what was written
	delay          time.Duration
	unreadable     string
	gone           bool
	writeProblem   string // why writes fail
	lastProblem    string // of the last write
	losesWrites    bool   // writes do nothing and report nothing
	writes         int

	perSecond         float64 // requests
	badOld, badNew    float64
	countsProblem     string
	feedProblem       string // of what is compared, besides countsProblem
	canaryN, canaryX  float64
	stableN, stableX  float64
	notCounted        bool
	seconds           seconds
	runningOfTheAlias int
}

// pass lets time pass.
func (m *model) pass(d time.Duration) {
	for left := d; left > 0; {
		at := m.clock()
		part := min(left, at.Truncate(time.Second).Add(time.Second).Sub(at))
		for _, a := range m.aliases {
			a.serve(at, part)
		}
		m.now, left = m.now.Add(part), left-part
	}
	for _, a := range m.aliases {
		n := a.perSecond * d.Seconds()
		w := float64(a.shown.Share(a.canary)) / float64(plan.Full)
		a.canaryN, a.canaryX = a.canaryN+n*w, a.canaryX+n*w*a.badNew
		a.stableN, a.stableX = a.stableN+n*(1-w), a.stableX+n*(1-w)*a.badOld
		if !m.now.Before(a.showAt) {
			a.shown = a.routing
		}
	}
}

// clock is the time that the decider is told.
func (m *model) clock() time.Time { return m.now.Add(m.skew) }

// world is what a look brings.
func (m *model) world() rollout.World {
	w := rollout.World{Alarms: m.alarms, Orders: m.orders, Probes: m.probes, Metrics: m.metrics, Answers: m.answers}
	for i, a := range m.aliases {
		seen := rollout.SeenTarget{Routing: a.shown, Problem: a.unreadable, Gone: a.gone, ShiftProblem: a.lastProblem}
		if !a.notCounted {
			counts := func(version string, n, x float64) *analysis.Counts {
				return &analysis.Counts{
					Version: version, Succeeded: int(n) - int(x), Failed: int(x), Running: a.runningOfTheAlias,
					AsOf: m.clock(), Problem: a.countsProblem,
				}
			}
			seen.Canary, seen.Stable = counts(a.canary, a.canaryN, a.canaryX), counts(a.stable, a.stableN, a.stableX)
		}
		if i < len(m.status.Targets) && m.status.Targets[i].Stable != "" {
			m.observe(&seen, a, m.status.Targets[i])
		}
		w.Targets = append(w.Targets, seen)
	}
	return w
}

// act does what was asked for.
func (m *model) act(s rollout.Shift) {
	a := m.aliases[s.Target]
	a.lastProblem = a.writeProblem
	if a.writeProblem != "" || a.losesWrites || a.gone {
		return
	}
	if !a.routing.Same(s.From) && !a.routing.Same(s.To) {
		a.lastProblem = "conflict: it shows something else"
		return
	}
	a.write(m.now, s.To)
}

func (a *modelAlias) write(now time.Time, r rollout.Routing) {
	a.writes++
	if a.routing.Same(r) {
		return // what is on its way is not delayed by asking again
	}
	a.routing = r
	a.showAt = now.Add(a.delay)
	if a.delay == 0 {
		a.shown = r
	}
}

// ask takes a question to a hook and says whether it is a new one. One that is
// asked again changes nothing.
func (m *model) ask(c rollout.Call) bool {
	if m.answers == nil {
		m.answers = map[string]rollout.Answer{}
	}
	_, known := m.answers[c.Key]
	if !known {
		m.answers[c.Key] = rollout.Answer{State: rollout.CallPending}
		m.asked = append(m.asked, c)
	}
	return !known
}

// answer answers the last question of a moment.
func (m *model) answer(moment plan.Moment, a rollout.Answer) {
	for _, c := range m.asked {
		if c.Moment == moment {
			m.answers[c.Key] = a
		}
	}
}

// look is one look at what the world shows: it decides, and does what that asks for.
func (m *model) look(w rollout.World) rollout.Decision {
	d := rollout.Decide(m.plan, m.status, w, m.clock())
	m.carryOut(d)
	return d
}

// carryOut does what a decision asks for, and remembers it.
func (m *model) carryOut(d rollout.Decision) {
	for _, a := range d.Actions {
		switch a := a.(type) {
		case rollout.Shift:
			m.act(a)
		case rollout.Ask:
			m.ask(a.Call)
		}
	}
	m.status = d.Status
}

// wait lets time pass until the look that a decision wants next.
func (m *model) wait(d rollout.Decision) {
	m.pass(max(10*time.Millisecond, d.Look.Sub(m.clock())))
}

// live lets the rollout go on for a time, or to its end.
func (m *model) live(long time.Duration) {
	for end := m.now.Add(long); m.now.Before(end) && !m.status.Phase.Ended(); {
		m.wait(m.look(m.world()))
	}
}

// checkout is the model of a rollout of one function, whose versions fail at these
// rates.
func checkout(p plan.Plan, perSecond, badOld, badNew float64) (*model, *modelAlias) {
	r := rollout.Routing{Stable: "41"}
	a := &modelAlias{
		name: "checkout:live", stable: "41", canary: "42", routing: r, shown: r,
		perSecond: perSecond, badOld: badOld, badNew: badNew,
	}
	m := &model{now: epoch, plan: p, alarms: map[string]analysis.AlarmState{}, aliases: []*modelAlias{a}}
	m.status = m.begin()
	return m, a
}

// begin is the status of the model's rollout.
func (m *model) begin() rollout.Status {
	targets := make([]rollout.TargetStatus, len(m.aliases))
	for i, a := range m.aliases {
		targets[i] = rollout.TargetStatus{Alias: a.name, Canary: a.canary}
	}
	return rollout.Begin(m.plan, targets, m.clock())
}
