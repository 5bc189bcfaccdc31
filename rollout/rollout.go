// Package rollout decides what a rollout does next. [Decide] is a pure function
// from the plan, what is remembered, what was observed and the time to what to
// remember and what to do; it has no clock, no I/O and no goroutines.
package rollout

import (
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
)

// A Phase is where a rollout is.
type Phase string

// The phases. The last four are ends: nothing leaves them.
const (
	Pending     Phase = "Pending"     // proving everything before the first shift
	Progressing Phase = "Progressing" // at a step, or on the way to it
	Paused      Phase = "Paused"      // by a person's order
	Holding     Phase = "Holding"     // waiting for a verdict, an approval, or an answer to drift
	RollingBack Phase = "RollingBack" // taking the traffic back; never rises again
	Succeeded   Phase = "Succeeded"   // the new version has everything and has soaked
	RolledBack  Phase = "RolledBack"  // by judgement
	Failed      Phase = "Failed"      // refused before anything changed, or given up with a report
	Aborted     Phase = "Aborted"     // by a person's order, the traffic taken back
)

// Ended says whether the phase is an end.
func (p Phase) Ended() bool {
	return p == Succeeded || p == RolledBack || p == Failed || p == Aborted
}

// A Routing is what an alias does with its traffic: all to Stable, or Weight to
// Canary and the rest to Stable.
type Routing struct {
	Stable string      `json:"stable"`
	Canary string      `json:"canary,omitempty"` // empty: one version only
	Weight plan.Weight `json:"weight,omitempty"` // 0 when Canary is empty
}

// String names the routing in sentences: 7, or 25 % on 8, the rest on 7.
func (r Routing) String() string {
	switch {
	case r.Canary == "" || r.Weight == 0:
		return r.Stable
	case r.Weight == plan.Full:
		return r.Canary
	default:
		return fmt.Sprintf("%s on %s, the rest on %s", percent(r.Weight), r.Canary, r.Stable)
	}
}

// A TargetStatus is what is remembered of one target.
type TargetStatus struct {
	// Alias is the alias's ARN.
	Alias string `json:"alias"`
	// Stable and Canary are version numbers: the one that served at the start
	// and the one being introduced.
	Stable string `json:"stable"`
	Canary string `json:"canary"`
	// Wish is the routing that this rollout last asked for and Before the one
	// it had asked for, or found, before that. WishAt is when it first asked.
	// All routings here are in the rollout's terms: everything on Canary is
	// Canary at plan.Full, everything on Stable has no Canary.
	Wish   Routing   `json:"wish"`
	Before Routing   `json:"before"`
	WishAt time.Time `json:"wishAt"`
	// ConfirmedAt is when the alias was first seen to do Wish; zero until then.
	ConfirmedAt time.Time `json:"confirmedAt,omitzero"`
	// Seen is the routing last read, at SeenAt.
	Seen   Routing   `json:"seen"`
	SeenAt time.Time `json:"seenAt"`
	// Content is a digest of what Canary is made of; empty where it is not known.
	Content string `json:"content,omitempty"`
	// Created is true when the alias did not exist and was created for this
	// rollout with all of its traffic on Canary: there is nothing to shift.
	Created bool `json:"created,omitempty"`
	// Base is how many outcomes of Canary were known when the step in force
	// began; the step is judged only when there are more.
	Base int `json:"base,omitempty"`
	// Comparison is what is known of both versions in the same seconds; nil as
	// long as nothing is, and where the plan compares nothing.
	Comparison *analysis.Comparison `json:"comparison,omitempty"`
	// Forgiven has, by check, the outcomes of Canary that its limit does not
	// count, because the old version did as badly while it served.
	Forgiven map[string]analysis.Share `json:"forgiven,omitempty"`
	// Drifted is true while somebody else's change of the alias is held for.
	Drifted bool `json:"drifted,omitempty"`
	// Left says why this rollout does not touch the alias any more: somebody
	// else made it do something different, and that stays.
	Left string `json:"left,omitempty"`
}

