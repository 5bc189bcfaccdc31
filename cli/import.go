package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template/gradual"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template/serverless"
	"github.com/crossfade-dev/crossfade/plan"
)

type importOptions struct {
	parameters []string
	physical   []string
	stack      string
	aws        awsOptions
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
along. Nothing is asked of an account, unless --stack names a stack that was made of the
template: its parameters and the names of its resources are then those of the stack.

What cannot be carried over is said with its place in the template, and stands in the
plan as a comment. TEMPLATE is a file, or - for standard input.`,
		Example: `  crossfade import template.yaml
  crossfade import template.yaml -o plans --parameter Stage=prod
  crossfade import template.yaml --stack shop
  crossfade import template.yaml --physical CheckoutFunction=shop-CheckoutFunction-1A2B3C`,
		Args: args("TEMPLATE"),
		RunE: func(cmd *cobra.Command, a []string) error { return o.run(cmd.Context(), env, a[0]) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.parameters, "parameter", nil, "`NAME=VALUE` of a template parameter; may be repeated (default: its Default)")
	flags.StringArrayVar(&o.physical, "physical", nil, "`ID=NAME`: what the resource with that logical id is called once it is deployed; may be repeated")
	flags.StringVar(&o.stack, "stack", "", "`NAME` of a stack to take parameters and names from")
	o.aws.flags(cmd)
	flags.StringVarP(&o.dir, "out", "o", "", "`DIR` to write a file for each plan to (default: all of them to standard output)")
	flags.BoolVar(&o.force, "force", false, "overwrite files")
	return cmd
}

func (o importOptions) run(ctx context.Context, env *Env, file string) error {
	text, err := readTemplate(env, file)
	if err != nil {
		return err
	}
	name := file
	if file == "-" {
		name = "standard input"
	}
	in := template.Inputs{
		Region: template.Unknown, AccountID: template.Unknown, StackID: template.Unknown, StackName: template.Unknown,
	}
	deployed, physical := map[string]string{}, map[string]string{}
	if o.stack != "" {
		if err := o.askStack(ctx, &in, deployed, physical); err != nil {
			return err
		}
	}
	if in.Parameters, err = pairs("--parameter", o.parameters); err != nil {
		return err
	}
	bound, err := bindImport(env, text, name, in, deployed)
	if err != nil {
		return err
	}
	given, err := pairs("--physical", o.physical)
	if err != nil {
		return err
	}
	for id := range given {
		if _, ok := bound.Resource(id); !ok {
			return &failure{code: ExitUsage, err: fmt.Errorf("--physical %s: the template has no resource of that logical id", id)}
		}
	}
	maps.Copy(physical, given)
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

// askStack asks CloudFormation for the parameters and resources of the stack.
func (o importOptions) askStack(ctx context.Context, in *template.Inputs, parameters, physical map[string]string) error {
	cfg, err := o.aws.load(ctx)
	if err != nil {
		return err
	}
	if _, err := reach(ctx, cfg); err != nil {
		return err
	}
	client := cloudformation.NewFromConfig(cfg)
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &o.stack})
	if err != nil {
		return fmt.Errorf("stack %s: %w", o.stack, err)
	}
	if len(described.Stacks) != 1 {
		return fmt.Errorf("stack %s: got %d stacks", o.stack, len(described.Stacks))
	}
	stack := described.Stacks[0]
	in.StackName, in.StackID, in.Region = aws.ToString(stack.StackName), aws.ToString(stack.StackId), cfg.Region
	if id, err := arn.Parse(in.StackID); err == nil {
		in.Region, in.AccountID, in.Partition = id.Region, id.Account, id.Partition
	}
	for _, p := range stack.Parameters {
		if v := aws.ToString(p.ParameterValue); v != template.Masked {
			parameters[aws.ToString(p.ParameterKey)] = v
		}
	}
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: &o.stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("stack %s: %w", o.stack, err)
		}
		for _, r := range page.StackResourceSummaries {
			if id := aws.ToString(r.PhysicalResourceId); id != "" {
				physical[aws.ToString(r.LogicalResourceId)] = id
			}
		}
	}
	return nil
}

// bindImport joins the template with its values: those given, else those of the
// deployed stack, else the defaults. A parameter without any is not known; what
// depends on it is said where it is needed.
func bindImport(env *Env, text, name string, in template.Inputs, deployed map[string]string) (*template.Bound, error) {
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
		if _, ok := in.Parameters[p.Name]; ok {
			continue
		}
		if v, ok := deployed[p.Name]; ok && !p.FromSSM() {
			in.Parameters[p.Name] = v
		} else if !p.HasDefault || p.FromSSM() {
			in.Parameters[p.Name] = template.Unknown
			env.say("the parameter %s has no value; what depends on it is not known (--parameter %s=VALUE)", p.Name, p.Name)
		}
	}
	if t, err = template.Process(t, in, serverless.Sketch); err != nil {
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
		env.say("wrote %s: %s moves by %s, %s", file, r.Plan.Targets[0], stepsOf(r.Plan), plural(len(r.Plan.Checks), "check"))
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
