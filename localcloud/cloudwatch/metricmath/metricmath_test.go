package metricmath

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// seriesOf reads "1 - 3" as points at 0, 60 and 120 seconds; - has none.
func seriesOf(t testing.TB, id, text string) *Series {
	t.Helper()
	s := &Series{ID: id, Period: 60}
	for i, f := range strings.Fields(text) {
		var v float64
		if f == "-" {
			continue
		}
		if _, err := fmt.Sscan(f, &v); err != nil {
			t.Fatal(err)
		}
		s.add(int64(i*60), v)
	}
	return s
}

func show(v Value) string {
	switch v := v.(type) {
	case Scalar:
		return fmt.Sprintf("%.6g", float64(v))
	case *Series:
		var parts []string
		for at := int64(0); at < 240; at += 60 {
			if x, ok := v.at(at); ok {
				parts = append(parts, fmt.Sprintf("%.6g", x))
			} else {
				parts = append(parts, "-")
			}
		}
		return strings.Join(parts, " ")
	case Array:
		var parts []string
		for _, s := range v {
			parts = append(parts, s.ID+": "+show(s))
		}
		return "[" + strings.Join(parts, "; ") + "]"
	default:
		return fmt.Sprint(v)
	}
}

func testEnv(t testing.TB) *Env {
	queries := map[string]Value{
		"m1": seriesOf(t, "m1", "1 2 3 4"),
		"m2": seriesOf(t, "m2", "2 - 6 0"),
		"up": seriesOf(t, "up", "1 0 - 1"),
		"no": seriesOf(t, "no", "- - - -"),
		"e1": Scalar(7),
	}
	return &Env{
		Lookup: func(id string) (Value, bool, error) { v, ok := queries[id]; return v, ok, nil },
		Metrics: func() (Array, error) {
			return Array{queries["m1"].(*Series), queries["m2"].(*Series)}, nil
		},
		Search: func(expression, statistic string, period int64) (Array, error) {
			return Array{seriesOf(t, expression+"/"+statistic+fmt.Sprint(period), "5 5 5 5")}, nil
		},
		Start: 0, End: 240, Period: 60,
	}
}

