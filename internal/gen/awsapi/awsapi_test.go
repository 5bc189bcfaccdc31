package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEnumValuesBecomeNames(t *testing.T) {
	for value, want := range map[string]string{
		"TIMED_OUT":            "TimedOut",
		"GreaterThanThreshold": "GreaterThanThreshold",
		"x86_64":               "X8664",
		"python3.12":           "Python312",
		"p99:count":            "P99Count",
		"Bytes/Second":         "BytesSecond",
	} {
		if got := enumName(value); got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
}

func TestEnumValuesAreOrderedAsInMessages(t *testing.T) {
	// The order must not depend on that of the model, except within a bucket.
	for _, want := range [][]string{
		{"LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"},
		{"INSUFFICIENT_DATA", "ALARM", "OK"},
		{"x86_64", "arm64"},
	} {
		reversed := slices.Clone(want)
		slices.Reverse(reversed)
		for _, given := range [][]string{want, reversed} {
			if got := enumOrder(given); !slices.Equal(got, want) {
				t.Errorf("%v: got %v, want %v", given, got, want)
			}
		}
	}
}

func TestValuesWithEqualNamesStayApart(t *testing.T) {
	g := &generator{model: &model{Shapes: map[string]*shape{"Unit": {Type: "string", Enum: []string{"count", "Count", "a.b", "a-b", "ok"}}}}}
	names := map[string]bool{}
	for _, c := range g.enumConstants("Unit") {
		if names[c.name] {
			t.Errorf("%s stands for two values", c.name)
		}
		names[c.name] = true
	}
	if !names["UnitOk"] {
		t.Errorf("got %v, want UnitOk unchanged", names)
	}
}

func TestCorrectionsMustMeetTheModel(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("m.json", `{"metadata":{"serviceId":"M"},"operations":{},"shapes":{"S":{"type":"string","pattern":"a"}}}`)
	write("corrections.json", `{"m":{"shapes":{"S":{"pattern":"b"}}}}`)
	m, err := load(dir, "m")
	if err != nil || m.Shapes["S"].Pattern != "b" {
		t.Errorf("got %v, %v; want the corrected pattern", m, err)
	}
	for _, wrong := range []string{`{"m":{"shapes":{"T":{}}}}`, `{"m":{"operations":{"O":{}}}}`, `{"m":{"shape":{}}}`} {
		write("corrections.json", wrong)
		if _, err := load(dir, "m"); err == nil || !strings.Contains(err.Error(), "corrections.json") {
			t.Errorf("%s: got %v, want an error that names the file", wrong, err)
		}
	}
}

// TestGeneratedFilesAreUpToDate runs what go generate would run.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	home := filepath.Join("..", "..", "..", "localcloud", "wire")
	doc, err := os.ReadFile(filepath.Join(home, "doc.go"))
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	for line := range strings.Lines(string(doc)) {
		args, ok := strings.CutPrefix(strings.TrimSpace(line), "//go:generate go run ../../internal/gen/awsapi ")
		if !ok {
			continue
		}
		words := strings.Fields(args)
		if len(words) < 5 || words[0] != "-models" || words[2] != "-out" {
			t.Fatalf("the directive %q is not understood", line)
		}
		for _, arg := range words[4:] {
			runs++
			pkg, model, _ := strings.Cut(arg, "=")
			fresh := filepath.Join(t.TempDir(), pkg)
			if err := generate(filepath.Join(home, words[1]), model, fresh, "github.com/crossfade-dev/crossfade/localcloud/wire"); err != nil {
				t.Fatal(err)
			}
			compareFolders(t, fresh, filepath.Join(home, words[3], pkg))
		}
	}
	if runs == 0 {
		t.Error("no go:generate directive was found")
	}
}

func compareFolders(t *testing.T, fresh, kept string) {
	t.Helper()
	files, err := os.ReadDir(fresh)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		want, err := os.ReadFile(filepath.Join(fresh, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(kept, f.Name()))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what its model says: run go generate ./localcloud/wire", filepath.Join(kept, f.Name()))
		}
	}
}
