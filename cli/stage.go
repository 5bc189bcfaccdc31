package cli

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/internal/clock"
)

// What the demo plays with.
const (
	demoMachine   = "orders"
	demoAliasName = "prod"
	demoAlias     = demoMachine + ":" + demoAliasName
	demoAlarm     = "orders-failed"
)

// orders is the demo's state machine. Version 2 adds a step; version 3 has a
// mistake in its first one.
const orders = `{
  "Comment": "version %s",
  "StartAt": "Check",
  "States": {
    "Check": {
      "Type": "Choice",
      "Choices": [{"Variable": "$.amount", "NumericGreaterThan": %s, "Next": "Refuse"}],
      "Default": "Charge"
    },
    "Refuse": {"Type": "Fail", "Error": "OrderRefused", "Cause": "the amount is above the limit"},
    "Charge": {"Type": "Pass", "Result": "charged", "ResultPath": "$.payment", "Next": "%s"},
    "Notify": {"Type": "Pass", "Result": "sent", "ResultPath": "$.mail", "Next": "Ship"},
    "Ship": {"Type": "Pass", "End": true}
  }
}`

// definition returns a version of the machine. In version 1 nothing leads to
// Notify, so it has none.
func definition(version string) string {
	switch version {
	case "1":
		return strings.Replace(fmt.Sprintf(orders, version, "1000", "Ship"),
			`    "Notify": {"Type": "Pass", "Result": "sent", "ResultPath": "$.mail", "Next": "Ship"},`+"\n", "", 1)
	case "2":
		return fmt.Sprintf(orders, version, "1000", "Notify")
	default:
		return fmt.Sprintf(orders, version, "700", "Notify")
	}
}

func definitionFile(version string) string { return "orders-v" + version + ".asl.json" }

// definitions are the files that the demo's plans name: definitions of the machine
// and code of the function.
type definitions struct{}

// ReadFile returns a definition by the name of its file.
func (definitions) ReadFile(name string) ([]byte, error) {
	for _, v := range []string{"1", "2", "3"} {
		switch name {
		case definitionFile(v):
			return []byte(definition(v)), nil
		case codeFile(v):
			return functionCode(v)
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// stage is what the demo needs of a cloud: a machine, an alias, an alarm, and where
// functions can run, one of those with its alias.
type stage struct {
	states    *sfn.Client
	functions *lambda.Client
	metrics   *cloudwatch.Client
	machine   string // ARN
	alias     string // ARN
	function  bool   // there is one
}

func newStage(cfg aws.Config) *stage {
	return &stage{states: sfn.NewFromConfig(cfg), functions: lambda.NewFromConfig(cfg), metrics: cloudwatch.NewFromConfig(cfg)}
}

// build creates version 1 of the machine with an alias that serves it, and an
// alarm on its failures.
func (s *stage) build(ctx context.Context) error {
	machine, err := s.states.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: aws.String(demoMachine), Definition: aws.String(definition("1")), Publish: true,
		RoleArn: aws.String("arn:aws:iam::123456789012:role/orders"),
	})
	if err != nil {
		return err
	}
	s.machine = aws.ToString(machine.StateMachineArn)
	alias, err := s.states.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{
		Name: aws.String(demoAliasName),
		RoutingConfiguration: []sfntypes.RoutingConfigurationListItem{
			{StateMachineVersionArn: machine.StateMachineVersionArn, Weight: 100},
		},
	})
	if err != nil {
		return err
	}
	s.alias = aws.ToString(alias.StateMachineAliasArn)
	_, err = s.metrics.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String(demoAlarm), Namespace: aws.String("AWS/States"), MetricName: aws.String("ExecutionsFailed"),
		Dimensions: []cwtypes.Dimension{{Name: aws.String("StateMachineArn"), Value: aws.String(s.machine)}},
		Statistic:  cwtypes.StatisticSum, Period: aws.Int32(10), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(20),
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("notBreaching"),
	})
	return err
}

// outcome counts what a version did: how many executions it got, how many of
// them failed, and when the first one did.
func (s *stage) outcome(ctx context.Context, version string) (served, bad int, firstAt time.Time, err error) {
	pages := sfn.NewListExecutionsPaginator(s.states, &sfn.ListExecutionsInput{
		StateMachineArn: aws.String(s.machine + ":" + version), MaxResults: 1000,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, 0, time.Time{}, err
		}
		for _, e := range page.Executions {
			served++
			if e.Status != sfntypes.ExecutionStatusFailed {
				continue
			}
			bad++
			if at := aws.ToTime(e.StopDate); firstAt.IsZero() || at.Before(firstAt) {
				firstAt = at
			}
		}
	}
	return served, bad, firstAt, nil
}

// traffic starts executions through the alias, and invokes the function through
// its own, evenly.
type traffic struct {
	stage     *stage
	clock     clock.Clock
	perSecond int
	draw      *rand.Rand
	count     atomic.Int64 // executions
	invoked   atomic.Int64
}

func newTraffic(s *stage, c clock.Clock, perSecond int, seed uint64) *traffic {
	return &traffic{stage: s, clock: c, perSecond: perSecond, draw: rand.New(rand.NewPCG(seed, 1))}
}

func (t *traffic) started() int { return int(t.count.Load()) }

// run starts executions until ctx ends. One that is refused is left away: its
// rate is what matters, and the demo's outcome tells.
func (t *traffic) run(ctx context.Context) {
	t.evenly(ctx, func() {
		_, err := t.stage.states.StartExecution(ctx, &sfn.StartExecutionInput{
			StateMachineArn: aws.String(t.stage.alias),
			Input:           aws.String(fmt.Sprintf(`{"order": %d, "amount": %d}`, t.count.Load()+1, 1+t.draw.IntN(1000))),
		})
		if err == nil {
			t.count.Add(1)
		}
	})
}

// invoke invokes the function until ctx ends.
func (t *traffic) invoke(ctx context.Context) {
	t.evenly(ctx, func() {
		_, err := t.stage.functions.Invoke(ctx, &lambda.InvokeInput{
			FunctionName: aws.String(demoFunction + ":" + demoFunctionAlias),
			Payload:      fmt.Appendf(nil, `{"amount": %d}`, 1+t.invoked.Load()%1000),
		})
		if err == nil {
			t.invoked.Add(1)
		}
	})
}

// evenly does something as often as the traffic says.
func (t *traffic) evenly(ctx context.Context, do func()) {
	interval := time.Second / time.Duration(t.perSecond)
	next := t.clock.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.clock.After(next.Sub(t.clock.Now())):
		}
		next = next.Add(interval)
		do()
	}
}
