package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// bucket makes buckets. What a template says about encryption, access, tags,
// billing and the age at which objects go has no effect in the local cloud,
// where everybody may do everything and nothing costs; it is accepted. So is that
// objects have versions, which buckets for code have by habit, and which the events
// say that these have not. What would change how a bucket works more than that,
// such as notifications, is not.
func bucket() kind {
	const longest = 63
	k := kind{name: "BucketName", longest: longest, lower: true}
	idle := []string{
		"AbacStatus", "AccessControl", "AnalyticsConfigurations", "BucketEncryption", "IntelligentTieringConfigurations",
		"LifecycleConfiguration", "MetricsConfigurations", "OwnershipControls", "PublicAccessBlockConfiguration", "Tags", "VersioningConfiguration",
	}
	k.absent = func(ctx context.Context, c *call) error {
		name := c.named(k)
		_, err := c.buckets.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name})
		return unlessGone(err, c.exists(name))
	}
	check := func(c *call) error {
		if v, _ := c.Properties.Get("VersioningConfiguration"); textOf(v, "Status") == "Enabled" {
			c.remark = "Objects have no versions in the local cloud: what is overwritten or deleted is gone."
		}
		return fillFrom(&struct{ BucketName string }{}, c.Properties, idle...)
	}
	k.create = func(ctx context.Context, c *call) error {
		if err := check(c); err != nil {
			return err
		}
		name := c.named(k)
		in := &s3.CreateBucketInput{Bucket: &name}
		if c.region != "us-east-1" {
			in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(c.region)}
		}
		if _, err := c.buckets.CreateBucket(ctx, in); err != nil && !isCode(err, "BucketAlreadyOwnedByYou") {
			return err
		}
		c.id = name
		return nil
	}
	k.update = done(func(_ context.Context, c *call) error { return check(c) })
	k.remove = done(func(ctx context.Context, c *call) error {
		_, err := c.buckets.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &c.id})
		return err
	})
	k.attributes = func(_ context.Context, c *call) (attributes, error) {
		return attributes{
			"Arn":                 jsonvalue.String("arn:" + c.partition + ":s3:::" + c.id),
			"DomainName":          jsonvalue.String(c.id + ".s3.amazonaws.com"),
			"DualStackDomainName": jsonvalue.String(c.id + ".s3.dualstack." + c.region + ".amazonaws.com"),
			"RegionalDomainName":  jsonvalue.String(c.id + ".s3." + c.region + ".amazonaws.com"),
			"WebsiteURL":          jsonvalue.String("http://" + c.id + ".s3-website-" + c.region + ".amazonaws.com"),
		}, nil
	}
	return k
}
