package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/sqlitestore"
)

// storeOptions say where rollouts are remembered. All processes that use the
// same file see, and may act on, the same rollouts.
type storeOptions struct {
	path string
	// reading is true for commands that change nothing: a copy will do for them
	// where the store may not be written.
	reading bool
}

func (o *storeOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.path, "store", "", "`FILE` that remembers rollouts (default: in $CROSSFADE_HOME, or the state directory of this user)")
}

// file returns the store's path: $CROSSFADE_HOME, or the place that the XDG Base
// Directory Specification gives to state.
func (o storeOptions) file(env *Env) (string, error) {
	if o.path != "" {
		return o.path, nil
	}
	if home := env.Getenv("CROSSFADE_HOME"); home != "" {
		return filepath.Join(home, "crossfade.db"), nil
	}
	// The specification says that a relative path is to be ignored.
	if state := env.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "crossfade", "crossfade.db"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &failure{code: ExitError, err: errors.New("no place to remember rollouts in: there is no home directory"), next: []string{
			"export CROSSFADE_HOME=DIR, or --store FILE",
		}}
	}
	return filepath.Join(home, ".local", "state", "crossfade", "crossfade.db"), nil
}

// open opens the store, and makes it if there is none yet.
func (o storeOptions) open(ctx context.Context, env *Env) (*sqlitestore.Store, error) {
	path, err := o.file(env)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, storeFailure(path, err)
	}
	store, err := sqlitestore.Open(ctx, path, env.Clock)
	if err != nil {
		return nil, storeFailure(path, err)
	}
	return store, nil
}

// openToRead opens the store for a command that only shows something. Where it may
// not be written, a copy is shown.
func (o storeOptions) openToRead(ctx context.Context, env *Env) (*sqlitestore.Store, error) {
	store, err := o.open(ctx, env)
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return store, err
	}
	path, pathErr := o.file(env)
	if pathErr != nil {
		return nil, pathErr
	}
	copied, copyErr := sqlitestore.OpenCopy(ctx, path, env.Clock)
	if copyErr != nil {
		return nil, err // which says what is wrong with the place
	}
	env.say("%s cannot be written here; this is how it stands now", path)
	return copied, nil
}

// read finds the rollout that a person means by name, for a command that only
// shows it. Whoever calls it closes the store.
func (o storeOptions) read(ctx context.Context, env *Env, name string) (*sqlitestore.Store, controller.Record, error) {
	store, err := o.openToRead(ctx, env)
	if err != nil {
		return nil, controller.Record{}, err
	}
	rec, err := find(ctx, store, name)
	if err != nil {
		shut(store)
		return nil, controller.Record{}, err
	}
	return store, rec, nil
}

// shut closes what holds nothing that could be lost: each write to a store was
// committed by its own transaction.
func shut(c io.Closer) { _ = c.Close() }

func storeFailure(path string, err error) error {
	if errors.Is(err, sqlitestore.ErrNewer) {
		return &failure{code: ExitError, err: fmt.Errorf("remember rollouts in %s: %w", path, err), next: []string{
			"use the newer crossfade, which knows what is open; crossfade version says which this one is",
		}}
	}
	return &failure{code: ExitError, err: fmt.Errorf("remember rollouts in %s: %w", path, err), next: []string{
		"--store FILE or CROSSFADE_HOME=DIR chooses another place",
	}}
}

// find returns the rollout that a person means by name: its ID, the name of its
// plan, or an alias as machine:alias. Of several the open one is meant, or else
// the newest. Without a name the only open rollout is meant.
func find(ctx context.Context, store controller.Store, name string) (controller.Record, error) {
	records, err := store.List(ctx, controller.Filter{})
	if err != nil {
		return controller.Record{}, err
	}
	var matches []controller.Record
	for _, r := range records {
		if name == "" && !r.Status.Phase.Ended() || name != "" && isCalled(r, name) {
			matches = append(matches, r)
		}
	}
	switch {
	case len(matches) == 0 && name == "":
		return controller.Record{}, &failure{code: ExitError, err: errors.New("no rollout is open"), next: []string{
			"crossfade list shows the ended ones too",
		}}
	case len(matches) == 0:
		next := []string{"crossfade list shows all"}
		if near := nearest(name, calledAnything(records)); near != "" {
			next = append([]string{"did you mean " + near + "?"}, next...)
		}
		return controller.Record{}, &failure{code: ExitError, err: fmt.Errorf("there is no rollout called %q", name), next: next}
	case name == "" && len(matches) > 1:
		return controller.Record{}, &failure{code: ExitUsage, err: fmt.Errorf("%d rollouts are open; say which one", len(matches)), next: calledLines(matches)}
	}
	for _, r := range matches {
		if !r.Status.Phase.Ended() {
			return r, nil
		}
	}
	return matches[0], nil
}

func isCalled(r controller.Record, name string) bool {
	if r.ID == name || r.Plan.Name == name {
		return true
	}
	for i, t := range r.Plan.Targets {
		if view.TargetName(t) == name || i < len(r.Status.Targets) && r.Status.Targets[i].Alias == name {
			return true
		}
	}
	return false
}

func calledAnything(records []controller.Record) []string {
	var names []string
	for _, r := range records {
		names = append(names, r.ID, r.Plan.Name)
		for _, t := range r.Plan.Targets {
			names = append(names, view.TargetName(t))
		}
	}
	return names
}

func calledLines(records []controller.Record) []string {
	lines := make([]string, 0, len(records))
	for _, r := range records {
		lines = append(lines, strings.Join([]string{r.ID, view.Name(r.Plan), string(r.Status.Phase)}, "  "))
	}
	return lines
}

// completeRollout offers the names of rollouts to the shell.
func completeRollout(env *Env, o *storeOptions) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		store, err := o.open(cmd.Context(), env)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		defer shut(store)
		records, err := store.List(cmd.Context(), controller.Filter{Limit: 50})
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for _, r := range records {
			names = append(names, cobra.CompletionWithDesc(r.ID, view.Name(r.Plan)+" "+string(r.Status.Phase)))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
