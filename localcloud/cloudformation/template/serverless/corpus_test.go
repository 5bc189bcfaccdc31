package serverless_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/conformance"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template/serverless"
)

// anything is a Resolver that knows every resource.
type anything struct{}

func (anything) Ref(id string) (jsonvalue.Value, error) {
	return jsonvalue.String("arn:aws:service:region:account:kind:" + id), nil
}

func (anything) GetAtt(id, attribute string) (jsonvalue.Value, error) {
	return jsonvalue.String(id + "." + attribute), nil
}

func (anything) Import(name string) (jsonvalue.Value, error) { return jsonvalue.String(name), nil }

func TestTemplatesThatAWSDeployedAreEvaluated(t *testing.T) {
	root, err := conformance.Find()
	if err != nil {
		t.Skip("skipped: ", err)
	}
	files, err := filepath.Glob(filepath.Join(root, "cfn", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	templates := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Steps []struct {
				Deploy *struct {
					Template   string
					Parameters map[string]any
				} `json:"deploy_stack"`
			}
		}
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		for _, s := range c.Steps {
			if s.Deploy == nil {
				continue
			}
			templates++
			in := inputs
			in.Parameters = map[string]string{}
			for name := range s.Deploy.Parameters {
				in.Parameters[name] = template.Unknown
			}
			if err := evaluate(s.Deploy.Template, in); err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
			}
		}
	}
	t.Logf("%d templates", templates)
}

func evaluate(text string, in template.Inputs) error {
	parsed, err := template.Parse(text)
	if err != nil {
		return err
	}
	processed, err := template.Process(parsed, in, serverless.Transform)
	if err != nil {
		return err
	}
	b, err := processed.Bind(in)
	if err != nil {
		return err
	}
	order, err := b.Order()
	if err != nil {
		return err
	}
	for _, id := range order {
		if _, err := b.Properties(id, anything{}); err != nil {
			return err
		}
	}
	_, err = b.OutputValues(anything{})
	return err
}
