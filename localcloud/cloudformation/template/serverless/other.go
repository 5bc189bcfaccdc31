package serverless

import (
	"errors"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// layer expands AWS::Serverless::LayerVersion. A layer version never changes, so
// its logical id has the hash of its content, and references follow.
func (s *source) layer() error {
	known := []string{
		"LayerName", "Description", "ContentUri", "CompatibleArchitectures", "CompatibleRuntimes", "LicenseInfo", "RetentionPolicy",
		"PublishLambdaVersion",
	}
	if err := s.only(known); err != nil {
		return err
	}
	var content value
	switch uri := s.get("ContentUri"); uri.Kind() {
	case jsonvalue.KindString:
		bucket, key, version, ok := s.location(uri.Str())
		if !ok {
			return errors.New("'ContentUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.") //nolint:staticcheck // AWS's words
		}
		content = obj("S3Bucket", str(bucket), "S3Key", str(key), "S3ObjectVersion", version)
	case jsonvalue.KindObject:
		bucket, _ := uri.Get("Bucket")
		key, _ := uri.Get("Key")
		version, _ := uri.Get("Version")
		content = obj("S3Bucket", bucket, "S3Key", key, "S3ObjectVersion", version)
	default:
		return errors.New("Missing required property 'ContentUri'.") //nolint:staticcheck // AWS's words
	}
	name := s.get("LayerName")
	if !name.IsDefined() {
		name = str(s.id)
	}
	properties := obj("Content", content, "LayerName", name, "Description", s.get("Description"),
		"CompatibleArchitectures", s.get("CompatibleArchitectures"), "CompatibleRuntimes", s.get("CompatibleRuntimes"),
		"LicenseInfo", s.get("LicenseInfo"))
	hashed, err := s.b.Partial(properties, "Resources", s.id, "Properties")
	if err != nil {
		return err
	}
	retention, err := s.text("RetentionPolicy")
	if err != nil {
		return err
	}
	policy := "Retain"
	switch retention {
	case "", "Retain":
	case "Delete":
		policy = retention
	default:
		return errors.New("'RetentionPolicy' must be one of the following options: ['Retain', 'Delete'].") //nolint:staticcheck // AWS's words
	}
	id := s.id + shortHash(hashed)
	s.renamed[s.id] = id
	return s.emit(id, "AWS::Lambda::LayerVersion", properties, jsonvalue.Member{Key: "DeletionPolicy", Value: str(policy)})
}

// table expands AWS::Serverless::SimpleTable.
func (s *source) table() error {
	if err := s.only([]string{"PrimaryKey", "ProvisionedThroughput", "TableName", "Tags", "SSESpecification", "PointInTimeRecoverySpecification"}); err != nil {
		return err
	}
	name, kind := str("id"), str("S")
	if key := s.get("PrimaryKey"); key.IsDefined() {
		given, _ := key.Get("Type")
		name, _ = key.Get("Name")
		letter, ok := map[string]string{"String": "S", "Number": "N", "Binary": "B"}[given.Str()]
		if !ok || !name.IsDefined() {
			return errors.New("'PrimaryKey' is missing required Property 'Name' or has an invalid 'Type'.") //nolint:staticcheck // AWS's words
		}
		kind = str(letter)
	}
	throughput := s.get("ProvisionedThroughput")
	var billing value
	if !throughput.IsDefined() {
		billing = str("PAY_PER_REQUEST")
	}
	var given value
	if t := s.get("Tags"); t.IsDefined() {
		var b jsonvalue.ArrayBuilder
		for key, v := range t.Members() {
			b.Append(obj("Key", str(key), "Value", v))
		}
		given = b.Value()
	}
	return s.emit(s.id, "AWS::DynamoDB::Table", obj(
		"AttributeDefinitions", list(obj("AttributeName", name, "AttributeType", kind)),
		"KeySchema", list(obj("AttributeName", name, "KeyType", str("HASH"))),
		"BillingMode", billing, "ProvisionedThroughput", throughput, "TableName", s.get("TableName"), "Tags", given,
		"SSESpecification", s.get("SSESpecification"), "PointInTimeRecoverySpecification", s.get("PointInTimeRecoverySpecification")))
}

// application expands AWS::Serverless::Application with a template of one's own;
// the Serverless Application Repository is not there.
func (s *source) application() error {
	location := s.get("Location")
	if location.Kind() != jsonvalue.KindString && !s.sketch {
		return errors.New("'Location' must be the URL of a template: applications of the Serverless Application Repository cannot be expanded here")
	}
	var b jsonvalue.ObjectBuilder
	b.Set("TemplateURL", location)
	s.copyProperties(&b, "Parameters", "NotificationARNs", "TimeoutInMinutes")
	b.Set("Tags", tags("lambda:createdBy", s.get("Tags")))
	return s.emit(s.id, "AWS::CloudFormation::Stack", b.Value())
}
