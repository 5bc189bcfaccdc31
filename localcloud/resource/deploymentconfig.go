package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
)

func deploymentConfig() kind {
	k := kind{name: "DeploymentConfigName", longest: longestDeploy}
	k.absent = func(ctx context.Context, c *call) error {
		name := c.named(k)
		_, err := c.deploy.GetDeploymentConfig(ctx, &codedeploy.GetDeploymentConfigInput{DeploymentConfigName: &name})
		return unlessGone(err, c.exists(name))
	}
	k.create = func(ctx context.Context, c *call) error {
		in := &codedeploy.CreateDeploymentConfigInput{}
		if err := c.fill(in); err != nil {
			return err
		}
		name := c.named(k)
		in.DeploymentConfigName = &name
		if _, err := c.deploy.CreateDeploymentConfig(ctx, in); err != nil && !isCode(err, "DeploymentConfigAlreadyExistsException") {
			return err
		}
		c.id = name
		return nil
	}
	k.remove = done(func(ctx context.Context, c *call) error {
		_, err := c.deploy.DeleteDeploymentConfig(ctx, &codedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: &c.id})
		return err
	})
	return k
}
