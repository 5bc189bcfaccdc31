package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// subscriptionSettings are the properties of a subscription that are attributes
// of it. The scope of a filter is set while there is no filter that it could not
// have.
var subscriptionSettings = []string{"FilterPolicyScope", "FilterPolicy", "DeliveryPolicy", "RawMessageDelivery", "RedrivePolicy", "SubscriptionRoleArn"}

func subscription() kind {
	check := func(c *call) error {
		known := append([]string{"TopicArn", "Protocol", "Endpoint"}, subscriptionSettings...)
		if c.text("Region") == c.region {
			known = append(known, "Region")
		}
		return fillFrom(&struct{}{}, c.Properties, known...)
	}
	return kind{
		missing: missingOfSubscription,
		create: func(ctx context.Context, c *call) error {
			if err := check(c); err != nil {
				return err
			}
			// The same subscription again is no error.
			out, err := c.sns.Subscribe(ctx, &sns.SubscribeInput{
				TopicArn: new(c.text("TopicArn")), Protocol: new(c.text("Protocol")), Endpoint: new(c.text("Endpoint")),
				Attributes: attributesOf(c.Properties, subscriptionSettings), ReturnSubscriptionArn: true,
			})
			if err != nil {
				return err
			}
			c.id = *out.SubscriptionArn
			return nil
		},
		update: done(func(ctx context.Context, c *call) error {
			if err := check(c); err != nil {
				return err
			}
			set := func(name, value string) error {
				_, err := c.sns.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{SubscriptionArn: &c.id, AttributeName: &name, AttributeValue: &value})
				return err
			}
			now := attributesOf(c.Properties, subscriptionSettings)
			scoped := c.changed("FilterPolicyScope")
			if scoped {
				if err := set("FilterPolicy", ""); err != nil {
					return err
				}
			}
			for _, name := range subscriptionSettings {
				if !c.changed(name) && (!scoped || name != "FilterPolicy") {
					continue
				}
				if err := set(name, now[name]); err != nil {
					return err
				}
			}
			return nil
		}),
		remove: done(func(ctx context.Context, c *call) error {
			_, err := c.sns.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &c.id})
			return err
		}),
		attributes: func(_ context.Context, c *call) (attributes, error) { return attributes{"Arn": str(&c.id)}, nil },
	}
}
