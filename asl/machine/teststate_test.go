package machine

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/conformance"
)

func TestTestedStatesComeOutAsAWSRecordedThem(t *testing.T) {
	dir, err := conformance.Find()
	if errors.Is(err, conformance.ErrAbsent) {
		t.Skip("skipped: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	cases, err := conformance.Load(dir, "api")
	if err != nil {
		t.Fatal(err)
	}
	agree, all := 0, 0
	for _, c := range cases {
		for i := range c.Steps {
			s := &c.Steps[i]
			if s.Operation != "TestState" || s.Expect == nil || s.Expect.Response == nil {
				continue
			}
			all++
			d, err := testRecorded(c, s)
			if err != nil {
				d = err.Error()
			}
			if d == "" {
				agree++
			} else if testing.Verbose() {
				t.Logf("%s %s: %s", c.ID, s.ID, d)
			}
		}
	}
	t.Logf("%d of %d tested states", agree, all)
	const before = 92
	if agree < before {
		t.Errorf("got %d that agree, want at least %d", agree, before)
	}
}

// testRecorded runs a recorded TestState call and returns the first difference.
func testRecorded(c conformance.Case, s *conformance.Step) (string, error) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cmp := conformance.NewComparison(&conformance.RunCase{Normalised: c.Normalised}, map[string]any{}, now)
	text := func(name string) string {
		v, ok := s.Params[name]
		if !ok {
			return ""
		}
		resolved, err := cmp.Text(v)
		if err != nil {
			return ""
		}
		return resolved
	}
	definition, input := text("definition"), text("input")
	if definition == "" {
		return "needs what other steps make", nil
	}
	sm, diagnostics := asl.ParseState(definition, asl.Express)
	if sm == nil {
		return asl.Summary(diagnostics), nil
	}
	p, err := Compile(sm)
	if err != nil {
		return "", err
	}
	if input == "" {
		input = "{}"
	}
	v, err := jsonvalue.Parse(input)
	if err != nil {
		return "", err
	}
	arn := "arn:aws:states:" + conformance.Region + ":" + conformance.Account
	role := text("roleArn")
	test := &StateTest{State: asl.TestedName, Start: Start{Input: v, InputText: input, Express: true, Context: Context{
		ExecutionARN: arn + ":express:sm:e", ExecutionName: "e", RoleARN: role, StartTime: now,
		StateMachineARN: arn + ":stateMachine:sm", StateMachineName: "sm",
	}}}
	if name := text("stateName"); name != "" {
		test.State = name
	}
	if text := text("context"); text != "" {
		test.Context = valueOf(text)
	}
	if text := text("variables"); text != "" {
		test.Variables = valueOf(text)
	}
	if m, ok := s.Params["mock"].(map[string]any); ok {
		test.Mock = &Mock{}
		if r, ok := m["result"]; ok {
			text, err := cmp.Text(r)
			if err != nil {
				return "", err
			}
			test.Mock.Result, test.Mock.ResultText = valueOf(text), text
		}
		if e, ok := m["errorOutput"].(map[string]any); ok {
			test.Mock.Error, test.Mock.Cause = textOf(e["error"], false), textOf(e["cause"], false)
		}
	}
	if config, ok := s.Params["stateConfiguration"].(map[string]any); ok {
		if n, ok := config["retrierRetryCount"].(json.Number); ok {
			count, _ := n.Int64()
			test.RetryCount = int32(count)
		}
		if n, ok := config["mapIterationFailureCount"].(json.Number); ok {
			count, _ := n.Int64()
			test.FailedIterations = int(count)
		}
	}
	call, err := test.Begin(p, now)
	if err != nil {
		return "", err
	}
	if call != nil {
		return "needs a function", nil
	}
	want := s.Expect.Response
	delete(want, "ResponseMetadata")
	return cmp.Value("", want, test.response(strings.ToUpper(text("inspectionLevel")) != "INFO" && text("inspectionLevel") != "")), nil
}

// response shows a test as the API does.
func (t *StateTest) response(inspect bool) map[string]any {
	out := map[string]any{"status": string(t.Status)}
	set := func(m map[string]any, name, text string) {
		if text != "" {
			m[name] = text
		}
	}
	set(out, "output", t.OutputText())
	set(out, "nextState", t.Next)
	if t.Error != nil {
		out["error"] = *t.Error
	}
	if t.Cause != nil {
		out["cause"] = *t.Cause
	}
	if !inspect {
		return out
	}
	data := map[string]any{}
	out["inspectionData"] = data
	set(data, "input", t.Input)
	set(data, "afterInputPath", t.AfterInputPath)
	set(data, "afterParameters", t.AfterParameters)
	set(data, "afterArguments", t.AfterArguments)
	set(data, "afterItemsPath", t.AfterItemsPath)
	set(data, "result", t.Result)
	set(data, "afterResultSelector", t.AfterResultSelector)
	set(data, "afterResultPath", t.AfterResultPath)
	if t.Variables.Len() > 0 {
		data["variables"] = t.Variables.String()
	}
	number := func(v any) any { b, _ := json.Marshal(v); return json.Number(b) }
	if t.MaxConcurrency != nil {
		data["maxConcurrency"] = number(*t.MaxConcurrency)
	}
	if t.ToleratedFailureCount != nil {
		data["toleratedFailureCount"] = number(*t.ToleratedFailureCount)
	}
	if t.ToleratedFailurePercentage != nil {
		data["toleratedFailurePercentage"] = number(*t.ToleratedFailurePercentage)
	}
	details := map[string]any{}
	if t.CatchIndex != nil {
		details["catchIndex"] = number(*t.CatchIndex)
	}
	if t.RetryIndex != nil {
		details["retryIndex"] = number(*t.RetryIndex)
	}
	if t.RetryBackoffIntervalSeconds != nil {
		details["retryBackoffIntervalSeconds"] = number(*t.RetryBackoffIntervalSeconds)
	}
	if len(details) > 0 {
		data["errorDetails"] = details
	}
	return out
}
