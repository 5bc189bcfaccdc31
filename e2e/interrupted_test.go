package e2e

import (
	"bufio"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
)

// A running command whose output can be waited for, line by line.
type running struct {
	*exec.Cmd
	mu    sync.Mutex
	lines []string
	ended chan struct{}
}

// start starts the program with both of its outputs in one.
func start(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &running{Cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		for s := bufio.NewScanner(out); s.Scan(); {
			r.mu.Lock()
			r.lines = append(r.lines, s.Text())
			r.mu.Unlock()
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return r
}

func (r *running) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

// hears waits until the command has said something; false when it ended without.
func (r *running) hears(what string) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(r.said(), what) {
		select {
		case <-tick.C:
		case <-r.ended:
			return strings.Contains(r.said(), what)
		}
	}
	return true
}

func (r *running) code(t *testing.T) int {
	t.Helper()
	<-r.ended
	return exitCode(t, r.Wait())
}

func (r *running) signal(t *testing.T, signals ...syscall.Signal) {
	t.Helper()
	for _, s := range signals {
		if err := r.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
}

// waiting is a deploy that waits at 10 % for an hour.
func waiting(t *testing.T, c *cloud, seed uint64) (*mortalDeploy, *running) {
	d := newDeploy(t, c, seed)
	d.args[indexAfter(d.args, "--canary")] = "10%/1h"
	r := start(t, d.command(d.args...))
	if !r.hears("at 10 %, 100 % in") {
		t.Fatalf("it ended before it waited at 10 %%:\n%s", r.said())
	}
	return d, r
}

func indexAfter(args []string, flag string) int {
	for i, a := range args {
		if a == flag {
			return i + 1
		}
	}
	panic("no " + flag)
}

// timeout(1) and pipelines that are cancelled send more than one signal. Nobody
// thought twice, so the traffic is taken back all the same.
func TestSignalsThatComeTogetherAreOneInterrupt(t *testing.T) {
	c := startCloud(t)
	for i, signals := range [][]syscall.Signal{
		{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGTERM},
		{syscall.SIGTERM, syscall.SIGINT},
		{syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGCONT},
	} {
		d, r := waiting(t, c, uint64(i))
		r.signal(t, signals...)
		if code := r.code(t); code != 6 {
			t.Errorf("%v: exit code %d, want 6\n%s", signals, code, r.said())
		}
		if got := c.routing(t, d.machine+":prod"); got != "1=100" {
			t.Errorf("%v: the alias shows %s, want 1=100", signals, got)
		}
	}
}

// While the traffic cannot be taken back, one more Ctrl-C leaves, with the
// commands that take it back.
func TestASecondInterruptLeavesAndSaysWhatRevertsTheSplit(t *testing.T) {
	dir := t.TempDir()
	c := startCloud(t, "--data", dir)
	d, r := waiting(t, c, 0)
	c.kill()
	r.signal(t, syscall.SIGINT)
	if !r.hears("reverting; again to leave at once") {
		t.Fatalf("it ended at once:\n%s", r.said())
	}
	r.signal(t, syscall.SIGTERM) // a pipeline loses its patience, we do not
	<-clock.System{}.After(time.Second)
	r.signal(t, syscall.SIGINT)
	if code := r.code(t); code != 5 {
		t.Errorf("exit code %d, want 5\n%s", code, r.said())
	}
	for _, want := range []string{"nobody looks after it", "crossfade abort r-", "update-state-machine-alias"} {
		if !strings.Contains(r.said(), want) {
			t.Errorf("it did not say %q\n%s", want, r.said())
		}
	}

	// The cloud comes back elsewhere, and the command that was named works.
	c = startCloud(t, "--data", dir)
	abort := d.command("abort", d.name+":prod", "--reason", "left behind", "--endpoint-url", c.endpoint)
	if out, err := abort.CombinedOutput(); err != nil {
		t.Errorf("abort: %v\n%s", err, out)
	}
	if got := c.routing(t, d.machine+":prod"); got != "1=100" {
		t.Errorf("after the abort the alias shows %s, want 1=100", got)
	}
}
