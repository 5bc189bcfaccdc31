package controller

import (
	"context"
	"fmt"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// compare reads what the comparison of a target's versions wants to know: first
// what the old version did before, then what both do.
func (c *Controller) compare(ctx context.Context, h *held, i int, seen *rollout.SeenTarget) {
	p, ts := h.rec.Plan, h.rec.Status.Targets[i]
	errors, durations := analysis.Compares(p)
	if !errors && !durations || ts.Stable == "" || ts.Stable == ts.Canary || h.rec.Status.Phase == rollout.RollingBack {
		return
	}
	comparer := c.cfg.Comparers[p.Targets[i].Kind]
	if comparer == nil {
		seen.Feed = &analysis.Feed{Problem: noComparer(p.Targets[i].Kind)}
		return
	}
	now := c.cfg.Clock.Now()
	if ts.Comparison == nil || durations && ts.Comparison.NeedsHistory(now) {
		history, _ := c.history(ctx, comparer, HistoryQuery{Target: p.Targets[i], Alias: ts.Alias, Version: ts.Stable, Before: now})
		seen.History = &history
	}
	if ts.Comparison == nil {
		return
	}
	q := StretchQuery{
		Target: p.Targets[i], Alias: ts.Alias, Since: h.rec.Status.Started,
		Epoch: ts.Comparison.Epoch, From: ts.Comparison.Wanted(), Source: ts.Comparison.Source,
	}
	if durations {
		q.Thresholds = ts.Comparison.History.Thresholds
	}
	feed := &analysis.Feed{From: q.From}
	seen.Feed = feed
	for _, side := range []struct {
		version string
		counts  *[]evidence.Outcomes
	}{{ts.Canary, &feed.Canary}, {ts.Stable, &feed.Stable}} {
		q.Version = side.version
		counts, err := c.stretches(ctx, comparer, q)
		if err != nil {
			feed.Problem = err.Error()
			return
		}
		*side.counts = counts
	}
}

func noComparer(kind plan.Kind) string {
	return fmt.Sprintf("nothing here reads what versions of the kind %s did", kind)
}

// history reads what a version did. Why that was not possible is also in the history.
func (c *Controller) history(ctx context.Context, comparer Comparer, q HistoryQuery) (analysis.History, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	h, err := comparer.History(ctx, q)
	if err != nil {
		return analysis.History{Problem: err.Error()}, err
	}
	return h, nil
}

func (c *Controller) stretches(ctx context.Context, comparer Comparer, q StretchQuery) ([]evidence.Outcomes, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	return comparer.Stretches(ctx, q)
}

// proveComparison says what keeps both versions of a target from being compared, and
// the error that it came from, if it came from one.
func (c *Controller) proveComparison(ctx context.Context, p plan.Plan, i int, r Resolved) (why string, err error) {
	errors, durations := analysis.Compares(p)
	if !errors && !durations || !r.Exists {
		return "", nil
	}
	comparer := c.cfg.Comparers[p.Targets[i].Kind]
	if comparer == nil {
		return noComparer(p.Targets[i].Kind), nil
	}
	h, err := c.history(ctx, comparer, HistoryQuery{Target: p.Targets[i], Alias: r.Alias, Version: r.Now.Stable, Before: c.cfg.Clock.Now()})
	if h.Problem != "" {
		return "what version " + r.Now.Stable + " did cannot be read (" + h.Problem + ")", err
	}
	return "", nil
}
