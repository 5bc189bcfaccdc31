package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
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
	answer := &answerWriter{ResponseWriter: w, status: http.StatusOK}
	var note wire.Note
	l.next.ServeHTTP(answer, r.WithContext(wire.WithNote(r.Context(), &note)))
	c := call{operation: note.Operation}
	if c.operation == "" { // not of AWS, such as a function's own address
		c.operation = r.Method + " " + r.URL.Path
	}
	if answer.status >= 400 {
		c.problem = cmp.Or(note.Problem, http.StatusText(answer.status))
	}
	l.mu.Lock()
	l.calls[c]++
	l.mu.Unlock()
}

// run tells what was noted, once a second until ctx ends.
func (l *requestLog) run(ctx context.Context, c clock.Clock) { everySecond(ctx, c, l.tell) }

// everySecond tells once a second, and a last time when ctx ends.
func everySecond(ctx context.Context, c clock.Clock, tell func()) {
	for {
		select {
		case <-ctx.Done():
			tell()
			return
		case <-c.After(time.Second):
			tell()
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
