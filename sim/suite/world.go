package suite

import (
	"math"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
)

// An End is how a policy ended a rollout.
type End int

// The ends. A rollout that still runs at the horizon is held.
const (
	Running End = iota
	Finished
	RolledBack
)

// A Move is what a policy wants at a time.
type Move struct {
	Share float64 // of the traffic in [0, 1]
	End   End
}

// A Player plays one rollout. Step is called every second and may look at what is
// visible by then.
type Player interface{ Step(v *View) Move }

// A Run is what became of one rollout.
type Run struct {
	Harm     float64 // bad requests that the old version would have served well
	End      End
	EndedAt  float64 // seconds
	AtTop    float64 // when 95 % of the traffic were there, 0 for never
	FullHarm bool    // a bad release was there until a person found it
}

// second is what one version did in one second.
type second struct {
	n, failed int
	slower    [3]int
	visible   int  // from when near-real-time sources show it
	correct   bool // one more failure turns up afterwards
}

// A View is what a policy may see at a time.
type View struct {
	Now     int // seconds since the start; everything before has happened
	seconds [2][]second
	// phase is the second at which the first whole minute begins, late how
	// much later than its end each minute is visible, by side.
	phase int
	late  [2][]int
	// evaluated is the second of each minute at which alarms are evaluated.
	evaluated int
	History   evidence.Outcomes
	// HistorySeconds is how long the history is; Failures are those in its
	// equal parts, in order.
	HistorySeconds float64
	Failures       []int
	// Settle is how many seconds the alias takes at most.
	Settle int
}

// outcomes turns a second into counts.
func (s *second) outcomes() evidence.Outcomes {
	return evidence.Outcomes{Requests: s.n, Failed: s.failed, Timed: s.n, Slower: s.slower[:]}
}

// early are the counts as they are first seen.
func (s *second) early() evidence.Outcomes {
	o := s.outcomes()
	if s.correct {
		o.Requests--
		o.Failed--
	}
	return o
}

// Window sums what one side did in [from, to), when all of it is visible after lag
// seconds.
func (v *View) Window(side evidence.Side, from, to, lag int) (sum evidence.Outcomes) {
	sum.Slower = make([]int, 3)
	for t := max(0, from); t < min(to, v.Now-lag, len(v.seconds[side])); t++ {
		s := &v.seconds[side][t]
		sum.Requests += s.n
		sum.Failed += s.failed
		sum.Timed += s.n
		for j := range s.slower {
			sum.Slower[j] += s.slower[j]
		}
	}
	return sum
}

// Minute returns what one side did in an aligned minute; ok is false when CloudWatch
// does not show it yet, or has no datapoint because there were no requests.
func (v *View) Minute(side evidence.Side, minute int) (o evidence.Outcomes, ok bool) {
	from := v.phase + 60*(minute-1)
	if !v.shows(side, minute) {
		return o, false
	}
	o = v.Window(side, from, from+60, 0)
	return o, o.Requests > 0
}

// shows tells whether CloudWatch shows an aligned minute by now, if it has data.
func (v *View) shows(side evidence.Side, minute int) bool {
	return minute >= 0 && minute < len(v.late[side]) && v.Now >= v.phase+60*minute+v.late[side][minute]
}

// LastMinute is the number of the newest minute that has ended.
func (v *View) LastMinute() int { return (v.Now-v.phase)/60 + boolInt(v.Now >= v.phase) - 1 }

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The parts of the history.
const (
	historySeconds = 3600
	historyParts   = 720
)

// world is a scenario as it goes on. It can be played again and again; nothing is
// left but the memory that it takes.
type world struct {
	sc               Scenario
	view             View
	outcomes, delays *stream
	orders           []order
	share            float64
}

// begin brings the world to the start of a replication, of which it returns the
// traffic and its draws.
func (w *world) begin(sc Scenario, seed uint64, rep int) (traffic, *stream) {
	base := mix(seed) ^ hash(sc.Name) ^ mix(uint64(rep)+0x51ed)
	arrivals := newStream(base)
	used := w.view
	*w = world{sc: sc, outcomes: newStream(base + 1), delays: newStream(base + 2), orders: w.orders[:0]}
	course := newTraffic(sc, arrivals)
	w.view = View{
		phase: w.delays.below(60), HistorySeconds: historySeconds, Settle: actuation + sc.Jitter, evaluated: newStream(base + 3).below(60),
		Failures: used.Failures[:0],
	}
	v := &w.view
	for side := range v.seconds {
		v.seconds[side], v.late[side] = used.seconds[side][:0], used.late[side][:0]
		for range horizon/60 + 2 {
			v.late[side] = append(v.late[side], w.delays.below(121))
		}
	}
	for range historyParts {
		n := arrivals.poisson(sc.Rate * historySeconds / historyParts) // of a trace its mean
		failed := failures(w.outcomes, n, sc.Base, sc.Cluster)
		v.History.Requests += n
		v.History.Failed += failed
		v.Failures = append(v.Failures, failed)
	}
	return course, arrivals
}

