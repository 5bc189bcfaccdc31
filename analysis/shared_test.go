package analysis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
	"github.com/crossfade-dev/crossfade/plan"
)

// TestOnceAllTrafficHasMovedTheOldVersionCountsAsItWasLast has a limit that is left to
// the comparison, minutes for counts, and all traffic moved after five of them.
func TestOnceAllTrafficHasMovedTheOldVersionCountsAsItWasLast(t *testing.T) {
	noon := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	const movedAfter = 5
	for _, tt := range []struct {
		name     string
		old      int // of a hundred in the old version's last two minutes
		known    int // minutes of which both versions' counts are
		covered  int // minutes that the new version's counts cover
		failed   int // of a thousand of the new version's
		after    time.Duration
		want     analysis.Verdict
		sentence string
	}{
		{"the old version was well", 0, 5, 7, 200, 8 * time.Minute, analysis.Unhealthy, "limit 5 %"},
		{"it did as badly", 20, 5, 7, 200, 8 * time.Minute, analysis.Unknown, "did as badly when it served last"},
		{"it did badly, but the new one does much worse", 20, 5, 7, 600, 8 * time.Minute, analysis.Unhealthy, "limit 5 %"},
		{"the new one is well", 20, 5, 7, 10, 8 * time.Minute, analysis.Healthy, "limit 5 %"},
		{"how it did last is still to come", 20, 3, 5, 200, 7 * time.Minute, analysis.Unknown, "is not known yet"},
		{"the new one's counts go no further", 0, 3, 3, 200, 7 * time.Minute, analysis.Unhealthy, "limit 5 %"},
		{"it is overdue", 20, 3, 25, 200, 25 * time.Minute, analysis.Unhealthy, "limit 5 %"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source := analysis.Source{Width: time.Minute, Delay: 2 * time.Minute}
			r := ramp.Default(0.01, 180, 2)
			r.Width = 60
			c := analysis.BeginComparison(r, analysis.History{Source: source, Seconds: 3600, Outcomes: evidence.Outcomes{Requests: 3600}}, noon)
			c.State.Ask(r, 0, 0.1)
			c.State.Ask(r, movedAfter*60, 1)
			for minute := range tt.known {
				failed := 0
				if minute >= movedAfter-2 {
					failed = tt.old
				}
				c.State.Report(evidence.Canary, minute, evidence.Outcomes{Requests: 10, Failed: failed / 10}, true)
				c.State.Report(evidence.Stable, minute, evidence.Outcomes{Requests: 100, Failed: failed}, true)
			}
			now := noon.Add(tt.after)
			c.Look(r, now)
			limit := plan.Check{Name: "failures", Rate: &plan.RateLimit{Outcomes: []string{"failed"}, Max: 0.05, MinSamples: 20, UnlessShared: true}}
			got := analysis.Judge(limit, analysis.Evidence{
				Now:      now,
				Canary:   &analysis.Counts{Version: "8", Succeeded: 1000 - tt.failed, Failed: tt.failed, AsOf: noon.Add(time.Duration(tt.covered) * time.Minute)},
				Compared: &analysis.Compared{Comparison: &c, Policy: r, Canary: "8", Stable: "7", Full: true},
			})
			if got.Verdict != tt.want || !strings.Contains(got.Why, tt.sentence) {
				t.Errorf("got %s: %s; want %s: … %s …", got.Verdict, got.Why, tt.want, tt.sentence)
			}
		})
	}
}
