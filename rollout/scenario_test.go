package rollout_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

var update = flag.Bool("update", false, "rewrite the stories in testdata")

// TestScenariosTellTheirStories runs every file of testdata: what happens in the world, then
// ----, then the story that came of it.
//
//	alias orders:prod 7 8             a state machine's alias; lambda for a function's
//	canary 10%/5m                     or linear, exponential, steps, preset, all-at-once, adaptive
//	starts 40s                        so long after a whole minute
//	by-minute orders:prod             what is compared is known minute by minute, two minutes later
//	watch 20m                         an adaptive rollout's, and half of that at the top
//	soak 5m                           also deadline, look, settle, unknown-for, on-…, max-failures
//	alarm errors                      a check; accept errors; it is OK, unless
//	fires errors                      it fires since long, gone-alarm or alarm-quiet
//	compare errors                    or duration; hold-back 5%; on-shared-incident rollback
//	default-checks                    those of a plan that lists none
//	traffic 10 0.1% 5%                requests a second, bad share of the old and new version
//	at 2m alarm errors ALARM          or OK, INSUFFICIENT_DATA, missing, unreadable REASON
//	at 2m flicker errors              it fired and recovered since the last look
//	at 2m edit orders:prod 50%        or a version, or 9@10% (a third version)
//	at 2m order pause alice why       any order
//	at 2m read orders:prod REASON     reading fails; without REASON it works again
//	at 2m write orders:prod REASON    writing fails
//	at 2m delay orders:prod 3s        writes show that much later
//	at 2m gone orders:prod, back orders:prod
//	at 2m clock -1h                   the clock is set
//	at 2m away 10m                    nobody looks for so long
//	at 2m traffic 0 0% 0%
//	hook eachStep check 10m           a hook, with its timeout
//	at 2m answer eachStep failed WHY  the hook answers; pending, or unreadable REASON
//	probe orders:prod                 the new version is tried out twice before traffic
//	at 2m tried orders:prod ERROR     that is done; without ERROR it was good
//	at 2m forget                      who was asked forgets all questions
//	at 2m recount orders:prod         outcomes are counted from here
//	at 2m counts orders:prod REASON   counting fails; feed: only of what is compared
//	until 2h                          stop at the latest
func TestScenariosTellTheirStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			script, want, _ := strings.Cut(string(text), "----\n")
			got, err := play(script)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if *update {
				if err := os.WriteFile(file, []byte(script+"----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: the story is different (-want +got):\n%s", file, diff)
			}
		})
	}
}

var epoch = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// A happening is one line of a script.
type happening struct {
	at   time.Duration
	line string
}

// play runs a script and tells its story.
func play(script string) (string, error) {
	m, happenings, until, err := readScript(script)
	if err != nil {
		return "", err
	}
	var story bytes.Buffer
	status := m.begin()
	start := m.now
	look := start
	for !status.Phase.Ended() && m.now.Sub(start) <= until {
		// The next thing is a happening, a write that becomes visible, or a look.
		next := look
		if len(happenings) > 0 && start.Add(happenings[0].at).Before(next) {
			next = start.Add(happenings[0].at)
		}
		for _, a := range m.aliases {
			if a.showAt.After(m.now) && a.showAt.Before(next) {
				next = a.showAt
			}
		}
		m.pass(max(0, next.Sub(m.now)))
		if len(happenings) > 0 && !start.Add(happenings[0].at).After(m.now) {
			fmt.Fprintf(&story, "%-8s * %s\n", shortTime(m.now.Sub(start)), happenings[0].line)
			away, err := m.happen(happenings[0].line)
			if err != nil {
				return "", err
			}
			happenings = happenings[1:]
			if away > 0 {
				look = m.now.Add(away)
			}
			continue
		}
		if m.now.Before(look) {
			continue
		}
		d := rollout.Decide(m.plan, status, m.world(), m.clock())
		status, m.status = d.Status, d.Status
		m.tell(&story, start, d)
		look = m.now.Add(max(10*time.Millisecond, d.Look.Sub(m.clock())))
	}
	if !status.Phase.Ended() {
		fmt.Fprintf(&story, "%-8s %s\n", shortTime(m.now.Sub(start)), rollout.Sentence(m.plan, status, m.clock()))
	}
	for _, a := range m.aliases {
		fmt.Fprintf(&story, "%s: %s\n", a.name, routingText(a.routing))
	}
	return story.String(), nil
}

