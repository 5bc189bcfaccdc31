package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

type statusOptions struct {
	store storeOptions
	out   format
}

func newStatus(env *Env) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:     "status [NAME]",
		GroupID: groupLook,
		Short:   "Where a rollout stands, why, and what comes next",
		Long: `Where a rollout stands. NAME is a rollout's ID, the name of its plan or an alias
such as orders:prod; without one the only open rollout is meant.`,
		Example: `  crossfade status orders:prod
  crossfade status -o json`,
		Args:              args("[NAME]"),
		ValidArgsFunction: completeRollout(env, &o.store),
		RunE:              func(cmd *cobra.Command, a []string) error { return o.run(cmd.Context(), env, first(a)) },
	}
	o.store.flags(cmd)
	outputFlag(cmd, &o.out)
	return cmd
}

func (o statusOptions) run(ctx context.Context, env *Env, name string) error {
	store, err := o.store.open(ctx, env)
	if err != nil {
		return err
	}
	defer shut(store)
	rec, err := find(ctx, store, name)
	if err != nil {
		return err
	}
	events, err := eventsOf(ctx, store, rec.ID)
	if err != nil {
		return err
	}
	if err := env.print(o.out, rec, func() []string { return statusLines(env, rec, events) }); err != nil {
		return err
	}
	attended, err := isAttended(ctx, env, store, rec)
	if err == nil && !attended && !rec.Status.Phase.Ended() {
		env.say("nobody looks after it: crossfade resume %s goes on with it, crossfade abort %s takes it back", rec.ID, rec.ID)
	}
	return err
}

// statusLines are the screen of the live view without what is only of use
// there.
func statusLines(env *Env, rec controller.Record, events []rollout.Event) []string {
	style, now := env.style(), env.Clock.Now()
	width := env.width()
	if width == 0 {
		width = 80
	}
	return style.Summary(sceneOf(rec, events, now), width)
}

func eventsOf(ctx context.Context, store controller.Store, id string) ([]rollout.Event, error) {
	numbered, err := store.Events(ctx, id, 0)
	if err != nil {
		return nil, err
	}
	events := make([]rollout.Event, len(numbered))
	for i, e := range numbered {
		events[i] = e.Event
	}
	return events, nil
}

var _ view.Scene
