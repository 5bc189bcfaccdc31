package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/cwmonitor"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/controller/sfntarget"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// look is how often the measured rollouts look at the world.
const look = 500 * time.Millisecond

// reverts measures the time from an alarm's change to ALARM until the alias
// serves the old version alone again, with the production controller and
// adapters on the local cloud.
func reverts(o options) ([]measurement, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cloud, err := localcloud.Open(localcloud.Config{Seed: 1})
	if err != nil {
		return nil, err
	}
	defer func() { _ = cloud.Close() }() // nothing of it is kept
	go func() { _ = cloud.Run(ctx) }()   // ends with ctx; what it says then is that

	cfg := cloud.AWSConfig()
	states, alarms := sfn.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
	target := sfntarget.New(states, sts.NewFromConfig(cfg), cfg.Region, clock.System{})
	ids := 0
	c := controller.New(controller.Config{
		Store: memstore.New(), Monitor: cwmonitor.New(alarms), Clock: clock.System{}, Owner: "bench",
		Targets:    map[plan.Kind]controller.Target{plan.StateMachine: target},
		Publishers: map[plan.Kind]controller.Publisher{plan.StateMachine: target},
		NewID:      func() string { ids++; return "r-" + strconv.Itoa(ids) },
	})
	process := controller.NewProcess(c, controller.ProcessConfig{Parallel: 8})
	go clock.Run(ctx, clock.System{}, process, process.Wake(), nil)

	var took []time.Duration
	for i := range 20 * o.rounds {
		d, err := revertOnce(ctx, i, states, alarms, c, process)
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	worst := p99(took)
	return []measurement{{
		what:    fmt.Sprintf("alarm fires → alias back, looking every %s, p99 of %d", look, len(took)),
		value:   worst.Round(time.Millisecond).String(),
		ceiling: "one look " + look.String(),
		ratio:   fmt.Sprintf("%.2f", float64(worst)/float64(look)),
		aim:     "< 1s",
	}, {
		what: "the same, median", value: took[len(took)/2].Round(time.Millisecond).String(),
	}}, nil
}

func revertOnce(ctx context.Context, i int, states *sfn.Client, alarms *cloudwatch.Client, c *controller.Controller, process *controller.Process) (time.Duration, error) {
	name := fmt.Sprintf("revert-%d", i)
	machine, err := states.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: &name, RoleArn: aws.String("arn:aws:iam::000000000000:role/bench"), Publish: true,
		Definition: aws.String(`{"StartAt":"Done","States":{"Done":{"Type":"Pass","End":true}}}`),
	})
	if err != nil {
		return 0, err
	}
	if _, err := alarms.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("Bench"), MetricName: aws.String("Errors"), Statistic: cwtypes.StatisticSum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0), TreatMissingData: aws.String("ignore"), // what is set stays set
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold,
	}); err != nil {
		return 0, err
	}
	set := func(state cwtypes.StateValue) error {
		_, err := alarms.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("bench")})
		return err
	}
	if err := set(cwtypes.StateValueOk); err != nil {
		return 0, err
	}
	p, err := plan.New(plan.Spec{
		Name:            name,
		Targets:         []plan.Target{{Kind: plan.StateMachine, Name: aws.ToString(machine.StateMachineArn), Alias: "live"}},
		Canary:          "10%/10m",
		Alarms:          []string{name},
		NoDefaultChecks: true,
		Look:            look.String(),
	})
	if err != nil {
		return 0, err
	}
	if _, err := states.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{
		Name:                 aws.String("live"),
		RoutingConfiguration: []sfntypes.RoutingConfigurationListItem{{StateMachineVersionArn: machine.StateMachineVersionArn, Weight: 100}},
	}); err != nil {
		return 0, err
	}
	if _, err := states.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{
		StateMachineArn: machine.StateMachineArn, Definition: aws.String(`{"StartAt":"Done","States":{"Done":{"Type":"Pass","Result":2,"End":true}}}`),
	}); err != nil {
		return 0, err
	}
	rec, err := c.Start(ctx, p, nil)
	if err != nil {
		return 0, err
	}
	process.Add(rec.ID)
	alias := aws.ToString(machine.StateMachineArn) + ":live"
	entries := func(want int) error {
		for range 60_000 {
			out, err := states.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: &alias})
			if err != nil {
				return err
			}
			if len(out.RoutingConfiguration) == want {
				return nil
			}
			<-clock.System{}.After(time.Millisecond)
		}
		return errors.New("the alias has not come to what was asked for within a minute")
	}
	if err := entries(2); err != nil {
		return 0, err
	}
	begin := now()
	if err := set(cwtypes.StateValueAlarm); err != nil {
		return 0, err
	}
	if err := entries(1); err != nil {
		return 0, err
	}
	took := now().Sub(begin)
	return took, c.Order(ctx, rec.ID, rollout.Abort, "bench", "measured")
}
