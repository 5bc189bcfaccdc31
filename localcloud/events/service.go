// Package events is the local EventBridge: rules of the default bus that match
// events or a schedule, and the targets that they reach.
//
// Targets are Lambda functions, state machines, SNS topics and log groups, each
// with its version or alias where it has one. Other targets, other buses,
// archives and pipes are refused.
//
// An event that was accepted survives the process when there is a [Journal] and
// reaches each target at least once, tried again as AWS does. What a schedule
// missed while no process ran is not made up for.
package events

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/events/pattern"
	"github.com/crossfade-dev/crossfade/localcloud/events/schedule"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/outbox"
	"github.com/crossfade-dev/crossfade/localcloud/random"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/eventsapi"
)

// Targets carries out the operations of other services, in the name of the
// caller of ctx. Its errors are those of wire.Server's Call.
type Targets interface {
	Call(ctx context.Context, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error)
}

// Config is what a Service is made of.
type Config struct {
	// Clock tells the time; nil means the machine's.
	Clock clock.Clock
	// Rand makes ids; nil means the machine's secure source.
	Rand io.Reader
	// Journal remembers everything; nil means that it ends with the process.
	Journal outbox.Journal
	// Targets reaches the targets.
	Targets Targets
	// Log is told of events that could not be delivered; nil means nobody is.
	Log *slog.Logger
}

// A Service is the local EventBridge. It is a clock.Process.
type Service struct {
	clock   clock.Clock
	journal outbox.Journal
	targets Targets
	log     *slog.Logger
	box     *outbox.Box

	randMu sync.Mutex
	rand   io.Reader

	mu    sync.Mutex
	rules map[string]*rule // by ARN
}

// The kinds of records.
const (
	recordRule     = "events.rule"
	recordDelivery = "events.delivery"
)

// A rule is replaced and never changed, with the service's mu held.
type rule struct {
	ARN         string             `json:"arn"`
	Name        string             `json:"name"`
	Account     string             `json:"account"`
	Region      string             `json:"region"`
	Partition   string             `json:"partition"`
	Pattern     string             `json:"pattern,omitempty"`
	Schedule    string             `json:"schedule,omitempty"`
	State       string             `json:"state"`
	Description *string            `json:"description,omitempty"`
	Role        *string            `json:"role,omitempty"`
	Tags        map[string]string  `json:"tags,omitempty"`
	Targets     []eventsapi.Target `json:"targets,omitempty"`
	// Since is when the schedule began to count.
	Since time.Time `json:"since"`

	matches  *pattern.Pattern
	schedule *schedule.Schedule
	due      time.Time // of the schedule; zero for never
}

// compile reads the rule's pattern and schedule, which were checked, or says what
// is wrong with them.
func (r *rule) compile(now time.Time) error {
	r.matches, r.schedule, r.due = nil, nil, time.Time{}
	if r.Pattern != "" {
		p, err := pattern.Parse(r.Pattern)
		if err != nil {
			return eventsapi.NewInvalidEventPatternException("Event pattern is not valid. Reason: " + err.Error())
		}
		r.matches = &p
	}
	if r.Schedule != "" {
		s, err := schedule.Parse(r.Schedule)
		if err != nil {
			return invalid("Parameter ScheduleExpression is not valid.")
		}
		r.schedule = &s
		if r.State == eventsapi.RuleStateEnabled {
			r.due, _ = s.Next(r.Since, now)
		}
	}
	return nil
}

// New returns a service with what the journal remembers.
func New(c Config) (*Service, error) {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		clock: c.Clock, rand: c.Rand, journal: c.Journal, targets: c.Targets, log: c.Log,
		rules: map[string]*rule{},
	}
	if c.Journal != nil {
		err := c.Journal.Load(recordRule, journal.FromJSON(func(arn string, r *rule) error {
			s.rules[arn] = r
			return r.compile(s.clock.Now())
		}))
		if err != nil {
			return nil, fmt.Errorf("events: load: %w", err)
		}
	}
	var err error
	s.box, err = outbox.New(outbox.Config{Clock: c.Clock, Journal: c.Journal, Kind: recordDelivery, Deliver: s.deliver})
	return s, err
}

// Close ends the deliveries under way.
func (s *Service) Close() { s.box.Close() }

