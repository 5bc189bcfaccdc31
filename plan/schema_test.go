package plan_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/crossfade-dev/crossfade/plan"
)

var update = flag.Bool("update", false, "rewrite the published schema and reference")

func TestThePublishedFilesAreCurrent(t *testing.T) {
	for file, want := range map[string][]byte{
		"../docs/reference/plan.schema.json": plan.Schema(),
		"../docs/reference/plan.md":          plan.Reference(),
	} {
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the tables say: go generate ./plan", file)
		}
	}
}

// validator checks YAML documents against the schema.
func validator(t *testing.T) func(text []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(plan.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("plan.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(text []byte) error {
		var v any
		if err := yaml.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(instance)
	}
}

func TestTheSchemaAcceptsWhatTheReaderAccepts(t *testing.T) {
	validate := validator(t)
	files, _ := filepath.Glob("testdata/*.*")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		p, err := plan.Parse(file, text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if err := validate(plan.Marshal(p)); err != nil {
			t.Errorf("%s as it is written again: %v\n%s", file, err, plan.Marshal(p))
		}
	}
}

func TestTheSchemaRefusesWhatTheReaderRefuses(t *testing.T) {
	validate := validator(t)
	const head = "version: 1\ntargets: [{stateMachine: {name: orders, alias: prod}}]\n"
	for _, text := range []string{
		"{}",
		head + "strategy: {}",
		head + "strategy: {canary: {weight: 10, for: 5m}}",
		head + "strategy: {canary: {weight: 10%}}",
		head + "strategy: {canary: {weight: 10%, for: 5m}, allAtOnce: {}}",
		head + "strategy: {adaptive: {budget: 0}}",
		head + "strategy: {allAtOnce: {}}\nchekcs: []",
		head + "strategy: {allAtOnce: {}}\nonDrift: ignore",
		head + "strategy: {allAtOnce: {}}\nchecks: [{alarm: a, rate: {}}]",
	} {
		if validate([]byte(text)) == nil {
			t.Errorf("the schema accepts\n%s", text)
		}
		if _, err := plan.Parse("p.yaml", []byte(text)); err == nil {
			t.Errorf("the reader accepts\n%s", text)
		}
	}
}
