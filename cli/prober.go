package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
)

// prober asks the addresses that a plan's checks name.
type prober struct {
	client *http.Client
	clock  clock.Clock
}

// newProber returns a prober that does not follow redirects: what the address
// itself answers is what the plan expects.
func newProber(c clock.Clock) *prober {
	return &prober{clock: c, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Probe asks once; ctx bounds it.
func (p *prober) Probe(ctx context.Context, want plan.HTTPProbe) analysis.Probe {
	answer := analysis.Probe{At: p.clock.Now()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, want.URL, nil)
	if err != nil {
		answer.Problem = err.Error()
		return answer
	}
	request.Header.Set("User-Agent", "crossfade")
	response, err := p.client.Do(request)
	if err != nil {
		var sent *url.Error
		if errors.As(err, &sent) {
			err = sent.Err // the address is in the sentence already
		}
		answer.Problem = err.Error()
		return answer
	}
	// A short body is read so that the connection can be used again; what is in
	// it does not matter, nor whether it arrives.
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	shut(response.Body)
	answer.Status = response.StatusCode
	return answer
}
