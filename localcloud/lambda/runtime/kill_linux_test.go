package runtime

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// runUntilKilled is a cloud that runs functions until its process ends.
func runUntilKilled(dir string) {
	o := Options{Dir: filepath.Join(dir, "functions"), Path: os.Getenv("PATH"), Logs: lineWriter{}}
	if os.Getenv("SANDBOX") != "" {
		var err error
		if o.Sandbox, err = os.Executable(); err != nil {
			panic(err)
		}
	}
	r, err := New(o)
	if err != nil {
		panic(err)
	}
	v := function("python3.12", "app.handler", map[string]string{"app.py": os.Getenv("CODE")})
	v.LogGroup = os.Getenv("GROUP")
	var ended sync.WaitGroup
	for range 20 {
		ended.Go(func() {
			_, _ = r.Invoke(context.Background(), v, lambda.Request{ID: requestID, Payload: []byte(`{}`)}) // it never answers
		})
	}
	ended.Wait()
}

// lineWriter prints what functions print.
type lineWriter struct{}

func (lineWriter) Write(_, _, _, _ string, events []lambda.LogEvent) {
	for _, e := range events {
		fmt.Print(e.Message)
	}
}

func TestNoProcessOutlivesACloudThatIsKilled(t *testing.T) {
	needs(t, "python3")
	for _, sandboxed := range []bool{false, true} {
		t.Run(fmt.Sprintf("sandbox=%t", sandboxed), func(t *testing.T) {
			if sandboxed && !newBed(t, Options{Sandbox: self(t)}).sandboxes() {
				t.Skip("skipped: no sandboxes can be made here")
			}
			dir := t.TempDir()
			group := "killed-" + filepath.Base(filepath.Dir(dir)) + t.Name()
			code := "import os, time\ndef handler(event, context):\n"
			perInvocation := 1
			if sandboxed {
				// Only a sandbox keeps what has left the process.
				code += "    if os.fork() == 0:\n        os.setsid()\n"
				perInvocation = 2
			}
			code += "    print('running', flush=True)\n    while True:\n        time.sleep(1000)\n"
			cloud := exec.Command(self(t))
			cloud.Env = append(os.Environ(), "CLOUD_THAT_IS_KILLED="+dir, "GROUP="+group, "CODE="+code)
			if sandboxed {
				cloud.Env = append(cloud.Env, "SANDBOX=1")
			}
			out, err := cloud.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cloud.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for running := 0; running < 20*perInvocation && lines.Scan(); {
				if lines.Text() == "running" {
					running++
				}
			}
			left := marked("AWS_LAMBDA_LOG_GROUP_NAME=" + group)
			var watched []unix.PollFd
			for _, pid := range left {
				fd, err := unix.PidfdOpen(pid, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer unix.Close(fd)
				watched = append(watched, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
			}
			if err := cloud.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cloud.Wait() // it was killed
			if len(left) != 20*perInvocation {
				t.Fatalf("%d processes ran, want %d", len(left), 20*perInvocation)
			}
			for i := range watched {
				one := watched[i : i+1]
				for {
					n, err := unix.Poll(one, 10_000)
					if err == unix.EINTR {
						continue
					}
					if err != nil || n == 0 {
						t.Errorf("process %d outlived the cloud (%v)", left[i], err)
						_ = unix.Kill(left[i], unix.SIGKILL)
					}
					break
				}
			}
		})
	}
}
