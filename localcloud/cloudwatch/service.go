// Package cloudwatch is the local CloudWatch: metrics, metric math, metric and
// composite alarms with their actions, and dashboards, by account and region.
//
// It is the shell of package alarm. Alarms are evaluated by themselves at the
// times at which AWS evaluates them: every full minute, or every ten seconds
// when the period is shorter than a minute. A change of state reaches the
// composite alarms above at once. What an alarm wants done goes through the port
// [Actions], after the change was saved, and is noted in the alarm's history.
//
// Alarms with their states, tags, history and dashboards survive a restart when
// there is a [Journal]. Metrics do not, and neither do actions that were not
// carried out yet: after a restart alarms see missing data until new data comes.
package cloudwatch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metrics"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// A Datum is one measurement that [Service.Put] takes.
type Datum = metrics.Datum

// A Dimension is part of a metric's identity.
type Dimension = metrics.Dimension

// Config is what a Service is made of.
type Config struct {
	// Clock tells the time; nil means the machine's.
	Clock clock.Clock
	// Meant returns what time a caller means who puts data of a time; nil means
	// that time.
	Meant func(time.Time) time.Time
	// Actions carries out what alarms want done. With nil, actions fail, which
	// the history of the alarms shows.
	Actions Actions
	// Events hears of every change of state; nil means nobody does.
	Events Events
	// Journal remembers alarms, tags, history and dashboards; nil means that
	// they end with the process.
	Journal Journal
	// Metrics bounds the memory of time series.
	Metrics metrics.Options
}

// Service is the local CloudWatch. It is a clock.Process: whoever runs it gives
// clock.Run its Wake channel.
type Service struct {
	meant   func(time.Time) time.Time
	clock   clock.Clock
	actions Actions
	events  Events
	store   *metrics.Store
	wake    chan struct{}
	writes  writer

	mu      sync.Mutex
	regions map[metrics.Scope]*region
	timers  timers
	outbox  []outgoing
	saveAt  time.Time // when a failed save is tried again; zero when none failed
}

// A region is what one account has in one region.
type region struct {
	owner      owner
	alarms     map[string]*entry          // by name
	above      map[string]map[*entry]bool // composite alarms by the names of their children
	muted      map[string]map[*entry]bool // composite alarms by the name of their suppressor
	history    history
	dashboards map[string]*dashboard
	detectors  []*cloudwatchapi.AnomalyDetector
	rules      map[string]*insightRule
}

// An owner is whose alarms these are.
type owner struct{ wire.Place }

func (o owner) scope() metrics.Scope { return metrics.Scope{Account: o.Account, Region: o.Region} }

// arn returns the ARN of a resource of CloudWatch.
func (o owner) arn(resource string) string { return o.ARN("cloudwatch", resource) }

// New returns a service with what the journal remembers. The error is the
// journal's, or says which of its records cannot be read.
func New(c Config) (*Service, error) {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Meant == nil {
		c.Meant = func(t time.Time) time.Time { return t }
	}
	s := &Service{
		clock:   c.Clock,
		meant:   c.Meant,
		actions: c.Actions,
		events:  c.Events,
		store:   metrics.New(c.Metrics),
		wake:    make(chan struct{}, 1),
		writes:  writer{journal: c.Journal},
		regions: map[metrics.Scope]*region{},
	}
	if c.Journal != nil {
		if err := s.load(c.Journal); err != nil {
			return nil, fmt.Errorf("cloudwatch: load: %w", err)
		}
	}
	return s, nil
}

// Put adds measurements in the name of an account. It is the way in for the
// services of the local cloud: safe from any goroutine, without a copy of data,
// and cheap enough to be called for every request.
func (s *Service) Put(account, region, namespace string, data []Datum) {
	s.store.Put(metrics.Scope{Account: account, Region: region}, namespace, data, s.clock.Now())
}

// Wake receives whenever Next may have become earlier.
func (s *Service) Wake() <-chan struct{} { return s.wake }

