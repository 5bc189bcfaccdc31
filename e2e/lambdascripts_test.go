package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// What people type to release a function by hand works unmodified.
func TestAFunctionsCanaryByHandWithTheAWSCLI(t *testing.T) {
	t.Parallel()
	need(t, "python3", "--version")
	need(t, "aws", "--version")
	need(t, "date", "-d", "-1 minute") // GNU's
	c := startCloud(t)
	c.createFunction(t, "checkout")
	client := c.lambda()
	traffic(t, func(ctx context.Context) error {
		_, err := c.invoke(ctx, client, "checkout")
		return err
	})
	dir := t.TempDir()
	for _, release := range []struct {
		name, source string
		code         int
		says         []string
		routing      string
	}{
		{"good", fmt.Sprintf(goodCode, "second"), 0, []string{`canary: 1 and {"2":0.05}`, "2\tNone", `"release": "second"`, "version 2: 0 errors", "promoted"}, "2"},
		{"bad", fmt.Sprintf(badCode, "no stock"), 1, []string{`canary: 2 and {"3":0.05}`, "3\tUnhandled", `"errorMessage": "no stock"`, "taken back"}, "2"},
	} {
		cmd := exec.Command("bash", "testdata/function-canary.sh")
		cmd.Env = append(environment(t, c.endpoint), "FUNCTION=checkout", "ALIAS=live", "ARCHIVE="+file(t, dir, release.name+".zip", archive(t, release.source)))
		r := start(t, cmd)
		code := r.code(t)
		if got := c.functionRouting(t, "checkout"); code != release.code || got != release.routing {
			t.Fatalf("a %s version: exit code %d with routing %q, want %d with %q\n%s", release.name, code, got, release.code, release.routing, r.said())
		}
		for _, want := range release.says {
			if !strings.Contains(r.said(), want) {
				t.Errorf("a %s version: the script did not say %q\n%s", release.name, want, r.said())
			}
		}
	}
}
