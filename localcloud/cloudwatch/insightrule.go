package cloudwatch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// An insightRule is a Contributor Insights rule. It is kept as it was written;
// no logs are read for it, so that its reports are all zero.
type insightRule struct {
	Owner  owner
	Rule   cloudwatchapi.InsightRule
	Labels []string // of the keys by which it counts
	Tags   []cloudwatchapi.Tag
}

// The states of an insight rule.
const (
	ruleEnabled  = "ENABLED"
	ruleDisabled = "DISABLED"
)

func (s *Service) noteInsightRule(rule *insightRule) {
	s.writes.note(kindInsightRule, rule.Owner.key(rule.Rule.Name), rule)
}

func (s *Service) loadInsightRule(_ string, rule *insightRule) error {
	s.region(rule.Owner).rules[rule.Rule.Name] = rule
	return nil
}

func (s *Service) putInsightRule(ctx context.Context, in *cloudwatchapi.PutInsightRuleInput) (*cloudwatchapi.PutInsightRuleOutput, error) {
	var definition struct {
		Schema struct {
			Name    string
			Version json.Number
		}
		Contribution struct{ Keys []string }
	}
	if err := json.Unmarshal([]byte(in.RuleDefinition), &definition); err != nil || definition.Schema.Name == "" {
		return nil, invalidValue("The parameter RuleDefinition must be a JSON object with a Schema.")
	}
	state := ruleEnabled
	if in.RuleState != nil {
		state = *in.RuleState
	}
	if state != ruleEnabled && state != ruleDisabled {
		return nil, invalidValue("The value %s for parameter RuleState is invalid. It must be %s or %s.", state, ruleEnabled, ruleDisabled)
	}
	managed, transformed := false, wire.Value(in.ApplyOnTransformedLogs)
	return nil, s.change(ctx, func(r *region, _ time.Time) error {
		rule := &insightRule{
			Owner: r.owner,
			Rule: cloudwatchapi.InsightRule{
				Name: in.RuleName, State: state, Definition: in.RuleDefinition,
				Schema:      fmt.Sprintf("%s/%s", definition.Schema.Name, definition.Schema.Version),
				ManagedRule: &managed, ApplyOnTransformedLogs: &transformed,
			},
			Labels: wire.Shown(definition.Contribution.Keys),
			Tags:   mergeTags(nil, in.Tags),
		}
		if old := r.rules[in.RuleName]; old != nil {
			rule.Tags = old.Tags
		}
		r.rules[in.RuleName] = rule
		s.noteInsightRule(rule)
		return nil
	})
}

const rulesPerPage = 500

func (s *Service) describeInsightRules(ctx context.Context, in *cloudwatchapi.DescribeInsightRulesInput) (*cloudwatchapi.DescribeInsightRulesOutput, error) {
	var after string
	if in.NextToken != nil {
		if err := decodeToken(*in.NextToken, &after); err != nil {
			return nil, err
		}
	}
	most := rulesPerPage
	if in.MaxResults != nil {
		most = int(*in.MaxResults)
	}
	out := &cloudwatchapi.DescribeInsightRulesOutput{InsightRules: []cloudwatchapi.InsightRule{}}
	err := s.look(ctx, func(r *region, _ time.Time) error {
		for _, name := range slices.Sorted(maps.Keys(r.rules)) {
			if name <= after {
				continue
			}
			if n := len(out.InsightRules); n == most {
				out.NextToken = encodeToken(out.InsightRules[n-1].Name)
				return nil
			}
			out.InsightRules = append(out.InsightRules, r.rules[name].Rule)
		}
		return nil
	})
	return out, err
}

// eachRule calls f for the rules that are named and returns a failure for each
// one that is not there.
func (s *Service) eachRule(ctx context.Context, names []string, f func(r *region, rule *insightRule)) ([]cloudwatchapi.PartialFailure, error) {
	failures := []cloudwatchapi.PartialFailure{}
	err := s.change(ctx, func(r *region, _ time.Time) error {
		for _, name := range names {
			rule := r.rules[name]
			if rule == nil {
				failures = append(failures, cloudwatchapi.PartialFailure{
					FailureResource: &name, ExceptionType: wire.Optional("ResourceNotFoundException"), FailureCode: wire.Optional("404"),
					FailureDescription: wire.Optional("The insight rule does not exist."),
				})
				continue
			}
			f(r, rule)
		}
		return nil
	})
	return failures, err
}

