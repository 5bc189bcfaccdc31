package cli

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"crossfade": func() { os.Exit(int(Run(context.Background(), System()))) },
		"code":      func() { fmt.Println("code", Run(context.Background(), System())) },
		"world":     func() { os.Exit(world(context.Background(), os.Args[1:])) },
		"function":  func() { os.Exit(function(context.Background(), os.Args[1])) },
	})
}

// testEnv is an environment without a terminal.
func testEnv(t *testing.T) *Env {
	return &Env{
		Stdin: strings.NewReader(""), Stdout: t.Output(), Stderr: t.Output(),
		Getenv: func(string) string { return "" }, Clock: clock.System{}, NewID: randomID,
	}
}

// TestScriptsShowWhatUsersTypeAndSee runs what a user types. A script gets, besides testscript's own
// commands:
//
//	cloud            a local cloud in the test's process; AWS_ENDPOINT_URL points to it
//	network down|up  pull the cable to that cloud, and put it back
//	traffic ALIAS N  N executions a second through an alias, until the script ends
//	invocations ALIAS N  the same for a function
//	await TEXT CMD…  run a command until its output matches; for what comes to be
//	                 in another process
//	occupy NAME      $NAME is an address that something listens on
//	signal NAME      HUP or TERM for what runs in the background
//
// and these programs: world changes and shows the cloud through the SDK, function
// is the code of a Lambda function, and code is crossfade that prints its exit
// code.
func TestScriptsShowWhatUsersTypeAndSee(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("CROSSFADE_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("USER", "ada")
			e.Setenv("LANG", "C.UTF-8")
			// Under the race detector a program sleeps for a second before it
			// ends, which these scripts, of hundreds of short programs, would
			// spend most of their time on.
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			// No test asks the network, or the developer's own files, for
			// credentials.
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"cloud":       startCloud,
			"traffic":     startTraffic,
			"invocations": startInvocations,
			"await":       await,
			"occupy":      occupy,
			"signal":      sendSignal,
			"network":     network,
		},
	})
}

func startCloud(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: cloud")
	}
	cloud, err := localcloud.Open(localcloud.Config{Log: slog.New(slog.DiscardHandler), Seed: 1})
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = cloud.Run(ctx) })
	cable := &cable{next: cloud.Handler()}
	server := httptest.NewServer(cable)
	cables.Store(server.URL, cable)
	ts.Defer(func() {
		// A script that fails leaves what runs in the background. Without its
		// cloud a deploy keeps trying to take its traffic back, as it should,
		// and the script would wait for it until its deadline.
		for _, cmd := range ts.BackgroundCmds() {
			_ = cmd.Process.Kill() // it may have ended
		}
		cables.Delete(server.URL)
		server.CloseClientConnections()
		server.Close()
		cancel()
		running.Wait()
		_ = cloud.Close()
	})
	ts.Setenv("AWS_ENDPOINT_URL", server.URL)
	ts.Setenv("AWS_REGION", "us-east-1")
	ts.Setenv("AWS_ACCESS_KEY_ID", "test")
	ts.Setenv("AWS_SECRET_ACCESS_KEY", "test")
}

// A cable between a cloud and the rest of the world can be pulled: requests are
// then cut off without an answer.
type cable struct {
	next   http.Handler
	pulled atomic.Bool
}

// cables are those in use, by address.
var cables sync.Map

func (c *cable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.pulled.Load() {
		panic(http.ErrAbortHandler)
	}
	c.next.ServeHTTP(w, r)
}

func network(ts *testscript.TestScript, neg bool, args []string) {
	c, ok := cables.Load(ts.Getenv("AWS_ENDPOINT_URL"))
	if neg || len(args) != 1 || !ok {
		ts.Fatalf("usage: network up|down, after cloud")
	}
	c.(*cable).pulled.Store(args[0] == "down")
}

func startTraffic(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: traffic ALIAS PER-SECOND")
	}
	perSecond, err := strconv.Atoi(args[1])
	ts.Check(err)
	w, err := newWorldClient(context.Background(), ts.Getenv("AWS_ENDPOINT_URL"))
	ts.Check(err)
	t := &traffic{
		stage: &stage{states: w.states, alias: w.arn(args[0])}, clock: clock.System{}, perSecond: perSecond,
		draw: rand.New(rand.NewPCG(1, 1)),
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { t.run(ctx) })
	ts.Defer(func() { cancel(); running.Wait() })
}

func startInvocations(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: invocations NAME:ALIAS PER-SECOND")
	}
	perSecond, err := strconv.Atoi(args[1])
	ts.Check(err)
	w, err := newWorldClient(context.Background(), ts.Getenv("AWS_ENDPOINT_URL"))
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				// Whether it works is what the metrics tell.
				_, _ = w.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(args[0])})
			}
		}
	})
	ts.Defer(func() { cancel(); running.Wait() })
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await TEXT COMMAND...")
	}
	want := regexp.MustCompile(args[0])
	var out []byte
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		cmd := exec.CommandContext(ctx, args[1], args[2:]...)
		cmd.Dir = ts.MkAbs(".")
		cmd.Env = append(os.Environ(), environ(ts)...)
		out, _ = cmd.CombinedOutput()
		cancel()
		if want.Match(out) {
			return
		}
		<-tick.C
	}
	ts.Fatalf("%v never said %q; last:\n%s", args[1:], args[0], out)
}

// environ is the part of the script's environment that programs here read.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "USER", "LANG", "CROSSFADE_HOME", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

func occupy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: occupy NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signal HUP|TERM")
	}
	which := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}[args[0]]
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(which))
	}
}
