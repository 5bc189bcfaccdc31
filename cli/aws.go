package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/localcloud"
)

// awsOptions say which AWS is meant; what is empty comes from the environment
// and the shared configuration files, as for AWS's own tools.
type awsOptions struct {
	endpoint, region, profile string
}

func (o *awsOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.endpoint, "endpoint-url", "", "`ADDRESS` of the AWS API, such as that of crossfade local (default: AWS_ENDPOINT_URL)")
	cmd.Flags().StringVar(&o.region, "region", "", "AWS `REGION` (default: AWS_REGION or the profile's)")
	cmd.Flags().StringVar(&o.profile, "profile", "", "`PROFILE` of the AWS configuration files (default: AWS_PROFILE)")
}

// imdsPatience is how long a machine that may or may not be in AWS is asked for
// credentials. Inside AWS the answer takes milliseconds; outside nobody answers.
const imdsPatience = time.Second

// load returns a configuration whose credentials and region are known to exist.
// For a local endpoint both may be missing: the local cloud takes any.
func (o awsOptions) load(ctx context.Context) (aws.Config, error) {
	load := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient().
			WithTimeout(15 * time.Second).
			WithDialerOptions(func(d *net.Dialer) { d.Timeout = 5 * time.Second })),
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) {
			o.Client = imds.New(imds.Options{
				HTTPClient: &http.Client{Timeout: imdsPatience},
				Retryer:    aws.NopRetryer{},
			})
		}),
		config.WithLogger(logging.Nop{}), // what matters comes as an error; its warnings would tear the live view
		config.WithRetryer(func() aws.Retryer { return retryer(rand.Float64) }),
	}
	if o.profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.profile))
	}
	if o.region != "" {
		load = append(load, config.WithRegion(o.region))
	}
	if o.endpoint != "" {
		load = append(load, config.WithBaseEndpoint(o.endpoint))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return aws.Config{}, configFailure(err)
	}
	if cfg.BaseEndpoint != nil {
		if err := checkEndpoint(*cfg.BaseEndpoint); err != nil {
			return aws.Config{}, err
		}
	}
	local := cfg.BaseEndpoint != nil && isLoopback(*cfg.BaseEndpoint)
	if cfg.Region == "" {
		if !local {
			return aws.Config{}, &failure{code: ExitError, err: errors.New("no AWS region is set"), next: []string{
				"export AWS_REGION=eu-west-1, or --region eu-west-1, or a profile that has one (--profile)",
				"to try without AWS: crossfade local, then --endpoint-url http://127.0.0.1:4566",
			}}
		}
		cfg.Region = "us-east-1"
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if !local {
			return aws.Config{}, credentialsFailure(err)
		}
		cfg.Credentials = credentials.NewStaticCredentialsProvider("local", "local", "")
	}
	return cfg, nil
}

func configFailure(err error) error {
	var profile config.SharedConfigProfileNotExistError
	if errors.As(err, &profile) {
		return &failure{code: ExitError, err: fmt.Errorf("AWS configuration: there is no profile %q", profile.Profile), next: []string{
			"aws configure list-profiles shows those that exist",
		}}
	}
	return &failure{code: ExitError, err: fmt.Errorf("AWS configuration: %w", err)}
}

func credentialsFailure(err error) error {
	return &failure{code: ExitError, err: fmt.Errorf("no AWS credentials: %w", rootCause(err)), next: []string{
		"export AWS_PROFILE=NAME or --profile NAME; aws sso login or aws configure makes one",
		"or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
		"to try without AWS: crossfade local, then --endpoint-url http://127.0.0.1:4566",
	}}
}

// rootCause shortens the SDK's chain to what a person can act on. The last
// source that the SDK asks is the machine's instance role, so an error from
// there means that no other source had anything.
func rootCause(err error) error {
	if text := err.Error(); strings.Contains(text, "IMDS") || strings.Contains(text, "ec2imds") {
		return errors.New("none in the environment, the profile or the container, and this machine has no instance role")
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// reachPatience bounds the first call. Who cannot reach STS may still reach
// Step Functions, through an endpoint in a private network, and is not held up.
const reachPatience = 3 * time.Second

// reach finds out, with one call and without a second try, what would make every
// call fail: nobody listens, there is no network, or the credentials are refused.
// Everything else is for the calls that matter to tell. It returns how many times
// as fast the time of a local cloud passes, if that is another than the machine's.
func reach(ctx context.Context, cfg aws.Config) (speed string, err error) {
	limited, cancel := context.WithTimeout(ctx, reachPatience)
	defer cancel()
	client := sts.NewFromConfig(cfg, func(o *sts.Options) { o.Retryer = aws.NopRetryer{} })
	out, err := client.GetCallerIdentity(limited, &sts.GetCallerIdentityInput{})
	var api smithy.APIError
	var unknown *net.DNSError
	where := "AWS in " + cfg.Region
	if cfg.BaseEndpoint != nil {
		where = *cfg.BaseEndpoint
	}
	switch {
	case err == nil:
		return speedOf(out.ResultMetadata), nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, syscall.ECONNREFUSED):
		next := []string{"is the address right? --endpoint-url, AWS_ENDPOINT_URL or the profile's endpoint_url says it"}
		if cfg.BaseEndpoint != nil && isLoopback(where) {
			next = []string{"crossfade local --listen " + strings.TrimPrefix(where, "http://") + " serves there", "to use AWS itself, unset AWS_ENDPOINT_URL"}
		}
		return "", &failure{code: ExitError, err: fmt.Errorf("nobody listens at %s", where), next: next}
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return "", &failure{code: ExitError, err: fmt.Errorf("%s cannot be reached: there is no address for %s", where, unknown.Name), next: []string{
			"is there a network? is the region right (--region)?",
			"to try without AWS: crossfade local, then --endpoint-url http://127.0.0.1:4566",
		}}
	case errors.As(err, &api) && slices.Contains(refusedCredentials, api.ErrorCode()):
		return "", &failure{code: ExitError, err: fmt.Errorf("AWS does not take the credentials: %s: %s", api.ErrorCode(), api.ErrorMessage()), next: []string{
			"aws sso login, or new keys in the environment or the profile",
		}}
	default:
		return "", nil
	}
}

// speedOf reads what the answer of a local cloud says about its time.
func speedOf(answer middleware.Metadata) string {
	raw, ok := awsmiddleware.GetRawResponse(answer).(*smithyhttp.Response)
	if !ok {
		return ""
	}
	return raw.Header.Get(localcloud.SpeedHeader)
}

// refusedCredentials are the codes that services answer to credentials that are
// old, unknown or mistyped.
//
// Source: STS API Reference, Common Error Types.
var refusedCredentials = []string{
	"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
	"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "RequestExpired",
}

func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return &failure{code: ExitUsage, err: fmt.Errorf("%q, from --endpoint-url or AWS_ENDPOINT_URL, is not an address", endpoint), next: []string{
			"it looks like http://127.0.0.1:4566",
		}}
	}
	return nil
}

func isLoopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}
