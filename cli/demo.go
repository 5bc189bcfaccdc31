package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os/signal"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/localcloud"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

type demoOptions struct {
	listen string
	fast   bool
	plain  bool
	seed   uint64
}

func newDemo(env *Env) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:     "demo",
		GroupID: groupTry,
		Short:   "The main job, live, in half a minute: a good release, then a bad one that is taken back",
		Long: `Starts the embedded cloud in this process, creates a state machine and a function,
each with an alias, sends traffic through both, and releases two versions of them
together, in lock step: version 2 is good and is promoted; version 3 of the state
machine fails for some inputs, and both are taken back. The function's code is this
program itself, so that nothing else is needed. Nothing leaves this machine, and
nothing remains.`,
		Example: `  crossfade demo
  crossfade demo --listen 127.0.0.1:4566   # look at it with the AWS CLI meanwhile`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("seed") {
				o.seed = rand.Uint64()
			}
			return o.run(cmd.Context(), env)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "", "also answer AWS requests at this `ADDRESS`, to look at it meanwhile")
	f.BoolVar(&o.fast, "fast", false, "in a few seconds, for pipelines")
	f.BoolVar(&o.plain, "plain", false, "one sentence for each event, also on a terminal")
	f.Uint64Var(&o.seed, "seed", 0, "seed of all draws, to see the same orders again (default: random)")
	return cmd
}

// pace is how fast the demo goes.
type pace struct {
	perSecond int           // executions, and as many invocations
	before    time.Duration // version 1 alone
	canary    string        // as --canary
	soak      string
	after     time.Duration // the last screen
}

var (
	calmPace = pace{perSecond: 50, before: 2 * time.Second, canary: "10%/9s", soak: "4s", after: 4 * time.Second}
	fastPace = pace{perSecond: 150, before: 200 * time.Millisecond, canary: "20%/1500ms", soak: "500ms"}
)

// demo is one run: the cloud, what goes on in it, and who shows it.
type demo struct {
	*session
	pace    pace
	display display
	cloud   *localcloud.Cloud
	stage   *stage
	traffic *traffic
}

// release is how one release of the demo went.
type release struct {
	version string
	status  rollout.Status
	events  []rollout.Event
	served  int       // executions that the new version got
	bad     int       // of them, those that failed
	firstAt time.Time // when the first of them failed
}

func (o demoOptions) run(ctx context.Context, env *Env) error {
	ctx, stop := signal.NotifyContext(ctx, signals...)
	defer stop()
	// No sandbox: the only code is this program's own, which may lie where a
	// sandbox has something else, such as in /tmp.
	cloud, err := localcloud.Open(localcloud.Config{Log: slog.New(slog.DiscardHandler), Seed: o.seed})
	if err != nil {
		return err
	}
	err = o.inCloud(ctx, env, cloud)
	if closed := cloud.Close(); err == nil {
		err = closed
	}
	if ctx.Err() != nil || errors.Is(err, errLeft) {
		env.say("left; nothing remains: the cloud was in this process")
		return exit(ExitAborted)
	}
	return err
}

// inCloud runs the cloud and, in it, the demo.
func (o demoOptions) inCloud(ctx context.Context, env *Env, cloud *localcloud.Cloud) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = cloud.Run(ctx) }) // ends with ctx, and says only that
	if o.listen != "" {
		listener, err := listen(ctx, o.listen, false)
		if err != nil {
			return err
		}
		running.Go(func() { _ = answer(ctx, listener, cloud.Handler()) })
		env.say("look at it meanwhile: AWS_ENDPOINT_URL=http://%s AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local", listener.Addr())
	}
	session, err := newSession(env, memstore.New(), cloud.AWSConfig())
	if err != nil {
		return err
	}
	defer session.close()
	d := demo{
		session: session, pace: calmPace, cloud: cloud, stage: newStage(cloud.AWSConfig()),
	}
	if o.fast {
		d.pace = fastPace
	}
	if err := d.stage.build(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	d.traffic = newTraffic(d.stage, env.Clock, d.pace.perSecond, o.seed)
	running.Go(func() { d.traffic.run(ctx) })
	d.display = env.display(false, o.plain, false, "")
	if err := d.stage.buildFunction(ctx, env.Clock); err != nil {
		d.display.say(fmt.Sprintf("No function runs here (%v): the demo shows the state machine only.", err))
	} else {
		d.stage.function = true
		running.Go(func() { d.traffic.invoke(ctx) })
	}
	releases, err := d.play(ctx)
	d.display.close()
	if err != nil {
		return err
	}
	for _, line := range d.summary(releases) {
		fmt.Fprintln(env.Stdout, env.style().Wrap(line, env.width()))
	}
	return expected(releases)
}

