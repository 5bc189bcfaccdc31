package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Preflight is what is known before anything is changed.
type Preflight struct {
	Targets []Resolved `json:"targets"` // in the plan's order; zero where resolving was a problem
	// Problems are the reasons not to start; none means that it may.
	Problems []Problem `json:"problems,omitempty"`
	// Without are the comparisons that nothing waits for and that cannot be
	// made: the rollout goes without them.
	Without []Problem `json:"without,omitempty"`
}

// Preflight proves everything that can be proven about a plan without changing
// anything: that aliases and machines can be read, are not split and not held
// by another rollout, that alarms exist, are readable and do not fire, that
// metrics, addresses and executions can be read. The error is for when ctx
// ended or the store could not be read; everything else is a Problem.
func (c *Controller) Preflight(ctx context.Context, p plan.Plan, files Files) (Preflight, error) {
	pre := Preflight{Targets: make([]Resolved, len(p.Targets))}
	problem := func(target int, err error, format string, args ...any) {
		pre.Problems = append(pre.Problems, Problem{Target: target, Text: fmt.Sprintf(format, args...), Err: err})
	}
	for i, t := range p.Targets {
		r, err := c.resolve(ctx, t, files)
		if err != nil {
			problem(i, err, "%s: %v", t, err)
			continue
		}
		pre.Targets[i] = r
		if j := slices.IndexFunc(pre.Targets[:i], func(o Resolved) bool { return o.Alias == r.Alias }); j >= 0 {
			problem(i, nil, "%s: the plan names this alias twice", t)
		}
		lease, ok, err := c.cfg.Store.Lease(ctx, r.Alias)
		switch {
		case err != nil:
			return pre, fmt.Errorf("lease of %s: %w", r.Alias, err)
		case ok: // which is why the alias is split, if it is
			leased := &LeasedError{Lease: lease}
			problem(i, leased, "%s: %v", t, leased)
		case r.Exists && r.Now.Canary != "":
			problem(i, nil, "%s: the alias is split already (%s): something else left it so or is at work; crossfade adopt %s finishes or reverts it",
				t, r.Now, t.Arg())
		}
		quarantined, err := c.quarantined(ctx, p, r, r.Version)
		if err != nil {
			return pre, err
		}
		if quarantined != "" {
			problem(i, nil, "%s", quarantined)
		}
		if counter := c.cfg.Counters[t.Kind]; counter != nil && r.Exists {
			if counts, err := c.counts(ctx, counter, r.Alias, r.Now.Stable, c.cfg.Clock.Now()); counts.Problem != "" {
				problem(i, err, "%s: executions of version %s cannot be counted: %s", t, r.Now.Stable, counts.Problem)
			}
		}
	}
	for i, r := range pre.Targets {
		why, err := c.proveComparison(ctx, p, i, r)
		switch {
		case why == "":
		case slices.ContainsFunc(p.Checks, func(check plan.Check) bool { return check.Compare.Binds() }):
			problem(i, err, "%s: %s, which the plan compares", p.Targets[i], why)
		default:
			pre.Without = append(pre.Without, Problem{Target: i, Text: fmt.Sprintf(
				"%s: its versions are not compared: %s; the other checks judge", p.Targets[i], why), Err: err})
		}
	}
	pre.Problems = append(pre.Problems, c.proveChecks(ctx, p)...)
	pre.Problems = append(pre.Problems, c.proveHooks(ctx, p)...)
	return pre, ctx.Err()
}

// quarantined returns why a version is not released: an earlier rollout took it
// back, or another version with the same content, and nothing better is known of
// either since. version is empty as long as its number is not known. The result is
// empty when it may be released.
func (c *Controller) quarantined(ctx context.Context, p plan.Plan, r Resolved, version string) (string, error) {
	if p.AcceptQuarantined || version == "" && r.Content == "" {
		return "", nil
	}
	ledger, err := c.ledger(ctx, r.Alias)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(ledger, func(e LedgerEntry) bool {
		return version != "" && e.Version == version || r.Content != "" && e.Content == r.Content
	})
	if i < 0 || ledger[i].State != rollout.Quarantined {
		return "", nil
	}
	e := ledger[i]
	same := ""
	if e.Version != version {
		same = ", and what is to be released is the same"
	}
	return fmt.Sprintf("%s: %s took version %s back on %s (%s)%s; fix it and publish another one, or --accept-quarantined releases it all the same",
		r.Target, e.Rollout, e.Version, e.At.UTC().Format("2006-01-02 15:04 UTC"), e.Why, same), nil
}

