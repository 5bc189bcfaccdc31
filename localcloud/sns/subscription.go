package sns

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/snsapi"
)

// pendingARN is what stands for a subscription that is not confirmed yet.
const (
	pendingARN     = "pending confirmation"
	pendingListing = "PendingConfirmation"
)

// The protocols.
const (
	overHTTP  = "http"
	overHTTPS = "https"
	toLambda  = "lambda"
)

// checkEndpoint refuses subscriptions that nothing could be delivered to.
func checkEndpoint(protocol, endpoint string) error {
	switch protocol {
	case overHTTP, overHTTPS:
		if !strings.HasPrefix(endpoint, protocol+"://") {
			return invalid("Endpoint must match the specified protocol")
		}
	case toLambda:
		if a, err := arn.Parse(endpoint); err != nil || a.Service != "lambda" || a.Kind() != "function" {
			return invalid("Lambda endpoint ARN")
		}
	case "email", "email-json":
		if !strings.Contains(endpoint, "@") {
			return invalid("Email address")
		}
	case "sqs", "sms", "application", "firehose":
		return invalid("Protocol: the local cloud delivers to http, https and lambda, and cannot deliver to %s", protocol)
	default:
		return invalid("Amazon SNS does not support this protocol string: %s", protocol)
	}
	return nil
}

