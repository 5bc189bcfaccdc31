package events

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/outbox"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/eventsapi"
)

// An Event is one that a service of the cloud puts on the default bus.
type Event struct {
	Account, Region string
	// Source is such as aws.cloudwatch, DetailType such as "CloudWatch Alarm
	// State Change".
	Source, DetailType string
	Resources          []string // ARNs
	Time               time.Time
	Detail             []byte // a JSON object
}

// Put puts an event of another service on the default bus of its account and
// region. The error is the journal's.
func (s *Service) Put(_ context.Context, e Event) error {
	id, err := s.newID()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.match(id, e)
}

// maxEntries bounds a PutEvents request, in bytes.
const maxEntries = 256 << 10

func (s *Service) putEvents(ctx context.Context, in *eventsapi.PutEventsRequest) (*eventsapi.PutEventsResponse, error) {
	size := 0
	for _, e := range in.Entries {
		size += len(wire.Value(e.Source)) + len(wire.Value(e.DetailType)) + len(wire.Value(e.Detail))
		for _, r := range e.Resources {
			size += len(r)
		}
	}
	if size > maxEntries {
		return nil, invalid("Total size of the entries in the request is over the limit.")
	}
	c := wire.CallerFrom(ctx)
	out := &eventsapi.PutEventsResponse{FailedEntryCount: new(int32(0)), Entries: []eventsapi.PutEventsResultEntry{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range in.Entries {
		if code, message := refused(ctx, e); code != "" {
			*out.FailedEntryCount++
			out.Entries = append(out.Entries, eventsapi.PutEventsResultEntry{ErrorCode: &code, ErrorMessage: &message})
			continue
		}
		id, err := s.newID()
		if err != nil {
			return nil, err
		}
		event := Event{
			Account: c.Account, Region: c.Region, Source: *e.Source, DetailType: *e.DetailType, Resources: e.Resources,
			Time: s.clock.Now(), Detail: []byte(*e.Detail),
		}
		if e.Time != nil {
			event.Time = *e.Time
		}
		if err := s.match(id, event); err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, eventsapi.PutEventsResultEntry{EventId: &id})
	}
	return out, nil
}

// refused says why an entry is no event.
//
// Source: recorded.
func refused(ctx context.Context, e eventsapi.PutEventsRequestEntry) (code, message string) {
	for _, m := range []struct {
		name  string
		value *string
	}{{"Source", e.Source}, {"DetailType", e.DetailType}, {"Detail", e.Detail}} {
		if wire.Value(m.value) == "" {
			return "InvalidArgument", "Parameter " + m.name + " is not valid. Reason: " + m.name + " is a required argument."
		}
	}
	if v, err := jsonvalue.Parse(*e.Detail); err != nil || v.Kind() != jsonvalue.KindObject {
		return "MalformedDetail", "Detail is malformed."
	}
	if strings.HasPrefix(*e.Source, "aws.") {
		return "NotAuthorizedForSourceException", "Not authorized for the source."
	}
	if err := checkBus(ctx, e.EventBusName); err != nil {
		return "ResourceNotFoundException", "Event bus " + lastPart(wire.Value(e.EventBusName)) + " does not exist."
	}
	return "", ""
}

// envelope returns an event as rules and targets see it.
func envelope(id string, e Event) jsonvalue.Value {
	var resources jsonvalue.ArrayBuilder
	for _, r := range e.Resources {
		resources.Append(jsonvalue.String(r))
	}
	detail, err := jsonvalue.ParseBytes(e.Detail)
	if err != nil {
		detail = jsonvalue.ObjectOf()
	}
	return jsonvalue.ObjectOf(
		jsonvalue.Member{Key: "version", Value: jsonvalue.String("0")},
		jsonvalue.Member{Key: "id", Value: jsonvalue.String(id)},
		jsonvalue.Member{Key: "detail-type", Value: jsonvalue.String(e.DetailType)},
		jsonvalue.Member{Key: "source", Value: jsonvalue.String(e.Source)},
		jsonvalue.Member{Key: "account", Value: jsonvalue.String(e.Account)},
		jsonvalue.Member{Key: "time", Value: jsonvalue.String(e.Time.UTC().Format("2006-01-02T15:04:05Z"))},
		jsonvalue.Member{Key: "region", Value: jsonvalue.String(e.Region)},
		jsonvalue.Member{Key: "resources", Value: resources.Value()},
		jsonvalue.Member{Key: "detail", Value: detail},
	)
}

// match sends an event to the rules that want it. s.mu is held.
func (s *Service) match(id string, e Event) error {
	v := envelope(id, e)
	for _, arn := range slices.Sorted(maps.Keys(s.rules)) {
		r := s.rules[arn]
		if r.Account != e.Account || r.Region != e.Region || r.State == eventsapi.RuleStateDisabled || r.matches == nil || !r.matches.Matches(v) {
			continue
		}
		if err := s.send(r, id, v); err != nil {
			return err
		}
	}
	return nil
}

// A delivery is an event on its way to one target.
type delivery struct {
	Rule   string          `json:"rule"` // ARN
	Target string          `json:"target"`
	ID     string          `json:"id"` // of the event
	Event  jsonvalue.Value `json:"event"`
	At     time.Time       `json:"at"` // when it came in
}

// send puts an event in the box, once for each target of a rule.
func (s *Service) send(r *rule, id string, event jsonvalue.Value) error {
	if len(r.Targets) == 0 {
		return nil
	}
	items := make([]outbox.Item, len(r.Targets))
	for i, t := range r.Targets {
		text, err := json.Marshal(delivery{Rule: r.ARN, Target: t.Id, ID: id, Event: event, At: s.clock.Now().UTC()})
		if err != nil {
			return err
		}
		items[i] = outbox.Item{ID: id + " " + t.Id + " " + r.ARN, Payload: text}
	}
	return s.box.Add(items...)
}
