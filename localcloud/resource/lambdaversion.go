package resource

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

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
			return nil
		},
		complete: func(ctx context.Context, c *call) (time.Duration, error) {
			version, err := c.versionOf(c.id)
			if err != nil {
				return 0, err
			}
			return c.provide(ctx, c.text("FunctionName"), version)
		},
		remove: done(func(ctx context.Context, c *call) error {
			if c.Shared {
				return nil
			}
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

// provide gives a version or alias the provisioned concurrency of the template,
// and returns how long to wait until it is there.
func (c *call) provide(ctx context.Context, function, qualifier string) (time.Duration, error) {
	const asked = "asked"
	wanted, ok := c.Properties.Get("ProvisionedConcurrencyConfig")
	switch {
	case !ok && present(c.Previous, "ProvisionedConcurrencyConfig"):
		_, err := c.lambda.DeleteProvisionedConcurrencyConfig(ctx, &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: &function, Qualifier: &qualifier})
		return 0, err
	case !ok:
		return 0, nil
	case c.note != asked:
		in := &lambda.PutProvisionedConcurrencyConfigInput{}
		if err := fillFrom(in, wanted); err != nil {
			return 0, err
		}
		in.FunctionName, in.Qualifier = &function, &qualifier
		_, err := c.lambda.PutProvisionedConcurrencyConfig(ctx, in)
		c.note = asked
		return later, err
	}
	out, err := c.lambda.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: &function, Qualifier: &qualifier})
	switch {
	case err != nil:
		return 0, err
	case out.Status == types.ProvisionedConcurrencyStatusEnumInProgress:
		return later, nil
	case out.Status == types.ProvisionedConcurrencyStatusEnumFailed:
		return 0, &cloudformation.Failure{Code: codeNotStabilized, Message: "Provisioned concurrency of " + c.id + " failed: " + aws.ToString(out.StatusReason)}
	default:
		return 0, nil
	}
}
