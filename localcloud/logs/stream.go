package logs

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/logsapi"
)

// A stream holds events, the oldest first. It is guarded by the service's lock.
type stream struct {
	name     string
	created  int64
	events   []event
	gone     int64 // how many events were in front of these
	bytes    int64
	ingested int64 // when something last arrived
	dropped  bool  // the stream was deleted
}

// An event is an Event that arrived.
type event struct {
	at, ingested int64 // milliseconds since 1970
	number       uint64
	message      string
}

// overhead is what an event measures beside its message.
//
// Source: API reference, PutLogEvents, "plus 26 bytes for each log event".
const overhead = 26

func (e event) size() int64 { return int64(len(e.message)) + overhead }

// A chunk is what arrived together: it goes together, when memory runs out.
type chunk struct {
	stream *stream
	events int
}

// stream returns the stream of a name, and makes it when it is not there. The
// service's lock is held.
func (g *group) stream(name string, now int64) *stream {
	st := g.streams[name]
	if st == nil {
		st = &stream{name: name, created: now}
		g.streams[name] = st
	}
	return st
}

// append adds events to a stream, in the order of their time, and lets go of the
// oldest of all streams if there are too many. s.mu is held.
func (s *Service) append(st *stream, events []Event) {
	if len(events) == 0 {
		return
	}
	now := s.now()
	for _, e := range events {
		s.number++
		added := event{at: e.At.UnixMilli(), ingested: now, number: s.number, message: e.Message}
		st.bytes += added.size()
		s.bytes += added.size()
		at := len(st.events)
		for at > 0 && st.events[at-1].at > added.at {
			at--
		}
		st.events = slices.Insert(st.events, at, added)
	}
	st.ingested = now
	s.oldest = append(s.oldest, chunk{st, len(events)})
	for s.bytes > s.maxBytes && len(s.oldest) > 1 {
		first := s.oldest[0]
		s.oldest[0] = chunk{}
		s.oldest = s.oldest[1:]
		s.forget(first.stream, first.events)
	}
}

// forget removes the first n events of a stream. s.mu is held.
func (s *Service) forget(st *stream, n int) {
	if st.dropped {
		return
	}
	n = min(n, len(st.events))
	for _, e := range st.events[:n] {
		st.bytes -= e.size()
		s.bytes -= e.size()
	}
	clear(st.events[:n]) // the messages are freed now, the array when it grows
	st.events = st.events[n:]
	st.gone += int64(n)
}

// drop removes everything of a stream that is being deleted. s.mu is held.
func (s *Service) drop(st *stream) {
	s.bytes -= st.bytes
	*st = stream{name: st.name, dropped: true}
}

func (s *Service) createLogStream(ctx context.Context, in *logsapi.CreateLogStreamRequest) (*wire.Nothing, error) {
	if strings.ContainsAny(in.LogStreamName, ":*") {
		return nil, logsapi.NewInvalidParameterException("1 validation error detected: Value '" + in.LogStreamName +
			"' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(ctx, &in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if g.streams[in.LogStreamName] != nil {
		return nil, logsapi.NewResourceAlreadyExistsException("The specified log stream already exists")
	}
	g.stream(in.LogStreamName, s.now())
	return nil, nil
}

func (s *Service) deleteLogStream(ctx context.Context, in *logsapi.DeleteLogStreamRequest) (*wire.Nothing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, st, err := s.findStream(ctx, &in.LogGroupName, nil, in.LogStreamName)
	if err != nil {
		return nil, err
	}
	s.drop(st)
	delete(g.streams, in.LogStreamName)
	return nil, nil
}

// findStream finds a stream of a group of the caller. s.mu is held.
func (s *Service) findStream(ctx context.Context, group, identifier *string, name string) (*group, *stream, error) {
	g, err := s.group(ctx, group, identifier)
	if err != nil {
		return nil, nil, err
	}
	st := g.streams[name]
	if st == nil {
		return nil, nil, errNoStream
	}
	return g, st, nil
}

func (s *Service) describeLogStreams(ctx context.Context, in *logsapi.DescribeLogStreamsRequest) (*logsapi.DescribeLogStreamsResponse, error) {
	byTime := in.OrderBy != nil && *in.OrderBy == logsapi.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, logsapi.NewInvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.group(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	var found []*stream
	for name, st := range g.streams {
		if in.LogStreamNamePrefix == nil || strings.HasPrefix(name, *in.LogStreamNamePrefix) {
			found = append(found, st)
		}
	}
	slices.SortFunc(found, func(a, b *stream) int {
		order := strings.Compare(a.name, b.name)
		if byTime {
			order = cmp.Or(cmp.Compare(a.lastEvent(), b.lastEvent()), order)
		}
		if in.Descending != nil && *in.Descending {
			order = -order
		}
		return order
	})
	found, next, err := page(found, func(st *stream) string { return st.name }, in.NextToken, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &logsapi.DescribeLogStreamsResponse{LogStreams: []logsapi.LogStream{}, NextToken: next}
	for _, st := range found {
		described := logsapi.LogStream{
			LogStreamName: new(st.name),
			CreationTime:  new(st.created),
			Arn:           new(g.arn() + ":log-stream:" + st.name),
			StoredBytes:   new(int64(0)), // AWS has stopped counting: API reference, LogStream
		}
		if n := len(st.events); n > 0 {
			described.FirstEventTimestamp, described.LastEventTimestamp = new(st.events[0].at), new(st.events[n-1].at)
		}
		if st.ingested > 0 {
			described.LastIngestionTime, described.UploadSequenceToken = new(st.ingested), new(sequenceToken)
		}
		out.LogStreams = append(out.LogStreams, described)
	}
	return out, nil
}

// lastEvent is the time of the newest event; 0 without any.
func (st *stream) lastEvent() int64 {
	if len(st.events) == 0 {
		return 0
	}
	return st.events[len(st.events)-1].at
}

// between returns the indexes of the events from since up to, and without,
// until; nil leaves an end open.
func (st *stream) between(since int64, start, end *int64) (from, to int) {
	to = len(st.events)
	if start != nil {
		since = max(since, *start)
	}
	from = sort.Search(len(st.events), func(i int) bool { return st.events[i].at >= since })
	if end != nil {
		to = sort.Search(len(st.events), func(i int) bool { return st.events[i].at >= *end })
	}
	return from, max(from, to)
}
