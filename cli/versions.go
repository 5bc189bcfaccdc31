package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
)

type versionsOptions struct {
	alias aliasFlags
	store storeOptions
	aws   awsOptions
	keep  keepFlags
	out   format
}

// keepFlags say which versions pruning leaves.
type keepFlags struct{ plan.Keep }

func (k *keepFlags) flags(cmd *cobra.Command, versions int) {
	cmd.Flags().IntVar(&k.Versions, "keep-versions", versions, "leave the newest `N`")
	cmd.Flags().IntVar(&k.Verified, "keep-verified", plan.DefaultKeep.Verified, "leave the last `N` verified ones")
}

// defaultKeepVersions is how many versions prune leaves when nothing is said.
const defaultKeepVersions = 10

func newVersions(env *Env) *cobra.Command {
	var o versionsOptions
	cmd := &cobra.Command{
		Use:     "versions ALIAS",
		GroupID: groupVersions,
		Short:   "What exists behind an alias, what refers to it, and what may go",
		Example: `  crossfade versions orders:prod
  crossfade versions orders:prod -o json`,
		Args: args("ALIAS"),
		RunE: func(cmd *cobra.Command, a []string) error {
			return pruneVersions(cmd, env, o, a[0], true)
		},
	}
	o.alias.flags(cmd)
	o.store.flags(cmd)
	o.aws.flags(cmd)
	o.keep.flags(cmd, defaultKeepVersions)
	outputFlag(cmd, &o.out)
	return cmd
}

// pruneVersions deletes what may go, or with dry only shows it.
func pruneVersions(cmd *cobra.Command, env *Env, o versionsOptions, name string, dry bool) error {
	ctx := cmd.Context()
	t, err := o.alias.target(cmd, name)
	if err != nil {
		return err
	}
	o.store.reading = dry
	s, err := openSession(ctx, env, o.store, o.aws)
	if err != nil {
		return err
	}
	defer s.close()
	t = s.sure(ctx, t, o.alias)
	alias, err := s.aliasOf(ctx, t)
	if err != nil {
		return err
	}
	report, err := s.ctl.Prune(ctx, t.Kind, alias, o.keep.Keep, dry)
	if err != nil {
		return err
	}
	return env.print(o.out, report, func() []string { return versionLines(env.style(), report, env.Clock.Now(), env.width()) })
}

func versionLines(style view.Style, report controller.PruneReport, now time.Time, width int) []string {
	rows := make([][]string, 0, len(report.Versions))
	for _, v := range report.Versions {
		state := string(v.State)
		if state == "" {
			state = "-"
		}
		fate := "may go"
		switch {
		case v.Deleted:
			fate = "deleted"
		case v.Problem != "":
			fate = "could not be deleted: " + v.Problem
		case v.Stays != "":
			fate = "stays: " + v.Stays
		}
		aliases := strings.Join(v.Aliases, ", ")
		if aliases == "" {
			aliases = "-"
		}
		rows = append(rows, []string{v.Number, view.Clock(v.Created, now), aliases, state, style.Text(fate)})
	}
	if len(rows) == 0 {
		return []string{"no versions yet"}
	}
	return style.Table([]string{"version", "created", "aliases", "known as", "fate"}, rows, width)
}
