package sns

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/outbox"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/snsapi"
)

// A message is one that a topic has taken.
type message struct {
	ID         string               `json:"id"`
	Topic      string               `json:"topic"`
	Subject    *string              `json:"subject,omitempty"`
	Text       string               `json:"text"`
	Attributes map[string]attribute `json:"attributes,omitempty"`
	At         time.Time            `json:"at"`

	texts map[string]string // by protocol, of a message with a structure
}

// An attribute is one of a message, as subscribers see it.
type attribute struct {
	Type  string `json:"Type"`
	Value string `json:"Value"`
}

// A delivery is a message on its way to one subscriber.
type delivery struct {
	Subscription string  `json:"subscription"`
	Message      message `json:"message"`
	// Confirm is true for the message that asks an endpoint to confirm.
	Confirm bool `json:"confirm,omitempty"`
}

// maxMessage is how long a message may be with its attributes, in bytes.
const maxMessage = 262_144

// maxSubject is how long a subject may be, in characters.
const maxSubject = 100

// A posting is what is to be published, alone or in a batch.
type posting struct {
	text, subject, structure string
	attributes               map[string]snsapi.MessageAttributeValue
	group, deduplication     string
	givenSubject             bool
}

func (s *Service) publish(ctx context.Context, in *snsapi.PublishInput) (*snsapi.PublishResponse, error) {
	to := wire.ValueOr(in.TopicArn, wire.Value(in.TargetArn))
	switch a, err := arn.Parse(to); {
	case in.PhoneNumber != nil:
		return nil, invalid("PhoneNumber Reason: the local cloud sends no SMS")
	case to == "":
		return nil, invalid("TopicArn or TargetArn Reason: no value for required parameter")
	case err == nil && strings.HasPrefix(a.Resource, "endpoint/"):
		return nil, invalid("TargetArn Reason: the local cloud has no mobile applications")
	}
	id, sequence, err := s.post(ctx, to, posting{
		text: in.Message, subject: wire.Value(in.Subject), givenSubject: in.Subject != nil, structure: wire.Value(in.MessageStructure),
		attributes: in.MessageAttributes, group: wire.Value(in.MessageGroupId), deduplication: wire.Value(in.MessageDeduplicationId),
	})
	if err != nil {
		return nil, err
	}
	out := &snsapi.PublishResponse{MessageId: &id}
	if sequence != "" {
		out.SequenceNumber = &sequence
	}
	return out, nil
}

var batchID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

