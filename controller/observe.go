package controller

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// signals are what was asked about for several rollouts at once.
type signals struct {
	alarms map[string]analysis.AlarmState
	series map[*held][]analysis.Series // in the order of metricChecks
	// alarmsErr and seriesErr say why none of them could be read.
	alarmsErr, seriesErr error
	// ordered has the rollouts for which there are orders; nil when each has to
	// ask for its own.
	ordered map[string]bool
}

// gather reads the alarms and metrics of several rollouts, each alarm once, and
// which of them have orders. Whatever cannot be read has a Problem.
func (c *Controller) gather(ctx context.Context, rollouts []*held) signals {
	s := signals{series: make(map[*held][]analysis.Series)}
	if len(rollouts) > 1 {
		if ids, err := c.cfg.Store.Ordered(ctx); err == nil {
			s.ordered = make(map[string]bool, len(ids))
			for _, id := range ids {
				s.ordered[id] = true
			}
		}
	}
	names := make(map[string]bool)
	var queries []MetricQuery
	for _, h := range rollouts {
		if h.rec.Status.Phase == rollout.RollingBack {
			continue // nothing is judged any more, and nothing may hold it up
		}
		for _, check := range h.rec.Plan.Checks {
			switch {
			case check.Alarm != "":
				names[check.Alarm] = true
			case check.Metric != nil:
				queries = append(queries, MetricQuery{Limit: *check.Metric, Since: h.rec.Status.Started})
			}
		}
	}
	if len(names) > 0 {
		s.alarms, s.alarmsErr = c.alarms(ctx, slices.Sorted(maps.Keys(names)))
	}
	if len(queries) > 0 {
		series, err := c.series(ctx, queries)
		s.seriesErr = err
		for _, h := range rollouts {
			if h.rec.Status.Phase != rollout.RollingBack {
				n := len(metricChecks(h.rec.Plan))
				s.series[h], series = series[:n:n], series[n:]
			}
		}
	}
	return s
}

// metricChecks are the plan's checks that limit a metric, in their order.
func metricChecks(p plan.Plan) []plan.Check {
	var checks []plan.Check
	for _, check := range p.Checks {
		if check.Metric != nil {
			checks = append(checks, check)
		}
	}
	return checks
}

// alarms reads alarms; there is an entry for each name, also after an error.
func (c *Controller) alarms(ctx context.Context, names []string) (map[string]analysis.AlarmState, error) {
	problem := "nothing here can read alarms"
	var states map[string]analysis.AlarmState
	var err error
	if c.cfg.Monitor != nil {
		ctx, cancel := c.call(ctx)
		defer cancel()
		if states, err = c.cfg.Monitor.Alarms(ctx, names); err != nil {
			problem = err.Error()
		} else {
			problem = "the monitor said nothing about it"
		}
	}
	full := make(map[string]analysis.AlarmState, len(names))
	for _, name := range names {
		state, ok := states[name]
		if !ok {
			state = analysis.AlarmState{Problem: problem}
		}
		full[name] = state
	}
	return full, err
}

// series reads metrics; there is an entry for each query, also after an error.
func (c *Controller) series(ctx context.Context, queries []MetricQuery) ([]analysis.Series, error) {
	problem := "nothing here can read metrics"
	var err error
	if c.cfg.Metrics != nil {
		ctx, cancel := c.call(ctx)
		defer cancel()
		var series []analysis.Series
		series, err = c.cfg.Metrics.Series(ctx, queries, c.cfg.Clock.Now())
		if err == nil && len(series) == len(queries) {
			return series, nil
		}
		problem = "the monitor did not answer for every metric"
		if err != nil {
			problem = err.Error()
		}
	}
	return slices.Repeat([]analysis.Series{{Problem: problem}}, len(queries)), err
}

// observe looks at everything that the rollout's plan names, or while traffic is
// taken back, at the aliases only.
func (c *Controller) observe(ctx context.Context, h *held, s signals) rollout.World {
	p := h.rec.Plan
	w := rollout.World{
		Targets: make([]rollout.SeenTarget, len(p.Targets)),
		Alarms:  make(map[string]analysis.AlarmState),
		Metrics: make(map[string]analysis.Series),
		Probes:  make(map[string]analysis.Probe),
	}
	for i := range p.Targets {
		w.Targets[i] = c.observeTarget(ctx, h, i)
	}
	w.Answers = c.answers(ctx, h)
	if h.rec.Status.Phase == rollout.RollingBack {
		return w
	}
	series := s.series[h]
	for _, check := range p.Checks {
		switch {
		case check.Alarm != "":
			w.Alarms[check.Alarm] = c.recall(ctx, h, check.Alarm, s.alarms[check.Alarm])
		case check.Metric != nil:
			w.Metrics[check.Name], series = series[0], series[1:]
		case check.HTTP != nil:
			w.Probes[check.Name] = c.probe(ctx, *check.HTTP)
		}
	}
	return w
}

