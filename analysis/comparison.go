package analysis

import (
	"math"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
	"github.com/crossfade-dev/crossfade/plan"
)

// ComparisonForm is the form in which a [Comparison] is stored. It grows when a stored
// one would mean something else; who finds another form begins anew.
const ComparisonForm = 1

// A Comparison is what is remembered of holding the new version of one alias
// against the old one. It is plain data, saved with the rollout at every look.
type Comparison struct {
	// Form is [ComparisonForm].
	Form int `json:"form"`
	// Epoch is when the first stretch began.
	Epoch  time.Time `json:"epoch"`
	Source Source    `json:"source"`
	// History is what the old version did before, without its details, read at
	// HistoryAt. Thresholds in it are frozen as soon as there are any; requests
	// that began before TimedFrom, in stretches, are not timed.
	History   History   `json:"history"`
	HistoryAt time.Time `json:"historyAt"`
	TimedFrom int       `json:"timedFrom,omitempty"`
	// State is the evidence, Decision what the last look at it came to.
	State    ramp.State    `json:"state"`
	Decision ramp.Decision `json:"decision"`
	// Proof is what proved harm, empty as long as nothing did. It stays: a
	// proof is not taken back by what comes after it.
	Proof plan.Compared `json:"proof,omitempty"`
	// Shared is true when what the plan takes for harm is that both do worse.
	Shared bool `json:"shared,omitempty"`
	// Problem says why the last look had no counts; empty when it had.
	Problem string `json:"problem,omitempty"`
	// Curve are moments of its course, at most [curveLength], and Spacing how
	// far apart they are, in seconds.
	Curve   []Moment `json:"curve,omitempty"`
	Spacing float64  `json:"spacing,omitempty"`
}

// A Moment is how a comparison stood at a time: seconds since the epoch, the new
// version's share of the traffic, requests and bad ones of both versions until
// then, and the evidence of harm.
type Moment struct {
	At       float64 `json:"at"`
	Share    float64 `json:"share"`
	Canary   [2]int  `json:"canary"`
	Stable   [2]int  `json:"stable"`
	Evidence float64 `json:"evidence"`
}

// curveLength is how many moments are kept: what a chart of a terminal can show.
const curveLength = 40

// Policy returns the rules by which a plan compares the versions of one of its
// targets, of which moving ones move, with counts from a source.
func Policy(p plan.Plan, t plan.Target, moving int, s Source) ramp.Policy {
	adaptive := p.Strategy.Adaptive
	if adaptive == nil {
		usual := plan.DefaultAdaptive([]plan.Target{t})
		adaptive = &usual
	}
	share := func(w plan.Weight) float64 { return float64(w) / float64(plan.Full) }
	// A request waits for the end of its stretch, and its count for the look.
	delay := s.Delay + max(0, s.Width-time.Second) + max(0, p.Look-time.Second)
	r := ramp.Default(share(adaptive.Smallest), delay.Seconds(), p.Settle.Seconds())
	// The settle window is the longest that an alias takes; the budget is for what
	// is to be expected, which is half of it.
	r.Delay -= r.Settle / 2
	r.Alpha = p.Alpha / float64(max(1, moving))
	r.Width = s.Width.Seconds()
	r.MinRequests = p.MinRequests
	r.RollBackBoth = p.OnSharedIncident == plan.RollBack
	r.Budget, r.Top = adaptive.Budget, share(adaptive.Top)
	r.Patience, r.Watch, r.AtTop = adaptive.Patience.Seconds(), adaptive.Watch.Seconds(), adaptive.AtTop.Seconds()
	if last := r.Pace[len(r.Pace)-1].From; last > 0 {
		r.Pace = slices.Clone(r.Pace)
		for i := range r.Pace {
			r.Pace[i].From *= adaptive.Pace.Seconds() / last
		}
	}
	weights := map[plan.Compared]float64{}
	for _, c := range p.Checks {
		if c.Compare == nil {
			continue
		}
		weights[c.Compare.Of] = c.Compare.Weight
		switch c.Compare.Of {
		case plan.Errors:
			r.Errors.Tolerance.Excess = c.Compare.Tolerance
		case plan.Duration:
			if c.Compare.Tolerance != evidence.DefaultSlowTolerance {
				onset := r.Times.Onset
				r.Times = evidence.NewLadder(c.Compare.Tolerance)
				r.Times.Onset = onset
			}
		default:
			panic("analysis: compared " + string(c.Compare.Of))
		}
	}
	r.TimesWeight = 0
	if sum := weights[plan.Errors] + weights[plan.Duration]; sum > 0 {
		r.TimesWeight = min(0.99, weights[plan.Duration]/sum)
	}
	return r
}

// BeginComparison returns what is remembered at the first look at an alias, at now,
// when h is known of the old version.
func BeginComparison(r ramp.Policy, h History, now time.Time) Comparison {
	c := Comparison{Form: ComparisonForm, Epoch: now.Truncate(h.Source.Width), Source: h.Source, HistoryAt: now}
	c.State = r.Begin(ramp.History{Seconds: h.Seconds, Outcomes: h.Outcomes, Dispersion: evidence.Dispersion(h.Failures)})
	c.State.Intake.Memory = int(30/r.Width) + 2
	h.Failures, h.Problem = nil, ""
	c.History = h
	return c
}

// Clone returns a copy that shares nothing that is ever written.
func (c Comparison) Clone() Comparison {
	c.State = c.State.Clone() // a curve is replaced as a whole
	return c
}

// Seconds is a time in seconds since the epoch.
func (c *Comparison) Seconds(t time.Time) float64 { return t.Sub(c.Epoch).Seconds() }

