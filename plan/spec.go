package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
)

// A Spec is a plan in the short form of the command line: each field is the
// text of the flag of the same name, empty when it was not given. [New] makes
// the plan, the same as a plan file would.
type Spec struct {
	Name    string
	Targets []Target // see ParseTarget

	// One of these says how the traffic moves.
	Canary      string // 10%/5m
	Linear      string // 20%/10m, or 4x/10m for four equal steps
	Exponential string // 1%x2/2m
	Steps       string // 1%/2m,25%/approve,50%/10m/approve
	Preset      string // Linear10PercentEvery1Minute, CodeDeployDefault.Lambda…
	AllAtOnce   bool
	Adaptive    string // a budget, such as 2; "default" for the default one

	Soak, Deadline, Look, Settle, UnknownFor string

	Alarms       []string
	AlarmsFine   Lenience // of every alarm
	AcceptAlarms []string
	// Probes try the new version out, see ParseProbe.
	Probes []VersionProbe
	// MaxFailures replaces the default rate check: 5%/20 is at most 5 % bad
	// outcomes of at least 20; 5% leaves the default number of samples.
	MaxFailures string
	// NoDefaultChecks leaves away the default checks.
	NoDefaultChecks bool
	// Compare replaces the default checks with ones that have to be Healthy:
	// errors, duration, or with a tolerance errors/0.1%.
	Compare []string
	// HoldBack is the old version's share until the end of the soak.
	HoldBack string

	OnUnhealthy, OnUnknown, OnDrift string
	// AcceptQuarantined lets a version be released that was taken back before.
	AcceptQuarantined bool
	// Hooks are the hooks, see ParseHook.
	Hooks Hooks
	// KeepVersions and KeepVerified are what pruning leaves; see Keep.
	KeepVersions, KeepVerified *int
}

// New makes a plan from the command line's short form. The error is a
// [Problems] with everything that is wrong, by flag.
func New(s Spec) (Plan, error) {
	var problems Problems
	problem := func(path, text string) {
		problems = append(problems, Problem{Severity: Error, Path: path, Text: text})
	}
	duration := func(flag, text string) *time.Duration {
		if text == "" {
			return nil
		}
		d, err := ParseDuration(text)
		if err != nil {
			problem("--"+flag, err.Error())
		}
		return &d
	}
	d := draft{
		name:          s.Name,
		targets:       s.Targets,
		soak:          duration("soak", s.Soak),
		deadline:      duration("deadline", s.Deadline),
		look:          duration("look", s.Look),
		settle:        duration("settle", s.Settle),
		unknownFor:    duration("unknown-for", s.UnknownFor),
		defaultChecks: !s.NoDefaultChecks && s.MaxFailures == "" && len(s.Compare) == 0,
		acceptAlarms:  s.AcceptAlarms,
		hooks:         s.Hooks,
		onUnhealthy:   Reaction(oneOf("on-unhealthy", s.OnUnhealthy, reactions, problem)),
		onUnknown:     Reaction(oneOf("on-unknown", s.OnUnknown, reactions, problem)),
		onDrift:       DriftPolicy(oneOf("on-drift", s.OnDrift, driftPolicies, problem)),
		problem:       func(path, text string) { problem(flagOf(path), text) },
	}
	d.strategy, d.steps = s.strategy(problem)
	if s.MaxFailures != "" {
		rate, err := parseMaxFailures(s.MaxFailures)
		if err != nil {
			problem("--max-failures", err.Error())
		}
		check := Check{Name: "failures", Rate: defaultRate(s.Targets)}
		check.Rate.Max, check.Rate.MinSamples = rate.Max, rate.MinSamples
		d.checks = append(d.checks, check)
	}
	for _, text := range s.Compare {
		check, err := parseCompare(text)
		if err != nil {
			problem("--compare", err.Error())
			continue
		}
		d.checks = append(d.checks, check)
	}
	if s.HoldBack != "" {
		w, err := ParseWeight(s.HoldBack)
		if err != nil {
			problem("--hold-back", err.Error())
		}
		d.holdBack = &w
	}
	for _, name := range s.Alarms {
		if name == "" {
			problem("--alarm", "the name is empty")
		}
		d.checks = append(d.checks, Check{Alarm: name, Fine: Lenience(oneOf("alarms-fine", string(s.AlarmsFine), leniences, problem))})
	}
	for _, p := range s.Probes {
		d.checks = append(d.checks, Check{Probe: &p})
	}
	if s.KeepVersions != nil || s.KeepVerified != nil {
		keep := Keep{Versions: valueOr(s.KeepVersions, DefaultKeep.Versions), Verified: valueOr(s.KeepVerified, DefaultKeep.Verified)}
		d.keep = &keep
	}
	p := d.finish()
	p.AcceptQuarantined = s.AcceptQuarantined
	if len(problems) > 0 {
		return Plan{}, problems
	}
	return p, nil
}

