package evidence

import (
	"math"
	"slices"
)

// Bounds of what [Dispersion] returns and needs.
const (
	dispersionCap    = 10
	dispersionEvents = 30
)

// Dispersion estimates from the old version's failures in equal stretches of time,
// in order, how many failures come of one cause: retries, poisoned batches. It
// compares neighbouring stretches, so that a slow drift of the rate does not count.
// It is 1, for independent failures, unless there are 30 failures at least and
// the estimate is above 1 by three standard errors; it is 10 at most.
func Dispersion(failures []int) float64 {
	n := len(failures) - 1
	if n < 2 {
		return 1
	}
	events, squares, sums := failures[0], 0.0, 0.0
	for i, x := range failures[1:] {
		d := float64(x - failures[i])
		squares += d * d
		sums += float64(x + failures[i])
		events += x
	}
	if events < dispersionEvents {
		return 1
	}
	estimate := squares / sums
	mean := float64(events) / float64(n+1)
	if estimate <= 1+3*math.Sqrt((2+1/mean)/float64(n)) {
		return 1
	}
	return min(estimate, dispersionCap)
}

// Thresholds returns the durations, in the unit of the samples, that shares of
// the old version's requests stayed below: for each of the quantiles in (0, 1) the
// smallest sample with at least that share at or below it. They are frozen when a
// rollout starts. Fewer than 100 samples cannot tell the slowest of a hundred: then
// ok is false.
func Thresholds(durations []float64, quantiles ...float64) (thresholds []float64, ok bool) {
	if len(durations) < 100 {
		return nil, false
	}
	sorted := slices.Clone(durations)
	slices.Sort(sorted)
	for _, q := range quantiles {
		rank := int(math.Ceil(q * float64(len(sorted))))
		thresholds = append(thresholds, sorted[min(max(rank, 1), len(sorted))-1])
	}
	return thresholds, true
}

// Time counts requests by thresholds, which rise. Durations are of requests that
// ended, ages of those that still run, all in one unit. A request that still runs
// is slower than every threshold that it has outlived; which class it will be in
// is known once it has outlived the highest. The counts are final when none is
// left of which it is not: until then it is in none of them.
func Time(thresholds, durations, ages []float64) (o Outcomes, final bool) {
	o.Slower = make([]int, len(thresholds))
	count := func(d float64) {
		o.Timed++
		for j, t := range thresholds {
			if d > t {
				o.Slower[j]++
			}
		}
	}
	for _, d := range durations {
		count(d)
	}
	final = true
	for _, age := range ages {
		if n := len(thresholds); n == 0 || age > thresholds[n-1] {
			count(age)
		} else {
			final = false
		}
	}
	return o, final
}
