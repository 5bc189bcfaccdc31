package resource

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/crossfade-dev/crossfade/internal/arn"
)

func layerVersion() kind {
	const longest = 140
	k := kind{name: "LayerName", longest: longest}
	newest := func(ctx context.Context, c *call) (number int64, arn string, err error) {
		out, err := c.lambda.ListLayerVersions(ctx, &lambda.ListLayerVersionsInput{LayerName: new(c.named(k)), MaxItems: new(int32(1))})
		if err != nil || len(out.LayerVersions) == 0 {
			return 0, "", err
		}
		return out.LayerVersions[0].Version, *out.LayerVersions[0].LayerVersionArn, nil
	}
	// The note is the newest version before: a newer one is our own.
	k.absent = func(ctx context.Context, c *call) error {
		number, _, err := newest(ctx, c)
		c.note = strconv.FormatInt(number, 10)
		return err
	}
	k.create = func(ctx context.Context, c *call) error {
		before, _ := strconv.ParseInt(c.note, 10, 64) // empty where the name is invented
		number, there, err := newest(ctx, c)
		if err != nil {
			return err
		}
		if number > before {
			c.id = there
			return nil
		}
		in := &lambda.PublishLayerVersionInput{}
		if err := c.fill(in); err != nil {
			return err
		}
		in.LayerName = new(c.named(k))
		out, err := c.lambda.PublishLayerVersion(ctx, in)
		if err != nil {
			return err
		}
		c.id = *out.LayerVersionArn
		return nil
	}
	k.remove = done(func(ctx context.Context, c *call) error {
		a, err := arn.Parse(c.id)
		if err != nil {
			return err
		}
		layer, version := a.Qualified()
		number, err := strconv.ParseInt(version, 10, 64)
		if err != nil {
			return err
		}
		_, err = c.lambda.DeleteLayerVersion(ctx, &lambda.DeleteLayerVersionInput{LayerName: new(layer.String()), VersionNumber: &number})
		return err
	})
	k.attributes = func(_ context.Context, c *call) (attributes, error) {
		return attributes{"LayerVersionArn": str(&c.id)}, nil
	}
	return k
}
