package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
)

// order follows or refuses what a person asks for.
func (d *decider) order(o Order) {
	if refusal := d.refusal(o); refusal != "" {
		d.events = append(d.events, Event{
			At: d.now, Kind: "refused", Phase: d.s.Phase, Weight: d.weight(), By: o.By, Reason: o.Reason,
			Text: fmt.Sprintf("%s: %s refused: %s", subject(d.p, d.s), o.Kind, refusal),
		})
		return
	}
	if o.Kind == Succeed || o.Kind == Fail {
		return // hear has taken it in, and the events say what came of it
	}
	d.events = append(d.events, Event{
		At: d.now, Kind: "order", Phase: d.s.Phase, Weight: d.weight(), By: o.By, Reason: o.Reason,
		Text: fmt.Sprintf("%s: %s by %s", subject(d.p, d.s), o.Kind, byWhom(o)),
	})
	switch o.Kind {
	case Pause:
		d.enter(Paused, "by "+byWhom(o))
		d.announce("paused")
	case Resume:
		d.resume()
	case Promote:
		d.s.Promoted = true
		if d.s.Hold == HoldUnhealthy {
			d.forgive()
		}
		d.goOn()
	case Skip:
		d.s.Skipped = true
		if d.p.Baked() && d.s.Step == d.last()-1 {
			d.s.Promoted = true // what it skips is the watch
		}
		d.goOn()
	case Approve:
		d.s.Approved = true
	case Abort, Revert:
		if d.s.Hold == HoldDrift {
			d.leaveDrifted()
		}
		cause := BackOrder
		if o.Kind == Revert {
			cause = BackRevert
		}
		d.goBack(cause, "by "+byWhom(o))
	default:
		panic("rollout: order " + string(o.Kind))
	}
}

// byWhom names the person and the reason.
func byWhom(o Order) string {
	by := o.By
	if by == "" {
		by = "somebody"
	}
	if o.Reason != "" {
		by += ": " + o.Reason
	}
	return by
}

// goOn ends a hold that an order answers.
func (d *decider) goOn() {
	if d.s.Phase == Holding {
		d.enter(Progressing, "")
	}
}

// resume goes on after a pause or a hold.
func (d *decider) resume() {
	switch {
	case d.s.Hold == HoldAtZero:
		d.enter(Pending, "everything is proven once more")
		d.s.Started, d.s.Step, d.s.StepSince, d.s.BackFrom = d.now, -1, time.Time{}, 0
		d.s.Calls = nil // everything is asked anew
		for i := range d.s.Targets {
			d.s.Targets[i].Before = d.s.Targets[i].Wish
		}
	case d.s.Hold == HoldDrift:
		d.enter(Progressing, "")
		d.overwrite()
	case d.s.Step < 0 && !d.began():
		d.enter(Pending, "proving everything before the first shift")
	default:
		if d.s.Hold == HoldUnhealthy {
			d.forgive()
		}
		d.enter(Progressing, "")
	}
	d.announce("resumed")
}

// refusal returns why an order does not fit; empty when it does.
func (d *decider) refusal(o Order) string {
	switch {
	case o.Kind == Succeed || o.Kind == Fail:
		return d.said[o.Number]
	case d.s.Phase == RollingBack:
		return "the traffic is already being taken back"
	}
	switch o.Kind {
	case Abort, Revert:
		return ""
	case Pause:
		return d.refusePause()
	case Resume:
		return d.refuseResume()
	case Promote:
		if d.s.Step == d.last() {
			return "the new version has all of the traffic already; skip ends the soak"
		}
		return d.refuseForward(true)
	case Skip:
		return d.refuseForward(false)
	case Approve:
		return d.refuseApprove()
	default:
		return fmt.Sprintf("there is no order %q", o.Kind)
	}
}

func (d *decider) refusePause() string {
	switch {
	case d.s.Phase == Paused:
		return "it is paused already, " + d.s.Why
	case d.s.Phase == Holding && d.s.Hold != HoldUnknown && d.s.Hold != HoldApproval && d.s.Hold != HoldHook:
		return "it is holding already and waits for a person"
	default:
		return ""
	}
}

func (d *decider) refuseResume() string {
	switch {
	case d.s.Phase == Paused, d.s.Hold == HoldDrift:
		return ""
	case d.s.Hold == HoldUnhealthy:
		if d.verdict == analysis.Unhealthy {
			return d.whyUnhealthy() + "; promote goes on all the same, abort takes everything back"
		}
		return ""
	case d.s.Hold == HoldAtZero:
		switch {
		case d.s.StepSince.IsZero():
			return "the traffic is still being taken back"
		case d.now.Before(d.s.StepSince.Add(d.p.Settle)):
			return "the traffic was taken back only just now"
		}
		return d.standingHarm()
	case d.s.Hold == HoldUnknown:
		return "it waits for a verdict by itself (" + d.s.Why + "); skip goes on without one"
	case d.s.Hold == HoldApproval:
		return "it waits for an approval: approve"
	case d.s.Hold == HoldHook:
		return "it waits for a hook by itself (" + d.s.Why + "); skip goes on without it"
	case d.s.Hold == HoldGone:
		return d.s.Why
	default:
		return "it is neither paused nor held"
	}
}

// standingHarm returns what would refuse a new start: a check that is still bad.
// What was counted and measured until now is left behind by a new start.
func (d *decider) standingHarm() string {
	for _, c := range d.p.Checks {
		i := slices.IndexFunc(d.s.Findings, func(f analysis.Finding) bool { return f.Check == c.Name })
		if (c.Alarm != "" || c.HTTP != nil) && i >= 0 && d.s.Findings[i].Verdict == analysis.Unhealthy {
			return d.s.Findings[i].Why
		}
	}
	return ""
}

// refuseForward refuses to promote or to skip.
func (d *decider) refuseForward(promote bool) string {
	switch {
	case d.s.Phase == Pending:
		return "nothing has been proven yet: " + d.s.Why
	case d.s.Phase == Paused:
		return "it is paused; resume first"
	case d.s.Hold == HoldDrift:
		return d.s.Why + "; resume overwrites that, abort leaves it"
	case d.s.Hold == HoldAtZero:
		return "the traffic was taken back; resume starts again"
	case d.s.Hold == HoldGone:
		return d.s.Why
	case d.s.Hold == HoldUnhealthy && !promote:
		return d.s.Why + "; promote goes on all the same, abort takes everything back"
	case !promote && d.s.Skipped:
		return "the rest of this step is skipped already"
	default:
		return ""
	}
}

func (d *decider) refuseApprove() string {
	switch {
	case d.s.Step < 0 || !d.p.Steps[d.s.Step].Approval:
		return "the step in force asks for no approval"
	case d.s.Approved:
		return "the step is approved already"
	default:
		return ""
	}
}