// A recollection is what the history of an alarm said about the time between two
// of its changes.
type recollection struct{ since, until, fired time.Time }

// recall finds out whether an alarm that does not fire did so since the rollout
// last knew it: then its last change is newer.
func (c *Controller) recall(ctx context.Context, h *held, name string, a analysis.AlarmState) analysis.AlarmState {
	history, ok := c.cfg.Monitor.(AlarmHistory)
	since, known := h.rec.Status.Accepted[name]
	if !ok || !known || a.State == "" || a.State == "ALARM" || a.Problem != "" || !a.Since.After(since) {
		return a
	}
	if r := h.recalled[name]; r.since.Equal(since) && r.until.Equal(a.Since) {
		a.Fired = r.fired
		return a
	}
	ctx, cancel := c.call(ctx)
	defer cancel()
	fired, complete, err := history.Fired(ctx, name, since)
	if err != nil {
		a.Problem = "its history cannot be read: " + err.Error()
		return a
	}
	if complete {
		if h.recalled == nil {
			h.recalled = make(map[string]recollection)
		}
		h.recalled[name] = recollection{since: since, until: a.Since, fired: fired}
	}
	a.Fired = fired
	return a
}

func (c *Controller) probe(ctx context.Context, p plan.HTTPProbe) analysis.Probe {
	if c.cfg.Prober == nil {
		return analysis.Probe{At: c.cfg.Clock.Now(), Problem: "nothing here can ask addresses"}
	}
	ctx, cancel := c.call(ctx)
	defer cancel()
	return c.cfg.Prober.Probe(ctx, p)
}

func (c *Controller) observeTarget(ctx context.Context, h *held, i int) rollout.SeenTarget {
	ts := h.rec.Status.Targets[i]
	seen := rollout.SeenTarget{ShiftProblem: h.trouble[i].text}
	routing, err := c.routing(ctx, h, i)
	switch {
	case errors.Is(err, ErrNotFound):
		seen.Gone = true
		return seen
	case err != nil:
		seen.Problem = err.Error()
	default:
		seen.Routing = routing
	}
	if counter := c.cfg.Counters[h.rec.Plan.Targets[i].Kind]; counter != nil && ts.Stable != "" && h.rec.Status.Phase != rollout.RollingBack {
		seen.Canary, _ = c.counts(ctx, counter, ts.Alias, ts.Canary, h.rec.Status.Started)
		h.running[i] = seen.Canary.Running
		if ts.Stable != ts.Canary {
			seen.Stable, _ = c.counts(ctx, counter, ts.Alias, ts.Stable, h.rec.Status.Started)
		}
	}
	c.compare(ctx, h, i, &seen)
	return seen
}

// routing reads what an alias does. An alias that is to be created for this
// rollout, and is not there yet, is created: that was decided and saved when the
// rollout was accepted.
func (c *Controller) routing(ctx context.Context, h *held, i int) (rollout.Routing, error) {
	kind, ts := h.rec.Plan.Targets[i].Kind, h.rec.Status.Targets[i]
	target, err := c.target(kind)
	if err != nil {
		return rollout.Routing{}, err
	}
	read := func() (rollout.Routing, error) {
		ctx, cancel := c.call(ctx)
		defer cancel()
		return target.Routing(ctx, ts.Alias)
	}
	routing, err := read()
	if !errors.Is(err, ErrNotFound) || !ts.Created || !ts.SeenAt.IsZero() && ts.Seen.Stable != "" {
		return routing, err
	}
	publisher, err := c.publisher(kind)
	if err != nil {
		return rollout.Routing{}, err
	}
	err = c.within(ctx, func(ctx context.Context) error { return publisher.CreateAlias(ctx, ts.Alias, ts.Canary) })
	if err != nil {
		// That it is not there is expected; that it cannot be created is the problem.
		return rollout.Routing{}, errors.New("create: " + err.Error())
	}
	return read()
}

// counts reads what came of a version's requests. Why that was not possible is also
// in the counts.
func (c *Controller) counts(ctx context.Context, counter Counter, alias, version string, from time.Time) (*analysis.Counts, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	counts, err := counter.Counts(ctx, alias, version, from)
	if err != nil {
		counts = analysis.Counts{Problem: err.Error()}
	}
	counts.Version = version
	return &counts, err
}
