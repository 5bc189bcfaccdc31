package view

import (
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
)

// Table lays out rows under a head, two spaces between the columns, in at most
// width cells (zero: as wide as it takes). When the rows are too wide, the
// widest column gives way first. There is no trailing space.
func (s Style) Table(head []string, rows [][]string, width int) []string {
	widths := columnWidths(head, rows)
	if width > 0 {
		shrink(widths, width-2*(len(widths)-1))
	}
	lines := make([]string, 0, len(rows)+1)
	lines = append(lines, s.Faint(s.line(head, widths)))
	for _, row := range rows {
		lines = append(lines, s.line(row, widths))
	}
	return lines
}

// Spare lays out rows as Table does, but where they are too wide the last column
// gives way before any other does, down to least cells.
func (s Style) Spare(head []string, rows [][]string, width, least int) []string {
	if width == 0 || len(head) == 0 {
		return s.Table(head, rows, width)
	}
	widths := columnWidths(head, rows)
	over, last := 2*(len(widths)-1)-width, len(widths)-1
	for _, w := range widths {
		over += w
	}
	room := max(least, widths[last]-max(0, over))
	spared := make([][]string, len(rows))
	for i, row := range rows {
		spared[i] = slices.Clone(row)
		if len(row) > last {
			spared[i][last] = s.Fit(row[last], room)
		}
	}
	return s.Table(head, spared, width)
}

func columnWidths(head []string, rows [][]string) []int {
	widths := make([]int, len(head))
	for i, cell := range head {
		widths[i] = lipgloss.Width(cell)
	}
	for _, row := range rows {
		for i := range min(len(row), len(widths)) {
			widths[i] = max(widths[i], lipgloss.Width(row[i]))
		}
	}
	return widths
}

// shrink takes cells from the widest columns until their sum is at most total.
func shrink(widths []int, total int) {
	sum := 0
	for _, w := range widths {
		sum += w
	}
	for ; sum > total; sum-- {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= 1 {
			return
		}
		widths[widest]--
	}
}

func (s Style) line(cells []string, widths []int) string {
	padded := make([]string, 0, len(widths))
	for i, w := range widths {
		cell := ""
		if i < len(cells) {
			cell = cells[i]
		}
		padded = append(padded, s.Pad(cell, w))
	}
	return strings.TrimRight(strings.Join(padded, "  "), " ")
}
