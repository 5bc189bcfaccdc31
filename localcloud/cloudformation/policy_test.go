package cloudformation_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// statement is a stack policy that allows everything, and this.
func statement(rest string) string {
	return `{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"},{"Principal":"*",` + rest + `}]}`
}

func TestAStackPolicyDeniesWhatItSays(t *testing.T) {
	changed := strings.Replace(twoTopics, "Default: news", "Default: sport", 1)
	replaced := strings.Replace(twoTopics, "{DisplayName: !Ref Title}", "{DisplayName: !Ref Title, TopicName: named}", 1)
	removed := strings.NewReplacer("  Second:\n    Type: AWS::SNS::Topic\n    Properties: {DisplayName: !GetAtt First.TopicArn}\n", "", "!Ref Second", "!Ref First").Replace(twoTopics)
	for name, c := range map[string]struct{ policy, text, denied string }{
		"a change":               {statement(`"Effect":"Deny","Action":"Update:Modify","Resource":"LogicalResourceId/Fi*"`), changed, "Statement [#2] does not allow [Update:Modify] for resource [LogicalResourceId/First]"},
		"a pattern":              {statement(`"Effect":"Deny","Action":"Update:Mod*y","Resource":"Logical*/*rst"`), changed, "[Update:Modify] for resource [LogicalResourceId/First]"},
		"a pattern of another":   {statement(`"Effect":"Deny","Action":"*","Resource":"Logical*/F*ond"`), changed, ""},
		"a change of another":    {statement(`"Effect":"Deny","Action":"Update:Modify","Resource":"LogicalResourceId/Second"`), changed, ""},
		"another action":         {statement(`"Effect":"Deny","Action":["Update:Replace","Update:Delete"],"Resource":"*"`), changed, ""},
		"a replacement":          {statement(`"Effect":"Deny","Action":"Update:Replace","Resource":"*"`), replaced, "[Update:Replace] for resource [LogicalResourceId/First]"},
		"a removal":              {statement(`"Effect":"Deny","Action":"Update:Delete","Resource":"LogicalResourceId/*"`), removed, "[Update:Delete] for resource [LogicalResourceId/Second]"},
		"all but":                {statement(`"Effect":"Deny","NotAction":"Update:Delete","NotResource":"LogicalResourceId/Second"`), changed, "[Update:Modify]"},
		"a type":                 {statement(`"Effect":"Deny","Action":"Update:*","Resource":"*","Condition":{"StringEquals":{"ResourceType":["AWS::SNS::Topic"]}}`), changed, "[Update:Modify]"},
		"another type":           {statement(`"Effect":"Deny","Action":"Update:*","Resource":"*","Condition":{"StringLike":{"ResourceType":"AWS::IAM::*"}}`), changed, ""},
		"what nothing allows":    {`{"Statement":[]}`, changed, "No statement allows [Update:Modify] for resource [LogicalResourceId/First]"},
		"nothing, as it is none": {"", changed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := &memory{}
			w.open(m)
			text := twoTopics
			in := &sdk.CreateStackInput{StackName: aws.String("shop"), TemplateBody: &text}
			if c.policy != "" {
				in.StackPolicyBody = &c.policy
			}
			if _, err := w.client.CreateStack(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			w.service.Close()
			w.open(m) // which remembers the policy
			w.update("shop", c.text)
			w.rest(t)
			want := types.StackStatusUpdateComplete
			if c.denied != "" {
				want = types.StackStatusUpdateRollbackComplete
			}
			w.is("shop", want)
			if story := w.story("shop"); c.denied != "" && !strings.Contains(story, "Action denied by stack policy: ") || !strings.Contains(story, c.denied) {
				t.Errorf("the events tell\n%s\nwant %q", story, c.denied)
			}
		})
	}
}

