package cli

import (
	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
)

func kindOf(r controller.Record) plan.Kind {
	if len(r.Plan.Targets) == 0 {
		return plan.StateMachine
	}
	return r.Plan.Targets[0].Kind
}

// weightOf returns the largest share of traffic that a new version has, or was
// asked to have and may have by now.
func weightOf(r controller.Record) plan.Weight {
	var w plan.Weight
	for _, t := range r.Status.Targets {
		if t.Canary != "" {
			w = max(w, t.Seen.Share(t.Canary), t.Wish.Share(t.Canary))
		}
	}
	return w
}

// versionsOf writes from which version to which a rollout goes. One that only
// takes traffic back goes from what it calls the canary.
func versionsOf(style view.Style, r controller.Record) string {
	if len(r.Status.Targets) == 0 {
		return "-"
	}
	from, to := r.Status.Targets[0].Stable, r.Status.Targets[0].Canary
	if r.Task == controller.Rollback || r.Task == controller.Adopt {
		from, to = to, from
	}
	if from == "" || r.Status.Targets[0].Created {
		from = "-"
	}
	return from + style.Text(" → ") + to
}
