package serverless

import (
	"errors"
	"fmt"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// An event is one member of the Events of a function or state machine.
type event struct {
	name       string
	kind       string
	id         string // the logical id of what it expands to
	properties value
}

func (s *source) readEvents() ([]event, error) {
	given := s.get("Events")
	if !given.IsDefined() {
		return nil, nil
	}
	if given.Kind() != jsonvalue.KindObject {
		return nil, errors.New("'Events' must be a map")
	}
	var events []event
	for name, v := range given.Members() {
		kind, _ := v.Get("Type")
		if kind.Kind() != jsonvalue.KindString {
			return nil, eventError(name, errors.New("Event is missing 'Type'")) //nolint:staticcheck // as AWS's sentences
		}
		e := event{name: name, kind: kind.Str(), id: s.id + name}
		e.properties, _ = v.Get("Properties")
		events = append(events, e)
	}
	return events, nil
}

func eventError(name string, err error) error {
	return fmt.Errorf("Event with id [%s] is invalid. %w", name, err) //nolint:staticcheck // AWS's words
}

func (e event) get(name string) value {
	v, _ := e.properties.Get(name)
	return v
}

func (e event) require(names ...string) error {
	for _, name := range names {
		if !e.get(name).IsDefined() {
			return fmt.Errorf("Missing required property '%s'.", name) //nolint:staticcheck // AWS's words
		}
	}
	return nil
}

// executionPolicy names the managed policy that a function needs to read from the
// source of an event, or is empty.
func (e event) executionPolicy() string {
	switch e.kind {
	case "SQS":
		return "AWSLambdaSQSQueueExecutionRole"
	case "Kinesis":
		return "AWSLambdaKinesisExecutionRole"
	case "DynamoDB":
		return "AWSLambdaDynamoDBExecutionRole"
	case "MSK":
		return "AWSLambdaMSKExecutionRole"
	default:
		return ""
	}
}

// functionEvents expands the events of a function.
func (s *source) functionEvents(events []event, called callee) error {
	for _, e := range events {
		s.expanding = []string{"Events", e.name}
		if err := s.functionEvent(e, called); err != nil {
			return eventError(e.name, err)
		}
	}
	return nil
}

func (s *source) functionEvent(e event, called callee) error {
	switch e.kind {
	case "Schedule":
		if err := e.require("Schedule"); err != nil {
			return err
		}
		return s.functionRule(e, called)
	case "EventBridgeRule", "CloudWatchEvent":
		if err := e.require("Pattern"); err != nil {
			return err
		}
		return s.functionRule(e, called)
	case "SNS":
		return s.subscription(e, called)
	case "SQS", "Kinesis", "DynamoDB", "MSK", "MQ", "SelfManagedKafka", "DocumentDB":
		return s.mapping(e, called)
	case "S3":
		return s.bucketEvent(e, called)
	case "CloudWatchLogs":
		return s.logsEvent(e, called)
	case "ScheduleV2":
		return s.schedule(e, called.arn, "lambda:InvokeFunction")
	case "Api":
		return s.apiEvent(e, called)
	case "HttpApi":
		return s.httpAPIEvent(e, called)
	case "AlexaSkill":
		return s.emit(e.id+"Permission", "AWS::Lambda::Permission", obj("Action", str("lambda:InvokeFunction"),
			"FunctionName", called.name, "Principal", str("alexa-appkit.amazon.com"), "EventSourceToken", e.get("SkillId")))
	default:
		if s.sketch {
			return nil
		}
		return fmt.Errorf("the event type %s cannot be expanded here", e.kind)
	}
}

// permission lets a service invoke the function.
func (s *source) permission(e event, called callee, service string, source value) error {
	return s.emit(e.id+"Permission", "AWS::Lambda::Permission", obj("Action", str("lambda:InvokeFunction"),
		"FunctionName", called.name, "Principal", str(service), "SourceArn", source))
}

// rule makes the properties of an EventBridge rule.
func (s *source) rule(e event, suffix string, arn, role value) (value, error) {
	id := e.id + suffix
	if target, ok := e.get("Target").Get("Id"); ok {
		id = target.Text()
	}
	target := obj("Arn", arn, "Id", str(id[:min(64, len(id))]), "RoleArn", role, "Input", e.get("Input"), "InputPath", e.get("InputPath"),
		"InputTransformer", e.get("InputTransformer"), "DeadLetterConfig", deadLetter(e), "RetryPolicy", e.get("RetryPolicy"))
	state := e.get("State")
	if enabled := e.get("Enabled"); enabled.IsDefined() {
		if state.IsDefined() {
			return value{}, errors.New("State and Enabled Properties cannot both be specified.") //nolint:staticcheck // AWS's words
		}
		state = str("DISABLED")
		if strings.EqualFold(enabled.Text(), "true") {
			state = str("ENABLED")
		}
	}
	name := e.get("RuleName")
	if e.kind == "Schedule" {
		name = e.get("Name")
	}
	return obj("Name", name, "Description", e.get("Description"), "EventBusName", e.get("EventBusName"), "EventPattern", e.get("Pattern"),
		"ScheduleExpression", e.get("Schedule"), "State", state, "Targets", list(target)), nil
}

func deadLetter(e event) value {
	config := e.get("DeadLetterConfig")
	if arn, ok := config.Get("Arn"); ok {
		return obj("Arn", arn)
	}
	return value{}
}

// ownQueue makes the dead-letter queue that an event asks for by its type.
func (s *source) ownQueue(e event) (event, error) {
	config := e.get("DeadLetterConfig")
	if !config.IsDefined() {
		return e, nil
	}
	if _, ok := config.Get("Arn"); ok {
		return e, nil
	}
	if kind, _ := config.Get("Type"); kind.Str() != "SQS" {
		return e, errors.New("'Arn' or 'Type' must be specified for 'DeadLetterConfig': the Type is SQS")
	}
	id := e.id + "Queue"
	if given, ok := config.Get("QueueLogicalId"); ok {
		id = given.Str()
	}
	e.properties = e.properties.With("DeadLetterConfig", obj("Arn", getAtt(id, "Arn")))
	return e, s.emit(id, "AWS::SQS::Queue", obj())
}

func (s *source) functionRule(e event, called callee) error {
	e, err := s.ownQueue(e)
	if err != nil {
		return err
	}
	rule, err := s.rule(e, "LambdaTarget", called.arn, value{})
	if err != nil {
		return err
	}
	if err := s.emit(e.id, "AWS::Events::Rule", rule); err != nil {
		return err
	}
	return s.permission(e, called, "events.amazonaws.com", getAtt(e.id, "Arn"))
}

func (s *source) subscription(e event, called callee) error {
	if err := e.require("Topic"); err != nil {
		return err
	}
	if through := e.get("SqsSubscription"); through.IsDefined() && !strings.EqualFold(through.Text(), "false") {
		return errors.New("SqsSubscription cannot be expanded here: subscribe the function itself")
	}
	topic := e.get("Topic")
	if err := s.emit(e.id, "AWS::SNS::Subscription", obj("Endpoint", called.arn, "Protocol", str("lambda"), "TopicArn", topic,
		"FilterPolicy", e.get("FilterPolicy"), "FilterPolicyScope", e.get("FilterPolicyScope"), "Region", e.get("Region"),
		"RedrivePolicy", e.get("RedrivePolicy"))); err != nil {
		return err
	}
	return s.permission(e, called, "sns.amazonaws.com", topic)
}

// pollSources names the property that says where Lambda polls for an event.
var pollSources = map[string]string{
	"SQS": "Queue", "Kinesis": "Stream", "DynamoDB": "Stream", "MSK": "Stream", "MQ": "Broker", "DocumentDB": "Cluster",
}

// mapping expands the events that Lambda polls for.
func (s *source) mapping(e event, called callee) error {
	source := e.get(pollSources[e.kind])
	if !source.IsDefined() && e.kind != "SelfManagedKafka" {
		return fmt.Errorf("No %s for the event source of type %s provided.", pollSources[e.kind], e.kind) //nolint:staticcheck // AWS's words
	}
	var b jsonvalue.ObjectBuilder
	if source.IsDefined() {
		b.Set("EventSourceArn", source)
	}
	b.Set("FunctionName", called.name)
	for key, v := range e.properties.Members() {
		if key != pollSources[e.kind] {
			b.Set(key, v)
		}
	}
	return s.emit(e.id, "AWS::Lambda::EventSourceMapping", b.Value())
}

// bucketEvent lets a bucket of the same template notify the function.
func (s *source) bucketEvent(e event, called callee) error {
	if err := e.require("Bucket", "Events"); err != nil {
		return err
	}
	target, _ := e.get("Bucket").Get("Ref")
	bucket, ok := s.t.Resource(target.Str())
	if !ok || bucket.Type != "AWS::S3::Bucket" {
		return errors.New("S3 events must reference an S3 bucket in the same template.") //nolint:staticcheck // AWS's words
	}
	permission := e.id + "Permission"
	if err := s.emit(permission, "AWS::Lambda::Permission", obj("Action", str("lambda:InvokeFunction"), "FunctionName", called.name,
		"Principal", str("s3.amazonaws.com"), "SourceAccount", ref("AWS::AccountId"))); err != nil {
		return err
	}
	names := e.get("Events")
	if names.Kind() != jsonvalue.KindArray {
		names = list(names)
	}
	s.edits = append(s.edits, edit{bucket.ID, func(r value) value {
		properties, _ := r.Get("Properties")
		notification, _ := properties.Get("NotificationConfiguration")
		configurations, _ := notification.Get("LambdaConfigurations")
		for name := range names.Elements() {
			configurations = configurations.Append(obj("Event", name, "Filter", e.get("Filter"), "Function", called.arn))
		}
		on, _ := r.Get("DependsOn")
		if on.Kind() == jsonvalue.KindString {
			on = list(on)
		}
		return r.With("DependsOn", on.Append(str(permission))).
			With("Properties", properties.With("NotificationConfiguration", notification.With("LambdaConfigurations", configurations)))
	}})
	return nil
}

func (s *source) logsEvent(e event, called callee) error {
	if err := e.require("LogGroupName", "FilterPattern"); err != nil {
		return err
	}
	arn := obj("Fn::Sub", list(str("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${__LogGroupName__}:*"),
		obj("__LogGroupName__", e.get("LogGroupName"))))
	if err := s.permission(e, called, "logs.amazonaws.com", arn); err != nil {
		return err
	}
	return s.emit(e.id, "AWS::Logs::SubscriptionFilter", obj("DestinationArn", called.arn, "FilterPattern", e.get("FilterPattern"),
		"LogGroupName", e.get("LogGroupName")), jsonvalue.Member{Key: "DependsOn", Value: list(str(e.id + "Permission"))})
}

// schedule expands ScheduleV2 to a schedule of EventBridge Scheduler with a role.
func (s *source) schedule(e event, target value, action string) error {
	if err := e.require("ScheduleExpression"); err != nil {
		return err
	}
	arn := e.get("RoleArn")
	if !arn.IsDefined() {
		arn = getAtt(e.id+"Role", "Arn")
		if err := s.startRole(e, "scheduler.amazonaws.com", action, target); err != nil {
			return err
		}
	}
	window := e.get("FlexibleTimeWindow")
	if !window.IsDefined() {
		window = obj("Mode", str("OFF"))
	}
	name := e.get("Name")
	if !name.IsDefined() {
		name = str(e.id)
	}
	return s.emit(e.id, "AWS::Scheduler::Schedule", obj("Name", name, "ScheduleExpression", e.get("ScheduleExpression"),
		"FlexibleTimeWindow", window, "State", e.get("State"), "Description", e.get("Description"), "GroupName", e.get("GroupName"),
		"StartDate", e.get("StartDate"), "EndDate", e.get("EndDate"), "KmsKeyArn", e.get("KmsKeyArn"),
		"ScheduleExpressionTimezone", e.get("ScheduleExpressionTimezone"),
		"Target", obj("Arn", target, "RoleArn", arn, "Input", e.get("Input"), "DeadLetterConfig", deadLetter(e), "RetryPolicy", e.get("RetryPolicy"))))
}

// startRole is the role by which an event source calls its target.
func (s *source) startRole(e event, service, action string, target value) error {
	short := "StartExecution"
	if strings.HasPrefix(action, "lambda:") {
		short = "LambdaInvoke"
	}
	id := e.id + "Role"
	return s.emit(id, "AWS::IAM::Role", obj("AssumeRolePolicyDocument", trust(service),
		"Policies", list(obj("PolicyName", str(id+short+"Policy"), "PolicyDocument", statement(action, target)))))
}

// machineEvents expands the events of a state machine.
func (s *source) machineEvents(events []event, called callee) error {
	for _, e := range events {
		s.expanding = []string{"Events", e.name}
		if err := s.machineEvent(e, called); err != nil {
			return eventError(e.name, err)
		}
	}
	return nil
}

func (s *source) machineEvent(e event, called callee) error {
	switch e.kind {
	case "Schedule":
		if err := e.require("Schedule"); err != nil {
			return err
		}
	case "EventBridgeRule", "CloudWatchEvent":
		if err := e.require("Pattern"); err != nil {
			return err
		}
	case "ScheduleV2":
		return s.schedule(e, called.arn, "states:StartExecution")
	case "Api":
		return s.machineAPIEvent(e, called)
	default:
		if s.sketch {
			return nil
		}
		return fmt.Errorf("the event type %s cannot be expanded here", e.kind)
	}
	e, err := s.ownQueue(e)
	if err != nil {
		return err
	}
	arn := e.get("RoleArn")
	if !arn.IsDefined() {
		arn = getAtt(e.id+"Role", "Arn")
		if err := s.startRole(e, "events.amazonaws.com", "states:StartExecution", called.arn); err != nil {
			return err
		}
	}
	rule, err := s.rule(e, "StepFunctionsTarget", called.arn, arn)
	if err != nil {
		return err
	}
	return s.emit(e.id, "AWS::Events::Rule", rule)
}
