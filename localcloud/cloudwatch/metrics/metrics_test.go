package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var (
	here = Scope{Account: "123456789012", Region: "eu-west-1"}
	t0   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func mustStatistic(t testing.TB, text string) Statistic {
	t.Helper()
	s, err := ParseStatistic(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read returns a statistic of every period as text: "12:00:00=3 12:01:00=4".
func read(t testing.TB, s *Store, q Query, statistic string) string {
	t.Helper()
	st := mustStatistic(t, statistic)
	q.Values = true
	periods, err := s.Read(here, q)
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for i := range periods {
		if v, ok := st.Of(&periods[i]); ok {
			out += fmt.Sprintf("%s=%.6g ", periods[i].Start.Format("15:04:05"), v)
		}
	}
	if out != "" {
		out = out[:len(out)-1]
	}
	return out
}

func TestAMetricIsItsExactDimensionsInAnyOrder(t *testing.T) {
	s := New(Options{})
	ab := []Dimension{{"a", "1"}, {"b", "2"}}
	ba := []Dimension{{"b", "2"}, {"a", "1"}}
	s.Put(here, "ns", []Datum{{Name: "m", Dimensions: ab, Value: 1}, {Name: "m", Dimensions: ba, Value: 2}, {Name: "m", Dimensions: ab[:1], Value: 5}}, t0)
	s.Put(Scope{here.Account, "us-east-1"}, "ns", []Datum{{Name: "m", Dimensions: ab, Value: 100}}, t0)
	for _, tt := range []struct {
		dimensions []Dimension
		want       string
	}{{ab, "12:00:00=3"}, {ba, "12:00:00=3"}, {ab[:1], "12:00:00=5"}, {ab[1:], ""}, {nil, ""}} {
		q := Query{Metric: Metric{"ns", "m", tt.dimensions}, From: t0, To: t0.Add(time.Minute), Period: time.Minute}
		if got := read(t, s, q, "Sum"); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.dimensions, got, tt.want)
		}
	}
	if got := s.List(here, func(Metric, time.Time) bool { return true }); len(got) != 2 || len(got[0].Dimensions) != 1 {
		t.Errorf("listed %v, want the metric with one dimension and the one with two", got)
	}
}

func TestUnitsAreSeriesOfTheirOwn(t *testing.T) {
	s := New(Options{})
	s.Put(here, "ns", []Datum{{Name: "m", Unit: "Seconds", Value: 1}, {Name: "m", Unit: "Count", Value: 7}}, t0)
	q := Query{Metric: Metric{Namespace: "ns", Name: "m"}, From: t0, To: t0.Add(time.Minute), Period: time.Minute}
	for unit, want := range map[string]string{"Seconds": "12:00:00=1", "Count": "12:00:00=7", "Bytes": "", "": "12:00:00=8"} {
		q.Unit = unit
		if got := read(t, s, q, "Sum"); got != want {
			t.Errorf("unit %q: got %q, want %q", unit, got, want)
		}
	}
}

func TestPeriodsBeginAtTheQuerysStart(t *testing.T) {
	s := New(Options{})
	for i := range 20 {
		s.Put(here, "ns", []Datum{{Name: "m", Value: 1, Time: t0.Add(time.Duration(i*30) * time.Second)}}, t0)
	}
	q := Query{Metric: Metric{Namespace: "ns", Name: "m"}, From: t0.Add(time.Minute), To: t0.Add(8 * time.Minute), Period: 5 * time.Minute}
	// The last period begins before To and reaches past it.
	if got, want := read(t, s, q, "SampleCount"), "12:01:00=10 12:06:00=8"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	q.Period = 1500 * time.Millisecond
	if _, err := s.Read(here, q); err == nil {
		t.Error("a period of 1.5 s was accepted")
	}
}

func TestStatisticsOfKnownValues(t *testing.T) {
	s := New(Options{})
	var data []Datum
	for v := 1; v <= 100; v++ {
		data = append(data, Datum{Name: "m", Value: float64(v), Time: t0.Add(time.Duration(v%50) * time.Second)})
	}
	s.Put(here, "ns", data, t0)
	q := Query{Metric: Metric{Namespace: "ns", Name: "m"}, From: t0, To: t0.Add(time.Minute), Period: time.Minute}
	for statistic, want := range map[string]string{
		"SampleCount": "100", "Average": "50.5", "Sum": "5050", "Minimum": "1", "Maximum": "100",
		"p50": "50", "p99": "99", "p99.9": "100", "p0": "1", "p100": "100",
		"tm90": "45.5", "TM(10%:90%)": "50.5", "IQM": "50.5", "TM(90:)": "95.5",
		"tc90": "90", "TC(20:30)": "10", "ts10": "55", "TS(:10)": "55", "PR(:30)": "30", "PR(20:30)": "10",
		"WM(10:90)": "50.4", "wm98": "50.47",
	} {
		if got := read(t, s, q, statistic); got != "12:00:00="+want {
			t.Errorf("%s: got %q, want %s", statistic, got, want)
		}
	}
}

func TestWhatIsNoStatisticIsRefused(t *testing.T) {
	for _, text := range []string{"", "Median", "p101", "p", "p1.12345678901", "TM()", "TM(:)", "TM(90%:10%)", "TM(10%:90)", "PR(10%:20%)", "PR", "average", "tm"} {
		if s, err := ParseStatistic(text); err == nil {
			t.Errorf("%q was read as %+v", text, s)
		}
	}
}

func TestPercentilesNeedValuesThatAreKnownAndNotNegative(t *testing.T) {
	q := Query{Metric: Metric{Namespace: "ns", Name: "m"}, From: t0, To: t0.Add(time.Minute), Period: time.Minute}
	tests := []struct {
		name string
		data []Datum
		p50  string
		sum  string
	}{
		{"a set of many", []Datum{{Name: "m", Value: 4}, {Name: "m", Set: &Set{10, 55, 1, 10}}}, "", "59"},
		{"a set of one", []Datum{{Name: "m", Set: &Set{1, 7, 7, 7}}}, "7", "7"},
		{"a set of equals", []Datum{{Name: "m", Set: &Set{5, 15, 3, 3}}}, "3", "15"},
		{"a negative value", []Datum{{Name: "m", Value: -4}, {Name: "m", Value: 4}}, "", "0"},
		{"counts", []Datum{{Name: "m", Value: 2, Count: 3}, {Name: "m", Value: 9}}, "2", "15"},
	}
	for _, tt := range tests {
		s := New(Options{})
		s.Put(here, "ns", tt.data, t0)
		if got := read(t, s, q, "Sum"); got != "12:00:00="+tt.sum {
			t.Errorf("%s: sum %q, want %s", tt.name, got, tt.sum)
		}
		want := tt.p50
		if want != "" {
			want = "12:00:00=" + want
		}
		if got := read(t, s, q, "p50"); got != want {
			t.Errorf("%s: p50 %q, want %q", tt.name, got, want)
		}
	}
}

func TestManyDifferentValuesKeepSumsExactAndPercentilesClose(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := New(Options{})
		var sum, least, most float64 = 0, math.Inf(1), 0
		var values []float64
		for range 5000 {
			v := math.Exp(r.NormFloat64()*1.5 + 3)
			values = append(values, v)
			sum += v
			least, most = min(least, v), max(most, v)
			s.Put(here, "ns", []Datum{{Name: "m", Value: v}}, t0.Add(time.Duration(r.IntN(3))*time.Second))
		}
		periods, err := s.Read(here, Query{Metric: Metric{Namespace: "ns", Name: "m"}, From: t0, To: t0.Add(time.Minute), Period: time.Minute, Values: true})
		if err != nil || len(periods) != 1 {
			t.Fatalf("seed %d: %d periods, %v", seed, len(periods), err)
		}
		p := &periods[0]
		if p.Count != 5000 || math.Abs(p.Sum-sum) > 1e-6*sum || p.Min != least || p.Max != most {
			t.Errorf("seed %d: got %v, want 5000 samples, sum %v, %v to %v", seed, *p, sum, least, most)
		}
		if len(p.values) > 3*maxValues {
			t.Errorf("seed %d: %d values kept for three seconds", seed, len(p.values))
		}
		for _, q := range []string{"p10", "p50", "p90", "p99"} {
			st := mustStatistic(t, q)
			got, _ := st.Of(p)
			below := 0
			for _, v := range values {
				if v <= got {
					below++
				}
			}
			share, _ := st.Percentile()
			if off := math.Abs(float64(below)/50 - share); off > 3 {
				t.Errorf("seed %d: %s is %v, which %d of 5000 do not exceed", seed, q, got, below)
			}
		}
	}
}

