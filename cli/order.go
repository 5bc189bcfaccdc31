package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/lambdatarget"
	"github.com/crossfade-dev/crossfade/controller/sfntarget"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// orderWait is how long one waits until an order was followed.
const orderWait = 15 * time.Second

type orderOptions struct {
	kind   rollout.OrderKind
	store  storeOptions
	aws    awsOptions
	carry  carryOptions
	reason string
	wait   time.Duration
	call   string // the key of the question that is answered
}

func newPause(env *Env) *cobra.Command {
	return newOrder(env, rollout.Pause, "Stop advancing; the checks go on and may still take it back", "")
}

func newResume(env *Env) *cobra.Command {
	return newOrder(env, rollout.Resume, "Go on after a pause or a hold", `
When nobody looks after the rollout, because its process died or left, this process
goes on with it as deploy does.`)
}

func newSkip(env *Env) *cobra.Command {
	return newOrder(env, rollout.Skip, "Skip the rest of this step", "")
}

func newPromote(env *Env) *cobra.Command {
	return newOrder(env, rollout.Promote, "Skip the rest of the steps and go to 100 % now", "")
}

func newApprove(env *Env) *cobra.Command {
	return newOrder(env, rollout.Approve, "Let a step that waits for approval go on", "")
}

func newAbort(env *Env) *cobra.Command {
	return newOrder(env, rollout.Abort, "Take everything back to the old version, and end", `
When nobody looks after the rollout, because its process died or left, this process
takes it back.`)
}

func newOrder(env *Env, kind rollout.OrderKind, short, more string) *cobra.Command {
	o := orderOptions{kind: kind}
	verb := string(kind)
	cmd := &cobra.Command{
		Use:     verb + " [NAME]",
		GroupID: groupAct,
		Short:   short,
		Long: short + `.

NAME is a rollout's ID, the name of its plan or an alias such as orders:prod;
without one the only open rollout is meant. The order and its reason are kept in
the history.
` + more,
		Example:           "  crossfade " + verb + " orders:prod --reason \"" + exampleReason[kind] + "\"",
		Args:              args("[NAME]"),
		ValidArgsFunction: completeRollout(env, &o.store),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := o.carry.check(cmd); err != nil {
				return err
			}
			return o.run(cmd, env, first(a))
		},
	}
	o.store.flags(cmd)
	cmd.Flags().StringVarP(&o.reason, "reason", "r", "", "`WHY`, for the history and whoever reads it later")
	cmd.Flags().DurationVar(&o.wait, "wait", orderWait, "how long to wait until it was followed; 0 does not wait")
	if kind == rollout.Abort || kind == rollout.Resume {
		o.aws.flags(cmd)
		o.carry.flags(cmd)
	} else {
		o.carry.onInterrupt = interruptRevert
	}
	return cmd
}

var exampleReason = map[rollout.OrderKind]string{
	rollout.Pause:   "looking at the latency first",
	rollout.Resume:  "latency is fine",
	rollout.Skip:    "enough traffic already",
	rollout.Promote: "urgent fix",
	rollout.Approve: "checked by Ada",
	rollout.Abort:   "wrong build",
}

func (o orderOptions) run(cmd *cobra.Command, env *Env, name string) error {
	ctx := cmd.Context()
	store, err := o.store.open(ctx, env)
	if err != nil {
		return err
	}
	defer shut(store)
	var key string
	if o.answers() {
		name, key, _ = strings.Cut(name, "/")
	}
	rec, err := find(ctx, store, name)
	if err != nil {
		return err
	}
	if rec.Status.Phase.Ended() {
		return endedAlready(rec)
	}
	if o.answers() {
		o.call, err = pendingCall(rec, key)
	} else {
		o.reason, err = o.askReason(cmd, env, rec)
	}
	if err != nil {
		return err
	}
	seen, err := lastEvent(ctx, store, rec.ID)
	if err != nil {
		return err
	}
	number, err := store.Order(ctx, rec.ID, rollout.Order{Kind: o.kind, By: env.person(), Reason: o.reason, At: env.Clock.Now(), Call: o.call})
	if err != nil && o.kind == rollout.Abort && !errors.Is(err, controller.ErrEnded) {
		return &failure{code: ExitError, err: err, next: byHand(env, rec)}
	}
	if err != nil {
		return err
	}
	return o.noted(ctx, env, store, rec, number, seen)
}