// tell writes what one decision brought, and does what it asks for.
func (m *model) tell(story *bytes.Buffer, start time.Time, d rollout.Decision) {
	at := shortTime(m.now.Sub(start))
	for _, e := range d.Events {
		fmt.Fprintf(story, "%-8s %-11s %5s  %-9s %s\n", at, e.Phase, e.Weight, e.Kind, e.Text)
	}
	for _, a := range d.Actions {
		switch a := a.(type) {
		case rollout.Shift:
			repeats := m.aliases[a.Target].lastProblem != ""
			m.act(a)
			if !repeats || m.aliases[a.Target].lastProblem == "" {
				fmt.Fprintf(story, "%-8s → %s: %s\n", at, m.aliases[a.Target].name, routingText(a.To))
			}
		case rollout.Prune:
			fmt.Fprintf(story, "%-8s → %s: prune\n", at, m.aliases[a.Target].name)
		case rollout.Ask:
			if m.ask(a.Call) {
				fmt.Fprintf(story, "%-8s → ask %s\n", at, a.Call.Key)
			}
		}
	}
	for _, n := range d.Notes {
		fmt.Fprintf(story, "%-8s → %s: %s is %s: %s\n", at, m.aliases[n.Target].name, n.Version, n.State, n.Why)
	}
}

func routingText(r rollout.Routing) string {
	switch {
	case r.Canary == "" || r.Weight == 0:
		return r.Stable
	case r.Weight == plan.Full:
		return r.Canary
	default:
		return fmt.Sprintf("%s %s, %s %s", r.Stable, plan.Full-r.Weight, r.Canary, r.Weight)
	}
}

func shortTime(d time.Duration) string {
	return plan.FormatDuration(d.Round(time.Millisecond))
}

// readScript reads the lines before ----.
func readScript(script string) (*model, []happening, time.Duration, error) {
	m := &model{now: epoch, alarms: map[string]analysis.AlarmState{}}
	spec := plan.Spec{NoDefaultChecks: true}
	var happenings []happening
	until := 24 * time.Hour
	onSharedIncident := plan.Hold
	var watch time.Duration
	lines := bufio.NewScanner(strings.NewReader(script))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		f := strings.Fields(rest)
		var err error
		switch word {
		case "alias", "lambda":
			kind := plan.StateMachine
			if word == "lambda" {
				kind = plan.Lambda
			}
			var target plan.Target
			target, err = plan.ParseTarget(kind, f[0])
			spec.Targets = append(spec.Targets, target)
			m.aliases = append(m.aliases, &modelAlias{
				name: f[0], stable: f[1], canary: f[2],
				routing: rollout.Routing{Stable: f[1]}, shown: rollout.Routing{Stable: f[1]},
			})
		case "canary":
			spec.Canary = rest
		case "linear":
			spec.Linear = rest
		case "exponential":
			spec.Exponential = rest
		case "steps":
			spec.Steps = rest
		case "preset":
			spec.Preset = rest
		case "all-at-once":
			spec.AllAtOnce = true
		case "adaptive":
			if spec.Adaptive = rest; rest == "" {
				spec.Adaptive = plan.DefaultBudget
			}
		case "starts":
			var late time.Duration
			late, err = plan.ParseDuration(rest)
			m.now = epoch.Add(late)
		case "watch":
			watch, err = plan.ParseDuration(rest)
		case "compare":
			spec.Compare = append(spec.Compare, rest)
		case "default-checks":
			spec.NoDefaultChecks = false
		case "hold-back":
			spec.HoldBack = rest
		case "on-shared-incident":
			onSharedIncident = plan.Reaction(rest)
		case "soak":
			spec.Soak = rest
		case "deadline":
			spec.Deadline = rest
		case "look":
			spec.Look = rest
		case "settle":
			spec.Settle = rest
		case "unknown-for":
			spec.UnknownFor = rest
		case "on-unhealthy":
			spec.OnUnhealthy = rest
		case "on-unknown":
			spec.OnUnknown = rest
		case "on-drift":
			spec.OnDrift = rest
		case "max-failures":
			spec.MaxFailures = rest
		case "probe":
			spec.Probes = append(spec.Probes, plan.VersionProbe{Target: f[0], Payload: "{}", Expect: `{"ok":true}`, Count: 2, Timeout: time.Minute})
		case "hook":
			h := plan.Hook{Kind: plan.LambdaHook, Name: f[1]}
			h.Timeout, err = plan.ParseDuration(f[2])
			spec.Hooks.Set(plan.Moment(f[0]), &h)
		case "keep":
			n := 0
			_, err = fmt.Sscan(rest, &n)
			spec.KeepVersions = &n
		case "alarm":
			spec.Alarms = append(spec.Alarms, rest)
			m.alarms[rest] = analysis.AlarmState{State: "OK", Since: epoch.Add(-time.Hour)}
		case "accept":
			spec.AcceptAlarms = append(spec.AcceptAlarms, rest)
		case "until":
			until, err = plan.ParseDuration(rest)
		case "at":
			var at time.Duration
			at, err = plan.ParseDuration(f[0])
			happenings = append(happenings, happening{at, strings.Join(f[1:], " ")})
		default: // a happening before the start
			_, err = m.happen(line)
		}
		if err != nil {
			return nil, nil, 0, fmt.Errorf("%q: %w", line, err)
		}
	}
	slices.SortStableFunc(happenings, func(a, b happening) int { return int(a.at - b.at) })
	var err error
	m.plan, err = plan.New(spec)
	m.plan.OnSharedIncident = onSharedIncident
	if watch > 0 {
		m.plan.Strategy.Adaptive.Watch, m.plan.Strategy.Adaptive.AtTop, m.plan.Steps[0].For = watch, watch/2, watch
	}
	return m, happenings, until, err
}

