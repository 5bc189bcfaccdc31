package analysis

import (
	"fmt"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
)

// A Trial is one try of a version before it gets traffic.
type Trial struct {
	// Output is the JSON text that it returned; Error is why it returned
	// nothing.
	Output string        `json:"output,omitempty"`
	Error  string        `json:"error,omitempty"`
	Took   time.Duration `json:"took"`
}

// trialCriterion wants every try of a version to return what is expected, in time.
type trialCriterion struct{ probe plan.VersionProbe }

func (c trialCriterion) Rule() string {
	var b strings.Builder
	b.WriteString("returns ")
	if e, err := c.probe.Expectation(); err == nil && e.String() != "" {
		b.WriteString(shorten(e.String(), 60))
	} else {
		b.WriteString("no error")
	}
	if c.probe.Latency > 0 {
		fmt.Fprintf(&b, " within %s", plan.FormatDuration(c.probe.Latency))
	}
	if c.probe.Count > 1 {
		fmt.Fprintf(&b, ", %d times", c.probe.Count)
	}
	return b.String()
}

// Judge says nothing before the version was tried: that is no lack of evidence
// that traffic could end.
func (c trialCriterion) Judge(e Evidence) Finding {
	if e.Trials == nil {
		return unknown("the new version has not been tried yet")
	}
	expect, err := c.probe.Expectation()
	if err != nil {
		return trouble("the expectation cannot be read (%v)", err)
	}
	bad, first := 0, ""
	var slowest time.Duration
	for _, t := range e.Trials {
		slowest = max(slowest, t.Took)
		why := ""
		met, err := expect.Met(t.Output)
		switch {
		case t.Error != "":
			why = t.Error
		case err != nil:
			why = fmt.Sprintf("%v, of %s", err, shorten(t.Output, 120))
		case !met:
			why = fmt.Sprintf("it returned %s, want %s", shorten(t.Output, 120), shorten(expect.String(), 120))
		case c.probe.Latency > 0 && t.Took > c.probe.Latency:
			why = fmt.Sprintf("it took %s, want at most %s", t.Took.Round(time.Millisecond), plan.FormatDuration(c.probe.Latency))
		default:
			continue
		}
		if bad++; first == "" {
			first = why
		}
	}
	n := len(e.Trials)
	value, limit := float64(bad), 0.0
	f := Finding{Verdict: Healthy, Samples: n, Value: &value, Limit: &limit}
	switch {
	case bad > 0 && n == 1:
		f.Verdict, f.Why = Unhealthy, "the probe failed: "+first
	case bad > 0:
		f.Verdict, f.Why = Unhealthy, fmt.Sprintf("%d of %d probes failed: %s", bad, n, first)
	case n == 1:
		f.Why = fmt.Sprintf("the probe was good, in %s", slowest.Round(time.Millisecond))
	default:
		f.Why = fmt.Sprintf("%d of %d probes were good, the slowest in %s", n, n, slowest.Round(time.Millisecond))
	}
	return f
}

func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