// play lets a policy carry out a rollout in a scenario. watch, if not nil, is told
// for each second the share of the traffic and the harm until then.
func (w *world) play(sc Scenario, newPlayer func(*View) Player, seed uint64, rep int, watch func(second int, share, harm float64)) Run {
	traffic, arrivals := w.begin(sc, seed, rep)
	player := newPlayer(&w.view)
	run := Run{}
	for t := 0; t < horizon; t++ {
		share := w.inForce(t)
		if share >= 0.95-1e-9 && run.AtTop == 0 {
			run.AtTop = float64(t)
		}
		if run.End == RolledBack && share == 0 {
			return run
		}
		run.Harm += w.tick(t, share, traffic.requests(t, arrivals))
		if watch != nil {
			watch(t, share, run.Harm)
		}
		if run.End != Running {
			if run.End == Finished && share == 1 {
				if !sc.Good() {
					run.FullHarm = true
					run.Harm += w.rest(t + 1)
				}
				return run
			}
			continue
		}
		w.view.Now = t + 1
		move := player.Step(&w.view)
		run.End = move.End
		if move.End != Running {
			run.EndedAt = float64(w.view.Now)
		}
		w.ask(w.view.Now, move)
	}
	run.FullHarm = !sc.Good() && run.End == Running
	return run
}

// An order takes effect at a time.
type order struct {
	at    int
	share float64
}

// ask brings the alias to a share after its delay. Orders do not overtake.
func (w *world) ask(now int, m Move) {
	share := m.Share
	switch m.End {
	case Finished:
		share = 1
	case RolledBack:
		share = 0
	case Running:
	}
	last := w.share
	if n := len(w.orders); n > 0 {
		last = w.orders[n-1].share
	}
	if share == last {
		return
	}
	at := now + actuation
	if w.sc.Jitter > 0 {
		at += w.delays.below(w.sc.Jitter + 1)
	}
	if n := len(w.orders); n > 0 {
		at = max(at, w.orders[n-1].at)
	}
	w.orders = append(w.orders, order{at, share})
}

// inForce is the share at a time.
func (w *world) inForce(t int) float64 {
	for len(w.orders) > 0 && w.orders[0].at <= t {
		w.share = w.orders[0].share
		w.orders = w.orders[1:]
	}
	return w.share
}

// tick lets n requests happen in a second and returns the harm that they took.
func (w *world) tick(t int, share float64, n int) (harm float64) {
	canary := w.outcomes.binomial(n, share)
	p, q := w.sc.rates(float64(t))
	slow := w.sc.slower(float64(t))
	for side, number := range [2]int{canary, n - canary} {
		s := second{n: number, visible: t + 1 + 1 + w.delays.below(5)}
		fails, beyond := p, slow
		if evidence.Side(side) == evidence.Stable {
			fails = q
			for j, quantile := range evidence.Quantiles {
				beyond[j] = 1 - quantile
			}
		}
		if number > 0 {
			s.failed = failures(w.outcomes, number, fails, w.sc.Cluster)
			left, above := number, 1.0
			for j := range s.slower {
				left = w.outcomes.binomial(left, beyond[j]/above)
				s.slower[j], above = left, beyond[j]
			}
		}
		s.correct = w.sc.Corrected && s.failed > 0 && w.delays.below(10) == 0
		w.view.seconds[side] = append(w.view.seconds[side], s)
		if evidence.Side(side) == evidence.Canary && !w.sc.Good() {
			if w.sc.Slower > 1 {
				normal := 1 - evidence.Quantiles[1]
				harm = float64(w.outcomes.binomial(s.slower[1], max(0, beyond[1]-normal)/beyond[1]))
			} else if p > q {
				harm = float64(w.outcomes.binomial(s.failed, (p-q)/p))
			}
		}
	}
	return harm
}

// rest is the harm from a time to the horizon with all traffic on a bad version.
func (w *world) rest(from int) float64 {
	mean := 0.0
	for t := from; t < horizon; t++ {
		p, q := w.sc.rates(float64(t))
		each := p - q
		if w.sc.Slower > 1 {
			each = w.sc.slower(float64(t))[1] - (1 - evidence.Quantiles[1])
		}
		mean += w.sc.Rate * each
	}
	return float64(w.outcomes.poisson(mean))
}

// failures draws how many of n fail, in clusters of one cause each.
func failures(r *stream, n int, p float64, cluster int) int {
	if cluster <= 1 {
		return r.binomial(n, p)
	}
	return min(n, cluster*r.binomial(n, p/float64(cluster)))
}

// traffic is the course of the rate of requests.
type traffic struct {
	mean   float64
	trace  *Trace
	bursts []bool // by second, nil for steady traffic
	scale  float64
}

func newTraffic(sc Scenario, r *stream) traffic {
	t := traffic{mean: sc.Rate, scale: 1, trace: sc.Trace}
	if !sc.Bursty {
		return t
	}
	t.bursts = make([]bool, horizon)
	for at := r.exponential(60); at < horizon; at += r.exponential(60) {
		for end := at + r.exponential(10); at < end && at < horizon; at++ {
			t.bursts[int(at)] = true
		}
	}
	// On average 10 of 70 seconds have five times the traffic.
	t.scale = 70.0 / (60 + 5*10)
	return t
}

// requests is how many come in a second: as recorded, or drawn.
func (t traffic) requests(second int, r *stream) int {
	if t.trace != nil {
		return t.trace.at(second).requests
	}
	return r.poisson(t.rate(second))
}

func (t traffic) rate(second int) float64 {
	if t.bursts == nil {
		return t.mean
	}
	rate := t.mean * t.scale * (1 + 0.5*math.Sin(2*math.Pi*float64(second)/1800))
	if t.bursts[second] {
		rate *= 5
	}
	return rate
}
