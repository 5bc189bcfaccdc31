package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

func eventInvokeConfig() kind {
	put := func(ctx context.Context, c *call) error {
		in := &lambda.PutFunctionEventInvokeConfigInput{}
		if err := c.fill(in); err != nil {
			return err
		}
		_, err := c.lambda.PutFunctionEventInvokeConfig(ctx, in)
		return err
	}
	return kind{
		absent: func(ctx context.Context, c *call) error {
			function, qualifier := c.text("FunctionName"), c.text("Qualifier")
			_, err := c.lambda.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigInput{FunctionName: &function, Qualifier: &qualifier})
			switch {
			case isGone(err):
				return nil
			case err != nil:
				return err
			}
			return c.exists(function + "|" + qualifier)
		},
		create: func(ctx context.Context, c *call) error {
			if err := put(ctx, c); err != nil {
				return err
			}
			c.id = c.invented(0, false)
			return nil
		},
		update: done(put),
		remove: done(func(ctx context.Context, c *call) error {
			_, err := c.lambda.DeleteFunctionEventInvokeConfig(ctx, &lambda.DeleteFunctionEventInvokeConfigInput{
				FunctionName: new(c.text("FunctionName")), Qualifier: new(c.text("Qualifier")),
			})
			return err
		}),
	}
}
