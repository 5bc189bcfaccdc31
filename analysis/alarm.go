package analysis

import (
	"fmt"

	"github.com/crossfade-dev/crossfade/plan"
)

// alarmCriterion wants an alarm not to fire.
type alarmCriterion struct {
	name string
	fine plan.Lenience
}

func (c alarmCriterion) Rule() string {
	if c.fine != "" {
		return fmt.Sprintf("alarm %q does not fire", c.name)
	}
	return fmt.Sprintf("alarm %q is OK", c.name)
}

// Excuse returns what about the alarm of a check is not OK and still fine,
// because the check says so; empty when there is nothing of that.
func (a AlarmState) Excuse(c plan.Check) string {
	switch {
	case c.Fine == "":
		return ""
	case a.Missing:
		return "does not exist"
	case a.Problem != "" && c.Fine == plan.FineUnreadable:
		return "is not readable (" + a.Problem + ")"
	case a.Problem == "" && a.State == "INSUFFICIENT_DATA":
		return "has too little data"
	default:
		return ""
	}
}

// Judge reads an alarm as it is meant: only OK is Healthy, and what the check
// takes for it. One that is not there, not readable or has too little data says
// nothing.
func (c alarmCriterion) Judge(e Evidence) Finding {
	a := e.Alarm
	if a != nil && a.Problem == "" && a.State != "ALARM" && a.Fired.After(e.Accepted) {
		return Finding{
			Verdict: Unhealthy,
			Why:     fmt.Sprintf("alarm %q went to ALARM at %s, and has left it since", c.name, clock(a.Fired)),
		}
	}
	if a != nil {
		if excuse := a.Excuse(plan.Check{Alarm: c.name, Fine: c.fine}); excuse != "" {
			return Finding{Verdict: Healthy, Why: fmt.Sprintf("alarm %q %s, which is fine here", c.name, excuse), Flip: "the alarm going to ALARM"}
		}
	}
	switch {
	case a == nil:
		return trouble("alarm %q was not looked at", c.name)
	case a.Missing:
		return trouble("alarm %q does not exist", c.name)
	case a.Problem != "":
		return trouble("alarm %q is not readable (%s)", c.name, a.Problem)
	}
	switch a.State {
	case "OK":
		return Finding{Verdict: Healthy, Why: fmt.Sprintf("alarm %q is OK", c.name), Flip: "the alarm going to ALARM"}
	case "ALARM":
		if !e.Accepted.IsZero() && !a.Since.After(e.Accepted) {
			return Finding{
				Verdict: Healthy,
				Why:     fmt.Sprintf("alarm %q is in ALARM since %s, before the start, which was accepted", c.name, clock(a.Since)),
				Flip:    "a new transition to ALARM",
			}
		}
		return Finding{
			Verdict: Unhealthy,
			Why:     fmt.Sprintf("alarm %q is in ALARM since %s", c.name, clock(a.Since)),
			Flip:    "the alarm going to OK",
		}
	case "INSUFFICIENT_DATA":
		f := unknown("alarm %q has too little data", c.name)
		f.Flip = "data for the alarm"
		return f
	default:
		return trouble("alarm %q is in the state %q, which means nothing here", c.name, a.State)
	}
}
