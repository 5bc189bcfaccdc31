// Package ramp decides how much of the traffic the evidence allows a new version,
// and when it must be taken back.
//
// A [Policy] is what a plan says, a [State] what is remembered between looks; both
// are plain data. Whoever carries a rollout out reports counts to the state as they
// come, asks for a [Decision] at every look, and brings the alias to its share.
//
// The share is as large as the exposure budget allows: requests of the new version
// whose outcome is not known yet, times the worst excess of failures that is not
// ruled out, stay below the budget. So a ramp starts with a few requests, doubles
// as they turn out well, and waits where nothing is known. Only the comparison of
// both versions in the same seconds takes a version back. What is merely suspicious
// against history makes the share smaller, because a small share is both cheap and
// where a failure tells most about whose it is.
package ramp

import (
	"fmt"
	"math"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
)

// A Policy says how fast a rollout may go and what takes it back. Shares are parts
// of the traffic in [0, 1], times are in seconds.
type Policy struct {
	// Alpha is the chance, at most, of ever taking back a version that is no
	// worse; Beta of having ruled out too much when the share is chosen.
	Alpha float64 `json:"alpha"`
	Beta  float64 `json:"beta"`
	// Margin is how many times 1/Alpha the evidence is that condemns, 1 or
	// above, and SharedMargin that once both versions have done worse than
	// before. At 1 a version that is no worse would be taken back about as
	// often as Alpha allows.
	Margin       float64 `json:"margin"`
	SharedMargin float64 `json:"sharedMargin"`
	// Budget is how many additional failures may be on their way, as far as
	// is not ruled out, and Growth how many more for each request that is
	// known, beyond half of the failures that are normal. As long as nothing is
	// ruled out Opening requests may be on their way, at most Budget. SlowBudget
	// and SlowGrowth are the same for slow requests.
	Budget     float64 `json:"budget"`
	Opening    float64 `json:"opening"`
	Growth     float64 `json:"growth"`
	SlowBudget float64 `json:"slowBudget"`
	SlowGrowth float64 `json:"slowGrowth"`
	// Leak is how many additional failures a second may not be ruled out when
	// the new version gets more than Compare allows, and LeakShare which share
	// of the requests. A third of the failures that are normal are let pass.
	Leak      float64 `json:"leak"`
	LeakShare float64 `json:"leakShare"`
	// Smallest is the least share that the target can express, Top the share
	// that the new version has until the end of the watch: the rest stays with
	// the old version, so that there is something to compare with.
	Smallest float64 `json:"smallest"`
	Top      float64 `json:"top"`
	// Diagnosis bounds the share while the new version is suspected, Compare
	// while there is a doubt, and Trial while there is evidence of harm: of the
	// failures at a small share each tells more about whose they are.
	Diagnosis Bound `json:"diagnosis"`
	Compare   Bound `json:"compare"`
	Trial     Bound `json:"trial"`
	// Sharp is how much less than it could a failure may tell in a trial, as a
	// part of it: bets on few additional failures have the share at which it
	// is that if it is larger than Trial, but at most Compare.
	Sharp float64 `json:"sharp"`
	// Pace has the largest share from a time on, rising; First is allowed from
	// the beginning.
	Pace  []Pace `json:"pace"`
	First Bound  `json:"first"`
	// Patience is after how long a rollout whose requests are too few for the
	// budget to rise has grown to Top nonetheless, and after how long the share
	// of a doubt or of a trial that decides nothing begins to grow; the half of
	// the traffic that is the most while an excess is not ruled out takes twice
	// as long.
	Patience float64 `json:"patience"`
	// Delay is from a request until its outcome can change the share: of the
	// source, the look and the alias. Settle is how long the alias takes.
	Delay  float64 `json:"delay"`
	Settle float64 `json:"settle"`
	// Width is how long the stretches of time are that are counted.
	Width float64 `json:"width"`
	// AtTop and Watch are how long, at least, the new version has the share
	// Top, and how long the rollout takes as a whole.
	AtTop float64 `json:"atTop"`
	Watch float64 `json:"watch"`
	// MinRequests is how many outcomes of the new version are needed at least.
	MinRequests int `json:"minRequests"`
	// StepRequests is how many are needed at a share before it grows without
	// the budget asking for it.
	StepRequests int `json:"stepRequests"`
	// Doubt is the evidence from which on the share is bounded by Compare once
	// the new version has failed at all, Worry that from which on it is bounded
	// by Trial, and Yellow that with which nothing is finished or called
	// healthy. The evidence against a version that is no worse fades as both
	// fail, so what has not faded is worth a longer look where that tells most.
	// Without any failure it stays near 1, and says nothing.
	Doubt  float64 `json:"doubt"`
	Worry  float64 `json:"worry"`
	Yellow float64 `json:"yellow"`
	// Release is the part of the stake kept for late faults that is placed
	// with each suspicion.
	Release float64 `json:"release"`
	// Errors and Times are the tests, and TimesWeight, in [0, 1), the part that
	// durations have in the evidence.
	Errors      evidence.Label  `json:"errors"`
	Times       evidence.Ladder `json:"times"`
	TimesWeight float64         `json:"timesWeight"`
	// RollBackBoth takes the traffic back, too, when both versions fail more
	// than before for as long as a diagnosis takes; by default that waits.
	RollBackBoth bool `json:"rollBackBoth,omitempty"`
}

