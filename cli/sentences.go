package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

// sentences is a log handler for people: the time, the sentence, and what it is
// about behind it.
type sentences struct {
	mu    *sync.Mutex
	out   io.Writer
	style view.Style
	clock clock.Clock
	attrs string
}

func newSentences(out io.Writer, style view.Style, c clock.Clock) *sentences {
	return &sentences{mu: new(sync.Mutex), out: out, style: style, clock: c}
}

// Enabled shows everything from Info on.
func (*sentences) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle writes one line.
func (s *sentences) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(s.attrs)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%s", a.Key, a.Value)
		return true
	})
	text := s.style.Text(r.Message)
	if r.Level >= slog.LevelWarn {
		text = s.style.Bad(text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := fmt.Fprintln(s.out, s.style.Faint(view.Clock(r.Time, s.clock.Now()))+" "+text+s.style.Faint(s.style.Text(b.String())))
	return err
}

// WithAttrs returns a handler that adds attrs to every line.
func (s *sentences) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *s
	for _, a := range attrs {
		with.attrs += fmt.Sprintf(" %s=%s", a.Key, a.Value)
	}
	return &with
}

// WithGroup is not needed by what logs here; names stay as they are.
func (s *sentences) WithGroup(string) slog.Handler { return s }
