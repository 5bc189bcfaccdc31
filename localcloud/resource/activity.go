package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

func activity() kind {
	k := kind{name: "Name", longest: longestMachine, tags: statesTags}
	k.absent = func(ctx context.Context, c *call) error {
		id := c.arn("states", "activity:"+c.named(k))
		_, err := c.sfn.DescribeActivity(ctx, &sfn.DescribeActivityInput{ActivityArn: &id})
		return unlessGone(err, c.exists(id))
	}
	k.create = func(ctx context.Context, c *call) error {
		in := &sfn.CreateActivityInput{}
		if err := c.fill(in, "Tags"); err != nil {
			return err
		}
		in.Name, in.Tags = new(c.named(k)), tagList(c.tags(), statesTag)
		// The same activity again is no error.
		out, err := c.sfn.CreateActivity(ctx, in)
		if err != nil {
			return err
		}
		c.id = *out.ActivityArn
		return nil
	}
	k.remove = done(func(ctx context.Context, c *call) error {
		_, err := c.sfn.DeleteActivity(ctx, &sfn.DeleteActivityInput{ActivityArn: &c.id})
		return err
	})
	k.attributes = func(ctx context.Context, c *call) (attributes, error) {
		out, err := c.sfn.DescribeActivity(ctx, &sfn.DescribeActivityInput{ActivityArn: &c.id})
		if err != nil {
			return nil, err
		}
		return attributes{"Arn": str(out.ActivityArn), "Name": str(out.Name)}, nil
	}
	return k
}
