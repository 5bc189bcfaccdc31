// Package alarm decides what state a CloudWatch alarm is in: M out of N with
// missing data for metric alarms, and rules over other alarms for composite ones.
//
// It is pure. [Evaluate] gets the configuration, the datapoints, the state so
// far and the time, and returns the state from now on with the sentence that
// CloudWatch would give as its reason. Who calls it asks [Config.Window] which
// datapoints to fetch and [Config.Next] when to ask again. A composite alarm's
// rule is read by [ParseRule] and judged by [Rule.Eval].
//
// Sources: CloudWatch User Guide, "Using Amazon CloudWatch alarms", "Configuring
// how CloudWatch alarms treat missing data" and "Create a composite alarm".
package alarm

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Value is one of the three states of an alarm, spelled as the API spells it.
type Value string

// The states of an alarm.
const (
	OK               Value = "OK"
	Alarm            Value = "ALARM"
	InsufficientData Value = "INSUFFICIENT_DATA"
)

// A State is what is remembered of an alarm between evaluations.
type State struct {
	Value   Value
	Reason  string    // a sentence for people
	Data    string    // the reason as JSON; empty when there is none
	Updated time.Time // when anything of the state was written last
	Changed time.Time // when Value became another one
}

// Initial is the state of a metric alarm that was created at now.
func Initial(now time.Time) State {
	return State{Value: InsufficientData, Reason: "Unchecked: Initial alarm creation", Updated: now, Changed: now}
}

// A Comparison says how a datapoint is held against the threshold.
type Comparison string

// The comparisons with a fixed threshold.
const (
	GreaterOrEqual Comparison = "GreaterThanOrEqualToThreshold"
	Greater        Comparison = "GreaterThanThreshold"
	Less           Comparison = "LessThanThreshold"
	LessOrEqual    Comparison = "LessThanOrEqualToThreshold"
)

// breaches says whether v is on the wrong side of threshold. NaN never is.
func (c Comparison) breaches(v, threshold float64) bool {
	switch c {
	case GreaterOrEqual:
		return v >= threshold
	case Greater:
		return v > threshold
	case Less:
		return v < threshold
	case LessOrEqual:
		return v <= threshold
	default:
		panic("alarm: comparison " + string(c))
	}
}

// words returns the comparison as reasons spell it, "greater than" and so on.
func (c Comparison) words() string {
	switch c {
	case GreaterOrEqual:
		return "greater than or equal to"
	case Greater:
		return "greater than"
	case Less:
		return "less than"
	case LessOrEqual:
		return "less than or equal to"
	default:
		panic("alarm: comparison " + string(c))
	}
}

// Missing says what stands in for a period without data.
type Missing string

// The treatments of missing data. The empty text means MissingMissing.
const (
	MissingMissing      Missing = "missing"
	MissingIgnore       Missing = "ignore"
	MissingBreaching    Missing = "breaching"
	MissingNotBreaching Missing = "notBreaching"
)

// A Config says when a metric alarm fires.
type Config struct {
	// Period is the length of one datapoint: 10 s, 20 s, 30 s or whole minutes.
	Period time.Duration
	// EvaluationPeriods is N: how many datapoints are judged. At least 1.
	EvaluationPeriods int
	// DatapointsToAlarm is M: how many of them must breach, at most N. Zero
	// means N; the reason texts differ between the two, as CloudWatch's do.
	DatapointsToAlarm int
	Comparison        Comparison
	// Threshold is in the metric's own unit.
	Threshold float64
	Missing   Missing
	// MinSamples is how many samples a datapoint needs to count; zero means
	// any number. It serves EvaluateLowSampleCountPercentile; see [LowSamples].
	MinSamples float64
	// Statistic and Unit appear in the reason data. Both may be empty.
	Statistic, Unit string
}

// needed returns M.
func (c Config) needed() int {
	if c.DatapointsToAlarm == 0 {
		return c.EvaluationPeriods
	}
	return c.DatapointsToAlarm
}

// lookBehind is by how many periods the evaluation range is longer than N.
// CloudWatch documents only that the range is longer; its examples have 5 for 3.
const lookBehind = 2

// rangeLength returns how many periods are looked at.
func (c Config) rangeLength() int { return c.EvaluationPeriods + lookBehind }

