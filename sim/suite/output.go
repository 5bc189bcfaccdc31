package suite

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A Report is what was measured, with everything that it takes to measure it again.
type Report struct {
	// Suite, Reps and Seed are those of the measurement; Program says which
	// build made it.
	Suite   string  `json:"suite"`
	Reps    int     `json:"replications"`
	Seed    uint64  `json:"seed"`
	Program string  `json:"program,omitempty"`
	Rows    []Row   `json:"rows"`
	Totals  []Total `json:"totals"`
	// Incomplete says, when not every scenario was played, of how many these
	// are the rows.
	Incomplete string `json:"incomplete,omitempty"`
	// Missed are the goals that were missed; nil when nobody asked.
	Missed []string `json:"missed,omitempty"`
	// Result is a hash of the rows: the same program, options and machine give
	// the same one.
	Result string `json:"result"`
}

// NewReport makes the report of a measurement.
func NewReport(suite, program string, o Options, rows []Row) Report {
	var text bytes.Buffer
	_ = WriteCSV(&text, rows) // a buffer takes everything
	sum := sha256.Sum256(text.Bytes())
	r := Report{
		Suite: suite, Reps: o.Reps, Seed: o.Seed, Program: program, Rows: rows, Totals: Totals(rows),
		Result: hex.EncodeToString(sum[:6]),
	}
	if all := len(o.Scenarios) * len(o.Policies); len(rows) < all {
		r.Incomplete = fmt.Sprintf("%d of %d scenarios", len(rows)/len(o.Policies), len(o.Scenarios))
	}
	return r
}

// World is a scenario in a few words: its traffic, its failures and its release.
func (s Scenario) World() string {
	words := []string{"no traffic"}
	if s.Rate > 0 {
		words = []string{fmt.Sprintf("%.3g/s", s.Rate), fmt.Sprintf("%.3g %% fail", 100*s.Base)}
	}
	switch {
	case s.Slower > 1:
		words = append(words, fmt.Sprintf("the new version is %g times slower", s.Slower))
	case !s.Good():
		words = append(words, fmt.Sprintf("%.3g %% of the new version's", 100*s.Fault))
	}
	if s.Onset > 0 {
		words = append(words, "from minute "+number(s.Onset/60))
	}
	if s.Incident.Add > 0 {
		words = append(words, fmt.Sprintf("%g %% more of both from %s to %s", 100*s.Incident.Add, span(s.Incident.From), span(s.Incident.To)))
	}
	return strings.Join(words, ", ")
}

// Cells are a row for people: bad requests with their standard error, from the 5th
// to the 95th percentile, as a multiple of the limit, taken back, missed, found
// after, and at 95 % of the traffic after.
func (r Row) Cells() []string {
	found, top := span(r.Detected), span(r.Top)
	if r.Scenario.Good() {
		return []string{"", "", "", percent(r.RolledBack) + " ≤ " + percent(r.Upper), "", "", top}
	}
	return []string{
		count(r.Harm) + " ± " + count(r.Error), r.spread(), r.ratio(),
		percent(r.RolledBack), percent(r.Missed), found, top,
	}
}

func (r Row) spread() string { return whole(r.Low) + "–" + whole(r.High) }

func (r Row) ratio() string {
	if !r.Feasible {
		return "-"
	}
	return count(r.Ratio())
}

// Brief are a row's most important cells, those of a bad release or of a good one.
func (r Row) Brief() []string {
	if r.Scenario.Good() {
		return []string{percent(r.RolledBack), "≤ " + percent(r.Upper), percent(r.Finished), span(r.Top)}
	}
	return []string{count(r.Harm), r.spread(), r.ratio(), percent(r.Missed), span(r.Detected)}
}

// BriefNames are the titles of [Row.Brief].
func (s Scenario) BriefNames() []string {
	if s.Good() {
		return []string{"taken back", "95 % sure", "promoted", "95 % at"}
	}
	return []string{"bad requests", "5–95 %", "× limit", "missed", "found"}
}

// CellNames are the titles of [Row.Cells].
func CellNames() []string {
	return []string{"bad requests", "5–95 %", "× limit", "back", "missed", "found", "95 % at"}
}

