// Package cli is the command line: one file per command, which reads flags, joins
// the parts that do the work and shows what they say. It decides nothing about a
// rollout.
//
// Data goes to standard output, talk to standard error. The exit codes stand in
// exit.go.
package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Run runs one command line and returns its exit code. What went wrong has been
// told on env.Stderr.
func Run(ctx context.Context, env *Env) Exit {
	root := newRoot(env)
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitSucceeded
	}
	return env.report(err)
}

// report tells what went wrong, where, and what to do next.
func (env *Env) report(err error) Exit {
	f := asFailure(err)
	if f.err != nil {
		style := env.errStyle()
		text := strings.TrimRight(f.err.Error(), "\n")
		fmt.Fprintln(env.Stderr, style.Bad("error:")+" "+style.Text(text))
		for _, n := range f.next {
			fmt.Fprintln(env.Stderr, "  "+style.Text(n))
		}
	}
	return f.code
}

// newRoot makes the command line.
func newRoot(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "crossfade",
		Short: "Move an AWS Lambda or Step Functions alias to a new version, gradually, and back when it is bad",
		Long: `Crossfade moves the traffic of an AWS Lambda or Step Functions alias from one
version to another in steps, watches, and takes everything back at the first
proof of harm.

New here? Type crossfade demo: it needs nothing and touches nothing.`,
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	cobra.EnableCommandSorting = false // they are listed in the order in which one needs them
	root.PersistentFlags().BoolVar(&env.noColor, "no-color", false, "no colours (also: NO_COLOR, TERM=dumb)")
	root.PersistentFlags().BoolVar(&env.ascii, "ascii", false, "only ASCII characters (default where the locale is not UTF-8)")
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: groupTry, Title: "Try it:"},
		&cobra.Group{ID: groupRelease, Title: "Release:"},
		&cobra.Group{ID: groupLook, Title: "Look:"},
		&cobra.Group{ID: groupAct, Title: "Act on a rollout:"},
		&cobra.Group{ID: groupVersions, Title: "Versions:"},
	)
	root.AddCommand(
		newDemo(env), newLocal(env), newSimulate(env),
		newInit(env), newImport(env), newCheck(env), newPlan(env), newDeploy(env), newIAM(env),
		newStatus(env), newWatch(env), newList(env), newWhy(env), newAnalyze(env), newHistory(env),
		newPause(env), newResume(env), newSkip(env), newPromote(env), newApprove(env), newHook(env), newAbort(env),
		newRollback(env), newAdopt(env), newVersions(env), newPrune(env),
		newVersion(env), newExitCodes(env), newDemoFunction(env),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

const (
	groupTry      = "try"
	groupRelease  = "release"
	groupLook     = "look"
	groupAct      = "act"
	groupVersions = "versions"
)

// flagError makes a usage error of what pflag says, with a suggestion for a flag
// that does not exist.
func flagError(cmd *cobra.Command, err error) error {
	next := []string{"crossfade " + strings.TrimPrefix(cmd.CommandPath()+" --help", "crossfade ")}
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return &failure{code: ExitUsage, err: fmt.Errorf("%s: %w", cmd.CommandPath(), err), next: next}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := nearest(missing.GetSpecifiedName(), names); near != "" {
		next = append([]string{"did you mean --" + near + "?"}, next...)
	}
	dashes := "--"
	if missing.GetSpecifiedShortnames() != "" {
		dashes = "-"
	}
	return &failure{code: ExitUsage, err: fmt.Errorf("%s: there is no flag %s%s", cmd.CommandPath(), dashes, missing.GetSpecifiedName()), next: next}
}

func unknownCommand(root *cobra.Command, name string) error {
	var names []string
	for _, c := range root.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	next := []string{"crossfade --help lists the commands"}
	if near := nearest(name, names); near != "" {
		next = append([]string{"did you mean crossfade " + near + "?"}, next...)
	}
	return &failure{code: ExitUsage, err: fmt.Errorf("crossfade has no command %q", name), next: next}
}

// args returns a check of the number of arguments that says what they are.
// names are what a command wants; those in brackets may be left out.
func args(names ...string) cobra.PositionalArgs {
	least := 0
	for _, n := range names {
		if !strings.HasPrefix(n, "[") {
			least++
		}
	}
	return func(cmd *cobra.Command, given []string) error {
		next := []string{cmd.CommandPath() + " --help"}
		switch {
		case len(given) < least:
			return &failure{code: ExitUsage, err: fmt.Errorf("%s: %s is missing", cmd.CommandPath(), names[len(given)]), next: next}
		case len(given) > len(names):
			return &failure{code: ExitUsage, err: fmt.Errorf("%s: %q is one argument too many", cmd.CommandPath(), given[len(names)]), next: next}
		}
		return nil
	}
}
