package view

import (
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// Bar draws how an alias splits its traffic, in width cells:
//
//	41 ██████████████████░░░░░░ 42  25 %
//
// As long as both versions get some traffic, both show at least one cell.
func (s Style) Bar(r rollout.Routing, width int) string {
	left, right := r.Stable+" ", " "+r.Canary+"  "+padLeft(Percent(r.Weight), 5)
	if r.Canary == "" {
		right = "  " + padLeft("", 5)
	}
	cells := max(4, width-lipgloss.Width(left)-lipgloss.Width(right))
	fresh := canaryCells(r.Weight, cells)
	return left +
		s.paint(busy, strings.Repeat(s.pick("█", "#"), cells-fresh)) +
		s.paint(warn, strings.Repeat(s.pick("░", "."), fresh)) +
		right
}

func canaryCells(w plan.Weight, cells int) int {
	n := (int(w)*cells + int(plan.Full)/2) / int(plan.Full)
	if w > 0 && n == 0 {
		return 1
	}
	if w < plan.Full && n == cells {
		return cells - 1
	}
	return n
}

func padLeft(text string, width int) string {
	return strings.Repeat(" ", max(0, width-lipgloss.Width(text))) + text
}
