package events

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonpath"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/outbox"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/eventsapi"
)

// deliver makes one attempt to bring an event to a target.
func (s *Service) deliver(ctx context.Context, i outbox.Item) (again time.Duration) {
	var d delivery
	if err := json.Unmarshal(i.Payload, &d); err != nil {
		s.log.Error("an event cannot be read", "id", i.ID, "err", err)
		return 0
	}
	s.mu.Lock()
	r := s.rules[d.Rule]
	s.mu.Unlock()
	if r == nil {
		return 0 // nobody wants it any more
	}
	at := slices.IndexFunc(r.Targets, func(t eventsapi.Target) bool { return t.Id == d.Target })
	if at < 0 {
		return 0
	}
	t := r.Targets[at]
	ctx = wire.WithCaller(ctx, wire.Caller{Account: r.Account, Region: r.Region, Partition: r.Partition})
	err := s.bring(ctx, r, t, &d)
	if err == nil || ctx.Err() != nil {
		return 0
	}
	again = retry(t.RetryPolicy, i, s.clock.Now())
	if e, ok := errors.AsType[*wire.Error](err); ok && e.HTTPStatus() < http.StatusInternalServerError && !throttled(e) {
		again = 0 // it would be refused again
	}
	if again == 0 {
		s.log.Warn("an event could not be delivered", "rule", r.Name, "target", t.Arn, "err", err)
	}
	return again
}

func throttled(e *wire.Error) bool {
	return e.HTTPStatus() == http.StatusTooManyRequests || strings.Contains(e.Code, "Throttl") || strings.Contains(e.Code, "TooManyRequests")
}

// retry returns after how long a delivery that failed is tried again: after
// waits that double, for a day or 185 times unless the target says less.
//
// Source: EventBridge User Guide, "How EventBridge retries delivering events".
func retry(policy *eventsapi.RetryPolicy, i outbox.Item, now time.Time) time.Duration {
	const most, longest, slowest = 185, 24 * time.Hour, 10 * time.Minute
	attempts, age := int32(most), longest
	if policy != nil {
		attempts = wire.ValueOr(policy.MaximumRetryAttempts, attempts)
		if policy.MaximumEventAgeInSeconds != nil {
			age = time.Duration(*policy.MaximumEventAgeInSeconds) * time.Second
		}
	}
	wait := slowest
	const doublings = 10
	if i.Attempt < doublings {
		wait = min(slowest, time.Second<<i.Attempt)
	}
	if i.Attempt >= int(attempts) || now.Add(wait).Sub(i.Since) > age {
		return 0
	}
	return wait
}

// bring calls the target.
func (s *Service) bring(ctx context.Context, r *rule, t eventsapi.Target, d *delivery) error {
	input, err := inputOf(r, t, d)
	if err != nil {
		return &wire.Error{Code: "InvalidInput", Message: err.Error()}
	}
	call := func(service, operation string, params ...jsonvalue.Member) error {
		_, err := s.targets.Call(ctx, service, operation, jsonvalue.ObjectOf(params...))
		return err
	}
	member := func(key, value string) jsonvalue.Member {
		return jsonvalue.Member{Key: key, Value: jsonvalue.String(value)}
	}
	switch a, kind := kindOf(t.Arn); kind {
	case "lambda":
		return call("lambda", "Invoke", member("FunctionName", t.Arn), member("InvocationType", "Event"), member("Payload", input))
	case "states":
		// The name makes a second attempt the same execution.
		return call("sfn", "StartExecution", member("StateMachineArn", t.Arn), member("Input", input), member("Name", executionName(d.ID, r, t)))
	case "sns":
		return call("sns", "Publish", member("TopicArn", t.Arn), member("Message", input))
	default:
		group := strings.TrimSuffix(strings.TrimPrefix(a.Resource, "log-group:"), ":*")
		err := call("cloudwatchlogs", "CreateLogStream", member("LogGroupName", group), member("LogStreamName", d.ID))
		if err != nil && !wire.IsCode(err, "ResourceAlreadyExistsException") {
			return err
		}
		return call("cloudwatchlogs", "PutLogEvents", member("LogGroupName", group), member("LogStreamName", d.ID), jsonvalue.Member{
			Key: "LogEvents", Value: jsonvalue.ArrayOf(jsonvalue.ObjectOf(
				jsonvalue.Member{Key: "Timestamp", Value: jsonvalue.Int(d.At.UnixMilli())}, member("Message", input),
			)),
		})
	}
}

// plainName is a name that an execution may have.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// executionName names the execution that an event starts: the event, and which
// rule and target it was, or where that is no name a sum of the two.
func executionName(id string, r *rule, t eventsapi.Target) string {
	const longest = 80
	name := id + "_" + r.Name + "_" + t.Id
	if len(name) <= longest && plainName.MatchString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return id + "_" + hex.EncodeToString(sum[:16])
}

// inputOf returns what a target gets of an event.
func inputOf(r *rule, t eventsapi.Target, d *delivery) (string, error) {
	switch {
	case t.Input != nil:
		return *t.Input, nil
	case t.InputPath != nil:
		v, err := lookUp(*t.InputPath, d.Event)
		return v.String(), err
	case t.InputTransformer != nil:
		return transform(r, t.InputTransformer, d)
	default:
		return d.Event.String(), nil
	}
}

// lookUp returns what is at a path, and null where nothing is.
func lookUp(path string, event jsonvalue.Value) (jsonvalue.Value, error) {
	p, err := jsonpath.Compile(path)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	v, err := p.Get(event)
	if jsonpath.IsNotFound(err) {
		return jsonvalue.Null(), nil
	}
	return v, err
}
