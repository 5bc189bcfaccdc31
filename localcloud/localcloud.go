// Package localcloud joins the local services into one AWS endpoint, over HTTP or
// in memory.
//
// A [Cloud] is an http.Handler's worth of AWS and nothing else: whoever opens one
// serves [Cloud.Handler] where they like, and drives what happens by itself with
// [Cloud.Run], or in virtual time through [Cloud.Processes]. It does not know who
// talks to it; Crossfade's own deployer is one client among others.
package localcloud

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/sync/errgroup"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/controller/sqlitestore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch"
	"github.com/crossfade-dev/crossfade/localcloud/codedeploy"
	"github.com/crossfade-dev/crossfade/localcloud/events"
	"github.com/crossfade-dev/crossfade/localcloud/iam"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/runtime"
	"github.com/crossfade-dev/crossfade/localcloud/logs"
	"github.com/crossfade-dev/crossfade/localcloud/outbox"
	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
	"github.com/crossfade-dev/crossfade/localcloud/s3"
	"github.com/crossfade-dev/crossfade/localcloud/sfn"
	"github.com/crossfade-dev/crossfade/localcloud/sns"
	"github.com/crossfade-dev/crossfade/localcloud/sts"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/eventsapi"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
	"github.com/crossfade-dev/crossfade/localcloud/wire/snsapi"
)

// Config says what a Cloud is made of. The zero value is a cloud in memory.
type Config struct {
	// Dir is where the state is kept; empty keeps it in memory only.
	Dir string
	// Log takes what goes wrong and, at debug level, each request; nil means
	// nobody listens.
	Log *slog.Logger
	// Clock is the cloud's time; nil means the machine's.
	Clock clock.Clock
	// Speed is how many times as fast as Clock the cloud's own time passes: what
	// waits, alarms' periods, rollouts' intervals. Functions run by Clock. From 1,
	// which 0 means, to MaxSpeed.
	Speed float64
	// Lenient lets stacks have what the cloud does not: resources of other types
	// are names with nothing behind them, and what resources cannot do is left out.
	// Their events tell of it. Without it such stacks fail.
	Lenient bool
	// Seed is where all draws come from: two clouds with one seed and the
	// same calls in the same order route alike.
	Seed uint64
	// Endpoint is the address at which Handler is served, for functions that
	// call the cloud that they run in. Empty: they are told of none.
	Endpoint string
	// Path lists the directories with the interpreters of functions, as the
	// variable PATH does. Empty: no managed runtime can be had.
	Path string
	// Sandbox is the program that makes the sandboxes of functions: one whose
	// main begins with runtime.RunSandbox. Empty: no sandboxes.
	Sandbox string
	// Printed hears of every entry that functions log, by log group, besides the
	// local CloudWatch Logs. It must not wait. Nil: nobody does.
	Printed func(group, entry string)
	// Rollouts remembers the rollouts that the cloud's services start, and may be
	// shared with whoever wants to see them. Nil: a store in Dir, or memory.
	Rollouts controller.Store
	// Owner is who carries these rollouts out, for people: user@host pid 7. Empty:
	// nobody in particular.
	Owner string
}

// A Cloud is a set of local services behind one endpoint.
type Cloud struct {
	clock     clock.Clock
	machine   clock.Clock   // by which functions run
	scaled    *clock.Scaled // clock, if it is not machine
	log       *slog.Logger
	server    *wire.Server
	handler   http.Handler     // server, with the addresses that functions have
	journal   *journal.Journal // nil in memory
	closers   []func() error   // of services, in the order in which they were made
	processes []process
}

// A process is a service that does things by itself.
type process struct {
	clock.Process
	name  string
	wake  <-chan struct{}
	clock clock.Clock // nil: the cloud's
}

