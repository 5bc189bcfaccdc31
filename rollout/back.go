package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
)

// backPatience is how long taking traffic back is tried at least before it is
// given up with a report.
const backPatience = time.Hour

// goBack begins to take all traffic back. From here on the weight never rises.
func (d *decider) goBack(cause BackCause, why string) {
	d.actions = nil // what else was to be asked for in this look would give traffic
	d.leaveCalls()
	if !d.began() {
		d.endBack(cause, why, nil)
		return
	}
	d.noteFrom()
	d.forgetDrift()
	if left, all := d.allLeft(); all {
		d.endBack(cause, why, left)
		return
	}
	d.enter(RollingBack, why)
	d.s.Back, d.s.StepSince, d.s.ToldAt = cause, time.Time{}, time.Time{}
	d.announce("rollingBack")
}

// allLeft says whether every alias is left to somebody else.
func (d *decider) allLeft() (left []string, all bool) {
	for _, t := range d.s.Targets {
		if t.Left == "" {
			return nil, false
		}
		left = append(left, t.Left)
	}
	return left, true
}

// noteFrom remembers how much traffic there is to take back.
func (d *decider) noteFrom() {
	for _, t := range d.s.Targets {
		d.s.BackFrom = max(d.s.BackFrom, t.Wish.Weight, t.share(t.Seen))
	}
}

// began says whether the rollout ever asked for traffic, or whether somebody else may
// have given some while it was about to, or after it was taken back: an alias that
// cannot be read may show anything.
func (d *decider) began() bool {
	started := d.s.Step >= 0 || d.s.Hold == HoldAtZero
	for i, t := range d.s.Targets {
		unknown := i < len(d.sights) && d.sights[i] == unread
		if t.Wish.Weight > 0 || t.Before.Weight > 0 || started && (t.share(t.Seen) > 0 || unknown) {
			return true
		}
	}
	return false
}

// takeBack takes the traffic of every target back and ends when all of them
// have shown for the settle window that it is so.
func (d *decider) takeBack() {
	if d.s.Back == BackTask {
		d.noteFrom()
	}
	left, done := d.askBack()
	if !done {
		d.s.StepSince = time.Time{}
		if !d.now.Before(d.s.Since.Add(max(d.p.Deadline, backPatience))) {
			d.end(Failed, "the traffic could not be taken back: "+d.backProblem()+"; it was because "+d.s.Why)
			return
		}
		d.remind()
		return
	}
	if d.s.StepSince.IsZero() {
		d.s.StepSince = d.now
	}
	if d.now.Before(d.s.StepSince.Add(d.p.Settle)) || !d.toldBack() {
		return
	}
	why := d.s.Why
	if i := slices.IndexFunc(d.s.Calls, func(c Call) bool { return c.Moment == plan.OnRollback && c.State == CallFailed }); i >= 0 {
		why += "; " + d.callText(d.s.Calls[i])
	}
	d.endBack(d.s.Back, why, left)
}

// askBack asks for everything on the old version, the last target first. It
// returns what it leaves to somebody else, and whether nothing of the canary is
// left besides.
func (d *decider) askBack() (left []string, done bool) {
	done = true
	for i := range slices.Backward(d.s.Targets) {
		t, label := &d.s.Targets[i], d.p.Targets[i].String()
		wish := t.at(0)
		fresh := !t.Wish.Same(wish) // asked for the first time, whatever is seen
		switch {
		case t.Left != "":
			left = append(left, t.Left)
			continue
		case d.sights[i] == gone:
			left = append(left, goneText(d.p.Targets[i]))
			continue
		case d.sights[i] == unread && t.Seen.Stable == "":
			done = false
			continue
		case d.sights[i] != unread && !t.ours(t.Seen):
			left = append(left, leftText(d.p.Targets[i], t.Seen))
			continue
		case d.sights[i] != unread && t.share(t.Seen) == 0 && !fresh:
			continue
		}
		switch {
		case fresh && d.sights[i] == drifted:
			t.Before, t.Wish, t.WishAt, t.ConfirmedAt = t.Seen, wish, d.now, time.Time{}
		case fresh:
			t.Before, t.Wish, t.WishAt, t.ConfirmedAt = t.Wish, wish, d.now, time.Time{}
		case d.sights[i] == drifted: // somebody else, or an answer from long before
			d.tell("drift", fmt.Sprintf("%s shows %s, which was not asked for; it is taken back", label, t.Seen))
			t.Before, t.WishAt, t.ConfirmedAt = t.Seen, d.now, time.Time{}
		}
		done = false
		if d.sights[i] != unread || fresh {
			d.actions = append(d.actions, Shift{Target: i, To: wish, From: t.Seen})
		}
	}
	return left, done
}

