package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/controller/sfnmonitor"
	"github.com/crossfade-dev/crossfade/controller/sfntarget"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
	"github.com/crossfade-dev/crossfade/sim/suite"
)

// The rollouts that are measured: each alias gets so many calls a second, of which
// the old version fails one in a thousand and the new one another one in twenty.
const (
	evidenceAliases = 8
	callsPerSecond  = 100
	warmUp          = 20 * time.Second
	evidenceTime    = 8 * time.Minute
)

// evidence lets bad versions be rolled out adaptively on the local cloud, in real
// time and with the production controller and adapters, and counts the calls that
// failed on them; beside it stands what the simulation says.
func evidence(o options) ([]measurement, error) {
	ctx, cancel := context.WithTimeout(context.Background(), warmUp+evidenceTime)
	defer cancel()
	cloud, err := localcloud.Open(localcloud.Config{Seed: 1})
	if err != nil {
		return nil, err
	}
	defer func() { _ = cloud.Close() }() // nothing of it is kept
	go func() { _ = cloud.Run(ctx) }()   // ends with ctx; what it says then is that

	cfg := cloud.AWSConfig()
	states := sfn.NewFromConfig(cfg)
	target := sfntarget.New(states, sts.NewFromConfig(cfg), cfg.Region, clock.System{})
	executions := sfnmonitor.New(states, nil, clock.System{}).Prompt()
	ids := 0
	c := controller.New(controller.Config{
		Store: memstore.New(), Clock: clock.System{}, Owner: "bench",
		Targets:    map[plan.Kind]controller.Target{plan.StateMachine: target},
		Publishers: map[plan.Kind]controller.Publisher{plan.StateMachine: target},
		Comparers:  map[plan.Kind]controller.Comparer{plan.StateMachine: executions},
		NewID:      func() string { ids++; return "r-" + strconv.Itoa(ids) },
	})
	ended := make(chan rollout.Status, evidenceAliases)
	process := controller.NewProcess(c, controller.ProcessConfig{
		Parallel: 8, Ended: func(_ string, s rollout.Status, _ error) { ended <- s },
	})
	go clock.Run(ctx, clock.System{}, process, process.Wake(), nil)

	machines := make([]string, evidenceAliases)
	var calls sync.WaitGroup
	defer calls.Wait()
	defer cancel()
	for i := range machines {
		if machines[i], err = failing(ctx, states, fmt.Sprintf("evidence-%d", i), 1); err != nil {
			return nil, err
		}
		calls.Go(func() { callEvenly(ctx, states, machines[i]+":live") })
	}
	<-clock.System{}.After(warmUp)
	for i := range machines {
		if err := release(ctx, c, process, states, machines[i], 51); err != nil {
			return nil, err
		}
	}
	back := 0
	for range machines {
		select {
		case s := <-ended:
			if s.Phase == rollout.RolledBack {
				back++
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("after %s only %d of %d bad versions were taken back", evidenceTime, back, len(machines))
		}
	}
	bad := make([]int, len(machines))
	for i, machine := range machines {
		if bad[i], err = failed(ctx, states, machine+":2"); err != nil {
			return nil, err
		}
	}
	model, err := modelled(ctx, o)
	if err != nil {
		return nil, err
	}
	return []measurement{besideModel(bad, model), {
		what: "of these versions taken back", value: fmt.Sprintf("%d of %d", back, len(bad)), aim: "all",
	}}, nil
}

// besideModel is how many calls failed on versions, beside what the simulation says.
func besideModel(bad []int, model suite.Row) measurement {
	slices.Sort(bad)
	mean, off := meanOf(bad)
	// The model's counts come up to five seconds late, and its alias takes two to
	// follow. Here neither waits: with enough versions it would be fewer.
	compared := "the same within three errors"
	if more, most := mean-model.Harm, 3*math.Hypot(off, model.Error); more > most {
		compared = "more than simulated"
	} else if more < -most {
		compared = "fewer than simulated"
	}
	return measurement{
		what:    fmt.Sprintf("bad calls until a version that fails 5 %% of %d a second is back, mean of %d", callsPerSecond, len(bad)),
		value:   fmt.Sprintf("%.1f ± %.1f (%d to %d), %s", mean, off, bad[0], bad[len(bad)-1], compared),
		ceiling: fmt.Sprintf("the simulation, whose counts are later, %.1f ± %.1f", model.Harm, model.Error),
		ratio:   fmt.Sprintf("%.2f", mean/model.Harm),
		aim:     "a handful",
	}
}

// meanOf returns the mean of numbers and its standard error.
func meanOf(numbers []int) (mean, off float64) {
	n, sum, squares := float64(len(numbers)), 0.0, 0.0
	for _, x := range numbers {
		sum += float64(x)
	}
	mean = sum / n
	for _, x := range numbers {
		squares += (float64(x) - mean) * (float64(x) - mean)
	}
	return mean, math.Sqrt(squares / (n - 1) / n)
}

// modelled is what became of the same scenario and policy in the simulation.
func modelled(ctx context.Context, o options) (suite.Row, error) {
	scenarios, err := suite.Scenarios("headline", "H2")
	if err != nil {
		return suite.Row{}, err
	}
	rows, err := suite.Measure(ctx, suite.Options{Scenarios: scenarios[:1], Policies: suite.Crossfade()[:1], Reps: 40 * o.rounds, Seed: 1, Workers: 2})
	if err != nil {
		return suite.Row{}, err
	}
	return rows[0], nil
}

// failing makes a machine of which so many executions in a thousand fail, with
// version 1 behind the alias live.
func failing(ctx context.Context, states *sfn.Client, name string, perThousand int) (string, error) {
	machine, err := states.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: &name, RoleArn: aws.String("arn:aws:iam::000000000000:role/bench"), Publish: true, Definition: aws.String(drawing(perThousand)),
	})
	if err != nil {
		return "", err
	}
	_, err = states.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{
		Name:                 aws.String("live"),
		RoutingConfiguration: []sfntypes.RoutingConfigurationListItem{{StateMachineVersionArn: machine.StateMachineVersionArn, Weight: 100}},
	})
	return aws.ToString(machine.StateMachineArn), err
}

