package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template/gradual"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template/serverless"
	"github.com/crossfade-dev/crossfade/plan"
)

type importOptions struct {
	parameters []string
	physical   []string
	dir        string
	force      bool
}

func newImport(env *Env) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:     "import TEMPLATE",
		GroupID: groupRelease,
		Short:   "Make plan files of the gradual deployments in a CloudFormation or SAM template",
		Long: `Reads a template and writes a plan for each alias that it deploys gradually: the
DeploymentPreference of a state machine's alias, functions that CodeDeploy deploys,
AWS::Serverless::Function and AWS::Serverless::StateMachine with a preference, and
aliases that are split by hand. Alarms, hooks, custom configurations and rollbacks come
along. Nothing is asked of an account.

What cannot be carried over is said with its place in the template, and stands in the
plan as a comment. TEMPLATE is a file, or - for standard input.`,
		Example: `  crossfade import template.yaml
  crossfade import template.yaml -o plans --parameter Stage=prod
  crossfade import template.yaml --physical CheckoutFunction=shop-CheckoutFunction-1A2B3C`,
		Args: args("TEMPLATE"),
		RunE: func(_ *cobra.Command, a []string) error { return o.run(env, a[0]) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.parameters, "parameter", nil, "`NAME=VALUE` of a template parameter; may be repeated (default: its Default)")
	flags.StringArrayVar(&o.physical, "physical", nil, "`ID=NAME`: what the resource with that logical id is called once it is deployed; may be repeated")
	flags.StringVarP(&o.dir, "out", "o", "", "`DIR` to write a file for each plan to (default: all of them to standard output)")
	flags.BoolVar(&o.force, "force", false, "overwrite files")
	return cmd
}

func (o importOptions) run(env *Env, file string) error {
	text, err := readTemplate(env, file)
	if err != nil {
		return err
	}
	name := file
	if file == "-" {
		name = "standard input"
	}
	bound, err := o.bind(env, text, name)
	if err != nil {
		return err
	}
	physical, err := pairs("--physical", o.physical)
	if err != nil {
		return err
	}
	for id := range physical {
		if _, ok := bound.Resource(id); !ok {
			return &failure{code: ExitUsage, err: fmt.Errorf("--physical %s: the template has no resource of that logical id", id)}
		}
	}
	rollouts, notes := gradual.Find(bound, physical)
	for _, n := range notes {
		env.say("%s:%d: %s", name, n.Line, n.Text)
	}
	if len(rollouts) == 0 {
		return &failure{code: ExitError, err: fmt.Errorf("%s deploys no alias gradually, so there is nothing to import", name),
			next: []string{"crossfade init makes a plan for an alias that exists"}}
	}
	return o.write(env, name, rollouts)
}

// readTemplate reads a file no larger than a template may be.
func readTemplate(env *Env, file string) (string, error) {
	in := env.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer func() { _ = f.Close() }() // it is only read
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, template.MaxSize+1))
	return string(text), err
}

// bind joins the template with the parameters given. One without a value is not
// known; what depends on it is said where it is needed.
func (o importOptions) bind(env *Env, text, name string) (*template.Bound, error) {
	given, err := pairs("--parameter", o.parameters)
	if err != nil {
		return nil, err
	}
	fail := func(err error) error {
		var e *template.Error
		if errors.As(err, &e) && e.Line > 0 {
			return fmt.Errorf("%s:%d:%d: %s", name, e.Line, e.Column, e.Message)
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	t, err := template.Parse(text)
	if err != nil {
		return nil, fail(err)
	}
	for _, p := range t.Parameters {
		if _, ok := given[p.Name]; !ok && (!p.HasDefault || p.FromSSM()) {
			given[p.Name] = template.Unknown
			env.say("the parameter %s has no value; what depends on it is not known (--parameter %s=VALUE)", p.Name, p.Name)
		}
	}
	in := template.Inputs{
		Parameters: given, Region: template.Unknown, AccountID: template.Unknown,
		StackID: template.Unknown, StackName: template.Unknown,
	}
	if t, err = template.Process(t, in, serverless.Transform); err != nil {
		return nil, fail(err)
	}
	bound, err := t.Bind(in)
	if err != nil {
		return nil, fail(err)
	}
	return bound, nil
}

// pairs reads NAME=VALUE arguments.
func pairs(flag string, given []string) (map[string]string, error) {
	values := map[string]string{}
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, &failure{code: ExitUsage, err: fmt.Errorf("%s %q: want NAME=VALUE", flag, text)}
		}
		values[name] = value
	}
	return values, nil
}

func (o importOptions) write(env *Env, name string, rollouts []gradual.Rollout) error {
	for i, r := range rollouts {
		for _, n := range r.Notes {
			env.say("%s:%d: %s: %s", name, n.Line, r.Plan.Targets[0], n.Text)
		}
		text := importedFile(name, r)
		if o.dir == "" {
			if i > 0 {
				text = slices.Concat([]byte("---\n"), text)
			}
			if _, err := env.Stdout.Write(text); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(o.dir, 0o755); err != nil {
			return err
		}
		file := filepath.Join(o.dir, r.Plan.Name+".yaml")
		if err := writeNew(file, text, o.force); err != nil {
			return err
		}
		env.say("wrote %s: %s moves by %s, %d checks", file, r.Plan.Targets[0], stepsOf(r.Plan), len(r.Plan.Checks))
	}
	switch {
	case o.dir != "":
		env.say("next: crossfade plan %s shows what it would do", filepath.Join(o.dir, rollouts[0].Plan.Name+".yaml"))
	case len(rollouts) > 1:
		env.say("these are %d plans; -o DIR writes each to a file of its own", len(rollouts))
	}
	return nil
}

// importedFile is a plan file that says where it comes from.
func importedFile(name string, r gradual.Rollout) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Imported from %s, line %d (%s).\n", filepath.Base(name), r.Line, r.Alias)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "# Line %d: %s.\n", n.Line, n.Text)
	}
	b.Write(plan.Marshal(r.Plan))
	return b.Bytes()
}
