package view

import (
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
)

// labelWidth is the room for "100 % " to the left of the staircase.
const labelWidth = 6

// A braille cell is two dots wide and four high; dotBits[x][y] is the bit of a
// dot in the character's number, counted from U+2800.
//
// Source: The Unicode Standard, "Braille Patterns".
var dotBits = [2][4]rune{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}

// canvas is a grid of dots, each past or future, in cells of cw × ch dots.
type canvas struct {
	width, height int // in dots
	cw, ch        int
	past, future  []bool
}

func newCanvas(cells, rows int, ascii bool) *canvas {
	c := &canvas{cw: 2, ch: 4}
	if ascii {
		c.cw, c.ch = 1, 1
	}
	c.width, c.height = cells*c.cw, rows*c.ch
	c.past = make([]bool, c.width*c.height)
	c.future = make([]bool, c.width*c.height)
	return c
}

// Staircase draws a course in width × height cells; the last row is the time
// axis. What was is solid, what will be is dashed, and a line marks now.
func (s Style) Staircase(c Course, width, height int) []string {
	cells, rows := max(width-labelWidth, 8), max(height-1, 2)
	grid := newCanvas(cells, rows, s.ASCII)
	grid.trace(c)
	now := cells - 1
	if span := c.To.Sub(c.From); span > 0 {
		now = int(float64(cells-1) * float64(c.Now.Sub(c.From)) / float64(span))
	}
	lines := make([]string, 0, rows+1)
	for row := range rows {
		lines = append(lines, s.Faint(s.axisLabel(row, rows))+s.cells(grid, row, cells, now))
	}
	return append(lines, strings.Repeat(" ", labelWidth)+s.Faint(axis(c, cells, now)))
}

// trace sets the dots of the course: for each column its weight, and the riser
// from the column before it.
func (g *canvas) trace(c Course) {
	span := c.To.Sub(c.From)
	before := -1
	for x := range g.width {
		t := c.To
		if span > 0 && g.width > 1 {
			t = c.From.Add(time.Duration(float64(span) * float64(x) / float64(g.width-1)))
		}
		w, past, known := c.weightAt(t)
		if !known {
			before = -1
			continue
		}
		y := g.row(w)
		if before < 0 {
			before = y
		}
		dots := g.future
		if past {
			dots = g.past
		}
		for yy := min(y, before); yy <= max(y, before); yy++ {
			// A dash is two cells on, two off, a riser's half a cell. In
			// ASCII the future has a character of its own.
			on := past || g.cw == 1 || (yy == y && x%8 < 4) || (yy != y && yy%4 < 2)
			if on {
				dots[yy*g.width+x] = true
			}
		}
		before = y
	}
}

// row is the height of a weight in dots from the top.
func (g *canvas) row(w plan.Weight) int {
	return g.height - 1 - (int(w)*(g.height-1)+int(plan.Full)/2)/int(plan.Full)
}

func (s Style) cells(g *canvas, row, cells, now int) string {
	var b strings.Builder
	for cell := range cells {
		pattern, past := g.cell(cell, row)
		switch {
		case pattern == 0 && cell == now:
			b.WriteString(s.Faint(s.pick("│", "|")))
		case pattern == 0:
			b.WriteByte(' ')
		case s.ASCII && past:
			b.WriteString(s.paint(busy, "#"))
		case s.ASCII:
			b.WriteString(s.Faint("."))
		case past:
			b.WriteString(s.paint(busy, string(0x2800+pattern)))
		default:
			b.WriteString(s.Faint(string(0x2800 + pattern)))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// cell joins the dots of one cell; past is whether any of them is.
func (g *canvas) cell(cell, row int) (pattern rune, past bool) {
	for dx := range g.cw {
		for dy := range g.ch {
			i := (row*g.ch+dy)*g.width + cell*g.cw + dx
			if g.past[i] || g.future[i] {
				pattern |= dotBits[dx][dy]
				past = past || g.past[i]
			}
		}
	}
	return pattern, past
}

func (s Style) axisLabel(row, rows int) string {
	switch {
	case row == 0:
		return "100 % "
	case row == rows-1:
		return "  0 % "
	case rows%2 == 1 && row == rows/2:
		return " 50 % "
	default:
		return strings.Repeat(" ", labelWidth)
	}
}

// axis writes the start, now and the end under the picture, as far as they do
// not overlap; now goes first.
func axis(c Course, cells, now int) string {
	line := []byte(strings.Repeat(" ", cells))
	put := func(text string, at int) {
		at = min(max(at, 0), cells-len(text))
		if at < 0 {
			return
		}
		from, to := max(at-1, 0), min(at+len(text)+1, cells)
		if strings.TrimSpace(string(line[from:to])) == "" {
			copy(line[at:], text)
		}
	}
	if c.To.After(c.Now) {
		put("now", now-1)
	}
	put(Clock(c.From, c.Now), 0)
	put(Clock(c.To, c.Now), cells)
	return strings.TrimRight(string(line), " ")
}
