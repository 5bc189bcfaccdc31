package suite

import (
	"fmt"
	"math"
	"strings"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
)

// Of every world.
const (
	horizon   = 3600 // seconds: a bad release that is still there is found by a person then
	actuation = 2    // seconds until an alias follows
	spread    = 0.5  // standard deviation of the logarithm of durations
	deadline  = 300  // seconds in which the limit wants a verdict
)

// A Scenario is a service, its traffic, and a release. Rates of failures are
// probabilities, times are seconds since the rollout started.
type Scenario struct {
	Name string `json:"name"`
	// Rate is the traffic in requests a second, Base the probability that the
	// old version fails.
	Rate float64 `json:"rate"`
	Base float64 `json:"base"`
	// Fault is the probability that the new version fails from Onset on, if it
	// is above Base; Slower is the factor by which it is slower, 1 if not.
	Fault  float64 `json:"fault,omitempty"`
	Slower float64 `json:"slower,omitempty"`
	Onset  float64 `json:"onset,omitempty"`
	// Incident is what is added to both versions' probabilities of failing.
	Incident Incident `json:"incident,omitzero"`
	// Bursty traffic comes in waves and bursts. Cold is a new version whose
	// first requests are slow now and then. Cluster is how many failures come
	// of one cause, 1 or 0 for one.
	Bursty  bool `json:"bursty,omitempty"`
	Cold    bool `json:"cold,omitempty"`
	Cluster int  `json:"cluster,omitempty"`
	// Drift is the factor to which the old and the new version's failures
	// rise slowly over the hour, 0 for none. Jitter is by how many seconds the
	// alias may follow later than usual. Corrected counts change once more
	// after they were said to be final.
	Drift     float64 `json:"drift,omitempty"`
	Jitter    int     `json:"jitter,omitempty"`
	Corrected bool    `json:"corrected,omitempty"`
	// Trace is recorded traffic that is replayed instead of Rate and Base,
	// which are its means; nil for none.
	Trace *Trace `json:"-"`
}

// An Incident hits both versions alike.
type Incident struct {
	From   float64 `json:"from"`
	To     float64 `json:"to"`
	Add    float64 `json:"add"`    // probability
	Period float64 `json:"period"` // of an incident that comes and goes, 0 for one that stays
	Ramped bool    `json:"ramped"` // it grows from nothing
}

// at is what an incident adds at a time.
func (i Incident) at(t float64) float64 {
	switch {
	case i.Add == 0 || t < i.From || t >= i.To:
		return 0
	case i.Period > 0 && math.Mod(t-i.From, i.Period) >= i.Period/2:
		return 0
	case i.Ramped:
		return i.Add * (t - i.From) / (i.To - i.From)
	default:
		return i.Add
	}
}

// Good tells whether the new version is no worse.
func (s Scenario) Good() bool { return s.Fault <= s.Base && s.Slower <= 1 }

// rates are the probabilities of failing of both versions at a time.
func (s Scenario) rates(t float64) (canary, stable float64) {
	stable = s.Base
	if s.Drift > 0 {
		stable *= 1 + (s.Drift-1)*t/horizon
	}
	if s.Trace != nil {
		stable = s.Trace.at(int(t)).failing
	}
	canary = stable
	if s.Fault > s.Base && t >= s.Onset {
		canary = s.Fault
		if s.Trace != nil {
			canary = stable + s.Fault - s.Base
		}
	}
	add := s.Incident.at(t)
	return min(1, canary+add), min(1, stable+add)
}

// slower are the shares of the new version's requests beyond each threshold.
func (s Scenario) slower(t float64) (canary [3]float64) {
	factor := 1.0
	if s.Slower > 1 && t >= s.Onset {
		factor = s.Slower
	}
	for j := range canary {
		canary[j] = beyond(j, factor)
	}
	if s.Cold {
		cold := 0.05 * math.Exp(-t/60)
		for j := range canary {
			canary[j] = (1-cold)*canary[j] + cold*beyond(j, 3*factor)
		}
	}
	return canary
}