// Tick returns how often the alarm is evaluated: every 10 seconds when its
// period is shorter than a minute, every minute otherwise.
func (c Config) Tick() time.Duration {
	if c.Period < time.Minute {
		return 10 * time.Second
	}
	return time.Minute
}

// Next returns the first time of evaluation after t.
func (c Config) Next(t time.Time) time.Time { return t.Truncate(c.Tick()).Add(c.Tick()) }

// Window returns the time that an evaluation at now looks at, from inclusive,
// to exclusive. It ends with the last full tick, so that a period of five
// minutes slides on by one minute at a time.
func (c Config) Window(now time.Time) (from, to time.Time) {
	to = now.Truncate(c.Tick())
	return to.Add(-time.Duration(c.rangeLength()) * c.Period), to
}

// LowSamples returns how many samples a percentile needs to say something:
// 10/(1-p) from the median up and 10/p below it. percentile is 0..100.
//
// Source: CloudWatch User Guide, "Percentile-based CloudWatch alarms and low
// data samples".
func LowSamples(percentile float64) float64 {
	p := percentile / 100
	tail := min(p, 1-p)
	if tail <= 0 {
		return math.Inf(1)
	}
	return math.Round(10/tail*1e6) / 1e6
}

// A Datapoint is the value of one period.
type Datapoint struct {
	Start   time.Time // when its period begins
	Value   float64
	Samples float64 // how many measurements it was made of
}

// slot is one period of the evaluation range.
type slot struct {
	start    time.Time
	value    float64
	samples  float64
	known    bool
	breaches bool
}

// Evaluate returns the state of an alarm at now. When the value does not change
// it returns previous as it is, reason and times included.
//
// It looks at N+2 periods. With N datapoints or more it judges the newest N.
// With fewer it fills up as c.Missing says, and never with more than it needs.
// M breaching ones make an alarm. The order of points does not matter; those
// outside the window are left out.
func Evaluate(c Config, points []Datapoint, previous State, now time.Time) State {
	slots := c.slots(points, now)
	j := c.judge(slots)
	var value Value
	switch {
	case c.tooFewSamples(slots):
		value = previous.Value
	case len(j.known) == 0:
		value = c.whenSilent(previous.Value)
	case j.breaching+j.filledBreaching() >= c.needed():
		value = Alarm
	case j.breaching == len(j.known) && j.filled > 0:
		value = c.whenOnlyBreaching(j, previous.Value)
	default:
		value = OK
	}
	if value == previous.Value {
		return previous
	}
	return State{
		Value:   value,
		Reason:  c.reason(j, previous.Value, value),
		Data:    c.reasonData(j, now),
		Updated: now,
		Changed: now,
	}
}

// whenSilent is the value of an alarm that sees no datapoint at all.
func (c Config) whenSilent(previous Value) Value {
	switch c.Missing {
	case MissingIgnore:
		return previous
	case MissingBreaching:
		return Alarm
	case MissingNotBreaching:
		return OK
	case MissingMissing, "":
		return InsufficientData
	default:
		panic("alarm: treatment of missing data " + string(c.Missing))
	}
}

// whenOnlyBreaching is the value when there are fewer datapoints than asked
// for and each of them breaches. The alarm goes off when the oldest is at least
// M periods old: what was missing since would not have made it better.
//
// Source: CloudWatch User Guide, "Avoiding premature transitions to alarm state".
func (c Config) whenOnlyBreaching(j judged, previous Value) Value {
	switch c.Missing {
	case MissingIgnore:
		return previous
	case MissingBreaching, MissingNotBreaching:
		return OK // filled up, and still fewer than M
	case MissingMissing, "":
		if j.oldestAge >= c.needed() {
			return Alarm
		}
		return OK
	default:
		panic("alarm: treatment of missing data " + string(c.Missing))
	}
}

// tooFewSamples says whether the newest datapoint is too thin to change the
// state. Older thin ones are not counted at all; see slots.
func (c Config) tooFewSamples(slots []slot) bool {
	for i := len(slots) - 1; i >= 0; i-- {
		if slots[i].samples > 0 {
			return !slots[i].known
		}
	}
	return false
}

