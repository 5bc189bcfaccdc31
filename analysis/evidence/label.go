package evidence

import (
	"fmt"
	"math"
)

// Tolerance is how much worse the new version may be: its rate of failures may be
// up to Ratio times the old version's, plus Excess.
type Tolerance struct {
	Ratio  float64 `json:"ratio"`  // 1 or above
	Excess float64 `json:"excess"` // in [0, 1)
}

// A Bet says that the new version fails Ratio times as often as is tolerated.
type Bet struct {
	Ratio float64 `json:"ratio"` // above 1
	Prior float64 `json:"prior"` // the share of the stake, above 0; all of them sum to 1
}

// A Label tests whether the new version fails more often than is tolerated. What
// is tested is one bit of each failed request: which version served it.
//
// For a block with a share w of the traffic, x failures of the new version in n
// requests, y failures of the old version, a tolerance (r₀, ε) and a bet r it
// multiplies by
//
//	exp(x·ln r − (x+y)·ln D − ε·n·(r/D − 1)),  D = 1 + w′(r−1),  w′ = r₀w/(r₀w + 1−w)
//
// whose expectation is at most 1 whenever the new version's rate is at most r₀
// times the old version's plus ε in every instant, for any course of the old
// version's rate. Without a tolerance it is the conditional test of Lindon and
// Malek against a point alternative. Requests multiply, so a block of any length
// needs only its sums. Where the share was not constant, w is the largest one.
type Label struct {
	Tolerance Tolerance `json:"tolerance"`
	Bets      []Bet     `json:"bets"`
	Onset     Onset     `json:"onset"`
	// Reference is the rate of failures at which the bets have their ratios, in
	// [0, 1]. Where both versions fail more often than that, a bet is on as
	// many additional failures, which is a lower ratio: a fault that makes one
	// of twenty requests fail, where one of a thousand does, means fifty times
	// as many, but in an incident that hits one of five it means a quarter
	// more, and a bet on fifty would be lost within seconds. How often they
	// fail is taken from earlier blocks and from how many failures this one
	// has, whose ever they are. 0 leaves the ratios as they are.
	Reference float64 `json:"reference,omitempty"`
	// Dispersion is how many failures come of one cause, 1 or above: what a
	// block says about failures counts only as its Dispersion-th root. See
	// [Dispersion].
	Dispersion float64 `json:"dispersion"`
}

// Possible returns those of the bets that can come true when the old version fails
// with a probability of reference, in (0, 1], at least one of them, with their
// priors in proportion: no version fails more often than always. It is a matter of
// power alone; a reference that is wrong costs some of it.
func Possible(bets []Bet, reference float64) []Bet {
	var some []Bet
	sum := 0.0
	for i, b := range bets {
		if i == 0 || b.Ratio*reference <= 2 {
			some = append(some, b)
			sum += b.Prior
		}
	}
	for i := range some {
		some[i].Prior /= sum
	}
	return some
}

// DefaultBets spread the stake over effects from a fifth more failures to
// failures where there were none.
func DefaultBets() []Bet {
	return []Bet{
		{1.2, .06}, {1.5, .06}, {2, .12}, {3, .12}, {5, .12}, {10, .13}, {30, .13}, {100, .13}, {1000, .13},
	}
}

// NewLabel returns a test with default bets and onset.
func NewLabel(t Tolerance) Label {
	return Label{Tolerance: t, Bets: DefaultBets(), Onset: DefaultOnset, Dispersion: 1}
}

// Check says what is wrong with the rule, if anything.
func (l Label) Check() error {
	switch {
	case !(l.Tolerance.Ratio >= 1) || math.IsInf(l.Tolerance.Ratio, 0):
		return fmt.Errorf("tolerated ratio %v is not 1 or above", l.Tolerance.Ratio)
	case !(l.Tolerance.Excess >= 0 && l.Tolerance.Excess < 1):
		return fmt.Errorf("tolerated excess %v is not in [0, 1)", l.Tolerance.Excess)
	case !(l.Reference >= 0 && l.Reference <= 1):
		return fmt.Errorf("reference %v is not in [0, 1]", l.Reference)
	case !(l.Dispersion >= 1) || math.IsInf(l.Dispersion, 0):
		return fmt.Errorf("dispersion %v is not 1 or above", l.Dispersion)
	}
	priors := make([]float64, len(l.Bets))
	for i, b := range l.Bets {
		if !(b.Ratio > 1) || math.IsInf(b.Ratio, 0) {
			return fmt.Errorf("bet on %v times as many failures is not above 1", b.Ratio)
		}
		priors[i] = b.Prior
	}
	return checkStakes(priors, l.Onset)
}

