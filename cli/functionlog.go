package cli

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

// mostLines is how many lines of functions are told in a second: more could not be
// read, and all of them are in the local cloud's logs.
const mostLines = 20

// A functionLog tells once a second what functions printed. What Lambda itself
// notes of each invocation is only told when all is set.
type functionLog struct {
	log *slog.Logger
	all bool

	mu    sync.Mutex
	lines []string
	more  map[string]int // lines of a function that were too many
}

func newFunctionLog(log *slog.Logger, all bool) *functionLog {
	return &functionLog{log: log, all: all, more: map[string]int{}}
}

// notedByLambda are the beginnings of the entries that are not the function's.
var notedByLambda = []string{"INIT_START ", "START RequestId: ", "END RequestId: ", "REPORT RequestId: "}

// print takes an entry of a log group. It does not wait.
func (l *functionLog) print(group, entry string) {
	if !l.all && slices.ContainsFunc(notedByLambda, func(prefix string) bool { return strings.HasPrefix(entry, prefix) }) {
		return
	}
	name := strings.TrimPrefix(group, "/aws/lambda/")
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.FieldsFuncSeq(entry, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if len(l.lines) >= mostLines {
			l.more[name]++
			continue
		}
		l.lines = append(l.lines, name+" | "+strings.TrimRight(line, "\t "))
	}
}

// run tells what was printed, once a second until ctx ends.
func (l *functionLog) run(ctx context.Context, c clock.Clock) { everySecond(ctx, c, l.tell) }

func (l *functionLog) tell() {
	l.mu.Lock()
	lines, more := l.lines, l.more
	l.lines, l.more = nil, map[string]int{}
	l.mu.Unlock()
	for _, line := range lines {
		l.log.Info(line)
	}
	for _, name := range slices.Sorted(maps.Keys(more)) {
		l.log.Info(fmt.Sprintf("%s | %s more lines, in the log group of %s", name, view.Count(more[name]), name))
	}
}
