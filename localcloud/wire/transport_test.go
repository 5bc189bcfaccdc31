package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

func TestPagesOfOtherOriginsAreRefused(t *testing.T) {
	s := testServer()
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	body := "Action=GetCallerIdentity&Version=2011-06-15"
	for _, c := range []struct {
		header map[string]string
		want   int
	}{
		{form, 200},
		{with(form, "Sec-Fetch-Site", "cross-site"), 403},
		{with(form, "Origin", "https://elsewhere.example"), 403},
		{with(form, "Sec-Fetch-Site", "same-origin"), 200},
	} {
		if got := send(t, s, ask{header: c.header, body: body}); got.status != c.want {
			t.Errorf("%v: got %d %s, want %d", c.header, got.status, got.body, c.want)
		}
		if got := send(t, s, ask{method: "GET", url: "/?" + body, header: c.header}); got.status != c.want {
			t.Errorf("GET with %v: got %d %s, want %d", c.header, got.status, got.body, c.want)
		}
	}
}

func TestClientsThatWaitForContinueAreAnswered(t *testing.T) {
	defer goleak.VerifyNone(t)
	h := httptest.NewServer(testServer())
	defer h.Close()
	transport := &http.Transport{ExpectContinueTimeout: time.Hour}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequest("POST", h.URL, strings.NewReader(`{"stateMachineArn":"m"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSStepFunctions.StartExecution")
	r.Header.Set("Expect", "100-continue")
	r.ContentLength = -1 // chunked
	out, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Body.Close() }()
	if body, err := io.ReadAll(out.Body); err != nil || out.StatusCode != 200 {
		t.Errorf("got %d %s, %v", out.StatusCode, body, err)
	}
}

func TestWaitingOperationEndsWithItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wire.NewServer(wire.Config{}, wire.API{Service: &sfnapi.Service, Rows: []wire.Row{
			wire.Op(sfnapi.GetActivityTask, func(ctx context.Context, _ *sfnapi.GetActivityTaskInput) (*sfnapi.GetActivityTaskOutput, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}),
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "POST", "http://x/", strings.NewReader(`{"activityArn":"a"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "AWSStepFunctions.GetActivityTask")
		out, err := s.Client().Do(r)
		if err == nil {
			_ = out.Body.Close()
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

func TestOneLinePerRequestAtDebug(t *testing.T) {
	var lines bytes.Buffer
	s := wire.NewServer(wire.Config{Log: slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))}, callerAPI())
	send(t, s, ask{header: sfnTarget("StartExecution"), body: "{}"})
	want := "level=DEBUG msg=request operation=SFN.StartExecution protocol=awsJson1.0 status=400 error=ValidationException account=000000000000 region=us-east-1\n"
	if lines.String() != want {
		t.Errorf("got %q, want %q", lines.String(), want)
	}
}
