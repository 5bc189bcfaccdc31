package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Lint returns what an author should know about a plan that is valid: what
// cannot work (Error), what is probably not meant (Warning), and what the plan
// cannot see (Info). It knows nothing about the account.
func Lint(p Plan) []Problem {
	var out []Problem
	say := func(severity Severity, code, path, format string, args ...any) {
		out = append(out, Problem{Severity: severity, Code: code, Path: path, Text: fmt.Sprintf(format, args...)})
	}
	lintSteps(p, say)
	lintTimes(p, say)
	lintChecks(p, say)
	lintHooks(p, say)
	for i, t := range p.Targets {
		if t.Kind == StateMachine {
			say(Info, "unqualified-starts", fmt.Sprintf("targets[%d]", i),
				"executions that are started with the state machine's own ARN, not with %s's, belong to no version: neither the weights nor the checks reach them", t)
		}
	}
	return out
}

type sayFunc func(severity Severity, code, path, format string, args ...any)

func lintSteps(p Plan, say sayFunc) {
	for i, s := range p.Steps {
		path := fmt.Sprintf("strategy.steps[%d]", i)
		if p.HoldBack > 0 && i == len(p.Steps)-2 {
			continue // its time is the soak
		}
		if tooFine(s.Weight, p.Targets) {
			say(Error, "whole-percent", path, "weight "+wholePercentOnly, s.Weight)
		}
		if s.Weight < Full && s.For == 0 && !s.Approval {
			say(Warning, "no-time", path, "the step at %s has no time: it ends after the settle window of %s", s.Weight, FormatDuration(p.Settle))
		}
		if s.For > 0 && s.For < p.Settle {
			say(Warning, "settle-longer-than-step", path, "the step's %s are shorter than the settle window of %s, which is waited for in any case", FormatDuration(s.For), FormatDuration(p.Settle))
		}
		if hold := p.Hold(i); s.For > 0 && p.Look > hold {
			say(Warning, "look-longer-than-step", path, "a look every %s is less often than once in this step of %s", FormatDuration(p.Look), FormatDuration(hold))
		}
	}
	if first := p.Steps[0].Weight; first > Full/2 && first < Full && p.Strategy.Adaptive == nil {
		say(Info, "large-first-step", "strategy", "the first step already gives %s to the new version", first)
	}
}

func lintTimes(p Plan, say sayFunc) {
	var steps time.Duration
	for i := range p.Steps[:len(p.Steps)-1] {
		steps += p.Hold(i)
	}
	if p.Deadline < steps {
		say(Error, "deadline-too-short", "strategy.deadline", "the deadline of %s passes before the steps, which take %s, are over: every rollout would be taken back", FormatDuration(p.Deadline), FormatDuration(steps))
	}
	if p.Soak == 0 && p.Strategy.Adaptive == nil {
		say(Warning, "no-soak", "strategy.soak", "nothing is watched once the new version has all of the traffic")
	}
	if p.UnknownFor < 2*p.Look && p.OnUnknown != Hold {
		say(Warning, "impatient", "unknownFor", "one failed look is enough to act: unknownFor of %s is less than two looks of %s", FormatDuration(p.UnknownFor), FormatDuration(p.Look))
	}
}

func lintChecks(p Plan, say sayFunc) {
	if len(p.Checks) == 0 {
		say(Warning, "no-checks", "checks", "nothing is judged: the traffic moves by the clock alone")
		return
	}
	samples, compares := false, false
	for i, c := range p.Checks {
		path := fmt.Sprintf("checks[%d]", i)
		samples = samples || c.Rate != nil || c.Compare.Binds()
		compares = compares || c.Compare.Binds()
		if c.Compare != nil && p.Steps[0].Weight == Full {
			say(Error, "nothing-to-compare", path, "%q compares both versions, but all of the traffic moves at once: hold some back (holdBack: 5%%) or choose another strategy", c.Name)
		}
		if c.Rate != nil && c.Rate.MinSamples < 5 && c.Rate.Max > 0 {
			say(Warning, "few-samples", path, "%q judges a share from %d samples: one bad one decides", c.Name, c.Rate.MinSamples)
		}
		if c.Metric != nil && c.Metric.Period > p.Hold(0) {
			say(Warning, "period-longer-than-step", path, "%q has one datapoint in %s, longer than the first step", c.Name, FormatDuration(c.Metric.Period))
		}
	}
	errorsCompared := slices.ContainsFunc(p.Checks, func(c Check) bool { return c.Compare != nil && c.Compare.Of == Errors })
	for i, c := range p.Checks {
		if c.Rate != nil && c.Rate.UnlessShared && !errorsCompared {
			say(Warning, "nothing-to-share", fmt.Sprintf("checks[%d]", i), "%q excuses what both versions do, but nothing compares them: add compare: errors, or unlessShared says nothing", c.Name)
		}
	}
	if compares && p.Soak > 0 && p.HoldBack == 0 && p.Steps[0].Weight < Full {
		say(Info, "soak-without-comparison", "holdBack", "during the soak the old version has no traffic to compare with; holdBack: 5%% leaves it some until the end")
	}
	if compares && p.Settle > 0 && slices.ContainsFunc(p.Targets, func(t Target) bool { return t.Kind == Lambda && t.Logs == "" }) && p.Strategy.Adaptive != nil {
		say(Info, "metrics-are-late", "targets", "CloudWatch's metrics of functions come minutes late, and the rollout is as slow; logs: /aws/lambda/NAME reads outcomes within seconds")
	}
	if !samples {
		say(Warning, "no-samples", "checks", "no check counts what the new version served: without traffic an alarm that stays OK says nothing; add a rate")
	}
}

func lintHooks(p Plan, say sayFunc) {
	for _, m := range Moments {
		h := p.Hooks.At(m)
		if h == nil {
			continue
		}
		path := "hooks." + string(m)
		if h.Timeout > p.Deadline && m != OnRollback {
			say(Warning, "hook-longer-than-deadline", path, "%s may take %s, longer than the deadline of %s, which takes everything back", h, FormatDuration(h.Timeout), FormatDuration(p.Deadline))
		}
		if m == EachStep && len(p.Steps) == 1 {
			say(Warning, "hook-never-asked", path, "%s is never asked: there is no step below 100%%", h)
		}
		if h.Kind == Webhook && strings.HasPrefix(h.Name, "http://") && !isLoopback(h.Name) {
			say(Warning, "hook-in-the-clear", path, "%s is asked without encryption: anybody on the way reads the question and can forge the answer", h)
		}
	}
}

// isLoopback says whether an address is one of this machine's own.
func isLoopback(address string) bool {
	_, host, _ := strings.Cut(address, "://")
	host, _, _ = strings.Cut(host, "/")
	return host == "localhost" || strings.HasPrefix(host, "localhost:") || strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "[::1]")
}
