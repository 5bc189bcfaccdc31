package suite

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// A Course is one rollout, second by second.
type Course struct {
	Policy string
	Shares []float64 // of the traffic, for the new version
	Harms  []float64 // bad requests until then
}

// Courses plays one replication of every policy in a scenario.
func Courses(sc Scenario, policies []Policy, seed uint64, rep int) []Course {
	var w world
	courses := make([]Course, len(policies))
	for i, p := range policies {
		c := Course{Policy: p.Name}
		w.play(sc, p.New, seed, rep, func(_ int, share, harm float64) {
			c.Shares, c.Harms = append(c.Shares, share), append(c.Harms, harm)
		})
		courses[i] = c
	}
	return courses
}

// WritePage writes the report as one HTML page that asks nobody for anything: tables,
// and for each scenario the course of one rollout and how the harm is distributed.
func (r Report) WritePage(w io.Writer, policies []Policy) error {
	type section struct {
		Scenario  Scenario
		Limit     string
		Rows      []Row
		Staircase template.HTML
		Exposure  template.HTML
		Harms     template.HTML
	}
	page := struct {
		Report
		Sections  []section
		RowHead   []string
		TotalHead []string
		Colours   []legend
	}{Report: r, RowHead: CellNames(), TotalHead: TotalNames()}
	for i, p := range policies {
		page.Colours = append(page.Colours, legend{p.Name, template.CSS(colour(i))})
	}
	for _, rows := range r.ByScenario() {
		sc := rows[0].Scenario
		s := section{Scenario: sc, Rows: rows}
		if !sc.Good() {
			s.Limit = count(rows[0].Limit)
		}
		courses := Courses(sc, policies, r.Seed, 0)
		s.Staircase = staircase(courses)
		if !sc.Good() {
			s.Exposure = exposure(courses)
			s.Harms = harms(rows)
		}
		page.Sections = append(page.Sections, s)
	}
	return pageTemplate.Execute(w, page)
}

type legend struct {
	Name   string
	Colour template.CSS
}

// colour is that of the policy of a number: Crossfade's and a reader's own come
// first and are strong, the others are of other hues.
func colour(i int) string {
	strong := []string{"#0b6e4f", "#1f9e75", "#c2410c", "#7c3aed"}
	if i < len(strong) {
		return strong[i]
	}
	return fmt.Sprintf("hsl(%d 45%% 55%%)", (200+47*(i-len(strong)))%360)
}

// Of every picture.
const (
	pictureWidth  = 520
	pictureHeight = 180
	marginLeft    = 44
	marginBottom  = 22
	marginTop     = 8
)

// A scale turns values into places.
type scale struct {
	from, to float64
	low      float64 // place of from
	high     float64 // place of to
	log      bool
}

func (s scale) at(x float64) float64 {
	if s.log {
		return s.low + (s.high-s.low)*(math.Log(max(x, s.from))-math.Log(s.from))/(math.Log(s.to)-math.Log(s.from))
	}
	return s.low + (s.high-s.low)*(x-s.from)/(s.to-s.from)
}

// begin opens a picture with a title for those who cannot see it.
func begin(b *strings.Builder, height int, title string) {
	fmt.Fprintf(b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, pictureWidth, height, template.HTMLEscapeString(title))
}

func text(b *strings.Builder, x, y float64, anchor, words string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, template.HTMLEscapeString(words))
}

