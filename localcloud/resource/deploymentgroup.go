package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
)

func deploymentGroup() kind {
	k := kind{name: "DeploymentGroupName", longest: longestDeploy}
	application := func(c *call) *string { return new(c.text("ApplicationName")) }
	k.tags = deployTags(func(c *call) string { return c.arn("codedeploy", "deploymentgroup:"+*application(c)+"/"+c.id) })
	k.absent = func(ctx context.Context, c *call) error {
		name := c.named(k)
		_, err := c.deploy.GetDeploymentGroup(ctx, &codedeploy.GetDeploymentGroupInput{ApplicationName: application(c), DeploymentGroupName: &name})
		return unlessGone(err, c.exists(name))
	}
	k.create = func(ctx context.Context, c *call) error {
		in := &codedeploy.CreateDeploymentGroupInput{}
		if err := c.fill(in, "Tags"); err != nil {
			return err
		}
		name := c.named(k)
		in.DeploymentGroupName, in.Tags = &name, tagList(c.tags(), deployTag)
		if _, err := c.deploy.CreateDeploymentGroup(ctx, in); err != nil && !isCode(err, "DeploymentGroupAlreadyExistsException") {
			return err
		}
		c.id = name
		return nil
	}
	k.update = done(func(ctx context.Context, c *call) error {
		in := &codedeploy.UpdateDeploymentGroupInput{}
		properties := c.withDefaults(`{"AlarmConfiguration":{"Enabled":false,"Alarms":[]},"AutoRollbackConfiguration":{"Enabled":false,"Events":[]},"TriggerConfigurations":[]}`)
		if err := fillFrom(in, properties, "Tags", "DeploymentGroupName"); err != nil {
			return err
		}
		in.CurrentDeploymentGroupName = &c.id
		_, err := c.deploy.UpdateDeploymentGroup(ctx, in)
		return err
	})
	k.remove = done(func(ctx context.Context, c *call) error {
		_, err := c.deploy.DeleteDeploymentGroup(ctx, &codedeploy.DeleteDeploymentGroupInput{ApplicationName: application(c), DeploymentGroupName: &c.id})
		return err
	})
	return k
}
