package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/rollout"
)

type whyOptions struct {
	store storeOptions
	out   format
}

// reasons is what why prints for programs.
type reasons struct {
	Rollout  string             `json:"rollout"`
	Phase    rollout.Phase      `json:"phase"`
	Why      string             `json:"why"`
	Findings []analysis.Finding `json:"findings"`
}

func newWhy(env *Env) *cobra.Command {
	var o whyOptions
	cmd := &cobra.Command{
		Use:     "why [NAME]",
		GroupID: groupLook,
		Short:   "Why a rollout is where it is: every check with its numbers",
		Long: `The reasons of the last decision: every check with its rule, its numbers, its
verdict, and what would change it. NAME is a rollout's ID, the name of its plan or
an alias such as orders:prod; without one the only open rollout is meant.`,
		Example: `  crossfade why orders:prod
  crossfade why -o json`,
		Args:              args("[NAME]"),
		ValidArgsFunction: completeRollout(env, &o.store),
		RunE:              func(cmd *cobra.Command, a []string) error { return o.run(cmd.Context(), env, first(a)) },
	}
	o.store.flags(cmd)
	outputFlag(cmd, &o.out)
	return cmd
}

func (o whyOptions) run(ctx context.Context, env *Env, name string) error {
	store, err := o.store.openToRead(ctx, env)
	if err != nil {
		return err
	}
	defer shut(store)
	rec, err := find(ctx, store, name)
	if err != nil {
		return err
	}
	r := reasons{Rollout: rec.ID, Phase: rec.Status.Phase, Why: rec.Status.Why, Findings: rec.Status.Findings}
	return env.print(o.out, r, func() []string {
		var out []string
		style := env.style()
		for _, line := range whyLines(rec, nowOf(env, rec)) {
			out = append(out, style.Text(line))
		}
		return out
	})
}
