package cloudformation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudformationapi"
)

// watchEvery is how often the alarms of rollback triggers are looked at while an
// operation goes on.
const watchEvery = 10 * time.Second

// A rollbackConfiguration names the alarms that turn an operation back.
type rollbackConfiguration struct {
	Triggers []trigger `json:"triggers,omitempty"`
	Minutes  int32     `json:"minutes,omitempty"` // of watching after the last resource
	timed    bool
}

type trigger struct {
	ARN  string `json:"arn"`
	Type string `json:"type"`
}

// triggersOf checks what a request says.
//
// Source: recorded error texts.
func triggersOf(in *cloudformationapi.RollbackConfiguration) (*rollbackConfiguration, error) {
	out := &rollbackConfiguration{Minutes: wire.Value(in.MonitoringTimeInMinutes), timed: in.MonitoringTimeInMinutes != nil}
	for _, t := range in.RollbackTriggers {
		if t.Type != "AWS::CloudWatch::Alarm" && t.Type != "AWS::CloudWatch::CompositeAlarm" {
			return nil, wire.NewValidationError("Rollback Trigger Type not supported")
		}
		if alarmName(t.Arn) == "" {
			return nil, wire.NewValidationError("RelativeId of a Rollback Trigger's ARN is incorrect")
		}
		out.Triggers = append(out.Triggers, trigger{ARN: t.Arn, Type: t.Type})
	}
	return out, nil
}

// alarmName returns the name in the ARN of an alarm, or "".
func alarmName(text string) string {
	a, err := arn.Parse(text)
	if err != nil || a.Service != "cloudwatch" {
		return ""
	}
	name, ok := strings.CutPrefix(a.Resource, "alarm:")
	if !ok {
		return ""
	}
	return name
}

// shown is the configuration as answers show it.
func (r *rollbackConfiguration) shown() *cloudformationapi.RollbackConfiguration {
	out := &cloudformationapi.RollbackConfiguration{}
	if r == nil {
		return out
	}
	for _, t := range r.Triggers {
		out.RollbackTriggers = append(out.RollbackTriggers, cloudformationapi.RollbackTrigger{Arn: t.ARN, Type: t.Type})
	}
	if r.Minutes > 0 || r.timed {
		out.MonitoringTimeInMinutes = new(r.Minutes)
	}
	return out
}

// monitoring is how long the stack is watched after its last resource.
func (r *rollbackConfiguration) monitoring() time.Duration {
	if r == nil {
		return 0
	}
	return time.Duration(r.Minutes) * time.Minute
}

// watching says that alarms can turn the operation back. e.mu is held.
func (e *entity) watching() bool {
	return e.next != nil && e.next.Triggers != nil && len(e.next.Triggers.Triggers) > 0 &&
		(e.state.Phase == stack.PhaseForward || e.state.Phase == stack.PhaseMonitor) && e.state.Trouble == ""
}

// watchTriggers looks at the alarms of a stack's rollback triggers when that is
// due, and returns what turns the operation back.
//
// An alarm that does not exist fails the operation; one that has not enough data
// does not. Source: CloudFormation User Guide, "Use CloudFormation rollback
// triggers".
func (s *Service) watchTriggers(ctx context.Context, e *entity, now time.Time) *stack.Alarm {
	e.mu.Lock()
	if !e.watching() || e.watch.After(now) {
		e.mu.Unlock()
		return nil
	}
	e.watch = now.Add(watchEvery)
	triggers := e.next.Triggers.Triggers
	e.mu.Unlock()
	if s.config.Alarms == nil {
		return &stack.Alarm{Reason: "The local cloud has no alarms to watch."}
	}
	var names []string
	for _, t := range triggers {
		if name := alarmName(t.ARN); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	states, err := s.config.Alarms.States(wire.WithCaller(ctx, e.place.Caller()), names)
	if err != nil {
		return nil // nobody knows; the next look may tell
	}
	for _, t := range triggers {
		switch state, found := states[alarmName(t.ARN)]; {
		case !found:
			return &stack.Alarm{Reason: fmt.Sprintf("Rollback trigger %s does not exist.", t.ARN)}
		case state == "ALARM":
			return &stack.Alarm{Reason: fmt.Sprintf("Rollback trigger %s is in ALARM state.", t.ARN)}
		}
	}
	return nil
}