func TestOldDataBecomesCoarserAndIsKept(t *testing.T) {
	s := New(Options{})
	for i := range 4 * 3600 { // four hours, a measurement each second
		s.Put(here, "ns", []Datum{{Name: "m", Value: float64(i % 10), Time: t0.Add(time.Duration(i) * time.Second)}}, t0)
	}
	q := Query{Metric: Metric{Namespace: "ns", Name: "m"}, From: t0, To: t0.Add(4 * time.Hour), Period: time.Hour}
	if got, want := read(t, s, q, "SampleCount"), "12:00:00=3600 13:00:00=3600 14:00:00=3600 15:00:00=3600"; got != want {
		t.Errorf("hours: got %q, want %q", got, want)
	}
	if got, want := read(t, s, q, "p50"), "12:00:00=4 13:00:00=4 14:00:00=4 15:00:00=4"; got != want {
		t.Errorf("median: got %q, want %q", got, want)
	}
	e := s.lookup(here, q.Metric)
	if n := len(e.series[0].buckets[0]); n > 20*60 {
		t.Errorf("%d seconds are kept, want about 15 minutes", n)
	}
	q.Period, q.To = time.Second, t0.Add(time.Minute)
	if got := read(t, s, q, "Sum"); got != "" {
		t.Errorf("seconds of four hours ago: got %q, want none", got)
	}
}

