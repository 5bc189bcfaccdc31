// Package plan says what a rollout should do: which aliases move to which
// version, in which steps, watched by which checks. A plan is data; it can be
// read from a file, made from flags or from CodeDeploy's and CloudFormation's
// preferences, stored and simulated. The package judges nothing about the world.
package plan

import (
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
)

// A Plan is one delivery as its author wants it. It comes out of [Parse] or
// [New], which have checked it; nobody below checks it again.
type Plan struct {
	// Name is how people call the rollout: lower case letters, digits, dashes.
	Name string `json:"name"`
	// Targets are the aliases that move together, in lock step. At least one.
	Targets []Target `json:"targets"`
	// Strategy is how the author described the steps, kept to be shown again.
	Strategy Strategy `json:"strategy"`
	// Steps are what Strategy comes to. Weights rise strictly and the last
	// one is Full.
	Steps []Step `json:"steps"`
	// Soak is how long the new version is watched at Full, with the old one
	// still known, before it counts as verified. Zero is allowed.
	Soak time.Duration `json:"soak"`
	// Deadline is the longest that the rollout may take from its start until
	// it is promoted or taken back; time spent paused by a person counts.
	Deadline time.Duration `json:"deadline"`
	// Look is how often the world is looked at.
	Look time.Duration `json:"look"`
	// Settle is how long after a write an alias may still show, and serve by,
	// the routing before it.
	Settle time.Duration `json:"settle"`
	// Checks are what has to hold while traffic moves.
	Checks []Check `json:"checks"`
	// OnUnhealthy is what happens at the first proof of harm.
	OnUnhealthy Reaction `json:"onUnhealthy"`
	// OnUnknown is what happens when UnknownFor has passed without a verdict.
	// Until then the rollout holds: Unknown never advances.
	OnUnknown  Reaction      `json:"onUnknown"`
	UnknownFor time.Duration `json:"unknownFor"`
	// OnDrift is what happens when somebody else changed the alias.
	OnDrift DriftPolicy `json:"onDrift"`
	// Alpha is the chance, at most, that the comparison of both versions ever
	// takes back a release that is no worse, however often one looks; 0 to 0.5.
	Alpha float64 `json:"alpha"`
	// MinRequests is how many outcomes of the new version it takes at least
	// before the comparison says Healthy.
	MinRequests int `json:"minRequests"`
	// OnSharedIncident is what happens when both versions fail more than the
	// old one did before: Hold waits until it is over, RollBack does not.
	OnSharedIncident Reaction `json:"onSharedIncident"`
	// HoldBack is the old version's share until the end of the soak, which is
	// then spent at the rest; 0: the soak is spent at Full. An adaptive
	// strategy has its Top instead.
	HoldBack Weight `json:"holdBack,omitempty"`
	// AcceptAlarms names alarms that may already fire at the start; for them
	// only a new transition to ALARM counts.
	AcceptAlarms []string `json:"acceptAlarms,omitempty"`
	// AcceptQuarantined lets a version be released that an earlier rollout took
	// back. A plan file cannot say so: it is for one release.
	AcceptQuarantined bool `json:"acceptQuarantined,omitempty"`
	// Keep says which old versions survive a finished rollout.
	Keep Keep `json:"keep"`
	// Hooks are asked at certain moments, and may stop it.
	Hooks Hooks `json:"hooks,omitzero"`
}

// A Weight is the new version's share of the traffic in basis points, 0 to
// 10,000.
type Weight int

// Full is all of the traffic.
const Full Weight = 10_000

// A Kind is a kind of alias.
type Kind string

// The kinds of alias.
const (
	StateMachine Kind = "stateMachine"
	Lambda       Kind = "lambda"
)