// endBack ends a rollout whose traffic is back.
func (d *decider) endBack(cause BackCause, why string, left []string) {
	d.s.Back = cause
	for i := range d.s.Targets {
		if d.sights[i] == gone {
			d.s.Targets[i].Left = goneText(d.p.Targets[i])
		}
	}
	for _, l := range left {
		if !strings.Contains(why, l) {
			why += "; " + l
		}
	}
	if d.s.BackFrom > 0 || cause == BackTask {
		d.quarantine(cause, why)
	}
	switch {
	case cause == BackOrder || cause == BackRevert:
		d.end(Aborted, why)
	case len(left) > 0:
		d.end(Failed, why)
	default:
		d.end(RolledBack, why)
	}
}

// quarantine tells the ledger of versions that were taken back for what they
// did or by order. No verdict, no time and an interrupt are not the version's
// fault.
func (d *decider) quarantine(cause BackCause, why string) {
	switch cause {
	case BackUnhealthy, BackOrder, BackTask:
	case BackUnknown, BackDeadline, BackStuck, BackRevert:
		return
	default:
		panic("rollout: cause " + string(cause))
	}
	for i, t := range d.s.Targets {
		if t.Stable != t.Canary && t.Canary != "" {
			d.notes = append(d.notes, Note{Target: i, Version: t.Canary, State: Quarantined, Why: why})
		}
	}
}

// remind tells people now and then that the traffic is not back yet.
func (d *decider) remind() {
	told := d.s.ToldAt
	if told.IsZero() {
		told = d.s.Since
	}
	if d.now.Sub(told) < max(time.Minute, told.Sub(d.s.Since)) {
		return
	}
	d.s.ToldAt = d.now
	d.tell("rollingBack", fmt.Sprintf("not everything is back after %s: %s; it is tried again", span(d.now.Sub(d.s.Since)), d.backProblem()))
}

// backProblem says why traffic is not back.
func (d *decider) backProblem() string {
	for i := range d.s.Targets {
		t, seen := d.s.Targets[i], d.seen(i)
		switch {
		case t.Left != "":
		case seen.ShiftProblem != "":
			return fmt.Sprintf("%s cannot be shifted (%s)", d.p.Targets[i], seen.ShiftProblem)
		case d.sights[i] == unread:
			return fmt.Sprintf("%s is not readable (%s)", d.p.Targets[i], seen.Problem)
		case t.share(t.Seen) > 0:
			return fmt.Sprintf("%s still shows %s", d.p.Targets[i], t.Seen)
		}
	}
	return "it was not seen to be back for long enough"
}

// holdAtZero takes the traffic back and waits for a person.
func (d *decider) holdAtZero(why string) {
	d.actions = nil
	d.leaveCalls()
	d.noteFrom()
	d.enter(Holding, why)
	d.s.Hold, d.s.Step, d.s.StepSince, d.s.FullSince, d.s.Promoted = HoldAtZero, -1, time.Time{}, time.Time{}, false
	d.announce("held")
	d.stayAtZero()
}

// stayAtZero keeps the traffic away until a person says what next.
func (d *decider) stayAtZero() {
	if d.overdue() {
		return
	}
	if left, done := d.askBack(); !done || len(left) > 0 {
		d.s.StepSince = time.Time{}
	} else if d.s.StepSince.IsZero() {
		d.s.StepSince = d.now
	}
}

// handleDrift does what the plan says about somebody else's changes. It says
// whether that is all for this look.
func (d *decider) handleDrift() bool {
	if d.s.Hold == HoldDrift {
		return d.stayDrifted()
	}
	i := slices.Index(d.sights, drifted)
	if i < 0 {
		return false
	}
	t := &d.s.Targets[i]
	what := fmt.Sprintf("%s shows %s, which somebody else did; %s was asked for", d.p.Targets[i], t.Seen, percent(t.Wish.Weight))
	free := d.s.Phase == Progressing || d.s.Hold == HoldUnknown || d.s.Hold == HoldApproval || d.s.Hold == HoldHook
	switch {
	case d.p.OnDrift == plan.AdoptDrift && free && d.adoptable():
		d.tell("drift", what+"; it is adopted")
		d.adopt()
		return true
	case d.p.OnDrift == plan.OverwriteDrift && free && d.verdict != analysis.Unhealthy && d.trouble == "":
		d.tell("drift", what+"; it is overwritten")
		d.overwrite()
		return false // advance asks for the wish again
	case d.p.OnDrift == plan.OverwriteDrift && free:
		d.holdUnknown(d.whyUnknown())
		return true
	default:
		d.hold(HoldDrift, what)
		d.stayDrifted()
		return true
	}
}