// play shows version 1 alone, then the two releases.
func (d *demo) play(ctx context.Context) ([]release, error) {
	d.display.say(fmt.Sprintf("The embedded cloud runs in this process. %s serves version 1; %s a second go through it.",
		demoAlias, plural(d.pace.perSecond, "execution")))
	if d.stage.function {
		d.display.say(fmt.Sprintf("So does the function %s, with as many invocations. Both are released together, in lock step.",
			demoFunction+":"+demoFunctionAlias))
	}
	if err := d.wait(ctx, d.pace.before); err != nil {
		return nil, err
	}
	var releases []release
	for i, act := range []struct{ version, about string }{
		{"2", "Version 2 adds a notification. It is released as a canary, watched by the alarm " + demoAlarm + "."},
		{"3", "Version 3 refuses orders above 700 by mistake. It is released in the same way, and what moves with it goes back with it."},
	} {
		d.display.say(fmt.Sprintf("Release %d of 2. %s", i+1, act.about))
		r, err := d.release(ctx, fmt.Sprintf("demo %d/2", i+1), act.version)
		if err != nil {
			return nil, err
		}
		releases = append(releases, r)
	}
	return releases, d.wait(ctx, d.pace.after)
}

// release releases a definition in the way that crossfade deploy does.
func (d *demo) release(ctx context.Context, title, version string) (release, error) {
	targets := []plan.Target{{Kind: plan.StateMachine, Name: demoMachine, Alias: demoAliasName, Definition: definitionFile(version)}}
	if d.stage.function {
		targets = append(targets, plan.Target{Kind: plan.Lambda, Name: demoFunction, Alias: demoFunctionAlias, Code: codeFile(version)})
	}
	p, err := plan.New(plan.Spec{
		Targets: targets,
		Canary:  d.pace.canary, Soak: d.pace.soak, Look: "200ms", Settle: "200ms",
		Alarms: []string{demoAlarm}, MaxFailures: "5%/20",
	})
	if err != nil {
		return release{}, err
	}
	rec, err := d.ctl.Start(ctx, p, definitions{})
	if err != nil {
		return release{}, err
	}
	c := &carrier{
		session: d.session, id: rec.ID, display: d.display, onInterrupt: interruptDetach, title: title,
		notes: func() []string {
			text := fmt.Sprintf("traffic: %s executions started", view.Count(d.traffic.started()))
			if d.stage.function {
				text += fmt.Sprintf(", %s invocations", view.Count(int(d.traffic.invoked.Load())))
			}
			return []string{text + fmt.Sprintf(", %d a second each", d.pace.perSecond)}
		},
	}
	status, err := c.carry(ctx)
	if err != nil {
		return release{}, err
	}
	r := release{version: version, status: status, events: c.events}
	r.served, r.bad, r.firstAt, err = d.stage.outcome(ctx, status.Targets[0].Canary)
	return r, err
}

func (d *demo) wait(ctx context.Context, how time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case a := <-d.display.asks():
		if a.kind != askOrder {
			return errLeft
		}
		return nil
	case <-d.env.Clock.After(how):
		return nil
	}
}

// summary is the result in numbers, and what to try next.
func (d *demo) summary(releases []release) []string {
	style := d.env.style()
	rows := make([][]string, 0, len(releases))
	for _, r := range releases {
		t := r.status.Targets[0]
		rows = append(rows, []string{
			t.Stable + style.Text(" → ") + t.Canary, style.Phase(r.status.Phase),
			view.Count(r.served), view.Count(r.bad), view.Duration(r.status.Ended.Sub(r.status.Started)),
		})
	}
	out := []string{""}
	out = append(out, style.Table([]string{"release", "outcome", "executions", "bad", "took"}, rows, d.env.width())...)
	if bad := releases[len(releases)-1]; bad.bad > 0 {
		out = append(out, "", style.Strong(style.Text(fmt.Sprintf("%s of %s; %s from the first one until version %s had everything again.",
			plural(bad.bad, "bad execution"), view.Count(d.traffic.started()), view.Duration(backAfter(bad)), bad.status.Targets[0].Stable))))
	}
	return append(out, "", "Try next:",
		"  crossfade local          this cloud as an endpoint for the AWS CLI and SDKs",
		"  crossfade init --help    a plan file for an alias of yours",
		"  crossfade deploy --help  the same release, against AWS")
}

// backAfter is the time from the first bad execution until the alias was seen
// back on the old version.
func backAfter(r release) time.Duration {
	back := r.status.Ended
	for _, e := range slices.Backward(r.events) {
		if e.Phase == rollout.RolledBack || e.Phase == rollout.RollingBack && e.Weight == 0 {
			back = e.At
		}
	}
	return max(back.Sub(r.firstAt), 0)
}

// expected says whether the demo showed what it is there to show.
func expected(releases []release) error {
	want := []rollout.Phase{rollout.Succeeded, rollout.RolledBack}
	for i, r := range releases {
		if r.status.Phase != want[i] {
			return &failure{code: ExitError, err: fmt.Errorf("version %s should have %s, and is %s: %s", r.version, want[i], r.status.Phase, r.status.Why)}
		}
	}
	return nil
}

var _ controller.Files = definitions{}
