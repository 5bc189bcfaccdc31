package sfnmonitor

import (
	"math"
	"slices"
	"testing"
)

func TestExecutionsOfNoTimeAreNotSlowAfterAMillisecond(t *testing.T) {
	for _, c := range []struct{ of, want []float64 }{
		{[]float64{0, 0, 0.001}, []float64{0.01, 0.011, 0.012}},
		{[]float64{0.002, 0.05, 0.3}, []float64{0.01, 0.05, 0.3}},
		{[]float64{0.05, 0.05, 0.05}, []float64{0.05, 0.051, 0.052}},
		{nil, nil},
	} {
		got := slices.Clone(c.of)
		raise(got)
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 1e-9 {
				t.Errorf("thresholds %v are raised to %v, want %v", c.of, got, c.want)
				break
			}
		}
	}
}
