package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
)

type analyzeOptions struct {
	alias      aliasFlags
	aws        awsOptions
	stable     string
	canary     string
	since      string
	weight     string
	logs       string
	alpha      float64
	compare    []string
	minSamples int
	out        format
}

func newAnalyze(env *Env) *cobra.Command {
	o := analyzeOptions{}
	cmd := &cobra.Command{
		Use:     "analyze ALIAS --old VERSION --new VERSION",
		GroupID: groupLook,
		Short:   "Compare two versions over a time that has passed, without a rollout",
		Long: `Holds what one version of an alias did against what another one did in the same
time, by the judgement of a rollout that compares. Nothing is changed.

Where the weight was the same all the time, say it with --weight. Without it each
second is compared given how many requests each version had in it; minutes, where
metrics tell no more, take that the weight did not change within one.

Exit code 0: the new version is no worse, as far as enough requests can tell. 3: it
is proven worse. 5: too little is known.`,
		Example: `  crossfade analyze orders:prod --old 7 --new 8 --since 2h
  crossfade analyze --lambda checkout:live --old 41 --new 42 --since 30m --logs /aws/lambda/checkout`,
		Args: args("ALIAS"),
		RunE: func(cmd *cobra.Command, a []string) error { return o.run(cmd, env, a[0]) },
	}
	o.alias.flags(cmd)
	o.aws.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.stable, "old", "", "`VERSION` to compare with")
	f.StringVar(&o.canary, "new", "", "`VERSION` to judge")
	f.StringVar(&o.since, "since", "1h", "`TIME` before now from which on they are compared")
	f.StringVar(&o.weight, "weight", "", "`WEIGHT` of the new version in that time, if it was always the same")
	f.StringVar(&o.logs, "logs", "", "log `GROUP` of the function, to compare by the second")
	f.Float64Var(&o.alpha, "alpha", plan.DefaultAlpha, "chance, at most, to call a version worse that is not")
	f.IntVar(&o.minSamples, "min-requests", plan.DefaultMinRequests, "`N` requests of the new version that it takes to call it healthy")
	f.StringArrayVar(&o.compare, "compare", nil, "`WHAT[/TOLERANCE]` to compare, errors or duration (default: both); may be repeated")
	outputFlag(cmd, &o.out)
	return cmd
}

// analyzed is what analyze prints for programs.
type analyzed struct {
	Alias    string               `json:"alias"`
	Old      string               `json:"old"`
	New      string               `json:"new"`
	From     time.Time            `json:"from"`
	Until    time.Time            `json:"until"`
	Source   analysis.Source      `json:"source"`
	Verdict  analysis.Verdict     `json:"verdict"`
	Findings []analysis.Finding   `json:"findings"`
	Curve    []analysis.Moment    `json:"curve,omitempty"`
	compared *analysis.Comparison // for the picture
}

func (o analyzeOptions) run(cmd *cobra.Command, env *Env, name string) error {
	t, p, share, since, err := o.read(cmd, name)
	if err != nil {
		return err
	}
	s, err := openSession(cmd.Context(), env, storeOptions{}, o.aws)
	if err != nil {
		return err
	}
	defer s.close()
	a, err := o.compareVersions(cmd.Context(), env, s, t, p, share, since)
	if err != nil {
		return err
	}
	if err := env.print(o.out, a, func() []string { return o.lines(env, t, a) }); err != nil {
		return err
	}
	switch a.Verdict {
	case analysis.Unhealthy:
		return exit(ExitRolledBack)
	case analysis.Unknown:
		return exit(ExitWaiting)
	default:
		return exit(ExitSucceeded)
	}
}

// read reads the command line.
func (o analyzeOptions) read(cmd *cobra.Command, name string) (t plan.Target, p plan.Plan, share float64, since time.Duration, err error) {
	fail := func(err error) (plan.Target, plan.Plan, float64, time.Duration, error) { return t, p, 0, 0, err }
	if t, err = o.alias.target(cmd, name); err != nil {
		return fail(err)
	}
	t.Logs = o.logs
	switch {
	case o.stable == "" || o.canary == "":
		return fail(usage(cmd, "--old and --new say which versions to compare"))
	case o.stable == o.canary:
		return fail(usage(cmd, "--old and --new are both %s", o.stable))
	case !arn.IsVersion(o.stable) || !arn.IsVersion(o.canary):
		return fail(usage(cmd, "--old and --new are version numbers, such as 7 and 8"))
	case t.Kind != plan.Lambda && o.logs != "":
		return fail(usage(cmd, "--logs goes with --lambda"))
	case !(o.alpha > 0 && o.alpha <= 0.5):
		return fail(usage(cmd, "--alpha %v is not above 0 and at most 0.5", o.alpha))
	}
	if since, err = plan.ParseDuration(o.since); err != nil || since <= 0 {
		return fail(usage(cmd, "--since %q is not a time before now, like 2h", o.since))
	}
	if o.weight != "" {
		w, err := plan.ParseWeight(o.weight)
		if err != nil || w <= 0 || w >= plan.Full {
			return fail(usage(cmd, "--weight %q is not between 0 and 100%%", o.weight))
		}
		share = float64(w) / float64(plan.Full)
	}
	p, err = plan.New(plan.Spec{Targets: []plan.Target{t}, Adaptive: plan.DefaultBudget, Compare: o.compare})
	if err != nil {
		return fail(&failure{code: ExitUsage, err: err, next: []string{cmd.CommandPath() + " --help"}})
	}
	p.Alpha, p.MinRequests = o.alpha, o.minSamples
	return t, p, share, since, nil
}

