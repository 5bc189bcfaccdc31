package resource_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
	"github.com/crossfade-dev/crossfade/rollout"
)

// paused carries an update on whose rollout a person pauses after a minute, for
// half an hour.
func (s *shift) paused(q cloudformation.Request) {
	s.Helper()
	var orders []rollout.OrderKind
	order := func(kind rollout.OrderKind) {
		s.Helper()
		if slices.Contains(orders, kind) {
			return
		}
		orders = append(orders, kind)
		all, err := s.store.List(s.Context(), controller.Filter{Open: true})
		if err != nil || len(all) != 1 {
			s.Fatalf("got %d rollouts, %v; want one", len(all), err)
		}
		if _, err := s.store.Order(s.Context(), all[0].ID, rollout.Order{Kind: kind, By: "ada@here", Reason: "looking", At: s.clock.Now()}); err != nil {
			s.Fatal(err)
		}
	}
	if err := s.watch(q, func(after time.Duration, _ *cloudformation.Request) {
		switch {
		case after > 31*time.Minute:
			order(rollout.Resume)
		case after > time.Minute:
			order(rollout.Pause)
		}
	}); err != nil {
		s.Fatal(err)
	}
	if len(s.waited) != 2 || s.waited[1] != "" ||
		!strings.HasPrefix(s.waited[0], "The rollout ") || !strings.Contains(s.waited[0], " by ada@here: looking. It goes on with: crossfade resume ") {
		s.Errorf("the update waited for %q, want it to say that a person paused it, and then nothing", s.waited)
	}
}

func TestAStackIsToldThatAPersonPausedARollout(t *testing.T) {
	s := newShift(t, linear)
	s.paused(s.to(s.v2, linear))
	s.saw("0m 1", "0m 1 60% 2 40%", "31m 1 20% 2 80%", "33m 2")
}
