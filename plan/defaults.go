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
	// DefaultMetricPeriod is the period of a metric check.
	DefaultMetricPeriod = time.Minute
	// DefaultHookTimeout is how long a hook has for its answer.
	DefaultHookTimeout = 10 * time.Minute
	// approvalTime is what the default deadline allows for each approval.
	approvalTime = 24 * time.Hour
)

// DefaultKeep is what pruning leaves when a plan says nothing: everything.
var DefaultKeep = Keep{Verified: 3}

// DefaultChecks returns the checks of a plan that lists none: too many
// executions or invocations of the new version that ended badly.
func DefaultChecks(targets []Target) []Check {
	outcomes := []string{"failed", "timedOut", "aborted"}
	if slices.ContainsFunc(targets, func(t Target) bool { return t.Kind == Lambda }) {
		outcomes = append(outcomes, "throttled")
	}
	return []Check{{
		Name: "failures",
		Rate: &RateLimit{Outcomes: outcomes, Max: DefaultMaxFailures, MinSamples: DefaultMinSamples},
	}}
}

// defaultLook returns the look for steps that nobody gave one for.
func defaultLook(steps []Step, soak time.Duration) time.Duration {
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
func defaultDeadline(steps []Step, hooks Hooks) time.Duration {
	total := time.Hour + hooks.waitsFor(len(steps))
	for _, s := range steps {
		total += 2 * s.For
		if s.Approval {
			total += approvalTime
		}
	}
	return min(total, maxDuration)
}
