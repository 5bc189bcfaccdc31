package serverless_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
)

// FuzzTransform expands whatever templates say, and evaluates what comes of it.
func FuzzTransform(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no templates", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, properties := range []string{
		"{Handler: 3, CodeUri: [], Policies: {a: b}, Events: {E: {Type: Api, Properties: 3}}}",
		"{InlineCode: x, AutoPublishAlias: !Ref X, DeploymentPreference: {Type: !If [C, a, b], Hooks: [a], Alarms: {Fn::If: [C, [a], []]}}}",
		"{CodeUri: {Bucket: b, Key: k}, Policies: [{SQSPollerPolicy: {QueueName: q}}, {Statement: {}}, arn, 3, !Ref X]}",
		"{ImageUri: i, PackageType: Image, VersionDeletionPolicy: 3, AutoPublishCodeSha256: [], AutoPublishAliasAllProperties: x}",
		"{Definition: [a], DefinitionUri: s3://b/k, Events: {S: {Type: Schedule, Properties: {Schedule: 3, Input: {}}}}}",
	} {
		f.Add("Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: " + properties +
			"\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties: " + properties + "\n")
	}
	f.Add("Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]\nGlobals: {Function: {Tags: [a], Environment: 3, Layers: x}, Api: 3}\nResources:\n" +
		"  Fn::ForEach::X: [N, [a, b], {\"F${N}\": {Type: AWS::Serverless::Function, Connectors: {C: {}}, Properties: {Handler: !Ref N}}}]\n" +
		"  L: {Type: AWS::Serverless::LayerVersion, Properties: {RetentionPolicy: 3, ContentUri: x}}\n  S: {Type: AWS::Serverless::SimpleTable}\n")
	f.Fuzz(func(t *testing.T, text string) {
		err := evaluate(text, inputs)
		if err == nil {
			return
		}
		var e *template.Error
		if !errors.As(err, &e) || e.Message == "" {
			t.Fatalf("the error of %q is a %T: %v", text, err, err)
		}
		if (e.Line < 1 || e.Column < 1) && !strings.HasPrefix(e.Message, "Parameter") && len(text) <= template.MaxSize {
			t.Errorf("the error of %q is at line %d, column %d: %s", text, e.Line, e.Column, e.Message)
		}
	})
}
