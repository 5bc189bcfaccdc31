package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/spf13/cobra"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/hookmessage"
	"github.com/crossfade-dev/crossfade/controller/lambdahook"
	"github.com/crossfade-dev/crossfade/controller/probe"
	"github.com/crossfade-dev/crossfade/controller/webhook"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// hookSecret is the environment variable with what signs questions to hooks.
const hookSecret = "CROSSFADE_HOOK_SECRET"

// functionPatience is how long an invocation may take: as long as a function may
// run, and a little more.
//
// Source: Lambda Developer Guide, quotas, "Function timeout".
const functionPatience = 15*time.Minute + 15*time.Second

// joinHooks makes what asks hooks and what tries versions out, and arranges for it
// to be closed.
func (s *session) joinHooks(cfg aws.Config) (map[plan.HookKind]controller.Hook, map[plan.Kind]controller.Hook, error) {
	secret, err := hookmessage.ParseSecret(s.env.Getenv(hookSecret))
	if err != nil {
		return nil, nil, &failure{code: ExitError, err: fmt.Errorf("%s: %w", hookSecret, err), next: []string{
			`export ` + hookSecret + `="whsec_$(openssl rand -base64 32)" makes one; the hooks have to know it too`,
		}}
	}
	invoking := lambda.NewFromConfig(cfg, func(o *lambda.Options) {
		// What is to be tried again is the controller's business.
		o.Retryer = aws.NopRetryer{}
		if c, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = c.WithTimeout(functionPatience)
		}
	})
	functions, addresses := lambdahook.New(invoking, secret, s.env.Clock), webhook.New(http.DefaultClient, secret, s.env.Clock)
	executing := sfn.NewFromConfig(cfg, func(o *sfn.Options) {
		if c, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = c.WithTimeout(functionPatience) // a synchronous execution may take five minutes
		}
	})
	invocations, executions := probe.NewFunctions(invoking, s.env.Clock), probe.NewMachines(executing, cfg.BaseEndpoint != nil, s.env.Clock)
	s.closers = append(s.closers, func() error {
		functions.Close()
		addresses.Close()
		invocations.Close()
		executions.Close()
		return nil
	})
	return map[plan.HookKind]controller.Hook{plan.LambdaHook: functions, plan.Webhook: addresses},
		map[plan.Kind]controller.Hook{plan.Lambda: invocations, plan.StateMachine: executions}, nil
}

func newHook(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "hook",
		GroupID: groupAct,
		Short:   "Answer for a hook: succeed or fail",
		Long: `Gives the answer of a hook that a rollout waits for: of one that is async, when
its work is done, or of any other in its place.

KEY is the question's key, which the hook was asked with: r-17/eachStep-3. The
name of a rollout will do while it waits for one hook only.`,
		Example: `  crossfade hook succeed r-17/eachStep-3 --reason "12 of 12 requests are fine"
  crossfade hook fail orders --reason "the totals differ"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(cmd, "%q is neither succeed nor fail", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(
		newAnswer(env, rollout.Succeed, "The rollout may go on", "12 of 12 requests are fine"),
		newAnswer(env, rollout.Fail, "It may not: before any traffic it is refused, later it is harm", "the totals differ"),
	)
	return cmd
}

func newAnswer(env *Env, kind rollout.OrderKind, short, why string) *cobra.Command {
	o := orderOptions{kind: kind, carry: carryOptions{onInterrupt: interruptRevert}}
	cmd := &cobra.Command{
		Use:               string(kind) + " [KEY]",
		Short:             short,
		Example:           "  crossfade hook " + string(kind) + " r-17/eachStep-3 --reason \"" + why + "\"",
		Args:              args("[KEY]"),
		ValidArgsFunction: completeRollout(env, &o.store),
		RunE:              func(cmd *cobra.Command, a []string) error { return o.run(cmd, env, first(a)) },
	}
	o.store.flags(cmd)
	cmd.Flags().StringVarP(&o.reason, "reason", "r", "", "`WHY`, for the history and whoever reads it later")
	cmd.Flags().DurationVar(&o.wait, "wait", orderWait, "how long to wait until it was heard; 0 does not wait")
	return cmd
}

// answers says whether the order is an answer for a hook.
func (o orderOptions) answers() bool { return o.kind == rollout.Succeed || o.kind == rollout.Fail }

// pendingCall returns the key of the question that is meant: by its key within
// the rollout, or the only one that waits.
func pendingCall(rec controller.Record, key string) (string, error) {
	var waiting []string
	for _, c := range rec.Status.Calls {
		if c.Key == key {
			return key, nil
		}
		if c.State == rollout.CallPending {
			waiting = append(waiting, controller.CallKey(rec.ID, c))
		}
	}
	switch {
	case key != "":
		return "", &failure{code: ExitRefused, err: fmt.Errorf("%s asked nothing with the key %s", rec.ID, key), next: waiting}
	case len(waiting) == 0:
		return "", &failure{code: ExitRefused, err: fmt.Errorf("%s waits for no hook", rec.ID), next: []string{"crossfade status " + rec.ID + " shows it"}}
	case len(waiting) > 1:
		return "", &failure{code: ExitUsage, err: errors.New("it waits for several hooks; say which one"), next: waiting}
	default:
		_, only, _ := strings.Cut(waiting[0], "/")
		return only, nil
	}
}

// hookFlags are the flags that name hooks.
type hookFlags struct{ before, step, after, back string }

func (h *hookFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&h.before, "before-traffic", "", "`FUNCTION` or address to ask before the first shift")
	f.StringVar(&h.step, "each-step", "", "`FUNCTION` or address to ask at each step below 100 %")
	f.StringVar(&h.after, "after-traffic", "", "`FUNCTION` or address to ask once everything is on the new version")
	f.StringVar(&h.back, "on-rollback", "", "`FUNCTION` or address to tell once everything was taken back")
}

// hooks returns the hooks of the flags.
func (h *hookFlags) hooks(cmd *cobra.Command) (plan.Hooks, error) {
	var hooks plan.Hooks
	for _, given := range []struct {
		flag, name string
		moment     plan.Moment
	}{
		{"before-traffic", h.before, plan.BeforeTraffic},
		{"each-step", h.step, plan.EachStep},
		{"after-traffic", h.after, plan.AfterTraffic},
		{"on-rollback", h.back, plan.OnRollback},
	} {
		if given.name == "" {
			continue
		}
		hook, err := plan.ParseHook(given.name)
		if err != nil {
			return hooks, usage(cmd, "--%s: %w", given.flag, err)
		}
		hooks.Set(given.moment, &hook)
	}
	return hooks, nil
}
