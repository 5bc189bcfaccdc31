// Package stacktest tells tests what a stack went through.
package stacktest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Story returns the events of a stack's newest operation, oldest first, a line
// each: the logical id, the status and the reason. With names of resources it has
// their events alone; the stack's own events are under its name. What differs from
// run to run reads as ….
func Story(ctx context.Context, client *cloudformation.Client, stack string, of ...string) (string, error) {
	var events []types.StackEvent
	pages := cloudformation.NewDescribeStackEventsPaginator(client, &cloudformation.DescribeStackEventsInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		events = append(events, page.StackEvents...)
	}
	begins := slices.IndexFunc(events, func(e types.StackEvent) bool {
		return *e.LogicalResourceId == stack &&
			(e.ResourceStatus == types.ResourceStatusUpdateInProgress || e.ResourceStatus == types.ResourceStatusCreateInProgress)
	})
	var b strings.Builder
	for _, e := range slices.Backward(events[:begins+1]) {
		if len(of) > 0 && !slices.Contains(of, *e.LogicalResourceId) {
			continue
		}
		fmt.Fprintf(&b, "%s %s", *e.LogicalResourceId, e.ResourceStatus)
		if reason := strings.TrimSpace(aws.ToString(e.ResourceStatusReason)); reason != "" {
			b.WriteString(": " + reason)
		}
		b.WriteByte('\n')
	}
	return drawn.ReplaceAllString(b.String(), "$1…"), nil
}

// drawn are names of which a part is drawn: of requests, deployments and
// resources.
var drawn = regexp.MustCompile(`((?:RequestToken: |\bd-|-[A-Za-z]+-))[-0-9A-Za-z]{9,}`)
