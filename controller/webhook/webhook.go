// Package webhook asks addresses by HTTP whether a rollout may go on.
//
// An address gets a POST by the Standard Webhooks specification: the body is a
// [hookmessage.Question], and the headers webhook-id, webhook-timestamp and
// webhook-signature have the rest. A status of 2xx is an answer, which the body
// may say more about, see [hookmessage.ParseReply]; 202 without a body means that
// it has only taken the question and wants to be asked again. Every other status
// below 500 except 408 and 429 is a failure; those, and no answer at all, are
// tried again. An address of a hook that is async has only to take the question:
// its answer is given with crossfade hook.
package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/hookmessage"
	"github.com/crossfade-dev/crossfade/controller/internal/desk"
	"github.com/crossfade-dev/crossfade/controller/internal/wording"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Hook is a [controller.Hook] whose hooks are addresses. It is safe for
// concurrent use.
type Hook struct {
	client *http.Client
	secret hookmessage.Secret
	clock  clock.Clock
	desk   *desk.Desk
}

var _ controller.Hook = (*Hook)(nil)

// New returns a hook. Without a secret messages are not signed. It follows no
// redirects, because who is asked is what the plan says. [Hook.Close] ends what
// it has begun.
func New(client *http.Client, secret hookmessage.Secret, c clock.Clock) *Hook {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Hook{client: &own, secret: secret, clock: c, desk: desk.New(c)}
}

// Close stops waiting for answers.
func (h *Hook) Close() { h.desk.Close() }

// Ask posts the question in the background.
func (h *Hook) Ask(_ context.Context, c controller.HookCall) error {
	m, err := hookmessage.New(c, h.secret, h.clock.Now())
	if err != nil {
		return err
	}
	h.desk.Ask(c.Key, c.Deadline, func(ctx context.Context) (rollout.Answer, time.Duration) {
		status, body, err := h.post(ctx, c.Hook.Name, m)
		if err != nil {
			return rollout.Answer{Problem: err.Error()}, 0
		}
		return reply(status, body, c.Hook.Async)
	})
	return nil
}

// mostBody is how much of an answer is read.
const mostBody = 64 << 10

func (h *Hook) post(ctx context.Context, address string, m hookmessage.Message) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(m.Body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "crossfade")
	req.Header.Set("Webhook-Id", m.ID)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(m.Timestamp, 10))
	if m.Signature != "" {
		req.Header.Set("Webhook-Signature", m.Signature)
	}
	res, err := h.client.Do(req)
	if err != nil {
		return 0, nil, wording.Cause(err)
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, mostBody))
	if closed := res.Body.Close(); err == nil {
		err = closed
	}
	return res.StatusCode, body, err
}

// reply is what an answer means.
func reply(status int, body []byte, async bool) (answer rollout.Answer, again time.Duration) {
	body = bytes.TrimSpace(body)
	switch {
	case status >= 200 && status < 300 && async:
		return rollout.Answer{State: rollout.CallPending}, 0
	case status == http.StatusAccepted && len(body) == 0:
		return rollout.Answer{State: rollout.CallPending}, hookmessage.DefaultAgain
	case status >= 200 && status < 300:
		return hookmessage.ParseReply(body)
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return rollout.Answer{Problem: "it answered " + statusText(status)}, 0
	default:
		return rollout.Answer{State: rollout.CallFailed, Reason: "it answered " + statusText(status)}, 0
	}
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// Answer returns what is known of the question in this process. Of one that an
// earlier process asked nothing is known, so that it is asked again.
func (h *Hook) Answer(_ context.Context, c controller.HookCall) (rollout.Answer, error) {
	return h.desk.Answer(c.Key), nil
}
