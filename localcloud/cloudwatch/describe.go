package cloudwatch

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

const (
	alarmsPerPage   = 50
	maxNamesPerCall = 100
)

// alarmPage is where the next page of DescribeAlarms begins: after an alarm.
// Metric alarms come before composite ones, each by name.
type alarmPage struct {
	Composite bool
	Name      string
}

// describeAlarms lists alarms. Without AlarmTypes it lists metric alarms only,
// even when AlarmNames names a composite one; unknown names are left out.
func (s *Service) describeAlarms(ctx context.Context, in *cloudwatchapi.DescribeAlarmsInput) (*cloudwatchapi.DescribeAlarmsOutput, error) {
	related := in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil
	switch {
	case len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil:
		return nil, invalid("AlarmNames and AlarmNamePrefix are mutually exclusive and you have specified both.")
	case in.ChildrenOfAlarmName != nil && in.ParentsOfAlarmName != nil:
		return nil, invalid("ChildrenOfAlarmName and ParentsOfAlarmName are mutually exclusive and you have specified both.")
	case related && (len(in.AlarmNames) > 0 || in.AlarmNamePrefix != nil || in.StateValue != nil || in.ActionPrefix != nil || len(in.AlarmTypes) > 0):
		return nil, invalid("ChildrenOfAlarmName and ParentsOfAlarmName must be the only parameters besides MaxRecords and NextToken.")
	}
	for _, kind := range in.AlarmTypes {
		switch kind {
		case cloudwatchapi.AlarmTypeMetricAlarm, cloudwatchapi.AlarmTypeCompositeAlarm, "LogAlarm":
		default:
			return nil, invalid("The value %s for parameter AlarmTypes is not supported.", kind)
		}
	}
	var after *alarmPage
	if in.NextToken != nil {
		after = &alarmPage{}
		if err := decodeToken(*in.NextToken, after); err != nil {
			return nil, err
		}
	}
	most := alarmsPerPage
	if in.MaxRecords != nil {
		most = int(*in.MaxRecords)
	}
	out := &cloudwatchapi.DescribeAlarmsOutput{MetricAlarms: []cloudwatchapi.MetricAlarm{}, CompositeAlarms: []cloudwatchapi.CompositeAlarm{}}
	err := s.look(ctx, func(r *region, _ time.Time) error {
		n := 0
		var last *entry
		for _, e := range r.candidates(in) {
			if after != nil && comparePages(alarmPage{e.composite(), e.name()}, *after) <= 0 || !wanted(in, e) {
				continue
			}
			if n == most {
				out.NextToken = encodeToken(alarmPage{last.composite(), last.name()})
				return nil
			}
			n, last = n+1, e
			switch {
			case e.composite():
				out.CompositeAlarms = append(out.CompositeAlarms, describeComposite(e, related, in.ParentsOfAlarmName != nil))
			default:
				out.MetricAlarms = append(out.MetricAlarms, describeMetric(e, related))
			}
		}
		return nil
	})
	return out, err
}

