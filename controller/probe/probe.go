// Package probe asks HTTP addresses for checks, and tries versions of functions and
// state machines out before they get traffic.
package probe

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/wording"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
)

// A Prober is a [controller.Prober] over an HTTP client. It is safe for
// concurrent use.
type Prober struct {
	client *http.Client
	clock  clock.Clock
}

var _ controller.Prober = (*Prober)(nil)

// New returns a prober. It does not follow redirects: a plan may expect one.
func New(client *http.Client, c clock.Clock) *Prober {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Prober{client: &own, clock: c}
}

// mostBody is how much of an answer is read, so that its connection can be used
// again; what it says does not matter.
const mostBody = 64 << 10

// Probe asks once, with GET.
func (p *Prober) Probe(ctx context.Context, probe plan.HTTPProbe) analysis.Probe {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, probe.URL, nil)
	if err != nil {
		return analysis.Probe{At: p.clock.Now(), Problem: err.Error()}
	}
	req.Header.Set("User-Agent", "crossfade")
	res, err := p.client.Do(req)
	if err != nil {
		return analysis.Probe{At: p.clock.Now(), Problem: wording.Cause(err).Error()}
	}
	_, err = io.CopyN(io.Discard, res.Body, mostBody)
	if closeErr := res.Body.Close(); err == nil || errors.Is(err, io.EOF) {
		err = closeErr
	}
	answer := analysis.Probe{Status: res.StatusCode, At: p.clock.Now()}
	if err != nil {
		answer = analysis.Probe{At: answer.At, Problem: err.Error()}
	}
	return answer
}
