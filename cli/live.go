package cli

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// live is the display that is redrawn. It draws on the terminal's other screen
// and, when it is closed, leaves the sentences on the usual one.
//
// Nothing that it is told waits for the terminal: one that is stopped, or slow,
// must not keep anybody from looking after an alias.
type live struct {
	env     *Env
	program *tea.Program
	wanted  chan ask
	scenes  chan view.Scene // the newest one
	notices chan string
	done    chan struct{} // closed when the program has ended

	mu   sync.Mutex
	told []string // for the usual screen
}

// newLive starts drawing. owned says that leaving would leave the rollout alone;
// onInterrupt, if not empty, says what to do then without asking.
func newLive(env *Env, owned bool, onInterrupt string) *live {
	l := &live{
		env: env, wanted: make(chan ask, 8), done: make(chan struct{}),
		scenes: make(chan view.Scene, 1), notices: make(chan string, 8),
	}
	m := liveModel{style: env.style(), now: env.Clock.Now, owned: owned, onInterrupt: onInterrupt, ask: l.ask}
	l.program = tea.NewProgram(m, tea.WithInput(env.Stdin), tea.WithOutput(env.Stdout), tea.WithoutSignalHandler())
	go func() {
		defer close(l.done)
		// A terminal that is gone ends the program; whoever carries the
		// rollout hears of it through SIGHUP.
		_, _ = l.program.Run()
	}()
	go l.forward()
	return l
}

// forward gives the program what it is told, as fast as it takes it.
func (l *live) forward() {
	for {
		select {
		case <-l.done:
			return
		case sc := <-l.scenes:
			l.program.Send(sc)
		case n := <-l.notices:
			l.program.Send(noticeMsg(n))
		}
	}
}

func (l *live) ask(a ask) {
	select {
	case l.wanted <- a:
	default: // eight keys unanswered: somebody leans on the keyboard
	}
}

func (l *live) event(_ string, e controller.NumberedEvent) {
	l.tell(l.env.style().EventLine(e.Event, l.env.Clock.Now()))
}

func (l *live) tell(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, line)
}

func (l *live) show(sc view.Scene) {
	select {
	case <-l.scenes: // one that was not drawn yet and is old now
	default:
	}
	select {
	case l.scenes <- sc:
	default: // a newer one is there
	}
}

func (l *live) say(text string) {
	l.tell(l.env.style().Text(text))
	select {
	case l.notices <- text:
	default: // it is told on the usual screen in the end
	}
}

func (l *live) asks() <-chan ask { return l.wanted }

// close ends the drawing and tells on the usual screen what happened.
func (l *live) close() {
	l.program.Quit()
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	style, width := l.env.style(), l.env.width()
	for _, line := range l.told {
		fmt.Fprintln(l.env.Stdout, style.Wrap(line, width))
	}
}

type (
	noticeMsg string
	tickMsg   struct{}
)

// liveModel is what the terminal shows and what the keys do.
type liveModel struct {
	style       view.Style
	now         func() time.Time
	owned       bool
	onInterrupt string // what Ctrl-C does; empty: ask
	interrupted bool
	leavingAt   time.Time // when the question about leaving was opened or answered beforehand
	ask         func(ask)

	scene         view.Scene
	width, height int
	showWhy       bool
	notice        string
	question      question
}

// A question waits for an answer in the last lines of the screen.
type question struct {
	order  rollout.OrderKind // what is asked about; empty: whether to leave
	open   bool
	answer string
}

// Init starts the ticks that keep countdowns going.
func (m liveModel) Init() tea.Cmd { return tick() }

func tick() tea.Cmd {
	return tea.Tick(500*time.Millisecond, func(time.Time) tea.Msg { return tickMsg{} })
}

// Update takes what happened into the model.
func (m liveModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case view.Scene:
		m.scene = msg
	case noticeMsg:
		m.notice = string(msg)
	case tickMsg:
		m.scene.Now = m.now()
		return m, tick()
	case tea.KeyPressMsg:
		return m.press(msg), nil
	}
	return m, nil
}

