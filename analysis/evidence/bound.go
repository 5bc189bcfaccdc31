package evidence

import "math"

// A Level knows how often the old version has failed lately: sums that forget
// within some seconds. Its zero value is the beginning.
type Level struct {
	Requests float64 `json:"requests"`
	Failed   float64 `json:"failed"`
}

// levelMemory is after how many seconds a level has forgotten all but a third.
const levelMemory = 10

// add takes in a block.
func (v *Level) add(b Block) {
	keep := math.Exp(-b.Seconds / levelMemory)
	v.Requests = keep*v.Requests + float64(b.Stable.Requests)
	v.Failed = keep*v.Failed + float64(b.Stable.Failed)
}

// surely is a rate that failures of requests are not much rarer than.
func surely(failed, requests float64) float64 {
	if failed <= 0 || requests <= 0 {
		return 0
	}
	return (failed - 2*math.Sqrt(failed)) / requests
}

// level is how often requests fail by now at least, as a bet may know: by earlier
// blocks, and by this one's number of failures without those that the new version
// could have made.
func (l Label) level(w *Wealth, b Block) float64 {
	if l.Reference == 0 {
		return 0
	}
	all := float64(b.Canary.Requests + b.Stable.Requests)
	failed := float64(b.Canary.Failed+b.Stable.Failed) - b.High*all
	return min(1, max(surely(w.Level.Failed, w.Level.Requests), surely(failed, (1-b.High)*all)))
}

// mostFailures is how many failures a block may have for its bets to be bounded: of
// more than that the last one decides too rarely to be worth the time.
const mostFailures = 64

// factor returns the κ of [Label.AddUpTo] for wealth, below enough, that is about
// to bet on a block with failures.
func (l Label) factor(w Wealth, b Block, level, enough float64) float64 {
	m := b.Canary.Failed + b.Stable.Failed
	share := l.share(b)
	// For x failures of the new version, from none on: what the bets make of
	// it, and the chance of it when the new version is no worse.
	var values, chances [mostFailures + 1]float64
	var room [2][16]float64 // for as many bets as there usually are at most
	parts, ratios := room[0][:0], room[1][:0]
	for i, bet := range l.Bets {
		ratio := l.ratio(bet, level)
		ratios = append(ratios, ratio)
		parts = append(parts, bet.Prior*w.Placed[i]*math.Exp(-float64(m)*math.Log1p(share*(ratio-1))))
	}
	chance := math.Exp(float64(m) * math.Log1p(-share))
	x, below, expected := 0, 0.0, 0.0
	for ; x <= m; x++ {
		value := w.Tail
		for i := range parts {
			value += parts[i]
			parts[i] *= ratios[i]
		}
		if value >= enough {
			break
		}
		values[x], chances[x] = value, chance
		below += chance
		expected += chance * value
		chance *= float64(m-x) / float64(x+1) * share / (1 - share)
	}
	if x > m {
		return 1 // not even all of them would be enough
	}
	before := l.Value(w)
	for ; x > 0; x-- {
		factor := (before - enough*(1-below)) / expected
		if factor*values[x-1] <= enough {
			return max(1, factor*(1-1e-11)) // what rounding may have added
		}
		below -= chances[x-1]
		expected -= chances[x-1] * values[x-1]
	}
	return 1
}
