package cloudwatch

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/alarm"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// snsMessage is the body of a message to a topic. Members that only one kind of
// alarm has are left out for the other.
type snsMessage struct {
	AlarmName                          string
	AlarmDescription                   *string
	AWSAccountID                       string `json:"AWSAccountId"`
	AlarmConfigurationUpdatedTimestamp string `json:",omitempty"`
	NewStateValue                      alarm.Value
	NewStateReason                     string
	StateChangeTime                    string
	Region                             string
	AlarmArn                           string
	OldStateValue                      alarm.Value
	OKActions                          []string
	AlarmActions                       []string
	InsufficientDataActions            []string
	Trigger                            *snsTrigger `json:",omitempty"`
	AlarmRule                          string      `json:",omitempty"`
	TriggeringChildren                 []snsChild  `json:",omitempty"`
}

type snsTrigger struct {
	MetricName        string         `json:",omitempty"`
	Namespace         string         `json:",omitempty"`
	StatisticType     string         `json:",omitempty"`
	Statistic         string         `json:",omitempty"`
	ExtendedStatistic string         `json:",omitempty"`
	Unit              *string        `json:"Unit"`
	Dimensions        []snsDimension `json:",omitzero"`
	Metrics           []snsMetric    `json:",omitempty"`

	Period                           int64
	EvaluationPeriods                int32
	DatapointsToAlarm                *int32 `json:",omitempty"`
	ComparisonOperator               string
	Threshold                        *float64
	TreatMissingData                 string
	EvaluateLowSampleCountPercentile string
}

type snsDimension struct {
	Value string `json:"value"`
	Name  string `json:"name"`
}

type snsMetric struct {
	ID         string         `json:"Id"`
	Expression *string        `json:",omitempty"`
	MetricStat *snsMetricStat `json:",omitempty"`
	Label      *string        `json:",omitempty"`
	ReturnData bool
}

type snsMetricStat struct {
	Metric struct {
		Dimensions []snsDimension
		MetricName string
		Namespace  string
	}
	Period int32
	Stat   string
	Unit   *string `json:",omitempty"`
}

type snsChild struct {
	Arn   string
	State snsChildState
}

type snsChildState struct {
	Value     alarm.Value
	Timestamp string
}

// snsStatistics is how messages to topics spell the statistics.
var snsStatistics = map[string]string{
	cloudwatchapi.StatisticSampleCount: "SAMPLE_COUNT",
	cloudwatchapi.StatisticAverage:     "AVERAGE",
	cloudwatchapi.StatisticSum:         "SUM",
	cloudwatchapi.StatisticMinimum:     "MINIMUM",
	cloudwatchapi.StatisticMaximum:     "MAXIMUM",
}

// message writes what a topic is told.
func message(e *entry, before alarm.State) string {
	m := snsMessage{
		AlarmName:        e.name(),
		AlarmDescription: e.description(),
		AWSAccountID:     e.Owner.Account,
		NewStateValue:    e.State.Value,
		NewStateReason:   e.State.Reason,
		StateChangeTime:  stamp(e.State.Changed),
		Region:           regionName(e.Owner.Region),
		AlarmArn:         e.arn(),
		OldStateValue:    before.Value,
	}
	m.OKActions, m.AlarmActions, m.InsufficientDataActions = e.allActions()
	if e.composite() {
		m.AlarmRule = e.Composite.AlarmRule
		var data struct{ TriggeringAlarms []triggeringAlarm }
		if json.Unmarshal([]byte(e.State.Data), &data) == nil {
			for _, child := range data.TriggeringAlarms {
				m.TriggeringChildren = append(m.TriggeringChildren, snsChild{child.ARN, snsChildState(child.State)})
			}
		}
	} else {
		m.AlarmConfigurationUpdatedTimestamp = stamp(e.Configured)
		m.Trigger = trigger(e)
	}
	return mustJSON(m)
}

