package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/plan"
)

type checkOptions struct {
	store  storeOptions
	aws    awsOptions
	live   bool
	strict bool
	out    format
}

func newCheck(env *Env) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:     "check FILE",
		GroupID: groupRelease,
		Short:   "Is this plan file right? With --live, also against the account",
		Long: `Reads a plan file and says everything that is wrong or probably not meant, each
with its line. Nothing is asked of AWS, unless with --live: then aliases, alarms,
metrics and rights are looked at as deploy would before it starts, and nothing is
changed.

Exit code 0: nothing that forbids to run it. 1: the file is wrong. 4: the account
forbids it.`,
		Example: `  crossfade check orders.yaml
  crossfade check --live orders.yaml`,
		Args: args("FILE"),
		RunE: func(cmd *cobra.Command, a []string) error { return o.run(cmd.Context(), env, a[0]) },
	}
	o.store.flags(cmd)
	o.aws.flags(cmd)
	cmd.Flags().BoolVar(&o.live, "live", false, "also look at the account")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "take warnings for errors")
	outputFlag(cmd, &o.out)
	return cmd
}

func (o checkOptions) run(ctx context.Context, env *Env, file string) error {
	p, dir, err := readPlan(env, file)
	if err != nil {
		return err
	}
	problems := plan.Lint(p)
	for i := range problems {
		problems[i].File = file
	}
	if problems == nil {
		problems = []plan.Problem{}
	}
	if err := env.print(o.out, problems, func() []string { return problemLines(env.style(), problems) }); err != nil {
		return err
	}
	for _, problem := range problems {
		if problem.Severity == plan.Error || o.strict && problem.Severity == plan.Warning {
			return &failure{code: ExitError, err: fmt.Errorf("%s cannot be run as it is", file)}
		}
	}
	if !o.live {
		env.say("%s is right: %s, at least %s", file, stepsOf(p), plan.FormatDuration(p.Duration()))
		return nil
	}
	return o.checkLive(ctx, env, p, dir)
}

func (o checkOptions) checkLive(ctx context.Context, env *Env, p plan.Plan, dir directory) error {
	o.store.reading = true
	s, err := openSession(ctx, env, o.store, o.aws)
	if err != nil {
		return err
	}
	defer s.close()
	pre, err := s.ctl.Preflight(ctx, p, dir)
	if err != nil {
		return err
	}
	if len(pre.Problems) > 0 {
		return refused(pre.Problems)
	}
	for _, w := range pre.Without {
		env.say("%s", w.Text)
	}
	env.say("the account has everything that %s needs", view.Name(p))
	return nil
}

// problemLines are the findings about a plan, each with what it is.
func problemLines(style view.Style, problems []plan.Problem) []string {
	lines := make([]string, 0, len(problems))
	for _, p := range problems {
		word := style.Faint(string(p.Severity))
		switch p.Severity {
		case plan.Error:
			word = style.Bad(string(p.Severity))
		case plan.Warning:
			word = style.Strong(string(p.Severity))
		case plan.Info:
		}
		lines = append(lines, word+": "+style.Text(p.String()))
	}
	return lines
}

// stepsOf says in a few words how the traffic moves.
func stepsOf(p plan.Plan) string {
	if len(p.Steps) == 1 {
		return "all at once"
	}
	return fmt.Sprintf("%s, %d steps", p.Strategy, len(p.Steps))
}
