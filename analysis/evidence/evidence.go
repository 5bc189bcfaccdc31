// Package evidence weighs what the new version did against what the old one did in
// the same minutes, with numbers that may be looked at as often as one likes.
//
// An alias routes each request to one of two versions by a known chance. If the
// new version is no worse, then which of the two served a request that failed is
// a coin with a known bias, whatever the rate of failures does over time. A
// [Label] bets against that coin, a [Ladder] does the same with how long requests
// took. What a bet has made of its stake of one is an e-process: as long as the
// new version is no worse its expected value stays at most one, so the chance
// that it ever reaches 1/α is at most α, however often and however long one
// looks (Ville 1939). [Average] joins several of them.
//
// [Health] answers the opposite question: which excess of failures is ruled out
// by now. [Suspicion] compares the new version with history. It is fast, and it
// may be wrong in a shared incident, so it may make a rollout smaller and look
// harder but never condemn.
//
// Rules are values without state; what they learned is in small states of plain
// numbers that are saved as JSON with a rollout. A block of counts enters once,
// when it is final for both versions: [Intake] sees to that. Nothing here reads a
// clock; times are in seconds since the rollout started.
//
// Literature: Wald, Sequential Analysis (1947); Lindon and Malek, Anytime-Valid
// Inference for Multinomial Count Data (2022); Turner, Ly and Grünwald, Generic
// E-Variables for Exact Sequential k-Sample Tests (2024); Howard, Ramdas,
// McAuliffe and Sekhon, Time-Uniform Chernoff Bounds via Nonnegative
// Supermartingales (2020); Ramdas, Grünwald, Vovk and Shafer, Game-Theoretic
// Statistics and Safe Anytime-Valid Inference (2023).
package evidence

import (
	"math"
	"slices"
)

// A Block is what both versions did during one stretch of time, final for both.
type Block struct {
	// At is when the stretch began and Seconds how long it was; both in
	// seconds, At since the rollout started.
	At      float64 `json:"at"`
	Seconds float64 `json:"seconds"`
	// Low and High are the smallest and the largest share of the traffic, in
	// [0, 1], that was configured for the new version at any time of the
	// stretch. It is the share that was asked for, not the one that was
	// observed: with little traffic the observed one is 0 or 1 and says
	// nothing. An average would be wrong, too: where the share and the rate of
	// failures move together within the stretch, the average blames the new
	// version for both.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Canary and Stable are the outcomes of the new and the old version.
	Canary Outcomes `json:"canary"`
	Stable Outcomes `json:"stable"`
}

// Outcomes are counts of requests of one version. All are 0 or above.
type Outcomes struct {
	// Requests have an outcome; Failed of them ended badly.
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	// Timed is how many requests are known to be faster or slower than every
	// threshold of the durations, and Slower how many were slower than each,
	// from the lowest threshold to the highest, so it never increases.
	Timed  int   `json:"timed,omitempty"`
	Slower []int `json:"slower,omitempty"`
}

// Add counts other outcomes, with the same thresholds, as well.
func (o *Outcomes) Add(p Outcomes) {
	o.Requests += p.Requests
	o.Failed += p.Failed
	o.Timed += p.Timed
	for len(o.Slower) < len(p.Slower) {
		o.Slower = append(o.Slower, 0)
	}
	for i, s := range p.Slower {
		o.Slower[i] += s
	}
}

// compared tells whether both versions had a share of the traffic throughout, so
// that the label of a request says something.
func (b Block) compared() bool { return b.High > 0 && b.Low < 1 && b.Low >= 0 && b.High < 1 }

// ceiling keeps values finite; everything near it has been decided long before.
const ceiling = 1e200

// Wealth is what the bets of one test have come to.
type Wealth struct {
	// Placed has for each bet the value of the stakes that have been placed on
	// it, as if all were placed on it alone.
	Placed []float64 `json:"placed"`
	// Tail is the share of the stake in [0, 1] that is not placed yet: it
	// waits for faults that begin later.
	Tail float64 `json:"tail"`
	// Level is how often the old version failed lately, for a [Label] with a
	// Reference.
	Level Level `json:"level,omitzero"`
	// odds are those of a [Ladder]'s last block. They are never written to.
	odds *odds
}

// Onset says how a stake of one is spread over the times at which a fault may
// begin. Any spread is valid; a good one costs little for the faults that happen.
type Onset struct {
	// AtStart is the share in [0, 1] that is placed from the beginning.
	AtStart float64 `json:"atStart"`
	// PerSecond is the share that is placed with each second of a block.
	PerSecond float64 `json:"perSecond"`
}

// DefaultOnset places half of the stake at the start and a quarter evenly over an
// hour; the rest waits for a [Wealth.Release].
var DefaultOnset = Onset{AtStart: 0.5, PerSecond: 0.25 / 3600}

// begin returns the wealth before anything is known.
func (o Onset) begin(bets int) Wealth {
	w := Wealth{Placed: make([]float64, bets), Tail: 1 - o.AtStart}
	for i := range w.Placed {
		w.Placed[i] = o.AtStart
	}
	return w
}

// place moves what a block of some seconds is due from the tail to the bets.
func (o Onset) place(w *Wealth, seconds float64) {
	due := min(w.Tail, o.PerSecond*seconds)
	w.Tail -= due
	for i := range w.Placed {
		w.Placed[i] += due
	}
}

// Clone returns a copy that shares nothing.
func (w Wealth) Clone() Wealth {
	w.Placed = slices.Clone(w.Placed)
	return w
}

// Release places a share in [0, 1] of the tail at once. It makes a fault that
// begins now cheaper to prove. When to do so may depend on everything that was
// seen before, so it leaves the guarantee as it is.
func (w *Wealth) Release(share float64) {
	due := w.Tail * min(max(share, 0), 1)
	w.Tail -= due
	for i := range w.Placed {
		w.Placed[i] += due
	}
}

// multiply lets a bet grow by the exponential of a logarithm.
func (w *Wealth) multiply(bet int, log float64) {
	w.Placed[bet] = min(w.Placed[bet]*math.Exp(log), ceiling)
}

// scale multiplies what is placed by a factor of at least 0.
func (w *Wealth) scale(factor float64) {
	for i := range w.Placed {
		w.Placed[i] = min(w.Placed[i]*factor, ceiling)
	}
}
