package serverless

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// globalProperties are what the Globals section may say of a resource type.
var globalProperties = map[string][]string{
	"Function": {
		"Handler", "Runtime", "CodeUri", "DeadLetterQueue", "Description", "MemorySize", "Timeout", "VpcConfig", "Environment",
		"Tags", "PropagateTags", "Tracing", "KmsKeyArn", "AutoPublishAlias", "AutoPublishAliasAllProperties", "Layers",
		"DeploymentPreference", "RolePath", "PermissionsBoundary", "ReservedConcurrentExecutions", "ProvisionedConcurrencyConfig",
		"AssumeRolePolicyDocument", "EventInvokeConfig", "FileSystemConfigs", "CodeSigningConfigArn", "Architectures", "SnapStart",
		"EphemeralStorage", "FunctionUrlConfig", "RuntimeManagementConfig", "LoggingConfig", "RecursiveLoop", "SourceKMSKeyArn",
		"DurableConfig", "TenancyConfig", "CapacityProviderConfig", "PublishToLatestPublished", "VersionDeletionPolicy",
	},
	"Api": {
		"Auth", "Name", "DefinitionUri", "CacheClusterEnabled", "CacheClusterSize", "MergeDefinitions", "Variables", "EndpointConfiguration",
		"MethodSettings", "BinaryMediaTypes", "MinimumCompressionSize", "Cors", "GatewayResponses", "AccessLogSetting", "CanarySetting",
		"TracingEnabled", "OpenApiVersion", "Domain", "AlwaysDeploy", "PropagateTags", "SecurityPolicy", "EndpointAccessMode",
	},
	"HttpApi": {
		"Auth", "AccessLogSettings", "StageVariables", "Tags", "CorsConfiguration", "DefaultRouteSettings", "Domain", "RouteSettings",
		"FailOnWarnings", "PropagateTags",
	},
	"SimpleTable":  {"SSESpecification"},
	"StateMachine": {"PropagateTags"},
	"LayerVersion": {"PublishLambdaVersion"},
}

func (x *expansion) readGlobals() error {
	x.globals = map[string]value{}
	section, ok := x.t.Body.Get("Globals")
	if !ok {
		return nil
	}
	fail := func(path []string, format string, args ...any) error {
		return x.t.Fail(append([]string{"Globals"}, path...), "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. Number of errors found: 1. 'Globals' section is invalid. %s", fmt.Sprintf(format, args...))
	}
	if section.Kind() != jsonvalue.KindObject {
		return fail(nil, "It must be a non-empty dictionary")
	}
	for kind, properties := range section.Members() {
		known, ok := globalProperties[kind]
		if !ok {
			return fail([]string{kind}, "'%s' is not supported. Must be one of the following values - [Api, Function, HttpApi, LayerVersion, SimpleTable, StateMachine]", kind)
		}
		if properties.Kind() != jsonvalue.KindObject {
			return fail([]string{kind}, "Value of %s must be a dictionary", kind)
		}
		for name := range properties.Members() {
			if !slices.Contains(known, name) {
				return fail([]string{kind, name}, "'%s' is not a supported property of '%s'. Must be one of the following values - [%s]", name, kind, strings.Join(known, ", "))
			}
		}
		x.globals["AWS::Serverless::"+kind] = properties
	}
	return nil
}

// merge joins the globals of the resource's type with its own properties.
func (s *source) merge() error {
	s.properties = s.resource.Properties
	globals, ok := s.globals[s.resource.Type]
	if !ok {
		return nil
	}
	ignored, _ := s.whole.Get("IgnoreGlobals")
	if ignored.Str() == "*" {
		return nil
	}
	for name := range ignored.Elements() {
		globals = globals.Without(name.Str())
	}
	s.properties = mergeValues(globals, s.properties)
	return nil
}

// mergeValues merges the way globals do: maps merge, lists join with the global
// ones first, and of anything else the local value counts.
func mergeValues(global, local value) value {
	switch {
	case global.Kind() == jsonvalue.KindObject && local.Kind() == jsonvalue.KindObject && !isCall(global) && !isCall(local):
		merged := global
		for key, v := range local.Members() {
			if g, ok := global.Get(key); ok {
				v = mergeValues(g, v)
			}
			merged = merged.With(key, v)
		}
		return merged
	case global.Kind() == jsonvalue.KindArray && local.Kind() == jsonvalue.KindArray:
		return global.Append(slices.Collect(local.Elements())...)
	default:
		return local
	}
}
