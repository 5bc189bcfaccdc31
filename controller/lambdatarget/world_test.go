package lambdatarget_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/controller/lambdatarget"
	"github.com/crossfade-dev/crossfade/internal/clock"
	locallambda "github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

const (
	account  = "444455556666"
	region   = "eu-west-1"
	function = "arn:aws:lambda:" + region + ":" + account + ":function:checkout"
	alias    = function + ":live"
	role     = "arn:aws:iam::" + account + ":role/till"
)

// spec is the target that tests release.
var spec = plan.Target{Kind: plan.Lambda, Name: "checkout", Alias: "live"}

// A service is the local Lambda, seen through the SDK, that can be made to
// answer as Lambda does on worse days.
type service struct {
	*lambda.Client
	local *locallambda.Service

	mu          sync.Mutex
	faults      map[string][]error // by operation, next first; nil lets one call pass
	lost        map[string]int     // operations whose answer is lost
	calls       map[string]int
	updates     []*lambda.UpdateAliasInput
	concurrency map[string]types.ProvisionedConcurrencyStatusEnum // by qualifier
	sources     map[string]bool                                   // ARNs with an event source
	states      map[string]types.State                            // by qualifier, where it is not the true one
	meanwhile   func()                                            // happens once, right before the next update of the alias
}

// newService returns a service with the function checkout, versions 1 to 4 of it
// and the alias live on 1.
func newService(t testing.TB, settle time.Duration) (*service, *lambdatarget.Target) {
	t.Helper()
	local, err := locallambda.New(locallambda.Config{Clock: clock.System{}, Rand: rand.NewPCG(1, 2), Runtime: lambdatest.Idle{}, Settle: settle})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(local.Close)
	s := &service{
		local: local,
		Client: lambda.NewFromConfig(aws.Config{
			Region: region, BaseEndpoint: aws.String("http://cloud.local"), RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""),
			HTTPClient:  wire.NewServer(wire.Config{}, local.API()).Client(),
		}),
		faults: map[string][]error{}, lost: map[string]int{}, calls: map[string]int{},
		concurrency: map[string]types.ProvisionedConcurrencyStatusEnum{}, sources: map[string]bool{}, states: map[string]types.State{},
	}
	target := lambdatarget.New(s, s, region, clock.System{})
	must(t, func() error {
		_, err := s.Client.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: aws.String("checkout"), Role: aws.String(role), Handler: aws.String("app.run"), Runtime: types.RuntimePython312,
			Code: &types.FunctionCode{ZipFile: lambdatest.Code("version 1")},
		})
		return err
	})
	for n := 1; n <= 4; n++ {
		if n > 1 {
			s.edit(t, fmt.Sprintf("version %d", n))
		}
		s.publish(t)
	}
	must(t, func() error {
		_, err := s.Client.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String("checkout"), Name: aws.String("live"), FunctionVersion: aws.String("1")})
		return err
	})
	return s, target
}

// must does something that may be refused while Lambda is still at work.
func must(t testing.TB, do func() error) {
	t.Helper()
	for {
		err := do()
		var busy *types.ResourceConflictException
		if errors.As(err, &busy) {
			<-clock.System{}.After(10 * time.Millisecond)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
}

// edit gives the function other code.
func (s *service) edit(t testing.TB, text string) {
	t.Helper()
	must(t, func() error {
		_, err := s.Client.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("checkout"), ZipFile: lambdatest.Code(text)})
		return err
	})
}

// configure gives the function another configuration.
func (s *service) configure(t testing.TB, in lambda.UpdateFunctionConfigurationInput) {
	t.Helper()
	in.FunctionName = aws.String("checkout")
	must(t, func() error {
		_, err := s.Client.UpdateFunctionConfiguration(t.Context(), &in)
		return err
	})
}

func (s *service) publish(t testing.TB) (version string) {
	t.Helper()
	must(t, func() error {
		out, err := s.Client.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("checkout")})
		if err == nil {
			version = *out.Version
		}
		return err
	})
	return version
}

// route changes the alias as somebody else's call would.
func (s *service) route(t testing.TB, version string, weights map[string]float64) {
	t.Helper()
	_, err := s.Client.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
		FunctionName: aws.String("checkout"), Name: aws.String("live"), FunctionVersion: &version,
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// shown is what the alias does, in Lambda's words.
func (s *service) shown(t testing.TB) (version string, weights map[string]float64) {
	t.Helper()
	out, err := s.Client.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("checkout"), Name: aws.String("live")})
	if err != nil {
		t.Fatal(err)
	}
	if out.RoutingConfig != nil {
		weights = out.RoutingConfig.AdditionalVersionWeights
	}
	return *out.FunctionVersion, weights
}

// fail makes the next calls of an operation fail, one error each.
func (s *service) fail(operation string, errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[operation] = append(s.faults[operation], errs...)
}

