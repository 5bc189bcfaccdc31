package view

import (
	"fmt"
	"strings"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
)

// Outcomes are the counts of both versions of a target, where they are known.
type Outcomes struct {
	Stable, Canary *analysis.Counts
}

var checkHead = []string{"check", "rule", "old", "new", "samples", "verdict"}

// Checks returns a row for each of the plan's checks: name, rule, what the old
// and the new version show, the number of samples, the verdict. What is not
// known is a dash.
func (s Style) Checks(p plan.Plan, findings []analysis.Finding, outcomes []Outcomes) [][]string {
	byName := make(map[string]analysis.Finding, len(findings))
	for _, f := range findings { // one for each target: the worst is what decides
		if known, ok := byName[f.Check]; !ok || badness[f.Verdict] > badness[known.Verdict] {
			byName[f.Check] = f
		}
	}
	rows := make([][]string, 0, len(p.Checks))
	for _, c := range p.Checks {
		f, judged := byName[c.Name]
		row := []string{s.Text(c.Name), s.Text(Rule(c)), "-", "-", "-", s.Faint("not yet")}
		if judged {
			row[5] = s.Verdict(f.Verdict)
			if f.Samples > 0 {
				row[4] = Count(f.Samples)
			}
			if f.Value != nil {
				row[3] = value(c, *f.Value)
			}
			if c.Alarm != "" {
				row[3] = alarmState[f.Verdict]
			}
			if n := f.Compared; n != nil {
				row[2], row[3] = badShare(n.Stable, row[2]), badShare(n.Canary, row[3])
			}
		}
		if c.Rate != nil {
			stable, canary := sum(outcomes)
			row[2] = badOf(c.Rate.Outcomes, stable, row[2])
			row[3] = badOf(c.Rate.Outcomes, canary, row[3])
		}
		rows = append(rows, row)
	}
	for _, m := range plan.Moments {
		h := p.Hooks.At(m)
		if h == nil || m == plan.OnRollback {
			continue
		}
		row := []string{"hook " + string(m), s.Text(h.String() + " succeeds"), "-", "-", "-", s.Faint("not yet")}
		if f, asked := byName[row[0]]; asked {
			row[5] = s.Verdict(f.Verdict)
		}
		rows = append(rows, row)
	}
	return rows
}

// badness puts verdicts in order.
var badness = map[analysis.Verdict]int{analysis.Healthy: 0, analysis.Unknown: 1, analysis.Unhealthy: 2}

// badShare writes how many of some requests were bad: "17/412".
func badShare(h analysis.Share, unknown string) string {
	if h.Requests == 0 {
		return unknown
	}
	return Count(h.Bad) + "/" + Count(h.Requests)
}

// alarmState is what an alarm shows for a verdict. Unknown has many reasons; why
// tells which.
var alarmState = map[analysis.Verdict]string{analysis.Healthy: "OK", analysis.Unhealthy: "ALARM", analysis.Unknown: "?"}

// Rule says in a few characters what a check wants.
func Rule(c plan.Check) string {
	switch {
	case c.Alarm != "":
		return "alarm is OK"
	case c.Rate != nil:
		return strings.Join(c.Rate.Outcomes, "+") + " ≤ " + Share(c.Rate.Max)
	case c.Metric != nil:
		return fmt.Sprintf("%s %s %s %v", c.Metric.Stat, c.Metric.Metric, c.Metric.Op, c.Metric.Limit)
	case c.HTTP != nil:
		return fmt.Sprintf("GET answers %d", c.HTTP.Expect)
	case c.Probe != nil:
		return analysis.For(c).Rule()
	case c.Compare != nil:
		rule := string(c.Compare.Of) + " ≤ old"
		if c.Compare.Tolerance > 0 {
			rule += " + " + Share(c.Compare.Tolerance)
		}
		if c.Compare.OnlyCondemns {
			rule += ", only condemns"
		}
		return rule
	default:
		return "-"
	}
}

func value(c plan.Check, v float64) string {
	if c.Rate != nil {
		return Share(v)
	}
	return fmt.Sprintf("%.4g", v)
}

// sum adds the counts of all targets; nil where no target has any.
func sum(outcomes []Outcomes) (stable, canary *analysis.Counts) {
	add := func(to *analysis.Counts, c *analysis.Counts) *analysis.Counts {
		if c == nil || c.Problem != "" {
			return to
		}
		if to == nil {
			to = &analysis.Counts{}
		}
		to.Started += c.Started
		to.Running += c.Running
		to.Succeeded += c.Succeeded
		to.Failed += c.Failed
		to.TimedOut += c.TimedOut
		to.Aborted += c.Aborted
		to.Throttled += c.Throttled
		return to
	}
	for _, o := range outcomes {
		stable, canary = add(stable, o.Stable), add(canary, o.Canary)
	}
	return stable, canary
}

// badOf writes how many had one of the outcomes, of those that are judged:
// "17/412".
func badOf(outcomes []string, c *analysis.Counts, unknown string) string {
	if c == nil {
		return unknown
	}
	bad, all := c.Bad(outcomes)
	return Count(bad) + "/" + Count(all)
}
