package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// What an interrupt does to a rollout that this process carries out.
const (
	interruptRevert = "revert" // take everything back, then end
	interruptPause  = "pause"  // leave the weight as it is, with the order to stay there
	interruptDetach = "detach" // leave it as it is, for another process to go on
)

// orderPoll is how often a carrier asks whether another process ordered
// something.
const orderPoll = 500 * time.Millisecond

// deliberate is how much later than the one before a signal must come to be
// another one. Programs that end others, such as timeout(1), send theirs to a
// process and to its group, so that it comes twice at once.
const deliberate = 500 * time.Millisecond

// A carrier carries out one rollout in this process until it has ended or was
// left, shows it, and does what people ask.
type carrier struct {
	*session
	id      string
	display display
	title   string
	notes   func() []string // of the screen; nil: none
	// onInterrupt is what the first signal does.
	onInterrupt string
	// signalled brings the signals; nil where nobody caught them before.
	signalled chan os.Signal

	rec     controller.Record
	events  []rollout.Event
	last    int64 // number of the last event
	looking bool
	again   bool                    // look again at once: something was ordered meanwhile
	due     time.Time               // when to look next
	failing time.Time               // since when the store does not work; zero while it does
	told    string                  // the last trouble that was told
	broken  bool                    // an interrupt has come
	sent    map[os.Signal]time.Time // when each came first
	pausing bool                    // leave as soon as it is paused
}

// looked is what one look brought.
type looked struct {
	decision rollout.Decision
	err      error
}

// leavePatience is how long leaving waits for a look that is under way.
const leavePatience = 3 * time.Second

// signals are those that ask a carrier to leave: Ctrl-C, an end from outside, a
// terminal that closed.
var signals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// errLeft says that a rollout goes on, or waits, without this process.
var errLeft = errors.New("nobody looks after it now")

