package suite

import (
	"time"

	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
	"github.com/crossfade-dev/crossfade/plan"
)

// Crossfade returns the policies of this program, as they are by default, with
// counts that are late by five seconds at most and an alias that takes two: for
// aliases that take whole percents, as those of Step Functions do, and for those
// that take a tenth, as those of Lambda do. They are the rule of package ramp alone,
// which is ten times faster than a whole rollout.
func Crossfade() []Policy {
	return []Policy{
		{Name: "Crossfade, 1% steps", New: Adaptive(ramp.Default(0.01, sourceDelay, actuation))},
		{Name: "Crossfade, 0.1% steps", New: Adaptive(ramp.Default(0.001, sourceDelay, actuation))},
	}
}

// Product returns the same as a whole rollout: the plan of a state machine's alias
// that says adaptive and nothing else, but for an alias that takes two seconds, as
// every alias here does; carried out by the decider that carries rollouts out.
func Product() Policy {
	p, err := plan.New(plan.Spec{
		Targets:  []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}},
		Adaptive: plan.DefaultBudget, Settle: (actuation * time.Second).String(),
	})
	if err != nil {
		panic("suite: " + err.Error()) // the plan is part of the program, and a test plays it
	}
	policy, _ := Planned("Crossfade, a plan", p, DefaultHow(p))
	return policy
}

// Policies returns Crossfade's policies and the anchors.
func Policies() []Policy { return append(append(Crossfade(), Product()), Anchors()...) }