// Idle waits until no delivery is under way.
func (s *Service) Idle() { s.box.Idle() }

// Wake is what [clock.Run] listens to.
func (s *Service) Wake() <-chan struct{} { return s.box.Wake() }

// Next returns when a schedule or a delivery is due.
func (s *Service) Next() (time.Time, bool) {
	at, ok := s.box.Next()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if !r.due.IsZero() && (!ok || r.due.Before(at)) {
			at, ok = r.due, true
		}
	}
	return at, ok
}

// Run sends the events of schedules that are due, and begins the deliveries that
// are. The error is the journal's.
func (s *Service) Run(ctx context.Context, now time.Time) error {
	err := s.tick(now)
	return errors.Join(err, s.box.Run(ctx, now))
}

// tick sends the events of schedules.
func (s *Service) tick(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, arn := range slices.Sorted(maps.Keys(s.rules)) {
		r := s.rules[arn]
		if r.due.IsZero() || r.due.After(now) {
			continue
		}
		at := r.due
		r.due, _ = r.schedule.Next(r.Since, now)
		id, err := s.newID()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e := envelope(id, Event{
			Account: r.Account, Region: r.Region, Source: "aws.events", DetailType: "Scheduled Event",
			Resources: []string{r.ARN}, Time: at, Detail: []byte("{}"),
		})
		errs = append(errs, s.send(r, id, e))
	}
	return errors.Join(errs...)
}

// API returns the operations.
func (s *Service) API() wire.API {
	return wire.API{Service: &eventsapi.Service, Rows: []wire.Row{
		wire.Op(eventsapi.DeleteRule, s.deleteRule),
		wire.Op(eventsapi.DescribeEventBus, s.describeEventBus),
		wire.Op(eventsapi.DescribeRule, s.describeRule),
		wire.Op(eventsapi.DisableRule, s.disableRule),
		wire.Op(eventsapi.EnableRule, s.enableRule),
		wire.Op(eventsapi.ListEventBuses, s.listEventBuses),
		wire.Op(eventsapi.ListRuleNamesByTarget, s.listRuleNamesByTarget),
		wire.Op(eventsapi.ListRules, s.listRules),
		wire.Op(eventsapi.ListTagsForResource, s.listTagsForResource),
		wire.Op(eventsapi.ListTargetsByRule, s.listTargetsByRule),
		wire.Op(eventsapi.PutEvents, s.putEvents),
		wire.Op(eventsapi.PutRule, s.putRule),
		wire.Op(eventsapi.PutTargets, s.putTargets),
		wire.Op(eventsapi.RemoveTargets, s.removeTargets),
		wire.Op(eventsapi.TagResource, s.tagResource),
		wire.Op(eventsapi.TestEventPattern, s.testEventPattern),
		wire.Op(eventsapi.UntagResource, s.untagResource),
	}}
}

// keep saves a rule and puts it in force. s.mu is held.
func (s *Service) keep(r *rule) error {
	if s.journal != nil {
		if err := s.journal.Commit(journal.JSON(recordRule, r.ARN, r)); err != nil {
			return err
		}
	}
	s.rules[r.ARN] = r
	s.box.Kick()
	return nil
}

// newID returns a random UUID of version 4.
func (s *Service) newID() (string, error) {
	s.randMu.Lock()
	defer s.randMu.Unlock()
	return random.ReadUUID(s.rand)
}

// invalid is the error for parameters that the model allows and EventBridge does
// not.
func invalid(format string, args ...any) error {
	return &wire.Error{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

// busName is the name of the one bus that there is.
const busName = "default"

// checkBus refuses buses that are not there, by name or ARN.
func checkBus(ctx context.Context, name *string) error {
	if name == nil || *name == busName || *name == wire.CallerFrom(ctx).ARN("events", "event-bus/"+busName) {
		return nil
	}
	return eventsapi.NewResourceNotFoundException("Event bus " + lastPart(*name) + " does not exist.")
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// defaultPage is how many items a list has that names no number.
const defaultPage = 100

// page returns one page of keys, in their order.
func page(keys []string, token *string, limit *int32) (items []string, next *string) {
	slices.Sort(keys)
	return wire.Page(keys, wire.Value(token), int(wire.ValueOr(limit, defaultPage)))
}
