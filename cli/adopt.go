package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
)

type adoptOptions struct {
	alias  aliasFlags
	store  storeOptions
	aws    awsOptions
	carry  carryOptions
	finish bool
	revert bool
	reason string
}

func newAdopt(env *Env) *cobra.Command {
	var o adoptOptions
	cmd := &cobra.Command{
		Use:     "adopt ALIAS",
		GroupID: groupAct,
		Short:   "Finish or revert an alias that something else left split",
		Long: `Takes an alias that a script, another tool or a person left split between two
versions to one of them: the newer with --finish, the older with --revert.`,
		Example: `  crossfade adopt orders:prod --revert --reason "the pipeline died"
  crossfade adopt orders:prod --finish --reason "it was fine"`,
		Args: args("ALIAS"),
		RunE: func(cmd *cobra.Command, a []string) error {
			t, err := o.alias.target(cmd, a[0])
			if err != nil {
				return err
			}
			if o.finish == o.revert {
				return usage(cmd, "say --finish (everything to the newer version) or --revert (everything to the older one)")
			}
			if o.reason == "" {
				return usage(cmd, "--reason is missing: why?")
			}
			return o.run(cmd.Context(), env, t)
		},
	}
	o.alias.flags(cmd)
	o.store.flags(cmd)
	o.aws.flags(cmd)
	cmd.Flags().BoolVar(&o.finish, "finish", false, "everything to the newer version")
	cmd.Flags().BoolVar(&o.revert, "revert", false, "everything to the older version")
	cmd.Flags().StringVarP(&o.reason, "reason", "r", "", "`WHY`, for the history and whoever reads it later")
	restoreFlags(cmd, &o.carry)
	return cmd
}

func (o adoptOptions) run(ctx context.Context, env *Env, t plan.Target) error {
	way := controller.Finish
	if o.revert {
		way = controller.Revert
	}
	var stop func()
	o.carry.signalled, stop = catchSignals()
	defer stop()
	var rec controller.Record
	s, err := startSession(ctx, env, o.store, o.aws, o.carry, func(ctx context.Context, s *session) (err error) {
		t = s.sure(ctx, t, o.alias)
		rec, err = s.ctl.Adopt(ctx, t, way, env.person(), o.reason)
		return err
	})
	defer s.close()
	var leased *controller.LeasedError
	if errors.As(err, &leased) {
		return &failure{code: ExitRefused, err: fmt.Errorf("%s is split because %s is open on it", t, leased.Lease.Rollout), next: []string{
			"crossfade status " + leased.Lease.Rollout + " shows it",
			"crossfade abort " + leased.Lease.Rollout + " --reason TEXT takes it back",
		}}
	}
	return s.restore(ctx, rec, err, o.carry)
}
