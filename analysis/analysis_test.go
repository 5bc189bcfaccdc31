package analysis_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func TestAlarmsSayWhatTheyMean(t *testing.T) {
	check := plan.Check{Name: "a", Alarm: "orders failed"}
	tests := []struct {
		name     string
		alarm    *analysis.AlarmState
		accepted time.Time
		want     analysis.Verdict
		trouble  bool
		why      string
	}{
		{"ok", &analysis.AlarmState{State: "OK"}, time.Time{}, analysis.Healthy, false, `alarm "orders failed" is OK`},
		{"firing", &analysis.AlarmState{State: "ALARM", Since: noon}, time.Time{}, analysis.Unhealthy, false, `alarm "orders failed" is in ALARM since 12:00:00`},
		{"too little data", &analysis.AlarmState{State: "INSUFFICIENT_DATA"}, time.Time{}, analysis.Unknown, false, `alarm "orders failed" has too little data`},
		{"missing", &analysis.AlarmState{Missing: true}, time.Time{}, analysis.Unknown, true, `alarm "orders failed" does not exist`},
		{"unreadable", &analysis.AlarmState{Problem: "AccessDenied"}, time.Time{}, analysis.Unknown, true, `alarm "orders failed" is not readable (AccessDenied)`},
		{"not looked at", nil, time.Time{}, analysis.Unknown, true, `alarm "orders failed" was not looked at`},
		{"a new state", &analysis.AlarmState{State: "SNOOZED"}, time.Time{}, analysis.Unknown, true, `is in the state "SNOOZED"`},
		{"accepted", &analysis.AlarmState{State: "ALARM", Since: noon}, noon, analysis.Healthy, false, "before the start, which was accepted"},
		{"accepted, fired again", &analysis.AlarmState{State: "ALARM", Since: noon.Add(time.Second)}, noon, analysis.Unhealthy, false, "is in ALARM since 12:00:01"},
		{"accepted, unreadable", &analysis.AlarmState{Problem: "Throttling"}, noon, analysis.Unknown, true, "is not readable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := analysis.Judge(check, analysis.Evidence{Alarm: tt.alarm, Accepted: tt.accepted})
			if f.Verdict != tt.want || f.Trouble != tt.trouble || !strings.Contains(f.Why, tt.why) {
				t.Errorf("got %s (trouble %t): %s; want %s (trouble %t): %s", f.Verdict, f.Trouble, f.Why, tt.want, tt.trouble, tt.why)
			}
		})
	}
}

func TestALenientCheckTakesOnlyALARMForBad(t *testing.T) {
	tests := []struct {
		name  string
		alarm analysis.AlarmState
		fine  plan.Lenience
		want  analysis.Verdict
	}{
		{"firing", analysis.AlarmState{State: "ALARM", Since: noon}, plan.FineUnreadable, analysis.Unhealthy},
		{"too little data", analysis.AlarmState{State: "INSUFFICIENT_DATA"}, plan.FineMissing, analysis.Healthy},
		{"missing", analysis.AlarmState{Missing: true}, plan.FineMissing, analysis.Healthy},
		{"missing, with more leniency", analysis.AlarmState{Missing: true}, plan.FineUnreadable, analysis.Healthy},
		{"unreadable, which needs more", analysis.AlarmState{Problem: "Throttling"}, plan.FineMissing, analysis.Unknown},
		{"unreadable", analysis.AlarmState{Problem: "Throttling"}, plan.FineUnreadable, analysis.Healthy},
		{"a new state", analysis.AlarmState{State: "SNOOZED"}, plan.FineUnreadable, analysis.Unknown},
	}
	for _, tt := range tests {
		f := analysis.Judge(plan.Check{Name: "a", Alarm: "a", Fine: tt.fine}, analysis.Evidence{Alarm: &tt.alarm})
		if f.Verdict != tt.want || f.Rule != `alarm "a" does not fire` {
			t.Errorf("%s: got %s by the rule %q: %s; want %s", tt.name, f.Verdict, f.Rule, f.Why, tt.want)
		}
	}
}

