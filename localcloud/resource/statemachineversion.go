package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

func stateMachineVersion() kind {
	return kind{
		// A revision has one version: a second resource for it fails.
		absent: func(ctx context.Context, c *call) error {
			machine := c.text("StateMachineArn")
			newest, err := c.sfn.ListStateMachineVersions(ctx, &sfn.ListStateMachineVersionsInput{StateMachineArn: &machine, MaxResults: 1})
			if err != nil || len(newest.StateMachineVersions) == 0 {
				return err
			}
			version, err := c.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: newest.StateMachineVersions[0].StateMachineVersionArn})
			if err != nil {
				return err
			}
			current, err := c.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &machine})
			if err != nil {
				return err
			}
			if revision(version) == revision(current) {
				return c.exists(*version.StateMachineArn)
			}
			return nil
		},
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
			if _, err := c.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &c.id}); err != nil {
				return err
			}
			_, err := c.sfn.DeleteStateMachineVersion(ctx, &sfn.DeleteStateMachineVersionInput{StateMachineVersionArn: &c.id})
			return err
		}),
		attributes: func(_ context.Context, c *call) (attributes, error) { return attributes{"Arn": str(&c.id)}, nil },
	}
}
