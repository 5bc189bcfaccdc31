package evidence

import (
	"fmt"
	"math"
)

// A Part is one metric's evidence and its weight in the whole.
type Part struct {
	Value  float64 // 0 or above
	Weight float64 // above 0
}

// Average joins the evidence of several metrics into one value with the same
// guarantee, however they depend on each other. Weights are fixed before the
// start; they need not sum to 1. Without parts there is no evidence: 1.
//
// Reaching 1/α with the average is never later than reaching 1/(α·weight) with
// the metric alone, which is what correcting by Bonferroni would ask for.
func Average(parts ...Part) float64 {
	sum, weights := 0.0, 0.0
	for _, p := range parts {
		sum += p.Weight * min(p.Value, ceiling)
		weights += p.Weight
	}
	if weights == 0 {
		return 1
	}
	return sum / weights
}

// divergence is that of Kullback and Leibler between two coins, in nats.
func divergence(p, q float64) float64 {
	term := func(p, q float64) float64 {
		if p == 0 {
			return 0
		}
		return p * math.Log(p/q)
	}
	return term(p, q) + term(1-p, 1-q)
}

// Limit is the least number of requests of the new version, in expectation, after
// which any test can tell a version that fails with probability canary from one
// that fails with stable, with at most alpha false rollbacks and miss missed ones,
// even if it knew both rates (Wald 1945). It is infinite when they are equal.
func Limit(canary, stable, alpha, miss float64) (float64, error) {
	for _, p := range []float64{canary, stable} {
		if !(p >= 0 && p <= 1) {
			return 0, fmt.Errorf("probability %v is not in [0, 1]", p)
		}
	}
	d := divergence(canary, stable)
	if math.IsInf(d, 1) {
		return (1 - miss) / canary, nil
	}
	return divergence(1-miss, alpha) / d, nil
}