// checkStakes says whether nothing is bet that is not there.
func checkStakes(priors []float64, o Onset) error {
	sum := 0.0
	for _, p := range priors {
		if !(p > 0) {
			return fmt.Errorf("a prior of %v is not above 0", p)
		}
		sum += p
	}
	switch {
	case math.Abs(sum-1) > 1e-9:
		return fmt.Errorf("the priors sum to %v, want 1", sum)
	case !(o.AtStart >= 0 && o.AtStart <= 1):
		return fmt.Errorf("the share placed at the start, %v, is not in [0, 1]", o.AtStart)
	case !(o.PerSecond >= 0):
		return fmt.Errorf("the share placed each second, %v, is negative", o.PerSecond)
	}
	return nil
}

// Begin returns the wealth before anything is known; its value is 1.
func (l Label) Begin() Wealth { return l.Onset.begin(len(l.Bets)) }

// Add lets the wealth bet on a block. A block in which one of the versions had
// all of the traffic is neutral.
func (l Label) Add(w *Wealth, b Block) { l.AddUpTo(w, b, math.Inf(1)) }

// AddUpTo is Add where a value of enough decides, so that nothing is gained by more
// than that: a bet that would win more is placed lower, and pays for itself when it
// loses. Until the value is enough it is never more than that.
//
// How many of the m failures of a block are the new version's is, as long as it is
// no worse, at most binomial with m and w′, whatever m is. If W(x) is what the bets
// make of x of them, then min(enough, κ·W(x)) has the same expectation with a
// certain κ ≥ 1: that of all bets bounded so, it is the one that grows fastest under
// what the bets expect. The excess over 1/α at the end of most proofs is what keeps
// the chance of a false one below α; it is spent here.
func (l Label) AddUpTo(w *Wealth, b Block, enough float64) {
	l.Onset.place(w, b.Seconds)
	if !b.compared() {
		return
	}
	level := l.level(w, b)
	w.Level.add(b)
	failed := b.Canary.Failed + b.Stable.Failed
	if failed == 0 && l.Tolerance.Excess == 0 {
		return
	}
	bounded := !math.IsInf(enough, 1) && failed <= mostFailures && l.Tolerance.Excess == 0 && l.Dispersion == 1 && l.Value(*w) < enough
	factor := 1.0
	if bounded {
		factor = l.factor(*w, b, level, enough)
	}
	for i, bet := range l.Bets {
		w.multiply(i, l.log(l.ratio(bet, level), b)/l.Dispersion)
	}
	if bounded {
		// The tail is no bet on this block; the placed ones make up for it.
		if placed := l.Value(*w) - w.Tail; placed > 0 {
			w.scale((min(factor*(placed+w.Tail), enough) - w.Tail) / placed)
		}
	}
}

// log is the logarithm of what a block multiplies a bet by, without dispersion.
func (l Label) log(ratio float64, b Block) float64 {
	share := l.share(b)
	logD := math.Log1p(share * (ratio - 1))
	log := float64(b.Canary.Failed)*math.Log(ratio) - float64(b.Canary.Failed+b.Stable.Failed)*logD
	if l.Tolerance.Excess > 0 {
		log -= l.Tolerance.Excess * float64(b.Canary.Requests) * (ratio*math.Exp(-logD) - 1)
	}
	return log
}

// share is the largest chance w′ that a failure of a block is the new version's.
func (l Label) share(b Block) float64 {
	return l.Tolerance.Ratio * b.High / (l.Tolerance.Ratio*b.High + 1 - b.High)
}

// ratio is a bet's ratio where failures are as frequent as level.
func (l Label) ratio(bet Bet, level float64) float64 {
	if l.Reference == 0 || level <= l.Reference {
		return bet.Ratio
	}
	return 1 + (bet.Ratio-1)*l.Reference/level
}

// Value is how many times its stake the wealth is worth, 0 or above.
func (l Label) Value(w Wealth) float64 {
	value := w.Tail
	for i, bet := range l.Bets {
		value += bet.Prior * w.Placed[i]
	}
	return min(value, ceiling)
}
