package lambdatarget

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/internal/arn"
)

// configuration is what Lambda says about a version.
type configuration = lambda.GetFunctionConfigurationOutput

// configuration reads a version; no qualifier is what is there unpublished.
func (t *Target) configuration(ctx context.Context, function arn.ARN, qualifier string) (*configuration, error) {
	in := &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(function.String())}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	c, err := t.api.GetFunctionConfiguration(ctx, in)
	return c, awserr.Wrap("GetFunctionConfiguration", err)
}

const (
	// firstPoll and mostPoll are how soon and how seldom one asks whether Lambda
	// is done with an update or a creation, which takes it about a second.
	firstPoll = 100 * time.Millisecond
	mostPoll  = 2 * time.Second
	// patience is how long it may take; a snapshot takes minutes.
	patience = 10 * time.Minute
)

// settled waits until Lambda is neither creating nor updating a version, and
// returns it. Its revision is another one than while that was under way.
func (t *Target) settled(ctx context.Context, function arn.ARN, qualifier string) (*configuration, error) {
	deadline := t.clock.Now().Add(patience)
	for wait := firstPoll; ; wait = min(2*wait, mostPoll) {
		c, err := t.configuration(ctx, function, qualifier)
		switch {
		case errors.Is(err, controller.ErrThrottled) && ctx.Err() == nil:
		case err != nil:
			return nil, err
		case c.State != types.StatePending && c.LastUpdateStatus != types.LastUpdateStatusInProgress:
			return c, nil
		}
		if !t.clock.Now().Before(deadline) {
			return nil, fmt.Errorf("%s is still being updated after %s", of(function, qualifier), patience)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s is still being updated: %w", of(function, qualifier), ctx.Err())
		case <-t.clock.After(wait):
		}
	}
}

// of names a version in messages.
func of(function arn.ARN, qualifier string) string {
	if qualifier == "" {
		return "function " + function.String()
	}
	return "version " + qualifier + " of function " + function.String()
}

// ready says why a version cannot take traffic. A state that is not told is
// Active.
func ready(c *configuration) error {
	switch c.State {
	case "", types.StateActive:
		return nil
	case types.StateInactive:
		return fmt.Errorf("%w: it is Inactive, because nobody invoked it for long, and fails until Lambda has made it Active again: invoke it once, and wait for that", controller.ErrInvalid)
	default:
		return fmt.Errorf("%w: it is %s, not Active%s", controller.ErrInvalid, c.State, because(c.StateReason))
	}
}

// updated says why the last update of a function did not work.
func updated(c *configuration) error {
	if c.LastUpdateStatus == types.LastUpdateStatusFailed {
		return fmt.Errorf("%w: its last update failed%s", controller.ErrInvalid, because(c.LastUpdateStatusReason))
	}
	return nil
}

func because(reason *string) string {
	if aws.ToString(reason) == "" {
		return ""
	}
	return ": " + *reason
}

// share says why an alias cannot be split between the version that serves and
// the one to come. Lambda would refuse the first shift.
//
// Source: Lambda Developer Guide, "Implement Lambda canary deployments using a
// weighted alias", considerations.
func share(live, next *configuration) error {
	differ := func(what, a, b string) error {
		return fmt.Errorf("%w: version %s, which serves, has the %s %s, and the version to release has %s; Lambda splits an alias only between versions with the same one."+
			" Give both the same, or move the alias at once with aws lambda update-alias",
			controller.ErrInvalid, aws.ToString(live.Version), what, a, b)
	}
	if a, b := aws.ToString(live.Role), aws.ToString(next.Role); a != b {
		return differ("execution role", a, b)
	}
	if a, b := deadLetter(live), deadLetter(next); a != b {
		return differ("dead letter target", a, b)
	}
	return nil
}

// deadLetter is where a version's lost events go.
func deadLetter(c *configuration) string {
	if c.DeadLetterConfig == nil || aws.ToString(c.DeadLetterConfig.TargetArn) == "" {
		return "(none)"
	}
	return *c.DeadLetterConfig.TargetArn
}

// settings are what a version runs by, besides its code.
type settings struct {
	Architectures []types.Architecture
	DeadLetter    string
	Environment   map[string]string
	Storage       *types.EphemeralStorage
	Files         []types.FileSystemConfig
	Image         *types.ImageConfigResponse
	Key           string
	Layers        []string
	Logging       *types.LoggingConfig
	Memory        int32
	Package       types.PackageType
	Role          string
	Handler       string
	Runtime       types.Runtime
	SnapStart     types.SnapStartApplyOn
	Timeout       int32
	Tracing       *types.TracingConfigResponse
	VPC           *types.VpcConfigResponse
}

// settingsOf returns the settings; ok is false when they are not all told.
func settingsOf(c *configuration) (s settings, ok bool) {
	s = settings{
		Architectures: c.Architectures, DeadLetter: deadLetter(c), Storage: c.EphemeralStorage, Files: c.FileSystemConfigs,
		Image: c.ImageConfigResponse, Key: aws.ToString(c.KMSKeyArn), Logging: c.LoggingConfig, Memory: aws.ToInt32(c.MemorySize),
		Package: c.PackageType, Role: aws.ToString(c.Role), Handler: aws.ToString(c.Handler), Runtime: c.Runtime,
		Timeout: aws.ToInt32(c.Timeout), Tracing: c.TracingConfig, VPC: c.VpcConfig,
	}
	if c.Environment != nil {
		if c.Environment.Error != nil {
			return s, false
		}
		s.Environment = c.Environment.Variables
	}
	for _, l := range c.Layers {
		s.Layers = append(s.Layers, aws.ToString(l.Arn))
	}
	if c.SnapStart != nil {
		s.SnapStart = c.SnapStart.ApplyOn
	}
	return s, true
}

// alike says that two versions are known to have the same settings. What cannot
// be compared is not alike; then Lambda has the last word when it publishes.
func alike(a, b *configuration) bool {
	x, ok := settingsOf(a)
	y, also := settingsOf(b)
	return ok && also && reflect.DeepEqual(x, y)
}

// content is a digest of a version with other code, whose sum is given; empty: with
// its own. It is empty where the settings are not all told.
func content(c *configuration, sum string) string {
	s, ok := settingsOf(c)
	if !ok {
		return ""
	}
	if sum == "" {
		sum = aws.ToString(c.CodeSha256)
	}
	text, err := json.Marshal([]any{sum, s})
	if err != nil {
		return "" // a digest is a help: without it versions are known by their numbers
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:])
}
