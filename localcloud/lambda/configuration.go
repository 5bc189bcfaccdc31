package lambda

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// createable are the runtimes that AWS makes functions for, in the order in
// which AWS lists them; retired are those that it made functions for once.
//
// Source: recorded (January 2026); retired from the API model.
var (
	createable = []string{
		"nodejs20.x", "python3.14", "provided.al2023", "python3.12", "python3.13", "nodejs24.x", "nodejs22.x", "java25",
		"python3.10", "python3.11", "java21", "ruby3.3", "ruby3.4", "ruby3.2", "python3.8", "python3.9", "java17", "nodejs16.x",
		"dotnet10", "dotnet8", "java11", "dotnet6", "nodejs18.x", "provided.al2", "java8.al2",
	}
	retired = []string{
		"nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x",
		"python2.7", "python3.6", "python3.7", "java8", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1",
		"go1.x", "ruby2.5", "ruby2.7", "provided",
	}
)

// checkRuntime refuses what AWS has no runtime for.
//
// Source of the messages: recorded.
func checkRuntime(name string) error {
	switch {
	case slices.Contains(retired, name):
		return invalid("The runtime parameter of " + name + " is no longer supported for creating or updating AWS Lambda functions." +
			" We recommend you use a supported runtime while creating or updating functions.")
	case !slices.Contains(createable, name):
		return invalid("Value " + name + " at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [" +
			strings.Join(createable, ", ") + "] or be a valid ARN")
	}
	return nil
}

// checkMachine refuses what AWS would run and this machine cannot. It comes
// after everything that AWS refuses.
func (s *Service) checkMachine(v *version) error {
	if err := s.runtime.Check(v.Runtime, v.Architecture); err != nil {
		return invalid("This machine has nothing that runs " + v.Runtime + ": " + err.Error())
	}
	return nil
}

// maxEnvironment is how many bytes the JSON of a function's variables may have.
const maxEnvironment = 4096

// reservedVariables are those that Lambda itself sets.
//
// Source: Lambda developer guide, "Defined runtime environment variables".
var reservedVariables = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
	"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
	"AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SECURITY_TOKEN",
	"AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "TZ",
}

// readEnvironment checks variables.
//
// Source of the first message: recorded.
func readEnvironment(variables map[string]string) (map[string]string, error) {
	const about = "Lambda was unable to configure your environment variables because the environment variables you have provided "
	if variables == nil {
		variables = map[string]string{}
	}
	if text := compactJSON(variables); len(text) > maxEnvironment {
		return nil, invalid(about + "exceeded the 4KB limit. String measured: " + text)
	}
	var used []string
	for name := range variables {
		if slices.Contains(reservedVariables, name) {
			used = append(used, name)
		}
	}
	if len(used) > 0 {
		sort.Strings(used)
		return nil, invalid(about + "contains reserved keys that are currently not supported for modification. Reserved keys used in this request: " +
			strings.Join(used, ", "))
	}
	return variables, nil
}

// readLogging returns old with what in says.
func readLogging(old logging, in *lambdaapi.LoggingConfig) logging {
	if in == nil {
		return old
	}
	if in.LogFormat != nil && *in.LogFormat != old.Format {
		old.Format, old.Application, old.System = *in.LogFormat, "", ""
	}
	if in.LogGroup != nil {
		old.Group = *in.LogGroup
	}
	if old.Format != lambdaapi.LogFormatJson {
		return old // plain text has no levels
	}
	old.Application = wire.ValueOr(in.ApplicationLogLevel, wire.ValueOr(wire.Optional(old.Application), lambdaapi.ApplicationLogLevelInfo))
	old.System = wire.ValueOr(in.SystemLogLevel, wire.ValueOr(wire.Optional(old.System), lambdaapi.SystemLogLevelInfo))
	return old
}

// checkVPC refuses networks: the local cloud has none, so that what is named in
// them does not exist.
//
// Source of the messages: recorded.
func checkVPC(in *lambdaapi.VpcConfig) error {
	if in == nil {
		return nil
	}
	if len(in.SecurityGroupIds) > 0 {
		return invalid("Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: The security group '" +
			in.SecurityGroupIds[0] + "' does not exist")
	}
	if len(in.SubnetIds) > 0 {
		return invalid("Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID '" +
			in.SubnetIds[0] + "' does not exist")
	}
	return nil
}

