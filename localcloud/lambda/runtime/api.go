package runtime

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// An api is the Runtime API of one environment, at an address of its own. It speaks
// HTTP/1.1 itself, for two reasons: an event is written by whoever invokes, so
// that it reaches the function without another goroutine's turn, and the answer
// to a result goes out together with the next event when the process asked for
// both at once, as the bootstraps of this package do.
//
// Only the function's own process is meant to reach it. The bootstraps of this
// package know a path that cannot be guessed; programs with a runtime of their
// own have only an address, as on AWS. A browser's page is told apart by its
// Origin, or by a Host that is not this one.
//
// Source: "Using the Lambda runtime API for custom runtimes", and AWS's
// interface emulator for the states and errors.
type api struct {
	listener net.Listener
	address  string // what AWS_LAMBDA_RUNTIME_API says
	token    string // the first part of the path; empty for none
	prefix   string
	hosts    [2]string
	// wake receives after a change that whoever invokes waits for.
	wake chan struct{}

	mu          sync.Mutex
	connections map[*connection]bool
	phase       phase
	waiting     *connection // it has asked for the next event
	id          string      // of the invocation that runs
	outcome     *outcome    // of that invocation, or of the start
}

// A phase is where a process is in its life, as far as its calls tell.
type phase int

const (
	starting phase = iota // it has not asked for an event
	ready                 // it waits for an event
	busy                  // it has an event
	answered              // it has sent the result, and not asked for the next event
	failed                // it said that it could not start
)

func (p phase) String() string {
	return [...]string{"Started", "Ready", "Running", "ResponseSent", "InitError"}[p]
}

// An outcome is what a process said of an invocation, or of its start.
type outcome struct {
	body []byte
	// kind is the type of the error; empty for a result.
	kind string
}

// A delivery is an event with what comes along.
type delivery struct {
	request  lambda.Request
	deadline time.Time
}

func newAPI(secret bool) (*api, error) {
	listener, err := listen()
	if err != nil {
		return nil, err
	}
	a := &api{listener: listener, wake: make(chan struct{}, 1), connections: map[*connection]bool{}}
	a.address = listener.Addr().String()
	a.hosts = [2]string{a.address, "localhost:" + strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)}
	if secret {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		a.token = hex.EncodeToString(b[:])
		a.prefix = "/" + a.token
	}
	a.prefix += "/2018-06-01/runtime/"
	go a.accept()
	return a, nil
}

// listen takes an address that only this machine reaches: AWS's port at a random
// one of Linux's sixteen million, or else a random port.
func listen() (net.Listener, error) {
	// It takes no time, so that there is nothing to give up.
	ctx, config := context.Background(), net.ListenConfig{}
	if runtime.GOOS == "linux" {
		var b [3]byte
		_, _ = rand.Read(b[:]) // never fails
		// The last number is neither the network's nor the broadcast's.
		address := net.IPv4(127, b[0], b[1], 1+b[2]%254).String()
		if listener, err := config.Listen(ctx, "tcp4", address+":9001"); err == nil {
			return listener, nil
		}
	}
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return config.Listen(ctx, "tcp", "[::1]:0")
	}
	return listener, nil
}

func (a *api) accept() {
	for {
		conn, err := a.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the connection was gone before it was accepted
		}
		c := &connection{api: a, conn: conn, out: bufio.NewWriterSize(conn, 2048)}
		a.mu.Lock()
		a.connections[c] = true
		a.mu.Unlock()
		go c.serve()
	}
}

// reset forgets a process that has ended.
func (a *api) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.connections {
		release(c.conn)
	}
	clear(a.connections)
	a.phase, a.waiting, a.id, a.outcome = starting, nil, "", nil
	select {
	case <-a.wake:
	default:
	}
}

func (a *api) close() {
	release(a.listener)
	a.reset()
}

// look returns where the process is, and what it last said.
func (a *api) look() (phase, *outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.phase, a.outcome
}

// deliver gives the process its next event, if it waits for one.
func (a *api) deliver(d delivery) bool {
	a.mu.Lock()
	c := a.waiting
	if c == nil {
		a.mu.Unlock()
		return false
	}
	a.waiting = nil
	a.phase, a.id, a.outcome = busy, d.request.ID, nil
	a.mu.Unlock()
	if len(d.request.Payload) > maxAtOnce {
		go c.event(d)
	} else {
		c.event(d)
	}
	return true
}

// maxAtOnce is how long an event may be that is written without waiting: it fits
// into what the kernel keeps for a reader that has read all before. A process
// that does not read a longer one must not hold up whoever watches the time.
const maxAtOnce = 8 << 10

