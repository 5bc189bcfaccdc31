package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

// A requestLog tells once a second what was asked of an endpoint: thousands of
// calls are one sentence, and a single one is told within a second. Reads that
// were answered are only told when reads is set: a deployer makes one a second.
type requestLog struct {
	next  http.Handler
	log   *slog.Logger
	reads bool

	mu    sync.Mutex
	calls map[call]int
}

// call is an operation with how it was answered.
type call struct {
	operation string
	problem   string // the error's name; empty for an answer
}

func newRequestLog(next http.Handler, log *slog.Logger, reads bool) *requestLog {
	return &requestLog{next: next, log: log, reads: reads, calls: make(map[call]int)}
}

// ServeHTTP lets the request through and notes it.
func (l *requestLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation := operationOf(r)
	answer := &answerWriter{ResponseWriter: w, status: http.StatusOK}
	l.next.ServeHTTP(answer, r)
	c := call{operation: operation}
	if answer.status >= 400 {
		c.problem = errorName(w.Header().Get("X-Amzn-Errortype"))
		if c.problem == "" {
			c.problem = http.StatusText(answer.status)
		}
	}
	l.mu.Lock()
	l.calls[c]++
	l.mu.Unlock()
}

// run tells what was noted, once a second until ctx ends.
func (l *requestLog) run(ctx context.Context, c clock.Clock) {
	for {
		select {
		case <-ctx.Done():
			l.tell()
			return
		case <-c.After(time.Second):
			l.tell()
		}
	}
}

func (l *requestLog) tell() {
	l.mu.Lock()
	calls := l.calls
	l.calls = make(map[call]int)
	l.mu.Unlock()
	var sentences []string
	for c, n := range calls {
		if !l.reads && c.problem == "" && isRead(c.operation) {
			continue
		}
		text := c.operation
		if n > 1 {
			text += fmt.Sprintf(": %s calls", view.Count(n))
		}
		if c.problem != "" {
			text += ", refused: " + c.problem
		}
		sentences = append(sentences, text)
	}
	slices.Sort(sentences)
	for _, s := range sentences {
		l.log.Info(s)
	}
}

// isRead says whether an operation changes nothing, by AWS's own naming, or by its
// method where the request does not have its name.
func isRead(operation string) bool {
	for _, verb := range []string{"Describe", "List", "Get", http.MethodGet + " ", http.MethodHead + " "} {
		if strings.HasPrefix(operation, verb) {
			return true
		}
	}
	return false
}

// operationOf finds an operation's name where each of AWS's protocols has it.
func operationOf(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" { // awsJson
		_, name, _ := strings.Cut(target, ".")
		return name
	}
	if _, name, ok := strings.Cut(r.URL.Path, "/operation/"); ok { // rpc-v2-cbor
		return name
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") && r.Body != nil { // query
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
		if form, parseErr := url.ParseQuery(string(body)); err == nil && parseErr == nil && form.Get("Action") != "" {
			return form.Get("Action")
		}
	}
	return r.Method + " " + r.URL.Path
}

// errorName is the name in an error header, without the namespace and address
// that some protocols add.
func errorName(header string) string {
	name, _, _ := strings.Cut(header, ":")
	return name[strings.LastIndexByte(name, '#')+1:]
}

// answerWriter notes the status of an answer.
type answerWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *answerWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
