package rollout

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
	"github.com/crossfade-dev/crossfade/plan"
)

// Decide returns what a rollout does next. It is total: every status, world and
// time has a decision, and a time before the ones in the status does no harm.
// Called again with the status that it returned and the same world, it asks for
// the same things again until they are seen. It writes to nothing that it was
// given.
//
// What it holds to, whatever happens: the canary's weight is never above the
// step in force; a step counts from when every target was seen at its weight;
// Unknown never advances, only a person can go on without a verdict; after it
// began to take the traffic back it never gives more; what somebody else did to
// an alias is not overwritten unless the plan or a person says so, and then it
// is told; and it ends.
func Decide(p plan.Plan, s Status, w World, now time.Time) Decision {
	if s.Phase.Ended() {
		return Decision{Status: s}
	}
	d := &decider{p: p, s: s, w: w, now: now}
	d.s.Targets = slices.Clone(s.Targets)
	d.s.Accepted = maps.Clone(s.Accepted)
	d.s.Calls = slices.Clone(s.Calls)
	d.keepTime()
	d.see()
	d.hear()
	if d.s.Phase != RollingBack {
		d.compare()
	}
	d.judge()
	for _, o := range w.Orders {
		if o.Number > d.s.Orders && !d.s.Phase.Ended() {
			d.s.Orders = o.Number
			d.order(o)
		}
	}
	switch d.s.Phase {
	case Pending:
		d.prove()
	case Progressing, Paused, Holding:
		d.carryOn()
	case RollingBack, Succeeded, RolledBack, Failed, Aborted:
	default:
		panic("rollout: phase " + string(d.s.Phase))
	}
	if d.s.Phase == RollingBack { // since long, or since just now
		d.takeBack()
	}
	if !d.s.Phase.Ended() {
		d.tellFindings(s.Findings)
	}
	d.keepAsks()
	d.noteShares()
	d.s.LookedAt = now
	return Decision{Status: d.s, Actions: d.actions, Events: d.events, Notes: d.notes, Look: d.nextLook()}
}

// A decider is one run of Decide.
type decider struct {
	p   plan.Plan
	s   Status
	w   World
	now time.Time

	sights []sight // of each target
	// seenBefore is when each target was last read before this look.
	seenBefore []time.Time
	// noHistory says why what an old version did before cannot be read.
	noHistory string
	policies  []ramp.Policy // by which each target's versions are compared
	verdict   analysis.Verdict
	// trouble is why the world cannot be judged, besides a lack of samples.
	trouble string
	// said has, for each answer that a person gave for a hook, by the order's
	// number, why it is refused; empty when it is not.
	said map[int64]string

	actions []Action
	events  []Event
	notes   []Note
}

// last is the index of the step at Full.
func (d *decider) last() int { return len(d.p.Steps) - 1 }

// maxGap is how long the time between two looks may be and still count as
// watched.
func (d *decider) maxGap() time.Duration { return max(time.Minute, 4*d.p.Look) }

// keepTime makes the times of the status fit now: the clock may have been set
// back, and nobody may have looked for a while.
func (d *decider) keepTime() {
	s := &d.s
	times := []*time.Time{&s.Since, &s.Started, &s.StepSince, &s.FullSince, &s.UnknownSince, &s.ToldAt, &s.LookedAt}
	for i := range s.Targets {
		t := &s.Targets[i]
		times = append(times, &t.WishAt, &t.ConfirmedAt, &t.SeenAt)
	}
	for i := range s.Calls {
		c := &s.Calls[i]
		times = append(times, &c.AskedAt, &c.AnsweredAt)
		if latest := d.now.Add(d.timeout(*c)); c.Until.After(latest) {
			c.Until = latest
		}
	}
	for _, t := range times {
		if t.After(d.now) {
			*t = d.now
		}
	}
	gap := d.now.Sub(s.LookedAt)
	if s.LookedAt.IsZero() || gap <= d.maxGap() {
		return
	}
	for i := range s.Calls {
		s.Calls[i].Until = s.Calls[i].Until.Add(gap) // who should have listened may have missed the answer
	}
	if s.Phase == RollingBack {
		s.Since = s.Since.Add(gap) // its patience is for attempts
		return
	}
	if !s.StepSince.IsZero() {
		s.StepSince = s.StepSince.Add(gap)
		d.tell("gap", fmt.Sprintf("nobody looked for %s; the step counts on from here", span(gap)))
	}
	if !s.FullSince.IsZero() {
		s.FullSince = s.FullSince.Add(gap)
	}
	if !s.UnknownSince.IsZero() {
		s.UnknownSince = s.UnknownSince.Add(gap)
	}
}

