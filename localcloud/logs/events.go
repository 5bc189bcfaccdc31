package logs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire/logsapi"
)

// How much one call puts and gets.
//
// Source: API reference, PutLogEvents and GetLogEvents.
const (
	maxBatch  = 1_048_576
	maxEvents = 10_000
	tooOld    = 14 * dayMS
	tooNew    = 2 * 60 * 60 * 1000
)

// sequenceToken is what AWS answers since tokens have no meaning any more: any
// text will do, and any is accepted.
const sequenceToken = "49039859625501430700500000000000000000000000000000000000"

func (s *Service) putLogEvents(ctx context.Context, in *logsapi.PutLogEventsRequest) (*logsapi.PutLogEventsResponse, error) {
	size := 0
	for i, e := range in.LogEvents {
		size += len(e.Message) + overhead
		if i > 0 && e.Timestamp < in.LogEvents[i-1].Timestamp {
			return nil, logsapi.NewInvalidParameterException("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if size > maxBatch {
		return nil, logsapi.NewInvalidParameterException(fmt.Sprintf("Upload too large: %d bytes exceeds limit of %d", size, maxBatch))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, st, err := s.findStream(ctx, &in.LogGroupName, nil, in.LogStreamName)
	if err != nil {
		return nil, err
	}
	out := &logsapi.PutLogEventsResponse{NextSequenceToken: new(sequenceToken)}
	events, rejected := accepted(in.LogEvents, g.since(s.now()), s.now())
	if rejected != (logsapi.RejectedLogEventsInfo{}) {
		out.RejectedLogEventsInfo = &rejected
	}
	s.append(st, events)
	return out, nil
}

// accepted returns the events, which are in order, without those that are too
// old or too new, and says where these are.
func accepted(in []logsapi.InputLogEvent, since, now int64) (events []Event, rejected logsapi.RejectedLogEventsInfo) {
	for i, e := range in {
		switch {
		case e.Timestamp < now-tooOld:
			rejected.TooOldLogEventEndIndex = new(int32(i + 1))
		case e.Timestamp < since:
			rejected.ExpiredLogEventEndIndex = new(int32(i + 1))
		case e.Timestamp > now+tooNew:
			if rejected.TooNewLogEventStartIndex == nil {
				rejected.TooNewLogEventStartIndex = new(int32(i))
			}
		default:
			events = append(events, Event{At: time.UnixMilli(e.Timestamp), Message: e.Message})
		}
	}
	return events, rejected
}

// A position is where reading a stream goes on: forward from it, or backward
// before it. It counts all events that the stream ever had.
type position struct {
	backward bool
	at       int64
}

func (p position) token() *string {
	direction := "f"
	if p.backward {
		direction = "b"
	}
	return new(fmt.Sprintf("%s/%056d/s", direction, p.at))
}

func readToken(token string) (position, error) {
	parts := strings.Split(token, "/")
	if len(parts) != 3 || parts[0] != "f" && parts[0] != "b" {
		return position{}, errToken
	}
	at, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || at < 0 {
		return position{}, errToken
	}
	return position{backward: parts[0] == "b", at: at}, nil
}

func (s *Service) getLogEvents(ctx context.Context, in *logsapi.GetLogEventsRequest) (*logsapi.GetLogEventsResponse, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, st, err := s.findStream(ctx, in.LogGroupName, in.LogGroupIdentifier, in.LogStreamName)
	if err != nil {
		return nil, err
	}
	from, to := st.between(g.since(s.now()), in.StartTime, in.EndTime)
	backward := in.StartFromHead == nil || !*in.StartFromHead
	if in.NextToken != nil {
		p, err := readToken(*in.NextToken)
		if err != nil {
			return nil, err
		}
		at := min(max(int(p.at-st.gone), from), to)
		if backward = p.backward; backward {
			to = at
		} else {
			from = at
		}
	}
	limit := maxEvents
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	from, to = fitting(st.events, from, to, limit, backward)
	out := &logsapi.GetLogEventsResponse{
		Events:            []logsapi.OutputLogEvent{},
		NextForwardToken:  position{at: st.gone + int64(to)}.token(),
		NextBackwardToken: position{backward: true, at: st.gone + int64(from)}.token(),
	}
	for _, e := range st.events[from:to] {
		out.Events = append(out.Events, logsapi.OutputLogEvent{Timestamp: new(e.at), Message: new(e.message), IngestionTime: new(e.ingested)})
	}
	return out, nil
}

// fitting returns as much of events[from:to] as one answer holds, from its
// beginning or, backward, from its end.
func fitting(events []event, from, to, limit int, backward bool) (int, int) {
	var size int64
	n := 0
	for n < to-from && n < limit {
		next := events[from+n]
		if backward {
			next = events[to-1-n]
		}
		if size += next.size(); size > maxBatch && n > 0 {
			break
		}
		n++
	}
	if backward {
		return to - n, to
	}
	return from, from + n
}

func (s *Service) filterLogEvents(ctx context.Context, in *logsapi.FilterLogEventsRequest) (*logsapi.FilterLogEventsResponse, error) {
	if in.LogStreamNamePrefix != nil && len(in.LogStreamNames) > 0 {
		return nil, logsapi.NewInvalidParameterException("logStreamNamePrefix and logStreamNames are mutually exclusive.")
	}
	matches, err := parsePattern(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	var after uint64
	var afterTime int64
	if in.NextToken != nil {
		if _, err := fmt.Sscanf(*in.NextToken, "n/%d/%d", &afterTime, &after); err != nil {
			return nil, errToken
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.group(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	for _, name := range in.LogStreamNames {
		if g.streams[name] == nil {
			return nil, errNoStream
		}
	}
	type row struct {
		stream *stream
		event
	}
	var rows []row
	for name, st := range g.streams {
		if in.LogStreamNamePrefix != nil && !strings.HasPrefix(name, *in.LogStreamNamePrefix) ||
			len(in.LogStreamNames) > 0 && !slices.Contains(in.LogStreamNames, name) {
			continue
		}
		end := in.EndTime
		if end != nil {
			end = new(*end + 1) // the end is part of it, other than for GetLogEvents: API reference
		}
		from, to := st.between(g.since(s.now()), in.StartTime, end)
		for _, e := range st.events[from:to] {
			if (e.at > afterTime || e.at == afterTime && e.number > after) && matches(e.message) {
				rows = append(rows, row{st, e})
			}
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.number, b.number)) })
	limit := maxEvents
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	out := &logsapi.FilterLogEventsResponse{Events: []logsapi.FilteredLogEvent{}, SearchedLogStreams: []logsapi.SearchedLogStream{}}
	var size int64
	for i, r := range rows {
		if size += r.size(); i == limit || size > maxBatch && i > 0 {
			last := rows[i-1]
			out.NextToken = new(fmt.Sprintf("n/%d/%d", last.at, last.number))
			break
		}
		out.Events = append(out.Events, logsapi.FilteredLogEvent{
			LogStreamName: new(r.stream.name), Timestamp: new(r.at), Message: new(r.message), IngestionTime: new(r.ingested),
			EventId: new(fmt.Sprintf("%056d", r.number)),
		})
	}
	return out, nil
}
