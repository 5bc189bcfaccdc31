package events

import (
	"context"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonpath"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire/eventsapi"
)

// maxTargets is how many targets a rule may have.
const maxTargets = 5

// kindOf says what a target is: the service of its ARN.
func kindOf(text string) (a arn.ARN, kind string) {
	a, err := arn.Parse(text)
	switch {
	case err != nil:
		return a, ""
	case a.Service == "lambda" && a.Kind() == "function",
		a.Service == "states" && a.Kind() == "stateMachine",
		a.Service == "sns",
		a.Service == "logs" && a.Kind() == "log-group":
		return a, a.Service
	default:
		return a, "other"
	}
}

// checkTarget refuses targets that no event could be brought to.
func checkTarget(t eventsapi.Target) error {
	switch _, kind := kindOf(t.Arn); {
	case kind == "":
		return invalid("Parameter %s is not valid. Reason: Provided Arn is not in correct format.", t.Arn)
	case kind == "other":
		return invalid("Parameter %s is not valid. Reason: the local cloud delivers events to Lambda functions, state machines, SNS topics and log groups only.", t.Arn)
	case t.DeadLetterConfig != nil:
		return invalid("Parameter DeadLetterConfig is not valid. Reason: the local cloud has no queues that events could go to.")
	case t.KinesisParameters != nil || t.RunCommandParameters != nil || t.EcsParameters != nil || t.BatchParameters != nil || t.SqsParameters != nil ||
		t.HttpParameters != nil || t.RedshiftDataParameters != nil || t.SageMakerPipelineParameters != nil || t.AppSyncParameters != nil:
		return invalid("Parameters for target %s are of another kind of target than %s.", t.Id, t.Arn)
	case kind == "states" && t.RoleArn == nil:
		return invalid("RoleArn is required for target %s.", t.Arn)
	}
	return checkInput(t)
}

// checkInput refuses what could make no input of an event.
func checkInput(t eventsapi.Target) error {
	given := 0
	for _, is := range []bool{t.Input != nil, t.InputPath != nil, t.InputTransformer != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		return invalid("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", t.Id)
	}
	if t.Input != nil {
		if _, err := jsonvalue.Parse(*t.Input); err != nil {
			return invalid("JSON syntax error in input for target %s : %v", t.Id, err)
		}
	}
	if t.InputPath != nil {
		if _, err := jsonpath.Compile(*t.InputPath); err != nil {
			return invalid("Invalid InputPath for target %s : %v", t.Id, err)
		}
	}
	if t.InputTransformer == nil {
		return nil
	}
	for name, path := range t.InputTransformer.InputPathsMap {
		if strings.HasPrefix(strings.ToLower(name), "aws.") {
			return invalid("Invalid InputTransformer for target %s : the variable %s begins with AWS, which is reserved.", t.Id, name)
		}
		if _, err := jsonpath.Compile(path); err != nil {
			return invalid("Invalid InputTransformer for target %s : %v", t.Id, err)
		}
	}
	for _, name := range placeholders(t.InputTransformer.InputTemplate) {
		if _, ok := t.InputTransformer.InputPathsMap[name]; !ok && !strings.HasPrefix(name, "aws.events.") {
			return invalid("Invalid InputTemplate for target %s : the variable %s is not defined in the input paths map.", t.Id, name)
		}
	}
	return nil
}

func (s *Service) putTargets(ctx context.Context, in *eventsapi.PutTargetsRequest) (*eventsapi.PutTargetsResponse, error) {
	err := s.changeRule(ctx, in.EventBusName, in.Rule, func(r *rule) error {
		for _, t := range in.Targets {
			if err := checkTarget(t); err != nil {
				return err
			}
			if i := slices.IndexFunc(r.Targets, func(o eventsapi.Target) bool { return o.Id == t.Id }); i >= 0 {
				r.Targets[i] = t
			} else {
				r.Targets = append(r.Targets, t)
			}
		}
		if len(r.Targets) > maxTargets {
			return eventsapi.NewLimitExceededException("The requested resource exceeds the maximum number allowed.")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &eventsapi.PutTargetsResponse{FailedEntryCount: new(int32(0)), FailedEntries: []eventsapi.PutTargetsResultEntry{}}, nil
}

func (s *Service) removeTargets(ctx context.Context, in *eventsapi.RemoveTargetsRequest) (*eventsapi.RemoveTargetsResponse, error) {
	out := &eventsapi.RemoveTargetsResponse{FailedEntries: []eventsapi.RemoveTargetsResultEntry{}}
	err := s.changeRule(ctx, in.EventBusName, in.Rule, func(r *rule) error {
		for _, id := range in.Ids {
			i := slices.IndexFunc(r.Targets, func(t eventsapi.Target) bool { return t.Id == id })
			if i < 0 {
				out.FailedEntries = append(out.FailedEntries, eventsapi.RemoveTargetsResultEntry{
					TargetId: &id, ErrorCode: new("ResourceNotFoundException"), ErrorMessage: new("Rule " + r.Name + " does not have a target " + id + "."),
				})
				continue
			}
			r.Targets = slices.Delete(r.Targets, i, i+1)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.FailedEntryCount = new(int32(len(out.FailedEntries)))
	return out, nil
}

func (s *Service) listTargetsByRule(ctx context.Context, in *eventsapi.ListTargetsByRuleRequest) (*eventsapi.ListTargetsByRuleResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.ruleAt(ctx, in.EventBusName, in.Rule)
	if err != nil {
		return nil, err
	}
	byID := map[string]eventsapi.Target{}
	var ids []string
	for _, t := range r.Targets {
		byID[t.Id] = t
		ids = append(ids, t.Id)
	}
	ids, next := page(ids, in.NextToken, in.Limit)
	out := &eventsapi.ListTargetsByRuleResponse{Targets: []eventsapi.Target{}, NextToken: next}
	for _, id := range ids {
		out.Targets = append(out.Targets, byID[id])
	}
	return out, nil
}