// carryOn takes a rollout further that has begun and does not go back.
func (d *decider) carryOn() {
	if d.s.Hold == HoldAtZero {
		d.stayAtZero()
		return
	}
	if d.s.Targets[0].Stable == "" { // paused before the first shift
		if !d.now.Before(deadline(d.p, d.s)) {
			d.refuse(fmt.Sprintf("the deadline of %s passed before the first shift", span(d.p.Deadline)))
		}
		return
	}
	if d.verdict == analysis.Unhealthy && d.react() {
		return
	}
	if d.overdue() {
		return
	}
	if i := slices.Index(d.sights, gone); i >= 0 {
		d.holdGone(i)
		return
	}
	if d.handleDrift() {
		return
	}
	if d.s.Hold == HoldGone {
		d.enter(Progressing, "the alias is there again")
		d.announce("resumed")
	}
	if d.s.Phase == Paused || d.s.Hold == HoldUnhealthy {
		d.reached() // what was asked for may only now be seen
		return
	}
	d.advance()
}

// deadline is when the rollout has to have got somewhere: to Full from its
// start, and to its end from Full.
func deadline(p plan.Plan, s Status) time.Time {
	if s.FullSince.IsZero() {
		return s.Started.Add(p.Deadline)
	}
	patience := max(p.Deadline, p.UnknownFor)
	if h := p.Hooks.AfterTraffic; h != nil {
		patience = max(patience, h.Timeout)
	}
	return s.FullSince.Add(p.Hold(len(p.Steps)-1) + patience)
}

// overdue ends what takes longer than it may. It says whether it did.
func (d *decider) overdue() bool {
	if d.now.Before(deadline(d.p, d.s)) {
		return false
	}
	why := fmt.Sprintf("the deadline of %s passed", span(d.p.Deadline))
	switch {
	case !d.s.FullSince.IsZero() && d.s.Hold == HoldDrift:
		d.giveUp("the soak found no end: " + d.s.Why)
	case !d.s.FullSince.IsZero():
		d.giveUp("it has all of the traffic, but its soak found no end: " + d.s.Why)
	case d.s.Hold == HoldUnhealthy:
		d.giveUp(why + " while it was held: " + d.s.Why)
	case d.s.Hold == HoldAtZero:
		d.goBack(BackUnhealthy, why+" while it was held at 0 %: "+d.s.Why)
	case d.s.Hold == HoldDrift:
		d.leaveDrifted()
		d.goBack(BackDeadline, why+" while it was held: "+d.s.Why)
	case d.s.Hold == HoldGone:
		d.goBack(BackStuck, why+": "+d.s.Why)
	case d.s.Hold == HoldApproval, d.s.Hold == HoldUnknown, d.s.Hold == HoldHook:
		d.goBack(BackDeadline, why+" at "+percent(d.weight())+": "+d.s.Why)
	case d.verdict == analysis.Unknown && d.climbing():
		d.goBack(BackDeadline, why+" at "+percent(d.weight())+": "+d.whyUnknown())
	default:
		d.goBack(BackDeadline, why+" at "+percent(d.weight()))
	}
	return true
}

// advance goes to the next step when everything says so.
func (d *decider) advance() {
	if !d.reached() {
		d.ask()
		return
	}
	waived := d.s.Skipped || d.s.Promoted && d.s.Step < d.last()
	var call *Call
	if !waived {
		call = d.stepCall()
	}
	if d.climbing() && !waived && d.trouble == "" {
		d.climb(call)
		return
	}
	if d.trouble != "" && !waived && (d.s.Step < d.last() || d.watched()) {
		d.holdTrouble()
		return
	}
	if !d.settled() || !d.stepOver() && !waived {
		d.progress()
		return
	}
	if call != nil && call.State == CallPending {
		d.holdCall(*call)
		return
	}
	if d.s.Step == d.last() {
		d.finish()
		return
	}
	adopted := d.s.Step < 0 // below the first step nothing is expected yet
	if d.verdict == analysis.Unknown && !waived && !adopted {
		d.holdUnknown(d.whyUnknown())
		return
	}
	if !adopted && d.p.Steps[d.s.Step].Approval && !d.s.Approved && !waived {
		if d.s.Hold != HoldApproval {
			d.hold(HoldApproval, "the step waits for an approval")
		}
		return
	}
	next := d.s.Step + 1
	if d.s.Promoted {
		next = d.last()
	}
	d.move(next)
}

