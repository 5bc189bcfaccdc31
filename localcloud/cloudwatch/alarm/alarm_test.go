package alarm

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// start is a full minute; evaluations in these tests happen at it.
var start = time.Date(2026, 2, 26, 10, 15, 0, 0, time.UTC)

// pointsOf reads "0 - X" as datapoints that end at start: 0 is fine, X is above
// the threshold of 1, - is missing.
func pointsOf(t *testing.T, period time.Duration, text string) []Datapoint {
	t.Helper()
	var points []Datapoint
	fields := strings.Fields(text)
	for i, f := range fields {
		at := start.Add(-time.Duration(len(fields)-i) * period)
		switch f {
		case "0":
			points = append(points, Datapoint{Start: at, Value: 0, Samples: 1})
		case "X":
			points = append(points, Datapoint{Start: at, Value: 5, Samples: 1})
		case "-":
		default:
			t.Fatalf("what is a datapoint %q?", f)
		}
	}
	return points
}

func TestMissingDataIsTreatedAsTheUserGuideTabulates(t *testing.T) {
	const keep = Value("keep")
	treatments := []Missing{MissingMissing, MissingIgnore, MissingBreaching, MissingNotBreaching}
	tests := []struct {
		m      int
		points string
		want   [4]Value
	}{
		{3, "0 - X - X", [4]Value{OK, OK, OK, OK}},
		{3, "0 - - - -", [4]Value{OK, OK, OK, OK}},
		{3, "- - - - -", [4]Value{InsufficientData, keep, Alarm, OK}},
		{3, "0 X X - X", [4]Value{Alarm, Alarm, Alarm, Alarm}},
		{3, "- - X - -", [4]Value{Alarm, keep, Alarm, OK}},
		{2, "0 - X - X", [4]Value{Alarm, Alarm, Alarm, Alarm}},
		{2, "0 0 X 0 X", [4]Value{Alarm, Alarm, Alarm, Alarm}},
		{2, "0 - X - -", [4]Value{OK, OK, Alarm, OK}},
		{2, "- - - - 0", [4]Value{OK, OK, Alarm, OK}},
		{2, "- - - X -", [4]Value{Alarm, keep, Alarm, OK}},
		// Not in the guide: a breaching point that is too young is no alarm yet.
		{3, "- - - - X", [4]Value{OK, keep, Alarm, OK}},
		{3, "X X X - -", [4]Value{Alarm, Alarm, Alarm, Alarm}},
	}
	for _, tt := range tests {
		for i, treatment := range treatments {
			for _, previous := range []Value{OK, Alarm, InsufficientData} {
				c := Config{Period: time.Minute, EvaluationPeriods: 3, DatapointsToAlarm: tt.m, Comparison: Greater, Threshold: 1, Missing: treatment}
				want := tt.want[i]
				if want == keep {
					want = previous
				}
				got := Evaluate(c, pointsOf(t, c.Period, tt.points), State{Value: previous, Reason: "before"}, start)
				if got.Value != want {
					t.Errorf("M=%d %q treated as %s after %s: got %s, want %s (%s)", tt.m, tt.points, treatment, previous, got.Value, want, got.Reason)
				}
				if got.Value == previous && got.Reason != "before" {
					t.Errorf("M=%d %q treated as %s: the state stayed %s but its reason became %q", tt.m, tt.points, treatment, previous, got.Reason)
				}
			}
		}
	}
}

