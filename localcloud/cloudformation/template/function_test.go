package template_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
)

// world is a template around one property, with something of everything to refer
// to.
func world(value string) string {
	return `Parameters:
  Name: {Type: String, Default: shop}
  Count: {Type: Number, Default: 3}
  Items: {Type: CommaDelimitedList, Default: "a, b,c"}
Mappings:
  M: {eu-west-1: {Size: 10, Kinds: [x, y]}}
Conditions:
  Yes: !Equals [!Ref Name, shop]
  No: !Not [!Condition Yes]
  Both: !And [!Condition Yes, !Or [!Condition No, !Equals ["3", !Ref Count]]]
Resources:
  B: {Type: T}
  A:
    Type: T
    Properties:
      P: ` + value + "\n"
}

func TestFunctionsGiveWhatTheDocumentationSays(t *testing.T) {
	for call, want := range map[string]string{
		`!Ref Name`:                              `"shop"`,
		`!Ref Count`:                             `"3"`,
		`!Ref Items`:                             `["a","b","c"]`,
		`!Ref B`:                                 `"id-of-B"`,
		`!Ref AWS::Region`:                       `"eu-west-1"`,
		`!Ref AWS::URLSuffix`:                    `"amazonaws.com"`,
		`[1, !Ref AWS::NoValue, 2.50]`:           `[1,2.50]`,
		`{a: !Ref AWS::NoValue, b: 012}`:         `{"b":"012"}`,
		`!GetAtt B.Deep.Name`:                    `"B/Deep.Name"`,
		`!GetAtt [B, !Ref Name]`:                 `"B/shop"`,
		`{Fn::GetAtt: B.Arn}`:                    `"B/Arn"`,
		`!Sub "${Name}-${B}-${B.Arn}-${!Name}"`:  `"shop-id-of-B-B/Arn-${Name}"`,
		`!Sub ["${x}$${Name}$", {x: !Ref B}]`:    `"id-of-B$shop$"`,
		`!Sub "no ${end"`:                        `"no ${end"`,
		`!Join ["-", [a, !Ref Count, true]]`:     `"a-3-true"`,
		`!Join [",", !Ref Items]`:                `"a,b,c"`,
		`!Join ["", []]`:                         `""`,
		`!Select [1, !Ref Items]`:                `"b"`,
		`!Select ["0", !Split [".", a.b]]`:       `"a"`,
		`!Split ["|", "a||b"]`:                   `["a","","b"]`,
		`!FindInMap [M, !Ref AWS::Region, Size]`: `10`,
		`!FindInMap [M, eu-west-1, Kinds]`:       `["x","y"]`,
		`!If [Yes, {a: 1}, {b: 2}]`:              `{"a":1}`,
		`!If [Both, both, not]`:                  `"both"`,
		`!If [No, a, !Ref AWS::NoValue]`:         ``,
		`!Base64 "häh"`:                          `"aMOkaA=="`,
		`!GetAZs ""`:                             `["eu-west-1a","eu-west-1b","eu-west-1c"]`,
		`!Select [0, !GetAZs us-east-1]`:         `"us-east-1a"`,
		`!Cidr [10.0.0.0/16, 3, 8]`:              `["10.0.0.0/24","10.0.1.0/24","10.0.2.0/24"]`,
		`!Cidr ["2001:db8::/56", 2, 64]`:         `["2001:db8::/64","2001:db8:0:1::/64"]`,
		`!ImportValue role`:                      `"worker"`,
		`{Ref: B, Other: 1}`:                     `{"Ref":"B","Other":1}`,
		`{Condition: {StringEquals: {a: b}}}`:    `{"Condition":{"StringEquals":{"a":"b"}}}`,
	} {
		b := bind(t, world(call), inputs)
		properties, err := b.Properties("A", made{exports: map[string]string{"role": "worker"}})
		got, _ := properties.Get("P")
		if err != nil || got.String() != want {
			t.Errorf("%s:\ngot  %v, %v\nwant %s", call, got, err, want)
		}
	}
}

