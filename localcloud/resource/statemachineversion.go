package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

func stateMachineVersion() kind {
	return kind{
		// A revision has one version, and PublishStateMachineVersion returns the one
		// that is there: two resources for one revision are one version, as in the
		// example of AWS's own guide. The source of AWS's provider refuses the second.
		create: func(ctx context.Context, c *call) error {
			in := &sfn.PublishStateMachineVersionInput{}
			if err := fillFrom(in, renamed(c.Properties, "StateMachineRevisionId", "RevisionId")); err != nil {
				return err
			}
			out, err := c.sfn.PublishStateMachineVersion(ctx, in)
			if err != nil {
				return err
			}
			c.id = *out.StateMachineVersionArn
			return nil
		},
		remove: done(func(ctx context.Context, c *call) error {
			if c.Shared {
				return nil
			}
			if _, err := c.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &c.id}); err != nil {
				return err
			}
			_, err := c.sfn.DeleteStateMachineVersion(ctx, &sfn.DeleteStateMachineVersionInput{StateMachineVersionArn: &c.id})
			return err
		}),
		attributes: func(_ context.Context, c *call) (attributes, error) { return attributes{"Arn": str(&c.id)}, nil },
	}
}
