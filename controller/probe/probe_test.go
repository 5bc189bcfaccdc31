package probe_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller/probe"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
)

var t0 = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func TestProbeTellsTheStatusAndFollowsNoRedirect(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/fine", http.StatusFound)
		case "/broken":
			http.Error(w, strings.Repeat("x", 200<<10), http.StatusInternalServerError)
		}
	}))
	defer s.Close()
	p := probe.New(s.Client(), clock.NewVirtual(t0))
	for path, want := range map[string]int{"/fine": 200, "/moved": 302, "/broken": 500} {
		got := p.Probe(t.Context(), plan.HTTPProbe{URL: s.URL + path})
		if got.Status != want || got.Problem != "" || !got.At.Equal(t0) {
			t.Errorf("%s: got %+v, want status %d at %s", path, got, want, t0)
		}
	}
}

func TestProbeOfWhatDoesNotAnswerIsAProblem(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	url := s.URL
	s.Close()
	p := probe.New(http.DefaultClient, clock.NewVirtual(t0))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for _, u := range []string{url, "http://[::1", "gopher://x"} {
		if got := p.Probe(ctx, plan.HTTPProbe{URL: u}); got.Status != 0 || got.Problem == "" {
			t.Errorf("%s: got %+v, want a problem", u, got)
		}
	}
}
