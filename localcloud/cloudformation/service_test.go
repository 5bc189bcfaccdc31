package cloudformation_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
)

const twoTopics = `
Parameters:
  Title: {Type: String, Default: news}
Resources:
  First:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Ref Title}
  Second:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !GetAtt First.TopicArn}
Outputs:
  Where: {Value: !Ref Second, Description: the second one}
`

func TestAStackIsCompleteAtTheFirstLook(t *testing.T) {
	w := newWorld(t)
	id := w.create("shop", twoTopics)
	if !strings.HasPrefix(id, "arn:aws:cloudformation:eu-central-1:111122223333:stack/shop/") {
		t.Errorf("the stack's id is %s", id)
	}
	w.is("shop", types.StackStatusCreateComplete)
	s := w.stack(id)
	if len(s.Outputs) != 1 || !strings.HasPrefix(*s.Outputs[0].OutputValue, "shop-second-") || *s.Parameters[0].ParameterValue != "news" {
		t.Errorf("outputs %v, parameters %v", s.Outputs, s.Parameters)
	}
	want := `shop CREATE_IN_PROGRESS: User Initiated
First CREATE_IN_PROGRESS
First CREATE_IN_PROGRESS: Resource creation Initiated
First CREATE_COMPLETE
Second CREATE_IN_PROGRESS
Second CREATE_IN_PROGRESS: Resource creation Initiated
Second CREATE_COMPLETE
shop CREATE_COMPLETE
`
	if got := w.story("shop"); got != want {
		t.Errorf("the events tell\n%s\nwant\n%s", got, want)
	}
}

func TestEachEventHasAnIDOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.create("shop", twoTopics)
	w.update("shop", strings.Replace(twoTopics, "Default: news", "Default: more", 1))
	out, err := w.client.DescribeStackEvents(t.Context(), &sdk.DescribeStackEventsInput{StackName: aws.String("shop")})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range out.StackEvents {
		if seen[*e.EventId] {
			t.Errorf("two events are called %s", *e.EventId)
		}
		seen[*e.EventId] = true
	}
}

