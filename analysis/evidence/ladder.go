package evidence

import (
	"fmt"
	"math"
)

// A Ladder tests whether the new version is slower than the old one. Thresholds
// divide durations into classes, from the fastest to the slowest; what is tested
// is which version served a request of each class.
//
// For a share w of the traffic, a bet that the new version has rₖ times as many
// requests in class k (rising with k) multiplies by
//
//	∏ (rₖ if the new version served it, else 1) / Dₖ,  Dₖ = 1 + w(rₖ−1)
//
// over all requests. If the new version's durations are stochastically no longer
// than the old version's in every instant its expectation is at most 1, for any
// course of those: rₖ/Dₖ rises with k. With an excess of up to εⱼ tolerated
// beyond threshold j the expectation of one request is at most
//
//	1 + Σ εⱼ·(f(rⱼ) − f(rⱼ₋₁)),  f(r) = w·r/Dᵣ
//
// by which each request is divided. For one threshold and no tolerance this is
// the growth-optimal test of two Bernoulli streams (Turner, Ly and Grünwald); it
// uses what fast requests say, which a count of slow ones alone does not.
//
// Where the share was not constant each Dₖ is taken at the end of the range where
// it is larger, so no request counts for more than it should. That is dear, as every
// request pays for it. A block of two seconds at most is therefore compared given
// how many requests each version had: with their observed share in place of w the
// expectation given those numbers is at most 1, too, if durations do not change
// within the block (by the inequality of the means). A longer block in which the
// share changed is neutral.
type Ladder struct {
	// Tolerated are the excesses εⱼ in [0, 1), one for each threshold.
	Tolerated []float64 `json:"tolerated"`
	Bets      []Shape   `json:"bets"`
	Onset     Onset     `json:"onset"`
}

// A Shape is a bet on how the new version's durations are distributed.
type Shape struct {
	// Ratios are, for each class from the fastest on, how many times as many
	// requests of the new version are in it; above 0, and never falling.
	Ratios []float64 `json:"ratios"`
	Prior  float64   `json:"prior"` // the share of the stake; all of them sum to 1
}

// Quantiles are the shares of the old version's requests that were faster than
// the thresholds of [DefaultLadder]: the median, and what nine of ten, and 99 of
// a hundred, stay below.
var Quantiles = [3]float64{0.5, 0.9, 0.99}

// DefaultLadder returns a test with thresholds at [Quantiles] of the old version's
// history. It tolerates that 3, 2 and 1 of a hundred requests more than before
// are slower than the three: the first requests of a new version often are, as
// its processes start. The bets are on durations that are longer by a factor, in
// units of the spread of their logarithm, and on requests that hang.
// Its bets are those of every other one; they are not to be written to.
func DefaultLadder() Ladder { return defaultLadder }

var defaultLadder = NewLadder(DefaultSlowTolerance)

// DefaultSlowTolerance is how large a share of requests, more than before, may be
// slower than what nine of ten of the old version's stay below.
const DefaultSlowTolerance = 0.02

// NewLadder returns the default test with another tolerance, in [0, 0.5), at the
// second threshold; half as much more is tolerated at the first, and half of it at
// the third.
func NewLadder(tolerance float64) Ladder {
	tolerated := []float64{1.5 * tolerance, tolerance, 0.5 * tolerance}
	l := Ladder{Tolerated: tolerated, Onset: DefaultOnset}
	for _, s := range []struct{ shift, prior float64 }{{0.4, 0.2}, {0.8, 0.3}, {1.4, 0.2}, {2.5, 0.1}} {
		l.Bets = append(l.Bets, shape(s.prior, tolerated, func(j int) float64 {
			return upper(math.Sqrt2*math.Erfinv(2*Quantiles[j]-1) - s.shift)
		}))
	}
	for _, s := range []struct{ hanging, prior float64 }{{0.1, 0.1}, {0.5, 0.1}} {
		l.Bets = append(l.Bets, shape(s.prior, tolerated, func(j int) float64 {
			return 1 - Quantiles[j]*(1-s.hanging)
		}))
	}
	return l
}

