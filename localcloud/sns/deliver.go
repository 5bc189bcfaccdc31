package sns

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/outbox"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// A notification is the body of what an HTTP endpoint gets. SNS's signature is
// left out: see the package comment.
type notification struct {
	Type              string               `json:"Type"`
	MessageID         string               `json:"MessageId"`
	Token             string               `json:"Token,omitempty"`
	TopicARN          string               `json:"TopicArn"`
	Subject           *string              `json:"Subject,omitempty"`
	Message           string               `json:"Message"`
	SubscribeURL      string               `json:"SubscribeURL,omitempty"`
	Timestamp         string               `json:"Timestamp"`
	UnsubscribeURL    string               `json:"UnsubscribeURL,omitempty"`
	MessageAttributes map[string]attribute `json:"MessageAttributes,omitempty"`
}

// The types of notifications.
const (
	typeNotification = "Notification"
	typeConfirmation = "SubscriptionConfirmation"
)

// deliver makes one attempt to bring a message to a subscriber.
func (s *Service) deliver(ctx context.Context, i outbox.Item) (again time.Duration) {
	var d delivery
	if err := json.Unmarshal(i.Payload, &d); err != nil {
		return 0 // nobody could ever read it
	}
	s.mu.Lock()
	var sub subscription
	var policy retries
	known := s.subscriptions[d.Subscription]
	if known != nil {
		sub = *known
		if t := s.topics[sub.Topic]; t != nil {
			// What is stored was read before.
			policy, _ = effectivePolicy(t, known)
		}
	}
	s.mu.Unlock()
	if known == nil || sub.Pending != d.Confirm {
		return 0 // nobody wants it any more
	}
	if sub.Protocol == toLambda {
		return s.invoke(ctx, &sub, &d, i.Attempt)
	}
	if s.request(ctx, &sub, &d) {
		return 0
	}
	return policy.wait(i.Attempt)
}

// request brings a message to an HTTP endpoint, and says whether there is nothing
// more to do: it arrived, or was refused for good.
func (s *Service) request(ctx context.Context, sub *subscription, d *delivery) bool {
	kind, body := typeNotification, []byte(d.Message.Text)
	raw := sub.Attributes["RawMessageDelivery"] == "true" && !d.Confirm
	if d.Confirm {
		kind = typeConfirmation
	}
	if !raw {
		var err error
		if body, err = json.Marshal(s.notification(sub, d)); err != nil {
			return true // a message that was read can be written
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, sub.Endpoint, bytes.NewReader(body))
	if err != nil {
		return true // an address that will never be one
	}
	r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	r.Header.Set("User-Agent", "Amazon Simple Notification Service Agent")
	r.Header.Set("X-Amz-Sns-Message-Type", kind)
	r.Header.Set("X-Amz-Sns-Message-Id", d.Message.ID)
	r.Header.Set("X-Amz-Sns-Topic-Arn", d.Message.Topic)
	if !d.Confirm {
		r.Header.Set("X-Amz-Sns-Subscription-Arn", sub.ARN)
	}
	if raw {
		r.Header.Set("X-Amz-Sns-Rawdelivery", "true")
	}
	answer, err := s.http.Do(r)
	if err != nil {
		return false
	}
	const enough = 64 << 10
	// The connection can be used again only after the answer was read.
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, enough))
	_ = answer.Body.Close()
	// What the endpoint refuses it would refuse again.
	return answer.StatusCode < http.StatusInternalServerError && answer.StatusCode != http.StatusTooManyRequests
}

func (s *Service) notification(sub *subscription, d *delivery) notification {
	m := &d.Message
	n := notification{Type: typeNotification, MessageID: m.ID, TopicARN: m.Topic, Timestamp: timestamp(m.At)}
	if d.Confirm {
		n.Type, n.Token = typeConfirmation, sub.Token
		n.Message = "You have chosen to subscribe to the topic " + m.Topic + ".\nTo confirm the subscription, visit the SubscribeURL included in this message."
		n.SubscribeURL = s.link("ConfirmSubscription", url.Values{"TopicArn": {m.Topic}, "Token": {sub.Token}}, sub)
		return n
	}
	n.Subject, n.Message, n.MessageAttributes = m.Subject, m.Text, m.Attributes
	n.UnsubscribeURL = s.link("Unsubscribe", url.Values{"SubscriptionArn": {sub.ARN}}, sub)
	return n
}

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// link returns an address that does something with a subscription when it is
// opened. It names whose subscription it is, since nobody signs it.
func (s *Service) link(action string, q url.Values, sub *subscription) string {
	base := s.endpoint()
	if base == "" {
		base = "http://crossfade.local"
	}
	q.Set("Action", action)
	q.Set("Version", "2010-03-31")
	if a, err := arn.Parse(sub.Topic); err == nil {
		q.Set("X-Amz-Credential", a.Account+"/19700101/"+a.Region+"/sns/aws4_request")
	}
	return base + "/?" + q.Encode()
}

// A functionRecord is what a function gets.
type functionRecord struct {
	Source       string     `json:"EventSource"`
	Version      string     `json:"EventVersion"`
	Subscription string     `json:"EventSubscriptionArn"`
	Sns          lambdaBody `json:"Sns"`
}

type lambdaBody struct {
	Type              string               `json:"Type"`
	MessageID         string               `json:"MessageId"`
	TopicARN          string               `json:"TopicArn"`
	Subject           *string              `json:"Subject"`
	Message           string               `json:"Message"`
	Timestamp         string               `json:"Timestamp"`
	SignatureVersion  string               `json:"SignatureVersion"`
	Signature         string               `json:"Signature"`
	SigningCertURL    string               `json:"SigningCertUrl"`
	UnsubscribeURL    string               `json:"UnsubscribeUrl"`
	MessageAttributes map[string]attribute `json:"MessageAttributes"`
}

// invoke brings a message to a function. Functions may read the members of the
// signature, which are there and empty.
func (s *Service) invoke(ctx context.Context, sub *subscription, d *delivery, attempt int) (again time.Duration) {
	if s.functions == nil {
		return 0
	}
	m := &d.Message
	event, err := json.Marshal(map[string][]functionRecord{"Records": {{
		Source: "aws:sns", Version: "1.0", Subscription: sub.ARN,
		Sns: lambdaBody{
			Type: typeNotification, MessageID: m.ID, TopicARN: m.Topic, Subject: m.Subject, Message: m.Text, Timestamp: timestamp(m.At),
			UnsubscribeURL: s.link("Unsubscribe", url.Values{"SubscriptionArn": {sub.ARN}}, sub), MessageAttributes: m.Attributes,
		},
	}}})
	if err != nil {
		return 0 // a message that was read can be written
	}
	a, err := arn.Parse(sub.Endpoint)
	if err != nil {
		return 0 // it was checked
	}
	ctx = wire.WithCaller(ctx, wire.Caller{Account: a.Account, Region: a.Region, Partition: a.Partition})
	err = s.functions.Invoke(ctx, sub.Endpoint, event)
	if e, ok := errors.AsType[*wire.Error](err); err == nil || ok && e.HTTPStatus() < http.StatusInternalServerError && e.HTTPStatus() != http.StatusTooManyRequests {
		return 0 // it has it, or will never take it
	}
	return lambdaPolicy.wait(attempt)
}