// progress says that all is well and it is not time yet.
func (d *decider) progress() {
	if d.s.Phase != Progressing {
		d.enter(Progressing, "")
		d.announce("resumed")
	}
	d.s.Why, d.s.UnknownSince = "", time.Time{}
	if d.verdict == analysis.Unknown {
		d.s.Why = d.whyUnknown()
	}
}

// reached says whether every target was just seen at its wish, and notes since
// when.
func (d *decider) reached() bool {
	for _, s := range d.sights {
		if s != atWish {
			return false
		}
	}
	if !d.s.StepSince.IsZero() {
		return true
	}
	d.s.StepSince = d.now
	for i := range d.s.Targets {
		if c := d.seen(i).Canary; c != nil && c.Problem == "" {
			d.s.Targets[i].Base = c.Finished()
		}
	}
	if d.s.Step == d.last() && d.s.FullSince.IsZero() {
		d.s.FullSince = d.now
	}
	if d.s.Phase == Progressing {
		d.s.Why = ""
		if !d.climbing() { // what the evidence allows is told of as it comes
			d.announce("reached")
		}
	}
	return true
}

// settled says whether no target can answer with an older routing any more.
func (d *decider) settled() bool {
	for _, t := range d.s.Targets {
		if d.now.Before(t.ConfirmedAt.Add(d.p.Settle)) {
			return false
		}
	}
	return true
}

// stepOver says whether the step in force has had its time.
func (d *decider) stepOver() bool {
	if d.s.Step < 0 {
		return true
	}
	return !d.now.Before(d.s.StepSince.Add(d.p.Hold(d.s.Step)))
}

// ask asks again for what is not seen yet, once the settle window has passed or
// when the last attempt did not work. While the world cannot be judged it
// does not: that would give traffic without looking.
func (d *decider) ask() {
	if d.trouble != "" {
		d.holdTrouble()
		return
	}
	late := ""
	for i := range d.s.Targets {
		t := &d.s.Targets[i]
		if d.sights[i] != pending {
			continue
		}
		problem := d.seen(i).ShiftProblem
		if waited := !d.now.Before(t.WishAt.Add(d.p.Settle)); waited || problem != "" || t.WishAt.Equal(d.now) {
			d.actions = append(d.actions, Shift{Target: i, To: t.Wish, From: t.Seen})
		}
		if late == "" && (problem != "" || d.now.Sub(t.WishAt) > d.p.Settle+2*d.p.Look) {
			late = fmt.Sprintf("%s does not show %s yet", d.p.Targets[i], percent(t.Wish.Weight))
			if problem != "" {
				late += " (" + problem + ")"
			}
		}
	}
	switch {
	case late != "":
		d.holdUnknown(late)
	case d.s.Phase != Progressing:
		d.enter(Progressing, "")
		d.announce("resumed")
	default:
		d.s.UnknownSince = time.Time{}
	}
}

// move asks every target for a step's weight. A target that has more already,
// because the rollout adopted that, keeps it.
func (d *decider) move(step int) {
	d.enter(Progressing, "")
	d.s.Step, d.s.StepSince, d.s.Approved, d.s.Skipped = step, time.Time{}, false, false
	if step == d.last() {
		d.forgiveShared()
	}
	for i := range d.s.Targets {
		t := &d.s.Targets[i]
		weight := d.p.Steps[step].Weight
		if d.climbing() {
			weight = 0 // what it gets is for the evidence to say
		}
		wish := t.at(max(weight, t.Wish.Weight))
		if wish.Same(t.Wish) {
			continue
		}
		t.Before, t.Wish, t.WishAt, t.ConfirmedAt = t.Wish, wish, d.now, time.Time{}
		d.actions = append(d.actions, Shift{Target: i, To: wish, From: t.Seen})
	}
	d.announce("shifted")
}

// watched says whether anybody wants the new version watched with all of the
// traffic.
func (d *decider) watched() bool { return d.p.Steps[d.last()].For+d.p.Soak > 0 }

