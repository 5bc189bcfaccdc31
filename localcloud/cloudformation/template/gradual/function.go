package gradual

import (
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template/serverless"
	"github.com/crossfade-dev/crossfade/plan"
)

// function reads an AWS::Lambda::Alias, and reports whether it is deployed
// gradually.
func (a *alias) function() bool {
	a.kind, a.fine, a.onUnhealthy = plan.Lambda, plan.FineMissing, plan.RollBack
	if !a.aliasName() {
		return false
	}
	name, _ := a.r.Properties.Get("FunctionName")
	id, literal := a.referredTo(name)
	if !a.setTarget(id, literal, []string{"Properties", "FunctionName"}, "function") {
		return false
	}
	update, gradual := a.r.UpdatePolicy.Get("CodeDeployLambdaAliasUpdate")
	if !gradual {
		return a.splitFunction()
	}
	if version, ok := a.r.Properties.Get("FunctionVersion"); ok {
		if _, literal := a.referredTo(version); arn.IsVersion(literal) {
			a.version = literal
		}
	}
	if !a.deploymentGroup(update) {
		return false
	}
	a.readHooks(update)
	if enabled, ok := a.r.Metadata.Get(serverless.UndecidedPreference); ok {
		names := a.b.Unknowns(enabled)
		a.note(nil, "whether %s is deployed gradually depends on %s, which has no value: the plan says what happens where it is; give it with --parameter %s=VALUE",
			a.r.ID, "the parameter "+strings.Join(names, " and the parameter "), names[0])
	}
	return true
}

// splitFunction reads a RoutingConfig as a rollout that somebody holds at a
// weight.
func (a *alias) splitFunction() bool {
	path := []string{"Properties", "RoutingConfig"}
	routing, err := a.get(a.r.ID, "RoutingConfig")
	weights, _ := routing.Get("AdditionalVersionWeights")
	if err != nil || weights.Len() == 0 {
		a.note(nil, "%s moves to its version at once: there is nothing gradual to carry over", a.r.ID)
		return false
	}
	weight, _ := weights.At(0).Get("FunctionWeight")
	n, ok := number(weight)
	if !ok || n.Float() <= 0 || n.Float() >= 1 {
		a.note(path, "the weight of %s is not a fraction between 0 and 1 that is known before it is deployed", a.r.ID)
		return false
	}
	if version, _ := weights.At(0).Get("FunctionVersion"); arn.IsVersion(version.Text()) {
		a.version = version.Text()
	}
	a.heldAt(strconv.FormatFloat(n.Float()*100, 'f', -1, 64)+"%", path)
	return true
}

// deploymentGroup reads the CodeDeploy deployment group that deploys the alias.
func (a *alias) deploymentGroup(update value) bool {
	path := []string{"UpdatePolicy", "CodeDeployLambdaAliasUpdate", "DeploymentGroupName"}
	name, _ := update.Get("DeploymentGroupName")
	id, literal := a.referredTo(name)
	if id == "" {
		id = a.groupCalled(literal)
	}
	group, ok := a.b.Exists(id)
	if !ok || group.Type != "AWS::CodeDeploy::DeploymentGroup" {
		a.note(path, "the deployment group %s of %s is not in the template: its configuration, alarms and rollbacks cannot be carried over", literal+id, a.r.ID)
		return false
	}
	if !a.configuration(group) {
		return false
	}
	a.groupAlarms(group)
	a.rollbacks(group)
	if triggers, _ := group.Properties.Get("TriggerConfigurations"); triggers.Len() > 0 {
		a.noteAt([]string{"Resources", group.ID, "Properties", "TriggerConfigurations"}, "the triggers are not carried over: a plan has no notifications yet")
	}
	return true
}

// groupCalled finds a deployment group by its own name.
func (a *alias) groupCalled(name string) string {
	for _, r := range a.b.Existing() {
		if r.Type == "AWS::CodeDeploy::DeploymentGroup" && name != "" && a.nameOf(r.ID) == name {
			return r.ID
		}
	}
	return ""
}

// configuration makes the strategy of the group's deployment configuration.
func (a *alias) configuration(group template.Resource) bool {
	path := []string{"Resources", group.ID, "Properties", "DeploymentConfigName"}
	given, ok := group.Properties.Get("DeploymentConfigName")
	if !ok {
		a.strategy = obj("named", str("CodeDeployDefault.LambdaAllAtOnce"))
		return true
	}
	id, name := a.referredTo(given)
	if name == "" && id == "" {
		v, err := a.b.Evaluate(given, resolver{a.finder}, path...)
		if err != nil || v.Str() == template.Unknown {
			a.noteAt(path, "the deployment configuration of %s is not known before it is deployed", group.ID)
			return false
		}
		name = v.Text()
	}
	if id == "" {
		if _, err := plan.Preset(name); err == nil && strings.HasPrefix(name, "CodeDeployDefault.Lambda") {
			a.strategy = obj("named", str(name))
			return true
		}
		for _, r := range a.b.Existing() {
			if r.Type == "AWS::CodeDeploy::DeploymentConfig" && a.nameOf(r.ID) == name {
				id = r.ID
			}
		}
	}
	config, ok := a.b.Exists(id)
	if !ok || config.Type != "AWS::CodeDeploy::DeploymentConfig" {
		a.noteAt(path, "the deployment configuration %s is neither one of CodeDeploy's for functions nor in the template, so its steps are not known", name+id)
		return false
	}
	return a.customConfiguration(config)
}

