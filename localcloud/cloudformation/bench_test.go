package cloudformation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// large is a template of so many resources, each of which needs the one ten
// before it.
func large(resources int) string {
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range resources {
		fmt.Fprintf(&b, "  T%03d:\n    Type: AWS::SNS::Topic\n    Properties:\n", i)
		if i < 10 {
			fmt.Fprintf(&b, "      DisplayName: number %d\n", i)
		} else {
			fmt.Fprintf(&b, "      DisplayName: !GetAtt T%03d.TopicArn\n", i-10)
		}
	}
	return b.String()
}

// BenchmarkStackOf200 creates and deletes a stack of 200 resources.
func BenchmarkStackOf200(b *testing.B) {
	text := large(200)
	for name, journal := range map[string]bool{"in memory": false, "with a journal": true} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				w := &world{t: b, clock: newClock(), things: map[string]string{}}
				if journal {
					w.open(&memory{})
				} else {
					w.open(nil)
				}
				ctx := b.Context()
				if _, err := w.client.CreateStack(ctx, &sdk.CreateStackInput{StackName: aws.String("large"), TemplateBody: &text}); err != nil {
					b.Fatal(err)
				}
				if got := w.stack("large").StackStatus; got != "CREATE_COMPLETE" {
					b.Fatalf("the stack is %s", got)
				}
				if _, err := w.client.DeleteStack(ctx, &sdk.DeleteStackInput{StackName: aws.String("large")}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
