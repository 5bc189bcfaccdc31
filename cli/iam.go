package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
)

type iamOptions struct {
	plan    planFlags
	region  string
	account string
}

func newIAM(env *Env) *cobra.Command {
	var o iamOptions
	cmd := &cobra.Command{
		Use:     "iam [FILE]",
		GroupID: groupRelease,
		Short:   "The least policy that a plan needs, as an IAM policy document",
		Example: `  crossfade iam orders.yaml
  crossfade iam --state-machine orders:prod --canary 10%/5m --alarm orders-failed --region eu-west-1 --account 123456789012`,
		Args: args("[FILE]"),
		RunE: func(cmd *cobra.Command, a []string) error {
			p, _, err := o.plan.read(cmd, env, first(a))
			if err != nil {
				return err
			}
			b, err := json.MarshalIndent(o.policy(p), "", "  ")
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(env.Stdout, string(b))
			return err
		},
	}
	o.plan.flags(cmd)
	cmd.Flags().StringVar(&o.region, "region", "*", "region in the resources' ARNs")
	cmd.Flags().StringVar(&o.account, "account", "*", "account in the resources' ARNs")
	return cmd
}

// policy is an IAM policy document.
type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource []string
}

// allow adds a statement that allows actions on resources; none where there are none.
func (p *policy) allow(sid string, actions, resources []string) {
	if len(actions) == 0 || len(resources) == 0 {
		return
	}
	slices.Sort(actions)
	p.Statement = append(p.Statement, statement{Sid: sid, Effect: "Allow", Action: slices.Compact(actions), Resource: resources})
}

// policy lists the rights by resource. Reading alarms and metrics knows no
// resources: CloudWatch wants "*" there. So does listing event sources.
//
// Source: Service Authorization Reference, Step Functions, Lambda and CloudWatch.
func (o iamOptions) policy(p plan.Plan) policy {
	doc := &policy{Version: "2012-10-17"}
	o.allowMachines(doc, p)
	o.allowFunctions(doc, p)
	o.allowProbes(doc, p)
	o.allowHooks(doc, p)
	o.allowSignals(doc, p)
	return *doc
}

// allowMachines adds what releasing state machines needs.
func (o iamOptions) allowMachines(doc *policy, p plan.Plan) {
	var machines, versions, executions []string
	upload := false
	for _, t := range p.Targets {
		if t.Kind != plan.StateMachine {
			continue
		}
		machine := o.arnOf("states", "stateMachine", t.Name)
		machines = append(machines, machine)
		versions = append(versions, machine+":*")
		executions = append(executions, executionsOf(machine))
		upload = upload || t.Definition != ""
	}
	machine := []string{"states:DescribeStateMachine", "states:PublishStateMachineVersion", "states:ListStateMachineVersions", "states:ListStateMachineAliases"}
	if upload {
		machine = append(machine, "states:UpdateStateMachine")
	}
	alias := []string{"states:DescribeStateMachine", "states:DescribeStateMachineAlias", "states:CreateStateMachineAlias", "states:UpdateStateMachineAlias", "states:ListExecutions"}
	if p.Keep.Versions > 0 {
		alias = append(alias, "states:DeleteStateMachineVersion")
	}
	doc.allow("Machines", machine, machines)
	doc.allow("AliasesAndVersions", alias, versions)
	doc.allow("Executions", []string{"states:DescribeExecution"}, executions)
}

// allowFunctions adds what releasing functions needs.
func (o iamOptions) allowFunctions(doc *policy, p plan.Plan) {
	var functions []string
	upload := false
	for _, t := range p.Targets {
		if t.Kind != plan.Lambda {
			continue
		}
		function := o.arnOf("lambda", "function", t.Name)
		functions = append(functions, function, function+":*")
		upload = upload || t.Code != ""
	}
	actions := []string{
		"lambda:GetAlias", "lambda:CreateAlias", "lambda:UpdateAlias", "lambda:PublishVersion", "lambda:ListVersionsByFunction",
		"lambda:ListAliases", "lambda:GetFunctionConfiguration", "lambda:GetProvisionedConcurrencyConfig",
	}
	if upload {
		actions = append(actions, "lambda:UpdateFunctionCode")
	}
	if p.Keep.Versions > 0 {
		actions = append(actions, "lambda:DeleteFunction")
		if len(functions) > 0 {
			doc.allow("EventSources", []string{"lambda:ListEventSourceMappings"}, []string{"*"})
		}
	}
	doc.allow("Functions", actions, functions)
}

