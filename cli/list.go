package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
)

type listOptions struct {
	store storeOptions
	open  bool
	limit int
	out   format
}

func newList(env *Env) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "list",
		GroupID: groupLook,
		Aliases: []string{"ls"},
		Short:   "All rollouts, newest first",
		Example: `  crossfade list --open
  crossfade list -o json`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), env) },
	}
	o.store.flags(cmd)
	cmd.Flags().BoolVar(&o.open, "open", false, "only those that have not ended")
	cmd.Flags().IntVar(&o.limit, "limit", 50, "at most so many; 0 for all")
	outputFlag(cmd, &o.out)
	return cmd
}

// leastOwner is how many cells of who carries a rollout a narrow terminal shows: the
// alias says more.
const leastOwner = 10

func (o listOptions) run(ctx context.Context, env *Env) error {
	store, err := o.store.openToRead(ctx, env)
	if err != nil {
		return err
	}
	defer shut(store)
	records, err := store.List(ctx, controller.Filter{Open: o.open, Limit: o.limit})
	if err != nil {
		return err
	}
	list := make([]standing, 0, len(records))
	for _, r := range records {
		now, err := standingOf(ctx, env, store, r)
		if err != nil {
			return err
		}
		list = append(list, now)
	}
	return env.print(o.out, list, func() []string {
		if len(records) == 0 {
			return []string{"no rollouts yet; crossfade deploy --help says how to begin"}
		}
		style, now := env.style(), env.Clock.Now()
		rows := make([][]string, 0, len(records))
		for _, r := range list {
			by := r.Owner
			switch {
			case r.abandoned():
				by = "nobody any more"
			case r.Uncertain:
				by = "nobody, perhaps"
			}
			rows = append(rows, []string{
				r.ID, style.Text(style.Kind(kindOf(r.Record)) + " " + view.Name(r.Plan)), style.Phase(r.Status.Phase), versionsOf(style, r.Record),
				view.Percent(weightOf(r.Record)), view.Clock(r.Created, now), by,
			})
		}
		return style.Spare([]string{"id", "alias", "state", "versions", "new", "began", "by"}, rows, env.width(), leastOwner)
	})
}