func (s *Service) enableInsightRules(ctx context.Context, in *cloudwatchapi.EnableInsightRulesInput) (*cloudwatchapi.EnableInsightRulesOutput, error) {
	failures, err := s.eachRule(ctx, in.RuleNames, func(_ *region, rule *insightRule) {
		rule.Rule.State = ruleEnabled
		s.noteInsightRule(rule)
	})
	return &cloudwatchapi.EnableInsightRulesOutput{Failures: failures}, err
}

func (s *Service) disableInsightRules(ctx context.Context, in *cloudwatchapi.DisableInsightRulesInput) (*cloudwatchapi.DisableInsightRulesOutput, error) {
	failures, err := s.eachRule(ctx, in.RuleNames, func(_ *region, rule *insightRule) {
		rule.Rule.State = ruleDisabled
		s.noteInsightRule(rule)
	})
	return &cloudwatchapi.DisableInsightRulesOutput{Failures: failures}, err
}

func (s *Service) deleteInsightRules(ctx context.Context, in *cloudwatchapi.DeleteInsightRulesInput) (*cloudwatchapi.DeleteInsightRulesOutput, error) {
	failures, err := s.eachRule(ctx, in.RuleNames, func(r *region, rule *insightRule) {
		delete(r.rules, rule.Rule.Name)
		s.writes.note(kindInsightRule, rule.Owner.key(rule.Rule.Name), nil)
	})
	return &cloudwatchapi.DeleteInsightRulesOutput{Failures: failures}, err
}

// getInsightRuleReport answers the report of a rule that has seen nothing: a
// datapoint of zeros for each period, both ends included.
func (s *Service) getInsightRuleReport(ctx context.Context, in *cloudwatchapi.GetInsightRuleReportInput) (*cloudwatchapi.GetInsightRuleReportOutput, error) {
	if !in.StartTime.Before(in.EndTime) {
		return nil, invalidValue("The parameter StartTime must be less than the parameter EndTime.")
	}
	step := time.Duration(in.Period) * time.Second
	if n := int64(in.EndTime.Sub(in.StartTime) / step); n > maxStatisticsDatapoints {
		return nil, invalidValue("The report would have %d datapoints, which exceeds the limit of %d.", n, maxStatisticsDatapoints)
	}
	zero := 0.0
	out := &cloudwatchapi.GetInsightRuleReportOutput{
		AggregationStatistic: wire.Optional("SampleCount"), AggregateValue: &zero, ApproximateUniqueCount: new(int64),
		Contributors: []cloudwatchapi.InsightRuleContributor{}, MetricDatapoints: []cloudwatchapi.InsightRuleMetricDatapoint{},
	}
	err := s.look(ctx, func(r *region, _ time.Time) error {
		rule := r.rules[in.RuleName]
		if rule == nil {
			return cloudwatchapi.NewResourceNotFoundException("The insight rule " + in.RuleName + " does not exist.")
		}
		out.KeyLabels = rule.Labels
		return nil
	})
	if err != nil || len(in.Metrics) == 0 {
		return out, err
	}
	for at := in.StartTime; !at.After(in.EndTime); at = at.Add(step) {
		point := cloudwatchapi.InsightRuleMetricDatapoint{Timestamp: at}
		for _, metric := range in.Metrics {
			switch metric {
			case "UniqueContributors":
				point.UniqueContributors = &zero
			case "MaxContributorValue":
				point.MaxContributorValue = &zero
			case "SampleCount":
				point.SampleCount = &zero
			case "Sum":
				point.Sum = &zero
			case "Minimum":
				point.Minimum = &zero
			case "Maximum":
				point.Maximum = &zero
			case "Average":
				point.Average = &zero
			}
		}
		out.MetricDatapoints = append(out.MetricDatapoints, point)
	}
	return out, nil
}