func TestLateDataGoesIntoItsOwnTime(t *testing.T) {
	s := New(Options{})
	for _, minutes := range []int{0, -3, -600, 5, -3} {
		s.Put(here, "ns", []Datum{{Name: "m", Value: 1, Time: t0.Add(time.Duration(minutes) * time.Minute)}}, t0)
	}
	q := Query{Metric: Metric{Namespace: "ns", Name: "m"}, From: t0.Add(-11 * time.Hour), To: t0.Add(time.Hour), Period: time.Minute}
	if got, want := read(t, s, q, "Sum"), "02:00:00=1 11:57:00=2 12:00:00=1 12:05:00=1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheLeastRecentlyWrittenMetricsAreForgotten(t *testing.T) {
	s := New(Options{MaxMetrics: 64 * 8})
	for i := range 5000 {
		s.Put(here, "ns", []Datum{{Name: fmt.Sprint("m", i), Value: 1}}, t0.Add(time.Duration(i)*time.Second))
	}
	got := s.List(here, func(Metric, time.Time) bool { return true })
	if len(got) > 64*8 || len(got) < 64*4 {
		t.Errorf("%d metrics are kept, want at most 512 and not far fewer", len(got))
	}
	if s.lookup(here, Metric{Namespace: "ns", Name: "m4999"}) == nil {
		t.Error("the newest metric is gone")
	}
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	s := New(Options{})
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := range 500 {
				s.Put(here, "ns", []Datum{{Name: fmt.Sprint("m", i%7), Value: float64(w)}}, t0.Add(time.Duration(i%90)*time.Second))
			}
		})
	}
	group.Wait()
	var n float64
	for i := range 7 {
		periods, err := s.Read(here, Query{Metric: Metric{Namespace: "ns", Name: fmt.Sprint("m", i)}, From: t0, To: t0.Add(time.Hour), Period: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range periods {
			n += p.Count
		}
	}
	if n != 2000 {
		t.Errorf("%v measurements, want 2000", n)
	}
}

func BenchmarkPut(b *testing.B) {
	s := New(Options{})
	dimensions := [][]Dimension{
		{{"FunctionName", "checkout"}},
		{{"FunctionName", "checkout"}, {"Resource", "checkout:live"}},
		{{"FunctionName", "checkout"}, {"Resource", "checkout:live"}, {"ExecutedVersion", "42"}},
	}
	var data []Datum
	for _, d := range dimensions {
		for _, name := range []string{"Invocations", "Errors", "Throttles", "Duration"} {
			data = append(data, Datum{Name: name, Dimensions: d, Unit: "Count", Value: 1})
		}
	}
	now := t0
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if i++; i%1000 == 0 {
			now = now.Add(time.Second)
		}
		data[3].Value = float64(i % 97)
		s.Put(here, "AWS/Lambda", data, now)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(data)), "ns/datum")
}

func BenchmarkRead(b *testing.B) {
	s := New(Options{})
	for i := range 3600 {
		s.Put(here, "ns", []Datum{{Name: "m", Value: float64(i % 50)}}, t0.Add(time.Duration(i)*time.Second))
	}
	q := Query{Metric: Metric{Namespace: "ns", Name: "m"}, From: t0.Add(50 * time.Minute), To: t0.Add(time.Hour), Period: time.Minute}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Read(here, q); err != nil {
			b.Fatal(err)
		}
	}
}
