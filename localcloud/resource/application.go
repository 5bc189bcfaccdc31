package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// longestDeploy bounds the names of CodeDeploy's things.
const longestDeploy = 100

func application() kind {
	k := kind{name: "ApplicationName", longest: longestDeploy}
	k.tags = deployTags(func(c *call) string { return c.arn("codedeploy", "application:"+c.id) })
	k.absent = func(ctx context.Context, c *call) error {
		name := c.named(k)
		_, err := c.deploy.GetApplication(ctx, &codedeploy.GetApplicationInput{ApplicationName: &name})
		return unlessGone(err, c.exists(name))
	}
	k.create = func(ctx context.Context, c *call) error {
		in := &codedeploy.CreateApplicationInput{}
		if err := c.fill(in, "Tags"); err != nil {
			return err
		}
		name := c.named(k)
		in.ApplicationName, in.Tags = &name, tagList(c.tags(), deployTag)
		if _, err := c.deploy.CreateApplication(ctx, in); err != nil && !isCode(err, "ApplicationAlreadyExistsException") {
			return err
		}
		c.id = name
		return nil
	}
	k.remove = done(func(ctx context.Context, c *call) error {
		_, err := c.deploy.DeleteApplication(ctx, &codedeploy.DeleteApplicationInput{ApplicationName: &c.id})
		return err
	})
	return k
}

func deployTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

// deployTags are the tags of one of CodeDeploy's things.
func deployTags(arn func(c *call) string) tagging {
	return tagging{
		list: func(ctx context.Context, c *call) (map[string]string, error) {
			out, err := c.deploy.ListTagsForResource(ctx, &codedeploy.ListTagsForResourceInput{ResourceArn: new(arn(c))})
			if err != nil {
				return nil, err
			}
			return tagMap(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
		},
		tag: func(ctx context.Context, c *call, tags map[string]string) error {
			_, err := c.deploy.TagResource(ctx, &codedeploy.TagResourceInput{ResourceArn: new(arn(c)), Tags: tagList(tags, deployTag)})
			return err
		},
		untag: func(ctx context.Context, c *call, keys []string) error {
			_, err := c.deploy.UntagResource(ctx, &codedeploy.UntagResourceInput{ResourceArn: new(arn(c)), TagKeys: keys})
			return err
		},
	}
}
