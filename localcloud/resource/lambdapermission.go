package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

func permission() kind {
	const longest = 100
	return kind{
		create: func(ctx context.Context, c *call) error {
			in := &lambda.AddPermissionInput{}
			if err := c.fill(in); err != nil {
				return err
			}
			id := c.invented(longest, false)
			in.StatementId = &id
			if _, err := c.lambda.AddPermission(ctx, in); err != nil && !isCode(err, "ResourceConflictException") {
				return err
			}
			c.id = id
			return nil
		},
		remove: done(func(ctx context.Context, c *call) error {
			_, err := c.lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: new(c.text("FunctionName")), StatementId: &c.id})
			return err
		}),
		attributes: func(_ context.Context, c *call) (attributes, error) { return attributes{"Id": str(&c.id)}, nil },
	}
}
