package resource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
	deployments "github.com/crossfade-dev/crossfade/localcloud/codedeploy"
)

// updateAlias changes an alias of a function: as it is told, or, where the
// template's UpdatePolicy says so and the version changes, by a deployment of
// CodeDeploy.
func updateAlias(ctx context.Context, c *call) (time.Duration, error) {
	policy, deployed := c.UpdatePolicy.Get("CodeDeployLambdaAliasUpdate")
	switch stage, id, _ := strings.Cut(c.note, " "); {
	case stage == noteStart:
		return c.deployAlias(ctx, policy, id)
	case stage == noteWatch:
		return c.watchDeployment(ctx, id)
	case c.Cancelled:
		return 0, errCancelled
	}
	properties := aliasProperties(c.withDefaults(`{"Description":"","RoutingConfig":{"AdditionalVersionWeights":[]}}`))
	if !deployed || !c.changed("FunctionVersion") {
		return 0, c.putAlias(ctx, properties)
	}
	from := textOf(c.Previous, "FunctionVersion")
	if c.Rollback {
		// CodeDeploy may have taken the alias back by itself.
		live, err := c.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: new(c.text("FunctionName")), Name: new(c.text("Name"))})
		if err != nil {
			return 0, err
		}
		if *live.FunctionVersion == c.text("FunctionVersion") {
			return 0, c.putAlias(ctx, properties.With("RoutingConfig", jsonvalue.ObjectOf(jsonvalue.Member{Key: "AdditionalVersionWeights", Value: jsonvalue.ObjectOf()})))
		}
		from = *live.FunctionVersion
	}
	c.note = noteStart + " " + from
	// What is not traffic changes at once.
	return soon, c.putAlias(ctx, only(properties, "FunctionName", "Name", "Description"))
}

func (c *call) putAlias(ctx context.Context, properties jsonvalue.Value) error {
	in := &lambda.UpdateAliasInput{}
	if err := fillFrom(in, properties); err != nil {
		return err
	}
	_, err := c.lambda.UpdateAlias(ctx, in)
	return err
}

// deployAlias starts the deployment, unless a call whose answer was lost has done
// so: that one has the same description.
func (c *call) deployAlias(ctx context.Context, policy jsonvalue.Value, from string) (time.Duration, error) {
	application, group := textOf(policy, "ApplicationName"), textOf(policy, "DeploymentGroupName")
	description := "Update of " + c.LogicalID + " in the stack " + c.StackName + ", request " + c.Token
	id, err := c.begunDeployment(ctx, application, group, description)
	if err != nil {
		return 0, err
	}
	if id == "" {
		content := c.appSpec(policy, from)
		sum := sha256.Sum256([]byte(content))
		creator := types.DeploymentCreatorCloudFormation
		if c.Rollback {
			creator = types.DeploymentCreatorCloudFormationRollback
		}
		out, err := c.deploy.CreateDeployment(deployments.WithCreator(ctx, string(creator), c.StackID), &codedeploy.CreateDeploymentInput{
			ApplicationName: &application, DeploymentGroupName: &group, Description: &description,
			Revision: &types.RevisionLocation{
				RevisionType:   types.RevisionLocationTypeAppSpecContent,
				AppSpecContent: &types.AppSpecContent{Content: &content, Sha256: new(hex.EncodeToString(sum[:]))},
			},
		})
		if err != nil {
			return 0, err
		}
		id = *out.DeploymentId
	}
	c.note = noteWatch + " " + id
	return soon, nil
}

// begunDeployment returns the id of the group's deployment with a description, ""
// where there is none. A group has one deployment at a time, so it is the newest.
func (c *call) begunDeployment(ctx context.Context, application, group, description string) (string, error) {
	list, err := c.deploy.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{ApplicationName: &application, DeploymentGroupName: &group})
	if err != nil {
		return "", err
	}
	const newest = 2 // a failed one is followed by its rollback
	for _, id := range list.Deployments[:min(newest, len(list.Deployments))] {
		d, err := c.deploy.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			return "", err
		}
		if info := d.DeploymentInfo; info.Description != nil && *info.Description == description {
			return id, nil
		}
	}
	return "", nil
}

