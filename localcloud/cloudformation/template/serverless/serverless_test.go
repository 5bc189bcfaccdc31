package serverless_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template/serverless"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var inputs = template.Inputs{Region: "eu-west-1", AccountID: "123456789012", StackName: "shop", StackID: "shop/1"}

func expand(text string, parameters map[string]string) (*template.Template, error) {
	t, err := template.Parse(text)
	if err != nil {
		return nil, err
	}
	in := inputs
	in.Parameters = parameters
	return template.Process(t, in, serverless.Transform)
}

func TestTemplatesExpandAsTheGoldenFilesSay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no templates", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			expanded, err := expand(string(text), nil)
			if err != nil {
				t.Fatal(err)
			}
			b, err := expanded.Bind(inputs)
			if err != nil {
				t.Fatalf("what it expands to cannot be bound: %v", err)
			}
			if _, err := b.Order(); err != nil {
				t.Errorf("what it expands to has no order: %v", err)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, []byte(expanded.Body.String()), "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			golden := strings.TrimSuffix(file, ".yaml") + ".json"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("-want +got; rewrite with -update:\n%s", diff)
			}
		})
	}
}

func TestWhatCannotBeExpandedIsAnErrorWithItsPlace(t *testing.T) {
	const function = "Transform: AWS::Serverless-2016-10-31\nResources:\n  Fn:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: a.b\n      Runtime: python3.12\n"
	for name, c := range map[string]struct{ text, want string }{
		"no code": {function, "Resource with id [Fn] is invalid. Either 'InlineCode' or 'CodeUri' must be set."},
		"code on this disk": {function + "      CodeUri: ./src\n",
			"'CodeUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter."},
		"a preference without an alias": {function + "      InlineCode: x\n      DeploymentPreference: {Type: AllAtOnce}\n",
			"'DeploymentPreference' requires AutoPublishAlias property to be specified."},
		"a preference without a type": {function + "      InlineCode: x\n      AutoPublishAlias: live\n      DeploymentPreference: {Enabled: true}\n",
			"'DeploymentPreference' requires 'Type' property to be specified."},
		"a property that functions do not have": {function + "      InlineCode: x\n      Colour: red\n",
			"property Colour not defined for resource of type AWS::Serverless::Function"},
		"an unknown event": {function + "      InlineCode: x\n      Events: {E: {Type: Carrier}}\n",
			"Event with id [E] is invalid. the event type Carrier cannot be expanded here"},
		"an unknown policy template": {function + "      InlineCode: x\n      Policies: [TeaPolicy: {}]\n",
			"the policy template 'TeaPolicy' is not known here"},
		"an alias that depends on a resource": {function + "      InlineCode: x\n      AutoPublishAlias: !Ref Fn\n",
			"'AutoPublishAlias' must be a string or a Ref to a template parameter"},
		"globals of an unknown type": {"Globals: {Table: {}}\n" + function + "      InlineCode: x\n",
			"'Globals' section is invalid. 'Table' is not supported."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := expand(c.text, nil)
			var e *template.Error
			if !errors.As(err, &e) || !strings.Contains(e.Message, c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if e.Line == 0 {
				t.Errorf("%q has no place", e.Message)
			}
		})
	}
}

func TestOnlyWhatTheVersionIsMadeOfChangesItsID(t *testing.T) {
	text := func(code, description, memory string) string {
		return "Transform: AWS::Serverless-2016-10-31\nResources:\n  Fn:\n    Type: AWS::Serverless::Function\n    Properties: {Handler: a.b, Runtime: r, AutoPublishAlias: live, InlineCode: " +
			code + ", Description: " + description + ", MemorySize: " + memory + "}\n"
	}
	version := func(text string) string {
		expanded, err := expand(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range expanded.Resources {
			if r.Type == "AWS::Lambda::Version" {
				return r.ID
			}
		}
		t.Fatal("no version")
		return ""
	}
	first := version(text("x", "one", "128"))
	if got := version(text("x", "two", "128")); got != first {
		t.Errorf("another description: got %s, want %s as before", got, first)
	}
	if got := version(text("y", "one", "128")); got == first {
		t.Error("other code has the same version")
	}
	if got := version(text("x", "one", "256")); got == first {
		t.Error("other memory has the same version")
	}
}

func TestAMistakeInWhatAnEventBecomesPointsToTheEvent(t *testing.T) {
	_, err := expand(`Transform: AWS::Serverless-2016-10-31
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Handler: a.b
      Runtime: python3.12
      InlineCode: x
      Events:
        Daily:
          Type: Schedule
          Properties: {Schedule: rate(1 day), Input: !GetAtt Missing.Arn}
`, nil)
	var e *template.Error
	if !errors.As(err, &e) || e.Line != 10 || e.Path != "/Resources/FnDaily/Properties/Targets/0/Input" {
		t.Errorf("got %v at %s, want line 10", err, e.Path)
	}
}

// unpacked is a template as it stands in a repository, before its code is
// uploaded, with more than can be expanded.
const unpacked = `
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, Handler: app.handler, AutoPublishAlias: live, DeploymentPreference: {Type: Canary10Percent5Minutes}}
Resources:
  Common: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/}}
  Orders:
    Type: AWS::Serverless::Function
    Connectors: {Own: {Properties: {Destination: {Id: Store}, Permissions: [Read]}}}
    Properties:
      CodeUri: orders/
      Layers: [!Ref Common]
      Events:
        Broker: {Type: MQ, Properties: {Broker: b, Queues: [q]}}
        Thing: {Type: IoTRule, Properties: {Sql: SELECT *}}
  Beside: {Type: AWS::Serverless::Function}
  Packed: {Type: AWS::Serverless::Function, Properties: {PackageType: Image}, Metadata: {Dockerfile: Dockerfile}}
  Flow: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: flow.asl.json, AutoPublishAlias: live}}
  Graph: {Type: AWS::Serverless::GraphQLApi, Properties: {SchemaUri: schema.graphql}}
  Shared: {Type: AWS::Serverless::Application, Properties: {Location: {ApplicationId: a, SemanticVersion: 1.0.0}}}
  Store: {Type: AWS::S3::Bucket}
`

func TestASketchNeedsNoUploadedCode(t *testing.T) {
	if _, err := expand(unpacked, nil); err == nil || !strings.Contains(err.Error(), "'ContentUri' is not a valid S3 Uri") {
		t.Errorf("to be deployed, it is refused with %v, want what is wrong with ContentUri", err)
	}
	parsed, err := template.Parse(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	sketched, err := template.Process(parsed, inputs, serverless.Sketch)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sketched.Bind(inputs)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"OrdersAliaslive", "BesideAliaslive", "PackedAliaslive", "FlowAliaslive", "Graph", "Shared"} {
		if _, ok := b.Exists(id); !ok {
			t.Errorf("there is no resource %s", id)
		}
	}
}
