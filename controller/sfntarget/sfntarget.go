// Package sfntarget shifts, publishes and prunes Step Functions state machines
// behind an alias.
//
// An alias of a state machine has no revision that a write could insist on, and
// reads of it may lag. So every write is read before and after, and compared
// with what the rollout expects.
package sfntarget

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/caller"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

// An API is what a target needs of Step Functions; [*sfn.Client] is one.
type API interface {
	DescribeStateMachine(context.Context, *sfn.DescribeStateMachineInput, ...func(*sfn.Options)) (*sfn.DescribeStateMachineOutput, error)
	UpdateStateMachine(context.Context, *sfn.UpdateStateMachineInput, ...func(*sfn.Options)) (*sfn.UpdateStateMachineOutput, error)
	PublishStateMachineVersion(context.Context, *sfn.PublishStateMachineVersionInput, ...func(*sfn.Options)) (*sfn.PublishStateMachineVersionOutput, error)
	ListStateMachineVersions(context.Context, *sfn.ListStateMachineVersionsInput, ...func(*sfn.Options)) (*sfn.ListStateMachineVersionsOutput, error)
	DeleteStateMachineVersion(context.Context, *sfn.DeleteStateMachineVersionInput, ...func(*sfn.Options)) (*sfn.DeleteStateMachineVersionOutput, error)
	DescribeStateMachineAlias(context.Context, *sfn.DescribeStateMachineAliasInput, ...func(*sfn.Options)) (*sfn.DescribeStateMachineAliasOutput, error)
	CreateStateMachineAlias(context.Context, *sfn.CreateStateMachineAliasInput, ...func(*sfn.Options)) (*sfn.CreateStateMachineAliasOutput, error)
	UpdateStateMachineAlias(context.Context, *sfn.UpdateStateMachineAliasInput, ...func(*sfn.Options)) (*sfn.UpdateStateMachineAliasOutput, error)
	ListStateMachineAliases(context.Context, *sfn.ListStateMachineAliasesInput, ...func(*sfn.Options)) (*sfn.ListStateMachineAliasesOutput, error)
	ListExecutions(context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error)
}

// An STS tells whose credentials are in use; [*sts.Client] is one.
type STS = caller.STS

// A Target is a [controller.Target] and a [controller.Publisher] for state
// machines. It is safe for concurrent use.
type Target struct {
	api    API
	caller *caller.Caller
	region string
	clock  clock.Clock
}

var (
	_ controller.Target    = (*Target)(nil)
	_ controller.Publisher = (*Target)(nil)
	_ controller.Prover    = (*Target)(nil)
	_ controller.Commander = (*Target)(nil)
)

// New returns a target. sts and region complete the names of state machines that
// are not given as ARNs; region is the client's.
func New(api API, sts STS, region string, c clock.Clock) *Target {
	return &Target{api: api, caller: caller.New(sts), region: region, clock: c}
}

// machine returns the ARN of a state machine that is given by name or ARN.
// Partition and account come from the caller's identity, never from assumptions.
func (t *Target) machine(ctx context.Context, name string) (arn.ARN, error) {
	if a, err := arn.Parse(name); err == nil {
		if a.Service != "states" || a.Kind() != "stateMachine" {
			return arn.ARN{}, fmt.Errorf("%w: %s is not the ARN of a state machine", controller.ErrInvalid, name)
		}
		unqualified, _ := a.Qualified()
		return unqualified, nil
	}
	return t.caller.Complete(ctx, "states", t.region, "stateMachine:"+name)
}

// split returns the state machine and the alias's name of an alias's ARN.
func split(alias string) (machine arn.ARN, name string, err error) {
	a, err := arn.Parse(alias)
	if err != nil {
		return a, "", fmt.Errorf("%w: %w", controller.ErrInvalid, err)
	}
	machine, name = a.Qualified()
	if name == "" || arn.IsVersion(name) {
		return a, "", fmt.Errorf("%w: %s is not the ARN of an alias", controller.ErrInvalid, alias)
	}
	return machine, name, nil
}

// number returns the version number at the end of a version's ARN.
func number(version string) (string, error) {
	a, err := arn.Parse(version)
	if err != nil {
		return "", err
	}
	_, n := a.Qualified()
	if !arn.IsVersion(n) {
		return "", fmt.Errorf("%s is not the ARN of a version", version)
	}
	return n, nil
}
