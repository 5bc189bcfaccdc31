package view

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return noon.Add(d) }

func ptr(f float64) *float64 { return &f }

// scene is a canary of orders:prod, two minutes into its 10 % step.
func scene() Scene {
	return Scene{
		ID: "r-17",
		Plan: plan.Plan{
			Name:     "orders",
			Targets:  []plan.Target{{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}},
			Strategy: plan.Strategy{Name: "canary"},
			Steps:    []plan.Step{{Weight: 1000, For: 5 * time.Minute}, {Weight: plan.Full}},
			Soak:     3 * time.Minute,
			Checks: []plan.Check{
				{Name: "orders-failed", Alarm: "orders-failed"},
				{Name: "executions", Rate: &plan.RateLimit{Outcomes: []string{"failed", "timedOut"}, Max: 0.01, MinSamples: 200}},
				{Name: "latency", Metric: &plan.MetricLimit{Metric: "ExecutionTime", Stat: "p99", Op: "<", Limit: 800}},
			},
		},
		Status: rollout.Status{
			Phase: rollout.Progressing, Started: noon, Step: 0, StepSince: at(5 * time.Second),
			Targets: []rollout.TargetStatus{{
				Stable: "7", Canary: "8",
				Wish: rollout.Routing{Stable: "7", Canary: "8", Weight: 1000},
				Seen: rollout.Routing{Stable: "7", Canary: "8", Weight: 1000},
			}},
			Findings: []analysis.Finding{
				{Check: "orders-failed", Verdict: analysis.Healthy, Why: `alarm "orders-failed" is OK`},
				{Check: "executions", Verdict: analysis.Unknown, Samples: 63, Value: ptr(0)},
				{Check: "latency", Verdict: analysis.Healthy, Samples: 63, Value: ptr(412.25)},
			},
		},
		Events: []rollout.Event{
			{At: noon, Phase: rollout.Pending, Text: "orders:prod 7 → 8: everything proven, starting"},
			{At: at(5 * time.Second), Phase: rollout.Progressing, Weight: 1000, Text: "orders:prod 7 → 8 at 10 % for 5m"},
		},
		Outcomes: []Outcomes{{
			Stable: &analysis.Counts{Started: 1300, Succeeded: 1233, Failed: 3, Running: 64},
			Canary: &analysis.Counts{Started: 70, Succeeded: 63, Running: 7},
		}},
		Now:      at(2*time.Minute + 5*time.Second),
		Sentence: "orders:prod 7 → 8 at 10 %, waiting: 63 of the 200 executions needed, about 4 min at today's rate",
		Keys:     []Key{{"p", "pause"}, {"r", "resume"}, {"n", "next step"}, {"a", "abort"}, {"w", "why"}, {"q", "leave"}},
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got+"\n"); diff != "" {
		t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", path, diff)
	}
}

func TestTheScreenFitsATerminalOf80By24(t *testing.T) {
	progressing := scene()

	rolledBack := scene()
	rolledBack.Status.Phase = rollout.RolledBack
	rolledBack.Status.Ended = at(2*time.Minute + 30*time.Second)
	rolledBack.Status.Targets[0].Seen = rollout.Routing{Stable: "7"}
	rolledBack.Status.Findings[1] = analysis.Finding{Check: "executions", Verdict: analysis.Unhealthy, Samples: 70, Value: ptr(0.1)}
	rolledBack.Events = append(rolledBack.Events, rollout.Event{
		At: at(2*time.Minute + 29*time.Second), Phase: rollout.RolledBack,
		Text: "orders:prod rolled back from 10 % to 7: 10 % of the executions of 8 failed (7 of 70), limit 1 %",
	})
	rolledBack.Sentence = rolledBack.Events[2].Text
	rolledBack.Keys = []Key{{"q", "leave"}}

	asking := scene()
	asking.Prompt = "Abort: 10 % → 0 %. All new executions go to 7 again. Reason (Enter: do it, Esc: leave it): "

	why := scene()
	why.Why = []string{`orders-failed: alarm "orders-failed" is OK since 11:58:00`, "executions: 63 of the 200 samples needed"}

	several := scene()
	for _, name := range []string{"payments", "shipping", "refunds"} {
		several.Plan.Targets = append(several.Plan.Targets, plan.Target{Kind: plan.StateMachine, Name: name, Alias: "prod"})
		several.Status.Targets = append(several.Status.Targets, several.Status.Targets[0])
	}

	holding := scene()
	holding.Status.Phase = rollout.Holding

	tests := []struct {
		name  string
		style Style
		scene Scene
	}{
		{"progressing.txt", Style{}, progressing},
		{"progressing-ascii.txt", Style{ASCII: true}, progressing},
		{"progressing-color.txt", Style{Color: true}, progressing},
		{"rolled-back.txt", Style{}, rolledBack},
		{"asking.txt", Style{}, asking},
		{"why.txt", Style{}, why},
		{"holding.txt", Style{}, holding},
		{"several.txt", Style{}, several},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { golden(t, tt.name, tt.style.Screen(tt.scene, 80, 24)) })
	}
}