func (c *Controller) resolve(ctx context.Context, t plan.Target, files Files) (Resolved, error) {
	if _, err := c.target(t.Kind); err != nil {
		return Resolved{}, err
	}
	publisher, err := c.publisher(t.Kind)
	if err != nil {
		return Resolved{}, err
	}
	ctx, cancel := c.call(ctx)
	defer cancel()
	return publisher.Resolve(ctx, t, files)
}

// proveChecks looks once at everything that the checks will look at.
func (c *Controller) proveChecks(ctx context.Context, p plan.Plan) []Problem {
	now := c.cfg.Clock.Now()
	h := &held{rec: Record{Plan: p, Status: rollout.Status{Started: now.Add(-5 * time.Minute)}}}
	s := c.gather(ctx, []*held{h})
	series := s.series[h]
	var problems []Problem
	history, hasHistory := c.cfg.Monitor.(AlarmHistory)
	for _, check := range p.Checks {
		var why string
		var err error
		switch {
		case check.Alarm != "":
			why, err = alarmProblem(check, s.alarms[check.Alarm], slices.Contains(p.AcceptAlarms, check.Alarm)), s.alarmsErr
		case check.Metric != nil:
			err = s.seriesErr
			if series[0].Problem != "" {
				why = fmt.Sprintf("metric %s %s cannot be read: %s", check.Metric.Namespace, check.Metric.Metric, series[0].Problem)
			}
			series = series[1:]
		case check.HTTP != nil:
			why = probeProblem(*check.HTTP, c.probe(ctx, *check.HTTP))
		}
		if hasHistory && check.Alarm != "" && why == "" {
			why, err = c.proveHistory(ctx, history, check.Alarm)
			hasHistory = false // the right to read one is the right to read all
		}
		if why != "" {
			problems = append(problems, Problem{Target: -1, Check: check.Name, Text: why, Err: err})
		}
	}
	return problems
}

// proveHistory returns why an alarm's history cannot be read, which is only found
// out otherwise when it matters, and the error that it came from.
func (c *Controller) proveHistory(ctx context.Context, history AlarmHistory, name string) (why string, err error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	if _, _, err := history.Fired(ctx, name, c.cfg.Clock.Now()); err != nil {
		return fmt.Sprintf("the history of alarm %q, which tells whether it fired between two looks, cannot be read: %v", name, err), err
	}
	return "", nil
}

func alarmProblem(check plan.Check, s analysis.AlarmState, accepted bool) string {
	name := check.Alarm
	switch {
	case s.Excuse(check) != "":
		return ""
	case s.Missing:
		return fmt.Sprintf("alarm %q does not exist", name)
	case s.Problem != "":
		return fmt.Sprintf("alarm %q is not readable: %s", name, s.Problem)
	case s.State == "ALARM" && !accepted:
		return fmt.Sprintf("alarm %q is in ALARM already, since %s; --accept-alarm %q counts only new transitions",
			name, s.Since.UTC().Format(time.RFC3339), name)
	default:
		return ""
	}
}

func probeProblem(want plan.HTTPProbe, got analysis.Probe) string {
	switch {
	case got.Problem != "":
		return fmt.Sprintf("%s does not answer: %s", want.URL, got.Problem)
	case got.Status != want.Expect:
		return fmt.Sprintf("%s answers %d, want %d", want.URL, got.Status, want.Expect)
	default:
		return ""
	}
}