// appSpec says what to deploy.
func (c *call) appSpec(policy jsonvalue.Value, from string) string {
	text := func(key, value string) jsonvalue.Member {
		return jsonvalue.Member{Key: key, Value: jsonvalue.String(value)}
	}
	name := c.text("FunctionName")
	if a, err := arn.Parse(name); err == nil {
		name = a.Name()
	}
	var hooks jsonvalue.ArrayBuilder
	for _, hook := range []string{"BeforeAllowTraffic", "AfterAllowTraffic"} {
		if function := textOf(policy, hook+"Hook"); function != "" {
			hooks.Append(jsonvalue.ObjectOf(text(hook, function)))
		}
	}
	spec := jsonvalue.ObjectOf(
		jsonvalue.Member{Key: "version", Value: jsonvalue.Number("0.0")},
		jsonvalue.Member{Key: "Resources", Value: jsonvalue.ArrayOf(jsonvalue.ObjectOf(jsonvalue.Member{Key: c.LogicalID, Value: jsonvalue.ObjectOf(
			text("Type", "AWS::Lambda::Function"),
			jsonvalue.Member{Key: "Properties", Value: jsonvalue.ObjectOf(
				text("Name", name), text("Alias", c.text("Name")), text("CurrentVersion", from), text("TargetVersion", c.text("FunctionVersion")),
			)},
		)}))},
	)
	if hooks.Len() > 0 {
		spec = spec.With("Hooks", hooks.Value())
	}
	return spec.String()
}

// watchDeployment returns how long to wait for the end of a deployment and of its
// rollback, and why it failed if it did.
func (c *call) watchDeployment(ctx context.Context, id string) (time.Duration, error) {
	out, err := c.deploy.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return 0, err
	}
	switch d := out.DeploymentInfo; d.Status {
	case types.DeploymentStatusSucceeded:
		return 0, nil
	case types.DeploymentStatusFailed, types.DeploymentStatusStopped:
		return c.deploymentFailed(ctx, d)
	}
	wait := c.untilLook(out.DeploymentInfo)
	if !c.Cancelled {
		c.waits = c.standstill(ctx, id)
		return wait, nil
	}
	_, err = c.deploy.StopDeployment(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: new(true)})
	if isCode(err, "DeploymentAlreadyCompletedException") {
		err = nil
	}
	return wait, err
}

// standstill says why a deployment does not go on by itself, "" when it does. Its
// rollout has its name, and is there from its first shift on. One that cannot be
// read is no reason to give up a deployment, which itself says how it ends.
func (c *call) standstill(ctx context.Context, id string) string {
	if c.carrier.Rollouts == nil {
		return ""
	}
	status, err := c.carrier.Status(ctx, id)
	if err != nil {
		return ""
	}
	return standstill(status)
}

// untilLook returns how long to wait before looking at a deployment again: not
// long for one that has just begun, which may be about to end.
func (c *call) untilLook(d *types.DeploymentInfo) time.Duration {
	const share = 4 // of the time that has passed
	return min(max(c.Now.Sub(*d.CreateTime)/share, later), watching)
}

// deploymentFailed says why a deployment did not succeed, once the one that rolls
// it back has ended: the stack must not find the group busy.
func (c *call) deploymentFailed(ctx context.Context, d *types.DeploymentInfo) (time.Duration, error) {
	if d.RollbackInfo != nil && d.RollbackInfo.RollbackDeploymentId != nil {
		back, err := c.deploy.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: d.RollbackInfo.RollbackDeploymentId})
		if err != nil {
			return 0, err
		}
		switch back.DeploymentInfo.Status {
		case types.DeploymentStatusSucceeded, types.DeploymentStatusFailed, types.DeploymentStatusStopped:
		default:
			return c.untilLook(back.DeploymentInfo), nil
		}
	}
	if c.Cancelled {
		return 0, errCancelled
	}
	message := fmt.Sprintf("CodeDeploy deployment %s ended as %s", *d.DeploymentId, d.Status)
	if e := d.ErrorInformation; e != nil && e.Message != nil {
		message += fmt.Sprintf(": %s (%s)", *e.Message, e.Code)
	}
	return 0, &cloudformation.Failure{Code: codeNotStabilized, Message: message}
}