func TestRatesNeedSamplesToBeGoodAndCertaintyToBeBad(t *testing.T) {
	check := plan.Check{Name: "failures", Rate: &plan.RateLimit{Outcomes: []string{"failed", "timedOut"}, Max: 0.05, MinSamples: 100}}
	counts := func(good, failed, timedOut, aborted, running int) *analysis.Counts {
		return &analysis.Counts{Version: "8", Succeeded: good, Failed: failed, TimedOut: timedOut, Aborted: aborted, Running: running, AsOf: noon}
	}
	old := &analysis.Counts{Version: "7", Succeeded: 1233, Failed: 3}
	step := noon.Add(-time.Minute)
	tests := []struct {
		name          string
		canary        *analysis.Counts
		base          int
		since         time.Time
		want          analysis.Verdict
		why, flip     string
		trouble       bool
		samplesWanted int
	}{
		{"enough good ones", counts(95, 3, 2, 0, 0), 0, step, analysis.Healthy, "5 % of 8 ended badly (5 of 100), limit 5 %; 7 had 0.24 % (3 of 1,236)", "1 more bad ones", false, 100},
		{"one too many", counts(94, 4, 2, 0, 0), 0, step, analysis.Unhealthy, "6 % of 8 ended badly (6 of 100), limit 5 %; 7 had 0.24 %", "20 more that end well", false, 100},
		{"too few", counts(63, 0, 0, 0, 4), 0, step, analysis.Unknown, "63 of the 100 outcomes of 8 needed, 4 running", "37 more outcomes", false, 63},
		{"too few, and yet certain", counts(4, 6, 0, 0, 0), 0, step, analysis.Unhealthy, "60 % of 8 ended badly (6 of 10)", "110 more that end well", false, 10},
		{"too few, not certain yet", counts(4, 5, 0, 0, 0), 0, step, analysis.Unknown, "9 of the 100 outcomes", "91 more outcomes", false, 9},
		{"those that run could help", counts(92, 8, 0, 0, 100), 0, step, analysis.Unknown, "but 100 still run and could bring it below", "the end of those that run", false, 100},
		{"those that run cannot help", counts(92, 8, 0, 0, 50), 0, step, analysis.Unhealthy, "8 % of 8", "60 more that end well", false, 100},
		{"aborted is not among the outcomes", counts(95, 0, 0, 50, 0), 0, step, analysis.Healthy, "0 % of 8 ended badly (0 of 145)", "8 more bad ones", false, 145},
		{"none in this step", counts(200, 0, 0, 0, 3), 200, step, analysis.Unknown, "no execution of 8 has ended since the step began at 11:59:00, 3 running", "one outcome in this step", false, 200},
		{"one in this step", counts(201, 0, 0, 0, 3), 200, step, analysis.Healthy, "0 % of 8", "11 more bad ones", false, 201},
		{"before the step began", counts(201, 0, 0, 0, 3), 200, time.Time{}, analysis.Healthy, "0 % of 8", "11 more bad ones", false, 201},
		{"old counts", counts(201, 0, 0, 0, 3), 200, noon.Add(time.Second), analysis.Unknown, "the counts of 8 end at 12:00:00, before the step began", "newer counts", false, 201},
		{"nothing counts", nil, 0, step, analysis.Unknown, "nothing counts what the new version does", "being able to read it", true, 0},
		{"unreadable", &analysis.Counts{Version: "8", Problem: "Throttling"}, 0, step, analysis.Unknown, "executions of 8 cannot be counted (Throttling)", "being able to read it", true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := analysis.Judge(check, analysis.Evidence{Now: noon, Since: tt.since, Target: "orders:prod", Canary: tt.canary, Stable: old, Base: tt.base})
			if f.Verdict != tt.want || f.Trouble != tt.trouble || !strings.Contains(f.Why, tt.why) || f.Flip != tt.flip || f.Samples != tt.samplesWanted {
				t.Errorf("got %s (trouble %t, %d samples): %s; flip: %s\nwant %s (trouble %t, %d samples): %s; flip: %s",
					f.Verdict, f.Trouble, f.Samples, f.Why, f.Flip, tt.want, tt.trouble, tt.samplesWanted, tt.why, tt.flip)
			}
			if f.Check != "failures" || f.Target != "orders:prod" || f.Rule == "" {
				t.Errorf("the finding does not name its check, target and rule: %+v", f)
			}
		})
	}
}

