package plan

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
)

// A draft is a plan as its author wrote it, before defaults. Files and flags
// both become a draft, and finish makes the plan, so that a rule about plans
// has one home.
type draft struct {
	name       string
	targets    []Target
	strategy   *Strategy // nil: not said
	steps      []Step    // when strategy is steps
	soak       *time.Duration
	deadline   *time.Duration
	look       *time.Duration
	settle     *time.Duration
	unknownFor *time.Duration

	checks        []Check
	defaultChecks bool // add the default checks

	alpha            *float64
	minRequests      *int
	onSharedIncident Reaction
	holdBack         *Weight

	onUnhealthy  Reaction
	onUnknown    Reaction
	onDrift      DriftPolicy
	acceptAlarms []string
	keep         *Keep
	hooks        Hooks

	// problem notes a mistake at a path such as targets[0].alias, which it
	// turns into a place in the file or a flag.
	problem func(path, text string)
}

var (
	validName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)
	validAlias = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)
	hasLetter  = regexp.MustCompile(`[a-zA-Z_.-]`)
	notInNames = regexp.MustCompile(`[^a-z0-9]+`)
)

// finish checks a draft and fills in the defaults. What it returns is a valid
// plan only when it noted no problem.
func (d draft) finish() Plan {
	p := Plan{
		Name:         d.name,
		Targets:      d.targets,
		Checks:       d.checks,
		OnUnhealthy:  cmp.Or(d.onUnhealthy, RollBack),
		OnUnknown:    cmp.Or(d.onUnknown, Hold),
		OnDrift:      cmp.Or(d.onDrift, HoldOnDrift),
		AcceptAlarms: d.acceptAlarms,
		UnknownFor:   valueOr(d.unknownFor, DefaultUnknownFor),
		Keep:         valueOr(d.keep, DefaultKeep),
		Hooks:        d.hooks,

		Alpha: valueOr(d.alpha, DefaultAlpha), MinRequests: valueOr(d.minRequests, DefaultMinRequests),
		OnSharedIncident: cmp.Or(d.onSharedIncident, Hold),
	}
	d.checkTargets()
	d.checkHooks()
	d.finishSteps(&p)
	if p.Strategy.Adaptive != nil && !slices.ContainsFunc(p.Checks, func(c Check) bool { return c.Compare != nil }) {
		// The evidence is what the strategy goes by.
		p.Checks = append(p.Checks, defaultComparison(Errors), defaultComparison(Duration))
	}
	d.holdBackOld(&p)
	if d.defaultChecks && p.Strategy.Adaptive == nil {
		p.Checks = append(DefaultChecks(p), p.Checks...)
	}
	d.finishChecks(&p)
	if p.Name == "" && len(p.Targets) > 0 {
		p.Name = defaultName(p.Targets[0])
	}
	if p.Name != "" && !validName.MatchString(p.Name) {
		d.problem("name", fmt.Sprintf("%q has to be 1 to 64 lower case letters, digits and dashes, and begin and end with a letter or digit", p.Name))
	}
	if p.Keep.Verified < 1 {
		d.problem("keep.verified", "at least one verified version has to stay, or there is nothing to roll back to")
	}
	if p.Keep.Versions == 1 {
		d.problem("keep.versions", "keeping one version leaves nothing to roll back to; keep at least 2, or 0 to delete none")
	}
	return p
}

func (d draft) finishSteps(p *Plan) {
	soak := DefaultSoak
	switch {
	case d.strategy == nil:
		d.problem("strategy", "missing: say how the traffic moves, such as canary: {weight: 10%, for: 5m}")
		return
	case d.strategy.Name == stepsStrategy:
		p.Strategy, p.Steps = *d.strategy, d.steps
	default:
		if d.strategy.Adaptive != nil {
			d.finishAdaptive()
			soak = 0
		}
		p.Strategy = *d.strategy
		steps, err := d.strategy.steps(unit(d.targets))
		if err != nil {
			d.problem("strategy", err.Error())
			return
		}
		p.Steps = steps
		if d.strategy.Preset != "" {
			soak = 0
		}
	}
	d.checkSteps(p)
	p.Soak = valueOr(d.soak, soak)
	p.Deadline = valueOr(d.deadline, defaultDeadline(p.Strategy, p.Steps, p.Hooks))
	p.Look = valueOr(d.look, defaultLook(p.Strategy, p.Steps, p.Soak))
	p.Settle = valueOr(d.settle, defaultSettle(d.targets))
	if p.Look < MinLook {
		d.problem("strategy.look", fmt.Sprintf("%s is shorter than %s", FormatDuration(p.Look), FormatDuration(MinLook)))
	}
	if p.Deadline <= 0 {
		d.problem("strategy.deadline", "has to be longer than 0s")
	}
}

