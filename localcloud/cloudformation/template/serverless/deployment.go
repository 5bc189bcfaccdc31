package serverless

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

const (
	deploymentApplication = "ServerlessDeploymentApplication"
	deploymentRole        = "CodeDeployServiceRole"
)

// shortConfigs are the names that stand for CodeDeploy's own configurations.
var shortConfigs = []string{
	"Canary10Percent5Minutes", "Canary10Percent10Minutes", "Canary10Percent15Minutes", "Canary10Percent30Minutes",
	"Linear10PercentEvery1Minute", "Linear10PercentEvery2Minutes", "Linear10PercentEvery3Minutes", "Linear10PercentEvery10Minutes",
	"AllAtOnce",
}

// A preference is the DeploymentPreference of a function.
type preference struct {
	enabled bool
	config  value
	alarms  value
	hooks   value
	role    value
	trigger value
	// condition is that of the function, where it is to be passed through.
	condition string
	// undecided is the written Enabled of a sketch, where it depends on parameters
	// without a value; the preference then counts as enabled.
	undecided value
}

// preference reads the DeploymentPreference. One that is not enabled leaves the
// alias a plain one.
func (s *source) preference(alias string) (preference, error) {
	var p preference
	given, err := s.known("DeploymentPreference")
	if err != nil || !given.IsDefined() {
		return p, err
	}
	if given.Kind() != jsonvalue.KindObject {
		return p, errors.New("'DeploymentPreference' must be a map")
	}
	// What is passed on stays as it was written, so that it is evaluated with the
	// stack.
	written := s.get("DeploymentPreference")
	enabled, ok := given.Get("Enabled")
	if open, _ := written.Get("Enabled"); s.sketch && len(s.b.Unknowns(open)) > 0 {
		p.undecided, enabled = open, jsonvalue.Bool(true)
	}
	if ok && isCall(enabled) {
		return p, errors.New("Invalid value for 'Enabled' in 'DeploymentPreference': it must be known from parameters, mappings and conditions") //nolint:staticcheck // as AWS's sentences
	}
	if ok && !strings.EqualFold(enabled.Text(), "true") {
		return p, nil
	}
	if alias == "" {
		return p, errors.New("'DeploymentPreference' requires AutoPublishAlias property to be specified.") //nolint:staticcheck // AWS's words
	}
	kind, ok := given.Get("Type")
	if !ok || kind.Text() == "" {
		return p, errors.New("'DeploymentPreference' requires 'Type' property to be specified.") //nolint:staticcheck // AWS's words
	}
	p.enabled = true
	p.config = kind
	if slices.Contains(shortConfigs, kind.Str()) {
		p.config = obj("Fn::Sub", list(str("CodeDeployDefault.Lambda${ConfigName}"), obj("ConfigName", kind)))
	}
	p.alarms, _ = written.Get("Alarms")
	p.hooks, _ = written.Get("Hooks")
	p.role, _ = written.Get("Role")
	p.trigger, _ = written.Get("TriggerConfigurations")
	if pass, _ := given.Get("PassthroughCondition"); strings.EqualFold(pass.Text(), "true") {
		p.condition = s.resource.Condition
	}
	s.preferences[s.id] = p
	s.order = append(s.order, s.id)
	return p, nil
}

func (p preference) updatePolicy(function string) value {
	before, _ := p.hooks.Get("PreTraffic")
	after, _ := p.hooks.Get("PostTraffic")
	return obj("CodeDeployLambdaAliasUpdate", obj(
		"ApplicationName", ref(deploymentApplication), "DeploymentGroupName", ref(function+"DeploymentGroup"),
		"BeforeAllowTrafficHook", before, "AfterAllowTrafficHook", after))
}

