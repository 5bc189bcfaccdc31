package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// An interpreter is a program of this machine that runs functions.
type interpreter struct {
	path         string   // absolute; not a launcher that looks for the real one
	prefixes     []string // the directories that it was installed to
	major, minor int
}

func (i interpreter) String() string { return fmt.Sprintf("%d.%d at %s", i.major, i.minor, i.path) }

// interpreters finds interpreters and remembers what it found.
type interpreters struct {
	path string
	log  *slog.Logger

	mu    sync.Mutex
	found map[string]*finding // by the runtime's name
}

type finding struct {
	once        sync.Once
	interpreter interpreter
	err         error
}

// The oldest versions that the bootstraps can be run by.
var oldest = map[string]struct{ major, minor int }{"python": {3, 6}, "node": {14, 0}}

// find returns the interpreter nearest to what f asks for. That none was found
// is not remembered: one may be installed meanwhile.
func (i *interpreters) find(f family) (interpreter, error) {
	i.mu.Lock()
	known := i.found[f.name]
	if known == nil {
		known = &finding{}
		i.found[f.name] = known
	}
	i.mu.Unlock()
	known.once.Do(func() { known.interpreter, known.err = i.look(f) })
	if known.err != nil {
		i.mu.Lock()
		if i.found[f.name] == known {
			delete(i.found, f.name)
		}
		i.mu.Unlock()
	}
	return known.interpreter, known.err
}

// look asks candidates who they are until none of the others can be nearer.
func (i *interpreters) look(f family) (interpreter, error) {
	var best interpreter
	var tried []string
	var old error
	for _, c := range i.candidates(f) {
		if best.path != "" && (distance(f, best.major, best.minor) == 0 || c.says && distance(f, c.major, c.minor) >= distance(f, best.major, best.minor)) {
			continue
		}
		it, err := ask(f.interpreter, c.path)
		if err != nil {
			tried = append(tried, c.path)
			continue
		}
		if least := oldest[f.interpreter]; it.major < least.major || it.major == least.major && it.minor < least.minor {
			old = fmt.Errorf("%s is too old: %d.%d or newer is needed", it, least.major, least.minor)
			continue
		}
		if best.path == "" || distance(f, it.major, it.minor) < distance(f, best.major, best.minor) {
			best = it
		}
	}
	if best.path != "" {
		if distance(f, best.major, best.minor) > 0 {
			i.log.Info("functions run by another version than AWS's", "runtime", f.name, "interpreter", best.String())
		}
		return best, nil
	}
	wanted, what := "python3", fmt.Sprintf("Python %d.%d", f.major, f.minor)
	if f.interpreter == "node" {
		wanted, what = "node", fmt.Sprintf("Node.js %d", f.major)
	}
	err := fmt.Errorf("cannot run %s functions on this machine: there is no working %s on the PATH; install %s, or the version nearest to it", f.name, wanted, what)
	if len(tried) > 0 {
		err = fmt.Errorf("%w (tried %s)", err, strings.Join(tried, ", "))
	}
	return interpreter{}, errors.Join(err, old)
}

// distance says how far a version is from what f asks for; 0 is the same.
func distance(f family, major, minor int) int {
	if f.interpreter == "node" {
		return max(major-f.major, f.major-major)
	}
	d := (major-f.major)*100 + minor - f.minor
	return max(d, -d)
}

type candidate struct {
	path         string
	says         bool // its name has a version
	major, minor int
}

// candidates lists the files on the path that may be an interpreter for f, the
// most promising first: the version itself, what the user calls by the plain
// name, then others by nearness.
func (i *interpreters) candidates(f family) []candidate {
	names := []string{fmt.Sprintf("python%d.%d", f.major, f.minor), "python3", "python"}
	pattern := "python3.*"
	if f.interpreter == "node" {
		names = []string{fmt.Sprintf("node%d", f.major), fmt.Sprintf("node-%d", f.major), "node", "nodejs"}
		pattern = "node*"
	}
	var out []candidate
	seen := map[string]bool{}
	add := func(path, name string) {
		path, err := exec.LookPath(path)
		if err != nil || seen[path] {
			return
		}
		seen[path] = true
		c := candidate{path: path}
		version := strings.TrimLeft(strings.TrimSuffix(name, ".exe"), "abcdefghijklmnopqrstuvwxyz-")
		c.major, c.minor = versionIn(version)
		c.says = c.major > 0 && (f.interpreter == "node" || strings.Contains(version, "."))
		out = append(out, c)
	}
	dirs := slices.DeleteFunc(filepath.SplitList(i.path), func(d string) bool { return !filepath.IsAbs(d) })
	for _, name := range names {
		for _, dir := range dirs {
			add(filepath.Join(dir, name), name)
		}
	}
	first := len(out)
	for _, dir := range dirs {
		matches, _ := filepath.Glob(filepath.Join(dir, pattern)) // the pattern is good
		for _, path := range matches {
			if name := filepath.Base(path); isVersioned(name) {
				add(path, name)
			}
		}
	}
	slices.SortStableFunc(out[first:], func(a, b candidate) int {
		return distance(f, a.major, a.minor) - distance(f, b.major, b.minor)
	})
	return out
}

// isVersioned says whether a name is an interpreter's with a version, and not
// that of another tool, such as python3.12-config.
func isVersioned(name string) bool {
	name = strings.TrimSuffix(name, ".exe")
	for _, prefix := range []string{"python3.", "nodejs", "node-", "node"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return rest != "" && strings.Trim(rest, "0123456789.") == ""
		}
	}
	return false
}

const (
	askPython = `import sys
print("%d %d" % sys.version_info[:2])
print(sys.executable)
print(sys.prefix)
print(getattr(sys, "base_prefix", sys.prefix))`
	askNode = `const p = require('path');
console.log(process.versions.node.replace(/[.]/g, ' '));
console.log(process.execPath);
console.log(p.dirname(p.dirname(process.execPath)))`
)

// askTimeout is how long a candidate may take to say who it is. Launchers of
// version managers take a second on a busy machine.
const askTimeout = 20 * time.Second

// ask runs a candidate to learn its version, and where it really is.
func ask(kind, path string) (interpreter, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	arguments := []string{"-c", askPython}
	if kind == "node" {
		arguments = []string{"-e", askNode}
	}
	out, err := exec.CommandContext(ctx, path, arguments...).Output()
	if err != nil {
		return interpreter{}, err
	}
	lines := strings.Split(strings.ReplaceAll(strings.TrimSpace(string(out)), "\r", ""), "\n")
	if len(lines) < 3 || !filepath.IsAbs(lines[1]) {
		return interpreter{}, fmt.Errorf("%s does not say who it is", path)
	}
	it := interpreter{path: lines[1], prefixes: lines[2:]}
	if _, err := fmt.Sscanf(lines[0], "%d %d", &it.major, &it.minor); err != nil {
		return interpreter{}, fmt.Errorf("%s does not say its version: %w", path, err)
	}
	return it, nil
}