// finishAdaptive fills in what an adaptive strategy does not say.
func (d draft) finishAdaptive() {
	a, usual := d.strategy.Adaptive, DefaultAdaptive(d.targets)
	for _, f := range []struct{ value, usual *Weight }{{&a.Smallest, &usual.Smallest}, {&a.Top, &usual.Top}} {
		if *f.value == 0 {
			*f.value = *f.usual
		}
	}
	for _, f := range []struct{ value, usual *time.Duration }{
		{&a.Pace, &usual.Pace}, {&a.Patience, &usual.Patience}, {&a.Watch, &usual.Watch}, {&a.AtTop, &usual.AtTop},
	} {
		if *f.value == 0 {
			*f.value = *f.usual
		}
	}
	if a.Budget == 0 {
		a.Budget = usual.Budget
	}
	problem := func(key, format string, args ...any) {
		d.problem("strategy.adaptive."+key, fmt.Sprintf(format, args...))
	}
	switch {
	case a.Top >= Full:
		problem("top", "%s leaves nothing with the old version to compare with", a.Top)
		a.Top = usual.Top // what follows from it is not worth more messages
	case a.Smallest > Full/2 || a.Smallest > a.Top:
		problem("smallest", "%s is above half of the traffic or above the top of %s", a.Smallest, a.Top)
	case tooFine(a.Smallest, d.targets):
		problem("smallest", wholePercentOnly, a.Smallest)
	}
	if a.Budget < 0.01 {
		problem("budget", "%v is below 0.01", a.Budget)
	}
	if d.holdBack != nil {
		d.problem("holdBack", "an adaptive strategy has top instead")
	}
}

// holdBackOld adds the step at which the soak is spent while the old version keeps
// a share.
func (d draft) holdBackOld(p *Plan) {
	if len(p.Steps) == 0 {
		return
	}
	back := valueOr(d.holdBack, defaultHoldBack(*p))
	if back == 0 || p.Strategy.Adaptive != nil {
		return
	}
	bake := Step{Weight: Full - back}
	last := len(p.Steps) - 1
	switch {
	case back >= Full/2:
		d.problem("holdBack", fmt.Sprintf("%s is not below 50%%", back))
	case tooFine(back, d.targets):
		d.problem("holdBack", fmt.Sprintf(wholePercentOnly, back))
	case last > 0 && p.Steps[last-1].Weight >= bake.Weight:
		d.problem("holdBack", fmt.Sprintf("the step at %s leaves less than %s with the old version", p.Steps[last-1].Weight, back))
	case p.Soak == 0:
		d.problem("holdBack", "the old version is held back during the soak, and there is none; say soak: 5m")
	default:
		p.HoldBack = back
		p.Steps = slices.Insert(slices.Clip(p.Steps), last, bake)
	}
}

func (d draft) checkSteps(p *Plan) {
	if len(p.Steps) == 0 {
		d.problem("strategy.steps", "at least one step is needed")
		return
	}
	if len(p.Steps) > maxSteps {
		d.problem("strategy.steps", fmt.Sprintf("%d steps are more than %d", len(p.Steps), maxSteps))
	}
	if last := p.Steps[len(p.Steps)-1]; last.Weight < Full {
		p.Steps = append(slices.Clip(p.Steps), Step{Weight: Full})
	}
	before := Weight(0)
	for i, s := range p.Steps {
		path := fmt.Sprintf("strategy.steps[%d]", i)
		if d.strategy.Name != stepsStrategy {
			path = "strategy"
		}
		if s.Weight <= before {
			d.problem(path, fmt.Sprintf("weight %s does not rise above the %s before it", s.Weight, before))
		}
		if tooFine(s.Weight, d.targets) {
			d.problem(path, fmt.Sprintf("weight "+wholePercentOnly, s.Weight))
		}
		before = s.Weight
	}
	if last := p.Steps[len(p.Steps)-1]; last.Approval {
		d.problem("strategy", "the step at 100% cannot wait for approval: approve the one before it")
	}
}

