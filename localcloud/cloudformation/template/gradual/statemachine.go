package gradual

import (
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/plan"
)

// stateMachine reads an AWS::StepFunctions::StateMachineAlias, and reports whether
// it is deployed gradually.
func (a *alias) stateMachine() bool {
	a.kind, a.fine, a.onUnhealthy = plan.StateMachine, plan.FineMissing, plan.RollBack
	if !a.aliasName() {
		return false
	}
	preference, gradual := a.r.Properties.Get("DeploymentPreference")
	if !gradual {
		return a.splitStateMachine()
	}
	version, _ := preference.Get("StateMachineVersionArn")
	if !a.machineVersion(version, []string{"Properties", "DeploymentPreference", "StateMachineVersionArn"}) {
		return false
	}
	return a.preference(preference)
}

// preference reads the DeploymentPreference of the alias.
func (a *alias) preference(given value) bool {
	path := []string{"Properties", "DeploymentPreference"}
	alarms, watched := given.Get("Alarms")
	got, err := a.b.Evaluate(given.Without("Alarms"), resolver{a.finder}, "Resources", a.r.ID, "Properties", "DeploymentPreference")
	if err != nil {
		a.note(path, "%v", err)
		return false
	}
	kind, _ := got.Get("Type")
	if kind.Str() == template.Unknown {
		a.note(append(path, "Type"), "the type of the deployment depends on a parameter without a value; give it with --parameter")
		return false
	}
	preference := obj("type", kind)
	if kind.Str() != "ALL_AT_ONCE" {
		for _, from := range []string{"Percentage", "Interval"} {
			v, _ := got.Get(from)
			n, ok := number(v)
			if !ok {
				a.note(append(path, from), "%s of the deployment preference is not a number that is known before it is deployed", from)
				return false
			}
			preference = preference.With(strings.ToLower(from), n)
		}
	}
	a.strategy = obj("preference", preference)
	if watched {
		a.watch(a.r.ID, alarms, []string{"DeploymentPreference", "Alarms"})
	}
	if kind.Str() == "ALL_AT_ONCE" && len(a.alarms) > 0 {
		a.note(path, "CloudFormation looks at no alarm when it moves everything at once; the plan proves them before it starts, and watches them for as long as its soak says")
	}
	return true
}

// splitStateMachine reads a RoutingConfiguration of two versions as a rollout that
// somebody holds at a weight.
func (a *alias) splitStateMachine() bool {
	path := []string{"Properties", "RoutingConfiguration"}
	routes, _ := a.r.Properties.Get("RoutingConfiguration")
	if routes.Len() < 2 {
		a.note(path, "%s moves to its version at once: there is nothing gradual to carry over", a.r.ID)
		return false
	}
	best, lowest := value{}, int64(101)
	for route := range routes.Elements() {
		evaluated, err := a.b.Evaluate(route, resolver{a.finder}, "Resources", a.r.ID, "Properties", "RoutingConfiguration")
		if err != nil {
			a.note(path, "%v", err)
			return false
		}
		weight, _ := evaluated.Get("Weight")
		n, ok := number(weight)
		w, whole := n.Int()
		if !ok || !whole {
			a.note(path, "the weights of %s are not known before it is deployed", a.r.ID)
			return false
		}
		if w > 0 && w <= lowest {
			best, lowest = route, w
		}
	}
	if lowest > 99 {
		a.note(path, "one version of %s has all of the traffic: there is nothing gradual to carry over", a.r.ID)
		return false
	}
	version, _ := best.Get("StateMachineVersionArn")
	if !a.machineVersion(version, path) {
		return false
	}
	a.heldAt(strconv.FormatInt(lowest, 10)+"%", path)
	return true
}

// heldAt is the strategy of a split that a template states: the version with the
// smaller share is taken for the new one.
func (a *alias) heldAt(weight string, path []string) {
	a.strategy = obj("steps", list(obj("weight", str(weight), "until", str("approved"))), "soak", str("0s"))
	a.note(path, "the template states a split and no way on: the plan gives the version with the smaller share %s and waits there until a person approves", weight)
}

// machineVersion follows the ARN of a version to its state machine.
func (a *alias) machineVersion(v value, path []string) bool {
	id, literal := a.referredTo(v)
	if parsed, err := arn.Parse(literal); err == nil {
		machine, qualifier := parsed.Qualified()
		if arn.IsVersion(qualifier) {
			a.version = qualifier
		}
		return a.setTarget("", machine.String(), path, "state machine")
	}
	r, ok := a.b.Resource(id)
	if !ok || r.Type != "AWS::StepFunctions::StateMachineVersion" {
		a.note(path, "the version of %s is not in the template, so its state machine is not known", a.r.ID)
		return false
	}
	machine, _ := r.Properties.Get("StateMachineArn")
	id, literal = a.referredTo(machine)
	return a.setTarget(id, literal, path, "state machine")
}
