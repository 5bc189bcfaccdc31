package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

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
	// supersede takes back what is open on an alias of the plan first.
	supersede bool
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
	cmd.Flags().BoolVar(&o.supersede, "supersede", false, "first take back another rollout that is open on the alias, whoever runs it")
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
		id, err = s.begin(ctx, p, dir, o.supersede)
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
// earlier process left behind. It returns its ID. With supersede, what is open and
// is not the same is taken back first.
func (s *session) begin(ctx context.Context, p plan.Plan, dir directory, supersede bool) (string, error) {
	for {
		open, ok, err := s.openOn(ctx, p)
		if err != nil {
			return "", err
		}
		if !ok {
			break
		}
		id, err := s.goOn(ctx, p, dir, open)
		if !supersede || !errors.Is(err, controller.ErrLeased) {
			return id, err
		}
		if err := s.supersede(ctx, open); err != nil {
			return "", err
		}
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

// supersede takes an open rollout back, in whichever process looks after it, and
// returns when it has ended. Nothing is said about its version by that.
func (s *session) supersede(ctx context.Context, open controller.Record) error {
	const reason = "superseded by another deploy"
	s.env.say("%s: %s, which %s began, is taken back first", view.Name(open.Plan), open.ID, open.Owner)
	attended, err := isAttended(ctx, s.env, s.store, open)
	switch {
	case err != nil:
		return err
	case attended:
		if err = s.ctl.Order(ctx, open.ID, rollout.Revert, s.env.person(), reason); err == nil {
			err = s.awaitEnd(ctx, open.ID)
		}
	default:
		if err = s.adoptOwner(ctx, open); err == nil {
			_, err = s.ctl.Revert(ctx, open.ID, s.env.person(), reason)
		}
	}
	if err != nil && !errors.Is(err, controller.ErrEnded) {
		return &failure{code: ExitWaiting, err: fmt.Errorf("%s is not back yet: %w", open.ID, err), next: []string{"crossfade status " + open.ID + " shows how it stands"}}
	}
	return isBack(ctx, s.store, open.ID)
}

// awaitEnd waits until a rollout that another process carries out has ended.
func (s *session) awaitEnd(ctx context.Context, id string) error {
	limited, cancel := context.WithTimeout(ctx, supersedeWait)
	defer cancel()
	for _, err := range s.ctl.Watch(limited, id, math.MaxInt64) {
		if ctx.Err() == nil && limited.Err() != nil {
			return fmt.Errorf("whoever looks after it has not taken it back within %s", plan.FormatDuration(supersedeWait))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// supersedeWait is how long one waits until another process has taken a rollout back:
// its alias has to settle, and it may be asking hooks.
const supersedeWait = 5 * time.Minute

// goOn takes over a rollout that nobody looks after, if it is the one that is
// wanted.
func (s *session) goOn(ctx context.Context, p plan.Plan, dir directory, open controller.Record) (string, error) {
	name := view.Name(open.Plan)
	// What somebody looks after is not compared. To compare takes a while, so that
	// adoptOwner asks once more.
	if _, err := s.deadOwners(ctx, open); err != nil {
		return "", err
	}
	other, err := s.difference(ctx, p, dir, open)
	if err != nil {
		return "", err
	}
	if other != "" {
		return "", &failure{
			code: ExitRefused,
			err:  leasedError{fmt.Sprintf("%s has an open rollout %s, which nobody looks after and which is another one: %s", name, open.ID, other)},
			next: []string{
				"crossfade resume " + open.ID + " --reason TEXT goes on with it",
				"crossfade abort " + open.ID + " --reason TEXT takes it back; then deploy again",
				"deploy --supersede does both at once",
			},
		}
	}
	if err := s.adoptOwner(ctx, open); err != nil {
		return "", err
	}
	s.env.say("%s: going on with %s, which %s began and left %s at %s", name, open.ID, open.Owner, open.Status.Phase, view.Percent(weightOf(open)))
	return open.ID, nil
}

// difference says in which way an open rollout is not the one that a plan would
// start now; empty when it is the same.
func (s *session) difference(ctx context.Context, p plan.Plan, dir directory, open controller.Record) (string, error) {
	p, err := s.moving(ctx, p, dir, open.Plan)
	if err != nil {
		return "", err
	}
	if other := planDifference(p, open.Plan); other != "" {
		return other, nil
	}
	for i, t := range p.Targets {
		r, err := s.publishers[t.Kind].Resolve(ctx, t, dir)
		if err != nil {
			return "", fmt.Errorf("%s: %w", t, err)
		}
		was := open.Status.Targets[i]
		if r.Content == was.Content || !r.Upload && (r.Content == "" || was.Content == "") {
			continue
		}
		what := cmp.Or(t.Definition, t.Code, "what is there")
		return fmt.Sprintf("%s is not any more what it releases as version %s of %s", what, was.Canary, t), nil
	}
	return "", nil
}

// moving returns a plan without the targets that an open rollout does not have because
// they served what they were to serve when it began, and still do.
func (s *session) moving(ctx context.Context, p plan.Plan, dir directory, open plan.Plan) (plan.Plan, error) {
	targets := p.Targets
	p.Targets = nil
	for _, t := range targets {
		if !slices.ContainsFunc(open.Targets, func(o plan.Target) bool { return sameAlias(t, o) }) {
			serves, err := s.serves(ctx, t, dir)
			if err != nil {
				return p, fmt.Errorf("%s: %w", t, err)
			}
			if serves {
				continue
			}
		}
		p.Targets = append(p.Targets, t)
	}
	return p, nil
}

// serves says whether an alias serves already what a target would release.
func (s *session) serves(ctx context.Context, t plan.Target, dir directory) (bool, error) {
	next, err := s.publishers[t.Kind].Resolve(ctx, t, dir)
	if err != nil || !next.Exists || next.Now.Canary != "" {
		return false, err
	}
	if t.Version != "" {
		return next.Version == next.Now.Stable, nil
	}
	t.Version, t.Definition, t.Code = next.Now.Stable, "", ""
	now, err := s.publishers[t.Kind].Resolve(ctx, t, dir)
	return err == nil && next.Content != "" && next.Content == now.Content, err
}

func sameAlias(a, b plan.Target) bool {
	return a.Kind == b.Kind && a.Name == b.Name && a.Alias == b.Alias
}

// planDifference says in which way two plans differ; empty when they move the same
// aliases in the same way. The version may have been named since: publishing made
// it. What a plan accepts is for the start alone.
func planDifference(a, b plan.Plan) string {
	if len(a.Targets) != len(b.Targets) {
		return "it moves other aliases"
	}
	for i := range a.Targets {
		x, y := a.Targets[i], b.Targets[i]
		if x.Version == "" {
			y.Version = ""
		}
		switch {
		case !sameAlias(x, y):
			return "it moves other aliases"
		case x != y:
			return fmt.Sprintf("it releases something else to %s", y)
		}
	}
	if !slices.Equal(a.Steps, b.Steps) || a.Soak != b.Soak {
		return "its plan is " + stepsOf(b) + ", at least " + plan.FormatDuration(b.Duration())
	}
	for _, p := range []*plan.Plan{&a, &b} {
		p.Name, p.Targets, p.AcceptAlarms, p.AcceptQuarantined = "", nil, nil, false
	}
	if x, y := plan.Marshal(a), plan.Marshal(b); !bytes.Equal(x, y) {
		return "its checks, hooks or reactions are others"
	}
	return ""
}

// deadOwners returns the owners whose leases of a rollout have not ended although they
// are gone; an error while one may be alive.
func (s *session) deadOwners(ctx context.Context, rec controller.Record) ([]string, error) {
	var dead []string
	for _, alias := range rec.Aliases() {
		l, ok, err := s.store.Lease(ctx, alias)
		switch {
		case err != nil:
			return nil, err
		case !ok || l.Owner == s.ctl.Owner() || l.Free(s.env.Clock.Now()) || slices.Contains(dead, l.Owner):
			continue
		case s.env.isDead(l.Owner):
			dead = append(dead, l.Owner)
			continue
		}
		return nil, &failure{
			code: ExitRefused,
			err:  leasedError{fmt.Sprintf("%s is being released by %s since %s (%s)", view.Name(rec.Plan), l.Owner, view.Clock(l.Since, s.env.Clock.Now()), rec.ID)},
			next: []string{
				"crossfade watch " + rec.ID + " follows it",
				"crossfade abort " + rec.ID + " --reason TEXT takes it back",
			},
		}
	}
	return dead, nil
}

// A leasedError says who or what is in the way on an alias. It is
// [controller.ErrLeased].
type leasedError struct{ text string }

func (e leasedError) Error() string { return e.text }

func (e leasedError) Unwrap() error { return controller.ErrLeased }

// adoptOwner makes this process the owner of a rollout whose owner is gone;
// [session.deadOwners]'s error while it may be alive.
func (s *session) adoptOwner(ctx context.Context, rec controller.Record) error {
	dead, err := s.deadOwners(ctx, rec)
	if err != nil {
		return err
	}
	for _, owner := range dead {
		if err := s.ctl.TakeOver(ctx, rec.ID, owner); err != nil {
			return err
		}
	}
	return nil
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
