package view

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
)

var comparedHead = []string{"compared", "old", "new", "for harm", "proof", "ruled out", "verdict"}

// Compared returns a table of the findings that compare two versions: what both did
// in the same time, the evidence of harm and what would prove it, and the excess that
// is ruled out. Where several do, each has its own evidence, and a last row has that
// of all together, which is what proves. It is empty when none compares.
func (s Style) Compared(findings []analysis.Finding, width int) []string {
	var rows [][]string
	var last *analysis.Numbers
	for _, f := range findings {
		n := f.Compared
		if n == nil {
			continue
		}
		last = n
		name := f.Check
		if n.Slow > 0 {
			name += " > " + Duration(time.Duration(n.Slow*float64(time.Second)))
		}
		ruled := "-"
		if n.Excluded < 1 {
			ruled = s.pick("≥ ", "from ") + "+" + Share(n.Excluded)
		}
		rows = append(rows, []string{
			s.Text(name), s.bad(n.Stable), s.bad(n.Canary), Odds(n.Own), Odds(n.Proof), ruled, s.Verdict(f.Verdict),
		})
	}
	switch len(rows) {
	case 0:
		return nil
	case 1:
		rows[0][3] = Odds(last.Evidence)
	default:
		for _, row := range rows {
			row[4] = ""
		}
		rows = append(rows, []string{"together", "", "", Odds(last.Evidence), Odds(last.Proof), "", ""})
	}
	return s.Table(comparedHead, rows, width)
}

// bad writes how many of some requests were bad: "17/412  4.13 %".
func (s Style) bad(h analysis.Share) string {
	if h.Requests == 0 {
		return "-"
	}
	return fmt.Sprintf("%s/%s %s", Count(h.Bad), Count(h.Requests), Share(float64(h.Bad)/float64(h.Requests)))
}

// Odds writes evidence: "12:1".
func Odds(e float64) string {
	switch {
	case e >= 1e6:
		return "> 1,000,000:1"
	case e >= 10:
		return Count(int(e)) + ":1"
	default:
		return fmt.Sprintf("%.1f:1", e)
	}
}

// The heights of a small chart's columns.
var (
	heights      = []rune(" ▁▂▃▄▅▆▇█")
	heightsASCII = []rune(" .:-=+*#@")
)

// Evidence draws how a comparison went, in a few lines: the weight, the share of bad
// requests of both versions, and the evidence of harm, in which a full column is
// proof. It is empty as long as there is nothing to draw.
func (s Style) Evidence(c *analysis.Comparison, now time.Time) []string {
	if c == nil || len(c.Curve) < 2 {
		return nil
	}
	n := len(c.Curve)
	weight, evidence := make([]float64, n), make([]float64, n)
	canary, stable := make([]float64, n), make([]float64, n)
	var before analysis.Moment
	most := 0.0
	for i, m := range c.Curve {
		weight[i] = m.Share
		// From a tenth to proof, by factors.
		evidence[i] = math.Log10(max(m.Evidence, 0.1)*10) / math.Log10(10*c.Decision.Proof)
		canary[i], stable[i] = between(before.Canary, m.Canary), between(before.Stable, m.Stable)
		most = max(most, canary[i], stable[i])
		before = m
	}
	last := c.Curve[n-1]
	scale := func(list []float64) {
		for i := range list {
			if most > 0 {
				list[i] /= most
			}
		}
	}
	scale(canary)
	scale(stable)
	row := func(label string, list []float64, text string) string {
		return s.Faint(s.Text(fmt.Sprintf("%-9s", label))) + s.columns(list) + "  " + s.Text(text)
	}
	rate := func(of [2]int) string {
		if of[0] == 0 {
			return "none served"
		}
		return Share(float64(of[1])/float64(of[0])) + " bad"
	}
	begin := Clock(c.Epoch.Add(time.Duration(c.Curve[0].At*float64(time.Second))), now)
	end := Clock(c.Epoch.Add(time.Duration(last.At*float64(time.Second))), now)
	return []string{
		row("weight", weight, Share(last.Share)),
		row("new", canary, rate(last.Canary)),
		row("old", stable, rate(last.Stable)),
		row("for harm", evidence, Odds(last.Evidence)+", proof is "+Odds(c.Decision.Proof)),
		s.Faint(s.Text("         " + begin + strings.Repeat(" ", max(1, n-len(begin)-len(end))) + end)),
	}
}

// between is the share of bad ones among the requests from one moment to the next.
func between(a, b [2]int) float64 {
	if b[0] <= a[0] {
		return 0
	}
	return float64(b[1]-a[1]) / float64(b[0]-a[0])
}

// columns draws values in [0, 1]; what is above nothing is seen.
func (s Style) columns(list []float64) string {
	marks := heights
	if s.ASCII {
		marks = heightsASCII
	}
	var b strings.Builder
	for _, v := range list {
		i := int(math.Ceil(min(max(v, 0), 1) * float64(len(marks)-1)))
		b.WriteRune(marks[i])
	}
	return b.String()
}
