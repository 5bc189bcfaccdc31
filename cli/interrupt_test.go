package cli

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/localcloud"
)

// stuckCloud is a cloud that serves orders:prod and stops answering at the first
// request whose action ends with at, when it calls reached.
func stuckCloud(t *testing.T, at string, reached func()) (url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cloud, err := localcloud.Open(localcloud.Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = cloud.Run(ctx) })
	if err := newStage(cloud.AWSConfig()).build(ctx); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), at) {
			once.Do(reached)
			<-ctx.Done()
			return
		}
		cloud.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() { cancel(); server.Close(); running.Wait(); _ = cloud.Close() })
	return server.URL
}

func TestASignalBeforeTheFirstShiftSaysWhatWasChanged(t *testing.T) {
	for name, tt := range map[string]struct{ at, want string }{
		"preflight":  {"DescribeStateMachineAlias", "left before any traffic was moved; nothing was changed"},
		"publishing": {"UpdateStateMachine", "orders:prod was being published, and what came of it stays without traffic"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			url := stuckCloud(t, tt.at, func() {
				if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
					t.Error(err)
				}
			})
			t.Setenv("AWS_ACCESS_KEY_ID", "test")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
			t.Setenv("AWS_REGION", "us-east-1")
			file := filepath.Join(dir, "v2.json")
			if err := os.WriteFile(file, []byte(`{"StartAt": "Ship", "States": {"Ship": {"Type": "Succeed"}}}`), 0o600); err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			env := testEnv(t)
			env.Stderr = &said
			env.Args = []string{
				"deploy", "--state-machine", demoAlias, "--definition", file, "--canary", "10%/1h", "--no-default-checks",
				"--store", filepath.Join(dir, "store.db"), "--endpoint-url", url,
			}
			if got := Run(t.Context(), env); got != ExitError {
				t.Errorf("exit code %d, want %d", got, ExitError)
			}
			if !strings.Contains(said.String(), "signal: hangup: ") || !strings.Contains(said.String(), tt.want) {
				t.Errorf("it says %q, want %q", said.String(), tt.want)
			}
		})
	}
}

func TestASignalThatComesTooLateForTheStartIsLeftToTheCarrier(t *testing.T) {
	signalled := make(chan os.Signal, 4)
	err := whileStarting(t.Context(), signalled, func(ctx context.Context) error {
		signalled <- syscall.SIGTERM
		<-ctx.Done()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-signalled:
		if s != syscall.SIGTERM {
			t.Errorf("got %v, want %v", s, syscall.SIGTERM)
		}
	default:
		t.Error("the signal is lost")
	}
}

func TestAnInterruptionNamesWhatWasPublished(t *testing.T) {
	signalled := make(chan os.Signal, 4)
	err := whileStarting(t.Context(), signalled, func(ctx context.Context) error {
		signalled <- syscall.SIGINT
		<-ctx.Done()
		return &controller.UnstartedError{Published: []string{"orders:prod 9"}, Err: ctx.Err()}
	})
	const want = "signal: interrupt: left before any traffic was moved; published, and staying without traffic: orders:prod 9"
	if f := asFailure(err); f.code != ExitError || err.Error() != want {
		t.Errorf("got exit %d, %v; want %d, %s", f.code, err, ExitError, want)
	}
	if err := interruptedTakeUp(err, "abort", "r-17"); asFailure(err).code != ExitWaiting || !strings.Contains(err.Error(), "abort of r-17 is noted") {
		t.Errorf("got %v, want that the order is noted and exit %d", err, ExitWaiting)
	}
	if other := errors.New("no credentials"); !errors.Is(interruptedTakeUp(other, "abort", "r-17"), other) {
		t.Error("another error is taken for an interruption")
	}
}
