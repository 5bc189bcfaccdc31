package sim

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/analysis/evidence"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
)

// traffic is what the callers of an alias met, request by request. Worlds have it
// whose plans compare versions.
type traffic struct {
	s         *service
	rand      *rand.Rand // its own: how often it is looked at changes nothing else
	perSecond float64
	usual     behaviour            // of every version without its own
	own       map[string]behaviour // by version

	incidentFrom, incidentTo time.Duration // when most requests fail, whichever version serves them; since the epoch
	clustered                bool          // failures of all versions come together

	source  analysis.Source // without what depends on the durations
	seconds [][]request     // by when they began, since the epoch
}

// behaviour is how a version does.
type behaviour struct {
	fails  float64 // share of requests that end badly
	slower float64 // factor on durations
	hangs  float64 // share of requests that take a minute
}

// worse says whether b does worse than another one by anything that is compared.
func (b behaviour) worse(than behaviour) bool {
	return b.fails > than.fails || b.slower > than.slower || b.hangs > than.hangs
}

// A request began at a time since the epoch.
type request struct {
	version     string
	began, took time.Duration
	failed      bool
}

// Sources, as the monitors have them.
var (
	listed  = analysis.Source{Width: time.Second, Delay: 2 * time.Second, Name: "a list of executions"}
	logged  = analysis.Source{Width: time.Second, Delay: 6 * time.Second, Name: "a log"}
	metered = analysis.Source{Width: time.Minute, Delay: 2 * time.Minute, Name: "metrics by the minute"}
)

func (w *world) drawTraffic(s *service, seed uint64) *traffic {
	t := &traffic{s: s, rand: rand.New(rand.NewPCG(seed, 0xbf58476d1ce4e5b9)), own: map[string]behaviour{}, source: listed}
	if s.kind == plan.Lambda {
		t.source = pick(t.rand, logged, logged, metered)
	}
	t.perSecond = pick(t.rand, 0, 5, 20, 20, 40.0)
	t.usual = behaviour{fails: pick(t.rand, 0, 0.02, 0.2), slower: 1, hangs: pick(t.rand, 0, 0, 0.002)}
	b := t.usual
	switch t.rand.IntN(8) {
	case 0:
		b.fails += 0.05
	case 1:
		b.fails += 0.5
	case 2:
		b.slower = 4
	case 3:
		b.fails /= 2
	}
	t.own["6"] = b
	if t.rand.IntN(3) == 0 {
		t.incidentFrom = time.Duration(t.rand.Int64N(int64(kindTime)))
		t.incidentTo = t.incidentFrom + 10*time.Second + time.Duration(t.rand.Int64N(int64(2*time.Minute)))
	}
	t.clustered = t.rand.IntN(3) == 0
	return t
}

// of is how a version does.
func (t *traffic) of(version string) behaviour {
	if b, ok := t.own[version]; ok {
		return b
	}
	return t.usual
}

// serve lets requests come until now, in whole seconds.
func (t *traffic) serve() {
	for n := int(t.s.w.now.Sub(epoch) / time.Second); len(t.seconds) < n; {
		t.seconds = append(t.seconds, t.second(time.Duration(len(t.seconds))*time.Second))
	}
}

// second draws what callers meet in a second. An alias may serve by what was
// written before, as long as it may be read so.
func (t *traffic) second(from time.Duration) []request {
	if t.s.gone || t.perSecond == 0 {
		return nil
	}
	fails := 0.0 // whichever version serves
	if t.clustered && t.rand.IntN(10) == 0 {
		fails = 0.3
	}
	if from >= t.incidentFrom && from < t.incidentTo {
		fails = 0.5
	}
	list := make([]request, t.poisson(t.perSecond))
	for i := range list {
		began := from + time.Duration(t.rand.Int64N(int64(time.Second)))
		at := epoch.Add(began)
		if lag := t.s.w.faults.lag; lag > 0 {
			at = at.Add(-time.Duration(t.rand.Int64N(int64(lag))))
		}
		r := t.s.at(at)
		version := r.Stable
		if t.rand.Float64()*float64(plan.Full) < float64(r.Share(r.Canary)) && r.Canary != "" {
			version = r.Canary
		}
		list[i] = t.meet(version, fails)
		list[i].began = began
	}
	return list
}

// meet draws what a request comes to.
func (t *traffic) meet(version string, fails float64) request {
	b := t.of(version)
	r := request{version: version, took: t.duration(b)}
	if t.rand.Float64() < max(b.fails, fails) {
		r.failed, r.took = true, r.took/3 // failing is fast
	}
	return r
}

func (t *traffic) duration(b behaviour) time.Duration {
	if t.rand.Float64() < b.hangs {
		return time.Minute
	}
	return time.Duration(300 * b.slower * math.Exp(t.rand.NormFloat64()/2) * float64(time.Millisecond))
}