func TestAMistakeGetsAWSsSentence(t *testing.T) {
	for call, want := range map[string]string{
		`!If [No, !Ref Nothing, ok]`:    "Template format error: Unresolved resource dependencies [Nothing] in the Resources block of the template",
		`[!Ref X, !Ref Y, !Sub "${X}"]`: "Template format error: Unresolved resource dependencies [X, Y] in the Resources block of the template",
		`!GetAtt X.Arn`:                 "Template error: instance of Fn::GetAtt references undefined resource X",
		`!GetAtt X`:                     "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
		`!Ref [a]`:                      "Template error: every Ref object must have a single String value.",
		`!Join [a]`:                     "Template error: every Fn::Join object requires two parameters",
		`!Split [a, [b]]`:               "Template error: every Fn::Split object requires two parameters",
		`!Select [9, [a]]`:              "Template error: Fn::Select cannot select nonexistent value at index 9",
		`!Select [x, [a]]`:              "Template error: Fn::Select requires a list argument with two elements: an integer index and a list",
		`!FindInMap [M, x, Size]`:       "Template error: Unable to get mapping for M::x::Size",
		`!FindInMap [N, x, Size]`:       "Template error: Mapping named 'N' is not present in the 'Mappings' section of template.",
		`!If [Maybe, a, b]`:             "Template error: unresolved condition dependency Maybe in Fn::If",
		`!If [Yes, a]`:                  "Template error: Fn::If requires a list argument with three elements",
		`!Sub "${a b}"`:                 "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons",
		`!Sub {a: b}`:                   "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments.",
		`!Length [a]`:                   "Template error: Encountered unsupported function: Fn::Length",
		`null`:                          "[/Resources/A/Properties/P] 'null' values are not allowed in templates",
	} {
		err := all(world(call))
		var e *template.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Message, want) {
			t.Errorf("%s:\ngot  %v\nwant %s", call, err, want)
			continue
		}
		if e.Line != 16 {
			t.Errorf("%s: got line %d, want 16", call, e.Line)
		}
	}
}

