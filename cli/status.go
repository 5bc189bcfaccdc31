package cli

import (
	"context"
	"time"

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
	store, rec, err := o.store.read(ctx, env, name)
	if err != nil {
		return err
	}
	defer shut(store)
	events, err := eventsOf(ctx, store, rec.ID)
	if err != nil {
		return err
	}
	now, err := standingOf(ctx, env, store, rec)
	if err != nil {
		return err
	}
	if err := env.print(o.out, now, func() []string { return statusLines(env, now, events) }); err != nil {
		return err
	}
	switch late := overdue(rec, now.now); {
	case now.Uncertain:
		env.say("by this machine's clock nobody looks after it any more, but %s is elsewhere and may have another: crossfade resume %s and abort %s ask the service for its time before they do anything", rec.Owner, rec.ID, rec.ID)
	case now.abandoned():
		env.say("nobody looks after it, so nothing of this happens: crossfade resume %s goes on with it, crossfade abort %s takes it back", rec.ID, rec.ID)
	case late != "":
		env.say("%s", late)
	}
	return nil
}

// unstored is how much older than the last look the record of a rollout that is
// looked after may be: quiet looks are not stored each time, and calls take time.
const unstored = 10 * time.Second

// overdue says that an open rollout was not looked at for longer than it should
// be, and how to go on with it; empty when it was.
func overdue(rec controller.Record, now time.Time) string {
	at := rec.Status.LookedAt
	if at.IsZero() {
		at = rec.Created
	}
	age := now.Sub(at)
	if rec.Status.Phase.Ended() || age <= 3*rec.Plan.Look+unstored {
		return ""
	}
	seen := "last looked at " + view.Duration(age.Truncate(time.Second)) + " ago"
	if rec.Status.LookedAt.IsZero() {
		seen = "never looked at since it was made " + view.Duration(age.Truncate(time.Second)) + " ago"
	}
	return seen + "; nobody may be looking after it: crossfade resume " + rec.ID + " --reason TEXT goes on with it once its owner is gone"
}

// statusLines are the screen of the live view without what is only of use
// there.
func statusLines(env *Env, now standing, events []rollout.Event) []string {
	style := env.style()
	width := env.width()
	if width == 0 {
		width = 80
	}
	return style.Summary(sceneOf(now.Record, events, now.now), width)
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