// thresholds are where the old version's quantiles lie, in units of the spread of
// the logarithm of its durations.
var thresholds = func() (z [len(evidence.Quantiles)]float64) {
	for j, quantile := range evidence.Quantiles {
		z[j] = math.Sqrt2 * math.Erfinv(2*quantile-1)
	}
	return z
}()

// beyond is the share of requests beyond a threshold when all take longer by a factor.
func beyond(threshold int, factor float64) float64 {
	if factor == 1 {
		return 1 - evidence.Quantiles[threshold]
	}
	z := thresholds[threshold] - math.Log(factor)/spread
	return math.Erfc(z/math.Sqrt2) / 2
}

// Limit returns the least mean harm that any test can have which takes back at
// most one good release of a hundred and misses at most one bad one of a hundred,
// even if it knew all rates: requests of the new version that it needs (Wald
// 1945), times the harm of each, and for a fault that begins when the new version
// has nearly all traffic what happens until counts of it can be seen. It is 0 for
// a good release. feasible tells whether the traffic suffices within five minutes.
func (s Scenario) Limit() (harm float64, feasible bool) {
	if s.Good() {
		return 0, false
	}
	const alpha, miss, delay = 0.01, 0.01, 5
	need, each := 0.0, 0.0
	if s.Slower > 1 {
		shift := math.Log(s.Slower) / spread
		each = beyond(1, s.Slower) - (1 - evidence.Quantiles[1])
		need = ((1-miss)*math.Log((1-miss)/alpha) + miss*math.Log(miss/(1-alpha))) / (shift * shift / 2)
		harm = need * each
	} else {
		each = s.Fault - s.Base
		need, _ = evidence.Limit(s.Fault, s.Base, alpha, miss)
		harm = max(need*each, 1-miss)
	}
	if s.Onset > 0 {
		harm += 0.95 * s.Rate * each * delay
	}
	return harm, need <= s.Rate*(deadline-delay)
}

// Headline are the scenarios by which policies are compared first.
func Headline() []Scenario {
	incident := Incident{From: 180, To: 480, Add: 0.2}
	early := Incident{From: 60, To: 480, Add: 0.2}
	return []Scenario{
		{Name: "H1 total failure", Rate: 100, Base: 0.001, Fault: 1},
		{Name: "H2 +5%", Rate: 100, Base: 0.001, Fault: 0.051},
		{Name: "H3 1% to 2%", Rate: 100, Base: 0.01, Fault: 0.02},
		{Name: "H4 +50%, 1 request a second", Rate: 1, Base: 0.001, Fault: 0.501},
		{Name: "H5 half slower", Rate: 100, Base: 0.001, Slower: 1.5},
		{Name: "H6 +5% from minute 7", Rate: 100, Base: 0.001, Fault: 0.051, Onset: 420},
		{Name: "H7 good, 0.1%", Rate: 100, Base: 0.001},
		{Name: "H7 good, 1%", Rate: 100, Base: 0.01},
		{Name: "H8 good in a shared incident", Rate: 100, Base: 0.001, Incident: incident},
		{Name: "H8 bad in a shared incident", Rate: 100, Base: 0.001, Fault: 0.051, Incident: early},
		{Name: "no traffic", Rate: 0, Base: 0.001},
	}
}

