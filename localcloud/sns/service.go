// Package sns is the local Simple Notification Service: topics, subscriptions with
// filters, and messages that reach HTTP endpoints and Lambda functions.
//
// An endpoint gets a message as SNS sends it, but for the signature: there are no
// SignatureVersion, Signature and SigningCertURL, since no certificate could be
// found at the address that AWS's have. It must confirm its subscription first,
// by a look at the SubscribeURL or by ConfirmSubscription.
//
// Subscriptions of the protocols email and email-json are accepted and stay
// pending, as AWS's do until somebody opens the mail; nothing is sent. Other
// protocols are refused.
//
// A message that was accepted survives the process when there is a [Journal]. It
// reaches each subscriber at least once, tried again as AWS does.
package sns

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/outbox"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/snsapi"
)

// Functions calls Lambda functions.
type Functions interface {
	// Invoke calls a function, version or alias with an event and does not wait
	// for its answer. A *wire.Error with a status below 500 that is no throttling
	// says that it is no use to try again.
	Invoke(ctx context.Context, function string, event []byte) error
}

// Config is what a Service is made of.
type Config struct {
	// Clock tells the time; nil means the machine's.
	Clock clock.Clock
	// Rand makes ids and tokens; nil means the machine's secure source.
	Rand io.Reader
	// Journal remembers everything; nil means that it ends with the process.
	Journal outbox.Journal
	// Functions calls functions that are subscribed; with nil, deliveries to them
	// are given up.
	Functions Functions
	// HTTP reaches the endpoints; nil means a client of its own with SNS's
	// time-out of 15 seconds.
	HTTP *http.Client
	// Endpoint returns the address of this cloud, for the links in messages. Nil
	// or empty: the links lead to an address that nothing answers.
	Endpoint func() string
}

// A Service is the local SNS. It is a clock.Process.
type Service struct {
	clock     clock.Clock
	random    ids
	journal   outbox.Journal
	functions Functions
	http      *http.Client
	endpoint  func() string
	box       *outbox.Box

	mu            sync.Mutex
	topics        map[string]*topic        // by ARN
	subscriptions map[string]*subscription // by ARN
}

// The kinds of records.
const (
	recordTopic        = "sns.topic"
	recordSubscription = "sns.subscription"
	recordDelivery     = "sns.delivery"
)

