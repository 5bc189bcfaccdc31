package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
)

// A Call is a question to something outside, such as a hook, that is asked once
// and answered when it can be. The status remembers the last call of each
// moment.
type Call struct {
	// Key names the call within its rollout: eachStep-3. Who asks again,
	// because nobody knows whether the question arrived, asks with the same
	// key; a new question has a new one.
	Key    string      `json:"key"`
	Moment plan.Moment `json:"moment"`
	// Check and Target are the name of the check and the index of the target,
	// where a version is tried.
	Check  string `json:"check,omitempty"`
	Target int    `json:"target,omitempty"`
	// Step is the index of the step in force when it was asked; -1 before the
	// first shift.
	Step int `json:"step"`
	// AskedAt is when it was first asked, and Until when it has failed without
	// an answer; later by what was not watched.
	AskedAt time.Time `json:"askedAt"`
	Until   time.Time `json:"until"`
	State   CallState `json:"state"`
	// AnsweredAt and Reason are the answer's; zero until there is one.
	AnsweredAt time.Time `json:"answeredAt,omitzero"`
	Reason     string    `json:"reason,omitempty"`
	// Problem says what the last look brought instead of an answer: why it
	// could not be asked, or what it says meanwhile.
	Problem string `json:"problem,omitempty"`
	// Finding is what the tries of a version came to.
	Finding *analysis.Finding `json:"finding,omitempty"`
}

// A CallState is how far a call is.
type CallState string

// The states of a call.
const (
	CallPending   CallState = "pending"   // there is no answer yet
	CallSucceeded CallState = "succeeded" // the rollout may go on
	CallFailed    CallState = "failed"    // it may not, or there was no answer in time
	CallLeft      CallState = "left"      // nobody waits for the answer any more
)

// An Answer is what a look at a call brought.
type Answer struct {
	// State is CallPending, CallSucceeded or CallFailed; empty when whoever is
	// to answer knows nothing of the call, so that it has to be asked.
	State CallState
	// Reason is why, in its words.
	Reason string
	// Problem says why it could not be asked, or why nothing is known.
	Problem string
	// Trials are what trying a version brought, once all are done; the plan's
	// check judges them.
	Trials []analysis.Trial
}

// Ask asks for a call to be made. Its key tells who is asked that it is the same
// question when it comes again.
type Ask struct{ Call Call }

func (Ask) action() {}

// hear takes in the answers to what was asked: those that the world brought and
// those that people gave.
func (d *decider) hear() {
	d.said = make(map[int64]string)
	for _, o := range d.w.Orders {
		if o.Number > d.s.Orders && (o.Kind == Succeed || o.Kind == Fail) {
			d.said[o.Number] = d.hearPerson(o)
		}
	}
	for i := range d.s.Calls {
		c := &d.s.Calls[i]
		if c.State != CallPending {
			continue
		}
		a := d.w.Answers[c.Key]
		switch {
		case a.Trials != nil:
			d.tried(c, a.Trials)
			continue
		case a.State == CallSucceeded || a.State == CallFailed:
			d.answered(c, a.State, a.Reason)
			continue
		case !d.now.Before(c.Until):
			why := "no answer within " + span(d.timeout(*c))
			if a.Problem != "" {
				why += " (" + a.Problem + ")"
			}
			d.answered(c, CallFailed, why)
			continue
		}
		if c.Problem = a.Problem; c.Problem == "" {
			c.Problem = a.Reason
		}
		if a.State == "" {
			d.actions = append(d.actions, Ask{*c})
		}
	}
}

// hearPerson takes in what a person says for a hook, and returns why that is
// refused; empty when it is not.
func (d *decider) hearPerson(o Order) (refusal string) {
	i := slices.IndexFunc(d.s.Calls, func(c Call) bool { return c.Key == o.Call })
	switch {
	case i < 0:
		return fmt.Sprintf("nothing was asked with the key %q", o.Call)
	case d.s.Calls[i].State == CallLeft:
		return "nobody waits for that answer any more"
	case d.s.Calls[i].State != CallPending:
		return fmt.Sprintf("it has %s already", d.s.Calls[i].State)
	}
	state := CallSucceeded
	if o.Kind == Fail {
		state = CallFailed
	}
	d.answered(&d.s.Calls[i], state, "by "+byWhom(o))
	return ""
}