func (m liveModel) press(key tea.KeyPressMsg) liveModel {
	if key.String() == "ctrl+c" {
		return m.interrupt()
	}
	if m.question.open {
		return m.reply(key)
	}
	m.notice = ""
	name := key.String()
	if !slices.ContainsFunc(m.keys(), func(k view.Key) bool { return k.Key == name }) {
		return m
	}
	switch name {
	case "w":
		m.showWhy = !m.showWhy
	case "q":
		if !m.owned || m.scene.Status.Phase.Ended() {
			m.ask(ask{kind: askLeave})
			return m
		}
		m.question, m.leavingAt = question{open: true}, m.now()
	default:
		for _, order := range possible(m.scene.Status) {
			if orderKeys[order].Key == name {
				m.question = question{order: order, open: true}
			}
		}
	}
	return m
}

// interrupt is Ctrl-C: the first asks what to do about a rollout that nobody
// else carries, or does what was said beforehand; another one leaves, if it
// comes late enough to be meant.
func (m liveModel) interrupt() liveModel {
	deciding := m.interrupted || m.question.open && m.question.order == ""
	switch {
	case !m.owned || m.scene.Status.Phase.Ended():
		m.ask(ask{kind: askLeave})
	case deciding && m.now().Sub(m.leavingAt) >= deliberate:
		m.ask(ask{kind: askDie})
	case deciding: // the same keystroke, once more
	case m.onInterrupt != "":
		m.interrupted, m.leavingAt = true, m.now()
		m.ask(ask{kind: askInterrupt, reason: m.onInterrupt})
	default:
		m.question, m.leavingAt = question{open: true}, m.now()
	}
	return m
}

// reply takes a key as an answer to the question.
func (m liveModel) reply(key tea.KeyPressMsg) liveModel {
	name := key.String()
	if name == "esc" {
		m.question = question{}
		return m
	}
	if m.question.order == "" {
		choice := map[string]string{"r": interruptRevert, "p": interruptPause, "d": interruptDetach}[name]
		if m.scene.Status.Phase == rollout.RollingBack && choice != interruptDetach {
			choice = "" // it goes back already
		}
		if choice != "" {
			m.interrupted = true
			m.ask(ask{kind: askInterrupt, reason: choice})
			m.question = question{}
		}
		return m
	}
	switch name {
	case "enter":
		reason := strings.TrimSpace(m.question.answer)
		if reason == "" {
			m.notice = "a reason is needed: it stays in the history"
			return m
		}
		m.ask(ask{kind: askOrder, order: m.question.order, reason: reason})
		m.question = question{}
	case "backspace":
		if r := []rune(m.question.answer); len(r) > 0 {
			m.question.answer = string(r[:len(r)-1])
		}
	default:
		m.question.answer += key.Text
	}
	return m
}

// keys are those that do something now.
func (m liveModel) keys() []view.Key {
	st := m.scene.Status
	leave := view.Key{Key: "q", Does: "leave"}
	why := view.Key{Key: "w", Does: "why"}
	if st.Phase.Ended() || st.Phase == "" {
		return []view.Key{why, leave}
	}
	var keys []view.Key
	for _, order := range possible(st) {
		keys = append(keys, orderKeys[order])
	}
	return append(keys, why, leave)
}

// orderKeys are the keys that give orders.
var orderKeys = map[rollout.OrderKind]view.Key{
	rollout.Pause:   {Key: "p", Does: "pause"},
	rollout.Resume:  {Key: "r", Does: "resume"},
	rollout.Skip:    {Key: "n", Does: "next step"},
	rollout.Approve: {Key: "n", Does: "approve"},
	rollout.Abort:   {Key: "a", Does: "abort"},
}

