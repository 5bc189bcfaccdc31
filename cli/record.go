package cli

import (
	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
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

// versionsOf writes from which version to which a rollout goes.
func versionsOf(style view.Style, targets []rollout.TargetStatus) string {
	if len(targets) == 0 {
		return "-"
	}
	from := targets[0].Stable
	if from == "" {
		from = "-"
	}
	return from + style.Text(" → ") + targets[0].Canary
}
