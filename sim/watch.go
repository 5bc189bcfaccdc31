package sim

import (
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// The promises are watched from outside: by what is asked of the services and
// saved in the store, not by what the controllers think.

// openOn returns the open rollout on an alias, and the index of the alias in it.
func (w *world) openOn(alias string) (controller.Record, int, bool) {
	for _, id := range w.rollouts {
		if w.ended(id) {
			continue
		}
		rec, err := w.store.inner.Load(w.ctx, id)
		if err != nil {
			continue
		}
		if i := slices.Index(rec.Aliases(), alias); i >= 0 {
			return rec, i, true
		}
	}
	return controller.Record{}, 0, false
}

// watchRequest looks at a shift at the moment when a controller asks for it.
func (w *world) watchRequest(by *actor, alias string, to rollout.Routing) {
	l, ok, _ := w.store.inner.Lease(w.ctx, alias)
	rec, i, open := w.openOn(alias)
	if w.setBack > 0 && open && l.Owner != by.name {
		return // leases are times; a process that is stalled meanwhile has its monotonic clock, which is not modelled
	}
	if !ok || !open || l.Owner != by.name {
		w.breaks("S8", "%s shifts %s to %s, which %q holds", by.name, alias, to, l.Owner)
		return
	}
	ts := rec.Status.Targets[i]
	share := to.Share(ts.Canary)
	if ts.Stable == ts.Canary {
		return
	}
	if !to.Same(ts.Wish) && share > 0 { // what takes traffic back does not wait for a store that fails
		w.breaks("save before act", "%s shifts %s to %s, but %s was saved", by.name, alias, to, ts.Wish)
	}
	if rec.Status.Back != "" && share > 0 {
		w.breaks("S2", "%s asks for %s while taking traffic back", by.name, to)
	}
	if share > 0 && rec.Status.Back == "" {
		w.watchAsked(rec, by)
	}
	if share > 0 && w.firstAt.IsZero() {
		w.firstAt = w.now
	}
	w.watchSchedule(rec, share)
}

// watchSchedule compares a weight with the earliest time at which the plan
// allows it, where nobody ordered otherwise and no clock was set.
func (w *world) watchSchedule(rec controller.Record, share plan.Weight) {
	if w.guided || w.jumped || share == 0 || w.firstAt.IsZero() {
		return
	}
	passed := w.now.Sub(w.firstAt)
	if rec.Plan.Strategy.Adaptive != nil { // it watches from its start
		passed = w.now.Sub(rec.Status.Started)
	}
	allowed := plan.Weight(0)
	for _, row := range plan.Table(rec.Plan, w.firstAt) {
		if row.After <= passed {
			allowed = row.Weight
		}
	}
	if share > allowed {
		w.breaks("S1", "asked for %s %s after the first shift, when the plan allows %s", share, passed, allowed)
	}
}

// watchWrite looks at a write at the moment when it takes effect.
func (w *world) watchWrite(a adapters, s *service, from, to rollout.Routing) {
	before := s.current()
	if !before.person || before.routing.Same(to) || a.asked.Sub(before.at) <= w.faults.lag+w.slowest {
		return // nobody's, or too new to have been seen by the look that led here
	}
	for _, e := range w.eventsAfter(before.told) {
		switch e.Kind {
		case "drift", "order", "rollingBack", "held", "ended", "resumed":
			return // told
		}
	}
	if before.routing.Same(from) && w.unseenBefore(s, before) {
		return // it is what the rollout had asked for or found anyway
	}
	w.breaks("S4", "%s overwrites %s, which somebody did %s ago, with %s", a.by.name, before.routing, w.now.Sub(before.at), to)
}

// unseenBefore says whether an edit changed nothing that could be seen.
func (w *world) unseenBefore(s *service, edit write) bool {
	i := slices.IndexFunc(s.writes, func(x write) bool { return x.at.Equal(edit.at) && x.person })
	rec, j, ok := w.openOn(s.arn)
	if ok && (edit.routing.Same(rec.Status.Targets[j].Before) || edit.routing.Same(rec.Status.Targets[j].Wish)) {
		return true
	}
	return i > 0 && s.writes[i-1].routing.Same(edit.routing)
}

// eventsAfter returns the events of all rollouts after the first n.
func (w *world) eventsAfter(n int) []rollout.Event {
	var all []rollout.Event
	for _, id := range w.rollouts {
		events, _ := w.store.inner.Events(w.ctx, id, 0)
		for _, e := range events {
			all = append(all, e.Event)
		}
	}
	return all[min(n, len(all)):]
}

// watchSave looks at what a controller decided.
func (w *world) watchSave(by *actor, before, after controller.Record, events []rollout.Event) {
	b, a := before.Status, after.Status
	for _, e := range events {
		w.tell("%s: %s", by.name, e.Text)
	}
	if a.Phase.Ended() {
		w.endedAt[after.ID] = w.now
	}
	if b.Phase.Ended() {
		w.breaks("S2", "%s was saved after its end as %s", after.ID, a.Phase)
	}
	if b.Back != "" && a.Back == "" {
		w.breaks("S2", "%s is not taken back any more: %s", after.ID, a.Phase)
	}
	if a.Step > b.Step && b.Step >= 0 && a.Phase == rollout.Progressing {
		w.watchAdvance(by, after, b, a, events)
	}
	if after.Plan.Strategy.Adaptive != nil && a.Step == 0 && b.Step == 0 && a.Back == "" {
		w.watchClimb(by, after, b, a, events)
	}
}

// watchClimb looks at the weights of an adaptive rollout. Without good news about
// everything there is no more than it takes to learn something, and without an
// answer nothing at all.
func (w *world) watchClimb(by *actor, rec controller.Record, b, a rollout.Status, events []rollout.Event) {
	if a.Promoted || b.Skipped || a.Orders > b.Orders || told(events, "drift") {
		return
	}
	for i, t := range a.Targets {
		weight, before := t.Wish.Weight, b.Targets[i].Wish.Weight
		if weight <= before {
			continue
		}
		if weight > rec.Plan.Strategy.Adaptive.Top {
			w.breaks("S1", "%s wants %s of %s, above the top", by.name, weight, t.Alias)
		}
		untold := b.Targets[i].Comparison != nil && by.untold[t.Alias] // before, only the history is asked for
		if by.alarmsProblem || untold || t.Comparison == nil {
			w.breaks("S3", "%s wants %s of %s, after %s, knowing nothing (alarms unread: %t, not told: %t)", by.name, weight, t.Alias, before, by.alarmsProblem, untold)
		}
		if by.alarms["errors"].State != "OK" && weight > rec.Plan.Strategy.Adaptive.Smallest {
			w.breaks("S3", "%s wants %s of %s, after %s, with the alarm %+v", by.name, weight, t.Alias, before, by.alarms["errors"])
		}
	}
}

// told says whether there is an event of a kind.
func told(events []rollout.Event, kind string) bool {
	return slices.ContainsFunc(events, func(e rollout.Event) bool { return e.Kind == kind })
}

// watchAdvance looks at a step forward: what was last answered about the alarm
// must have been good, unless a person ordered or a policy adopted it.
func (w *world) watchAdvance(by *actor, rec controller.Record, b, a rollout.Status, events []rollout.Event) {
	if a.Promoted || b.Skipped || a.Orders > b.Orders {
		return
	}
	if told(events, "drift") {
		return
	}
	w.watchStep(by, rec, b, a)
	w.watchKnown(by, rec, a)
	if by.alarmsProblem || by.alarms["errors"].State != "OK" {
		w.breaks("S3", "%s went from step %d to %d with the alarm %+v (unreadable: %t)", by.name, b.Step, a.Step, by.alarms["errors"], by.alarmsProblem)
	}
}

// watchKnown looks at whether a step forward of a rollout that compares was one
// after requests of the new version, of which the last answer told.
func (w *world) watchKnown(by *actor, rec controller.Record, a rollout.Status) {
	if !slices.ContainsFunc(rec.Plan.Checks, func(c plan.Check) bool { return c.Compare.Binds() }) {
		return
	}
	for _, t := range a.Targets {
		if t.Stable == t.Canary {
			continue
		}
		s, err := w.find(t.Alias)
		if err != nil {
			continue
		}
		if n := s.traffic.served(t.Canary); n < rec.Plan.MinRequests {
			w.breaks("S3", "%s goes to step %d, and %s of %s had %d requests", by.name, a.Step, t.Canary, s.name, n)
		}
		if by.untold[t.Alias] {
			w.breaks("S3", "%s goes to step %d, and was not told what %s did", by.name, a.Step, s.name)
		}
	}
}

// noteCompared notes what a comparison came to.
func (w *world) noteCompared(rec controller.Record) {
	c := Compared{Alpha: rec.Plan.Alpha, NoWorse: true, Alone: w.alone && rec.Plan.OnSharedIncident == plan.Hold}
	moving := false
	for _, t := range rec.Status.Targets {
		if t.Stable == t.Canary || t.Comparison == nil {
			continue
		}
		moving = true
		traffic := w.services[slices.IndexFunc(w.services, func(s *service) bool { return s.arn == t.Alias })].traffic
		if traffic.of(t.Canary).worse(traffic.of(t.Stable)) {
			c.NoWorse = false
		}
		c.Proven = c.Proven || t.Comparison.Proof != "" && !t.Comparison.Shared
	}
	if moving && !w.jumped { // a wrong clock looks for requests at the wrong times
		w.compared = append(w.compared, c)
	}
}

// watchDelete looks at a version that is about to be deleted.
func (w *world) watchDelete(s *service, number string) {
	i := s.index(number)
	if i < 0 {
		return
	}
	if s.versions[i].executing {
		w.breaks("S6", "version %s of %s is deleted while it executes", number, s.name)
	}
	if rec, j, open := w.openOn(s.arn); open && (rec.Status.Targets[j].Stable == number || rec.Status.Targets[j].Canary == number) {
		w.breaks("S6", "version %s of %s is deleted while %s is open on it", number, s.name, rec.ID)
	}
	ledger, _ := w.store.inner.Ledger(w.ctx, s.arn)
	newest := map[string]rollout.VersionState{}
	for _, e := range slices.Backward(ledger) {
		newest[e.Version] = e.State
	}
	kept := max(1, w.plan.Keep.Verified)
	var last []string
	for _, e := range ledger {
		if e.State == rollout.Verified && newest[e.Version] == rollout.Verified && len(last) < kept {
			last = unique(last, e.Version)
		}
	}
	if slices.Contains(last, number) {
		w.breaks("S6", "version %s of %s is deleted, one of the last %d verified: %v", number, s.name, kept, last)
	}
}

// watchRefused looks at a world in which nothing was started.
func (w *world) watchRefused() {
	for _, s := range w.services {
		if len(s.writes) > 1 {
			w.breaks("M4", "the start was refused, but %s was changed to %s", s.name, s.current().routing)
		}
	}
}

// watchEnd looks at how everything ended.
func (w *world) watchEnd() {
	for _, id := range w.rollouts {
		rec, err := w.store.inner.Load(w.ctx, id)
		if err != nil {
			w.breaks("S5", "%s is not stored: %v", id, err)
			continue
		}
		w.noteCompared(rec)
		if !rec.Status.Phase.Ended() {
			w.breaks("S7", "%s has not ended: %s", id, rollout.Sentence(rec.Plan, rec.Status, w.clock()))
			continue
		}
		if id == w.rollouts[len(w.rollouts)-1] {
			for i := range rec.Status.Targets {
				w.watchTargetEnd(rec, i)
			}
		}
	}
	if limit := 200 + 2*int(w.now.Sub(epoch).Seconds()); w.looks > limit {
		w.breaks("no hammering", "%d looks in %s, more than %d", w.looks, w.now.Sub(epoch), limit)
	}
	for _, s := range w.services {
		if l, ok, _ := w.store.inner.Lease(w.ctx, s.arn); ok {
			w.breaks("S5", "%s is still bound to %s", s.name, l.Rollout)
		}
	}
}

// watchTargetEnd looks at an alias after the end of its last rollout.
func (w *world) watchTargetEnd(rec controller.Record, i int) {
	ts, s := rec.Status.Targets[i], w.services[slices.IndexFunc(w.services, func(s *service) bool { return s.arn == rec.Status.Targets[i].Alias })]
	last := s.current()
	if ts.Stable == ts.Canary || s.gone || last.person && last.at.After(w.endedAt[rec.ID].Add(-w.faults.lag-8*w.slowest)) { // a look is several calls
		return
	}
	share := last.routing.Share(ts.Canary)
	switch rec.Status.Phase {
	case rollout.Succeeded:
		if share != plan.Full {
			w.breaks("S5", "%s succeeded, but %s does %s", rec.ID, s.name, last.routing)
		}
	case rollout.RolledBack:
		if share != 0 {
			w.breaks("S2", "%s was rolled back, but %s does %s", rec.ID, s.name, last.routing)
		}
	case rollout.Aborted, rollout.Failed:
		if share != 0 && share != plan.Full && ts.Left == "" && rec.Status.Why == "" {
			w.breaks("S5", "%s is %s, and %s does %s without a report", rec.ID, rec.Status.Phase, s.name, last.routing)
		}
		sentence := rollout.Sentence(rec.Plan, rec.Status, w.clock())
		if share != 0 && share != plan.Full && !last.person && !strings.Contains(sentence, "crossfade adopt") {
			w.breaks("S5", "%s left %s as it had split it, %s, without saying what to type: %s", rec.ID, s.name, last.routing, sentence)
		}
	default:
		panic("sim: phase " + string(rec.Status.Phase))
	}
}
