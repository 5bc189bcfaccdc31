package sfn

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// A logQueue holds the log events of an execution that are still to be written,
// so that they arrive in order and nobody waits for the log.
type logQueue struct {
	events  []LogEvent
	writing bool
}

// writeLogs sends events to the log group of the revision, as far as its level
// asks for them. x.mu is held.
func (s *Service) writeLogs(x *execution, events []machine.HistoryEvent) {
	l := x.revision.logging
	if s.logs == nil || l.level() == sfnapi.LogLevelOff || len(l.Groups) == 0 {
		return
	}
	for _, e := range events {
		if logged(l.level(), e.Type) {
			x.log.events = append(x.log.events, LogEvent{At: e.At, Message: logLine(x, e, l.IncludeExecutionData)})
		}
	}
	if len(x.log.events) > 0 && !x.log.writing {
		x.log.writing = true
		s.calls.Submit(func() { s.drainLogs(x) })
	}
}

// drainLogs writes until nothing is left.
func (s *Service) drainLogs(x *execution) {
	at := x.machine.space.place
	ctx := wire.WithCaller(s.ctx, at.Caller())
	group := strings.TrimSuffix(x.revision.logging.Groups[0], ":*")
	stream := fmt.Sprintf("states/%s/%s/%.8s", x.machine.name, x.started.UTC().Format("2006-01-02-15-04"), x.machine.id)
	for {
		x.mu.Lock()
		events := x.log.events
		x.log.events = nil
		if len(events) == 0 {
			x.log.writing = false
			x.mu.Unlock()
			return
		}
		x.mu.Unlock()
		// As on AWS, logging is best effort: a group that is gone stops nothing.
		_ = s.logs.Write(ctx, group, stream, events)
	}
}

// logged says whether a level asks for events of a type.
//
// Source: Step Functions Developer Guide, "Log levels for Step Functions
// execution events".
func logged(level string, t machine.EventType) bool {
	switch level {
	case sfnapi.LogLevelAll:
		return true
	case sfnapi.LogLevelFatal:
		return t == machine.EventExecutionFailed || t == machine.EventExecutionAborted || t == machine.EventExecutionTimedOut
	case sfnapi.LogLevelError:
		text := string(t)
		return strings.HasSuffix(text, "Failed") || strings.HasSuffix(text, "TimedOut") ||
			strings.HasSuffix(text, "Aborted") || t == machine.EventFailStateEntered
	default:
		return false
	}
}

// logLine is one event as Step Functions logs it. Source: recorded.
func logLine(x *execution, e machine.HistoryEvent, data bool) string {
	line, err := json.Marshal(struct {
		ID         string         `json:"id"`
		Type       string         `json:"type"`
		Details    map[string]any `json:"details"`
		Previous   string         `json:"previous_event_id"`
		At         string         `json:"event_timestamp"`
		Execution  string         `json:"execution_arn"`
		RedriveNum string         `json:"redrive_count"`
	}{
		ID:         strconv.FormatInt(e.ID, 10),
		Type:       string(e.Type),
		Details:    eventDetails(shownEvent(e, data)),
		Previous:   strconv.FormatInt(e.PreviousID, 10),
		At:         strconv.FormatInt(e.At.UnixMilli(), 10),
		Execution:  x.arn,
		RedriveNum: strconv.Itoa(int(x.redrives)),
	})
	if err != nil {
		panic("sfn: a log event cannot be encoded: " + err.Error())
	}
	return string(line)
}

// eventDetails returns the one member of an event that holds its details, as the
// API names what is in it.
func eventDetails(e sfnapi.HistoryEvent) map[string]any {
	event := reflect.ValueOf(e)
	for i := range event.NumField() {
		if f := event.Field(i); f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.Struct && !f.IsNil() {
			return members(f.Elem())
		}
	}
	return map[string]any{}
}

// members returns the members of a structure that are set.
func members(v reflect.Value) map[string]any {
	out := map[string]any{}
	for i := range v.NumField() {
		f := v.Field(i)
		if f.IsZero() {
			continue
		}
		if f.Kind() == reflect.Pointer {
			f = f.Elem()
		}
		name := []rune(v.Type().Field(i).Name)
		name[0] = unicode.ToLower(name[0])
		if f.Kind() == reflect.Struct {
			out[string(name)] = members(f)
		} else {
			out[string(name)] = f.Interface()
		}
	}
	return out
}
