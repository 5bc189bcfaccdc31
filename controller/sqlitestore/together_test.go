package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/rollout"
)

// several begins n rollouts and returns what saves them.
func several(t *testing.T, s *Store, n int) []controller.Saving {
	t.Helper()
	savings := make([]controller.Saving, n)
	for i := range savings {
		rec, leases := begin(t, s, fmt.Sprintf("r-%d", i), fmt.Sprintf("a:%d", i))
		savings[i] = controller.Saving{Record: rec, Leases: leases}
	}
	return savings
}

func TestASaveForWhichThereIsNoRoomDoesNotKeepOthersFromTheirs(t *testing.T) {
	s := openTemp(t)
	savings := several(t, s, 3)
	savings[1].Events = []rollout.Event{{Text: strings.Repeat("x", 1_000_000)}}
	var pages int
	if err := s.write.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+20)); err != nil {
		t.Fatal(err)
	}
	saved := s.SaveAll(t.Context(), savings)
	for _, i := range []int{0, 2} {
		got, err := s.Load(t.Context(), savings[i].Record.ID)
		if saved[i].Err != nil || saved[i].Revision != 2 || err != nil || got.Revision != 2 {
			t.Errorf("%s: answer %+v, stored revision %d, error %v; want 2", savings[i].Record.ID, saved[i], got.Revision, err)
		}
	}
	if err := saved[1].Err; err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("the big one: got %v, want that the disk is full", err)
	}
	if got, err := s.Load(t.Context(), "r-1"); err != nil || got.Revision != 1 {
		t.Errorf("the big one has revision %d, error %v; want 1", got.Revision, err)
	}
}

func TestALockedFileIsWaitedForOnceForAllRollouts(t *testing.T) {
	other, s := openTwice(t)
	savings := several(t, other, 50)
	free := lock(t, other)
	for i, saved := range s.SaveAll(t.Context(), savings) {
		if saved.Err == nil || saved.Revision != 0 || !strings.Contains(saved.Err.Error(), "another process has kept it locked for 20ms") {
			t.Errorf("saving %d: got %+v, want that the file is locked", i, saved)
		}
	}
	for i, g := range s.AcquireAll(t.Context(), []string{"r-0", "r-1"}, "ann", t0, t0) {
		if g.Err == nil || g.Leases != nil {
			t.Errorf("wish %d: got %+v, want an error and no lease", i, g)
		}
	}
	free()
	for i, saved := range s.SaveAll(t.Context(), savings) {
		if saved.Err != nil {
			t.Errorf("saving %d once it is free: %v", i, saved.Err)
		}
	}
}

func TestASaveOfManyThatIsCalledOffSaysForEachWhetherItIsStored(t *testing.T) {
	s := openTemp(t)
	savings := several(t, s, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i, saved := range s.SaveAll(ctx, savings) {
		got, err := s.Load(t.Context(), savings[i].Record.ID)
		if !errors.Is(saved.Err, context.Canceled) || err != nil || got.Revision != 1 {
			t.Errorf("saving %d: answer %v, stored revision %d, error %v; want Canceled and 1", i, saved.Err, got.Revision, err)
		}
	}
}
