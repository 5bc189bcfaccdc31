package resource

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

func rule() kind {
	const longest = 64
	k := kind{name: "Name", longest: longest, tags: ruleTags, missing: missingOfRule}
	bus := func(c *call) *string {
		if !c.has("EventBusName") {
			return nil
		}
		return new(c.text("EventBusName"))
	}
	put := func(ctx context.Context, c *call, name string, tags []types.Tag) error {
		in := &eventbridge.PutRuleInput{}
		if err := c.fill(in, "Tags", "Targets"); err != nil {
			return err
		}
		in.Name, in.Tags = &name, tags
		_, err := c.events.PutRule(ctx, in)
		return err
	}
	drop := func(ctx context.Context, c *call, before, now jsonvalue.Value) error {
		keep := targetIDs(now)
		gone := slices.DeleteFunc(targetIDs(before), func(id string) bool { return slices.Contains(keep, id) })
		if len(gone) == 0 {
			return nil
		}
		_, err := c.events.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: &c.id, EventBusName: bus(c), Ids: gone})
		return err
	}
	k.absent = func(ctx context.Context, c *call) error {
		name := c.named(k)
		_, err := c.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name, EventBusName: bus(c)})
		return unlessGone(err, c.exists(name))
	}
	k.create = func(ctx context.Context, c *call) error {
		name := c.named(k)
		if err := put(ctx, c, name, tagList(c.tags(), ruleTag)); err != nil {
			return err
		}
		c.id = name
		return nil
	}
	k.complete = done(func(ctx context.Context, c *call) error {
		if len(targetIDs(c.Properties)) == 0 {
			return nil
		}
		in := &eventbridge.PutTargetsInput{}
		if err := fillFrom(in, only(c.Properties, "Targets", "EventBusName")); err != nil {
			return err
		}
		in.Rule = &c.id
		out, err := c.events.PutTargets(ctx, in)
		if err == nil && len(out.FailedEntries) > 0 {
			return invalid("%s", *out.FailedEntries[0].ErrorMessage)
		}
		return err
	})
	k.update = done(func(ctx context.Context, c *call) error {
		if err := put(ctx, c, c.id, nil); err != nil {
			return err
		}
		return drop(ctx, c, c.Previous, c.Properties)
	})
	k.remove = done(func(ctx context.Context, c *call) error {
		if err := drop(ctx, c, c.Properties, jsonvalue.Value{}); err != nil {
			return err
		}
		_, err := c.events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: &c.id, EventBusName: bus(c)})
		return err
	})
	k.attributes = func(_ context.Context, c *call) (attributes, error) { return attributes{"Arn": str(c.ruleARN())}, nil }
	return k
}

// targetIDs returns the ids of the targets that stand in a rule.
func targetIDs(properties jsonvalue.Value) []string { return textsOf(properties, "Targets", "Id") }

func (c *call) ruleARN() *string { return new(c.arn("events", "rule/"+c.id)) }

func ruleTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

var ruleTags = tagging{
	list: func(ctx context.Context, c *call) (map[string]string, error) {
		out, err := c.events.ListTagsForResource(ctx, &eventbridge.ListTagsForResourceInput{ResourceARN: c.ruleARN()})
		if err != nil {
			return nil, err
		}
		return tagMap(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
	},
	tag: func(ctx context.Context, c *call, tags map[string]string) error {
		_, err := c.events.TagResource(ctx, &eventbridge.TagResourceInput{ResourceARN: c.ruleARN(), Tags: tagList(tags, ruleTag)})
		return err
	},
	untag: func(ctx context.Context, c *call, keys []string) error {
		_, err := c.events.UntagResource(ctx, &eventbridge.UntagResourceInput{ResourceARN: c.ruleARN(), TagKeys: keys})
		return err
	},
}
