package analysis

import (
	"time"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
)

// A Source says how what versions did becomes known. Time is divided into stretches
// of Width; requests are counted in the stretch in which they began.
type Source struct {
	Width time.Duration `json:"width"`
	// Delay is how long after the end of a stretch it takes at most until its
	// counts are final.
	Delay time.Duration `json:"delay"`
	// Horizon is after how long a request that still runs is not waited for: it
	// counts as slow, and not as one that ended badly. 0 where that is not known.
	Horizon time.Duration `json:"horizon,omitempty"`
	// Name says for people what is read: "the list of executions".
	Name string `json:"name"`
}

// A Feed is what both versions of an alias did in stretches of time, one after the
// other, each final: no request of it can still change a count.
type Feed struct {
	// From is the number of the first stretch of both, counted from 0 at the
	// comparison's Epoch.
	From   int                 `json:"from"`
	Canary []evidence.Outcomes `json:"canary"`
	Stable []evidence.Outcomes `json:"stable"`
	// Problem says why they could not be read; empty when they could.
	Problem string `json:"problem,omitempty"`
}

// A History is what the old version did before the comparison began.
type History struct {
	Source Source `json:"source"`
	// Seconds is how long it is, Outcomes what happened in it, and Failures how
	// many ended badly in equal parts of it, in order.
	Seconds  float64           `json:"seconds"`
	Outcomes evidence.Outcomes `json:"outcomes"`
	Failures []int             `json:"failures,omitempty"`
	// Thresholds are the durations, in seconds, that [evidence.Quantiles] of
	// the requests stayed below. There are none where Timed requests are too
	// few to tell.
	Thresholds []float64 `json:"thresholds,omitempty"`
	Timed      int       `json:"timed"`
	// Problem says why it could not be read; empty when it could.
	Problem string `json:"problem,omitempty"`
}

// LeastTimed is how many requests of the old version it takes to know what is slow.
const LeastTimed = 100
