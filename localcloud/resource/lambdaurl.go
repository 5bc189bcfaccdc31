package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

func functionURL() kind {
	qualifier := func(c *call) *string {
		if !c.has("Qualifier") {
			return nil
		}
		return new(c.text("Qualifier"))
	}
	find := func(ctx context.Context, c *call) (*lambda.GetFunctionUrlConfigOutput, error) {
		return c.lambda.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: new(c.text("TargetFunctionArn")), Qualifier: qualifier(c)})
	}
	return kind{
		absent: func(ctx context.Context, c *call) error {
			there, err := find(ctx, c)
			switch {
			case isGone(err):
				return nil
			case err != nil:
				return err
			}
			return c.exists(*there.FunctionArn)
		},
		create: func(ctx context.Context, c *call) error {
			in := &lambda.CreateFunctionUrlConfigInput{}
			if err := fillFrom(in, renamed(c.Properties, "TargetFunctionArn", "FunctionName")); err != nil {
				return err
			}
			if _, err := c.lambda.CreateFunctionUrlConfig(ctx, in); err != nil && !isCode(err, "ResourceConflictException") {
				return err
			}
			there, err := find(ctx, c)
			if err != nil {
				return err
			}
			c.id = *there.FunctionArn
			return nil
		},
		update: done(func(ctx context.Context, c *call) error {
			in := &lambda.UpdateFunctionUrlConfigInput{}
			properties := c.withDefaults(`{"InvokeMode":"BUFFERED","Cors":{}}`)
			if err := fillFrom(in, renamed(properties, "TargetFunctionArn", "FunctionName")); err != nil {
				return err
			}
			_, err := c.lambda.UpdateFunctionUrlConfig(ctx, in)
			return err
		}),
		remove: done(func(ctx context.Context, c *call) error {
			_, err := c.lambda.DeleteFunctionUrlConfig(ctx, &lambda.DeleteFunctionUrlConfigInput{FunctionName: new(c.text("TargetFunctionArn")), Qualifier: qualifier(c)})
			return err
		}),
		attributes: func(ctx context.Context, c *call) (attributes, error) {
			there, err := find(ctx, c)
			if err != nil {
				return nil, err
			}
			return attributes{"FunctionUrl": str(there.FunctionUrl), "FunctionArn": str(there.FunctionArn)}, nil
		},
	}
}
