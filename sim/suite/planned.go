package suite

import (
	"fmt"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/controller/servicetime"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// How says what a plan leaves to the account that it runs in.
type How struct {
	// Minutes is true for counts of whole minutes, up to two minutes late, as
	// CloudWatch has them; otherwise counts come within seconds.
	Minutes bool
	// Alarm is what every alarm of the plan is taken to be.
	Alarm Alarm
	// Skew is how far the clock of the machine that carries the plan out is ahead
	// at a second; nil: it is right. The answers of the service say what time it
	// is, unless the clock is trusted.
	Skew    func(second int) time.Duration
	trusted bool
}

// DefaultHow is how plans for an alias of a kind are carried out: the executions of
// a state machine are counted within seconds, and so are the invocations of a function
// whose plan names its logs; those of others by CloudWatch.
// Alarms are the one of the SAM documentation: any error in two minutes in a row.
func DefaultHow(p plan.Plan) How {
	fresh := func(t plan.Target) bool { return t.Kind == plan.StateMachine || t.Logs != "" }
	return How{
		Minutes: !slices.ContainsFunc(p.Targets, fresh),
		Alarm:   Alarm{Metric: "errors", Breaching: 2, Periods: 2, Every: 60},
	}
}

// Planned returns a plan as a policy, carried out by the decider that carries out
// rollouts. unseen names the checks that the world has nothing for; they are left
// away.
func Planned(name string, p plan.Plan, how How) (policy Policy, unseen []string) {
	known := p
	known.Checks = nil
	for _, c := range p.Checks {
		if c.Metric != nil || c.HTTP != nil {
			unseen = append(unseen, c.Name)
			continue
		}
		known.Checks = append(known.Checks, c)
	}
	return Policy{Name: name, New: func(v *View) Player {
		settled := known
		settled.Settle = max(settled.Settle, time.Duration(v.Settle)*time.Second)
		return newPlanned(settled, how, v.phase)
	}}, unseen
}

// planned plays a plan.
type planned struct {
	plan    plan.Plan
	how     How
	phase   int // the second at noon
	status  rollout.Status
	routing []rollout.Routing
	next    int // the second of the next look
	share   float64
	counted [2]counted // by side
	alarm   analysis.AlarmState
	now     int                // the second that it is
	clock   *servicetime.Clock // nil: the time is right
	jumps   int                // of the clock, as of the last look
}

// machine is the clock of the machine that carries a plan out.
type machine struct{ a *planned }

func (m machine) Now() time.Time { return m.a.at(m.a.now).Add(m.a.how.Skew(m.a.now)) }

func (m machine) After(time.Duration) <-chan time.Time {
	panic("suite: nothing may wait in virtual time")
}

// time is what the decider is told that it is.
func (a *planned) time() time.Time {
	switch {
	case a.how.Skew == nil:
		return a.at(a.now)
	case a.how.trusted:
		return machine{a}.Now()
	default:
		return a.clock.Now()
	}
}

// look lets the service answer, and says how well its time is known.
func (a *planned) look(w *rollout.World) {
	if a.how.Skew == nil || a.how.trusted {
		return
	}
	local := machine{a}.Now()
	a.clock.Answered(local, local, a.at(a.now))
	jumps := a.clock.Jumps()
	w.Off, _ = a.clock.Off()
	w.Lost, a.jumps = jumps != a.jumps, jumps
}

// counted is what one side did until a second.
type counted struct {
	until int
	sum   evidence.Outcomes
}

// The versions of every world.
const (
	oldVersion = "1"
	newVersion = "2"
)

// noon is when the first whole minute of every world begins.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// at is a second of the world as a time.
func (a *planned) at(second int) time.Time {
	return noon.Add(time.Duration(second-a.phase) * time.Second)
}

func newPlanned(p plan.Plan, how How, phase int) *planned {
	a := &planned{plan: p, how: how, phase: phase}
	a.alarm = analysis.AlarmState{State: "OK", Since: a.at(0)}
	targets := make([]rollout.TargetStatus, len(p.Targets))
	for i, t := range p.Targets {
		targets[i] = rollout.TargetStatus{Alias: t.String(), Canary: newVersion}
		a.routing = append(a.routing, rollout.Routing{Stable: oldVersion})
	}
	if how.Skew != nil {
		a.clock = servicetime.New(machine{a})
		local := machine{a}.Now()
		a.clock.Answered(local, local, a.at(0))
	}
	a.status = rollout.Begin(p, targets, a.time())
	return a
}

// Step implements [Player].
func (a *planned) Step(v *View) Move {
	a.now = v.Now
	if v.Now%60 == v.evaluated {
		a.evaluate(v)
	}
	if v.Now < a.next {
		return Move{Share: a.share}
	}
	w := a.world(v)
	a.look(&w)
	now := a.time()
	d := rollout.Decide(a.plan, a.status, w, now)
	a.status = d.Status
	for _, action := range d.Actions {
		switch action := action.(type) {
		case rollout.Shift:
			a.routing[action.Target] = action.To
		case rollout.Prune:
		default:
			panic(fmt.Sprintf("suite: action %T", action))
		}
	}
	a.share = 0
	for _, r := range a.routing {
		a.share = max(a.share, shareOf(r))
	}
	if !d.Look.IsZero() {
		a.next = v.Now + max(1, int(d.Look.Sub(now)/time.Second))
	}
	switch {
	case a.status.Back != "" && a.share == 0:
		return Move{End: RolledBack}
	case a.status.Phase == rollout.Succeeded:
		return Move{Share: 1, End: Finished}
	case a.status.Phase.Ended():
		a.next = horizon + 1
	}
	return Move{Share: a.share}
}

// shareOf is the new version's part of the traffic.
func shareOf(r rollout.Routing) float64 {
	switch {
	case r.Stable == newVersion:
		return 1
	case r.Canary == newVersion:
		return float64(r.Weight) / float64(plan.Full)
	default:
		return 0
	}
}

// world is what a look brings.
func (a *planned) world(v *View) rollout.World {
	w := rollout.World{Alarms: map[string]analysis.AlarmState{}}
	for _, c := range a.plan.Checks {
		if c.Alarm != "" {
			w.Alarms[c.Alarm] = a.alarm
		}
	}
	canary, stable := a.counts(v, evidence.Canary), a.counts(v, evidence.Stable)
	var feed *analysis.Feed
	var history *analysis.History
	if errors, durations := analysis.Compares(a.plan); errors || durations {
		if c := a.status.Targets[0].Comparison; c != nil {
			feed = a.feed(v, c)
		} else {
			history = a.history(v)
		}
	}
	for i := range a.plan.Targets {
		w.Targets = append(w.Targets, rollout.SeenTarget{Routing: a.routing[i], Canary: &canary, Stable: &stable, History: history, Feed: feed})
	}
	return w
}

// history is what the old version did before.
func (a *planned) history(v *View) *analysis.History {
	h := &analysis.History{
		Source:  analysis.Source{Width: time.Second, Delay: sourceDelay * time.Second, Name: "the model world, within seconds"},
		Seconds: v.HistorySeconds, Outcomes: v.History, Failures: v.Failures,
	}
	if a.how.Minutes {
		h.Source = analysis.Source{Width: time.Minute, Delay: 2 * time.Minute, Name: "the model world, by the minute"}
	}
	if h.Timed = v.History.Requests; h.Timed >= analysis.LeastTimed {
		h.Thresholds = []float64{0.1, 0.19, 0.32} // the quantiles of a hundred milliseconds' spread; only their order counts here
	}
	return h
}

// feed is what both versions did in the stretches that a comparison waits for, as
// far as they are visible.
func (a *planned) feed(v *View, c *analysis.Comparison) *analysis.Feed {
	f := &analysis.Feed{From: c.Wanted()}
	width := int(c.Source.Width / time.Second)
	for from := int(c.Epoch.Sub(a.at(0))/time.Second) + width*f.From; from+width <= v.Now; from += width {
		minute := (from-v.phase)/60 + 1
		for side := range v.seconds {
			switch {
			case a.how.Minutes && !v.shows(evidence.Side(side), minute):
				return f
			case !a.how.Minutes && from >= 0 && v.seconds[side][from].visible > v.Now:
				return f
			}
		}
		f.Canary = append(f.Canary, v.Window(evidence.Canary, from, from+width, 0))
		f.Stable = append(f.Stable, v.Window(evidence.Stable, from, from+width, 0))
	}
	return f
}

// counts are those that are visible of one side.
func (a *planned) counts(v *View, side evidence.Side) analysis.Counts {
	c := &a.counted[side]
	if a.how.Minutes {
		c.sum, c.until = evidence.Outcomes{}, 0
		for m := 0; m <= v.LastMinute(); m++ {
			if !v.shows(side, m) {
				break
			}
			o, _ := v.Minute(side, m)
			c.sum.Requests += o.Requests
			c.sum.Failed += o.Failed
			c.until = v.phase + 60*m
		}
	} else {
		for ; c.until < v.Now-sourceDelay; c.until++ {
			s := &v.seconds[side][c.until]
			c.sum.Requests += s.n
			c.sum.Failed += s.failed
		}
	}
	version := newVersion
	if side == evidence.Stable {
		version = oldVersion
	}
	return analysis.Counts{
		Version: version, Started: c.sum.Requests, Succeeded: c.sum.Requests - c.sum.Failed, Failed: c.sum.Failed,
		From: a.at(0), AsOf: a.at(c.until),
	}
}

// evaluate brings the alarm's state up to date, as CloudWatch does once a minute.
func (a *planned) evaluate(v *View) {
	if state := a.how.Alarm.state(v); state != a.alarm.State {
		a.alarm.State, a.alarm.Since = state, a.at(v.Now)
	}
}
