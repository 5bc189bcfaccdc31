package view

import (
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Scene is everything that a screen shows of one rollout at one moment.
type Scene struct {
	ID       string
	Plan     plan.Plan
	Status   rollout.Status
	Events   []rollout.Event // oldest first
	Outcomes []Outcomes      // by target; may be shorter than the targets
	Now      time.Time
	// Sentence says what is happening, why, and what comes next.
	Sentence string
	// Title stands before the rollout's name: what the screen belongs to.
	Title string
	// Notes are lines of their own under the bar, such as the traffic of a demo.
	Notes []string
	// Why, when not nil, takes the place of the staircase and the checks.
	Why []string
	// Prompt is a question to the reader; it takes the place of the keys.
	Prompt string
	// Keys are the keys that do something now, in the order they are shown.
	Keys []Key
}

// A Key is a key and what it does.
type Key struct{ Key, Does string }

// The parts of a screen that give way when it is low, and how far.
const (
	minStairs, maxStairs = 4, 12
	minEvents            = 3
)

// Screen draws a scene in width × height cells: never more lines, and no line
// wider. What matters most stays longest when there is little room: the
// sentence, the bar, the keys, then the events, the checks, the staircase.
func (s Style) Screen(sc Scene, width, height int) string {
	top := s.top(sc, width, 2)
	if lipgloss.Width(s.Text(sc.Sentence)) <= width {
		// Room for a second line is kept, so that the picture stands still.
		top = slices.Insert(top, 2, "")
	}
	bottom := s.bottom(sc, width)
	room := height - len(top) - len(bottom)

	var middle []string
	if sc.Why != nil {
		middle = s.why(sc.Why, width, max(room-minEvents-1, 0))
	} else {
		middle = s.middle(sc, width, room-minEvents-1)
	}
	lines := append(top, middle...)
	if room := height - len(lines) - len(bottom); room > 1 {
		events := s.eventLines(sc, width, room-1)
		lines = append(lines, "")
		lines = append(lines, events...)
	}
	for len(lines) < height-len(bottom) {
		lines = append(lines, "")
	}
	lines = append(lines[:max(0, min(len(lines), height-len(bottom)))], bottom...)
	if len(lines) > height {
		lines = lines[len(lines)-height:]
	}
	for i := range lines {
		lines[i] = s.Fit(lines[i], width)
	}
	return strings.Join(lines, "\n")
}

// top is the title, the sentence in at most so many lines, a bar for each of the
// first three targets, and the notes.
func (s Style) top(sc Scene, width, sentence int) []string {
	name := s.Kind(kindOf(sc.Plan)) + " " + Name(sc.Plan)
	if sc.Title != "" {
		name = sc.Title + "  " + name
	}
	phase := s.Phase(sc.Status.Phase)
	left := s.Strong(s.Text(name)) + s.Faint("  "+sc.ID)
	lines := []string{s.Pad(left, max(width-lipgloss.Width(phase)-1, 0)) + " " + phase}
	lines = append(lines, s.wrap(s.Text(sc.Sentence), width, sentence)...)
	lines = append(lines, s.bars(sc, min(width, 76))...)
	for _, n := range sc.Notes {
		lines = append(lines, s.wrap(s.Text(n), width, 2)...)
	}
	return lines
}

// mostBars is how many targets a screen has a bar for.
const mostBars = 3

// bars draws the split of each target, with its name where there are several.
func (s Style) bars(sc Scene, width int) []string {
	targets := sc.Status.Targets
	room := 0 // for the names
	for i := range min(len(targets), len(sc.Plan.Targets), mostBars) {
		if len(targets) > 1 {
			room = max(room, lipgloss.Width(TargetName(sc.Plan.Targets[i]))+2)
		}
	}
	var lines []string
	for i, t := range targets[:min(len(targets), mostBars)] {
		name := ""
		if room > 0 && i < len(sc.Plan.Targets) {
			name = TargetName(sc.Plan.Targets[i])
		}
		lines = append(lines, s.Pad(s.Text(name), room)+s.Bar(shown(t), width-room))
	}
	if more := len(targets) - len(lines); more > 0 {
		lines = append(lines, s.Faint("and "+Count(more)+" more"))
	}
	return lines
}

// shown is the routing to draw: what was seen, with both versions named as long
// as the rollout is about them.
func shown(t rollout.TargetStatus) rollout.Routing {
	r := t.Seen
	if r.Stable == "" {
		r = t.Wish
	}
	switch {
	case r.Canary == "" && r.Stable == t.Canary && t.Created: // where nothing served before
		return rollout.Routing{Stable: "-", Canary: t.Canary, Weight: plan.Full}
	case r.Canary == "" && r.Stable == t.Canary:
		return rollout.Routing{Stable: t.Stable, Canary: t.Canary, Weight: plan.Full}
	case r.Canary == "" && r.Stable == t.Stable:
		return rollout.Routing{Stable: t.Stable, Canary: t.Canary}
	}
	return r
}

// middle is the staircase with what comes next, and the checks.
func (s Style) middle(sc Scene, width, room int) []string {
	rows := s.Checks(sc.Plan, sc.Status.Findings, sc.Outcomes)
	checks := s.Table(checkHead, rows, width)
	if len(rows) == 0 {
		checks = []string{s.Faint("no checks: only the schedule decides")}
	}
	const around = 2 // the blank lines before the staircase and before the checks
	stairs := min(room-len(checks)-around, maxStairs)
	if stairs < minStairs {
		// Fewer checks rather than no picture, as long as some fit.
		keep := max(min(len(checks), room-minStairs-around), min(len(checks), 3))
		if keep < len(checks) {
			more := Count(len(checks)-keep+1) + " more checks; w shows them all"
			checks = append(checks[:keep-1:keep-1], s.Faint(more))
		}
		stairs = room - len(checks) - around
	}
	course := Plot(sc.Plan, sc.Status, sc.Events, sc.Now)
	var lines []string
	if stairs >= minStairs {
		lines = append(lines, s.Faint(s.Text(next(sc, course))))
		lines = append(lines, s.Staircase(course, width, stairs)...)
	}
	if room > len(lines)+1 {
		lines = append(lines, "")
		lines = append(lines, checks[:min(len(checks), room-len(lines))]...)
	}
	return lines
}

// next says what happens next by itself and when, and when everything is there.
func next(sc Scene, c Course) string {
	if sc.Status.Phase.Ended() {
		return "took " + Duration(sc.Status.Ended.Sub(sc.Status.Started))
	}
	what, at := rollout.Next(sc.Plan, sc.Status)
	if what == "" {
		return ""
	}
	text := "next: " + what
	if !at.IsZero() {
		text = "in " + Countdown(at.Sub(sc.Now)) + ": " + what
	}
	if !c.Full.IsZero() && c.Full.After(c.Next) {
		text += ", 100 % in " + Countdown(c.Full.Sub(sc.Now))
	}
	return text
}

func (s Style) why(text []string, width, room int) []string {
	lines := []string{"", s.Strong("why")}
	for _, t := range text {
		lines = append(lines, s.wrap(s.Text(t), width, 4)...)
	}
	return lines[:min(len(lines), room)]
}

// eventLines are the last events, newest last, at most n lines.
func (s Style) eventLines(sc Scene, width, n int) []string {
	events := sc.Events[max(0, len(sc.Events)-n):]
	lines := make([]string, 0, len(events))
	for _, e := range events {
		lines = append(lines, s.Fit(s.EventLine(e, sc.Now), width))
	}
	return lines
}

// EventLine is an event as one line: the time and its sentence, with who asked
// for it and why where a person did.
func (s Style) EventLine(e rollout.Event, now time.Time) string {
	return s.Faint(Clock(e.At, now)) + " " + s.Text(e.Text)
}

func (s Style) bottom(sc Scene, width int) []string {
	if sc.Prompt != "" {
		return s.wrap(s.Strong(s.Text(sc.Prompt)), width, 3)
	}
	keys := make([]string, 0, len(sc.Keys))
	for _, k := range sc.Keys {
		keys = append(keys, s.Strong(k.Key)+" "+s.Faint(k.Does))
	}
	return []string{strings.Join(keys, "   ")}
}

// Name is how people call what a plan moves: "orders:prod", or the plan's name
// and the number of aliases when there are several.
func Name(p plan.Plan) string {
	if len(p.Targets) == 1 {
		return TargetName(p.Targets[0])
	}
	return p.Name + " (" + Count(len(p.Targets)) + " aliases)"
}

// TargetName is an alias as people call it: "orders:prod".
func TargetName(t plan.Target) string {
	name := t.Name
	if a, err := arn.Parse(name); err == nil {
		name = a.Name()
	}
	return name + ":" + t.Alias
}

func kindOf(p plan.Plan) plan.Kind {
	if len(p.Targets) == 0 {
		return plan.StateMachine
	}
	return p.Targets[0].Kind
}