// A Pace is the largest share from a time on, in seconds since the start.
type Pace struct {
	From  float64 `json:"from"`
	Share float64 `json:"share"`
}

// A Bound is a share that gives the new version Rate requests a second, but Least
// at least and Most at most.
type Bound struct {
	Rate  float64 `json:"rate"`
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
}

// share is the bound at a rate of requests to both versions.
func (b Bound) share(rate float64) float64 {
	return min(b.Most, max(b.Least, b.Rate/max(rate, 1e-9)))
}

// Default returns the policy for targets that can express a smallest share, with
// counts that are late by delay seconds at most and an alias that takes settle
// seconds at most to follow.
func Default(smallest, delay, settle float64) Policy {
	errors, times := evidence.NewLabel(evidence.Tolerance{Ratio: 1}), evidence.DefaultLadder()
	// Most faults are there from the start, and a late one is suspected before it
	// is proven, which places the rest.
	onset := evidence.Onset{AtStart: 0.85, PerSecond: 0.05 / 3600}
	errors.Onset, times.Onset = onset, onset
	errors.Bets = bets
	return Policy{
		Alpha: 0.01, Beta: 0.05, Margin: margin(smallest), SharedMargin: 50,
		Budget: 2, Opening: 1.3, Growth: 0.015, SlowBudget: 15, SlowGrowth: 0.05, Leak: 1.6, LeakShare: 0.0015,
		Smallest: smallest, Top: 0.95,
		Diagnosis: Bound{Rate: 5, Least: 0.02, Most: 0.1}, Compare: Bound{Rate: 25, Least: 0.1, Most: 0.25},
		Trial: Bound{Rate: 0.5, Most: 0.05}, Sharp: 0.05,
		Pace:  []Pace{{0, .01}, {45, .03}, {52, .1}, {60, .25}, {145, .5}, {165, .95}},
		First: Bound{Rate: 0.5, Least: smallest, Most: 0.03}, Patience: 600,
		Delay: delay + settle + 1, Settle: settle, Width: 1,
		AtTop: 300, Watch: 900, MinRequests: 30, StepRequests: 10,
		Doubt: 0.3, Worry: 1.2, Yellow: 3, Release: 0.8,
		Errors: errors, Times: times, TimesWeight: 0.1,
	}
}

// margin leaves about as few good releases to be taken back whatever a target can
// express. A failure in a hundredth of the traffic says so much less than one in a
// thousandth that the evidence mostly passes what is asked of it by far.
func margin(smallest float64) float64 {
	if smallest <= 0.002 { // tenths of a percent, as functions' aliases have
		return 5
	}
	return 1.6
}

