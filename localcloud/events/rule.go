package events

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/events/pattern"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/eventsapi"
)

func (s *Service) putRule(ctx context.Context, in *eventsapi.PutRuleRequest) (*eventsapi.PutRuleResponse, error) {
	if err := checkBus(ctx, in.EventBusName); err != nil {
		return nil, err
	}
	c := wire.CallerFrom(ctx)
	now := s.clock.Now().UTC()
	next := &rule{
		ARN: c.ARN("events", "rule/"+in.Name), Name: in.Name, Account: c.Account, Region: c.Region, Partition: c.Partition,
		Pattern: wire.Value(in.EventPattern), Schedule: wire.Value(in.ScheduleExpression), State: eventsapi.RuleStateEnabled,
		Description: in.Description, Role: in.RoleArn, Since: now,
	}
	if in.State != nil {
		next.State = *in.State
	}
	if next.Pattern == "" && next.Schedule == "" {
		return nil, invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.rules[next.ARN]; old != nil {
		// Tags of a rule that is there change only by TagResource.
		next.Tags, next.Targets = old.Tags, old.Targets
		if old.Schedule == next.Schedule && old.State == next.State {
			next.Since = old.Since
		}
	} else {
		var err error
		if next.Tags, err = withTags(ctx, nil, in.Tags); err != nil {
			return nil, err
		}
	}
	if err := next.compile(now); err != nil {
		return nil, err
	}
	return &eventsapi.PutRuleResponse{RuleArn: &next.ARN}, s.keep(next)
}

// ruleAt finds a rule by its name. s.mu is held.
func (s *Service) ruleAt(ctx context.Context, bus *string, name string) (*rule, error) {
	if err := checkBus(ctx, bus); err != nil {
		return nil, err
	}
	if r := s.rules[wire.CallerFrom(ctx).ARN("events", "rule/"+name)]; r != nil {
		return r, nil
	}
	return nil, eventsapi.NewResourceNotFoundException("Rule " + name + " does not exist on EventBus default.")
}

// changeRule calls f with a copy of a rule and puts that in force.
func (s *Service) changeRule(ctx context.Context, bus *string, name string, f func(r *rule) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.ruleAt(ctx, bus, name)
	if err != nil {
		return err
	}
	return s.replace(old, f)
}

// replace puts a changed copy of a rule in force. s.mu is held.
func (s *Service) replace(old *rule, f func(r *rule) error) error {
	next := *old
	next.Targets, next.Tags = slices.Clone(old.Targets), maps.Clone(old.Tags)
	if err := f(&next); err != nil {
		return err
	}
	return s.keep(&next)
}

func (s *Service) setState(ctx context.Context, bus *string, name, state string) error {
	return s.changeRule(ctx, bus, name, func(r *rule) error {
		if r.State != state {
			r.State, r.Since = state, s.clock.Now().UTC()
		}
		return r.compile(s.clock.Now())
	})
}

func (s *Service) enableRule(ctx context.Context, in *eventsapi.EnableRuleRequest) (*wire.Nothing, error) {
	return nil, s.setState(ctx, in.EventBusName, in.Name, eventsapi.RuleStateEnabled)
}

func (s *Service) disableRule(ctx context.Context, in *eventsapi.DisableRuleRequest) (*wire.Nothing, error) {
	return nil, s.setState(ctx, in.EventBusName, in.Name, eventsapi.RuleStateDisabled)
}

func (s *Service) deleteRule(ctx context.Context, in *eventsapi.DeleteRuleRequest) (*wire.Nothing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.ruleAt(ctx, in.EventBusName, in.Name)
	switch {
	case err != nil && checkBus(ctx, in.EventBusName) == nil:
		return nil, nil // to delete what is not there is no error
	case err != nil:
		return nil, err
	case len(r.Targets) > 0:
		return nil, invalid("Rule can't be deleted since it has targets.")
	}
	if s.journal != nil {
		if err := s.journal.Commit(journal.Deletion(recordRule, r.ARN)); err != nil {
			return nil, err
		}
	}
	delete(s.rules, r.ARN)
	return nil, nil
}

func (s *Service) describeRule(ctx context.Context, in *eventsapi.DescribeRuleRequest) (*eventsapi.DescribeRuleResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.ruleAt(ctx, in.EventBusName, in.Name)
	if err != nil {
		return nil, err
	}
	return &eventsapi.DescribeRuleResponse{
		Name: &r.Name, Arn: &r.ARN, EventPattern: wire.Optional(r.Pattern), ScheduleExpression: wire.Optional(r.Schedule), State: &r.State,
		Description: r.Description, RoleArn: r.Role, EventBusName: new(busName), CreatedBy: &r.Account,
	}, nil
}

// rulesOf returns the rules of the caller by name. s.mu is held.
func (s *Service) rulesOf(ctx context.Context, wanted func(r *rule) bool) map[string]*rule {
	c := wire.CallerFrom(ctx)
	rules := map[string]*rule{}
	for _, r := range s.rules {
		if r.Account == c.Account && r.Region == c.Region && wanted(r) {
			rules[r.Name] = r
		}
	}
	return rules
}

func (s *Service) listRules(ctx context.Context, in *eventsapi.ListRulesRequest) (*eventsapi.ListRulesResponse, error) {
	if err := checkBus(ctx, in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rules := s.rulesOf(ctx, func(r *rule) bool { return strings.HasPrefix(r.Name, wire.Value(in.NamePrefix)) })
	names, next := page(slices.Collect(maps.Keys(rules)), in.NextToken, in.Limit)
	out := &eventsapi.ListRulesResponse{Rules: []eventsapi.Rule{}, NextToken: next}
	for _, name := range names {
		r := rules[name]
		out.Rules = append(out.Rules, eventsapi.Rule{
			Name: &r.Name, Arn: &r.ARN, EventPattern: wire.Optional(r.Pattern), ScheduleExpression: wire.Optional(r.Schedule), State: &r.State,
			Description: r.Description, RoleArn: r.Role, EventBusName: new(busName),
		})
	}
	return out, nil
}

func (s *Service) listRuleNamesByTarget(ctx context.Context, in *eventsapi.ListRuleNamesByTargetRequest) (*eventsapi.ListRuleNamesByTargetResponse, error) {
	if err := checkBus(ctx, in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rules := s.rulesOf(ctx, func(r *rule) bool {
		return slices.ContainsFunc(r.Targets, func(t eventsapi.Target) bool { return t.Arn == in.TargetArn })
	})
	names, next := page(slices.Collect(maps.Keys(rules)), in.NextToken, in.Limit)
	return &eventsapi.ListRuleNamesByTargetResponse{RuleNames: append([]string{}, names...), NextToken: next}, nil
}

// bus returns the one bus as it is shown.
func bus(ctx context.Context) (name, arn *string) {
	return new(busName), new(wire.CallerFrom(ctx).ARN("events", "event-bus/"+busName))
}

func (s *Service) describeEventBus(ctx context.Context, in *eventsapi.DescribeEventBusRequest) (*eventsapi.DescribeEventBusResponse, error) {
	if err := checkBus(ctx, in.Name); err != nil {
		return nil, err
	}
	name, arn := bus(ctx)
	return &eventsapi.DescribeEventBusResponse{Name: name, Arn: arn}, nil
}

func (s *Service) listEventBuses(ctx context.Context, in *eventsapi.ListEventBusesRequest) (*eventsapi.ListEventBusesResponse, error) {
	out := &eventsapi.ListEventBusesResponse{EventBuses: []eventsapi.EventBus{}}
	if strings.HasPrefix(busName, wire.Value(in.NamePrefix)) {
		name, arn := bus(ctx)
		out.EventBuses = append(out.EventBuses, eventsapi.EventBus{Name: name, Arn: arn})
	}
	return out, nil
}

func (s *Service) testEventPattern(_ context.Context, in *eventsapi.TestEventPatternRequest) (*eventsapi.TestEventPatternResponse, error) {
	p, err := pattern.Parse(in.EventPattern)
	if err != nil {
		return nil, eventsapi.NewInvalidEventPatternException("Event pattern is not valid. Reason: " + err.Error())
	}
	event, err := jsonvalue.Parse(in.Event)
	if err != nil || event.Kind() != jsonvalue.KindObject {
		return nil, invalid("Parameter Event is not valid.")
	}
	for _, member := range []string{"id", "account", "source", "time", "region", "resources", "detail-type"} {
		if _, ok := event.Get(member); !ok {
			return nil, invalid("Parameter Event is not valid. Reason: %s is a required member.", member)
		}
	}
	return &eventsapi.TestEventPatternResponse{Result: new(p.Matches(event))}, nil
}

// maxTags is how many tags a rule may have.
const maxTags = 50

func withTags(ctx context.Context, tags map[string]string, more []eventsapi.Tag) (map[string]string, error) {
	merged := maps.Clone(tags)
	if merged == nil {
		merged = map[string]string{}
	}
	for _, t := range more {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") && !wire.IsForCloudFormation(ctx) {
			return nil, invalid("Tag keys that begin with aws: are reserved: %s", t.Key)
		}
		merged[t.Key] = t.Value
	}
	if len(merged) > maxTags {
		return nil, eventsapi.NewLimitExceededException("The requested resource exceeds the maximum number allowed.")
	}
	return merged, nil
}

// changeTags changes the tags of the rule of an ARN.
func (s *Service) changeTags(arn string, f func(r *rule) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rules[arn]
	if r == nil {
		return eventsapi.NewResourceNotFoundException("Rule " + lastPart(arn) + " does not exist on EventBus default.")
	}
	return s.replace(r, f)
}

func (s *Service) tagResource(ctx context.Context, in *eventsapi.TagResourceRequest) (*eventsapi.TagResourceResponse, error) {
	return nil, s.changeTags(in.ResourceARN, func(r *rule) error {
		var err error
		r.Tags, err = withTags(ctx, r.Tags, in.Tags)
		return err
	})
}

func (s *Service) untagResource(_ context.Context, in *eventsapi.UntagResourceRequest) (*eventsapi.UntagResourceResponse, error) {
	return nil, s.changeTags(in.ResourceARN, func(r *rule) error {
		for _, key := range in.TagKeys {
			delete(r.Tags, key)
		}
		return nil
	})
}

func (s *Service) listTagsForResource(_ context.Context, in *eventsapi.ListTagsForResourceRequest) (*eventsapi.ListTagsForResourceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rules[in.ResourceARN]
	if r == nil {
		return nil, eventsapi.NewResourceNotFoundException("Rule " + lastPart(in.ResourceARN) + " does not exist on EventBus default.")
	}
	out := &eventsapi.ListTagsForResourceResponse{Tags: []eventsapi.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		out.Tags = append(out.Tags, eventsapi.Tag{Key: key, Value: r.Tags[key]})
	}
	return out, nil
}