func TestSectionsAreChecked(t *testing.T) {
	const fine = "Resources: {A: {Type: T}}\n"
	for text, want := range map[string]string{
		"":                                 "Template format error: unsupported structure.",
		"just text":                        "Template format error: unsupported structure.",
		"Resources: {}":                    "Template format error: At least one Resources member must be defined.",
		"Description: x":                   "Template format error: At least one Resources member must be defined.",
		"Resources: {A: 1}":                "Template format error: Any Resources member must be an object.",
		"Resources: {A: {Properties: {}}}": "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
		"Resources: {a-b: {Type: T}}":      "Template format error: Resource name a-b is non alphanumeric.",
		"Resources: {A: {Type: T, X: 1}}":  "Invalid template resource property 'X'",
		"Resources: {A: {Type: T, DeletionPolicy: Keep}}": "Template format error: Unrecognized DeletionPolicy Keep",
		"Resources: {A: {Type: T, Condition: C}}":         "Template format error: Unresolved condition dependency C in the Resources block of the template",
		"Resources: {A: {Type: T, DependsOn: C}}":         "Template format error: Unresolved resource dependencies [C] in the Resources block of the template",
		fine + "Extra: 1":                                                                            "Invalid template property or properties [Extra]",
		fine + "AWSTemplateFormatVersion: 2010":                                                      "Template format error: 2010 is not a supported value for AWSTemplateFormatVersion.",
		fine + "Parameters: {P: {Type: Text}}":                                                       "Template format error: Unrecognized parameter type: Text",
		fine + "Parameters: {P: {Default: x}}":                                                       "Template format error: Every Parameters object must contain a Type member.",
		fine + "Parameters: {P: {Type: String, X: x}}":                                               "Invalid template parameter property 'X'",
		fine + "Parameters: {P: {Type: Number, Default: x}}":                                         "Parameter 'P' must be a number.",
		fine + "Outputs: {O: {Description: x}}":                                                      "Template format error: Every Outputs member must contain a Value object",
		fine + "Outputs: {O: {Value: }}":                                                             "[/Outputs/O/Value] 'null' values are not allowed in templates",
		fine + "Outputs: {O: {Value: !Ref X}}":                                                       "Unresolved resource dependencies [X] in the Outputs block of the template",
		fine + "Conditions: {C: !Equals [a]}":                                                        "Template error: every Fn::Equals object requires a list of 2 string parameters.",
		fine + "Conditions: {C: !Equals [!Ref A, a]}":                                                "Template format error: Unresolved dependencies [A]. Cannot reference resources in the Conditions block of the template",
		fine + "Conditions: {C: !Or [!Equals [a, a]]}":                                               "Template error: every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters.",
		fine + "Mappings: {M: {a: 1}}":                                                               "Template format error: Every Mappings member a must be a map",
		fine + "Rules: {R: {Assertions: [{Assert: !Contains [[a], b], AssertDescription: only a}]}}": "Template error: the rule R does not hold: only a",
	} {
		err := all(text)
		var e *template.Error
		if !errors.As(err, &e) || e.Message != want {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestParametersAreValidated(t *testing.T) {
	const text = `Parameters:
  Plain: {Type: String, Default: x}
  Secret: {Type: String, NoEcho: true, MinLength: 3, MaxLength: 5, Default: abc}
  Stage: {Type: String, Default: prod, AllowedValues: [prod, test]}
  Zip: {Type: String, Default: "12345", AllowedPattern: "\\d{5}"}
  Pass: {Type: String, Default: a1, AllowedPattern: "(?=.*[0-9])[a-z0-9]+"}
  Port: {Type: Number, Default: 80, MinValue: 1, MaxValue: 100, ConstraintDescription: a port below 101}
  Ports: {Type: List<Number>, Default: "1, 2"}
  Needed: {Type: String}
Resources: {A: {Type: T, Properties: {P: !Ref Ports}}}
`
	parsed, err := template.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value, want string }{
		{"Secret", "ab", "Parameter 'Secret' must contain at least 3 characters"},
		{"Secret", "abcdef", "Parameter 'Secret' must contain at most 5 characters"},
		{"Stage", "dev", "Parameter 'Stage' must be one of AllowedValues"},
		{"Zip", "123456", `Parameter 'Zip' must match pattern \d{5}`},
		{"Pass", "abc", "Parameter 'Pass' must match pattern (?=.*[0-9])[a-z0-9]+"},
		{"Port", "x", "Parameter 'Port' must be a number."},
		{"Port", "101", "Parameter Port failed to satisfy constraint: a port below 101"},
		{"Ports", "1,x", "Parameter 'Ports' must be a number."},
		{"Other", "x", "Parameters: [Other] do not exist in the template"},
		{"Plain", "x", "Parameters: [Needed] must have values"},
	} {
		given := map[string]string{c.name: c.value}
		if c.name != "Plain" {
			given["Needed"] = "x"
		}
		_, err := parsed.Bind(with(given))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s=%s: got %v, want %s", c.name, c.value, err, c.want)
		}
	}
	b, err := parsed.Bind(with(map[string]string{"Needed": "x", "Secret": "xyz"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range b.ParameterValues() {
		if v.Name == "Secret" && v.Value != "****" {
			t.Errorf("a NoEcho value is shown: %s", v.Value)
		}
	}
	if got, err := b.Properties("A", made{}); err != nil || got.String() != `{"P":["1","2"]}` {
		t.Errorf("a list of numbers: got %v, %v", got, err)
	}
}

// later knows nothing yet.
type later struct{}

func (later) Ref(string) (jsonvalue.Value, error) { return jsonvalue.String(template.Unknown), nil }
func (later) GetAtt(string, string) (jsonvalue.Value, error) {
	return jsonvalue.String(template.Unknown), nil
}
func (later) Import(string) (jsonvalue.Value, error) { return jsonvalue.String(template.Unknown), nil }

func TestWhatIsMadeOfTheUnknownIsUnknown(t *testing.T) {
	for call, want := range map[string]string{
		`!Sub "a-${B}"`:                     template.Unknown,
		`!Join ["-", [a, !GetAtt B.Arn]]`:   template.Unknown,
		`!Select [0, !Split ["-", !Ref B]]`: template.Unknown,
		`!Base64 {Ref: B}`:                  template.Unknown,
		`!Sub "a-${Name}"`:                  "a-shop",
		`!FindInMap [M, !Ref B, Size]`:      template.Unknown,
		`!ImportValue {Fn::Sub: "x-${B}"}`:  template.Unknown,
	} {
		properties, err := bind(t, world(call), inputs).Properties("A", later{})
		if got, _ := properties.Get("P"); err != nil || got.Str() != want {
			t.Errorf("%s: got %v, %v, want %s", call, got, err, want)
		}
	}
}

func TestPartOfWhatIsKnownIsEvaluated(t *testing.T) {
	b := bind(t, world("x"), inputs)
	for call, want := range map[string]string{
		`{"Fn::Join": ["-", [{"Ref": "Name"}, {"Ref": "B"}]]}`: `{"Fn::Join":["-",["shop",{"Ref":"B"}]]}`,
		`{"Fn::If": ["Yes", {"Ref": "B"}, 1]}`:                 `{"Ref":"B"}`,
		`{"Fn::Sub": "${Name}-${B}"}`:                          `{"Fn::Sub":"${Name}-${B}"}`,
		`{"Fn::Sub": ["${Name}-${x}", {"x": 1}]}`:              `"shop-1"`,
		`{"Fn::GetAtt": ["B", {"Ref": "Name"}]}`:               `{"Fn::GetAtt":["B","shop"]}`,
	} {
		v, err := jsonvalue.Parse(call)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Partial(v); err != nil || got.String() != want {
			t.Errorf("%s:\ngot  %v, %v\nwant %s", call, got, err, want)
		}
	}
}

func TestLanguageExtensionsAreThereWhenTheyAreDeclared(t *testing.T) {
	b := bind(t, loopTemplate, inputs)
	got, err := b.Properties("Topicpreprod", made{})
	if want := `{"TopicName":"t-pre-prod","Of":"pre-prod","Length":2,"Text":"{\"a\":[1.0,\"eu-west-1\"]}","Default":"none"}`; err != nil || got.String() != want {
		t.Errorf("got  %v, %v\nwant %s", got, err, want)
	}
	if r, _ := b.Exists("Topictest"); r.DeletionPolicy != "Retain" {
		t.Errorf("DeletionPolicy: got %q, want Retain", r.DeletionPolicy)
	}
}

const loopTemplate = `Transform: AWS::LanguageExtensions
Parameters:
  Stages: {Type: CommaDelimitedList, Default: "test,pre-prod"}
  Keep: {Type: String, Default: Retain}
Mappings: {M: {a: {b: c}}}
Resources:
  Fn::ForEach::Topics:
    - Stage
    - !Ref Stages
    - Topic&{Stage}:
        Type: AWS::SNS::Topic
        DeletionPolicy: !Ref Keep
        Properties:
          TopicName: !Sub "t-${Stage}"
          Of: !Ref Stage
          Length: !Length [a, b]
          Text: !ToJsonString {a: [1.0, !Ref AWS::Region]}
          Default: !FindInMap [M, x, b, {DefaultValue: none}]
`

func TestCapabilitiesAreWhatTheTemplateNeeds(t *testing.T) {
	for text, want := range map[string]string{
		"Resources: {A: {Type: AWS::SNS::Topic}}":                                                     "",
		"Resources: {A: {Type: AWS::IAM::Role}}":                                                      "CAPABILITY_IAM",
		"Resources: {A: {Type: AWS::IAM::Role, Properties: {RoleName: x}}}":                           "CAPABILITY_NAMED_IAM",
		"Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: AWS::Serverless::SimpleTable}}": "CAPABILITY_AUTO_EXPAND",
	} {
		parsed, err := template.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(parsed.MissingCapabilities(nil), " "); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestReferencesTellWhatAResourceNeeds(t *testing.T) {
	b := bind(t, world(`[!Ref B, !GetAtt B.Arn, !Sub "${Name}", !If [No, !GetAtt B.Never, !Ref Count]]`), inputs)
	want := []template.Reference{
		{ID: "B", Section: "Properties", Property: "P"},
		{ID: "B", Attribute: "Arn", Section: "Properties", Property: "P"},
		{ID: "Name", Parameter: true, Section: "Properties", Property: "P"},
		{ID: "Count", Parameter: true, Section: "Properties", Property: "P"},
	}
	got := b.References("A")
	if len(got) != len(want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("reference %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestAReferenceToWhatItsConditionTakesAwayIsUnresolved(t *testing.T) {
	err := all("Conditions: {No: !Equals [a, b]}\nResources:\n  A: {Type: T, Condition: No}\n  B: {Type: T, DependsOn: A, Properties: {P: !Ref A}}\n")
	if err == nil || !strings.HasSuffix(err.Error(), "Unresolved resource dependencies [A] in the Resources block of the template") {
		t.Errorf("got %v", err)
	}
	if err := all("Conditions: {No: !Equals [a, b]}\nResources:\n  A: {Type: T, Condition: No}\n  B: {Type: T, DependsOn: A}\n"); err != nil {
		t.Errorf("DependsOn alone: got %v", err)
	}
}