func TestReasonsReadAsCloudWatchWritesThem(t *testing.T) {
	tests := []struct {
		name     string
		config   Config
		previous Value
		points   []Datapoint
		want     string
	}{
		{
			"one breaching",
			Config{Period: time.Minute, EvaluationPeriods: 1, Comparison: Greater, Threshold: 21},
			InsufficientData,
			[]Datapoint{{Start: start.Add(-time.Minute), Value: 21.5, Samples: 2}},
			"Threshold Crossed: 1 datapoint [21.5 (26/02/26 10:14:00)] was greater than the threshold (21.0).",
		},
		{
			"two of three, with M given",
			Config{Period: time.Minute, EvaluationPeriods: 3, DatapointsToAlarm: 2, Comparison: GreaterOrEqual, Threshold: 10},
			OK,
			[]Datapoint{{start.Add(-3 * time.Minute), 10, 1}, {start.Add(-2 * time.Minute), 3, 1}, {start.Add(-time.Minute), 12, 1}},
			"Threshold Crossed: 2 out of the last 3 datapoints [12.0 (26/02/26 10:14:00), 10.0 (26/02/26 10:12:00)] were greater than or equal to the threshold (10.0) (minimum 2 datapoints for OK -> ALARM transition).",
		},
		{
			"back to normal, with M given",
			Config{Period: time.Minute, EvaluationPeriods: 1, DatapointsToAlarm: 1, Comparison: Less, Threshold: 0.0005},
			Alarm,
			[]Datapoint{{start.Add(-time.Minute), 12345678, 1}},
			"Threshold Crossed: 1 out of the last 1 datapoints [1.2345678E7 (26/02/26 10:14:00)] was not less than the threshold (5.0E-4) (minimum 1 datapoint for ALARM -> OK transition).",
		},
		{
			"nothing, taken as breaching",
			Config{Period: 10 * time.Second, EvaluationPeriods: 2, Comparison: LessOrEqual, Threshold: 2, Missing: MissingBreaching},
			OK, nil,
			"Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].",
		},
		{
			"nothing, taken as fine",
			Config{Period: time.Minute, EvaluationPeriods: 1, Comparison: Greater, Threshold: 2, Missing: MissingNotBreaching},
			Alarm, nil,
			"Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].",
		},
		{
			"nothing",
			Config{Period: time.Minute, EvaluationPeriods: 1, Comparison: Greater, Threshold: 2},
			OK, nil,
			"Insufficient Data: 1 datapoint was unknown.",
		},
	}
	for _, tt := range tests {
		got := Evaluate(tt.config, tt.points, State{Value: tt.previous}, start)
		if got.Reason != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got.Reason, tt.want)
		}
	}
}

func TestReasonDataListsWhatWasJudged(t *testing.T) {
	c := Config{Period: time.Minute, EvaluationPeriods: 2, Comparison: Greater, Threshold: 30, Statistic: "Sum", Unit: "Count"}
	got := Evaluate(c, []Datapoint{{start.Add(-time.Minute), 40, 2}, {start.Add(-2 * time.Minute), 31, 1}}, State{Value: OK}, start.Add(1500*time.Millisecond))
	want := `{"version":"1.0","queryDate":"2026-02-26T10:15:01.500+0000","startDate":"2026-02-26T10:13:00.000+0000","unit":"Count","statistic":"Sum",` +
		`"period":60,"recentDatapoints":[31.0,40.0],"threshold":30.0,"evaluatedDatapoints":[{"timestamp":"2026-02-26T10:14:00.000+0000","sampleCount":2.0,"value":40.0},` +
		`{"timestamp":"2026-02-26T10:13:00.000+0000","sampleCount":1.0,"value":31.0}]}`
	if got.Data != want {
		t.Errorf("got  %s\nwant %s", got.Data, want)
	}
	silent := Evaluate(Config{Period: time.Minute, EvaluationPeriods: 1, Comparison: Greater, Missing: MissingBreaching}, nil, State{Value: OK}, start)
	if !json.Valid([]byte(silent.Data)) || !strings.Contains(silent.Data, `"recentDatapoints":[]`) || strings.Contains(silent.Data, "startDate") {
		t.Errorf("data without datapoints: %s", silent.Data)
	}
}

func TestAThinPercentileLeavesTheStateAlone(t *testing.T) {
	if got := LowSamples(99); got != 1000 {
		t.Errorf("p99 wants %v samples, want 1000", got)
	}
	if got := LowSamples(25); got != 40 {
		t.Errorf("p25 wants %v samples, want 40", got)
	}
	c := Config{Period: time.Minute, EvaluationPeriods: 1, Comparison: Greater, Threshold: 1, MinSamples: LowSamples(90)}
	for _, previous := range []Value{OK, Alarm, InsufficientData} {
		thin := []Datapoint{{start.Add(-time.Minute), 5, 99}}
		if got := Evaluate(c, thin, State{Value: previous}, start); got.Value != previous {
			t.Errorf("99 samples moved %s to %s", previous, got.Value)
		}
		enough := []Datapoint{{start.Add(-time.Minute), 5, 100}}
		if got := Evaluate(c, enough, State{Value: previous}, start); got.Value != Alarm {
			t.Errorf("100 samples left %s at %s", previous, got.Value)
		}
	}
}