func rule(b *strings.Builder, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, `<line class="rule" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, x1, y1, x2, y2)
}

// minutes draws the axis of time and returns its scale.
func minutes(b *strings.Builder, courses []Course, height int) scale {
	longest := 1
	for _, c := range courses {
		longest = max(longest, len(c.Shares))
	}
	x := scale{from: 0, to: float64(longest), low: marginLeft, high: pictureWidth - 8}
	step := 60
	for longest/step > 8 {
		step *= 2
	}
	for t := 0; t <= longest; t += step {
		rule(b, x.at(float64(t)), marginTop, x.at(float64(t)), float64(height-marginBottom))
		text(b, x.at(float64(t)), float64(height-6), "middle", fmt.Sprintf("%d min", t/60))
	}
	return x
}

// staircase draws the share of the traffic over time.
func staircase(courses []Course) template.HTML {
	var b strings.Builder
	begin(&b, pictureHeight, "share of the traffic over time")
	x := minutes(&b, courses, pictureHeight)
	y := scale{from: 0, to: 1, low: pictureHeight - marginBottom, high: marginTop}
	for _, share := range []float64{0, 0.25, 0.5, 0.75, 1} {
		rule(&b, marginLeft, y.at(share), pictureWidth-8, y.at(share))
		text(&b, marginLeft-6, y.at(share)+4, "end", fmt.Sprintf("%.0f %%", 100*share))
	}
	for i, c := range slices.Backward(courses) {
		line(&b, c, i, c.Shares, x, y)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // made here of numbers, names are escaped
}

// exposure draws the bad requests until each time.
func exposure(courses []Course) template.HTML {
	var b strings.Builder
	begin(&b, pictureHeight, "bad requests until each time")
	x := minutes(&b, courses, pictureHeight)
	most := 10.0
	for _, c := range courses {
		most = max(most, slices.Max(append(c.Harms, 0)))
	}
	y := scale{from: 0.5, to: most, low: pictureHeight - marginBottom, high: marginTop, log: true}
	decades(most, func(v float64) {
		rule(&b, marginLeft, y.at(v), pictureWidth-8, y.at(v))
		text(&b, marginLeft-6, y.at(v)+4, "end", count(v))
	})
	for i, c := range slices.Backward(courses) {
		line(&b, c, i, c.Harms, x, y)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // made here of numbers, names are escaped
}

// decades calls for each power of ten from 1 to most.
func decades(most float64, mark func(float64)) {
	for v := 1.0; v <= most; v *= 10 {
		mark(v)
	}
}

// line draws values over time, a point where they change.
func line(b *strings.Builder, c Course, number int, values []float64, x, y scale) {
	fmt.Fprintf(b, `<polyline stroke="%s" points="`, colour(number))
	before := math.NaN()
	for t, v := range values {
		if v == before && t < len(values)-1 {
			continue
		}
		if !math.IsNaN(before) {
			fmt.Fprintf(b, "%.1f,%.1f ", x.at(float64(t)), y.at(before))
		}
		fmt.Fprintf(b, "%.1f,%.1f ", x.at(float64(t)), y.at(v))
		before = v
	}
	fmt.Fprintf(b, `"><title>%s</title></polyline>`, template.HTMLEscapeString(c.Policy))
}

// harms draws for each policy how many bad requests how many replications had: a
// dot for each, and a mark at the median and at the limit.
func harms(rows []Row) template.HTML {
	var b strings.Builder
	const rowHeight = 16
	height := marginTop + rowHeight*len(rows) + marginBottom
	begin(&b, height, "bad requests of each replication")
	most := 10.0
	for _, r := range rows {
		if n := len(r.Harms); n > 0 {
			most = max(most, r.Harms[n-1])
		}
	}
	x := scale{from: 0.5, to: 1.2 * most, low: marginLeft, high: pictureWidth - 8, log: true}
	bottom := float64(height - marginBottom)
	decades(most, func(v float64) {
		rule(&b, x.at(v), marginTop, x.at(v), bottom)
		text(&b, x.at(v), bottom+16, "middle", count(v))
	})
	limit := x.at(rows[0].Limit)
	fmt.Fprintf(&b, `<line class="limit" x1="%.1f" y1="%d" x2="%.1f" y2="%.1f"><title>limit</title></line>`, limit, marginTop, limit, bottom)
	for i, r := range rows {
		y := float64(marginTop + rowHeight*i + rowHeight/2)
		fmt.Fprintf(&b, `<g fill="%s"><title>%s: median %s</title>`, colour(i), template.HTMLEscapeString(r.Policy), count(r.Median))
		for k, harm := range r.Harms {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="1.6"/>`, x.at(harm), y+float64(k*7%9)-4)
		}
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="2" height="12"/></g>`, x.at(r.Median)-1, y-6)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // made here of numbers, names are escaped
}
