package resource

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// bucketPolicy makes sure that the bucket is there, and does nothing else: the
// local S3 refuses nobody anything and has no operation that would show a policy.
func bucketPolicy() kind {
	check := func(ctx context.Context, c *call) error {
		if v, _ := c.Properties.Get("PolicyDocument"); v.Len() == 0 && v.Str() == "" {
			return mismatch("#/PolicyDocument", "JSONObject", v)
		}
		_, err := c.buckets.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: new(c.text("Bucket"))})
		return err
	}
	return kind{
		create: func(ctx context.Context, c *call) error {
			if err := check(ctx, c); err != nil {
				return err
			}
			c.id = c.text("Bucket")
			return nil
		},
		update: done(check),
		remove: func(context.Context, *call) (time.Duration, error) { return 0, nil },
	}
}
