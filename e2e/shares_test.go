package e2e

import (
	"context"
	"slices"
	"testing"
	"time"
)

// Shares are what an alias gave to which version over time, each differing from
// the one before.
type shares struct {
	seen   []string
	cancel context.CancelFunc
	ended  chan struct{}
}

// watch looks at an alias twenty times a second until somebody asks what was seen.
func watch(t *testing.T, routing func() string) *shares {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &shares{cancel: cancel, ended: make(chan struct{}), seen: []string{routing()}}
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
			if now := routing(); ctx.Err() == nil && now != s.seen[len(s.seen)-1] {
				s.seen = append(s.seen, now)
			}
		}
	}()
	t.Cleanup(func() { s.stop() })
	return s
}

// stop ends the watch and returns what was seen.
func (s *shares) stop() []string {
	s.cancel()
	<-s.ended
	return s.seen
}

// were checks that the shares were some of the wanted ones in their order, the
// first and the last and at least half of them: a busy machine looks less often.
func (s *shares) were(t *testing.T, want ...string) {
	t.Helper()
	seen := s.stop()
	if !inOrder(seen, want) || seen[len(seen)-1] != want[len(want)-1] || 2*len(seen) < len(want) {
		t.Errorf("the shares were %q, want all of %q in this order, or most", seen, want)
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
