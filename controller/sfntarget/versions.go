package sfntarget

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/internal/arn"
)

// Versions lists the versions of the alias's state machine, newest first, each
// with the aliases that refer to it, also with weight 0.
func (t *Target) Versions(ctx context.Context, alias string) ([]controller.Version, error) {
	machine, _, err := split(alias)
	if err != nil {
		return nil, err
	}
	// The aliases are read after the versions: a version that an alias begins
	// to refer to in between is then seen to be referred to.
	var versions []controller.Version
	in := &sfn.ListStateMachineVersionsInput{StateMachineArn: new(machine.String()), MaxResults: 1000}
	for {
		out, err := t.api.ListStateMachineVersions(ctx, in)
		if err != nil {
			return nil, awserr.Wrap("ListStateMachineVersions", err)
		}
		for _, v := range out.StateMachineVersions {
			n, err := number(aws.ToString(v.StateMachineVersionArn))
			if err != nil {
				return nil, err
			}
			versions = append(versions, controller.Version{Number: n, Created: aws.ToTime(v.CreationDate)})
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	slices.SortStableFunc(versions, func(a, b controller.Version) int { return arn.CompareVersions(b.Number, a.Number) })
	return versions, t.refer(ctx, machine, versions)
}

// refer notes at each version which aliases refer to it.
func (t *Target) refer(ctx context.Context, machine arn.ARN, versions []controller.Version) error {
	in := &sfn.ListStateMachineAliasesInput{StateMachineArn: new(machine.String()), MaxResults: 1000}
	for {
		out, err := t.api.ListStateMachineAliases(ctx, in)
		if err != nil {
			return awserr.Wrap("ListStateMachineAliases", err)
		}
		for _, a := range out.StateMachineAliases {
			alias := aws.ToString(a.StateMachineAliasArn)
			entries, err := t.entries(ctx, alias)
			if errors.Is(err, controller.ErrNotFound) {
				continue // deleted in between
			}
			if err != nil {
				return err
			}
			_, name, err := split(alias)
			if err != nil {
				return err
			}
			for _, e := range entries {
				n, err := number(aws.ToString(e.StateMachineVersionArn))
				if err != nil {
					return err
				}
				if i := slices.IndexFunc(versions, func(v controller.Version) bool { return v.Number == n }); i >= 0 {
					versions[i].Aliases = append(versions[i].Aliases, name)
				}
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return nil
		}
	}
}

// DeleteVersion deletes a version.
func (t *Target) DeleteVersion(ctx context.Context, alias, version string) error {
	machine, _, err := split(alias)
	if err != nil {
		return err
	}
	_, err = t.api.DeleteStateMachineVersion(ctx, &sfn.DeleteStateMachineVersionInput{StateMachineVersionArn: new(machine.With(version).String())})
	return awserr.Wrap("DeleteStateMachineVersion", err)
}

// redrivable is how long after its end an execution may be redriven.
//
// Source: Step Functions Developer Guide, "Restarting state machine executions
// with redrive".
const redrivable = 14 * 24 * time.Hour

// pages bounds how many executions InUse looks through before it says that some
// may be redriven.
const pages = 10

// InUse says whether executions of the version run, or ended unsuccessfully so
// recently that they may be redriven.
func (t *Target) InUse(ctx context.Context, alias, version string) (controller.Use, error) {
	machine, _, err := split(alias)
	if err != nil {
		return "", err
	}
	target := machine.With(version).String()
	running, err := t.api.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &target, StatusFilter: types.ExecutionStatusRunning, MaxResults: 1})
	if awserr.Code(err) == "StateMachineTypeNotSupported" {
		// Express executions cannot be listed. They last five minutes at most,
		// go on without their version, and cannot be redriven.
		return controller.Unused, nil
	}
	if err != nil {
		return "", awserr.Wrap("ListExecutions", err)
	}
	if len(running.Executions) > 0 {
		return controller.Executing, nil
	}
	oldest := t.clock.Now().Add(-redrivable)
	for _, status := range []types.ExecutionStatus{types.ExecutionStatusFailed, types.ExecutionStatusTimedOut, types.ExecutionStatusAborted} {
		in := &sfn.ListExecutionsInput{StateMachineArn: &target, StatusFilter: status, MaxResults: 1000}
		for page := 1; ; page++ {
			out, err := t.api.ListExecutions(ctx, in)
			if err != nil {
				return "", awserr.Wrap("ListExecutions", err)
			}
			for _, e := range out.Executions {
				if aws.ToTime(e.StopDate).After(oldest) {
					return controller.Redrivable, nil
				}
			}
			if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
				break
			}
			if page == pages {
				return controller.Redrivable, nil
			}
		}
	}
	return controller.Unused, nil
}
