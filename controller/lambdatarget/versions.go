package lambdatarget

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/internal/arn"
)

// pageSize is how many versions or aliases one call lists; the service gives
// fewer where it likes.
const pageSize = 50

// modified is how Lambda writes when a version was made.
const modified = "2006-01-02T15:04:05.000-0700"

// Versions lists the published versions of the alias's function, newest first,
// each with the aliases that refer to it, also with weight 0.
func (t *Target) Versions(ctx context.Context, alias string) ([]controller.Version, error) {
	function, _, err := split(alias)
	if err != nil {
		return nil, err
	}
	// The aliases are read after the versions: a version that an alias begins
	// to refer to in between is then seen to be referred to.
	versions, err := t.list(ctx, function)
	if err != nil {
		return nil, err
	}
	return versions, t.refer(ctx, function, versions)
}

// list lists the published versions of a function, newest first.
func (t *Target) list(ctx context.Context, function arn.ARN) ([]controller.Version, error) {
	var versions []controller.Version
	in := &lambda.ListVersionsByFunctionInput{FunctionName: aws.String(function.String()), MaxItems: aws.Int32(pageSize)}
	for {
		out, err := t.api.ListVersionsByFunction(ctx, in)
		if err != nil {
			return nil, awserr.Wrap("ListVersionsByFunction", err)
		}
		for _, v := range out.Versions {
			number := aws.ToString(v.Version)
			if !arn.IsVersion(number) {
				continue // $LATEST
			}
			// A time that cannot be read is not known; nothing rests on it.
			created, _ := time.Parse(modified, aws.ToString(v.LastModified))
			versions = append(versions, controller.Version{Number: number, Created: created, Description: aws.ToString(v.Description)})
		}
		if in.Marker = out.NextMarker; aws.ToString(in.Marker) == "" {
			break
		}
	}
	slices.SortStableFunc(versions, func(a, b controller.Version) int { return arn.CompareVersions(b.Number, a.Number) })
	return versions, nil
}

// refer notes at each version which aliases refer to it.
func (t *Target) refer(ctx context.Context, function arn.ARN, versions []controller.Version) error {
	note := func(number, alias string) {
		if i := slices.IndexFunc(versions, func(v controller.Version) bool { return v.Number == number }); i >= 0 {
			versions[i].Aliases = append(versions[i].Aliases, alias)
		}
	}
	in := &lambda.ListAliasesInput{FunctionName: aws.String(function.String()), MaxItems: aws.Int32(pageSize)}
	for {
		out, err := t.api.ListAliases(ctx, in)
		if err != nil {
			return awserr.Wrap("ListAliases", err)
		}
		for _, a := range out.Aliases {
			note(aws.ToString(a.FunctionVersion), aws.ToString(a.Name))
			if a.RoutingConfig != nil {
				for other := range a.RoutingConfig.AdditionalVersionWeights {
					note(other, aws.ToString(a.Name))
				}
			}
		}
		if in.Marker = out.NextMarker; aws.ToString(in.Marker) == "" {
			return nil
		}
	}
}

// DeleteVersion deletes a version, never the function: without a version's number
// that is what the service would delete.
func (t *Target) DeleteVersion(ctx context.Context, alias, version string) error {
	function, _, err := split(alias)
	if err != nil {
		return err
	}
	if !arn.IsVersion(version) {
		return fmt.Errorf("%w: %q is not the number of a version", controller.ErrInvalid, version)
	}
	_, err = t.api.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String(function.String()), Qualifier: &version})
	return awserr.Wrap("DeleteFunction", err)
}

// InUse says whether an event source invokes the version itself, or concurrency
// is provisioned for it, which nobody pays for without using it. An invocation
// that runs goes on without its version, for 15 minutes at most. Who invokes the
// version by its ARN cannot be known.
func (t *Target) InUse(ctx context.Context, alias, version string) (controller.Use, error) {
	function, _, err := split(alias)
	if err != nil {
		return "", err
	}
	sources, err := t.api.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{
		FunctionName: aws.String(function.With(version).String()), MaxItems: aws.Int32(1),
	})
	if err != nil {
		return "", awserr.Wrap("ListEventSourceMappings", err)
	}
	if len(sources.EventSourceMappings) > 0 {
		return controller.Referenced, nil
	}
	_, err = t.api.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{
		FunctionName: aws.String(function.String()), Qualifier: &version,
	})
	switch {
	case err == nil:
		return controller.Referenced, nil
	case noConcurrency(err):
		return controller.Unused, nil
	default:
		return "", awserr.Wrap("GetProvisionedConcurrencyConfig", err)
	}
}
