package sfn

import (
	"context"
	"errors"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// A functionError is a function that failed: data, not a fault of the call.
type functionError struct{ name, cause string }

func (e *functionError) Error() string { return e.name + ": " + e.cause }

// invokeFunction calls the function whose ARN is the Resource: its payload is
// the input, its answer the result.
func (s *Service) invokeFunction(ctx context.Context, c machine.CallTask) (jsonvalue.Value, string, error) {
	out, err := s.invoke(ctx, Invocation{Function: c.Resource, Payload: c.Input.String()})
	if err != nil {
		return jsonvalue.Value{}, "", err
	}
	answer, err := payload(out)
	return answer, out.Payload, err
}

// compact returns JSON text without the blanks between its parts; what is no JSON
// as it is.
func compact(text string) string {
	v, err := jsonvalue.Parse(text)
	if err != nil {
		return text
	}
	return v.String()
}

// payloadText is what a function is sent for a Payload: a text that is JSON goes as
// it is, everything else as its JSON.
//
// Source: recorded with texts such as "0.0" and "true".
func payloadText(given jsonvalue.Value) string {
	if given.Kind() == jsonvalue.KindString {
		if _, err := jsonvalue.Parse(given.Str()); err == nil {
			return given.Str()
		}
	}
	return given.String()
}

// invokeLambda carries out lambda:invoke: parameters as in the Invoke operation,
// with Payload as a value.
//
// Source: recorded.
func (s *Service) invokeLambda(ctx context.Context, c machine.CallTask) (jsonvalue.Value, error) {
	in := Invocation{
		Function:      member(c.Input, "FunctionName").Str(),
		Qualifier:     member(c.Input, "Qualifier").Str(),
		ClientContext: member(c.Input, "ClientContext").Str(),
		Event:         member(c.Input, "InvocationType").Str() == "Event",
		Tail:          member(c.Input, "LogType").Str() == "Tail",
		Payload:       "{}",
	}
	if given, ok := c.Input.Get("Payload"); ok && given.Kind() != jsonvalue.KindNull {
		in.Payload = payloadText(given)
	}
	out, err := s.invoke(ctx, in)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	answer := jsonvalue.ObjectOf()
	if in.Event {
		out.Payload = ""
	} else {
		result, err := payload(out)
		if failed, ok := errors.AsType[*functionError](err); ok {
			failed.cause = compact(failed.cause) // printed anew, unlike that of a function called by its ARN: recorded
		}
		if err != nil {
			return jsonvalue.Value{}, err
		}
		answer = answer.With("ExecutedVersion", jsonvalue.String(out.ExecutedVersion))
		if in.Tail {
			answer = answer.With("LogResult", jsonvalue.String(out.LogResult))
		}
		answer = answer.With("Payload", result)
	}
	headers := []jsonvalue.Member{
		{Key: "Connection", Value: jsonvalue.String("keep-alive")},
		{Key: "X-Amz-Executed-Version", Value: jsonvalue.String(out.ExecutedVersion)},
		{Key: "x-amzn-Remapped-Content-Length", Value: jsonvalue.String("0")},
		{Key: "X-Amzn-Trace-Id", Value: jsonvalue.String(s.random.Trace(s.clock.Now()))},
	}
	if in.Tail && !in.Event {
		headers = append(headers, jsonvalue.Member{Key: "X-Amz-Log-Result", Value: jsonvalue.String(out.LogResult)})
	}
	answer = withMetadata(answer, wire.CallerFrom(ctx).RequestID, len(out.Payload), "application/json", s.now(), headers...)
	return answer.With("StatusCode", jsonvalue.Int(int64(out.Status))), nil
}

func (s *Service) invoke(ctx context.Context, in Invocation) (Invoked, error) {
	if s.functions == nil {
		return Invoked{}, &wire.Error{
			Code:    "ResourceNotFoundException",
			Message: "Function not found: " + in.Function + " (there is no Lambda here)",
			Status:  404,
		}
	}
	return s.functions.Invoke(ctx, in)
}

// payload reads a function's answer. A function that failed is an error whose
// name is the errorType and whose cause is the whole answer.
//
// Source: recorded; a crash or time-out without an errorType is Lambda.Unknown.
func payload(out Invoked) (jsonvalue.Value, error) {
	answer, err := jsonvalue.Parse(out.Payload)
	if out.FunctionError != "" {
		name := member(answer, "errorType").Str()
		if name == "" {
			name = "Lambda.Unknown"
		}
		return jsonvalue.Value{}, &functionError{name: name, cause: out.Payload}
	}
	if strings.TrimSpace(out.Payload) == "" {
		return jsonvalue.Null(), nil
	}
	if err != nil && len(out.Payload) > maxData {
		return jsonvalue.String(out.Payload), nil // which fails by its size, before anybody reads it: recorded
	}
	if err != nil {
		return jsonvalue.Value{}, &functionError{name: "Lambda.Unknown", cause: "The function's answer is not JSON: " + err.Error()}
	}
	return answer, nil
}

// member returns a member of an object, Undefined where there is none.
func member(v jsonvalue.Value, key string) jsonvalue.Value {
	m, _ := v.Get(key) // Undefined says the same as false
	return m
}
