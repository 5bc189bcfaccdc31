package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/sim/suite"
)

type simulateOptions struct {
	suite    string
	scenario string
	policies []string
	reps     int
	seed     uint64
	parallel int
	anchors  string
	trace    string
	minutes  bool
	fresh    bool
	alarm    string
	check    string
	strict   bool
	page     string
	out      string
	print    bool
}

func newSimulate(env *Env) *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use:     "simulate [FILE]",
		GroupID: groupTry,
		Short:   "Measure a plan, Crossfade's own policy and other tools' in a model world",
		Long: `Plays thousands of rollouts, good and bad ones, in virtual time, and says how many
bad requests each policy lets through and how many good releases it takes back:
Crossfade's own policy, scripts and services in use, and the plan in FILE. The
deciders are the ones that carry real rollouts out. Nothing is asked of AWS.

A policy is good when "× limit" is low: the bad requests as a multiple of what no
test can do without, if it takes back at most one good release of a hundred and
misses at most one bad one. The same options give the same numbers.

Interrupted, it prints the scenarios that were played whole.

Exit code 0: measured, and with --check every goal was met. 1: a goal was missed, or
it was interrupted.`,
		Example: `  crossfade simulate
  crossfade simulate orders.yaml --scenario H2 --policy Crossfade --html orders.html
  crossfade simulate orders.yaml --trace counts.csv
  crossfade simulate --suite null --replications 5000 --check default --strict
  crossfade simulate --print-anchors > anchors.yaml`,
		Args: args("[FILE]"),
		RunE: func(cmd *cobra.Command, a []string) error { return o.run(cmd, env, first(a)) },
	}
	f := cmd.Flags()
	f.StringVar(&o.suite, "suite", "headline", "`NAME` of the scenarios: headline, full (every fault at every rate) or null (good releases only)")
	f.StringVar(&o.scenario, "scenario", "", "only scenarios with `TEXT` in their name")
	f.StringArrayVar(&o.policies, "policy", nil, "only policies with `TEXT` in their name; may be repeated (default: all in headline, Crossfade's own in full and null)")
	f.IntVarP(&o.reps, "replications", "n", 100, "how many rollouts of each policy in each scenario")
	f.Uint64Var(&o.seed, "seed", 1, "of all draws")
	f.IntVar(&o.parallel, "parallel", runtime.GOMAXPROCS(0), "how many rollouts at a time; the numbers are the same")
	f.StringVar(&o.anchors, "anchors", "", "`FILE` with other tools' policies instead of the ones that come with the program")
	f.BoolVar(&o.print, "print-anchors", false, "print the policies that come with the program, to be corrected, and stop")
	f.StringVar(&o.trace, "trace", "", "replay the traffic of a CSV `FILE` with time, requests, failed")
	f.BoolVar(&o.minutes, "counts-by-minute", false, "the plan's counts come from CloudWatch, up to two minutes late (default for functions without logs)")
	f.BoolVar(&o.fresh, "counts-fresh", false, "the plan's counts come within seconds (default for state machines, and functions with logs)")
	f.StringVar(&o.alarm, "alarm-model", "errors>0 2/2", "what the plan's alarms are: `METRIC>LIMIT M/N`, with errors or rate, of N minutes")
	f.StringVar(&o.check, "check", "", "hold the numbers to the goals in a JSON `FILE`, or to the default ones")
	f.BoolVar(&o.strict, "strict", false, "with --check: the whole interval of false rollbacks must keep the goal; takes thousands of replications")
	f.StringVar(&o.page, "html", "", "also write one page with pictures to `FILE`")
	f.StringVarP(&o.out, "output", "o", "table", "table, csv, json or markdown")
	cmd.MarkFlagsMutuallyExclusive("counts-by-minute", "counts-fresh")
	_ = cmd.RegisterFlagCompletionFunc("suite", cobra.FixedCompletions([]string{"headline", "full", "null"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "csv", "json", "markdown"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o simulateOptions) run(cmd *cobra.Command, env *Env, file string) error {
	if o.print {
		_, err := env.Stdout.Write(suite.AnchorFile())
		return err
	}
	switch {
	case o.reps < 1 || o.reps > 1_000_000:
		return usage(cmd, "--replications %d is not between 1 and 1,000,000", o.reps)
	case o.parallel < 1:
		return usage(cmd, "--parallel %d is not 1 or above", o.parallel)
	case o.out != "table" && o.out != "csv" && o.out != "json" && o.out != "markdown":
		return usage(cmd, "-o %q: want table, csv, json or markdown", o.out)
	case o.strict && o.check == "":
		return usage(cmd, "--strict goes with --check")
	}
	scenarios, err := o.scenarios(cmd)
	if err != nil {
		return err
	}
	policies, err := o.choose(cmd, env, file)
	if err != nil {
		return err
	}
	goals, err := o.goals()
	if err != nil {
		return err
	}
	if err := o.provePage(); err != nil {
		return err
	}
	measured := suite.Options{Scenarios: scenarios, Policies: policies, Reps: o.reps, Seed: o.seed, Workers: o.parallel}
	rows, interrupted := env.measure(cmd.Context(), measured)
	if len(rows) == 0 {
		return interrupted
	}
	b := readBuild()
	report := suite.NewReport(o.suite, strings.TrimSpace("crossfade "+b.Version+" "+b.Commit)+", "+b.Go, measured, rows)
	if goals != nil && interrupted == nil {
		report.Missed = goals.Check(rows, o.strict)
	}
	if err := o.write(env, report); err != nil {
		return err
	}
	if o.page != "" {
		if err := writeFile(o.page, func(w io.Writer) error { return report.WritePage(w, policies) }); err != nil {
			return err
		}
		env.say("pictures: %s", o.page)
	}
	if interrupted != nil {
		return interrupted
	}
	if len(report.Missed) > 0 {
		return &failure{code: ExitError, err: fmt.Errorf("%d of the goals are missed", len(report.Missed)), next: report.Missed}
	}
	if goals != nil {
		env.say("every goal that these scenarios have is met")
	}
	return nil
}

// provePage says before anything is measured, which may take long, that there is no
// place for the page.
func (o simulateOptions) provePage() error {
	if o.page == "" {
		return nil
	}
	if info, err := os.Stat(filepath.Dir(o.page)); err != nil || !info.IsDir() {
		return &failure{code: ExitError, err: fmt.Errorf("--html %s: there is no folder %s", o.page, filepath.Dir(o.page))}
	}
	return nil
}

// scenarios are those that were asked for.
func (o simulateOptions) scenarios(cmd *cobra.Command) ([]suite.Scenario, error) {
	if o.trace == "" {
		some, err := suite.Scenarios(o.suite, o.scenario)
		if err != nil {
			return nil, usage(cmd, "%w", err)
		}
		return some, nil
	}
	if cmd.Flags().Changed("suite") {
		return nil, usage(cmd, "--suite and --trace both say what to play")
	}
	file, err := os.Open(o.trace)
	if err != nil {
		return nil, &failure{code: ExitError, err: err, next: []string{traceHelp}}
	}
	defer func() { _ = file.Close() }()
	trace, err := suite.ReadTrace(o.trace, file)
	if err != nil {
		return nil, &failure{code: ExitError, err: err, next: []string{traceHelp}}
	}
	some := suite.Matching(suite.Replay(trace), o.scenario)
	if len(some) == 0 {
		return nil, usage(cmd, "no scenario of recorded traffic has %q in its name", o.scenario)
	}
	return some, nil
}

// traceHelp says what recorded traffic looks like.
const traceHelp = "--trace takes a CSV file: time,requests,failed in its first line, then such as 2026-03-14T12:00:00Z,5820,6"

// choose returns the policies that were asked for; the plan's is always among them.
func (o simulateOptions) choose(cmd *cobra.Command, env *Env, file string) ([]suite.Policy, error) {
	all := suite.Policies()
	if o.anchors != "" {
		next := []string{"crossfade simulate --print-anchors prints a file that is right"}
		text, err := os.ReadFile(o.anchors)
		if err != nil {
			return nil, &failure{code: ExitError, err: err, next: next}
		}
		anchors, err := suite.ReadAnchors(text)
		if err != nil {
			return nil, &failure{code: ExitError, err: fmt.Errorf("%s: %w", o.anchors, err), next: next}
		}
		all = append(append(suite.Crossfade(), suite.Product()), anchors...)
	}
	wanted := o.policies
	if wanted == nil && o.suite != "headline" {
		wanted = []string{"Crossfade, 1%", "Crossfade, 0.1%"}
	}
	var some []suite.Policy
	if file != "" {
		own, err := o.planned(cmd, env, file)
		if err != nil {
			return nil, err
		}
		some = append(some, own)
	}
	for _, p := range all {
		keep := len(wanted) == 0
		for _, w := range wanted {
			keep = keep || strings.Contains(strings.ToLower(p.Name), strings.ToLower(w))
		}
		if keep {
			some = append(some, p)
		}
	}
	if len(some) == 0 {
		names := make([]string, len(all))
		for i, p := range all {
			names[i] = p.Name
		}
		return nil, &failure{code: ExitUsage, err: fmt.Errorf("%s: no policy has %s in its name", cmd.CommandPath(), strings.Join(wanted, " or ")), next: []string{"there are: " + strings.Join(names, "; ")}}
	}
	return some, nil
}

// planned is the policy of a plan file.
func (o simulateOptions) planned(cmd *cobra.Command, env *Env, file string) (suite.Policy, error) {
	p, _, err := (&planFlags{}).read(cmd, env, file)
	if err != nil {
		return suite.Policy{}, err
	}
	how := suite.DefaultHow(p)
	if o.minutes || o.fresh {
		how.Minutes = o.minutes
	}
	if how.Alarm, err = suite.ParseAlarm(o.alarm); err != nil {
		return suite.Policy{}, usage(cmd, "--alarm-model: %w", err)
	}
	name := filepath.Base(file)
	if file == "-" {
		name = view.Name(p)
	}
	policy, unseen := suite.Planned(name, p, how)
	if len(unseen) > 0 {
		env.say("left away, as the model world has nothing for them: %s", strings.Join(unseen, ", "))
	}
	return policy, nil
}

// goals are those to hold the numbers to; nil for none.
func (o simulateOptions) goals() (*suite.Goals, error) {
	if o.check == "" {
		return nil, nil
	}
	if o.check == "default" {
		g := suite.DefaultGoals()
		return &g, nil
	}
	text, err := os.ReadFile(o.check)
	if err != nil {
		return nil, &failure{code: ExitError, err: err, next: []string{"--check default holds the numbers to the goals that come with the program"}}
	}
	g, err := suite.ReadGoals(text)
	if err != nil {
		return nil, &failure{code: ExitError, err: fmt.Errorf("%s: %w", o.check, err), next: []string{
			`a file of goals is such as {"policies": ["orders.yaml"], "alpha": 0.01, "topSeconds": 900, "harm": {"H1 total failure": 200}}`,
		}}
	}
	return &g, nil
}

// measure measures and says how far it is. When it was interrupted it returns what
// was measured until then, and a failure.
func (env *Env) measure(ctx context.Context, o suite.Options) ([]suite.Row, error) {
	ctx, stop := signal.NotifyContext(ctx, signals...)
	defer stop()
	start := env.Clock.Now()
	line := &progress{env: env, rollouts: o.Rollouts(), scenarios: len(o.Scenarios), start: start, told: start, terminal: env.isTerminal(env.Stderr)}
	if !line.terminal {
		env.say("%s rollouts, %d at a time", view.Count(o.Rollouts()), o.Workers)
	}
	o.Progress = line.tell
	rows, err := suite.Measure(ctx, o)
	line.clear()
	if err != nil {
		after := fmt.Errorf("interrupted after %s; nothing was written", line.far())
		if len(rows) > 0 {
			after = fmt.Errorf("interrupted after %s; what was written is incomplete", line.far())
		}
		return rows, &failure{code: ExitError, err: after}
	}
	env.say("%s rollouts in %s", view.Count(o.Rollouts()), view.Duration(env.Clock.Now().Sub(start)))
	return rows, nil
}

// progress says how far a measurement is: in a line that is redrawn on a terminal,
// and in a line now and then elsewhere.
type progress struct {
	env                 *Env
	rollouts, scenarios int // of all
	start               time.Time
	terminal            bool

	mu   sync.Mutex
	done suite.Progress
	told time.Time
}

// How often progress is told: to eyes, and to a file.
const (
	redrawEvery = 200 * time.Millisecond
	sayEvery    = 15 * time.Second
)

func (p *progress) tell(done suite.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done.Rollouts, p.done.Scenarios = max(p.done.Rollouts, done.Rollouts), max(p.done.Scenarios, done.Scenarios)
	now, every := p.env.Clock.Now(), sayEvery
	if p.terminal {
		every = redrawEvery
	}
	if now.Sub(p.told) < every || p.done.Rollouts == p.rollouts {
		return
	}
	p.told = now
	left := time.Duration(float64(now.Sub(p.start)) * float64(p.rollouts-p.done.Rollouts) / float64(p.done.Rollouts))
	text := fmt.Sprintf("%s, about %s left", p.far(), view.Duration(left.Round(time.Second)))
	if p.terminal {
		fmt.Fprintf(p.env.Stderr, "\r%s\x1b[K", p.env.errStyle().Text(text))
		return
	}
	p.env.say("%s", text)
}

// far is how far it is.
func (p *progress) far() string {
	return fmt.Sprintf("%d of %d scenarios, %s of %s rollouts", p.done.Scenarios, p.scenarios, view.Count(p.done.Rollouts), view.Count(p.rollouts))
}

func (p *progress) clear() {
	if p.terminal {
		fmt.Fprint(p.env.Stderr, "\r\x1b[K")
	}
}

// write prints the report.
func (o simulateOptions) write(env *Env, r suite.Report) error {
	var text bytes.Buffer
	var err error
	switch o.out {
	case "csv":
		err = suite.WriteCSV(&text, r.Rows)
	case "json":
		err = r.WriteJSON(&text)
	case "markdown":
		err = r.WriteMarkdown(&text)
	case "table":
		text.WriteString(strings.Join(reportLines(env.style(), r, env.width()), "\n") + "\n")
	default:
		panic("unknown format " + o.out)
	}
	if err != nil {
		return err
	}
	if _, err := env.Stdout.Write(text.Bytes()); err != nil {
		return err
	}
	if o.out != "table" && o.out != "markdown" {
		env.say("%s", r.Signature())
	}
	return nil
}

// reportLines draw the report in 80 cells, or in as many as the terminal has.
func reportLines(style view.Style, r suite.Report, width int) []string {
	if width == 0 {
		width = 80
	}
	table := func(names []string, rows [][]string) []string {
		for _, cells := range append(rows, names) {
			for i := range cells {
				cells[i] = style.Text(cells[i])
			}
		}
		return style.Table(names, rows, width)
	}
	var lines []string
	for _, group := range r.ByScenario() {
		sc := group[0].Scenario
		what := sc.World()
		if limit := group[0].Limit; limit > 0 {
			what += fmt.Sprintf("; limit %.3g", limit)
		}
		lines = append(lines, style.Strong(style.Text(sc.Name)))
		lines = append(lines, strings.Split(style.Wrap(style.Text(what), width), "\n")...)
		rows := make([][]string, len(group))
		for i, row := range group {
			rows[i] = append([]string{row.Policy}, row.Brief()...)
		}
		lines = append(lines, table(append([]string{"policy"}, sc.BriefNames()...), rows)...)
		lines = append(lines, "")
	}
	rows := make([][]string, len(r.Totals))
	for i, t := range r.Totals {
		rows[i] = append([]string{t.Policy}, t.Cells()...)
	}
	lines = append(lines, style.Strong("All together"))
	lines = append(lines, table(append([]string{"policy"}, suite.TotalNames()...), rows)...)
	return append(lines, "", style.Faint(style.Fit(style.Text(r.Signature()), width)))
}

// writeFile writes a file whole.
func writeFile(name string, write func(io.Writer) error) error {
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	return os.WriteFile(name, text.Bytes(), 0o644)
}
