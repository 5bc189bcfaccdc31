package suite

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"
)

// WriteTable writes rows and totals for people.
func WriteTable(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SCENARIO\tPOLICY\tBAD REQUESTS\t5-95 %\tLIMIT\tRATIO\tTAKEN BACK\tMISSED\tHELD\tDETECTED\t95 % AT")
	for _, r := range rows {
		harm, span, limit, ratio := "", "", "", ""
		if !r.Scenario.Good() {
			harm = fmt.Sprintf("%.2f ± %.2f", r.Harm, r.Error)
			span = fmt.Sprintf("%.0f-%.0f", r.Low, r.High)
			limit = fmt.Sprintf("%.2f", r.Limit)
			ratio = "infeasible"
			if r.Feasible {
				ratio = fmt.Sprintf("%.2f", r.Ratio())
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Scenario.Name, r.Policy, harm, span, limit, ratio,
			fmt.Sprintf("%s (≤ %s)", percent(r.RolledBack), percent(r.Upper)), percent(r.Missed), percent(r.Held), seconds(r.Detected), seconds(r.Top))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "POLICY\tHARM RATIO\tOVER\tMISSED\tWORST FALSE ROLLBACK\tIN\t95 % AT")
	for _, total := range Totals(rows) {
		ratio, missed, worst := "", "", ""
		if total.Bad > 0 {
			ratio, missed = fmt.Sprintf("%.2f", total.HarmRatio), percent(total.Missed)
		}
		if total.Good > 0 {
			worst = fmt.Sprintf("%s (≤ %s)", percent(total.WorstFalse), percent(total.WorstUpper))
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", total.Policy, ratio, total.Bad, missed, worst, total.WorstIn, seconds(total.Top))
	}
	return t.Flush()
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

func seconds(s float64) string {
	if s == 0 {
		return "-"
	}
	return time.Duration(s * float64(time.Second)).String()
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

// WriteJSON writes rows, with the whole scenario of each, and totals.
func WriteJSON(w io.Writer, rows []Row) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Rows   []Row   `json:"rows"`
		Totals []Total `json:"totals"`
	}{rows, Totals(rows)})
}