func TestAChangeSetSaysWhatItWillDoAndDoesIt(t *testing.T) {
	w := newWorld(t)
	changeSet := func(name, kind, body string, parameters ...types.Parameter) *sdk.DescribeChangeSetOutput {
		t.Helper()
		if _, err := w.client.CreateChangeSet(t.Context(), &sdk.CreateChangeSetInput{
			StackName: aws.String("shop"), ChangeSetName: &name, ChangeSetType: types.ChangeSetType(kind), TemplateBody: &body, Parameters: parameters,
		}); err != nil {
			t.Fatal(err)
		}
		out, err := w.client.DescribeChangeSet(t.Context(), &sdk.DescribeChangeSetInput{
			StackName: aws.String("shop"), ChangeSetName: &name, IncludePropertyValues: aws.Bool(true),
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	execute := func(name string) {
		t.Helper()
		if _, err := w.client.ExecuteChangeSet(t.Context(), &sdk.ExecuteChangeSetInput{StackName: aws.String("shop"), ChangeSetName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	first := changeSet("one", "CREATE", twoTopics)
	if len(first.Changes) != 2 || first.Changes[0].ResourceChange.Action != types.ChangeActionAdd || first.ExecutionStatus != types.ExecutionStatusAvailable {
		t.Fatalf("the first change set is %+v", first)
	}
	w.is("shop", types.StackStatusReviewInProgress)
	execute("one")
	w.is("shop", types.StackStatusCreateComplete)

	same := changeSet("two", "UPDATE", twoTopics)
	if same.Status != types.ChangeSetStatusFailed || !strings.HasPrefix(*same.StatusReason, "The submitted information didn't contain changes.") {
		t.Errorf("without a change the change set is %s: %s", same.Status, aws.ToString(same.StatusReason))
	}

	body := strings.Replace(twoTopics, "{DisplayName: !GetAtt First.TopicArn}", "{DisplayName: !GetAtt First.TopicArn, TopicName: other}", 1)
	next := changeSet("three", "UPDATE", body, types.Parameter{ParameterKey: aws.String("Title"), ParameterValue: aws.String("sport")})
	var lines []string
	for _, c := range next.Changes {
		for _, d := range c.ResourceChange.Details {
			lines = append(lines, fmt.Sprintf("%s %s %s %s %s %s %s → %s because of %s %s", *c.ResourceChange.LogicalResourceId, c.ResourceChange.Action,
				c.ResourceChange.Replacement, *d.Target.Name, d.Target.RequiresRecreation, d.Evaluation,
				aws.ToString(d.Target.BeforeValue), aws.ToString(d.Target.AfterValue), d.ChangeSource, aws.ToString(d.CausingEntity)))
		}
	}
	want := []string{
		"First Modify False DisplayName Never Static news → sport because of ParameterReference Title",
		"Second Modify True TopicName Always Static  → other because of DirectModification ",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("the change set says\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	execute("three")
	w.is("shop", types.StackStatusUpdateComplete)
	if s := w.stack("shop"); *s.Parameters[0].ParameterValue != "sport" || s.LastUpdatedTime == nil {
		t.Errorf("after the update the stack is %+v", s)
	}
	list, err := w.client.ListChangeSets(t.Context(), &sdk.ListChangeSetsInput{StackName: aws.String("shop")})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Summaries) != 1 || list.Summaries[0].ExecutionStatus != types.ExecutionStatusExecuteComplete {
		t.Errorf("after its execution the change sets are %+v", list.Summaries)
	}
}

func TestWhatAWSRefusesIsRefusedInItsWords(t *testing.T) {
	w := newWorld(t)
	w.create("shop", twoTopics)
	ctx := t.Context()
	shop, none := aws.String("shop"), aws.String("none")
	for _, c := range []struct {
		name string
		do   func() error
		want string
	}{
		{"create again", func() error {
			_, err := w.client.CreateStack(ctx, &sdk.CreateStackInput{StackName: shop, TemplateBody: aws.String(twoTopics)})
			return err
		}, "AlreadyExistsException: Stack [shop] already exists"},
		{"no change", func() error {
			_, err := w.client.UpdateStack(ctx, &sdk.UpdateStackInput{StackName: shop, TemplateBody: aws.String(twoTopics)})
			return err
		}, "ValidationError: No updates are to be performed."},
		{"describe none", func() error {
			_, err := w.client.DescribeStacks(ctx, &sdk.DescribeStacksInput{StackName: none})
			return err
		}, "ValidationError: Stack with id none does not exist"},
		{"events of none", func() error {
			_, err := w.client.DescribeStackEvents(ctx, &sdk.DescribeStackEventsInput{StackName: none})
			return err
		}, "ValidationError: Stack [none] does not exist"},
		{"no such resource", func() error {
			_, err := w.client.DescribeStackResource(ctx, &sdk.DescribeStackResourceInput{StackName: shop, LogicalResourceId: none})
			return err
		}, "ValidationError: Resource none does not exist for stack shop"},
		{"no such change set", func() error {
			_, err := w.client.DescribeChangeSet(ctx, &sdk.DescribeChangeSetInput{StackName: shop, ChangeSetName: none})
			return err
		}, "ChangeSetNotFound: ChangeSet [none] does not exist"},
		{"create what is there by a change set", func() error {
			_, err := w.client.CreateChangeSet(ctx, &sdk.CreateChangeSetInput{
				StackName: shop, ChangeSetName: aws.String("c"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: aws.String(twoTopics),
			})
			return err
		}, "ValidationError: Stack [shop] already exists and cannot be created again with the changeSet [c]."},
		{"no template", func() error {
			_, err := w.client.CreateStack(ctx, &sdk.CreateStackInput{StackName: none})
			return err
		}, "ValidationError: Either Template URL or Template Body must be specified."},
		{"a role without acknowledgement", func() error {
			_, err := w.client.CreateStack(ctx, &sdk.CreateStackInput{StackName: none, TemplateBody: aws.String(
				`{"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": {}}}}}`)})
			return err
		}, "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		{"a URL of nobody", func() error {
			_, err := w.client.CreateStack(ctx, &sdk.CreateStackInput{StackName: none, TemplateURL: aws.String("ftp://x/y")})
			return err
		}, "ValidationError: TemplateURL must be a supported URL."},
		{"a fault in the template", func() error {
			_, err := w.client.CreateStack(ctx, &sdk.CreateStackInput{StackName: none, TemplateBody: aws.String("Resources:\n  A:\n    Properties: {}\n")})
			return err
		}, "ValidationError: Template format error: [/Resources/A] Every Resources object must contain a Type member. (line 2, column 3)"},
		{"cancel nothing", func() error {
			_, err := w.client.CancelUpdateStack(ctx, &sdk.CancelUpdateStackInput{StackName: shop})
			return err
		}, "ValidationError: CancelUpdateStack cannot be called from current stack status"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := refused(t, c.do()); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAResourceThatIsNotSupportedFailsTheStack(t *testing.T) {
	w := newWorld(t)
	w.create("shop", `{"Resources": {"First": {"Type": "AWS::SNS::Topic"}, "Queue": {"Type": "AWS::SQS::Queue", "DependsOn": "First"},
		"Table": {"Type": "AWS::DynamoDB::Table", "DependsOn": "Queue"}}}`)
	w.is("shop", types.StackStatusRollbackComplete)
	if got := w.story("shop"); !strings.Contains(got, "Queue CREATE_FAILED: The local cloud does not support resource type AWS::SQS::Queue, nor, of this template, AWS::DynamoDB::Table: ") {
		t.Errorf("the events tell\n%s", got)
	}
	if len(w.things) != 0 {
		t.Errorf("left behind: %v", w.things)
	}
}

func TestAnUpdateThatFailsEndsRolledBackWithTheOldTemplate(t *testing.T) {
	w := newWorld(t)
	w.create("shop", twoTopics)
	w.answer = func(r cloudformation.Request) (time.Duration, string) {
		if r.LogicalID == "Second" && !r.Rollback && r.Action == cloudformation.Update {
			return 0, "Second does not want to"
		}
		return 0, ""
	}
	w.update("shop", strings.Replace(strings.Replace(twoTopics, "!GetAtt First.TopicArn", `!Sub "${First} news"`, 1), "Default: news", "Default: sport", 1))
	w.is("shop", types.StackStatusUpdateRollbackComplete)
	want := []string{"create First", "create Second", "update First", "rollback update Second", "rollback update First"}
	if !slices.Equal(w.did, want) {
		t.Errorf("carried out %q, want %q", w.did, want)
	}
	if s := w.stack("shop"); *s.Parameters[0].ParameterValue != "news" {
		t.Errorf("after the rollback the parameter is %s, want news", *s.Parameters[0].ParameterValue)
	}
	if got := w.story("shop"); !strings.Contains(got, "Second UPDATE_FAILED: Second does not want to\nshop UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to update: [Second].\n") {
		t.Errorf("the events tell\n%s", got)
	}
}

func TestWhatTakesTimeGoesOnByItself(t *testing.T) {
	w := newWorld(t)
	w.answer = func(r cloudformation.Request) (time.Duration, string) {
		if r.Memo == "" {
			return time.Hour, ""
		}
		return 0, ""
	}
	w.create("shop", twoTopics)
	w.is("shop", types.StackStatusCreateInProgress)
	w.pass(time.Hour)
	w.is("shop", types.StackStatusCreateInProgress)
	w.pass(time.Hour)
	w.is("shop", types.StackStatusCreateComplete)
}

// Clients look at once and then not for half a minute, so that what takes a moment
// would cost them that.
func TestAnAnswerWaitsForWhatIsAboutToBeDone(t *testing.T) {
	for _, c := range []struct {
		name   string
		takes  time.Duration // each of three looks
		want   types.StackStatus
		within time.Duration
	}{
		{"a moment", 100 * time.Millisecond, types.StackStatusCreateComplete, time.Second},
		{"minutes", time.Minute, types.StackStatusCreateInProgress, 0},
		{"moments that never end", 499 * time.Millisecond, types.StackStatusCreateInProgress, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				machine, looks := clock.System{}, 0
				w := &world{t: t, time: machine, moment: 500 * time.Millisecond, things: map[string]string{}}
				w.answer = func(cloudformation.Request) (time.Duration, string) {
					if looks++; looks > 3 && c.takes < 499*time.Millisecond {
						return 0, ""
					}
					return c.takes, ""
				}
				w.open(nil)
				ctx, stop := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { clock.Run(ctx, machine, w.service, w.service.Wake(), nil) })
				began := machine.Now()
				w.create("slow", `{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}`)
				if took := machine.Now().Sub(began); took > c.within {
					t.Errorf("the answer came after %v, want it within %v", took, c.within)
				}
				w.is("slow", c.want)
				stop()
				running.Wait()
			})
		})
	}
}

func TestAnAlarmTurnsAnUpdateBackWhileItIsWatched(t *testing.T) {
	w := newWorld(t)
	w.alarms["errors"] = "INSUFFICIENT_DATA"
	w.create("shop", twoTopics)
	body := strings.Replace(twoTopics, "Default: news", "Default: sport", 1)
	if _, err := w.client.UpdateStack(t.Context(), &sdk.UpdateStackInput{
		StackName: aws.String("shop"), TemplateBody: &body,
		RollbackConfiguration: &types.RollbackConfiguration{
			MonitoringTimeInMinutes: aws.Int32(10),
			RollbackTriggers: []types.RollbackTrigger{{
				Arn: aws.String("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:errors"), Type: aws.String("AWS::CloudWatch::Alarm"),
			}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	w.pass(9 * time.Minute)
	w.is("shop", types.StackStatusUpdateInProgress)
	w.mu.Lock()
	w.alarms["errors"] = "ALARM"
	w.mu.Unlock()
	w.pass(time.Minute / 2)
	w.is("shop", types.StackStatusUpdateRollbackComplete)
}

func TestExportsConnectStacksAndHoldThem(t *testing.T) {
	w := newWorld(t)
	exporter := twoTopics + "    Export: {Name: the-topic}\n"
	exporter = strings.Replace(exporter, "  Where: {Value: !Ref Second, Description: the second one}\n", "  Where:\n    Value: !Ref Second\n", 1)
	w.create("net", exporter)
	w.is("net", types.StackStatusCreateComplete)
	w.create("app", `{"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::ImportValue": "the-topic"}}}}}`)
	w.is("app", types.StackStatusCreateComplete)
	imports, err := w.client.ListImports(t.Context(), &sdk.ListImportsInput{ExportName: aws.String("the-topic")})
	if err != nil || !slices.Equal(imports.Imports, []string{"app"}) {
		t.Errorf("the export is used by %v, %v", imports, err)
	}
	remove := func(name string) {
		t.Helper()
		if _, err := w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	remove("net")
	if s := w.stack("net"); s.StackStatus != types.StackStatusCreateComplete || *s.StackStatusReason != "Delete canceled. Cannot delete export the-topic as it is in use by app" {
		t.Errorf("an export in use leaves the stack %s: %s", s.StackStatus, aws.ToString(s.StackStatusReason))
	}
	remove("app")
	remove("net")
	if len(w.things) != 0 {
		t.Errorf("left behind: %v", w.things)
	}
	exports, err := w.client.ListExports(t.Context(), &sdk.ListExportsInput{})
	if err != nil || len(exports.Exports) != 0 {
		t.Errorf("exports are %v, %v", exports, err)
	}
}

func TestADeletedStackIsFoundByItsIDOnly(t *testing.T) {
	w := newWorld(t)
	id := w.create("shop", twoTopics)
	if _, err := w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: aws.String("shop")}); err != nil {
		t.Fatal(err)
	}
	w.is(id, types.StackStatusDeleteComplete)
	if _, err := w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: aws.String("shop")}); err == nil {
		t.Error("a deleted stack is found by its name")
	}
	if again := w.create("shop", twoTopics); again == id {
		t.Error("a second stack has the id of the first")
	}
	list, err := w.client.ListStacks(t.Context(), &sdk.ListStacksInput{StackStatusFilter: []types.StackStatus{types.StackStatusDeleteComplete}})
	if err != nil || len(list.StackSummaries) != 1 {
		t.Errorf("deleted stacks are %+v, %v", list, err)
	}
}

func TestAProtectedStackIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	w.create("shop", twoTopics)
	if _, err := w.client.UpdateTerminationProtection(t.Context(), &sdk.UpdateTerminationProtectionInput{StackName: aws.String("shop"), EnableTerminationProtection: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	_, err := w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: aws.String("shop")})
	if got, want := refused(t, err), "ValidationError: Stack [shop] cannot be deleted while TerminationProtection is enabled"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAStackWithinAStackLivesAndFailsWithIt(t *testing.T) {
	w := newWorld(t)
	w.objects["templates/child.yaml"] = twoTopics
	parent := func(title string) string {
		return `
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: http://127.0.0.1:9/templates/child.yaml
      Parameters: {Title: ` + title + `}
  After:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !GetAtt Child.Outputs.Where}
`
	}
	w.create("shop", parent("a"))
	w.is("shop", types.StackStatusCreateComplete)
	resource, err := w.client.DescribeStackResource(t.Context(), &sdk.DescribeStackResourceInput{StackName: aws.String("shop"), LogicalResourceId: aws.String("Child")})
	if err != nil {
		t.Fatal(err)
	}
	child := *resource.StackResourceDetail.PhysicalResourceId
	if s := w.stack(child); aws.ToString(s.ParentId) != *w.stack("shop").StackId {
		t.Errorf("the child's parent is %s", aws.ToString(s.ParentId))
	}
	w.update("shop", parent("b"))
	w.is(child, types.StackStatusUpdateComplete)
	w.answer = func(r cloudformation.Request) (time.Duration, string) {
		if r.LogicalID == "First" && !r.Rollback && r.Action == cloudformation.Update && strings.Contains(string(r.Properties.AppendJSON(nil)), "bad") {
			return 0, "bad title"
		}
		return 0, ""
	}
	w.update("shop", parent("bad"))
	w.is("shop", types.StackStatusUpdateRollbackComplete)
	w.is(child, types.StackStatusUpdateRollbackComplete)
	if _, err := w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: aws.String("shop")}); err != nil {
		t.Fatal(err)
	}
	w.is(child, types.StackStatusDeleteComplete)
}
