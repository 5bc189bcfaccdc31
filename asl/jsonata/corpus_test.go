package jsonata

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

var update = flag.Bool("update", false, "rewrite the list of cases that pass")

// corpus returns the folder of the JSONata cases, "" where there is none.
func corpus() string {
	root := os.Getenv("CROSSFADE_CONFORMANCE")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "conformance")
	}
	folder := filepath.Join(root, "jsonata")
	if _, err := os.Stat(filepath.Join(folder, "groups")); err != nil {
		return ""
	}
	return folder
}

func readJSON(t *testing.T, path string) jsonvalue.Value {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonvalue.ParseBytes(content)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// TestRecordedExpressionsGiveWhatTheReferenceGave runs the cases of the conformance corpus. A case that once passed
// must pass; testdata/passing.txt names those.
func TestRecordedExpressionsGiveWhatTheReferenceGave(t *testing.T) {
	folder := corpus()
	if folder == "" {
		t.Skip("skipped: there is no conformance corpus; set CROSSFADE_CONFORMANCE to its folder")
	}
	groups, err := filepath.Glob(filepath.Join(folder, "groups", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	datasets := map[string]jsonvalue.Value{}
	dataset := func(name string) jsonvalue.Value {
		if _, ok := datasets[name]; !ok {
			datasets[name] = readJSON(t, filepath.Join(folder, "datasets", name+".json"))
		}
		return datasets[name]
	}
	known := passing(t)
	var passed []string
	total := 0
	for _, file := range groups {
		group := strings.TrimSuffix(filepath.Base(file), ".json")
		cases := readJSON(t, file)
		good := 0
		for c := range cases.Elements() {
			total++
			id := member(c, "id").Str()
			data, _ := c.Get("data")
			if name := member(c, "dataset"); name.Kind() == jsonvalue.KindString {
				data = dataset(name.Str())
			}
			if problem := runCase(c, data); problem != "" {
				if known[id] && !*update {
					t.Errorf("%s passed before: %s\n%s", id, member(c, "expr").Str(), problem)
				} else {
					t.Logf("%s fails: %s\n%s", id, member(c, "expr").Str(), problem)
				}
				continue
			}
			good++
			passed = append(passed, id)
		}
		t.Logf("%-28s %d of %d", group, good, cases.Len())
	}
	t.Logf("%d of %d cases pass", len(passed), total)
	if *update {
		slices.Sort(passed)
		if err := os.WriteFile(passingFile, []byte(strings.Join(passed, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var passingFile = filepath.Join("testdata", "passing.txt")

func passing(t *testing.T) map[string]bool {
	t.Helper()
	f, err := os.Open(passingFile)
	if err != nil {
		if *update {
			return nil
		}
		t.Fatal(err)
	}
	defer f.Close()
	ids := map[string]bool{}
	for s := bufio.NewScanner(f); s.Scan(); {
		ids[s.Text()] = true
	}
	return ids
}

func member(v jsonvalue.Value, key string) jsonvalue.Value {
	m, _ := v.Get(key)
	return m
}

// runCase returns what is wrong, "" for nothing.
func runCase(c, data jsonvalue.Value) string {
	env := Env{
		Data:     data,
		Variable: func(name string) (jsonvalue.Value, bool) { return member(c, "bindings").Get(name) },
		Now:      time.Date(2026, 5, 4, 3, 2, 1, 987_000_000, time.UTC),
		Draw:     func() float64 { return 0.25 },
	}
	// The cases that must end by depth say at which one.
	if depth, ok := member(c, "depth").Int(); ok {
		env.Limits.Depth = int(depth)
		env.Limits.Steps = 1_000_000
	}
	var got jsonvalue.Value
	e, err := Compile(member(c, "expr").Str())
	if err == nil {
		got, err = e.Eval(env)
	}
	code := member(c, "code").Str()
	if code == "" {
		code = member(member(c, "error"), "code").Str()
	}
	var failure *Error
	switch {
	case code != "":
		if !errors.As(err, &failure) || failure.Code != code {
			return fmt.Sprintf("gives %s, %v\nwant error %s", got, err, code)
		}
		if want := member(member(c, "error"), "message"); want.IsDefined() && failure.Message != want.Str() {
			return fmt.Sprintf("says %q\nwant %q", failure.Message, want.Str())
		}
	case err != nil:
		return fmt.Sprintf("fails with %v\nwant %s", err, member(c, "result"))
	case member(c, "undefinedResult").IsTrue():
		if got.IsDefined() {
			return fmt.Sprintf("gives %s\nwant nothing", got)
		}
	default:
		want := member(c, "result")
		if member(c, "unordered").IsTrue() {
			got, want = sorted(got), sorted(want)
		}
		if !same(got, want) {
			return fmt.Sprintf("gives %s\nwant  %s", got, want)
		}
	}
	return ""
}

// sorted returns an array in some fixed order.
func sorted(v jsonvalue.Value) jsonvalue.Value {
	items := slices.Collect(v.Elements())
	slices.SortFunc(items, func(a, b jsonvalue.Value) int { return strings.Compare(a.String(), b.String()) })
	return jsonvalue.ArrayOf(items...)
}

// same is equality of JSON with numbers as JavaScript has them.
func same(a, b jsonvalue.Value) bool {
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return false
	}
	switch a.Kind() {
	case jsonvalue.KindNumber:
		return a.Float() == b.Float()
	case jsonvalue.KindArray:
		for i := range a.Len() {
			if !same(a.At(i), b.At(i)) {
				return false
			}
		}
		return true
	case jsonvalue.KindObject:
		for key, x := range a.Members() {
			y, ok := b.Get(key)
			if !ok || !same(x, y) {
				return false
			}
		}
		return true
	default:
		return jsonvalue.Equal(a, b)
	}
}
