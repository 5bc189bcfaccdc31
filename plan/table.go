package plan

import (
	"fmt"
	"time"
)

// A Row is a line of the table of weights and times.
type Row struct {
	// At is the earliest time that the row can begin, After how long that is
	// after the start.
	At    time.Time     `json:"at"`
	After time.Duration `json:"after"`
	// Step is the index of the plan's step; -1 for the row at the end.
	Step   int    `json:"step"`
	Weight Weight `json:"weight"`
	// For is how long the weight is held at least.
	For      time.Duration `json:"for"`
	Approval bool          `json:"approval,omitempty"`
	// What says in words what happens.
	What string `json:"what"`
}

// Table returns what a rollout of the plan does and when, if it starts at start,
// every verdict is Healthy when it is needed, approvals come at once, and each
// alias shows what was written to it at once. Nothing happens earlier.
func Table(p Plan, start time.Time) []Row {
	rows := make([]Row, 0, len(p.Steps)+1)
	var after time.Duration
	for i, s := range p.Steps {
		if p.Strategy.Adaptive != nil && i == 0 {
			rows, after = p.adaptiveRows(start), p.Hold(0)
			continue
		}
		row := Row{At: start.Add(after), After: after, Step: i, Weight: s.Weight, For: p.Hold(i), Approval: s.Approval}
		switch {
		case p.HoldBack > 0 && i == len(p.Steps)-2:
			row.What = fmt.Sprintf("%s, watched for %s; %s stay with the old version to compare with", s.Weight, FormatDuration(row.For), p.HoldBack)
		case s.Weight == Full && p.Soak > 0 && p.HoldBack == 0:
			row.What = fmt.Sprintf("everything to the new version, watched for %s", FormatDuration(p.Soak))
		case s.Weight == Full:
			row.What = "everything to the new version"
		case s.Approval:
			row.What = fmt.Sprintf("%s for %s, then until approved", s.Weight, FormatDuration(row.For))
		default:
			row.What = fmt.Sprintf("%s for %s", s.Weight, FormatDuration(row.For))
		}
		rows = append(rows, row)
		after += row.For
	}
	return append(rows, Row{At: start.Add(after), After: after, Step: -1, Weight: Full, What: "verified, finished"})
}

// adaptiveRows are the weights of an adaptive strategy at the earliest times. Each
// is the largest that is possible from then on.
func (p Plan) adaptiveRows(start time.Time) []Row {
	a := p.Strategy.Adaptive
	top := max(a.AtTop, p.Hold(0)-a.Pace)
	return []Row{
		{At: start, Step: 0, Weight: a.Top, For: a.Pace, What: fmt.Sprintf(
			"from %s to %s as the evidence allows, with at most %v additional bad requests on their way that are not ruled out; %s at the earliest",
			a.Smallest, a.Top, a.Budget, FormatDuration(a.Pace))},
		{At: start.Add(a.Pace), After: a.Pace, Step: 0, Weight: a.Top, For: top, What: fmt.Sprintf(
			"%s for %s at least; the rest stays with the old version to compare with", a.Top, FormatDuration(top))},
	}
}

// Hold returns how long step i is held at least: what the step says, with the
// soak after the last one, or after the one that holds the old version back, and
// never shorter than the settle window, within which the alias may still serve by
// the routing before.
func (p Plan) Hold(i int) time.Duration {
	d := p.Steps[i].For
	bake := len(p.Steps) - 1
	if p.HoldBack > 0 {
		bake--
	}
	if i == bake {
		d += p.Soak
	}
	if a := p.Strategy.Adaptive; a != nil && i == 0 {
		d = max(d, a.Pace+a.AtTop)
	}
	return max(d, p.Settle)
}

// Baked says whether the new version is watched before it has all of the traffic,
// while the old one has a share to compare with.
func (p Plan) Baked() bool { return p.HoldBack > 0 || p.Strategy.Adaptive != nil }

// Duration is how long a rollout of the plan takes at least.
func (p Plan) Duration() time.Duration {
	var d time.Duration
	for i := range p.Steps {
		d += p.Hold(i)
	}
	return d
}