// reactions, driftPolicies and leniences are the words of onUnhealthy,
// onUnknown, onDrift and fine.
var (
	leniences     = []string{string(FineMissing), string(FineUnreadable)}
	reactions     = []string{string(RollBack), string(Hold), string(HoldAtZero)}
	driftPolicies = []string{string(HoldOnDrift), string(AdoptDrift), string(OverwriteDrift)}
)

func oneOf(flag, text string, words []string, problem func(path, text string)) string {
	if text != "" && !slices.Contains(words, text) {
		problem("--"+flag, notOneOf(text, words))
		return ""
	}
	return text
}

func notOneOf(text string, words []string) string {
	return fmt.Sprintf("%q is not one of %s%s", text, strings.Join(words, ", "), didYouMean(text, words))
}

// hookFlags are the command line's names of the moments.
var hookFlags = map[Moment]string{
	BeforeTraffic: "before-traffic", EachStep: "each-step", AfterTraffic: "after-traffic", OnRollback: "on-rollback",
}

// flagOf turns a path of finish into the flag that set it.
func flagOf(path string) string {
	root, leaf, _ := strings.Cut(path, ".")
	switch {
	case strings.HasPrefix(root, "targets"):
		return "target"
	case root == "strategy" && strings.HasPrefix(leaf, adaptiveStrategy):
		return "--adaptive"
	case root == "strategy" && (leaf == "" || strings.HasPrefix(leaf, "steps")):
		return "strategy"
	case root == "strategy":
		return "--" + leaf
	case root == "checks":
		return "checks"
	case root == "acceptAlarms":
		return "--accept-alarm"
	case root == "hooks":
		return "--" + hookFlags[Moment(leaf)]
	case root == "keep":
		return "--keep-" + leaf
	case root == "holdBack":
		return "--hold-back"
	default:
		return "--" + root
	}
}

// strategy reads the one flag that says how the traffic moves.
func (s Spec) strategy(problem func(path, text string)) (*Strategy, []Step) {
	type form struct {
		flag, text string
		parse      func(string) (Strategy, []Step, error)
	}
	only := func(parse func(string) (Strategy, error)) func(string) (Strategy, []Step, error) {
		return func(text string) (Strategy, []Step, error) {
			strategy, err := parse(text)
			return strategy, nil, err
		}
	}
	forms := []form{
		{"--canary", s.Canary, only(parseCanary)},
		{"--linear", s.Linear, only(parseLinear)},
		{"--exponential", s.Exponential, only(parseExponential)},
		{"--steps", s.Steps, func(text string) (Strategy, []Step, error) {
			steps, err := parseSteps(text)
			return Strategy{Name: stepsStrategy}, steps, err
		}},
		{"--preset", s.Preset, only(Preset)},
	}
	if s.Adaptive != "" {
		forms = append(forms, form{"--adaptive", s.Adaptive, only(parseAdaptive)})
	}
	if s.AllAtOnce {
		forms = append(forms, form{"--all-at-once", "all", func(string) (Strategy, []Step, error) {
			return Strategy{Name: allAtOnceStrategy}, nil, nil
		}})
	}
	forms = slices.DeleteFunc(forms, func(f form) bool { return f.text == "" })
	switch len(forms) {
	case 0:
		return nil, nil // finish says that it is missing
	case 1:
		strategy, steps, err := forms[0].parse(forms[0].text)
		if err != nil {
			problem(forms[0].flag, err.Error())
			return &Strategy{Name: allAtOnceStrategy}, nil // its rules are not worth more messages
		}
		return &strategy, steps
	default:
		flags := make([]string, len(forms))
		for i, f := range forms {
			flags[i] = f.flag
		}
		problem("strategy", "only one of "+strings.Join(flags, ", ")+" can say how the traffic moves")
		return &Strategy{Name: allAtOnceStrategy}, nil
	}
}

func parseCanary(text string) (Strategy, error) {
	first, every, err := weightAndTime(text, "10%/5m")
	if err != nil {
		return Strategy{}, err
	}
	w, err := ParseWeight(first)
	return Strategy{Name: canaryStrategy, Weight: w, Every: every}, err
}

// parseAdaptive reads a budget, or default.
func parseAdaptive(text string) (Strategy, error) {
	s := Strategy{Name: adaptiveStrategy, Adaptive: &Adaptive{}}
	if text == DefaultBudget {
		return s, nil
	}
	budget, err := strconv.ParseFloat(text, 64)
	if err != nil || !(budget >= 0.01 && budget <= 1_000_000) {
		return Strategy{}, fmt.Errorf("%q is not a budget of additional bad requests, like 2", text)
	}
	s.Adaptive.Budget = budget
	return s, nil
}