// answered notes an answer. That a hook failed is told by what comes of it, or
// here when nothing does.
func (d *decider) answered(c *Call, state CallState, reason string) {
	c.State, c.AnsweredAt, c.Reason, c.Problem = state, d.now, reason, ""
	if state == CallSucceeded || c.Moment == plan.OnRollback {
		d.tell("hook", d.callText(*c))
	}
}

// timeout is how long a call may take.
func (d *decider) timeout(c Call) time.Duration {
	if h := d.p.Hooks.At(c.Moment); h != nil {
		return h.Timeout
	}
	if check := checkOf(d.p, c); check != nil {
		return check.Probe.Timeout
	}
	return c.Until.Sub(c.AskedAt)
}

// call returns the call of a moment in the step in force, and makes it when there
// is none yet; nil when the plan has no hook for the moment.
func (d *decider) call(m plan.Moment) *Call {
	h := d.p.Hooks.At(m)
	if h == nil {
		return nil
	}
	return d.make(Call{Moment: m}, h.Timeout, fmt.Sprintf("hook %s (%s) is asked", m, h))
}

// make returns the call of the step in force that is like c, and makes it when
// there is none.
func (d *decider) make(c Call, timeout time.Duration, what string) *Call {
	i := slices.IndexFunc(d.s.Calls, func(o Call) bool { return o.Moment == c.Moment && o.Check == c.Check && o.Target == c.Target })
	if i >= 0 && d.s.Calls[i].Step == d.s.Step && d.s.Calls[i].State != CallLeft {
		return &d.s.Calls[i]
	}
	d.s.Called++
	c.Key, c.Step = fmt.Sprintf("%s-%d", c.Moment, d.s.Called), d.s.Step
	c.AskedAt, c.Until, c.State = d.now, d.now.Add(timeout), CallPending
	if i < 0 {
		i = len(d.s.Calls)
		d.s.Calls = append(d.s.Calls, Call{})
	}
	d.s.Calls[i] = c
	d.actions = append(d.actions, Ask{c})
	d.tell("hook", what)
	return &d.s.Calls[i]
}

// tried judges the tries of a version.
func (d *decider) tried(c *Call, trials []analysis.Trial) {
	check := checkOf(d.p, *c)
	if check == nil {
		return
	}
	f := analysis.Judge(*check, analysis.Evidence{Now: d.now, Target: d.p.Targets[c.Target].String(), Trials: trials})
	c.Finding = &f
	state := CallFailed
	if f.Verdict == analysis.Healthy {
		state = CallSucceeded
	}
	d.answered(c, state, f.Why)
}

// checkOf returns the check that a call tries a version for; nil for a hook's.
func checkOf(p plan.Plan, c Call) *plan.Check {
	i := slices.IndexFunc(p.Checks, func(check plan.Check) bool { return check.Probe != nil && check.Name == c.Check })
	if c.Moment != plan.Trying || i < 0 || c.Target >= len(p.Targets) {
		return nil
	}
	return &p.Checks[i]
}

// trials returns the first call that tries a new version and has not found it
// good; nil when all have, or there is nothing to try.
func (d *decider) trials() *Call {
	var open *Call
	for _, check := range d.p.Checks {
		for i, t := range d.s.Targets {
			if check.Probe == nil || !check.Probe.Tries(d.p.Targets[i]) || t.Seen.Stable == t.Canary {
				continue
			}
			c := d.make(Call{Moment: plan.Trying, Check: check.Name, Target: i}, check.Probe.Timeout,
				fmt.Sprintf("%s tries %s of %s out, before it gets any traffic", check.Name, t.Canary, d.p.Targets[i]))
			if c.State == CallFailed {
				return c
			}
			if c.State != CallSucceeded && open == nil {
				open = c
			}
		}
	}
	return open
}

// stepCall returns the call that the end of the step in force waits for.
func (d *decider) stepCall() *Call {
	switch {
	case d.s.Step < 0:
		return nil
	case d.s.Step < d.last():
		return d.call(plan.EachStep)
	default:
		return d.call(plan.AfterTraffic)
	}
}

// leaveCalls waits for no answer any more.
func (d *decider) leaveCalls() {
	for i := range d.s.Calls {
		if d.s.Calls[i].State == CallPending {
			d.s.Calls[i].State = CallLeft
		}
	}
}

