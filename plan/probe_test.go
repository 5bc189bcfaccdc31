package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/plan"
)

func TestAnExpectationIsMetOrNot(t *testing.T) {
	const output = `{"status": "ok", "total": 3.0, "items": [1, 2], "nested": {"a": 1, "b": null, "c": false}}`
	for expect, want := range map[string]bool{
		``:                                    true,
		`{}`:                                  true,
		`{"status":"ok"}`:                     true,
		`{"total":3}`:                         true,
		`{"nested":{"a":1}}`:                  true,
		`{"items":[1,2]}`:                     true,
		`{"items":[1]}`:                       false,
		`{"status":"ok","more":1}`:            false,
		`"ok"`:                                false,
		`"$.status"`:                          true,
		`"$.nested.a"`:                        true,
		`"$.nested.b"`:                        false,
		`"$.nested.c"`:                        false,
		`"$.nothing"`:                         false,
		`"{% status = 'ok' and total < 5 %}"`: true,
		`"{% $sum(items) > 5 %}"`:             false,
		`"{% status %}"`:                      false,
		`"{% nothing %}"`:                     false,
	} {
		e, err := plan.VersionProbe{Expect: expect}.Expectation()
		if err != nil {
			t.Errorf("%s: %v", expect, err)
			continue
		}
		if got, err := e.Met(output); got != want || err != nil {
			t.Errorf("%s: got %t, %v; want %t", expect, got, err, want)
		}
	}
	e, err := plan.VersionProbe{Expect: `"{% $error('no') %}"`}.Expectation()
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := e.Met(output); ok || err == nil {
		t.Errorf("an expression that fails: got %t, %v; want an error", ok, err)
	}
	if ok, err := e.Met("no JSON"); ok || err == nil {
		t.Errorf("what is no JSON: got %t, %v; want an error", ok, err)
	}
}

func TestAProbeIsReadByItself(t *testing.T) {
	want := plan.VersionProbe{Payload: `{"a":1}`, Expect: `{"ok":true}`, Count: 20, Latency: 500 * time.Millisecond, Timeout: plan.DefaultProbeTimeout}
	for _, text := range []string{
		`{"payload": {"a": 1}, "expect": {"ok": true}, "count": 20, "latency": "500ms"}`,
		"probe:\n  payload: {a: 1}\n  expect: {ok: true}\n  count: 20\n  latency: 500ms\n",
	} {
		got, err := plan.ParseProbe("p.yaml", []byte(text))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
	if _, err := plan.ParseProbe("p.yaml", []byte("{cuont: 3}")); err == nil || !strings.Contains(err.Error(), `did you mean "count"?`) {
		t.Errorf("got error %v, want one that asks for count", err)
	}
}

func TestAProbeThatCannotWorkIsReported(t *testing.T) {
	const head = "version: 1\ntargets: [{lambda: {function: checkout, alias: live}}]\nstrategy: {allAtOnce: {}}\nchecks:\n  - probe: "
	for text, want := range map[string]string{
		`{expect: "{% status = %}"}`: "the probe's expectation",
		`{expect: "$[?"}`:            "the probe's expectation",
		`{target: "chekout:live"}`:   `the probe is for chekout:live, which is no target (did you mean "checkout:live"?)`,
		`{timeout: 0s}`:              "the probe's timeout has to be longer than 0s",
		`{count: 0}`:                 `"0" is not a whole number from 1 to 1000`,
	} {
		if _, err := plan.Parse("p.yaml", []byte(head+text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
