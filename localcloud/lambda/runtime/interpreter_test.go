package runtime

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// installed makes programs that say they are interpreters of these versions.
// The version "broken" does not work.
func installed(t *testing.T, programs map[string]string) *interpreters {
	dir := t.TempDir()
	for name, version := range programs {
		script := fmt.Sprintf("#!/bin/sh\necho %s\necho %s\necho /usr\n", version, filepath.Join(dir, name))
		if version == "broken" {
			script = "#!/bin/sh\nexit 127\n"
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &interpreters{path: dir + string(filepath.ListSeparator) + "relative", log: slog.New(slog.DiscardHandler), found: map[string]*finding{}}
}

func TestTheNearestInterpreterIsTaken(t *testing.T) {
	for _, c := range []struct {
		runtime, want string
		programs      map[string]string
	}{
		{"python3.12", "3.12", map[string]string{"python3.12": "3 12", "python3": "3 11"}},
		{"python3.12", "3.12", map[string]string{"python3": "3 12", "python3.11": "3 11"}},
		{"python3.12", "3.11", map[string]string{"python3": "3 9", "python3.11": "3 11", "python3.12-config": "broken"}},
		{"python3.12", "3.13", map[string]string{"python3.12": "broken", "python3.13": "3 13", "python3.8": "3 8"}},
		{"python3.14", "3.11", map[string]string{"python": "3 11"}},
		{"python2.7", "3.8", map[string]string{"python3": "3 11", "python3.8": "3 8"}},
		{"nodejs20.x", "20.5", map[string]string{"node": "20 5 1"}},
		{"nodejs20.x", "18.0", map[string]string{"node": "24 0 0", "node18": "18 0 0"}},
		{"nodejs4.3-edge", "22.1", map[string]string{"nodejs": "22 1 0"}},
	} {
		f, err := familyOf(c.runtime)
		if err != nil {
			t.Fatal(err)
		}
		it, err := installed(t, c.programs).find(f)
		if got := fmt.Sprintf("%d.%d", it.major, it.minor); err != nil || got != c.want {
			t.Errorf("%s runs by %s (%v), want %s", c.runtime, got, err, c.want)
		}
	}
}

func TestWithoutAnInterpreterTheErrorSaysWhatToInstall(t *testing.T) {
	for _, c := range []struct {
		runtime, want string
		programs      map[string]string
	}{
		{"python3.12", "there is no working python3 on the PATH; install Python 3.12", nil},
		{"python3.12", "(tried ", map[string]string{"python3": "broken"}},
		{"python3.12", "is too old: 3.6 or newer is needed", map[string]string{"python": "2 7"}},
		{"nodejs22.x", "there is no working node on the PATH; install Node.js 22", nil},
		{"java21", "it runs python*, nodejs* and provided.* ones", nil},
	} {
		r := &Runtime{interpreters: installed(t, c.programs)}
		if err := r.Check(c.runtime, "x86_64"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s is answered with %v, want %q", c.runtime, err, c.want)
		}
	}
	r := &Runtime{interpreters: installed(t, nil)}
	for _, name := range []string{"provided", "provided.al2", "provided.al2023", "go1.x"} {
		if err := r.Check(name, "arm64"); err != nil {
			t.Errorf("%s is answered with %v", name, err)
		}
	}
}
