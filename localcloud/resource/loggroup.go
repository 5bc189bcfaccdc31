package resource

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

func logGroup() kind {
	const longest = 512
	k := kind{name: "LogGroupName", longest: longest}
	groupARN := func(c *call) *string { return new(c.arn("logs", "log-group:"+c.id)) }
	k.absent = func(ctx context.Context, c *call) error {
		name := c.named(k)
		out, err := c.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
		if err != nil {
			return err
		}
		for _, g := range out.LogGroups {
			if *g.LogGroupName == name {
				return c.exists(name)
			}
		}
		return nil
	}
	k.create = func(ctx context.Context, c *call) error {
		in := &cloudwatchlogs.CreateLogGroupInput{}
		if err := c.fill(in, "Tags", "RetentionInDays"); err != nil {
			return err
		}
		name := c.named(k)
		in.LogGroupName, in.Tags = &name, c.tags()
		if _, err := c.logs.CreateLogGroup(ctx, in); err != nil && !isCode(err, "ResourceAlreadyExistsException") {
			return err
		}
		c.id = name
		return nil
	}
	retain := func(ctx context.Context, c *call) error {
		if !c.has("RetentionInDays") {
			return nil
		}
		in := &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &c.id}
		if err := fillFrom(in, only(c.Properties, "RetentionInDays")); err != nil {
			return err
		}
		_, err := c.logs.PutRetentionPolicy(ctx, in)
		return err
	}
	k.complete = done(retain)
	k.update = done(func(ctx context.Context, c *call) error {
		if c.has("RetentionInDays") || !present(c.Previous, "RetentionInDays") {
			return nil
		}
		_, err := c.logs.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &c.id})
		return err
	})
	k.remove = func(ctx context.Context, c *call) (time.Duration, error) {
		_, err := c.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &c.id})
		return 0, err
	}
	k.attributes = func(_ context.Context, c *call) (attributes, error) {
		return attributes{"Arn": str(new(*groupARN(c) + ":*"))}, nil
	}
	k.tags = tagging{
		list: func(ctx context.Context, c *call) (map[string]string, error) {
			out, err := c.logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: groupARN(c)})
			if err != nil {
				return nil, err
			}
			return out.Tags, nil
		},
		tag: func(ctx context.Context, c *call, tags map[string]string) error {
			_, err := c.logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: groupARN(c), Tags: tags})
			return err
		},
		untag: func(ctx context.Context, c *call, keys []string) error {
			_, err := c.logs.UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: groupARN(c), TagKeys: keys})
			return err
		},
	}
	return k
}