// subscriptionAttributes are those that can be set.
var subscriptionAttributes = []string{"DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "SubscriptionRoleArn"}

// checkAttributes reads what the attributes of a subscription say.
func checkAttributes(attributes map[string]string) (filter, error) {
	for name, value := range attributes {
		switch {
		case !slices.Contains(subscriptionAttributes, name):
			return filter{}, invalid("AttributeName")
		case value == "":
		case name == "RawMessageDelivery":
			if _, err := strconv.ParseBool(value); err != nil {
				return filter{}, invalid("RawMessageDelivery: Invalid value [%s]. Must be true or false.", value)
			}
		case name == "DeliveryPolicy":
			if _, err := readPolicy(value); err != nil {
				return filter{}, invalid("DeliveryPolicy: %v", err)
			}
		case name == "RedrivePolicy":
			// Its queue would be one of SQS.
			return filter{}, invalid("RedrivePolicy: the local cloud has no queues that undelivered messages could go to")
		}
	}
	return readFilter(attributes)
}

func (s *Service) subscribe(ctx context.Context, in *snsapi.SubscribeInput) (*snsapi.SubscribeResponse, error) {
	endpoint := wire.Value(in.Endpoint)
	c := wire.CallerFrom(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topicAt(ctx, in.TopicArn)
	if err != nil {
		return nil, err
	}
	if err := checkEndpoint(in.Protocol, endpoint); err != nil {
		return nil, err
	}
	if t.fifo() {
		return nil, invalid("Invalid protocol type: %s", in.Protocol) // FIFO topics have queues alone
	}
	f, err := checkAttributes(in.Attributes)
	if err != nil {
		return nil, err
	}
	for _, sub := range s.subscriptions {
		if sub.Topic == t.ARN && sub.Protocol == in.Protocol && sub.Endpoint == endpoint {
			return s.subscribeAgain(in, sub)
		}
	}
	sub := &subscription{
		Topic: t.ARN, Owner: c.Account, Principal: "arn:" + c.Partition + ":iam::" + c.Account + ":root",
		Protocol: in.Protocol, Endpoint: endpoint, Pending: in.Protocol != toLambda,
		Authenticated: in.Protocol == toLambda, Attributes: cloned(in.Attributes), Created: s.clock.Now().UTC(), filter: f,
	}
	id, err := s.random.uuid()
	if err != nil {
		return nil, err
	}
	sub.ARN = t.ARN + ":" + id
	if sub.Pending {
		const size = 128
		if sub.Token, err = s.random.hex(size); err != nil {
			return nil, err
		}
	}
	if err := s.save(journal.JSON(recordSubscription, sub.ARN, sub)); err != nil {
		return nil, err
	}
	s.subscriptions[sub.ARN] = sub
	return sub.answer(in), s.askToConfirm(sub)
}

// subscribeAgain answers a subscription that there is already.
func (s *Service) subscribeAgain(in *snsapi.SubscribeInput, sub *subscription) (*snsapi.SubscribeResponse, error) {
	for name, value := range in.Attributes {
		if sub.Attributes[name] != value {
			return nil, invalid("Attributes Reason: Subscription already exists with different attributes")
		}
	}
	return sub.answer(in), s.askToConfirm(sub)
}

func (sub *subscription) answer(in *snsapi.SubscribeInput) *snsapi.SubscribeResponse {
	if sub.Pending && !wire.Value(in.ReturnSubscriptionArn) {
		return &snsapi.SubscribeResponse{SubscriptionArn: new(pendingARN)}
	}
	return &snsapi.SubscribeResponse{SubscriptionArn: &sub.ARN}
}

// askToConfirm sends the endpoint of a pending subscription its token.
func (s *Service) askToConfirm(sub *subscription) error {
	if !sub.Pending || sub.Protocol != overHTTP && sub.Protocol != overHTTPS {
		return nil
	}
	id, err := s.random.uuid()
	if err != nil {
		return err
	}
	return s.send(delivery{
		Subscription: sub.ARN, Confirm: true,
		Message: message{ID: id, Topic: sub.Topic, At: s.clock.Now().UTC()},
	})
}

func (s *Service) confirmSubscription(ctx context.Context, in *snsapi.ConfirmSubscriptionInput) (*snsapi.ConfirmSubscriptionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topicAt(ctx, in.TopicArn)
	if err != nil {
		return nil, err
	}
	for _, sub := range s.subscriptions {
		if sub.Topic != t.ARN || sub.Token == "" || sub.Token != in.Token {
			continue
		}
		next := *sub
		next.Pending = false
		next.Authenticated = wire.Value(in.AuthenticateOnUnsubscribe) == "true"
		if err := s.save(journal.JSON(recordSubscription, sub.ARN, &next)); err != nil {
			return nil, err
		}
		*sub = next
		return &snsapi.ConfirmSubscriptionResponse{SubscriptionArn: &sub.ARN}, nil
	}
	return nil, invalid("Token")
}

// subscriptionAt finds a subscription. s.mu is held.
func (s *Service) subscriptionAt(arn string) (*subscription, error) {
	if sub := s.subscriptions[arn]; sub != nil {
		return sub, nil
	}
	const parts = 6 // colons in the ARN of a subscription
	if strings.Count(arn, ":") != parts {
		return nil, invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not %d", strings.Count(arn, ":")+1)
	}
	return nil, errNoSubscription
}

func (s *Service) unsubscribe(_ context.Context, in *snsapi.UnsubscribeInput) (*wire.Nothing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, err := s.subscriptionAt(in.SubscriptionArn)
	if wire.IsCode(err, "NotFoundException") {
		return nil, nil // to end what is not there is no error
	} else if err != nil {
		return nil, err
	}
	records := []journal.Record{journal.Deletion(recordSubscription, sub.ARN)}
	t := s.topics[sub.Topic]
	if t != nil {
		next := *t
		next.Deleted++
		records = append(records, journal.JSON(recordTopic, t.ARN, &next))
	}
	if err := s.save(records...); err != nil {
		return nil, err
	}
	if t != nil {
		t.Deleted++
	}
	delete(s.subscriptions, sub.ARN)
	return nil, nil
}

// dropSubscriptions returns the records that end those of a topic. s.mu is held.
func (s *Service) dropSubscriptions(t *topic) []journal.Record {
	var records []journal.Record
	for arn, sub := range s.subscriptions {
		if sub.Topic == t.ARN {
			records = append(records, journal.Deletion(recordSubscription, arn))
		}
	}
	return records
}

func (s *Service) getSubscriptionAttributes(_ context.Context, in *snsapi.GetSubscriptionAttributesInput) (*snsapi.GetSubscriptionAttributesResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, err := s.subscriptionAt(in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	a := map[string]string{
		"SubscriptionArn": sub.ARN, "TopicArn": sub.Topic, "Owner": sub.Owner, "Protocol": sub.Protocol, "Endpoint": sub.Endpoint,
		"PendingConfirmation": strconv.FormatBool(sub.Pending), "ConfirmationWasAuthenticated": strconv.FormatBool(sub.Authenticated),
		"RawMessageDelivery": "false", "SubscriptionPrincipal": sub.Principal,
	}
	for name, value := range sub.Attributes {
		if value != "" {
			a[name] = value
		}
	}
	if a["FilterPolicy"] != "" && a["FilterPolicyScope"] == "" {
		a["FilterPolicyScope"] = scopeAttributes
	}
	if t := s.topics[sub.Topic]; t != nil && sub.Protocol != toLambda {
		policy, err := effectivePolicy(t, sub)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(policy)
		if err != nil {
			return nil, err
		}
		a["EffectiveDeliveryPolicy"] = string(text)
	}
	return &snsapi.GetSubscriptionAttributesResponse{Attributes: a}, nil
}

func (s *Service) setSubscriptionAttributes(_ context.Context, in *snsapi.SetSubscriptionAttributesInput) (*wire.Nothing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, err := s.subscriptionAt(in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	next := *sub
	next.Attributes = cloned(sub.Attributes)
	delete(next.Attributes, in.AttributeName)
	if value := wire.Value(in.AttributeValue); value != "" {
		next.Attributes[in.AttributeName] = value
	} else if !slices.Contains(subscriptionAttributes, in.AttributeName) {
		return nil, invalid("AttributeName")
	}
	if next.filter, err = checkAttributes(next.Attributes); err != nil {
		return nil, err
	}
	if err := s.save(journal.JSON(recordSubscription, sub.ARN, &next)); err != nil {
		return nil, err
	}
	*sub = next
	return nil, nil
}

func (s *Service) listSubscriptions(ctx context.Context, in *snsapi.ListSubscriptionsInput) (*snsapi.ListSubscriptionsResponse, error) {
	c := wire.CallerFrom(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	list, next := s.list(in.NextToken, func(sub *subscription) bool {
		t := s.topics[sub.Topic]
		return sub.Owner == c.Account && t != nil && t.Region == c.Region
	})
	return &snsapi.ListSubscriptionsResponse{Subscriptions: list, NextToken: next}, nil
}

func (s *Service) listSubscriptionsByTopic(ctx context.Context, in *snsapi.ListSubscriptionsByTopicInput) (*snsapi.ListSubscriptionsByTopicResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topicAt(ctx, in.TopicArn)
	if err != nil {
		return nil, err
	}
	list, next := s.list(in.NextToken, func(sub *subscription) bool { return sub.Topic == t.ARN })
	return &snsapi.ListSubscriptionsByTopicResponse{Subscriptions: list, NextToken: next}, nil
}

// list returns a page of the subscriptions that are wanted. s.mu is held.
func (s *Service) list(token *string, wanted func(*subscription) bool) ([]snsapi.Subscription, *string) {
	var arns []string
	for _, arn := range slices.Sorted(maps.Keys(s.subscriptions)) {
		if wanted(s.subscriptions[arn]) {
			arns = append(arns, arn)
		}
	}
	arns, next := wire.Page(arns, wire.Value(token), pageSize)
	list := []snsapi.Subscription{}
	for _, arn := range arns {
		sub := s.subscriptions[arn]
		shown := snsapi.Subscription{SubscriptionArn: &sub.ARN, Owner: &sub.Owner, Protocol: &sub.Protocol, Endpoint: &sub.Endpoint, TopicArn: &sub.Topic}
		if sub.Pending {
			shown.SubscriptionArn = new(pendingListing)
		}
		list = append(list, shown)
	}
	return list, next
}
