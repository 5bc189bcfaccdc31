package rollout

import (
	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
	"github.com/crossfade-dev/crossfade/plan"
)

// moving says whether a target moves traffic from one version to another.
func (t TargetStatus) moving() bool { return t.Stable != "" && t.Stable != t.Canary }

// policy returns the rules by which the versions of a target are compared.
func (d *decider) policy(i int, s analysis.Source) ramp.Policy {
	moving := 0
	for _, t := range d.s.Targets {
		if t.moving() {
			moving++
		}
	}
	return analysis.Policy(d.p, d.p.Targets[i], moving, s)
}

// compare takes in what both versions of each target did, and judges it.
func (d *decider) compare() {
	errors, durations := analysis.Compares(d.p)
	d.policies = make([]ramp.Policy, len(d.s.Targets))
	if !errors && !durations {
		return
	}
	for i := range d.s.Targets {
		t, seen := &d.s.Targets[i], d.seen(i)
		if !t.moving() {
			continue
		}
		if c := t.Comparison; c != nil && c.Form != analysis.ComparisonForm {
			// What was read for it is numbered by its epoch; the next look begins anew.
			t.Comparison, d.noHistory = nil, "another version of Crossfade remembered what was compared until now"
			continue
		}
		if h := seen.History; h != nil && h.Problem == "" && t.Comparison == nil {
			begun := analysis.BeginComparison(d.policy(i, h.Source), *h, d.now)
			t.Comparison = &begun
		}
		if t.Comparison == nil {
			if h := seen.History; h != nil {
				d.noHistory = h.Problem
			} else if f := seen.Feed; f != nil {
				d.noHistory = f.Problem
			}
			continue
		}
		c := t.Comparison.Clone()
		t.Comparison = &c
		d.policies[i] = d.policy(i, c.Source)
		c.KeepTime(d.now, d.maxGap())
		if h := seen.History; h != nil && h.Problem == "" {
			c.Relearn(*h, d.now)
		}
		d.follow(i)
		if d.w.Lost {
			c.Lose(d.now)
		}
		// A history alone is how it begins. Counts of an alias that cannot be read
		// wait until it is known which weight they were at.
		if d.sights[i] != unread && (seen.Feed != nil || seen.History == nil) {
			c.Take(seen.Feed, errors, durations)
		}
		c.Look(d.policies[i], d.now)
	}
}

// follow tells the comparison which share of the traffic may be in force: what was
// asked for counts from when it is seen, and what somebody else did from the last
// look that may not have shown it. When nobody looked for long, anything may have
// been in force meanwhile.
func (d *decider) follow(i int) {
	t := d.s.Targets[i]
	c, policy := t.Comparison, d.policies[i]
	now := c.Seconds(d.now)
	since := c.Seconds(d.seenBefore[i].Add(-d.p.Settle)) // that look may have had an older answer
	if orders := c.State.Schedule.Orders; len(orders) > 0 {
		since = max(since, orders[len(orders)-1].At)
	}
	since = min(max(since, 0), now)
	if before := d.seenBefore[i]; !before.IsZero() && d.now.Sub(before) > d.maxGap() {
		d.ordered(c, policy, since, unknownShare)
		since = now
	}
	switch d.sights[i] {
	case atWish:
		if share := shareOf(t.share(t.Wish)); share != c.State.Share {
			d.ordered(c, policy, since, share) // it was put back
			c.State.Schedule.Delay(now)
		}
	case drifted, gone:
		share := unknownShare
		if d.sights[i] == drifted && t.ours(t.Seen) {
			share = shareOf(t.share(t.Seen))
		}
		d.ordered(c, policy, since, share)
		c.State.Schedule.Delay(now)
	case unread, pending, stale:
		c.State.Schedule.Delay(now)
	default:
		panic("rollout: sight")
	}
}

// unknownShare is one at which nothing can be compared: of a third version, or of
// a time in which nobody looked.
const unknownShare = 1.0

// noteShares tells the comparisons what is asked for from now on.
func (d *decider) noteShares() {
	for i := range d.s.Targets {
		t := &d.s.Targets[i]
		if t.Comparison == nil || d.policies == nil || d.policies[i].Width == 0 {
			continue
		}
		if s := d.sights[i]; (s == drifted || s == gone) && !t.WishAt.Equal(d.now) {
			continue // what somebody else did is in force
		}
		d.ordered(t.Comparison, d.policies[i], t.Comparison.Seconds(d.now), shareOf(t.share(t.Wish)))
	}
}

// ordered tells a comparison that a share may be in force from a time on, by a clock
// that may be off: a little earlier, and the one before it a little longer.
func (d *decider) ordered(c *analysis.Comparison, policy ramp.Policy, at, share float64) {
	orders := c.State.Schedule.Orders
	if share == c.State.Share && len(orders) > 0 {
		return
	}
	off := d.w.Off.Seconds()
	from := at - off
	if len(orders) > 0 {
		from = max(from, orders[len(orders)-1].At)
	}
	c.State.Ask(policy, from, share)
	c.State.Schedule.Delay(at + off)
}

// compared is what a criterion that compares may look at; nil as long as there is
// nothing.
func (d *decider) compared(i int) *analysis.Compared {
	t := d.s.Targets[i]
	if t.Comparison == nil {
		return &analysis.Compared{Problem: d.noHistory, Stable: t.Stable}
	}
	x := &analysis.Compared{
		Comparison: t.Comparison, Policy: d.policies[i], Stable: t.Stable, Canary: t.Canary,
		Full: !d.s.FullSince.IsZero(),
	}
	if d.p.Strategy.Adaptive == nil && !d.s.StepSince.IsZero() {
		x.Since = t.Comparison.Seconds(d.s.StepSince)
	}
	return x
}

// shareOf is a weight as a part of the traffic.
func shareOf(w plan.Weight) float64 { return float64(w) / float64(plan.Full) }
