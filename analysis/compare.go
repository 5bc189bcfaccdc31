package analysis

import (
	"fmt"
	"math"
	"sort"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
	"github.com/crossfade-dev/crossfade/plan"
)

// Compared is what a criterion that compares may look at.
type Compared struct {
	Comparison *Comparison
	// Problem says why there is no comparison.
	Problem string
	Policy  ramp.Policy
	// Stable and Canary name the versions.
	Stable, Canary string
	// Since is when the step in force began to count; zero when it does not
	// matter. Full is true once the old version has no traffic any more: what
	// was found until then stands.
	Since float64
	Full  bool
}

// Numbers are those of a finding that compares two versions.
type Numbers struct {
	Of plan.Compared `json:"of"`
	// Canary and Stable are both versions' requests in the same time, and how
	// many of them ended badly, or were slow.
	Canary Share `json:"canary"`
	Stable Share `json:"stable"`
	// Evidence of harm is by how much what was seen is likelier if the new
	// version is worse, and Proof what proves it. Both are of everything that
	// is compared together; Own is this part alone.
	Evidence float64 `json:"evidence"`
	Own      float64 `json:"own"`
	Proof    float64 `json:"proof"`
	// Excluded is the smallest excess, as a share of requests, that is ruled out.
	Excluded float64 `json:"excluded"`
	// Suspicion is how loud the comparison with history is: at 20 it makes the
	// rollout smaller.
	Suspicion float64 `json:"suspicion"`
	// Slow is how long a slow request takes, in seconds; 0 for errors.
	Slow float64 `json:"slow,omitempty"`
}

// A Share is how many of some requests were bad.
type Share struct {
	Requests int `json:"requests"`
	Bad      int `json:"bad"`
}

func (s Share) String() string {
	if s.Requests == 0 {
		return "none"
	}
	return share(float64(s.Bad)/float64(s.Requests)) + " (" + count(s.Bad) + " of " + count(s.Requests) + ")"
}

// compareCriterion holds the new version against the old one.
type compareCriterion struct{ compare plan.Comparison }

func (c compareCriterion) Rule() string {
	what := "the new version fails no more often than the old one in the same time"
	if c.compare.Of == plan.Duration {
		what = "the new version is no slower than the old one in the same time"
	}
	if c.compare.Tolerance > 0 {
		what += ", beyond " + share(c.compare.Tolerance) + " of the requests"
	}
	if c.compare.OnlyCondemns {
		what += "; only proven harm counts, and nothing waits for it"
	}
	return what
}

// slowThreshold is the one of which people are told: nine of ten are faster.
const slowThreshold = 1

// numbers are what the comparison knows.
func (c compareCriterion) numbers(e *Compared) Numbers {
	s, d := e.Comparison.State, e.Comparison.Decision
	n := Numbers{
		Of: c.compare.Of, Evidence: d.Evidence, Own: d.Errors, Proof: d.Proof,
		Excluded: d.Excluded, Suspicion: s.Failing.Value(),
	}
	of := func(o evidence.Outcomes) Share { return Share{o.Requests, o.Failed} }
	if c.compare.Of == plan.Duration {
		n.Own, n.Suspicion = d.Times, s.Slowing.Value()
		n.Excluded = s.Slow.Excluded(e.Policy.Beta)
		if t := e.Comparison.History.Thresholds; len(t) > slowThreshold {
			n.Slow = t[slowThreshold]
		}
		of = func(o evidence.Outcomes) Share {
			slow := 0
			if len(o.Slower) > slowThreshold {
				slow = o.Slower[slowThreshold]
			}
			return Share{o.Timed, slow}
		}
	}
	n.Canary, n.Stable = of(s.Compared[evidence.Canary]), of(s.Compared[evidence.Stable])
	return n
}

