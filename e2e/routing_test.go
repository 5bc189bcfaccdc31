package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"golang.org/x/sync/errgroup"
)

func (c *cloud) versions(t *testing.T, machine string) string {
	t.Helper()
	out, err := c.sfn().ListStateMachineVersions(t.Context(), &sfn.ListStateMachineVersionsInput{StateMachineArn: &machine})
	if err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for _, v := range out.StateMachineVersions {
		arn := aws.ToString(v.StateMachineVersionArn)
		numbers = append(numbers, arn[strings.LastIndex(arn, ":")+1:])
	}
	return strings.Join(numbers, " ")
}

// split publishes two versions of a machine and an alias that gives the second
// one the weight.
func (c *cloud) split(t *testing.T, name string, weight int32) (machine, alias string) {
	t.Helper()
	ctx, client := t.Context(), c.sfn()
	machine = c.createMachine(t, name)
	first, err := client.PublishStateMachineVersion(ctx, &sfn.PublishStateMachineVersionInput{StateMachineArn: &machine})
	if err != nil {
		t.Fatal(err)
	}
	c.update(t, machine, "second")
	second, err := client.PublishStateMachineVersion(ctx, &sfn.PublishStateMachineVersionInput{StateMachineArn: &machine})
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{
		Name: aws.String("prod"),
		RoutingConfiguration: []sfntypes.RoutingConfigurationListItem{
			{StateMachineVersionArn: first.StateMachineVersionArn, Weight: 100 - weight},
			{StateMachineVersionArn: second.StateMachineVersionArn, Weight: weight},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return machine, aws.ToString(out.StateMachineAliasArn)
}

func (c *cloud) count(t *testing.T, arn string) int {
	t.Helper()
	n := 0
	pages := sfn.NewListExecutionsPaginator(c.sfn(), &sfn.ListExecutionsInput{StateMachineArn: &arn, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Executions)
	}
	return n
}

func TestAnAliasGivesEachVersionExactlyItsShare(t *testing.T) {
	c := startCloud(t)
	for _, clients := range []int{1, 32} {
		t.Run(fmt.Sprintf("%d clients", clients), func(t *testing.T) {
			machine, alias := c.split(t, fmt.Sprintf("share-%d", clients), 10)
			client := c.sfn()
			const starts = 2000
			g, ctx := errgroup.WithContext(t.Context())
			g.SetLimit(clients)
			for range starts {
				g.Go(func() error {
					_, err := client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &alias})
					return err
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			if old, new := c.count(t, machine+":1"), c.count(t, machine+":2"); old != 1800 || new != 200 {
				t.Errorf("version 1 ran %d times and version 2 %d times, want 1800 and 200", old, new)
			}
			if got := c.count(t, alias); got != starts {
				t.Errorf("the alias lists %d executions, want %d", got, starts)
			}
		})
	}
}
