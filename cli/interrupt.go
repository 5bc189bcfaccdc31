package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/crossfade-dev/crossfade/controller"
)

// catchSignals keeps the signals that ask to leave from ending this process,
// from now on until stop.
func catchSignals() (signalled chan os.Signal, stop func()) {
	signalled = make(chan os.Signal, 4)
	signal.Notify(signalled, signals...)
	return signalled, func() { signal.Stop(signalled) }
}

// An interruption is a signal that came before a rollout was carried out.
type interruption struct {
	signal os.Signal
	err    error // how the start ended because of it
}

// Error says what was changed until then.
func (i *interruption) Error() string {
	text := "signal: " + i.signal.String() + ": left before any traffic was moved"
	var unstarted *controller.UnstartedError
	if !errors.As(i.err, &unstarted) {
		return text + "; nothing was changed"
	}
	if unstarted.Publishing != "" {
		text += "; " + unstarted.Publishing + " was being published, and what came of it stays without traffic"
	}
	if len(unstarted.Published) > 0 {
		text += "; published, and staying without traffic: " + strings.Join(unstarted.Published, ", ")
	}
	return text
}

// whileStarting does what comes before a rollout is carried out. The first
// signal ends start's context. A start that succeeds all the same leaves the
// signal to whoever carries the rollout out, who reads signalled next.
func whileStarting(ctx context.Context, signalled chan os.Signal, start func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over, came := make(chan struct{}), make(chan os.Signal, 1)
	go func() {
		select {
		case s := <-signalled:
			cancel()
			came <- s
		case <-over:
			came <- nil
		}
	}()
	err := start(ctx)
	close(over)
	s := <-came
	switch {
	case s == nil:
		return err
	case err != nil:
		return &failure{code: ExitError, err: &interruption{signal: s, err: err}}
	}
	select {
	case signalled <- s:
	default: // full of others that say the same
	}
	return nil
}

// interruptedTakeUp is the failure of a start that should have gone on with a
// rollout that is open, after the order was noted; err if it is something else.
func interruptedTakeUp(err error, order, id string) error {
	var i *interruption
	if !errors.As(err, &i) {
		return err
	}
	return &failure{
		code: ExitWaiting,
		err:  fmt.Errorf("signal: %s: %s of %s is noted, but nobody looks after it: its traffic is as it was", i.signal, order, id),
		next: []string{
			"crossfade resume " + id + " --reason TEXT goes on with it",
			"crossfade abort " + id + " --reason TEXT takes everything back",
		},
	}
}