func (s *source) deploymentGroup(p preference) {
	role := p.role
	if !role.IsDefined() {
		role = getAtt(deploymentRole, "Arn")
	}
	properties := obj(
		"ApplicationName", ref(deploymentApplication),
		"AutoRollbackConfiguration", obj("Enabled", jsonvalue.Bool(true), "Events",
			list(str("DEPLOYMENT_FAILURE"), str("DEPLOYMENT_STOP_ON_ALARM"), str("DEPLOYMENT_STOP_ON_REQUEST"))),
		"AlarmConfiguration", alarmConfiguration(p.alarms),
		"DeploymentConfigName", p.config,
		"DeploymentStyle", obj("DeploymentType", str("BLUE_GREEN"), "DeploymentOption", str("WITH_TRAFFIC_CONTROL")),
		"ServiceRoleArn", role,
		"TriggerConfigurations", p.trigger)
	var b jsonvalue.ObjectBuilder
	b.Set("Type", str("AWS::CodeDeploy::DeploymentGroup"))
	if p.condition != "" {
		b.Set("Condition", str(p.condition))
	}
	b.Set("Properties", properties)
	s.out.Set(s.id+"DeploymentGroup", b.Value())
	s.expanding = []string{"DeploymentPreference"}
	s.origin[s.id+"DeploymentGroup"] = s.place()
}

// alarmConfiguration writes alarms as CodeDeploy wants them, also on both branches
// of Fn::If; Undefined where there are none.
func alarmConfiguration(alarms value) value {
	if !alarms.IsDefined() {
		return alarms
	}
	return obj("Enabled", jsonvalue.Bool(true), "Alarms", alarmList(alarms))
}

func alarmList(alarms value) value {
	if branches, ok := alarms.Get("Fn::If"); ok && branches.Len() == 3 {
		return obj("Fn::If", list(branches.At(0), alarmList(branches.At(1)), alarmList(branches.At(2))))
	}
	if alarms.Kind() != jsonvalue.KindArray {
		return alarms
	}
	var b jsonvalue.ArrayBuilder
	for alarm := range alarms.Elements() {
		if target, _ := alarm.Get("Ref"); target.Str() == "AWS::NoValue" {
			continue
		}
		b.Append(obj("Name", alarm))
	}
	return b.Value()
}

// sharedDeployment adds the application and the role that all deployment groups
// of a template share.
func (x *expansion) sharedDeployment() error {
	if len(x.order) == 0 {
		return nil
	}
	application := aggregate{}
	role := aggregate{}
	for _, id := range x.order {
		p := x.preferences[id]
		application.add(p.condition)
		if !p.role.IsDefined() {
			role.add(p.condition)
		}
	}
	if err := x.shared(deploymentApplication, "AWS::CodeDeploy::Application", obj("ComputePlatform", str("Lambda")), application); err != nil {
		return err
	}
	if role.members > 0 {
		return x.shared(deploymentRole, "AWS::IAM::Role", obj(
			"AssumeRolePolicyDocument", trust("codedeploy.amazonaws.com"),
			"ManagedPolicyArns", list(str(x.managedPolicy("service-role/AWSCodeDeployRoleForLambda")))), role)
	}
	return nil
}

// An aggregate is when a shared resource exists: always as soon as one of its
// users has no condition, else when one of their conditions holds.
type aggregate struct {
	members    int
	always     bool
	conditions []string
}

func (a *aggregate) add(condition string) {
	a.members++
	a.always = a.always || condition == ""
	if condition != "" && !slices.Contains(a.conditions, condition) {
		a.conditions = append(a.conditions, condition)
	}
}

func (x *expansion) shared(id, kind string, properties value, a aggregate) error {
	if _, exists := x.t.Resource(id); exists {
		return fmt.Errorf("it expands to the resource %s, and the template has one of that id", id)
	}
	var b jsonvalue.ObjectBuilder
	b.Set("Type", str(kind))
	switch {
	case a.always:
	case len(a.conditions) == 1:
		b.Set("Condition", str(a.conditions[0]))
	default:
		name := id + "Condition"
		b.Set("Condition", str(name))
		if x.conditions == nil {
			x.conditions = map[string]value{}
		}
		x.conditions[name] = anyOf(a.conditions)
	}
	b.Set("Properties", properties)
	x.out.Set(id, b.Value())
	x.origin[id] = []string{x.order[0]}
	return nil
}

// anyOf joins conditions with Fn::Or, which takes ten at a time.
func anyOf(names []string) value {
	operands := make([]value, 0, len(names))
	for _, name := range names {
		operands = append(operands, obj("Condition", str(name)))
	}
	for len(operands) > 10 {
		operands = append([]value{obj("Fn::Or", list(operands[:10]...))}, operands[10:]...)
	}
	return obj("Fn::Or", list(operands...))
}