// allowProbes adds what trying versions out needs.
func (o iamOptions) allowProbes(doc *policy, p plan.Plan) {
	var functions, machines, executions []string
	for _, t := range p.Targets {
		if !slices.ContainsFunc(p.Checks, func(c plan.Check) bool { return c.Probe != nil && c.Probe.Tries(t) }) {
			continue
		}
		if t.Kind == plan.Lambda {
			functions = append(functions, o.arnOf("lambda", "function", t.Name)+":*")
			continue
		}
		machine := o.arnOf("states", "stateMachine", t.Name)
		machines = append(machines, machine+":*")
		executions = append(executions, executionsOf(machine))
	}
	doc.allow("ProbeFunctions", []string{"lambda:InvokeFunction"}, functions)
	doc.allow("ProbeMachines", []string{"states:StartExecution", "states:StartSyncExecution"}, machines)
	doc.allow("ProbeExecutions", []string{"states:DescribeExecution"}, executions)
}

// allowHooks adds what asking functions needs.
func (o iamOptions) allowHooks(doc *policy, p plan.Plan) {
	var hooks []string
	for _, m := range plan.Moments {
		if h := p.Hooks.At(m); h != nil && h.Kind == plan.LambdaHook {
			hooks = append(hooks, o.invocable(h.Name))
		}
	}
	slices.Sort(hooks)
	doc.allow("Hooks", []string{"lambda:InvokeFunction"}, slices.Compact(hooks))
}

// allowSignals adds what judging needs: alarms, metrics and logs.
func (o iamOptions) allowSignals(doc *policy, p plan.Plan) {
	var watch, groups []string
	for _, t := range p.Targets {
		if t.Kind == plan.Lambda { // which is counted whatever is checked
			watch = append(watch, "cloudwatch:GetMetricData")
		}
		if t.Logs != "" {
			groups = append(groups, o.arnOf("logs", "log-group", t.Logs)+":*")
		}
	}
	for _, c := range p.Checks {
		if c.Alarm != "" {
			watch = append(watch, "cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory")
		}
		if c.Metric != nil || c.Rate != nil || c.Compare != nil {
			watch = append(watch, "cloudwatch:GetMetricData")
		}
	}
	doc.allow("Signals", watch, []string{"*"})
	doc.allow("Logs", []string{"logs:FilterLogEvents"}, groups)
}

// executionsOf are all executions of a state machine.
func executionsOf(machine string) string {
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":*"
}

func (o iamOptions) arnOf(service, kind, name string) string {
	if a, err := arn.Parse(name); err == nil {
		return a.String()
	}
	return arn.ARN{Partition: partitionOf(o.region), Service: service, Region: o.region, Account: o.account, Resource: kind + ":" + name}.String()
}

// partitions are those other than aws, by how the names of their regions begin.
//
// Source: AWS Fault Isolation Boundaries, Appendix B, and the partitions of AWS's SDKs.
var partitions = []struct{ prefix, name string }{
	{"cn-", "aws-cn"},
	{"us-gov-", "aws-us-gov"},
	{"us-iso-", "aws-iso"},
	{"us-isob-", "aws-iso-b"},
	{"eu-isoe-", "aws-iso-e"},
	{"us-isof-", "aws-iso-f"},
	{"eusc-", "aws-eusc"},
}

func partitionOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.name
		}
	}
	return "aws"
}

// invocable returns the ARN of a function that is invoked by name, by partial ARN
// or by ARN, with its qualifier.
func (o iamOptions) invocable(name string) string {
	if account, rest, ok := strings.Cut(name, ":function:"); ok && !strings.HasPrefix(name, "arn:") {
		o.account, name = account, rest
	}
	return o.arnOf("lambda", "function", name)
}