// upper is the chance that a standard normal variable exceeds z.
func upper(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// shape makes a bet of the shares slower than each threshold, against the worst
// distribution that is tolerated.
func shape(prior float64, tolerated []float64, slower func(threshold int) float64) Shape {
	s := Shape{Prior: prior, Ratios: make([]float64, len(tolerated)+1)}
	above, aboveTolerated, floor := 1.0, 1.0, 0.0
	for k := range s.Ratios {
		next, nextTolerated := 0.0, 0.0
		if k < len(tolerated) {
			next, nextTolerated = slower(k), 1-Quantiles[k]+tolerated[k]
		}
		floor = max(floor, (above-next)/(aboveTolerated-nextTolerated))
		s.Ratios[k] = floor
		above, aboveTolerated = next, nextTolerated
	}
	return s
}

// Check says what is wrong with the rule, if anything.
func (l Ladder) Check() error {
	for _, e := range l.Tolerated {
		if !(e >= 0 && e < 1) {
			return fmt.Errorf("tolerated excess %v is not in [0, 1)", e)
		}
	}
	priors := make([]float64, len(l.Bets))
	for i, b := range l.Bets {
		priors[i] = b.Prior
		if len(b.Ratios) != len(l.Tolerated)+1 {
			return fmt.Errorf("a bet on %d classes, but %d thresholds make %d", len(b.Ratios), len(l.Tolerated), len(l.Tolerated)+1)
		}
		for k, r := range b.Ratios {
			if !(r > 0) || math.IsInf(r, 0) || k > 0 && r < b.Ratios[k-1] {
				return fmt.Errorf("the ratios %v are not above 0 and rising", b.Ratios)
			}
		}
	}
	return checkStakes(priors, l.Onset)
}

// Begin returns the wealth before anything is known; its value is 1.
func (l Ladder) Begin() Wealth { return l.Onset.begin(len(l.Bets)) }

// A change of the share within a block by less than steady is taken as a range,
// and one within a block of brief seconds at most by the observed share.
const (
	steady = 0.005
	brief  = 2
)

// Add lets the wealth bet on a block. A block in which one of the versions had
// all of the traffic is neutral.
func (l Ladder) Add(w *Wealth, b Block) {
	l.Onset.place(w, b.Seconds)
	n := b.Canary.Timed + b.Stable.Timed
	if n == 0 || b.High == 0 || b.Low == 1 {
		return
	}
	if b.High == 1 || b.High-b.Low > min(steady, b.High/10) {
		if b.Seconds > brief {
			return
		}
		b.Low = float64(b.Canary.Timed) / float64(n)
		b.High = b.Low
	}
	if !w.odds.of(l, b.Low, b.High) {
		w.odds = l.odds(b.Low, b.High)
	}
	var room [2][8]int // for as many classes as there usually are at most
	canary := b.Canary.classes(room[0][:0], len(l.Tolerated)+1)
	stable := b.Stable.classes(room[1][:0], len(l.Tolerated)+1)
	for i := range l.Bets {
		w.multiply(i, w.odds.bets[i].log(canary, stable, n))
	}
}

// odds are what requests multiply the bets by where the share is between low and
// high. The share mostly stays for many blocks, and so do they.
type odds struct {
	rule      []Shape
	low, high float64
	bets      []classOdds
}

// classOdds are those of one bet, as logarithms: rₖ and Dₖ by class, and what each
// request is divided by because of what is tolerated.
type classOdds struct {
	canary, all []float64
	tolerated   float64
}

// of tells whether these are the odds of a rule for shares.
func (o *odds) of(l Ladder, low, high float64) bool {
	return o != nil && o.low == low && o.high == high && len(l.Bets) > 0 && len(o.rule) > 0 && &l.Bets[0] == &o.rule[0]
}

// odds returns those for shares.
func (l Ladder) odds(low, high float64) *odds {
	o := &odds{rule: l.Bets, low: low, high: high, bets: make([]classOdds, len(l.Bets))}
	classes := len(l.Tolerated) + 1
	logs := make([]float64, 2*classes*len(l.Bets))
	for i, bet := range l.Bets {
		c := classOdds{canary: logs[:classes], all: logs[classes : 2*classes]}
		logs = logs[2*classes:]
		tolerated, before := 0.0, 0.0
		for k, r := range bet.Ratios {
			share := high
			if r < 1 {
				share = low
			}
			c.canary[k], c.all[k] = math.Log(r), math.Log1p(share*(r-1))
			if k > 0 {
				tolerated += l.Tolerated[k-1] * max(0, high*r/(1+high*(r-1))-before)
			}
			before = low * r / (1 + low*(r-1))
		}
		c.tolerated = math.Log1p(tolerated)
		o.bets[i] = c
	}
	return o
}

// log is the logarithm of what n requests, by class, multiply the bet by.
func (c *classOdds) log(canary, stable []int, n int) float64 {
	log := 0.0
	for k := range c.all {
		log += float64(canary[k]) * c.canary[k]
		log -= float64(canary[k]+stable[k]) * c.all[k]
	}
	return log - float64(n)*c.tolerated
}

// classes appends how many requests are in each of some classes: slower than the
// threshold before it, but not than its own.
func (o Outcomes) classes(list []int, classes int) []int {
	above := o.Timed
	for k := range classes {
		next := 0
		if k < classes-1 {
			next = o.slower(k)
		}
		list = append(list, above-next)
		above = next
	}
	return list
}

// slower is how many were slower than threshold j.
func (o Outcomes) slower(j int) int {
	if j < len(o.Slower) {
		return o.Slower[j]
	}
	return 0
}

// Value is how many times its stake the wealth is worth, 0 or above.
func (l Ladder) Value(w Wealth) float64 {
	value := w.Tail
	for i, bet := range l.Bets {
		value += bet.Prior * w.Placed[i]
	}
	return min(value, ceiling)
}