// A topic is changed only with the service's mu held.
type topic struct {
	ARN        string            `json:"arn"`
	Name       string            `json:"name"`
	Account    string            `json:"account"`
	Region     string            `json:"region"`
	Partition  string            `json:"partition"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Deleted    int               `json:"deleted,omitempty"` // subscriptions that were
	// Sequence is the number of the last message of a FIFO topic.
	Sequence int64 `json:"sequence,omitempty"`

	// recent are the messages of a FIFO topic by deduplication id.
	recent map[string]sent
}

// A sent message is one that a FIFO topic has taken.
type sent struct {
	id, sequence string
	at           time.Time
}

func (t *topic) fifo() bool { return t.Attributes["FifoTopic"] == "true" }

// A subscription is changed only with the service's mu held.
type subscription struct {
	ARN           string            `json:"arn"`
	Topic         string            `json:"topic"`
	Owner         string            `json:"owner"`
	Principal     string            `json:"principal"`
	Protocol      string            `json:"protocol"`
	Endpoint      string            `json:"endpoint"`
	Pending       bool              `json:"pending,omitempty"`
	Token         string            `json:"token,omitempty"`
	Authenticated bool              `json:"authenticated,omitempty"`
	Attributes    map[string]string `json:"attributes,omitempty"`
	Created       time.Time         `json:"created"`

	filter filter
}

// New returns a service with what the journal remembers.
func New(c Config) (*Service, error) {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.HTTP == nil {
		const patience = 15 * time.Second
		c.HTTP = &http.Client{Timeout: patience}
	}
	if c.Endpoint == nil {
		c.Endpoint = func() string { return "" }
	}
	s := &Service{
		clock: c.Clock, random: newIDs(c.Rand), journal: c.Journal, functions: c.Functions, http: c.HTTP, endpoint: c.Endpoint,
		topics: map[string]*topic{}, subscriptions: map[string]*subscription{},
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("sns: load: %w", err)
	}
	var err error
	s.box, err = outbox.New(outbox.Config{Clock: c.Clock, Journal: c.Journal, Kind: recordDelivery, Deliver: s.deliver})
	return s, err
}

func (s *Service) load() error {
	if s.journal == nil {
		return nil
	}
	err := s.journal.Load(recordTopic, journal.FromJSON(func(arn string, t *topic) error {
		s.topics[arn] = t
		return nil
	}))
	if err != nil {
		return err
	}
	return s.journal.Load(recordSubscription, journal.FromJSON(func(arn string, sub *subscription) (err error) {
		sub.filter, err = readFilter(sub.Attributes)
		s.subscriptions[arn] = sub
		return err
	}))
}

// Close ends the deliveries under way.
func (s *Service) Close() { s.box.Close() }

// Next returns when a delivery is due.
func (s *Service) Next() (time.Time, bool) { return s.box.Next() }

// Run begins the deliveries that are due, on goroutines of their own.
func (s *Service) Run(ctx context.Context, now time.Time) error { return s.box.Run(ctx, now) }

// Wake is what [clock.Run] listens to.
func (s *Service) Wake() <-chan struct{} { return s.box.Wake() }

// Idle waits until no delivery is under way.
func (s *Service) Idle() { s.box.Idle() }

// API returns the operations.
func (s *Service) API() wire.API {
	return wire.API{Service: &snsapi.Service, Rows: []wire.Row{
		wire.Op(snsapi.ConfirmSubscription, s.confirmSubscription),
		wire.Op(snsapi.CreateTopic, s.createTopic),
		wire.Op(snsapi.DeleteTopic, s.deleteTopic),
		wire.Op(snsapi.GetSubscriptionAttributes, s.getSubscriptionAttributes),
		wire.Op(snsapi.GetTopicAttributes, s.getTopicAttributes),
		wire.Op(snsapi.ListSubscriptions, s.listSubscriptions),
		wire.Op(snsapi.ListSubscriptionsByTopic, s.listSubscriptionsByTopic),
		wire.Op(snsapi.ListTagsForResource, s.listTagsForResource),
		wire.Op(snsapi.ListTopics, s.listTopics),
		wire.Op(snsapi.Publish, s.publish),
		wire.Op(snsapi.PublishBatch, s.publishBatch),
		wire.Op(snsapi.SetSubscriptionAttributes, s.setSubscriptionAttributes),
		wire.Op(snsapi.SetTopicAttributes, s.setTopicAttributes),
		wire.Op(snsapi.Subscribe, s.subscribe),
		wire.Op(snsapi.TagResource, s.tagResource),
		wire.Op(snsapi.Unsubscribe, s.unsubscribe),
		wire.Op(snsapi.UntagResource, s.untagResource),
	}}
}

// save commits records, if there is a journal.
func (s *Service) save(records ...journal.Record) error {
	if s.journal == nil {
		return nil
	}
	return s.journal.Commit(records...)
}

// invalid is SNS's error for whatever is wrong with a parameter.
func invalid(format string, args ...any) error {
	return snsapi.NewInvalidParameterException("Invalid parameter: " + fmt.Sprintf(format, args...))
}

var (
	errNoTopic        = snsapi.NewNotFoundException("Topic does not exist")
	errNoSubscription = snsapi.NewNotFoundException("Subscription does not exist")
)

var topicARN = regexp.MustCompile(`^arn:[^:]+:sns:[^:]*:[^:]*:[^:]+$`)

// topicAt finds a topic. s.mu is held.
func (s *Service) topicAt(ctx context.Context, arn string) (*topic, error) {
	if !topicARN.MatchString(arn) {
		return nil, invalid("TopicArn")
	}
	t := s.topics[arn]
	if t == nil || t.Region != wire.CallerFrom(ctx).Region {
		return nil, errNoTopic
	}
	return t, nil
}

// changeTopic calls f with a copy of a topic and keeps it, unless f fails.
func (s *Service) changeTopic(ctx context.Context, arn string, f func(t *topic) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topicAt(ctx, arn)
	if err != nil {
		return err
	}
	next := *t
	next.Attributes, next.Tags = cloned(t.Attributes), cloned(t.Tags)
	if err := f(&next); err != nil {
		return err
	}
	if err := s.save(journal.JSON(recordTopic, arn, &next)); err != nil {
		return err
	}
	*t = next
	return nil
}

func cloned(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}

// pageSize is how many items a list has.
const pageSize = 100

// reserved says whether a tag's key belongs to AWS.
func reserved(ctx context.Context, key string) bool {
	return strings.HasPrefix(strings.ToLower(key), "aws:") && !wire.IsForCloudFormation(ctx)
}