// Open returns a cloud with what its directory remembers. The error wraps
// journal.ErrInUse when another process has the directory, and
// journal.ErrNewer when a newer program wrote it.
func Open(config Config) (*Cloud, error) {
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cloud{clock: config.Clock, log: config.Log}
	if config.Dir != "" {
		var err error
		if c.journal, err = journal.Open(config.Dir, journal.Options{}); err != nil {
			return nil, err
		}
	}
	err := c.ownTime(config)
	if err == nil {
		err = c.join(config)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// join makes the services and introduces them to each other. Services that need
// others are made after them; what goes in a circle goes through the server.
func (c *Cloud) join(config Config) error {
	// A nil *Journal in an interface is not a nil interface.
	var alarms cloudwatch.Journal
	var executions sfn.Journal
	var code lambda.Journal
	var objects s3.Journal
	var deployed codedeploy.Journal
	var outgoing outbox.Journal
	if c.journal != nil {
		alarms, executions, code, objects, deployed, outgoing = c.journal, c.journal, c.journal, c.journal, c.journal, c.journal
	}
	operations := &integrations{}
	endpoint := func() string { return config.Endpoint }

	bus, err := events.New(events.Config{Clock: c.clock, Journal: outgoing, Targets: operations, Log: c.log})
	if err != nil {
		return err
	}
	c.onClose(bus.Close)
	topics, err := sns.New(sns.Config{Clock: c.clock, Journal: outgoing, Functions: subscribers{operations}, Endpoint: endpoint})
	if err != nil {
		return err
	}
	c.onClose(topics.Close)
	monitoring, err := cloudwatch.New(cloudwatch.Config{Clock: c.clock, Meant: c.meant, Journal: alarms, Actions: alarmActions{operations}, Events: alarmEvents{bus}})
	if err != nil {
		return err
	}
	roles := iam.New(iam.Config{Clock: c.clock, Save: c.save("iam.snapshot")})
	sessions := sts.New(sts.Config{Clock: c.clock, RoleID: roles.RoleID, Save: c.save("sts.snapshot")})
	lines := logs.New(logs.Config{Clock: c.clock, Save: c.save("logs.snapshot")})
	err = errors.Join(c.load("iam.snapshot", roles.Restore), c.load("sts.snapshot", sessions.Restore), c.load("logs.snapshot", lines.Restore))
	if err != nil {
		return err
	}

	buckets, err := s3.New(s3.Config{Clock: c.clock, Journal: objects, Dir: subdirectory(config.Dir, "objects")})
	if err != nil {
		return err
	}
	processes, err := runtime.New(runtime.Options{
		Clock: c.machine, Log: c.log, Logs: functionLogs{lines, c.ownTimeOf, config.Printed},
		Dir: subdirectory(config.Dir, "environments"), Path: config.Path, Sandbox: config.Sandbox,
	})
	if err != nil {
		return err
	}
	c.closers = append(c.closers, processes.Close)
	functions, err := lambda.New(lambda.Config{
		Clock: c.clock, Rand: rand.NewPCG(config.Seed, 2), Journal: code, Dir: subdirectory(config.Dir, "code"),
		Runtime: processes, Metrics: functionMetrics{monitoring}, Sessions: functionSessions{sessions}, Objects: objectReader{buckets},
		Destinations: destinations{operations, bus, buckets, c.log},
		Endpoint:     endpoint,
	})
	if err != nil {
		return err
	}
	c.onClose(functions.Close)
	states, err := sfn.New(sfn.Config{
		Clock: c.clock, Rand: rand.NewPCG(config.Seed, 1), Journal: executions,
		Metrics: stateMetrics{monitoring}, Logs: stateLogs{lines}, Integrations: operations, Functions: operations, Objects: stateObjects{objectReader{buckets}},
		Models: []*wire.Service{&lambdaapi.Service, &s3api.Service, &eventsapi.Service, &snsapi.Service},
	})
	if err != nil {
		return err
	}
	c.onClose(states.Close)

	deliveries, err := c.rollouts(config)
	if err != nil {
		return err
	}
	deployments, err := codedeploy.New(codedeploy.Config{
		Clock: c.clock, Rollouts: deliveries, Functions: deployedFunctions{operations}, Objects: objectReader{buckets},
		Topics: alarmActions{operations}, Bus: deploymentEvents{bus}, Journal: deployed, Log: c.log,
	})
	if err != nil {
		return err
	}
	stacks, err := c.stacks(config, operations, buckets, deliveries)
	if err != nil {
		return err
	}
	c.server = wire.NewServer(wire.Config{Log: c.log, AccountOf: sessions.AccountOf},
		states.API(), functions.API(), monitoring.API(), lines.API(), buckets.API(), sessions.API(), roles.API(),
		topics.API(), bus.API(), deployments.API(), stacks.API())
	operations.server = c.server
	c.handler = c.stamped(functions.URLs(withCode(functions, c.server)))
	c.processes = append(c.processes,
		process{Process: states, name: "step functions", wake: states.Wake()},
		process{Process: functions, name: "lambda", wake: functions.Wake()},
		process{Process: processes, name: "lambda runtime", wake: processes.Wake(), clock: c.machine},
		process{Process: monitoring, name: "cloudwatch", wake: monitoring.Wake()},
		process{Process: topics, name: "sns", wake: topics.Wake()},
		process{Process: bus, name: "eventbridge", wake: bus.Wake()},
		process{Process: deliveries, name: "rollouts", wake: deliveries.Wake()},
		process{Process: deployments, name: "codedeploy", wake: deployments.Wake()},
		process{Process: stacks, name: "cloudformation", wake: stacks.Wake()},
	)
	return nil
}

// onClose has a service closed with the cloud.
func (c *Cloud) onClose(stop func()) {
	c.closers = append(c.closers, func() error { stop(); return nil })
}

// rollouts makes what carries out the rollouts that services start.
func (c *Cloud) rollouts(config Config) (*rollouts.Service, error) {
	store := config.Rollouts
	switch {
	case store != nil:
	case config.Dir == "":
		store = memstore.New()
	default:
		file, err := sqlitestore.Open(context.Background(), filepath.Join(config.Dir, "rollouts.db"), c.machine)
		if err != nil {
			return nil, err
		}
		c.closers = append(c.closers, file.Close)
		store = file
	}
	owner := "local cloud"
	if config.Dir == "" {
		owner = MemoryOwner
	}
	if config.Owner != "" {
		owner += " of " + config.Owner
	}
	return rollouts.New(rollouts.Config{Store: store, AWS: c.awsConfig, Clock: c.clock, Owner: owner, Log: c.log, Speed: config.Speed}), nil
}

// MemoryOwner is how the names of those begin that carry out the rollouts of a
// cloud in memory. When they are dead, so are the aliases.
const MemoryOwner = "local cloud in memory"

// withCode serves the archives of functions below their path, and everything else
// by next. A ServeMux would clean paths, and keys of objects are not clean.
func withCode(functions *lambda.Service, next http.Handler) http.Handler {
	path, code := lambda.CodePath(), functions.Code()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, path) {
			code.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// subdirectory returns a directory below dir, or nothing where dir is nothing.
func subdirectory(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

// save returns where a small service keeps the whole of its state; nil in memory.
func (c *Cloud) save(kind string) func([]byte) error {
	if c.journal == nil {
		return nil
	}
	return func(snapshot []byte) error { return c.journal.Put(kind, "", snapshot) }
}

// load gives restore what save kept.
func (c *Cloud) load(kind string, restore func([]byte) error) error {
	if c.journal == nil {
		return nil
	}
	return c.journal.Load(kind, func(_ string, snapshot []byte) error { return restore(snapshot) })
}

// Handler returns the endpoint of all services. It accepts any Host header, and
// any credentials.
func (c *Cloud) Handler() http.Handler { return c.handler }

// HTTPClient returns a client whose requests, whatever their address, are
// answered by this cloud in memory.
func (c *Cloud) HTTPClient() *http.Client { return wire.NewClient(http.HandlerFunc(c.serve)) }

// serve is the handler for those who have to know it before the services are
// joined.
func (c *Cloud) serve(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// InMemory is the address of a cloud in [Cloud.AWSConfig]. Nothing is sent to it.
const InMemory = "http://crossfade.local"

// AWSConfig returns a configuration whose SDK clients talk to this cloud in
// memory.
func (c *Cloud) AWSConfig() aws.Config { return c.awsConfig("local", wire.DefaultRegion) }

// awsConfig returns a configuration for an access key, which may be the number of
// an account.
func (c *Cloud) awsConfig(key, region string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(InMemory),
		Credentials:  credentials.NewStaticCredentialsProvider(key, "local", ""),
		HTTPClient:   c.HTTPClient(),
	}
}

// Run drives what the services do by themselves, such as timers and alarms, in
// the cloud's time until ctx ends. Its error is ctx's.
func (c *Cloud) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range c.processes {
		group.Go(func() error {
			clock.Run(ctx, cmp.Or(p.clock, c.clock), p, p.wake, func(err error) {
				if ctx.Err() == nil {
					c.log.Error("the local cloud could not do what was due", "service", p.name, "err", err)
				}
			})
			return ctx.Err()
		})
	}
	return group.Wait()
}

// Processes returns what Run drives, for whoever lets virtual time pass.
func (c *Cloud) Processes() []clock.Process {
	out := make([]clock.Process, len(c.processes))
	for i, p := range c.processes {
		out[i] = p
	}
	return out
}

// Close ends what still runs, functions among it, and lets go of the cloud's
// directory. What was acknowledged is on disk whether or not Close is called.
func (c *Cloud) Close() error {
	var err error
	for _, closer := range slices.Backward(c.closers) {
		err = errors.Join(err, closer())
	}
	if c.journal != nil {
		err = errors.Join(err, c.journal.Close())
	}
	if err != nil {
		return fmt.Errorf("local cloud: %w", err)
	}
	return nil
}
