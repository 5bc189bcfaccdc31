package cli

import (
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/rollout"
)

func TestWhatTheNewVersionStartedIsNamedWhenTrafficIsTakenBack(t *testing.T) {
	targets := []rollout.TargetStatus{
		{Alias: "arn:aws-cn:states:cn-north-1:210987654321:stateMachine:orders:prod", Stable: "7", Canary: "8"},
		{Alias: "arn:aws-cn:lambda:cn-north-1:210987654321:function:checkout:live", Stable: "41", Canary: "42"},
	}
	for _, phase := range []rollout.Phase{rollout.RolledBack, rollout.Aborted} {
		got := strings.Join(leftRunning(rollout.Status{Phase: phase, Targets: targets}), "\n")
		for _, want := range []string{
			"version 8 of orders",
			"list-executions --region cn-north-1 --state-machine-arn arn:aws-cn:states:cn-north-1:210987654321:stateMachine:orders:8 --status-filter RUNNING",
			"stop-execution --region cn-north-1", "redrive-execution --region cn-north-1",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got\n%s\nwant %q in it", phase, got, want)
			}
		}
		if strings.Contains(got, "checkout") {
			t.Errorf("%s: functions have nothing that goes on:\n%s", phase, got)
		}
	}
	if got := leftRunning(rollout.Status{Phase: rollout.Succeeded, Targets: targets}); got != nil {
		t.Errorf("after a success: got %q, want nothing", got)
	}
}