func TestASummaryBreaksSentencesInsteadOfCuttingThem(t *testing.T) {
	sc := scene()
	sc.Events[1].Text = strings.Repeat("a long sentence that goes on, ", 6) + "to its end"
	lines := Style{}.Summary(sc, 80)
	golden(t, "summary.txt", strings.Join(lines, "\n"))
}

func TestAScreenNeverExceedsItsTerminal(t *testing.T) {
	many := scene()
	for i := range 30 {
		many.Plan.Checks = append(many.Plan.Checks, plan.Check{Name: strings.Repeat("x", i+20), Alarm: "a"})
		many.Events = append(many.Events, rollout.Event{At: noon, Text: strings.Repeat("a long sentence ", 12)})
	}
	many.Status.Targets = append(many.Status.Targets, many.Status.Targets[0], many.Status.Targets[0], many.Status.Targets[0])
	for _, sc := range []Scene{scene(), many, {}} {
		for width := 20; width <= 200; width += 7 {
			for height := 3; height <= 60; height++ {
				lines := strings.Split(Style{Color: true}.Screen(sc, width, height), "\n")
				if len(lines) > height {
					t.Fatalf("%d lines on a screen of %d×%d", len(lines), width, height)
				}
				for _, l := range lines {
					if w := lipgloss.Width(l); w > width {
						t.Fatalf("a line of %d cells on a screen of %d×%d: %q", w, width, height, l)
					}
				}
			}
		}
	}
}

func TestASCIIStyleShowsOnlyASCII(t *testing.T) {
	for i, r := range (Style{ASCII: true}).Screen(scene(), 80, 24) {
		if r > 127 {
			t.Fatalf("%q at %d", r, i)
		}
	}
}

func TestTheBarShowsBothVersionsAndTheCanarysShare(t *testing.T) {
	tests := []struct {
		routing rollout.Routing
		want    string
	}{
		{rollout.Routing{Stable: "41", Canary: "42", Weight: 2500}, "41 ██████████████░░░░░ 42   25 %"},
		{rollout.Routing{Stable: "41", Canary: "42", Weight: 1}, "41 █████████████████░ 42  0.01 %"},
		{rollout.Routing{Stable: "41", Canary: "42", Weight: 9999}, "41 █░░░░░░░░░░░░░░░░ 42  99.99 %"},
		{rollout.Routing{Stable: "41", Canary: "42", Weight: plan.Full}, "41 ░░░░░░░░░░░░░░░░░░░ 42  100 %"},
		{rollout.Routing{Stable: "41"}, "41 ██████████████████████"},
	}
	for _, tt := range tests {
		got := strings.TrimRight(Style{}.Bar(tt.routing, 32), " ")
		if got != tt.want {
			t.Errorf("%+v:\n got %q\nwant %q", tt.routing, got, tt.want)
		}
	}
}

