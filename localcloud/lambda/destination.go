package lambda

import (
	"encoding/json"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// The record that a destination gets.
//
// Source: recorded.
type destinationRecord struct {
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	RequestContext  requestContext   `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

type requestContext struct {
	RequestID              string `json:"requestId"`
	FunctionARN            string `json:"functionArn"` // with a qualifier, if only $LATEST
	Condition              string `json:"condition"`
	ApproximateInvokeCount int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

func (s *Service) destinationRecord(e *event, o outcome, now time.Time) []byte {
	qualifier := e.Qualifier
	if qualifier == "" {
		qualifier = latest
	}
	r := destinationRecord{
		Version:   "1.0",
		Timestamp: now.UTC().Format("2006-01-02T15:04:05.000Z"),
		RequestContext: requestContext{
			RequestID:              e.RequestID,
			FunctionARN:            qualified(e.function.arn, qualifier),
			Condition:              o.condition,
			ApproximateInvokeCount: o.attempts,
		},
		RequestPayload: e.Payload,
	}
	if o.ran != nil {
		r.ResponseContext = &responseContext{StatusCode: 200, ExecutedVersion: o.ran.version, FunctionError: o.ran.FunctionError}
		r.ResponsePayload = o.ran.Payload
		if len(r.ResponsePayload) == 0 || !json.Valid(r.ResponsePayload) {
			r.ResponsePayload = json.RawMessage("null")
		}
	}
	return []byte(compactJSON(r))
}

// deliver takes a record to a destination: a function here, anything else
// through the port.
func (s *Service) deliver(e *event, to string, record []byte) {
	if err := s.send(e, to, record, nil); err != nil {
		s.count(e.function, deliveryFailures, count, 1, s.now())
	}
}

// deadLetter takes the event itself to a queue or a topic, and says beside it
// why.
//
// Source: Lambda developer guide, "Dead-letter queues".
func (s *Service) deadLetter(e *event, to string, o outcome) {
	attributes := map[string]string{"RequestID": e.RequestID}
	if o.ran != nil {
		attributes["ErrorCode"] = "200"
		var failure struct {
			Message string `json:"errorMessage"`
		}
		// What is no such object has no message.
		_ = json.Unmarshal(o.ran.Payload, &failure)
		attributes["ErrorMessage"] = failure.Message[:min(len(failure.Message), 1024)]
	}
	if err := s.send(e, to, e.Payload, attributes); err != nil {
		s.count(e.function, deadLetterErrors, count, 1, s.now())
	}
}

func (s *Service) send(e *event, to string, record []byte, attributes map[string]string) error {
	sp := e.function.space
	ctx := wire.WithCaller(s.ctx, sp.Caller())
	if a, err := arn.Parse(to); err == nil && a.Service == "lambda" {
		_, err := s.Invoke(ctx, Invocation{Function: to, Payload: record, Type: lambdaapi.InvocationTypeEvent})
		return err
	}
	if s.destinations == nil {
		return errNoResource
	}
	return s.destinations.Deliver(ctx, to, record, attributes)
}