// Start proves everything, publishes, and stores a new rollout together with
// the leases of its aliases. The rollout has not moved anything when Start
// returns; [Controller.Reconcile] or a [Process] does that.
//
// ErrRefused lists what forbids the start, ErrLeased names the rollout that is
// already open on an alias, ErrUnchanged means that every alias serves the
// version already. Aliases that serve theirs are left out of a rollout that
// moves others. After any other error nothing was moved either, but a version
// may have been published; the error, an [*UnstartedError], says so.
func (c *Controller) Start(ctx context.Context, p plan.Plan, files Files) (Record, error) {
	pre, err := c.Preflight(ctx, p, files)
	if err != nil {
		return Record{}, fmt.Errorf("%s: preflight: %w", p.Name, err)
	}
	if len(pre.Problems) == 0 {
		pre.Problems = c.proveShifts(ctx, pre.Targets)
	}
	if len(pre.Problems) > 0 {
		return Record{}, &RefusedError{Problems: pre.Problems}
	}
	now := c.cfg.Clock.Now()
	var published, unchanged []string
	var targets []rollout.TargetStatus
	var events []rollout.Event
	moving := p
	moving.Targets = nil
	for i, r := range pre.Targets {
		pub, err := c.publish(ctx, r, files)
		if err != nil {
			return Record{}, &UnstartedError{Publishing: p.Targets[i].String(), Published: published, Err: err}
		}
		if r.Target.Version == "" && pub.Reused { // only now is it known which version that is
			quarantined, err := c.quarantined(ctx, p, r, pub.Canary)
			if err != nil {
				return Record{}, &UnstartedError{Published: published, Err: err}
			}
			if quarantined != "" {
				return Record{}, &UnstartedError{Published: published, Err: &RefusedError{Problems: []Problem{{Target: i, Text: quarantined}}}}
			}
		}
		if r.Target.Version == "" && !pub.Reused {
			published = append(published, p.Targets[i].String()+" "+pub.Canary)
		}
		if r.Exists && r.Now.Stable == pub.Canary {
			unchanged = append(unchanged, p.Targets[i].String()+" serves "+pub.Canary+" already")
			continue
		}
		t := r.Target
		t.Version = pub.Canary
		moving.Targets = append(moving.Targets, t)
		targets = append(targets, rollout.TargetStatus{Alias: r.Alias, Canary: pub.Canary, Content: r.Content, Created: !r.Exists})
		events = append(events, rollout.Event{At: now, Kind: "accepted", Phase: rollout.Pending, By: c.cfg.Owner, Text: accepted(r, pub)})
	}
	if len(targets) == 0 {
		return Record{}, fmt.Errorf("%w: %s", ErrUnchanged, strings.Join(unchanged, "; "))
	}
	for _, w := range pre.Without {
		events = append(events, rollout.Event{At: now, Kind: "without", Phase: rollout.Pending, Text: w.Text})
	}
	for _, u := range unchanged {
		events = append(events, rollout.Event{At: now, Kind: "unchanged", Phase: rollout.Pending, Text: u})
	}
	rec := Record{
		ID: c.cfg.NewID(), Task: Deploy, Plan: moving, Owner: c.cfg.Owner, Created: now,
		Status: rollout.Begin(moving, targets, now),
	}
	if rec, err = c.create(ctx, rec, events); err != nil {
		return Record{}, &UnstartedError{Published: published, Err: err}
	}
	return rec, nil
}

// proveShifts proves, where a target can, that its aliases may be shifted.
func (c *Controller) proveShifts(ctx context.Context, targets []Resolved) []Problem {
	var problems []Problem
	for i, r := range targets {
		target, err := c.target(r.Target.Kind)
		if err != nil || !r.Exists {
			continue
		}
		prover, ok := target.(Prover)
		if !ok {
			continue
		}
		err = c.within(ctx, func(ctx context.Context) error { return prover.Prove(ctx, r.Alias) })
		if err != nil && !errors.Is(err, ErrUnsettled) {
			problems = append(problems, Problem{Target: i, Text: fmt.Sprintf("%s: cannot be shifted: %v", r.Target, err), Err: err})
		}
	}
	return problems
}

func (c *Controller) publish(ctx context.Context, r Resolved, files Files) (Published, error) {
	publisher, err := c.publisher(r.Target.Kind)
	if err != nil {
		return Published{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.PublishTimeout)
	defer cancel()
	return publisher.Publish(ctx, r, files)
}

// create stores a new rollout and holds it.
func (c *Controller) create(ctx context.Context, rec Record, events []rollout.Event) (Record, error) {
	leases, err := c.cfg.Store.Create(ctx, rec, rec.Created.Add(c.cfg.Lease), events)
	if err != nil {
		return Record{}, fmt.Errorf("rollout %s: create: %w", rec.ID, err)
	}
	rec.Revision = 1
	h := c.hold(rec.ID)
	h.mu.Lock()
	h.keep(rec.Clone(), leases, rec.Created)
	h.mu.Unlock()
	c.news.tell(rec.ID)
	return rec, nil
}

// accepted is the first sentence of a rollout's target.
func accepted(r Resolved, pub Published) string {
	var b strings.Builder
	b.WriteString(r.Target.String())
	switch {
	case !r.Exists:
		fmt.Fprintf(&b, ": the alias does not exist; it is created with all traffic on %s", pub.Canary)
	default:
		fmt.Fprintf(&b, " %s → %s", r.Now.Stable, pub.Canary)
	}
	switch {
	case r.Target.Version != "":
	case pub.Reused:
		fmt.Fprintf(&b, "; nothing changed since %s was published", pub.Canary)
	case r.Upload:
		fmt.Fprintf(&b, "; published from %s%s", r.Target.Definition, r.Target.Code)
	default:
		fmt.Fprintf(&b, "; published as %s", pub.Canary)
	}
	return b.String()
}
