package asl

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// still is a world in which everything is given.
type still struct{ context jsonvalue.Value }

func (w still) Context() jsonvalue.Value { return w.context }
func (w still) Variable(name string) (jsonvalue.Value, bool) {
	return jsonvalue.String(name), name == "v" || name == "order"
}
func (still) Draw() float64  { return 0.5 }
func (still) UUID() string   { return "00000000-0000-4000-8000-000000000000" }
func (still) Now() time.Time { return time.Unix(1_700_000_000, 0).UTC() }

// Whatever a template asks for, it has a value or an error that says which field it is
// about; never a panic.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		`{"a.$": "$.order.items[?(@.price > 1)]", "b": {"c.$": "States.Format('{} of {}', $.n, $$.Execution.Id)"}, "d": [1, {"e.$": "$v"}]}`,
		`{"a": "{% $states.input.order.items[price > 1].name %}", "b": ["{% $v & $uuid() %}", null, 1.50], "c": {"{% 'no' %}": "{%%}"}}`,
		`{"x.$": "States.ArrayGetItem(States.ArrayPartition($.order.items, 2), 0)", "y.$": "States.JsonMerge($.order, $.n, false)"}`,
		`{"x.$": 1}`, `{".$": "$"}`, `{"x.$": "$", "x": 1}`, `"{% $sum($states.input.order.items.(price*quantity)) %}"`, `[]`,
	} {
		f.Add(seed)
	}
	input, err := jsonvalue.Parse(`{"n": 3, "order": {"id": "o-1", "items": [{"name": "tea", "price": 2.5, "quantity": 4}, {"name": "jam", "price": 1, "quantity": 1}]}, "": null}`)
	if err != nil {
		f.Fatal(err)
	}
	scope := &Scope{Root: input, Input: input, World: still{input}}
	f.Fuzz(func(t *testing.T, template string) {
		for _, definition := range []string{
			`{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":%s,"End":true}}}`,
			`{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","Output":%s,"End":true}}}`,
		} {
			sm, _ := Parse(fmt.Sprintf(definition, template), Standard)
			if sm == nil {
				continue
			}
			for _, state := range sm.States {
				pass, ok := state.(*Pass)
				if !ok {
					continue
				}
				for _, e := range []Expression{pass.Parameters, pass.Output} {
					if e == nil {
						continue
					}
					var failure *EvalError
					v, err := e.Eval(scope)
					if err != nil && (!errors.As(err, &failure) || failure.Name == "" || failure.Cause == "") {
						t.Fatalf("%s: the error %v says too little", e, err)
					}
					if err == nil && !v.IsDefined() {
						t.Fatalf("%s gives neither a value nor an error", e)
					}
					e.Variables()
				}
			}
		}
	})
}