// nudge makes whoever waits ask Next again.
func (s *Service) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// region returns what the caller's account has in the caller's region. The
// caller holds s.mu.
func (s *Service) region(o owner) *region {
	r := s.regions[o.scope()]
	if r == nil {
		r = &region{
			owner:      o,
			alarms:     map[string]*entry{},
			above:      map[string]map[*entry]bool{},
			muted:      map[string]map[*entry]bool{},
			dashboards: map[string]*dashboard{},
			rules:      map[string]*insightRule{},
		}
		s.regions[o.scope()] = r
	}
	return r
}

// caller returns in whose name a request came.
func caller(ctx context.Context) owner {
	return owner{wire.CallerFrom(ctx).Place()}
}

// change calls f with the caller's region under the lock, then saves what f
// changed, so that the answer is only given for what will not be forgotten.
func (s *Service) change(ctx context.Context, f func(r *region, now time.Time) error) error {
	s.mu.Lock()
	err := f(s.region(caller(ctx)), s.clock.Now())
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.nudge()
	return s.save()
}

// look calls f with the caller's region under the lock.
func (s *Service) look(ctx context.Context, f func(r *region, now time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f(s.region(caller(ctx)), s.clock.Now())
}

// API returns the operations.
func (s *Service) API() wire.API {
	return wire.API{Service: &cloudwatchapi.Service, Rows: []wire.Row{
		wire.Op(cloudwatchapi.PutMetricData, s.putMetricData),
		wire.Op(cloudwatchapi.GetMetricData, s.getMetricData),
		wire.Op(cloudwatchapi.GetMetricStatistics, s.getMetricStatistics),
		wire.Op(cloudwatchapi.ListMetrics, s.listMetrics),

		wire.Op(cloudwatchapi.PutMetricAlarm, s.putMetricAlarm),
		wire.Op(cloudwatchapi.PutCompositeAlarm, s.putCompositeAlarm),
		wire.Op(cloudwatchapi.DescribeAlarms, s.describeAlarms),
		wire.Op(cloudwatchapi.DescribeAlarmsForMetric, s.describeAlarmsForMetric),
		wire.Op(cloudwatchapi.DescribeAlarmHistory, s.describeAlarmHistory),
		wire.Op(cloudwatchapi.SetAlarmState, s.setAlarmState),
		wire.Op(cloudwatchapi.EnableAlarmActions, s.enableAlarmActions),
		wire.Op(cloudwatchapi.DisableAlarmActions, s.disableAlarmActions),
		wire.Op(cloudwatchapi.DeleteAlarms, s.deleteAlarms),

		wire.Op(cloudwatchapi.TagResource, s.tagResource),
		wire.Op(cloudwatchapi.UntagResource, s.untagResource),
		wire.Op(cloudwatchapi.ListTagsForResource, s.listTagsForResource),

		wire.Op(cloudwatchapi.PutDashboard, s.putDashboard),
		wire.Op(cloudwatchapi.GetDashboard, s.getDashboard),
		wire.Op(cloudwatchapi.ListDashboards, s.listDashboards),
		wire.Op(cloudwatchapi.DeleteDashboards, s.deleteDashboards),

		wire.Op(cloudwatchapi.PutAnomalyDetector, s.putAnomalyDetector),
		wire.Op(cloudwatchapi.DescribeAnomalyDetectors, s.describeAnomalyDetectors),
		wire.Op(cloudwatchapi.DeleteAnomalyDetector, s.deleteAnomalyDetector),

		wire.Op(cloudwatchapi.PutInsightRule, s.putInsightRule),
		wire.Op(cloudwatchapi.DescribeInsightRules, s.describeInsightRules),
		wire.Op(cloudwatchapi.EnableInsightRules, s.enableInsightRules),
		wire.Op(cloudwatchapi.DisableInsightRules, s.disableInsightRules),
		wire.Op(cloudwatchapi.DeleteInsightRules, s.deleteInsightRules),
		wire.Op(cloudwatchapi.GetInsightRuleReport, s.getInsightRuleReport),
	}}
}
