package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
)

// Shares are what an alias gave to which version over time, each differing from
// the one before.
type shares struct {
	routing func() string
	seen    []string
	cancel  context.CancelFunc
	ended   chan struct{}
}

// watch looks at an alias twenty times a second until somebody asks what was seen.
func watch(t *testing.T, routing func() string) *shares {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &shares{routing: routing, cancel: cancel, ended: make(chan struct{}), seen: []string{routing()}}
	tick := time.NewTicker(50 * time.Millisecond)
	go func() {
		defer close(s.ended)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			s.look()
		}
	}()
	t.Cleanup(s.end)
	return s
}

func (s *shares) look() {
	if now := s.routing(); now != s.seen[len(s.seen)-1] {
		s.seen = append(s.seen, now)
	}
}

func (s *shares) end() {
	s.cancel()
	<-s.ended
}

// stop ends the watch with a last look and returns what was seen.
func (s *shares) stop() []string {
	s.end()
	s.look()
	return s.seen
}

// were checks that the shares were of the wanted ones, in their order, the first and
// the last among them. Others may be missing, as a busy machine looks less often;
// [cloud.rose] knows all of those that a rollout made.
func (s *shares) were(t *testing.T, want ...string) {
	t.Helper()
	seen := s.stop()
	if !inOrder(seen, want) || seen[len(seen)-1] != want[len(want)-1] {
		t.Errorf("the shares were %q, want %q in this order, of which a busy machine may miss those between the first and the last", seen, want)
	}
}

// rose checks that the share of the new version was seen by the newest rollout of an
// alias to be each of the wanted ones, in percent and in this order, and to have
// been raised no sooner than some time after the one before, by the cloud's time.
func (c *cloud) rose(t *testing.T, store, alias string, every time.Duration, want ...plan.Weight) {
	t.Helper()
	var events []controller.NumberedEvent
	if err := json.Unmarshal([]byte(c.crossfade(t, store, "history", alias, "-o", "json")), &events); err != nil {
		t.Fatal(err)
	}
	var got []plan.Weight
	var since time.Time
	for _, e := range events {
		switch e.Kind {
		case "shifted":
			if took := e.At.Sub(since); took < every {
				t.Errorf("%s: %q after %s, want at least %s", alias, e.Text, took, every)
			}
		case "reached":
			got, since = append(got, e.Weight/100), e.At
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: the rollout saw the shares %v %%, want %v", alias, got, want)
	}
}

// returned checks that the shares were the first ones of those on the way, and
// then, at once, what they had been.
func (s *shares) returned(t *testing.T, way ...string) {
	t.Helper()
	seen := s.stop()
	if last := len(seen) - 1; last < 2 || seen[last] != way[0] || !inOrder(seen[:last], way) {
		t.Errorf("the shares were %q, want the first of %q and then %s", seen, way, way[0])
	}
}

// inOrder says that seen begins as want does and has nothing but more of it in its
// order.
func inOrder(seen, want []string) bool {
	at := 0
	for _, share := range seen {
		next := slices.Index(want[at:], share)
		if next < 0 {
			return false
		}
		at += next
	}
	return seen[0] == want[0]
}
