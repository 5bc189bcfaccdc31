package resource

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

func stateMachineAlias() kind {
	k := kind{name: "Name", longest: longestMachine}
	k.absent = func(ctx context.Context, c *call) error {
		alias, err := c.aliasARN(k)
		if err != nil {
			return err
		}
		_, err = c.sfn.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: &alias})
		return unlessGone(err, c.exists(alias))
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
	k.update = updateStateMachineAlias
	k.remove = done(func(ctx context.Context, c *call) error {
		_, err := c.sfn.DeleteStateMachineAlias(ctx, &sfn.DeleteStateMachineAliasInput{StateMachineAliasArn: &c.id})
		return err
	})
	k.attributes = func(_ context.Context, c *call) (attributes, error) { return attributes{"Arn": str(&c.id)}, nil }
	return k
}

// What the note of an update says.
const (
	noteStart = "start" // the alias is where the template before left it
	noteWatch = "watch" // a rollout moves it
	noteDrift = "drift" // somebody else moved it, and the rollout was ended; why follows
)

// watching is how often a rollout is looked at.
const watching = 2 * time.Second

// updateStateMachineAlias moves an alias to where its template says: at once, or
// by an ordinary rollout where the template prefers a deployment.
//
// It knows the routing before from the template before, not from the alias, and
// says so to an alias that does something else. That, the alarms that stop it and
// that nothing is watched after the last shift are AWS's ways.
func updateStateMachineAlias(ctx context.Context, c *call) (time.Duration, error) {
	switch stage, _, _ := strings.Cut(c.note, " "); stage {
	case noteStart:
		c.note = noteWatch
		return watching, c.startRollout(ctx)
	case noteWatch, noteDrift:
		return c.watchRollout(ctx)
	}
	routes, err := c.routes(c.Properties)
	if err != nil {
		return 0, err
	}
	if c.Cancelled {
		return 0, errCancelled
	}
	preference, _ := c.Properties.Get("DeploymentPreference")
	kind := textOf(preference, "Type")
	if !present(c.Properties, "DeploymentPreference") || c.Rollback || kind == allAtOnce {
		return 0, c.setAlias(ctx, routes)
	}
	before, err := c.routes(c.Previous)
	switch {
	case err != nil:
		return 0, err
	case len(before) > 1:
		return 0, invalid("Unable to begin a deployment of type '%s': invalid initial state detected. The alias must route all traffic to one version.", kind)
	case *before[0].StateMachineVersionArn == *routes[0].StateMachineVersionArn:
		return 0, c.setAlias(ctx, nil)
	}
	c.note = noteStart
	return soon, c.setAlias(ctx, before)
}

// setAlias writes the alias's description and, if there is one, its routing.
func (c *call) setAlias(ctx context.Context, routes []types.RoutingConfigurationListItem) error {
	_, err := c.sfn.UpdateStateMachineAlias(ctx, &sfn.UpdateStateMachineAliasInput{
		StateMachineAliasArn: &c.id, Description: new(c.text("Description")), RoutingConfiguration: routes,
	})
	return err
}

// startRollout begins the rollout of the template's preference. To begin it again
// is to go on with it.
func (c *call) startRollout(ctx context.Context) error {
	p, err := readPreference(c.Properties)
	if err != nil {
		return err
	}
	alias, err := arn.Parse(c.id)
	if err != nil {
		return err
	}
	version, err := arn.Parse(p.version)
	if err != nil {
		return invalid("%v", err)
	}
	machine, name := alias.Qualified()
	_, number := version.Qualified()
	spec := plan.Spec{
		Targets: []plan.Target{{Kind: plan.StateMachine, Name: machine.String(), Alias: name, Version: number}},
		Alarms:  p.alarms, AlarmsFine: plan.FineMissing, NoDefaultChecks: true, Soak: "0s", Settle: "0s", Deadline: longestUpdate,
	}
	steps := fmt.Sprintf("%d%%/%dm", p.percentage, p.interval)
	if p.kind == canary {
		spec.Canary = steps
	} else {
		spec.Linear = steps
	}
	shift, err := plan.New(spec)
	if err != nil {
		return invalid("%v", err)
	}
	return c.carrier.begin(ctx, rollouts.Request{ID: c.rolloutID(), Plan: shift, By: "CloudFormation", Reason: "update of " + c.LogicalID + " in the stack " + c.StackName})
}

// longestUpdate is how long the update of an alias may take.
const longestUpdate = "2160m"

// rolloutID names the rollout of this operation.
func (c *call) rolloutID() string { return c.invented(0, true) }

// watchRollout returns how long to wait for the end of the rollout, and why it
// failed if it did.
func (c *call) watchRollout(ctx context.Context) (time.Duration, error) {
	id := c.rolloutID()
	if !c.carrier.began(id) { // by this process
		if err := c.startRollout(ctx); err != nil {
			return 0, err
		}
	}
	status, err := c.carrier.Status(ctx, id)
	if err != nil {
		return 0, err
	}
	switch {
	case status.Phase == rollout.Succeeded:
		return 0, nil
	case status.Phase.Ended():
		return 0, c.rolloutFailure(status)
	case c.Cancelled:
		return watching, c.carrier.Stop(ctx, id, "CloudFormation", "the stack is on its way back", true)
	case status.Hold == rollout.HoldDrift:
		c.note = noteDrift + " " + status.Why
		return watching, c.carrier.Stop(ctx, id, "CloudFormation", "somebody else changed the alias", false)
	case status.Hold == rollout.HoldGone:
		return watching, c.carrier.Stop(ctx, id, "CloudFormation", "the alias is gone", false)
	default:
		c.waits = standstill(status)
		return watching, nil
	}
}

// rolloutFailure says why a rollout did not succeed, as AWS does where it can.
func (c *call) rolloutFailure(s rollouts.Status) error {
	failure := &cloudformation.Failure{Code: codeNotStabilized, Message: s.Sentence}
	why, drifted := strings.CutPrefix(c.note, noteDrift+" ")
	switch {
	case len(s.Alarms) > 0 && (s.Refused || s.Back == rollout.BackUnhealthy):
		failure.Message = "Aborting deployment. The following CloudWatch alarms are in an 'ALARM' state: [" + strings.Join(s.Alarms, ", ") + "]."
	case c.Cancelled:
		return errCancelled
	case drifted:
		failure.Message = "Aborting deployment: drift detected. Expected routing configuration not found: " + why + "."
	}
	return failure
}

// errCancelled ends the update of a resource because another one failed.
var errCancelled = &cloudformation.Failure{Code: codeInternalFailed, Message: "Resource update cancelled"}

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