// A Target is one alias and the version that it should move to.
type Target struct {
	Kind Kind `json:"kind"`
	// Name is the state machine's or function's name, or its ARN.
	Name string `json:"name"`
	// Alias is the alias's name.
	Alias string `json:"alias"`
	// Version is the version to release. Empty: publish what is there, after
	// uploading Definition or Code if one is named.
	Version string `json:"version,omitempty"`
	// Definition is the path of a state machine definition, relative to the
	// plan file.
	Definition string `json:"definition,omitempty"`
	// Code is the path of a function's zip archive, relative to the plan file.
	Code string `json:"code,omitempty"`
	// Logs is the log group of a function from which its outcomes are read
	// within seconds. Empty: they are read from CloudWatch's metrics.
	Logs string `json:"logs,omitempty"`
}

// String writes the target as people name it: orders:prod.
func (t Target) String() string {
	name := t.Name
	if strings.HasPrefix(name, "arn:") {
		if a, err := arn.Parse(name); err == nil {
			name = a.Name()
		}
	}
	return name + ":" + t.Alias
}

// Arg writes the target as an argument of the commands that are about an alias:
// orders:prod, or checkout:live --lambda.
func (t Target) Arg() string {
	if t.Kind == Lambda {
		return t.String() + " --lambda"
	}
	return t.String()
}

// A Step holds the new version at a weight.
type Step struct {
	Weight Weight `json:"weight"`
	// For is how long at least, counted from when the weight was seen on
	// every target.
	For time.Duration `json:"for"`
	// Approval makes the rollout wait, after For, until a person approves.
	Approval bool `json:"approval,omitempty"`
}

// A Strategy is the author's description of the steps, kept to be shown and
// written again. Which fields mean something depends on Name.
type Strategy struct {
	// Name is canary, linear, exponential, allAtOnce, steps or adaptive.
	Name string `json:"name"`
	// Preset is the name of CodeDeploy's or CloudFormation's that it was made
	// from.
	Preset string `json:"preset,omitempty"`
	// Weight is canary's weight, linear's step, exponential's first weight.
	Weight Weight `json:"weight,omitempty"`
	// Count is linear's number of equal steps, where it was given instead.
	Count int `json:"count,omitempty"`
	// Factor is exponential's.
	Factor float64 `json:"factor,omitempty"`
	// Every is how long each weight below Full is held.
	Every time.Duration `json:"every,omitempty"`
	// Adaptive is what adaptive was given; nil for all others.
	Adaptive *Adaptive `json:"adaptive,omitempty"`
}

// Adaptive says how a rollout goes as fast as the evidence allows. Its steps are
// two: up to Top and down again by what is known, then Full.
type Adaptive struct {
	// Budget is how many additional bad requests may be on their way, as far
	// as is not ruled out by what is known.
	Budget float64 `json:"budget"`
	// Smallest is the least weight that is asked for, besides nothing.
	Smallest Weight `json:"smallest"`
	// Top is the largest weight until the end of Watch: the rest stays with
	// the old version, so that there is something to compare with.
	Top Weight `json:"top"`
	// Pace is how long it takes at least from Smallest to Top.
	Pace time.Duration `json:"pace"`
	// Patience is how long it takes at most where requests are too few for
	// the budget to rise.
	Patience time.Duration `json:"patience"`
	// Watch is how long it takes at least until Full, AtTop how much of that
	// at least is spent at Top.
	Watch time.Duration `json:"watch"`
	AtTop time.Duration `json:"atTop"`
}

// A Check is one thing that has to hold. Exactly one of its sources is set.
type Check struct {
	// Name is unique in a plan and appears in sentences.
	Name string `json:"name"`
	// Alarm is the name of a metric or composite alarm.
	Alarm string `json:"alarm,omitempty"`
	// Fine is what the alarm may be besides OK. Empty: nothing.
	Fine Lenience `json:"fine,omitempty"`
	// Rate limits the share of bad outcomes of the new version alone.
	Rate *RateLimit `json:"rate,omitempty"`
	// Metric limits a statistic of a CloudWatch metric.
	Metric *MetricLimit `json:"metric,omitempty"`
	// HTTP asks an address.
	HTTP *HTTPProbe `json:"http,omitempty"`
	// Probe tries the new version out before it gets any traffic.
	Probe *VersionProbe `json:"probe,omitempty"`
	// Compare holds the new version against the old one.
	Compare *Comparison `json:"compare,omitempty"`
}

