package cli

import (
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

// whyLines are the reasons of a rollout's last decision, one a line: the
// sentence, then each check with its verdict, its numbers and what would change
// it.
func whyLines(rec controller.Record, now time.Time) []string {
	e := rollout.Explain(rec.Plan, rec.Status, now)
	out := []string{e.Sentence}
	for _, f := range e.Checks {
		line := fmt.Sprintf("%s is %s: %s", f.Check, f.Verdict, f.Why)
		if f.Rule != "" {
			line += "; it wants " + f.Rule
		}
		if f.Flip != "" {
			line += "; " + f.Flip
		}
		out = append(out, line)
	}
	switch {
	case e.Next != "" && !e.NextAt.IsZero():
		out = append(out, fmt.Sprintf("next: %s, at %s", e.Next, e.NextAt.In(now.Location()).Format(time.TimeOnly)))
	case e.Next != "":
		out = append(out, "next: "+e.Next)
	}
	return out
}
