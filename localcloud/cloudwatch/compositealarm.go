package cloudwatch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/alarm"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// The limits of composite alarms.
const (
	maxChildren = 100
	maxParents  = 150
)

// putCompositeAlarm creates a composite alarm or replaces its configuration. It
// is evaluated at once.
func (s *Service) putCompositeAlarm(ctx context.Context, in *cloudwatchapi.PutCompositeAlarmInput) (*wire.Nothing, error) {
	fresh := &entry{record: record{Composite: in}, place: -1}
	if err := checkActions(in.OKActions, in.AlarmActions, in.InsufficientDataActions); err != nil {
		return nil, err
	}
	if err := fresh.compileComposite(); err != nil {
		return nil, err
	}
	return nil, s.change(ctx, func(r *region, now time.Time) error {
		if err := r.checkComposite(fresh); err != nil {
			return err
		}
		return s.putAlarm(r, fresh, in.ActionsEnabled, in.Tags, now)
	})
}

// compileComposite reads the rule.
func (e *entry) compileComposite() error {
	in := e.Composite
	rule, err := alarm.ParseRule(in.AlarmRule)
	if err != nil {
		return invalid("AlarmRule must not contain any errors: %v", err)
	}
	e.rule, e.children = rule, nil
	for _, ref := range rule.Refs() {
		if name := alarmName(ref); !slices.Contains(e.children, name) {
			e.children = append(e.children, name)
		}
	}
	if len(e.children) > maxChildren {
		return invalid("AlarmRule must not refer to more than %d alarms.", maxChildren)
	}
	waits := in.ActionsSuppressorWaitPeriod != nil && in.ActionsSuppressorExtensionPeriod != nil
	none := in.ActionsSuppressorWaitPeriod == nil && in.ActionsSuppressorExtensionPeriod == nil
	switch {
	case in.ActionsSuppressor == nil && !none, in.ActionsSuppressor != nil && !waits:
		return invalid("ActionsSuppressor, ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod must be specified together.")
	case wire.Value(in.ActionsSuppressorWaitPeriod) < 0 || wire.Value(in.ActionsSuppressorExtensionPeriod) < 0:
		return invalid("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod must not be negative.")
	}
	return nil
}

// checkComposite refuses rules that refer to nothing or, over other composite
// alarms, to the alarm itself.
func (r *region) checkComposite(e *entry) error {
	var missing []string
	for _, name := range e.children {
		if name != e.name() && r.alarms[name] == nil {
			missing = append(missing, name)
		}
	}
	if suppressor := e.suppressor(); suppressor != "" && r.alarms[suppressor] == nil {
		return invalid("Could not save the composite alarm '%s' as the alarm [%s] in ActionsSuppressor does not exist", e.name(), suppressor)
	}
	if len(missing) > 0 {
		return invalid("Could not save the composite alarm '%s' as alarms [%s] in the alarm rule do not exist", e.name(), strings.Join(missing, ", "))
	}
	children := func(name string) []string {
		if name == e.name() {
			return e.children
		}
		if c := r.alarms[name]; c != nil && c.composite() {
			return c.children
		}
		return nil
	}
	if cycle := alarm.Cycle(e.name(), children); cycle != nil {
		return invalid("Could not save the composite alarm '%s' as its rule leads back to itself: %s", e.name(), strings.Join(cycle, " -> "))
	}
	for _, name := range e.children {
		if parents := r.parents(name); len(parents) >= maxParents && !slices.Contains(parents, e) {
			return invalid("The alarm %s must not be part of more than %d composite alarms.", name, maxParents)
		}
	}
	return nil
}

// parents returns the composite alarms whose rules refer to an alarm, by name.
func (r *region) parents(name string) []*entry { return byName(r.above[name]) }

func byName(set map[*entry]bool) []*entry {
	if len(set) == 0 {
		return nil
	}
	return slices.SortedFunc(maps.Keys(set), func(a, b *entry) int { return strings.Compare(a.name(), b.name()) })
}

// link makes an alarm known to those that it depends on.
func (r *region) link(e *entry) {
	r.alarms[e.name()] = e
	add := func(index map[string]map[*entry]bool, name string) {
		if index[name] == nil {
			index[name] = map[*entry]bool{}
		}
		index[name][e] = true
	}
	for _, child := range e.children {
		add(r.above, child)
	}
	if suppressor := e.suppressor(); suppressor != "" {
		add(r.muted, suppressor)
	}
}

// unlink undoes link.
func (r *region) unlink(e *entry) {
	delete(r.alarms, e.name())
	for _, child := range e.children {
		if delete(r.above[child], e); len(r.above[child]) == 0 {
			delete(r.above, child)
		}
	}
	if suppressor := e.suppressor(); suppressor != "" {
		if delete(r.muted[suppressor], e); len(r.muted[suppressor]) == 0 {
			delete(r.muted, suppressor)
		}
	}
}

// ruleValue returns the state that a composite alarm's rule asks for.
func (r *region) ruleValue(e *entry) alarm.Value {
	holds := e.rule.Eval(func(ref string) alarm.Value {
		if child := r.alarms[alarmName(ref)]; child != nil {
			return child.State.Value
		}
		return ""
	})
	if holds {
		return alarm.Alarm
	}
	return alarm.OK
}

// childrenOf returns the alarms that a composite alarm's rule refers to, in the
// rule's order.
func (r *region) childrenOf(e *entry) []*entry {
	var children []*entry
	for _, name := range e.children {
		if child := r.alarms[name]; child != nil && child != e {
			children = append(children, child)
		}
	}
	return children
}

// settle evaluates a composite alarm that was just written. A new one takes its
// first state without actions: nothing happened that somebody must know of.
func (s *Service) settle(r *region, e *entry, change string, now time.Time) {
	v := r.ruleValue(e)
	if v == e.State.Value {
		return
	}
	next := alarm.State{
		Value:  v,
		Reason: fmt.Sprintf("%s was %s and its alarm rule evaluates to %s", e.arn(), change, v),
		Data:   triggering(r.childrenOf(e)...),
	}
	if change == "created" {
		s.enterQuietly(r, e, next, now)
		return
	}
	s.enter(r, e, next, now)
}

// follow evaluates the composite alarms above a child that changed.
func (s *Service) follow(r *region, child *entry, now time.Time) {
	for _, parent := range r.parents(child.name()) {
		if v := r.ruleValue(parent); v != parent.State.Value {
			s.enter(r, parent, alarm.State{
				Value:  v,
				Reason: fmt.Sprintf("%s transitioned to %s at %s", child.arn(), child.State.Value, now.UTC().Format("Monday 02 January, 2006 15:04:05 MST")),
				Data:   triggering(child),
			}, now)
		}
	}
}

// A triggeringAlarm is a child in the reason data of a composite alarm.
type triggeringAlarm struct {
	ARN   string          `json:"arn"`
	State triggeringState `json:"state"`
}

type triggeringState struct {
	Value     alarm.Value `json:"value"`
	Timestamp string      `json:"timestamp"`
}

// triggering writes the reason data of a composite alarm.
func triggering(children ...*entry) string {
	data := struct {
		TriggeringAlarms []triggeringAlarm `json:"triggeringAlarms"`
	}{[]triggeringAlarm{}}
	for _, c := range children {
		data.TriggeringAlarms = append(data.TriggeringAlarms, triggeringAlarm{c.arn(), triggeringState{c.State.Value, stamp(c.State.Changed)}})
	}
	return mustJSON(data)
}

// stamp writes a time as CloudWatch does inside of JSON texts.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }

// mustJSON writes a value that cannot fail to be JSON.
func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