// trigger tells a topic what a metric alarm watches.
func trigger(e *entry) *snsTrigger {
	in := e.Metric
	t := &snsTrigger{
		Unit:                             in.Unit,
		Period:                           int64(wire.Value(in.Period)),
		EvaluationPeriods:                *in.EvaluationPeriods,
		DatapointsToAlarm:                in.DatapointsToAlarm,
		ComparisonOperator:               *in.ComparisonOperator,
		Threshold:                        in.Threshold,
		TreatMissingData:                 wire.Value(in.TreatMissingData),
		EvaluateLowSampleCountPercentile: wire.Value(in.EvaluateLowSampleCountPercentile),
	}
	if len(in.Metrics) == 0 {
		t.MetricName, t.Namespace = wire.Value(in.MetricName), wire.Value(in.Namespace)
		t.StatisticType, t.Statistic = "Statistic", snsStatistics[wire.Value(in.Statistic)]
		if in.ExtendedStatistic != nil {
			t.StatisticType, t.ExtendedStatistic = "ExtendedStatistic", *in.ExtendedStatistic
		}
		t.Dimensions = snsDimensions(in.Dimensions)
		return t
	}
	t.Period = int64(e.config.Period.Seconds())
	for _, q := range in.Metrics {
		m := snsMetric{ID: q.Id, Expression: q.Expression, Label: q.Label, ReturnData: q.ReturnData == nil || *q.ReturnData}
		if stat := q.MetricStat; stat != nil {
			m.MetricStat = &snsMetricStat{Period: stat.Period, Stat: stat.Stat, Unit: stat.Unit}
			m.MetricStat.Metric.Dimensions = snsDimensions(stat.Metric.Dimensions)
			m.MetricStat.Metric.MetricName = wire.Value(stat.Metric.MetricName)
			m.MetricStat.Metric.Namespace = wire.Value(stat.Metric.Namespace)
		}
		t.Metrics = append(t.Metrics, m)
	}
	return t
}

func snsDimensions(in []cloudwatchapi.Dimension) []snsDimension {
	out := []snsDimension{}
	for _, d := range in {
		out = append(out, snsDimension{Value: d.Value, Name: d.Name})
	}
	return out
}

// alarmData is what a function and the event bus are told of a change.
type alarmData struct {
	AlarmName     string        `json:"alarmName"`
	State         stateData     `json:"state"`
	PreviousState stateData     `json:"previousState"`
	Configuration configuration `json:"configuration"`
}

type stateData struct {
	Value      alarm.Value `json:"value"`
	Reason     string      `json:"reason"`
	ReasonData string      `json:"reasonData,omitempty"`
	Timestamp  string      `json:"timestamp"`
}

type configuration struct {
	Description *string       `json:"description,omitempty"`
	Metrics     []eventMetric `json:"metrics,omitempty"`

	AlarmRule                        string `json:"alarmRule,omitempty"`
	ActionsSuppressor                string `json:"actionsSuppressor,omitempty"`
	ActionsSuppressorWaitPeriod      *int32 `json:"actionsSuppressorWaitPeriod,omitempty"`
	ActionsSuppressorExtensionPeriod *int32 `json:"actionsSuppressorExtensionPeriod,omitempty"`
}

type eventMetric struct {
	ID         string           `json:"id"`
	Expression *string          `json:"expression,omitempty"`
	Label      *string          `json:"label,omitempty"`
	MetricStat *eventMetricStat `json:"metricStat,omitempty"`
	ReturnData bool             `json:"returnData"`
}

type eventMetricStat struct {
	Metric struct {
		Namespace  string            `json:"namespace"`
		Name       string            `json:"name"`
		Dimensions map[string]string `json:"dimensions"`
	} `json:"metric"`
	Period int32   `json:"period"`
	Stat   string  `json:"stat"`
	Unit   *string `json:"unit,omitempty"`
}

