package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

type rollbackOptions struct {
	alias  aliasFlags
	store  storeOptions
	aws    awsOptions
	carry  carryOptions
	to     string
	reason string
}

func newRollback(env *Env) *cobra.Command {
	var o rollbackOptions
	cmd := &cobra.Command{
		Use:     "rollback ALIAS",
		GroupID: groupAct,
		Short:   "Back to the last verified version, now",
		Long: `Takes an alias back to the last version that was verified, which is not always the
number before: a version that was rolled back is quarantined and skipped. A rollout
that is open on the alias is aborted.

The version that loses the traffic is quarantined. Executions that it has started
already go on.`,
		Example: `  crossfade rollback orders:prod --reason "customers complain"
  crossfade rollback orders:prod --to 41 --reason "41 was fine"`,
		Args: args("ALIAS"),
		RunE: func(cmd *cobra.Command, a []string) error {
			t, err := o.alias.target(cmd, a[0])
			if err != nil {
				return err
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
	cmd.Flags().StringVar(&o.to, "to", "", "`VERSION` to go to (default: the last verified one)")
	cmd.Flags().StringVarP(&o.reason, "reason", "r", "", "`WHY`, for the history and whoever reads it later")
	restoreFlags(cmd, &o.carry)
	return cmd
}

// restoreFlags are the flags of commands that only take traffic back: there is
// nothing to revert when they are interrupted, so they go on with it.
func restoreFlags(cmd *cobra.Command, o *carryOptions) {
	o.onInterrupt = interruptDetach
	cmd.Flags().BoolVar(&o.json, "json", false, "one JSON document for each event")
	o.plain = true
}

func (o rollbackOptions) run(ctx context.Context, env *Env, t plan.Target) error {
	var stop func()
	o.carry.signalled, stop = catchSignals()
	defer stop()
	var rec controller.Record
	s, err := startSession(ctx, env, o.store, o.aws, o.carry, func(ctx context.Context, s *session) (err error) {
		t = s.sure(ctx, t, o.alias)
		rec, err = s.ctl.Rollback(ctx, t, o.to, env.person(), o.reason)
		return err
	})
	defer s.close()
	var leased *controller.LeasedError
	if errors.As(err, &leased) && o.to == "" {
		stop() // to wait for another process may be left at any time
		o.carry.signalled = nil
		env.say("%s is open on it; aborting that", leased.Lease.Rollout)
		if err := s.abortOpen(ctx, leased.Lease.Rollout, o.reason, o.carry); !errors.Is(err, errAstray) {
			return err
		}
		env.say("somebody else had changed %s, which the rollout left as it was; it is rolled back now", t)
		rec, err = s.ctl.Rollback(ctx, t, "", env.person(), o.reason)
	}
	return s.restore(ctx, rec, err, o.carry)
}

// restore carries out a rollout that only takes traffic to one version. Having
// done so is success.
func (s *session) restore(ctx context.Context, rec controller.Record, err error, o carryOptions) error {
	var refusal *controller.RefusedError
	switch {
	case errors.Is(err, controller.ErrUnchanged):
		s.env.say("%v", err)
		return nil
	case errors.As(err, &refusal):
		return refused(refusal.Problems)
	case err != nil:
		return err
	}
	return s.takeBack(ctx, rec.ID, o)
}

// abortOpen aborts the rollout that is open on an alias, in whichever process
// looks after it.
func (s *session) abortOpen(ctx context.Context, id, reason string, o carryOptions) error {
	rec, err := s.store.Load(ctx, id)
	if err != nil {
		return err
	}
	seen, err := lastEvent(ctx, s.store, id)
	if err != nil {
		return err
	}
	number, err := s.store.Order(ctx, id, rollout.Order{Kind: rollout.Abort, By: s.env.person(), Reason: reason, At: s.env.Clock.Now()})
	if err != nil {
		return err
	}
	attended, err := isAttended(ctx, s.env, s.store, rec)
	if err != nil {
		return err
	}
	if attended {
		return orderOptions{kind: rollout.Abort, wait: orderWait}.leaveTo(ctx, s.env, s.store, id, number, seen)
	}
	if err := s.adoptOwner(ctx, rec); err != nil {
		return err
	}
	return s.takeBack(ctx, id, o)
}