func (d draft) checkTargets() {
	if len(d.targets) == 0 {
		d.problem("targets", "at least one alias is needed, such as - stateMachine: {name: orders, alias: prod}")
	}
	seen := map[string]bool{}
	for i, t := range d.targets {
		path := fmt.Sprintf("targets[%d]", i)
		if key := string(t.Kind) + " " + t.Name + ":" + t.Alias; t.Name != "" && seen[key] {
			d.problem(path, fmt.Sprintf("%s is a target twice", t))
		} else {
			seen[key] = true
		}
		if t.Name == "" {
			d.problem(path, "the name is missing")
		}
		switch {
		case t.Alias == "":
			d.problem(path, "the alias is missing: name it, as in "+cmp.Or(t.Name, "orders")+":prod")
		case !validAlias.MatchString(t.Alias) || !hasLetter.MatchString(t.Alias):
			d.problem(path, fmt.Sprintf("alias %q has to be letters, digits, - _ . and not digits only", t.Alias))
		}
		if t.Version != "" && !arn.IsVersion(t.Version) {
			d.problem(path, fmt.Sprintf("version %q is not a version number", t.Version))
		}
		sources := 0
		for _, s := range []string{t.Version, t.Definition, t.Code} {
			if s != "" {
				sources++
			}
		}
		if sources > 1 {
			d.problem(path, "name either a version or what to publish, not both")
		}
		if t.Kind == StateMachine && t.Code != "" {
			d.problem(path, "a state machine has a definition, not code")
		}
		if t.Kind == StateMachine && t.Logs != "" {
			d.problem(path, "outcomes of a state machine are not read from logs")
		}
		if t.Kind == Lambda && t.Definition != "" {
			d.problem(path, "a function has code, not a definition")
		}
	}
}

func (d draft) finishChecks(p *Plan) {
	names := map[string]bool{}
	alarms := map[string]bool{}
	compared := map[Compared]bool{}
	for i := range p.Checks {
		c := &p.Checks[i]
		if c.Probe != nil {
			d.checkProbe(*c.Probe)
		}
		if c.Compare != nil {
			if compared[c.Compare.Of] {
				d.problem("checks", fmt.Sprintf("%s are compared twice", c.Compare.Of))
			}
			compared[c.Compare.Of] = true
			if c.Compare.OnlyCondemns && p.Strategy.Adaptive != nil {
				d.problem("checks", fmt.Sprintf("an adaptive strategy goes by the comparison of %s: leave onlyCondemns away", c.Compare.Of))
			}
			if c.Compare.Tolerance >= 0.3 {
				d.problem("checks", fmt.Sprintf("a tolerance of %v%% would let nearly everything pass; it has to be below 30%%", c.Compare.Tolerance*100))
			}
		}
		if c.Name == "" {
			c.Name = uniqueName(checkName(*c), names)
		} else if names[c.Name] {
			d.problem("checks", fmt.Sprintf("two checks are called %q", c.Name))
		}
		names[c.Name] = true
		if c.Fine != "" && c.Alarm == "" {
			d.problem("checks", fmt.Sprintf("check %q has no alarm that could be %s", c.Name, c.Fine))
		}
		if c.Alarm != "" {
			if alarms[c.Alarm] {
				d.problem("checks", fmt.Sprintf("alarm %q is listed twice", c.Alarm))
			}
			alarms[c.Alarm] = true
		}
	}
	for _, name := range p.AcceptAlarms {
		if !alarms[name] {
			d.problem("acceptAlarms", fmt.Sprintf("no check has an alarm called %q%s", name, didYouMean(name, slices.Sorted(maps.Keys(alarms)))))
		}
	}
}

// checkName names a check after what it looks at.
func checkName(c Check) string {
	switch {
	case c.Alarm != "":
		return c.Alarm
	case c.Rate != nil:
		return "failures"
	case c.Metric != nil:
		return c.Metric.Metric + " " + c.Metric.Stat
	case c.HTTP != nil:
		return c.HTTP.URL
	case c.Probe != nil:
		return "probe"
	case c.Compare != nil && c.Compare.Of == Duration:
		return "durations"
	case c.Compare != nil:
		return "errors"
	default:
		return "check"
	}
}

// uniqueName appends a number to a name that is taken.
func uniqueName(name string, taken map[string]bool) string {
	unique := name
	for n := 2; taken[unique]; n++ {
		unique = fmt.Sprintf("%s %d", name, n)
	}
	return unique
}

// defaultName makes a plan's name from its first target's.
func defaultName(t Target) string {
	name := t.Name
	if a, err := arn.Parse(t.Name); err == nil {
		name = a.Name()
	}
	name = notInNames.ReplaceAllString(strings.ToLower(name), "-")
	if len(name) > 64 {
		name = name[:64]
	}
	if name = strings.Trim(name, "-"); name == "" {
		return "rollout"
	}
	return name
}

func valueOr[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}
