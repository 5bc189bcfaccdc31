package resource

import (
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
	"github.com/crossfade-dev/crossfade/rollout"
)

func TestEventsTellOfAHoldOnceItHasLastedForMinutes(t *testing.T) {
	since := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]string{
		4 * time.Minute: "",
		5 * time.Minute: "The rollout d-1 holds at 0%: the hook has not answered yet. See: crossfade why d-1",
	} {
		s := rollouts.Status{ID: "d-1", Phase: rollout.Holding, Why: "the hook has not answered yet", Since: since, At: since.Add(after)}
		if got := standstill(s); got != want {
			t.Errorf("after %v: %q, want %q", after, got, want)
		}
	}
}
