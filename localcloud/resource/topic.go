package resource

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// topicSettings are the properties of a topic that are attributes of it.
var topicSettings = []string{
	"ArchivePolicy", "ContentBasedDeduplication", "DisplayName", "FifoThroughputScope", "FifoTopic", "KmsMasterKeyId", "SignatureVersion", "TracingConfig",
}

func topic() kind {
	const longest = 256
	k := kind{name: "TopicName", longest: longest, tags: topicTags, missing: missingOfTopic}
	name := func(c *call) string {
		if c.has(k.name) || c.text("FifoTopic") != "true" {
			return c.named(k)
		}
		const fifo = ".fifo"
		return c.invented(longest-len(fifo), false) + fifo
	}
	k.absent = func(ctx context.Context, c *call) error {
		id := c.arn("sns", name(c))
		_, err := c.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &id})
		return unlessGone(err, c.exists(id))
	}
	k.create = func(ctx context.Context, c *call) error {
		in := &sns.CreateTopicInput{Name: new(name(c)), Attributes: attributesOf(c.Properties, topicSettings), Tags: tagList(c.tags(), topicTag)}
		if err := c.checkTopic(); err != nil {
			return err
		}
		// The same topic again is no error.
		out, err := c.sns.CreateTopic(ctx, in)
		if err != nil {
			return err
		}
		c.id = *out.TopicArn
		return nil
	}
	k.complete = done(func(ctx context.Context, c *call) error {
		for protocol, endpoint := range subscriptionsOf(c.Properties) {
			_, err := c.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &c.id, Protocol: &protocol, Endpoint: &endpoint})
			if err != nil {
				return err
			}
		}
		return nil
	})
	k.update = done(updateTopic)
	k.remove = done(func(ctx context.Context, c *call) error {
		_, err := c.sns.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: &c.id})
		return err
	})
	k.attributes = func(_ context.Context, c *call) (attributes, error) {
		return attributes{"TopicArn": str(&c.id), "TopicName": jsonvalue.String(c.id[strings.LastIndexByte(c.id, ':')+1:])}, nil
	}
	return k
}

// checkTopic refuses properties that a topic does not act on.
func (c *call) checkTopic() error {
	known := append([]string{"TopicName", "Subscription", "Tags"}, topicSettings...)
	return fillFrom(&struct{}{}, c.Properties, known...)
}

func updateTopic(ctx context.Context, c *call) error {
	if err := c.checkTopic(); err != nil {
		return err
	}
	now := attributesOf(c.Properties, topicSettings)
	for _, name := range topicSettings {
		if !c.changed(name) || name == "FifoTopic" {
			continue
		}
		_, err := c.sns.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &c.id, AttributeName: &name, AttributeValue: new(now[name])})
		if err != nil {
			return err
		}
	}
	kept := map[[2]string]bool{}
	for protocol, endpoint := range subscriptionsOf(c.Properties) {
		kept[[2]string{protocol, endpoint}] = true
	}
	dropped := map[[2]string]bool{}
	for protocol, endpoint := range subscriptionsOf(c.Previous) {
		if s := [2]string{protocol, endpoint}; !kept[s] {
			dropped[s] = true
		}
	}
	if len(dropped) == 0 {
		return nil
	}
	pages := sns.NewListSubscriptionsByTopicPaginator(c.sns, &sns.ListSubscriptionsByTopicInput{TopicArn: &c.id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, s := range page.Subscriptions {
			if !dropped[[2]string{*s.Protocol, *s.Endpoint}] || !strings.HasPrefix(*s.SubscriptionArn, "arn:") {
				continue // one that was never confirmed has no ARN, and goes with the topic
			}
			if _, err := c.sns.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: s.SubscriptionArn}); err != nil {
				return err
			}
		}
	}
	return nil
}

// subscriptionsOf yields protocols and endpoints of the subscriptions that stand
// in a topic.
func subscriptionsOf(properties jsonvalue.Value) func(yield func(protocol, endpoint string) bool) {
	list, _ := properties.Get("Subscription")
	return func(yield func(protocol, endpoint string) bool) {
		for s := range list.Elements() {
			if !yield(textOf(s, "Protocol"), textOf(s, "Endpoint")) {
				return
			}
		}
	}
}

// attributesOf returns properties as the attributes of SNS: texts, and JSON as
// text.
func attributesOf(properties jsonvalue.Value, names []string) map[string]string {
	out := map[string]string{}
	for _, name := range names {
		if v, ok := properties.Get(name); ok {
			if text, ok := document(v); ok {
				out[name] = text
			}
		}
	}
	return out
}

func topicTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

var topicTags = tagging{
	list: func(ctx context.Context, c *call) (map[string]string, error) {
		out, err := c.sns.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: &c.id})
		if err != nil {
			return nil, err
		}
		return tagMap(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
	},
	tag: func(ctx context.Context, c *call, tags map[string]string) error {
		_, err := c.sns.TagResource(ctx, &sns.TagResourceInput{ResourceArn: &c.id, Tags: tagList(tags, topicTag)})
		return err
	},
	untag: func(ctx context.Context, c *call, keys []string) error {
		_, err := c.sns.UntagResource(ctx, &sns.UntagResourceInput{ResourceArn: &c.id, TagKeys: keys})
		return err
	},
}