// customConfiguration makes the strategy of an AWS::CodeDeploy::DeploymentConfig.
func (a *alias) customConfiguration(config template.Resource) bool {
	path := []string{"Resources", config.ID, "Properties", "TrafficRoutingConfig"}
	routing, err := a.get(config.ID, "TrafficRoutingConfig")
	if err != nil {
		a.noteAt(path, "%v", err)
		return false
	}
	kind, _ := routing.Get("Type")
	form, interval, percentage := "", "", ""
	switch kind.Str() {
	case "AllAtOnce", "":
		a.strategy = obj("allAtOnce", obj(), "soak", str("0s"))
		return true
	case "TimeBasedCanary":
		form, interval, percentage = "canary", "CanaryInterval", "CanaryPercentage"
	case "TimeBasedLinear":
		form, interval, percentage = "linear", "LinearInterval", "LinearPercentage"
	default:
		a.noteAt(path, "%s shifts traffic by the type %s, which is not known", config.ID, kind.Text())
		return false
	}
	numbers, _ := routing.Get(kind.Str())
	minutes, _ := numbers.Get(interval)
	percent, _ := numbers.Get(percentage)
	m, ok := number(minutes)
	p, okToo := number(percent)
	if !ok || !okToo {
		a.noteAt(path, "%s and %s of %s are not numbers that are known before it is deployed", percentage, interval, config.ID)
		return false
	}
	weight, every := str(p.String()+"%"), str(m.String()+"m")
	step := obj("weight", weight, "for", every)
	if form == "linear" {
		step = obj("step", weight, "every", every)
	}
	a.strategy = obj(form, step, "soak", str("0s"))
	return true
}

func (a *alias) groupAlarms(group template.Resource) {
	given, ok := group.Properties.Get("AlarmConfiguration")
	if !ok {
		return
	}
	settings, err := a.b.Evaluate(given.Without("Alarms"), resolver{a.finder}, "Resources", group.ID, "Properties", "AlarmConfiguration")
	if err != nil {
		a.noteAt([]string{"Resources", group.ID, "Properties", "AlarmConfiguration"}, "the alarms are not carried over: %v", err)
		return
	}
	if enabled, ok := settings.Get("Enabled"); ok && !isTrue(enabled) {
		return
	}
	if ignore, _ := settings.Get("IgnorePollAlarmFailure"); isTrue(ignore) {
		a.fine = plan.FineUnreadable
	}
	if alarms, ok := given.Get("Alarms"); ok {
		a.watch(group.ID, alarms, []string{"AlarmConfiguration", "Alarms"})
	}
}

// rollbacks reads when CodeDeploy takes the traffic back. Where it does not, it
// stops and leaves the split.
func (a *alias) rollbacks(group template.Resource) {
	path := []string{"Resources", group.ID, "Properties", "AutoRollbackConfiguration"}
	given, err := a.get(group.ID, "AutoRollbackConfiguration")
	if err != nil {
		a.noteAt(path, "%v", err)
		return
	}
	enabled, _ := given.Get("Enabled")
	events, _ := given.Get("Events")
	onAlarm, onFailure := false, false
	for event := range events.Elements() {
		onAlarm = onAlarm || event.Str() == "DEPLOYMENT_STOP_ON_ALARM"
		onFailure = onFailure || event.Str() == "DEPLOYMENT_FAILURE"
	}
	switch {
	case !isTrue(enabled) || !onAlarm && !onFailure:
		a.onUnhealthy = plan.Hold
		a.noteAt(path, "%s does not roll back by itself: the plan holds where it stands when something is wrong", group.ID)
	case onAlarm != onFailure && (len(a.alarms) > 0 || !onFailure):
		a.noteAt(path, "%s rolls back only after some failures; the plan does after each", group.ID)
	}
}

// readHooks reads the functions that are asked before and after the shift.
func (a *alias) readHooks(update value) {
	for _, h := range []struct{ from, to string }{
		{"BeforeAllowTrafficHook", string(plan.BeforeTraffic)}, {"AfterAllowTrafficHook", string(plan.AfterTraffic)},
	} {
		given, ok := update.Get(h.from)
		if !ok {
			continue
		}
		path := []string{"UpdatePolicy", "CodeDeployLambdaAliasUpdate", h.from}
		v, err := a.b.Evaluate(given, resolver{a.finder}, append([]string{"Resources", a.r.ID}, path...)...)
		id, _ := a.referredTo(given)
		switch {
		case err != nil:
			a.note(path, "%v", err)
			continue
		case !v.IsDefined():
			continue
		case v.Str() != template.Unknown && v.Str() != "":
		case id == "":
			a.note(path, "the name of the hook for %s is not known before it is deployed, so it is not in the plan: add it to the hooks", h.to)
			continue
		default:
			a.note(path, "the name of the hook %s only exists after deployment, so it is not in the plan: add it to the hooks as %s, or give it with --physical %s=NAME", id, h.to, id)
			continue
		}
		if _, err := plan.ParseHook(v.Str()); err != nil {
			a.note(path, "the hook is not carried over: %v", err)
			continue
		}
		a.hooks = a.hooks.With(h.to, v)
		a.note(path, "the hook %s answers by calling CodeDeploy, which has no part in a plan's rollout: have it return {\"status\": \"Failed\"} when it does not agree, because what ends without an error and without a status counts as agreement", v.Str())
	}
}

func isTrue(v value) bool { return strings.EqualFold(v.Text(), "true") }

// number reads a number that may be written as text.
func number(v value) (value, bool) {
	if v.Kind() == jsonvalue.KindNumber {
		return v, true
	}
	n := jsonvalue.Number(v.Str())
	return n, n.IsDefined()
}

func list(items ...value) value { return jsonvalue.ArrayOf(items...) }
