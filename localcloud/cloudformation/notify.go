package cloudformation

import (
	"context"
	"fmt"
	"strings"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// Topics are those of SNS, which hear of the events of stacks.
type Topics interface {
	// Publish sends a message to a topic.
	Publish(ctx context.Context, topic arn.ARN, subject, message string) error
}

// subject is that of all messages about stacks.
const subject = "AWS CloudFormation Notification"

// tell has the events that are saved brought to the stack's topics, in their order.
// e.mu is held. What a process that dies was about to tell, the next one tells, so
// that a topic may hear of an event twice.
func (s *Service) tell(e *entity) {
	if e.telling || e.heard >= e.told {
		return
	}
	if len(e.topics()) == 0 || s.config.Topics == nil {
		e.heard = e.told
		return
	}
	e.telling = true
	s.calls.Submit(func() { s.tellAll(e) })
}

// topics returns the ARNs that the stack's user gave. e.mu is held.
func (e *entity) topics() []string {
	if d := e.shown(); d != nil {
		return d.NotificationARNs
	}
	return nil
}

func (s *Service) tellAll(e *entity) {
	for first := true; ; first = false {
		e.mu.Lock()
		topics, heard := e.topics(), e.heard
		told := e.events[heard:e.told]
		if len(told) == 0 || s.ctx.Err() != nil {
			e.telling = false
			if !first {
				_ = s.save(e) // else the next process tells it again
			}
			e.mu.Unlock()
			return
		}
		e.mu.Unlock()
		for _, ev := range told {
			message := e.notification(ev)
			for _, text := range topics {
				// A topic that is gone or that may not be written to hears
				// nothing, as at AWS, and holds no stack up.
				if topic, err := arn.Parse(text); err == nil {
					_ = s.config.Topics.Publish(wire.WithCaller(s.ctx, e.place.Caller()), topic, subject, message)
				}
			}
		}
		e.mu.Lock()
		if s.ctx.Err() == nil {
			e.heard = heard + len(told)
		}
		e.mu.Unlock()
	}
}

// notification is an event as topics hear of it.
func (e *entity) notification(ev event) string {
	shown := e.show(ev)
	properties := wire.Value(shown.ResourceProperties)
	if properties == "" {
		properties = "null"
	} else {
		properties += "\n"
	}
	var b strings.Builder
	for _, field := range [][2]string{
		{"StackId", e.id},
		{"Timestamp", ev.Time.UTC().Format("2006-01-02T15:04:05.000Z")},
		{"EventId", ev.EventID},
		{"LogicalResourceId", wire.Value(shown.LogicalResourceId)},
		{"Namespace", e.place.Account},
		{"PhysicalResourceId", wire.Value(shown.PhysicalResourceId)},
		{"PrincipalId", e.place.Account},
		{"ResourceProperties", properties},
		{"ResourceStatus", ev.Status},
		{"ResourceStatusReason", ev.Reason},
		{"ResourceType", wire.Value(shown.ResourceType)},
		{"StackName", e.name},
		{"ClientRequestToken", "null"},
	} {
		fmt.Fprintf(&b, "%s='%s'\n", field[0], field[1])
	}
	return b.String()
}

// unheard says that events wait for being told. e.mu is held.
func (e *entity) unheard() bool {
	return !e.telling && e.heard < e.told
}
