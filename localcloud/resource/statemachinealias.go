package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
)

func stateMachineAlias() kind {
	k := kind{name: "Name", longest: longestMachine}
	k.absent = func(ctx context.Context, c *call) error {
		alias, err := c.aliasARN(k)
		if err != nil {
			return err
		}
		_, err = c.sfn.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: &alias})
		switch {
		case isGone(err):
			return nil
		case err != nil:
			return err
		}
		return c.exists(alias)
	}
	k.create = func(ctx context.Context, c *call) error {
		alias, err := c.aliasARN(k)
		if err != nil {
			return err
		}
		routes, err := c.routes(c.Properties)
		if err != nil {
			return err
		}
		in := &sfn.CreateStateMachineAliasInput{Name: new(c.named(k)), RoutingConfiguration: routes}
		if c.has("Description") {
			in.Description = new(c.text("Description"))
		}
		// The same alias again is no error.
		if _, err := c.sfn.CreateStateMachineAlias(ctx, in); err != nil {
			return err
		}
		c.id = alias
		return nil
	}
	k.update = done(func(ctx context.Context, c *call) error {
		routes, err := c.routes(c.Properties)
		if err != nil {
			return err
		}
		_, err = c.sfn.UpdateStateMachineAlias(ctx, &sfn.UpdateStateMachineAliasInput{
			StateMachineAliasArn: &c.id, Description: new(c.text("Description")), RoutingConfiguration: routes,
		})
		return err
	})
	k.remove = done(func(ctx context.Context, c *call) error {
		_, err := c.sfn.DeleteStateMachineAlias(ctx, &sfn.DeleteStateMachineAliasInput{StateMachineAliasArn: &c.id})
		return err
	})
	k.attributes = func(_ context.Context, c *call) (attributes, error) { return attributes{"Arn": str(&c.id)}, nil }
	return k
}

// aliasARN returns the ARN of the alias: beside the versions that it is for.
func (c *call) aliasARN(k kind) (string, error) {
	routes, err := c.routes(c.Properties)
	if err != nil {
		return "", err
	}
	version, err := arn.Parse(*routes[0].StateMachineVersionArn)
	if err != nil {
		return "", invalid("%v", err)
	}
	machine, _ := version.Qualified()
	return machine.With(c.named(k)).String(), nil
}

// routes returns where the alias of a template leads when nothing is under way.
func (c *call) routes(properties jsonvalue.Value) ([]types.RoutingConfigurationListItem, error) {
	switch routing, preference := present(properties, "RoutingConfiguration"), present(properties, "DeploymentPreference"); {
	case routing == preference:
		return nil, invalid("Property validation failed. Exactly one of [RoutingConfiguration] and [DeploymentPreference] is required.")
	case preference:
		p, err := readPreference(properties)
		if err != nil {
			return nil, err
		}
		return allTo(p.version), nil
	}
	var in sfn.UpdateStateMachineAliasInput
	if err := fillFrom(&in, only(properties, "RoutingConfiguration")); err != nil {
		return nil, err
	}
	if len(in.RoutingConfiguration) == 0 || in.RoutingConfiguration[0].StateMachineVersionArn == nil {
		return nil, invalid("Model validation failed (#/RoutingConfiguration: a version is required)")
	}
	return in.RoutingConfiguration, nil
}

// allTo leads everything to one version.
func allTo(version string) []types.RoutingConfigurationListItem {
	const all = 100
	return []types.RoutingConfigurationListItem{{StateMachineVersionArn: &version, Weight: all}}
}
