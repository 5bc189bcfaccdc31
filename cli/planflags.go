package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/plan"
)

// planFlags are the plan in the short form of the command line, for when there
// is no plan file.
type planFlags struct {
	spec          plan.Spec
	stateMachines []string
	lambdas       []string
	definition    string
	code          string
	version       string
	logs          string
	keepVersions  int
	keepVerified  int
	hooks         hookFlags
	probes        []string
}

// shortForm are the flags that only make sense without a plan file.
var shortForm = []string{
	"on-unhealthy", "on-unknown", "on-drift", "before-traffic", "each-step", "after-traffic", "on-rollback", "keep-versions", "keep-verified", "name",
	"state-machine", "lambda", "definition", "code", "release", "logs", "canary", "linear", "exponential", "steps", "preset", "all-at-once", "adaptive",
	"soak", "deadline", "look", "settle", "unknown-for", "alarm", "probe", "max-failures", "no-default-checks", "compare", "hold-back",
}

func (p *planFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	s := &p.spec
	f.StringArrayVar(&p.stateMachines, "state-machine", nil, "state machine alias to move, as `NAME:ALIAS` or its ARN; may be repeated")
	f.StringArrayVar(&p.lambdas, "lambda", nil, "function alias to move, as `NAME:ALIAS` or its ARN; may be repeated")
	f.StringVar(&p.definition, "definition", "", "state machine definition `FILE` to upload and publish first")
	f.StringVar(&p.code, "code", "", "zip archive `FILE` to upload and publish first")
	f.StringVar(&p.version, "release", "", "`VERSION` to release (default: publish what is there)")
	f.StringVar(&p.logs, "logs", "", "log `GROUP` of the function, such as /aws/lambda/checkout, to read outcomes within seconds")
	f.StringVar(&s.Name, "name", "", "`NAME` of the rollout (default: from the alias)")

	f.StringVar(&s.Canary, "canary", "", "one step, then everything, as `WEIGHT/TIME`: 10%/5m")
	f.StringVar(&s.Linear, "linear", "", "equal steps, as `WEIGHT/TIME`: 20%/10m, or 4x/10m")
	f.StringVar(&s.Exponential, "exponential", "", "growing steps, as `WEIGHTxFACTOR/TIME`: 1%x2/2m")
	f.StringVar(&s.Steps, "steps", "", "`STEPS` one by one: 1%/2m,25%/approve,50%/10m")
	f.StringVar(&s.Preset, "preset", "", "`NAME` of a deployment preference of CodeDeploy's or CloudFormation's: Canary10Percent5Minutes")
	f.BoolVar(&s.AllAtOnce, "all-at-once", false, "everything at once, watched afterwards")
	f.StringVar(&s.Adaptive, "adaptive", "", "as fast as the evidence allows, with at most `BUDGET` additional bad requests that are not ruled out (default 2)")
	f.Lookup("adaptive").NoOptDefVal = plan.DefaultBudget
	cmd.MarkFlagsMutuallyExclusive("canary", "linear", "exponential", "steps", "preset", "all-at-once", "adaptive")

	f.StringArrayVar(&s.Alarms, "alarm", nil, "`NAME` of a CloudWatch alarm that must not fire; may be repeated")
	f.StringArrayVar(&s.AcceptAlarms, "accept-alarm", nil, "`NAME` of an alarm that may fire already: only a new transition to ALARM counts; may be repeated")
	f.StringArrayVar(&p.probes, "probe", nil, `try the new version out before any traffic, as a `+"`FILE`"+` or as {"payload": …, "expect": …, "count": 20}; may be repeated`)
	f.BoolVar(&s.AcceptQuarantined, "accept-quarantined", false, "release a version although an earlier rollout took it back")
	f.StringVar(&s.MaxFailures, "max-failures", "", "largest `SHARE/SAMPLES` of bad outcomes of the new version: 5%/20 is 5 % of at least 20")
	f.StringArrayVar(&s.Compare, "compare", nil, "compare `WHAT[/TOLERANCE]`, errors or duration, of both versions, and wait for a verdict: errors/0.1%; may be repeated")
	f.StringVar(&s.HoldBack, "hold-back", "", "`WEIGHT` that the old version keeps during the soak, to compare with (default 5% with --compare)")
	f.BoolVar(&s.NoDefaultChecks, "no-default-checks", false, "no checks besides those that are given: neither a limit of 5 % bad outcomes of at least 20 nor comparisons that only condemn")

	f.StringVar(&s.Soak, "soak", "", "`TIME` for which the new version is watched with all the traffic (default "+plan.FormatDuration(plan.DefaultSoak)+")")
	f.StringVar(&s.Deadline, "deadline", "", "`TIME` that the rollout may take (default: twice the steps and an hour)")
	f.StringVar(&s.Look, "look", "", "`TIME` between two looks (default "+plan.FormatDuration(plan.DefaultLook)+", or a tenth of the shortest step)")
	f.StringVar(&s.Settle, "settle", "", "`TIME` for which an alias may still serve by its old routing after a change (default "+plan.FormatDuration(plan.DefaultSettle)+")")
	f.StringVar(&s.UnknownFor, "unknown-for", "", "`TIME` to hold without a verdict before --on-unknown (default "+plan.FormatDuration(plan.DefaultUnknownFor)+")")

	f.StringVar(&s.OnUnhealthy, "on-unhealthy", "", "at proof of harm: rollback, hold or hold-at-0 (default rollback)")
	f.StringVar(&s.OnUnknown, "on-unknown", "", "without a verdict: hold, rollback or hold-at-0 (default hold)")
	f.StringVar(&s.OnDrift, "on-drift", "", "when somebody else changes the alias: hold, adopt or overwrite (default hold)")
	f.IntVar(&p.keepVersions, "keep-versions", plan.DefaultKeep.Versions, "delete all but the newest `N` versions afterwards; 0 deletes none")
	f.IntVar(&p.keepVerified, "keep-verified", plan.DefaultKeep.Verified, "never delete the last `N` verified versions")

	p.hooks.flags(cmd)

	_ = cmd.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(plan.Presets(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("compare", cobra.FixedCompletions([]string{string(plan.Errors), string(plan.Duration)}, cobra.ShellCompDirectiveNoFileComp))
	reactions := cobra.FixedCompletions([]string{"rollback", "hold", "hold-at-0"}, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc("on-unhealthy", reactions)
	_ = cmd.RegisterFlagCompletionFunc("on-unknown", reactions)
	_ = cmd.RegisterFlagCompletionFunc("on-drift", cobra.FixedCompletions([]string{"hold", "adopt", "overwrite"}, cobra.ShellCompDirectiveNoFileComp))
}

// read returns the plan of a file, or of the flags when there is no file, and
// where the files that it names are.
func (p *planFlags) read(cmd *cobra.Command, env *Env, file string) (plan.Plan, directory, error) {
	if file == "" {
		made, err := p.fromFlags(cmd)
		return made, ".", err
	}
	for _, name := range shortForm {
		if cmd.Flags().Changed(name) {
			return plan.Plan{}, "", usage(cmd, "--%s and the plan file %s both describe the rollout; write it in the file", name, file)
		}
	}
	made, dir, err := readPlan(env, file)
	if errors.Is(err, plan.ErrInvalid) {
		return plan.Plan{}, "", &failure{code: ExitError, err: err, next: []string{"crossfade check " + file + " says when it is right"}}
	}
	if err != nil {
		return plan.Plan{}, "", err
	}
	// A fix for what already fires must be releasable without editing the
	// plan that everybody shares.
	made.AcceptAlarms = append(made.AcceptAlarms, p.spec.AcceptAlarms...)
	made.AcceptQuarantined = p.spec.AcceptQuarantined
	for _, t := range made.Targets {
		for _, name := range []string{t.Code, t.Definition} {
			if err := dir.has(name); err != nil {
				return plan.Plan{}, "", &failure{code: ExitError, err: fmt.Errorf("%s: %w", file, err), next: []string{"paths in a plan file begin where the file is"}}
			}
		}
	}
	return made, dir, nil
}

func (p *planFlags) fromFlags(cmd *cobra.Command) (plan.Plan, error) {
	spec := p.spec
	for _, given := range []struct {
		kind  plan.Kind
		names []string
	}{{plan.StateMachine, p.stateMachines}, {plan.Lambda, p.lambdas}} {
		for _, name := range given.names {
			t, err := plan.ParseTarget(given.kind, name)
			if err != nil {
				return plan.Plan{}, usage(cmd, "%w", err)
			}
			spec.Targets = append(spec.Targets, t)
		}
	}
	switch {
	case len(spec.Targets) == 0:
		return plan.Plan{}, nothingNamed(cmd)
	case len(spec.Targets) > 1 && (p.definition != "" || p.code != "" || p.version != ""):
		return plan.Plan{}, usage(cmd, "--definition, --code and --release go with one alias; for several write a plan file")
	case p.definition != "" && len(p.stateMachines) == 0:
		return plan.Plan{}, usage(cmd, "--definition goes with --state-machine")
	case p.logs != "" && (len(p.lambdas) != 1 || len(spec.Targets) > 1):
		return plan.Plan{}, usage(cmd, "--logs goes with one --lambda; for several write a plan file")
	case p.code != "" && len(p.lambdas) == 0:
		return plan.Plan{}, usage(cmd, "--code goes with --lambda")
	}
	for flag, name := range map[string]string{"--definition": p.definition, "--code": p.code} {
		if err := directory(".").has(name); err != nil {
			return plan.Plan{}, usage(cmd, "%s: %w", flag, err)
		}
	}
	spec.Targets[0].Logs = p.logs
	spec.Targets[0].Definition, spec.Targets[0].Code, spec.Targets[0].Version = p.definition, p.code, p.version
	hooks, err := p.hooks.hooks(cmd)
	if err != nil {
		return plan.Plan{}, err
	}
	spec.Hooks = hooks
	if spec.Probes, err = readProbes(p.probes); err != nil {
		return plan.Plan{}, err
	}
	if cmd.Flags().Changed("keep-versions") {
		spec.KeepVersions = &p.keepVersions
	}
	if cmd.Flags().Changed("keep-verified") {
		spec.KeepVerified = &p.keepVerified
	}
	if !p.hasStrategy() {
		return plan.Plan{}, &failure{code: ExitUsage, err: errors.New(cmd.CommandPath() + ": how is the traffic to move?"), next: []string{
			"--canary 10%/5m, --linear 20%/10m, --exponential 1%x2/2m, --all-at-once, or --adaptive",
			cmd.CommandPath() + " --help",
		}}
	}
	made, err := plan.New(spec)
	if err != nil {
		return plan.Plan{}, &failure{code: ExitUsage, err: err, next: []string{cmd.CommandPath() + " --help"}}
	}
	return made, nil
}

// hasStrategy says whether a flag says how the traffic moves.
func (p *planFlags) hasStrategy() bool {
	s := p.spec
	return s.AllAtOnce || s.Canary+s.Linear+s.Exponential+s.Steps+s.Preset+s.Adaptive != ""
}

// nothingNamed is the failure of who names neither a plan nor an alias.
func nothingNamed(cmd *cobra.Command) error {
	command := cmd.CommandPath()
	if cmd.Name() == "init" { // which makes the plan file
		return &failure{code: ExitUsage, err: errors.New(command + ": which alias is the plan for?"), next: []string{
			command + " orders:prod",
			command + " --offline --lambda checkout:live --canary 10%/5m",
		}}
	}
	return &failure{code: ExitUsage, err: errors.New(command + ": what is to move? give a plan file, or an alias"), next: []string{
		command + " orders.yaml",
		command + " --state-machine orders:prod --canary 10%/5m --alarm orders-failed",
		"crossfade init writes a plan file for an alias that exists",
	}}
}

// readProbes reads probes, each a file's name or the text itself.
func readProbes(given []string) ([]plan.VersionProbe, error) {
	var probes []plan.VersionProbe
	for _, g := range given {
		name, text := "--probe", []byte(g)
		if !strings.HasPrefix(strings.TrimSpace(g), "{") {
			var err error
			if name = g; g == "" {
				name = "--probe"
			}
			if text, err = os.ReadFile(g); err != nil {
				return nil, &failure{code: ExitError, err: fmt.Errorf("--probe: %w", err), next: []string{
					`--probe takes a file, or the probe itself: {"payload": {}, "expect": {"ok": true}}`,
				}}
			}
		}
		probe, err := plan.ParseProbe(name, text)
		if err != nil {
			return nil, &failure{code: ExitUsage, err: err}
		}
		probes = append(probes, probe)
	}
	return probes, nil
}

// readPlan reads a plan file; "-" is standard input.
func readPlan(env *Env, file string) (plan.Plan, directory, error) {
	var text []byte
	var err error
	dir := directory(filepath.Dir(file))
	if file == "-" {
		file, dir = "standard input", "."
		text, err = io.ReadAll(io.LimitReader(env.Stdin, 2<<20))
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		next := []string{"crossfade init NAME:ALIAS writes a plan file"}
		if _, parseErr := plan.ParseTarget(plan.StateMachine, file); parseErr == nil && errors.Is(err, fs.ErrNotExist) {
			next = append([]string{"an alias is --state-machine " + file + " or --lambda " + file}, next...)
		}
		return plan.Plan{}, "", &failure{code: ExitError, err: err, next: next}
	}
	made, err := plan.Parse(file, text)
	return made, dir, err
}

// directory is where the files that a plan names are.
type directory string

// ReadFile reads a file that a plan names.
func (d directory) ReadFile(name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

func (d directory) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(string(d), name)
}

// has returns an error unless name, which may be empty, is a file that can be
// read: who mistypes one should hear it before anybody is asked for credentials.
func (d directory) has(name string) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(d.path(name))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was not written
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name)
	}
	return err
}
