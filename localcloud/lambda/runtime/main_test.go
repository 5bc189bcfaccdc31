package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"go.uber.org/goleak"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// The test program is also what it tests with: the sandbox's helper, and a
// function that was compiled.
func TestMain(m *testing.M) {
	RunSandbox()
	if os.Getenv("_HANDLER") == "compiled" {
		awslambda.Start(compiled)
		return
	}
	if dir := os.Getenv("CLOUD_THAT_IS_KILLED"); dir != "" {
		runUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// compiled is the handler of the function that this program is.
func compiled(ctx context.Context, event map[string]any) (any, error) {
	switch event["do"] {
	case "fail":
		return nil, errors.New("the handler failed")
	case "panic":
		panic("the handler panicked")
	case "exit":
		os.Exit(3)
	case "large":
		return strings.Repeat("a", lambda.MaxPayload), nil
	case "context":
		c, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{
			"id": c.AwsRequestID, "arn": c.InvokedFunctionArn, "custom": c.ClientContext.Custom,
			"left": time.Until(deadline).Milliseconds(),
		}, nil
	}
	return event, nil
}

// A recorder remembers what was logged.
type recorder struct {
	mu      sync.Mutex
	events  map[string][]lambda.LogEvent // by stream
	changed chan struct{}                // closed by the next write
}

func (r *recorder) Write(account, region, group, stream string, events []lambda.LogEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.events == nil {
		r.events = map[string][]lambda.LogEvent{}
	}
	r.events[stream] = append(r.events[stream], slices.Clone(events)...)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// wait waits until a text was logged n times.
func (b *bed) wait(text string, n int) {
	b.Helper()
	for {
		b.logs.mu.Lock()
		if b.logs.changed == nil {
			b.logs.changed = make(chan struct{})
		}
		changed := b.logs.changed
		b.logs.mu.Unlock()
		if strings.Count(b.logs.text(), text) >= n {
			return
		}
		select {
		case <-changed:
		case <-b.Context().Done():
			b.Fatalf("%q was not logged %d times, but\n%s", text, n, b.logs.text())
		}
	}
}

// text returns all that was logged, stream by stream.
func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, events := range r.events {
		for _, e := range events {
			b.WriteString(e.Message)
		}
	}
	return b.String()
}

func (r *recorder) streams() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

// A bed is a Runtime under test.
type bed struct {
	testing.TB
	*Runtime
	logs *recorder
}

// newBed returns a Runtime with sandboxes where they work, or without any.
func newBed(t testing.TB, options Options) *bed {
	t.Helper()
	b := &bed{TB: t, logs: &recorder{}}
	if options.Logs == nil {
		options.Logs = b.logs
	}
	options.Dir = filepath.Join(t.TempDir(), "functions")
	options.Path = os.Getenv("PATH")
	options.Log = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	r, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	b.Runtime = r
	// Launchers of version managers are slow to say which interpreter they are.
	knownInterpreters.log = r.options.Log
	r.interpreters = knownInterpreters
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

var knownInterpreters = &interpreters{path: os.Getenv("PATH"), found: map[string]*finding{}}

type testWriter struct{ testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// both runs a test with and without sandboxes.
func both(t *testing.T, test func(*testing.T, *bed)) {
	t.Run("plain", func(t *testing.T) { test(t, newBed(t, Options{})) })
	t.Run("sandbox", func(t *testing.T) {
		b := newBed(t, Options{Sandbox: self(t)})
		if !b.sandboxes() {
			t.Skip("skipped: no sandboxes can be made here")
		}
		test(t, b)
	})
}

func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var serial struct {
	sync.Mutex
	n int
}

// function returns a version of a function with these files.
func function(runtime, handler string, files map[string]string) *lambda.FunctionVersion {
	serial.Lock()
	serial.n++
	id := fmt.Sprintf("v%d", serial.n)
	serial.Unlock()
	return &lambda.FunctionVersion{
		ID: id, FunctionARN: "arn:aws:lambda:eu-west-1:123456789012:function:shop", Name: "shop", Version: "7",
		Account: "123456789012", Region: "eu-west-1", Runtime: runtime, Architecture: "x86_64", Handler: handler,
		Code: lambda.NewArchive(lambdatest.Archive(files)), Environment: map[string]string{},
		MemoryMB: 256, EphemeralStorageMB: 512, Timeout: 30 * time.Second,
		LogGroup: "/aws/lambda/shop", LogFormat: "Text",
	}
}

func python(t testing.TB, code string) *lambda.FunctionVersion {
	needs(t, "python3")
	return function("python3.12", "app.handler", map[string]string{"app.py": code})
}

func node(t testing.TB, code string) *lambda.FunctionVersion {
	needs(t, "node")
	return function("nodejs20.x", "app.handler", map[string]string{"app.js": code})
}

var compiledCode = sync.OnceValue(func() *lambda.Archive {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return lambda.NewArchive(lambdatest.Archive(map[string]string{"bootstrap*": string(content)}))
})

// program returns a function that was compiled: this very program.
func program() *lambda.FunctionVersion {
	v := function("provided.al2023", "compiled", nil)
	v.Code = compiledCode()
	return v
}

func needs(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("skipped: %s is not on the PATH", name)
	}
}

const requestID = "8f507cfc-0001-4697-b07a-ac58fc914c95"

// call runs a function once.
func (b *bed) call(v *lambda.FunctionVersion, payload string) lambda.Response {
	b.Helper()
	r, err := b.Invoke(b.Context(), v, lambda.Request{
		ID: requestID, Payload: []byte(payload), InvokedARN: v.FunctionARN + ":live",
		TraceID: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
	})
	if err != nil {
		b.Fatalf("invoke: %v", err)
	}
	return r
}

// wantResult fails unless a function succeeded with this result.
func (b *bed) wantResult(v *lambda.FunctionVersion, payload, want string) lambda.Response {
	b.Helper()
	r := b.call(v, payload)
	if r.FunctionError != "" || string(r.Payload) != want {
		b.Fatalf("the function answered %s (error %q), want %s; its log:\n%s", r.Payload, r.FunctionError, want, b.logs.text())
	}
	return r
}

// wantError fails unless a function failed so, and returns what it said.
func (b *bed) wantError(v *lambda.FunctionVersion, payload, kind, message string) map[string]any {
	b.Helper()
	r := b.call(v, payload)
	var said map[string]any
	if err := json.Unmarshal(r.Payload, &said); err != nil {
		b.Fatalf("the function answered %s, want an error; its log:\n%s", r.Payload, b.logs.text())
	}
	if r.FunctionError != "Unhandled" || r.ErrorType != kind || said["errorType"] != kind || said["errorMessage"] != message {
		b.Fatalf("the function answered %s (%q, %q), want %s: %s; its log:\n%s", r.Payload, r.FunctionError, r.ErrorType, kind, message, b.logs.text())
	}
	return said
}

func (b *bed) wantLog(want ...string) {
	b.Helper()
	text := b.logs.text()
	for _, w := range want {
		if !strings.Contains(text, w) {
			b.Errorf("the log has not %q, but\n%s", w, text)
		}
	}
}

var morning = time.Date(2025, 11, 25, 8, 0, 0, 0, time.UTC)

// idle returns the warm environments of a version.
func (b *bed) idle(v *lambda.FunctionVersion) []*environment {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pools[v.ID]; p != nil {
		return p.idle
	}
	return nil
}

// slow runs a test with a clock that stands still.
func slow(t *testing.T, test func(*testing.T, *bed, *clock.Virtual)) {
	for _, sandboxed := range []bool{false, true} {
		t.Run(fmt.Sprintf("sandbox=%t", sandboxed), func(t *testing.T) {
			now := clock.NewVirtual(morning)
			o := Options{Clock: now}
			if sandboxed {
				o.Sandbox = self(t)
			}
			b := newBed(t, o)
			if sandboxed && !b.sandboxes() {
				t.Skip("skipped: no sandboxes can be made here")
			}
			test(t, b, now)
		})
	}
}

// wantNothingLeft fails if a process of a function still runs.
func (b *bed) wantNothingLeft(v *lambda.FunctionVersion) {
	b.Helper()
	if left := marked("AWS_LAMBDA_LOG_GROUP_NAME=" + v.LogGroup); len(left) > 0 {
		b.Errorf("%d processes of %s still run: %v", len(left), v.Name, left)
	}
}

// marked returns the processes that have a variable.
func marked(mark string) []int {
	var out []int
	names, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range names {
		text, _ := os.ReadFile(name)
		if strings.Contains(string(text), mark+"\x00") {
			var pid int
			fmt.Sscanf(name, "/proc/%d/", &pid)
			out = append(out, pid)
		}
	}
	return out
}
