package sfntarget

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// perPercent is one percent, the smallest share that an alias of a state
// machine can express, in basis points.
const perPercent plan.Weight = 100

// Routing reads what the alias does now.
func (t *Target) Routing(ctx context.Context, alias string) (rollout.Routing, error) {
	entries, err := t.entries(ctx, alias)
	if err != nil {
		return rollout.Routing{}, err
	}
	return routing(alias, entries)
}

func (t *Target) entries(ctx context.Context, alias string) ([]types.RoutingConfigurationListItem, error) {
	out, err := t.api.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: &alias})
	if err != nil {
		return nil, awserr.Wrap("DescribeStateMachineAlias", err)
	}
	return out.RoutingConfiguration, nil
}

// routing reads the entries of an alias. Which of two versions is the new one
// they do not say; the older number counts as stable. An entry without weight
// serves nothing.
func routing(alias string, entries []types.RoutingConfigurationListItem) (rollout.Routing, error) {
	var r rollout.Routing
	for _, e := range entries {
		n, err := number(aws.ToString(e.StateMachineVersionArn))
		if err != nil {
			return r, fmt.Errorf("routing of %s: %w", alias, err)
		}
		weight := plan.Weight(e.Weight) * perPercent
		switch {
		case weight == 0:
		case r.Stable == "":
			r.Stable = n
		case arn.CompareVersions(r.Stable, n) < 0:
			r.Canary, r.Weight = n, weight
		default:
			r.Stable, r.Canary, r.Weight = n, r.Stable, plan.Full-weight
		}
	}
	if r.Stable == "" {
		return r, fmt.Errorf("routing of %s has no version with a weight", alias)
	}
	return r, nil
}

// write returns the entries that make a routing: one for one version, because an
// entry of weight 0 keeps its version from ever being deleted.
func write(machine arn.ARN, to rollout.Routing) ([]types.RoutingConfigurationListItem, error) {
	if to.Weight < 0 || to.Weight > plan.Full || to.Weight%perPercent != 0 {
		return nil, fmt.Errorf("%w: Step Functions takes whole percent only, not %d basis points", controller.ErrInvalid, to.Weight)
	}
	var entries []types.RoutingConfigurationListItem
	for _, version := range []string{to.Canary, to.Stable} {
		if share := to.Share(version); version != "" && share > 0 && (len(entries) == 0 || to.Canary != to.Stable) {
			entries = append(entries, types.RoutingConfigurationListItem{
				StateMachineVersionArn: aws.String(machine.With(version).String()),
				Weight:                 int32(share / perPercent),
			})
		}
	}
	return entries, nil
}

// Shift makes the alias do to, see [controller.Target].
func (t *Target) Shift(ctx context.Context, alias string, from, to rollout.Routing) error {
	machine, _, err := split(alias)
	if err != nil {
		return err
	}
	entries, err := write(machine, to)
	if err != nil {
		return err
	}
	before, err := t.Routing(ctx, alias)
	if err != nil {
		return err
	}
	if !before.Same(from) && !before.Same(to) {
		return fmt.Errorf("%w: the alias does %s, and neither %s nor %s", controller.ErrConflict, before, from, to)
	}
	if err := t.update(ctx, alias, entries); err != nil {
		return err
	}
	after, err := t.Routing(ctx, alias)
	switch {
	case err != nil:
		return fmt.Errorf("%w: written, but not read back: %w", controller.ErrUnsettled, err)
	case after.Same(to):
		return nil
	case after.Same(from), after.Same(before):
		return fmt.Errorf("%w: written %s, reading still %s", controller.ErrUnsettled, to, after)
	default:
		return fmt.Errorf("%w: written %s, but the alias does %s", controller.ErrConflict, to, after)
	}
}

func (t *Target) update(ctx context.Context, alias string, entries []types.RoutingConfigurationListItem) error {
	_, err := t.api.UpdateStateMachineAlias(ctx, &sfn.UpdateStateMachineAliasInput{StateMachineAliasArn: &alias, RoutingConfiguration: entries})
	return awserr.Wrap("UpdateStateMachineAlias", err)
}

// Prove writes the routing that the alias has, which changes nothing and needs
// the same right as a shift.
func (t *Target) Prove(ctx context.Context, alias string) error {
	entries, err := t.entries(ctx, alias)
	if err != nil {
		return err
	}
	return t.update(ctx, alias, entries)
}

// CreateAlias creates an alias with all traffic on one version.
func (t *Target) CreateAlias(ctx context.Context, alias, version string) error {
	machine, name, err := split(alias)
	if err != nil {
		return err
	}
	entries, err := write(machine, rollout.Routing{Stable: version})
	if err != nil {
		return err
	}
	_, err = t.api.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{Name: &name, RoutingConfiguration: entries})
	err = awserr.Wrap("CreateStateMachineAlias", err)
	if !errors.Is(err, controller.ErrConflict) {
		return err
	}
	// Creating is idempotent in name, routing and description; an alias that
	// somebody described in the meantime is fine as long as it does the same.
	if now, readErr := t.Routing(ctx, alias); readErr == nil && now.Same(rollout.Routing{Stable: version}) {
		return nil
	}
	return err
}

// Command returns the AWS command line that gives an alias a routing.
func (t *Target) Command(alias string, to rollout.Routing) string {
	machine, _, err := split(alias)
	if err != nil {
		return ""
	}
	entries, err := write(machine, to)
	if err != nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "aws stepfunctions update-state-machine-alias --region %s --state-machine-alias-arn %s --routing-configuration", machine.Region, alias)
	for _, e := range entries {
		fmt.Fprintf(&b, " stateMachineVersionArn=%s,weight=%d", *e.StateMachineVersionArn, e.Weight)
	}
	return b.String()
}
