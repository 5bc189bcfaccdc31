package evidence

import "math"

// A Suspicion notices quickly that the new version's failures, or slow requests,
// become more frequent than history says. It is a Shiryaev–Roberts statistic: it
// grows from one moment on wherever that moment lies. It does not look at the old
// version and so is as loud in a shared incident; it must never condemn.
type Suspicion struct {
	// Ratios are how many times more frequent than Reference, each above 1.
	Ratios []float64 `json:"ratios"`
	// Reference is the probability in (0, 1) that is normal.
	Reference float64 `json:"reference"`
	// Statistics has one number for each ratio.
	Statistics []float64 `json:"statistics"`
}

// What a suspicion starts from, and what it gains each second.
const (
	suspicionStart     = 0.5
	suspicionPerSecond = 0.5 / 720
)

// Loud is the value of a suspicion from which on it is time to look harder.
const Loud = 20

// SuspectFailures watches failures, given those of the old version's history: the
// reference is a fifth above its rate, and never 0.
func SuspectFailures(history Outcomes) Suspicion {
	return newSuspicion(1.2*float64(history.Failed+1)/float64(history.Requests+1), 1.6, 3, 10, 50)
}

// SuspectSlow watches requests slower than a threshold that a share, in (0, 1), of
// the old version's are slower than. A third more is taken as normal.
func SuspectSlow(share float64) Suspicion { return newSuspicion(1.3*share, 1.5, 2, 4) }

func newSuspicion(reference float64, ratios ...float64) Suspicion {
	s := Suspicion{Ratios: ratios, Reference: min(reference, 0.99), Statistics: make([]float64, len(ratios))}
	s.Reset(s.Reference)
	return s
}

// Add takes in n requests of the new version in some seconds, bad of them bad.
func (s *Suspicion) Add(seconds float64, n, bad int) {
	for i, ratio := range s.Ratios {
		s.Statistics[i] += suspicionPerSecond * seconds
		if n == 0 {
			continue
		}
		log := -float64(n) * s.Reference * (ratio - 1)
		if bad > 0 {
			log += float64(bad) * math.Log(ratio)
		}
		s.Statistics[i] = min(s.Statistics[i]*math.Exp(log), ceiling)
	}
}

// Value is the mean of the statistics.
func (s Suspicion) Value() float64 {
	sum := 0.0
	for _, r := range s.Statistics {
		sum += r
	}
	return sum / float64(len(s.Statistics))
}

// Loud tells whether it is time to shrink and look harder.
func (s Suspicion) Loud() bool { return s.Value() >= Loud }

// Reset begins anew with another reference, in (0, 1).
func (s *Suspicion) Reset(reference float64) {
	s.Reference = min(max(reference, 1e-9), 0.99)
	for i := range s.Statistics {
		s.Statistics[i] = suspicionStart
	}
}