// possible are the orders worth offering now; whether one is followed is
// [rollout.Decide]'s business. To promote, which skips everything, is not a
// single key away.
func possible(st rollout.Status) []rollout.OrderKind {
	switch st.Phase {
	case rollout.Pending:
		return []rollout.OrderKind{rollout.Pause, rollout.Abort}
	case rollout.Progressing:
		return []rollout.OrderKind{rollout.Pause, rollout.Skip, rollout.Abort}
	case rollout.Paused:
		return []rollout.OrderKind{rollout.Resume, rollout.Abort}
	case rollout.Holding:
		switch st.Hold {
		case rollout.HoldUnknown, rollout.HoldHook:
			return []rollout.OrderKind{rollout.Pause, rollout.Skip, rollout.Abort}
		case rollout.HoldApproval:
			return []rollout.OrderKind{rollout.Pause, rollout.Approve, rollout.Abort}
		case rollout.HoldGone:
			return []rollout.OrderKind{rollout.Abort}
		default:
			return []rollout.OrderKind{rollout.Resume, rollout.Abort}
		}
	default:
		return nil
	}
}

// View draws the scene.
func (m liveModel) View() tea.View {
	v := tea.NewView(m.render())
	v.AltScreen = true
	return v
}

func (m liveModel) render() string {
	if m.width == 0 || m.height == 0 {
		return ""
	}
	if m.scene.Status.Phase == "" { // nothing to see yet
		return m.style.Wrap(m.style.Text("starting ...\n\n"+m.notice), m.width)
	}
	sc := m.scene
	sc.Keys = m.keys()
	if !m.showWhy {
		sc.Why = nil
	}
	if m.notice != "" {
		sc.Notes = append(slices.Clone(sc.Notes), m.notice)
	}
	if m.question.open {
		sc.Prompt = m.prompt()
	}
	return m.style.Screen(sc, m.width, m.height)
}

// prompt is the question with what its answer would cause.
func (m liveModel) prompt() string {
	if m.question.order == "" && m.scene.Status.Phase == rollout.RollingBack {
		return "The traffic is being taken back, by this process. d: leave that undone, Esc: stay until it is back"
	}
	if m.question.order == "" {
		return "Only this process looks after the rollout. r: revert to the old version, p: pause and leave, d: leave it as it is, Esc: stay"
	}
	return consequence(m.question.order, m.scene.Plan, m.scene.Status) + " Reason (Enter: do it, Esc: leave it): " + m.question.answer + m.style.Text("█")
}

// consequence says what an order would do now.
func consequence(order rollout.OrderKind, p plan.Plan, s rollout.Status) string {
	weight := plan.Weight(0)
	stable := "the old version"
	for _, t := range s.Targets {
		weight = max(weight, t.Seen.Weight)
		if t.Stable != "" {
			stable = t.Stable
		}
		if t.Seen.Canary == "" && t.Seen.Stable == t.Canary {
			weight = plan.Full
		}
	}
	at := view.Percent(weight)
	switch order {
	case rollout.Abort:
		return fmt.Sprintf("Abort: %s → 0 %%, everything new goes to %s again, and what runs already is not stopped.", at, stable)
	case rollout.Pause:
		return fmt.Sprintf("Pause: stays at %s; the checks go on and may still take it back.", at)
	case rollout.Resume:
		return fmt.Sprintf("Resume: goes on from %s.", at)
	case rollout.Skip:
		if next := s.Step + 1; next < len(p.Steps) {
			return fmt.Sprintf("Next step: %s → %s now, without the rest of this step.", at, view.Percent(p.Steps[next].Weight))
		}
		return "Next step: ends the soak now; the new version then counts as served, not as verified."
	case rollout.Approve:
		return fmt.Sprintf("Approve: lets it go on from %s.", at)
	case rollout.Promote:
		return fmt.Sprintf("Promote: %s → 100 %% now, without the rest of the steps.", at)
	default:
		panic("unknown order " + order)
	}
}