// stayDrifted waits for a person, or for the changed aliases to do for the
// settle window what was asked for. It says whether it goes on waiting.
func (d *decider) stayDrifted() bool {
	stays := false
	for i, s := range d.sights {
		t := &d.s.Targets[i]
		t.Drifted = t.Drifted || s == drifted
		if t.Drifted && s != atWish && s != unread {
			t.ConfirmedAt = time.Time{}
		}
		stays = stays || t.Drifted && d.now.Before(t.ConfirmedAt.Add(d.p.Settle)) || t.Drifted && t.ConfirmedAt.IsZero()
	}
	if stays {
		return true
	}
	d.forgetDrift()
	d.s.StepSince = time.Time{}
	d.reached()
	d.enter(Progressing, "")
	d.announce("resumed")
	return false
}

// leftText says what stays as it is, and how to change that.
func leftText(t plan.Target, r Routing) string {
	text := fmt.Sprintf("%s stays as somebody else left it: %s", t, r)
	if r.Canary != "" && r.Weight > 0 && r.Weight < plan.Full {
		text += fmt.Sprintf(" (crossfade adopt %s finishes or reverts it)", t.Arg())
	}
	return text
}

// Astray returns the indexes of the targets that a rollout, which was to take
// everything back, left to somebody else with traffic on another version than the
// old one. An alias that does not exist any more is not among them.
func Astray(p plan.Plan, s Status) []int {
	var list []int
	for i, t := range s.Targets {
		if t.Left != "" && t.Left != goneText(p.Targets[i]) && t.stableShare(t.Seen) < plan.Full {
			list = append(list, i)
		}
	}
	return list
}

func goneText(t plan.Target) string { return fmt.Sprintf("alias %s does not exist any more", t) }

func (d *decider) forgetDrift() {
	for i := range d.s.Targets {
		d.s.Targets[i].Drifted = false
	}
}

// adoptable says whether every drifted target is split between the two versions
// of the rollout, or has everything on the new one.
func (d *decider) adoptable() bool {
	for i, s := range d.sights {
		t := d.s.Targets[i]
		if s == drifted && (!t.ours(t.Seen) || t.share(t.Seen) == 0) {
			return false
		}
	}
	return true
}

// adopt takes what is seen as this rollout's own wish.
func (d *decider) adopt() {
	least := plan.Full
	for i := range d.s.Targets {
		t := &d.s.Targets[i]
		if d.sights[i] == drifted {
			t.Before, t.Wish, t.WishAt, t.ConfirmedAt = t.Wish, t.Seen, d.now, d.now
			d.sights[i] = atWish
		}
		if t.Stable != t.Canary {
			least = min(least, t.Wish.Weight)
		}
	}
	step := -1
	for i, s := range d.p.Steps {
		if s.Weight <= least {
			step = i
		}
	}
	d.enter(Progressing, "")
	d.s.Step, d.s.StepSince, d.s.Approved, d.s.Skipped = step, time.Time{}, false, false
	if step < d.last() {
		d.s.FullSince = time.Time{}
	}
	d.reached()
}

// overwrite makes what is seen the routing before the wish, so that the wish is
// asked for again.
func (d *decider) overwrite() {
	d.forgetDrift()
	for i := range d.s.Targets {
		t := &d.s.Targets[i]
		if d.sights[i] == atWish {
			continue
		}
		if d.sights[i] != unread {
			d.sights[i] = pending
		}
		t.Before, t.WishAt, t.ConfirmedAt = t.Seen, d.now, time.Time{}
	}
	d.s.StepSince = time.Time{}
}

// leaveDrifted leaves aliases that somebody else changed as they are.
func (d *decider) leaveDrifted() {
	for i := range d.s.Targets {
		t := &d.s.Targets[i]
		if t.Drifted && !t.Seen.Same(t.Wish) {
			t.Left = leftText(d.p.Targets[i], t.Seen)
		}
	}
}
