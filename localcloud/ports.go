package localcloud

import (
	"context"
	"encoding/json"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch"
	"github.com/crossfade-dev/crossfade/localcloud/codedeploy"
	"github.com/crossfade-dev/crossfade/localcloud/events"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/logs"
	"github.com/crossfade-dev/crossfade/localcloud/sfn"
	"github.com/crossfade-dev/crossfade/localcloud/sts"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// integrations lets services call every operation that the cloud has. The server
// comes in after the services that it serves are made.
type integrations struct{ server *wire.Server }

// Call carries out an operation for a state machine's task.
func (i *integrations) Call(ctx context.Context, service, action string, params jsonvalue.Value) (jsonvalue.Value, error) {
	params = asSent(service, action, params)
	if service == "events" {
		service = "eventbridge" // as the SDK calls it
	}
	out, err := i.server.Call(ctx, service, action, params.AppendJSON(nil))
	if err != nil {
		return jsonvalue.Value{}, err
	}
	return jsonvalue.ParseBytes(out)
}

// invocation and invoked are the members of Lambda's Invoke that callers inside
// the cloud use.
type invocation struct {
	FunctionName   string `json:"FunctionName"`
	Qualifier      string `json:"Qualifier,omitempty"`
	InvocationType string `json:"InvocationType"`
	LogType        string `json:"LogType,omitempty"`
	ClientContext  string `json:"ClientContext,omitempty"`
	Payload        string `json:"Payload"`
}

type invoked struct {
	StatusCode      int
	ExecutedVersion string
	FunctionError   string
	Payload         string
	LogResult       string
}

// Invoke calls a function for a state machine's task.
func (i *integrations) Invoke(ctx context.Context, in sfn.Invocation) (sfn.Invoked, error) {
	kind := "RequestResponse"
	if in.Event {
		kind = "Event"
	}
	tail := ""
	if in.Tail {
		tail = "Tail"
	}
	out, err := i.invoke(ctx, invocation{
		FunctionName: in.Function, Qualifier: in.Qualifier, InvocationType: kind, LogType: tail, ClientContext: in.ClientContext, Payload: in.Payload,
	})
	return sfn.Invoked{
		Status: out.StatusCode, ExecutedVersion: out.ExecutedVersion, FunctionError: out.FunctionError, Payload: out.Payload, LogResult: out.LogResult,
	}, err
}

func (i *integrations) invoke(ctx context.Context, in invocation) (out invoked, err error) {
	err = i.call(ctx, "lambda", "Invoke", in, &out)
	return out, err
}

// call carries out an operation for another service of the cloud, with input and
// output as JSON has them.
func (i *integrations) call(ctx context.Context, service, operation string, in, out any) error {
	params, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := i.server.Call(ctx, service, operation, params)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

// deployedFunctions lets CodeDeploy look at functions and ask them.
type deployedFunctions struct{ operations *integrations }

func (f deployedFunctions) Alias(ctx context.Context, function, alias string) (version string, split bool, err error) {
	var out struct {
		FunctionVersion string
		RoutingConfig   struct{ AdditionalVersionWeights map[string]float64 }
	}
	err = f.operations.call(ctx, "lambda", "GetAlias", map[string]string{"FunctionName": function, "Name": alias}, &out)
	return out.FunctionVersion, len(out.RoutingConfig.AdditionalVersionWeights) > 0, err
}

func (f deployedFunctions) Version(ctx context.Context, function, version string) error {
	return f.operations.call(ctx, "lambda", "GetFunctionConfiguration", map[string]string{"FunctionName": function, "Qualifier": version}, &struct{}{})
}

func (f deployedFunctions) Invoke(ctx context.Context, function string, event []byte) error {
	_, err := f.operations.invoke(ctx, invocation{FunctionName: function, InvocationType: "Event", Payload: string(event)})
	return err
}

// alarmActions carries out what alarms want done.
type alarmActions struct{ operations *integrations }

// Publish sends a message to a topic.
func (a alarmActions) Publish(ctx context.Context, topic arn.ARN, subject, message string) error {
	return a.operations.publish(ctx, topic, subject, message)
}

// publish sends a message to a topic in the name of its owner. An empty subject is
// none.
func (i *integrations) publish(ctx context.Context, topic arn.ARN, subject, message string, attributes ...jsonvalue.Member) error {
	params := jsonvalue.ObjectOf(
		jsonvalue.Member{Key: "TopicArn", Value: jsonvalue.String(topic.String())},
		jsonvalue.Member{Key: "Message", Value: jsonvalue.String(message)},
	)
	if subject != "" {
		params = params.With("Subject", jsonvalue.String(subject))
	}
	if len(attributes) > 0 {
		params = params.With("MessageAttributes", jsonvalue.ObjectOf(attributes...))
	}
	_, err := i.Call(ownerOf(ctx, topic), "sns", "Publish", params)
	return err
}

// ownerOf returns a context for calls in the name of a resource's owner.
func ownerOf(ctx context.Context, a arn.ARN) context.Context {
	return wire.WithCaller(ctx, wire.Caller{Account: a.Account, Region: a.Region, Partition: a.Partition})
}

// Invoke calls a function with an event and does not wait for its answer.
func (a alarmActions) Invoke(ctx context.Context, function arn.ARN, event []byte) error {
	_, err := a.operations.invoke(ownerOf(ctx, function), invocation{FunctionName: function.String(), InvocationType: "Event", Payload: string(event)})
	return err
}

// alarmEvents takes the events of alarms to the default bus.
type alarmEvents struct{ bus *events.Service }

func (e alarmEvents) Put(ctx context.Context, event cloudwatch.Event) error {
	return e.bus.Put(ctx, events.Event(event))
}

// deploymentEvents takes the events of deployments there.
type deploymentEvents struct{ bus *events.Service }

func (e deploymentEvents) Put(ctx context.Context, event codedeploy.Event) error {
	return e.bus.Put(ctx, events.Event(event))
}

// subscribers calls functions for topics.
type subscribers struct{ operations *integrations }

func (s subscribers) Invoke(ctx context.Context, function string, event []byte) error {
	_, err := s.operations.invoke(ctx, invocation{FunctionName: function, InvocationType: "Event", Payload: string(event)})
	return err
}

// stateMetrics gives the local Step Functions a place for AWS/States,
// functionMetrics the local Lambda one for AWS/Lambda.
type (
	stateMetrics    struct{ cloudwatch *cloudwatch.Service }
	functionMetrics struct{ cloudwatch *cloudwatch.Service }
)

func (m stateMetrics) Series(account, region, name, unit string, dimensions []sfn.Dimension) sfn.Series {
	s := newSeries(m.cloudwatch, account, region, "AWS/States", name, unit)
	for _, d := range dimensions {
		s.datum.Dimensions = append(s.datum.Dimensions, cloudwatch.Dimension(d))
	}
	return s
}

func (m functionMetrics) Series(account, region, name, unit string, dimensions []lambda.Dimension) lambda.Series {
	s := newSeries(m.cloudwatch, account, region, "AWS/Lambda", name, unit)
	for _, d := range dimensions {
		s.datum.Dimensions = append(s.datum.Dimensions, cloudwatch.Dimension(d))
	}
	return s
}

// A series is one metric of a service of AWS.
type series struct {
	cloudwatch                 *cloudwatch.Service
	account, region, namespace string
	datum                      cloudwatch.Datum // without time and value
}

func newSeries(to *cloudwatch.Service, account, region, namespace, name, unit string) *series {
	return &series{cloudwatch: to, account: account, region: region, namespace: namespace, datum: cloudwatch.Datum{Name: name, Unit: unit}}
}

// Record adds one value.
func (s *series) Record(value float64, at time.Time) {
	d := s.datum
	d.Time, d.Value = at, value
	data := [1]cloudwatch.Datum{d}
	s.cloudwatch.Put(s.account, s.region, s.namespace, data[:])
}

// stateLogs takes what state machines log.
type stateLogs struct{ logs *logs.Service }

func (l stateLogs) Exists(_ context.Context, group string) bool { return l.logs.Exists(group) }

func (l stateLogs) Write(_ context.Context, group, stream string, events []sfn.LogEvent) error {
	lines := make([]logs.Event, len(events))
	for i, e := range events {
		lines[i] = logs.Event(e)
	}
	return l.logs.Put(group, stream, lines)
}

// functionSessions lets functions run as sessions of their roles.
type functionSessions struct{ sts *sts.Service }

func (f functionSessions) Session(account, partition, roleARN, name string) (lambda.Credentials, error) {
	made, err := f.sts.Session(account, partition, roleARN, name)
	if err != nil {
		return lambda.Credentials{}, err
	}
	return lambda.Credentials{AccessKeyID: made.AccessKeyId, SecretAccessKey: made.SecretAccessKey, SessionToken: made.SessionToken}, nil
}

// functionLogs takes what functions print. Its times are the machine's, by which
// functions run.
type functionLogs struct {
	logs    *logs.Service
	own     func(time.Time) time.Time // the cloud's time of one of the machine's
	printed func(group, entry string) // may be nil
}

func (l functionLogs) Write(account, region, group, stream string, events []lambda.LogEvent) {
	lines := make([]logs.Event, len(events))
	for i, e := range events {
		lines[i] = logs.Event{At: l.own(e.At), Message: e.Message}
	}
	l.logs.Write(account, region, group, stream, lines)
	if l.printed != nil {
		for _, e := range events {
			l.printed(group, e.Message)
		}
	}
}
