package lambda

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// noEvents is what holds where nothing is configured.
var noEvents = &eventConfig{}

// eventConfig returns what holds for asynchronous invocations through a
// qualifier.
func (c *control) eventConfig(qualifier string) *eventConfig {
	if found := c.events[eventKey(qualifier)]; found != nil {
		return found
	}
	return noEvents
}

func eventKey(qualifier string) string {
	if qualifier == "" {
		return latest
	}
	return qualifier
}

func (e *eventConfig) retries() int { return wire.ValueOr(e.Retries, defaultRetries) }

func (e *eventConfig) age() time.Duration {
	if e.AgeSeconds == nil {
		return defaultAge
	}
	return time.Duration(*e.AgeSeconds) * time.Second
}

func (e *eventConfig) successful() string { return e.Success }
func (e *eventConfig) failed() string     { return e.Failure }

// withEvents returns a copy of c with another configuration for a qualifier; nil
// takes it away.
func (c *control) withEvents(qualifier string, e *eventConfig) *control {
	n := c.clone()
	n.events = maps.Clone(c.events)
	if e == nil {
		delete(n.events, eventKey(qualifier))
		return n
	}
	if n.events == nil {
		n.events = map[string]*eventConfig{}
	}
	n.events[eventKey(qualifier)] = e
	return n
}

// checkDestinations refuses what cannot be a destination.
//
// Source: how Lambda words it.
func (s *Service) checkDestinations(f *function, in *lambdaapi.DestinationConfig) (success, failure string, err error) {
	if in == nil {
		return "", "", nil
	}
	if in.OnSuccess != nil {
		success = wire.Value(in.OnSuccess.Destination)
	}
	if in.OnFailure != nil {
		failure = wire.Value(in.OnFailure.Destination)
	}
	for _, to := range []string{failure, success} {
		if to == "" {
			continue
		}
		a, err := arn.Parse(to)
		switch {
		case err == nil && a.Service == "lambda":
			unqualified, _ := a.Qualified()
			target := s.space(f.space.place).function(unqualified.Name())
			if target == nil {
				return "", "", invalid("The destination ARN " + to + " is invalid.")
			}
			if target == f {
				return "", "", invalid("You can't specify the function as a destination for itself.")
			}
		case err == nil && slices.Contains([]string{"sns", "sqs", "events"}, a.Service), err == nil && a.Service == "s3" && to == failure:
		default:
			return "", "", invalid("The provided destination config DestinationConfig(onSuccess=" + destinationText("OnSuccess", success) +
				", onFailure=" + destinationText("OnFailure", failure) + ") is invalid.")
		}
	}
	return success, failure, nil
}

func destinationText(kind, to string) string {
	if to == "" {
		return "null"
	}
	return kind + "(destination=" + to + ")"
}

var errNothingGiven = invalid("You must specify at least one of error handling or destination setting.")