func dataOf(e *entry, before alarm.State) alarmData {
	of := func(s alarm.State) stateData { return stateData{s.Value, s.Reason, s.Data, stamp(s.Changed)} }
	d := alarmData{AlarmName: e.name(), State: of(e.State), PreviousState: of(before)}
	d.Configuration.Description = e.description()
	if c := e.Composite; c != nil {
		d.Configuration.AlarmRule = c.AlarmRule
		d.Configuration.ActionsSuppressor = wire.Value(c.ActionsSuppressor)
		d.Configuration.ActionsSuppressorWaitPeriod = c.ActionsSuppressorWaitPeriod
		d.Configuration.ActionsSuppressorExtensionPeriod = c.ActionsSuppressorExtensionPeriod
		return d
	}
	in := e.Metric
	if len(in.Metrics) == 0 {
		stat := &cloudwatchapi.MetricStat{
			Metric: &cloudwatchapi.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions},
			Period: *in.Period, Stat: wire.Value(in.Statistic) + wire.Value(in.ExtendedStatistic), Unit: in.Unit,
		}
		d.Configuration.Metrics = []eventMetric{{ID: metricID(e), MetricStat: eventStat(stat), ReturnData: true}}
		return d
	}
	for _, q := range in.Metrics {
		m := eventMetric{ID: q.Id, Expression: q.Expression, Label: q.Label, ReturnData: q.ReturnData == nil || *q.ReturnData}
		if q.MetricStat != nil {
			m.MetricStat = eventStat(q.MetricStat)
		}
		d.Configuration.Metrics = append(d.Configuration.Metrics, m)
	}
	return d
}

func eventStat(stat *cloudwatchapi.MetricStat) *eventMetricStat {
	out := &eventMetricStat{Period: stat.Period, Stat: stat.Stat, Unit: stat.Unit}
	out.Metric.Namespace = wire.Value(stat.Metric.Namespace)
	out.Metric.Name = wire.Value(stat.Metric.MetricName)
	out.Metric.Dimensions = map[string]string{}
	for _, d := range stat.Metric.Dimensions {
		out.Metric.Dimensions[d.Name] = d.Value
	}
	return out
}

// metricID is the id that events give to the only metric of an alarm: a UUID
// that is always the same for an alarm.
func metricID(e *entry) string {
	h := sha256.Sum256([]byte(e.arn()))
	h[6], h[8] = h[6]&0x0f|0x40, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// payload writes the event that a function is called with.
func payload(e *entry, before alarm.State) string {
	return mustJSON(struct {
		Source    string    `json:"source"`
		AlarmArn  string    `json:"alarmArn"`
		AccountID string    `json:"accountId"`
		Time      string    `json:"time"`
		Region    string    `json:"region"`
		AlarmData alarmData `json:"alarmData"`
	}{"aws.cloudwatch", e.arn(), e.Owner.Account, stamp(e.State.Changed), e.Owner.Region, dataOf(e, before)})
}

// detail writes the detail of the event for the event bus.
func detail(e *entry, before alarm.State) string { return mustJSON(dataOf(e, before)) }

// regionNames are the long names that messages use.
var regionNames = map[string]string{
	"us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)",
	"us-west-1": "US West (N. California)", "us-west-2": "US West (Oregon)",
	"ca-central-1": "Canada (Central)", "sa-east-1": "South America (Sao Paulo)",
	"eu-west-1": "EU (Ireland)", "eu-west-2": "EU (London)", "eu-west-3": "EU (Paris)",
	"eu-central-1": "EU (Frankfurt)", "eu-north-1": "EU (Stockholm)", "eu-south-1": "EU (Milan)",
	"ap-south-1": "Asia Pacific (Mumbai)", "ap-northeast-1": "Asia Pacific (Tokyo)",
	"ap-northeast-2": "Asia Pacific (Seoul)", "ap-northeast-3": "Asia Pacific (Osaka)",
	"ap-southeast-1": "Asia Pacific (Singapore)", "ap-southeast-2": "Asia Pacific (Sydney)",
	"ap-east-1": "Asia Pacific (Hong Kong)", "me-south-1": "Middle East (Bahrain)", "af-south-1": "Africa (Cape Town)",
}

// regionName returns a region's long name, or its code when it has none here.
func regionName(code string) string {
	if name, ok := regionNames[code]; ok {
		return name
	}
	if strings.TrimSpace(code) == "" {
		return "an unnamed region"
	}
	return code
}
