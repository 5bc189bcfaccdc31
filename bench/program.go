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
	path := o.program
	if path == "" {
		dir, err := os.MkdirTemp("", "crossfade-bench-")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }() // what stays in the temporary folder is the system's to remove
		path = filepath.Join(dir, "crossfade")
		build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", path, "./cmd/crossfade")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build: %w: %s", err, out)
		}
	}
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

func startOnce(path string) (took time.Duration, resident int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "local", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	begin := now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	lines := bufio.NewScanner(out)
	url := ""
	for url == "" && lines.Scan() {
		url = endpoint.FindString(lines.Text())
	}
	if url == "" {
		return 0, 0, errors.New("crossfade local ended without an address")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
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
	resident, err = residentMemory(cmd.Process.Pid)
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
