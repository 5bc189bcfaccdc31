// Package gradual finds the gradual deployments that a template declares and says
// the same as plans: the DeploymentPreference of a state machine's alias, the
// CodeDeploy deployment of a function's alias, and aliases that are split by hand.
//
// What AWS::Serverless declares is found too, once the transform has expanded it.
// A plan that is found is right as plan.Parse has it; what could not be carried
// over, or is another thing than it was, is in its notes with the place in the
// template.
package gradual

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/plan"
)

type value = jsonvalue.Value

// A Rollout is an alias that a template deploys gradually.
type Rollout struct {
	// Alias is the logical id of the alias.
	Alias string
	// Line is where the template declares it.
	Line int
	Plan plan.Plan
	// Notes are what a reader of the plan has to know, in the order of the places
	// that they are about.
	Notes []Note
}

// A Note is about one place of the template.
type Note struct {
	Line, Column int
	Text         string
}

// Find returns the rollouts of a template, in the template's order, and notes
// about aliases that none was made of. Names maps logical ids to physical ids, as
// far as they are known; a name that the template does not give and that is not
// in it is a note.
func Find(b *template.Bound, names map[string]string) (rollouts []Rollout, notes []Note) {
	f := &finder{b: b, names: names, taken: map[string]bool{}, asked: map[string]bool{}}
	for _, r := range b.Resources {
		if r.Type != "AWS::StepFunctions::StateMachineAlias" && r.Type != "AWS::Lambda::Alias" {
			continue
		}
		a := &alias{finder: f, r: r}
		if _, exists := b.Exists(r.ID); !exists {
			a.note([]string{"Condition"}, "%s does not exist with these parameters: its condition %s does not hold", r.ID, r.Condition)
			notes = append(notes, a.notes...)
			continue
		}
		if b.Uncertain(r.Condition) {
			a.note([]string{"Condition"}, "the condition %s depends on a parameter without a value", r.Condition)
		}
		var ok bool
		if r.Type == "AWS::Lambda::Alias" {
			ok = a.function()
		} else {
			ok = a.stateMachine()
		}
		if !ok {
			notes = append(notes, a.notes...)
			continue
		}
		found, err := a.plan()
		if err != nil {
			a.note(nil, "no plan can say this: %s", reason(err))
			notes = append(notes, a.notes...)
			continue
		}
		if len(a.alarms) == 0 {
			a.note(nil, "no alarm is watched, so nothing is judged: take checks out of the plan for the default limit on bad outcomes")
		}
		rollouts = append(rollouts, Rollout{Alias: r.ID, Line: b.Fail([]string{"Resources", r.ID}, "").Line, Plan: found, Notes: a.notes})
	}
	return rollouts, notes
}

// A finder looks through one template.
type finder struct {
	b     *template.Bound
	names map[string]string
	taken map[string]bool // plans' names
	// asked are the resources whose name is being looked for, so that names that
	// are made of each other end the search.
	asked map[string]bool
}

// An alias is what is known of the rollout of one alias.
type alias struct {
	*finder
	r           template.Resource
	notes       []Note
	kind        plan.Kind
	target      string // of the function or state machine
	name        string // of the alias
	version     string
	strategy    value
	alarms      []string
	fine        plan.Lenience
	onUnhealthy plan.Reaction
	hooks       value
}

func (a *alias) note(path []string, format string, args ...any) {
	e := a.b.Fail(append([]string{"Resources", a.r.ID}, path...), format, args...)
	a.notes = append(a.notes, Note{e.Line, e.Column, e.Message})
}

// noteAt is a note about a place in another resource.
func (a *alias) noteAt(path []string, format string, args ...any) {
	e := a.b.Fail(path, format, args...)
	a.notes = append(a.notes, Note{e.Line, e.Column, e.Message})
}

// get evaluates a property, as far as names are known.
func (f *finder) get(id, property string) (value, error) {
	r, _ := f.b.Resource(id)
	v, ok := r.Properties.Get(property)
	if !ok {
		return v, nil
	}
	return f.b.Evaluate(v, resolver{f}, "Resources", id, "Properties", property)
}

