package resource

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

func topicPolicy() kind {
	set := func(ctx context.Context, c *call, topic, policy string) error {
		_, err := c.sns.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &topic, AttributeName: new("Policy"), AttributeValue: &policy})
		return err
	}
	put := func(ctx context.Context, c *call) error {
		v, _ := c.Properties.Get("PolicyDocument")
		policy, _ := document(v)
		for _, topic := range texts(c.Properties, "Topics") {
			if err := set(ctx, c, topic, policy); err != nil {
				return err
			}
		}
		return nil
	}
	drop := func(ctx context.Context, c *call, before, now jsonvalue.Value) error {
		keep := texts(now, "Topics")
		for _, topic := range texts(before, "Topics") {
			if slices.Contains(keep, topic) {
				continue
			}
			if err := set(ctx, c, topic, ""); err != nil && !isGone(err) {
				return err
			}
		}
		return nil
	}
	return kind{
		create: func(ctx context.Context, c *call) error {
			if err := put(ctx, c); err != nil {
				return err
			}
			c.id = c.invented(0, false)
			return nil
		},
		update: done(func(ctx context.Context, c *call) error {
			if err := put(ctx, c); err != nil {
				return err
			}
			return drop(ctx, c, c.Previous, c.Properties)
		}),
		remove:     done(func(ctx context.Context, c *call) error { return drop(ctx, c, c.Properties, jsonvalue.Value{}) }),
		attributes: func(_ context.Context, c *call) (attributes, error) { return attributes{"Id": str(&c.id)}, nil },
	}
}
