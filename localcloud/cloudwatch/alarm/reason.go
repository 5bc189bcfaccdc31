package alarm

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// reason writes the sentence that CloudWatch gives for a change of state.
func (c Config) reason(j judged, old, value Value) string {
	if value == InsufficientData {
		return fmt.Sprintf("Insufficient Data: %s unknown.", count(len(j.slots), "datapoint was", "datapoints were"))
	}
	if len(j.known) == 0 {
		return fmt.Sprintf("Threshold Crossed: no datapoints were received for %s and %s treated as [%s].",
			count(j.filled, "period", "periods"),
			count(j.filled, "missing datapoint was", "missing datapoints were"), c.treatedAs())
	}
	not, minimum := "", c.needed()
	if value == OK {
		not, minimum = "not ", c.EvaluationPeriods-c.needed()+1
	}
	counted := j.counted(value == Alarm)
	verb := "were"
	if len(counted) == 1 {
		verb = "was"
	}
	var b strings.Builder
	b.WriteString("Threshold Crossed: ")
	if c.DatapointsToAlarm == 0 {
		b.WriteString(count(len(counted), "datapoint", "datapoints"))
	} else {
		fmt.Fprintf(&b, "%d out of the last %d datapoints", len(counted), c.EvaluationPeriods)
	}
	if len(counted) > 0 {
		b.WriteString(" [" + list(counted) + "]")
	}
	fmt.Fprintf(&b, " %s %s%s the threshold (%s)", verb, not, c.Comparison.words(), number(c.Threshold))
	if j.filled > 0 && c.treatedAs() != "" {
		fmt.Fprintf(&b, " and %s treated as [%s]", count(j.filled, "missing datapoint was", "missing datapoints were"), c.treatedAs())
	}
	if c.DatapointsToAlarm != 0 && old != InsufficientData {
		fmt.Fprintf(&b, " (minimum %s for %s -> %s transition)", count(minimum, "datapoint", "datapoints"), old, value)
	} else if c.DatapointsToAlarm != 0 && value == Alarm {
		fmt.Fprintf(&b, " (minimum %s for OK -> ALARM transition)", count(minimum, "datapoint", "datapoints"))
	} else if c.DatapointsToAlarm != 0 {
		fmt.Fprintf(&b, " (minimum %s for ALARM -> OK transition)", count(minimum, "datapoint", "datapoints"))
	}
	b.WriteByte('.')
	return b.String()
}

// counted returns the datapoints that speak for the new state, newest first.
func (j judged) counted(breaching bool) []slot {
	var out []slot
	for i := len(j.known) - 1; i >= 0; i-- {
		if j.known[i].breaches == breaching {
			out = append(out, j.known[i])
		}
	}
	return out
}

// treatedAs is how reasons spell the treatment of missing data; empty when
// missing periods are left out rather than replaced.
func (c Config) treatedAs() string {
	switch c.Missing {
	case MissingBreaching:
		return "Breaching"
	case MissingNotBreaching:
		return "NonBreaching"
	default:
		return ""
	}
}

// list writes datapoints as "21.5 (26/02/26 10:14:00), ...", at most five.
func list(slots []slot) string {
	const most = 5
	var parts []string
	for i, s := range slots {
		if i == most {
			parts = append(parts, "...")
			break
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", number(s.value), s.start.UTC().Format("02/01/06 15:04:05")))
	}
	return strings.Join(parts, ", ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// stamp is the form of times in reason data.
const stamp = "2006-01-02T15:04:05.000-0700"

// reasonData writes the same as JSON. Members stand in the order in which
// CloudWatch writes them.
func (c Config) reasonData(j judged, now time.Time) string {
	type evaluated struct {
		Timestamp   string     `json:"timestamp"`
		SampleCount *jsonFloat `json:"sampleCount,omitempty"`
		Value       *jsonFloat `json:"value,omitempty"`
	}
	data := struct {
		Version   string      `json:"version"`
		QueryDate string      `json:"queryDate"`
		StartDate string      `json:"startDate,omitempty"`
		Unit      string      `json:"unit,omitempty"`
		Statistic string      `json:"statistic,omitempty"`
		Period    int64       `json:"period"`
		Recent    []jsonFloat `json:"recentDatapoints"`
		Threshold jsonFloat   `json:"threshold"`
		Evaluated []evaluated `json:"evaluatedDatapoints"`
	}{
		Version:   "1.0",
		QueryDate: now.UTC().Format(stamp),
		Unit:      c.Unit,
		Statistic: c.Statistic,
		Period:    int64(c.Period / time.Second),
		Recent:    []jsonFloat{},
		Threshold: jsonFloat(c.Threshold),
		Evaluated: []evaluated{},
	}
	for i, s := range j.known {
		if i == 0 {
			data.StartDate = s.start.UTC().Format(stamp)
		}
		data.Recent = append(data.Recent, jsonFloat(s.value))
	}
	for i := len(j.slots) - 1; i >= 0; i-- {
		s := j.slots[i]
		e := evaluated{Timestamp: s.start.UTC().Format(stamp)}
		if s.known {
			e.Value = (*jsonFloat)(&s.value)
			if s.samples > 0 {
				e.SampleCount = (*jsonFloat)(&s.samples)
			}
		}
		data.Evaluated = append(data.Evaluated, e)
	}
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // the struct holds texts and finite numbers only
	}
	return string(text)
}

// jsonFloat is a number that keeps its decimal point in JSON: 2.0, not 2.
type jsonFloat float64

// MarshalJSON writes the number as CloudWatch does.
func (f jsonFloat) MarshalJSON() ([]byte, error) { return []byte(number(float64(f))), nil }

// number writes a double as CloudWatch does, which is Java's way: at least one
// decimal, and powers of ten below 0.001 and from 10,000,000 on.
func number(v float64) string {
	abs := math.Abs(v)
	if v != 0 && (abs < 1e-3 || abs >= 1e7) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'E', -1, 64), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		e, err := strconv.Atoi(exponent)
		if err != nil {
			return strconv.FormatFloat(v, 'g', -1, 64) // infinite
		}
		return mantissa + "E" + strconv.Itoa(e)
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