// Status is everything that is remembered of a rollout besides its plan.
type Status struct {
	Phase Phase `json:"phase"`
	// Since is when the phase began; while rolling back, later by what was not
	// watched.
	Since time.Time `json:"since"`
	// Started is when the rollout was accepted, Ended when it ended.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// Step is the index of the step in force; -1 before the first shift.
	Step int `json:"step"`
	// StepSince is when the step's weight was first seen on every target, later
	// by what was not watched; zero until then. While rolling back it is when
	// every target was first seen without the new version.
	StepSince time.Time `json:"stepSince,omitzero"`
	// FullSince is when all of the traffic was first seen on the new version;
	// from then on the deadline counts anew.
	FullSince time.Time      `json:"fullSince,omitzero"`
	Targets   []TargetStatus `json:"targets"`
	// Approved tells for the step in force that a person approved it.
	Approved bool `json:"approved,omitempty"`
	// Told is the largest weight of an adaptive rollout that people were told of.
	Told plan.Weight `json:"told,omitempty"`
	// BackFrom is the largest weight that was seen when Back was decided.
	BackFrom plan.Weight `json:"backFrom,omitempty"`
	// Hold says what a Holding rollout waits for; empty in other phases.
	Hold HoldCause `json:"hold,omitempty"`
	// Back says why the traffic is taken back; empty until it is.
	Back BackCause `json:"back,omitempty"`
	// Promoted and Skipped tell that a person ordered to skip the rest of the
	// steps, or of the step in force.
	Promoted bool `json:"promoted,omitempty"`
	Skipped  bool `json:"skipped,omitempty"`
	// LookedAt is when the last look was. Time between two looks that is much
	// longer than the plan's Look was not watched and does not count.
	LookedAt time.Time `json:"lookedAt,omitzero"`
	// ToldAt is when people were last reminded of something that goes on.
	ToldAt time.Time `json:"toldAt,omitzero"`
	// Accepted has, for each alarm of the plan, when it had last changed at the
	// start, or when a person last said to go on. Only a later transition to
	// ALARM counts.
	Accepted map[string]time.Time `json:"accepted,omitempty"`
	// UnknownSince is when the present stretch without a verdict began.
	UnknownSince time.Time `json:"unknownSince,omitzero"`
	// Calls are the last calls of the moments that the rollout has got to, and
	// Called is how many were made, for their keys.
	Calls  []Call `json:"calls,omitempty"`
	Called int    `json:"called,omitempty"`
	// Orders is the number of the last order that was followed or refused.
	Orders int64 `json:"orders"`
	// Findings are the verdicts of the last look.
	Findings []analysis.Finding `json:"findings,omitempty"`
	// Why is the reason for the phase as a clause for people.
	Why string `json:"why"`
	// Refused is true for a rollout that Failed before anything changed.
	Refused bool `json:"refused,omitempty"`
}

// A HoldCause is what a Holding rollout waits for.
type HoldCause string

// The causes of holding.
const (
	HoldUnknown   HoldCause = "unknown"   // a verdict
	HoldApproval  HoldCause = "approval"  // a person's approval
	HoldHook      HoldCause = "hook"      // a hook's answer
	HoldUnhealthy HoldCause = "unhealthy" // a person, after proof of harm, with the traffic where it is
	HoldAtZero    HoldCause = "at-0"      // a person, after proof of harm, with the traffic taken back
	HoldDrift     HoldCause = "drift"     // a person, because somebody else changed an alias
	HoldGone      HoldCause = "gone"      // an alias that does not exist any more
)

// A BackCause is why the traffic is taken back. It decides how the rollout ends.
type BackCause string

// The causes of taking the traffic back.
const (
	BackUnhealthy BackCause = "unhealthy" // proof of harm; the version is quarantined
	BackUnknown   BackCause = "unknown"   // no verdict for too long
	BackDeadline  BackCause = "deadline"  // the plan's deadline passed
	BackStuck     BackCause = "stuck"     // an alias could not be shifted, or is gone
	BackOrder     BackCause = "order"     // a person's abort; the version is quarantined
	BackRevert    BackCause = "revert"    // who ran it had to go; nothing is said about the version
	BackTask      BackCause = "task"      // what the rollout was made for, see BeginBack
)

