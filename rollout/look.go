package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
)

// A sight is what a look at one target comes to.
type sight int

const (
	unread  sight = iota // it could not be read
	gone                 // there is no such alias
	atWish               // it does what was asked for
	pending              // it still does what it did before
	stale                // it did what was asked for; an old answer
	drifted              // it does something else
)

// see takes in what the aliases do.
func (d *decider) see() {
	d.sights = make([]sight, len(d.s.Targets))
	d.seenBefore = make([]time.Time, len(d.s.Targets))
	for i := range d.s.Targets {
		t, seen := &d.s.Targets[i], d.seen(i)
		d.seenBefore[i] = t.SeenAt
		switch {
		case seen.Gone:
			d.sights[i] = gone
		case seen.Problem != "":
			d.sights[i] = unread
		default:
			t.Seen, t.SeenAt = t.oriented(seen.Routing), d.now
			d.sights[i] = d.classify(t)
		}
	}
}

// seen is what the world says about a target.
func (d *decider) seen(i int) SeenTarget {
	if i >= len(d.w.Targets) {
		return SeenTarget{Problem: "nobody looked at it"}
	}
	return d.w.Targets[i]
}

// classify compares what was just read of a target with what was asked for.
// Within the settle window after the wish was first seen, an alias may still
// answer with the routing before it; later that is somebody's doing.
func (d *decider) classify(t *TargetStatus) sight {
	switch {
	case t.Seen.Same(t.Wish):
		if t.ConfirmedAt.IsZero() {
			t.ConfirmedAt = d.now
		}
		return atWish
	case t.Drifted:
		return drifted
	case t.Seen.Same(t.Before) && t.ConfirmedAt.IsZero():
		return pending
	case t.Seen.Same(t.Before) && d.now.Before(t.ConfirmedAt.Add(d.p.Settle)):
		return stale
	default:
		return drifted
	}
}

// judge makes the findings and the verdict.
func (d *decider) judge() {
	if d.s.Phase == RollingBack {
		return // the findings that led here stay, to explain it
	}
	d.s.Findings = nil
	for _, c := range d.p.Checks {
		if c.Probe != nil {
			continue // see judgeCalls
		}
		e := analysis.Evidence{Now: d.now, From: d.s.Started, Since: d.s.StepSince}
		switch {
		case c.Alarm != "":
			if a, ok := d.w.Alarms[c.Alarm]; ok {
				if d.s.Hold == HoldUnhealthy || d.s.Hold == HoldAtZero {
					a.Fired = time.Time{} // a person knows, and what counts is how it is when the order comes
				}
				e.Alarm = &a
			}
			e.Accepted = d.s.Accepted[c.Alarm]
			if d.s.Phase == Pending && e.Alarm != nil && slices.Contains(d.p.AcceptAlarms, c.Alarm) {
				e.Accepted = e.Alarm.Since // as of now, see accept
			}
		case c.Metric != nil:
			if series, ok := d.w.Metrics[c.Name]; ok {
				e.Series = &series
			}
		case c.HTTP != nil:
			if probe, ok := d.w.Probes[c.Name]; ok {
				e.Probe = &probe
			}
		case c.Rate != nil, c.Compare != nil:
			d.judgeTargets(c, e)
			continue
		}
		d.s.Findings = append(d.s.Findings, analysis.Judge(c, e))
	}
	checks := len(d.s.Findings)
	d.judgeCalls()
	d.verdict = analysis.Combine(d.s.Findings[:checks])
	if slices.ContainsFunc(d.s.Findings[checks:], func(f analysis.Finding) bool { return f.Verdict == analysis.Unhealthy }) {
		d.verdict = analysis.Unhealthy
	}
	d.trouble = d.findTrouble()
}

// judgeTargets judges a check for each target that moves.
func (d *decider) judgeTargets(c plan.Check, e analysis.Evidence) {
	for i, t := range d.s.Targets {
		if !t.moving() {
			continue
		}
		e.Target, e.Base = d.p.Targets[i].String(), t.Base
		e.Canary, e.Stable = d.seen(i).Canary, d.seen(i).Stable
		if errors, _ := analysis.Compares(d.p); c.Compare != nil || errors {
			e.Compared = d.compared(i)
		}
		e.Forgiven = t.Forgiven[c.Name]
		d.s.Findings = append(d.s.Findings, analysis.Judge(c, e))
	}
}

// findTrouble returns why the world cannot be judged; empty when it can.
func (d *decider) findTrouble() string {
	for i := range d.s.Targets {
		if d.sights[i] == unread {
			return fmt.Sprintf("%s is not readable (%s)", d.p.Targets[i], d.seen(i).Problem)
		}
	}
	for _, f := range d.s.Findings {
		if f.Trouble && f.Missing() {
			return f.Why
		}
	}
	return ""
}

// tellFindings tells people about checks that turned bad, and about the end of
// that, unless the state's own sentence says so.
func (d *decider) tellFindings(before []analysis.Finding) {
	for _, f := range d.s.Findings {
		if f.Why == d.s.Why {
			continue
		}
		i := slices.IndexFunc(before, func(b analysis.Finding) bool { return b.Check == f.Check && b.Target == f.Target })
		was := analysis.Finding{Verdict: analysis.Unknown}
		if i >= 0 {
			was = before[i]
		}
		if (f.Verdict == analysis.Unhealthy) != (was.Verdict == analysis.Unhealthy) {
			d.tell("finding", fmt.Sprintf("%s: %s", f.Verdict, f.Why))
		}
	}
}