// bets are those on failures. The large ones do most for releases that fail at once,
// for what is lost with them is time only.
var bets = []evidence.Bet{
	{Ratio: 1.5, Prior: .12}, {Ratio: 2.5, Prior: .13}, {Ratio: 6, Prior: .15},
	{Ratio: 20, Prior: .25}, {Ratio: 100, Prior: .25}, {Ratio: 1000, Prior: .1},
}

// Check says what is wrong with the policy, if anything.
func (p Policy) Check() error {
	for _, v := range []struct {
		name     string
		value    float64
		low, top float64
	}{
		{"alpha", p.Alpha, 1e-9, 0.5}, {"beta", p.Beta, 1e-9, 0.5}, {"margin", p.Margin, 1, 1e9}, {"shared margin", p.SharedMargin, p.Margin, 1e9}, {"budget", p.Budget, 0.01, 1e9},
		{"smallest share", p.Smallest, 1e-6, 0.5}, {"top share", p.Top, p.Smallest, 1}, {"diagnosis", p.Diagnosis.Most, p.Smallest, 0.5},
		{"width", p.Width, 1e-3, 3600}, {"delay", p.Delay, 1e-3, 86400}, {"weight of durations", p.TimesWeight, 0, 0.99},
		{"patience", p.Patience, 1, 1e9}, {"release", p.Release, 0, 1}, {"worry", p.Worry, 1, 1 / p.Alpha}, {"yellow", p.Yellow, 1, 1 / p.Alpha},
		{"sharp", p.Sharp, 0, 1},
	} {
		if !(v.value >= v.low && v.value <= v.top) {
			return fmt.Errorf("%s %v is not in [%v, %v]", v.name, v.value, v.low, v.top)
		}
	}
	for i, s := range p.Pace {
		if i > 0 && (s.From <= p.Pace[i-1].From || s.Share < p.Pace[i-1].Share) {
			return fmt.Errorf("the pace is not rising at %v s", s.From)
		}
	}
	if err := p.Errors.Check(); err != nil {
		return fmt.Errorf("errors: %w", err)
	}
	if err := p.Times.Check(); err != nil {
		return fmt.Errorf("durations: %w", err)
	}
	return nil
}

// History is what is known of the old version before the rollout starts.
type History struct {
	// Seconds is how long the history is, and Outcomes what happened in it.
	Seconds  float64           `json:"seconds"`
	Outcomes evidence.Outcomes `json:"outcomes"`
	// Dispersion is how many failures come of one cause, 1 or above.
	Dispersion float64 `json:"dispersion"`
}

// Loud is from which suspicion on the share is made smaller.
const Loud = evidence.Loud

// slowThreshold is the threshold of which slow requests are watched: nine of ten
// of the old version's are faster.
const slowThreshold = 1

