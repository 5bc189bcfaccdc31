package analysis

import (
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
)

// A Criterion judges measurements. There is one for each kind of check; tests
// that compare the two versions are criteria like any other.
type Criterion interface {
	// Rule is what has to hold, in words.
	Rule() string
	// Judge returns a finding with everything but its Check and Rule.
	Judge(e Evidence) Finding
}

// Evidence is what a criterion may look at. What it does not look at may be
// missing.
type Evidence struct {
	// Now is the time of the look, From when the rollout started, and Since
	// when the step in force began to count, zero before.
	Now, From, Since time.Time
	// Target is the alias that the counts are of.
	Target string
	// Canary and Stable are the outcomes of both versions; nil where nothing
	// counts them. Base is how many outcomes of the canary were known when the
	// step began.
	Canary, Stable *Counts
	Base           int
	// Alarm is the alarm's state; nil when nobody looked. Accepted is when it
	// had last changed when the rollout started: only a later transition to
	// ALARM counts. Zero: that it is in ALARM counts in any case.
	Alarm    *AlarmState
	Accepted time.Time
	Series   *Series
	Probe    *Probe
	// Trials are the tries of the new version before traffic, once all of them
	// are done.
	Trials []Trial
	// Forgiven are outcomes of the canary that a limit with UnlessShared does not
	// count: until all traffic was on it the old version did as badly.
	Forgiven Share
	// Compared is what both versions did in the same time; nil where nothing
	// tells that.
	Compared *Compared
}

// For returns the criterion of a check.
func For(c plan.Check) Criterion {
	switch {
	case c.Alarm != "":
		return alarmCriterion{c.Alarm, c.Fine}
	case c.Rate != nil:
		return rateCriterion{*c.Rate}
	case c.Metric != nil:
		return metricCriterion{*c.Metric}
	case c.HTTP != nil:
		return httpCriterion{*c.HTTP}
	case c.Probe != nil:
		return trialCriterion{*c.Probe}
	case c.Compare != nil:
		return compareCriterion{*c.Compare}
	default:
		panic("analysis: a check without a source: " + c.Name)
	}
}

// Judge judges the evidence for a check.
func Judge(c plan.Check, e Evidence) Finding {
	criterion := For(c)
	f := criterion.Judge(e)
	f.Check, f.Target, f.Rule = c.Name, e.Target, criterion.Rule()
	f.OnlyCondemns = c.Compare != nil && c.Compare.OnlyCondemns
	return f
}

// Combine returns what several findings come to: Unhealthy if one is, else
// Unknown if one is that does not only condemn, else Healthy. Without any there is
// nothing to wait for.
func Combine(findings []Finding) Verdict {
	verdict := Healthy
	for _, f := range findings {
		switch f.Verdict {
		case Unhealthy:
			return Unhealthy
		case Unknown:
			if f.Missing() {
				verdict = Unknown
			}
		case Healthy:
		default:
			panic("analysis: verdict " + string(f.Verdict))
		}
	}
	return verdict
}

// unknown is a finding for want of something.
func unknown(format string, args ...any) Finding {
	return Finding{Verdict: Unknown, Why: fmt.Sprintf(format, args...)}
}

// trouble is a finding because something could not be read.
func trouble(format string, args ...any) Finding {
	return Finding{Verdict: Unknown, Trouble: true, Why: fmt.Sprintf(format, args...), Flip: "being able to read it"}
}

// clock writes a time of day for sentences.
func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) }
