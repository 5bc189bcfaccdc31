package course

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func TestStretchesAreFinalInOrderAndOnlyWhenAllOfTheirRequestsAre(t *testing.T) {
	var c Course
	at := func(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }
	c.Note("a", Request{Began: at(0.5), Took: 200 * time.Millisecond})
	c.Note("b", Request{Began: at(1.2), Running: true})
	c.Note("c", Request{Began: at(2.1), Took: 100 * time.Millisecond, Bad: true})
	q := Query{Epoch: noon, Width: time.Second, Until: at(4), Horizon: 10 * time.Second}
	if got, want := c.Final(q, at(4)), []evidence.Outcomes{{Requests: 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("while b runs: got %v, want %v: which of them are known must not depend on how they end", got, want)
	}
	c.Note("b", Request{Began: at(1.2), Took: 3 * time.Second, Bad: true})
	c.Note("b", Request{Began: at(1.2), Running: true}) // an old answer
	want := []evidence.Outcomes{
		{Requests: 1, Timed: 1, Slower: []int{0, 0}},
		{Requests: 1, Failed: 1, Timed: 1, Slower: []int{1, 1}},
		{Requests: 1, Failed: 1, Timed: 1, Slower: []int{0, 0}},
		{Slower: []int{0, 0}},
	}
	q.Thresholds = []float64{0.5, 1}
	if got := c.Final(q, at(5)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	q.From, q.Until = 2, at(3)
	if got := c.Final(q, at(5)); !reflect.DeepEqual(got, want[2:3]) || len(c.All()) != 1 {
		t.Errorf("got %v and remembers %d requests, want %v and 1", got, len(c.All()), want[2:3])
	}
}

func TestARequestThatRunsBeyondTheHorizonIsSlowAndDidNotFail(t *testing.T) {
	var c Course
	c.Note("hangs", Request{Began: noon, Running: true})
	c.Note("fails late", Request{Began: noon, Took: 20 * time.Second, Bad: true})
	q := Query{Epoch: noon, Width: time.Second, Until: noon.Add(time.Second), Horizon: 10 * time.Second, Thresholds: []float64{1, 2}}
	if got := c.Final(q, noon.Add(9*time.Second)); len(got) != 0 {
		t.Errorf("before the horizon: got %v, want nothing", got)
	}
	want := []evidence.Outcomes{{Requests: 2, Timed: 2, Slower: []int{2, 2}}}
	if got := c.Final(q, noon.Add(11*time.Second)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAHistoryTellsRatesThresholdsAndHowLongOutcomesTake(t *testing.T) {
	var list []Request
	for i := range 200 {
		list = append(list, Request{Began: noon.Add(time.Duration(i) * time.Second), Took: time.Duration(i+1) * 100 * time.Millisecond, Bad: i%50 == 0})
	}
	list = append(list, Request{Began: noon, Running: true}, Request{Began: noon.Add(-time.Second)})
	h := History(list, analysis.Source{Width: time.Second}, 3*time.Second, noon, noon.Add(200*time.Second))
	if h.Outcomes.Requests != 200 || h.Outcomes.Failed != 4 || h.Seconds != 200 || len(h.Failures) != 40 || h.Failures[10] != 1 {
		t.Errorf("got %+v", h)
	}
	if !reflect.DeepEqual(h.Thresholds, []float64{10, 18, 19.8}) {
		t.Errorf("thresholds: got %v", h.Thresholds)
	}
	if h.Source.Horizon.Round(time.Second) != 40*time.Second || h.Source.Delay.Round(time.Second) != 23*time.Second {
		t.Errorf("source: got %+v", h.Source)
	}
	if few := History(list[:50], analysis.Source{}, time.Second, noon, noon.Add(time.Minute)); few.Thresholds != nil || few.Timed != 50 {
		t.Errorf("from 50 requests: got thresholds %v", few.Thresholds)
	}
	same := make([]Request, 100)
	for i := range same {
		same[i] = Request{Began: noon, Took: time.Second}
	}
	if h := History(same, analysis.Source{}, 0, noon, noon.Add(time.Minute)); h.Thresholds[0] >= h.Thresholds[1] || h.Thresholds[1] >= h.Thresholds[2] {
		t.Errorf("thresholds of equal durations do not rise: %v", h.Thresholds)
	}
}

func BenchmarkFinal(b *testing.B) {
	var c Course
	for i := range 1000 {
		c.Note(strconv.Itoa(i), Request{Began: noon.Add(time.Duration(i) * 10 * time.Millisecond), Took: time.Millisecond})
	}
	q := Query{Epoch: noon, Width: time.Second, Until: noon.Add(10 * time.Second), Horizon: time.Minute, Thresholds: []float64{0.1, 0.5, 1}}
	b.ReportAllocs()
	for b.Loop() {
		c.Final(q, noon.Add(time.Minute))
	}
}