func (s *Service) publishBatch(ctx context.Context, in *snsapi.PublishBatchInput) (*snsapi.PublishBatchResponse, error) {
	const most = 10
	seen, size := map[string]bool{}, 0
	for _, e := range in.PublishBatchRequestEntries {
		if !batchID.MatchString(e.Id) {
			return nil, snsapi.NewInvalidBatchEntryIdException("The Id of a batch entry in a batch request doesn't abide by the specification. ")
		}
		if seen[e.Id] {
			return nil, snsapi.NewBatchEntryIdsNotDistinctException("Two or more batch entries in the request have the same Id.")
		}
		seen[e.Id] = true
		size += len(e.Message)
	}
	switch {
	case len(in.PublishBatchRequestEntries) == 0:
		return nil, snsapi.NewEmptyBatchRequestException("The batch request doesn't contain any entries.")
	case len(in.PublishBatchRequestEntries) > most:
		return nil, snsapi.NewTooManyEntriesInBatchRequestException("The batch request contains more entries than permissible.")
	case size > maxMessage:
		return nil, snsapi.NewBatchRequestTooLongException("The length of all the batch messages put together is more than the limit.")
	}
	s.mu.Lock()
	_, err := s.topicAt(ctx, in.TopicArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	out := &snsapi.PublishBatchResponse{Successful: []snsapi.PublishBatchResultEntry{}, Failed: []snsapi.BatchResultErrorEntry{}}
	for _, e := range in.PublishBatchRequestEntries {
		id, sequence, err := s.post(ctx, in.TopicArn, posting{
			text: e.Message, subject: wire.Value(e.Subject), givenSubject: e.Subject != nil, structure: wire.Value(e.MessageStructure),
			attributes: e.MessageAttributes, group: wire.Value(e.MessageGroupId), deduplication: wire.Value(e.MessageDeduplicationId),
		})
		if failure, ok := errors.AsType[*wire.Error](err); ok {
			out.Failed = append(out.Failed, snsapi.BatchResultErrorEntry{Id: e.Id, Code: failure.QueryCode, Message: &failure.Message, SenderFault: true})
			continue
		} else if err != nil {
			return nil, err
		}
		result := snsapi.PublishBatchResultEntry{Id: new(e.Id), MessageId: &id}
		if sequence != "" {
			result.SequenceNumber = &sequence
		}
		out.Successful = append(out.Successful, result)
	}
	return out, nil
}

// post takes a message in and sends it to who wants it.
func (s *Service) post(ctx context.Context, to string, p posting) (id, sequence string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topicAt(ctx, to)
	if err != nil {
		return "", "", err
	}
	m, err := p.message()
	if err != nil {
		return "", "", err
	}
	if m.ID, err = s.random.uuid(); err != nil {
		return "", "", err
	}
	m.Topic, m.At = t.ARN, s.clock.Now().UTC()
	if t.fifo() {
		before, err := s.number(t, p, m)
		if err != nil || before.id != "" {
			return before.id, before.sequence, err
		}
		sequence = t.recent[p.deduplicationID()].sequence
	}
	var out []delivery
	for _, arn := range slices.Sorted(maps.Keys(s.subscriptions)) {
		sub := s.subscriptions[arn]
		if sub.Topic == t.ARN && !sub.Pending && sub.filter.wants(m) {
			d := delivery{Subscription: arn, Message: *m}
			if text, ok := m.texts[sub.Protocol]; ok {
				d.Message.Text = text
			}
			out = append(out, d)
		}
	}
	return m.ID, sequence, s.send(out...)
}

// send puts deliveries in the box.
func (s *Service) send(deliveries ...delivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	items := make([]outbox.Item, len(deliveries))
	for i, d := range deliveries {
		text, err := json.Marshal(d)
		if err != nil {
			return err
		}
		items[i] = outbox.Item{ID: d.Message.ID + " " + d.Subscription, Payload: text}
	}
	return s.box.Add(items...)
}

// message checks what is to be published.
func (p posting) message() (*message, error) {
	m := &message{Text: p.text, Attributes: map[string]attribute{}}
	size := len(p.text)
	for name, a := range p.attributes {
		given := attribute{Type: a.DataType, Value: wire.Value(a.StringValue)}
		switch kind, _, _ := strings.Cut(a.DataType, "."); {
		case kind != "String" && kind != "Number" && kind != "Binary":
			return nil, invalidValue("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		case kind == "Binary":
			given.Value = base64.StdEncoding.EncodeToString(a.BinaryValue)
		}
		if given.Value == "" {
			return nil, invalidValue("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, a.DataType)
		}
		m.Attributes[name] = given
		size += len(name) + len(given.Type) + len(given.Value)
	}
	switch {
	case p.text == "":
		return nil, invalid("Empty message")
	case size > maxMessage:
		return nil, invalid("Message too long")
	case p.givenSubject && (p.subject == "" || utf8.RuneCountInString(p.subject) > maxSubject || strings.ContainsAny(p.subject, "\r\n")):
		return nil, invalid("Subject")
	case p.structure != "" && p.structure != "json":
		return nil, invalid("MessageStructure")
	}
	if p.givenSubject {
		m.Subject = &p.subject
	}
	if p.structure == "" {
		return m, nil
	}
	var texts map[string]json.RawMessage
	if err := json.Unmarshal([]byte(p.text), &texts); err != nil {
		return nil, invalid("Message Structure - JSON message body failed to parse")
	}
	m.texts = map[string]string{}
	for protocol, raw := range texts {
		var text string
		if json.Unmarshal(raw, &text) == nil { // what is no text counts as not given
			m.texts[protocol] = text
		}
	}
	text, ok := m.texts["default"]
	if !ok {
		return nil, invalid("Message Structure - No default entry in JSON message body")
	}
	m.Text = text
	return m, nil
}

func invalidValue(format string, args ...any) error {
	return snsapi.NewInvalidParameterValueException(fmt.Sprintf(format, args...))
}

// deduplicationID is the given one, or what the text comes to.
func (p posting) deduplicationID() string {
	if p.deduplication != "" {
		return p.deduplication
	}
	sum := sha256.Sum256([]byte(p.text))
	return hex.EncodeToString(sum[:])
}

// deduplication is for how long a FIFO topic takes a message once. After a restart
// it does not know what it took before.
const deduplication = 5 * time.Minute

// number gives a message of a FIFO topic its number, or returns what the topic
// took already. s.mu is held.
func (s *Service) number(t *topic, p posting, m *message) (before sent, err error) {
	switch {
	case p.group == "":
		return sent{}, invalid("The MessageGroupId parameter is required for FIFO topics")
	case p.deduplication == "" && t.Attributes["ContentBasedDeduplication"] != "true":
		return sent{}, invalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	maps.DeleteFunc(t.recent, func(_ string, old sent) bool { return m.At.Sub(old.at) >= deduplication })
	id := p.deduplicationID()
	if old, ok := t.recent[id]; ok {
		return old, nil
	}
	next := *t
	next.Sequence++
	if err := s.save(journal.JSON(recordTopic, t.ARN, &next)); err != nil {
		return sent{}, err
	}
	t.Sequence = next.Sequence
	if t.recent == nil {
		t.recent = map[string]sent{}
	}
	const first = 10_000_000_000_000_000_000 // they have twenty digits
	t.recent[id] = sent{id: m.ID, sequence: fmt.Sprint(uint64(first) + uint64(t.Sequence)), at: m.At}
	return sent{}, nil
}
