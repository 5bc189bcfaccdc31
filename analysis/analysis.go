// Package analysis turns measurements and a criterion into a verdict: Healthy,
// Unhealthy or Unknown, with the numbers that led to it. It fetches nothing.
package analysis

import "time"

// A Verdict is what measurements say about a version.
type Verdict string

// The verdicts. Unknown is not fine: it never advances a rollout.
const (
	Healthy   Verdict = "Healthy"
	Unhealthy Verdict = "Unhealthy"
	Unknown   Verdict = "Unknown"
)

// A Finding is one check's verdict at one look, with its reason.
type Finding struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	// Why is a clause for people, with subject, number and limit:
	// `alarm "orders failed" is in ALARM since 12:03:10`.
	Why string `json:"why"`
	// Samples is how many observations it rests on; zero for alarms.
	Samples int `json:"samples,omitempty"`
	// Value and Limit are what was compared, where there is one number.
	Value *float64 `json:"value,omitempty"`
	Limit *float64 `json:"limit,omitempty"`
	// Target is the alias that the finding is about; empty when it is about
	// all of them.
	Target string `json:"target,omitempty"`
	// Rule is what has to hold, in words, and Flip what would change the
	// verdict.
	Rule string `json:"rule,omitempty"`
	Flip string `json:"flip,omitempty"`
	// Compared has the numbers of both versions, for a check that compares.
	Compared *Numbers `json:"compared,omitempty"`
	// Trouble is true for an Unknown that is not a lack of samples: something
	// could not be read, or does not exist.
	Trouble bool `json:"trouble,omitempty"`
	// Shared is true for a limit that is broken where the old version did as
	// badly in the same time, so that it condemns nothing.
	Shared bool `json:"shared,omitempty"`
	// OnlyCondemns is true when nothing waits for the check: its Unknown holds
	// nothing up.
	OnlyCondemns bool `json:"onlyCondemns,omitempty"`
}

// Missing says whether a verdict is missing for want of this one.
func (f Finding) Missing() bool { return f.Verdict == Unknown && !f.OnlyCondemns }

// A Series are the datapoints of one statistic of one metric, oldest first.
type Series struct {
	Points  []Datapoint `json:"points"`
	Problem string      `json:"problem,omitempty"` // why it could not be read
}

// A Datapoint is a statistic over one period.
type Datapoint struct {
	At      time.Time `json:"at"` // the period's beginning
	Value   float64   `json:"value"`
	Samples int       `json:"samples"` // SampleCount of the period
}

// A Probe is what asking an HTTP address brought.
type Probe struct {
	Status  int       `json:"status"` // 0 when there was no answer
	At      time.Time `json:"at"`
	Problem string    `json:"problem,omitempty"` // why there was no answer
}

// An AlarmState is what a look at one alarm brought.
type AlarmState struct {
	// State is OK, ALARM or INSUFFICIENT_DATA; empty when the alarm could not
	// be read, and then Problem says why.
	State string `json:"state"`
	// Since is when the state last changed its value.
	Since time.Time `json:"since"`
	// Fired is when the alarm last went to ALARM, of one that is not in ALARM
	// any more, by the service's clock; zero when it did not since it was last
	// accepted as it is.
	Fired   time.Time `json:"fired,omitzero"`
	Problem string    `json:"problem,omitempty"`
	// Missing is true when the account has no alarm of this name.
	Missing bool `json:"missing,omitempty"`
}

// Counts are the outcomes of one version of one target over a stretch of time.
type Counts struct {
	Version   string `json:"version"`
	Started   int    `json:"started"`
	Running   int    `json:"running"`
	Succeeded int    `json:"succeeded"`
	Failed    int    `json:"failed"`
	TimedOut  int    `json:"timedOut"`
	Aborted   int    `json:"aborted"`
	Throttled int    `json:"throttled"`
	// From is the beginning of the stretch; AsOf is until when the counts are
	// complete: what happened later may or may not be in them.
	From time.Time `json:"from"`
	AsOf time.Time `json:"asOf"`
	// Problem says why the counts could not be read; empty when they could.
	Problem string `json:"problem,omitempty"`
}