// referredTo returns the logical id that a property refers to as a whole, or the
// text that it has instead.
func (f *finder) referredTo(v value) (id, literal string) {
	v, err := f.b.Partial(v)
	if err != nil {
		return "", ""
	}
	if v.Kind() == jsonvalue.KindString || v.Kind() == jsonvalue.KindNumber {
		return "", v.Text()
	}
	if target, ok := v.Get("Ref"); ok {
		return target.Str(), ""
	}
	if whole, ok := v.Get("Fn::Sub"); ok && soleVariable.MatchString(whole.Str()) {
		target, _, _ := strings.Cut(strings.Trim(whole.Str(), "${}"), ".")
		return target, ""
	}
	if parts, ok := v.Get("Fn::GetAtt"); ok {
		if parts.Kind() == jsonvalue.KindString {
			target, _, _ := strings.Cut(parts.Str(), ".")
			return target, ""
		}
		return parts.At(0).Str(), ""
	}
	return "", ""
}

var soleVariable = regexp.MustCompile(`^\$\{[A-Za-z0-9.]+\}$`)

// nameProperties name the property by which a resource gets its physical name.
var nameProperties = map[string]string{
	"AWS::CloudWatch::Alarm": "AlarmName", "AWS::CloudWatch::CompositeAlarm": "AlarmName", "AWS::Lambda::Function": "FunctionName",
	"AWS::StepFunctions::StateMachine": "StateMachineName", "AWS::CodeDeploy::DeploymentConfig": "DeploymentConfigName",
	"AWS::CodeDeploy::DeploymentGroup": "DeploymentGroupName", "AWS::CodeDeploy::Application": "ApplicationName",
}

// nameOf returns the physical name of a resource, or an empty text when it only
// exists after deployment.
func (f *finder) nameOf(id string) string {
	if name, ok := f.names[id]; ok {
		if a, err := arn.Parse(name); err == nil {
			return a.Name()
		}
		return name
	}
	if f.asked[id] {
		return ""
	}
	f.asked[id] = true
	defer delete(f.asked, id)
	r, _ := f.b.Resource(id)
	v, err := f.get(id, nameProperties[r.Type])
	if err != nil || !v.IsDefined() || v.Str() == template.Unknown {
		return ""
	}
	return v.Text()
}

// A resolver knows resources by their names.
type resolver struct{ *finder }

// Ref returns the name of a resource whose Ref is its name.
func (r resolver) Ref(id string) (value, error) {
	if name, ok := r.names[id]; ok {
		return jsonvalue.String(name), nil
	}
	resource, _ := r.b.Resource(id)
	if nameProperties[resource.Type] == "" || resource.Type == "AWS::StepFunctions::StateMachine" {
		return jsonvalue.String(template.Unknown), nil
	}
	if name := r.nameOf(id); name != "" {
		return jsonvalue.String(name), nil
	}
	return jsonvalue.String(template.Unknown), nil
}

// GetAtt knows only the name of a state machine.
func (r resolver) GetAtt(id, attribute string) (value, error) {
	if attribute == "Name" {
		if name := r.nameOf(id); name != "" {
			return jsonvalue.String(name), nil
		}
	}
	return jsonvalue.String(template.Unknown), nil
}

// Import knows no other stacks.
func (resolver) Import(string) (value, error) { return jsonvalue.String(template.Unknown), nil }

// aliasName reads the alias's own name.
func (a *alias) aliasName() bool {
	v, err := a.get(a.r.ID, "Name")
	if err != nil || !v.IsDefined() || v.Str() == template.Unknown {
		a.note([]string{"Properties", "Name"}, "%s has no name that is known before it is deployed", a.r.ID)
		return false
	}
	a.name = v.Text()
	return true
}

// setTarget takes what the alias belongs to: a resource of the template, or the
// name or ARN of another one.
func (a *alias) setTarget(id, literal string, path []string, what string) bool {
	switch {
	case literal != "" && literal != template.Unknown:
		a.target = literal
		return true
	case id == "":
		a.note(path, "the %s of %s is not known before it is deployed", what, a.r.ID)
		return false
	}
	if a.target = a.nameOf(id); a.target == "" {
		a.target = id
		a.note(path, "the name of the %s %s only exists after deployment: the plan says %s; put the name there, or give it with --physical %s=NAME", what, id, id, id)
	}
	return true
}

