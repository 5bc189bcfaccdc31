package asl

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// machineOf writes a machine around states.
func machineOf(states string) string {
	return `{"StartAt": "A", "States": {` + states + `}}`
}

const function = "arn:aws:lambda:eu-west-1:111111111111:function:f"

func TestDefinitionsAreRefusedInAWSsWords(t *testing.T) {
	for _, c := range []struct {
		name, definition string
		kind             Type
		want             []string
	}{
		{"empty text", " ", Standard, []string{"SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"}},
		{"not JSON", "hello", Standard, []string{
			"INVALID_JSON_DESCRIPTION: Unrecognized token 'hello': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n" +
				" at [Source: (String)\"hello\"; line: 1, column: 6] at [Source: (String)\"hello\"; line: 1, column: 6]"}},
		{"an empty object", "{}", Standard, []string{"SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /"}},
		{"no start", `{"States": {"A": {"Type": "Succeed"}}}`, Standard, []string{"SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt] at /"}},
		{"a type that is none", machineOf(`"A": {"Type": "Sleep"}`), Standard, []string{
			"SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/A/Type"}},
		{"a dangling Next", machineOf(`"A": {"Type": "Pass", "Next": "B"}`), Standard, []string{
			"MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next", "MISSING_END_STATE: Workflow has no terminal state"}},
		{"dangling targets of a Choice", machineOf(`"A": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsNull": true, "Next": "B"}], "Default": "C"}, "D": {"Type": "Succeed"}`), Standard, []string{
			"MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Choices[0]/Next",
			"MISSING_TRANSITION_TARGET: Missing 'Next' target: C at /States/A/Default",
			`MISSING_TRANSITION_TARGET: State "D" is not reachable. at /States/D`}},
		{"a state that nothing leads to", machineOf(`"A": {"Type": "Succeed"}, "B": {"Type": "Succeed"}`), Standard, []string{
			`MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B`}},
		{"a loop", machineOf(`"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}`), Standard, []string{
			"MISSING_END_STATE: Workflow has no terminal state"}},
		{"a field of another type of state", machineOf(`"A": {"Type": "Pass", "End": true, "Catch": []}`), Standard, []string{
			"SCHEMA_VALIDATION_FAILED: Field 'Catch' is not supported at /States/A"}},
		{"a field of the other query language", machineOf(`"A": {"Type": "Pass", "End": true, "Output": 1}`), Standard, []string{
			"SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/A"}},
		{"a JSONPath state in a JSONata machine", `{"QueryLanguage": "JSONata", ` + machineOf(`"A": {"Type": "Pass", "End": true, "QueryLanguage": "JSONPath"}`)[1:], Standard, []string{
			"SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/A"}},
		{"a bad path in a template", machineOf(`"A": {"Type": "Pass", "End": true, "Parameters": {"x": {"y.$": "no path"}}}`), Standard, []string{
			"SCHEMA_VALIDATION_FAILED: The value for the field 'y.$' must be a valid JSONPath or a valid intrinsic function call at /States/A/Parameters"}},
		{"a bad timestamp", machineOf(`"A": {"Type": "Wait", "Timestamp": "2026-01-02 03:04:05Z", "End": true}`), Standard, []string{
			"SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at /States/A/Timestamp"}},
		{"no branches", machineOf(`"A": {"Type": "Parallel", "Branches": [], "End": true}`), Standard, []string{
			"SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/A/Branches"}},
		{"a resource that is none", machineOf(`"A": {"Type": "Task", "Resource": "arn:aws:states:::sqs:receiveMessage", "End": true}`), Standard, []string{
			"SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::sqs:receiveMessage is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/A/Resource"}},
		{"credentials without a role", machineOf(`"A": {"Type": "Task", "Resource": "` + function + `", "Credentials": {}, "End": true}`), Standard, []string{
			"SCHEMA_VALIDATION_FAILED: The field 'RoleArn' is required but was missing at /States/A/Credentials"}},
		{"an activity in an express workflow", machineOf(`"A": {"Type": "Task", "Resource": "arn:aws:states:eu-west-1:111111111111:activity:a", "End": true}`), Express, []string{
			"SCHEMA_VALIDATION_FAILED: Express state machine does not support Activity ARN at /States/A/Resource"}},
		{"a job in an express workflow", machineOf(`"A": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": true}`), Express, []string{
			"SCHEMA_VALIDATION_FAILED: Express state machine does not support '.sync' service integration at /States/A/Resource"}},
		{"a callback in an express workflow", machineOf(`"A": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true}`), Express, []string{
			"SCHEMA_VALIDATION_FAILED: Express state machine does not support '.waitForTaskToken' service integration  at /States/A/Resource"}},
		{"the wildcard not alone", machineOf(`"A": {"Type": "Task", "Resource": "` + function + `", "End": true, "Retry": [{"ErrorEquals": ["States.ALL", "X"]}]}`), Standard, []string{
			"SCHEMA_VALIDATION_FAILED: States.ALL must appear alone and in the last element at /States/A/Retry[0]/ErrorEquals"}},
		{"a name twice", machineOf(`"A": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}]}`), Standard, []string{
			"DUPLICATE_STATE_NAME: Duplicate State name: A at /States/A/Branches[0]/States/A"}},
		{"a variable of an outer scope", machineOf(`"A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "M"},
			"M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Pass", "Assign": {"x.$": "$"}, "End": true}}}}`), Standard, []string{
			"SCHEMA_VALIDATION_FAILED: The variable 'x' is already assigned in an outer scope at /States/M/ItemProcessor/States/B/Assign"}},
		{"two ways to say when", machineOf(`"A": {"Type": "Wait", "Seconds": 1, "SecondsPath": "$.x", "End": true}`), Standard, []string{
			"SCHEMA_VALIDATION_FAILED: Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath] at /States/A"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sm, diagnostics := Parse(c.definition, c.kind)
			var got []string
			for _, d := range Errors(diagnostics) {
				got = append(got, d.String())
			}
			if sm != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestSummaryJoinsErrorsAsTheExceptionQuotesThem(t *testing.T) {
	_, diagnostics := Parse(machineOf(`"A": {"Type": "Pass", "Next": "B"}`), Standard)
	want := "MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next, MISSING_END_STATE: Workflow has no terminal state"
	if got := Summary(diagnostics); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWarningsDoNotRefuse(t *testing.T) {
	sm, diagnostics := Parse(machineOf(`"A": {"Type": "Pass", "Parameters": {"x": "$.y"}, "Next": "B"}, "B": {"Type": "Pass", "Result": {"z.$": "$.y"}, "End": true}`), Standard)
	var codes []string
	for _, d := range diagnostics {
		codes = append(codes, fmt.Sprint(d.Severity, " ", d.Code))
	}
	if want := []string{"WARNING NO_DOLLAR", "WARNING PASS_RESULT_IS_STATIC"}; sm == nil || !reflect.DeepEqual(codes, want) {
		t.Errorf("got machine %v with %v, want one with %v", sm != nil, codes, want)
	}
}

func TestVariableReferencesNameWhatAStateReads(t *testing.T) {
	sm, diagnostics := Parse(machineOf(`
		"A": {"Type": "Pass", "Assign": {"limit": 2, "name": "x"}, "Next": "M"},
		"M": {"Type": "Map", "MaxConcurrencyPath": "$limit", "ItemSelector": {"n.$": "States.Format('{} {}', $name, $$.Map.Item.Value)"}, "End": true,
			"ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Pass", "OutputPath": "$name", "End": true}}}}`), Standard)
	if sm == nil {
		t.Fatal(Summary(diagnostics))
	}
	want := map[string][]string{"M": {"limit", "name"}, "B": {"name"}}
	if !reflect.DeepEqual(sm.VariableReferences, want) {
		t.Errorf("got %v, want %v", sm.VariableReferences, want)
	}
}

func TestResourcesAreTakenApart(t *testing.T) {
	for _, c := range []struct {
		text string
		want Resource
	}{
		{function + ":live", Resource{Kind: LambdaFunction}},
		{"arn:aws-cn:states:cn-north-1:111111111111:activity:a", Resource{Kind: Activity}},
		{"arn:aws:states:::lambda:invoke.waitForTaskToken", Resource{Kind: Integration, Service: "lambda", Action: "invoke", Pattern: WaitForTaskToken}},
		{"arn:aws:states:::states:startExecution.sync", Resource{Kind: Integration, Service: "states", Action: "startExecution", Pattern: Sync}},
		{"arn:aws:states:::states:startExecution.sync:2", Resource{Kind: Integration, Service: "states", Action: "startExecution", Pattern: Sync2}},
		{"arn:aws:states:::aws-sdk:s3:getObject", Resource{Kind: SDK, Service: "s3", Action: "getObject"}},
	} {
		c.want.Text = c.text
		if got, ok := ParseResource(c.text); !ok || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.text, got, ok, c.want)
		}
	}
	for _, text := range []string{"", "f", "arn:aws:lambda:eu-west-1:111111111111:layer:l", "arn:aws:states:::lambda:invoke.sync", "arn:aws:states:::aws-sdk:s3", "arn:aws:sqs:eu-west-1:111111111111:q"} {
		if got, ok := ParseResource(text); ok {
			t.Errorf("%q: got %+v, want it refused", text, got)
		}
	}
}

func TestJSONataStatesNameTheVariablesTheyRead(t *testing.T) {
	sm, diagnostics := Parse(`{"QueryLanguage": "JSONata", `+machineOf(`"A": {"Type": "Pass", "End": true,
		"Output": "{% ( $local := $price * $states.input.n; $map($items, function($v, $i) { $v + $local + $i }) & '$text' /* $comment */ ) %}"}`)[1:], Standard)
	if sm == nil {
		t.Fatal(Summary(diagnostics))
	}
	if want := map[string][]string{"A": {"items", "price"}}; !reflect.DeepEqual(sm.VariableReferences, want) {
		t.Errorf("got %v, want %v", sm.VariableReferences, want)
	}
}

func TestExpressionsThatDoNotParseAreRefused(t *testing.T) {
	_, diagnostics := Parse(`{"QueryLanguage": "JSONata", `+machineOf(`"A": {"Type": "Pass", "End": true, "Output": {"x": "{% 1 + %}"}}`)[1:], Standard)
	if len(diagnostics) != 1 || diagnostics[0].Location != "/States/A/Output" || !strings.Contains(diagnostics[0].Message, "'Output/x'") {
		t.Errorf("got %v, want one error at /States/A/Output about Output/x", diagnostics)
	}
}
