package cli

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/charmbracelet/x/term"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller/servicetime"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

// Env is what a command may touch of the process that it runs in.
type Env struct {
	Args           []string // without the program's name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Clock          clock.Clock
	// NewID returns a name for a rollout that no other has.
	NewID func() string

	noColor, ascii bool // the flags of the same names
}

// System is the process's own environment.
func System() *Env {
	return &Env{
		Args:   os.Args[1:],
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Getenv: os.Getenv,
		Clock:  clock.System{},
		NewID:  randomID,
	}
}

// randomID is short enough to type and long enough not to meet its like among
// the rollouts of one store: 40 bits.
func randomID() string {
	const letters = "0123456789abcdefghjkmnpqrstvwxyz" // 32 that are hard to confuse
	draw := make([]byte, 8)
	rand.Read(draw) // never fails, says crypto/rand
	for i := range draw {
		draw[i] = letters[draw[i]%32]
	}
	return "r-" + string(draw)
}

// byTheTimeOf returns the same with a clock that shows the time of the service that
// a configuration's clients ask.
func (env *Env) byTheTimeOf(cfg *aws.Config) *Env {
	service := servicetime.New(env.Clock)
	service.Watch(cfg)
	told := *env
	told.Clock = service
	return &told
}

// person is who gives an order: user@host.
func (env *Env) person() string {
	name := env.Getenv("USER")
	if name == "" {
		name = env.Getenv("LOGNAME")
	}
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	if name == "" {
		name = "unknown"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return name + "@" + host
}

// owner is who carries a rollout out: this very process.
func (env *Env) owner() string { return fmt.Sprintf("%s pid %d", env.person(), os.Getpid()) }

// isTerminal says whether a stream is a terminal that can be drawn on.
func (env *Env) isTerminal(stream any) bool {
	f, ok := stream.(term.File)
	return ok && term.IsTerminal(f.Fd()) && env.Getenv("TERM") != "dumb"
}

// live says whether a view that is redrawn makes sense: somebody sees it, and
// can press keys.
func (env *Env) live() bool { return env.isTerminal(env.Stdout) && env.isTerminal(env.Stdin) }

// style is how to draw on standard output.
func (env *Env) style() view.Style { return env.styleFor(env.Stdout) }

func (env *Env) errStyle() view.Style { return env.styleFor(env.Stderr) }

func (env *Env) styleFor(stream any) view.Style {
	return view.Style{
		ASCII: env.ascii || env.Getenv("TERM") == "dumb" || !env.isUTF8(),
		Color: !env.noColor && env.Getenv("NO_COLOR") == "" && env.isTerminal(stream),
	}
}

// isUTF8 reads the locale as POSIX orders it. Without any the terminal is taken
// to be a modern one: bare containers and pipelines set none and show UTF-8.
func (env *Env) isUTF8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := env.Getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return true
}

// width is how many cells a line on standard output may have; zero when nobody
// limits it.
func (env *Env) width() int {
	f, ok := env.Stdout.(term.File)
	if !ok {
		return 0
	}
	w, _, err := term.GetSize(f.Fd())
	if err != nil {
		return 0
	}
	return w
}

// say tells a person something on standard error.
func (env *Env) say(format string, a ...any) {
	fmt.Fprintln(env.Stderr, env.errStyle().Text(fmt.Sprintf(format, a...)))
}
