package machine

import (
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// DetailsMember returns the name of the member that holds the details of events of this type
// in the API's HistoryEvent, such as "stateEnteredEventDetails"; empty for the types that have
// none.
func (t EventType) DetailsMember() string {
	name := string(t)
	switch {
	case strings.HasSuffix(name, "StateEntered"):
		return "stateEnteredEventDetails"
	case strings.HasSuffix(name, "StateExited"):
		return "stateExitedEventDetails"
	}
	switch t {
	case EventLambdaFunctionStarted, EventMapRunSucceeded, EventMapStateSucceeded, EventMapStateFailed, EventMapStateAborted,
		EventParallelStateStarted, EventParallelStateSucceeded, EventParallelStateFailed, EventParallelStateAborted,
		EventTaskStateAborted, EventWaitStateAborted:
		return ""
	}
	return strings.ToLower(name[:1]) + name[1:] + "EventDetails"
}

// Members returns the details of the event as the API shows them, and Undefined if its type
// has none. With data false the members that hold execution data are left out, as
// includeExecutionData=false asks.
func (e *HistoryEvent) Members(data bool) jsonvalue.Value {
	if e.Type.DetailsMember() == "" || e.Details == nil {
		return jsonvalue.Value{}
	}
	d := e.Details
	w := detailWriter{data: data}
	w.text("name", d.Name)
	w.payload("input", d.Input)
	w.payload("output", d.Output)
	w.text("resourceType", d.ResourceType)
	w.text("resource", d.Resource)
	w.text("region", d.Region)
	if data {
		w.text("parameters", d.Parameters)
	}
	w.number("timeoutInSeconds", d.TimeoutInSeconds)
	w.number("heartbeatInSeconds", d.HeartbeatInSeconds)
	if d.TaskRoleARN != "" {
		w.b.Set("taskCredentials", jsonvalue.ObjectOf(jsonvalue.Member{Key: "roleArn", Value: jsonvalue.String(d.TaskRoleARN)}))
	}
	w.text("roleArn", d.RoleARN)
	w.text("stateMachineVersionArn", d.StateMachineVersionARN)
	w.text("stateMachineAliasArn", d.StateMachineAliasARN)
	w.text("mapRunArn", d.MapRunARN)
	w.text("workerName", d.WorkerName)
	w.pointer("error", d.Error)
	w.pointer("cause", d.Cause)
	w.text("location", d.Location)
	w.text("state", d.State)
	w.number("redriveCount", d.RedriveCount)
	switch e.Type {
	case EventMapStateStarted:
		w.b.Set("length", jsonvalue.Int(d.Length))
	case EventMapIterationStarted, EventMapIterationSucceeded, EventMapIterationFailed, EventMapIterationAborted:
		w.b.Set("index", jsonvalue.Int(d.Index))
	}
	if data && len(d.AssignedVariables) > 0 {
		var set jsonvalue.ObjectBuilder
		for _, a := range d.AssignedVariables {
			set.Set(a.Name, jsonvalue.String(a.Value))
		}
		w.b.Set("assignedVariables", set.Value())
		w.b.Set("assignedVariablesDetails", notTruncated)
	}
	return w.b.Value()
}

var notTruncated = jsonvalue.ObjectOf(jsonvalue.Member{Key: "truncated", Value: jsonvalue.Bool(false)})

// A detailWriter collects the members that are set.
type detailWriter struct {
	b    jsonvalue.ObjectBuilder
	data bool
}

func (w *detailWriter) text(name, s string) {
	if s != "" {
		w.b.Set(name, jsonvalue.String(s))
	}
}

func (w *detailWriter) number(name string, n int64) {
	if n != 0 {
		w.b.Set(name, jsonvalue.Int(n))
	}
}

func (w *detailWriter) pointer(name string, s *string) {
	if s != nil {
		w.b.Set(name, jsonvalue.String(*s))
	}
}

func (w *detailWriter) payload(name, text string) {
	if text != "" && w.data {
		w.b.Set(name, jsonvalue.String(text))
		w.b.Set(name+"Details", notTruncated)
	}
}