// endedAlready is what is said to orders that come too late.
func endedAlready(rec controller.Record) error {
	return &failure{code: ExitRefused, err: fmt.Errorf("%s (%s) has ended already: %s", rec.ID, view.Name(rec.Plan), rec.Status.Phase), next: []string{
		"crossfade history " + rec.ID + " tells how",
	}}
}

// noted does what comes after an order was stored: it waits for whoever looks after
// the rollout, or does that itself. rec is from before the order.
func (o orderOptions) noted(ctx context.Context, env *Env, store controller.Store, rec controller.Record, number, seen int64) error {
	now, err := standingOf(ctx, env, store, rec)
	if err == nil && !now.Attended { // perhaps because it has followed the order, and ended
		rec, err = store.Load(ctx, rec.ID)
	}
	switch takesUp := o.kind == rollout.Abort || o.kind == rollout.Resume; {
	case err != nil:
		return err
	case now.Attended, now.Uncertain && !takesUp, rec.Status.Orders >= number:
		return o.leaveTo(ctx, env, store, rec.ID, number, seen)
	case rec.Status.Phase.Ended():
		return endedAlready(rec)
	case takesUp:
		return o.takeUp(ctx, env, rec, number, seen)
	default:
		return &failure{code: ExitWaiting, err: fmt.Errorf("%s was noted, but nobody looks after %s any more", o.kind, rec.ID), next: []string{
			"crossfade resume " + rec.ID + " --reason TEXT goes on with it",
			"crossfade abort " + rec.ID + " --reason TEXT takes it back",
		}}
	}
}

// byHand are the command lines that take a rollout's traffic back where Crossfade
// cannot.
func byHand(env *Env, rec controller.Record) []string {
	commanders := map[plan.Kind]controller.Commander{
		plan.StateMachine: sfntarget.New(nil, nil, "", env.Clock),
		plan.Lambda:       lambdatarget.New(nil, nil, "", env.Clock),
	}
	var lines []string
	for i, t := range rec.Status.Targets {
		c := commanders[rec.Plan.Targets[i].Kind]
		if c == nil || t.Stable == "" || t.Stable == t.Canary {
			continue
		}
		lines = append(lines, c.Command(t.Alias, rollout.Routing{Stable: t.Stable}))
	}
	if len(lines) > 0 {
		lines = append([]string{"by hand:"}, lines...)
	}
	return lines
}

// askReason returns the reason that was given, or asks for one where somebody
// can answer.
func (o orderOptions) askReason(cmd *cobra.Command, env *Env, rec controller.Record) (string, error) {
	if o.reason != "" {
		return o.reason, nil
	}
	if !env.isTerminal(env.Stdin) {
		return "", usage(cmd, "--reason is missing: why?")
	}
	fmt.Fprint(env.Stderr, env.errStyle().Text(consequence(o.kind, rec.Plan, rec.Status)+"\nReason: "))
	line, err := bufio.NewReader(env.Stdin).ReadString('\n')
	if reason := strings.TrimSpace(line); reason != "" {
		return reason, nil
	}
	return "", errors.Join(usage(cmd, "without a reason nothing is done"), err)
}