// carry returns the rollout's status at its end, or errLeft and its status when
// this process does not look after it any more.
func (c *carrier) carry(ctx context.Context) (rollout.Status, error) {
	signalled := c.signalled
	if signalled == nil {
		var stop func()
		signalled, stop = catchSignals()
		defer stop()
	}
	// Writing to a pipe or terminal that nobody reads any more must not kill
	// the process that looks after an alias.
	signal.Ignore(syscall.SIGPIPE)

	var err error
	if c.rec, err = c.store.Load(ctx, c.id); err != nil {
		return rollout.Status{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan looked, 1)
	for {
		var due <-chan time.Time
		if !c.looking {
			due = c.env.Clock.After(min(c.due.Sub(c.env.Clock.Now()), orderPoll))
		}
		var done bool
		select {
		case <-ctx.Done():
			return c.rec.Status, ctx.Err()
		case <-due:
			if c.isDue(ctx) {
				c.looking, c.again = true, false
				rec := c.rec
				go func() { results <- c.look(ctx, rec) }()
			}
		case r := <-results:
			c.looking = false
			done, err = c.took(ctx, r)
		case a := <-c.display.asks():
			done, err = c.asked(ctx, a)
		case s := <-signalled:
			done, err = c.interrupted(ctx, s)
		}
		if done || err != nil {
			return c.rec.Status, err
		}
	}
}

// look takes the rollout one decision further. Where the store does not even say
// that it is ours, the decision is what would be decided about rec, so that harm
// is seen all the same.
func (c *carrier) look(ctx context.Context, rec controller.Record) looked {
	d, err := c.ctl.Reconcile(ctx, c.id)
	switch {
	case err == nil, !d.Look.IsZero():
	case errors.Is(err, controller.ErrLeased), errors.Is(err, controller.ErrConflict), errors.Is(err, controller.ErrNotFound):
	default:
		d, _ = c.ctl.Foresee(ctx, rec) // fails only when ctx has ended, as Reconcile then did
	}
	return looked{d, err}
}

// isDue says whether it is time to look: the time has come, or somebody ordered
// something.
func (c *carrier) isDue(ctx context.Context) bool {
	if c.again || !c.env.Clock.Now().Before(c.due) {
		return true
	}
	orders, err := c.store.Orders(ctx, c.id, c.rec.Status.Orders)
	return err == nil && len(orders) > 0
}

// took takes in what a look brought.
func (c *carrier) took(ctx context.Context, r looked) (done bool, err error) {
	now := c.env.Clock.Now()
	switch {
	case errors.Is(r.err, controller.ErrLeased), errors.Is(r.err, controller.ErrConflict) && c.takenOver(ctx):
		return false, &failure{code: ExitWaiting, err: fmt.Errorf("somebody else carries %s out now: %w", c.id, r.err), next: []string{
			"crossfade watch " + c.id + " follows it",
		}}
	case errors.Is(r.err, controller.ErrNotFound):
		return false, fmt.Errorf("%s is not in the store any more: %w", c.id, r.err)
	case errors.Is(r.err, controller.ErrConflict):
		c.due = now
		return false, nil
	case r.err != nil:
		return c.trouble(ctx, r, now)
	}
	c.failing, c.told = time.Time{}, ""
	if len(r.decision.Status.Targets) > 0 {
		c.rec.Status = r.decision.Status
	}
	c.due = r.decision.Look
	if in := r.decision.Look.Sub(r.decision.Status.LookedAt); c.due.After(now.Add(in)) {
		c.due = now.Add(in) // the clock was found to be ahead since
	}
	if err := c.tell(ctx); err != nil {
		return c.trouble(ctx, looked{err: err}, now)
	}
	switch {
	case c.rec.Status.Phase.Ended():
		return true, nil
	case c.pausing && c.rec.Status.Phase == rollout.Paused:
		return false, c.leave(ctx)
	}
	return false, nil
}

// takenOver says whether another owner holds the lease.
func (c *carrier) takenOver(ctx context.Context) bool {
	for _, alias := range c.rec.Aliases() {
		l, ok, err := c.store.Lease(ctx, alias)
		if err == nil && ok && l.Owner != c.ctl.Owner() && !l.Free(c.env.Clock.Now()) {
			return true
		}
	}
	return false
}

// tell shows the events that are new, and the scene.
func (c *carrier) tell(ctx context.Context) error {
	events, err := c.store.Events(ctx, c.id, c.last)
	if err != nil {
		return err
	}
	for _, e := range events {
		c.last = e.Number
		c.events = append(c.events, e.Event)
		c.display.event(c.id, e)
	}
	sc := c.scene(c.rec, c.events)
	sc.Title = c.title
	if c.notes != nil {
		sc.Notes = c.notes()
	}
	c.display.show(sc)
	return nil
}

// trouble is a store that does not work: nothing can be decided, so the weight
// stays. Who has proof of harm, or no memory for as long as the plan lets a
// rollout go without a verdict, takes the traffic back without it.
func (c *carrier) trouble(ctx context.Context, r looked, now time.Time) (done bool, err error) {
	if c.failing.IsZero() {
		c.failing = now
	}
	patience := c.rec.Plan.UnknownFor
	c.due = now.Add(min(c.rec.Plan.Look, time.Second))
	proven := r.decision.Status.Phase == rollout.RollingBack
	if !proven && !c.broken && now.Sub(c.failing) < patience {
		text := fmt.Sprintf("%s: nothing can be remembered (%v); holding at %s, takes it back in %s",
			view.Name(c.rec.Plan), rootMessage(r.err), view.Percent(weightOf(c.rec)), view.Countdown(patience-now.Sub(c.failing)))
		if c.told != r.err.Error() {
			c.told = r.err.Error()
			c.display.say(text)
		}
		return false, nil
	}
	if proven {
		c.display.say(rollout.Sentence(c.rec.Plan, r.decision.Status, now))
	}
	return false, c.lastResort(ctx, r.err)
}

// lastResort takes the traffic back although that cannot be remembered.
func (c *carrier) lastResort(ctx context.Context, cause error) error {
	var problems []string
	for i, t := range c.rec.Status.Targets {
		if t.Stable == "" || t.Stable == t.Canary {
			continue
		}
		to := rollout.Routing{Stable: t.Stable}
		if err := c.shiftBack(ctx, c.rec.Plan.Targets[i], t, to); err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", view.TargetName(c.rec.Plan.Targets[i]), err))
		}
	}
	if len(problems) > 0 {
		return &failure{code: ExitWaiting,
			err:  fmt.Errorf("nothing can be remembered (%w), and the traffic could not be taken back: %s", cause, strings.Join(problems, "; ")),
			next: c.revertLines()}
	}
	return &failure{code: ExitWaiting,
		err:  fmt.Errorf("nothing can be remembered (%w); all traffic of %s was taken back to the old version", cause, view.Name(c.rec.Plan)),
		next: []string{"make room, then crossfade abort " + c.id + " --reason \"could not be remembered\" ends the rollout"}}
}

func (c *carrier) shiftBack(ctx context.Context, t plan.Target, s rollout.TargetStatus, to rollout.Routing) error {
	target := c.targets[t.Kind]
	if target == nil {
		return fmt.Errorf("nothing here shifts aliases of kind %s", t.Kind)
	}
	var err error
	for range 5 {
		callCtx, cancel := context.WithTimeout(ctx, 10*time.Second)
		var now rollout.Routing
		if now, err = target.Routing(callCtx, s.Alias); err == nil {
			err = target.Shift(callCtx, s.Alias, now, to)
		}
		cancel()
		if err == nil || errors.Is(err, controller.ErrUnsettled) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.env.Clock.After(time.Second):
		}
	}
	return err
}