// A configuring is what creations and updates of a configuration have in common;
// nil leaves a setting as it is.
type configuring struct {
	role, handler, description, runtime *string
	timeout, memory                     *int32
	vpc                                 *lambdaapi.VpcConfig
	environment                         *lambdaapi.Environment
	deadLetter                          *lambdaapi.DeadLetterConfig
	kmsKey                              *string
	tracing                             *lambdaapi.TracingConfig
	layers                              []string
	fileSystems                         []lambdaapi.FileSystemConfig
	image                               *lambdaapi.ImageConfig
	storage                             *lambdaapi.EphemeralStorage
	snapStart                           *lambdaapi.SnapStart
	logging                             *lambdaapi.LoggingConfig
	capacity                            *lambdaapi.CapacityProviderConfig
	durable                             *lambdaapi.DurableConfig
}

// absent says that the local cloud does not have what a setting asks for.
func absent(what string) error {
	return invalid("The local cloud has no " + what + ".")
}

// apply returns the settings and layers that in makes of old.
func (s *Service) apply(p place, old *version, in configuring) (settings, []*Archive, error) {
	next, layers := old.settings, old.layers
	fail := func(err error) (settings, []*Archive, error) { return settings{}, nil, err }
	switch {
	case in.image != nil && (len(in.image.Command) > 0 || len(in.image.EntryPoint) > 0 || in.image.WorkingDirectory != nil):
		return fail(absent("container images"))
	case len(in.fileSystems) > 0:
		return fail(absent("file systems"))
	case in.snapStart != nil && wire.ValueOr(in.snapStart.ApplyOn, lambdaapi.SnapStartApplyOnNone) != lambdaapi.SnapStartApplyOnNone:
		return fail(absent("SnapStart"))
	case in.capacity != nil:
		return fail(absent("capacity providers"))
	case in.durable != nil:
		return fail(absent("durable functions"))
	}
	if in.timeout != nil {
		if *in.timeout > maxTimeout {
			return fail(validation(fmt.Sprintf("Value '%d' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to %d", *in.timeout, maxTimeout)))
		}
		next.Timeout = int(*in.timeout)
	}
	if in.memory != nil {
		if *in.memory > maxMemory {
			return fail(invalid(fmt.Sprintf("'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to %d", maxMemory)))
		}
		next.MemoryMB = int(*in.memory)
	}
	if in.runtime != nil {
		if err := checkRuntime(*in.runtime); err != nil {
			return fail(err)
		}
		next.Runtime = *in.runtime
	}
	if err := checkVPC(in.vpc); err != nil {
		return fail(err)
	}
	if in.vpc != nil {
		next.NoVPC = true
	}
	if in.environment != nil {
		variables, err := readEnvironment(in.environment.Variables)
		if err != nil {
			return fail(err)
		}
		next.Environment = variables
	}
	if in.layers != nil {
		refs, found, err := s.findLayers(p, in.layers)
		if err != nil {
			return fail(err)
		}
		next.Layers, layers = refs, found
	}
	next.Role = wire.ValueOr(in.role, next.Role)
	next.Handler = wire.ValueOr(in.handler, next.Handler)
	next.Description = wire.ValueOr(in.description, next.Description)
	next.KMSKeyARN = wire.ValueOr(in.kmsKey, next.KMSKeyARN)
	if in.deadLetter != nil {
		next.DeadLetter = wire.Value(in.deadLetter.TargetArn)
	}
	if in.tracing != nil {
		next.Tracing = wire.ValueOr(in.tracing.Mode, next.Tracing)
	}
	if in.storage != nil {
		next.EphemeralMB = int(in.storage.Size)
	}
	next.Logging = readLogging(next.Logging, in.logging)
	return next, layers, nil
}

// Quotas that the model does not have.
//
// Source: Lambda quotas.
const (
	maxTimeout = 900
	maxMemory  = 10_240
)

// creatingReason is how the reason of a state is worded, also that of an update.
//
// Source: recorded.
const creatingReason = "The function is being created."