// A World is what was observed at one look.
type World struct {
	// Targets has an entry for each of the plan's targets, in its order.
	Targets []SeenTarget
	// Alarms has an entry for each alarm that the plan names.
	Alarms map[string]analysis.AlarmState
	// Metrics has an entry for each of the plan's metric checks, by the
	// check's name, and Probes one for each of its HTTP checks. A check
	// without an entry is one that nothing measures.
	Metrics map[string]analysis.Series
	Probes  map[string]analysis.Probe
	// Answers has an entry for each of the status's pending calls, by its key.
	Answers map[string]Answer
	// Orders are what people asked for since Status.Orders, oldest first.
	Orders []Order
	// Off is how far the times that the decider is told may be off those of the
	// services, by which they count requests, and Lost is true when they may have
	// been off by more since the last look: what was in force then is not known.
	Off  time.Duration
	Lost bool
}

// A SeenTarget is what a look at one target brought.
type SeenTarget struct {
	// Routing is what the alias says now; Problem why it could not be read.
	Routing Routing
	Problem string
	// Gone is true when the alias does not exist any more.
	Gone bool
	// ShiftProblem says why the last Shift of it did not work; empty when it
	// did. It only goes into sentences: what counts is what the alias says.
	ShiftProblem string
	// Canary and Stable are the outcomes of both versions since the first
	// shift; nil where nothing counts them.
	Canary, Stable *analysis.Counts
	// History is what the old version did before, where a comparison asks for
	// it, and Feed what both did since in stretches of time; nil where nothing
	// tells that.
	History *analysis.History
	Feed    *analysis.Feed
}

// An Order is what a person asked for. Number is given by the store and grows
// by one within a rollout.
type Order struct {
	Number int64     `json:"number"`
	Kind   OrderKind `json:"kind"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	// Call is the key of the call that Succeed and Fail answer.
	Call string `json:"call,omitempty"`
}

// An OrderKind is something that a person may ask of a rollout.
type OrderKind string

// The orders.
const (
	Pause   OrderKind = "pause"   // stop advancing; keep watching
	Resume  OrderKind = "resume"  // go on; also the answer to a hold: write the wish again
	Promote OrderKind = "promote" // skip the rest of the steps, go to Full
	Skip    OrderKind = "skip"    // skip the rest of this step only
	Abort   OrderKind = "abort"   // take everything back and end, because of the version
	Revert  OrderKind = "revert"  // take everything back and end, whatever the version
	Approve OrderKind = "approve" // let an approval step go on
	Succeed OrderKind = "succeed" // answer for a hook: it succeeded
	Fail    OrderKind = "fail"    // answer for a hook: it failed
)

// A Decision is what Decide returns: what to remember, what to do after it has
// been saved, what to tell people, and when to look again at the latest.
type Decision struct {
	Status  Status
	Actions []Action
	Events  []Event
	// Notes are what the ledger learns. They are stored in the transaction
	// that saves Status, because nobody looks again after the end.
	Notes []Note
	Look  time.Time // zero once the rollout has ended
}

// An Action is something to do in the world. Actions state wishes: to do one
// twice is to do it once. The set is closed.
type Action interface{ action() }

// Shift asks for a routing of one target.
type Shift struct {
	Target int // index into the plan's targets
	To     Routing
	// From is what the alias is expected to have: what was seen by the look
	// that led here. A target that finds something else must not write.
	From Routing
}

// Prune asks to delete the versions of a target that nothing needs any more.
type Prune struct{ Target int }

// A Note says what became of a version behind an alias.
type Note struct {
	Target  int // index into the plan's targets
	Version string
	State   VersionState
	Why     string
}

// A VersionState is what the ledger knows of a version.
type VersionState string

// The states of a version. A rollback goes to the last Verified one, or, where
// there is none, to the last that Served.
const (
	Verified    VersionState = "verified"    // finished its soak
	Served      VersionState = "served"      // had all the traffic, but no soak proved it
	Quarantined VersionState = "quarantined" // taken back; nothing goes to it by itself
)

func (Shift) action() {}
func (Prune) action() {}

// An Event is one thing that happened, for logs, streams and people. Text is
// the whole sentence, the same everywhere.
type Event struct {
	At     time.Time   `json:"at"`
	Kind   string      `json:"kind"` // shifted, held, paused, resumed, rollingBack, ended, drift, finding, hook, order …
	Phase  Phase       `json:"phase"`
	Weight plan.Weight `json:"weight"`
	Text   string      `json:"text"`
	// By and Reason are set when a person asked for it.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}
