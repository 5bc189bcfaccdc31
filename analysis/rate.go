package analysis

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/plan"
)

// Finished is how many executions or invocations have an outcome.
func (c Counts) Finished() int { return c.Succeeded + c.Failed + c.TimedOut + c.Aborted }

// Bad counts those of some outcomes, and all that could have had one of them:
// what was throttled is neither finished nor started, and counts only when
// throttled is among the outcomes.
func (c Counts) Bad(outcomes []string) (bad, all int) {
	all = c.Finished()
	for _, o := range outcomes {
		switch o {
		case "failed":
			bad += c.Failed
		case "timedOut":
			bad += c.TimedOut
		case "aborted":
			bad += c.Aborted
		case "throttled":
			bad, all = bad+c.Throttled, all+c.Throttled
		default:
			panic("analysis: outcome " + o)
		}
	}
	return bad, all
}

// rateCriterion limits the share of bad outcomes of the canary alone.
type rateCriterion struct{ limit plan.RateLimit }

func (c rateCriterion) Rule() string {
	rule := fmt.Sprintf("at most %s of the new version's are %s, of %s at least",
		share(c.limit.Max), strings.Join(c.limit.Outcomes, ", "), count(c.limit.MinSamples))
	if c.limit.UnlessShared {
		rule += ", unless the old version does as badly in the same time"
	}
	return rule
}

// epsilon is what the product of a share and a number may be off.
const epsilon = 1e-9

// Judge says Unhealthy as soon as it is certain: when the bad ones are too many
// even if everything that still runs, and everything that is missing to the
// minimum, ends well. It says Healthy when enough have finished, at least one of
// them in this step, and few enough were bad.
func (c rateCriterion) Judge(e Evidence) Finding {
	n := e.Canary
	switch {
	case n == nil:
		return trouble("nothing counts what the new version does")
	case n.Problem != "":
		return trouble("executions of %s cannot be counted (%s)", n.Version, n.Problem)
	}
	bad, all := n.Bad(c.limit.Outcomes)
	if c.limit.UnlessShared {
		bad, all = max(0, bad-e.Forgiven.Bad), max(0, all-e.Forgiven.Requests)
	}
	rate := 0.0
	if all > 0 {
		rate = float64(bad) / float64(all)
	}
	limit := c.limit.Max
	f := Finding{Samples: all, Value: &rate, Limit: &limit}
	atBest := max(all+n.Running, c.limit.MinSamples)
	over, certain := float64(bad) > limit*float64(all)+epsilon, float64(bad) > limit*float64(atBest)+epsilon
	shared, wait, flip := c.shared(e, bad, all)
	f.Shared = shared && over
	switch {
	case wait != "" && (certain || all >= c.limit.MinSamples):
		f.Verdict = Unknown
		f.Why = fmt.Sprintf("%s of %s ended badly (%s of %s), limit %s%s; %s", share(rate), n.Version, count(bad), count(all), share(limit), c.compared(e.Stable), wait)
		f.Flip = flip
	case certain && !shared:
		f.Verdict = Unhealthy
		f.Why = fmt.Sprintf("%s of %s ended badly (%s of %s), limit %s%s", share(rate), n.Version, count(bad), count(all), share(limit), c.compared(e.Stable))
		f.Flip = c.flipHealthy(bad, all)
	case all < c.limit.MinSamples:
		f.Verdict = Unknown
		f.Why = fmt.Sprintf("%s of the %s outcomes of %s needed%s", count(all), count(c.limit.MinSamples), n.Version, running(n.Running))
		f.Flip = fmt.Sprintf("%s more outcomes", count(c.limit.MinSamples-all))
	case over && !shared:
		f.Verdict = Unknown
		f.Why = fmt.Sprintf("%s of %s ended badly (%s of %s), limit %s, but %s still run and could bring it below",
			share(rate), n.Version, count(bad), count(all), share(limit), count(n.Running))
		f.Flip = "the end of those that run"
	case !e.Since.IsZero() && n.Finished() <= e.Base:
		f.Verdict = Unknown
		f.Why = fmt.Sprintf("no execution of %s has ended since the step began at %s%s", n.Version, clock(e.Since), running(n.Running))
		f.Flip = "one outcome in this step"
	case !e.Since.IsZero() && !n.AsOf.IsZero() && n.AsOf.Before(e.Since):
		f.Verdict = Unknown
		f.Why = fmt.Sprintf("the counts of %s end at %s, before the step began", n.Version, clock(n.AsOf))
		f.Flip = "newer counts"
	default:
		f.Verdict = Healthy
		f.Why = fmt.Sprintf("%s of %s ended badly (%s of %s), limit %s%s", share(rate), n.Version, count(bad), count(all), share(limit), c.compared(e.Stable))
		f.Flip = fmt.Sprintf("%s more bad ones", count(c.flipUnhealthy(bad, atBest)))
		if f.Shared {
			f.Why += ", so that it is not the new version's fault"
			f.Flip = "proof that the new version does worse"
		}
	}
	return f
}

// compared appends how the old version did, for people; it is not judged.
func (c rateCriterion) compared(stable *Counts) string {
	if stable == nil || stable.Problem != "" {
		return ""
	}
	bad, all := stable.Bad(c.limit.Outcomes)
	if all == 0 {
		return ""
	}
	return fmt.Sprintf("; %s had %s (%s of %s)", stable.Version, share(float64(bad)/float64(all)), count(bad), count(all))
}

// flipHealthy says how many good ones it takes to be within the limit again.
func (c rateCriterion) flipHealthy(bad, all int) string {
	if c.limit.Max == 0 {
		return "nothing: none may end badly"
	}
	return fmt.Sprintf("%s more that end well", count(int(math.Ceil(float64(bad)/c.limit.Max-epsilon))-all))
}

// flipUnhealthy says how many more bad ones are certainly too many, if they are
// among those that run or are to come.
func (c rateCriterion) flipUnhealthy(bad, atBest int) int {
	return max(1, int(math.Floor(c.limit.Max*float64(atBest)+epsilon))+1-bad)
}

func running(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %s running", count(n))
}

// Percent writes a share for people: 4.1 %.
func Percent(f float64) string { return share(f) }

// share writes a fraction in percent: 4.1 %.
func share(f float64) string {
	digits := 1
	if f > 0 && f < 0.01 {
		digits = 2
	}
	text := strconv.FormatFloat(f*100, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + " %"
}

// count writes a number with separators: 1,236.
func count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && n > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
