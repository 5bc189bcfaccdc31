package template_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
)

// made is a Resolver for which every resource exists.
type made struct{ exports map[string]string }

func (made) Ref(id string) (jsonvalue.Value, error) { return jsonvalue.String("id-of-" + id), nil }

func (made) GetAtt(id, attribute string) (jsonvalue.Value, error) {
	return jsonvalue.String(id + "/" + attribute), nil
}

func (m made) Import(name string) (jsonvalue.Value, error) {
	if v, ok := m.exports[name]; ok {
		return jsonvalue.String(v), nil
	}
	return jsonvalue.Value{}, fmt.Errorf("No export named %s found.", name) //nolint:staticcheck // AWS's sentence
}

var inputs = template.Inputs{
	Region: "eu-west-1", AccountID: "123456789012", StackName: "shop",
	StackID: "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1",
}

func with(parameters map[string]string) template.Inputs {
	in := inputs
	in.Parameters = parameters
	return in
}

func bind(t *testing.T, text string, in template.Inputs) *template.Bound {
	t.Helper()
	parsed, err := template.Parse(text)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	processed, err := template.Process(parsed, in, nil)
	if err != nil {
		t.Fatalf("process: %v", err)
	}
	b, err := processed.Bind(in)
	if err != nil {
		t.Fatalf("bind: %v", err)
	}
	return b
}

const shop = `
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Stage: {Type: String, Default: prod, AllowedValues: [prod, test]}
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
Mappings:
  Sizes:
    prod: {Memory: 512}
    test: {Memory: 128}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsTest: !Not [!Condition IsProd]
Resources:
  Alias:
    Type: AWS::Lambda::Alias
    Properties:
      Name: !Sub "live-${Stage}"
      FunctionName: !Ref Fn
      FunctionVersion: !GetAtt Version.Version
      Description: !If [IsTest, only for tests, !Ref AWS::NoValue]
  Version:
    Type: AWS::Lambda::Version
    DependsOn: Fn
    Properties: {FunctionName: !Ref Fn}
  Fn:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: !Join ["-", [fn, !Ref Stage, !Select [1, !Ref Zones]]]
      MemorySize: !FindInMap [Sizes, !Ref Stage, Memory]
      Role: !Sub
        - arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Name}-${!kept}
        - Name: !ImportValue role
  Probe:
    Type: AWS::SNS::Topic
    Condition: IsTest
Outputs:
  Arn: {Value: !GetAtt Fn.Arn, Export: {Name: !Sub "${AWS::StackName}-arn"}}
`

func TestATemplateIsEvaluatedInTwoStages(t *testing.T) {
	b := bind(t, shop, inputs)
	if order, err := b.Order(); err != nil || fmt.Sprint(order) != "[Fn Version Alias]" {
		t.Errorf("order: got %v, %v, want Fn Version Alias", order, err)
	}
	r := made{exports: map[string]string{"role": "worker"}}
	for id, want := range map[string]string{
		"Alias":   `{"Name":"live-prod","FunctionName":"id-of-Fn","FunctionVersion":"Version/Version"}`,
		"Version": `{"FunctionName":"id-of-Fn"}`,
		"Fn":      `{"FunctionName":"fn-prod-b","MemorySize":512,"Role":"arn:aws:iam::123456789012:role/worker-${kept}"}`,
	} {
		if got, err := b.Properties(id, r); err != nil || got.String() != want {
			t.Errorf("%s:\ngot  %v, %v\nwant %s", id, got, err, want)
		}
	}
	out, err := b.OutputValues(r)
	if err != nil || len(out) != 1 || out[0].Value != "Fn/Arn" || out[0].Export != "shop-arn" {
		t.Errorf("outputs: got %+v, %v", out, err)
	}
	if b.Condition("IsTest") || !b.Condition("IsProd") {
		t.Error("the conditions are the wrong way round")
	}
}

func TestAnErrorHasThePlaceInTheText(t *testing.T) {
	_, err := template.Parse("Resources:\n  A:\n    Type: T::T::T\n    Properties:\n      X: !Foo y\n")
	var e *template.Error
	if !errors.As(err, &e) || e.Line != 5 || e.Column != 10 {
		t.Errorf("got %v, want line 5, column 10", err)
	}
}