func TestThrottledOnesCountOnlyWhenThePlanSaysSo(t *testing.T) {
	c := analysis.Counts{Succeeded: 90, Throttled: 10}
	if bad, all := c.Bad([]string{"failed"}); bad != 0 || all != 90 {
		t.Errorf("failed: got %d of %d, want 0 of 90", bad, all)
	}
	if bad, all := c.Bad([]string{"failed", "throttled"}); bad != 10 || all != 100 {
		t.Errorf("failed and throttled: got %d of %d, want 10 of 100", bad, all)
	}
}

// TestARateIsUnhealthyOnlyWhenNothingCouldMakeItHealthy adds good outcomes to
// every unhealthy one, and bad ones to every healthy one.
func TestARateIsUnhealthyOnlyWhenNothingCouldMakeItHealthy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := plan.RateLimit{
			Outcomes:   []string{"failed"},
			Max:        float64(rapid.IntRange(0, 10_000).Draw(t, "max")) / 10_000,
			MinSamples: rapid.IntRange(1, 500).Draw(t, "minSamples"),
		}
		c := analysis.Counts{
			Version:   "8",
			Succeeded: rapid.IntRange(0, 600).Draw(t, "good"),
			Failed:    rapid.IntRange(0, 100).Draw(t, "bad"),
			Running:   rapid.IntRange(0, 100).Draw(t, "running"),
		}
		check := plan.Check{Name: "f", Rate: &limit}
		verdict := func(c analysis.Counts) analysis.Verdict {
			return analysis.Judge(check, analysis.Evidence{Canary: &c}).Verdict
		}
		switch verdict(c) {
		case analysis.Unhealthy:
			best := c
			best.Succeeded, best.Running = c.Succeeded+c.Running, 0
			if missing := limit.MinSamples - best.Finished(); missing > 0 {
				best.Succeeded += missing
			}
			if got := verdict(best); got != analysis.Unhealthy {
				t.Fatalf("%+v is Unhealthy, but with %+v it is %s", c, best, got)
			}
		case analysis.Healthy:
			if c.Finished() < limit.MinSamples || float64(c.Failed) > limit.Max*float64(c.Finished())+1e-6 {
				t.Fatalf("%+v is Healthy by %+v", c, limit)
			}
		}
	})
}