// drawing is the definition of a machine that draws whether it fails.
func drawing(perThousand int) string {
	return fmt.Sprintf(`{"StartAt": "Draw", "States": {
		"Draw": {"Type": "Pass", "Parameters": {"n.$": "States.MathRandom(0, 1000)"}, "Next": "Fails"},
		"Fails": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": %d, "Next": "Bad"}], "Default": "Good"},
		"Bad": {"Type": "Fail", "Error": "Drawn"},
		"Good": {"Type": "Succeed"}}}`, perThousand)
}

// release begins to roll a version out of which more executions fail.
func release(ctx context.Context, c *controller.Controller, process *controller.Process, states *sfn.Client, machine string, perThousand int) error {
	if _, err := states.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: &machine, Definition: aws.String(drawing(perThousand))}); err != nil {
		return err
	}
	p, err := plan.New(plan.Spec{
		Targets: []plan.Target{{Kind: plan.StateMachine, Name: machine, Alias: "live"}}, Adaptive: plan.DefaultBudget, Settle: "2s",
	})
	if err != nil {
		return err
	}
	rec, err := c.Start(ctx, p, nil)
	if err != nil {
		return err
	}
	process.Add(rec.ID)
	return nil
}

// callEvenly starts executions until ctx ends.
func callEvenly(ctx context.Context, states *sfn.Client, alias string) {
	const interval = time.Second / callsPerSecond
	for next := now(); ctx.Err() == nil; next = next.Add(interval) {
		<-clock.System{}.After(next.Sub(now()))
		// One that is refused at the end is left away: the rate is what matters.
		_, _ = states.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &alias})
	}
}

// failed counts the failed executions of a version.
func failed(ctx context.Context, states *sfn.Client, version string) (n int, err error) {
	pages := sfn.NewListExecutionsPaginator(states, &sfn.ListExecutionsInput{
		StateMachineArn: &version, StatusFilter: sfntypes.ExecutionStatusFailed, MaxResults: 1000,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		n += len(page.Executions)
	}
	return n, nil
}