func TestAStackPolicyIsSetShownAndOverriddenForOneUpdate(t *testing.T) {
	w := newWorld(t)
	w.create("shop", twoTopics)
	name, nothing, all := aws.String("shop"), `{"Statement":[]}`, statement(`"Effect":"Allow","Action":"Update:*","Resource":"*"`)
	get := func() string {
		out, err := w.client.GetStackPolicy(t.Context(), &sdk.GetStackPolicyInput{StackName: name})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(out.StackPolicyBody)
	}
	if got := get(); got != "" {
		t.Errorf("a stack without a policy shows %s", got)
	}
	if _, err := w.client.SetStackPolicy(t.Context(), &sdk.SetStackPolicyInput{StackName: name, StackPolicyBody: &nothing}); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(twoTopics, "Default: news", "Default: sport", 1)
	if _, err := w.client.UpdateStack(t.Context(), &sdk.UpdateStackInput{StackName: name, TemplateBody: &text, StackPolicyDuringUpdateBody: &all}); err != nil {
		t.Fatal(err)
	}
	w.is("shop", types.StackStatusUpdateComplete)
	if got := get(); got != nothing {
		t.Errorf("after an update with a policy of its own the stack shows %s, want %s", got, nothing)
	}
	w.update("shop", twoTopics)
	w.is("shop", types.StackStatusUpdateRollbackComplete)
}

func TestANameThatNoStackMayHaveIsRefused(t *testing.T) {
	w := newWorld(t)
	text := twoTopics
	for name, want := range map[string]string{
		"9a":  "Value '9a' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*",
		"a_b": "regular expression pattern", "": "stackName", strings.Repeat("a", 129): "Member must have length less than or equal to 128",
	} {
		_, err := w.client.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: &name, TemplateBody: &text})
		if got := refused(t, err); !strings.HasPrefix(got, "ValidationError: 1 validation error detected: ") || !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
		_, err = w.client.CreateChangeSet(t.Context(), &sdk.CreateChangeSetInput{StackName: &name, ChangeSetName: aws.String("next"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: &text})
		if err == nil {
			t.Errorf("%q: a change set makes such a stack", name)
		}
	}
}

func TestAStackPolicyThatCannotBeReadIsRefused(t *testing.T) {
	w := newWorld(t)
	w.create("shop", twoTopics)
	for policy, want := range map[string]string{
		`{"Statement":`: "Invalid stack policy: unexpected end",
		`{}`:            "there is no list of Statement",
		`{"Statement":[{"Effect":"May","Principal":"*","Action":"Update:*","Resource":"*"}]}`:                                              `Statement [#1] has the Effect "May"`,
		`{"Statement":[{"Effect":"Deny","Principal":"me","Action":"Update:*","Resource":"*"}]}`:                                            `must have the Principal "*"`,
		`{"Statement":[{"Effect":"Deny","Principal":"*","Resource":"*"}]}`:                                                                 "either Action or NotAction",
		`{"Statement":[{"Effect":"Deny","Principal":"*","Action":"Update:*"}]}`:                                                            "either Resource or NotResource",
		statement(`"Effect":"Deny","Action":"Update:*","Resource":"*","Condition":{"StringNotEquals":{"ResourceType":"AWS::SNS::Topic"}}`): "Statement [#2] has a Condition with the unknown operator StringNotEquals",
		statement(`"Effect":"Deny","Action":"Update:*","Resource":"*","Condition":{"StringEquals":{"aws:username":"me"}}`):                 "on aws:username, which is not ResourceType",
		`{"Statement":[{"Effect":"Deny","Principal":"*","Action":"Delete:*","Resource":"*"}]}`:                                             "unknown action Delete:*",
		`{"Statement":[{"Effect":"Deny","Principal":"*","Action":"Update:*","NotAction":"Update:*","Resource":"*"}]}`:                      "either Action or NotAction",
	} {
		_, err := w.client.SetStackPolicy(t.Context(), &sdk.SetStackPolicyInput{StackName: aws.String("shop"), StackPolicyBody: &policy})
		if got := refused(t, err); !strings.HasPrefix(got, "ValidationError: Error validating stack policy: ") || !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %q", policy, got, want)
		}
	}
}
