package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

type whyOptions struct {
	store storeOptions
	out   format
}

// reasons is what why prints for programs.
type reasons struct {
	Rollout  string             `json:"rollout"`
	Phase    rollout.Phase      `json:"phase"`
	Why      string             `json:"why"`
	Findings []analysis.Finding `json:"findings"`
	// Comparisons are how those of both versions went, by alias.
	Comparisons map[string]course `json:"comparisons,omitempty"`
}

// course is how a comparison went.
type course struct {
	Epoch   time.Time         `json:"epoch"`
	Source  analysis.Source   `json:"source"`
	History analysis.History  `json:"history"`
	Curve   []analysis.Moment `json:"curve"`
}

func newWhy(env *Env) *cobra.Command {
	var o whyOptions
	cmd := &cobra.Command{
		Use:     "why [NAME]",
		GroupID: groupLook,
		Short:   "Why a rollout is where it is: every check with its numbers",
		Long: `The reasons of the last decision: every check with its rule, its numbers, its
verdict, and what would change it. Where both versions are compared, a table has
what they did in the same time, and a small chart how the evidence went. NAME is a rollout's ID, the name of its plan or
an alias such as orders:prod; without one the only open rollout is meant.`,
		Example: `  crossfade why orders:prod
  crossfade why -o json`,
		Args:              args("[NAME]"),
		ValidArgsFunction: completeRollout(env, &o.store),
		RunE:              func(cmd *cobra.Command, a []string) error { return o.run(cmd.Context(), env, first(a)) },
	}
	o.store.flags(cmd)
	outputFlag(cmd, &o.out)
	return cmd
}

func (o whyOptions) run(ctx context.Context, env *Env, name string) error {
	store, rec, err := o.store.read(ctx, env, name)
	if err != nil {
		return err
	}
	defer shut(store)
	r := reasons{Rollout: rec.ID, Phase: rec.Status.Phase, Why: rec.Status.Why, Findings: rec.Status.Findings}
	for i, t := range rec.Status.Targets {
		if c := t.Comparison; c != nil {
			if r.Comparisons == nil {
				r.Comparisons = make(map[string]course)
			}
			r.Comparisons[rec.Plan.Targets[i].String()] = course{Epoch: c.Epoch, Source: c.Source, History: c.History, Curve: c.Curve}
		}
	}
	now, err := standingOf(ctx, env, store, rec)
	if err != nil {
		return err
	}
	return env.print(o.out, r, func() []string {
		var out []string
		style := env.style()
		for _, line := range whyLines(rec, now.now) {
			out = append(out, style.Text(line))
		}
		return append(out, comparedLines(env, rec, now.now)...)
	})
}

// comparedLines are a table and a chart for each alias whose versions are compared.
func comparedLines(env *Env, rec controller.Record, now time.Time) []string {
	var out []string
	style := env.style()
	for i, t := range rec.Status.Targets {
		label := rec.Plan.Targets[i].String()
		var findings []analysis.Finding
		for _, f := range rec.Status.Findings {
			if f.Target == label {
				findings = append(findings, f)
			}
		}
		table := style.Compared(findings, env.width())
		if len(table) == 0 {
			continue
		}
		out = append(out, "")
		if len(rec.Status.Targets) > 1 {
			out = append(out, style.Strong(style.Text(label)))
		}
		out = append(out, table...)
		if picture := style.Evidence(t.Comparison, now); len(picture) > 0 {
			out = append(append(out, ""), picture...)
		}
	}
	return out
}
