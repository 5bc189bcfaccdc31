package cloudwatch

import (
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/alarm"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// A record is what is remembered of an alarm. Exactly one of Metric and
// Composite is set.
type record struct {
	Owner      owner
	Metric     *cloudwatchapi.PutMetricAlarmInput    `json:",omitempty"`
	Composite  *cloudwatchapi.PutCompositeAlarmInput `json:",omitempty"`
	Tags       []cloudwatchapi.Tag                   `json:",omitempty"`
	Disabled   bool                                  // actions are off
	Configured time.Time                             // when the configuration was written
	State      alarm.State
	Suppressed suppression
}

// An entry is an alarm at work.
type entry struct {
	record
	// of a metric alarm:
	config alarm.Config
	source *plan // of a metric alarm; nil for one that cannot be evaluated
	watch  int   // the query in source whose result is judged
	// of a composite alarm:
	rule     alarm.Rule
	children []string // names that rule refers to

	due   time.Time // when it wants to be looked at; see timers
	place int       // in timers; -1 when it is not there
}

func (e *entry) composite() bool { return e.Composite != nil }

func (e *entry) name() string {
	if e.composite() {
		return e.Composite.AlarmName
	}
	return e.Metric.AlarmName
}

func (e *entry) arn() string { return e.Owner.arn("alarm:" + e.name()) }

// suppressor returns the name of the alarm that keeps a composite one quiet.
func (e *entry) suppressor() string {
	if !e.composite() {
		return ""
	}
	return alarmName(wire.Value(e.Composite.ActionsSuppressor))
}

func (e *entry) kind() string {
	if e.composite() {
		return cloudwatchapi.AlarmTypeCompositeAlarm
	}
	return cloudwatchapi.AlarmTypeMetricAlarm
}

func (e *entry) description() *string {
	if e.composite() {
		return e.Composite.AlarmDescription
	}
	return e.Metric.AlarmDescription
}

// actions returns what the alarm wants done when it enters a state.
func (e *entry) actions(v alarm.Value) []string {
	ok, fires, insufficient := e.allActions()
	switch v {
	case alarm.OK:
		return ok
	case alarm.Alarm:
		return fires
	case alarm.InsufficientData:
		return insufficient
	default:
		panic("cloudwatch: alarm state " + string(v))
	}
}

func (e *entry) allActions() (ok, fires, insufficient []string) {
	if c := e.Composite; c != nil {
		return wire.Shown(c.OKActions), wire.Shown(c.AlarmActions), wire.Shown(c.InsufficientDataActions)
	}
	m := e.Metric
	return wire.Shown(m.OKActions), wire.Shown(m.AlarmActions), wire.Shown(m.InsufficientDataActions)
}

// key is the alarm's key in the journal.
func (e *entry) key() string { return e.Owner.key(e.name()) }

// noteAlarm remembers an alarm as it is now. The caller holds s.mu.
func (s *Service) noteAlarm(e *entry) { s.writes.note(kindAlarm, e.key(), &e.record) }

func (s *Service) loadAlarm(_ string, r record) error {
	e := &entry{record: r, place: -1}
	var err error
	if e.composite() {
		err = e.compileComposite()
	} else {
		err = e.compileMetric()
	}
	if err != nil {
		return err
	}
	s.region(e.Owner).link(e)
	return nil
}

// alarmName returns the name of the alarm that a reference means, which is a
// name or an ARN.
func alarmName(ref string) string {
	if !strings.HasPrefix(ref, "arn:") {
		return ref
	}
	a, err := arn.Parse(ref)
	if err != nil || a.Service != "cloudwatch" {
		return ref
	}
	name, ok := strings.CutPrefix(a.Resource, "alarm:")
	if !ok {
		return ref
	}
	return name
}

// checkActions refuses actions that are not ARNs, as AWS does.
func checkActions(lists ...[]string) error {
	for _, list := range lists {
		for _, action := range list {
			if _, err := arn.Parse(action); err != nil {
				return invalid("Invalid arn syntax: %s", action)
			}
		}
	}
	return nil
}
