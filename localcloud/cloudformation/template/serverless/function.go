package serverless

import (
	"crypto/sha1" //nolint:gosec // it names a version, as AWS's transform does
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// passedOn are the properties of a function that AWS::Lambda::Function has under
// the same name.
var passedOn = []string{
	"FunctionName", "Description", "Handler", "Runtime", "MemorySize", "Timeout", "VpcConfig", "Environment", "KmsKeyArn", "Layers",
	"ReservedConcurrentExecutions", "PackageType", "ImageConfig", "Architectures", "EphemeralStorage", "FileSystemConfigs",
	"CodeSigningConfigArn", "SnapStart", "RuntimeManagementConfig", "LoggingConfig", "RecursiveLoop", "DurableConfig", "TenancyConfig",
	"CapacityProviderConfig",
}

var functionProperties = append([]string{
	"CodeUri", "ImageUri", "InlineCode", "DeadLetterQueue", "Tags", "PropagateTags", "Tracing", "Role", "Policies", "RolePath",
	"PermissionsBoundary", "AssumeRolePolicyDocument", "Events", "AutoPublishAlias", "AutoPublishAliasAllProperties",
	"AutoPublishCodeSha256", "VersionDescription", "VersionDeletionPolicy", "DeploymentPreference", "ProvisionedConcurrencyConfig",
	"EventInvokeConfig", "FunctionUrlConfig", "SourceKMSKeyArn", "PublishToLatestPublished",
}, passedOn...)

// function expands AWS::Serverless::Function.
func (s *source) function() error {
	if err := s.only(functionProperties); err != nil {
		return err
	}
	alias, err := s.text("AutoPublishAlias")
	if err != nil {
		return err
	}
	preference, err := s.preference(alias)
	if err != nil {
		return err
	}
	code, err := s.code()
	if err != nil {
		return err
	}
	events, err := s.readEvents()
	if err != nil {
		return err
	}
	invoke, err := s.eventInvokeConfig(alias)
	if err != nil {
		return err
	}
	properties, err := s.functionProperties(code)
	if err != nil {
		return err
	}
	if role := s.get("Role"); role.IsDefined() {
		properties.Set("Role", role)
	} else {
		if err := s.functionRole(events, invoke.policies); err != nil {
			return err
		}
		properties.Set("Role", getAtt(s.id+"Role", "Arn"))
	}
	lambda := properties.Value()
	if err := s.emit(s.id, "AWS::Lambda::Function", lambda); err != nil {
		return err
	}
	called := callee{arn: getAtt(s.id, "Arn"), name: ref(s.id)}
	if alias != "" {
		if called, err = s.versionAndAlias(alias, code, lambda, preference); err != nil {
			return err
		}
	} else if s.get("ProvisionedConcurrencyConfig").IsDefined() {
		return errors.New("To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function") //nolint:staticcheck // AWS's words
	}
	if err := s.functionURL(called); err != nil {
		return err
	}
	if err := invoke.emit(s, alias); err != nil {
		return err
	}
	return s.functionEvents(events, called)
}

func (s *source) functionProperties(code value) (*jsonvalue.ObjectBuilder, error) {
	b := &jsonvalue.ObjectBuilder{}
	b.Set("Code", code)
	s.copyProperties(b, passedOn...)
	b.Set("Tags", tags("lambda:createdBy", s.get("Tags")))
	if tracing := s.get("Tracing"); tracing.IsDefined() {
		b.Set("TracingConfig", obj("Mode", tracing))
	}
	if queue := s.get("DeadLetterQueue"); queue.IsDefined() {
		kind, _ := queue.Get("Type")
		target, ok := queue.Get("TargetArn")
		if !ok || kind.Str() != "SQS" && kind.Str() != "SNS" {
			return nil, errors.New("'DeadLetterQueue' requires Type and TargetArn properties to be specified. The Type is SQS or SNS") //nolint:staticcheck // AWS's words
		}
		b.Set("DeadLetterConfig", obj("TargetArn", target))
	}
	return b, nil
}

// code returns the Code property of the function.
func (s *source) code() (value, error) {
	inline, uri, image := s.get("InlineCode"), s.get("CodeUri"), s.get("ImageUri")
	kms := s.get("SourceKMSKeyArn")
	packageType, err := s.text("PackageType")
	if err != nil {
		return value{}, err
	}
	if packageType == "Image" {
		if !image.IsDefined() && !s.sketch {
			return value{}, errors.New("'ImageUri' must be set.") //nolint:staticcheck // AWS's words
		}
		return obj("ImageUri", image), nil
	}
	switch {
	case inline.IsDefined():
		return obj("ZipFile", inline), nil
	case uri.Kind() == jsonvalue.KindString:
		bucket, key, version, ok := s.location(uri.Str())
		if !ok {
			return value{}, errors.New("'CodeUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.") //nolint:staticcheck // AWS's words
		}
		return obj("S3Bucket", str(bucket), "S3Key", str(key), "S3ObjectVersion", version, "SourceKMSKeyArn", kms), nil
	case uri.Kind() == jsonvalue.KindObject && !isCall(uri):
		bucket, _ := uri.Get("Bucket")
		key, _ := uri.Get("Key")
		version, _ := uri.Get("Version")
		if !bucket.IsDefined() || !key.IsDefined() {
			return value{}, errors.New("'CodeUri' requires Bucket and Key properties to be specified.") //nolint:staticcheck // AWS's words
		}
		return obj("S3Bucket", bucket, "S3Key", key, "S3ObjectVersion", version, "SourceKMSKeyArn", kms), nil
	case uri.IsDefined():
		return value{}, errors.New("'CodeUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.") //nolint:staticcheck // AWS's words
	case s.sketch:
		return obj("S3Bucket", str(onThisMachine), "S3Key", str(".")), nil
	default:
		return value{}, errors.New("Either 'InlineCode' or 'CodeUri' must be set.") //nolint:staticcheck // AWS's words
	}
}

// onThisMachine stands for the bucket of what is not uploaded yet.
const onThisMachine = "not-uploaded"

// location reads a location in S3 or, for a sketch, on this machine.
func (s *source) location(text string) (bucket, key string, version value, ok bool) {
	bucket, key, version, ok = s3Location(text)
	if !ok && s.sketch {
		return onThisMachine, text, version, true
	}
	return bucket, key, version, ok
}

// s3Location reads s3://bucket/key?versionId=V.
func s3Location(text string) (bucket, key string, version value, ok bool) {
	rest, found := strings.CutPrefix(text, "s3://")
	if !found {
		return "", "", version, false
	}
	rest, query, _ := strings.Cut(rest, "?")
	bucket, key, _ = strings.Cut(rest, "/")
	for pair := range strings.SplitSeq(query, "&") {
		if id, ok := strings.CutPrefix(pair, "versionId="); ok {
			version = str(id)
		}
	}
	return bucket, key, version, bucket != "" && key != ""
}

// A callee is what the events of a function or state machine call: itself, or its
// alias.
type callee struct {
	arn, name value
	// alias is the logical id of the alias, or empty.
	alias string
}

// versionAndAlias adds the version of this code and the alias that points to it.
func (s *source) versionAndAlias(alias string, code, lambda value, p preference) (callee, error) {
	s.expanding = []string{"AutoPublishAlias"}
	hash, err := s.versionHash(code, lambda)
	if err != nil {
		return callee{}, err
	}
	versionID, aliasID := s.id+"Version"+hash, s.id+"Alias"+titled(alias)
	policy := str("Retain")
	if given := s.get("VersionDeletionPolicy"); given.IsDefined() {
		policy = given
	} else if given, ok := s.whole.Get("DeletionPolicy"); ok {
		policy = given
	}
	version := obj("FunctionName", ref(s.id), "Description", s.get("VersionDescription"))
	if err := s.emit(versionID, "AWS::Lambda::Version", version, jsonvalue.Member{Key: "DeletionPolicy", Value: policy}); err != nil {
		return callee{}, err
	}
	properties := obj("Name", str(alias), "FunctionName", ref(s.id), "FunctionVersion", getAtt(versionID, "Version"),
		"ProvisionedConcurrencyConfig", s.get("ProvisionedConcurrencyConfig"))
	var attributes []jsonvalue.Member
	if p.enabled {
		attributes = append(attributes, jsonvalue.Member{Key: "UpdatePolicy", Value: p.updatePolicy(s.id)})
		s.deploymentGroup(p)
	}
	if p.undecided.IsDefined() {
		attributes = append(attributes, jsonvalue.Member{Key: "Metadata", Value: obj(UndecidedPreference, p.undecided)})
	}
	if err := s.emit(aliasID, "AWS::Lambda::Alias", properties, attributes...); err != nil {
		return callee{}, err
	}
	s.renamed[s.id+".Version"], s.renamed[s.id+".Alias"] = versionID, aliasID
	return callee{arn: ref(aliasID), name: ref(aliasID), alias: aliasID}, nil
}

// versionHash tells versions apart: the same hash gives the same logical id, and
// so no new version.
func (s *source) versionHash(code, lambda value) (string, error) {
	if sha, err := s.text("AutoPublishCodeSha256"); err != nil {
		return "", err
	} else if sha != "" {
		return titled(sha[:min(len(sha), 10)]), nil
	}
	all, err := s.flag("AutoPublishAliasAllProperties")
	if err != nil {
		return "", err
	}
	hashed := lambda
	if !all {
		hashed = code
		for _, name := range []string{"Environment", "MemorySize", "SnapStart"} {
			if v := s.get(name); v.IsDefined() {
				hashed = hashed.With(name, v)
			}
		}
	}
	if hashed, err = s.b.Partial(hashed, "Resources", s.id, "Properties"); err != nil {
		return "", err
	}
	return shortHash(hashed), nil
}

// shortHash is the first ten digits of the SHA-1 of v's JSON text with its keys in
// order.
func shortHash(v value) string {
	sum := sha1.Sum([]byte(sorted(v).String())) //nolint:gosec // it names a version
	return hex.EncodeToString(sum[:])[:10]
}

func sorted(v value) value {
	switch v.Kind() {
	case jsonvalue.KindArray:
		var b jsonvalue.ArrayBuilder
		for item := range v.Elements() {
			b.Append(sorted(item))
		}
		return b.Value()
	case jsonvalue.KindObject:
		var keys []string
		for key := range v.Members() {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		var b jsonvalue.ObjectBuilder
		for _, key := range keys {
			item, _ := v.Get(key)
			b.Set(key, sorted(item))
		}
		return b.Value()
	default:
		return v
	}
}

// functionURL adds the function's URL, and the permission that a public one needs.
func (s *source) functionURL(called callee) error {
	s.expanding = []string{"FunctionUrlConfig"}
	config := s.get("FunctionUrlConfig")
	if !config.IsDefined() {
		return nil
	}
	auth, ok := config.Get("AuthType")
	if !ok {
		return errors.New("AuthType is required to configure function property `FunctionUrlConfig`. Please provide either AWS_IAM or NONE.") //nolint:staticcheck // AWS's words
	}
	cors, _ := config.Get("Cors")
	mode, _ := config.Get("InvokeMode")
	properties := obj("TargetFunctionArn", called.name, "AuthType", auth, "Cors", cors, "InvokeMode", mode)
	if err := s.emit(s.id+"Url", "AWS::Lambda::Url", properties); err != nil {
		return err
	}
	if auth.Str() != "NONE" {
		return nil
	}
	return s.emit(s.id+"UrlPublicPermissions", "AWS::Lambda::Permission", obj(
		"Action", str("lambda:InvokeFunctionUrl"), "FunctionName", called.name, "FunctionUrlAuthType", str("NONE"), "Principal", str("*")))
}

// An invokeConfig is what EventInvokeConfig expands to.
type invokeConfig struct {
	properties value
	policies   []value
	// queues and topics are made where a destination has no ARN of its own.
	made []jsonvalue.Member
}

var destinationActions = map[string]string{
	"SQS": "sqs:SendMessage", "SNS": "sns:Publish", "Lambda": "lambda:InvokeFunction", "EventBridge": "events:PutEvents",
	"S3Bucket": "s3:PutObject",
}

func (s *source) eventInvokeConfig(alias string) (invokeConfig, error) {
	var c invokeConfig
	config := s.get("EventInvokeConfig")
	if !config.IsDefined() {
		return c, nil
	}
	destinations, _ := config.Get("DestinationConfig")
	var written value
	for name, given := range destinations.Members() {
		kind, _ := given.Get("Type")
		target, _ := given.Get("Destination")
		action, known := destinationActions[kind.Str()]
		if kind.IsDefined() && !known {
			return c, fmt.Errorf("'Type: %s' must be one of the values: [EventBridge, Lambda, S3Bucket, SNS, SQS]", kind.Text())
		}
		if !target.IsDefined() {
			switch kind.Str() {
			case "SQS":
				id := s.id + "EventInvokeConfig" + name + "Queue"
				c.made = append(c.made, jsonvalue.Member{Key: id, Value: str("AWS::SQS::Queue")})
				target = getAtt(id, "Arn")
			case "SNS":
				id := s.id + "EventInvokeConfig" + name + "Topic"
				c.made = append(c.made, jsonvalue.Member{Key: id, Value: str("AWS::SNS::Topic")})
				target = ref(id)
			default:
				return c, fmt.Errorf("Destination is required if Type is not {SNS, SQS}") //nolint:staticcheck // AWS's words
			}
		}
		written = written.With(name, obj("Destination", target))
		if known {
			c.policies = append(c.policies, obj("PolicyName", str(s.id+"EventInvokeConfig"+name+kind.Str()+"Policy"),
				"PolicyDocument", statement(action, target)))
		}
	}
	qualifier := "$LATEST"
	if alias != "" {
		qualifier = alias
	}
	age, _ := config.Get("MaximumEventAgeInSeconds")
	attempts, _ := config.Get("MaximumRetryAttempts")
	c.properties = obj("FunctionName", ref(s.id), "Qualifier", str(qualifier), "MaximumEventAgeInSeconds", age,
		"MaximumRetryAttempts", attempts, "DestinationConfig", written)
	return c, nil
}

func (c invokeConfig) emit(s *source, alias string) error {
	if !c.properties.IsDefined() {
		return nil
	}
	s.expanding = []string{"EventInvokeConfig"}
	for _, m := range c.made {
		if err := s.emit(m.Key, m.Value.Str(), obj()); err != nil {
			return err
		}
	}
	var attributes []jsonvalue.Member
	if alias != "" {
		// The alias is named, not referred to; without this it may come later.
		attributes = append(attributes, jsonvalue.Member{Key: "DependsOn", Value: list(str(s.id + "Alias" + titled(alias)))})
	}
	return s.emit(s.id+"EventInvokeConfig", "AWS::Lambda::EventInvokeConfig", c.properties, attributes...)
}

// statement is a policy document that allows one action on one resource.
func statement(action string, resource value) value {
	return obj("Version", str("2012-10-17"), "Statement", list(obj(
		"Action", str(action), "Effect", str("Allow"), "Resource", resource)))
}