// DefaultBudget is what [Spec.Adaptive] says for the default budget.
const DefaultBudget = "default"

// parseCompare reads errors or duration/2%.
func parseCompare(text string) (Check, error) {
	of, tolerance, given := strings.Cut(text, "/")
	if words := []string{string(Errors), string(Duration)}; !slices.Contains(words, of) {
		return Check{}, fmt.Errorf("%s; write errors, or with a tolerance duration/2%%", notOneOf(of, words))
	}
	c := defaultComparison(Compared(of))
	if given {
		w, err := ParseWeight(tolerance)
		if err != nil {
			return Check{}, err
		}
		c.Compare.Tolerance = float64(w) / float64(Full)
	}
	return c, nil
}

func parseLinear(text string) (Strategy, error) {
	first, every, err := weightAndTime(text, "20%/10m")
	if err != nil {
		return Strategy{}, err
	}
	if count, ok := strings.CutSuffix(first, "x"); ok {
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			return Strategy{}, fmt.Errorf("%q is not a number of steps, like 4x/10m", first)
		}
		return Strategy{Name: linearStrategy, Count: n, Every: every}, nil
	}
	w, err := ParseWeight(first)
	return Strategy{Name: linearStrategy, Weight: w, Every: every}, err
}

func parseExponential(text string) (Strategy, error) {
	first, every, err := weightAndTime(text, "1%x2/2m")
	if err != nil {
		return Strategy{}, err
	}
	from, factor, ok := strings.Cut(first, "x")
	f, err := strconv.ParseFloat(factor, 64)
	if !ok || err != nil {
		return Strategy{}, fmt.Errorf("%q is not like 1%%x2/2m", text)
	}
	w, err := ParseWeight(from)
	return Strategy{Name: exponentialStrategy, Weight: w, Factor: f, Every: every}, err
}

// weightAndTime splits 10%/5m.
func weightAndTime(text, example string) (string, time.Duration, error) {
	first, after, ok := strings.Cut(text, "/")
	if !ok {
		return "", 0, fmt.Errorf("%q is not like %s", text, example)
	}
	d, err := ParseDuration(after)
	return strings.TrimSpace(first), d, err
}

// parseSteps reads 1%/2m,25%/approve,50%/10m/approve,100%.
func parseSteps(text string) ([]Step, error) {
	var steps []Step
	for i, part := range strings.Split(text, ",") {
		fields := strings.Split(strings.TrimSpace(part), "/")
		w, err := ParseWeight(fields[0])
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
		step := Step{Weight: w}
		for _, f := range fields[1:] {
			if f == "approve" || f == "approved" {
				step.Approval = true
				continue
			}
			d, err := ParseDuration(f)
			if err != nil {
				return nil, fmt.Errorf("step %d: %w, nor approve", i+1, err)
			}
			step.For += d
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// parseMaxFailures reads 5% or 5%/20.
func parseMaxFailures(text string) (RateLimit, error) {
	share, samples, both := strings.Cut(text, "/")
	w, err := ParseWeight(share)
	if err != nil {
		return RateLimit{}, fmt.Errorf("%q is not like 5%%/20: at most 5%% bad ones of at least 20", text)
	}
	r := RateLimit{Max: float64(w) / float64(Full), MinSamples: DefaultMinSamples}
	if both {
		if r.MinSamples, err = strconv.Atoi(samples); err != nil || r.MinSamples < 1 {
			return RateLimit{}, fmt.Errorf("%q is not a number of samples of at least 1", samples)
		}
	}
	return r, nil
}

// ParseTarget reads an alias as people name it: orders:prod, or the alias's
// ARN.
func ParseTarget(kind Kind, text string) (Target, error) {
	t := Target{Kind: kind}
	if strings.HasPrefix(text, "arn:") {
		a, err := arn.Parse(text)
		if err != nil {
			return Target{}, err
		}
		base, qualifier := a.Qualified()
		t.Name, t.Alias = base.String(), qualifier
		want := map[Kind]string{StateMachine: "states", Lambda: "lambda"}[kind]
		if a.Service != want {
			return Target{}, fmt.Errorf("%s is of service %s, not %s", text, a.Service, want)
		}
	} else {
		t.Name, t.Alias, _ = strings.Cut(text, ":")
	}
	if t.Name == "" || t.Alias == "" || strings.Contains(t.Alias, ":") {
		return Target{}, fmt.Errorf("%q does not name an alias: write NAME:ALIAS, like orders:prod, or the alias's ARN", text)
	}
	if arn.IsVersion(t.Alias) {
		return Target{}, fmt.Errorf("%q names a version: write NAME:ALIAS, like orders:prod", text)
	}
	return t, nil
}
