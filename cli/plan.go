package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
)

type planOptions struct {
	plan    planFlags
	store   storeOptions
	aws     awsOptions
	offline bool
	out     format
}

func newPlan(env *Env) *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:     "plan [FILE]",
		GroupID: groupRelease,
		Short:   "What deploy would do, when, and what would change; touches nothing",
		Long: `Shows the exact table of weights and times, what would change in the account, and
every reason why deploy would refuse to start. Nothing is changed.

Exit code 0: deploy would start. 4: it would refuse, for the reasons shown.`,
		Example: `  crossfade plan orders.yaml
  crossfade plan --offline --state-machine orders:prod --linear 20%/10m`,
		Args: args("[FILE]"),
		RunE: func(cmd *cobra.Command, a []string) error {
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
	cmd.Flags().BoolVar(&o.offline, "offline", false, "do not look at the account")
	outputFlag(cmd, &o.out)
	return cmd
}

// forecast is what plan prints for programs.
type forecast struct {
	Plan      plan.Plan             `json:"plan"`
	Table     []plan.Row            `json:"table"`
	Lint      []plan.Problem        `json:"lint,omitempty"`
	Preflight *controller.Preflight `json:"preflight,omitempty"`
}

func (o planOptions) run(ctx context.Context, env *Env, p plan.Plan, dir directory) error {
	now := env.Clock.Now()
	o.store.reading = true
	f := forecast{Plan: p, Table: plan.Table(p, now), Lint: plan.Lint(p)}
	if !o.offline {
		s, err := openSession(ctx, env, o.store, o.aws)
		if err != nil {
			return err
		}
		defer s.close()
		pre, err := s.ctl.Preflight(ctx, p, dir)
		if err != nil {
			return err
		}
		f.Preflight = &pre
	}
	if err := env.print(o.out, f, func() []string { return f.lines(env.style(), now, env.width()) }); err != nil {
		return err
	}
	if f.Preflight != nil && len(f.Preflight.Problems) > 0 {
		return refused(f.Preflight.Problems)
	}
	return nil
}

func (f forecast) lines(style view.Style, now time.Time, width int) []string {
	out := []string{style.Strong(style.Text(view.Name(f.Plan))) + style.Faint(style.Text("  "+stepsOf(f.Plan)+", at least "+plan.FormatDuration(f.Plan.Duration()))), ""}
	rows := make([][]string, 0, len(f.Table))
	for _, r := range f.Table {
		rows = append(rows, []string{"+" + plan.FormatDuration(r.After), view.Clock(r.At, now), view.Percent(r.Weight), style.Text(r.What)})
	}
	out = append(out, style.Table([]string{"after", "at", "new", "what"}, rows, width)...)
	out = append(out, "")
	rows = rows[:0]
	for _, c := range f.Plan.Checks {
		rows = append(rows, []string{style.Text(c.Name), style.Text(view.Rule(c))})
	}
	if len(rows) > 0 {
		out = append(out, style.Table([]string{"check", "rule"}, rows, width)...)
		out = append(out, "")
	}
	rows = rows[:0]
	for _, m := range plan.Moments {
		if h := f.Plan.Hooks.At(m); h != nil {
			rows = append(rows, []string{string(m), style.Text(h.String()), style.Text(hookRule(*h))})
		}
	}
	if len(rows) > 0 {
		out = append(out, style.Table([]string{"hook", "asks", "rule"}, rows, width)...)
		out = append(out, "")
	}
	for _, p := range f.Lint {
		out = append(out, problemLines(style, []plan.Problem{p})...)
	}
	if f.Preflight == nil {
		return out
	}
	for _, w := range f.Preflight.Without {
		out = append(out, style.Text(w.Text))
	}
	for i, t := range f.Preflight.Targets {
		if t.Alias != "" {
			out = append(out, style.Text(changeOf(f.Plan.Targets[i], t)))
		}
	}
	return out
}

// hookRule says what a hook has to do.
func hookRule(h plan.Hook) string {
	rule := "succeeds within " + plan.FormatDuration(h.Timeout)
	if h.Async {
		rule = "is answered for within " + plan.FormatDuration(h.Timeout)
	}
	return rule
}

// changeOf says what deploying would change about one alias before it moves.
func changeOf(t plan.Target, r controller.Resolved) string {
	name := view.TargetName(t)
	release := "publishes what is there"
	switch {
	case r.Version != "":
		release = "releases version " + r.Version
	case r.Upload:
		release = "uploads " + t.Definition + t.Code + " and publishes it"
	case t.Definition+t.Code != "":
		release = "publishes what is there, which is " + t.Definition + t.Code
	}
	if !r.Exists {
		return fmt.Sprintf("%s: does not exist yet; %s and creates it with all traffic there", name, release)
	}
	return fmt.Sprintf("%s: serves %s now; %s", name, r.Now.Stable, release)
}

// refused is the failure that lists why a rollout may not start. A file that cannot
// be read is nobody's rule: it is an error like any other.
func refused(problems []controller.Problem) error {
	code, verb, missing, denied := ExitRefused, "refused", false, false
	for _, p := range problems {
		var file *fs.PathError
		if errors.As(p.Err, &file) {
			code, verb = ExitError, "cannot start"
		}
		denied = denied || errors.Is(p.Err, controller.ErrDenied)
		missing = missing || errors.Is(p.Err, controller.ErrNotFound)
	}
	f := &failure{code: code}
	if len(problems) == 1 {
		f.err = fmt.Errorf("%s, and nothing was changed: %s", verb, problems[0].Text)
	} else {
		f.err = fmt.Errorf("%s for %d reasons, and nothing was changed", verb, len(problems))
		for _, p := range problems {
			f.next = append(f.next, p.Text)
		}
	}
	if missing {
		f.next = append(f.next, elsewhere)
	}
	if denied {
		f.next = append(f.next, rights)
	}
	return f
}

// rights is where to learn which rights are missing.
const rights = "crossfade iam prints the policy that a plan needs, from the same file or flags"

// elsewhere is what to try when something is not found.
const elsewhere = "another region or account? --region, --profile and --endpoint-url say where to look"
