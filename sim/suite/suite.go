// Package suite measures policies for rollouts in a model world of requests: how
// many bad requests a policy lets a bad release serve, as a multiple of what no
// test can do without, and how many good releases it takes back.
//
// A [Scenario] is a service, its traffic and a release; a [Policy] carries the
// release out, second by second, knowing only what its source of counts shows by
// then. Crossfade's own policy is the one that package ramp decides by; others are
// read from files, so that their readers can correct them. [Measure] plays every
// policy in every scenario many times. The draws of a replication depend on the
// seed, the scenario's name and the number of the replication alone, so all
// policies meet the same traffic, and nothing changes when a scenario is added.
//
// Nothing here was measured on AWS: delays, alarm settings and the shape of
// durations are assumptions, each of them written down where it is made.
package suite

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// A Policy is a way to carry a rollout out, with a name.
type Policy struct {
	Name string
	New  func(*View) Player
}

// Options say what to measure.
type Options struct {
	Scenarios []Scenario
	Policies  []Policy
	Reps      int    // replications of each pair, above 0
	Seed      uint64 // of all draws
	Workers   int    // how many play at the same time; the results are the same
	// Progress, if not nil, is told after each rollout how far it is. Several
	// workers may call it at the same time, and a later call may know less.
	Progress func(Progress)
}

// Progress is how far a measurement is.
type Progress struct {
	Rollouts  int // that were played
	Scenarios int // in which every policy was played as often as it is to be
}

// Rollouts is how many are played.
func (o Options) Rollouts() int { return len(o.Scenarios) * len(o.Policies) * o.Reps }

// A Row is what became of a policy in a scenario. Shares are in [0, 1], times in
// seconds.
type Row struct {
	Scenario Scenario `json:"scenario"`
	Policy   string   `json:"policy"`
	Reps     int      `json:"reps"`
	// Harm is the mean number of bad requests, Error its standard error; then
	// follow the quantiles. Limit is what no test can do without; 0 for a good
	// release.
	Harm     float64 `json:"harm"`
	Error    float64 `json:"error"`
	Low      float64 `json:"low"`
	Median   float64 `json:"median"`
	High     float64 `json:"high"`
	Limit    float64 `json:"limit"`
	Feasible bool    `json:"feasible"`
	// RolledBack, Missed, Held and Finished are shares of the replications: a
	// bad release is missed when a person has to find it.
	RolledBack float64 `json:"rolledBack"`
	Missed     float64 `json:"missed"`
	Held       float64 `json:"held"`
	Finished   float64 `json:"finished"`
	// Upper is the upper end of the 95 % interval of RolledBack (Wilson 1927).
	Upper float64 `json:"upper"`
	// Detected, Top and Done are median times of rolling back, of reaching
	// 95 % of the traffic, and of finishing; 0 when most runs never did.
	Detected float64 `json:"detected"`
	Top      float64 `json:"top"`
	Done     float64 `json:"done"`
	// Harms are the bad requests of replications, in rising order: of a few
	// hundred at most, evenly chosen, and of the worst.
	Harms []float64 `json:"-"`
}

// Ratio is the harm as a multiple of the limit. A mean below a tenth of a request
// counts as a tenth, so that a geometric mean exists.
func (r Row) Ratio() float64 { return max(r.Harm, 0.1) / r.Limit }

// Measure plays every policy in every scenario. Rows come by scenario, then by
// policy, in the order of the options. When the context ends before everything was
// played its error is returned, with the rows of those scenarios that were played
// whole. Only what is being played is kept run by run.
func Measure(ctx context.Context, o Options) ([]Row, error) {
	m := measurement{Options: o, rows: make([]Row, len(o.Scenarios)*len(o.Policies)), open: make([]atomic.Int64, len(o.Scenarios))}
	type cell struct {
		*pair
		rep int
	}
	work := make(chan cell)
	var players sync.WaitGroup
	for range max(1, o.Workers) {
		players.Go(func() {
			var w world
			for c := range work {
				m.play(&w, c.pair, c.rep)
			}
		})
	}
	for s := range o.Scenarios {
		m.open[s].Store(int64(len(o.Policies)))
		for p := 0; p < len(o.Policies) && ctx.Err() == nil; p++ {
			pair := &pair{scenario: s, policy: p, runs: make([]Run, o.Reps)}
			pair.open.Store(int64(o.Reps))
			for rep := 0; rep < o.Reps && ctx.Err() == nil; rep++ {
				work <- cell{pair, rep}
			}
		}
	}
	close(work)
	players.Wait()
	rows := m.rows[:0]
	for s := range o.Scenarios {
		if m.open[s].Load() == 0 {
			rows = append(rows, m.rows[s*len(o.Policies):(s+1)*len(o.Policies)]...)
		}
	}
	if len(rows) < len(m.rows) {
		return rows, ctx.Err()
	}
	return rows, nil
}

// A measurement is one that goes on.
type measurement struct {
	Options
	rows []Row          // of every pair that was played as often as it is to be
	open []atomic.Int64 // by scenario: how many pairs were not
	// played and whole count rollouts and scenarios.
	played, whole atomic.Int64
}

// A pair is a policy in a scenario while it is played.
type pair struct {
	scenario, policy int
	runs             []Run // by replication
	open             atomic.Int64
}