func (s *Service) putFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.PutFunctionEventInvokeConfigRequest) (*lambdaapi.FunctionEventInvokeConfig, error) {
	if in.MaximumEventAgeInSeconds == nil && in.MaximumRetryAttempts == nil && in.DestinationConfig == nil {
		return nil, errNothingGiven
	}
	return s.configureEvents(ctx, in.FunctionName, in.Qualifier, func(f *function, _ *eventConfig) (*eventConfig, error) {
		return s.eventsOf(f, &eventConfig{}, in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
	})
}

func (s *Service) updateFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.UpdateFunctionEventInvokeConfigRequest) (*lambdaapi.FunctionEventInvokeConfig, error) {
	if in.MaximumEventAgeInSeconds == nil && in.MaximumRetryAttempts == nil && in.DestinationConfig == nil {
		return nil, errNothingGiven
	}
	return s.configureEvents(ctx, in.FunctionName, in.Qualifier, func(f *function, old *eventConfig) (*eventConfig, error) {
		if old == nil {
			return nil, errNoEventConfig(qualified(f.arn, eventKey(wire.Value(in.Qualifier))))
		}
		return s.eventsOf(f, old, in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
	})
}

// eventsOf returns old with what was given.
func (s *Service) eventsOf(f *function, old *eventConfig, retries, age *int32, to *lambdaapi.DestinationConfig) (*eventConfig, error) {
	e := *old
	e.Modified = s.now()
	if retries != nil {
		e.Retries = new(int(*retries))
	}
	if age != nil {
		e.AgeSeconds = new(int(*age))
	}
	if to != nil {
		success, failure, err := s.checkDestinations(f, to)
		if err != nil {
			return nil, err
		}
		e.Success, e.Failure, e.Destinations = success, failure, true
	}
	return &e, nil
}

// configureEvents replaces the configuration of a function, version or alias.
func (s *Service) configureEvents(ctx context.Context, name string, qualifier *string,
	edit func(f *function, old *eventConfig) (*eventConfig, error)) (*lambdaapi.FunctionEventInvokeConfig, error) {
	r, err := s.reference(ctx, name, qualifier)
	if err != nil {
		return nil, err
	}
	f, c, _ := s.function(r)
	if f == nil || c.resolve(r.qualifier) == nil {
		return nil, errNoFunction
	}
	var made *eventConfig
	err = s.change(f, func(c *control) (*control, error) {
		var err error
		if made, err = edit(f, c.events[eventKey(r.qualifier)]); err != nil {
			return nil, err
		}
		return c.withEvents(r.qualifier, made), nil
	})
	if err != nil {
		return nil, err
	}
	return made.describe(qualified(f.arn, eventKey(r.qualifier))), nil
}

// describe shows both destinations, if only one or none was given.
//
// Source: recorded.
func (e *eventConfig) describe(arn string) *lambdaapi.FunctionEventInvokeConfig {
	out := &lambdaapi.FunctionEventInvokeConfig{
		LastModified: &e.Modified,
		FunctionArn:  &arn,
		DestinationConfig: &lambdaapi.DestinationConfig{
			OnSuccess: &lambdaapi.OnSuccess{Destination: wire.Optional(e.Success)},
			OnFailure: &lambdaapi.OnFailure{Destination: wire.Optional(e.Failure)},
		},
	}
	if e.Retries != nil {
		out.MaximumRetryAttempts = new(int32(*e.Retries))
	}
	if e.AgeSeconds != nil {
		out.MaximumEventAgeInSeconds = new(int32(*e.AgeSeconds))
	}
	return out
}

func errNoEventConfig(arn string) error {
	return notFound("The function " + arn + " doesn't have an EventInvokeConfig")
}

func (s *Service) getFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.GetFunctionEventInvokeConfigRequest) (*lambdaapi.FunctionEventInvokeConfig, error) {
	r, err := s.reference(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	arn := qualified(r.functionARN(), eventKey(r.qualifier))
	f, c, _ := s.function(r)
	if f == nil || c.events[eventKey(r.qualifier)] == nil {
		return nil, errNoEventConfig(arn)
	}
	return c.events[eventKey(r.qualifier)].describe(arn), nil
}

func (s *Service) listFunctionEventInvokeConfigs(ctx context.Context, in *lambdaapi.ListFunctionEventInvokeConfigsRequest) (*lambdaapi.ListFunctionEventInvokeConfigsResponse, error) {
	r, err := s.reference(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f, c, _ := s.function(r)
	if f == nil {
		return nil, errNoFunction
	}
	keys, next, err := page(slices.Sorted(maps.Keys(c.events)), strings.Clone, in.Marker, in.MaxItems, standardPage)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListFunctionEventInvokeConfigsResponse{
		FunctionEventInvokeConfigs: []lambdaapi.FunctionEventInvokeConfig{}, NextMarker: next,
	}
	for _, key := range keys {
		out.FunctionEventInvokeConfigs = append(out.FunctionEventInvokeConfigs, *c.events[key].describe(qualified(f.arn, key)))
	}
	return out, nil
}

func (s *Service) deleteFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.DeleteFunctionEventInvokeConfigRequest) (*wire.Nothing, error) {
	r, err := s.reference(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, _, _ := s.function(r)
	if f == nil {
		return nil, errNoFunction
	}
	return nil, s.change(f, func(c *control) (*control, error) {
		if c.events[eventKey(r.qualifier)] == nil {
			return nil, errNoEventConfig(qualified(f.arn, eventKey(r.qualifier)))
		}
		return c.withEvents(r.qualifier, nil), nil
	})
}
