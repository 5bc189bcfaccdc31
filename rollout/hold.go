package rollout

import (
	"fmt"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
)

// react does what the plan says about harm. It says whether that is all for
// this look.
func (d *decider) react() bool {
	why := d.whyUnhealthy()
	switch d.p.OnUnhealthy {
	case plan.RollBack:
		d.goBack(BackUnhealthy, why)
	case plan.HoldAtZero:
		d.holdAtZero(why)
	case plan.Hold:
		if d.s.Promoted && d.s.Step < d.last() {
			return false // a person has seen it and goes on
		}
		if d.s.Hold != HoldUnhealthy {
			d.hold(HoldUnhealthy, why)
		}
		d.s.Why = why
		d.reached()
		d.overdue()
	default:
		panic("rollout: reaction " + string(d.p.OnUnhealthy))
	}
	return true
}

// whyUnhealthy returns the proof of harm.
func (d *decider) whyUnhealthy() string {
	var whys []string
	for _, f := range d.s.Findings {
		if f.Verdict == analysis.Unhealthy {
			whys = append(whys, f.Why)
		}
	}
	switch len(whys) {
	case 0:
		return "something is unhealthy"
	case 1:
		return whys[0]
	default:
		return fmt.Sprintf("%s, and %d more", whys[0], len(whys)-1)
	}
}

// hold makes the rollout wait for something.
func (d *decider) hold(cause HoldCause, why string) {
	since := d.s.UnknownSince
	if since.IsZero() {
		since = d.now
	}
	d.enter(Holding, why)
	d.s.Hold = cause
	if cause == HoldUnknown || cause == HoldGone {
		d.s.UnknownSince = since
	}
	d.announce("held")
}

// holdTrouble holds because something cannot be read. A single look that failed
// is not worth a word: it does not advance, and the next one is soon.
func (d *decider) holdTrouble() {
	if d.s.Phase == Progressing && d.s.UnknownSince.IsZero() {
		d.s.UnknownSince, d.s.Why = d.now, d.trouble
		return
	}
	d.holdUnknown(d.trouble)
}

// holdUnknown holds for want of a verdict, and does what the plan says when that
// takes too long.
func (d *decider) holdUnknown(why string) {
	if d.s.Hold != HoldUnknown {
		d.hold(HoldUnknown, why)
		return
	}
	d.s.Why = why
	if d.now.Before(d.s.UnknownSince.Add(d.p.UnknownFor)) {
		return
	}
	long := fmt.Sprintf("no verdict for %s: %s", span(d.p.UnknownFor), why)
	switch {
	case d.s.StepSince.IsZero():
		d.goBack(BackStuck, why)
	case d.p.OnUnknown == plan.RollBack:
		d.goBack(BackUnknown, long)
	case d.p.OnUnknown == plan.HoldAtZero:
		d.holdAtZero(long)
	case !d.s.FullSince.IsZero():
		d.giveUp("it has all of the traffic, but is not verified: " + long)
	}
}

// holdGone holds because an alias does not exist any more.
func (d *decider) holdGone(i int) {
	if d.s.Hold != HoldGone {
		d.hold(HoldGone, goneText(d.p.Targets[i]))
		return
	}
	if !d.now.Before(d.s.UnknownSince.Add(d.p.UnknownFor)) {
		d.goBack(BackStuck, d.s.Why)
	}
}

// whyUnknown returns what is missing for a verdict.
func (d *decider) whyUnknown() string {
	if d.trouble != "" {
		return d.trouble
	}
	for _, f := range d.s.Findings {
		if f.Missing() {
			return f.Why
		}
	}
	return "there is no verdict"
}
