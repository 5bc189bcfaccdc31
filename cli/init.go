package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
)

type initOptions struct {
	plan    planFlags
	store   storeOptions
	aws     awsOptions
	file    string
	offline bool
	force   bool
}

func newInit(env *Env) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:     "init [ALIAS]",
		GroupID: groupRelease,
		Short:   "Write a plan file for an alias that exists, with sound default checks",
		Long: `Looks at an alias, finds the CloudWatch alarms on its state machine or function, and
writes a plan file with them, a limit on bad outcomes, comparisons of both versions'
errors and durations, and a canary of 10 % for five minutes, unless the flags say
otherwise.`,
		Example: `  crossfade init orders:prod
  crossfade init --state-machine orders:prod
  crossfade init --offline --state-machine orders:prod --linear 20%/10m --file -`,
		Args: args("[ALIAS]"),
		RunE: func(cmd *cobra.Command, a []string) error { return o.run(cmd, env, first(a)) },
	}
	o.plan.flags(cmd)
	o.store.flags(cmd)
	o.aws.flags(cmd)
	cmd.Flags().StringVar(&o.file, "file", "", "`FILE` to write; - for standard output (default: NAME.yaml)")
	cmd.Flags().BoolVar(&o.offline, "offline", false, "do not look at the account")
	cmd.Flags().BoolVar(&o.force, "force", false, "overwrite the file")
	return cmd
}

func (o initOptions) run(cmd *cobra.Command, env *Env, name string) error {
	if name != "" {
		if err := o.name(cmd, env, name); err != nil {
			return err
		}
	}
	if !o.plan.hasStrategy() {
		o.plan.spec.Canary = "10%/5m"
	}
	p, err := o.plan.fromFlags(cmd)
	if err != nil {
		return err
	}
	if !o.offline {
		if err := o.look(cmd.Context(), env, p); err != nil {
			return err
		}
		// Again, with the alarms that were found.
		if p, err = o.plan.fromFlags(cmd); err != nil {
			return err
		}
	}
	text := append(bytes.TrimRight(plan.Marshal(p), "\n"), '\n')
	if o.file == "-" {
		_, err := env.Stdout.Write(text)
		return err
	}
	file := o.file
	if file == "" {
		file = p.Name + ".yaml"
	}
	if err := writeNew(file, text, o.force); err != nil {
		return err
	}
	env.say("wrote %s: %s, %s", file, stepsOf(p), plural(len(p.Checks), "check"))
	env.say("next: crossfade plan %s shows what it would do, crossfade deploy %s does it", file, file)
	return nil
}

// name adds the alias that was given without its kind.
func (o *initOptions) name(cmd *cobra.Command, env *Env, name string) error {
	t, err := aliasFlags{}.target(cmd, name)
	if err != nil {
		return err
	}
	if !o.offline {
		o.store.reading = true
		s, err := openSession(cmd.Context(), env, o.store, o.aws)
		if err != nil {
			return err
		}
		defer s.close()
		t = s.sure(cmd.Context(), t, aliasFlags{})
	}
	if t.Kind == plan.Lambda {
		o.plan.lambdas = append(o.plan.lambdas, name)
	} else {
		o.plan.stateMachines = append(o.plan.stateMachines, name)
	}
	return nil
}

// look proves that the aliases exist and adds the alarms on what is behind them.
func (o *initOptions) look(ctx context.Context, env *Env, p plan.Plan) error {
	o.store.reading = true
	s, err := openSession(ctx, env, o.store, o.aws)
	if err != nil {
		return err
	}
	defer s.close()
	for _, t := range p.Targets {
		alias, err := s.aliasOf(ctx, t)
		if err != nil {
			return err
		}
		a, err := arn.Parse(alias)
		if err != nil {
			return err
		}
		resource, _ := a.Qualified()
		names, err := alarmsOn(ctx, s.metrics, resource)
		if err != nil {
			env.say("the alarms could not be listed, so none is in the plan: %v", err)
			continue
		}
		for _, n := range names {
			env.say("found the alarm %q on %s", n, resource.Name())
		}
		o.plan.spec.Alarms = append(o.plan.spec.Alarms, names...)
	}
	return nil
}

// alarmsOn lists the metric alarms on a state machine or function.
func alarmsOn(ctx context.Context, metrics *cloudwatch.Client, resource arn.ARN) ([]string, error) {
	var names []string
	pages := cloudwatch.NewDescribeAlarmsPaginator(metrics, &cloudwatch.DescribeAlarmsInput{
		AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.MetricAlarms {
			if isOn(a, resource) {
				names = append(names, aws.ToString(a.AlarmName))
			}
		}
	}
	return names, nil
}

func isOn(a cwtypes.MetricAlarm, resource arn.ARN) bool {
	namespace := aws.ToString(a.Namespace)
	for _, d := range a.Dimensions {
		name, value := aws.ToString(d.Name), aws.ToString(d.Value)
		if namespace == "AWS/States" && name == "StateMachineArn" && value == resource.String() ||
			namespace == "AWS/Lambda" && name == "FunctionName" && value == resource.Name() {
			return true
		}
	}
	return false
}

// writeNew writes a file that must not exist, unless force.
func writeNew(file string, text []byte, force bool) error {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(file, how, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &failure{code: ExitRefused, err: fmt.Errorf("%s exists already", file), next: []string{"--force overwrites it, --file NAME writes another one"}}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
