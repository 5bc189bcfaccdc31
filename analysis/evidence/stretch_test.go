package evidence

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestAnIntakeSurvivesJSONInFewBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := func() Outcomes {
			o := Outcomes{Requests: rapid.IntRange(0, 3).Draw(t, "n")}
			o.Failed, o.Timed = rapid.IntRange(0, o.Requests).Draw(t, "failed"), rapid.IntRange(0, o.Requests).Draw(t, "timed")
			for above := o.Timed; len(o.Slower) < 3 && above > 0; {
				above = rapid.IntRange(0, above).Draw(t, "slower")
				if above > 0 {
					o.Slower = append(o.Slower, above)
				}
			}
			return o
		}
		n := Intake{Width: 1, Memory: 9}
		s := Schedule{Orders: []Order{{At: 0, Share: 0.1}}}
		for i := range 30 {
			for side := range 2 {
				n.Report(Side(side), i, counts(), rapid.Bool().Draw(t, "final"))
			}
			n.Take(nil, s)
		}
		text, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		var back Intake
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(n, back) {
			t.Fatalf("got %+v after JSON, want %+v: %s", back, n, text)
		}
	})
	for _, text := range []string{`{}`, `[[1],[],[]]`, `[["a",1],[],[]]`} {
		var s Stretch
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s was read as %+v", text, s)
		}
	}
}

func TestAnOrderThatWasNotSeenToBeFollowedLeavesTheOneBeforePossible(t *testing.T) {
	s := Schedule{Settle: 2}
	s.Delay(0) // nothing was asked for yet
	s.Ask(10, 0.95)
	s.Ask(20, 0.1)
	for at := 21.0; at <= 30; at++ {
		s.Delay(at)
	}
	for _, c := range []struct{ from, to, low, high float64 }{
		{19, 20, 0.95, 0.95}, {25, 26, 0.1, 0.95}, {31, 32, 0.1, 0.95}, {32, 33, 0.1, 0.1},
	} {
		if low, high := s.Range(c.from, c.to); low != c.low || high != c.high {
			t.Errorf("[%v, %v): %v to %v, want %v to %v", c.from, c.to, low, high, c.low, c.high)
		}
	}
	s.Forget(31)
	if len(s.Orders) != 2 {
		t.Errorf("forgot an order that may have been in force: %+v", s.Orders)
	}
	if s.Forget(40); len(s.Orders) != 1 || s.Last() != 0.1 {
		t.Errorf("remembers %+v, want the last order", s.Orders)
	}
}

func TestWhatIsLostMayHaveBeenAtAnyShare(t *testing.T) {
	s := Schedule{Settle: 2}
	s.Ask(0, 0.1)
	s.Ask(30, 0.2)
	s.Lose(20, 50)
	s.Ask(50, 0.2)
	for _, tt := range []struct{ from, low, high float64 }{{10, 0.1, 0.1}, {21, 0.1, 1}, {40, 0.1, 1}, {51, 0.1, 1}, {52, 0.2, 0.2}} {
		if low, high := s.Range(tt.from, tt.from+1); low != tt.low || high != tt.high {
			t.Errorf("at %v: %v to %v, want %v to %v", tt.from, low, high, tt.low, tt.high)
		}
	}
}
