package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/crossfade-dev/crossfade/plan"
)

// Percent writes a weight as people read it: "25 %", "2.5 %", "0.01 %".
func Percent(w plan.Weight) string {
	return strconv.FormatFloat(float64(w)/100, 'f', -1, 64) + " %"
}

// Share writes a fraction as a percentage with at most two digits after the
// point: 0.0412 is "4.12 %".
func Share(fraction float64) string {
	text := strconv.FormatFloat(fraction*100, 'f', 2, 64)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + " %"
}

// Count writes a number with a comma between the thousands.
func Count(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Duration writes a length of time with its two largest units: "1h30m", "5m",
// "2m30s", "1.5s", "250ms". Zero is "0s".
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-d)
	}
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		d = d.Round(time.Second)
	default:
		d = d.Round(time.Minute)
	}
	days := d / (24 * time.Hour)
	d -= days * 24 * time.Hour
	var b strings.Builder
	units := 0
	for _, u := range []struct {
		n    time.Duration
		name string
	}{{days, "d"}, {d / time.Hour, "h"}, {d % time.Hour / time.Minute, "m"}, {d % time.Minute / time.Second, "s"}} {
		if u.n > 0 && units < 2 {
			fmt.Fprintf(&b, "%d%s", u.n, u.name)
			units++
		}
	}
	return b.String()
}

// Countdown writes the time that is left as a clock shows it: "03:12", or
// "1:02:05" from an hour on. What has passed is "00:00".
func Countdown(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	h, m, s := int(d/time.Hour), int(d%time.Hour/time.Minute), int(d%time.Minute/time.Second)
	if h > 0 {
		return fmt.Sprintf("%d:%02d:%02d", h, m, s)
	}
	return fmt.Sprintf("%02d:%02d", m, s)
}

// Clock writes a time of day, with the date when it is not now's.
func Clock(t, now time.Time) string {
	t = t.In(now.Location())
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("Jan 2 15:04:05")
}

// Fit cuts text to a width in cells; what is cut ends in an ellipsis.
func (s Style) Fit(text string, width int) string {
	if lipgloss.Width(text) <= width {
		return text
	}
	return ansi.Truncate(text, width, s.pick("…", "~"))
}

// Pad cuts or fills text to exactly a width in cells.
func (s Style) Pad(text string, width int) string {
	text = s.Fit(text, width)
	return text + strings.Repeat(" ", max(0, width-lipgloss.Width(text)))
}

// Wrap breaks text between words into lines of at most a width; zero does not
// break it.
func (s Style) Wrap(text string, width int) string {
	if width <= 0 {
		return text
	}
	return ansi.Wordwrap(text, width, "")
}

// wrap breaks text into at most n lines of a width; the last one is cut.
func (s Style) wrap(text string, width, n int) []string {
	lines := strings.Split(ansi.Wordwrap(text, width, ""), "\n")
	if len(lines) > n {
		rest := strings.Join(lines[n-1:], " ")
		lines = append(lines[:n-1:n-1], rest)
	}
	for i := range lines {
		lines[i] = s.Fit(strings.TrimRight(lines[i], " "), width)
	}
	return lines
}
