package hookmessage_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/hookmessage"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

// TestTheGuidesFunctionBelievesWhatIsSigned runs the Python of docs/guides/hooks.md.
func TestTheGuidesFunctionBelievesWhatIsSigned(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to run the guide's example with")
	}
	guide, err := os.ReadFile("../../docs/guides/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(guide), "```python\n")
	code, _, ok := strings.Cut(code, "```")
	if !ok {
		t.Fatal("the guide has no Python")
	}
	const encoded = "whsec_YSBzZWNyZXQgb2YgYXQgbGVhc3QgMjQgYnl0ZXM="
	s, err := hookmessage.ParseSecret(encoded)
	if err != nil {
		t.Fatal(err)
	}
	now := clock.System{}.Now()
	call := controller.HookCall{Key: "r-17/eachStep-3", Targets: []controller.HookTarget{{NewVersion: "42"}}, AskedAt: now, Deadline: now.Add(time.Minute)}
	good, err := hookmessage.New(call, s, now)
	if err != nil {
		t.Fatal(err)
	}
	forged := good
	forged.Body = strings.Replace(good.Body, "42", "43", 1)
	for _, tt := range []struct {
		message hookmessage.Message
		want    string
	}{{good, "Succeeded version 42 looks good"}, {forged, "Failed this question is not Crossfade's"}} {
		event, err := json.Marshal(tt.message)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), python, "-c", code+"\nimport sys\nr = handler(json.loads(sys.stdin.read()), None)\nprint(r['status'], r['reason'])\n")
		cmd.Env = append(os.Environ(), "CROSSFADE_HOOK_SECRET="+encoded)
		cmd.Stdin = strings.NewReader(string(event))
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
			t.Errorf("got %q, %v; want %q", got, err, tt.want)
		}
	}
}
