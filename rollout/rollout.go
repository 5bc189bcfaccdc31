// Package rollout decides what a rollout does next. [Decide] is a pure function
// from the plan, what is remembered, what was observed and the time to what to
// remember and what to do; it has no clock, no I/O and no goroutines.
package rollout

import (
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

// A TargetStatus is what is remembered of one target.
type TargetStatus struct {
	// Alias is the alias's ARN.
	Alias string `json:"alias"`
	// Stable and Canary are version numbers: the one that served at the start
	// and the one being introduced.
	Stable string `json:"stable"`
	Canary string `json:"canary"`
	// Wish is the routing that this rollout last asked for and Before the one
	// it had asked for, or found, before that. WishAt is when.
	Wish   Routing   `json:"wish"`
	Before Routing   `json:"before"`
	WishAt time.Time `json:"wishAt"`
	// Seen is the routing last read, at SeenAt.
	Seen   Routing   `json:"seen"`
	SeenAt time.Time `json:"seenAt"`
}

// Status is everything that is remembered of a rollout besides its plan.
type Status struct {
	Phase Phase `json:"phase"`
	// Since is when the phase began.
	Since time.Time `json:"since"`
	// Started is when the rollout was accepted, Ended when it ended.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// Step is the index of the step in force; -1 before the first shift.
	Step int `json:"step"`
	// StepSince is when the step's weight was first seen on every target;
	// zero until then.
	StepSince time.Time      `json:"stepSince,omitzero"`
	Targets   []TargetStatus `json:"targets"`
	// Approved tells for the step in force that a person approved it.
	Approved bool `json:"approved,omitempty"`
	// UnknownSince is when the present stretch without a verdict began.
	UnknownSince time.Time `json:"unknownSince,omitzero"`
	// Orders is the number of the last order that was followed or refused.
	Orders int64 `json:"orders"`
	// Findings are the verdicts of the last look.
	Findings []analysis.Finding `json:"findings,omitempty"`
	// Why is the reason for the phase as a clause for people.
	Why string `json:"why"`
	// Refused is true for a rollout that Failed before anything changed.
	Refused bool `json:"refused,omitempty"`
}

// A World is what was observed at one look.
type World struct {
	// Targets has an entry for each of the plan's targets, in its order.
	Targets []SeenTarget
	// Alarms has an entry for each alarm that the plan names.
	Alarms map[string]analysis.AlarmState
	// Orders are what people asked for since Status.Orders, oldest first.
	Orders []Order
}

// A SeenTarget is what a look at one target brought.
type SeenTarget struct {
	// Routing is what the alias says now; Problem why it could not be read.
	Routing Routing
	Problem string
	// Gone is true when the alias does not exist any more.
	Gone bool
	// Canary and Stable are the outcomes of both versions since the first
	// shift; nil where nothing counts them.
	Canary, Stable *analysis.Counts
}

// An Order is what a person asked for. Number is given by the store and grows
// by one within a rollout.
type Order struct {
	Number int64     `json:"number"`
	Kind   OrderKind `json:"kind"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// An OrderKind is something that a person may ask of a rollout.
type OrderKind string

// The orders.
const (
	Pause   OrderKind = "pause"   // stop advancing; keep watching
	Resume  OrderKind = "resume"  // go on; also the answer to a hold: write the wish again
	Promote OrderKind = "promote" // skip the rest of the steps, go to Full
	Skip    OrderKind = "skip"    // skip the rest of this step only
	Abort   OrderKind = "abort"   // take everything back and end
	Approve OrderKind = "approve" // let an approval step go on
)

// A Decision is what Decide returns: what to remember, what to do after it has
// been saved, what to tell people, and when to look again at the latest.
type Decision struct {
	Status  Status
	Actions []Action
	Events  []Event
	Look    time.Time // zero once the rollout has ended
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

func (Shift) action() {}
func (Prune) action() {}

// An Event is one thing that happened, for logs, streams and people. Text is
// the whole sentence, the same everywhere.
type Event struct {
	At     time.Time   `json:"at"`
	Kind   string      `json:"kind"` // shifted, held, paused, resumed, rollingBack, ended, drift, finding, order …
	Phase  Phase       `json:"phase"`
	Weight plan.Weight `json:"weight"`
	Text   string      `json:"text"`
	// By and Reason are set when a person asked for it.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}