// Wanted is the number of the first stretch of which counts are still wanted.
func (c *Comparison) Wanted() int { return c.State.Intake.Oldest }

// NeedsHistory says whether it is time, at now, to ask again for the old version's
// durations, because they were too few.
func (c *Comparison) NeedsHistory(now time.Time) bool {
	return len(c.History.Thresholds) == 0 && (now.Before(c.HistoryAt) || now.Sub(c.HistoryAt) >= historyEvery)
}

// historyEvery is how often durations that were too few are asked for again.
const historyEvery = time.Minute

// Relearn takes in the old version's durations, read at now, if there were none.
// Thresholds are for requests that begin from then on, so they depend on nothing
// that is compared by them.
func (c *Comparison) Relearn(h History, now time.Time) {
	c.HistoryAt = now
	c.History.Timed = max(c.History.Timed, h.Timed)
	if len(c.History.Thresholds) == 0 && len(h.Thresholds) > 0 {
		c.History.Thresholds = h.Thresholds
		c.TimedFrom = int(math.Ceil(c.Seconds(now)/c.Source.Width.Seconds())) + 1
	}
}

// KeepTime makes the comparison fit now: a clock that was set back takes the epoch
// with it, and time in which nobody looked for longer than gap is not watched. Where
// the source counts minutes the epoch stays at the beginning of one.
func (c *Comparison) KeepTime(now time.Time, gap time.Duration) {
	seconds := c.Seconds(now)
	if back := c.State.LookedAt - seconds; back > 0 {
		if width := c.Source.Width; width > time.Second {
			back = math.Ceil(back/width.Seconds()) * width.Seconds()
			c.State.LookedAt = seconds + back
		}
		c.Epoch = c.Epoch.Add(-time.Duration(back * float64(time.Second)))
		return
	}
	if seconds-c.State.LookedAt > gap.Seconds() {
		c.State.LookedAt = seconds
	}
}

// Lose makes all that is not compared yet, up to now, a time in which anything may
// have been in force: by whose clock the shares of the traffic were remembered is not
// known. Without the weight a request says nothing, and proves nothing false.
func (c *Comparison) Lose(now time.Time) {
	from, until := float64(c.Wanted())*c.Source.Width.Seconds(), c.Seconds(now)
	share := c.State.Share
	c.State.Schedule.Lose(min(from, until), until)
	c.State.Schedule.Ask(until, share)
	c.State.Schedule.Delay(until)
}

// Take takes in what was counted, as far as the plan compares it. Without a feed
// nothing was read.
func (c *Comparison) Take(f *Feed, errors, durations bool) {
	switch {
	case f == nil:
		c.Problem = "nothing here tells what both versions did in the same seconds"
		return
	case f.Problem != "":
		c.Problem = f.Problem
		return
	}
	c.Problem = ""
	for side, list := range [2][]evidence.Outcomes{evidence.Canary: f.Canary, evidence.Stable: f.Stable} {
		for i, o := range list {
			if !errors {
				o.Failed = 0
			}
			if !durations || f.From+i < c.TimedFrom {
				o.Timed, o.Slower = 0, nil
			}
			c.State.Report(evidence.Side(side), f.From+i, o, true)
		}
	}
}

// Look judges what is known at now and returns what it comes to.
func (c *Comparison) Look(r ramp.Policy, now time.Time) ramp.Decision {
	c.Decision = r.Consider(&c.State, c.Seconds(now))
	if c.Decision.Verdict == ramp.RollBack && c.Proof == "" {
		c.Proof, c.Shared = plan.Errors, c.Decision.Reason == ramp.ByIncident
		if c.Decision.Times*r.TimesWeight > c.Decision.Errors*(1-r.TimesWeight) {
			c.Proof = plan.Duration
		}
	}
	c.remember(c.Seconds(now))
	return c.Decision
}

// remember adds a moment to the curve, and thins it out when it is full.
func (c *Comparison) remember(at float64) {
	if c.Spacing == 0 {
		c.Spacing = max(1, c.Source.Width.Seconds())
	}
	n := len(c.Curve)
	if n > 0 && at-c.Curve[n-1].At < c.Spacing && c.Proof == "" {
		return
	}
	m := Moment{At: math.Round(at*10) / 10, Share: c.State.Share, Evidence: round3(c.Decision.Evidence)}
	canary, stable := c.State.Compared[evidence.Canary], c.State.Compared[evidence.Stable]
	m.Canary, m.Stable = [2]int{canary.Requests, canary.Failed}, [2]int{stable.Requests, stable.Failed}
	if n > 0 && c.Proof != "" && c.Curve[n-1].Evidence >= m.Evidence {
		return // how it was proven is what matters
	}
	curve := make([]Moment, 0, n+1)
	each := 1
	if n == curveLength {
		each = 2
		c.Spacing *= 2
	}
	for i := 0; i < n; i += each {
		curve = append(curve, c.Curve[i])
	}
	c.Curve = append(curve, m)
}

// round3 rounds to three digits: a curve is looked at, not calculated with.
func round3(f float64) float64 {
	if f == 0 || math.IsInf(f, 0) {
		return f
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(f))))
	return math.Round(f*scale) / scale
}

// Compares says whether a plan compares versions by one thing or another.
func Compares(p plan.Plan) (errors, durations bool) {
	for _, c := range p.Checks {
		if c.Compare != nil {
			errors = errors || c.Compare.Of == plan.Errors
			durations = durations || c.Compare.Of == plan.Duration
		}
	}
	return errors, durations
}
