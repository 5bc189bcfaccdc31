package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/crossfade-dev/crossfade/localcloud"
)

type localOptions struct {
	listen      string
	dir         string
	allowRemote bool
	quiet       bool
	verbose     bool
	seed        uint64
	store       storeOptions
	speed       float64
	lenient     bool
}

func newLocal(env *Env) *cobra.Command {
	var o localOptions
	cmd := &cobra.Command{
		Use:     "local",
		GroupID: groupTry,
		Short:   "The embedded cloud as an AWS endpoint, until interrupted",
		Long: `Serves Step Functions, Lambda, CloudFormation, CodeDeploy, CloudWatch, S3, IAM,
Logs and STS on one address, wire-compatible with AWS, so that the AWS CLI, SDKs
and crossfade itself work on this machine alone. State lives in memory, or in a
directory with --data. What CodeDeploy and templates roll out there is remembered
with all other rollouts: list, why, pause and the rest work on it.

Nobody is authenticated: whoever reaches the address may do anything there. It
therefore listens on this machine only, unless --allow-remote says otherwise.`,
		Example: `  crossfade local
  crossfade local --listen 127.0.0.1:0 --data ./cloud
  crossfade local --speed 60                           # a minute there is a second here
  crossfade local --lenient                            # takes templates with queues, tables and APIs`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.speed < 1 || o.speed > localcloud.MaxSpeed {
				return usage(cmd, "--speed %v is not between 1 and %d", o.speed, localcloud.MaxSpeed)
			}
			if !cmd.Flags().Changed("seed") {
				o.seed = rand.Uint64()
			}
			return o.run(cmd.Context(), env)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:4566", "`ADDRESS` to listen on; port 0 takes a free one")
	f.StringVar(&o.dir, "data", "", "`DIR` to keep the state in (default: memory)")
	o.store.flags(cmd)
	f.Float64Var(&o.speed, "speed", 1, fmt.Sprintf("`N` times as fast pass the cloud's own minutes, up to %d; functions run in real time", localcloud.MaxSpeed))
	f.BoolVar(&o.lenient, "lenient", false, "deploy templates with what is not there, too: as names with nothing behind them, which the events tell")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "listen also where other machines can reach it, without authentication")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "do not tell what happens")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell also what was only read, and what Lambda notes of each invocation")
	cmd.MarkFlagsMutuallyExclusive("quiet", "verbose")
	f.Uint64Var(&o.seed, "seed", 0, "seed of all draws, to see the same run again (default: random)")
	return cmd
}

func (o localOptions) run(ctx context.Context, env *Env) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	listener, err := listen(ctx, o.listen, o.allowRemote)
	if err != nil {
		return err
	}
	defer shut(listener)
	log := slog.New(slog.DiscardHandler)
	if !o.quiet {
		log = slog.New(newSentences(env.Stderr, env.errStyle(), env.Clock))
	}
	sandbox, err := os.Executable()
	if err != nil {
		sandbox = "" // functions then run without one
	}
	printed := newFunctionLog(log, o.verbose)
	config := localcloud.Config{
		Dir: o.dir, Log: log, Seed: o.seed,
		Endpoint: "http://" + listener.Addr().String(), Path: env.Getenv("PATH"), Sandbox: sandbox,
		Owner: env.owner(), Speed: o.speed, Printed: printed.print, Lenient: o.lenient,
	}
	store, err := o.store.openForCloud(ctx, env)
	if err != nil {
		return err
	}
	if store != nil {
		config.Rollouts = store
	}
	cloud, err := localcloud.Open(config)
	if err != nil {
		f := &failure{code: ExitError, err: fmt.Errorf("local cloud: %w", errors.Join(err, store.end(false)))}
		if o.dir != "" {
			f.next = []string{"--data DIR chooses another place; without it the state is in memory"}
		}
		return f
	}
	where := "in memory"
	if o.dir != "" {
		where = "in " + o.dir
	}
	o.greet(env, "http://"+listener.Addr().String(), where)
	err = serve(ctx, env, listener, cloud, newRequestLog(cloud.Handler(), log, o.verbose), printed)
	if err := errors.Join(err, cloud.Close(), store.end(o.dir == "")); err != nil {
		return &failure{code: ExitError, err: fmt.Errorf("local cloud: %w", err)}
	}
	if o.dir == "" {
		env.say("stopped; nothing is kept")
	} else {
		env.say("stopped; the state is in %s", o.dir)
	}
	return nil
}

// greet prints what one needs to point AWS tools at the endpoint. The lines that
// begin with "export" can be given to a shell as they are.
func (o localOptions) greet(env *Env, endpoint, where string) {
	how := ""
	if o.speed != 1 {
		how = fmt.Sprintf(", its time passes %v times as fast", o.speed)
	}
	missing := ""
	if o.lenient {
		missing = `# --lenient: resource types that are not here become names with nothing behind them, and properties that
# are not here are left out; the events of a stack say which` + "\n"
	}
	fmt.Fprintf(env.Stdout, `# local cloud at %s, state %s%s; Ctrl-C stops it
%sexport AWS_ENDPOINT_URL=%s
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
export AWS_DISABLE_HOST_PREFIX_INJECTION=true  # start-sync-execution needs it
`, endpoint, where, how, missing, endpoint)
}

// serve answers requests, tells of them, and drives the cloud until ctx ends.
func serve(ctx context.Context, env *Env, listener net.Listener, cloud *localcloud.Cloud, requests *requestLog, printed *functionLog) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return answer(ctx, listener, requests) })
	group.Go(func() error { requests.run(ctx, env.Clock); return nil })
	group.Go(func() error { printed.run(ctx, env.Clock); return nil })
	group.Go(func() error {
		if err := cloud.Run(ctx); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	return group.Wait()
}

// answer answers requests until ctx ends, then lets those that are under way
// come to their end.
func answer(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if err := server.Shutdown(patience); err != nil {
			return server.Close() // a client that keeps a request open does not keep us
		}
		return nil
	})
	return group.Wait()
}

// listen opens an address, if it is one that only this machine reaches or
// others are allowed.
func listen(ctx context.Context, address string, allowRemote bool) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return nil, &failure{code: ExitUsage, err: fmt.Errorf("--listen %q is not an address", address), next: []string{
			"it looks like 127.0.0.1:4566",
		}}
	}
	if !allowRemote && !isLoopback("http://"+net.JoinHostPort(host, port)) {
		return nil, &failure{code: ExitRefused, err: fmt.Errorf("--listen %s would let other machines in, and nobody is authenticated", address), next: []string{
			"listen on 127.0.0.1:" + port + ", or say --allow-remote if the network is yours",
		}}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &failure{code: ExitError, err: fmt.Errorf("%s is in use: something listens there already", address), next: []string{
			"--listen 127.0.0.1:0 takes a free port",
			"lsof -i :" + port + " shows who has it",
		}}
	case errors.Is(err, syscall.EACCES):
		return nil, &failure{code: ExitError, err: fmt.Errorf("%s may not be opened: permission denied", address), next: []string{
			"ports below 1024 belong to the system; --listen 127.0.0.1:4566",
		}}
	case err != nil:
		return nil, &failure{code: ExitError, err: fmt.Errorf("listen on %s: %w", address, err)}
	}
	return l, nil
}
