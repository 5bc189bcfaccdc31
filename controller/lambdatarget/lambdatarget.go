// Package lambdatarget shifts, publishes and prunes Lambda functions behind an
// alias.
//
// The new version stays the alias's additional version until the end, so that
// clearing the routing is the way back at every moment. At the end the alias
// names the new version alone: a weight of 0 or 1 is never written.
//
// Each write names the revision of the alias that was read right before, and
// Lambda refuses it when somebody else wrote in between. What was written is read
// back.
//
// An alias with provisioned concurrency is moved by Lambda itself, gradually,
// after it was told to serve another version alone: until the new version's
// environments are there, Lambda shows weights that nobody asked for. That is not
// somebody else's change. It is recognised by the status of the alias's
// provisioned concurrency, which is IN_PROGRESS meanwhile; reading the alias then
// is [controller.ErrUnsettled], unless it does what this target last wrote.
package lambdatarget

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/caller"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/rollout"
)

// An API is what a target needs of Lambda; [*lambda.Client] is one.
type API interface {
	GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
	UpdateFunctionCode(context.Context, *lambda.UpdateFunctionCodeInput, ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error)
	PublishVersion(context.Context, *lambda.PublishVersionInput, ...func(*lambda.Options)) (*lambda.PublishVersionOutput, error)
	ListVersionsByFunction(context.Context, *lambda.ListVersionsByFunctionInput, ...func(*lambda.Options)) (*lambda.ListVersionsByFunctionOutput, error)
	DeleteFunction(context.Context, *lambda.DeleteFunctionInput, ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error)
	GetAlias(context.Context, *lambda.GetAliasInput, ...func(*lambda.Options)) (*lambda.GetAliasOutput, error)
	CreateAlias(context.Context, *lambda.CreateAliasInput, ...func(*lambda.Options)) (*lambda.CreateAliasOutput, error)
	UpdateAlias(context.Context, *lambda.UpdateAliasInput, ...func(*lambda.Options)) (*lambda.UpdateAliasOutput, error)
	ListAliases(context.Context, *lambda.ListAliasesInput, ...func(*lambda.Options)) (*lambda.ListAliasesOutput, error)
	GetProvisionedConcurrencyConfig(context.Context, *lambda.GetProvisionedConcurrencyConfigInput, ...func(*lambda.Options)) (*lambda.GetProvisionedConcurrencyConfigOutput, error)
	ListEventSourceMappings(context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error)
}

// An STS tells whose credentials are in use; [*sts.Client] is one.
type STS = caller.STS

// A Target is a [controller.Target] and a [controller.Publisher] for functions.
// It is safe for concurrent use.
type Target struct {
	api    API
	caller *caller.Caller
	region string
	clock  clock.Clock

	mu    sync.Mutex
	asked map[string]rollout.Routing // what was last written, by alias
}

var (
	_ controller.Target    = (*Target)(nil)
	_ controller.Publisher = (*Target)(nil)
	_ controller.Prover    = (*Target)(nil)
	_ controller.Commander = (*Target)(nil)
)

// New returns a target. sts and region complete the names of functions that are
// not given as ARNs; region is the client's.
func New(api API, sts STS, region string, c clock.Clock) *Target {
	return &Target{api: api, caller: caller.New(sts), region: region, clock: c, asked: make(map[string]rollout.Routing)}
}

// latest is the qualifier of what a function is before it is published.
const latest = "$LATEST"

// function returns the ARN of a function that is given by name or ARN. Partition
// and account come from the caller's identity, never from assumptions.
func (t *Target) function(ctx context.Context, name string) (arn.ARN, error) {
	if a, err := arn.Parse(name); err == nil {
		if !isFunction(a) {
			return arn.ARN{}, fmt.Errorf("%w: %s is not the ARN of a function", controller.ErrInvalid, name)
		}
		unqualified, _ := a.Qualified()
		return unqualified, nil
	}
	if strings.Contains(name, ":") {
		return arn.ARN{}, fmt.Errorf("%w: %q is neither the name nor the ARN of a function", controller.ErrInvalid, name)
	}
	return t.caller.Complete(ctx, "lambda", t.region, "function:"+name)
}

func isFunction(a arn.ARN) bool { return a.Service == "lambda" && a.Kind() == "function" }

// split returns the function and the alias's name of an alias's ARN.
func split(alias string) (function arn.ARN, name string, err error) {
	a, err := arn.Parse(alias)
	if err != nil {
		return a, "", fmt.Errorf("%w: %w", controller.ErrInvalid, err)
	}
	function, name = a.Qualified()
	if !isFunction(a) || name == "" || name == latest || arn.IsVersion(name) {
		return a, "", fmt.Errorf("%w: %s is not the ARN of a function's alias", controller.ErrInvalid, alias)
	}
	return function, name, nil
}