// timeLayout is how the time of the last change is written.
const timeLayout = "2006-01-02T15:04:05.000-0700"

// describe returns the configuration of a version, under the ARN with the
// qualifier. Lists leave out what is only true for the moment.
func (f *function) describe(v *version, arn string, now time.Time, listed bool) *lambdaapi.FunctionConfiguration {
	out := &lambdaapi.FunctionConfiguration{
		FunctionName:     &f.name,
		FunctionArn:      &arn,
		Role:             &v.Role,
		CodeSize:         &v.code.Size,
		CodeSha256:       &v.code.SHA256,
		Description:      &v.settings.Description,
		Timeout:          new(int32(v.Timeout)),
		MemorySize:       new(int32(v.MemoryMB)),
		LastModified:     new(v.modified.UTC().Format(timeLayout)),
		Version:          new(v.qualifier()),
		TracingConfig:    &lambdaapi.TracingConfigResponse{Mode: &v.Tracing},
		RevisionId:       new(v.revisionAt(now)),
		PackageType:      new(lambdaapi.PackageTypeZip),
		Architectures:    []string{v.Architecture},
		EphemeralStorage: &lambdaapi.EphemeralStorage{Size: int32(v.EphemeralMB)},
		SnapStart: &lambdaapi.SnapStartResponse{
			ApplyOn:            new(lambdaapi.SnapStartApplyOnNone),
			OptimizationStatus: new(lambdaapi.SnapStartOptimizationStatusOff),
		},
		LoggingConfig: &lambdaapi.LoggingConfig{
			LogFormat:           &v.Logging.Format,
			ApplicationLogLevel: wire.Optional(v.Logging.Application),
			SystemLogLevel:      wire.Optional(v.Logging.System),
			LogGroup:            &v.Logging.Group,
		},
		Runtime:   wire.Optional(v.Runtime),
		Handler:   wire.Optional(v.Handler),
		KMSKeyArn: wire.Optional(v.KMSKeyARN),
	}
	if v.description != nil {
		out.Description = v.description
	}
	if v.Environment != nil {
		out.Environment = &lambdaapi.EnvironmentResponse{Variables: v.Environment}
	}
	if v.DeadLetter != "" {
		out.DeadLetterConfig = &lambdaapi.DeadLetterConfig{TargetArn: &v.DeadLetter}
	}
	if v.NoVPC {
		out.VpcConfig = &lambdaapi.VpcConfigResponse{
			SubnetIds: []string{}, SecurityGroupIds: []string{}, VpcId: new(""), Ipv6AllowedForDualStack: new(false),
		}
	}
	for _, l := range v.settings.Layers {
		out.Layers = append(out.Layers, lambdaapi.Layer{Arn: &l.ARN, CodeSize: &l.Size})
	}
	if listed {
		return out
	}
	if v.Runtime != "" {
		out.RuntimeVersionConfig = &lambdaapi.RuntimeVersionConfig{RuntimeVersionArn: new(f.space.runtimeARN(v.Runtime))}
	}
	switch {
	case !v.busy(now):
		out.State = new(lambdaapi.StateActive)
		out.LastUpdateStatus = new(lambdaapi.LastUpdateStatusSuccessful)
	case v.creating:
		out.State = new(lambdaapi.StatePending)
		out.StateReason = new(creatingReason)
		out.StateReasonCode = new(lambdaapi.StateReasonCodeCreating)
	default:
		out.State = new(lambdaapi.StateActive)
		out.LastUpdateStatus = new(lambdaapi.LastUpdateStatusInProgress)
		out.LastUpdateStatusReason = new(creatingReason)
		out.LastUpdateStatusReasonCode = new(string(lambdaapi.StateReasonCodeCreating))
	}
	return out
}

// runtimeARN names a version of a runtime: AWS's are hashes, and tell nothing
// but that two are the same.
func (p place) runtimeARN(runtime string) string {
	sum := sha256.Sum256([]byte(runtime))
	return "arn:" + p.Partition + ":lambda:" + p.Region + "::runtime:" + hex.EncodeToString(sum[:])
}

func versionKey(number int) string { return fmt.Sprintf("%012d", number) }