func (a *api) signal() {
	select {
	case a.wake <- struct{}{}:
	default: // it has been told
	}
}

// A connection is one of the process's connections.
type connection struct {
	api  *api
	conn net.Conn

	mu   sync.Mutex // for what follows
	out  *bufio.Writer
	last bool // close after the next answer
}

// maxHead is how long the head of a request may be. An error's X-Ray cause is
// the longest thing in it.
const maxHead = 2 << 20

// serve reads requests until the connection ends. An answer to "next" is
// written by deliver, while serve already waits for what comes after it.
func (c *connection) serve() {
	defer c.end()
	limited := &io.LimitedReader{R: c.conn}
	in := bufio.NewReaderSize(limited, 4096)
	for {
		limited.N = maxHead
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		limited.N = math.MaxInt64
		if !c.handle(r, in) {
			return
		}
	}
}

func (c *connection) end() {
	release(c.conn)
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	delete(c.api.connections, c)
	if c.api.waiting == c {
		// Whoever asks next is waited for instead.
		c.api.waiting, c.api.phase = nil, starting
	}
}

// handle answers one request, and says whether the connection goes on.
func (c *connection) handle(r *http.Request, in *bufio.Reader) bool {
	a := c.api
	c.mu.Lock()
	c.last = r.Close
	c.mu.Unlock()
	call, ok := strings.CutPrefix(r.URL.Path, a.prefix)
	if !ok || r.Header.Get("Origin") != "" || r.Host != a.hosts[0] && r.Host != a.hosts[1] {
		return c.refuse(r, in, http.StatusForbidden, "AccessDenied", "This is the Runtime API of a function")
	}
	if call == "invocation/next" && r.Method == http.MethodGet {
		return c.next(r, in)
	}
	if r.Method == http.MethodPost {
		if call == "init/error" {
			return c.initError(r, in)
		}
		if rest, ok := strings.CutPrefix(call, "invocation/"); ok {
			if id, ok := strings.CutSuffix(rest, "/response"); ok {
				return c.result(r, in, id, false)
			}
			if id, ok := strings.CutSuffix(rest, "/error"); ok {
				return c.result(r, in, id, true)
			}
		}
	}
	return c.refuse(r, in, http.StatusNotFound, "NotFound", "There is no such call: "+r.Method+" "+r.URL.Path)
}

// next notes that the process waits on this connection. The last one that asks
// is answered: a process that asks again has given up the connection before.
func (c *connection) next(r *http.Request, in *bufio.Reader) bool {
	a := c.api
	a.mu.Lock()
	if a.waiting == c {
		a.mu.Unlock()
		return false // it did not wait for the answer
	}
	if a.phase == busy || a.phase == failed {
		from := a.phase
		a.mu.Unlock()
		return c.refuseTransition(r, in, from, ready)
	}
	a.waiting, a.phase = c, ready
	a.mu.Unlock()
	a.signal()
	return true
}

