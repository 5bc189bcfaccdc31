package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(env *Env) *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Which build this is",
		Example: "  crossfade version -o json",
		Args:    args(),
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			return env.print(out, b, func() []string {
				text := "crossfade " + b.Version
				if b.Commit != "" {
					text += " (" + b.Commit + ")"
				}
				return []string{text + ", " + b.Go}
			})
		},
	}
	outputFlag(cmd, &out)
	return cmd
}

type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
}

// readBuild takes what the Go tool noted in the program.
func readBuild() build {
	b := build{Version: "unknown", Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = s.Value[:min(len(s.Value), 12)]
		}
	}
	return b
}
