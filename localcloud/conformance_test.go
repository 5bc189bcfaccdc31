package localcloud_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/internal/conformance"
	"github.com/crossfade-dev/crossfade/localcloud"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/runtime"
)

func TestMain(m *testing.M) {
	runtime.RunSandbox() // functions of the cases below run in sandboxes of this program
	os.Exit(m.Run())
}

var (
	update   = flag.Bool("update", false, "write the list of recorded cases that agree")
	onlyCase = flag.String("case", "", "replay only recorded cases whose ID contains this, and print what differs")
)

// families are the parts of the corpus that the local cloud is held to so far.
var families = []string{"api", "api-cloudwatch", "api-lambda", "asl", "asl-other-services", "cfn"}

// served are the services that a case may need.
var served = []string{"stepfunctions", "lambda", "cloudwatch", "logs", "s3", "sts", "iam", "sns", "events", "cloudformation", "codedeploy"}

// agreedFile lists the IDs of recorded cases that agree: none of them may stop.
const agreedFile = "testdata/agreed.txt"

func TestTheLocalCloudAnswersAsAWSDid(t *testing.T) {
	dir, err := conformance.Find()
	if errors.Is(err, conformance.ErrAbsent) {
		t.Skip("skipped: " + err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &report{agreed: readAgreed(t)}
	for _, family := range families {
		cases, err := conformance.Load(dir, family)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			r.add(c.ID, c.Needs(), func() error { return replay(t, c) })
		}
		runs, err := conformance.LoadRuns(dir, family)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range runs {
			needs := slices.Clone(c.OtherServices)
			if len(c.Needs.Lambda) > 0 {
				needs = append(needs, "lambda")
			}
			r.add(c.ID, needs, func() error { return replayRuns(t, &c) })
		}
	}
	r.replay(t)
	r.print(t)
	if *update && *onlyCase == "" {
		r.write(t)
	}
}

// lacking returns what a case needs that is not here. Functions are processes,
// which the race detector sees nothing of: a short run leaves them out.
func lacking(needs []string) []string {
	var missing []string
	if testing.Short() && slices.Contains(needs, "lambda") {
		missing = append(missing, "time")
	}
	for _, s := range needs {
		if !slices.Contains(served, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

func readAgreed(t *testing.T) []string {
	t.Helper()
	f, err := os.Open(filepath.FromSlash(agreedFile))
	if errors.Is(err, os.ErrNotExist) && *update {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var ids []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		ids = append(ids, lines.Text())
	}
	return ids
}

// replay runs a case against a cloud of its own, in virtual time.
func replay(t *testing.T, c conformance.Case) error {
	t.Helper()
	caller := newCaller(t, slices.Contains(c.Needs(), "lambda") || slices.Contains(c.Needs(), "cloudformation"))
	defer caller.close()
	return conformance.Replay(t.Context(), c, caller)
}

// newCaller opens a cloud in virtual time. Where functions run, each virtual
// second takes long enough for their processes to get on.
func newCaller(t *testing.T, functions bool) *caller {
	t.Helper()
	v := clock.NewVirtual(clock.System{}.Now().Truncate(time.Second))
	config := localcloud.Config{Clock: v, Seed: 1}
	c := &caller{clock: v, moment: time.Millisecond}
	var listener net.Listener
	if functions {
		c.moment = 20 * time.Millisecond
		var err error
		if listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		config.Path, config.Sandbox, config.Endpoint = os.Getenv("PATH"), os.Args[0], "http://"+listener.Addr().String()
	}
	var err error
	if c.cloud, err = localcloud.Open(config); err != nil {
		t.Fatal(err)
	}
	if functions {
		server := &http.Server{Handler: c.cloud.Handler(), ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(listener) }() // ends with the test's case
		c.stop = server.Close
	}
	return c
}

// close ends the cloud and whatever runs in it.
func (c *caller) close() {
	if c.stop != nil {
		_ = c.stop()
	}
	_ = c.cloud.Close()
}

// A caller speaks to a cloud as SDKs do, and lets its time pass.
type caller struct {
	cloud  *localcloud.Cloud
	clock  *clock.Virtual
	moment time.Duration // of real time, for each time that virtual time passes
	stop   func() error  // ends the endpoint that functions call; nil without one

	driving sync.Mutex // held while virtual time passes
	mu      sync.Mutex
	flowing int           // calls during which time passes by itself
	halt    chan struct{} // ends that
}

func (c *caller) Now() time.Time { return c.clock.Now() }

// Pass moves the cloud's time. Calls that the cloud makes on goroutines of its
// own get a moment of real time.
func (c *caller) Pass(ctx context.Context, d time.Duration) error {
	<-clock.System{}.After(c.moment)
	return c.drive(ctx, d)
}

func (c *caller) drive(ctx context.Context, d time.Duration) error {
	c.driving.Lock()
	defer c.driving.Unlock()
	return c.clock.Drive(ctx, c.clock.Now().Add(d), 0, c.cloud.Processes()...)
}

// flow lets the cloud's time pass as fast as real time, as functions see it, until
// what it returns is called.
func (c *caller) flow() (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flowing++; c.flowing == 1 {
		c.halt = make(chan struct{})
		go c.flowUntil(c.halt)
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.flowing--; c.flowing == 0 {
			close(c.halt)
		}
	}
}

func (c *caller) flowUntil(halt <-chan struct{}) {
	var real clock.System
	for last := real.Now(); ; {
		select {
		case <-halt:
			return
		case now := <-real.After(20 * time.Millisecond):
			_ = c.drive(context.Background(), now.Sub(last)) // without a deadline it drives
			last = now
		}
	}
}

// Sleep lets as much time pass in the cloud as outside of it.
func (c *caller) Sleep(_ context.Context, d time.Duration) error {
	defer c.flow()()
	<-clock.System{}.After(d)
	return nil
}

// CallFrom calls an operation in another account or region.
func (c *caller) CallFrom(ctx context.Context, account, region, service, operation, _ string, params map[string]any) (conformance.Answer, error) {
	return c.sdkFrom(ctx, account, region, service, operation, params)
}

func (c *caller) Call(ctx context.Context, service, operation, protocol string, params map[string]any) (conformance.Answer, error) {
	switch protocol {
	case "query":
		return c.query(ctx, operation, params)
	case "json":
		return c.json(ctx, operation, params)
	}
	if service == "s3" {
		return c.s3(ctx, operation, params)
	}
	return c.sdk(ctx, service, operation, params)
}