// asked does what somebody wants through a key.
func (c *carrier) asked(ctx context.Context, a ask) (done bool, err error) {
	switch a.kind {
	case askOrder:
		if err := c.ctl.Order(ctx, c.id, a.order, c.env.person(), a.reason); err != nil {
			c.display.say(err.Error())
			return false, nil
		}
		c.again = true
		c.due = c.env.Clock.Now()
		return false, nil
	case askLeave:
		return false, c.leave(ctx)
	case askInterrupt:
		return c.interrupt(ctx, a.reason, "left with Ctrl-C")
	case askDie:
		return false, c.die(ctx)
	default:
		panic("unknown ask")
	}
}

// interrupted follows a signal: the first as was chosen, and the same one again
// at once. Another one is no second thought: pipelines that are cancelled send
// an interrupt, then an end, and kill in the end; until then there is time to
// take the traffic back.
func (c *carrier) interrupted(ctx context.Context, s os.Signal) (done bool, err error) {
	now := c.env.Clock.Now()
	if c.sent == nil {
		c.sent = make(map[os.Signal]time.Time)
	}
	first, again := c.sent[s]
	if !again {
		c.sent[s] = now
	}
	again = again && now.Sub(first) >= deliberate
	switch {
	case c.broken && again:
		return false, c.die(ctx)
	case c.broken:
		return false, nil
	default:
		return c.interrupt(ctx, c.onInterrupt, "signal: "+s.String())
	}
}

func (c *carrier) interrupt(ctx context.Context, how, reason string) (done bool, err error) {
	c.broken = true
	c.due = c.env.Clock.Now()
	c.again = true
	var order rollout.OrderKind
	switch how {
	case interruptRevert:
		order = rollout.Revert
		c.display.say(reason + ": reverting; again to leave at once")
	case interruptPause:
		order = rollout.Pause
		c.pausing = true
		c.display.say(reason + ": pausing; again to leave at once")
	case interruptDetach:
		return false, c.leave(ctx)
	default:
		panic("unknown interrupt " + how)
	}
	err = c.ctl.Order(ctx, c.id, order, c.env.person(), reason)
	switch {
	case err == nil, errors.Is(err, controller.ErrEnded):
		return false, nil
	case how == interruptRevert:
		return false, c.lastResort(ctx, err)
	default:
		return false, fmt.Errorf("%s: %w", order, err)
	}
}

// leave gives the rollout up, so that another process may go on with it.
func (c *carrier) leave(ctx context.Context) error {
	if c.rec.Status.Phase.Ended() {
		return nil
	}
	detached := make(chan error, 1)
	go func() { detached <- c.ctl.Detach(ctx, c.id) }()
	select {
	case err := <-detached:
		if err != nil {
			c.display.say(err.Error())
		}
	case <-c.env.Clock.After(leavePatience):
		// A look that hangs keeps the lease; it ends by itself.
	}
	return &failure{
		code: ExitWaiting,
		err:  fmt.Errorf("%s is left %s; %w", view.Name(c.rec.Plan), c.standing(), errLeft),
		next: c.goOnLines(),
	}
}

// die leaves without another word to the store or AWS.
func (c *carrier) die(context.Context) error {
	return &failure{
		code: ExitWaiting,
		err:  fmt.Errorf("%s is left %s; %w", view.Name(c.rec.Plan), c.standing(), errLeft),
		next: c.revertLines(),
	}
}

func (c *carrier) standing() string {
	return fmt.Sprintf("%s with %s on the new version", c.rec.Status.Phase, view.Percent(weightOf(c.rec)))
}

func (c *carrier) goOnLines() []string {
	return []string{
		"crossfade resume " + c.id + " --reason TEXT goes on with it",
		"crossfade abort " + c.id + " --reason TEXT takes everything back",
	}
}

// revertLines are the commands that take everything back: ours, and AWS's own.
func (c *carrier) revertLines() []string {
	next := []string{"crossfade abort " + c.id + " --reason TEXT takes everything back"}
	for i, t := range c.rec.Status.Targets {
		commander, ok := c.targets[c.rec.Plan.Targets[i].Kind].(controller.Commander)
		if ok && t.Stable != "" && t.Stable != t.Canary {
			next = append(next, "or without this program: "+commander.Command(t.Alias, rollout.Routing{Stable: t.Stable}))
		}
	}
	return next
}

// rootMessage is the innermost part of an error: what a person can act on.
func rootMessage(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		return text[i+2:]
	}
	return text
}
