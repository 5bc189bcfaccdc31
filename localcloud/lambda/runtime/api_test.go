package runtime

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// A client is a process that speaks the Runtime API by hand.
type client struct {
	testing.TB
	*api
}

func newClient(t *testing.T, secret bool) client {
	a, err := newAPI(secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return client{t, a}
}

// send sends a request, and returns the status and the body of the answer.
func (c client) send(method, path, body string, headers ...string) (int, string) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), method, "http://"+c.address+c.prefix+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		c.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// give delivers an event to a process that asks for it now.
func (c client) give(id string) {
	c.Helper()
	got := make(chan string, 1)
	go func() {
		_, body := c.send("GET", "invocation/next", "")
		got <- body
	}()
	<-c.wake
	if !c.deliver(delivery{request: lambda.Request{ID: id, Payload: []byte(`{"order":17}`)}}) {
		c.Fatal("nobody waits for the event")
	}
	if body := <-got; body != `{"order":17}` {
		c.Fatalf("the event is %s", body)
	}
}

func (c client) want(status int, kind string) func(int, string) {
	return func(gotStatus int, body string) {
		c.Helper()
		if gotStatus != status || !strings.Contains(body, kind) {
			c.Errorf("the answer is %d %s, want %d %s", gotStatus, body, status, kind)
		}
	}
}

func TestTheRuntimeAPIRefusesWhatIsOutOfTurn(t *testing.T) {
	c := newClient(t, false)
	c.want(404, "NotFound")(c.send("GET", "restore/next", ""))
	c.want(400, "InvalidRequestID")(c.send("POST", "invocation/none/response", "{}"))
	c.give("one")
	c.want(403, "State transition from Running to Ready failed for runtime.")(c.send("GET", "invocation/next", ""))
	c.want(403, "State transition from Running to InitError failed for runtime.")(c.send("POST", "init/error", "{}"))
	c.want(400, "InvalidRequestID")(c.send("POST", "invocation/other/response", "{}"))
	c.want(202, `{"status":"OK"}`)(c.send("POST", "invocation/one/response", `"done"`))
	c.want(403, "InvalidStateTransition")(c.send("POST", "invocation/one/response", `"again"`))
	if phase, said := c.look(); phase != answered || string(said.body) != `"done"` || said.kind != "" {
		t.Errorf("the result is %v in phase %s", said, phase)
	}
	c.give("two")
	c.want(400, "InvalidRequestID")(c.send("POST", "invocation/one/response", "{}"))
}

func TestErrorsComeWithTheTypeOfHeaderOrBody(t *testing.T) {
	c := newClient(t, false)
	for i, e := range []struct{ header, body, kind, answer string }{
		{"Shop.Closed", `{"errorType":"other","errorMessage":"m"}`, "Shop.Closed", `{"errorType":"other","errorMessage":"m"}`},
		{"", `{"errorType":"InBody","errorMessage":"m"}`, "InBody", `{"errorType":"InBody","errorMessage":"m"}`},
		{"", `{}`, "Runtime.Unknown", `{}`},
		{"Plain", `no JSON`, "Plain", `{"errorType":"Plain","errorMessage":"no JSON"}`},
	} {
		id := fmt.Sprint(i)
		c.give(id)
		c.want(202, "OK")(c.send("POST", "invocation/"+id+"/error", e.body, "Lambda-Runtime-Function-Error-Type", e.header))
		if _, said := c.look(); said.kind != e.kind || string(said.body) != e.answer {
			t.Errorf("%q with %q became %q: %s, want %q: %s", e.body, e.header, said.kind, said.body, e.kind, e.answer)
		}
	}
}

func TestStreamedResultsAreTakenAsOne(t *testing.T) {
	c := newClient(t, false)
	c.give("one")
	conn, err := net.Dial("tcp", c.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /2018-06-01/runtime/invocation/one/response HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n"+
		"Lambda-Runtime-Function-Response-Mode: streaming\r\nTrailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"+
		"4\r\nhalf\r\n0\r\nLambda-Runtime-Function-Error-Type: Broken\r\nLambda-Runtime-Function-Error-Body: %s\r\n\r\n",
		c.address, base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"half way"}`)))
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusAccepted {
		t.Fatalf("the answer is %v, %v", answer, err)
	}
	answer.Body.Close()
	if _, said := c.look(); said.kind != "Broken" || string(said.body) != `{"errorMessage":"half way"}` {
		t.Errorf("the result is %q: %s", said.kind, said.body)
	}
}

func TestAResultThatIsTooLargeIsRefusedAndRead(t *testing.T) {
	c := newClient(t, false)
	c.give("one")
	c.want(413, "Exceeded maximum allowed payload size (6291556 bytes).")(
		c.send("POST", "invocation/one/response", strings.Repeat("x", 3*lambda.MaxPayload), "Expect", "100-continue"))
	if _, said := c.look(); said.kind != "Function.ResponseSizeTooLarge" {
		t.Errorf("the result is %q", said.kind)
	}
}

func TestOnlyTheFunctionReachesItsRuntimeAPI(t *testing.T) {
	c := newClient(t, true)
	guess := client{t, &api{address: c.address, prefix: "/2018-06-01/runtime/"}}
	guess.want(403, "AccessDenied")(guess.send("POST", "init/error", "{}"))
	c.want(403, "AccessDenied")(c.send("POST", "init/error", "{}", "Origin", "http://example.com"))
	c.want(403, "AccessDenied")(c.send("POST", "init/error", "{}", "Host", "example.com"))
	c.want(202, "OK")(c.send("POST", "init/error", `{"errorType":"Mine"}`))
	if phase, said := c.look(); phase != failed || said.kind != "Mine" {
		t.Errorf("the start ended with %v in phase %s", said, phase)
	}
}

func TestAProcessThatAsksAgainOnANewConnectionGetsTheEvent(t *testing.T) {
	c := newClient(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.address+"/2018-06-01/runtime/invocation/next", nil)
	if err != nil {
		t.Fatal(err)
	}
	gaveUp := make(chan bool)
	go func() {
		defer close(gaveUp)
		if _, err := (&http.Transport{}).RoundTrip(r); err == nil {
			t.Error("the connection that was given up has got an answer")
		}
	}()
	<-c.wake
	cancel()
	<-gaveUp
	c.give("one")
}

func TestTwoRequestsInOneAreAnsweredInOrder(t *testing.T) {
	c := newClient(t, false)
	c.give("one")
	conn, err := net.Dial("tcp", c.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /2018-06-01/runtime/invocation/one/response HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\n{}"+
		"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", c.address, c.address)
	<-c.wake
	deadline := time.UnixMilli(1764057600123)
	c.deliver(delivery{request: lambda.Request{ID: "two", Payload: []byte("2"), InvokedARN: "arn:x", ClientContext: "{\n}"}, deadline: deadline})
	in := bufio.NewReader(conn)
	for _, want := range []string{"202 ", "200 two 1764057600123 arn:x { }"} {
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		h := answer.Header
		got := strings.TrimRight(fmt.Sprintf("%d %s %s %s %s", answer.StatusCode, h.Get("Lambda-Runtime-Aws-Request-Id"),
			h.Get("Lambda-Runtime-Deadline-Ms"), h.Get("Lambda-Runtime-Invoked-Function-Arn"), h.Get("Lambda-Runtime-Client-Context")), " ")
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("the answer is %q %s, want %q", got, body, want)
		}
	}
}
