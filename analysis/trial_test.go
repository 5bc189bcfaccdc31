package analysis_test

import (
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
)

func TestTriesAreGoodWhenAllOfThemAre(t *testing.T) {
	ok := analysis.Trial{Output: `{"status":"ok","n":1}`, Took: 40 * time.Millisecond}
	slow := analysis.Trial{Output: ok.Output, Took: 700 * time.Millisecond}
	check := plan.Check{Name: "probe", Probe: &plan.VersionProbe{Expect: `{"status":"ok"}`, Count: 3, Latency: 500 * time.Millisecond}}
	for _, tt := range []struct {
		name   string
		trials []analysis.Trial
		want   analysis.Verdict
		why    string
	}{
		{"not yet", nil, analysis.Unknown, "the new version has not been tried yet"},
		{"good", []analysis.Trial{ok, ok, ok}, analysis.Healthy, "3 of 3 probes were good, the slowest in 40ms"},
		{"one", []analysis.Trial{ok}, analysis.Healthy, "the probe was good, in 40ms"},
		{"slow", []analysis.Trial{ok, slow, ok}, analysis.Unhealthy, "1 of 3 probes failed: it took 700ms, want at most 500ms"},
		{"wrong", []analysis.Trial{{Output: `{"status":"no"}`}}, analysis.Unhealthy, `the probe failed: it returned {"status":"no"}, want {"status":"ok"}`},
		{"error", []analysis.Trial{ok, {Error: "ValueError: x"}, {Error: "other"}}, analysis.Unhealthy, "2 of 3 probes failed: ValueError: x"},
		{"no JSON", []analysis.Trial{{Output: "hm"}}, analysis.Unhealthy, "the probe failed: it returned no JSON, of hm"},
	} {
		f := analysis.Judge(check, analysis.Evidence{Trials: tt.trials, Target: "checkout:live"})
		if f.Verdict != tt.want || f.Why != tt.why {
			t.Errorf("%s: got %s, %q; want %s, %q", tt.name, f.Verdict, f.Why, tt.want, tt.why)
		}
		if want := `returns {"status":"ok"} within 500ms, 3 times`; f.Rule != want {
			t.Errorf("the rule is %q, want %q", f.Rule, want)
		}
	}
}
