package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// program measures the built program: how long `crossfade local` takes from
// being started to its first answer, and the memory it then holds.
func program(o options) ([]measurement, error) {
	path, remove, err := builtProgram(o)
	if err != nil {
		return nil, err
	}
	defer remove()
	var ready, memory []float64
	for range max(o.rounds, 3) {
		took, bytes, err := startOnce(path)
		if err != nil {
			return nil, err
		}
		ready = append(ready, float64(took)/float64(time.Millisecond))
		memory = append(memory, float64(bytes)/(1<<20))
	}
	return []measurement{
		{what: "crossfade local: start to first answer", value: fmt.Sprintf("%.0f ms", median(ready)), aim: "< 100 ms"},
		{what: "crossfade local: resident memory after it", value: fmt.Sprintf("%.0f MiB", median(memory)), aim: "< 40 MiB"},
	}, nil
}

var endpoint = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// builtProgram returns the path of the program, which it builds where none was
// given, and what removes it again.
func builtProgram(o options) (path string, remove func(), err error) {
	if o.program != "" {
		return o.program, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "crossfade-bench-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // what stays in the temporary folder is the system's to remove
	path = filepath.Join(dir, "crossfade")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/crossfade")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, remove, nil
}

// A running program is a `crossfade local` that has said its address.
type runningProgram struct {
	cmd *exec.Cmd
	url string
}

func (p *runningProgram) pid() int { return p.cmd.Process.Pid }

func (p *runningProgram) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed, and says so
}

func startProgram(ctx context.Context, path string) (*runningProgram, error) {
	cmd := exec.CommandContext(ctx, path, "local", "--quiet", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &runningProgram{cmd: cmd}
	lines := bufio.NewScanner(out)
	for p.url == "" && lines.Scan() {
		p.url = endpoint.FindString(lines.Text())
	}
	if p.url == "" {
		p.kill()
		return nil, errors.New("crossfade local ended without an address")
	}
	go func() { // keep the pipe empty, so that it never waits for us
		for lines.Scan() {
			continue
		}
	}()
	return p, nil
}

func startOnce(path string) (took time.Duration, resident int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	begin := now()
	p, err := startProgram(ctx, path)
	if err != nil {
		return 0, 0, err
	}
	defer p.kill()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader("{}"))
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AWSStepFunctions.ListStateMachines")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	resp.Body.Close()
	took = now().Sub(begin)
	resident, err = residentMemory(p.pid())
	return took, resident, err
}

// residentMemory reads VmRSS of a process; zero where there is no /proc.
func residentMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("no VmRSS in /proc")
}
