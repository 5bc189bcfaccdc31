package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/alarm"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// Actions carries out what alarms want done when they change their state. It is
// called outside of any lock, one call at a time, and should not wait for the
// outcome: alarms are not evaluated meanwhile.
type Actions interface {
	// Publish sends a message to an SNS topic.
	Publish(ctx context.Context, topic arn.ARN, subject, message string) error
	// Invoke calls a Lambda function, version or alias with an event.
	Invoke(ctx context.Context, function arn.ARN, event []byte) error
}

// Events hears what CloudWatch puts on the default event bus.
type Events interface {
	// Put hands over one event. detail is JSON.
	Put(ctx context.Context, e Event) error
}

// An Event is a "CloudWatch Alarm State Change" from "aws.cloudwatch".
type Event struct {
	Account, Region string
	Source          string
	DetailType      string
	Resources       []string // the alarm's ARN
	Time            time.Time
	Detail          []byte
}

var errNobody = errors.New("nobody carries out the actions of alarms here")

// An outgoing is an action, or an event, that waits until the state that it is
// about was saved.
type outgoing struct {
	event *Event // nil for an action

	alarm   string
	kind    string // of the alarm
	owner   owner
	target  string // ARN
	subject string
	message string // for SNS
	payload string // for Lambda
	changed time.Time
}

// queueActions queues what e wants done in the state that it is in now.
func (s *Service) queueActions(e *entry, before alarm.State) {
	if e.Disabled {
		return
	}
	for _, target := range e.actions(e.State.Value) {
		s.outbox = append(s.outbox, outgoing{
			alarm: e.name(), kind: e.kind(), owner: e.Owner, target: target,
			subject: subject(e), message: message(e, before), payload: payload(e, before), changed: e.State.Changed,
		})
	}
}

// queueEvent queues the event of a change of state.
func (s *Service) queueEvent(e *entry, before alarm.State) {
	if s.events == nil {
		return
	}
	s.outbox = append(s.outbox, outgoing{event: &Event{
		Account: e.Owner.Account, Region: e.Owner.Region,
		Source: "aws.cloudwatch", DetailType: "CloudWatch Alarm State Change",
		Resources: []string{e.arn()}, Time: e.State.Changed, Detail: []byte(detail(e, before)),
	}})
}

// act carries out what is queued and notes the outcome.
func (s *Service) act(ctx context.Context) {
	s.mu.Lock()
	queue := s.outbox
	s.outbox = nil
	s.mu.Unlock()
	for i := range queue {
		o := &queue[i]
		if o.event != nil {
			// Whoever listens reports its own failures; a lost event harms no alarm.
			_ = s.events.Put(ctx, *o.event)
			continue
		}
		err := s.carryOut(ctx, o)
		s.mu.Lock()
		s.recordAction(s.region(o.owner), o, err, s.clock.Now())
		s.mu.Unlock()
	}
}

func (s *Service) carryOut(ctx context.Context, o *outgoing) error {
	if s.actions == nil {
		return errNobody
	}
	target, err := arn.Parse(o.target)
	if err != nil {
		return err
	}
	switch target.Service {
	case "sns":
		return s.actions.Publish(ctx, target, o.subject, o.message)
	case "lambda":
		return s.actions.Invoke(ctx, target, []byte(o.payload))
	default:
		return fmt.Errorf("the local cloud has no actions of the service %s", target.Service)
	}
}

// recordAction notes what became of an action.
func (s *Service) recordAction(r *region, o *outgoing, failure error, now time.Time) {
	data := struct {
		State    string  `json:"actionState"`
		Updated  int64   `json:"stateUpdateTimestamp"`
		Resource string  `json:"notificationResource"`
		Error    *string `json:"error"`
	}{"Succeeded", o.changed.UnixMilli(), o.target, nil}
	summary := "Successfully executed action " + o.target
	if failure != nil {
		data.State, data.Error = "Failed", wire.Optional(failure.Error())
		summary = "Failed to execute action " + o.target
	}
	const longest = 255
	s.record(r, historyItem{
		Alarm: o.alarm, Kind: o.kind, Time: now,
		Type: cloudwatchapi.HistoryItemTypeAction, Summary: summary[:min(len(summary), longest)], Data: mustJSON(data),
	})
}

// subject is the subject of a message to a topic, at most 100 characters long.
func subject(e *entry) string {
	const most = 100
	place := " in " + regionName(e.Owner.Region)
	head := string(e.State.Value) + `: "`
	name := e.name()
	if room := most - len(head) - len(place) - len(`"`); len(name) > room {
		name = strings.ToValidUTF8(name[:max(room-len("..."), 0)], "") + "..."
	}
	return head + name + `"` + place
}
