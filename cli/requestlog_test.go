package cli

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWhatWasOnlyReadIsToldOnRequestAlone(t *testing.T) {
	requests := []struct{ method, path, target string }{
		{http.MethodGet, "/2015-03-31/functions/checkout/aliases/live", ""},
		{http.MethodHead, "/releases/checkout.zip", ""},
		{http.MethodPost, "/", "AWSStepFunctions.DescribeStateMachine"},
		{http.MethodPut, "/2015-03-31/functions/checkout/aliases/live", ""},
		{http.MethodPost, "/", "AWSStepFunctions.UpdateStateMachine"},
	}
	writes := []string{"PUT /2015-03-31/functions/checkout/aliases/live", "UpdateStateMachine"}
	for _, c := range []struct {
		reads bool
		want  int
	}{{false, len(writes)}, {true, len(requests)}} {
		var told bytes.Buffer
		log := newRequestLog(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), slog.New(slog.NewTextHandler(&told, nil)), c.reads)
		for _, r := range requests {
			request := httptest.NewRequest(r.method, r.path, http.NoBody)
			request.Header.Set("X-Amz-Target", r.target)
			log.ServeHTTP(httptest.NewRecorder(), request)
		}
		log.tell()
		if got := strings.Count(told.String(), "\n"); got != c.want {
			t.Errorf("with reads %v: %d sentences, want %d\n%s", c.reads, got, c.want, told.String())
		}
		for _, want := range writes {
			if !strings.Contains(told.String(), want) {
				t.Errorf("with reads %v: %q is not told\n%s", c.reads, want, told.String())
			}
		}
	}
}