// play plays one replication of a pair, and sums the pair up after the last one.
func (m *measurement) play(w *world, p *pair, rep int) {
	scenario, policy := m.Scenarios[p.scenario], m.Policies[p.policy]
	p.runs[rep] = w.play(scenario, policy.New, m.Seed, rep, nil)
	if p.open.Add(-1) == 0 {
		m.rows[p.scenario*len(m.Policies)+p.policy] = summarize(scenario, policy.Name, p.runs)
		if m.open[p.scenario].Add(-1) == 0 {
			m.whole.Add(1)
		}
	}
	played := m.played.Add(1)
	if m.Progress != nil {
		m.Progress(Progress{Rollouts: int(played), Scenarios: int(m.whole.Load())})
	}
}

// summarize turns runs into a row.
func summarize(sc Scenario, policy string, runs []Run) Row {
	n := float64(len(runs))
	row := Row{Scenario: sc, Policy: policy, Reps: len(runs)}
	row.Limit, row.Feasible = sc.Limit()
	harms := make([]float64, len(runs))
	var detected, top, done []float64
	sum, squares := 0.0, 0.0
	for i, r := range runs {
		harms[i] = r.Harm
		sum += r.Harm
		squares += r.Harm * r.Harm
		never := math.Inf(1)
		detectedAt, topAt, doneAt := never, never, never
		switch r.End {
		case RolledBack:
			row.RolledBack++
			detectedAt = r.EndedAt
		case Finished:
			row.Finished++
			doneAt = r.EndedAt
		case Running:
			row.Held++
		}
		if r.FullHarm {
			row.Missed++
		}
		if r.AtTop > 0 {
			topAt = r.AtTop
		}
		detected, top, done = append(detected, detectedAt), append(top, topAt), append(done, doneAt)
	}
	for _, share := range []*float64{&row.RolledBack, &row.Finished, &row.Held, &row.Missed} {
		*share /= n
	}
	row.Harm = sum / n
	row.Error = math.Sqrt(max(0, squares/n-row.Harm*row.Harm) / n)
	row.Low, row.Median, row.High = quantile(harms, 0.05), quantile(harms, 0.5), quantile(harms, 0.95)
	row.Detected, row.Top, row.Done = finite(quantile(detected, 0.5)), finite(quantile(top, 0.5)), finite(quantile(done, 0.5))
	row.Upper = upper(row.RolledBack, n)
	row.Harms = some(harms)
	return row
}

// some returns a few hundred values of a sorted list, evenly chosen, and its last.
func some(values []float64) []float64 {
	const many = 200
	step := max(1, len(values)/many)
	few := make([]float64, 0, 2*many)
	for i := 0; i < len(values)-1; i += step {
		few = append(few, values[i])
	}
	return append(few, values[len(values)-1])
}

// quantile returns the smallest value with at least a share q of them at or below.
func quantile(values []float64, q float64) float64 {
	slices.Sort(values)
	return values[max(0, int(math.Ceil(q*float64(len(values))))-1)]
}

func finite(x float64) float64 {
	if math.IsInf(x, 0) {
		return 0
	}
	return x
}

// upper and lower are the ends of the 95 % interval of a share of n.
func upper(share, n float64) float64 { return interval(share, n, 1.96) }
func lower(share, n float64) float64 { return interval(share, n, -1.96) }

func interval(share, n, z float64) float64 {
	return (share + z*z/(2*n) + z*math.Sqrt(share*(1-share)/n+z*z/(4*n*n))) / (1 + z*z/n)
}

// A Total is how a policy did in all scenarios.
type Total struct {
	Policy string `json:"policy"`
	// HarmRatio is the geometric mean of harm over limit in the feasible bad
	// scenarios, Bad how many those are, and Missed the mean share missed.
	HarmRatio float64 `json:"harmRatio"`
	Bad       int     `json:"bad"`
	Missed    float64 `json:"missed"`
	// WorstFalse is the largest share of good releases that was taken back in
	// one scenario, WorstUpper the largest upper end of its interval, WorstIn
	// where that was, and Good in how many.
	WorstFalse float64 `json:"worstFalse"`
	WorstUpper float64 `json:"worstUpper"`
	WorstIn    string  `json:"worstIn"`
	Good       int     `json:"good"`
	// Top is the median over good scenarios with ten requests a second or
	// more of the median time to 95 % of the traffic, in seconds.
	Top float64 `json:"top"`
}

// Totals sums rows up by policy, in the order of their first rows.
func Totals(rows []Row) []Total {
	var order []string
	byPolicy := map[string][]Row{}
	for _, r := range rows {
		if byPolicy[r.Policy] == nil {
			order = append(order, r.Policy)
		}
		byPolicy[r.Policy] = append(byPolicy[r.Policy], r)
	}
	totals := make([]Total, len(order))
	for i, policy := range order {
		t := Total{Policy: policy}
		logs := 0.0
		var tops []float64
		for _, r := range byPolicy[policy] {
			switch {
			case r.Feasible:
				logs += math.Log(r.Ratio())
				t.Missed += r.Missed
				t.Bad++
			case r.Scenario.Good():
				t.Good++
				if r.Upper > t.WorstUpper {
					t.WorstFalse, t.WorstUpper, t.WorstIn = r.RolledBack, r.Upper, r.Scenario.Name
				}
				if r.Scenario.Rate >= 10 && r.Top > 0 {
					tops = append(tops, r.Top)
				}
			}
		}
		if t.Bad > 0 {
			t.HarmRatio = math.Exp(logs / float64(t.Bad))
			t.Missed /= float64(t.Bad)
		}
		if len(tops) > 0 {
			t.Top = quantile(tops, 0.5)
		}
		totals[i] = t
	}
	return totals
}