func (s *service) called(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// enter counts a call and takes the next fault.
func (s *service) enter(operation string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[operation]++
	if faults := s.faults[operation]; len(faults) > 0 {
		s.faults[operation] = faults[1:]
		return faults[0]
	}
	return nil
}

var (
	errThrottled = &smithy.GenericAPIError{Code: "TooManyRequestsException", Message: "Rate exceeded"}
	errDenied    = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized"}
)

// GetCallerIdentity says who calls.
func (s *service) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: aws.String(account), Arn: aws.String("arn:aws:sts::" + account + ":assumed-role/deployer/session")}, s.enter("GetCallerIdentity")
}

func (s *service) GetAlias(ctx context.Context, in *lambda.GetAliasInput, opts ...func(*lambda.Options)) (*lambda.GetAliasOutput, error) {
	if err := s.enter("GetAlias"); err != nil {
		return nil, err
	}
	return s.Client.GetAlias(ctx, in, opts...)
}

func (s *service) UpdateAlias(ctx context.Context, in *lambda.UpdateAliasInput, opts ...func(*lambda.Options)) (*lambda.UpdateAliasOutput, error) {
	if err := s.enter("UpdateAlias"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.updates = append(s.updates, in)
	meanwhile, lost := s.meanwhile, s.lost["UpdateAlias"]
	s.meanwhile, s.lost["UpdateAlias"] = nil, max(0, lost-1)
	s.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	if lost > 0 { // the client does not hear of the first answer, and asks again
		if _, err := s.Client.UpdateAlias(ctx, in, opts...); err != nil {
			return nil, err
		}
	}
	return s.Client.UpdateAlias(ctx, in, opts...)
}

func (s *service) UpdateFunctionCode(ctx context.Context, in *lambda.UpdateFunctionCodeInput, opts ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error) {
	if err := s.enter("UpdateFunctionCode"); err != nil {
		return nil, err
	}
	return s.Client.UpdateFunctionCode(ctx, in, opts...)
}

func (s *service) PublishVersion(ctx context.Context, in *lambda.PublishVersionInput, opts ...func(*lambda.Options)) (*lambda.PublishVersionOutput, error) {
	if err := s.enter("PublishVersion"); err != nil {
		return nil, err
	}
	return s.Client.PublishVersion(ctx, in, opts...)
}

func (s *service) DeleteFunction(ctx context.Context, in *lambda.DeleteFunctionInput, opts ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error) {
	if err := s.enter("DeleteFunction"); err != nil {
		return nil, err
	}
	return s.Client.DeleteFunction(ctx, in, opts...)
}

func (s *service) GetFunctionConfiguration(ctx context.Context, in *lambda.GetFunctionConfigurationInput, opts ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error) {
	if err := s.enter("GetFunctionConfiguration"); err != nil {
		return nil, err
	}
	out, err := s.Client.GetFunctionConfiguration(ctx, in, opts...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if state := s.states[aws.ToString(in.Qualifier)]; err == nil && state != "" {
		out.State = state
	}
	return out, err
}

// GetProvisionedConcurrencyConfig says what a test wants: the local Lambda has no
// provisioned concurrency.
func (s *service) GetProvisionedConcurrencyConfig(ctx context.Context, in *lambda.GetProvisionedConcurrencyConfigInput, opts ...func(*lambda.Options)) (*lambda.GetProvisionedConcurrencyConfigOutput, error) {
	if err := s.enter("GetProvisionedConcurrencyConfig"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	status := s.concurrency[*in.Qualifier]
	s.mu.Unlock()
	if status == "" {
		return s.Client.GetProvisionedConcurrencyConfig(ctx, in, opts...)
	}
	return &lambda.GetProvisionedConcurrencyConfigOutput{Status: status}, nil
}

// ListEventSourceMappings lists those that a test wants.
func (s *service) ListEventSourceMappings(ctx context.Context, in *lambda.ListEventSourceMappingsInput, opts ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error) {
	if err := s.enter("ListEventSourceMappings"); err != nil {
		return nil, err
	}
	out, err := s.Client.ListEventSourceMappings(ctx, in, opts...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.sources[*in.FunctionName] {
		out.EventSourceMappings = append(out.EventSourceMappings, types.EventSourceMappingConfiguration{FunctionArn: in.FunctionName})
	}
	return out, err
}

// files are files in memory.
type files map[string][]byte

func (f files) ReadFile(name string) ([]byte, error) {
	content, ok := f[name]
	if !ok {
		return nil, fmt.Errorf("%s: no such file", name)
	}
	return content, nil
}

func one(version string) rollout.Routing { return rollout.Routing{Stable: version} }

func two(stable, canary string, w plan.Weight) rollout.Routing {
	return rollout.Routing{Stable: stable, Canary: canary, Weight: w}
}
