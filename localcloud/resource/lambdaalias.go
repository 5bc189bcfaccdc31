package resource

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

func lambdaAlias() kind {
	k := kind{name: "Name"}
	find := func(ctx context.Context, c *call) (*lambda.GetAliasOutput, error) {
		return c.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: new(c.text("FunctionName")), Name: new(c.text("Name"))})
	}
	k.absent = func(ctx context.Context, c *call) error {
		alias, err := find(ctx, c)
		switch {
		case isGone(err):
			return nil
		case err != nil:
			return err
		}
		return c.exists(*alias.AliasArn)
	}
	k.create = func(ctx context.Context, c *call) error {
		in := &lambda.CreateAliasInput{}
		if err := fillFrom(in, aliasProperties(c.Properties)); err != nil {
			return err
		}
		if _, err := c.lambda.CreateAlias(ctx, in); err != nil && !isCode(err, "ResourceConflictException") {
			return err
		}
		alias, err := find(ctx, c)
		if err != nil {
			return err
		}
		c.id = *alias.AliasArn
		return nil
	}
	k.complete = func(ctx context.Context, c *call) (time.Duration, error) {
		return c.provide(ctx, c.text("FunctionName"), c.text("Name"))
	}
	k.update = updateAlias
	k.remove = done(func(ctx context.Context, c *call) error {
		_, err := c.lambda.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: new(c.text("FunctionName")), Name: new(c.text("Name"))})
		return err
	})
	k.attributes = func(_ context.Context, c *call) (attributes, error) { return attributes{"AliasArn": str(&c.id)}, nil }
	return k
}

// aliasProperties returns properties as the API names them: weights are a list
// of versions in templates and a map there.
func aliasProperties(properties jsonvalue.Value) jsonvalue.Value {
	properties = properties.Without("ProvisionedConcurrencyConfig")
	routing, ok := properties.Get("RoutingConfig")
	if !ok {
		return properties
	}
	var weights jsonvalue.ObjectBuilder
	list, _ := routing.Get("AdditionalVersionWeights")
	for w := range list.Elements() {
		weight, _ := w.Get("FunctionWeight")
		weights.Set(textOf(w, "FunctionVersion"), weight)
	}
	return properties.With("RoutingConfig", routing.With("AdditionalVersionWeights", weights.Value()))
}
