package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
)

// prove proves everything before the first shift. What is certainly wrong
// refuses the start; what could not be read is tried again until UnknownFor has
// passed.
func (d *decider) prove() {
	refusals, waits := d.proveTargets()
	r, w := d.proveChecks()
	refusals, waits = append(refusals, r...), append(waits, w...)
	switch {
	case len(refusals) > 0:
		d.refuse(strings.Join(refusals, "; "))
	case !d.now.Before(d.s.Started.Add(d.p.Deadline)):
		d.refuse(fmt.Sprintf("the deadline of %s passed before the first shift: %s", span(d.p.Deadline), d.s.Why))
	case len(waits) > 0:
		d.s.Why = strings.Join(waits, "; ")
		if d.s.UnknownSince.IsZero() {
			d.s.UnknownSince = d.now
			d.announce("held")
		}
		if !d.now.Before(d.s.UnknownSince.Add(d.p.UnknownFor)) {
			d.refuse(fmt.Sprintf("not proven within %s: %s", span(d.p.UnknownFor), d.s.Why))
		}
	case !d.moves() || d.let():
		d.start()
	}
}

// moves says whether there is anything to shift.
func (d *decider) moves() bool {
	return slices.ContainsFunc(d.s.Targets, func(t TargetStatus) bool { return t.Seen.Stable != t.Canary })
}

// proveTargets looks for aliases that cannot be moved.
func (d *decider) proveTargets() (refusals, waits []string) {
	for i := range d.s.Targets {
		t, label := &d.s.Targets[i], d.p.Targets[i].String()
		switch {
		case d.sights[i] == gone:
			refusals = append(refusals, fmt.Sprintf("alias %s does not exist", label))
		case d.sights[i] == unread:
			waits = append(waits, fmt.Sprintf("%s is not readable (%s)", label, d.seen(i).Problem))
		case t.Seen.Canary != "":
			refusals = append(refusals, fmt.Sprintf("%s is split already, %s on %s and the rest on %s: something else left it so or is at work; crossfade adopt %s finishes or reverts it",
				label, percent(t.Seen.Weight), t.Seen.Canary, t.Seen.Stable, d.p.Targets[i].Arg()))
		}
	}
	return refusals, waits
}

// proveChecks looks for checks that could not judge. An alarm with too little
// data is there and readable; it may get data only from the first traffic.
func (d *decider) proveChecks() (refusals, waits []string) {
	for _, c := range d.p.Checks {
		switch {
		case c.Alarm != "":
			a, ok := d.w.Alarms[c.Alarm]
			switch {
			case !ok:
				waits = append(waits, fmt.Sprintf("alarm %q was not looked at", c.Alarm))
			case a.Excuse(c) != "":
			case a.Missing:
				refusals = append(refusals, fmt.Sprintf("alarm %q does not exist", c.Alarm))
			case a.Problem != "":
				waits = append(waits, fmt.Sprintf("alarm %q is not readable (%s)", c.Alarm, a.Problem))
			case a.State == "ALARM" && !slices.Contains(d.p.AcceptAlarms, c.Alarm):
				refusals = append(refusals, fmt.Sprintf("alarm %q fires already, since %s; --accept-alarm %q counts only new transitions", c.Alarm, clock(a.Since), c.Alarm))
			}
		case c.Metric != nil:
			series, ok := d.w.Metrics[c.Name]
			switch {
			case !ok:
				refusals = append(refusals, fmt.Sprintf("nothing here measures %q", c.Name))
			case series.Problem != "":
				waits = append(waits, fmt.Sprintf("metric %q is not readable (%s)", c.Name, series.Problem))
			}
		case c.HTTP != nil:
			probe, ok := d.w.Probes[c.Name]
			switch {
			case !ok:
				refusals = append(refusals, fmt.Sprintf("nothing here asks %s", c.HTTP.URL))
			case probe.Problem != "":
				waits = append(waits, fmt.Sprintf("%s does not answer (%s)", c.HTTP.URL, probe.Problem))
			case probe.Status != c.HTTP.Expect:
				refusals = append(refusals, fmt.Sprintf("%s answered %d, want %d", c.HTTP.URL, probe.Status, c.HTTP.Expect))
			}
		}
	}
	return refusals, waits
}

// refuse ends a rollout that changed nothing.
func (d *decider) refuse(why string) {
	d.s.Refused = true
	d.end(Failed, why)
}

// start makes the first shift, unless there is nothing to shift.
func (d *decider) start() {
	moves := d.moves()
	for i := range d.s.Targets {
		t := &d.s.Targets[i]
		t.Stable = t.Seen.Stable
		t.Wish, t.Before, t.WishAt, t.ConfirmedAt = t.Seen, t.Seen, d.now, d.now
		t.Comparison = nil // of an earlier start
	}
	d.accept()
	if moves {
		d.move(0)
		return
	}
	d.s.Step = d.last()
	var whys []string
	for i, t := range d.s.Targets {
		if t.Created {
			whys = append(whys, fmt.Sprintf("alias %s was created with all of its traffic on %s", d.p.Targets[i], t.Canary))
			d.notes = append(d.notes, Note{Target: i, Version: t.Canary, State: Served, Why: "the alias was created with it"})
		} else {
			whys = append(whys, fmt.Sprintf("%s serves %s already", d.p.Targets[i], t.Canary))
		}
	}
	d.end(Succeeded, strings.Join(whys, "; "))
}

// accept remembers when each alarm last changed: only what it does later is this
// rollout's. The start has been refused where an alarm fired that nobody accepts.
func (d *decider) accept() {
	for _, c := range d.p.Checks {
		if a, ok := d.w.Alarms[c.Alarm]; ok && c.Alarm != "" && a.State != "" && a.Problem == "" {
			if d.s.Accepted == nil {
				d.s.Accepted = map[string]time.Time{}
			}
			d.s.Accepted[c.Alarm] = a.Since
		}
	}
}

// forgive makes a person's order to go on count for what alarms did before it and
// do not do any more.
func (d *decider) forgive() {
	for name := range d.s.Accepted {
		if a := d.w.Alarms[name]; a.State != "" && a.State != "ALARM" && a.Problem == "" {
			d.s.Accepted[name] = a.Since
		}
	}
}

// forgiveShared makes limits forget what both versions did alike: once the old one
// serves no more, nothing excuses it.
func (d *decider) forgiveShared() {
	for i := range d.s.Targets {
		t, canary := &d.s.Targets[i], d.seen(i).Canary
		t.Forgiven = nil
		for _, c := range d.p.Checks {
			shared := func(f analysis.Finding) bool {
				return f.Shared && f.Check == c.Name && f.Target == d.p.Targets[i].String()
			}
			if canary == nil || canary.Problem != "" || !slices.ContainsFunc(d.s.Findings, shared) {
				continue
			}
			if t.Forgiven == nil {
				t.Forgiven = map[string]analysis.Share{}
			}
			bad, all := canary.Bad(c.Rate.Outcomes)
			t.Forgiven[c.Name] = analysis.Share{Requests: all, Bad: bad}
		}
	}
}