// poisson draws how many there are of what comes at random.
func (t *traffic) poisson(mean float64) int {
	if mean > 100 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*t.rand.NormFloat64())))
	}
	n := 0
	for p := t.rand.Float64(); p > math.Exp(-mean); n++ {
		p *= t.rand.Float64()
	}
	return n
}

// served is how many requests a version has had.
func (t *traffic) served(version string) int {
	t.serve()
	n := 0
	for _, second := range t.seconds {
		for _, r := range second {
			if r.version == version {
				n++
			}
		}
	}
	return n
}

// Of a history there are so many parts of so many seconds, and so many durations
// are read.
const (
	historyParts  = 120
	historyPart   = 30
	historySample = 300
)

// history is what a version did in the hour before everything.
func (t *traffic) history(version string) analysis.History {
	h := analysis.History{Source: t.source, Seconds: historyParts * historyPart}
	b := t.of(version)
	for range historyParts {
		n := t.poisson(t.perSecond * historyPart)
		failed := min(n, t.poisson(float64(n)*b.fails))
		h.Outcomes.Add(evidence.Outcomes{Requests: n, Failed: failed})
		h.Failures = append(h.Failures, failed)
	}
	h.Timed = min(h.Outcomes.Requests, historySample)
	durations := make([]float64, h.Timed)
	for i := range durations {
		durations[i] = t.meet(version, 0).took.Seconds()
	}
	horizon := time.Minute
	if thresholds, ok := evidence.Thresholds(durations, evidence.Quantiles[:]...); ok {
		h.Thresholds = thresholds
		slowest := time.Duration(thresholds[len(thresholds)-1] * float64(time.Second))
		horizon = max(5*time.Second, 2*slowest)
		h.Source.Delay += min(slowest, horizon)
	}
	if h.Source.Width == time.Second {
		h.Source.Horizon = horizon
	}
	return h
}

// final counts a version's requests in the stretches of a query that cannot change
// any more, seen at a time by who asks. Requests have the service's times.
func (t *traffic) final(q controller.StretchQuery, seen time.Time) []evidence.Outcomes {
	t.serve()
	width := q.Source.Width
	first := q.Epoch.Add(time.Duration(q.From) * width)
	n := int(seen.Add(-t.source.Delay).Sub(first) / width)
	var list []evidence.Outcomes
	for i := range max(0, n) {
		from := first.Add(time.Duration(i) * width)
		o, ok := t.stretch(q, from, from.Add(width), seen)
		if !ok {
			break
		}
		list = append(list, o)
	}
	return list
}

// stretch counts what began in [from, to); false when some of it may still change.
func (t *traffic) stretch(q controller.StretchQuery, from, to, seen time.Time) (o evidence.Outcomes, ok bool) {
	var durations, ages []float64
	now := t.s.w.now.Sub(epoch)
	for second := max(0, int(from.Sub(epoch)/time.Second)); second < len(t.seconds) && epoch.Add(time.Duration(second)*time.Second).Before(to); second++ {
		for _, r := range t.seconds[second] {
			began := epoch.Add(r.began)
			if r.version != q.Version || began.Before(from) || !began.Before(to) {
				continue
			}
			o.Requests++
			switch age := seen.Sub(began); {
			case r.began+r.took <= now || q.Source.Horizon == 0:
				durations = append(durations, r.took.Seconds())
				if r.failed && (q.Source.Horizon == 0 || r.took <= q.Source.Horizon) {
					o.Failed++
				}
			case age <= q.Source.Horizon:
				return o, false
			default:
				ages = append(ages, age.Seconds())
			}
		}
	}
	if len(q.Thresholds) == 0 {
		return o, true
	}
	timed, ok := evidence.Time(q.Thresholds, durations, ages)
	o.Timed, o.Slower = timed.Timed, timed.Slower
	return o, ok
}

// History tells what a version did before.
func (a adapters) History(_ context.Context, q controller.HistoryQuery) (h analysis.History, err error) {
	err = a.call("past", false, func() error {
		s, err := a.w.find(q.Alias)
		if err == nil {
			h = s.traffic.history(q.Version)
		}
		return err
	})
	return h, err
}

// Stretches counts what a version did, sometimes of fewer stretches than there are.
func (a adapters) Stretches(_ context.Context, q controller.StretchQuery) (list []evidence.Outcomes, err error) {
	err = a.call("stretches", false, func() error {
		s, err := a.w.find(q.Alias)
		if err != nil {
			return err
		}
		if list = s.traffic.final(q, a.w.clock()); len(list) > 0 && a.w.chance(a.w.faults.partial) {
			list = list[:a.w.rand.IntN(len(list))]
		}
		return nil
	})
	if err != nil {
		list = nil // an answer that never came brought nothing
	}
	if a.by.untold == nil {
		a.by.untold = make(map[string]bool)
	}
	a.by.untold[q.Alias] = err != nil
	return list, err
}