// Judge says Unhealthy once harm is proven, and then for good. Healthy takes enough
// requests of the new version, some of them in this step, and no doubt.
func (c compareCriterion) Judge(e Evidence) Finding {
	x := e.Compared
	switch {
	case x != nil && x.Comparison == nil && x.Problem != "":
		return trouble("what %s did before cannot be read (%s)", x.Stable, x.Problem)
	case x == nil || x.Comparison == nil:
		return trouble("nothing tells yet what both versions did in the same time")
	case x.Comparison.Problem != "" && x.Comparison.Proof == "":
		return trouble("what both versions did cannot be read (%s)", x.Comparison.Problem)
	}
	n := c.numbers(x)
	f := Finding{Samples: n.Canary.Requests, Compared: &n}
	if n.Canary.Requests > 0 {
		rate := float64(n.Canary.Bad) / float64(n.Canary.Requests)
		f.Value = &rate
	}
	did := c.sentence(x, n)
	decision := x.Comparison.Decision
	missing := x.Policy.MinRequests - n.Canary.Requests
	switch {
	case x.Comparison.Proof == c.compare.Of && x.Comparison.Shared:
		f.Verdict, f.Why = Unhealthy, did+"; both do worse than "+x.Stable+" did before, and the plan takes that for harm"
		f.Flip = "nothing: it stays"
	case x.Comparison.Proof == c.compare.Of:
		f.Verdict, f.Why = Unhealthy, did+"; that is "+odds(n.Evidence)+" for harm, proof is "+odds(n.Proof)
		f.Flip = "nothing: a proof stays"
	case x.Full && n.Canary.Requests >= x.Policy.MinRequests:
		f.Verdict, f.Why, f.Flip = Healthy, did+" while both served", "nothing: the old version serves no more"
	case decision.Reason == ramp.ByIncident:
		f.Verdict, f.Why, f.Flip = Unknown, did+"; both do worse than "+x.Stable+" did before, which is waited for", "the end of the incident"
	case n.Suspicion >= ramp.Loud && decision.Reason == ramp.BySuspicion:
		f.Verdict, f.Why = Unknown, did+"; that is more than "+x.Stable+" had before, which is looked into"
		f.Flip = c.flip(x, n)
	case c.compare.Of == plan.Duration && n.Slow == 0:
		f.Verdict = Unknown
		f.Why = fmt.Sprintf("%s of the %s requests of %s that it takes to know what is slow", count(x.Comparison.History.Timed), count(LeastTimed), x.Stable)
		f.Flip = fmt.Sprintf("%s more requests of %s", count(max(1, LeastTimed-x.Comparison.History.Timed)), x.Stable)
	case missing > 0:
		f.Verdict = Unknown
		f.Why = fmt.Sprintf("%s of the %s requests of %s needed", count(n.Canary.Requests), count(x.Policy.MinRequests), x.Canary)
		f.Flip = fmt.Sprintf("%s more requests", count(missing))
	case n.Evidence >= x.Policy.Yellow:
		f.Verdict, f.Why, f.Flip = Unknown, did+"; that is "+odds(n.Evidence)+" for harm, and not proof yet", c.flip(x, n)
	case x.Since > 0 && x.Comparison.State.ServedUntil <= x.Since:
		f.Verdict = Unknown
		f.Why = fmt.Sprintf("no request of %s is known since the step began", x.Canary)
		f.Flip = "one request in this step"
	default:
		f.Verdict, f.Why, f.Flip = Healthy, did, c.flip(x, n)
	}
	return f
}

// sentence says what both versions did.
func (c compareCriterion) sentence(x *Compared, n Numbers) string {
	if c.compare.Of == plan.Duration {
		return n.Canary.String() + " of " + x.Canary + " took longer than " + seconds(n.Slow) + ", " + n.Stable.String() + " of " + x.Stable
	}
	return n.Canary.String() + " of " + x.Canary + " ended badly, " + n.Stable.String() + " of " + x.Stable
}

// mostFlips is up to how many requests a flip is looked for.
const mostFlips = 100

// flip says how many more bad requests of the new version, and none of the old one,
// would be proof.
func (c compareCriterion) flip(x *Compared, n Numbers) string {
	share := x.Comparison.State.Share
	if share <= 0 || share >= 1 {
		return "nothing, as long as only one version serves"
	}
	more := "bad"
	part, weight := x.Policy.ErrorsOf(x.Comparison.State), 1-x.Policy.TimesWeight
	wealth, rest := x.Comparison.State.Errors, n.Evidence-(1-x.Policy.TimesWeight)*n.Own
	add := func(w *evidence.Wealth) {
		part.Add(w, evidence.Block{Low: share, High: share, Canary: evidence.Outcomes{Requests: 1, Failed: 1}})
	}
	value := part.Value
	if c.compare.Of == plan.Duration {
		more, weight = "very slow", x.Policy.TimesWeight
		wealth, rest = x.Comparison.State.Times, n.Evidence-x.Policy.TimesWeight*n.Own
		slower := make([]int, len(x.Policy.Times.Tolerated))
		for i := range slower {
			slower[i] = 1
		}
		add = func(w *evidence.Wealth) {
			x.Policy.Times.Add(w, evidence.Block{Low: share, High: share, Canary: evidence.Outcomes{Requests: 1, Timed: 1, Slower: slower}})
		}
		value = x.Policy.Times.Value
	}
	// Each further request multiplies each bet by the same as the first. The
	// value is a convex function of their number, so it is enough once only.
	once, further := wealth.Clone(), wealth
	add(&once)
	further.Placed = make([]float64, len(wealth.Placed))
	proves := func(requests int) bool {
		for i, placed := range wealth.Placed {
			if placed > 0 {
				further.Placed[i] = placed * math.Pow(once.Placed[i]/placed, float64(requests))
			}
		}
		return rest+weight*value(further) >= n.Proof
	}
	if !proves(mostFlips) {
		return fmt.Sprintf("more than %d more %s requests of %s", mostFlips, more, x.Canary)
	}
	k, noun := 1+sort.Search(mostFlips-1, func(fewer int) bool { return proves(fewer + 1) }), "requests"
	if k == 1 {
		noun = "request"
	}
	return fmt.Sprintf("%d more %s %s of %s, and none of %s", k, more, noun, x.Canary, x.Stable)
}

// odds writes evidence: 12 to 1.
func odds(e float64) string {
	switch {
	case e >= 1e6:
		return "more than a million to 1"
	case e >= 10:
		return count(int(math.Floor(e))) + " to 1"
	default:
		return number(math.Round(e*10)/10) + " to 1"
	}
}

// seconds writes a duration in seconds for people: 420 ms, 1.2 s.
func seconds(s float64) string {
	if s < 1 {
		return number(math.Round(s*1e4)/10) + " ms"
	}
	return number(math.Round(s*100)/100) + " s"
}
