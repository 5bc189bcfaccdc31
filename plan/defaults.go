package plan

import (
	"slices"
	"time"
)

// These are the values of a plan that says nothing else. They stand here and
// nowhere else; docs and help ask this package.
const (
	// DefaultSoak is how long the new version is watched with all traffic. A
	// preset of CodeDeploy's or CloudFormation's has none, like the original.
	DefaultSoak = 5 * time.Minute
	// DefaultUnknownFor is how long a rollout waits for a verdict.
	DefaultUnknownFor = 15 * time.Minute
	// DefaultLook is how often the world is looked at; shorter when a step is,
	// so that each step gets at least ten looks, but not under MinLook.
	DefaultLook = 5 * time.Second
	// MinDefaultLook is the shortest look that nobody asked for.
	MinDefaultLook = time.Second
	// MinLook is the shortest look that may be asked for.
	MinLook = 100 * time.Millisecond
	// DefaultSettle is how long a Step Functions alias may still show and
	// serve by the routing before a write; DefaultLambdaSettle is that of a
	// plan with Lambda aliases only.
	//
	// Source: Step Functions API, UpdateStateMachineAlias: eventually
	// consistent, within a few seconds.
	DefaultSettle       = 5 * time.Second
	DefaultLambdaSettle = 2 * time.Second
	// DefaultMaxFailures and DefaultMinSamples are the limits of the check
	// that every plan gets that lists none.
	DefaultMaxFailures = 0.05
	DefaultMinSamples  = 20
	// DefaultAlpha is the chance that a comparison may take back a good
	// release, and DefaultMinRequests how many outcomes it takes to be Healthy.
	DefaultAlpha       = 0.01
	DefaultMinRequests = 30
	// DefaultSlowTolerance is how many more requests than before may be slower
	// than what nine of ten of the old version's stay below: the first ones of
	// a new version often are, as its processes start.
	DefaultSlowTolerance = 0.02
	// DefaultUnaskedTolerance is the same where nobody asked to compare: what takes
	// a little longer may be meant so, and is not taken back unasked.
	DefaultUnaskedTolerance = 0.1
	// DefaultHoldBack is the old version's share during the soak where versions
	// are compared.
	DefaultHoldBack Weight = 500
	// DefaultErrorsWeight and DefaultDurationWeight are what comparisons count
	// for beside each other.
	DefaultErrorsWeight   = 0.9
	DefaultDurationWeight = 0.1
	// AdaptiveLook is how often an adaptive rollout looks, and AdaptiveDeadline
	// how long it may take: where requests are few, evidence takes its time.
	AdaptiveLook     = time.Second
	AdaptiveDeadline = 6 * time.Hour
	// DefaultMetricPeriod is the period of a metric check.
	DefaultMetricPeriod = time.Minute
	// DefaultHookTimeout is how long a hook has for its answer.
	DefaultHookTimeout = 10 * time.Minute
	// DefaultProbeTimeout is how long all tries of a probe may take.
	DefaultProbeTimeout = 5 * time.Minute
	// approvalTime is what the default deadline allows for each approval.
	approvalTime = 24 * time.Hour
)

// DefaultKeep is what pruning leaves when a plan says nothing: everything.
var DefaultKeep = Keep{Verified: 3}

// DefaultAdaptive returns what an adaptive strategy is that says nothing else: the
// values that the benchmark was won with.
func DefaultAdaptive(targets []Target) Adaptive {
	smallest := percent
	if unit(targets) < percent {
		smallest = percent / 10
	}
	return Adaptive{
		Budget: 2, Smallest: smallest, Top: 95 * percent, Pace: 165 * time.Second,
		Patience: 10 * time.Minute, Watch: 15 * time.Minute, AtTop: 5 * time.Minute,
	}
}

// defaultHoldBack is what the old version keeps during the soak of a plan that does
// not say: something to compare with where a comparison has to be Healthy. A preset
// is what its name says.
func defaultHoldBack(p Plan) Weight {
	steps := p.authored()
	compares := slices.ContainsFunc(p.Checks, func(c Check) bool { return c.Compare.Binds() })
	if !compares || p.Soak == 0 || p.Strategy.Preset != "" || p.Strategy.Adaptive != nil || len(steps) < 2 {
		return 0
	}
	if steps[len(steps)-2].Weight >= Full-DefaultHoldBack {
		return 0
	}
	return DefaultHoldBack
}

// DefaultChecks returns the checks of a plan that lists none, which has its steps
// already: too many executions or invocations of the new version that ended badly,
// and, as long as both versions serve, more of them or slower ones than with the
// old version. The comparisons only condemn, so that the plan needs no more traffic
// and takes no longer than its steps say. A preset is judged as its name says, and
// has none.
func DefaultChecks(p Plan) []Check {
	checks := []Check{{Name: "failures", Rate: defaultRate(p.Targets)}}
	if p.Strategy.Preset != "" || len(p.Steps) == 0 || p.Steps[0].Weight >= Full {
		return checks
	}
	checks[0].Rate.UnlessShared = true
	for _, of := range []Compared{Errors, Duration} {
		c := defaultComparison(of)
		c.Compare.OnlyCondemns = true
		if of == Duration {
			c.Compare.Tolerance = DefaultUnaskedTolerance
		}
		checks = append(checks, c)
	}
	return checks
}

func defaultComparison(of Compared) Check {
	c := Check{Compare: &Comparison{Of: of, Weight: DefaultErrorsWeight}}
	if of == Duration {
		c.Compare.Tolerance, c.Compare.Weight = DefaultSlowTolerance, DefaultDurationWeight
	}
	return c
}

func defaultRate(targets []Target) *RateLimit {
	return &RateLimit{Outcomes: BadOutcomes(targets...), Max: DefaultMaxFailures, MinSamples: DefaultMinSamples}
}

// BadOutcomes are the outcomes of targets that count as bad by default.
func BadOutcomes(targets ...Target) []string {
	outcomes := []string{"failed", "timedOut", "aborted"}
	if slices.ContainsFunc(targets, func(t Target) bool { return t.Kind == Lambda }) {
		outcomes = append(outcomes, "throttled")
	}
	return outcomes
}

// defaultLook returns the look for steps that nobody gave one for.
func defaultLook(s Strategy, steps []Step, soak time.Duration) time.Duration {
	if s.Adaptive != nil {
		return AdaptiveLook
	}
	look := DefaultLook
	shorten := func(d time.Duration) {
		if d > 0 {
			look = min(look, max(MinDefaultLook, (d/10).Truncate(time.Second)))
		}
	}
	for _, s := range steps {
		shorten(s.For)
	}
	shorten(soak)
	return look
}

// defaultSettle returns the settle window for targets.
func defaultSettle(targets []Target) time.Duration {
	for _, t := range targets {
		if t.Kind == StateMachine {
			return DefaultSettle
		}
	}
	return DefaultLambdaSettle
}

// defaultDeadline leaves room for the steps to take twice as long as planned,
// an hour for trouble, a day for each approval, and all of their time for hooks.
func defaultDeadline(s Strategy, steps []Step, hooks Hooks) time.Duration {
	total := time.Hour + hooks.waitsFor(len(steps))
	if s.Adaptive != nil {
		total += AdaptiveDeadline - time.Hour
	}
	for _, s := range steps {
		total += 2 * s.For
		if s.Approval {
			total += approvalTime
		}
	}
	return min(total, maxDuration)
}
