package evidence

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestABlockEntersOnceWhenItIsFinalForBoth(t *testing.T) {
	n := Intake{Width: 60, Memory: 5}
	s := Schedule{Orders: []Order{{At: 0, Share: 0.1}}}
	n.Report(Canary, 1, Outcomes{Requests: 4}, true)
	n.Report(Stable, 1, Outcomes{Requests: 30}, false)
	if got := n.Take(nil, s); len(got) != 0 {
		t.Fatalf("took %+v before it was final", got)
	}
	n.Report(Stable, 1, Outcomes{Requests: 40, Failed: 1}, true)
	n.Report(Stable, 0, Outcomes{Requests: 9}, true)
	got := n.Take(nil, s)
	want := []Block{{At: 60, Seconds: 60, Low: 0.1, High: 0.1, Canary: Outcomes{Requests: 4}, Stable: Outcomes{Requests: 40, Failed: 1}}}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("took %+v, want %+v", got, want)
	}
	n.Report(Canary, 1, Outcomes{Requests: 5, Failed: 1}, true)
	if got := n.Take(nil, s); len(got) != 0 || n.Corrections != 1 {
		t.Errorf("took %+v with %d corrections; want nothing and 1", got, n.Corrections)
	}
	n.Report(Canary, 0, Outcomes{}, true)
	if got := n.Take(nil, s); len(got) != 1 || got[0].At != 0 {
		t.Errorf("took %+v, want the first minute, late", got)
	}
	for i := 2; i < 20; i++ {
		n.Report(Canary, i, Outcomes{}, i != 3)
		n.Report(Stable, i, Outcomes{}, true)
	}
	if got := n.Take(nil, s); len(got) != 17 || n.Dropped != 1 || len(n.Stretches) > 7 {
		t.Errorf("took %d blocks, dropped %d, remembers %d; want 17, 1, few", len(got), n.Dropped, len(n.Stretches))
	}
	if n.Final(1, 150, 40) || !n.Final(1, 160, 40) {
		t.Error("minute 1 with a delay of 40 is final at 160, not before")
	}
}

func TestAnIntakeTakesWhatOneDoesThatLooksAtAllStretches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := Intake{Width: 1, Memory: rapid.IntRange(3, 40).Draw(t, "memory")}
		s := Schedule{Orders: []Order{{At: 0, Share: 0.1}}}
		accepted := map[int]bool{}
		for now := range rapid.IntRange(1, 120).Draw(t, "seconds") {
			for range rapid.IntRange(0, 6).Draw(t, "reports") {
				side := Side(rapid.IntRange(0, 1).Draw(t, "side"))
				number := max(0, now-rapid.IntRange(0, 8).Draw(t, "late"))
				n.Report(side, number, Outcomes{Requests: 1}, rapid.Bool().Draw(t, "final"))
			}
			var want []int
			for _, st := range n.Stretches {
				if st.Final[Canary] && st.Final[Stable] && !accepted[st.Number] {
					want = append(want, st.Number)
					accepted[st.Number] = true
				}
			}
			var got []int
			for _, b := range n.Take(nil, s) {
				got = append(got, int(b.At))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("second %d: took %v, want %v", now, got, want)
			}
			if accepted[n.Oldest] || len(n.Stretches) > 0 && n.Stretches[0].Number < n.Oldest {
				t.Fatalf("second %d: everything below %d is settled, and %+v is not", now, n.Oldest, n.Stretches)
			}
			waiting := slices.ContainsFunc(n.Stretches, func(st Stretch) bool { return !accepted[st.Number] && st.Number < now })
			if got := n.Waiting(float64(now)); got != waiting {
				t.Fatalf("second %d: waiting %v, want %v", now, got, waiting)
			}
		}
	})
}
