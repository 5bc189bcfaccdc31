package sfn

import (
	"context"
	"testing"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

func TestAStateIsTestedAlone(t *testing.T) {
	calls := answering(`{"MessageId":"m"}`)
	c := newCloud(t, func(config *Config) { config.Integrations = calls })
	test := func(in sfnapi.TestStateInput) *sfnapi.TestStateOutput {
		t.Helper()
		return must[*sfnapi.TestStateOutput](t)(c.testState(c.ctx, &in))
	}
	got := test(sfnapi.TestStateInput{
		Definition: `{"Type":"Pass","Parameters":{"b.$":"$.a"},"ResultPath":"$.c","Next":"After"}`, Input: ptr(`{"a":1}`), InspectionLevel: ptr("DEBUG"),
	})
	if *got.Status != "SUCCEEDED" || *got.Output != `{"a":1,"c":{"b":1}}` || *got.NextState != "After" || *got.InspectionData.AfterParameters != `{"b":1}` {
		t.Errorf("a Pass came out as %s %s, next %s, %+v", *got.Status, wire.Value(got.Output), wire.Value(got.NextState), got.InspectionData)
	}
	publish := `{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sns:publish","Parameters":{"Message":"m"},"End":true}`
	got = test(sfnapi.TestStateInput{Definition: publish})
	if *got.Status != "SUCCEEDED" || *got.Output != `{"MessageId":"m"}` || calls.count() != 1 || got.InspectionData != nil {
		t.Errorf("a Task came out as %s %s after %d calls", *got.Status, wire.Value(got.Output), calls.count())
	}
	got = test(sfnapi.TestStateInput{Definition: publish, Mock: &sfnapi.MockInput{ErrorOutput: &sfnapi.MockErrorOutput{Error: ptr("E"), Cause: ptr("C")}}})
	if *got.Status != "FAILED" || *got.Error != "E" || *got.Cause != "C" || calls.count() != 1 {
		t.Errorf("a mocked failure came out as %s %s", *got.Status, wire.Value(got.Error))
	}
	calls.answer = func(context.Context, string, string, jsonvalue.Value) (jsonvalue.Value, error) {
		return jsonvalue.Value{}, context.DeadlineExceeded
	}
	if got = test(sfnapi.TestStateInput{Definition: publish}); *got.Error != "States.Timeout" {
		t.Errorf("a call that never ends came out as %s", wire.Value(got.Error))
	}
	machine := `{"StartAt":"A","States":{"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}],"End":true}}}`
	if got = test(sfnapi.TestStateInput{Definition: machine, StateName: ptr("B"), Input: ptr("7")}); *got.Output != "7" {
		t.Errorf("a state inside a branch came out with %s", wire.Value(got.Output))
	}
	child := c.create("child", passDefinition(""))
	start := `{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Parameters":{"StateMachineArn":"` + child + `","Name":"n"},"End":true}`
	if got = test(sfnapi.TestStateInput{Definition: start}); *got.Status != "SUCCEEDED" {
		t.Errorf("a started execution came out as %s %s", *got.Status, wire.Value(got.Cause))
	}
	c.look("arn:aws:states:eu-central-1:123456789012:execution:child:n")
}

func TestWhatTestStateRefuses(t *testing.T) {
	c := newCloud(t)
	pass := `{"Type":"Pass","End":true}`
	invoke := `{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"End":true}`
	start := `{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Parameters":{"StateMachineArn":"s"},"End":true}`
	parallel := `{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}],"End":true}`
	result := func(text string) *sfnapi.MockInput { return &sfnapi.MockInput{Result: &text} }
	for what, test := range map[string]struct {
		in            sfnapi.TestStateInput
		code, message string
	}{
		"a state that is not there": {sfnapi.TestStateInput{Definition: passDefinition(""), StateName: ptr("Other")},
			"ValidationException", "State not found in definition"},
		"a mock of a Pass": {sfnapi.TestStateInput{Definition: pass, Mock: result("{}")},
			"ValidationException", "State type 'Pass' is not supported when a mock is specified"},
		"secrets of a mock": {sfnapi.TestStateInput{Definition: invoke, Mock: result("{}"), RevealSecrets: ptr(true)},
			"ValidationException", "TestState does not support RevealSecrets when a mock is specified."},
		"a Parallel without a mock": {sfnapi.TestStateInput{Definition: parallel}, "InvalidDefinition",
			"TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"},
		"an object for branches": {sfnapi.TestStateInput{Definition: parallel, Mock: result("{}")},
			"ValidationException", "Mocked result must be an array."},
		"an unknown context": {sfnapi.TestStateInput{Definition: invoke, Mock: result("{}"), Context: ptr(`{"Weather":{}}`)},
			"ValidationException", "Invalid Context object provided: Field 'Weather' is not allowed"},
		"a context of the wrong type": {sfnapi.TestStateInput{Definition: invoke, Mock: result("{}"), Context: ptr(`{"Execution":{"Name":true}}`)},
			"ValidationException", "Invalid Context object provided: Execution.Name must be a string"},
		"a token without a callback": {sfnapi.TestStateInput{Definition: invoke, Mock: result("{}"), Context: ptr(`{"Task":{"Token":"t"}}`)},
			"ValidationException", "Invalid Context object provided: Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern"},
		"a mock of the wrong type": {sfnapi.TestStateInput{Definition: start, Mock: result(`{"ExecutionArn":[]}`)},
			"ValidationException", "Mock result schema validation error: Field 'ExecutionArn' must be a string"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := c.testState(c.ctx, &test.in)
			refused(t, err, test.code, test.message)
		})
	}
	lenient := sfnapi.TestStateInput{Definition: start, Mock: &sfnapi.MockInput{Result: ptr(`{"ExecutionArn":[]}`), FieldValidationMode: ptr("NONE")}}
	if got := must[*sfnapi.TestStateOutput](t)(c.testState(c.ctx, &lenient)); *got.Status != "SUCCEEDED" {
		t.Errorf("an unchecked mock came out as %s", *got.Status)
	}
}