func TestWindowsSlideByTheTickAndEndWithTheLastFullOne(t *testing.T) {
	now := start.Add(37 * time.Second)
	slow := Config{Period: 5 * time.Minute, EvaluationPeriods: 1}
	from, to := slow.Window(now)
	if !to.Equal(start) || !from.Equal(start.Add(-15*time.Minute)) {
		t.Errorf("five minutes: window %v to %v", from, to)
	}
	if next := slow.Next(now); !next.Equal(start.Add(time.Minute)) {
		t.Errorf("five minutes: next at %v", next)
	}
	fast := Config{Period: 30 * time.Second, EvaluationPeriods: 2}
	if from, to := fast.Window(now); !to.Equal(start.Add(30*time.Second)) || !from.Equal(start.Add(-90*time.Second)) {
		t.Errorf("thirty seconds: window %v to %v", from, to)
	}
	if next := fast.Next(start); !next.Equal(start.Add(10 * time.Second)) {
		t.Errorf("thirty seconds: next after a full minute is %v", next)
	}
}

func TestCheckRefusesConfigurationsThatCannotBeEvaluated(t *testing.T) {
	good := Config{Period: time.Minute, EvaluationPeriods: 3, DatapointsToAlarm: 2, Comparison: Greater}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, break_ := range map[string]func(*Config){
		"period":        func(c *Config) { c.Period = 45 * time.Second },
		"no periods":    func(c *Config) { c.EvaluationPeriods = 0 },
		"M above N":     func(c *Config) { c.DatapointsToAlarm = 4 },
		"comparison":    func(c *Config) { c.Comparison = "Near" },
		"missing":       func(c *Config) { c.Missing = "whatever" },
		"more than day": func(c *Config) { c.EvaluationPeriods = 1441 },
	} {
		c := good
		break_(&c)
		if err := c.Check(); err == nil {
			t.Errorf("%s: accepted %+v", name, c)
		}
	}
	week := Config{Period: time.Hour, EvaluationPeriods: 168, Comparison: Greater}
	if err := week.Check(); err != nil {
		t.Errorf("a week of hours: %v", err)
	}
}

func TestTheOrderOfPointsDoesNotMatter(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(5)
		c := Config{
			Period: time.Minute, EvaluationPeriods: n, DatapointsToAlarm: 1 + r.IntN(n), Comparison: Greater, Threshold: 1,
			Missing: []Missing{"", MissingIgnore, MissingBreaching, MissingNotBreaching}[r.IntN(4)],
		}
		var points []Datapoint
		for i := range n + 4 {
			if r.IntN(3) > 0 {
				points = append(points, Datapoint{start.Add(-time.Duration(i) * time.Minute), float64(r.IntN(4)), float64(r.IntN(3))})
			}
		}
		previous := State{Value: []Value{OK, Alarm, InsufficientData}[r.IntN(3)]}
		want := Evaluate(c, points, previous, start)
		r.Shuffle(len(points), func(i, k int) { points[i], points[k] = points[k], points[i] })
		if got := Evaluate(c, points, previous, start); got != want {
			t.Errorf("seed %d: got %+v, want %+v", seed, got, want)
		}
	}
}

func TestMoreBreachingPointsNeverQuietAnAlarm(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		n := 1 + r.IntN(4)
		c := Config{Period: time.Minute, EvaluationPeriods: n, DatapointsToAlarm: 1 + r.IntN(n), Comparison: Greater, Threshold: 1}
		var points []Datapoint
		for i := range n + 2 {
			if r.IntN(4) > 0 {
				points = append(points, Datapoint{start.Add(-time.Duration(i+1) * time.Minute), float64(r.IntN(3)), 1})
			}
		}
		if Evaluate(c, points, State{Value: OK}, start).Value != Alarm {
			continue
		}
		for i := range points {
			points[i].Value = 9
		}
		if got := Evaluate(c, points, State{Value: OK}, start); got.Value != Alarm {
			t.Errorf("seed %d: all points breach and the alarm is %s", seed, got.Value)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	c := Config{Period: time.Minute, EvaluationPeriods: 5, DatapointsToAlarm: 3, Comparison: Greater, Threshold: 10}
	var points []Datapoint
	for i := range 7 {
		points = append(points, Datapoint{start.Add(-time.Duration(i+1) * time.Minute), float64(i), 1})
	}
	b.ReportAllocs()
	for b.Loop() {
		Evaluate(c, points, State{Value: OK}, start)
	}
}

func ExampleEvaluate() {
	c := Config{Period: time.Minute, EvaluationPeriods: 1, Comparison: Greater, Threshold: 0}
	now := time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC)
	s := Evaluate(c, []Datapoint{{Start: now.Add(-time.Minute), Value: 3, Samples: 3}}, Initial(now), now)
	fmt.Println(s.Value)
	fmt.Println(s.Reason)
	// Output:
	// ALARM
	// Threshold Crossed: 1 datapoint [3.0 (02/01/26 03:04:00)] was greater than the threshold (0.0).
}