// slots sorts points into the periods of the evaluation range, oldest first.
func (c Config) slots(points []Datapoint, now time.Time) []slot {
	from, _ := c.Window(now)
	slots := make([]slot, c.rangeLength())
	for i := range slots {
		slots[i].start = from.Add(time.Duration(i) * c.Period)
	}
	for _, p := range points {
		since := p.Start.Sub(from)
		if since < 0 || since >= time.Duration(len(slots))*c.Period || math.IsNaN(p.Value) {
			continue
		}
		s := &slots[since/c.Period]
		// Two points of one period do not happen; if they do, the outcome
		// must not depend on their order.
		if s.known && (p.Samples < s.samples || p.Samples == s.samples && p.Value <= s.value) {
			continue
		}
		s.value, s.samples = p.Value, p.Samples
		s.known = c.MinSamples == 0 || p.Samples >= c.MinSamples
		s.breaches = c.Comparison.breaches(p.Value, c.Threshold)
	}
	return slots
}

// judged is what the decision rests on.
type judged struct {
	slots     []slot // the periods that count, oldest first: known ones and fills
	known     []slot // the datapoints among them, oldest first
	breaching int    // how many of known breach
	filled    int    // how many are missing from N
	oldestAge int    // age of the oldest known one in periods; the newest period has age 1
	treatment Missing
}

// filledBreaching is how many of the fills count as breaching.
func (j judged) filledBreaching() int {
	if j.treatment == MissingBreaching {
		return j.filled
	}
	return 0
}

// judge picks the newest N datapoints, and the newest empty periods for those
// that are missing.
func (c Config) judge(slots []slot) judged {
	j := judged{treatment: c.Missing}
	real := 0
	for _, s := range slots {
		if s.known {
			real++
		}
	}
	real = min(real, c.EvaluationPeriods)
	j.filled = c.EvaluationPeriods - real
	wantKnown, wantEmpty := real, j.filled
	for i := len(slots) - 1; i >= 0 && (wantKnown > 0 || wantEmpty > 0); i-- {
		switch {
		case slots[i].known && wantKnown > 0:
			wantKnown--
			j.oldestAge = len(slots) - i
			if slots[i].breaches {
				j.breaching++
			}
		case !slots[i].known && wantEmpty > 0:
			wantEmpty--
		default:
			continue
		}
		j.slots = append(j.slots, slots[i])
	}
	slices.Reverse(j.slots)
	for _, s := range j.slots {
		if s.known {
			j.known = append(j.known, s)
		}
	}
	return j
}

// Check says what is wrong with a configuration, or nil. Evaluate panics on
// texts that Check refuses.
func (c Config) Check() error {
	switch {
	case c.Period != 10*time.Second && c.Period != 20*time.Second && c.Period != 30*time.Second &&
		(c.Period <= 0 || c.Period%time.Minute != 0):
		return fmt.Errorf("period %v is not 10, 20 or 30 seconds or a multiple of 60 seconds", c.Period)
	case c.EvaluationPeriods < 1:
		return fmt.Errorf("%d evaluation periods, want at least 1", c.EvaluationPeriods)
	case c.DatapointsToAlarm < 0 || c.DatapointsToAlarm > c.EvaluationPeriods:
		return fmt.Errorf("%d datapoints to alarm, want 1 to %d", c.DatapointsToAlarm, c.EvaluationPeriods)
	case math.IsNaN(c.Threshold) || math.IsInf(c.Threshold, 0):
		return fmt.Errorf("threshold %v is not a number", c.Threshold)
	}
	switch c.Comparison {
	case GreaterOrEqual, Greater, Less, LessOrEqual:
	default:
		return fmt.Errorf("comparison %q is not one with a fixed threshold", c.Comparison)
	}
	switch c.Missing {
	case MissingMissing, MissingIgnore, MissingBreaching, MissingNotBreaching, "":
	default:
		return fmt.Errorf("missing data cannot be treated as %q", c.Missing)
	}
	longest := 24 * time.Hour
	if c.Period >= time.Hour {
		longest = 7 * 24 * time.Hour
	}
	if time.Duration(c.EvaluationPeriods)*c.Period > longest || c.EvaluationPeriods > int(longest/c.Period) {
		return fmt.Errorf("%d periods of %v are longer than %v", c.EvaluationPeriods, c.Period, longest)
	}
	return nil
}
