package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
)

// aliasFlags name one alias: the argument of the commands that are about an
// alias rather than a rollout.
type aliasFlags struct {
	lambda bool
}

func (o *aliasFlags) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.lambda, "lambda", false, "the alias is a function's (default: where no state machine has the name)")
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

// sure returns the target that a name without a kind means: a state machine's
// alias, or a function's where there is no such state machine and a function has an
// alias of that name.
func (s *session) sure(ctx context.Context, t plan.Target, o aliasFlags) plan.Target {
	if o.lambda || t.Kind != plan.StateMachine {
		return t
	}
	if _, err := arn.Parse(t.Name); err == nil {
		return t // which says the service
	}
	if _, err := s.aliasOf(ctx, t); !errors.Is(err, controller.ErrNotFound) {
		return t
	}
	function := t
	function.Kind = plan.Lambda
	r, err := s.publishers[plan.Lambda].Resolve(ctx, function, directory("."))
	if err != nil || !r.Exists {
		return t // what is said of the state machine is right
	}
	return function
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
