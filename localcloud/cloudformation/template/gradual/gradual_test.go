package gradual_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template/gradual"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template/serverless"
	"github.com/crossfade-dev/crossfade/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func find(t *testing.T, text string, parameters, names map[string]string) ([]gradual.Rollout, []gradual.Note) {
	t.Helper()
	in := template.Inputs{Parameters: parameters, Region: template.Unknown, AccountID: template.Unknown, StackName: template.Unknown}
	parsed, err := template.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	processed, err := template.Process(parsed, in, serverless.Transform)
	if err != nil {
		t.Fatal(err)
	}
	b, err := processed.Bind(in)
	if err != nil {
		t.Fatal(err)
	}
	return gradual.Find(b, names)
}

func TestTemplatesBecomeThePlansOfTheGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no templates", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			write := func(notes []gradual.Note) {
				for _, n := range notes {
					fmt.Fprintf(&b, "%d:%d: %s\n", n.Line, n.Column, n.Text)
				}
			}
			rollouts, notes := find(t, string(text), nil, map[string]string{"Given": "shop-Given-1A2B3C"})
			write(notes)
			for _, r := range rollouts {
				fmt.Fprintf(&b, "---- %s, line %d\n", r.Alias, r.Line)
				write(r.Notes)
				b.Write(plan.Marshal(r.Plan))
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("-want +got; rewrite with -update:\n%s", diff)
			}
		})
	}
}

func TestNamesThatAreMadeOfEachOtherEndTheSearch(t *testing.T) {
	rollouts, _ := find(t, `Resources:
  A: {Type: AWS::Lambda::Function, Properties: {FunctionName: !Ref B}}
  B: {Type: AWS::Lambda::Function, Properties: {FunctionName: !Ref A}}
  Live:
    Type: AWS::Lambda::Alias
    Properties:
      Name: live
      FunctionName: !Ref A
      RoutingConfig: {AdditionalVersionWeights: [{FunctionVersion: "2", FunctionWeight: 0.25}]}
`, nil, nil)
	if len(rollouts) != 1 || rollouts[0].Plan.Targets[0].Name != "A" || rollouts[0].Plan.Steps[0].Weight != 2500 {
		t.Errorf("got %+v", rollouts)
	}
}
