package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

type deployOptions struct {
	plan  planFlags
	store storeOptions
	aws   awsOptions
	carry carryOptions
}

// carryOptions are the flags of every command that carries a rollout out.
type carryOptions struct {
	onInterrupt string
	said        bool // onInterrupt was given: do not ask
	json        bool
	plain       bool
	// signalled has what came since the command began; nil where nothing is to
	// be started first.
	signalled chan os.Signal
}

func (o *carryOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.onInterrupt, "on-interrupt", interruptRevert, "at Ctrl-C, SIGTERM or a closed terminal: revert, pause or detach")
	f.BoolVar(&o.json, "json", false, "one JSON document for each event")
	f.BoolVar(&o.plain, "plain", false, "one sentence for each event, also on a terminal")
	_ = cmd.RegisterFlagCompletionFunc("on-interrupt", cobra.FixedCompletions([]string{interruptRevert, interruptPause, interruptDetach}, cobra.ShellCompDirectiveNoFileComp))
}

func (o *carryOptions) check(cmd *cobra.Command) error {
	if !slices.Contains([]string{interruptRevert, interruptPause, interruptDetach}, o.onInterrupt) {
		return usage(cmd, "--on-interrupt %q is not one of revert, pause, detach", o.onInterrupt)
	}
	o.said = cmd.Flags().Changed("on-interrupt")
	return nil
}

func newDeploy(env *Env) *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:     "deploy [FILE]",
		GroupID: groupRelease,
		Short:   "Release a new version: shift, watch, promote, or take it back",
		Long: `Publishes what a plan names and moves the alias to it, step by step, as long as
every check holds; takes everything back at the first proof of harm. Runs in the
foreground until the rollout has ended, and shows it.

Before anything is shifted everything is proven: aliases, alarms, rights. Other
terminals may act on it with pause, resume, skip, promote, approve and abort.

The rollout is remembered on disk. Should this process die, the same command goes
on with it. Ctrl-C takes everything back, unless --on-interrupt says otherwise.`,
		Example: `  crossfade deploy orders.yaml
  crossfade deploy --state-machine orders:prod --definition orders.asl.json \
      --canary 10%/5m --alarm orders-failed`,
		Args: args("[FILE]"),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := o.carry.check(cmd); err != nil {
				return err
			}
			p, dir, err := o.plan.read(cmd, env, first(a))
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), env, p, dir)
		},
	}
	o.plan.flags(cmd)
	o.store.flags(cmd)
	o.aws.flags(cmd)
	o.carry.flags(cmd)
	return cmd
}

func (o deployOptions) run(ctx context.Context, env *Env, p plan.Plan, dir directory) error {
	if problems := plan.Lint(p); slices.ContainsFunc(problems, func(p plan.Problem) bool { return p.Severity == plan.Error }) {
		for _, line := range problemLines(env.errStyle(), problems) {
			env.say("%s", line)
		}
		return &failure{code: ExitError, err: fmt.Errorf("%s cannot be run as it is", view.Name(p))}
	}
	var stop func()
	o.carry.signalled, stop = catchSignals()
	defer stop()
	var id string
	s, err := startSession(ctx, env, o.store, o.aws, o.carry, func(ctx context.Context, s *session) (err error) {
		id, err = s.begin(ctx, p, dir)
		return err
	})
	defer s.close()
	switch {
	case errors.Is(err, controller.ErrUnchanged):
		env.say("%v", err)
		return nil
	case err != nil:
		return err
	}
	return s.carryOut(ctx, id, o.carry)
}

// begin starts a rollout, or goes on with the open one of the same kind that an
// earlier process left behind. It returns its ID.
func (s *session) begin(ctx context.Context, p plan.Plan, dir directory) (string, error) {
	if open, ok, err := s.openOn(ctx, p); err != nil {
		return "", err
	} else if ok {
		return s.goOn(ctx, p, open)
	}
	rec, err := s.ctl.Start(ctx, p, dir)
	var refusal *controller.RefusedError
	if errors.As(err, &refusal) {
		return "", refused(refusal.Problems)
	}
	return rec.ID, err
}

// openOn returns the open rollout on one of the plan's aliases, if there is one.
func (s *session) openOn(ctx context.Context, p plan.Plan) (controller.Record, bool, error) {
	records, err := s.store.List(ctx, controller.Filter{Open: true})
	if err != nil || len(records) == 0 {
		return controller.Record{}, false, err
	}
	for _, t := range p.Targets {
		alias, err := s.aliasOf(ctx, t)
		if err != nil {
			continue // Start says better what is wrong with it
		}
		for _, r := range records {
			if slices.Contains(r.Aliases(), alias) {
				return r, true, nil
			}
		}
	}
	return controller.Record{}, false, nil
}