func TestNumbersReadWell(t *testing.T) {
	tests := []struct{ got, want string }{
		{Percent(2500), "25 %"},
		{Percent(250), "2.5 %"},
		{Percent(1), "0.01 %"},
		{Share(0.0412), "4.12 %"},
		{Share(0.01), "1 %"},
		{Share(0), "0 %"},
		{Count(1234567), "1,234,567"},
		{Count(-1000), "-1,000"},
		{Count(999), "999"},
		{Duration(0), "0s"},
		{Duration(250 * time.Millisecond), "250ms"},
		{Duration(1540 * time.Millisecond), "1.5s"},
		{Duration(150 * time.Second), "2m30s"},
		{Duration(5 * time.Minute), "5m"},
		{Duration(90 * time.Minute), "1h30m"},
		{Duration(50 * time.Hour), "2d2h"},
		{Duration(-5 * time.Minute), "-5m"},
		{Countdown(192 * time.Second), "03:12"},
		{Countdown(3725 * time.Second), "1:02:05"},
		{Countdown(-time.Second), "00:00"},
		{Clock(noon, noon.Add(time.Hour)), "12:00:00"},
		{Clock(noon, noon.Add(24*time.Hour)), "Mar 4 12:00:00"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestPlotForecastsTheStepsToCome(t *testing.T) {
	sc := scene()
	sc.Plan.Steps = []plan.Step{{Weight: 1000, For: time.Minute}, {Weight: 5000, For: 2 * time.Minute}, {Weight: plan.Full}}
	c := Plot(sc.Plan, sc.Status, sc.Events, at(30*time.Second))
	if want := at(65 * time.Second); !c.Next.Equal(want) || c.NextWeight != 5000 {
		t.Errorf("next is %d at %v, want 5000 at %v", c.NextWeight, c.Next, want)
	}
	if want := at(185 * time.Second); !c.Full.Equal(want) {
		t.Errorf("full at %v, want %v", c.Full, want)
	}
	if want := at(185*time.Second + 3*time.Minute); !c.To.Equal(want) {
		t.Errorf("ends at %v, want %v", c.To, want)
	}
}

func TestPlotPromisesNothingWhileARolloutWaits(t *testing.T) {
	for _, phase := range []rollout.Phase{rollout.Paused, rollout.Holding, rollout.RollingBack} {
		sc := scene()
		sc.Status.Phase = phase
		if c := Plot(sc.Plan, sc.Status, sc.Events, sc.Now); len(c.Future) != 0 || !c.Next.IsZero() {
			t.Errorf("%s: future %v, next %v; want none", phase, c.Future, c.Next)
		}
	}
}

func TestTableGivesWayInItsWidestColumn(t *testing.T) {
	got := Style{}.Table([]string{"name", "state"}, [][]string{{"a-rather-long-name", "ok"}, {"b"}}, 16)
	want := []string{"name       state", "a-rather…  ok", "b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhereAListIsTooWideItsLastColumnGivesWayFirst(t *testing.T) {
	head := []string{"id", "alias", "by"}
	rows := [][]string{{"r-1", "a-function-with-a-name:live", "ada@a-machine pid 12345"}, {"r-2", "b:live"}}
	for width, want := range map[int]string{
		0:  "r-1  a-function-with-a-name:live  ada@a-machine pid 12345",
		80: "r-1  a-function-with-a-name:live  ada@a-machine pid 12345",
		50: "r-1  a-function-with-a-name:live  ada@a-machine p…",
		42: "r-1  a-function-with-a-name:l…  ada@a-mac…",
	} {
		lines := Style{}.Spare(head, rows, width, 10)
		if lines[1] != want {
			t.Errorf("in %d cells: got %q, want %q", width, lines[1], want)
		}
	}
	if rows[0][2] != "ada@a-machine pid 12345" {
		t.Errorf("it changed what it was given to %q", rows[0][2])
	}
}

func TestAnAliasThatWasCreatedHasNoVersionBefore(t *testing.T) {
	sc := scene()
	sc.Status.Phase = rollout.Succeeded
	sc.Status.Targets = []rollout.TargetStatus{{Stable: "8", Canary: "8", Created: true, Seen: rollout.Routing{Stable: "8"}}}
	if got := strings.Join(Style{}.bars(sc, 30), "\n"); !strings.HasPrefix(got, "- ░") || !strings.HasSuffix(got, "░ 8  100 %") {
		t.Errorf("got %q, want a bar from - to 8", got)
	}
}
