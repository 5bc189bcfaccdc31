// Package cwmonitor reads alarms and metrics from CloudWatch.
package cwmonitor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
)

// An API is what a monitor needs of CloudWatch; [*cloudwatch.Client] is one.
type API interface {
	DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
	DescribeAlarmHistory(context.Context, *cloudwatch.DescribeAlarmHistoryInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmHistoryOutput, error)
	GetMetricData(context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error)
}

// A Monitor is a [controller.Monitor] and a [controller.Metrics]. It is safe for
// concurrent use.
type Monitor struct {
	api API

	mu    sync.Mutex
	known map[string]reading // by query
}

var (
	_ controller.Monitor      = (*Monitor)(nil)
	_ controller.AlarmHistory = (*Monitor)(nil)
	_ controller.Metrics      = (*Monitor)(nil)
)

// New returns a monitor of the client's account and region.
func New(api API) *Monitor {
	return &Monitor{api: api, known: make(map[string]reading)}
}

// perCall is how many alarms one call may name.
//
// Source: CloudWatch API, DescribeAlarms, AlarmNames.
const perCall = 100

// Alarms returns the state of each named alarm. That an alarm exists is proven
// anew each time: one that was deleted since is Missing, not fine. When some
// calls fail and others do not, the alarms of the failed ones have a Problem.
func (m *Monitor) Alarms(ctx context.Context, names []string) (map[string]analysis.AlarmState, error) {
	states := make(map[string]analysis.AlarmState, len(names))
	var errs []error
	for chunk := range slices.Chunk(names, perCall) {
		err := m.describe(ctx, chunk, states)
		if err == nil {
			continue
		}
		errs = append(errs, err)
		for _, name := range chunk {
			states[name] = analysis.AlarmState{Problem: err.Error()}
		}
	}
	if len(errs) > 0 && len(errs) == (len(names)+perCall-1)/perCall {
		return nil, errors.Join(errs...)
	}
	return states, nil
}

// describe reads up to perCall alarms into states.
func (m *Monitor) describe(ctx context.Context, names []string, states map[string]analysis.AlarmState) error {
	for _, name := range names {
		states[name] = analysis.AlarmState{Missing: true} // the service leaves out what it does not know
	}
	in := &cloudwatch.DescribeAlarmsInput{
		AlarmNames: names,
		// Without types the service leaves composite alarms out, also when they
		// are asked for by name.
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
		MaxRecords: aws.Int32(perCall),
	}
	for {
		out, err := m.api.DescribeAlarms(ctx, in)
		if err != nil {
			return awserr.Wrap("DescribeAlarms", err)
		}
		for _, a := range out.MetricAlarms {
			states[aws.ToString(a.AlarmName)] = state(a.StateValue, a.StateTransitionedTimestamp, a.StateUpdatedTimestamp)
		}
		for _, a := range out.CompositeAlarms {
			states[aws.ToString(a.AlarmName)] = state(a.StateValue, a.StateTransitionedTimestamp, a.StateUpdatedTimestamp)
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return nil
		}
	}
}

// state is what is known of an alarm. When its value last changed is a newer
// field than when its state was last updated.
func state(value types.StateValue, changed, updated *time.Time) analysis.AlarmState {
	s := analysis.AlarmState{State: string(value), Since: aws.ToTime(changed)}
	if s.Since.IsZero() {
		s.Since = aws.ToTime(updated)
	}
	if s.State == "" {
		s.Problem = "the service did not say its state"
	}
	return s
}
