package cloudformation_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
)

const strangers = `
Parameters:
  Image: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /images/newest}
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: orders}}
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Sub '${Queue}, ${Table.Arn}, ${Image}, {{resolve:ssm:/a/b}}'}
Outputs:
  Queue: {Value: !GetAtt Queue.QueueName}
  QueueArn: {Value: !GetAtt Queue.Arn}
  Root: {Value: !GetAtt Table.Root}
  Stream: {Value: !GetAtt Table.StreamArn}
`

func TestALenientCloudHasNamesForWhatItDoesNotHave(t *testing.T) {
	w := newWorld(t)
	w.lenient = true
	kept := &memory{}
	w.open(kept)
	w.create("shop", strangers)
	w.is("shop", types.StackStatusCreateComplete)
	if got, want := w.story("shop"), "Table CREATE_COMPLETE: A name with nothing behind it: the local cloud does not support resource type AWS::DynamoDB::Table."; !strings.Contains(got, want) {
		t.Errorf("the events tell\n%s\nwant\n%s", got, want)
	}
	if got, want := w.story("shop"), "Topic CREATE_COMPLETE: With names in place of what Systems Manager and Secrets Manager would have under them: Image, dynamic references."; !strings.Contains(got, want) {
		t.Errorf("the events tell\n%s\nwant\n%s", got, want)
	}
	outputs := func() string {
		var b strings.Builder
		for _, o := range w.stack("shop").Outputs {
			b.WriteString(*o.OutputKey + "=" + *o.OutputValue + " ")
		}
		return b.String()
	}
	queue, _, _ := strings.Cut(strings.TrimPrefix(outputs(), "Queue="), " ")
	want := "Queue=" + queue + " QueueArn=arn:aws:sqs:eu-central-1:111122223333:" + queue +
		" Root=orders.Root Stream=arn:aws:dynamodb:eu-central-1:111122223333:table/orders "
	if got := outputs(); !strings.HasPrefix(queue, "shop-Queue-") || got != want {
		t.Errorf("the outputs are %s, want %s", got, want)
	}
	// What was made leniently stays so, whatever the next process is.
	w.lenient = false
	w.open(kept)
	w.is("shop", types.StackStatusCreateComplete)
	if got := outputs(); got != want {
		t.Errorf("after a restart the outputs are %s, want %s", got, want)
	}
	if _, err := w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: aws.String("shop")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: aws.String("shop")}); err == nil {
		t.Errorf("the stack is still there:\n%s", w.story("shop"))
	}
}

func TestANewNameOfWhatIsNotThereIsAReplacement(t *testing.T) {
	w := newWorld(t)
	w.lenient = true
	w.open(nil)
	w.create("shop", strangers)
	w.update("shop", strings.Replace(strangers, "TableName: orders", "TableName: others", 1))
	w.is("shop", types.StackStatusUpdateComplete)
	out, err := w.client.DescribeStackResource(t.Context(), &sdk.DescribeStackResourceInput{StackName: aws.String("shop"), LogicalResourceId: aws.String("Table")})
	if err != nil {
		t.Fatal(err)
	}
	if got := *out.StackResourceDetail.PhysicalResourceId; got != "others" {
		t.Errorf("the table is called %s, want others\n%s", got, w.story("shop"))
	}
}

// What goes back was made leniently, whatever the update that failed was.
func TestWhatALenientStackWasGoesBackLeniently(t *testing.T) {
	w := newWorld(t)
	w.lenient = true
	kept := &memory{}
	w.open(kept)
	w.create("shop", twoTopics)
	w.service.Close()
	w.lenient = false
	w.open(kept)
	lenient := map[bool]bool{}
	w.answer = func(r cloudformation.Request) (time.Duration, string) {
		lenient[r.Rollback] = r.Lenient
		if !r.Rollback {
			return 0, "no"
		}
		return 0, ""
	}
	w.update("shop", strings.Replace(twoTopics, "Default: news", "Default: sport", 1))
	w.rest(t)
	if want := map[bool]bool{false: false, true: true}; !maps.Equal(lenient, want) {
		t.Errorf("by whether it goes back, providers are told %v, want %v\n%s", lenient, want, w.story("shop"))
	}
}

func TestProvidersAreToldWhatIsLenient(t *testing.T) {
	for _, lenient := range []bool{false, true} {
		w := newWorld(t)
		w.lenient = lenient
		w.open(nil)
		told := !lenient
		w.answer = func(r cloudformation.Request) (time.Duration, string) { told = r.Lenient; return 0, "" }
		w.create("shop", `{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}`)
		if told != lenient {
			t.Errorf("of a stack that is lenient (%v) providers are told %v", lenient, told)
		}
	}
}