// event answers "next" with an event.
func (c *connection) event(d delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	head := make([]byte, 0, 512)
	head = append(head, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: "...)
	head = append(head, d.request.ID...)
	head = append(head, "\r\nLambda-Runtime-Deadline-Ms: "...)
	head = strconv.AppendInt(head, d.deadline.UnixMilli(), 10)
	head = append(head, "\r\nLambda-Runtime-Invoked-Function-Arn: "...)
	head = append(head, d.request.InvokedARN...)
	if d.request.TraceID != "" {
		head = append(head, "\r\nLambda-Runtime-Trace-Id: "...)
		head = append(head, oneLine(d.request.TraceID)...)
	}
	if d.request.ClientContext != "" {
		head = append(head, "\r\nLambda-Runtime-Client-Context: "...)
		head = append(head, oneLine(d.request.ClientContext)...)
	}
	if c.last {
		head = append(head, "\r\nConnection: close"...)
	}
	head = append(head, "\r\nContent-Length: "...)
	head = strconv.AppendInt(head, int64(len(d.request.Payload)), 10)
	head = append(head, "\r\n\r\n"...)
	// A process that is gone is noticed by its end.
	_, _ = c.out.Write(head)
	_, _ = c.out.Write(d.request.Payload)
	_ = c.out.Flush()
	if c.last {
		release(c.conn)
	}
}

// oneLine makes a text fit for a header. In JSON, line ends are mere space.
func oneLine(text string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
}

// result takes the result of an invocation, or the error that it ended with.
func (c *connection) result(r *http.Request, in *bufio.Reader, id string, isError bool) bool {
	a := c.api
	a.mu.Lock()
	runs := a.phase == busy && a.id == id
	from := a.phase
	a.mu.Unlock()
	if !runs {
		if from == answered && a.id == id {
			// AWS says so to those who report that their result was refused.
			return c.refuseTransition(r, in, from, answered)
		}
		return c.refuse(r, in, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	}
	body, tooLarge, err := c.body(r)
	o := &outcome{body: body}
	switch {
	case tooLarge:
		o.kind = "Function.ResponseSizeTooLarge"
		o.body = []byte(`{"errorMessage":"` + tooLargeText + `","errorType":"` + o.kind + `"}`)
	case err != nil:
		return c.refuse(r, in, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
	case isError:
		o.kind = errorKind(r.Header.Get("Lambda-Runtime-Function-Error-Type"), body)
		o.body = errorBody(o.kind, body)
	case r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "":
		// A streamed result whose function failed half way.
		o.kind = r.Trailer.Get("Lambda-Runtime-Function-Error-Type")
		text, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if err != nil {
			text = nil
		}
		o.body = errorBody(o.kind, text)
	}
	a.mu.Lock()
	if a.phase == busy && a.id == id {
		a.phase, a.outcome = answered, o
	}
	a.mu.Unlock()
	if tooLarge {
		return c.refuse(nil, in, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", lambda.MaxPayload))
	}
	return c.accepted(in)
}

var tooLargeText = fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", lambda.MaxPayload)

// initError takes the error that a process could not start with.
func (c *connection) initError(r *http.Request, in *bufio.Reader) bool {
	a := c.api
	body, _, err := c.body(r)
	if err != nil {
		return c.refuse(r, in, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
	}
	kind := errorKind(r.Header.Get("Lambda-Runtime-Function-Error-Type"), body)
	a.mu.Lock()
	from := a.phase
	if from == starting {
		a.phase, a.outcome = failed, &outcome{body: errorBody(kind, body), kind: kind}
	}
	a.mu.Unlock()
	if from != starting {
		return c.refuseTransition(nil, in, from, failed)
	}
	a.signal()
	return c.accepted(in)
}

// errorKind returns an error's type: what the header says, or the body.
func errorKind(header string, body []byte) string {
	if header != "" {
		return header
	}
	var said struct {
		ErrorType string `json:"errorType"`
	}
	if json.Unmarshal(body, &said) == nil && said.ErrorType != "" {
		return said.ErrorType
	}
	return "Runtime.Unknown"
}

// errorBody returns an error as the caller sees it, which is how the function
// worded it.
func errorBody(kind string, body []byte) []byte {
	if json.Valid(body) {
		return body
	}
	return errorObject(kind, strings.ToValidUTF8(string(body), "\uFFFD"))
}

// body reads a request's body, and all of it: what is too large is thrown away,
// so that the answer finds its reader.
func (c *connection) body(r *http.Request) (body []byte, tooLarge bool, err error) {
	if r.Header.Get("Expect") != "" {
		c.mu.Lock()
		fmt.Fprint(c.out, "HTTP/1.1 100 Continue\r\n\r\n")
		err = c.out.Flush()
		c.mu.Unlock()
		if err != nil {
			return nil, false, err
		}
	}
	if n := r.ContentLength; n >= 0 && n <= lambda.MaxPayload {
		body = make([]byte, n)
		_, err = io.ReadFull(r.Body, body)
		return body, false, err
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r.Body, lambda.MaxPayload+1))
	if err != nil || n <= lambda.MaxPayload {
		return b.Bytes(), false, err
	}
	_, err = io.Copy(io.Discard, r.Body)
	return nil, true, err
}

func (c *connection) accepted(in *bufio.Reader) bool {
	return c.answer(in, "202 Accepted", `{"status":"OK"}`)
}

func (c *connection) refuseTransition(r *http.Request, in *bufio.Reader, from, to phase) bool {
	return c.refuse(r, in, http.StatusForbidden, "InvalidStateTransition",
		fmt.Sprintf("State transition from %s to %s failed for runtime. Error: State transition is not allowed", from, to))
}

// refuse answers an error. r is the request whose body has not been read.
func (c *connection) refuse(r *http.Request, in *bufio.Reader, status int, kind, message string) bool {
	if r != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return false
		}
	}
	return c.answer(in, strconv.Itoa(status)+" "+http.StatusText(status), string(errorObject(kind, message)))
}

// answer writes an answer, but lets it wait for the next one if the process has
// asked for that already.
func (c *connection) answer(in *bufio.Reader, status, body string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := ""
	if c.last {
		last = "Connection: close\r\n"
	}
	fmt.Fprintf(c.out, "HTTP/1.1 %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, last, len(body), body)
	if in.Buffered() == 0 || c.last {
		if c.out.Flush() != nil {
			return false
		}
	}
	return !c.last
}
