package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
)

// aliasFlags name one alias: the argument of the commands that are about an
// alias rather than a rollout.
type aliasFlags struct {
	lambda bool
}

func (o *aliasFlags) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.lambda, "lambda", false, "the alias is a function's, not a state machine's")
}

// target reads the argument.
func (o aliasFlags) target(cmd *cobra.Command, name string) (plan.Target, error) {
	kind := plan.StateMachine
	if a, err := arn.Parse(name); o.lambda || err == nil && a.Service == "lambda" {
		kind = plan.Lambda
	}
	t, err := plan.ParseTarget(kind, name)
	if err != nil {
		return plan.Target{}, usage(cmd, "%w", err)
	}
	return t, nil
}

// aliasOf returns the ARN of a target's alias.
func (s *session) aliasOf(ctx context.Context, t plan.Target) (string, error) {
	publisher := s.publishers[t.Kind]
	if publisher == nil {
		return "", fmt.Errorf("nothing here knows aliases of kind %s", t.Kind)
	}
	t.Definition, t.Code = "", "" // only the name matters
	r, err := publisher.Resolve(ctx, t, directory("."))
	return r.Alias, err
}
