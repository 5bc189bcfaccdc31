package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A display shows rollouts to somebody: redrawn on a terminal, line by line
// elsewhere, or as JSON to a program. Its methods are safe for concurrent use.
type display interface {
	// event tells what happened.
	event(id string, e controller.NumberedEvent)
	// show shows where a rollout stands now.
	show(view.Scene)
	// say tells something besides.
	say(text string)
	// asks is what the reader wants done; nil when the reader cannot ask.
	asks() <-chan ask
	// close ends the display; what was shown stays readable.
	close()
}

// An ask is what somebody wants through a key.
type ask struct {
	kind   askKind
	order  rollout.OrderKind // of askOrder
	reason string
}

type askKind int

const (
	askOrder     askKind = iota // give an order
	askLeave                    // stop looking; only where somebody else carries the rollout
	askInterrupt                // revert, pause or detach by what was chosen, and leave
	askDie                      // leave now
)

// lines tells events as sentences, one a line, and never redraws.
type lines struct {
	mu    sync.Mutex
	out   io.Writer
	style view.Style
	width int // 0: no limit
	clock clock.Clock
}

func (l *lines) event(_ string, e controller.NumberedEvent) {
	l.print(l.style.EventLine(e.Event, l.clock.Now()))
}
func (l *lines) show(view.Scene)  {}
func (l *lines) say(text string)  { l.print(l.style.Text(text)) }
func (l *lines) asks() <-chan ask { return nil }
func (l *lines) close()           {}

func (l *lines) print(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A reader that went away, such as a closed terminal, is no reason to stop
	// looking after an alias.
	_, _ = fmt.Fprintln(l.out, l.style.Wrap(text, l.width))
}

// jsonLines writes one JSON document for each event, for programs.
type jsonLines struct {
	mu   sync.Mutex
	out  io.Writer
	talk func(format string, a ...any)
}

type jsonEvent struct {
	Rollout string `json:"rollout"`
	controller.NumberedEvent
}

func (j *jsonLines) event(id string, e controller.NumberedEvent) {
	b, err := json.Marshal(jsonEvent{Rollout: id, NumberedEvent: e})
	if err != nil {
		panic(fmt.Sprintf("an event cannot be written as JSON: %v", err)) // its type has no such value
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = j.out.Write(append(b, '\n'))
}
func (j *jsonLines) show(view.Scene)  {}
func (j *jsonLines) say(text string)  { j.talk("%s", text) }
func (j *jsonLines) asks() <-chan ask { return nil }
func (j *jsonLines) close()           {}

// display chooses how to show rollouts on standard output. owned says whether
// this process carries them out, so that leaving means something, and
// onInterrupt what leaving does; empty where the reader is to be asked.
func (env *Env) display(asJSON, plainLines, owned bool, onInterrupt string) display {
	switch {
	case asJSON:
		return &jsonLines{out: env.Stdout, talk: env.say}
	case plainLines || !env.live():
		return &lines{out: env.Stdout, style: env.style(), width: env.width(), clock: env.Clock}
	default:
		return newLive(env, owned, onInterrupt)
	}
}