func TestMetricsAreJudgedByWholePeriodsOfThisRollout(t *testing.T) {
	check := func(op, stat string, samples int) plan.Check {
		return plan.Check{Name: "m", Metric: &plan.MetricLimit{Metric: "Duration", Stat: stat, Period: time.Minute, Op: op, Limit: 800, MinSamples: samples}}
	}
	point := func(at time.Duration, v float64, n int) analysis.Datapoint {
		return analysis.Datapoint{At: noon.Add(at), Value: v, Samples: n}
	}
	now, from := noon.Add(10*time.Minute), noon
	tests := []struct {
		name   string
		check  plan.Check
		since  time.Duration
		points []analysis.Datapoint
		want   analysis.Verdict
		why    string
	}{
		{"kept", check("<", "p99", 0), 8 * time.Minute, []analysis.Datapoint{point(8*time.Minute, 700, 5)}, analysis.Healthy, "Duration p99 was 700 at 12:08:00, limit < 800"},
		{"broken", check("<", "p99", 0), 8 * time.Minute, []analysis.Datapoint{point(8*time.Minute, 800, 5)}, analysis.Unhealthy, "Duration p99 was 800 at 12:08:00"},
		{"broken in an earlier step", check("<=", "p99", 0), 8 * time.Minute, []analysis.Datapoint{point(2*time.Minute, 801, 5), point(8*time.Minute, 1, 5)}, analysis.Unhealthy, "was 801"},
		{"broken before the start", check("<", "p99", 0), 8 * time.Minute, []analysis.Datapoint{point(-time.Minute, 900, 5), point(8*time.Minute, 1, 5)}, analysis.Healthy, "was 1"},
		{"too few samples", check("<", "p99", 10), 8 * time.Minute, []analysis.Datapoint{point(8*time.Minute, 900, 9)}, analysis.Unknown, "no datapoint"},
		{"nothing in this step", check("<", "p99", 0), 8 * time.Minute, []analysis.Datapoint{point(7*time.Minute, 1, 9)}, analysis.Unknown, "no datapoint"},
		{"half of it in this step", check("<", "p99", 0), 8*time.Minute + 30*time.Second, []analysis.Datapoint{point(8*time.Minute, 1, 9)}, analysis.Healthy, "was 1"},
		{"a period that is not over", check("<", "p99", 0), 8 * time.Minute, []analysis.Datapoint{point(570*time.Second, 900, 9)}, analysis.Unknown, "no datapoint"},
		{"a sum is too large for good", check("<", "Sum", 0), 8 * time.Minute, []analysis.Datapoint{point(570*time.Second, 900, 9)}, analysis.Unhealthy, "was 900"},
		{"at least", check(">=", "Average", 0), 8 * time.Minute, []analysis.Datapoint{point(8*time.Minute, 799.5, 9)}, analysis.Unhealthy, "was 799.5 at 12:08:00, limit >= 800"},
		{"more than", check(">", "Average", 0), 8 * time.Minute, []analysis.Datapoint{point(8*time.Minute, 801, 9)}, analysis.Healthy, "was 801"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := analysis.Judge(tt.check, analysis.Evidence{Now: now, From: from, Since: noon.Add(tt.since), Series: &analysis.Series{Points: tt.points}})
			if f.Verdict != tt.want || !strings.Contains(f.Why, tt.why) {
				t.Errorf("got %s: %s; want %s: %s", f.Verdict, f.Why, tt.want, tt.why)
			}
		})
	}
	for name, series := range map[string]*analysis.Series{"unreadable": {Problem: "AccessDenied"}, "not measured": nil} {
		if f := analysis.Judge(check("<", "p99", 0), analysis.Evidence{Series: series}); f.Verdict != analysis.Unknown || !f.Trouble {
			t.Errorf("%s: got %+v, want trouble", name, f)
		}
	}
}

func TestAnAddressIsBadWhenItAnswersSomethingElse(t *testing.T) {
	check := plan.Check{Name: "h", HTTP: &plan.HTTPProbe{URL: "https://example.com", Expect: 200}}
	tests := []struct {
		name    string
		probe   *analysis.Probe
		want    analysis.Verdict
		trouble bool
	}{
		{"as expected", &analysis.Probe{Status: 200}, analysis.Healthy, false},
		{"something else", &analysis.Probe{Status: 503}, analysis.Unhealthy, false},
		{"no answer", &analysis.Probe{Problem: "connection refused"}, analysis.Unknown, true},
		{"not asked", nil, analysis.Unknown, true},
	}
	for _, tt := range tests {
		if f := analysis.Judge(check, analysis.Evidence{Probe: tt.probe}); f.Verdict != tt.want || f.Trouble != tt.trouble {
			t.Errorf("%s: got %s (trouble %t), want %s (trouble %t)", tt.name, f.Verdict, f.Trouble, tt.want, tt.trouble)
		}
	}
}

func TestOneBadFindingDecidesAndOneUnknownWaits(t *testing.T) {
	h, u, b := analysis.Finding{Verdict: analysis.Healthy}, analysis.Finding{Verdict: analysis.Unknown}, analysis.Finding{Verdict: analysis.Unhealthy}
	tests := []struct {
		findings []analysis.Finding
		want     analysis.Verdict
	}{
		{nil, analysis.Healthy},
		{[]analysis.Finding{h, h}, analysis.Healthy},
		{[]analysis.Finding{h, u}, analysis.Unknown},
		{[]analysis.Finding{u, b, h}, analysis.Unhealthy},
		{[]analysis.Finding{h, {Verdict: analysis.Unknown, OnlyCondemns: true}}, analysis.Healthy},
		{[]analysis.Finding{u, {Verdict: analysis.Healthy, OnlyCondemns: true}}, analysis.Unknown},
		{[]analysis.Finding{h, {Verdict: analysis.Unhealthy, OnlyCondemns: true}}, analysis.Unhealthy},
	}
	for _, tt := range tests {
		if got := analysis.Combine(tt.findings); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.findings, got, tt.want)
		}
	}
}
