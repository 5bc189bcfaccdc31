package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/schema"
)

func value(t *testing.T, text string) jsonvalue.Value {
	t.Helper()
	v, err := jsonvalue.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPropertiesAreCheckedInTheWordsOfCloudFormation(t *testing.T) {
	const alias = "AWS::StepFunctions::StateMachineAlias"
	for _, c := range []struct{ name, kind, properties, want string }{
		{"fine", "AWS::Lambda::Function", `{"Code": {"ZipFile": "x"}, "Role": "arn:aws:iam::111122223333:role/r"}`, ""},
		{"scalars as texts", "AWS::Lambda::Function", `{"Code": {"ZipFile": "x"}, "Role": "arn:aws:iam::111122223333:role/r", "Timeout": "30"}`, ""},
		{"a number as a text", "AWS::CloudWatch::Alarm", `{"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "AlarmDescription": 7}`, ""},
		{
			"unknown", "AWS::Lambda::Function", `{"Code": {"ZipFile": "x"}, "Role": "arn:aws:iam::111122223333:role/r", "Runtim": "python3.13"}`,
			"#: extraneous key [Runtim] is not permitted",
		},
		{"missing", "AWS::Lambda::Alias", `{"FunctionName": "f", "FunctionVersion": "1"}`, "#: required key [Name] not found"},
		{
			"ill-typed", "AWS::Lambda::Function", `{"Code": {"ZipFile": "x"}, "Role": "arn:aws:iam::111122223333:role/r", "Timeout": "soon"}`,
			"#/Timeout: expected type: Integer, found: String",
		},
		{"a list where an object belongs", "AWS::Lambda::Function", `{"Code": [], "Role": "arn:aws:iam::111122223333:role/r"}`, "#/Code: expected type: JSONObject, found: JSONArray"},
		{
			"computed", "AWS::Lambda::Alias", `{"FunctionName": "f", "FunctionVersion": "1", "Name": "n", "AliasArn": "a"}`,
			"#: extraneous key [AliasArn] is not permitted",
		},
		{
			"below", alias, `{"DeploymentPreference": {"StateMachineVersionArn": "v", "Type": "SLOW", "Percentage": 100}}`,
			"#: 2 schema violations found\n#/DeploymentPreference/Percentage: 100 is not less or equal to 99\n#/DeploymentPreference/Type: SLOW is not a valid enum value",
		},
		{"one of two", alias, `{"Name": "live"}`, "#: #: 0 subschemas matched instead of one"},
		{"twice the same", alias, `{"DeploymentPreference": {"StateMachineVersionArn": "v", "Type": "ALL_AT_ONCE", "Alarms": ["a", "a"]}}`, "#/DeploymentPreference/Alarms: array items are not unique"},
		{"no user of a policy", "AWS::IAM::Policy", `{"PolicyName": "p", "PolicyDocument": {}}`, "#: #: no subschema matched out of the total 3 subschemas"},
		{"a nested stack", schema.Stack, `{"TemplateURL": "u", "Parameters": {"A": "b"}}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := schema.Of(c.kind).Validate(value(t, c.properties)); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%s %s: got %q, want %q", c.kind, c.properties, got, c.want)
			}
		})
	}
}

func TestAPropertyMayHaveTheNameThatAWSsGuideGivesIt(t *testing.T) {
	const machine = "AWS::StepFunctions::StateMachine"
	for _, c := range []struct{ name, kind, properties, want string }{
		{"by the guide's name", machine, `{"Type": "EXPRESS", "RoleArn": "r"}`, `{"RoleArn":"r","StateMachineType":"EXPRESS"}`},
		{"by its own name", machine, `{"StateMachineType": "EXPRESS"}`, `{"StateMachineType":"EXPRESS"}`},
		{"by both", machine, `{"StateMachineType": "STANDARD", "Type": "EXPRESS"}`, `{"StateMachineType":"STANDARD","Type":"EXPRESS"}`},
		{"another type", "AWS::StepFunctions::Activity", `{"Type": "EXPRESS"}`, `{"Type":"EXPRESS"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := schema.Of(c.kind).Canonical(value(t, c.properties)).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestAChangeOfWhatNamesAResourceNeedsANewOne(t *testing.T) {
	for _, c := range []struct {
		kind, before, after string
		want                []schema.Change
	}{
		{"AWS::StepFunctions::StateMachine", `{"RoleArn": "a", "StateMachineName": "n"}`, `{"RoleArn": "b", "StateMachineName": "m"}`, []schema.Change{{"RoleArn", schema.Never}, {"StateMachineName", schema.Always}}},
		{"AWS::Events::Rule", `{"EventBusName": "a"}`, `{}`, []schema.Change{{"EventBusName", schema.Conditionally}}},
		{"AWS::Lambda::Function", `{"Timeout": 3, "Tags": [{"Key": "k", "Value": true}]}`, `{"Tags": [{"Value": "true", "Key": "k"}], "Timeout": "3"}`, nil},
		{"AWS::Lambda::Version", `{"Description": "1"}`, `{"Description": "2"}`, []schema.Change{{"Description", schema.Always}}},
	} {
		if got := schema.Of(c.kind).Changes(value(t, c.before), value(t, c.after)); !slices.Equal(got, c.want) {
			t.Errorf("%s from %s to %s: got %v, want %v", c.kind, c.before, c.after, got, c.want)
		}
	}
}

func TestEveryTypeRefersOnlyToWhatItDefines(t *testing.T) {
	for _, name := range schema.Names() {
		if schema.Of(name) == nil || !strings.HasPrefix(name, "AWS::") {
			t.Errorf("%q is not a type", name)
		}
		for _, p := range schema.Of(name).Required {
			if schema.Of(name).Properties[p] == nil {
				t.Errorf("%s requires %s, which it does not have", name, p)
			}
		}
	}
}