// keepAsks drops questions that nobody waits for any more: what a look decides after
// it heard may leave a call, or put another one in its place.
func (d *decider) keepAsks() {
	d.actions = slices.DeleteFunc(d.actions, func(a Action) bool {
		ask, asks := a.(Ask)
		return asks && !slices.ContainsFunc(d.s.Calls, func(c Call) bool { return c.Key == ask.Call.Key && c.State == CallPending })
	})
}

// let says whether what is to be tried and asked before any traffic lets the first
// shift begin. When it does not, the rollout waits or is refused.
func (d *decider) let() bool {
	c := d.trials()
	if c == nil {
		c = d.call(plan.BeforeTraffic)
	}
	if c == nil || c.State == CallSucceeded {
		return true
	}
	d.s.UnknownSince = time.Time{}
	if c.State == CallFailed {
		d.refuse(d.callText(*c))
		return false
	}
	d.s.Why = d.callText(*c)
	return false
}

// holdCall holds because a hook has not answered yet.
func (d *decider) holdCall(c Call) {
	if d.s.Hold != HoldHook {
		d.hold(HoldHook, d.callText(c))
	}
	d.s.Why = d.callText(c)
}

// toldBack says whether the hook that is told of a rollback has answered. Nobody
// is told when there was nothing to take back, or nothing of it is this rollout's
// any more.
func (d *decider) toldBack() bool {
	if _, all := d.allLeft(); all || d.s.BackFrom == 0 || d.s.Back == BackTask {
		return true
	}
	c := d.call(plan.OnRollback)
	return c == nil || c.State != CallPending
}

// judgeCalls makes a finding of each hook that matters now. One that failed is
// proof of harm; one that has not answered is no lack of samples, so that it
// counts towards no verdict: the step waits for it in its own way.
func (d *decider) judgeCalls() {
	for _, c := range d.s.Calls {
		h := d.p.Hooks.At(c.Moment)
		if check := checkOf(d.p, c); check != nil {
			d.judgeTrial(c, *check)
			continue
		}
		if h == nil || c.State == CallLeft || c.Moment == plan.OnRollback {
			continue
		}
		f := analysis.Finding{
			Check: "hook " + string(c.Moment), Verdict: analysis.Unknown, Why: d.callText(c),
			Rule: fmt.Sprintf("%s succeeds within %s", h, span(h.Timeout)),
		}
		switch c.State {
		case CallSucceeded:
			f.Verdict = analysis.Healthy
		case CallFailed:
			f.Verdict = analysis.Unhealthy
		case CallPending, CallLeft:
			f.Flip = fmt.Sprintf("its answer; crossfade hook succeed %s or fail %s gives one", d.p.Name, d.p.Name)
		}
		d.s.Findings = append(d.s.Findings, f)
	}
}

// judgeTrial makes a finding of the tries of a version.
func (d *decider) judgeTrial(c Call, check plan.Check) {
	if c.Finding != nil {
		d.s.Findings = append(d.s.Findings, *c.Finding)
		return
	}
	f := analysis.Judge(check, analysis.Evidence{Now: d.now, Target: d.p.Targets[c.Target].String()})
	if f.Why = d.callText(c); c.State == CallFailed {
		f.Verdict = analysis.Unhealthy
	}
	d.s.Findings = append(d.s.Findings, f)
}

// callText says how a call stands.
func (d *decider) callText(c Call) string { return callText(d.p, c) }

func callText(p plan.Plan, c Call) string {
	name := "hook " + string(c.Moment)
	if h := p.Hooks.At(c.Moment); h != nil {
		name = fmt.Sprintf("hook %s (%s)", c.Moment, h)
	}
	if check := checkOf(p, c); check != nil {
		name = fmt.Sprintf("%s of %s", check.Name, p.Targets[c.Target])
	}
	switch c.State {
	case CallPending:
		if c.Problem != "" {
			return fmt.Sprintf("%s has not answered yet (%s)", name, c.Problem)
		}
		return name + " has not answered yet"
	case CallSucceeded:
		return name + " succeeded" + clause(c.Reason)
	case CallFailed:
		return name + " failed" + clause(c.Reason)
	case CallLeft:
		return name + " is not waited for any more"
	default:
		panic("rollout: call " + string(c.State))
	}
}

// clause appends a reason, if there is one.
func clause(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// waiting returns the pending call of one of the moments, if there is one.
func waiting(s Status, moments ...plan.Moment) (Call, bool) {
	for _, c := range s.Calls {
		if c.State == CallPending && slices.Contains(moments, c.Moment) {
			return c, true
		}
	}
	return Call{}, false
}
