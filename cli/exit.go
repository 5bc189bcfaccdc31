package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

// An Exit is what a command tells the shell.
type Exit int

// The exit codes.
const (
	ExitSucceeded  Exit = 0
	ExitError      Exit = 1
	ExitUsage      Exit = 2
	ExitRolledBack Exit = 3
	ExitRefused    Exit = 4
	ExitWaiting    Exit = 5
	ExitAborted    Exit = 6
)

var exitMeanings = []struct {
	code Exit
	name string
	text string
}{
	{ExitSucceeded, "succeeded", "what was asked for is done; a rollout has all its traffic on the new version"},
	{ExitError, "error", "something went wrong before anything was changed"},
	{ExitUsage, "usage", "the command line was not understood"},
	{ExitRolledBack, "rolled back", "the new version proved harmful, and all traffic is back on the old one"},
	{ExitRefused, "refused", "a rule, a lock or an alarm that fires already forbids it; nothing was changed"},
	{ExitWaiting, "waiting", "no verdict in time: it is left holding or paused, or was given up and says where it stands"},
	{ExitAborted, "aborted", "a person ordered it back"},
}

// exitOf returns the exit code that says where a rollout stands.
func exitOf(s rollout.Status) Exit {
	switch s.Phase {
	case rollout.Succeeded:
		return ExitSucceeded
	case rollout.RolledBack:
		if s.Back == rollout.BackUnhealthy || s.Back == "" {
			return ExitRolledBack
		}
		return ExitWaiting
	case rollout.Aborted:
		return ExitAborted
	case rollout.Failed:
		if s.Refused {
			return ExitRefused
		}
		return ExitWaiting
	default:
		return ExitWaiting
	}
}

// A failure is an error with the exit code that it means and what to do next,
// each step as a line. Without err there is nothing to tell any more.
type failure struct {
	code Exit
	err  error
	next []string
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// exit ends a command with a code and without another word.
func exit(code Exit) error {
	if code == ExitSucceeded {
		return nil
	}
	return &failure{code: code}
}

// usage is an error about the command line itself.
func usage(cmd *cobra.Command, format string, a ...any) error {
	return &failure{
		code: ExitUsage,
		err:  fmt.Errorf("%s: %w", cmd.CommandPath(), fmt.Errorf(format, a...)),
		next: []string{cmd.CommandPath() + " --help"},
	}
}

// asFailure finds the exit code of any error.
func asFailure(err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, controller.ErrLeased), errors.Is(err, controller.ErrRefused), errors.Is(err, controller.ErrEnded):
		return &failure{code: ExitRefused, err: err}
	case errors.Is(err, controller.ErrNotFound):
		return &failure{code: ExitError, err: err, next: []string{elsewhere}}
	case errors.Is(err, controller.ErrDenied):
		return &failure{code: ExitError, err: err, next: []string{rights}}
	case errors.Is(err, controller.ErrConflict):
		return &failure{code: ExitError, err: err, next: []string{"the same command again goes by what is there now"}}
	case errors.Is(err, controller.ErrThrottled):
		return &failure{code: ExitError, err: err, next: []string{"the same command again in a minute, when the service has fewer callers"}}
	case errors.Is(err, context.Canceled):
		return &failure{code: ExitError, err: errors.New("interrupted")}
	default:
		return &failure{code: ExitError, err: err}
	}
}

func newExitCodes(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long:  exitHelp(),
		Args:  args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(env.Stdout, exitHelp())
			return err
		},
	}
}

func exitHelp() string {
	text := ""
	for _, m := range exitMeanings {
		text += fmt.Sprintf("%d  %-12s %s\n", m.code, m.name, m.text)
	}
	return text
}
