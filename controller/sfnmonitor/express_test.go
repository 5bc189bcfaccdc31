package sfnmonitor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/crossfade-dev/crossfade/controller/cwmonitor"
	"github.com/crossfade-dev/crossfade/controller/releasetest"
	"github.com/crossfade-dev/crossfade/controller/sfnmonitor"
	"github.com/crossfade-dev/crossfade/controller/sfntarget"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

const (
	works  = `{"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": true}}}`
	better = `{"StartAt": "Ready", "States": {"Ready": {"Type": "Pass", "End": true}}}`
	fails  = `{"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Broken"}}}`
)

// express releases a definition to the alias of an EXPRESS state machine of a local
// cloud, by an adaptive plan, while the alias has some executions a second.
func express(t *testing.T, definition, look string) (rollout.Status, []types.RoutingConfigurationListItem) {
	t.Helper()
	c := clock.System{}
	cloud, err := localcloud.Open(localcloud.Config{Clock: c, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close()
	ctx, cfg := t.Context(), cloud.AWSConfig()
	states := sfn.NewFromConfig(cfg)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	machine, err := states.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: aws.String("orders"), Type: types.StateMachineTypeExpress, Definition: aws.String(works),
		RoleArn: aws.String("arn:aws:iam::000000000000:role/orders"), Publish: true,
	})
	must(err)
	alias, err := states.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{
		Name: aws.String("prod"), RoutingConfiguration: []types.RoutingConfigurationListItem{{StateMachineVersionArn: machine.StateMachineVersionArn, Weight: 100}},
	})
	must(err)
	metrics := cwmonitor.New(cloudwatch.NewFromConfig(cfg))
	monitor := sfnmonitor.New(states, metrics, c)
	rec := releasetest.Run(t, releasetest.Release{
		Clock: c, Adapter: sfntarget.New(states, sts.NewFromConfig(cfg), cfg.Region, c), Counter: monitor, Comparer: monitor,
		Plan: plan.Spec{
			Targets:  []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod", Definition: "orders.asl.json"}},
			Adaptive: plan.DefaultBudget, Look: look,
		},
		Files: map[string][]byte{"orders.asl.json": []byte(definition)},
		Request: func(ctx context.Context) {
			_, _ = states.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: alias.StateMachineAliasArn})
		},
		Every: 400 * time.Millisecond, Before: 11*time.Minute + 23*time.Second,
	})
	now, err := states.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: alias.StateMachineAliasArn})
	must(err)
	return rec.Status, now.RoutingConfiguration
}

func TestAnExpressMachineIsReleasedByWhatItsMetricsTell(t *testing.T) {
	for _, tt := range []struct {
		name, definition, look string
		phase                  rollout.Phase
		serves                 string
		within                 time.Duration
	}{
		{"one that works is released", better, "5s", rollout.Succeeded, "2", time.Hour},
		{"one that fails is taken back", fails, "", rollout.RolledBack, "1", 40 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, routing := express(t, tt.definition, tt.look)
				if took := s.Ended.Sub(s.Started); s.Phase != tt.phase || took > tt.within {
					t.Errorf("it is %s after %s (%s), want %s within %s", s.Phase, took, s.Why, tt.phase, tt.within)
				} else {
					t.Logf("%s after %s: %s", s.Phase, took, s.Why)
				}
				if len(routing) != 1 || aws.ToString(routing[0].StateMachineVersionArn)[len(aws.ToString(routing[0].StateMachineVersionArn))-1:] != tt.serves {
					t.Errorf("the alias serves %+v, want all traffic on %s", routing, tt.serves)
				}
			})
		})
	}
}
