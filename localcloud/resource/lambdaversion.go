package resource

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
)

func lambdaVersion() kind {
	return kind{
		// The note is the newest version before: publishing what has a version
		// already returns that version.
		absent: func(ctx context.Context, c *call) error {
			newest, err := c.newestVersion(ctx)
			c.note = strconv.Itoa(newest)
			return err
		},
		create: func(ctx context.Context, c *call) error {
			in := &lambda.PublishVersionInput{}
			if err := c.fill(in, "ProvisionedConcurrencyConfig"); err != nil {
				return err
			}
			out, err := c.lambda.PublishVersion(ctx, in)
			if err != nil {
				return err
			}
			before, _ := strconv.Atoi(c.note)
			if number, err := strconv.Atoi(*out.Version); err == nil && number <= before {
				return &cloudformation.Failure{
					Code:    codeAlreadyExists,
					Message: "A version for this Lambda function exists ( " + *out.Version + " ). Modify the function to create a new version.",
				}
			}
			c.id = *out.FunctionArn
			return c.provide(ctx, *out.FunctionName, *out.Version)
		},
		remove: done(func(ctx context.Context, c *call) error {
			version, err := c.versionOf(c.id)
			if err != nil {
				return err
			}
			_, err = c.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: new(c.text("FunctionName")), Qualifier: &version})
			return err
		}),
		attributes: func(_ context.Context, c *call) (attributes, error) {
			version, err := c.versionOf(c.id)
			return attributes{"Version": jsonvalue.String(version), "FunctionArn": str(&c.id)}, err
		},
	}
}

// newestVersion returns the highest number of a version of the function.
func (c *call) newestVersion(ctx context.Context) (int, error) {
	newest := 0
	pages := lambda.NewListVersionsByFunctionPaginator(c.lambda, &lambda.ListVersionsByFunctionInput{FunctionName: new(c.text("FunctionName"))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, v := range page.Versions {
			if n, err := strconv.Atoi(*v.Version); err == nil {
				newest = max(newest, n)
			}
		}
	}
	return newest, nil
}

func (c *call) versionOf(qualified string) (string, error) {
	a, err := arn.Parse(qualified)
	if err != nil {
		return "", err
	}
	_, version := a.Qualified()
	return version, nil
}

// provide asks for the provisioned concurrency of a version or alias, if the
// template wants any.
func (c *call) provide(ctx context.Context, function, qualifier string) error {
	v, ok := c.Properties.Get("ProvisionedConcurrencyConfig")
	if !ok {
		return nil
	}
	in := &lambda.PutProvisionedConcurrencyConfigInput{}
	if err := fillFrom(in, v); err != nil {
		return err
	}
	in.FunctionName, in.Qualifier = &function, &qualifier
	_, err := c.lambda.PutProvisionedConcurrencyConfig(ctx, in)
	return err
}