// takeUp carries a rollout out whose owner is gone. By the service's time, which
// leases have and this machine may not, it can turn out to be there still.
func (o orderOptions) takeUp(ctx context.Context, env *Env, rec controller.Record, number, seen int64) error {
	var stop func()
	o.carry.signalled, stop = catchSignals()
	defer stop()
	attended := false
	s, err := startSession(ctx, env, o.store, o.aws, o.carry, func(ctx context.Context, s *session) (err error) {
		if attended, err = isAttended(ctx, s.env, s.store, rec); err != nil || attended {
			return err
		}
		env.say("nobody looks after %s any more; this process does now", rec.ID)
		return s.adoptOwner(ctx, rec)
	})
	defer s.close()
	switch {
	case err != nil:
		return interruptedTakeUp(err, string(o.kind), rec.ID)
	case attended:
		stop() // to wait for another process may be left at any time
		return o.leaveTo(ctx, s.env, s.store, rec.ID, number, seen)
	case o.kind == rollout.Abort:
		return s.takeBack(ctx, rec.ID, o.carry)
	default:
		return s.carryOut(ctx, rec.ID, o.carry)
	}
}

// leaveTo waits until the process that looks after a rollout has followed an order.
func (o orderOptions) leaveTo(ctx context.Context, env *Env, store controller.Store, id string, number, seen int64) error {
	if err := o.await(ctx, env, store, id, number, seen); err != nil || o.kind != rollout.Abort || o.wait == 0 {
		return err
	}
	return isBack(ctx, store, id)
}

// errAstray says of aliases that an aborted rollout did not take back.
var errAstray = errors.New("was left as somebody else made it, and is not back on the old version")

// isBack is an error while an alias of an aborted rollout has traffic that
// somebody else gave to other versions than the old one: nothing was taken back
// there.
func isBack(ctx context.Context, store controller.Store, id string) error {
	rec, err := store.Load(ctx, id)
	if err != nil {
		return err
	}
	var names, next []string
	for _, i := range rollout.Astray(rec.Plan, rec.Status) {
		t := rec.Plan.Targets[i]
		names = append(names, t.String())
		next = append(next, "crossfade rollback "+t.Arg()+" --reason TEXT takes it back all the same")
	}
	if len(names) == 0 {
		return nil
	}
	return &failure{code: ExitWaiting, err: fmt.Errorf("%s %w", strings.Join(names, ", "), errAstray), next: next}
}

// await waits until whoever carries the rollout has followed an order, and shows
// what came of it: the events after seen.
func (o orderOptions) await(ctx context.Context, env *Env, store controller.Store, id string, number, seen int64) error {
	if o.wait == 0 {
		return nil
	}
	deadline := env.Clock.Now().Add(o.wait)
	for {
		rec, err := store.Load(ctx, id)
		if err != nil {
			return err
		}
		events, err := store.Events(ctx, id, seen)
		if err != nil {
			return err
		}
		for _, e := range events {
			seen = e.Number
			fmt.Fprintln(env.Stdout, env.style().EventLine(e.Event, env.Clock.Now()))
			if e.Kind == "refused" && e.Reason == o.reason {
				return exit(ExitRefused)
			}
		}
		followed := rec.Status.Orders >= number
		if followed && (o.kind != rollout.Abort || rec.Status.Phase.Ended()) {
			return nil
		}
		if !env.Clock.Now().Before(deadline) {
			text := "was noted, but not followed within " + o.wait.String()
			if followed {
				text = "is followed, but has not ended within " + o.wait.String()
			}
			return &failure{code: ExitWaiting, err: fmt.Errorf("%s of %s %s", o.kind, id, text), next: []string{
				"crossfade watch " + id + " follows it",
				"if " + owner(ctx, store, rec) + " cannot, because its credentials or its network are gone: end that process, and say it again here",
			}}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-env.Clock.After(100 * time.Millisecond):
		}
	}
}

// owner returns who looks after a rollout now, for people.
func owner(ctx context.Context, store controller.Store, rec controller.Record) string {
	l, ok, err := store.Lease(ctx, rec.Aliases()[0])
	if err != nil || !ok || l.Owner == "" {
		return rec.Owner // who began it
	}
	return l.Owner
}

func lastEvent(ctx context.Context, store controller.Store, id string) (int64, error) {
	events, err := store.Events(ctx, id, 0)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	return events[len(events)-1].Number, nil
}
