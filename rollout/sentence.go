package rollout

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
)

// Sentence says in one sentence how a rollout stands: its subject, the numbers
// and the limit, what comes next and when. Every front door, every event and
// every log line of a change of state uses it.
func Sentence(p plan.Plan, s Status, now time.Time) string {
	return subject(p, s) + predicate(p, s, now)
}

func predicate(p plan.Plan, s Status, now time.Time) string {
	at := percent(weight(s))
	switch s.Phase {
	case Pending:
		if s.Why == "" {
			return ": proving everything before the first shift"
		}
		return ": not started yet, " + s.Why + giveUpIn(p, s, now)
	case Progressing:
		return progressing(p, s, now)
	case Paused:
		return fmt.Sprintf(" paused at %s %s; it is still watched%s", at, s.Why, giveUpIn(p, s, now))
	case Holding:
		return holding(p, s, now)
	case RollingBack:
		if c, ok := waiting(s, plan.OnRollback); ok {
			return fmt.Sprintf(": everything is back on %s, from %s: %s; %s", stables(s), percent(s.BackFrom), s.Why, callText(p, c))
		}
		return fmt.Sprintf(": taking everything back to %s from %s: %s", stables(s), percent(s.BackFrom), s.Why)
	case Succeeded:
		if s.StepSince.IsZero() {
			return ": done, " + s.Why
		}
		text := fmt.Sprintf(" done: all traffic is on %s%s", canaries(s), soaked(p, s))
		if s.Why != "" {
			text += "; not verified: " + s.Why
		}
		return text
	case RolledBack:
		return fmt.Sprintf(" rolled back from %s to %s: %s", percent(s.BackFrom), stables(s), s.Why)
	case Failed:
		if s.Refused {
			return " refused, nothing was changed: " + s.Why
		}
		return fmt.Sprintf(" given up: %s%s", s.Why, standing(p, s))
	case Aborted:
		switch {
		case s.BackFrom == 0:
			return " aborted before anything changed, " + s.Why
		case !allBack(s):
			return fmt.Sprintf(" aborted at %s, %s", percent(s.BackFrom), s.Why)
		default:
			return fmt.Sprintf(" aborted at %s, everything is back on %s, %s", percent(s.BackFrom), stables(s), s.Why)
		}
	default:
		panic("rollout: phase " + string(s.Phase))
	}
}

func progressing(p plan.Plan, s Status, now time.Time) string {
	at := percent(weight(s))
	if p.Strategy.Adaptive != nil && s.Step == 0 && s.StepSince.IsZero() && weight(s) == 0 {
		return ": begins, and goes as fast as the evidence allows"
	}
	if s.StepSince.IsZero() {
		return fmt.Sprintf(": shifting to %s", at)
	}
	text := " at " + at
	if next, when := Next(p, s); when.After(now) {
		what, healthy := strings.CutSuffix(next, " if healthy")
		text += fmt.Sprintf(", %s in %s", what, span(when.Sub(now)))
		if healthy {
			text += " if healthy"
		}
	}
	if s.Why != "" {
		text += "; " + s.Why
	}
	return text
}

func holding(p plan.Plan, s Status, now time.Time) string {
	at := percent(weight(s))
	switch s.Hold {
	case HoldUnknown:
		return fmt.Sprintf(" at %s, holding: %s%s", at, s.Why, giveUpIn(p, s, now))
	case HoldApproval:
		return fmt.Sprintf(" at %s, holding for an approval: crossfade approve %s%s", at, p.Name, giveUpIn(p, s, now))
	case HoldHook:
		text := fmt.Sprintf(" at %s, holding: %s", at, s.Why)
		if c, ok := waiting(s, plan.EachStep, plan.AfterTraffic); ok {
			text += fmt.Sprintf("; it was asked %s ago and counts as failed in %s", span(now.Sub(c.AskedAt)), span(c.Until.Sub(now)))
		}
		return text
	case HoldUnhealthy:
		return fmt.Sprintf(" at %s, holding: %s; promote goes on all the same, abort takes everything back%s", at, s.Why, giveUpIn(p, s, now))
	case HoldAtZero:
		where := "everything is on "
		if s.StepSince.IsZero() {
			where = "everything goes back to "
		}
		return fmt.Sprintf(": %s%s and a person has to say what next: %s; resume starts again, abort ends it%s", where, stables(s), s.Why, giveUpIn(p, s, now))
	case HoldDrift:
		return fmt.Sprintf(", holding: %s; crossfade resume %s overwrites it, crossfade abort %s leaves it%s", s.Why, p.Name, p.Name, giveUpIn(p, s, now))
	case HoldGone:
		return fmt.Sprintf(", holding: %s%s", s.Why, giveUpIn(p, s, now))
	default:
		panic("rollout: hold " + string(s.Hold))
	}
}

// Next returns what a rollout does next by itself, and when, if nothing changes:
// `25 % if healthy`. Both are empty for one that has ended; the time is zero
// where it depends on the world.
func Next(p plan.Plan, s Status) (what string, at time.Time) {
	switch s.Phase {
	case Pending:
		return "first shift once everything is proven", time.Time{}
	case Progressing:
		if s.StepSince.IsZero() || s.Step < 0 {
			return "the step begins when its weight is seen", time.Time{}
		}
		at = s.StepSince.Add(p.Hold(s.Step))
		switch last := len(p.Steps) - 1; {
		case s.Step == last:
			return "done if healthy", at
		case p.Steps[s.Step].Approval && !s.Approved:
			return "approval for " + percent(p.Steps[s.Step+1].Weight), at
		default:
			return percent(p.Steps[s.Step+1].Weight) + " if healthy", at
		}
	case Paused, Holding:
		return giveUp(p, s)
	case RollingBack:
		return "everything on the old version", time.Time{}
	default:
		return "", time.Time{}
	}
}

