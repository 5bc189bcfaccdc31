package cli

import (
	"context"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

type watchOptions struct {
	store storeOptions
	json  bool
	plain bool
	until string
	from  int64
}

func newWatch(env *Env) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:     "watch [NAME]",
		GroupID: groupLook,
		Short:   "Follow a rollout that another process carries out, live",
		Long: `Follows a rollout until it has ended. NAME is a rollout's ID, the name of its plan
or an alias such as orders:prod; without one the only open rollout is meant.
Leaving changes nothing. The exit code is that of the rollout, as for deploy.`,
		Example: `  crossfade watch orders:prod
  crossfade watch orders:prod --json
  crossfade watch orders:prod --until Holding`,
		Args:              args("[NAME]"),
		ValidArgsFunction: completeRollout(env, &o.store),
		RunE: func(cmd *cobra.Command, a []string) error {
			if o.until != "" && !slices.Contains(phaseNames(), o.until) {
				next := []string{"phases: " + strings.Join(phaseNames(), ", ")}
				return &failure{code: ExitUsage, err: fmt.Errorf("%s: --until %q is not a phase", cmd.CommandPath(), o.until), next: next}
			}
			return o.run(cmd.Context(), env, first(a))
		},
	}
	o.store.flags(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "one JSON document for each event")
	cmd.Flags().BoolVar(&o.plain, "plain", false, "one sentence for each event, also on a terminal")
	cmd.Flags().StringVar(&o.until, "until", "", "end, with exit code 0, as soon as it is in this `PHASE`: "+strings.Join(phaseNames(), ", "))
	cmd.Flags().Int64Var(&o.from, "after", 0, "begin after event `NUMBER`")
	_ = cmd.RegisterFlagCompletionFunc("until", cobra.FixedCompletions(phaseNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

var phases = []rollout.Phase{
	rollout.Pending, rollout.Progressing, rollout.Paused, rollout.Holding, rollout.RollingBack,
	rollout.Succeeded, rollout.RolledBack, rollout.Failed, rollout.Aborted,
}

func phaseNames() []string {
	names := make([]string, len(phases))
	for i, p := range phases {
		names[i] = string(p)
	}
	return names
}

// watchPoll is how often the store is asked for news of another process.
const watchPoll = 250 * time.Millisecond

func (o watchOptions) run(ctx context.Context, env *Env, name string) error {
	ctx, stop := signal.NotifyContext(ctx, signals...)
	defer stop()
	store, rec, err := o.store.read(ctx, env, name)
	if err != nil {
		return err
	}
	defer shut(store)
	d := env.display(o.json, o.plain, false, "")
	err = o.follow(ctx, env, store, rec.ID, d)
	d.close()
	return err
}

func (o watchOptions) follow(ctx context.Context, env *Env, store controller.Store, id string, d display) error {
	last := o.from
	var events []rollout.Event
	_, drawn := d.(*live)
	told := false // that it is overdue
	for first := true; ; first = false {
		rec, err := store.Load(ctx, id) // before the events: an ended rollout has all of its own
		if err != nil {
			return err
		}
		fresh, err := store.Events(ctx, id, last)
		if err != nil {
			return err
		}
		reached := o.until == string(rec.Status.Phase)
		for _, e := range fresh {
			last = e.Number
			events = append(events, e.Event)
			d.event(id, e)
			// A phase may have come and gone between two looks; what was
			// before this command does not count.
			reached = reached || !first && o.until == string(e.Phase)
		}
		now, err := standingOf(ctx, env, store, rec)
		if err != nil {
			return err
		}
		sc := sceneOf(rec, events, now.now)
		late := overdue(rec, sc.Now)
		switch {
		case late == "":
		case drawn:
			sc.Notes = []string{late}
		case !told:
			d.say(late)
		}
		told = late != ""
		d.show(sc)
		switch {
		case reached:
			return nil
		case rec.Status.Phase.Ended():
			return exit(exitOf(rec.Status))
		}
		select {
		case <-ctx.Done():
			return exit(ExitWaiting)
		case a := <-d.asks():
			if a.kind != askOrder {
				return exit(ExitWaiting)
			}
			order := rollout.Order{Kind: a.order, By: env.person(), Reason: a.reason, At: env.Clock.Now()}
			if _, err := store.Order(ctx, id, order); err != nil {
				d.say(err.Error())
			}
		case <-env.Clock.After(watchPoll):
		}
	}
}