// A Comparison holds what the new version does against what the old one does in
// the same seconds, with a test that may be looked at as often as one likes.
type Comparison struct {
	// Of is what is compared.
	Of Compared `json:"of"`
	// Tolerance is how large a share of the requests, 0 to 0.5, may end badly,
	// or be slow, more than with the old version.
	Tolerance float64 `json:"tolerance"`
	// Weight is the part that it has in the evidence of all comparisons.
	Weight float64 `json:"weight"`
	// OnlyCondemns says that nothing waits for it: proven harm takes the new
	// version back, and whatever else it says, or cannot say, holds nothing up.
	OnlyCondemns bool `json:"onlyCondemns,omitempty"`
}

// Binds says whether a check compares versions and a rollout waits for it; false
// where nothing is compared.
func (c *Comparison) Binds() bool { return c != nil && !c.OnlyCondemns }

// A Lenience is what an alarm may be besides OK without holding a rollout up.
type Lenience string

// The leniences. To CodeDeploy and CloudFormation only ALARM counts, so that an
// alarm that nobody made holds nothing up.
const (
	// FineMissing takes no such alarm, and one with too little data, for OK.
	FineMissing Lenience = "missing"
	// FineUnreadable also takes one that cannot be read for OK.
	FineUnreadable Lenience = "unreadable"
)

// Compared is something that two versions are compared by.
type Compared string

// What can be compared: how many requests end badly, and how long they take.
const (
	Errors   Compared = "errors"
	Duration Compared = "duration"
)

// A RateLimit is broken when, of at least MinSamples finished executions or
// invocations of the new version since its first traffic, more than Max were of
// one of the outcomes.
type RateLimit struct {
	// Outcomes are among failed, timedOut, aborted, throttled.
	Outcomes []string `json:"outcomes"`
	// Max is a fraction, 0 to 1.
	Max float64 `json:"max"`
	// MinSamples is how many finished ones it takes to say Healthy; fewer is
	// Unknown. Breaking is said as soon as it is certain that even
	// MinSamples good ones would not help.
	MinSamples int `json:"minSamples"`
	// UnlessShared lets the limit condemn only what the old version does not do
	// as badly in the same time, as far as a comparison of errors can tell.
	UnlessShared bool `json:"unlessShared,omitempty"`
}

// A MetricLimit is broken when a datapoint of the statistic crosses the limit.
type MetricLimit struct {
	Namespace  string            `json:"namespace"`
	Metric     string            `json:"metric"`
	Dimensions map[string]string `json:"dimensions,omitempty"`
	Stat       string            `json:"stat"`
	Period     time.Duration     `json:"period"`
	// Op is one of <, <=, >, >= : what must hold for the limit to be kept.
	Op    string  `json:"op"`
	Limit float64 `json:"limit"`
	// MinSamples is the SampleCount that a datapoint needs to be judged.
	MinSamples int `json:"minSamples,omitempty"`
}

// An HTTPProbe must answer with the status.
type HTTPProbe struct {
	URL    string `json:"url"`
	Expect int    `json:"expect"`
}

// A Reaction is what to do about a verdict.
type Reaction string

// The reactions. HoldAtZero takes the traffic back and waits for a person.
const (
	RollBack   Reaction = "rollback"
	Hold       Reaction = "hold"
	HoldAtZero Reaction = "hold-at-0"
)

// A DriftPolicy is what to do about somebody else's change of the alias.
type DriftPolicy string

// The drift policies. HoldOnDrift waits for a person's resume (overwrite) or
// abort (leave as it is); AdoptDrift takes the seen weight as this rollout's
// own when it is a split of the same two versions; OverwriteDrift writes the
// wish again, and says so.
const (
	HoldOnDrift    DriftPolicy = "hold"
	AdoptDrift     DriftPolicy = "adopt"
	OverwriteDrift DriftPolicy = "overwrite"
)

// Keep says which versions pruning leaves: the last Verified verified ones and
// the newest Versions ones. Zero Versions means never prune. Live, referenced
// and executing versions always stay.
type Keep struct {
	Verified int `json:"verified"`
	Versions int `json:"versions"`
}
