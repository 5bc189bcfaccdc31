package clock

import (
	"math"
	"time"
)

// Scaled is a clock whose time passes faster than that of another one.
type Scaled struct {
	base  Clock
	since time.Time // of base
	shown time.Time // at since
	speed float64
}

// NewScaled returns a clock that shows now at this moment and passes speed times
// as fast as base, where 1 is just as fast.
func NewScaled(base Clock, now time.Time, speed float64) *Scaled {
	// Without the monotonic reading, which means nothing in another time.
	return &Scaled{base: base, since: base.Now(), shown: now.Round(0), speed: speed}
}

// Now returns the scaled time.
func (s *Scaled) Now() time.Time { return s.At(s.base.Now()) }

// At returns what the clock shows when the one that it is made from shows t.
func (s *Scaled) At(t time.Time) time.Time {
	return s.shown.Add(time.Duration(float64(t.Sub(s.since)) * s.speed))
}

// Speed is how many times as fast the clock passes.
func (s *Scaled) Speed() float64 { return s.speed }

// After fires once d of the scaled time has passed, and not before.
func (s *Scaled) After(d time.Duration) <-chan time.Time {
	if d > 0 {
		d = time.Duration(math.Ceil(float64(d) / s.speed))
	}
	return s.base.After(d)
}
