package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
)

func TestAProbeTellsWhatTheAddressItselfAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusMovedPermanently)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	for path, want := range map[string]int{"/": 200, "/moved": 301, "/broken": 500} {
		got := newProber(clock.System{}).Probe(t.Context(), plan.HTTPProbe{URL: server.URL + path})
		if got.Status != want || got.Problem != "" {
			t.Errorf("%s: got %d (%s), want %d", path, got.Status, got.Problem, want)
		}
	}
}

func TestAProbeThatGetsNoAnswerSaysWhy(t *testing.T) {
	got := newProber(clock.System{}).Probe(t.Context(), plan.HTTPProbe{URL: "http://127.0.0.1:1/"})
	if got.Status != 0 || !strings.Contains(got.Problem, "connection refused") || strings.Contains(got.Problem, "Get") {
		t.Errorf("got %d, %q", got.Status, got.Problem)
	}
}
