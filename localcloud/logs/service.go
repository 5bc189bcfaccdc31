// Package logs is the local CloudWatch Logs: groups and streams of events, in
// memory that is bounded.
//
// Functions and state machines write to it with [Service.Write] and
// [Service.Put]; people and tools read it through the API. Groups, with their
// retention and tags, are kept where [Config].Save puts them; events are not.
// When they fill the memory they are allowed, the oldest go first, whichever
// stream they are in.
package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/logsapi"
)

// Config is what a Service is made of. Clock is required.
type Config struct {
	// Clock stamps what is created and what arrives.
	Clock clock.Clock
	// Save keeps all groups, as Restore reads them. It is called with each
	// change through the API, before the answer, one call at a time; its error
	// becomes the answer. Nil keeps nothing.
	Save func(snapshot []byte) error
	// MaxBytes bounds the memory for events; 0 means 64 MiB.
	MaxBytes int64
}

// A Service is one local CloudWatch Logs. It is safe for concurrent use.
type Service struct {
	clock    clock.Clock
	save     func([]byte) error
	maxBytes int64

	mu     sync.RWMutex
	groups map[key]*group
	bytes  int64   // of all events
	oldest []chunk // what arrived together, in the order of arrival
	number uint64  // of the last event
}

// A key names a group.
type key struct{ account, region, name string }

// New returns a service without groups.
func New(c Config) *Service {
	s := &Service{clock: c.Clock, save: c.Save, maxBytes: c.MaxBytes, groups: map[key]*group{}}
	if s.maxBytes == 0 {
		s.maxBytes = 64 << 20
	}
	return s
}

// API returns the operations of the service.
func (s *Service) API() wire.API {
	return wire.API{Service: &logsapi.Service, Rows: []wire.Row{
		wire.Op(logsapi.CreateLogGroup, s.createLogGroup),
		wire.Op(logsapi.DeleteLogGroup, s.deleteLogGroup),
		wire.Op(logsapi.DescribeLogGroups, s.describeLogGroups),
		wire.Op(logsapi.PutRetentionPolicy, s.putRetentionPolicy),
		wire.Op(logsapi.DeleteRetentionPolicy, s.deleteRetentionPolicy),

		wire.Op(logsapi.CreateLogStream, s.createLogStream),
		wire.Op(logsapi.DeleteLogStream, s.deleteLogStream),
		wire.Op(logsapi.DescribeLogStreams, s.describeLogStreams),

		wire.Op(logsapi.PutLogEvents, s.putLogEvents),
		wire.Op(logsapi.GetLogEvents, s.getLogEvents),
		wire.Op(logsapi.FilterLogEvents, s.filterLogEvents),

		wire.Op(logsapi.TagResource, s.tagResource),
		wire.Op(logsapi.UntagResource, s.untagResource),
		wire.Op(logsapi.ListTagsForResource, s.listTagsForResource),
		wire.Op(logsapi.TagLogGroup, s.tagLogGroup),
		wire.Op(logsapi.UntagLogGroup, s.untagLogGroup),
		wire.Op(logsapi.ListTagsLogGroup, s.listTagsLogGroup),
	}}
}

// An Event is one entry of a log.
type Event struct {
	At      time.Time
	Message string
}

// Write adds events to a stream, and creates the group and the stream when they
// are not there. It waits for nothing but other callers.
func (s *Service) Write(account, region, group, stream string, events []Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{account, region, group}
	g := s.groups[k]
	if g == nil {
		g = s.addGroup(k)
	}
	s.append(g.stream(stream, s.now()), events)
}

// Put adds events to a stream of the group of that ARN, and creates the stream
// when it is not there. The error says that there is no such group.
func (s *Service) Put(groupARN, stream string, events []Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := keyOf(groupARN)
	g := s.groups[k]
	if !ok || g == nil {
		return fmt.Errorf("there is no log group %s", groupARN)
	}
	s.append(g.stream(stream, s.now()), events)
	return nil
}

// Exists says whether there is a group of that ARN, which may end in ":*".
func (s *Service) Exists(groupARN string) bool {
	k, ok := keyOf(groupARN)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return ok && s.groups[k] != nil
}

// keyOf reads the ARN of a group.
func keyOf(groupARN string) (key, bool) {
	a, err := arn.Parse(strings.TrimSuffix(groupARN, ":*"))
	if err != nil || a.Service != "logs" {
		return key{}, false
	}
	name, ok := strings.CutPrefix(a.Resource, "log-group:")
	return key{a.Account, a.Region, name}, ok
}

// arn is the ARN of a group, without ":*".
func (k key) arn() string {
	caller := wire.CallerFrom(wire.WithCaller(context.Background(), wire.Caller{Account: k.account, Region: k.region}))
	return caller.ARN("logs", "log-group:"+k.name)
}

// now is the time in milliseconds, as logs have it.
func (s *Service) now() int64 { return s.clock.Now().UnixMilli() }

// A groupRecord is a group as it is kept.
type groupRecord struct {
	Account   string            `json:"account"`
	Region    string            `json:"region"`
	Name      string            `json:"name"`
	Created   int64             `json:"created"` // milliseconds since 1970
	Retention int32             `json:"retentionInDays,omitempty"`
	Class     string            `json:"class,omitempty"`
	KMSKeyID  *string           `json:"kmsKeyId,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
}

// Restore brings back the groups that Save was called with.
func (s *Service) Restore(snapshot []byte) error {
	var records []groupRecord
	if err := json.Unmarshal(snapshot, &records); err != nil {
		return fmt.Errorf("logs: restore: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		k := key{r.Account, r.Region, r.Name}
		s.groups[k] = &group{
			key: k, created: r.Created, retention: r.Retention, class: r.Class, kmsKeyID: r.KMSKeyID, tags: r.Tags,
			streams: map[string]*stream{},
		}
	}
	return nil
}

// change lets edit change groups, and keeps them. What edit did stays when that
// fails: the answer says so, and the next change keeps it.
func (s *Service) change(edit func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := edit(); err != nil || s.save == nil {
		return err
	}
	records := make([]groupRecord, 0, len(s.groups))
	for k, g := range s.groups {
		records = append(records, groupRecord{
			Account: k.account, Region: k.region, Name: k.name, Created: g.created, Retention: g.retention,
			Class: g.class, KMSKeyID: g.kmsKeyID, Tags: g.tags,
		})
	}
	snapshot, err := json.Marshal(records)
	if err != nil {
		panic(fmt.Sprintf("logs: encode groups: %v", err))
	}
	return s.save(snapshot)
}
