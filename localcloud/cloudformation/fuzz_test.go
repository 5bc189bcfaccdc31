package cloudformation_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/schema"
)

// FuzzPlan makes a stack of one template and plans the change to another. What a
// plan says is what an update does: nothing where it finds nothing, and no resource
// that it does not name. Nothing that a template says may break the service or
// leave a stack that cannot be deleted.
func FuzzPlan(f *testing.F) {
	sport := strings.Replace(twoTopics, "Default: news", "Default: sport", 1)
	named := strings.Replace(twoTopics, "{DisplayName: !Ref Title}", "{TopicName: !Sub '${Title}-${AWS::StackName}'}", 1)
	fewer := strings.Replace(twoTopics, "DisplayName: !GetAtt First.TopicArn", "DisplayName: x", 1)
	for _, pair := range [][2]string{
		{twoTopics, sport}, {twoTopics, named}, {named, fewer}, {twoTopics, twoTopics}, {sport, large(3)},
		{"Resources:\n  L: {Type: AWS::Logs::LogGroup, DeletionPolicy: Retain, Properties: {RetentionInDays: 3}}\n",
			"Resources:\n  L: {Type: AWS::Logs::LogGroup, UpdateReplacePolicy: Retain, Properties: {RetentionInDays: '7', LogGroupName: x}}\n"},
		{"Resources:\n  R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Statement: [{Action: a}]}}}\n", "Resources:\n  R: {Type: AWS::IAM::Role}\n"},
		{"Conditions: {C: !Equals [a, a]}\nResources:\n  A: {Type: AWS::SNS::Topic, Condition: C}\n  B: {Type: AWS::SNS::Topic, DependsOn: A, Metadata: {a: !Ref A}}\n",
			"Conditions: {C: !Equals [a, b]}\nResources:\n  A: {Type: AWS::SNS::Topic, Condition: C}\n  B: {Type: AWS::SNS::Topic, Properties: {Tags: [{Key: a, Value: !If [C, !Ref A, b]}]}}\n"},
		{"Resources: {A: {Type: 'Custom::X'}}\nOutputs: {O: {Value: !GetAtt A.B, Export: {Name: !Ref AWS::StackName}}}\n", "Resources: {A: {Type: AWS::SNS::Topic}}\nOutputs: {O: {Value: !ImportValue shop}}\n"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		w := &world{t: t, clock: newClock(), things: map[string]string{}, types: schema.Names()}
		w.open(nil)
		capabilities := []types.Capability{types.CapabilityCapabilityNamedIam, types.CapabilityCapabilityAutoExpand}
		_, err := w.client.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: aws.String("shop"), TemplateBody: &first, Capabilities: capabilities})
		if refusedOf(t, err) {
			return
		}
		w.rest(t)
		if w.stack("shop").StackStatus == types.StackStatusCreateComplete {
			w.checkPlan(t, second, capabilities)
		}
		if _, err := w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: aws.String("shop")}); err != nil {
			t.Fatalf("the stack cannot be deleted: %v", err)
		}
		w.rest(t)
		if _, err := w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: aws.String("shop")}); err == nil {
			t.Errorf("the stack is %s after its deletion:\n%s", w.stack("shop").StackStatus, w.story("shop"))
		}
	})
}

// refusedOf says whether a call was refused, in words of the API.
func refusedOf(t *testing.T, err error) bool {
	t.Helper()
	var api smithy.APIError
	if err == nil {
		return false
	}
	if !errors.As(err, &api) || api.ErrorMessage() == "" || strings.Contains(api.ErrorCode(), "Internal") {
		t.Fatalf("refused with %v, which is no answer to a template", err)
	}
	return true
}

// rest lets time pass until nothing happens any more, but that deleted stacks are
// forgotten one day.
func (w *world) rest(t *testing.T) {
	t.Helper()
	for range 100 {
		w.service.Settle()
		if at, busy := w.service.Next(); !busy || at.After(w.clock.Now().Add(48*time.Hour)) {
			return
		}
		w.pass(time.Minute)
	}
	t.Fatal("the stack comes to no rest")
}

// checkPlan makes a change set of a template and then the update, and compares.
func (w *world) checkPlan(t *testing.T, text string, capabilities []types.Capability) {
	t.Helper()
	before := maps.Clone(w.things)
	set := &sdk.CreateChangeSetInput{StackName: aws.String("shop"), ChangeSetName: aws.String("next"), TemplateBody: &text, Capabilities: capabilities}
	_, err := w.client.CreateChangeSet(t.Context(), set)
	if refusedOf(t, err) {
		return
	}
	w.rest(t)
	plan, err := w.client.DescribeChangeSet(t.Context(), &sdk.DescribeChangeSetInput{StackName: set.StackName, ChangeSetName: set.ChangeSetName, IncludePropertyValues: aws.Bool(true)})
	if err != nil {
		t.Fatalf("the change set cannot be described: %v", err)
	}
	if !maps.Equal(w.things, before) {
		t.Fatal("a plan has changed something")
	}
	var named []string
	for _, c := range plan.Changes {
		named = append(named, *c.ResourceChange.LogicalResourceId)
	}
	w.did = nil
	_, err = w.client.UpdateStack(t.Context(), &sdk.UpdateStackInput{StackName: set.StackName, TemplateBody: &text, Capabilities: capabilities})
	if refused := refusedOf(t, err); refused != (plan.Status == types.ChangeSetStatusFailed) {
		t.Fatalf("the plan is %s (%s), and the update says %v", plan.Status, aws.ToString(plan.StatusReason), err)
	}
	w.rest(t)
	for _, did := range w.did {
		if _, id, _ := strings.Cut(strings.TrimPrefix(did, "rollback "), " "); !slices.Contains(named, id) {
			t.Errorf("the update did %q, of which the plan says nothing: %v", did, named)
		}
	}
	if status := string(w.stack("shop").StackStatus); !strings.HasSuffix(status, "_COMPLETE") {
		t.Errorf("after the update the stack is %s:\n%s", status, w.story("shop"))
	}
}