// finish ends a rollout whose last step is over, when that was good.
func (d *decider) finish() {
	if d.verdict == analysis.Unknown && d.watched() && !d.s.Skipped {
		d.holdUnknown(d.whyUnknown())
		return
	}
	state, unproven := Verified, ""
	had := span(d.now.Sub(d.s.StepSince))
	why := "had all of the traffic for " + had + " and was healthy"
	if d.p.Baked() {
		why = "was watched for " + span(d.now.Sub(d.s.Started)) + " and was healthy"
	}
	switch {
	case d.p.Baked() && d.s.Promoted:
		state, unproven = Served, "the rest of its watch was skipped"
		why = "has all of the traffic, " + unproven
	case d.verdict == analysis.Unknown:
		state, unproven = Served, "there was no verdict"
		why = "has all of the traffic without a verdict"
	case !d.stepOver():
		state, unproven = Served, "the rest of its soak was skipped"
		why = "had all of the traffic for " + had + " of " + span(d.p.Hold(d.last())) + ", " + unproven
	}
	for i, t := range d.s.Targets {
		if t.Stable != t.Canary {
			d.notes = append(d.notes, Note{Target: i, Version: t.Canary, State: state, Why: why})
		}
	}
	d.end(Succeeded, unproven)
	for i := range d.s.Targets {
		if d.p.Keep.Versions > 0 {
			d.actions = append(d.actions, Prune{Target: i})
		}
	}
}

// giveUp ends a rollout that leaves its aliases as they are, and says so.
func (d *decider) giveUp(why string) {
	if !d.s.FullSince.IsZero() {
		for i, t := range d.s.Targets {
			if t.Stable != t.Canary {
				d.notes = append(d.notes, Note{Target: i, Version: t.Canary, State: Served, Why: why})
			}
		}
	}
	d.end(Failed, why)
}

// enter changes the phase.
func (d *decider) enter(phase Phase, why string) {
	if d.s.Phase != phase {
		d.s.Phase, d.s.Since = phase, d.now
	}
	d.s.Hold, d.s.UnknownSince, d.s.Why = "", time.Time{}, why
}

// end ends the rollout.
func (d *decider) end(phase Phase, why string) {
	d.enter(phase, why)
	d.s.Ended = d.now
	d.leaveCalls()
	d.announce("ended")
}

// nextLook is when to look again at the latest.
func (d *decider) nextLook() time.Time {
	if d.s.Phase.Ended() {
		return time.Time{}
	}
	look := d.p.Look
	if d.s.Phase == RollingBack || slices.Contains(d.sights, pending) || len(d.actions) > 0 {
		look = min(look, time.Second)
	}
	soonAnswered := func(c Call) bool { return c.State == CallPending && d.now.Sub(c.AskedAt) < time.Minute }
	if slices.ContainsFunc(d.s.Calls, soonAnswered) {
		look = min(look, time.Second)
	}
	at := d.now.Add(look)
	soon := []time.Time{deadline(d.p, d.s)}
	if !d.s.StepSince.IsZero() && d.s.Step >= 0 && d.s.Phase != RollingBack {
		soon = append(soon, d.s.StepSince.Add(d.p.Hold(d.s.Step)))
	}
	if !d.s.StepSince.IsZero() && d.s.Phase == RollingBack {
		soon = append(soon, d.s.StepSince.Add(d.p.Settle))
	}
	if !d.s.UnknownSince.IsZero() {
		soon = append(soon, d.s.UnknownSince.Add(d.p.UnknownFor))
	}
	for _, c := range d.s.Calls {
		if c.State == CallPending {
			soon = append(soon, c.Until)
		}
	}
	for _, t := range soon {
		if t.After(d.now) && t.Before(at) {
			at = t
		}
	}
	return at
}

// weight is the largest weight that is asked of a target.
func (d *decider) weight() plan.Weight { return weight(d.s) }

func weight(s Status) plan.Weight {
	var w plan.Weight
	for _, t := range s.Targets {
		if s.Back != "" && (t.Left != "" || !t.ours(t.Seen)) {
			w = max(w, t.share(t.Seen)) // not this rollout's wish any more
			continue
		}
		if s.Phase != RollingBack {
			w = max(w, t.Wish.Weight)
		}
	}
	return w
}