// happen makes something happen. away is how long nobody looks from now on.
func (m *model) happen(line string) (away time.Duration, err error) {
	word, rest, _ := strings.Cut(line, " ")
	first, reason, _ := strings.Cut(rest, " ")
	alias := func() *modelAlias {
		i := slices.IndexFunc(m.aliases, func(a *modelAlias) bool { return a.name == first })
		if i < 0 {
			err = fmt.Errorf("no alias %q", first)
			return &modelAlias{}
		}
		return m.aliases[i]
	}
	switch word {
	case "alarm", "fires", "gone-alarm", "alarm-quiet":
		state := analysis.AlarmState{State: reason, Since: m.clock()}
		if reason == "missing" {
			state = analysis.AlarmState{Missing: true}
		}
		if problem, ok := strings.CutPrefix(reason, "unreadable "); ok {
			state = analysis.AlarmState{Problem: problem}
		}
		switch word {
		case "gone-alarm":
			state = analysis.AlarmState{Missing: true}
		case "alarm-quiet":
			state = analysis.AlarmState{State: "INSUFFICIENT_DATA", Since: m.clock()}
		case "fires":
			state = analysis.AlarmState{State: "ALARM", Since: m.clock().Add(-10 * time.Minute)}
		}
		m.alarms[first] = state
	case "by-minute":
		alias().seconds.byMinute = true
	case "edit":
		a := alias()
		switch third, share, both := strings.Cut(reason, "@"); {
		case both:
			w, problem := plan.ParseWeight(share)
			a.write(m.now, rollout.Routing{Stable: a.stable, Canary: third, Weight: w})
			err = problem
		case strings.HasSuffix(reason, "%"):
			w, problem := plan.ParseWeight(reason)
			a.write(m.now, rollout.Routing{Stable: a.stable, Canary: a.canary, Weight: w})
			err = problem
		default:
			a.write(m.now, rollout.Routing{Stable: reason})
		}
	case "order":
		by, why, _ := strings.Cut(reason, " ")
		m.orders = append(m.orders, rollout.Order{
			Number: int64(len(m.orders) + 1), Kind: rollout.OrderKind(first), By: by, Reason: why, At: m.clock(),
		})
		if len(m.asked) > 0 {
			m.orders[len(m.orders)-1].Call = m.asked[len(m.asked)-1].Key
		}
	case "read":
		alias().unreadable = reason
	case "write":
		alias().writeProblem = reason
	case "delay":
		a := alias()
		a.delay, err = plan.ParseDuration(reason)
	case "gone":
		alias().gone = true
	case "back":
		alias().gone = false
	case "recount":
		a := alias()
		a.canaryN, a.canaryX, a.stableN, a.stableX = 0, 0, 0, 0
	case "counts":
		alias().countsProblem = reason
	case "feed":
		alias().feedProblem = reason
	case "tried":
		trials := []analysis.Trial{{Output: `{"ok":true}`, Took: time.Second}, {Output: `{"ok":true}`, Took: 2 * time.Second}}
		if reason != "" {
			trials[1] = analysis.Trial{Error: reason, Took: time.Second}
		}
		for _, c := range m.asked {
			if c.Moment == plan.Trying && m.plan.Targets[c.Target].String() == first {
				m.answers[c.Key] = rollout.Answer{State: rollout.CallSucceeded, Trials: trials}
			}
		}
	case "flicker":
		m.alarms[first] = analysis.AlarmState{State: "OK", Since: m.clock(), Fired: m.clock().Add(-time.Second)}
	case "answer":
		state, why, _ := strings.Cut(reason, " ")
		a := rollout.Answer{State: rollout.CallState(state), Reason: why}
		if state == "unreadable" {
			a = rollout.Answer{Problem: why}
		}
		m.answer(plan.Moment(first), a)
	case "forget":
		m.answers, m.asked = nil, nil
	case "clock":
		by, sign := first, time.Duration(1)
		if strings.HasPrefix(by, "-") {
			by, sign = by[1:], -1
		}
		var d time.Duration
		d, err = plan.ParseDuration(by)
		m.skew += sign * d
	case "away":
		away, err = plan.ParseDuration(first)
	case "traffic":
		var old, new plan.Weight
		f := strings.Fields(rest)
		old, err = plan.ParseWeight(f[1])
		if err == nil {
			new, err = plan.ParseWeight(f[2])
		}
		for _, a := range m.aliases {
			fmt.Sscan(f[0], &a.perSecond)
			a.badOld, a.badNew = float64(old)/float64(plan.Full), float64(new)/float64(plan.Full)
		}
	default:
		err = fmt.Errorf("nothing happens like %q", line)
	}
	return away, err
}
