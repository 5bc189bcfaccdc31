package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/controller"
)

type historyOptions struct {
	store storeOptions
	out   format
}

func newHistory(env *Env) *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:     "history [NAME]",
		GroupID: groupLook,
		Short:   "Everything that happened in a rollout, with who asked for it and why",
		Long: `Everything that happened in a rollout, oldest first. NAME is a rollout's ID, the
name of its plan or an alias such as orders:prod; without one the open rollout is
meant.`,
		Example: `  crossfade history orders:prod
  crossfade history r-3f9k2m7q -o json`,
		Args:              args("[NAME]"),
		ValidArgsFunction: completeRollout(env, &o.store),
		RunE:              func(cmd *cobra.Command, a []string) error { return o.run(cmd.Context(), env, first(a)) },
	}
	o.store.flags(cmd)
	outputFlag(cmd, &o.out)
	return cmd
}

func (o historyOptions) run(ctx context.Context, env *Env, name string) error {
	store, rec, err := o.store.read(ctx, env, name)
	if err != nil {
		return err
	}
	defer shut(store)
	events, err := store.Events(ctx, rec.ID, 0)
	if err != nil {
		return err
	}
	if events == nil {
		events = []controller.NumberedEvent{}
	}
	return env.print(o.out, events, func() []string {
		style, now := env.style(), env.Clock.Now()
		lines := make([]string, 0, len(events))
		for _, e := range events {
			lines = append(lines, style.EventLine(e.Event, now))
		}
		return lines
	})
}

// first returns the first argument, or nothing.
func first(a []string) string {
	if len(a) == 0 {
		return ""
	}
	return a[0]
}
