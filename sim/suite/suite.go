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
	// Progress, if not nil, is told after each replication how many are done.
	// Several workers may call it at the same time.
	Progress func(done int)
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
	// Harms are the bad requests of each replication, in rising order.
	Harms []float64 `json:"-"`
}

// Ratio is the harm as a multiple of the limit. A mean below a tenth of a request
// counts as a tenth, so that a geometric mean exists.
func (r Row) Ratio() float64 { return max(r.Harm, 0.1) / r.Limit }

// Measure plays every policy in every scenario. Rows come by scenario, then by
// policy, in the order of the options. The error is that of a context that ended
// before everything was played.
func Measure(ctx context.Context, o Options) ([]Row, error) {
	type cell struct{ scenario, policy, rep int }
	work := make(chan cell)
	runs := make([][]Run, len(o.Scenarios)*len(o.Policies))
	for i := range runs {
		runs[i] = make([]Run, o.Reps)
	}
	var players sync.WaitGroup
	var done atomic.Int64
	for range max(1, o.Workers) {
		players.Go(func() {
			var w world
			for c := range work {
				runs[c.scenario*len(o.Policies)+c.policy][c.rep] = w.play(o.Scenarios[c.scenario], o.Policies[c.policy].New, o.Seed, c.rep, nil)
				if n := done.Add(1); o.Progress != nil {
					o.Progress(int(n))
				}
			}
		})
	}
	for s := range o.Scenarios {
		for p := range o.Policies {
			for rep := 0; rep < o.Reps && ctx.Err() == nil; rep++ {
				work <- cell{s, p, rep}
			}
		}
	}
	close(work)
	players.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows := make([]Row, 0, len(runs))
	for s, sc := range o.Scenarios {
		for p, policy := range o.Policies {
			rows = append(rows, summarize(sc, policy.Name, runs[s*len(o.Policies)+p]))
		}
	}
	return rows, nil
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
	row.Harms = harms
	row.Low, row.Median, row.High = quantile(harms, 0.05), quantile(harms, 0.5), quantile(harms, 0.95)
	row.Detected, row.Top, row.Done = finite(quantile(detected, 0.5)), finite(quantile(top, 0.5)), finite(quantile(done, 0.5))
	row.Upper = upper(row.RolledBack, n)
	return row
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
