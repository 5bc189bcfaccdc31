package cloudwatch

import (
	"context"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/alarm"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// enter puts an alarm into another state: history, actions, events, and the
// composite alarms that it is part of or that it suppresses. The caller holds
// s.mu.
func (s *Service) enter(r *region, e *entry, next alarm.State, now time.Time) {
	before := e.State
	s.enterQuietly(r, e, next, now)
	if e.composite() {
		s.actUnlessSuppressed(r, e, before, now)
	} else {
		s.queueActions(e, before)
	}
	s.queueEvent(e, before)
	s.follow(r, e, now)
	s.suppress(r, e, before.Value, now)
}

// enterQuietly is enter without actions and without consequences for others.
func (s *Service) enterQuietly(r *region, e *entry, next alarm.State, now time.Time) {
	before := e.State
	next.Updated, next.Changed = now, now
	e.State = next
	s.recordStateChange(r, e, before, now)
	s.noteAlarm(e)
}

// setAlarmState sets an alarm's state by order. A metric alarm falls back at its
// next evaluation, a composite one when a child changes.
func (s *Service) setAlarmState(ctx context.Context, in *cloudwatchapi.SetAlarmStateInput) (*wire.Nothing, error) {
	return nil, s.change(ctx, func(r *region, now time.Time) error {
		e := r.alarms[in.AlarmName]
		if e == nil {
			return cloudwatchapi.NewResourceNotFound("")
		}
		if e.source != nil {
			// The first look at a new alarm may still be due; it must not undo the order.
			s.schedule(e, e.config.Next(now))
		}
		next := alarm.State{Value: alarm.Value(in.StateValue), Reason: in.StateReason, Data: wire.Value(in.StateReasonData)}
		if next.Value != e.State.Value {
			s.enter(r, e, next, now)
			return nil
		}
		next.Updated, next.Changed = now, e.State.Changed
		e.State = next
		s.noteAlarm(e)
		return nil
	})
}

// A suppression is what keeps the actions of a composite alarm back.
type suppression struct {
	// By is one of the ActionsSuppressedBy constants, or empty.
	By string `json:",omitempty"`
	// Reason is a sentence for people.
	Reason string `json:",omitempty"`
	// Until is when a WaitPeriod or an ExtensionPeriod ends.
	Until time.Time
	// Known is the state that people were told of last, while By is not empty.
	Known alarm.State
}

// actUnlessSuppressed queues the actions of a composite alarm that changed, or
// keeps them back: while its suppressor is in ALARM, and, when it goes into ALARM
// itself, as long as the suppressor may still follow.
func (s *Service) actUnlessSuppressed(r *region, e *entry, before alarm.State, now time.Time) {
	suppressor := r.alarms[e.suppressor()]
	switch {
	case e.Suppressed.By != "":
		// Whatever keeps the actions back decides, when it ends, what is told.
	case suppressor != nil && suppressor.State.Value == alarm.Alarm:
		s.holdBack(e, suppression{
			By:     cloudwatchapi.ActionsSuppressedByAlarm,
			Reason: suppressor.arn() + " is in ALARM",
			Known:  before,
		})
	case suppressor != nil && e.State.Value == alarm.Alarm && *e.Composite.ActionsSuppressorWaitPeriod > 0:
		s.holdBack(e, suppression{
			By:     cloudwatchapi.ActionsSuppressedByWaitPeriod,
			Reason: "waiting for " + suppressor.arn() + " to go into ALARM",
			Until:  now.Add(time.Duration(*e.Composite.ActionsSuppressorWaitPeriod) * time.Second),
			Known:  before,
		})
	default:
		s.queueActions(e, before)
	}
}

// holdBack starts or changes a suppression.
func (s *Service) holdBack(e *entry, to suppression) {
	e.Suppressed = to
	s.schedule(e, to.Until)
	s.noteAlarm(e)
}

// suppress tells the composite alarms that an alarm suppresses of its change.
func (s *Service) suppress(r *region, e *entry, before alarm.Value, now time.Time) {
	for _, composite := range byName(r.muted[e.name()]) {
		held := composite.Suppressed
		known := composite.State
		if held.By != "" {
			known = held.Known
		}
		switch {
		case e.State.Value == alarm.Alarm && held.By != "":
			s.holdBack(composite, suppression{
				By:     cloudwatchapi.ActionsSuppressedByAlarm,
				Reason: e.arn() + " is in ALARM",
				Known:  known,
			})
		case before == alarm.Alarm && (held.By == cloudwatchapi.ActionsSuppressedByAlarm || held.By == "" && composite.State.Value != alarm.Alarm):
			extension := time.Duration(*composite.Composite.ActionsSuppressorExtensionPeriod) * time.Second
			if extension == 0 {
				s.release(composite)
				continue
			}
			s.holdBack(composite, suppression{
				By:     cloudwatchapi.ActionsSuppressedByExtensionPeriod,
				Reason: e.arn() + " left ALARM a short while ago",
				Until:  now.Add(extension),
				Known:  known,
			})
		}
	}
}

// release ends a suppression. People hear of the state if it is not the one that
// they know.
func (s *Service) release(e *entry) {
	known := e.Suppressed.Known
	held := e.Suppressed.By != ""
	s.holdBack(e, suppression{})
	if held && known.Value != e.State.Value {
		s.queueActions(e, known)
	}
}