// watch takes the names of alarms.
func (a *alias) watch(owner string, v value, path []string) {
	path = append([]string{"Resources", owner, "Properties"}, path...)
	got, err := a.b.Evaluate(v, resolver{a.finder}, path...)
	if err != nil {
		a.noteAt(path, "the alarms are not carried over: %v", err)
		return
	}
	i := 0
	for item := range got.Elements() {
		name := item
		if named, ok := item.Get("Name"); ok {
			name = named
		}
		switch {
		case name.Str() == template.Unknown:
			a.unknownAlarm(path, v, i)
		case name.Kind() != jsonvalue.KindString || name.Str() == "":
			a.noteAt(path, "an alarm of the list has no name: %s", item.String())
		case !slices.Contains(a.alarms, name.Str()):
			a.alarms = append(a.alarms, name.Str())
		}
		i++
	}
}

// unknownAlarm says why an alarm at a place of a list is not in the plan.
func (a *alias) unknownAlarm(path []string, v value, i int) {
	v, err := a.b.Partial(v)
	item := v.At(i)
	if named, ok := item.Get("Name"); ok {
		item = named
	}
	id, _ := a.referredTo(item)
	if r, ok := a.b.Resource(id); err != nil || !ok || nameProperties[r.Type] == "" {
		a.noteAt(path, "the name of an alarm is not known before it is deployed, so it is not in the plan: add it to the checks")
		return
	}
	a.noteAt(path, "the name of the alarm %s only exists after deployment, so it is not in the plan: add it to the checks, or give it with --physical %s=NAME", id, id)
}

// plan writes the plan and lets package plan read it.
func (a *alias) plan() (plan.Plan, error) {
	var checks jsonvalue.ArrayBuilder
	for _, name := range a.alarms {
		check := obj("alarm", str(name))
		if a.fine != "" {
			check = check.With("fine", str(string(a.fine)))
		}
		checks.Append(check)
	}
	target := obj("name", str(a.target), "alias", str(a.name))
	if a.kind == plan.Lambda {
		target = obj("function", str(a.target), "alias", str(a.name))
	}
	if a.version != "" {
		target = target.With("version", str(a.version))
	}
	document := obj(
		"version", jsonvalue.Int(1),
		"name", str(a.planName()),
		"targets", jsonvalue.ArrayOf(obj(string(a.kind), target)),
		"strategy", a.strategy,
		"checks", checks.Value(),
		"onUnhealthy", str(string(a.onUnhealthy)))
	if a.hooks.Len() > 0 {
		document = document.With("hooks", a.hooks)
	}
	return plan.Parse(a.r.ID, []byte(document.String()))
}

// reason is an error of package plan without its places, which are those of a text
// that nobody wrote.
func reason(err error) string {
	var problems plan.Problems
	if !errors.As(err, &problems) {
		return err.Error()
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.Text
	}
	return strings.Join(texts, "; ")
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// planName names a plan after its target, and after its alias too where another
// plan has that name.
func (a *alias) planName() string {
	name := a.target
	if parsed, err := arn.Parse(name); err == nil {
		name = parsed.Name()
	}
	slug := func(s string) string {
		s = notInNames.ReplaceAllString(strings.ToLower(s), "-")
		return strings.Trim(s[:min(len(s), 60)], "-")
	}
	for _, candidate := range []string{slug(name), slug(name + "-" + a.name), slug(a.r.ID)} {
		if candidate != "" && !a.taken[candidate] {
			a.taken[candidate] = true
			return candidate
		}
	}
	for n := 2; ; n++ {
		candidate := fmt.Sprintf("%s-%d", slug("rollout-"+a.name), n)
		if !a.taken[candidate] {
			a.taken[candidate] = true
			return candidate
		}
	}
}

func str(s string) value { return jsonvalue.String(s) }

// obj makes an object of keys and values in turn.
func obj(pairs ...any) value {
	var b jsonvalue.ObjectBuilder
	for i := 0; i+1 < len(pairs); i += 2 {
		b.Set(pairs[i].(string), pairs[i+1].(value))
	}
	return b.Value()
}
