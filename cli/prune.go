package cli

import "github.com/spf13/cobra"

func newPrune(env *Env) *cobra.Command {
	var o versionsOptions
	var dry bool
	cmd := &cobra.Command{
		Use:     "prune ALIAS",
		GroupID: groupVersions,
		Short:   "Delete old versions that nothing needs",
		Long: `Deletes versions behind an alias. What any alias refers to, what executes or may be
redriven, what an open rollout needs, and the last verified versions stay in any
case: the version that one would roll back to is never deleted.`,
		Example: `  crossfade prune orders:prod --dry-run
  crossfade prune orders:prod --keep-versions 20`,
		Args: args("ALIAS"),
		RunE: func(cmd *cobra.Command, a []string) error {
			if o.keep.Versions < 2 {
				return usage(cmd, "--keep-versions %d leaves nothing to roll back to: at least 2", o.keep.Versions)
			}
			return pruneVersions(cmd, env, o, a[0], dry)
		},
	}
	o.alias.flags(cmd)
	o.store.flags(cmd)
	o.aws.flags(cmd)
	o.keep.flags(cmd, defaultKeepVersions)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only show what would be deleted")
	outputFlag(cmd, &o.out)
	return cmd
}
