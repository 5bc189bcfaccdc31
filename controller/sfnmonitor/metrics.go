package sfnmonitor

import (
	"context"
	"errors"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
)

// Delay is how long after an execution ended its metrics may take to appear:
// they are delivered once a minute, as soon as the service can.
const Delay = 2 * time.Minute

// fromMetrics counts the executions of an EXPRESS version from CloudWatch. They
// are those of the version through any alias: there is no metric by both. Those
// of the first minute, in which others may have run, are left out.
//
// Source: Step Functions Developer Guide, "Monitoring Step Functions metrics
// using CloudWatch", execution metrics by version.
func (m *Monitor) fromMetrics(ctx context.Context, t *tally, version string, now time.Time) (analysis.Counts, error) {
	if m.metrics == nil {
		return analysis.Counts{}, errors.New("executions of an EXPRESS state machine cannot be listed, and nothing here reads metrics")
	}
	target, err := arn.Parse(t.target)
	if err != nil {
		return analysis.Counts{}, err
	}
	machine, _ := target.Qualified()
	c := analysis.Counts{Version: version, From: t.from, AsOf: now.Add(-Delay)}
	fields := []struct {
		metric string
		count  *int
	}{
		{"ExecutionsStarted", &c.Started},
		{"ExecutionsSucceeded", &c.Succeeded},
		{"ExecutionsFailed", &c.Failed},
		{"ExecutionsTimedOut", &c.TimedOut},
		{"ExecutionsAborted", &c.Aborted},
		{"ExecutionThrottled", &c.Throttled},
	}
	queries := make([]controller.MetricQuery, len(fields))
	for i, f := range fields {
		queries[i] = controller.MetricQuery{Since: t.from, Limit: plan.MetricLimit{
			Namespace: "AWS/States", Metric: f.metric, Stat: "Sum", Period: time.Minute,
			Dimensions: map[string]string{"StateMachineArn": machine.String(), "Version": version},
		}}
	}
	series, err := m.metrics.Series(ctx, queries, now)
	if err != nil {
		return analysis.Counts{}, err
	}
	for i, f := range fields {
		if p := series[i].Problem; p != "" {
			return analysis.Counts{}, errors.New(f.metric + ": " + p)
		}
		for _, point := range series[i].Points {
			*f.count += int(point.Value)
		}
	}
	c.Running = max(0, c.Started-c.Succeeded-c.Failed-c.TimedOut-c.Aborted)
	return c, nil
}
