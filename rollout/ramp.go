package rollout

import (
	"fmt"
	"math"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
	"github.com/crossfade-dev/crossfade/plan"
)

// climbing says whether the weight is what the evidence allows, not what a step
// says.
func (d *decider) climbing() bool { return d.p.Strategy.Adaptive != nil && d.s.Step == 0 }

// climb brings the targets to the weight that the evidence allows, or to Full when
// they were watched for long enough and everything is healthy. Every target was
// just seen at its wish.
func (d *decider) climb(call *Call) {
	weight, reason, done := d.allowed()
	asked := d.weight()
	if !d.settled() {
		d.progress()
		few := weight <= d.p.Strategy.Adaptive.Smallest && d.trouble == ""
		if (weight < asked || weight > asked && few) && d.wasBefore(weight) {
			// A few requests were sent to learn something, or are sent again.
			// An older answer would show what is asked for now, so there is
			// nothing to wait for.
			d.bring(weight, reason)
		}
		return
	}
	others := d.verdictOfOthers()
	switch {
	case done && d.verdict == analysis.Healthy && call != nil && call.State == CallPending:
		d.holdCall(*call)
		return
	case done && d.verdict == analysis.Healthy:
		d.move(d.last())
		return
	case done:
		weight = min(weight, asked)
	case others != analysis.Healthy && weight > asked:
		// Unknown never gives more than what it takes to know something.
		weight = min(weight, max(asked, d.p.Strategy.Adaptive.Smallest))
	}
	d.progress()
	if why := d.limited(reason); d.s.Why == "" || d.trouble == "" && others == analysis.Healthy {
		d.s.Why = why
	}
	d.bring(weight, reason)
}

// wasBefore says whether every target had a weight before it was asked for its wish.
func (d *decider) wasBefore(weight plan.Weight) bool {
	for _, t := range d.s.Targets {
		if t.moving() && !t.at(weight).Same(t.Before) {
			return false
		}
	}
	return true
}

// allowed is the weight that the evidence of every target allows, what keeps it
// from being larger, and whether all were watched for long enough. A comparison
// begins with a whole stretch of its source, up to a minute before the rollout does,
// so how long that is is for the step to say.
func (d *decider) allowed() (weight plan.Weight, reason ramp.Reason, done bool) {
	weight, done = plan.Full, d.stepOver()
	for _, t := range d.s.Targets {
		if !t.moving() {
			continue
		}
		if t.Comparison == nil {
			return 0, "", false
		}
		c := t.Comparison.Decision
		done = done && c.Verdict == ramp.Finish
		if w := plan.Weight(math.Floor(c.Share*float64(plan.Full) + 1e-6)); w < weight {
			weight, reason = w, c.Reason
		}
	}
	return min(weight, d.p.Strategy.Adaptive.Top), reason, done
}

// verdictOfOthers is what the checks come to that do not compare.
func (d *decider) verdictOfOthers() analysis.Verdict {
	var others []analysis.Finding
	for _, f := range d.s.Findings {
		for _, c := range d.p.Checks {
			if c.Name == f.Check && c.Compare == nil {
				others = append(others, f)
			}
		}
	}
	return analysis.Combine(others)
}

// bring asks every target for a weight. People are told of more than there was
// before, and of less when there is a reason to worry: requests that are sent to
// learn something, again and again, are not worth a word.
func (d *decider) bring(weight plan.Weight, reason ramp.Reason) {
	asked := d.weight()
	changed := false
	for i := range d.s.Targets {
		t := &d.s.Targets[i]
		wish := t.at(weight)
		if !t.moving() || wish.Same(t.Wish) {
			continue
		}
		t.Before, t.Wish, t.WishAt, t.ConfirmedAt = t.Wish, wish, d.now, time.Time{}
		d.actions = append(d.actions, Shift{Target: i, To: wish, From: t.Seen})
		changed = true
	}
	if !changed {
		return
	}
	serious := weight < asked && (reason == ramp.BySuspicion || reason == ramp.ByIncident)
	if weight > d.s.Told || serious {
		d.announceShift(asked, weight)
	}
	if d.s.Told = max(d.s.Told, weight); serious {
		d.s.Told = weight // the way up again is news
	}
}

// announceShift tells of a new weight.
func (d *decider) announceShift(from, to plan.Weight) {
	text := fmt.Sprintf("%s: shifting to %s", subject(d.p, d.s), percent(to))
	if to < from {
		text = fmt.Sprintf("%s: back from %s to %s", subject(d.p, d.s), percent(from), percent(to))
	}
	if d.s.Why != "" {
		text += "; " + d.s.Why
	}
	d.events = append(d.events, Event{At: d.now, Kind: "shifted", Phase: d.s.Phase, Weight: to, Text: text})
}

// limited says what keeps the weight from being larger.
func (d *decider) limited(reason ramp.Reason) string {
	t := d.slowest()
	if t == nil || t.Comparison == nil {
		return "what the old version did before is not known yet"
	}
	c := t.Comparison
	switch reason {
	case ramp.BySuspicion:
		return fmt.Sprintf("%s does worse than %s did before; a small share tells fastest whose fault that is", t.Canary, t.Stable)
	case ramp.ByIncident:
		return fmt.Sprintf("%s and %s both do worse than before; that is waited for", t.Stable, t.Canary)
	case ramp.ByBudget, ramp.ByPulse, ramp.ByCap:
		if c.Decision.Excluded >= 1 {
			return fmt.Sprintf("nothing is ruled out yet about %s", t.Canary)
		}
		return fmt.Sprintf("an excess above %s of bad requests is ruled out for %s", analysis.Percent(c.Decision.Excluded), t.Canary)
	case ramp.ByPace:
		return "the plan allows no more by now"
	case ramp.ByYellow:
		return fmt.Sprintf("there is some evidence of harm, %.1f to 1; proof is %.0f to 1", c.Decision.Evidence, c.Decision.Proof)
	case ramp.ByRequests:
		return fmt.Sprintf("%d requests of %s are known", c.State.Known, t.Canary)
	default: // ByWatch, Done, ByEvidence
		return ""
	}
}

// slowest is the target whose evidence allows the least.
func (d *decider) slowest() *TargetStatus {
	var least *TargetStatus
	for i := range d.s.Targets {
		t := &d.s.Targets[i]
		if !t.moving() {
			continue
		}
		if t.Comparison == nil {
			return t
		}
		if least == nil || t.Comparison.Decision.Share < least.Comparison.Decision.Share {
			least = t
		}
	}
	return least
}
