package sfn

import (
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/asl/machine"
)

// optimized returns what an optimized integration makes of a service's answer.
//
// Source: recorded.
func (s *Service) optimized(c machine.CallTask, answer jsonvalue.Value, requestID string) (jsonvalue.Value, error) {
	switch c.Service {
	case "events":
		// Without the HTTP exchange; an entry that failed fails the task.
		entries, _ := answer.Get("Entries")
		failed, _ := answer.Get("FailedEntryCount")
		answer = jsonvalue.ObjectOf(jsonvalue.Member{Key: "Entries", Value: entries}, jsonvalue.Member{Key: "FailedEntryCount", Value: failed})
		if n, _ := failed.Int(); n > 0 {
			return jsonvalue.Value{}, &functionError{"EventBridge.FailedEntry", answer.String()}
		}
		return answer, nil
	case "sns":
		return withMetadata(answer, requestID, queryLength(c, answer, requestID), "text/xml", s.now(),
			jsonvalue.Member{Key: "connection", Value: jsonvalue.String("keep-alive")}), nil
	default:
		return withMetadata(answer, requestID, answer.Size(), "application/json", s.now()), nil
	}
}

// queryLength is how long SNS's answer is on AWS's wire, where it is indented.
func queryLength(c machine.CallTask, answer jsonvalue.Value, requestID string) int {
	operation := capital(c.Action)
	var b strings.Builder
	b.WriteString("<" + operation + `Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/">` + "\n  <" + operation + "Result>\n")
	for name, value := range answer.Members() {
		b.WriteString("    <" + name + ">" + value.Str() + "</" + name + ">\n")
	}
	b.WriteString("  </" + operation + "Result>\n  <ResponseMetadata>\n    <RequestId>" + requestID + "</RequestId>\n  </ResponseMetadata>\n</" + operation + "Response>\n")
	return b.Len()
}

// withOrigin returns the call of a task, with the execution and its state machine
// among the resources of the events that it puts.
//
// Source: Step Functions Developer Guide, "Add EventBridge events with Step
// Functions".
func withOrigin(t *task) machine.CallTask {
	c := t.call
	if c.Kind != asl.Integration || c.Service != "events" || c.Action != "putEvents" {
		return c
	}
	entries, _ := c.Input.Get("Entries")
	for i := range entries.Len() {
		entry := entries.At(i)
		given, _ := entry.Get("Resources")
		resources := slices.Collect(given.Elements())
		resources = append(resources, jsonvalue.String(t.x.arn), jsonvalue.String(t.x.machine.arn))
		entries = entries.WithAt(i, entry.With("Resources", jsonvalue.ArrayOf(resources...)))
	}
	c.Input = c.Input.With("Entries", entries)
	return c
}
