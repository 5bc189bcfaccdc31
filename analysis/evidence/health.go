package evidence

import "math"

// The rates at which the health bound bets, and the share of its stake on each.
// Half of it is on versions that do not fail, which most do not; the small rates
// are for services that fail often anyway.
var healthBets = [7]struct{ rate, prior float64 }{{.01, .04}, {.03, .06}, {.1, .1}, {.3, .1}, {1, .1}, {3, .1}, {10, .5}}

// healthGain has 1−e⁻ᵃ for each bet a, healthPrior the logarithm of its prior.
var healthGain, healthPrior = func() (gain, prior [7]float64) {
	for i, bet := range healthBets {
		gain[i], prior[i] = -math.Expm1(-bet.rate), math.Log(bet.prior)
	}
	return gain, prior
}()

// Health knows which excess of failures over the old version is ruled out. It is
// an e-process against "the new version's rate is at least the old version's plus
// d" for every d at once, and needs only sums. Its zero value is the beginning.
//
// For a bet a, n requests and x failures of the new version, y of the old one,
// and ρ = w/(1−w) at the smallest share w in force, it multiplies by
//
//	exp(−a·x + y·ln(1 + ρ(1−e⁻ᵃ)) + d·(1−e⁻ᵃ)·n)
//
// Source: the method of Howard, Ramdas, McAuliffe and Sekhon, for a difference.
type Health struct {
	Requests int `json:"requests"` // of the new version
	Failed   int `json:"failed"`
	// Stable sums, for each bet, what the old version's failures say, in nats.
	Stable [7]float64 `json:"stable"`
}

// Add takes in a block. Blocks in which the old version had no traffic do not
// count: there was nothing to compare with.
func (h *Health) Add(b Block) {
	if b.High >= 1 {
		return
	}
	h.Requests += b.Canary.Requests
	h.Failed += b.Canary.Failed
	if b.Stable.Failed == 0 || b.Low <= 0 {
		return
	}
	odds := b.Low / (1 - b.Low)
	for i := range healthBets {
		h.Stable[i] += float64(b.Stable.Failed) * math.Log1p(odds*healthGain[i])
	}
}

// Excluded returns the smallest excess of the new version's rate of failures over
// the old one's that is ruled out at level beta, in (0, 1): larger ones are, too.
// It is 1 as long as nothing is. The chance that the true excess is ever ruled
// out is at most beta. After n requests without a failure it is about 3.7/n for
// a beta of 0.05.
func (h Health) Excluded(beta float64) float64 {
	want := -math.Log(beta)
	bets := h.lines()
	// Where one bet alone suffices all of them do; the best one is near.
	d := 1.0
	for i := range bets {
		if h.Requests > 0 {
			d = min(d, (want-bets[i].at)/bets[i].slope)
		}
	}
	if d <= 0 {
		return 0
	}
	value, slope := bets.log(d)
	if d == 1 && value < want {
		return 1 // no bet comes to it below an excess of 1
	}
	// The logarithm is convex and rising in the excess, so Newton's steps from
	// the right approach from the right and never jump over.
	for range 60 {
		step := (value - want) / slope
		if next := d - step; next > 0 {
			d = next
		} else {
			return 0
		}
		if step <= 1e-9*d {
			break
		}
		value, slope = bets.log(d)
	}
	return d
}

// lines are what each bet has made of its stake: a logarithm that is a line in the
// excess, from at for none.
type lines [len(healthBets)]struct{ at, slope float64 }

func (h Health) lines() (l lines) {
	for i, bet := range healthBets {
		l[i].at = healthPrior[i] - bet.rate*float64(h.Failed) + h.Stable[i]
		l[i].slope = healthGain[i] * float64(h.Requests)
	}
	return l
}

// log is the logarithm of the e-process against an excess, and its slope.
func (l lines) log(d float64) (value, slope float64) {
	var logs [len(l)]float64
	best := 0
	for i, line := range l {
		logs[i] = line.at + d*line.slope
		if logs[i] > logs[best] {
			best = i
		}
	}
	top, sum := logs[best], 0.0
	for i, log := range logs {
		share := 1.0
		switch {
		case i == best:
		case log < top-40:
			continue // it would not change the sum
		default:
			share = math.Exp(log - top)
		}
		sum += share
		slope += share * l[i].slope
	}
	return top + math.Log(sum), slope / sum
}