// Null are good releases in all the worlds that mislead: none may be taken back.
func Null() []Scenario {
	var all []Scenario
	for _, base := range []float64{0, 0.001, 0.01, 0.2} {
		for _, rate := range []float64{0.02, 1, 10, 100, 1000} {
			all = append(all, Scenario{Name: fmt.Sprintf("good, %g%%, %g/s", 100*base, rate), Rate: rate, Base: base})
		}
	}
	step := Incident{From: 180, To: 480, Add: 0.2}
	ramped := Incident{From: 60, To: 480, Add: 0.3, Ramped: true}
	waves := Incident{From: 20, To: 900, Add: 0.2, Period: 16}
	for _, rate := range []float64{10, 100, 1000} {
		for _, s := range []Scenario{
			{Name: "bursty", Base: 0.01, Bursty: true},
			{Name: "shared incident", Base: 0.001, Incident: step},
			{Name: "growing incident", Base: 0.001, Incident: ramped},
			{Name: "oscillating incident", Base: 0.001, Incident: waves},
			{Name: "bursty incident", Base: 0.001, Bursty: true, Incident: step},
			{Name: "cold start", Base: 0.001, Cold: true},
			{Name: "clustered", Base: 0.01, Cluster: 3},
			{Name: "drifting", Base: 0.005, Drift: 10},
			{Name: "slow alias", Base: 0.01, Jitter: 5, Incident: waves},
			{Name: "corrected", Base: 0.01, Corrected: true},
		} {
			s.Name, s.Rate = fmt.Sprintf("good, %s, %g/s", s.Name, rate), rate
			all = append(all, s)
		}
	}
	return append(all, Scenario{Name: "good, no traffic", Base: 0.001})
}

// Full is the grid of bad releases that the harm ratio is the mean over, and the
// good ones of [Null].
func Full() []Scenario {
	var all []Scenario
	for _, rate := range []float64{1, 10, 100, 1000} {
		for _, base := range []float64{0, 0.001, 0.01} {
			for _, fault := range []float64{1, base + 0.5, base + 0.05, base + 0.01, 2 * base} {
				if fault > base && !(fault == 2*base && base == 0.01) {
					all = append(all, Scenario{Name: fmt.Sprintf("bad, %.4g%% to %.4g%%, %g/s", 100*base, 100*fault, rate), Rate: rate, Base: base, Fault: fault})
				}
			}
		}
		for _, slower := range []float64{1.5, 2, 3} {
			all = append(all, Scenario{Name: fmt.Sprintf("bad, %g times slower, %g/s", slower, rate), Rate: rate, Base: 0.001, Slower: slower})
		}
		for _, fault := range []float64{1, 0.051} {
			all = append(all, Scenario{Name: fmt.Sprintf("bad, 0.1%% to %g%% from minute 7, %g/s", 100*fault, rate), Rate: rate, Base: 0.001, Fault: fault, Onset: 420})
		}
		all = append(all,
			Scenario{Name: fmt.Sprintf("bad, 3 times slower from minute 7, %g/s", rate), Rate: rate, Base: 0.001, Slower: 3, Onset: 420},
			Scenario{Name: fmt.Sprintf("bad, 0.1%% to 5.1%% in an incident, %g/s", rate), Rate: rate, Base: 0.001, Fault: 0.051, Incident: Incident{From: 60, To: 480, Add: 0.2}})
	}
	return append(all, Null()...)
}

// Scenarios returns those of a suite, "headline", "full" or "null", whose names
// contain a pattern.
func Scenarios(suite, pattern string) ([]Scenario, error) {
	var all []Scenario
	switch suite {
	case "headline":
		all = Headline()
	case "full":
		all = Full()
	case "null":
		all = Null()
	default:
		return nil, fmt.Errorf("suite %q is none of headline, full, null", suite)
	}
	some := Matching(all, pattern)
	if len(some) == 0 {
		names := make([]string, len(all))
		for i, s := range all {
			names[i] = s.Name
		}
		return nil, fmt.Errorf("no scenario of the suite %s has %q in its name; there are %s", suite, pattern, strings.Join(names, ", "))
	}
	return some, nil
}

// Matching are the scenarios with a text in their names, in any case of letters.
func Matching(all []Scenario, pattern string) (some []Scenario) {
	for _, s := range all {
		if strings.Contains(strings.ToLower(s.Name), strings.ToLower(pattern)) {
			some = append(some, s)
		}
	}
	return some
}