func TestExpressionsMakeWhatTheUserGuideSays(t *testing.T) {
	env := testEnv(t)
	for expression, want := range map[string]string{
		"1 + 2 * 3 ^ 2":               "19",
		"-2 ^ 2":                      "-4",
		"(1 + 2) * -3":                "-9",
		"2 ^ 3 ^ 2":                   "512",
		"1.5e3 + .5":                  "1500.5",
		"10 - 4 - 3":                  "3",
		"m1 + 1":                      "2 3 4 5",
		"m1 + m2":                     "3 - 9 4",
		"m1 / m2":                     "0.5 - 0.5 -",
		"100 * m2 / m1":               "200 - 200 0",
		"m1 > 2":                      "0 0 1 1",
		"m1 >= 2 AND m1 < 4":          "0 1 1 0",
		"m1 == 1 || m1 == 4":          "1 0 0 1",
		"m1 != e1":                    "1 1 1 1",
		"SUM(m1)":                     "10",
		"AVG(m2)":                     "2.66667",
		"MIN([3, 1, 2])":              "1",
		"SUM([m1, m2])":               "3 2 9 4",
		"MAX([m1, m2, 3])":            "3 3 6 4",
		"SUM(METRICS())":              "3 2 9 4",
		`SUM(METRICS("2"))`:           "2 - 6 0",
		"STDDEV(m1)":                  "1.11803",
		"SUM(no) + 1":                 "- - - -",
		"AVG([m1, m2]) * 2":           "3 4 9 4",
		"METRICS() / 2":               "[m1: 0.5 1 1.5 2; m2: 1 - 3 0]",
		"METRICS() - m1":              "[m1: 0 0 0 0; m2: 1 - 3 -4]",
		"[m1, m2] + [m2, m1]":         "[m1: 3 - 9 4; m2: 3 - 9 4]",
		"METRIC_COUNT(METRICS())":     "2",
		"DATAPOINT_COUNT(m2)":         "3",
		"DATAPOINT_COUNT([m1,m2])":    "2 1 2 2",
		"PERIOD(m1)":                  "60",
		"m1 / PERIOD(m1)":             "0.0166667 0.0333333 0.05 0.0666667",
		"RATE(m2)":                    "- - 0.0333333 -0.1",
		"DIFF(m1)":                    "- 1 1 1",
		"DIFF_TIME(m2)":               "- - 120 60",
		"RUNNING_SUM(m1)":             "1 3 6 10",
		"FILL(m2, 0)":                 "2 0 6 0",
		"FILL(m2, REPEAT)":            "2 2 6 0",
		"FILL(m2, LINEAR)":            "2 4 6 0",
		"FILL(m2, m1)":                "2 2 6 0",
		"FILL(no, 3)":                 "3 3 3 3",
		"FILL(no, REPEAT)":            "- - - -",
		"FILL(METRICS(), 9)":          "[m1: 1 2 3 4; m2: 2 9 6 0]",
		"IF(up, m1, 100)":             "1 100 - 4",
		"IF(up, m1)":                  "1 - - 4",
		"IF(m1, m2, 5)":               "2 0 6 0",
		"IF(1, m1, m2)":               "1 2 3 4",
		"IF(e1 < 3, m1, m2)":          "2 - 6 0",
		"IF(METRICS() > 2, 1, 0)":     "[m1: 0 0 1 1; m2: 0 - 1 0]",
		"TIME_SERIES(3)":              "3 3 3 3",
		"ABS(m1 - 3)":                 "2 1 0 1",
		"CEIL(m1 / 2)":                "1 1 2 2",
		"FLOOR(m1 / 2)":               "0 1 1 2",
		"LOG10(m1 * 100 - 100)":       "- 2 2.30103 2.47712",
		"FIRST(METRICS())":            "1 2 3 4",
		"LAST(METRICS())":             "2 - 6 0",
		"SLICE(METRICS(), 1)":         "[m2: 2 - 6 0]",
		"SORT(METRICS(), MAX, DESC)":  "[m2: 2 - 6 0; m1: 1 2 3 4]",
		"SORT(METRICS(), AVG, ASC,1)": "[m1: 1 2 3 4]",
		"REMOVE_EMPTY([m1, no])":      "[m1: 1 2 3 4]",
		"MINUTE(m1)":                  "0 1 2 3",
		"YEAR(m1)":                    "1970 1970 1970 1970",
		"DAY(m1)":                     "4 4 4 4",
		"SEARCH('x', 'Sum', 300)":     "[x/Sum300: 5 5 5 5]",
		`SUM(SEARCH("y", "p99"))`:     "5 5 5 5",
	} {
		x, err := Parse(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		v, err := x.Eval(env)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := show(v); got != want {
			t.Errorf("%s: got %s, want %s", expression, got, want)
		}
	}
}

func TestErrorsTellThePlace(t *testing.T) {
	env := testEnv(t)
	for expression, offset := range map[string]int{
		"":               0,
		"1 +":            3,
		"(1":             2,
		"m1 m2":          3,
		"FOO(m1)":        0,
		"1 + FOO":        4,
		"SUM(m1, m2)":    0,
		"SUM(":           4,
		"1..2":           0,
		"m1 + m9":        5,
		"'text":          0,
		"FILL(m1, AVG)":  0,
		"1 / 0":          2,
		"m1 + 'a'":       3,
		"[m1, 'a']":      5,
		"[1, 2]":         0,
		"[m1] + [m1,m2]": 5,
		strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300): 100,
	} {
		x, err := Parse(expression)
		if err == nil {
			_, err = x.Eval(env)
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.30q: got %v, want an Error", expression, err)
			continue
		}
		if e.Offset != offset {
			t.Errorf("%.30q: the error points at %d, want %d (%v)", expression, e.Offset, offset, e)
		}
	}
}

func TestRefsNameWhatAnExpressionNeeds(t *testing.T) {
	x, err := Parse("IF(a > b, a, SUM([c1, a])) + METRICS()")
	if err != nil {
		t.Fatal(err)
	}
	ids, all := x.Refs()
	if got := strings.Join(ids, " "); got != "a b c1" || !all {
		t.Errorf("got %q, %v; want a b c1 and all", got, all)
	}
}

func TestSearchIsRefusedWhereThereIsNone(t *testing.T) {
	env := testEnv(t)
	env.Search = nil
	x, err := Parse("SEARCH('x', 'Sum')")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Eval(env); err == nil {
		t.Error("SEARCH was carried out")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"m1+m2/2", "IF(m1>1 AND m2, FILL(m1,0), -3^2)", "SUM(METRICS('x'))", "[1,2,", "SORT(METRICS(), AVG, ASC)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		x, err := Parse(expression)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(expression) {
				t.Fatalf("error %v points outside of %q", err, expression)
			}
			return
		}
		if _, err := x.Eval(testEnv(t)); err != nil && err.Error() == "" {
			t.Fatal("an error without a text")
		}
	})
}

func BenchmarkEval(b *testing.B) {
	env := testEnv(b)
	x, err := Parse("IF(m1 > 2, 100 * FILL(m2, 0) / m1, 0)")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Eval(env); err != nil {
			b.Fatal(err)
		}
	}
}
