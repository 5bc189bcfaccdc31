package machine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

func mustCompile(b testing.TB, definition string) *Program {
	b.Helper()
	sm, diagnostics := asl.Parse(definition, asl.Standard)
	if sm == nil {
		b.Fatal(asl.Summary(diagnostics))
	}
	p, err := Compile(sm)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func passChain(n int) string {
	states := make([]string, n)
	for i := range states {
		end := fmt.Sprintf(`"Next": "P%d"`, i+1)
		if i == n-1 {
			end = `"End": true`
		}
		states[i] = fmt.Sprintf(`"P%d": {"Type": "Pass", "Parameters": {"n.$": "$.n", "i": %d}, %s}`, i, i, end)
	}
	return `{"StartAt": "P0", "States": {` + strings.Join(states, ",") + `}}`
}

func BenchmarkChainOfTenPasses(b *testing.B) {
	p := mustCompile(b, passChain(10))
	input, _ := jsonvalue.Parse(`{"n": 1}`)
	now := time.Unix(1_700_000_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		x := New(p, Start{Input: input, InputText: `{"n": 1}`})
		Step(p, x, Begin{}, now)
		if x.Status != StatusSucceeded {
			b.Fatal(x.Status)
		}
	}
}

func BenchmarkChoiceAndMapOfHundredItems(b *testing.B) {
	p := mustCompile(b, `{"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": true, "ItemsPath": "$.items",
		"ItemSelector": {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"},
		"ItemProcessor": {"StartAt": "Which", "States": {
			"Which": {"Type": "Choice", "Default": "Small", "Choices": [
				{"And": [{"Variable": "$.v", "IsNumeric": true}, {"Variable": "$.v", "NumericGreaterThan": 50}], "Next": "Large"}]},
			"Large": {"Type": "Pass", "Result": "large", "ResultPath": "$.size", "End": true},
			"Small": {"Type": "Pass", "Result": "small", "ResultPath": "$.size", "End": true}}}}}}`)
	var items jsonvalue.ArrayBuilder
	for i := range 100 {
		items.Append(jsonvalue.Int(int64(i)))
	}
	input := jsonvalue.ObjectOf(jsonvalue.Member{Key: "items", Value: items.Value()})
	now := time.Unix(1_700_000_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		x := New(p, Start{Input: input})
		Step(p, x, Begin{}, now)
		if x.Status != StatusSucceeded {
			b.Fatal(x.Status)
		}
	}
}

func BenchmarkSaveAndLoadOfAWaitingExecution(b *testing.B) {
	p := mustCompile(b, `{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}}`)
	input, _ := jsonvalue.Parse(`{"order": {"id": 7, "lines": [1, 2, 3]}}`)
	x := New(p, Start{Input: input})
	Step(p, x, Begin{}, time.Unix(1_700_000_000, 0))
	b.ReportAllocs()
	for b.Loop() {
		text, err := json.Marshal(x)
		if err != nil {
			b.Fatal(err)
		}
		if err := json.Unmarshal(text, new(Execution)); err != nil {
			b.Fatal(err)
		}
	}
}

// What a waiting execution keeps in memory, beside its input and the caller's own records.
func BenchmarkMemoryOfAWaitingExecution(b *testing.B) {
	p := mustCompile(b, `{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}}`)
	input := jsonvalue.ObjectOf()
	now := time.Unix(1_700_000_000, 0)
	kept := make([]*Execution, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		x := New(p, Start{Input: input, InputText: "{}"})
		Step(p, x, Begin{}, now)
		if kept = append(kept, x); len(kept) == cap(kept) {
			kept = kept[:0]
		}
	}
}