// giveUp returns what happens to a rollout that nothing and nobody helps, and
// when.
func giveUp(p plan.Plan, s Status) (what string, at time.Time) {
	at = deadline(p, s)
	what = "gives up"
	if s.FullSince.IsZero() && s.Phase != Pending && s.Hold != HoldUnhealthy && s.Hold != HoldDrift {
		what = "takes everything back"
	}
	unknownAt := s.UnknownSince.Add(p.UnknownFor)
	if s.UnknownSince.IsZero() || unknownAt.After(at) {
		return what, at
	}
	switch {
	case s.Phase == Pending:
		return "gives up", unknownAt
	case s.Hold == HoldGone, s.StepSince.IsZero(), p.OnUnknown != plan.Hold:
		return "takes everything back", unknownAt
	case !s.FullSince.IsZero():
		return "gives up", unknownAt
	default:
		return what, at
	}
}

func giveUpIn(p plan.Plan, s Status, now time.Time) string {
	what, at := giveUp(p, s)
	if !at.After(now) {
		return ""
	}
	return fmt.Sprintf("; %s in %s", what, span(at.Sub(now)))
}

// soaked says for how long the new version was watched with all of the traffic:
// as long as was planned, or less where a person skipped the rest.
func soaked(p plan.Plan, s Status) string {
	switch {
	case p.Baked() && s.Promoted, p.Soak == 0:
		return ""
	case p.HoldBack > 0:
		return ", watched for " + span(p.Soak)
	}
	return ", watched for " + span(min(p.Soak, s.Ended.Sub(s.FullSince)))
}

// standing says which aliases still serve the new version at the end, and how to
// change that.
func standing(p plan.Plan, s Status) string {
	var b strings.Builder
	for i, t := range s.Targets {
		verb, r := "shows", t.Seen
		if t.share(r) == 0 && t.Wish.Weight > 0 {
			verb, r = "was last asked for", t.Wish // and may do it by now
		}
		switch w := t.share(r); {
		case t.Left != "":
		case w == plan.Full:
			fmt.Fprintf(&b, "; %s %s %s, crossfade rollback %s takes it back", p.Targets[i], verb, r, p.Targets[i].Arg())
		case w > 0:
			fmt.Fprintf(&b, "; %s %s %s, crossfade adopt %s finishes or reverts it", p.Targets[i], verb, r, p.Targets[i].Arg())
		}
	}
	return b.String()
}

// allBack says whether every alias was last seen with everything on the old
// version.
func allBack(s Status) bool {
	for _, t := range s.Targets {
		if t.Left != "" || !t.ours(t.Seen) || t.share(t.Seen) > 0 {
			return false
		}
	}
	return true
}

// subject names the rollout by its aliases and versions.
func subject(p plan.Plan, s Status) string {
	if len(s.Targets) > 2 {
		return fmt.Sprintf("%s (%d aliases)", p.Name, len(s.Targets))
	}
	ended := s.Phase == RolledBack
	parts := make([]string, len(s.Targets))
	for i, t := range s.Targets {
		label := p.Targets[i].String()
		switch {
		case ended || t.Stable == t.Canary || t.Canary == "":
			parts[i] = label
		case t.Stable == "":
			parts[i] = label + " → " + t.Canary
		default:
			parts[i] = label + " " + t.Stable + " → " + t.Canary
		}
	}
	return strings.Join(parts, ", ")
}

func stables(s Status) string {
	return versions(s, func(t TargetStatus) string { return t.Stable })
}

func canaries(s Status) string {
	return versions(s, func(t TargetStatus) string { return t.Canary })
}

// versions lists a version of each target, once where all are the same.
func versions(s Status, of func(TargetStatus) string) string {
	var list []string
	for _, t := range s.Targets {
		v := of(t)
		if v == "" {
			v = "the old version"
		}
		if len(list) == 0 || list[len(list)-1] != v {
			list = append(list, v)
		}
	}
	return strings.Join(list, ", ")
}

// percent writes a weight for people: 12.5 %.
func percent(w plan.Weight) string {
	return strconv.FormatFloat(float64(w)/100, 'f', -1, 64) + " %"
}

// span writes a duration for people, in its two largest units: 1 h 30 min.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.FormatInt(max(0, d.Milliseconds()), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatInt(int64(d.Round(time.Second)/time.Second), 10) + " s"
	}
	units := []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	var parts []string
	for _, u := range units {
		n := d / u.unit
		if n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d -= n * u.unit
		} else if len(parts) > 0 {
			break
		}
	}
	return strings.Join(parts, " ")
}

// clock writes a time of day.
func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) }

// announce tells that the state changed, in the sentence of the new state.
func (d *decider) announce(kind string) {
	d.events = append(d.events, Event{
		At: d.now, Kind: kind, Phase: d.s.Phase, Weight: d.weight(), Text: Sentence(d.p, d.s, d.now),
	})
}

// tell tells something besides a change of state.
func (d *decider) tell(kind, clause string) {
	d.events = append(d.events, Event{
		At: d.now, Kind: kind, Phase: d.s.Phase, Weight: d.weight(), Text: subject(d.p, d.s) + ": " + clause,
	})
}