// candidates returns the alarms that a request may mean, in the order of pages.
func (r *region) candidates(in *cloudwatchapi.DescribeAlarmsInput) []*entry {
	set := map[*entry]bool{}
	named := func(names []string) {
		for _, name := range names {
			if e := r.alarms[alarmName(name)]; e != nil {
				set[e] = true
			}
		}
	}
	switch {
	case in.ChildrenOfAlarmName != nil:
		if e := r.alarms[*in.ChildrenOfAlarmName]; e != nil {
			named(e.children)
		}
	case in.ParentsOfAlarmName != nil:
		set = r.above[*in.ParentsOfAlarmName]
	case len(in.AlarmNames) > 0:
		named(in.AlarmNames)
	default:
		for _, e := range r.alarms {
			if strings.HasPrefix(e.name(), wire.Value(in.AlarmNamePrefix)) {
				set[e] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(set), func(a, b *entry) int {
		return comparePages(alarmPage{a.composite(), a.name()}, alarmPage{b.composite(), b.name()})
	})
}

func comparePages(a, b alarmPage) int {
	if a.Composite != b.Composite {
		if b.Composite {
			return -1
		}
		return 1
	}
	return strings.Compare(a.Name, b.Name)
}

// wanted says whether an alarm passes the filters of a request.
func wanted(in *cloudwatchapi.DescribeAlarmsInput, e *entry) bool {
	if in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil {
		return true
	}
	if len(in.AlarmTypes) == 0 && e.composite() || len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, e.kind()) {
		return false
	}
	if in.StateValue != nil && *in.StateValue != string(e.State.Value) {
		return false
	}
	if in.ActionPrefix == nil {
		return true
	}
	ok, fires, insufficient := e.allActions()
	return slices.ContainsFunc(slices.Concat(ok, fires, insufficient), func(action string) bool {
		return strings.HasPrefix(action, *in.ActionPrefix)
	})
}

// describeMetric writes a metric alarm for an answer. brief leaves out what an
// answer about children does not tell.
func describeMetric(e *entry, brief bool) cloudwatchapi.MetricAlarm {
	in := e.Metric
	out := cloudwatchapi.MetricAlarm{
		AlarmName:             wire.Optional(e.name()),
		AlarmArn:              wire.Optional(e.arn()),
		StateValue:            wire.Optional(string(e.State.Value)),
		StateReason:           &e.State.Reason,
		StateReasonData:       wire.Optional(e.State.Data),
		StateUpdatedTimestamp: &e.State.Updated,
	}
	if brief {
		return copied(out)
	}
	enabled := !e.Disabled
	out.AlarmDescription = in.AlarmDescription
	out.AlarmConfigurationUpdatedTimestamp = clone(&e.Configured)
	out.ActionsEnabled = &enabled
	out.OKActions, out.AlarmActions, out.InsufficientDataActions = e.allActions()
	out.StateTransitionedTimestamp = &e.State.Changed
	out.MetricName = in.MetricName
	out.Namespace = in.Namespace
	out.Statistic = in.Statistic
	out.ExtendedStatistic = in.ExtendedStatistic
	out.Dimensions = wire.Shown(in.Dimensions)
	out.Period = in.Period
	out.Unit = in.Unit
	out.EvaluationPeriods = in.EvaluationPeriods
	out.DatapointsToAlarm = in.DatapointsToAlarm
	out.Threshold = in.Threshold
	out.ComparisonOperator = in.ComparisonOperator
	out.TreatMissingData = in.TreatMissingData
	out.EvaluateLowSampleCountPercentile = in.EvaluateLowSampleCountPercentile
	out.ThresholdMetricId = in.ThresholdMetricId
	if len(in.Metrics) > 0 {
		out.Metrics = in.Metrics
	}
	return copied(out)
}

// copied detaches an answer from the state, which changes while it is written.
// Configurations are replaced as a whole and need no copy.
func copied(out cloudwatchapi.MetricAlarm) cloudwatchapi.MetricAlarm {
	out.StateReason = clone(out.StateReason)
	out.StateUpdatedTimestamp = clone(out.StateUpdatedTimestamp)
	out.StateTransitionedTimestamp = clone(out.StateTransitionedTimestamp)
	return out
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// describeComposite writes a composite alarm for an answer. brief leaves out
// what an answer about relations does not tell, nameOnly all but its name.
func describeComposite(e *entry, brief, nameOnly bool) cloudwatchapi.CompositeAlarm {
	in := e.Composite
	out := cloudwatchapi.CompositeAlarm{AlarmName: wire.Optional(e.name()), AlarmArn: wire.Optional(e.arn())}
	if nameOnly {
		return out
	}
	out.StateValue = wire.Optional(string(e.State.Value))
	out.StateReason = clone(&e.State.Reason)
	out.StateReasonData = wire.Optional(e.State.Data)
	out.StateUpdatedTimestamp = clone(&e.State.Updated)
	if brief {
		return out
	}
	enabled := !e.Disabled
	out.StateTransitionedTimestamp = clone(&e.State.Changed)
	out.ActionsEnabled = &enabled
	out.OKActions, out.AlarmActions, out.InsufficientDataActions = e.allActions()
	out.AlarmConfigurationUpdatedTimestamp = clone(&e.Configured)
	out.AlarmDescription = in.AlarmDescription
	out.AlarmRule = &in.AlarmRule
	out.ActionsSuppressor = in.ActionsSuppressor
	out.ActionsSuppressorWaitPeriod = in.ActionsSuppressorWaitPeriod
	out.ActionsSuppressorExtensionPeriod = in.ActionsSuppressorExtensionPeriod
	out.ActionsSuppressedBy = wire.Optional(e.Suppressed.By)
	out.ActionsSuppressedReason = wire.Optional(e.Suppressed.Reason)
	return out
}

// describeAlarmsForMetric lists the alarms on exactly one metric.
func (s *Service) describeAlarmsForMetric(ctx context.Context, in *cloudwatchapi.DescribeAlarmsForMetricInput) (*cloudwatchapi.DescribeAlarmsForMetricOutput, error) {
	out := &cloudwatchapi.DescribeAlarmsForMetricOutput{MetricAlarms: []cloudwatchapi.MetricAlarm{}}
	err := s.look(ctx, func(r *region, _ time.Time) error {
		for _, e := range r.candidates(&cloudwatchapi.DescribeAlarmsInput{}) {
			if !e.composite() && watches(e.Metric, in) {
				out.MetricAlarms = append(out.MetricAlarms, describeMetric(e, false))
			}
		}
		return nil
	})
	return out, err
}

func watches(m *cloudwatchapi.PutMetricAlarmInput, in *cloudwatchapi.DescribeAlarmsForMetricInput) bool {
	return wire.Value(m.MetricName) == in.MetricName && wire.Value(m.Namespace) == in.Namespace &&
		sameSet(m.Dimensions, in.Dimensions) &&
		(in.Statistic == nil || wire.Value(m.Statistic) == *in.Statistic) &&
		(in.ExtendedStatistic == nil || wire.Value(m.ExtendedStatistic) == *in.ExtendedStatistic) &&
		(in.Period == nil || wire.Value(m.Period) == *in.Period) &&
		(in.Unit == nil || wire.Value(m.Unit) == *in.Unit)
}

// sameSet says whether two lists of dimensions name the same metric.
func sameSet(a, b []cloudwatchapi.Dimension) bool {
	if len(a) != len(b) {
		return false
	}
	for _, d := range a {
		if !slices.Contains(b, d) {
			return false
		}
	}
	return true
}

func (s *Service) enableAlarmActions(ctx context.Context, in *cloudwatchapi.EnableAlarmActionsInput) (*wire.Nothing, error) {
	return nil, s.switchActions(ctx, in.AlarmNames, true)
}

func (s *Service) disableAlarmActions(ctx context.Context, in *cloudwatchapi.DisableAlarmActionsInput) (*wire.Nothing, error) {
	return nil, s.switchActions(ctx, in.AlarmNames, false)
}

// switchActions turns the actions of alarms on or off. Unknown names are left out.
func (s *Service) switchActions(ctx context.Context, names []string, on bool) error {
	return s.change(ctx, func(r *region, now time.Time) error {
		for _, name := range names {
			if e := r.alarms[name]; e != nil && e.Disabled == on {
				e.Disabled = !on
				e.Configured = now
				s.noteAlarm(e)
				s.recordConfiguration(r, e, "updated", now)
			}
		}
		return nil
	})
}

// deleteAlarms deletes alarms. Names that are unknown are left out. One that a
// composite alarm depends on which stays fails the whole call.
func (s *Service) deleteAlarms(ctx context.Context, in *cloudwatchapi.DeleteAlarmsInput) (*wire.Nothing, error) {
	if len(in.AlarmNames) > maxNamesPerCall {
		return nil, invalid("You must not delete more than %d alarms in one call.", maxNamesPerCall)
	}
	return nil, s.change(ctx, func(r *region, now time.Time) error {
		for _, name := range in.AlarmNames {
			for _, dependent := range slices.Concat(byName(r.above[name]), byName(r.muted[name])) {
				if !slices.Contains(in.AlarmNames, dependent.name()) {
					return invalid("Cannot delete %s as there are composite alarm(s) depending on it.", name)
				}
			}
		}
		for _, name := range in.AlarmNames {
			e := r.alarms[name]
			if e == nil {
				continue
			}
			s.timers.remove(e)
			r.unlink(e)
			s.writes.note(kindAlarm, e.key(), nil)
			s.recordConfiguration(r, e, "deleted", now)
		}
		return nil
	})
}