// compareVersions reads what both versions did, and judges it.
func (o analyzeOptions) compareVersions(ctx context.Context, env *Env, s *session, t plan.Target, p plan.Plan, share float64, since time.Duration) (analyzed, error) {
	alias, err := s.aliasOf(ctx, t)
	if err != nil {
		return analyzed{}, err
	}
	now := env.Clock.Now()
	from := now.Add(-since)
	comparer := s.comparers[t.Kind]
	env.say("reading what %s and %s did since %s", o.stable, o.canary, from.Format(time.TimeOnly))
	h, err := comparer.History(ctx, controller.HistoryQuery{Target: t, Alias: alias, Version: o.stable, Before: from})
	if err != nil {
		return analyzed{}, err
	}
	epoch := from.Truncate(h.Source.Width)
	if len(o.compare) == 0 && len(h.Thresholds) == 0 {
		env.say("durations are not compared: %s had %d of the %d requests before %s that it takes to know what is slow", o.stable, h.Timed, analysis.LeastTimed, from.Format(time.TimeOnly))
		p.Checks = slices.DeleteFunc(p.Checks, func(c plan.Check) bool { return c.Compare.Of == plan.Duration })
	}
	errs, durations := analysis.Compares(p)
	feed := analysis.Feed{}
	q := controller.StretchQuery{Target: t, Alias: alias, Since: epoch, Epoch: epoch, Source: h.Source}
	if durations {
		q.Thresholds = h.Thresholds
	}
	for _, side := range []struct {
		version string
		counts  *[]evidence.Outcomes
	}{{o.canary, &feed.Canary}, {o.stable, &feed.Stable}} {
		q.Version = side.version
		if *side.counts, err = comparer.Stretches(ctx, q); err != nil {
			return analyzed{}, err
		}
	}
	policy := analysis.Policy(p, t, 1, h.Source)
	c := analysis.Weigh(policy, h, epoch, feed, share, errs, durations)
	a := analyzed{
		Alias: alias, Old: o.stable, New: o.canary, From: epoch,
		Until:  epoch.Add(time.Duration(min(len(feed.Canary), len(feed.Stable))) * h.Source.Width),
		Source: h.Source, Curve: c.Curve, compared: &c,
	}
	for _, check := range p.Checks {
		a.Findings = append(a.Findings, analysis.Judge(check, analysis.Evidence{
			Now: now, Target: t.String(),
			Compared: &analysis.Compared{Comparison: &c, Policy: policy, Stable: o.stable, Canary: o.canary},
		}))
	}
	a.Verdict = analysis.Combine(a.Findings)
	if canary, stable := feed.Served(); canary == 0 || stable == 0 {
		silent := o.canary
		if stable == 0 {
			silent = o.stable
		}
		return a, &failure{code: ExitWaiting, err: fmt.Errorf("%s served nothing through %s since %s: there is nothing to compare", silent, t, epoch.Format(time.TimeOnly)), next: []string{
			"a longer --since, or other versions; crossfade versions " + t.String() + " lists them",
		}}
	}
	return a, nil
}

// lines are what people see.
func (o analyzeOptions) lines(env *Env, t plan.Target, a analyzed) []string {
	style, now := env.style(), env.Clock.Now()
	verdict := map[analysis.Verdict]string{
		analysis.Healthy:   "is no worse, as far as can be told",
		analysis.Unhealthy: "is worse",
		analysis.Unknown:   "cannot be judged yet",
	}[a.Verdict]
	out := []string{style.Strong(style.Text(fmt.Sprintf("%s %s → %s: %s %s", t, a.Old, a.New, a.New, verdict)))}
	out = append(out, style.Faint(style.Text(fmt.Sprintf("from %s, %s to %s", a.Source.Name, a.From.In(now.Location()).Format(time.TimeOnly), a.Until.In(now.Location()).Format(time.TimeOnly)))), "")
	for _, f := range a.Findings {
		out = append(out, style.Text(fmt.Sprintf("%s: %s", f.Check, f.Why)))
		if f.Flip != "" {
			out = append(out, style.Faint(style.Text("    would change it: "+f.Flip)))
		}
	}
	out = append(out, "")
	out = append(out, style.Compared(a.Findings, env.width())...)
	if picture := style.Evidence(a.compared, now); len(picture) > 0 {
		out = append(append(out, ""), picture...)
	}
	return out
}
