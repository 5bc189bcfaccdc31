package rollout

import (
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
)

// An Explanation is why a rollout stands where it stands.
type Explanation struct {
	Sentence string      `json:"sentence"`
	Phase    Phase       `json:"phase"`
	Weight   plan.Weight `json:"weight"`
	// Verdict is what the checks come to.
	Verdict analysis.Verdict `json:"verdict"`
	// Next is what comes next by itself, at NextAt, which is zero where that
	// depends on the world.
	Next   string    `json:"next,omitempty"`
	NextAt time.Time `json:"nextAt,omitzero"`
	// Deadline is when the rollout is taken back or given up.
	Deadline time.Time `json:"deadline,omitzero"`
	// Checks are the findings of the last look, each with the rule, the
	// numbers, and what would flip the verdict.
	Checks []analysis.Finding `json:"checks"`
}

// Explain explains a status at now.
func Explain(p plan.Plan, s Status, now time.Time) Explanation {
	e := Explanation{
		Sentence: Sentence(p, s, now),
		Phase:    s.Phase,
		Weight:   weight(s),
		Verdict:  analysis.Combine(s.Findings),
		Checks:   s.Findings,
	}
	e.Next, e.NextAt = Next(p, s)
	if !s.Phase.Ended() {
		e.Deadline = deadline(p, s)
	}
	return e
}