// A State is what a rollout remembers between looks.
type State struct {
	Intake   evidence.Intake   `json:"intake"`
	Schedule evidence.Schedule `json:"schedule"`
	// Bets are those on failures that the old version's history leaves room for.
	Bets   []evidence.Bet  `json:"bets"`
	Errors evidence.Wealth `json:"errors"`
	Times  evidence.Wealth `json:"times"`
	Health evidence.Health `json:"health"`
	Slow   evidence.Health `json:"slow"` // the same for slow requests
	// Dispersion is that of the history.
	Dispersion float64 `json:"dispersion"`
	// Failing and Slowing suspect; Normal is the rate of failures, and
	// NormalSlow that of slow requests, that they began with.
	Failing    evidence.Suspicion `json:"failing"`
	Slowing    evidence.Suspicion `json:"slowing"`
	Normal     float64            `json:"normal"`
	NormalSlow float64            `json:"normalSlow"`
	// Shared is true once both versions have done worse than before.
	Shared bool `json:"shared,omitempty"`
	// Diagnosing is until when at least the share stays small because of a
	// suspicion; 0 when there is none. Diagnosed is how many outcomes have
	// come since it began.
	Diagnosing float64 `json:"diagnosing,omitempty"`
	Diagnosed  int     `json:"diagnosed,omitempty"`
	// CappedFrom is since when half of the traffic is the most because of an
	// excess that is not ruled out, DoubtFrom since when there is a doubt, and
	// TrialFrom since when there is so much evidence of harm that the share is
	// that of a trial; 0 when there is not.
	CappedFrom float64 `json:"cappedFrom,omitempty"`
	DoubtFrom  float64 `json:"doubtFrom,omitempty"`
	TrialFrom  float64 `json:"trialFrom,omitempty"`
	// ReleaseFrom is from when on blocks are bet on with what a suspicion
	// released, 0 when nothing is due. The suspicion had seen earlier counts of
	// the new version, and who has seen the result must not bet on it.
	ReleaseFrom float64 `json:"releaseFrom,omitempty"`
	// Rate is the traffic of both versions in requests a second.
	Rate float64 `json:"rate"`
	// Recent is what the old version did in about the last half minute in which
	// it served.
	Recent Recent `json:"recent"`
	// Share is what was asked for last, AtShare how many outcomes of the new
	// version came at it, AtTop whether it is the top one, TopFor for how long
	// it has been, and LookedAt when the last look was.
	Share    float64 `json:"share"`
	AtShare  int     `json:"atShare"`
	AtTop    bool    `json:"atTop,omitempty"`
	TopFor   float64 `json:"topFor,omitempty"`
	LookedAt float64 `json:"lookedAt"`
	// EnteredAt is when the first look in the stretch of the last look was, where
	// stretches are long; 0 in the first one.
	EnteredAt float64 `json:"enteredAt,omitempty"`
	// Known is how many outcomes of the new version are known.
	Known int `json:"known"`
	// KnownUntil is until when all outcomes are known, ServedUntil until when
	// the new version is known to have served a request.
	KnownUntil  float64 `json:"knownUntil"`
	ServedUntil float64 `json:"servedUntil,omitempty"`
	// Compared sums what both sides did while both had traffic, for people.
	Compared [2]evidence.Outcomes `json:"compared"`

	excess, slowExcess excess // of failures and of slow requests
}

// An excess is what was last found to be ruled out, as it takes a while to find and
// is the same while nothing happens.
type excess struct {
	by         evidence.Health
	beta, most float64
}

// ruledOut is [evidence.Health.Excluded].
func (e *excess) ruledOut(by evidence.Health, beta float64) float64 {
	if e.beta != beta || e.by != by {
		*e = excess{by: by, beta: beta, most: by.Excluded(beta)}
	}
	return e.most
}

// Recent are sums that forget within about half a minute.
type Recent struct {
	Requests float64 `json:"requests"`
	Failed   float64 `json:"failed"`
	Timed    float64 `json:"timed"`
	Slow     float64 `json:"slow"`
}

// Begin returns what is remembered before the first look.
func (p Policy) Begin(h History) State {
	s := State{
		Intake:   evidence.Intake{Width: p.Width, Memory: int(math.Ceil(300/p.Width)) + 1},
		Schedule: evidence.Schedule{Settle: p.Settle},
		Times:    p.Times.Begin(),
		Failing:  evidence.SuspectFailures(h.Outcomes), Slowing: evidence.SuspectSlow(1 - evidence.Quantiles[slowThreshold]),
		Dispersion: max(1, h.Dispersion),
	}
	if h.Seconds > 0 {
		s.Rate = float64(h.Outcomes.Requests) / h.Seconds
	}
	s.Bets = evidence.Possible(p.Errors.Bets, s.Failing.Reference)
	s.Errors = p.errors(&s).Begin()
	s.Normal, s.NormalSlow = s.Failing.Reference, s.Slowing.Reference
	return s
}

// Report takes in counts of one side and one stretch of time, as in
// [evidence.Intake.Report].
func (s *State) Report(side evidence.Side, number int, counts evidence.Outcomes, final bool) {
	if s.Intake.Report(side, number, counts, final) && side == evidence.Canary {
		// A suspicion need not wait for the old version's counts.
		s.Failing.Add(s.Intake.Width, counts.Requests, counts.Failed)
		s.Slowing.Add(s.Intake.Width, counts.Timed, slow(counts))
	}
}

func slow(o evidence.Outcomes) int {
	if len(o.Slower) > slowThreshold {
		return o.Slower[slowThreshold]
	}
	return 0
}
