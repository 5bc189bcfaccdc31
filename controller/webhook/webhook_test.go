package webhook_test

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/hookmessage"
	"github.com/crossfade-dev/crossfade/controller/webhook"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// address is what answers: a status and a body, or an error.
type address struct {
	status int
	body   string
	err    error
	asked  []*http.Request
	bodies []string
}

func (a *address) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a.asked, a.bodies = append(a.asked, r), append(a.bodies, string(body))
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{"Location": {"https://elsewhere.example.com"}}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

var secret = hookmessage.Secret("a secret of at least 24 bytes")

// answer asks an address once and returns how the question stands.
func answer(t *testing.T, a *address, async bool, after time.Duration) rollout.Answer {
	t.Helper()
	h := webhook.New(&http.Client{Transport: a}, secret, clock.System{})
	defer h.Close()
	c := controller.HookCall{
		Hook: plan.Hook{Kind: plan.Webhook, Name: "https://ci.example.com/hook?a=1", Async: async, Timeout: time.Hour},
		Key:  "r-1/eachStep-2", Deadline: time.Now().Add(time.Hour),
	}
	if err := h.Ask(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	time.Sleep(after)
	got, err := h.Answer(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWhatAnAddressAnswersIsTheAnswer(t *testing.T) {
	pending := rollout.Answer{State: rollout.CallPending}
	for name, tt := range map[string]struct {
		address address
		async   bool
		after   time.Duration
		want    rollout.Answer
	}{
		"200":                      {address: address{status: 200}, want: rollout.Answer{State: rollout.CallSucceeded}},
		"204":                      {address: address{status: 204}, want: rollout.Answer{State: rollout.CallSucceeded}},
		"200 that says no":         {address: address{status: 200, body: `{"status":"Failed","reason":"no"}`}, want: rollout.Answer{State: rollout.CallFailed, Reason: "no"}},
		"202":                      {address: address{status: 202, body: "\n"}, want: pending},
		"202, a while later":       {address: address{status: 202}, after: time.Minute, want: rollout.Answer{}},
		"202 that says so":         {address: address{status: 202, body: `{"status":"Succeeded"}`}, want: rollout.Answer{State: rollout.CallSucceeded}},
		"async":                    {address: address{status: 200, body: `{"status":"Succeeded"}`}, async: true, after: 30 * time.Minute, want: pending},
		"async that is refused":    {address: address{status: 403}, async: true, want: rollout.Answer{State: rollout.CallFailed, Reason: "it answered 403 Forbidden"}},
		"404":                      {address: address{status: 404}, want: rollout.Answer{State: rollout.CallFailed, Reason: "it answered 404 Not Found"}},
		"a redirect":               {address: address{status: 302}, want: rollout.Answer{State: rollout.CallFailed, Reason: "it answered 302 Found"}},
		"429":                      {address: address{status: 429}, want: rollout.Answer{Problem: "it answered 429 Too Many Requests"}},
		"503":                      {address: address{status: 503}, want: rollout.Answer{Problem: "it answered 503 Service Unavailable"}},
		"nobody listens":           {address: address{err: errors.New("connection refused")}, want: rollout.Answer{Problem: "connection refused"}},
		"a status without a name":  {address: address{status: 599}, want: rollout.Answer{Problem: "it answered 599"}},
		"200 with something large": {address: address{status: 200, body: strings.Repeat("x", 1<<20)}, want: rollout.Answer{State: rollout.CallSucceeded}},
	} {
		synctest.Test(t, func(t *testing.T) {
			if got := answer(t, &tt.address, tt.async, tt.after); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
			}
			if len(tt.address.asked) != 1 {
				t.Errorf("%s: it was asked %d times, want once", name, len(tt.address.asked))
			}
		})
	}
}

func TestAQuestionCarriesItsSignatureInHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &address{status: 200}
		answer(t, a, false, 0)
		r := a.asked[0]
		at, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		m := hookmessage.Message{ID: r.Header.Get("webhook-id"), Timestamp: at, Body: a.bodies[0], Signature: r.Header.Get("webhook-signature")}
		if err := secret.Verify(m, time.Now()); err != nil {
			t.Errorf("it is not to be believed: %v", err)
		}
		if r.Method != http.MethodPost || r.URL.String() != "https://ci.example.com/hook?a=1" || r.Header.Get("content-type") != "application/json" {
			t.Errorf("got %s %s of %s, want a POST of JSON to the address as the plan has it", r.Method, r.URL, r.Header.Get("content-type"))
		}
	})
}