// goOn takes over a rollout that nobody looks after, if it is the one that is
// wanted.
func (s *session) goOn(ctx context.Context, p plan.Plan, open controller.Record) (string, error) {
	name := view.Name(open.Plan)
	if err := s.adoptOwner(ctx, open); err != nil {
		return "", err
	}
	if !sameDelivery(p, open.Plan) {
		return "", &failure{
			code: ExitRefused,
			err:  fmt.Errorf("%s has an open rollout %s with another plan (%s), which nobody looks after", name, open.ID, stepsOf(open.Plan)),
			next: []string{
				"crossfade resume " + open.ID + " --reason TEXT goes on with it",
				"crossfade abort " + open.ID + " --reason TEXT takes it back; then deploy again",
			},
		}
	}
	s.env.say("%s: going on with %s, which %s began and left %s at %s", name, open.ID, open.Owner, open.Status.Phase, view.Percent(weightOf(open)))
	return open.ID, nil
}

// sameDelivery says whether two plans move the same aliases in the same way.
// The version may have been named since: publishing made it.
func sameDelivery(a, b plan.Plan) bool {
	if len(a.Targets) != len(b.Targets) || !slices.Equal(a.Steps, b.Steps) || a.Soak != b.Soak {
		return false
	}
	for i := range a.Targets {
		x, y := a.Targets[i], b.Targets[i]
		if x.Version == "" {
			y.Version = ""
		}
		if x != y {
			return false
		}
	}
	return true
}

// adoptOwner makes this process the owner of a rollout whose owner is gone;
// ErrLeased while the owner may be alive.
func (s *session) adoptOwner(ctx context.Context, rec controller.Record) error {
	for _, alias := range rec.Aliases() {
		l, ok, err := s.store.Lease(ctx, alias)
		if err != nil {
			return err
		}
		if !ok || l.Owner == s.ctl.Owner() || l.Free(s.env.Clock.Now()) {
			continue
		}
		if !s.env.isDead(l.Owner) {
			return &failure{
				code: ExitRefused,
				err:  fmt.Errorf("%s is being released by %s since %s (%s)", view.Name(rec.Plan), l.Owner, view.Clock(l.Since, s.env.Clock.Now()), rec.ID),
				next: []string{
					"crossfade watch " + rec.ID + " follows it",
					"crossfade abort " + rec.ID + " --reason TEXT takes it back",
				},
			}
		}
		if err := s.ctl.TakeOver(ctx, rec.ID, l.Owner); err != nil {
			return err
		}
	}
	return nil
}

// isDead says whether an owner is known not to run any more: a process of this
// machine that does not exist.
func (env *Env) isDead(owner string) bool {
	who, pidText, ok := strings.Cut(owner, " pid ")
	if !ok {
		return false
	}
	_, host, _ := strings.Cut(who, "@")
	_, here, _ := strings.Cut(env.person(), "@")
	pid, err := strconv.Atoi(pidText)
	if host != here || err != nil {
		return false
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	defer func() { _ = p.Release() }() // it only lets go of a handle
	return errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// carryOut carries a rollout out until it has ended or was left, and returns the
// exit code as an error.
func (s *session) carryOut(ctx context.Context, id string, o carryOptions) error {
	status, err := s.carryToEnd(ctx, id, o)
	if err != nil {
		return err
	}
	return exit(exitOf(status))
}

// carryToEnd carries a rollout out and returns how it ended; an error says that
// it did not.
func (s *session) carryToEnd(ctx context.Context, id string, o carryOptions) (rollout.Status, error) {
	said := ""
	if o.said {
		said = o.onInterrupt
	}
	d := s.env.display(o.json, o.plain, true, said)
	c := &carrier{session: s, id: id, display: d, onInterrupt: o.onInterrupt, signalled: o.signalled}
	status, err := c.carry(ctx)
	d.close() // what follows goes below the live view
	for _, line := range leftRunning(status) {
		s.env.say("%s", line)
	}
	return status, err
}

// takeBack carries a rollout out that was told to take its traffic back: having
// done so is success.
func (s *session) takeBack(ctx context.Context, id string, o carryOptions) error {
	status, err := s.carryToEnd(ctx, id, o)
	if err != nil {
		return err
	}
	if status.Phase == rollout.RolledBack || status.Phase == rollout.Aborted {
		return isBack(ctx, s.store, id)
	}
	return exit(exitOf(status))
}