// Cells are a total for people.
func (t Total) Cells() []string {
	ratio, missed, worst := "", "", ""
	if t.Bad > 0 {
		ratio, missed = fmt.Sprintf("%.2f", t.HarmRatio), percent(t.Missed)
	}
	if t.Good > 0 {
		worst = percent(t.WorstFalse) + " ≤ " + percent(t.WorstUpper)
	}
	return []string{ratio, missed, worst, span(t.Top)}
}

// TotalNames are the titles of [Total.Cells].
func TotalNames() []string { return []string{"× limit", "missed", "worst false", "95 % at"} }

// count writes a number of requests: with decimals where they matter.
func count(x float64) string {
	switch {
	case x >= 100:
		return whole(x)
	case x >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	default:
		return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 2, 64), ".00")
	}
}

// whole writes a number without decimals.
func whole(x float64) string {
	text := strconv.FormatFloat(x, 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// percent writes a share.
func percent(share float64) string {
	if share == 1 {
		return "100 %"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

// span writes seconds; none is a dash.
func span(s float64) string {
	if s == 0 {
		return "-"
	}
	text := time.Duration(s * float64(time.Second)).Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// ByScenario groups the rows of each scenario, in order.
func (r Report) ByScenario() [][]Row {
	var groups [][]Row
	for i, row := range r.Rows {
		if i == 0 || row.Scenario.Name != r.Rows[i-1].Scenario.Name {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], row)
	}
	return groups
}

// WriteCSV writes one line for each row.
func WriteCSV(w io.Writer, rows []Row) error {
	c := csv.NewWriter(w)
	lines := [][]string{{"scenario", "policy", "good", "reps", "harm", "error", "p5", "median", "p95", "limit", "feasible",
		"rolledBack", "upper", "missed", "held", "finished", "detected", "top", "done"}}
	for _, r := range rows {
		line := []string{r.Scenario.Name, r.Policy, strconv.FormatBool(r.Scenario.Good()), strconv.Itoa(r.Reps)}
		for _, x := range []float64{r.Harm, r.Error, r.Low, r.Median, r.High, r.Limit} {
			line = append(line, number(x))
		}
		line = append(line, strconv.FormatBool(r.Feasible))
		for _, x := range []float64{r.RolledBack, r.Upper, r.Missed, r.Held, r.Finished, r.Detected, r.Top, r.Done} {
			line = append(line, number(x))
		}
		lines = append(lines, line)
	}
	return c.WriteAll(lines)
}

// number has six significant digits: enough, and the same on every machine.
func number(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

// WriteJSON writes the whole report.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// WriteMarkdown writes the tables of the report.
func (r Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	line := func(cells ...string) {
		for _, c := range cells {
			b.WriteString("| " + strings.ReplaceAll(c, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
	}
	head := func(names ...string) {
		line(names...)
		b.WriteString(strings.Repeat("|---", len(names)) + "|\n")
	}
	for _, rows := range r.ByScenario() {
		sc := rows[0].Scenario
		fmt.Fprintf(&b, "### %s\n\n%s", sc.Name, sc.World())
		if !sc.Good() {
			fmt.Fprintf(&b, "; limit %s", count(rows[0].Limit))
		}
		b.WriteString("\n\n")
		head(append([]string{"policy"}, CellNames()...)...)
		for _, row := range rows {
			line(append([]string{row.Policy}, row.Cells()...)...)
		}
		b.WriteString("\n")
	}
	b.WriteString("### All together\n\n")
	head(append([]string{"policy"}, TotalNames()...)...)
	for _, t := range r.Totals {
		line(append([]string{t.Policy}, t.Cells()...)...)
	}
	fmt.Fprintf(&b, "\n%s\n", r.Signature())
	_, err := io.WriteString(w, b.String())
	return err
}

// Signature says what it takes to measure the same again.
func (r Report) Signature() string {
	text := fmt.Sprintf("suite %s, %d replications, seed %d, result %s", r.Suite, r.Reps, r.Seed, r.Result)
	if r.Incomplete != "" {
		text = "incomplete, " + r.Incomplete + ": " + text
	}
	if r.Program != "" {
		text += ", " + r.Program
	}
	return text
}
