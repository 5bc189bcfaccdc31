package cli

import (
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

// whyLines are the reasons of a rollout's last decision: the sentence, then each
// check with its verdict, its numbers, its rule and what would change it.
func whyLines(rec controller.Record, now time.Time) []string {
	e := rollout.Explain(rec.Plan, rec.Status, now)
	out := []string{e.Sentence}
	for _, f := range e.Checks {
		name := f.Check
		if f.Target != "" {
			name += " of " + f.Target
		}
		out = append(out, fmt.Sprintf("%s is %s: %s", name, f.Verdict, f.Why))
		if f.Rule != "" {
			out = append(out, "    rule: "+f.Rule)
		}
		if f.Flip != "" {
			out = append(out, "    would change it: "+f.Flip)
		}
	}
	switch {
	case e.Next != "" && !e.NextAt.IsZero():
		out = append(out, fmt.Sprintf("next: %s, at %s", e.Next, e.NextAt.In(now.Location()).Format(time.TimeOnly)))
	case e.Next != "":
		out = append(out, "next: "+e.Next)
	}
	return out
}
