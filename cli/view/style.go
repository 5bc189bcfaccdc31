// Package view draws a rollout as text: the crossfade bar, the weight staircase,
// the checks table and the screen that joins them. It is given everything that
// it shows, the time included, and prints nothing itself.
package view

import (
	"image/color"

	"charm.land/lipgloss/v2"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Style says what the reader's terminal can show. The zero value uses the
// whole of Unicode and no colour; a state is a glyph and a word in any style, so
// colour never carries a meaning alone.
type Style struct {
	ASCII bool // only characters below 128
	Color bool // ANSI colours
}

// ink is a role that a piece of text has; the style gives it a colour.
type ink int

const (
	plain ink = iota
	strong
	faint
	good
	warn
	bad
	busy
)

// paint colours text for its role, if the style has colours.
func (s Style) paint(i ink, text string) string {
	if !s.Color || text == "" || i == plain {
		return text
	}
	style := lipgloss.NewStyle()
	switch i {
	case plain:
	case strong:
		style = style.Bold(true)
	case faint:
		style = style.Faint(true)
	case good:
		style = style.Foreground(basic(2))
	case warn:
		style = style.Foreground(basic(3))
	case bad:
		style = style.Foreground(basic(1))
	case busy:
		style = style.Foreground(basic(6))
	}
	return style.Render(text)
}

// basic is one of the sixteen colours that every terminal lets its user choose,
// so that the text stays readable on dark and on light.
func basic(n uint8) color.Color { return lipgloss.ANSIColor(n) }

// Strong makes text stand out.
func (s Style) Strong(text string) string { return s.paint(strong, text) }

// Faint makes text step back.
func (s Style) Faint(text string) string { return s.paint(faint, text) }

// Bad marks text as being about harm.
func (s Style) Bad(text string) string { return s.paint(bad, text) }

// Good marks text as being about success.
func (s Style) Good(text string) string { return s.paint(good, text) }

// pick returns the first form, or the second where only ASCII can be shown.
func (s Style) pick(unicode, ascii string) string {
	if s.ASCII {
		return ascii
	}
	return unicode
}

// Phase returns the glyph and the word of a phase.
func (s Style) Phase(p rollout.Phase) string {
	glyph, i := s.phase(p)
	return s.paint(i, glyph+" "+string(p))
}

func (s Style) phase(p rollout.Phase) (glyph string, i ink) {
	switch p {
	case rollout.Pending:
		return s.pick("◌", "."), faint
	case rollout.Progressing:
		return s.pick("◐", ">"), busy
	case rollout.Paused:
		return s.pick("‖", "="), warn
	case rollout.Holding:
		return "?", warn
	case rollout.RollingBack:
		return s.pick("↩", "<"), bad
	case rollout.Succeeded:
		return s.pick("✔", "+"), good
	case rollout.RolledBack:
		return s.pick("↩", "<"), bad
	case rollout.Failed:
		return s.pick("✖", "x"), bad
	case rollout.Aborted:
		return s.pick("■", "#"), warn
	default:
		// A newer program may have stored a phase that this one has no glyph for.
		return "?", plain
	}
}

// Verdict returns the glyph and the word of a verdict.
func (s Style) Verdict(v analysis.Verdict) string {
	switch v {
	case analysis.Healthy:
		return s.paint(good, s.pick("✔", "+")+" "+string(v))
	case analysis.Unhealthy:
		return s.paint(bad, s.pick("✖", "x")+" "+string(v))
	case analysis.Unknown:
		return s.paint(warn, "? "+string(v))
	default:
		return string(v)
	}
}

// Kind returns the glyph of a kind of alias: λ for Lambda, ⎔ for a state machine.
func (s Style) Kind(k plan.Kind) string {
	if k == plan.Lambda {
		return s.pick("λ", "fn")
	}
	return s.pick("⎔", "sm")
}

// Text makes text fit the style: where only ASCII can be shown, the few other
// characters that sentences use are spelled in ASCII, and what is left over
// becomes a question mark.
func (s Style) Text(text string) string {
	if !s.ASCII {
		return text
	}
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if r < 128 {
			out = append(out, byte(r))
			continue
		}
		if spelled, ok := spelling[r]; ok {
			out = append(out, spelled...)
			continue
		}
		out = append(out, '?')
	}
	return string(out)
}

var spelling = map[rune]string{
	'→': "->", '←': "<-", '–': "-", '—': "-", '…': "...", '·': "-", '≤': "<=", '≥': ">=", '×': "x", '±': "+-",
	'“': `"`, '”': `"`, '‘': "'", '’': "'", '\u00a0': " ", '\u202f': " ", '█': "#", '░': ".", '│': "|", '─': "-",
	'λ': "fn", '⎔': "sm", '✔': "+", '✖': "x", '↩': "<", '◌': ".", '◐': ">", '‖': "=", '■': "#", 'µ': "u", 'α': "alpha",
}
